/* A bash from outside. See shell_watch.h. */
#include "shell_watch.h"

#include <fcntl.h>
#include <sched.h>
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

enum { FREE_LIMIT_MS = 50 };

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

/* A signal that arrives while bash puts its handler in place for waiting (after the system
 * call, before it has stored the handler that was there) makes that handler send itself the
 * signal for ever: seen in bash 5.2 with one interrupt in some thousands. So that one is taken
 * from it as a debugger would; then bash goes on. */
void shell_watch_free(pid_t pid)
{
    int64_t until = now_ms() + FREE_LIMIT_MS;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) != 0) {
        kill(pid, SIGKILL);
        return;
    }
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    for (bool late = false; !late;) {
        int met = stopped_by(pid);
        late = now_ms() > until;
        if (met == SIGINT || (late && met))
            break;
        if (met) /* above the signals: an event of the tracing itself */
            ptrace(PTRACE_CONT, pid, 0, met < NSIG ? met : 0);
        sched_yield();
    }
    if (ptrace(PTRACE_DETACH, pid, 0, 0) == 0)
        return;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0); /* it did not spin after all */
    for (until = now_ms() + FREE_LIMIT_MS; stopped_by(pid) == 0 && now_ms() < until;)
        sched_yield();
    if (ptrace(PTRACE_DETACH, pid, 0, 0) != 0)
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
