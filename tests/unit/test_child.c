/* Unit test of share/child: a child gets exactly the descriptors, environment and group it
 * should, and its end is told in words. The children are shells. */
#include "scratch.h"

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static tt_error_t err;
static char said[4096]; /* what the last child wrote to its descriptors 1 and 2 */

static int begin(void **unused)
{
    (void)unused;
    memset(&err, 0, sizeof err);
    said[0] = 0;
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    return scratch_end();
}

static int wait_end(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

/* Runs it with its output to us; returns its wait status. */
static int run(tt_child_t *child)
{
    int out[2];
    size_t len = 0;
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    child->fd[1] = child->fd[2] = out[1];
    pid_t pid = tt_child_spawn(child, &err);
    close(out[1]);
    assert_true(pid > 0);
    for (ssize_t got; (got = read(out[0], said + len, sizeof said - 1 - len)) > 0;)
        len += (size_t)got;
    said[len] = 0;
    close(out[0]);
    return wait_end(pid);
}

static int run_shell(const char *script, tt_child_t *child)
{
    const char *argv[] = {"/bin/sh", "-c", script, NULL};
    child->argv = argv;
    return run(child);
}

#define PLAIN ((tt_child_t){.fd = {-1, -1, -1, -1, -1}})

/* ---- what cannot be run */

TEST(a_program_that_is_not_there_says_so_itself_and_exits_with_127)
{
    const char *argv[] = {"no-such-program-here", NULL};
    tt_child_t child = PLAIN;
    child.argv = argv;
    assert_string_equal(tt_child_ending(run(&child)), "exited with status 127");
    assert_string_equal(said, "cannot run 'no-such-program-here': No such file or directory\n");
}

TEST(a_directory_that_is_not_there_is_named)
{
    tt_child_t child = PLAIN;
    child.directory = "/nonexistent/place";
    assert_string_equal(tt_child_ending(run_shell("echo ran", &child)),
                        "exited with status 127");
    assert_string_equal(said, "cannot enter '/nonexistent/place': No such file or directory\n");
}

static void spawn_under_limit(void)
{
    struct rlimit none = {0, 0};
    const char *argv[] = {"/bin/true", NULL};
    tt_child_t child = PLAIN;
    child.argv = argv;
    if (setrlimit(RLIMIT_NPROC, &none) != 0 || setuid(65534) != 0)
        _exit(2);
    bool refused = tt_child_spawn(&child, &err) < 0;
    bool says = strstr(err.text, "cannot start '/bin/true': no more processes") != NULL &&
                strstr(err.text, "limit of the user: 0") != NULL;
    _exit(refused && says ? 0 : 1);
}

TEST(a_limit_that_is_met_is_named)
{
    if (getuid() != 0)
        skip(); /* only root can become somebody without processes */
    pid_t pid = fork();
    if (pid == 0)
        spawn_under_limit();
    assert_int_equal(wait_end(pid), 0);
}

/* ---- descriptors */

TEST(descriptors_that_nobody_gave_are_dev_null_or_closed)
{
    tt_child_t child = PLAIN;
    assert_int_equal(run_shell("readlink /proc/self/fd/0; for i in 3 4; do "
                               "[ -e /proc/self/fd/$i ] && echo $i is open; done; true",
                               &child),
                     0);
    assert_string_equal(said, "/dev/null\n");
}

/* A child that was given `first` as 3 and `second` as 4 finds them there: 0. */
static int reads_both(int first, int second)
{
    int status = -1;
    const char *argv[] = {"/bin/sh", "-c",
                          "[ $(cat <&3) = one ] && [ $(cat <&4) = two ] && [ -s /dev/stdin ]",
                          NULL};
    tt_child_t child = PLAIN;
    child.argv = argv;
    child.fd[0] = second;
    child.fd[3] = first;
    child.fd[4] = second;
    pid_t pid = tt_child_spawn(&child, &err);
    waitpid(pid, &status, 0);
    return status;
}

/* In a process of its own: `first` and `second` are the numbers that the files are given. */
static int placed(int first, int second)
{
    pid_t pid = fork();
    if (pid == 0) {
        int one = open(scratch_path("first"), O_RDONLY);
        int two = open(scratch_path("second"), O_RDONLY);
        dup2(one, 30);
        dup2(two, 31);
        close(3);
        close(4);
        dup2(30, first);
        dup2(31, second);
        _exit(reads_both(first, second) == 0 ? 0 : 1);
    }
    return wait_end(pid);
}

TEST(descriptors_that_lie_in_each_others_way_are_placed_all_the_same)
{
    scratch_write("first", "one", 0600);
    scratch_write("second", "two", 0600);
    assert_int_equal(placed(4, 3), 0);   /* each at the other's place */
    assert_int_equal(placed(3, 4), 0);   /* there already */
    assert_int_equal(placed(50, 51), 0); /* and 3 and 4 are free on the way */
    assert_int_equal(placed(64, 65), 0); /* where they are moved to meanwhile */
}

TEST(none_of_our_descriptors_is_changed)
{
    tt_child_t child = PLAIN;
    int before = open_fds();
    struct stat old[3], now;
    for (int i = 0; i < 3; i++)
        fstat(i, &old[i]);
    run_shell("true", &child);
    assert_int_equal(open_fds(), before);
    for (int i = 0; i < 3; i++) {
        fstat(i, &now);
        assert_int_equal(now.st_ino, old[i].st_ino);
    }
}

/* ---- environment and directory */

TEST(the_environment_is_ours_with_the_changes)
{
    const char *const changes[] = {"TT_NEW=new=value", "TT_OLD=changed", "TT_GONE=", "TT_NAME",
                                   NULL};
    setenv("TT_OLD", "old", 1);
    setenv("TT_OLDER", "stays", 1);
    setenv("TT_GONE", "there", 1);
    tt_child_t child = PLAIN;
    child.environment = changes;
    assert_int_equal(
        run_shell("echo $TT_NEW,$TT_OLD,$TT_OLDER,${TT_GONE-gone},${TT_NAME-none}", &child), 0);
    assert_string_equal(said, "new=value,changed,stays,gone,none\n");
    assert_string_equal(getenv("TT_OLD"), "old");
    child.environment = NULL;
    run_shell("echo $TT_OLD,$TT_GONE", &child);
    assert_string_equal(said, "old,there\n");
}

TEST(the_directory_is_entered_only_by_the_child)
{
    char ours[PATH_MAX], want[PATH_MAX];
    tt_child_t child = PLAIN;
    child.directory = scratch_dir;
    assert_non_null(getcwd(ours, sizeof ours));
    run_shell("pwd -P", &child);
    said[strcspn(said, "\n")] = 0;
    assert_string_equal(said, realpath(scratch_dir, want));
    char now[PATH_MAX];
    assert_string_equal(getcwd(now, sizeof now), ours);
}

/* ---- groups, sessions, signals */

static void identity_of(const tt_child_t *wanted, pid_t *group, pid_t *session, pid_t *pid)
{
    /* $$, pgrp and session are fields 1, 5 and 6 of its stat */
    tt_child_t child = *wanted;
    char text[256];
    assert_int_equal(run_shell("read a b c d e f rest < /proc/$$/stat; echo $a $e $f", &child),
                     0);
    snprintf(text, sizeof text, "%.200s", said);
    assert_int_equal(sscanf(text, "%d %d %d", pid, group, session), 3);
}

TEST(a_child_stays_in_our_group_or_has_its_own_or_a_session)
{
    pid_t group, session, pid;
    tt_child_t child = PLAIN;
    identity_of(&child, &group, &session, &pid);
    assert_int_equal(group, getpgrp());
    child.own_group = true;
    identity_of(&child, &group, &session, &pid);
    assert_int_equal(group, pid);
    assert_int_equal(session, getsid(0));
    child.own_session = true;
    identity_of(&child, &group, &session, &pid);
    assert_int_equal(group, pid);
    assert_int_equal(session, pid);
}

TEST(a_childs_group_can_be_signalled_as_soon_as_we_know_its_pid)
{
    for (int i = 0; i < 20; i++) {
        const char *argv[] = {"/bin/sh", "-c", "read x < /dev/zero", NULL};
        tt_child_t child = PLAIN;
        child.argv = argv;
        child.own_group = true;
        pid_t pid = tt_child_spawn(&child, &err);
        assert_true(pid > 0);
        assert_int_equal(kill(-pid, SIGKILL), 0);
        assert_string_equal(tt_child_ending(wait_end(pid)), "was killed by SIGKILL");
    }
}

TEST(signals_are_unblocked_and_default_in_the_child)
{
    sigset_t set, old;
    sigprocmask(SIG_BLOCK, NULL, &old);
    tt_signals_block(&set, SIGINT, SIGCHLD, SIGUSR1, 0);
    signal(SIGUSR2, SIG_IGN);
    tt_child_t child = PLAIN;
    /* 32 and 33 are libc's own: nobody can change what is inherited of them. */
    run_shell("while read name bits; do case $name in SigBlk:|SigIgn:) "
              "echo $name $((0x$bits & ~0x180000000));; esac; done </proc/self/status",
              &child);
    signal(SIGUSR2, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    assert_string_equal(said, "SigBlk: 0\nSigIgn: 0\n");
}

/* The child tells its pid and waits for ever; whoever started it then ends. */
static void start_and_leave(int fd)
{
    const char *argv[] = {"/bin/sh", "-c", "echo $$; exec cat /dev/zero > /dev/null", NULL};
    tt_child_t child = PLAIN;
    child.argv = argv;
    child.fd[1] = fd;
    child.dies_with_us = true;
    if (tt_child_spawn(&child, &err) < 0)
        _exit(1);
    pause();
}

TEST(a_child_that_dies_with_us_does)
{
    int out[2];
    char text[32] = "";
    assert_int_equal(pipe2(out, O_CLOEXEC), 0);
    pid_t middle = fork();
    if (middle == 0)
        start_and_leave(out[1]);
    close(out[1]);
    assert_true(read(out[0], text, sizeof text - 1) > 0);
    int fd = tt_pidfd_open(atoi(text));
    assert_true(fd >= 0);
    struct pollfd wait = {fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, 0), 0);
    kill(middle, SIGKILL);
    wait_end(middle);
    assert_int_equal(poll(&wait, 1, 10000), 1);
    close(fd);
    close(out[0]);
}

/* ---- words */

TEST(endings_are_told_in_words)
{
    tt_child_t child = PLAIN;
    assert_string_equal(tt_child_ending(run_shell("exit 0", &child)), "exited with status 0");
    assert_string_equal(tt_child_ending(run_shell("exit 200", &child)),
                        "exited with status 200");
    assert_string_equal(tt_child_ending(run_shell("kill -SEGV $$", &child)),
                        "was killed by SIGSEGV");
    assert_string_equal(tt_child_ending(run_shell("kill -40 $$", &child)),
                        "was killed by signal 40");
    assert_string_equal(tt_signal_name(SIGINT), "SIGINT");
    assert_string_equal(tt_signal_name(0), "signal 0");
    assert_string_equal(tt_signal_name(9999), "signal 9999");
}

TEST(the_memory_of_a_process_is_told_while_it_lives)
{
    assert_true(tt_child_rss(getpid()) > 100000);
    assert_true(tt_child_rss(getpid()) < (uint64_t)1 << 40);
    tt_child_t child = PLAIN;
    const char *argv[] = {"/bin/true", NULL};
    child.argv = argv;
    pid_t pid = tt_child_spawn(&child, &err);
    wait_end(pid);
    assert_int_equal(tt_child_rss(pid), 0);
    assert_int_equal(tt_child_rss(-1), 0);
}

TEST(the_limit_of_open_files_becomes_the_hard_one)
{
    struct rlimit old, low;
    getrlimit(RLIMIT_NOFILE, &old);
    low = old;
    low.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(tt_raise_files(), (long)old.rlim_max);
    getrlimit(RLIMIT_NOFILE, &low);
    assert_int_equal(low.rlim_cur, old.rlim_max);
    setrlimit(RLIMIT_NOFILE, &old);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_program_that_is_not_there_says_so_itself_and_exits_with_127),
        EACH(a_directory_that_is_not_there_is_named),
        EACH(a_limit_that_is_met_is_named),
        EACH(descriptors_that_nobody_gave_are_dev_null_or_closed),
        EACH(descriptors_that_lie_in_each_others_way_are_placed_all_the_same),
        EACH(none_of_our_descriptors_is_changed),
        EACH(the_environment_is_ours_with_the_changes),
        EACH(the_directory_is_entered_only_by_the_child),
        EACH(a_child_stays_in_our_group_or_has_its_own_or_a_session),
        EACH(a_childs_group_can_be_signalled_as_soon_as_we_know_its_pid),
        EACH(signals_are_unblocked_and_default_in_the_child),
        EACH(a_child_that_dies_with_us_does),
        EACH(endings_are_told_in_words),
        EACH(the_memory_of_a_process_is_told_while_it_lives),
        EACH(the_limit_of_open_files_becomes_the_hard_one),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
