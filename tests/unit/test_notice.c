/* Unit test of repl/notice: what happens at the cluster by itself is told once, folded, and not
 * before there is a prompt nor while the terminal is the local engine's. */
#include "prompt.h"

#include "notice.h"
#include "tty.h"

static int begin(void **unused)
{
    (void)unused;
    if (prompt_begin(3) != 0)
        return -1;
    tt_client_close(&session.client);
    session.client =
        tt_client_open(loop, &fake.dir, "tests", &notice_handlers, &session, 10000, &err);
    return session.client ? 0 : -1;
}

static int end(void **unused)
{
    (void)unused;
    notice_stop();
    notice_stop();
    terminal_close(&session.terminal);
    tty_stop();
    return prompt_end();
}

static unsigned state_of(int id)
{
    size_t count;
    const tt_engine_t *engines = tt_client_engines(session.client, &count);
    for (size_t i = 0; i < count; i++)
        if (engines[i].id == id)
            return engines[i].state;
    return TT_ENGINE_GONE;
}

/* What was said so far, while we listen. Borrowed until the next call. */
static const char *heard(int fd)
{
    static char text[8192];
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = 0;
    return text;
}

/* Listens until this was told of engines, and nothing else. */
#define assert_told(text)                                                                      \
    do {                                                                                       \
        listen_begin();                                                                        \
        assert_comes(loop, strlen(heard(2)) >= strlen(text));                                  \
        listen_end();                                                                          \
        assert_err(text);                                                                      \
        assert_out("");                                                                        \
    } while (0)

/* What was sent so far has told nothing: the next thing does. */
static void assert_silence(void)
{
    fake_engine(&fake, 99, TT_ENGINE_READY, "");
    assert_told("engine 99: new\n");
    fake_engine(&fake, 99, TT_ENGINE_GONE, "");
    assert_told("engine 99: gone\n");
}

static void write_background(int engine, uint8_t stream, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_OUTPUT, 0);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, text, strlen(text));
    message.as.output.engine = engine;
    message.as.output.stream = stream;
    fake_send(&fake, &message, &frames);
}

/* ---- when nothing is told */

TEST(nothing_is_told_before_it_begins_nor_after_it_has_ended)
{
    listen_begin();
    fake_engine(&fake, 1, TT_ENGINE_LOST, "eaten");
    write_background(0, 1, "early\n");
    assert_comes(loop, state_of(1) == TT_ENGINE_LOST);
    fake_engine(&fake, 7, TT_ENGINE_READY, "");
    assert_comes(loop, state_of(7) == TT_ENGINE_READY);
    listen_end();
    assert_out("");
    assert_err("");
    notice_start(&session);
    assert_silence(); /* engines that are there are known */
    fake_engine(&fake, 2, TT_ENGINE_LOST, "eaten");
    assert_comes(loop, state_of(2) == TT_ENGINE_LOST);
    notice_stop(); /* what was gathered is not told any more */
    listen_begin();
    fake_engine(&fake, 0, TT_ENGINE_LOST, "eaten");
    write_background(0, 1, "late\n");
    assert_comes(loop, state_of(0) == TT_ENGINE_LOST);
    listen_end();
    assert_out("");
    assert_err("");
}

TEST(what_is_no_news_is_not_told)
{
    notice_start(&session);
    fake_engine(&fake, 1, TT_ENGINE_READY, "again");
    fake_engine(&fake, 5, TT_ENGINE_STARTING, "");
    fake_engine(&fake, 2, TT_ENGINE_STOPPED, "stopped by SIGSTOP; kill -CONT 1002 goes on");
    fake_engine(&fake, 2, TT_ENGINE_READY, ""); /* within a moment */
    assert_silence();
}

/* ---- engines */

TEST(engines_that_come_are_new_and_those_that_do_the_same_are_one_line)
{
    notice_start(&session);
    fake_engine(&fake, 3, TT_ENGINE_STARTING, "");
    fake_engine(&fake, 3, TT_ENGINE_READY, "");
    fake_engine(&fake, 4, TT_ENGINE_READY, "");
    assert_told("engines 3-4: new\n");
    for (int i = 0; i < 3; i++)
        fake_engine(&fake, i, TT_ENGINE_LOST, "its host has ended");
    fake_engine(&fake, 4, TT_ENGINE_FAILED, "exited with status 1");
    assert_told("engines 0-2: lost: its host has ended\n"
                "engine 4: failed: exited with status 1; %restart tries again\n");
}

TEST(an_engine_that_dies_and_is_back_at_once_makes_one_line)
{
    notice_start(&session);
    fake_engine(&fake, 1, TT_ENGINE_RESTARTING, "was killed by SIGKILL");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engine 1: killed by SIGKILL; back, names are gone\n");
}

TEST(an_engine_that_takes_its_time_makes_two)
{
    notice_start(&session);
    fake_engine(&fake, 1, TT_ENGINE_RESTARTING, "was killed by SIGKILL");
    assert_told("engine 1: killed by SIGKILL; starting again\n");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engine 1: back, names are gone\n");
    fake_engine(&fake, 1, TT_ENGINE_RESTARTING, "");
    assert_told("engine 1: its process has ended; starting again\n");
}

TEST(an_engine_that_was_lost_or_failed_is_back_however_long_it_takes)
{
    notice_start(&session);
    fake_engine(&fake, 0, TT_ENGINE_LOST, "eaten");
    fake_engine(&fake, 1, TT_ENGINE_FAILED, "no python");
    assert_told("engine 0: lost: eaten\nengine 1: failed: no python; %restart tries again\n");
    fake_engine(&fake, 0, TT_ENGINE_STARTING, "");
    assert_silence(); /* meanwhile it is starting */
    fake_engine(&fake, 0, TT_ENGINE_READY, "");
    fake_engine(&fake, 1, TT_ENGINE_STARTING, "");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engines 0-1: back, names are gone\n");
    fake_engine(&fake, 1, TT_ENGINE_GONE, "");
    assert_told("engine 1: gone\n");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engine 1: new\n");
}

TEST(an_engine_that_a_signal_has_stopped_is_told_with_the_way_on)
{
    notice_start(&session);
    fake_engine(&fake, 1, TT_ENGINE_STOPPED, "stopped by SIGSTOP; kill -CONT 1001 goes on");
    assert_told("engine 1: stopped by SIGSTOP; kill -CONT 1001 goes on\n");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engine 1: goes on\n");
    fake_engine(&fake, 1, TT_ENGINE_STOPPED, "stopped by SIGTTIN; kill -CONT 1001 goes on");
    assert_told("engine 1: stopped by SIGTTIN; kill -CONT 1001 goes on\n");
    fake_engine(&fake, 1, TT_ENGINE_RESTARTING, "was killed by SIGKILL");
    fake_engine(&fake, 1, TT_ENGINE_READY, "");
    assert_told("engine 1: killed by SIGKILL; back, names are gone\n");
}

TEST(what_comes_from_elsewhere_is_escaped)
{
    notice_start(&session);
    fake_engine(&fake, 1, TT_ENGINE_LOST, "\033[31mred\nline");
    listen_begin();
    assert_comes(loop, *heard(2));
    listen_end();
    assert_null(strchr(said_err, '\033'));
    assert_int_equal(strchr(said_err, '\n') - said_err, strlen(said_err) - 1);
}

/* ---- output */

TEST(what_engines_write_by_themselves_is_shown_folded_with_who_wrote_it)
{
    notice_start(&session);
    write_background(0, 1, "tick\n");
    write_background(1, 1, "tick\n");
    write_background(2, 2, "tock\n");
    listen_begin();
    assert_comes(loop, strstr(heard(1), "1] tick\n") && strstr(heard(2), "tock\n"));
    listen_end();
    if (strcmp(said_out, "[0] tick\n[1] tick\n") != 0) /* when they came far apart */
        assert_out("[0-1] tick\n");
    assert_err("[2 err] tock\n");
    write_background(0, 1, ""); /* nothing */
    assert_silence();
}

/* ---- the cluster */

TEST(a_cluster_that_is_gone_is_told)
{
    pid_t pid = fork();
    if (pid == 0)
        for (;;)
            pause();
    tt_client_close(&session.client);
    fake.pid = (int)pid;
    session.client =
        tt_client_open(loop, &fake.dir, "tests", &notice_handlers, &session, 10000, &err);
    assert_non_null(session.client);
    notice_start(&session);
    kill(pid, SIGKILL);
    listen_begin();
    assert_comes(loop, strstr(heard(2), "the cluster is gone: "));
    listen_end();
    waitpid(pid, NULL, 0);
}

/* ---- the terminal */

TEST(while_the_terminal_is_the_local_engines_everything_waits)
{
    tty_begin(false);
    session.terminal = terminal_open(&err);
    assert_non_null(session.terminal);
    notice_start(&session);
    pid_t pid = fork();
    if (pid == 0)
        for (setpgid(0, 0);;)
            pause();
    setpgid(pid, pid);
    terminal_give(session.terminal, pid);
    assert_int_equal(terminal_holder(session.terminal), pid);
    write_background(0, 1, "tick\n");
    fake_engine(&fake, 1, TT_ENGINE_LOST, "eaten");
    assert_comes(loop, state_of(1) == TT_ENGINE_LOST);
    for (int i = 0; i < 5; i++) { /* however often its timers come */
        bool never = false;
        tt_loop_run_until(loop, &never, 100);
    }
    assert_string_equal(tty_text(), "");
    terminal_take(session.terminal);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    assert_comes(loop, strstr(tty_text(), "[0] tick\n"));
    assert_comes(loop, strstr(tty_text(), "engine 1: lost: eaten\n"));
    tty_end();
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    tty_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(nothing_is_told_before_it_begins_nor_after_it_has_ended),
        ON(what_is_no_news_is_not_told),
        ON(engines_that_come_are_new_and_those_that_do_the_same_are_one_line),
        ON(an_engine_that_dies_and_is_back_at_once_makes_one_line),
        ON(an_engine_that_takes_its_time_makes_two),
        ON(an_engine_that_was_lost_or_failed_is_back_however_long_it_takes),
        ON(an_engine_that_a_signal_has_stopped_is_told_with_the_way_on),
        ON(what_comes_from_elsewhere_is_escaped),
        ON(what_engines_write_by_themselves_is_shown_folded_with_who_wrote_it),
        ON(a_cluster_that_is_gone_is_told),
        ON(while_the_terminal_is_the_local_engines_everything_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
