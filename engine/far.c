/* The far end of a link over ssh. See far.h. */
#include "far.h"

#include "log.h"
#include "machine.h"
#include "parent.h"
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    CONNECT_MS = 10000, /* for the host to connect */
    FAREWELL_MS = 1500, /* for a host without a link to end in order */
    DRAIN_MS = 300      /* for what a host that has ended had sent */
};

typedef struct {
    tt_loop_t *loop;
    tt_pump_t *pump;
    char directory[FAR_ENDPOINT_MAX - 16];
    struct sockaddr_un address;
    int listen_fd, host_fd;
    pid_t host; /* 0: it has ended */
    int status;
} far_t;

/* ---- the door: a directory that only we can enter, for one connection */

static void close_door(far_t *self)
{
    if (self->listen_fd < 0)
        return;
    close(self->listen_fd);
    self->listen_fd = -1;
    unlink(self->address.sun_path);
    rmdir(self->directory);
}

static int open_door(far_t *self, tt_error_t *err)
{
    snprintf(self->directory, sizeof self->directory, "/tmp/tutti-link-XXXXXX");
    if (mkdtemp(self->directory) == NULL)
        return tt_error_set(err, "cannot make a directory in /tmp: %s", strerror(errno));
    self->address = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(self->address.sun_path, sizeof self->address.sun_path, "%.90s/s", self->directory);
    self->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const struct sockaddr *address = (const struct sockaddr *)&self->address;
    if (bind(self->listen_fd, address, sizeof self->address) == 0 &&
        listen(self->listen_fd, 1) == 0)
        return 0;
    tt_error_set(err, "cannot listen in '%s': %s", self->directory, strerror(errno));
    close_door(self);
    return -1;
}

/* ---- the parent */

static void stop(void *arg)
{
    far_t *self = arg;
    tt_loop_stop(self->loop);
}

/* The link or the host's connection has closed: with the link gone the host is told to end. */
static void on_ended(void *arg, int end, int error)
{
    far_t *self = arg;
    (void)end;
    (void)error;
    tt_pump_destroy(&self->pump);
    if (self->host == 0) {
        tt_loop_stop(self->loop);
        return;
    }
    kill(self->host, SIGTERM);
    tt_loop_add_timer(self->loop, FAREWELL_MS, stop, self);
}

static void on_host(void *arg, int fd, uint32_t events)
{
    far_t *self = arg;
    (void)events;
    self->host_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    if (self->host_fd < 0)
        return;
    tt_loop_remove_fd(self->loop, fd);
    close_door(self);
    char line[32];
    int len = snprintf(line, sizeof line, "=go %d\n", tt_machine_cores());
    if (write(1, line, (size_t)len) != len) {
        tt_loop_stop(self->loop);
        return;
    }
    const tt_pump_end_t ends[2] = {{0, 1}, {self->host_fd, self->host_fd}};
    self->pump = tt_pump_new(self->loop, ends, NULL, 0, on_ended, self);
}

static void on_no_host(void *arg)
{
    far_t *self = arg;
    if (self->listen_fd >= 0)
        tt_loop_stop(self->loop);
}

static void reap(far_t *self)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (pid != self->host)
            continue;
        self->host = 0;
        self->status = status;
        if (self->listen_fd >= 0)
            on_host(self, self->listen_fd,
                    EPOLLIN); /* its end may be seen before it has come */
        if (self->pump)
            tt_loop_add_timer(self->loop, DRAIN_MS, stop, self);
        else
            tt_loop_stop(self->loop);
    }
}

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    far_t *self = arg;
    if (info->ssi_signo == SIGCHLD)
        reap(self);
    else if (self->host)
        kill(self->host, SIGTERM);
}

static void run_parent(far_t *self, const sigset_t *signals)
{
    self->loop = tt_loop_new();
    tt_loop_add_signals(self->loop, signals, on_signal, self);
    tt_loop_add_fd(self->loop, self->listen_fd, EPOLLIN, on_host, self);
    tt_loop_add_timer(self->loop, CONNECT_MS, on_no_host, self);
    reap(self); /* it may have ended before we listened for signals */
    if (self->host || self->pump)
        tt_loop_run(self->loop);
    close_door(self);
    tt_pump_destroy(&self->pump);
    parent_sweep();
    parent_exit(self->host ? SIGKILL : self->status); /* a wait status is a signal's number */
}

/* The link is not the host's: what it prints goes to the log. */
static void leave_link(far_t *self)
{
    close(self->listen_fd);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    dup2(2, 1);
    close(null);
}

int far_fork(char endpoint[FAR_ENDPOINT_MAX], tt_error_t *err)
{
    far_t self = {.host_fd = -1};
    sigset_t signals;
    tt_signals_block(&signals, SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0);
    if (open_door(&self, err) != 0)
        return -1;
    snprintf(endpoint, FAR_ENDPOINT_MAX, "ipc://%s", self.address.sun_path);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_NAME, "tutti-engine"); /* of the bundle's loader we are only an argument */
    pid_t parent = getpid();
    self.host = fork();
    if (self.host < 0) {
        tt_error_set(err, "cannot fork: %s", strerror(errno));
        close_door(&self);
        return -1;
    }
    if (self.host > 0)
        run_parent(&self, &signals);
    parent_become_host(parent);
    leave_link(&self);
    return 0;
}
