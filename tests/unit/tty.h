/* For tests of what happens at a terminal: the test is the leader of a session of its own whose
 * controlling terminal is a pseudo-terminal that the test itself reads and types on. */
#ifndef TT_TTY_H
#define TT_TTY_H

#include "scratch.h"

#include <fcntl.h>
#include <pty.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>

static int tty_master = -1, tty_slave = -1;
static int tty_saved[3] = {-1, -1, -1};
static volatile int *tty_stops; /* how often the session was stopped; the shell counts */
static tt_buf_t tty_said;       /* what was written to the terminal, as far as it was read */

/* The shell above the session: goes on with it when it stops, and ends as it does. */
static inline void tty_shell(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
        ++*tty_stops;
        kill(pid, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

/* For the start of main, behind toy_main. */
static inline void tty_main(void)
{
    sigset_t signals;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    tty_stops = mmap(NULL, sizeof *tty_stops, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = fork();
    if (pid != 0)
        tty_shell(pid);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (setsid() < 0 || openpty(&tty_master, &tty_slave, NULL, NULL, &size) != 0 ||
        ioctl(tty_slave, TIOCSCTTY, 0) != 0)
        _exit(98);
    fcntl(tty_master, F_SETFL, O_NONBLOCK);
    fcntl(tty_master, F_SETFD, FD_CLOEXEC);
    fcntl(tty_slave, F_SETFD, FD_CLOEXEC);
    sigemptyset(&signals);
    sigaddset(&signals, SIGTTOU);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    setenv("TERM", "xterm", 1);
    setenv("LC_ALL", "C.UTF-8", 1);
}

static inline void tty_read(void)
{
    char bytes[4096];
    ssize_t got;
    while ((got = read(tty_master, bytes, sizeof bytes)) > 0)
        tt_buf_append(&tty_said, bytes, (size_t)got);
}

/* What was written there since tty_begin or tty_forget. */
static inline const char *tty_text(void)
{
    tty_read();
    return tt_buf_text(&tty_said);
}

static inline void tty_forget(void)
{
    tty_read();
    tty_said.len = 0;
}

static inline void tty_type(const char *text)
{
    assert_int_equal(write(tty_master, text, strlen(text)), strlen(text));
}

/* Descriptors 0 to 2 are the terminal, which changes no newline, or, with `cooked`, is as
 * terminals are. */
static inline void tty_begin(bool cooked)
{
    struct termios modes;
    tcgetattr(tty_slave, &modes);
    modes.c_oflag = cooked ? OPOST | ONLCR : 0;
    modes.c_lflag = ECHO | (cooked ? ICANON | ISIG | ECHOE | IEXTEN : 0);
    tcsetattr(tty_slave, TCSANOW, &modes);
    tcsetpgrp(tty_slave, getpgrp());
    fflush(stdout);
    fflush(stderr);
    for (int i = 0; i < 3; i++) {
        tty_saved[i] = fcntl(i, F_DUPFD_CLOEXEC, 10);
        dup2(tty_slave, i);
    }
    tty_forget();
}

static inline void tty_end(void)
{
    if (tty_saved[0] < 0)
        return;
    fflush(stdout);
    fflush(stderr);
    tcflush(tty_slave, TCIFLUSH);
    tty_read();
    for (int i = 0; i < 3; i++) {
        dup2(tty_saved[i], i);
        close(tty_saved[i]);
        tty_saved[i] = -1;
    }
}

/* Shows what the terminal had, when a test has failed there. */
static inline void tty_stop(void)
{
    bool on = tty_saved[0] >= 0;
    tty_end();
    if (on && tty_said.len > 0)
        fprintf(stderr, "at the terminal: %s\n", tt_buf_text(&tty_said));
    tt_buf_release(&tty_said);
    tt_buf_init(&tty_said);
}

#endif
