/* Unit test of engine/shell_bash: a real bash, commands in it, interrupts, its end. The program
 * is in a process group of its own, since interrupts go to the group. */
#include "check.h"

#include "shell_bash.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static shell_bash_t *bash;
static shell_outcome_t outcome;

static void run(shell_whose_t whose, const char *code)
{
    shell_run_t given = {whose, tt_span(code), true};
    shell_outcome_release(&outcome);
    shell_bash_run(bash, &given, &outcome);
}

static void expect_out(const char *code, const char *text)
{
    run(SHELL_USER, code);
    assert_text(&outcome.out, text);
    assert_false(outcome.ended || outcome.interrupted || outcome.cut);
}

TEST(what_is_no_bash_is_refused)
{
    tt_error_t err;
    assert_null(shell_bash_new("/nonexistent/bash", SHELL_PIPES, &err));
    assert_says(&err, "cannot run '/nonexistent/bash' as a bash: it exited with status 127");
    assert_null(shell_bash_new("/bin/true", SHELL_PIPES, &err));
    assert_says(&err, "exited with status 0");
}

TEST(it_tells_what_it_is)
{
    assert_true(shell_bash_program(bash)[0] == '/');
    assert_true(atoi(shell_bash_version(bash)) >= 4);
    assert_int_equal(kill(shell_bash_pid(bash), 0), 0);
}

TEST(a_command_has_its_output_and_status_and_leaves_its_variables)
{
    expect_out("x=5; echo $x", "5\n");
    assert_int_equal(outcome.status, 0);
    run(SHELL_USER, "(exit 7)");
    assert_int_equal(outcome.status, 7);
    expect_out("echo $? $x", "7 5\n");
}

TEST(a_script_of_ours_is_done_only_when_it_came_to_its_end)
{
    run(SHELL_OURS, "y=6; false; printf text");
    assert_true(outcome.done);
    assert_text(&outcome.out, "text");
    run(SHELL_OURS, "${nope?}");
    assert_false(outcome.done);
    run(SHELL_ASIDE, "y=7");
    assert_true(outcome.done);
    expect_out("echo $y $?", "6 0\n");
}

TEST(scripts_of_ours_leave_the_status_and_options_of_the_user)
{
    run(SHELL_USER, "set -u; ! true");
    assert_int_equal(outcome.status, 1);
    run(SHELL_OURS, "false; echo \"$nope\"");
    assert_true(outcome.done);
    expect_out("echo $? $-", "1 hiuBs\n");
    run(SHELL_USER, "set +u -e");
    run(SHELL_OURS, "false");
    expect_out("echo $? $-", "0 ehiBs\n");
    run(SHELL_USER, "set +e");
}

TEST(an_end_is_told_and_a_new_bash_is_there)
{
    pid_t was = shell_bash_pid(bash);
    run(SHELL_USER, "exit 3");
    assert_true(outcome.ended);
    assert_int_equal(outcome.status, 3);
    assert_string_equal(outcome.ending, "exit 3");
    assert_int_not_equal(shell_bash_pid(bash), was);
    run(SHELL_USER, "kill -9 $$");
    assert_int_equal(outcome.status, 128 + SIGKILL);
    assert_string_equal(outcome.ending, "killed by SIGKILL");
    expect_out("echo ${x-gone}", "gone\n");
}

TEST(a_bash_that_ended_meanwhile_is_told_of_with_the_next_command)
{
    siginfo_t info;
    kill(shell_bash_pid(bash), SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)shell_bash_pid(bash), &info, WEXITED | WNOWAIT), 0);
    expect_out("echo new", "new\n");
    assert_string_equal(outcome.before, "killed by SIGKILL");
}

TEST(a_restart_forgets_everything)
{
    tt_error_t err;
    run(SHELL_USER, "x=5");
    assert_int_equal(shell_bash_restart(bash, &err), 0);
    expect_out("echo ${x-gone}", "gone\n");
}

/* ---- interrupts */

static void on_alarm(int number)
{
    (void)number;
    kill(0, SIGINT);
}

static void interrupt_in_us(long us)
{
    struct itimerval timer = {.it_value = {0, us}};
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &timer, NULL);
}

TEST(an_interrupt_ends_a_command_and_is_drained_to_the_last)
{
    run(SHELL_USER, "x=5");
    for (long us = 1; us < 20000; us += 700) {
        interrupt_in_us(us);
        run(SHELL_USER, "while :; do :; done");
        assert_true(outcome.interrupted);
        assert_int_equal(outcome.status, 128 + SIGINT);
        assert_true(shell_bash_drain(bash) > 0);
        assert_int_equal(shell_bash_drain(bash), 0);
        expect_out("echo $x", "5\n");
    }
}

TEST(a_command_is_not_begun_while_an_interrupt_waits)
{
    raise(SIGINT);
    run(SHELL_USER, "z=1");
    assert_true(outcome.interrupted);
    assert_int_equal(shell_bash_drain(bash), 1);
    expect_out("echo ${z-unset}", "unset\n");
}

TEST(an_interrupt_between_commands_meets_none)
{
    kill(0, SIGINT);
    assert_int_equal(shell_bash_drain(bash), 1);
    expect_out("echo fine", "fine\n");
}

static int start(void **unused)
{
    tt_error_t err;
    (void)unused;
    bash = shell_bash_new("bash", SHELL_PIPES, &err);
    if (bash == NULL)
        fprintf(stderr, "%s\n", err.text);
    return bash ? 0 : -1;
}

static int stop(void **unused)
{
    (void)unused;
    shell_outcome_release(&outcome);
    shell_bash_destroy(&bash);
    shell_bash_destroy(&bash);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_no_bash_is_refused),
        RUN(it_tells_what_it_is),
        RUN(a_command_has_its_output_and_status_and_leaves_its_variables),
        RUN(a_script_of_ours_is_done_only_when_it_came_to_its_end),
        RUN(scripts_of_ours_leave_the_status_and_options_of_the_user),
        RUN(an_end_is_told_and_a_new_bash_is_there),
        RUN(a_bash_that_ended_meanwhile_is_told_of_with_the_next_command),
        RUN(a_restart_forgets_everything),
        RUN(an_interrupt_ends_a_command_and_is_drained_to_the_last),
        RUN(a_command_is_not_begun_while_an_interrupt_waits),
        RUN(an_interrupt_between_commands_meets_none),
    };
    setpgid(0, 0);
    return cmocka_run_group_tests(tests, start, stop);
}
