/* Engines off a zygote. See fork.h, and PROTOCOL.md, "Zygotes".
 *
 * An engine is forked twice: the middle process ends and is reaped before the engine may go on,
 * so the engine's parent is the host (a subreaper) from its first step. */
#include "fork.h"

#include "../../share/pack.h"
#include "../../share/read.h"
#include "../../share/rights.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    FDS = 4, /* of an engine: socket, page, stdout, stderr */
    DATAGRAM = 4096,
    HOST_GONE = 97, /* exit status of an engine */
    FIRST_FREE = 16 /* descriptors from here on are in nobody's way */
};

typedef struct {
    int gate[2];   /* its end lets the engine go on */
    int report[2]; /* the engine's pid, from the middle process */
} pipes_t;

static int threads(void)
{
    int count = 0;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));)
        count += entry->d_name[0] != '.';
    if (tasks)
        closedir(tasks);
    return count;
}

/* Waits for a request: 1, 0 when the host has ended, -1 with an exception of Python's. */
static int receive(int link, int64_t *engine, tt_rights_t *fds)
{
    uint8_t bytes[DATAGRAM];
    ssize_t got;
    while ((got = tt_rights_read(fds, link, bytes, sizeof bytes)) < 0 && errno == EINTR)
        if (PyErr_CheckSignals() != 0)
            return -1;
    if (got <= 0)
        return 0;
    tt_reader_t reader = tt_reader((tt_span_t){bytes, (size_t)got});
    size_t count;
    bool whole = tt_read_array(&reader, &count) == 0 && count >= 1 &&
                 tt_read_int(&reader, engine) == 0 && fds->count == FDS;
    return whole ? 1 : 0;
}

static void answer(int link, int64_t engine, pid_t pid)
{
    tt_buf_t bytes;
    tt_buf_init(&bytes);
    tt_pack_array(&bytes, 2);
    tt_pack_int(&bytes, engine);
    tt_pack_int(&bytes, pid);
    while (send(link, bytes.data, bytes.len, MSG_NOSIGNAL) < 0 && errno == EINTR)
        continue;
    tt_buf_release(&bytes);
}

static ssize_t read_whole(int fd, void *into, size_t len)
{
    ssize_t got;
    while ((got = read(fd, into, len)) < 0 && errno == EINTR)
        continue;
    return got;
}

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

/* Forks the engine and ends. Returns in the engine, when it may go on. */
static void be_middle(pipes_t *pipes)
{
    pid_t pid = fork();
    if (pid != 0) {
        ssize_t wrote = write(pipes->report[1], &pid, sizeof pid);
        _exit(wrote != sizeof pid);
    }
    char none;
    close(pipes->gate[1]);
    close_both(pipes->report);
    read_whole(pipes->gate[0], &none, 1);
    close(pipes->gate[0]);
}

/* The system call itself: behind Python's headers fcntl is one of a newer glibc than the
 * runtime may need. */
static int duplicate(int fd)
{
    return (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FREE);
}

/* Puts the descriptors into their places 0 to 4. Those beside the first three are closed on
 * exec. */
static void place(tt_rights_t *fds)
{
    int high[FDS + 1], null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int from[FDS + 1] = {null, fds->fds[2], fds->fds[3], fds->fds[0], fds->fds[1]};
    for (int i = 0; i <= FDS; i++)
        high[i] = duplicate(from[i]);
    close(null);
    tt_rights_release(fds);
    for (int i = 0; i <= FDS; i++) {
        dup3(high[i], i, i < 3 ? 0 : O_CLOEXEC);
        close(high[i]);
    }
}

/* A process group of its own that dies with the host. */
static void settle(pid_t host)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != host)
        _exit(HOST_GONE);
}

/* 0 in the engine; in the zygote its pid, -1 when it cannot be forked. */
static pid_t fork_twice(pipes_t *pipes)
{
    PyOS_BeforeFork();
    pid_t middle = fork(), pid = -1;
    if (middle == 0) {
        be_middle(pipes);
        PyOS_AfterFork_Child();
        return 0;
    }
    PyOS_AfterFork_Parent();
    close(pipes->report[1]);
    pipes->report[1] = -1;
    if (middle > 0 && read_whole(pipes->report[0], &pid, sizeof pid) != sizeof pid)
        pid = -1;
    while (middle > 0 && waitpid(middle, NULL, 0) < 0 && errno == EINTR)
        continue;
    return pid;
}

/* True in the engine. */
static bool fork_one(int link, pid_t host, int64_t engine, tt_rights_t *fds)
{
    pipes_t pipes = {{-1, -1}, {-1, -1}};
    pid_t pid = -1;
    if (pipe2(pipes.gate, O_CLOEXEC) == 0 && pipe2(pipes.report, O_CLOEXEC) == 0)
        pid = fork_twice(&pipes);
    if (pid == 0) {
        settle(host);
        close(link);
        place(fds);
        return true;
    }
    tt_rights_release(fds);
    answer(link, engine, pid);
    close_both(pipes.gate); /* the middle process is reaped: the engine may go on */
    close_both(pipes.report);
    return false;
}

int fork_engines(int link)
{
    pid_t host = getppid();
    for (;;) {
        tt_rights_t fds = {0};
        int64_t engine;
        int rc = receive(link, &engine, &fds);
        if (rc < 0)
            return -1;
        if (rc == 0)
            _exit(0);
        if (threads() > 1) {
            tt_rights_release(&fds); /* the host starts by exec what is not answered */
            return 1;
        }
        if (fork_one(link, host, engine, &fds))
            return 0;
    }
}
