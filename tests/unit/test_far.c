/* Unit test of engine/far: whichever ends first, link, host or parent, nothing is left on this
 * machine, and the link carries bytes of the host's connection only. Every process of a test
 * holds the write end of one pipe, as in test_parent.c, so the pipe's end tells that all are
 * gone. */
#include "check.h"

#include "far.h"
#include "loop.h"
#include "machine.h"
#include "parent.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DEADLINE_MS = 20000, MANY = 1 << 20 };

static struct {
    char endpoint[FAR_ENDPOINT_MAX];
} * shared;                   /* by all processes of a test */
static int alive[2];          /* a pipe: letters of those who are ready */
static int said[2];           /* a pipe: their stderr */
static int go[2];             /* a pipe: a letter lets the host go on */
static int link_in, link_out; /* our end of the link: to read, to write */
static pid_t parent;

static int begin(void **unused)
{
    (void)unused;
    parent = 0;
    link_in = link_out = -1;
    shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    signal(SIGPIPE, SIG_IGN);
    return shared != MAP_FAILED && pipe(alive) == 0 && pipe(said) == 0 && pipe(go) == 0 ? 0
                                                                                        : -1;
}

static void close_link(void)
{
    if (link_in >= 0)
        close(link_in);
    if (link_out >= 0 && link_out != link_in)
        close(link_out);
    link_in = link_out = -1;
}

static int end(void **unused)
{
    (void)unused;
    if (parent > 0) {
        kill(parent, SIGKILL);
        waitpid(parent, NULL, 0);
    }
    close_link();
    int *const pipes[] = {alive, said, go};
    for (size_t i = 0; i < 3; i++) {
        close(pipes[i][0]);
        if (pipes[i][1] >= 0)
            close(pipes[i][1]);
    }
    return munmap(shared, sizeof *shared);
}

static void say(char letter)
{
    if (write(alive[1], &letter, 1) != 1)
        _exit(99);
}

/* The next byte that comes there; 0 at the end, '?' when neither comes in time. */
static char next(int fd, int timeout_ms)
{
    char letter = 0;
    struct pollfd readable = {fd, POLLIN, 0};
    if (poll(&readable, 1, timeout_ms) != 1)
        return '?';
    return read(fd, &letter, 1) >= 0 ? letter : '?';
}

#define heard() next(alive[0], DEADLINE_MS)

/* All that is written there until its end. */
static void assert_all(int fd, const char *want)
{
    char text[512] = "";
    size_t len = 0;
    while (len < sizeof text - 1 && (text[len] = next(fd, DEADLINE_MS)) != 0)
        len++;
    text[len] = 0;
    assert_string_equal(text, want);
}

/* ---- parent and host */

/* The child's end of a link, as sshd gives it: pipes, or one socket. */
static void make_link(bool pipes, int theirs[2])
{
    int one[2], other[2];
    if (pipes) {
        assert_int_equal(pipe2(one, O_CLOEXEC), 0);
        assert_int_equal(pipe2(other, O_CLOEXEC), 0);
        theirs[0] = one[0];
        link_out = one[1];
        link_in = other[0];
        theirs[1] = other[1];
    } else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, one), 0);
        theirs[0] = theirs[1] = one[1];
        link_in = link_out = one[0];
    }
}

/* Starts both; `host` is the host's life and ends with _exit. */
static void start(bool pipes, void (*host)(void))
{
    int theirs[2];
    tt_error_t err;
    make_link(pipes, theirs);
    fflush(NULL);
    parent = fork();
    if (parent == 0) {
        alarm(90);
        close_link();
        close(alive[0]);
        close(said[0]);
        close(go[1]);
        dup2(theirs[0], 0);
        dup2(theirs[1], 1);
        dup2(said[1], 2);
        for (int i = 0; i < 2; i++)
            if (i == 0 || theirs[1] != theirs[0])
                close(theirs[i]);
        close(said[1]);
        if (far_fork(shared->endpoint, &err) != 0)
            _exit(98);
        host();
        _exit(97);
    }
    close(theirs[0]);
    if (theirs[1] != theirs[0])
        close(theirs[1]);
    close(alive[1]);
    close(said[1]);
    alive[1] = said[1] = -1;
}

static int status_of_parent(void)
{
    int status = 0, fd = tt_pidfd_open(parent);
    struct pollfd wait = {fd, POLLIN, 0};
    assert_int_equal(poll(&wait, 1, DEADLINE_MS), 1);
    close(fd);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    parent = 0;
    return status;
}

static void assert_ends(int code)
{
    int status = status_of_parent();
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), code);
    assert_int_equal(heard(), 0); /* and nobody is left */
}

/* ---- what hosts do */

static int connect_there(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s",
             shared->endpoint + strlen("ipc://"));
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    close(fd);
    return -1;
}

static void wait_for_go(void)
{
    char letter;
    if (read(go[0], &letter, 1) != 1)
        _exit(95);
}

static void let_go(void)
{
    assert_int_equal(write(go[1], "!", 1), 1);
}

static void wait_for_term(void)
{
    sigset_t term;
    int number;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigwait(&term, &number);
}

static void hear_go(void)
{
    char want[32];
    snprintf(want, sizeof want, "=go %d\n", tt_machine_cores());
    for (const char *at = want; *at; at++)
        assert_int_equal(next(link_in, DEADLINE_MS), *at);
}

/* ---- the door */

static const char *socket_path(void)
{
    return shared->endpoint + strlen("ipc://");
}

static const char *directory(void)
{
    static char path[FAR_ENDPOINT_MAX];
    snprintf(path, sizeof path, "%s", socket_path());
    *strrchr(path, '/') = 0;
    return path;
}

static void connects_when_told(void)
{
    say('r');
    wait_for_go();
    say('c');
    int fd = connect_there();
    wait_for_go();
    _exit(fd < 0 ? 94 : connect_there() >= 0 ? 93 : 0);
}

TEST(the_link_is_told_that_the_host_is_here_once_it_is_and_the_door_is_gone_by_then)
{
    struct stat found;
    start(true, connects_when_told);
    assert_int_equal(heard(), 'r');
    assert_memory_equal(shared->endpoint, "ipc:///tmp/", 11);
    assert_int_equal(stat(directory(), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(stat(socket_path(), &found), 0);
    assert_true(S_ISSOCK(found.st_mode));
    assert_int_equal(next(link_in, 100), '?');
    let_go();
    hear_go();
    assert_int_equal(next(alive[0], 0), 'c');
    assert_int_equal(stat(socket_path(), &found), -1);
    assert_int_equal(stat(directory(), &found), -1);
    let_go(); /* nobody else is let in */
    assert_ends(0);
    assert_int_equal(next(link_in, DEADLINE_MS), 0);
}

static void never_connects(void)
{
    say('r');
    for (;;)
        pause();
}

TEST(a_host_that_never_connects_is_ended_and_the_door_closed)
{
    start(true, never_connects);
    assert_int_equal(heard(), 'r');
    assert_ends(128 + SIGKILL);
    assert_int_equal(heard(), 0);
    assert_int_equal(next(link_in, DEADLINE_MS), 0); /* not a word */
    assert_int_equal(access(directory(), F_OK), -1);
}

static void ends_at_once(void)
{
    _exit(3);
}

TEST(a_host_that_ends_before_it_connects_leaves_nothing)
{
    start(false, ends_at_once);
    assert_ends(3);
    assert_int_equal(next(link_in, DEADLINE_MS), 0);
    assert_int_equal(access(directory(), F_OK), -1);
}

/* ---- bytes */

static void sends_back(void)
{
    static char block[65536];
    int fd = connect_there();
    tt_signals_unblock();
    for (ssize_t got; (got = read(fd, block, sizeof block)) > 0;)
        for (ssize_t at = 0, put; at < got; at += put)
            if ((put = write(fd, block + at, (size_t)(got - at))) <= 0)
                _exit(94);
    _exit(0);
}

/* Sends and hears the same many bytes at once. */
static void exchange(void)
{
    static uint8_t out[MANY], in[MANY];
    size_t sent = 0, got = 0;
    for (size_t i = 0; i < MANY; i++)
        out[i] = (uint8_t)(i * 7 + i / 251);
    fcntl(link_out, F_SETFL, O_NONBLOCK);
    while (got < MANY) {
        struct pollfd ends[] = {{link_in, POLLIN, 0},
                                {sent < MANY ? link_out : -1, POLLOUT, 0}};
        assert_true(poll(ends, 2, DEADLINE_MS) > 0);
        ssize_t some = ends[1].revents ? write(link_out, out + sent, MANY - sent) : 0;
        sent += some > 0 ? (size_t)some : 0;
        some = ends[0].revents ? read(link_in, in + got, MANY - got) : 0;
        assert_true(some > 0 || ends[0].revents == 0);
        got += some > 0 ? (size_t)some : 0;
    }
    assert_memory_equal(in, out, MANY);
}

TEST(bytes_go_both_ways_unchanged_over_pipes_or_a_socket)
{
    for (int i = 0; i < 2; i++) {
        if (i > 0)
            assert_int_equal(begin(NULL), 0);
        start(i == 0, sends_back);
        hear_go();
        exchange();
        if (i > 0)
            continue; /* its end is the second one's */
        close_link();
        assert_ends(128 + SIGTERM);
        assert_int_equal(end(NULL), 0);
    }
}

static void prints(void)
{
    int fd = connect_there();
    char byte = 0;
    printf("a print\n");
    fflush(stdout);
    fprintf(stderr, "an error\n");
    wait_for_go();
    if (read(0, &byte, 1) != 0 || write(fd, "!", 1) != 1)
        _exit(94);
    _exit(0);
}

TEST(what_the_host_prints_is_not_for_the_link_and_nothing_is_its_stdin)
{
    start(true, prints);
    hear_go();
    let_go();
    assert_all(link_in, "!");
    assert_ends(0);
    assert_all(said[0], "a print\nan error\n");
}

static void says_last_words(void)
{
    static char words[40000];
    int fd = connect_there();
    memset(words, 'w', sizeof words);
    wait_for_go();
    if (write(fd, words, sizeof words) != sizeof words)
        _exit(94);
    _exit(5);
}

TEST(the_last_words_of_a_host_that_ends_are_passed_on)
{
    size_t count = 0;
    start(false, says_last_words);
    hear_go();
    let_go();
    for (char letter; (letter = next(link_in, DEADLINE_MS)) != 0; count++)
        assert_int_equal(letter, 'w');
    assert_int_equal(count, 40000);
    assert_ends(5);
}

static void comes_and_goes(void)
{
    int fd = connect_there();
    _exit(fd >= 0 && write(fd, "!", 1) == 1 ? 4 : 94);
}

TEST(a_host_that_has_ended_before_it_is_let_in_is_passed_on_as_well)
{
    start(true, comes_and_goes);
    hear_go();
    assert_all(link_in, "!");
    assert_ends(4);
}

/* ---- the host ends */

static void is_killed(void)
{
    connect_there();
    wait_for_go();
    raise(SIGKILL);
}

TEST(a_host_that_is_killed_ends_the_parent_with_128_and_the_signal)
{
    start(true, is_killed);
    hear_go();
    let_go();
    assert_ends(128 + SIGKILL);
    assert_int_equal(next(link_in, DEADLINE_MS), 0);
}

static void closes_and_stays(void)
{
    int fd = connect_there();
    wait_for_go();
    close(fd);
    wait_for_term();
    _exit(6);
}

TEST(a_host_that_closes_its_connection_is_asked_to_end)
{
    start(true, closes_and_stays);
    hear_go();
    let_go();
    assert_ends(6);
}

/* ---- the link ends */

static void sleep_for_good(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    say('s');
    for (;;)
        pause();
}

/* A child, and a daemon by the book. */
static void leave_two(void)
{
    if (fork() == 0)
        sleep_for_good();
    pid_t middle = fork();
    if (middle == 0) {
        setsid();
        if (fork() == 0)
            sleep_for_good();
        _exit(0);
    }
    waitpid(middle, NULL, 0);
}

static void ends_in_order(void)
{
    connect_there();
    leave_two();
    say('s');
    wait_for_term();
    _exit(7);
}

static void hear_three(void)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(heard(), 's');
}

TEST(when_the_link_ends_the_host_is_asked_to_end_and_all_it_left_is_killed)
{
    start(true, ends_in_order);
    hear_go();
    hear_three();
    close(link_out); /* its stdin; what it sends would still be read */
    link_out = -1;
    assert_ends(7);
    assert_int_equal(next(link_in, DEADLINE_MS), 0);
}

static void does_not_mind(void)
{
    sigset_t all;
    connect_there();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    leave_two();
    sleep_for_good();
}

TEST(a_host_that_does_not_end_with_its_link_is_killed)
{
    start(false, does_not_mind);
    hear_go();
    hear_three();
    int64_t since = tt_now_ms();
    close_link();
    assert_ends(128 + SIGKILL);
    assert_int_equal(heard(), 0);
    assert_true(tt_now_ms() - since >= 1500); /* it had its time */
}

static void talks_on(void)
{
    int fd = connect_there();
    say('s');
    wait_for_go();
    if (write(fd, "hello", 5) != 5)
        _exit(94);
    wait_for_term();
    _exit(8);
}

TEST(a_link_that_takes_nothing_any_more_has_ended)
{
    start(true, talks_on);
    hear_go();
    close(link_in);
    link_in = -1;
    let_go();
    assert_int_equal(heard(), 's');
    assert_ends(8);
}

static void connects_late(void)
{
    say('r');
    wait_for_go();
    connect_there();
    for (;;)
        pause();
}

TEST(a_link_that_ended_before_the_host_came_ends_all)
{
    start(true, connects_late);
    assert_int_equal(heard(), 'r');
    close_link();
    let_go();
    assert_ends(128 + SIGKILL);
    assert_int_equal(heard(), 0);
    assert_int_equal(access(directory(), F_OK), -1);
}

/* ---- the parent ends */

static void waits_for_term(void)
{
    connect_there();
    wait_for_term();
    _exit(9);
}

TEST(a_request_to_end_is_passed_on_to_the_host)
{
    const int requests[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        if (i > 0)
            assert_int_equal(begin(NULL), 0);
        start(true, waits_for_term);
        hear_go();
        kill(parent, requests[i]);
        assert_ends(9);
        if (i < 2)
            assert_int_equal(end(NULL), 0);
    }
}

/* As engine/main.c: whoever is left without a parent sweeps. */
static void stands_in(void)
{
    int self = getppid();
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    connect_there();
    leave_two();
    say('s');
    wait_for_term();
    parent_stand_in(self);
    _exit(0);
}

TEST(when_the_parent_is_killed_the_link_ends_and_the_host_sweeps)
{
    start(true, stands_in);
    hear_go();
    hear_three();
    kill(parent, SIGKILL);
    assert_int_equal(next(link_in, DEADLINE_MS), 0); /* nobody else holds it */
    assert_int_equal(heard(), 0);
    assert_true(WIFSIGNALED(status_of_parent()));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(150);
    const struct CMUnitTest tests[] = {
        EACH(the_link_is_told_that_the_host_is_here_once_it_is_and_the_door_is_gone_by_then),
        EACH(a_host_that_never_connects_is_ended_and_the_door_closed),
        EACH(a_host_that_ends_before_it_connects_leaves_nothing),
        EACH(bytes_go_both_ways_unchanged_over_pipes_or_a_socket),
        EACH(what_the_host_prints_is_not_for_the_link_and_nothing_is_its_stdin),
        EACH(the_last_words_of_a_host_that_ends_are_passed_on),
        EACH(a_host_that_has_ended_before_it_is_let_in_is_passed_on_as_well),
        EACH(a_host_that_is_killed_ends_the_parent_with_128_and_the_signal),
        EACH(a_host_that_closes_its_connection_is_asked_to_end),
        EACH(when_the_link_ends_the_host_is_asked_to_end_and_all_it_left_is_killed),
        EACH(a_host_that_does_not_end_with_its_link_is_killed),
        EACH(a_link_that_takes_nothing_any_more_has_ended),
        EACH(a_link_that_ended_before_the_host_came_ends_all),
        EACH(a_request_to_end_is_passed_on_to_the_host),
        EACH(when_the_parent_is_killed_the_link_ends_and_the_host_sweeps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
