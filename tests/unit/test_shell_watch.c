/* Unit test of engine/shell_watch: children that wait, are stopped, or are caught in a signal
 * handler that sends itself the signal, as bash may be. */
#include "check.h"

#include "shell_watch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int in; /* the other end of the child's stdin */

/* Starts `child` with a pipe for its stdin. */
static pid_t start(void (*child)(void))
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(fds[0], 0);
        child();
        _exit(7);
    }
    close(fds[0]);
    in = fds[1];
    return pid;
}

static int end_of(pid_t pid)
{
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(in);
    return status;
}

#define EVENTUALLY(condition)                                                                  \
    for (time_t until = time(NULL) + 20; !(condition);)                                        \
        assert_true(time(NULL) < until);

static void read_on(void)
{
    char byte;
    while (read(0, &byte, 1) == 1)
        continue;
}

TEST(a_child_that_reads_waits_until_there_is_something)
{
    pid_t pid = start(read_on);
    EVENTUALLY(shell_watch_waits(pid, in));
    assert_false(shell_watch_spins(pid));
    assert_false(shell_watch_stopped(pid));
    kill(pid, SIGSTOP);
    EVENTUALLY(shell_watch_stopped(pid));
    assert_false(shell_watch_stopped(pid)); /* told once */
    assert_int_equal(write(in, "x", 1), 1);
    assert_false(shell_watch_waits(pid, in));
    kill(pid, SIGCONT);
    EVENTUALLY(shell_watch_waits(pid, in));
    kill(pid, SIGKILL);
    end_of(pid);
    assert_false(shell_watch_waits(pid, in));
    assert_false(shell_watch_spins(pid));
}

static void again(int number)
{
    kill(getpid(), number);
}

static void spin(void)
{
    signal(SIGINT, again);
    kill(getpid(), SIGINT);
}

/* Until it has ended: on a busy machine it may need some tries. */
static bool free_spinning(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    if (shell_watch_spins(pid))
        shell_watch_free(pid);
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid;
}

TEST(a_child_caught_in_its_handler_is_freed_and_goes_on)
{
    pid_t pid = start(spin);
    EVENTUALLY(shell_watch_spins(pid));
    EVENTUALLY(free_spinning(pid));
    int status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void sleep_on(void)
{
    for (;;)
        pause();
}

static int ready[2]; /* children say that they are */

static void say_ready(void)
{
    if (write(ready[1], "x", 1) != 1)
        _exit(5);
}

static void wait_ready(void)
{
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
}

static void leave(int number)
{
    (void)number;
    _exit(9);
}

static void wait_to_leave(void)
{
    signal(SIGUSR1, leave);
    say_ready();
    sleep_on();
}

TEST(freeing_one_that_is_not_caught_does_no_harm)
{
    pid_t pid = start(wait_to_leave);
    wait_ready();
    shell_watch_free(pid);
    kill(pid, SIGUSR1);
    int status = end_of(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
}

static void have_children(void)
{
    pid_t first = fork();
    if (first == 0)
        sleep_on();
    pid_t second = fork();
    if (second == 0)
        sleep_on();
    int status = 0;
    say_ready();
    pid_t ended = waitpid(-1, &status, 0);
    kill(first, SIGKILL);
    _exit(ended == second && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT ? 3 : 4);
}

TEST(the_youngest_child_is_the_one_that_is_interrupted)
{
    pid_t pid = start(have_children);
    wait_ready();
    shell_watch_interrupt_youngest(pid);
    int status = end_of(pid);
    assert_int_equal(WEXITSTATUS(status), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_child_that_reads_waits_until_there_is_something),
        RUN(a_child_caught_in_its_handler_is_freed_and_goes_on),
        RUN(freeing_one_that_is_not_caught_does_no_harm),
        RUN(the_youngest_child_is_the_one_that_is_interrupted),
    };
    if (pipe2(ready, O_CLOEXEC) != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
