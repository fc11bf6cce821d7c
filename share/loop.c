/* The event loop. See loop.h; why not zloop or zpoller stands in ARCHITECTURE.md. */
#include "loop.h"

#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

enum { BURST = 64, EVENTS = 64, SOCKETS = 8 };

#define NEVER INT64_MAX

typedef struct {
    tt_fd_fn *fn; /* NULL: not watched */
    void *arg;
    uint32_t events;
    uint32_t generation; /* tells a stale event of a descriptor that was reused within a turn */
} watch_t;

typedef struct {
    int64_t at_ms;
    uint64_t id; /* 0: cancelled */
    tt_timer_fn *fn;
    void *arg;
} timer_entry_t;

typedef struct {
    void *socket; /* NULL: free */
    int fd;
    tt_zmq_fn *fn;
    void *arg;
} zmq_watch_t;

typedef struct {
    tt_rest_fn *fn; /* NULL: forgotten */
    void *arg;
} rest_t;

struct tt_loop {
    int epoll_fd;
    bool stopped;
    watch_t *watches; /* by descriptor */
    size_t watch_count;
    uint32_t generation;
    timer_entry_t *timers; /* binary heap by time, then id */
    size_t timer_count, timer_cap;
    uint64_t timer_id;
    zmq_watch_t sockets[SOCKETS];
    rest_t *rests; /* in the order they are to be called */
    size_t rest_count, rest_cap;
    unsigned turning; /* turns within each other */
    int signal_fd;
    tt_signal_fn *on_signal;
    void *signal_arg;
};

int64_t tt_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int64_t tt_now_ms(void)
{
    return tt_now_ns() / 1000000;
}

tt_loop_t *tt_loop_new(void)
{
    tt_loop_t *self = tt_alloc(sizeof *self);
    self->signal_fd = -1;
    self->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (self->epoll_fd < 0) {
        perror("tutti: epoll_create1");
        abort();
    }
    return self;
}

void tt_loop_destroy(tt_loop_t **self_p)
{
    tt_loop_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->signal_fd >= 0)
        close(self->signal_fd);
    close(self->epoll_fd);
    free(self->watches);
    free(self->timers);
    free(self->rests);
    free(self);
    *self_p = NULL;
}

/* ---- descriptors */

void tt_loop_add_fd(tt_loop_t *self, int fd, uint32_t events, tt_fd_fn *fn, void *arg)
{
    size_t at = (size_t)fd;
    if (at >= self->watch_count) {
        size_t count = at + 64;
        self->watches = tt_realloc(self->watches, count * sizeof *self->watches);
        memset(self->watches + self->watch_count, 0,
               (count - self->watch_count) * sizeof *self->watches);
        self->watch_count = count;
    }
    watch_t *watch = &self->watches[at];
    bool known = watch->fn != NULL;
    if (!known)
        watch->generation = ++self->generation;
    watch->fn = fn;
    watch->arg = arg;
    if (known && watch->events == events)
        return;
    watch->events = events;
    struct epoll_event event = {.events = events};
    event.data.u64 = (uint64_t)watch->generation << 32 | (uint32_t)fd;
    if (epoll_ctl(self->epoll_fd, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0)
        epoll_ctl(self->epoll_fd, known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &event);
}

void tt_loop_remove_fd(tt_loop_t *self, int fd)
{
    if (fd < 0 || (size_t)fd >= self->watch_count || self->watches[fd].fn == NULL)
        return;
    self->watches[fd].fn = NULL;
    epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static void dispatch_fd(tt_loop_t *self, const struct epoll_event *event)
{
    size_t fd = (uint32_t)event->data.u64;
    uint32_t generation = (uint32_t)(event->data.u64 >> 32);
    if (fd >= self->watch_count)
        return;
    watch_t watch = self->watches[fd];
    if (watch.fn && watch.generation == generation)
        watch.fn(watch.arg, (int)fd, event->events);
}

/* ---- timers */

static bool before(const timer_entry_t *a, const timer_entry_t *b)
{
    return a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->id < b->id);
}

static void swap(timer_entry_t *a, timer_entry_t *b)
{
    timer_entry_t t = *a;
    *a = *b;
    *b = t;
}

static void sift_down(tt_loop_t *self, size_t at)
{
    for (;;) {
        size_t least = at, child = 2 * at + 1;
        for (size_t c = child; c < child + 2 && c < self->timer_count; c++)
            if (before(&self->timers[c], &self->timers[least]))
                least = c;
        if (least == at)
            return;
        swap(&self->timers[at], &self->timers[least]);
        at = least;
    }
}

static void sift_up(tt_loop_t *self, size_t at)
{
    while (at > 0 && before(&self->timers[at], &self->timers[(at - 1) / 2])) {
        swap(&self->timers[at], &self->timers[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

uint64_t tt_loop_add_timer(tt_loop_t *self, int64_t delay_ms, tt_timer_fn *fn, void *arg)
{
    if (self->timer_count == self->timer_cap) {
        self->timer_cap = self->timer_cap ? self->timer_cap * 2 : 16;
        self->timers = tt_realloc(self->timers, self->timer_cap * sizeof *self->timers);
    }
    size_t at = self->timer_count++;
    int64_t now = tt_now_ms(), at_ms = delay_ms < NEVER - now ? now + delay_ms : NEVER;
    self->timers[at] = (timer_entry_t){at_ms, ++self->timer_id, fn, arg};
    sift_up(self, at);
    return self->timer_id;
}

static timer_entry_t remove_timer(tt_loop_t *self, size_t at)
{
    timer_entry_t entry = self->timers[at];
    self->timers[at] = self->timers[--self->timer_count];
    if (at < self->timer_count) {
        sift_up(self, at);
        sift_down(self, at);
    }
    return entry;
}

void tt_loop_cancel_timer(tt_loop_t *self, uint64_t id)
{
    for (size_t i = 0; id != 0 && i < self->timer_count; i++) {
        if (self->timers[i].id == id) {
            remove_timer(self, i);
            return;
        }
    }
}

/* Only timers that were due when the turn began: one that sets itself again cannot hold the
 * loop. */
static void run_timers(tt_loop_t *self)
{
    int64_t now = tt_now_ms();
    uint64_t newest = self->timer_id;
    while (self->timer_count > 0 && self->timers[0].at_ms <= now &&
           self->timers[0].id <= newest) {
        timer_entry_t entry = remove_timer(self, 0);
        entry.fn(entry.arg);
    }
}

/* ---- ZeroMQ */

static bool readable(void *socket)
{
    int events = 0;
    size_t size = sizeof events;
    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLIN);
}

static void on_zmq_fd(void *arg, int fd, uint32_t events)
{
    /* Only a wake-up: every turn asks each socket for its events. */
    (void)arg;
    (void)fd;
    (void)events;
}

void tt_loop_add_zmq(tt_loop_t *self, void *socket, tt_zmq_fn *fn, void *arg)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        zmq_watch_t *watch = &self->sockets[i];
        if (watch->socket)
            continue;
        *watch = (zmq_watch_t){socket, -1, fn, arg};
        size_t size = sizeof watch->fd;
        zmq_getsockopt(socket, ZMQ_FD, &watch->fd, &size);
        tt_loop_add_fd(self, watch->fd, EPOLLIN | EPOLLET, on_zmq_fd, NULL);
        return;
    }
    abort();
}

void tt_loop_remove_zmq(tt_loop_t *self, void *socket)
{
    for (size_t i = 0; i < SOCKETS; i++) {
        zmq_watch_t *watch = &self->sockets[i];
        if (watch->socket != socket)
            continue;
        tt_loop_remove_fd(self, watch->fd);
        watch->socket = NULL;
    }
}

/* Calls the handler while there is something to read, for a bounded burst: how often. */
static int serve(tt_loop_t *self, const zmq_watch_t *watch)
{
    int served = 0;
    while (watch->socket && !self->stopped && served < BURST && readable(watch->socket)) {
        watch->fn(watch->arg, watch->socket);
        served++;
    }
    return served;
}

/* Asks all sockets until each has had nothing since the last handler ran: a handler's send on a
 * socket may have taken the edge of its descriptor. Returns false when some may have more. */
static bool run_sockets(tt_loop_t *self)
{
    size_t quiet = 0;
    bool full = false;
    for (size_t asked = 0; quiet < SOCKETS && asked < (full ? SOCKETS : 2 * SOCKETS); asked++) {
        int served = serve(self, &self->sockets[asked % SOCKETS]);
        full |= served == BURST;
        quiet = served == 0 ? quiet + 1 : 1;
    }
    return !full && quiet == SOCKETS;
}

/* ---- signals */

static void on_signal_fd(void *arg, int fd, uint32_t events)
{
    tt_loop_t *self = arg;
    struct signalfd_siginfo info;
    (void)events;
    while (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        self->on_signal(self->signal_arg, &info);
}

int tt_loop_add_signals(tt_loop_t *self, const sigset_t *set, tt_signal_fn *fn, void *arg)
{
    self->signal_fd = signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (self->signal_fd < 0)
        return -1;
    self->on_signal = fn;
    self->signal_arg = arg;
    tt_loop_add_fd(self, self->signal_fd, EPOLLIN, on_signal_fd, self);
    return 0;
}

void tt_signals_block(sigset_t *set, ...)
{
    va_list args;
    sigemptyset(set);
    va_start(args, set);
    for (int number = va_arg(args, int); number != 0; number = va_arg(args, int))
        sigaddset(set, number);
    va_end(args);
    sigprocmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

void tt_signals_unblock(void)
{
    sigset_t none;
    for (int number = 1; number <= SIGRTMAX; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

int tt_pidfd_open(int pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* ---- turns */

static int wait_ms(const tt_loop_t *self, bool busy, int64_t deadline_ms)
{
    if (busy)
        return 0;
    int64_t until = deadline_ms < 0 ? NEVER : deadline_ms;
    if (self->timer_count > 0 && self->timers[0].at_ms < until)
        until = self->timers[0].at_ms;
    if (until == NEVER)
        return -1;
    int64_t left = until - tt_now_ms();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

void tt_loop_at_rest(tt_loop_t *self, tt_rest_fn *fn, void *arg)
{
    if (self->rest_count == self->rest_cap) {
        self->rest_cap = self->rest_cap ? self->rest_cap * 2 : 16;
        self->rests = tt_realloc(self->rests, self->rest_cap * sizeof *self->rests);
    }
    self->rests[self->rest_count++] = (rest_t){fn, arg};
}

void tt_loop_forget_rest(tt_loop_t *self, const void *arg)
{
    for (size_t i = 0; i < self->rest_count; i++)
        if (self->rests[i].arg == arg)
            self->rests[i].fn = NULL;
}

bool tt_loop_turning(const tt_loop_t *self)
{
    return self->turning > 0;
}

/* Whether anything was sent. */
static bool rest(tt_loop_t *self)
{
    bool any = false;
    for (size_t i = 0; i < self->rest_count; i++) { /* more may come meanwhile */
        rest_t one = self->rests[i];
        if (one.fn)
            any |= one.fn(one.arg);
    }
    self->rest_count = 0;
    return any;
}

/* Returns whether there may be more. */
static bool turn(tt_loop_t *self, int64_t deadline_ms, const bool *done)
{
    struct epoll_event events[EVENTS];
    bool busy = !run_sockets(self);
    /* Whoever sends may take the signal that something has come: the sockets are looked at
     * again before anything is waited for. */
    busy |= rest(self);
    if (self->stopped || (done && *done))
        return false;
    int count = epoll_wait(self->epoll_fd, events, EVENTS, wait_ms(self, busy, deadline_ms));
    if (count < 0 && errno != EINTR) {
        perror("tutti: epoll_wait");
        abort();
    }
    for (int i = 0; i < count && !self->stopped; i++)
        dispatch_fd(self, &events[i]);
    if (!self->stopped)
        run_timers(self);
    return count > 0 || busy;
}

void tt_loop_run(tt_loop_t *self)
{
    self->stopped = false;
    self->turning++;
    while (!self->stopped)
        turn(self, -1, NULL);
    self->turning--;
    rest(self);
}

bool tt_loop_run_until(tt_loop_t *self, const bool *done, int64_t timeout_ms)
{
    int64_t deadline = timeout_ms < 0 ? -1 : tt_now_ms() + timeout_ms;
    self->stopped = false;
    self->turning++;
    while (!*done && !self->stopped && (deadline < 0 || tt_now_ms() < deadline))
        turn(self, deadline, done);
    self->turning--;
    rest(self);
    return *done;
}

int tt_loop_fd(const tt_loop_t *self)
{
    return self->epoll_fd;
}

int tt_loop_due_ms(const tt_loop_t *self)
{
    return wait_ms(self, false, -1);
}

void tt_loop_run_ready(tt_loop_t *self)
{
    self->stopped = false;
    self->turning++;
    while (turn(self, 0, NULL) && !self->stopped)
        continue;
    self->turning--;
    rest(self);
}

void tt_loop_stop(tt_loop_t *self)
{
    self->stopped = true;
}
