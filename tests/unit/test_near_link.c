/* Unit test of link/near: a link that is up, how it ends, and commands without one. */
#include "tutti_ssh.h"

/* ---- the link */

TEST(bytes_go_both_ways_as_they_are_and_the_far_log_comes_out_of_our_stderr)
{
    make_bundle(SH "echo 'tutti-engine[1] info: here' >&2\n" GO);
    link_to(TO);
    exchange(100);
    assert_becomes(strcmp(text_of("stderr"), "tutti-engine[1] info: here\n") == 0);
    leave();
}

#define HELLO SH "printf '=gone 9\\n=go 3\\n'\n" GREET "printf 'hello\\n=go 4\\n'\nexec cat\n"

TEST(what_the_far_program_says_at_once_is_not_lost)
{
    make_bundle(HELLO);
    link_to(TO);
    assert_heard("hello\n=go 4\n");
    exchange(1);
    leave();
}

TEST(whoever_comes_to_the_socket_first_has_the_link_and_nobody_else)
{
    make_bundle(HELLO);
    listen_up(LISTEN);
    link_fd = socket_at("s", false);
    hear_greeting();
    assert_heard("hello\n=go 4\n");
    exchange(5);
    assert_false(exists("s"));
    assert_int_equal(socket_at("s", false), -1);
    leave();
}

TEST(a_slow_ssh_that_carries_byte_by_byte_will_do)
{
    scratch_write("setup", "true", 0600);
    make_ssh("cd home; sleep 0.1; dd bs=1000 2>/dev/null | /bin/sh -c \"$remote\" | "
             "dd bs=1 2>/dev/null; exit");
    link_to(SETUP TO);
    exchange(2);
    leave();
}

TEST(a_link_stays_and_ends_though_nobody_hears_what_is_told)
{
    link_to(TO);
    close(status_fd);
    status_fd = -1;
    exchange(1);
    run("kill -9 $(cat ssh.pid)");
    assert_int_equal(ended(), 0);
}

TEST(what_does_not_greet_as_a_host_does_is_cut_off)
{
    static const char *const begins[] = {
        "echo hello; exec sleep 1000",
        "sleep 0.2; printf '\\1\\0'; exec sleep 1000", /* as in version 1 */
        GREET_HEAD "printf '\\4\\24\\5READY\\10Identity\\0\\0\\0\\1x'; exec cat",
    };
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++) {
        char heard[GREET_LEN + 64];
        make_bundle(fmt(SH "echo =go 3\n%s\n", begins[i]));
        reach(TO);
        assert_string_equal(told(),
                            "ended cut off: what answers there is no engine host of tutti's");
        size_t got = hear((uint8_t *)heard, sizeof heard);
        assert_null(memmem(heard, got, "Identity", 8));
        assert_int_equal(ended(), 0);
        close(link_fd);
        link_fd = -1;
        assert_becomes(!ssh_lives());
    }
}

/* ---- its end */

/* The far program ends by this line when something comes. */
static void assert_ends(const char *line, const char *reason)
{
    make_bundle(fmt(SH "echo =go 3\n%sread x\n%s\n", GREET, line));
    link_to(TO);
    assert_int_equal(send(link_fd, "\n", 1, MSG_NOSIGNAL), 1);
    assert_link_ended();
    assert_string_equal(told(), reason);
    assert_string_equal(told(), "");
    assert_int_equal(ended(), 0);
    close(link_fd);
    link_fd = -1;
}

TEST(how_the_far_program_or_ssh_ended_is_told_and_the_far_log_is_no_reason)
{
    assert_ends("exit 137", "ended its engine host was killed by SIGKILL");
    assert_ends("exit 3", "ended its engine host exited with status 3");
    assert_ends("kill -9 $$", "ended ssh was killed by SIGKILL");
#define LOG "echo '2026-01-01T00:00:00.000 tutti-engine[7] info: bye' >&2; "
    assert_ends("echo 'Timeout, far not responding.' >&2; exit 255",
                "ended Timeout, far not responding.");
    assert_ends("echo 'Reset.' >&2; " LOG "exit 255", "ended Reset.");
    assert_ends(LOG "exit 255", "ended what ran there was killed");
}

TEST(an_ssh_that_is_killed_ends_the_link_and_leaves_nothing)
{
    link_to(TO);
    exchange(1);
    run("kill -9 $(cat ssh.pid); rm s");
    assert_string_equal(told(), "ended ssh was killed by SIGKILL");
    assert_link_ended();
    assert_int_equal(ended(), 0);
    listen_up(LISTEN); /* and nobody has come */
    run("kill -9 $(cat ssh.pid)");
    assert_string_equal(told(), "ended ssh was killed by SIGKILL");
    assert_int_equal(ended(), 0);
    assert_false(exists("s"));
}

TEST(signals_end_the_link_and_its_ssh)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        listen_up(LISTEN);
        kill(near, signals[i]);
        assert_int_equal(ended(), 0);
        assert_false(exists("s"));
    }
    make_bundle(SH "trap '' TERM\necho =go 3\nexec sleep 1000\n"); /* does not obey */
    listen_up(LISTEN);
    kill(near, SIGTERM);
    assert_int_equal(ended(), 0);
    listen_up(LISTEN);
    kill(near, SIGKILL); /* and nobody is left to end it */
    assert_int_equal(waitpid(near, NULL, 0), near);
    near = 0;
    assert_becomes(!ssh_lives());
}

TEST(a_signal_ends_what_is_still_being_made_and_a_command)
{
    make_ssh("echo >here; exec cat >/dev/null");
    start(TO);
    assert_becomes(exists("here"));
    kill(near, SIGTERM);
    ended();
    make_bundle(SH "echo here\nexec sleep 1000\n");
    make_ssh("");
    start(COMMAND);
    assert_becomes(strcmp(text_of("stdout"), "here\n") == 0);
    kill(near, SIGTERM);
    ended();
}

/* ---- without a socket: a command there */

TEST(a_command_there_has_its_arguments_our_stdout_and_stderr_and_we_its_status)
{
    make_bundle(SH "printf 'one\\n=fail two\\nno end'\necho oops >&2\n"
                   "head -c 1000000 /dev/zero\nexit 7\n");
    make_ssh("echo noise; echo banner >&2");
    start(COMMAND);
    assert_int_equal(ended(), 7);
    run("{ printf 'one\\n=fail two\\nno end'; head -c 1000000 /dev/zero; } | cmp - stdout");
    assert_string_equal(text_of("stderr"), "oops\n");
    run("rm stdout stderr");
    make_bundle(SH "printf '%s|' \"$@\"\n");
    start(COMMAND " status --name \"it's \\$HOME\"");
    assert_int_equal(ended(), 0);
    assert_string_equal(text_of("stdout"), "status|--name|it's $HOME|");
    assert_string_equal(text_of("stderr"), "");
}

/* tutti-ssh sleeps meanwhile, so that everything waits for it at once. */
TEST(the_last_bytes_of_a_command_come_though_it_has_ended_already)
{
    make_bundle(SH "echo here\nuntil test -e $HOME/now; do sleep 0.02; done\n"
                   "head -c 150000 /dev/zero\nexit 7\n");
    start(COMMAND);
    assert_becomes(strcmp(text_of("stdout"), "here\n") == 0);
    kill(near, SIGSTOP);
    run("touch home/now");
    assert_becomes(!ssh_lives());
    kill(near, SIGCONT);
    assert_int_equal(ended(), 7);
    run("{ echo here; head -c 150000 /dev/zero; } | cmp - stdout");
}

TEST(the_directory_of_a_session_is_kept_from_commands_alone)
{
    make_bundle(SH "echo ${XDG_RUNTIME_DIR-none}\n");
    make_ssh("XDG_RUNTIME_DIR=/run/user/7; export XDG_RUNTIME_DIR");
    start(COMMAND);
    assert_int_equal(ended(), 0);
    start("-- far libexec/tutti/tutti-engine");
    assert_int_equal(ended(), 0);
    assert_string_equal(text_of("stdout"), "none\n/run/user/7\n");
}

TEST(a_command_that_cannot_be_run_there_is_told_on_stderr)
{
    start("-- far bin/nothing");
    assert_int_equal(ended(), 127);
    assert_non_null(strstr(text_of("stderr"), "bin/nothing"));
    run("rm stderr");
    make_ssh(CLOSED);
    start(COMMAND);
    assert_int_equal(ended(), NEAR_NOT_REACHED);
    assert_string_equal(text_of("stdout"), "");
    assert_string_equal(text_of("stderr"), "tutti: cannot reach 'far': Connection closed.\n");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(bytes_go_both_ways_as_they_are_and_the_far_log_comes_out_of_our_stderr),
        EACH(what_the_far_program_says_at_once_is_not_lost),
        EACH(whoever_comes_to_the_socket_first_has_the_link_and_nobody_else),
        EACH(a_slow_ssh_that_carries_byte_by_byte_will_do),
        EACH(a_link_stays_and_ends_though_nobody_hears_what_is_told),
        EACH(what_does_not_greet_as_a_host_does_is_cut_off),
        EACH(how_the_far_program_or_ssh_ended_is_told_and_the_far_log_is_no_reason),
        EACH(an_ssh_that_is_killed_ends_the_link_and_leaves_nothing),
        EACH(signals_end_the_link_and_its_ssh),
        EACH(a_signal_ends_what_is_still_being_made_and_a_command),
        EACH(a_command_there_has_its_arguments_our_stdout_and_stderr_and_we_its_status),
        EACH(the_last_bytes_of_a_command_come_though_it_has_ended_already),
        EACH(the_directory_of_a_session_is_kept_from_commands_alone),
        EACH(a_command_that_cannot_be_run_there_is_told_on_stderr),
    };
    alarm(150);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
