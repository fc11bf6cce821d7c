/* Unit test of repl/watch: output in windows and progress at a terminal, a hint after a Ctrl-C
 * that has not helped, and silence where nobody looks on. */
#include "prompt.h"

#include "tty.h"
#include "watch.h"

static job_t *job;
static watch_t watch;

static int begin(void **unused)
{
    (void)unused;
    job = job_new(5, "f()", 2);
    job->parts[1].engine = 1;
    job->parts[0].engine = 0;
    job->engine_count = 2;
    return prompt_begin(2);
}

static int end(void **unused)
{
    (void)unused;
    tty_stop();
    job_destroy(&job);
    return prompt_end();
}

static void give_output(int engine, int stream, const char *text)
{
    job_px_handlers.output(job, NULL, engine, stream, tt_span(text));
}

static void give_result(int engine, unsigned status)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_result_t result = {.engine = engine, .status = status, .frames = &frames};
    job_px_handlers.result(job, NULL, &result);
}

/* Comes again whenever it asks for it, until this stands at the terminal. */
static bool shows(const char *text)
{
    int64_t next = watch_turn(&watch);
    assert_true(next > 0 && next <= 1000);
    return strstr(tty_text(), text) != NULL;
}

TEST(where_nobody_looks_on_it_is_silent)
{
    listen_begin();
    session.progress_after_s = 0;
    session.interrupts = 1;
    watch_start(&watch, &session, job);
    give_output(0, 1, "hello\n");
    assert_int_equal(watch_turn(&watch), 1000);
    assert_int_equal(watch_turn(&watch), 1000);
    watch_end(&watch);
    listen_end();
    assert_out("");
    assert_err("");
    assert_null(job->stream);
}

TEST(output_comes_folded_in_windows_and_is_not_shown_again_at_the_end)
{
    size_t count;
    tty_begin(false);
    session.progress_after_s = -1;
    give_output(1, 1, "early\n");
    watch_start(&watch, &session, job);
    give_output(0, 1, "early\n");
    give_output(0, 2, "a warning\n");
    assert_comes(loop, shows("[0-1] early\n"));
    assert_comes(loop, shows("[0 err] a warning\n"));
    give_output(0, 1, "late\n");
    watch_end(&watch);
    tty_end();
    assert_null(strstr(strstr(tty_text(), "early") + 5, "early"));
    assert_null(strstr(tty_text(), "late"));
    job_answer_t *answers = job_answers(job, JOB_REST, &count);
    assert_int_equal(answers[0].answer.out.len, 5);
    assert_int_equal(answers[1].answer.out.len, 0);
    job_answers_release(&answers, count);
}

TEST(json_has_no_windows)
{
    tty_begin(false);
    session.json = true;
    watch_start(&watch, &session, job);
    tty_end();
    assert_false(watch.windows);
    assert_null(job->stream);
    watch_end(&watch);
}

TEST(a_job_that_is_done_has_no_windows_and_ends_as_any_other)
{
    tty_begin(false);
    give_result(0, TT_STATUS_OK);
    give_result(1, TT_STATUS_OK);
    job->done = true;
    watch_start(&watch, &session, job);
    watch_end(&watch);
    tty_end();
    assert_string_equal(tty_text(), "");
}

TEST(progress_tells_who_is_waited_for_and_goes_at_the_end)
{
    tty_begin(false);
    session.progress_after_s = 0;
    watch_start(&watch, &session, job);
    assert_comes(loop, shows("\r0/2 engines"));
    assert_non_null(strstr(tty_text(), "waiting for 0-1"));
    tty_forget();
    give_result(0, TT_STATUS_ERROR);
    assert_comes(loop, shows("\r1/2 engines"));
    assert_non_null(strstr(tty_text(), "waiting for 1"));
    assert_non_null(strstr(tty_text(), "1 failed"));
    tty_forget();
    watch_end(&watch);
    assert_string_equal(tty_text(), "\r\033[K");
    watch_end(&watch);
    assert_string_equal(tty_text(), "\r\033[K");
    tty_end();
}

TEST(output_takes_the_place_of_the_progress_line)
{
    tty_begin(false);
    session.progress_after_s = 0;
    watch_start(&watch, &session, job);
    assert_comes(loop, shows("\r0/2 engines"));
    tty_forget();
    give_output(0, 1, "hello\n");
    assert_comes(loop, shows("hello"));
    assert_non_null(strstr(tty_text(), "\r\033[K[0] hello\n"));
    watch_end(&watch);
    tty_end();
}

TEST(the_progress_of_a_map_counts_items)
{
    tty_begin(false);
    session.progress_after_s = 0;
    job->map = true;
    watch_start(&watch, &session, job);
    assert_comes(loop, shows("\r0/2 "));
    assert_null(strstr(tty_text(), "engines"));
    watch_end(&watch);
    tty_end();
}

TEST(progress_comes_late_or_never_as_the_session_says)
{
    tty_begin(false);
    session.progress_after_s = 3600;
    watch_start(&watch, &session, job);
    assert_true(watch_turn(&watch) <= 200); /* it looks, for the rate */
    watch_end(&watch);
    session.progress_after_s = -1;
    watch_start(&watch, &session, job);
    watch_turn(&watch);
    watch_end(&watch);
    setenv("TERM", "dumb", 1);
    session.progress_after_s = 0;
    watch_start(&watch, &session, job);
    watch_turn(&watch);
    watch_end(&watch);
    setenv("TERM", "xterm", 1);
    tty_end();
    assert_string_equal(tty_text(), "");
}

TEST(a_ctrl_c_that_has_not_helped_for_a_second_is_followed_by_one_hint)
{
    static const char hint[] =
        "[5] interrupted, but runs on; Ctrl-C again leaves it in the background\n";
    tty_begin(false);
    session.progress_after_s = 3600;
    watch_start(&watch, &session, job);
    session.interrupts = 1;
    session.interrupted_ms = tt_now_ms() + 3600000; /* not a second ago */
    watch_turn(&watch);
    assert_string_equal(tty_text(), "");
    session.interrupted_ms = tt_now_ms() - 1000;
    watch_turn(&watch);
    watch_turn(&watch);
    assert_string_equal(tty_text(), hint);
    watch_end(&watch);
    tty_forget();
    watch_start(&watch, &session, job);
    session.interrupts = 2; /* it is left already */
    watch_turn(&watch);
    assert_string_equal(tty_text(), "");
    watch_end(&watch);
    tty_end();
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    tty_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(where_nobody_looks_on_it_is_silent),
        ON(output_comes_folded_in_windows_and_is_not_shown_again_at_the_end),
        ON(json_has_no_windows),
        ON(a_job_that_is_done_has_no_windows_and_ends_as_any_other),
        ON(progress_tells_who_is_waited_for_and_goes_at_the_end),
        ON(output_takes_the_place_of_the_progress_line),
        ON(the_progress_of_a_map_counts_items),
        ON(progress_comes_late_or_never_as_the_session_says),
        ON(a_ctrl_c_that_has_not_helped_for_a_second_is_followed_by_one_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
