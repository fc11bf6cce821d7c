/* Unit test of engine/engine_output: whose output it is, what is sent ahead of the result, and
 * what is cut. */
#include "fake_host.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

enum { OUTPUT_LIMIT = 16 << 20 };

static int begin(void **unused)
{
    (void)unused;
    return fake_host_begin();
}

static int end(void **unused)
{
    (void)unused;
    return fake_host_end();
}

static tt_span_t out_of(const letter_t *result)
{
    return tt_frames_span(&result->frames, 1);
}

static tt_span_t err_of(const letter_t *result)
{
    return tt_frames_span(&result->frames, 2);
}

/* A toy interpreter beside which a process of its own writes to the same stdout: what the test
 * tells it through a pipe with a name. */
static int ready_mock_with_writer(void)
{
    char script[2 * PATH_MAX];
    assert_int_equal(mkfifo(scratch_path("told"), 0600), 0);
    snprintf(script, sizeof script, "#!/bin/sh\ncat '%s' &\nexec '%s'\n", scratch_path("told"),
             build_path("engine/tutti-mock"));
    scratch_write("runtime", script, 0700);
    engine_start(fake_engine("script", scratch_path("runtime")));
    await_state(TT_ENGINE_READY);
    int fd = open(scratch_path("told"), O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static int present(void)
{
    int count = 0;
    ioctl(host.engine->out[0].fd, FIONREAD, &count);
    return count;
}

/* Has the process beside the interpreter write, and waits until it stands in the pipe, unread.
 */
static void write_unread(int fd, const char *text)
{
    int64_t until = tt_now_ms() + 15000;
    int before = present();
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    while (present() < before + (int)strlen(text) && tt_now_ms() < until)
        usleep(100);
    assert_int_equal(present(), before + strlen(text));
}

/* All output that was sent ahead of results for task `id`. */
static size_t sent_ahead(uint64_t id)
{
    size_t total = 0;
    for (letter_t *letter; (letter = take_letter(TT_MSG_OUTPUT));) {
        assert_int_equal(letter->message.id, id);
        total += tt_frames_bytes(&letter->frames);
    }
    return total;
}

/* ---- whose it is */

TEST(each_result_has_its_own_output_by_stream)
{
    ready_mock();
    submit(1, "print one\nwarn oops");
    submit(2, "value 2");
    submit(3, "warn three\nprint three\nprint and more");
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_span(out_of(result), "one\n");
    assert_span(err_of(result), "oops\n");
    result = await_result(2, TT_STATUS_OK);
    assert_span(out_of(result), "");
    assert_span(err_of(result), "");
    result = await_result(3, TT_STATUS_OK);
    assert_span(out_of(result), "three\nand more\n");
    assert_span(err_of(result), "three\n");
    assert_int_equal(result->message.as.result.dropped_bytes, 0);
}

TEST(without_a_page_a_result_has_what_is_there)
{
    ready_mock_without_page();
    submit(1, "print one\nwarn oops");
    submit(2, "print two");
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_span(out_of(result), "one\n");
    assert_span(err_of(result), "oops\n");
    assert_span(out_of(await_result(2, TT_STATUS_OK)), "two\n");
}

TEST(output_while_nothing_runs_belongs_to_no_task)
{
    int fd = ready_mock_with_writer();
    assert_int_equal(write(fd, "background", 10), 10);
    letter_t *output = await_letter(TT_MSG_OUTPUT);
    assert_int_equal(output->message.id, 0);
    assert_int_equal(output->message.as.output.engine, 3);
    assert_int_equal(output->message.as.output.stream, 1);
    assert_span(tt_frames_span(&output->frames, 0), "background");
    close(fd);
}

TEST(output_before_a_task_that_is_read_with_its_result_is_not_the_tasks)
{
    int fd = ready_mock_with_writer();
    write_unread(fd, "background");
    submit(1, "print mine");
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_span(out_of(result), "mine\n");
    letter_t *output = take_letter(TT_MSG_OUTPUT);
    assert_non_null(output);
    assert_int_equal(output->message.id, 0);
    assert_span(tt_frames_span(&output->frames, 0), "background");
    close(fd);
}

/* ---- ahead of the result */

TEST(a_task_that_runs_on_is_heard_before_its_result)
{
    ready_mock();
    submit(1, "warn early\nspin");
    letter_t *output = await_letter(TT_MSG_OUTPUT);
    assert_int_equal(output->message.id, 1);
    assert_int_equal(output->message.as.output.stream, 2);
    assert_span(tt_frames_span(&output->frames, 0), "early\n");
    engine_interrupt(host.engine);
    letter_t *result = await_result(1, TT_STATUS_INTERRUPTED);
    assert_span(err_of(result), ""); /* told once */
    assert_null(take_letter(TT_MSG_OUTPUT));
}

TEST(a_flood_arrives_whole)
{
    enum { FLOOD = 3 << 20 };
    char code[32];
    snprintf(code, sizeof code, "flood %d", FLOOD);
    ready_mock();
    submit(1, code);
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_int_equal(sent_ahead(1) + out_of(result).len, FLOOD);
    assert_int_equal(result->message.as.result.dropped_bytes, 0);
}

/* ---- what is cut */

TEST(what_a_task_writes_beyond_its_limit_is_counted_and_not_kept)
{
    enum { BEYOND = 1 << 20 };
    char code[64];
    snprintf(code, sizeof code, "flood %d\nwarn not this either", OUTPUT_LIMIT + BEYOND);
    ready_mock();
    submit(1, code);
    submit(2, "print next");
    letter_t *result = await_result(1, TT_STATUS_OK);
    size_t kept = sent_ahead(1) + out_of(result).len + err_of(result).len;
    size_t written = OUTPUT_LIMIT + BEYOND + strlen("not this either\n");
    assert_int_equal(kept, OUTPUT_LIMIT);
    assert_int_equal(result->message.as.result.dropped_bytes, written - OUTPUT_LIMIT);
    assert_span(out_of(await_result(2, TT_STATUS_OK)), "next\n"); /* it has its own limit */
}

TEST(while_the_controller_takes_nothing_output_is_cut_and_results_are_not)
{
    ready_mock();
    host.congested = true;
    submit(1, "print gone\nvalue 5");
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_string_equal(repr_of(result), "5");
    assert_span(out_of(result), "");
    assert_int_equal(result->message.as.result.dropped_bytes, strlen("gone\n"));
    host.congested = false;
    submit(2, "print back");
    result = await_result(2, TT_STATUS_OK);
    assert_span(out_of(result), "back\n");
    assert_int_equal(result->message.as.result.dropped_bytes, 0);
}

TEST(background_output_is_cut_too_while_the_controller_takes_nothing)
{
    int fd = ready_mock_with_writer();
    host.congested = true;
    write_unread(fd, "background");
    submit(1, "print mine");
    letter_t *result = await_result(1, TT_STATUS_OK);
    assert_int_equal(result->message.as.result.dropped_bytes, strlen("mine\n"));
    assert_null(take_letter(TT_MSG_OUTPUT));
    close(fd);
}

/* ---- an engine that dies */

TEST(what_a_lost_task_wrote_comes_with_its_result_and_the_others_have_none)
{
    ready_mock();
    expect_short_tasks();
    submit(1, "print first");
    submit(2, "warn last words\nabort");
    submit(3, "print third");
    assert_span(out_of(await_result(1, TT_STATUS_OK)), "first\n");
    letter_t *lost = await_result(2, TT_STATUS_LOST);
    assert_span(out_of(lost), "");
    assert_span(err_of(lost), "last words\n");
    letter_t *third = await_result(3, TT_STATUS_OK);
    assert_span(out_of(third), "third\n");
    assert_span(err_of(third), "");
}

TEST(without_a_page_a_lost_task_has_its_output_too)
{
    ready_mock_without_page();
    submit(1, "warn last words\nabort");
    assert_span(err_of(await_result(1, TT_STATUS_LOST)), "last words\n");
}

TEST(a_task_that_never_started_has_no_output)
{
    ready_mock();
    submit(1, "warn mine\nspin");
    submit(2, "value 2");
    await_start(1);
    engine_cancel(host.engine, 2, false);
    letter_t *cancelled = await_result(2, TT_STATUS_CANCELLED);
    assert_int_equal(cancelled->frames.count, 3);
    assert_int_equal(tt_frames_bytes(&cancelled->frames), 0);
}

TEST(the_last_line_of_stderr_is_why_a_start_failed)
{
    const struct {
        const char *does, *says;
    } cases[] = {
        {"echo first >&2; echo 'last one' >&2; exit 3", "exited with status 3: last one"},
        {"printf 'no newline' >&2; exit 3", "exited with status 3: no newline"},
        {"printf 'line\\n\\n\\n' >&2; exit 3", "exited with status 3: line"},
        {"echo on stdout; exit 3", "exited with status 3"},
        {"exit 3", "exited with status 3"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char script[128];
        snprintf(script, sizeof script, "#!/bin/sh\n%s\n", cases[i].does);
        scratch_write("runtime", script, 0700);
        engine_start(fake_engine("script", scratch_path("runtime")));
        const tt_msg_engine_t *said = &await_letter(TT_MSG_ENGINE)->message.as.engine;
        assert_int_equal(said->state, TT_ENGINE_FAILED);
        assert_span(said->text, cases[i].says);
        engine_destroy(&host.engine);
    }
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    setenv("TUTTI_LOG", "error", 1);
    const struct CMUnitTest tests[] = {
        EACH(each_result_has_its_own_output_by_stream),
        EACH(without_a_page_a_result_has_what_is_there),
        EACH(output_while_nothing_runs_belongs_to_no_task),
        EACH(output_before_a_task_that_is_read_with_its_result_is_not_the_tasks),
        EACH(a_task_that_runs_on_is_heard_before_its_result),
        EACH(a_flood_arrives_whole),
        EACH(what_a_task_writes_beyond_its_limit_is_counted_and_not_kept),
        EACH(while_the_controller_takes_nothing_output_is_cut_and_results_are_not),
        EACH(background_output_is_cut_too_while_the_controller_takes_nothing),
        EACH(what_a_lost_task_wrote_comes_with_its_result_and_the_others_have_none),
        EACH(without_a_page_a_lost_task_has_its_output_too),
        EACH(a_task_that_never_started_has_no_output),
        EACH(the_last_line_of_stderr_is_why_a_start_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
