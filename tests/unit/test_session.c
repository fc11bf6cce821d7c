/* Unit test of repl/session: statements and their exit statuses, targets, jobs, and what Python
 * code asks of the prompt. The cluster is the fake controller, the local engine this program,
 * started again. */
#include "prompt.h"

static int begin(void **unused)
{
    (void)unused;
    return prompt_begin(3);
}

static int end(void **unused)
{
    (void)unused;
    return prompt_end();
}

/* ---- messages */

TEST(a_complaint_names_what_and_where_and_gives_its_status_back)
{
    listen_begin();
    assert_int_equal(session_complain(&session, NULL, 2, "a %d", 1), 2);
    session.file = "x.tt";
    session.line = 12;
    assert_int_equal(session_complain(&session, "%px", 3, "b"), 3);
    listen_end();
    assert_err("a 1\nx.tt:12: %px: b\n");
    assert_true(session.placed);
}

/* ---- wrong use */

TEST(what_cannot_be_parsed_or_found_is_wrong_use)
{
    static const struct {
        const char *line, *message;
    } rows[] = {
        {"%pxx f()", "no magic '%pxx': did you mean '%px'; %help lists them\n"},
        {"%qqqqqqq", "no magic '%qqqqqqq'; %help lists them\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(run(rows[i].line), 2);
        assert_err(rows[i].message);
    }
    assert_null(session.jobs);
}

TEST(a_cell_of_a_magic_that_opens_none_is_refused)
{
    char magic[] = "jobs", rest[] = "", body[] = "x";
    statement_t statement = {
        .kind = STATEMENT_CELL, .magic = magic, .rest = rest, .body = body};
    listen_begin();
    int status = session_statement(&session, &statement, "%%jobs");
    listen_end();
    assert_int_equal(status, 2);
    assert_err("%jobs: is no cell: one % and one line\n");
}

TEST(nothing_is_done_for_nothing)
{
    statement_t statement = {.kind = STATEMENT_EMPTY};
    assert_int_equal(session_statement(&session, &statement, ""), 0);
    assert_int_equal(run(""), 0);
    assert_int_equal(run("\n\n"), 0);
    assert_null(session.local);
}

/* ---- targets */

/* The engines of a set as text, "1,2", with a `=` in front when it is scalar. */
static const char *targets(const char *set, const char *exclude)
{
    static char text[64];
    int *ids;
    size_t count, len = 0;
    bool scalar;
    listen_begin();
    int status = session_targets(&session, set, exclude, &ids, &count, &scalar);
    listen_end();
    if (status != 0)
        return status == 2 ? "wrong" : "?";
    text[0] = 0;
    if (scalar)
        len = (size_t)snprintf(text, sizeof text, "=");
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%d", i ? "," : "", ids[i]);
    free(ids);
    return text;
}

TEST(targets_are_the_given_ones_else_the_sessions)
{
    assert_string_equal(targets(NULL, NULL), "0,1,2");
    assert_string_equal(targets("0-1", NULL), "0,1");
    assert_string_equal(targets(NULL, "1"), "0,2");
    assert_string_equal(targets("9", NULL), "wrong");
    assert_string_equal(targets("", NULL), "wrong");
    free(session.targets);
    session.targets = tt_strdup("1-2");
    session.exclude = tt_strdup("2");
    assert_string_equal(targets(NULL, NULL), "1");
    assert_string_equal(targets("2", NULL), "=2"); /* what is excluded otherwise was named */
}

TEST(only_one_plain_number_is_scalar)
{
    assert_string_equal(targets("1", NULL), "=1");
    assert_string_equal(targets("-1", NULL), "=2");
    assert_string_equal(targets("1-1", NULL), "1");
    assert_string_equal(targets("0,1", NULL), "0,1");
}

TEST(engines_that_are_lost_or_failed_are_no_targets)
{
    size_t count;
    fake_engine(&fake, 1, TT_ENGINE_LOST, "eaten");
    fake_engine(&fake, 2, TT_ENGINE_FAILED, "no python");
    assert_comes(loop, tt_client_engines(session.client, &count)[2].state == TT_ENGINE_FAILED);
    assert_string_equal(targets("all", NULL), "0");
    assert_string_equal(targets("1", NULL), "wrong");
    assert_part(said_err, "engine 1 is lost: eaten\n");
    assert_string_equal(targets("1,2", NULL), "wrong");
    assert_part(said_err, "engines 1-2 are lost: eaten\n");
    assert_string_equal(targets("2,7", NULL), "wrong");
    assert_part(said_err, "no engine 7: there are 0-2\n");
    fake_engine(&fake, 0, TT_ENGINE_LOST, "");
    assert_comes(loop, tt_client_engines(session.client, &count)[0].state == TT_ENGINE_LOST);
    assert_string_equal(targets("all", NULL), "wrong");
    assert_part(said_err, "engines 0-2 are lost\n");
}

TEST(an_engine_that_a_signal_has_stopped_is_still_meant)
{
    size_t count;
    fake_engine(&fake, 1, TT_ENGINE_STOPPED, "stopped by SIGSTOP; kill -CONT 1001 goes on");
    assert_comes(loop, tt_client_engines(session.client, &count)[1].state == TT_ENGINE_STOPPED);
    assert_string_equal(targets("all", NULL), "0,1,2"); /* it does its work when it goes on */
    assert_string_equal(targets("1", NULL), "=1");
}

/* ---- whether code is whole */

static code_state_t check(const char *code, unsigned *indent)
{
    return session_check(&session, code, strlen(code), indent);
}

TEST(code_is_whole_or_wants_more_or_is_wrong_and_more_begins_with_blanks)
{
    unsigned indent = 77;
    assert_int_equal(check("f()", &indent), CODE_WHOLE);
    assert_int_equal(indent, 0);
    assert_int_equal(check("f(<4", &indent), CODE_MORE);
    assert_int_equal(indent, 4);
    assert_int_equal(check("f(", NULL), CODE_MORE);
    assert_int_equal(check("$", &indent), CODE_INVALID);
    assert_int_equal(indent, 0);
    assert_int_equal(check("", &indent), CODE_WHOLE);
}

TEST(an_indent_that_makes_no_sense_is_none)
{
    unsigned indent = 77;
    assert_int_equal(check("f(<-4", &indent), CODE_MORE);
    assert_int_equal(indent, 0);
    assert_int_equal(check("f(<4000", &indent), CODE_MORE);
    assert_int_equal(indent, 0);
}

TEST(code_that_cannot_be_checked_is_taken_as_whole)
{
    unsigned indent = 77;
    assert_int_equal(check("slow(", &indent), CODE_WHOLE); /* for 2 s at most */
    assert_int_equal(indent, 0);
    assert_int_equal(check("f(", NULL), CODE_MORE); /* the engine has survived it */
    local_destroy(&session.local);
    session.python = "/nonexistent/python";
    listen_begin();
    code_state_t state = check("f(", &indent);
    listen_end();
    assert_int_equal(state, CODE_WHOLE);
    assert_part(said_err, "does not start");
}

/* ---- plain code */

TEST(plain_code_runs_here_and_shows_its_value)
{
    assert_int_equal(run("f()"), 0);
    assert_out("Out[1]: f()\n");
    assert_string_equal(toy_told(), "CHECK [\"f()\"]\nEXECUTE [\"f()\",\"In [1]\",0]\n");
}

TEST(the_code_of_a_file_keeps_its_name_and_lines)
{
    assert_int_equal(run_file("x.tt", "%targets 1\n\nf()"), 0);
    assert_part(toy_told(), "EXECUTE [\"\\n\\nf()\",\"x.tt\",0]");
    assert_string_equal(session.file, "");
}

TEST(code_that_is_not_whole_goes_on_over_a_line_that_looks_like_a_magic)
{
    assert_int_equal(run("f(\n%px\n)"), 0);
    assert_part(toy_told(), "EXECUTE [\"f(\\n%px\\n)\"");
}

TEST(a_failure_ends_the_source_with_status_1)
{
    assert_int_equal(run("fail no luck\n%targets 1\n"), 1);
    assert_err("ToyError: no luck\n");
    assert_string_equal(session.targets, "all");
}

TEST(a_failure_in_a_file_says_where_unless_a_message_did)
{
    fake.on_message = answer_submit;
    assert_int_equal(run_file("x.tt", "\n%targets 9\n"), 2);
    assert_part(said_err, "x.tt:2: ");
    assert_null(strstr(said_err, "stopped at"));
}

TEST(exit_leaves_with_its_status_and_runs_nothing_more)
{
    assert_int_equal(run("exit 5\n%targets 1\n"), 5);
    assert_true(session.leave);
    assert_string_equal(session.targets, "all");
    assert_err("");
}

TEST(a_local_engine_that_dies_takes_its_names_along_and_another_comes)
{
    assert_int_equal(run("die 9"), 1);
    assert_err("the local engine was killed by SIGKILL; its names are gone\n");
    assert_int_equal(run("f()"), 0);
    assert_out("Out[2]: f()\n");
}

TEST(a_local_engine_that_does_not_start_is_told)
{
    session.python = "/nonexistent/python";
    assert_int_equal(run("f()"), 1);
    assert_part(said_err, "the local engine (/nonexistent/python) does not start: it exited");
    assert_null(session.local);
}

/* ---- the shell */

TEST(a_shell_line_goes_to_the_local_engine_as_a_command_of_the_shell)
{
    assert_int_equal(run("!echo here"), 0);
    assert_out("Out[1]: echo here\n");
    assert_int_equal(run("x = !ls"), 0); /* as Python code: its names are Python's */
    assert_out("Out[2]: x = !ls\n");
}

/* ---- questions */

TEST(a_name_with_a_question_mark_is_looked_up_here)
{
    assert_int_equal(run("f?"), 0);
    assert_out("all about it\n");
    assert_int_equal(run("f??"), 0);
    assert_part(toy_told(), "INSPECT [\"f\",1]\n");
    assert_int_equal(run("nothing?"), 1);
    assert_err("nothing is known of 'nothing'\n");
}

TEST(a_magic_with_a_question_mark_is_helped_with)
{
    assert_int_equal(run("%map?"), 0);
    assert_part(said_out, "%map ");
    assert_null(session.local);
}

/* ---- jobs */

static job_t *add_job(int number, bool done, bool shown)
{
    job_t *job = job_new(number, "f()", 0);
    job->done = done;
    job->shown = shown;
    session_add_job(&session, job);
    return job;
}

TEST(the_latest_job_of_a_number_is_found)
{
    assert_null(session_find_job(&session, 1));
    add_job(1, true, true);
    job_t *second = add_job(1, true, true);
    add_job(2, true, true);
    assert_ptr_equal(session_find_job(&session, 1), second);
}

TEST(old_jobs_are_forgotten_but_none_that_runs_or_was_not_shown)
{
    size_t count = 0;
    add_job(1, false, false);
    add_job(2, true, false);
    for (int i = 3; i <= 60; i++)
        add_job(i, true, true);
    session_trim_jobs(&session);
    for (const job_t *job = session.jobs; job; job = job->next)
        count++;
    assert_int_equal(count, 50);
    assert_non_null(session_find_job(&session, 1));
    assert_non_null(session_find_job(&session, 2));
    assert_null(session_find_job(&session, 12));
    assert_non_null(session_find_job(&session, 13));
}

TEST(jobs_of_the_background_that_have_ended_are_shown_once_but_not_an_earlier_sessions)
{
    job_t *job = add_job(1, true, false);
    job_t *adopted = add_job(2, true, false), *running = add_job(3, false, false);
    adopted->adopted = true;
    job->background = adopted->background = running->background = true;
    assert_true(session.news); /* somebody looks */
    listen_begin();
    session_settle(&session);
    session_settle(&session);
    listen_end();
    assert_true(job->shown);
    assert_false(adopted->shown);
    assert_false(running->shown);
    assert_int_equal(strncmp(said_err, "[1] done", 8), 0);
    assert_null(strchr(said_err, '\n')[1] ? said_err : NULL); /* one line */
    running->done = true;
    listen_begin();
    session_settle(&session);
    listen_end();
    assert_int_equal(strncmp(said_err, "[3] done", 8), 0);
}

static void interrupt(void *arg)
{
    (void)arg;
    session.interrupts++;
    if (session.interrupts < 2)
        tt_loop_add_timer(loop, 0, interrupt, NULL);
}

TEST(waiting_ends_with_the_job_the_limit_or_the_second_interrupt)
{
    job_t *job = add_job(1, false, false);
    assert_false(session_wait(&session, job, 0));
    tt_loop_add_timer(loop, 0, interrupt, NULL);
    assert_false(session_wait(&session, job, -1));
    assert_null(session.waiting);
    job->done = true;
    assert_true(session_wait(&session, job, -1));
    assert_true(session_wait(&session, job, 0));
}

TEST(cancelling_a_map_stops_its_feeding_and_cancels_what_is_under_way)
{
    assert_int_equal(run("%map --noblock f 2"), 0);
    session_cancel_job(&session, session.jobs);
    for (int i = 0; i < 2; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_CANCEL);
        fake_result(&fake, letter->message.id, -1, TT_STATUS_CANCELLED, "", "not started");
        letter_free(letter);
    }
    assert_comes(loop, session.jobs->done);
    assert_true(session.jobs->cancelled);
    session_cancel_job(&session, session.jobs); /* too late: nothing */
    assert_int_equal(run("%jobs"), 0);
    assert_part(said_out, "2/2");
    assert_part(said_err, "0 done, 2 not started");
}

TEST(json_has_a_line_for_each_answer)
{
    fake.on_message = answer_submit;
    session.json = true;
    assert_int_equal(run("%px -t 0-1 f()"), 0);
    assert_part(said_out, "{\"schema\":1,\"job\":1,\"engine\":0,");
    assert_part(said_out, "\n{\"schema\":1,\"job\":1,\"engine\":1,");
    assert_err("");
}

/* ---- what Python code asks */

TEST(a_magic_in_python_code_gives_its_value_by_name)
{
    fake.on_message = answer_submit;
    assert_int_equal(run("ask magic x = %px -t 0 f()"), 0);
    assert_part(said_out, "0 [null,true,");
    assert_part(toy_told(), "SET [\"__tutti_answer__\",\"value\",[1],");
}

TEST(a_magic_in_python_code_that_fails_raises_there)
{
    assert_int_equal(run("ask magic %px -t 9 f()"), 0);
    assert_part(said_out, "\"type\":\"MagicError\",\"message\":\"no engine 9: there are 0-2\"");
    assert_part(said_err, "no engine 9");
}

TEST(python_code_waits_for_a_job_that_there_is)
{
    add_job(8, true, true);
    assert_int_equal(run("ask wait 8"), 0);
    assert_out("Out[1]: 0 [null,false,null,[],null]\n");
    assert_int_equal(run("ask wait 9"), 0);
    assert_part(said_out, "no such job");
    assert_int_equal(run("ask riddle x"), 0);
    assert_part(said_out, "this prompt does not know that");
}

/* ---- the cluster goes away */

static bool goodbye(fake_t *self, letter_t *letter)
{
    if (letter->message.type == TT_MSG_SUBMIT)
        kill((pid_t)self->count, SIGKILL);
    return false;
}

TEST(a_statement_that_fails_as_the_controller_is_gone_is_status_3)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    tt_client_close(&session.client);
    fake.pid = fake.count = (int)pid;
    fake.on_message = goodbye;
    session.client = tt_client_open(loop, &fake.dir, "tests", NULL, NULL, 10000, &err);
    assert_non_null(session.client);
    assert_int_equal(run("%px f()"), 3);
    assert_part(said_err, "may have run");
    waitpid(pid, NULL, 0);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(a_complaint_names_what_and_where_and_gives_its_status_back),
        ON(what_cannot_be_parsed_or_found_is_wrong_use),
        ON(a_cell_of_a_magic_that_opens_none_is_refused),
        ON(nothing_is_done_for_nothing),
        ON(targets_are_the_given_ones_else_the_sessions),
        ON(only_one_plain_number_is_scalar),
        ON(engines_that_are_lost_or_failed_are_no_targets),
        ON(an_engine_that_a_signal_has_stopped_is_still_meant),
        ON(code_is_whole_or_wants_more_or_is_wrong_and_more_begins_with_blanks),
        ON(an_indent_that_makes_no_sense_is_none),
        ON(code_that_cannot_be_checked_is_taken_as_whole),
        ON(plain_code_runs_here_and_shows_its_value),
        ON(the_code_of_a_file_keeps_its_name_and_lines),
        ON(code_that_is_not_whole_goes_on_over_a_line_that_looks_like_a_magic),
        ON(a_failure_ends_the_source_with_status_1),
        ON(a_failure_in_a_file_says_where_unless_a_message_did),
        ON(exit_leaves_with_its_status_and_runs_nothing_more),
        ON(a_local_engine_that_dies_takes_its_names_along_and_another_comes),
        ON(a_local_engine_that_does_not_start_is_told),
        ON(a_shell_line_goes_to_the_local_engine_as_a_command_of_the_shell),
        ON(a_name_with_a_question_mark_is_looked_up_here),
        ON(a_magic_with_a_question_mark_is_helped_with),
        ON(the_latest_job_of_a_number_is_found),
        ON(old_jobs_are_forgotten_but_none_that_runs_or_was_not_shown),
        ON(jobs_of_the_background_that_have_ended_are_shown_once_but_not_an_earlier_sessions),
        ON(waiting_ends_with_the_job_the_limit_or_the_second_interrupt),
        ON(cancelling_a_map_stops_its_feeding_and_cancels_what_is_under_way),
        ON(json_has_a_line_for_each_answer),
        ON(a_magic_in_python_code_gives_its_value_by_name),
        ON(a_magic_in_python_code_that_fails_raises_there),
        ON(python_code_waits_for_a_job_that_there_is),
        ON(a_statement_that_fails_as_the_controller_is_gone_is_status_3),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
