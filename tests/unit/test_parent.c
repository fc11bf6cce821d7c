/* Unit test of engine/parent: whoever ends first, parent or host, nothing that they started is
 * left. Every process of a test holds the write end of one pipe, so the pipe's end tells that
 * all of them are gone. The parent makes itself a subreaper: it always runs in a child. */
#include "check.h"

#include "parent.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 30000 };

static int alive[2]; /* a pipe: never written to but for one letter of those who are ready */
static pid_t parent;

static int begin(void **unused)
{
    (void)unused;
    parent = 0;
    return pipe(alive);
}

static int end(void **unused)
{
    (void)unused;
    if (parent > 0) {
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
    }
    close(alive[0]);
    if (alive[1] >= 0)
        close(alive[1]);
    return 0;
}

static void say(char letter)
{
    if (write(alive[1], &letter, 1) != 1)
        _exit(99);
}

/* One more letter; 0 when all processes are gone, '?' when neither comes in time. */
static char heard(void)
{
    char letter = 0;
    struct pollfd readable = {alive[0], POLLIN, 0};
    if (poll(&readable, 1, DEADLINE_MS) != 1)
        return '?';
    return read(alive[0], &letter, 1) >= 0 ? letter : '?';
}

static void hear(const char *letters)
{
    size_t count = strlen(letters);
    for (size_t i = 0; i < count; i++)
        assert_non_null(strchr(letters, heard()));
}

/* Starts parent and host; `host` is the host's life and ends with _exit. */
static void start(void (*host)(int))
{
    parent = fork();
    if (parent == 0) {
        alarm(60);
        int self = getpid();
        if (parent_fork() != 0)
            _exit(98);
        host(self);
        _exit(97);
    }
    close(alive[1]);
    alive[1] = -1;
}

static int status_of_parent(void)
{
    int status = 0;
    assert_int_equal(waitpid(parent, &status, 0), parent);
    parent = 0;
    return status;
}

/* ---- what a host, or user code, may leave behind */

static void sleep_for_good(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    say('s');
    for (;;)
        pause();
}

static void leave_child(void)
{
    if (fork() == 0)
        sleep_for_good();
}

/* A daemon by the book: its parent has ended, it has a session of its own. */
static void leave_daemon(void)
{
    pid_t middle = fork();
    if (middle != 0) {
        waitpid(middle, NULL, 0);
        return;
    }
    setsid();
    leave_child();
    _exit(0);
}

/* A chain of processes, each in its own session, so that every round of a sweep meets new ones.
 */
static void leave_chain(int depth)
{
    if (fork() != 0)
        return;
    setsid();
    if (depth > 1)
        leave_chain(depth - 1);
    sleep_for_good();
}

static void leave_stopped(void)
{
    pid_t pid = fork();
    if (pid == 0)
        sleep_for_good();
    kill(pid, SIGSTOP);
}

/* ---- the host ends first */

static void ends_alone(int self)
{
    (void)self;
    _exit(7);
}

TEST(without_anything_left_the_exit_status_is_the_hosts)
{
    start(ends_alone);
    int status = status_of_parent();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_int_equal(heard(), 0);
}

static void ends_and_leaves_all(int self)
{
    (void)self;
    leave_child();
    leave_daemon();
    leave_chain(4);
    for (int i = 0; i < 6; i++)
        if (heard() != 's')
            _exit(96);
    leave_stopped();
    _exit(0);
}

TEST(children_daemons_and_their_children_are_gone_before_the_parent_ends)
{
    start(ends_and_leaves_all);
    int status = status_of_parent();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct pollfd now = {alive[0], POLLIN, 0};
    assert_int_equal(poll(&now, 1, 0), 1);
    char letter = heard();
    assert_int_equal(letter == 's' ? heard() : letter, 0); /* the stopped one may have spoken */
}

static void is_killed(int self)
{
    (void)self;
    leave_daemon();
    if (heard() == 's')
        kill(getpid(), SIGKILL);
}

TEST(a_host_that_is_killed_ends_the_parent_with_128_and_the_signal)
{
    start(is_killed);
    int status = status_of_parent();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 128 + SIGKILL);
    assert_int_equal(heard(), 0);
}

/* An orphan that ends is the parent's to reap, and is not mistaken for the host. */
static void serves_until_term(int self)
{
    sigset_t term;
    int number;
    (void)self;
    pid_t middle = fork();
    if (middle == 0) {
        if (fork() == 0)
            _exit(1);
        _exit(2);
    }
    waitpid(middle, NULL, 0);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    say('h');
    sigwait(&term, &number);
    _exit(5);
}

TEST(a_request_to_end_is_passed_on_to_the_host)
{
    const int requests[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (i > 0)
            assert_int_equal(pipe(alive), 0);
        start(serves_until_term);
        assert_int_equal(heard(), 'h');
        kill(parent, requests[i]);
        int status = status_of_parent();
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 5);
        assert_int_equal(heard(), 0);
        if (i < 2)
            close(alive[0]);
    }
}

/* ---- the parent ends first */

static void stands_in_at_term(int self)
{
    sigset_t term;
    int number;
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    leave_daemon();
    leave_chain(2);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    say('h');
    sigwait(&term, &number);
    parent_stand_in(self);
    _exit(0);
}

TEST(a_host_whose_parent_is_killed_is_told_and_sweeps_in_its_place)
{
    start(stands_in_at_term);
    hear("sssh");
    kill(parent, SIGKILL);
    status_of_parent();
    assert_int_equal(heard(), 0);
}

static void stands_in_too_early(int self)
{
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid_t child = fork();
    if (child == 0)
        sleep_for_good();
    parent_stand_in(self);
    _exit(kill(child, 0) == 0 && waitpid(child, NULL, WNOHANG) == 0 ? 3 : 4);
}

TEST(while_the_parent_lives_the_host_sweeps_nothing)
{
    start(stands_in_too_early);
    assert_int_equal(WEXITSTATUS(status_of_parent()), 3);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(120);
    const struct CMUnitTest tests[] = {
        EACH(without_anything_left_the_exit_status_is_the_hosts),
        EACH(children_daemons_and_their_children_are_gone_before_the_parent_ends),
        EACH(a_host_that_is_killed_ends_the_parent_with_128_and_the_signal),
        EACH(a_request_to_end_is_passed_on_to_the_host),
        EACH(a_host_whose_parent_is_killed_is_told_and_sweeps_in_its_place),
        EACH(while_the_parent_lives_the_host_sweeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
