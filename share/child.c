/* Starting processes. The child's side between fork and exec calls only async-signal-safe
 * functions. */
#include "child.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Our environment with the changes; the array is the caller's, its texts are borrowed. */
static char **merged(const char *const *changes)
{
    size_t ours = 0, added = 0;
    while (environ[ours])
        ours++;
    while (changes && changes[added])
        added++;
    char **out = tt_alloc((ours + added + 1) * sizeof *out);
    size_t count = 0;
    for (size_t i = 0; i < ours; i++) {
        size_t name = strcspn(environ[i], "=") + 1;
        bool replaced = false;
        for (size_t c = 0; c < added && !replaced; c++)
            replaced = strncmp(environ[i], changes[c], name) == 0;
        if (!replaced)
            out[count++] = environ[i];
    }
    for (size_t c = 0; c < added; c++)
        if (changes[c][strcspn(changes[c], "=")] && changes[c][strcspn(changes[c], "=") + 1])
            out[count++] = (char *)(uintptr_t)changes[c];
    return out;
}

static void complain(const char *what, const char *on)
{
    const char *why = strerrordesc_np(errno);
    const char *parts[] = {"cannot ", what, " '", on, "': ", why ? why : "?", "\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (write(2, parts[i], strlen(parts[i])) < 0)
            break;
    _exit(127);
}

/* Puts the wanted descriptors at 0 to 4. They are first moved above that range, so that none
 * overwrites another. */
static void place_fds(const int wanted[TT_CHILD_FDS])
{
    int high[TT_CHILD_FDS];
    for (int i = 0; i < TT_CHILD_FDS; i++) {
        high[i] = -1;
        if (wanted[i] >= 0)
            high[i] = fcntl(wanted[i], F_DUPFD_CLOEXEC, 64);
        else if (i <= 2)
            high[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (i <= 2 && high[i] >= 0 && high[i] < TT_CHILD_FDS)
            high[i] = fcntl(high[i], F_DUPFD_CLOEXEC, 64);
    }
    for (int i = 0; i < TT_CHILD_FDS; i++) {
        if (high[i] >= 0)
            dup2(high[i], i);
        else
            close(i);
    }
}

/* A daemon must not hold what its caller happened to have open: a pipe would never end. */
static void close_others(void)
{
    if (syscall(SYS_close_range, TT_CHILD_FDS, ~0u, 0) == 0)
        return;
    for (int fd = TT_CHILD_FDS; fd < 1024; fd++)
        close(fd);
}

static void limit(const tt_child_t *self)
{
    struct rlimit data = {self->memory_bytes, self->memory_bytes};
    if (self->memory_bytes)
        setrlimit(RLIMIT_DATA, &data);
    if (self->nice)
        setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + self->nice);
}

static void become(const tt_child_t *self, char **environment, pid_t parent)
{
    if (self->own_session)
        setsid();
    else if (self->own_group)
        setpgid(0, 0);
    if (self->dies_with_us) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(126);
    }
    limit(self);
    place_fds(self->fd);
    close_others();
    tt_signals_unblock();
    if (self->directory && chdir(self->directory) != 0)
        complain("enter", self->directory);
    environ = environment;
    execvp(self->argv[0], (char *const *)(uintptr_t)self->argv);
    complain("run", self->argv[0]);
}

pid_t tt_child_spawn(const tt_child_t *self, tt_error_t *err)
{
    char **environment = merged(self->environment);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0)
        become(self, environment, parent);
    free(environment);
    if (pid > 0) {
        if (self->own_group && !self->own_session)
            setpgid(pid, pid);
        return pid;
    }
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_NPROC, &limit);
    if (errno == EAGAIN)
        return tt_error_set(err,
                            "cannot start '%s': no more processes (limit of the user: %ld, or "
                            "pids.max of the cgroup)",
                            self->argv[0], (long)limit.rlim_cur);
    return tt_error_set(err, "cannot start '%s': %s", self->argv[0], strerror(errno));
}

const char *tt_signal_name(int number)
{
    static char text[32];
    const char *name = sigabbrev_np(number);
    if (name)
        snprintf(text, sizeof text, "SIG%s", name);
    else
        snprintf(text, sizeof text, "signal %d", number);
    return text;
}

const char *tt_child_ending(int wait_status)
{
    static char text[64];
    if (WIFSIGNALED(wait_status))
        snprintf(text, sizeof text, "was killed by %s", tt_signal_name(WTERMSIG(wait_status)));
    else
        snprintf(text, sizeof text, "exited with status %d", WEXITSTATUS(wait_status));
    return text;
}

uint64_t tt_child_rss(pid_t pid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/%d/statm", (int)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    unsigned long size = 0, resident = 0;
    if (got <= 0 || sscanf(text, "%lu %lu", &size, &resident) != 2)
        return 0;
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

long tt_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return -1;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    return (long)limit.rlim_cur;
}
