/* Unit test of share/rundir, in a private directory. */
#include "check.h"

#include "rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64];
static tt_rundir_t dir;
static tt_error_t err;

static char *path_of(const char *name)
{
    static char path[8][PATH_MAX];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], PATH_MAX, "%s/%s", base, name);
    return path[turn];
}

static int begin(void **unused)
{
    (void)unused;
    strcpy(base, "/tmp/tutti-test-XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    setenv("TUTTI_RUNTIME_DIR", path_of("run"), 1);
    setenv("TUTTI_STATE_DIR", path_of("deep/er/state"), 1);
    memset(&err, 0, sizeof err);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", base);
    return system(command);
}

static mode_t mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(lstat(path, &st), 0);
    return st.st_mode & 07777;
}

TEST(names_that_could_leave_the_directory_are_refused)
{
    static const char *const bad[] = {"", ".", "..", ".x", "-x", "a/b", "a b", "ä", "a\n"};
    char longest[66];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(tt_rundir_name_check(bad[i], &err), -1);
        assert_says(&err, "cannot name a cluster");
        assert_int_equal(tt_rundir_prepare(bad[i], &dir, &err), -1);
        assert_int_equal(tt_rundir_open(bad[i], &dir, &err), -1);
    }
    memset(longest, 'x', 65);
    longest[65] = 0;
    assert_int_equal(tt_rundir_name_check(longest, &err), -1);
    longest[64] = 0;
    assert_int_equal(tt_rundir_name_check(longest, &err), 0);
    assert_int_equal(tt_rundir_name_check("My_cluster-2.0", &err), 0);
}

TEST(a_relative_directory_is_refused)
{
    setenv("TUTTI_RUNTIME_DIR", "run", 1);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_string_equal(err.text, "TUTTI_RUNTIME_DIR='run' is not an absolute path");
}

TEST(a_path_too_long_for_a_socket_is_refused_with_the_limit)
{
    char name[120];
    memset(name, 'd', sizeof name - 1);
    name[sizeof name - 1] = 0;
    setenv("TUTTI_RUNTIME_DIR", path_of(name), 1);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "a socket's path may have 107: set TUTTI_RUNTIME_DIR");
    assert_int_equal(access(path_of(name), F_OK), -1);
}

TEST(a_symbolic_link_is_refused)
{
    assert_int_equal(mkdir(path_of("else"), 0700), 0);
    assert_int_equal(symlink(path_of("else"), path_of("run")), 0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "/run': it is a symbolic link");
    assert_int_equal(tt_rundir_open("x", &dir, &err), -1);
    assert_says(&err, "it is a symbolic link");
}

TEST(a_cluster_directory_that_is_a_link_or_a_file_is_refused)
{
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(symlink("/tmp", path_of("run/link")), 0);
    assert_int_equal(tt_rundir_prepare("link", &dir, &err), -1);
    assert_says(&err, "/run/link': it is a symbolic link");
    close(open(path_of("run/file"), O_CREAT | O_WRONLY, 0600));
    assert_int_equal(tt_rundir_prepare("file", &dir, &err), -1);
    assert_says(&err, "/run/file': it is not a directory");
}

TEST(a_directory_that_others_may_enter_is_refused)
{
    assert_int_equal(mkdir(path_of("run"), 0700), 0);
    assert_int_equal(chmod(path_of("run"), 0755), 0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "others may enter it (mode 0755): chmod 700 '/tmp/tutti-test-");
    assert_int_equal(tt_rundir_open("x", &dir, &err), -1);
    assert_says(&err, "others may enter it");
}

TEST(a_directory_of_somebody_else_is_refused)
{
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdir(path_of("run"), 0700), 0);
    assert_int_equal(chown(path_of("run"), 1000, 1000), 0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "/run': it belongs to user 1000");
    assert_int_equal(err.code, EPERM);
}

TEST(a_state_directory_that_others_may_write_is_refused)
{
    setenv("TUTTI_STATE_DIR", path_of("state"), 1);
    assert_int_equal(mkdir(path_of("state"), 0700), 0);
    assert_int_equal(chmod(path_of("state"), 0777), 0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "others may write to it (mode 0777)");
    assert_int_equal(chmod(path_of("state"), 0755), 0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
}

TEST(a_parent_that_cannot_be_made_is_told)
{
    close(open(path_of("run"), O_CREAT | O_WRONLY, 0600));
    setenv("TUTTI_RUNTIME_DIR", path_of("run/below"), 1);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), -1);
    assert_says(&err, "cannot make '");
    assert_says(&err, "Not a directory");
}

TEST(a_cluster_that_was_never_started_is_not_running)
{
    assert_int_equal(tt_rundir_open("x", &dir, &err), -1);
    assert_string_equal(err.text, "no cluster 'x' is running");
    assert_int_equal(err.code, ENOENT);
    assert_string_equal(dir.state_dir, path_of("deep/er/state/x"));
    assert_int_equal(tt_rundir_prepare("y", &dir, &err), 0);
    assert_int_equal(tt_rundir_open("x", &dir, &err), -1);
    assert_string_equal(err.text, "no cluster 'x' is running");
}

TEST(preparing_makes_private_directories_and_paths)
{
    umask(0);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    umask(022);
    assert_string_equal(dir.name, "x");
    assert_string_equal(dir.run_dir, path_of("run/x"));
    assert_string_equal(dir.client_sock, path_of("run/x/client.sock"));
    assert_string_equal(dir.engine_sock, path_of("run/x/engine.sock"));
    assert_string_equal(dir.lock_path, path_of("run/x/lock"));
    assert_string_equal(dir.state_dir, path_of("deep/er/state/x"));
    assert_int_equal(mode_of(path_of("run")), 0700);
    assert_int_equal(mode_of(dir.run_dir), 0700);
    assert_int_equal(mode_of(dir.state_dir), 0700);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(tt_rundir_open("x", &dir, &err), 0);
}

TEST(without_our_variables_the_xdg_ones_decide)
{
    unsetenv("TUTTI_RUNTIME_DIR");
    unsetenv("TUTTI_STATE_DIR");
    setenv("XDG_RUNTIME_DIR", path_of("xdg"), 1);
    setenv("XDG_STATE_HOME", path_of("state"), 1);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_string_equal(dir.run_dir, path_of("xdg/tutti/x"));
    assert_string_equal(dir.state_dir, path_of("state/tutti/x"));
    unsetenv("XDG_RUNTIME_DIR");
    unsetenv("XDG_STATE_HOME");
    setenv("HOME", base, 1);
    assert_int_equal(tt_rundir_open("no-such-cluster", &dir, &err), -1);
    char expected[64];
    snprintf(expected, sizeof expected, "/tmp/tutti-%u/no-such-cluster", geteuid());
    assert_string_equal(dir.run_dir, expected);
    assert_string_equal(dir.state_dir, path_of(".local/state/tutti/no-such-cluster"));
}

TEST(nobody_holds_a_lock_that_was_not_taken)
{
    pid_t pid = 7;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 0);
    assert_int_equal(pid, 0);
}

TEST(a_lock_names_its_holder_until_it_is_closed)
{
    pid_t pid;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    int fd = tt_rundir_lock(&dir, &err);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    assert_int_equal(mode_of(dir.lock_path), 0600);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 1);
    assert_int_equal(pid, getpid());
    char expected[64];
    snprintf(expected, sizeof expected, "cluster 'x' is running already: process %d", getpid());
    assert_int_equal(tt_rundir_lock(&dir, &err), -1);
    assert_says(&err, expected);
    assert_int_equal(err.code, EWOULDBLOCK);
    close(fd);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 0);
    fd = tt_rundir_lock(&dir, &err);
    assert_true(fd >= 0);
    close(fd);
}

TEST(a_killed_holder_holds_nothing_whatever_the_file_says)
{
    int ready[2];
    pid_t pid;
    char byte;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        tt_rundir_lock(&dir, NULL);
        if (write(ready[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 1);
    assert_int_equal(pid, child);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 0);
    int fd = tt_rundir_lock(&dir, &err);
    assert_true(fd >= 0);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 1);
    assert_int_equal(pid, getpid());
    close(fd);
    close(ready[0]);
    close(ready[1]);
}

static void *end_soon(void *arg)
{
    usleep(100000);
    _exit(0);
    return arg;
}

static char state_of(pid_t pid)
{
    char path[64], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *in = fopen(path, "re");
    if (in && fscanf(in, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (in)
        fclose(in);
    return state;
}

/* As of a controller that is killed, and whose first thread ends before libzmq's. */
TEST(a_holder_whose_threads_are_still_ending_is_waited_for)
{
    int ready[2];
    char byte;
    pid_t pid;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        pthread_t thread;
        if (tt_rundir_lock(&dir, NULL) >= 0 && write(ready[1], "x", 1) == 1 &&
            pthread_create(&thread, NULL, end_soon, NULL) == 0)
            pthread_exit(NULL); /* a zombie that holds the lock */
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    while (state_of(child) != 'Z') /* the alarm ends it */
        usleep(1000);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 0);
    assert_int_equal(pid, 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
}

TEST(a_lock_file_with_nonsense_has_no_pid)
{
    pid_t pid;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    int fd = open(dir.lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, "99999999999999999999", 20), 20);
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 1);
    assert_int_equal(pid, 0);
    close(fd);
}

TEST(a_lock_that_is_a_link_is_not_followed)
{
    pid_t pid;
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(symlink(path_of("victim"), dir.lock_path), 0);
    assert_int_equal(tt_rundir_lock(&dir, &err), -1);
    assert_says(&err, "cannot open '");
    assert_int_equal(access(path_of("victim"), F_OK), -1);
    assert_int_equal(tt_rundir_holder(&dir, &pid), 0);
}

TEST(asking_for_the_holder_never_makes_a_lock_fail)
{
    int go[2];
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(pipe(go), 0);
    pid_t child = fork();
    if (child == 0) {
        pid_t pid;
        close(go[1]);
        fcntl(go[0], F_SETFL, O_NONBLOCK);
        char byte;
        while (read(go[0], &byte, 1) != 0)
            tt_rundir_holder(&dir, &pid);
        _exit(0);
    }
    close(go[0]);
    for (int i = 0; i < 300; i++) {
        int fd = tt_rundir_lock(&dir, &err);
        if (fd < 0)
            fail_msg("round %d: %s", i, err.text);
        close(fd);
    }
    close(go[1]);
    waitpid(child, NULL, 0);
}

static char listed[256];

static void add(const char *name, void *arg)
{
    assert_ptr_equal(arg, listed);
    strcat(listed, name);
    strcat(listed, " ");
}

TEST(clusters_are_listed_by_name_and_nothing_else_is)
{
    listed[0] = 0;
    assert_int_equal(tt_rundir_list(add, listed, &err), 0);
    assert_string_equal(listed, "");
    assert_int_equal(tt_rundir_prepare("two", &dir, &err), 0);
    assert_int_equal(tt_rundir_prepare("one", &dir, &err), 0);
    close(open(path_of("run/file"), O_CREAT | O_WRONLY, 0600));
    mkdir(path_of("run/.hidden"), 0700);
    assert_int_equal(tt_rundir_list(add, listed, &err), 0);
    assert_string_equal(listed, "one two ");
}

/* A process with the name of an engine host's parent, alive until `go` is closed. */
static pid_t fork_named(const char *name, int go[2])
{
    int ready[2];
    char byte;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        close(go[1]);
        prctl(PR_SET_NAME, name);
        _exit(write(ready[1], "x", 1) != 1 || read(go[0], &byte, 1) != 0);
    }
    close(go[0]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return child;
}

TEST(hosts_that_were_noted_are_found_while_they_live)
{
    int go[2], other_go[2];
    pid_t *pids, host = fork_named("tutti-engine", go), other = fork_named("bash)", other_go);
    assert_int_equal(tt_rundir_prepare("x", &dir, &err), 0);
    assert_int_equal(tt_rundir_hosts(&dir, &pids), 0);
    tt_rundir_note_hosts(&dir, (pid_t[]){host, other, 1, -1}, 4);
    assert_int_equal(tt_rundir_hosts(&dir, &pids), 1);
    assert_int_equal(pids[0], host);
    free(pids);
    close(go[1]);
    close(other_go[1]);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)host, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(tt_rundir_hosts(&dir, &pids), 0); /* not reaped yet, but dead */
    free(pids);
    waitpid(host, NULL, 0);
    waitpid(other, NULL, 0);
    assert_int_equal(tt_rundir_hosts(&dir, &pids), 0);
    free(pids);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(names_that_could_leave_the_directory_are_refused),
        EACH(a_relative_directory_is_refused),
        EACH(a_path_too_long_for_a_socket_is_refused_with_the_limit),
        EACH(a_symbolic_link_is_refused),
        EACH(a_cluster_directory_that_is_a_link_or_a_file_is_refused),
        EACH(a_directory_that_others_may_enter_is_refused),
        EACH(a_directory_of_somebody_else_is_refused),
        EACH(a_state_directory_that_others_may_write_is_refused),
        EACH(a_parent_that_cannot_be_made_is_told),
        EACH(a_cluster_that_was_never_started_is_not_running),
        EACH(preparing_makes_private_directories_and_paths),
        EACH(without_our_variables_the_xdg_ones_decide),
        EACH(nobody_holds_a_lock_that_was_not_taken),
        EACH(a_lock_names_its_holder_until_it_is_closed),
        EACH(a_killed_holder_holds_nothing_whatever_the_file_says),
        EACH(a_holder_whose_threads_are_still_ending_is_waited_for),
        EACH(a_lock_file_with_nonsense_has_no_pid),
        EACH(a_lock_that_is_a_link_is_not_followed),
        EACH(asking_for_the_holder_never_makes_a_lock_fail),
        EACH(clusters_are_listed_by_name_and_nothing_else_is),
        EACH(hosts_that_were_noted_are_found_while_they_live),
    };
    alarm(30);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
