/* Unit test of repl/bind: which SET the local engine is sent for which job. The local engine is
 * this program, started again, and notes what it is asked. */
#include "prompt.h"

static job_t *job;

static int begin(void **unused)
{
    (void)unused;
    return prompt_begin(1);
}

static int end(void **unused)
{
    (void)unused;
    job_destroy(&job);
    return prompt_end();
}

/* A job of engines 0, 1, ..., done, that took no time. */
static void new_job(size_t parts)
{
    job = job_new(3, "f()", parts);
    job->engines = tt_alloc((parts + 1) * sizeof *job->engines);
    job->engine_count = parts;
    for (size_t i = 0; i < parts; i++)
        job->parts[i].engine = job->engines[i] = (int)i;
    job->done = true;
    job->ended_ns = job->started_ns;
}

static void add_name(const char *name)
{
    job->names = tt_realloc(job->names, (job->name_count + 1) * sizeof *job->names);
    job->names[job->name_count++] = tt_strdup(name);
}

/* The part's end: a value (packed; NULL: none) with a buffer behind it, or an error. */
static void fill(size_t index, unsigned status, const char *value, const char *error)
{
    tt_buf_t body;
    tt_buf_init(&body);
    pack_result_body(&body, NULL, value ? tt_span(value) : (tt_span_t){NULL, 0}, error);
    job->parts[index].status = status;
    job->parts[index].done = true;
    tt_frames_take_buf(&job->parts[index].frames, &body);
    tt_frames_copy(&job->parts[index].frames, "out", 3);
    tt_frames_copy(&job->parts[index].frames, "err", 3);
    tt_buf_release(&body);
}

#define META(targets, scalar, errors, statuses)                                                \
    "{\"job\":3,\"targets\":" targets ",\"scalar\":" scalar ",\"elapsed\":0.0,"                \
    "\"wall_time\":0.0,\"serial_time\":0.0,\"errors\":" errors ",\"statuses\":" statuses "}"

TEST(values_of_several_engines_are_a_result_under_all_names_at_once)
{
    new_job(2);
    add_name("a");
    add_name("b.c");
    fill(0, TT_STATUS_OK, "\x07", NULL);
    fill(1, TT_STATUS_OK, "\xa1x", NULL);
    tt_frames_copy(&job->parts[1].frames, "\x08", 1); /* its buffer */
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_string_equal(toy_told(), "SET [\"a, b.c\",\"result\",[1,2]," META(
                                        "[0,1]", "false", "{}", "[0,0]") "] | 7 | \"x\" | 8\n");
}

TEST(one_engine_as_a_number_gives_the_plain_value)
{
    new_job(1);
    job->scalar = true;
    add_name("a");
    fill(0, TT_STATUS_OK, "\x07", NULL);
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_part(toy_told(), "SET [\"a\",\"value\",[1],");
}

TEST(what_failed_is_a_result_with_its_errors_though_it_were_plain)
{
    new_job(1);
    job->scalar = true;
    add_name("a");
    fill(0, TT_STATUS_ERROR, NULL, "no luck");
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_string_equal(toy_told(),
                        "SET [\"a\",\"result\",[1]," META(
                            "[0]", "true",
                            "{\"0\":{\"type\":\"ValueError\",\"message\":\"no luck\","
                            "\"traceback\":null,\"engine\":0}}",
                            "[1]") "] | null\n");
}

TEST(what_was_lost_has_its_status_and_cause_for_an_error)
{
    new_job(2);
    add_name("a");
    fill(0, TT_STATUS_OK, "\x07", NULL);
    job->parts[1].status = TT_STATUS_LOST;
    job->parts[1].done = true;
    job->parts[1].cause = tt_strdup("eaten");
    assert_int_equal(session_bind_job(&session, job), 0);
    const char *told = toy_told();
    assert_part(told, "\"errors\":{\"1\":{\"type\":\"lost\",\"message\":\"eaten\","
                      "\"traceback\":null,\"engine\":1}}");
    assert_part(told, "] | 7 | null\n");
}

TEST(a_body_of_nonsense_is_no_value)
{
    new_job(1);
    add_name("a");
    tt_frames_copy(&job->parts[0].frames, "\xff?", 2);
    job->parts[0].done = true;
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_part(toy_told(), "] | null\n");
}

TEST(a_map_names_no_targets)
{
    new_job(1);
    job->map = true;
    add_name("a");
    fill(0, TT_STATUS_OK, "\x07", NULL);
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_part(toy_told(), META("null", "false", "{}", "[0]"));
}

TEST(a_job_in_the_background_is_a_handle_for_each_name_and_resolves_them_later)
{
    new_job(1);
    job->background = true;
    add_name("a");
    add_name("b");
    fill(0, TT_STATUS_OK, "\x07", NULL);
    assert_int_equal(session_bind_handle(&session, job), 0);
    const char *told = toy_told();
    assert_part(told, "SET [\"a\",\"handle\",[],");
    assert_part(told, "SET [\"b\",\"handle\",[],");
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_part(toy_told(), "SET [\"\",\"resolve\",[1],");
}

TEST(a_job_in_the_background_without_names_binds_nothing)
{
    new_job(1);
    job->background = true;
    assert_int_equal(session_bind_handle(&session, job), 0);
    assert_int_equal(session_bind_job(&session, job), 0);
    assert_string_equal(toy_told(), "");
}

TEST(a_name_that_is_refused_is_status_1_and_no_further_name_is_tried)
{
    new_job(1);
    job->background = true;
    add_name("refused");
    add_name("b");
    listen_begin();
    int status = session_bind_handle(&session, job);
    listen_end();
    assert_int_equal(status, 1);
    assert_err("NameError: not that name\n");
    assert_null(strstr(toy_told(), "\"b\""));
}

TEST(a_job_is_shown_as_a_value_of_the_local_engine)
{
    new_job(1);
    fill(0, TT_STATUS_OK, "\x07", NULL);
    listen_begin();
    int status = session_show_job(&session, job);
    listen_end();
    assert_int_equal(status, 0);
    assert_part(said_out, "Out[3]: ");
    const char *told = toy_told();
    assert_part(told, "SET [\"__tutti_value__\",\"result\",[1],");
    assert_part(told, "EXECUTE [\"globals().pop('__tutti_value__')\",\"In [3]\",0]");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(values_of_several_engines_are_a_result_under_all_names_at_once),
        ON(one_engine_as_a_number_gives_the_plain_value),
        ON(what_failed_is_a_result_with_its_errors_though_it_were_plain),
        ON(what_was_lost_has_its_status_and_cause_for_an_error),
        ON(a_body_of_nonsense_is_no_value),
        ON(a_map_names_no_targets),
        ON(a_job_in_the_background_is_a_handle_for_each_name_and_resolves_them_later),
        ON(a_job_in_the_background_without_names_binds_nothing),
        ON(a_name_that_is_refused_is_status_1_and_no_further_name_is_tried),
        ON(a_job_is_shown_as_a_value_of_the_local_engine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
