/* A bash from outside. See shell_watch.h. */
#include "shell_watch.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { FREE_LIMIT_MS = 50, LET_GO_LIMIT_MS = 2000 };

/* The text of a file below /proc/PID; empty when it cannot be read. */
static void read_about(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = file < 0 ? 0 : read(file, text, size - 1);
    if (file >= 0)
        close(file);
    text[got > 0 ? got : 0] = 0;
}

bool shell_watch_waits(pid_t pid, int in)
{
    char text[128];
    long number = -1;
    unsigned long fd = ~0ul;
    int queued = 0;
    read_about(pid, "syscall", text, sizeof text);
    return sscanf(text, "%ld 0x%lx", &number, &fd) == 2 && number == SYS_read && fd == 0 &&
           ioctl(in, FIONREAD, &queued) == 0 && queued == 0;
}

/* The signal, or event of tracing, that has stopped a child; 0: none has. */
static int stopped_by(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOHANG) != 0 || info.si_pid != pid)
        return 0;
    return info.si_status;
}

bool shell_watch_stopped(pid_t pid)
{
    return stopped_by(pid) != 0;
}

bool shell_watch_spins(pid_t pid)
{
    char text[4096];
    unsigned long long blocked = 0;
    read_about(pid, "status", text, sizeof text);
    const char *state = strstr(text, "\nState:\tR"), *mask = strstr(text, "\nSigBlk:\t");
    return state && mask && sscanf(mask, "\nSigBlk:\t%llx", &blocked) == 1 &&
           (blocked & 1ull << (SIGINT - 1));
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == pid;
}

/* What stops a child that is traced; 0 when nothing does until then, or it has ended. */
static int await_stop(pid_t pid, int64_t until_ms)
{
    int met;
    while ((met = stopped_by(pid)) == 0 && now_ms() < until_ms && !has_ended(pid))
        nanosleep(&(struct timespec){0, 200000}, NULL);
    return met;
}

/* What it gets when it goes on: above the signals are events of the tracing itself. */
static long signal_of(int met)
{
    return met < NSIG ? met : 0;
}

/* A signal that arrives while bash puts its handler in place for waiting (after the system
 * call, before it has stored the handler that was there) makes that handler send itself the
 * signal for ever: seen in bash 5.2 with one interrupt in some thousands. So that one is taken
 * from it as a debugger would; then bash goes on. On a busy machine it may not even run in that
 * time: it is let go of as it is. */
void shell_watch_free(pid_t pid)
{
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) {
        kill(pid, SIGKILL);
        return;
    }
    int64_t until = now_ms() + FREE_LIMIT_MS;
    int met;
    while ((met = await_stop(pid, until)) != 0 && met != SIGINT)
        ptrace(PTRACE_CONT, pid, 0, signal_of(met));
    if (met == 0) {
        ptrace(PTRACE_INTERRUPT, pid, 0, 0);
        met = await_stop(pid, now_ms() + LET_GO_LIMIT_MS);
    }
    if (ptrace(PTRACE_DETACH, pid, 0, met == SIGINT ? 0 : signal_of(met)) != 0)
        kill(pid, SIGKILL);
}

void shell_watch_interrupt_youngest(pid_t pid)
{
    char name[64], text[4096];
    snprintf(name, sizeof name, "task/%d/children", (int)pid);
    read_about(pid, name, text, sizeof text);
    int youngest = 0;
    for (char *at = text, *end; *at; at = end) {
        int child = (int)strtol(at, &end, 10);
        if (end == at)
            break;
        youngest = child > 0 ? child : youngest;
    }
    if (youngest > 0)
        kill(youngest, SIGINT);
}
