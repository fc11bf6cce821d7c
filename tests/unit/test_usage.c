/* Unit test of engine/usage: real processes, with children, with threads, and none. */
#include "check.h"

#include "usage.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { BIG = 16 << 20 };

static pid_t child;
static usage_t usage;
static size_t budget;

static int begin(void **unused)
{
    (void)unused;
    budget = 100;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    if (child > 0) {
        kill(-child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
    return 0;
}

static uint64_t own_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void spin(uint64_t ms)
{
    for (uint64_t until = own_ms() + ms; own_ms() < until;)
        continue;
}

static void *fork_and_wait(void *unused)
{
    if (fork() == 0)
        for (prctl(PR_SET_PDEATHSIG, SIGKILL);;)
            pause();
    for (;;)
        pause();
    return unused;
}

/* A child that does that, in a group of its own, and says when it has. */
static void start(void (*fn)(void))
{
    int told[2];
    char byte;
    assert_int_equal(pipe(told), 0);
    fflush(NULL);
    child = fork();
    if (child == 0) {
        setpgid(0, 0);
        fn();
        if (write(told[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    setpgid(child, child);
    assert_int_equal(read(told[0], &byte, 1), 1);
    close(told[0]);
    close(told[1]);
}

static void work(void)
{
    mmap(NULL, BIG, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    spin(60);
}

/* A child that works, and one that has ended. */
static void have_children(void)
{
    int told[2];
    char byte;
    if (pipe(told) != 0)
        _exit(1);
    if (fork() == 0) {
        work();
        if (write(told[1], "", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    pid_t ended = fork();
    if (ended == 0) {
        spin(60);
        _exit(0);
    }
    waitpid(ended, NULL, 0);
    if (read(told[0], &byte, 1) != 1)
        _exit(1);
}

static void have_a_thread_that_forks(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, fork_and_wait, NULL);
}

TEST(of_nobody_nothing_is_known)
{
    assert_int_equal(usage_read(0, &budget, &usage), -1);
    assert_int_equal(usage_read(-1, &budget, &usage), -1);
    assert_int_equal(usage_read(0x7ffffff0, &budget, &usage), -1);
    assert_int_equal(usage.processes, 0);
    budget = 0;
    assert_int_equal(usage_read(getpid(), &budget, &usage), -1);
}

TEST(a_process_tells_its_time_and_memory)
{
    start(work);
    assert_int_equal(usage_read(child, &budget, &usage), 0);
    assert_int_equal(usage.processes, 1);
    assert_true(usage.cpu_ms >= 40);
    assert_true(usage.rss_bytes >= BIG);
    assert_int_equal(budget, 99);
}

TEST(what_it_has_started_counts_whether_it_runs_or_has_ended)
{
    start(have_children);
    assert_int_equal(usage_read(child, &budget, &usage), 0);
    assert_int_equal(usage.processes, 2);
    assert_true(usage.cpu_ms >= 90);
    assert_true(usage.rss_bytes >= BIG);
}

TEST(a_child_of_a_thread_counts)
{
    start(have_a_thread_that_forks);
    for (int i = 0; i < 5000 && usage.processes != 2; i++) {
        budget = 100;
        assert_int_equal(usage_read(child, &budget, &usage), 0);
        usleep(1000);
    }
    assert_int_equal(usage.processes, 2);
}

TEST(no_more_is_looked_at_than_may_be)
{
    start(have_children);
    budget = 1;
    assert_int_equal(usage_read(child, &budget, &usage), 0);
    assert_int_equal(usage.processes, 1);
    assert_int_equal(budget, 0);
}

TEST(a_process_that_has_ended_and_waits_to_be_reaped_uses_no_memory)
{
    child = fork();
    if (child == 0)
        _exit(0);
    siginfo_t info;
    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT);
    assert_int_equal(usage_read(child, &budget, &usage), 0);
    assert_true(usage.rss_bytes == 0);
}

TEST(a_name_may_hold_anything)
{
    prctl(PR_SET_NAME, ") 9 9 (x\n");
    assert_int_equal(usage_read(getpid(), &budget, &usage), 0);
    assert_true(usage.rss_bytes > 100000);
    prctl(PR_SET_NAME, "test_usage");
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(of_nobody_nothing_is_known),
        EACH(a_process_tells_its_time_and_memory),
        EACH(what_it_has_started_counts_whether_it_runs_or_has_ended),
        EACH(a_child_of_a_thread_counts),
        EACH(no_more_is_looked_at_than_may_be),
        EACH(a_process_that_has_ended_and_waits_to_be_reaped_uses_no_memory),
        EACH(a_name_may_hold_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
