/* Unit test of repl/local: on the mock runtime, on one that asks (this program, started again),
 * on shells that are no runtime at all, and on one that dies while it works. */
#include "prompt.h"

#include "tty.h"

static local_t *local;
static local_result_t result;
static terminal_t *terminal;
static tt_buf_t output; /* of the local engine, while no line of ours runs */

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    (void)arg;
    (void)info;
    if (local)
        local_reap(local);
}

static int begin(void **unused)
{
    (void)unused;
    sigset_t signals;
    if (scratch_begin() != 0)
        return -1;
    memset(&result, 0, sizeof result);
    tt_buf_init(&output);
    setenv("TUTTI_LIBEXEC_DIR", build_path("engine"), 1);
    setenv("TOY_NOTES", scratch_path("notes"), 1);
    tt_signals_block(&signals, SIGCHLD, 0);
    loop = tt_loop_new();
    tt_loop_add_signals(loop, &signals, on_signal, NULL);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    local_result_release(&result);
    local_destroy(&local);
    local_destroy(&local);
    terminal_close(&terminal);
    tty_stop();
    tt_buf_release(&output);
    tt_loop_destroy(&loop);
    unsetenv("TOY_NOTES");
    unsetenv("TUTTI_LIBEXEC_DIR");
    return scratch_end();
}

/* What was asked, in words; the answer is 7. */
static char asked[64];

static void on_ask(void *arg, uint32_t seq, const char *what, const char *text)
{
    tt_buf_t body;
    tt_frames_t frames;
    local_result_t inner;
    tt_buf_init(&body);
    tt_frames_init(&frames);
    assert_string_equal(arg, "mine");
    assert_true(local_busy(local));
    snprintf(asked, sizeof asked, "%s: %s", what, text);
    bool doomed = strcmp(what, "doomed") == 0;
    if (doomed || strcmp(what, "nested") == 0) {
        tt_buf_t args;
        tt_buf_init(&args);
        tt_pack_array(&args, 1);
        tt_pack_text(&args, text);
        assert_int_equal(local_call(local, TT_RT_EXECUTE, (tt_span_t){args.data, args.len},
                                    NULL, &inner, &err),
                         0);
        assert_int_equal(inner.status, doomed ? TT_STATUS_LOST : TT_STATUS_OK);
        local_result_release(&inner);
        tt_buf_release(&args);
    }
    tt_pack_int(&body, 7);
    tt_frames_take_buf(&frames, &body);
    local_answer(local, seq, TT_STATUS_OK, &frames);
    assert_int_equal(frames.count, 0);
    tt_buf_release(&body);
}

static void start_language(const char *language, const char *program)
{
    local_wish_t wish = {.language = language,
                         .program = program,
                         .ask = on_ask,
                         .arg = (char *)(uintptr_t) "mine"};
    local = local_new(loop, &wish, &err);
}

static void start_mock(void)
{
    start_language("mock", "");
    if (local == NULL)
        fail_msg("%s", err.text);
}

static void start_toy(void)
{
    start_language("toy", "/proc/self/exe");
    if (local == NULL)
        fail_msg("%s", err.text);
}

/* Runs code; the result is in `result`. */
static unsigned execute(const char *code)
{
    tt_buf_t args;
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "In [1]");
    tt_pack_uint(&args, 0);
    local_result_release(&result);
    int rc =
        local_call(local, TT_RT_EXECUTE, (tt_span_t){args.data, args.len}, NULL, &result, &err);
    tt_buf_release(&args);
    if (rc != 0)
        fail_msg("%s", err.text);
    return result.status;
}

/* The result's body as JSON. Borrowed until the next call. */
static const char *body(void)
{
    static char text[512];
    tt_buf_t json;
    tt_buf_init(&json);
    tt_value_json(tt_frames_span(&result.frames, 0), &json);
    snprintf(text, sizeof text, "%s", tt_buf_text(&json));
    tt_buf_release(&json);
    return text;
}

/* ---- what does not start */

TEST(a_language_that_is_not_known_is_refused_by_name)
{
    start_language("cobol", "");
    assert_null(local);
    assert_says(&err, "'cobol'");
}

TEST(a_program_that_is_not_there_does_not_start_and_leaves_nothing_open)
{
    int before = open_fds();
    listen_begin();
    start_language("toy", "/nonexistent/runtime");
    listen_end();
    assert_null(local);
    assert_says(&err, "/nonexistent/runtime");
    assert_says(&err, "exited with status 127");
    assert_part(said_err, "/nonexistent/runtime");
    assert_int_equal(open_fds(), before);
}

TEST(a_program_that_ends_without_a_word_is_told_with_its_end)
{
    scratch_write("mute", "#!/bin/sh\nexit 3\n", 0700);
    start_language("toy", scratch_path("mute"));
    assert_null(local);
    assert_says(&err, "exited with status 3");
}

TEST(a_program_that_talks_something_else_is_ended)
{
    scratch_write("babbler", "#!/bin/sh\nprintf 'hello, is this the lexer?' >&3\nexec cat\n",
                  0700);
    listen_begin();
    start_language("toy", scratch_path("babbler"));
    listen_end();
    assert_null(local);
    assert_says(&err, "does not start");
    assert_part(said_err, "tutti: local engine: ");
}

/* ---- tasks */

TEST(it_tells_its_language_version_and_program)
{
    start_mock();
    assert_string_equal(local_language(local), "mock");
    assert_string_equal(local_version(local), "1");
    assert_string_equal(local_program(local), "tutti-mock");
    assert_false(local_busy(local));
}

TEST(a_task_gives_its_value_or_its_error)
{
    start_mock();
    assert_int_equal(execute("value 42"), TT_STATUS_OK);
    assert_string_equal(body(), "[\"42\",true,42,[],null]");
    assert_false(result.ended);
    assert_int_equal(execute("fail no luck"), TT_STATUS_ERROR);
    assert_part(body(), "no luck");
    assert_false(local_busy(local));
}

TEST(buffers_go_along_and_are_taken)
{
    tt_frames_t frames;
    start_mock();
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\x05", 1);
    assert_int_equal(local_call(local, TT_RT_SET, SPAN("\x94\xa1x\xa5value\x91\x01\xc0"),
                                &frames, &result, &err),
                     0);
    assert_int_equal(frames.count, 0);
    assert_int_equal(result.status, TT_STATUS_OK);
    local_result_release(&result);
    assert_int_equal(
        local_call(local, TT_RT_GET, SPAN("\x92\x91\xa1x\xa5value"), NULL, &result, &err), 0);
    assert_string_equal(body(), "[null,true,[5],[],null]");
}

/* ---- interrupts */

static uint64_t interrupter; /* the timer that does it, until it is cancelled */

static void interrupt_when_it_runs(void *arg)
{
    (void)arg;
    local_interrupt(local); /* nothing before the runtime has begun */
    interrupter = tt_loop_add_timer(loop, 1, interrupt_when_it_runs, NULL);
}

TEST(an_interrupt_ends_what_runs_and_nothing_else)
{
    start_mock();
    local_interrupt(local);
    assert_int_equal(execute("value 1"), TT_STATUS_OK);
    interrupter = tt_loop_add_timer(loop, 0, interrupt_when_it_runs, NULL);
    assert_int_equal(execute("spin"), TT_STATUS_INTERRUPTED);
    tt_loop_cancel_timer(loop, interrupter);
    local_interrupt(local);
    assert_int_equal(execute("value 2"), TT_STATUS_OK);
}

/* ---- its end */

TEST(an_engine_that_dies_loses_its_task_and_is_another_one_for_the_next)
{
    start_mock();
    assert_int_equal(execute("abort"), TT_STATUS_LOST);
    assert_true(result.ended);
    assert_int_equal(result.exit_status, 128 + SIGABRT);
    assert_string_equal(result.cause, "the local engine was killed by SIGABRT");
    local_interrupt(local);
    assert_int_equal(execute("value 3"), TT_STATUS_OK);
}

TEST(an_engine_that_cannot_start_again_says_so_and_takes_the_buffers)
{
    tt_frames_t frames;
    start_mock();
    assert_int_equal(execute("exit 4"), TT_STATUS_LOST);
    assert_int_equal(result.exit_status, 4);
    setenv("TUTTI_LIBEXEC_DIR", "/nonexistent", 1);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\xc0", 1);
    listen_begin();
    int rc = local_call(local, TT_RT_SYNC, SPAN("\x90"), &frames, &result, &err);
    listen_end();
    assert_int_equal(rc, -1);
    assert_int_equal(frames.count, 0);
    assert_says(&err, "does not start");
}

TEST(an_answer_to_an_engine_that_has_ended_is_dropped)
{
    tt_frames_t frames;
    start_mock();
    assert_int_equal(execute("exit 0"), TT_STATUS_LOST);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\xc0", 1);
    local_answer(local, 1, TT_STATUS_OK, &frames);
    assert_int_equal(frames.count, 0);
}

TEST(leaving_gives_the_exit_status)
{
    start_toy();
    assert_int_equal(execute("exit 5"), TT_STATUS_ERROR);
    assert_part(body(), "SystemExit");
    assert_int_equal(local_await_end(local), 5);
}

/* ---- questions */

TEST(user_code_asks_and_goes_on_with_the_answer)
{
    start_toy();
    assert_int_equal(execute("ask wait 3"), TT_STATUS_OK);
    assert_string_equal(asked, "wait: 3");
    assert_part(body(), "[\"0 7\",");
}

TEST(a_task_that_is_done_to_answer_comes_within_the_one_that_asks)
{
    start_toy();
    assert_int_equal(execute("ask nested 1+1"), TT_STATUS_OK);
    assert_string_equal(asked, "nested: 1+1");
    assert_part(body(), "[\"0 7\",");
    assert_string_equal(toy_told(),
                        "EXECUTE [\"ask nested 1+1\",\"In [1]\",0]\nEXECUTE [\"1+1\"]\n");
}

TEST(a_task_within_another_and_the_one_that_asks_are_lost_together)
{
    start_toy();
    assert_int_equal(execute("ask doomed die 9"), TT_STATUS_LOST);
    assert_string_equal(asked, "doomed: die 9");
    assert_string_equal(result.cause, "the local engine was killed by SIGKILL");
    assert_false(local_busy(local));
}

/* ---- questions with a limit */

/* Asks what to offer; the result is in `result`. */
static int ask_within(const char *code, int limit_ms, local_result_t *answer)
{
    tt_buf_t args;
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, code);
    tt_pack_uint(&args, strlen(code));
    int rc = local_ask_within(local, TT_RT_COMPLETE, (tt_span_t){args.data, args.len}, limit_ms,
                              answer);
    tt_buf_release(&args);
    return rc;
}

TEST(a_question_to_an_engine_that_has_ended_starts_no_other_one)
{
    start_toy();
    assert_int_equal(execute("die 9"), TT_STATUS_LOST);
    local_result_release(&result);
    assert_int_equal(ask_within("al", 10000, &result), -1);
}

TEST(a_question_is_answered_within_its_limit_or_interrupted)
{
    start_toy();
    assert_int_equal(ask_within("al", 10000, &result), 0);
    assert_int_equal(result.status, TT_STATUS_OK);
    assert_part(body(), "[0,[\"alpha\",\"alpine\"]]");
    local_result_release(&result);
    assert_int_equal(ask_within("slow", 20, &result), 0);
    assert_int_equal(result.status, TT_STATUS_TIMEOUT);
    assert_false(local_busy(local));
    local_result_release(&result);
    assert_int_equal(ask_within("al", 10000, &result), 0);
    assert_part(body(), "alpha"); /* not what comes late of the one before */
    assert_int_equal(execute("value"), TT_STATUS_OK);
}

static local_result_t nested;

static void ask_when_it_runs(void *arg)
{
    (void)arg;
    if (strstr(toy_told(), "EXECUTE") == NULL) {
        tt_loop_add_timer(loop, 1, ask_when_it_runs, NULL);
        return;
    }
    assert_int_equal(ask_within("al", 20, &nested), 0);
    assert_int_equal(nested.status, TT_STATUS_TIMEOUT);
    local_result_release(&nested);
    assert_int_equal(result.frames.count, 0); /* the task runs on */
    snprintf(asked, sizeof asked, "asked");
    interrupter = tt_loop_add_timer(loop, 0, interrupt_when_it_runs, NULL);
}

TEST(a_question_while_a_task_runs_does_not_end_that)
{
    start_toy();
    asked[0] = 0;
    tt_loop_add_timer(loop, 0, ask_when_it_runs, NULL);
    assert_int_equal(execute("spin"), TT_STATUS_INTERRUPTED);
    tt_loop_cancel_timer(loop, interrupter);
    assert_string_equal(asked, "asked"); /* by us, after the question's limit */
    assert_int_equal(execute("value"), TT_STATUS_OK);
}

/* ---- at a terminal */

static void on_output(void *arg, tt_span_t bytes)
{
    assert_string_equal(arg, "mine");
    tt_buf_append(&output, bytes.data, bytes.len);
}

static void start_at_terminal(void)
{
    tty_begin(true);
    terminal = terminal_open(&err);
    assert_non_null(terminal);
    local_wish_t wish = {.language = "toy",
                         .program = "/proc/self/exe",
                         .terminal = terminal,
                         .ask = on_ask,
                         .output = on_output,
                         .arg = (char *)(uintptr_t) "mine"};
    local = local_new(loop, &wish, &err);
    if (local == NULL)
        fail_msg("%s", err.text);
}

/* A typed line; the result is in `result`. */
static unsigned run_line(const char *code)
{
    tt_buf_t args;
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "In [1]");
    tt_pack_uint(&args, TT_EXECUTE_TERMINAL);
    local_result_release(&result);
    assert_int_equal(
        local_run(local, TT_RT_EXECUTE, (tt_span_t){args.data, args.len}, &result, &err), 0);
    tt_buf_release(&args);
    return result.status;
}

TEST(without_a_terminal_a_typed_line_is_a_task_as_any_other)
{
    start_toy();
    assert_int_equal(run_line("value"), TT_STATUS_OK);
}

TEST(a_typed_line_owns_the_terminal_as_long_as_it_runs)
{
    start_at_terminal();
    assert_int_equal(run_line("owner"), TT_STATUS_OK);
    assert_part(body(), " owns\"");
    assert_int_equal(terminal_holder(terminal), 0);
    assert_int_equal(tcgetpgrp(0), getpgrp());
    assert_int_equal(execute("owner"), TT_STATUS_OK);
    assert_null(strstr(body(), "owns"));
    assert_int_equal(run_line("die 9"), TT_STATUS_LOST);
    assert_int_equal(tcgetpgrp(0), getpgrp());         /* whatever becomes of it */
    assert_int_equal(run_line("owner"), TT_STATUS_OK); /* another one */
    assert_part(body(), " owns\"");
    assert_int_equal(run_line("ask nested owner"), TT_STATUS_OK);
    assert_int_equal(tcgetpgrp(0), getpgrp());
    tty_end();
}

TEST(what_it_writes_without_the_terminal_is_handed_over)
{
    start_at_terminal();
    assert_int_equal(execute("print hello"), TT_STATUS_OK);
    assert_comes(loop, output.len == 5);
    assert_text(&output, "hello");
    assert_int_equal(execute("print  and goodbye"), TT_STATUS_OK);
    local_destroy(&local); /* its last words come, too */
    assert_text(&output, "hello and goodbye");
    tty_end();
}

TEST(a_line_that_is_stopped_stops_us_and_goes_on_with_us)
{
    start_at_terminal();
    int stops = *tty_stops;
    assert_int_equal(run_line("stop"), TT_STATUS_OK);
    assert_part(body(), "goes on");
    assert_int_equal(*tty_stops, stops + 1);
    assert_int_equal(tcgetpgrp(0), getpgrp());
    assert_int_equal(execute("stop"),
                     TT_STATUS_OK); /* not at the terminal: it goes on at once */
    assert_int_equal(*tty_stops, stops + 1);
    tty_end();
}

static char state_of(int pid)
{
    char path[32], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[got > 0 ? got : 0] = 0;
    if (fd >= 0)
        close(fd);
    char *end = strrchr(text, ')');
    return end ? end[2] : 0;
}

static int engine_pid(void)
{
    assert_int_equal(execute("owner"), TT_STATUS_OK);
    return atoi(body() + 2);
}

TEST(an_engine_that_is_stopped_between_lines_sleeps_until_the_next_one_or_its_end)
{
    start_at_terminal();
    int pid = engine_pid(), stops = *tty_stops;
    kill(pid, SIGSTOP);
    assert_comes(loop, state_of(pid) == 'T');
    bool never = false;
    tt_loop_run_until(loop, &never, 20);
    assert_int_equal(run_line("value"), TT_STATUS_OK);
    assert_int_equal(*tty_stops, stops); /* it is not our Ctrl-Z */
    kill(pid, SIGSTOP);
    assert_comes(loop, state_of(pid) == 'T');
    tt_loop_run_until(loop, &never, 20);
    local_destroy(&local);
    assert_int_equal(kill(pid, 0), -1);
    tty_end();
}

static void give_up(void *arg)
{
    (void)arg;
    local_give_up(local);
}

TEST(what_is_given_up_is_lost_at_once)
{
    start_at_terminal();
    tt_loop_add_timer(loop, 0, give_up, NULL);
    assert_int_equal(run_line("spin"), TT_STATUS_LOST);
    assert_string_equal(result.cause, "the local engine was killed by SIGKILL");
    local_give_up(local); /* there is none */
    assert_int_equal(run_line("value"), TT_STATUS_OK);
    tty_end();
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    tty_main();
    setvbuf(stdout, NULL, _IOLBF, 0); /* where it was is told, though it is killed */
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(a_language_that_is_not_known_is_refused_by_name),
        ON(a_program_that_is_not_there_does_not_start_and_leaves_nothing_open),
        ON(a_program_that_ends_without_a_word_is_told_with_its_end),
        ON(a_program_that_talks_something_else_is_ended),
        ON(it_tells_its_language_version_and_program),
        ON(a_task_gives_its_value_or_its_error),
        ON(buffers_go_along_and_are_taken),
        ON(an_interrupt_ends_what_runs_and_nothing_else),
        ON(an_engine_that_dies_loses_its_task_and_is_another_one_for_the_next),
        ON(an_engine_that_cannot_start_again_says_so_and_takes_the_buffers),
        ON(an_answer_to_an_engine_that_has_ended_is_dropped),
        ON(leaving_gives_the_exit_status),
        ON(user_code_asks_and_goes_on_with_the_answer),
        ON(a_task_that_is_done_to_answer_comes_within_the_one_that_asks),
        ON(a_task_within_another_and_the_one_that_asks_are_lost_together),
        ON(a_question_to_an_engine_that_has_ended_starts_no_other_one),
        ON(a_question_is_answered_within_its_limit_or_interrupted),
        ON(a_question_while_a_task_runs_does_not_end_that),
        ON(without_a_terminal_a_typed_line_is_a_task_as_any_other),
        ON(a_typed_line_owns_the_terminal_as_long_as_it_runs),
        ON(what_it_writes_without_the_terminal_is_handed_over),
        ON(a_line_that_is_stopped_stops_us_and_goes_on_with_us),
        ON(an_engine_that_is_stopped_between_lines_sleeps_until_the_next_one_or_its_end),
        ON(what_is_given_up_is_lost_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
