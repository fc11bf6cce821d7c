/* Bytes between two ends. See pump.h. A descriptor that nothing is wanted of is not watched:
 * epoll would tell of its end again and again. */
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* One way: from the end of its number to the other one. */
typedef struct {
    uint8_t *ring;
    size_t head, len;
    bool closed; /* its source has ended */
    bool vain;   /* the other end takes nothing any more */
    int last; /* errno: its source takes nothing any more, so what is there now is its last */
    int64_t heard_ms;
    int error;
    tt_pump_check_fn *check;
    void *check_arg;
} way_t;

struct tt_pump {
    tt_loop_t *loop;
    tt_pump_end_t ends[2];
    way_t ways[2];
    tt_pump_ended_fn *ended;
    void *arg;
};

static void on_ready(void *arg, int fd, uint32_t events);

/* ---- one way */

static void read_some(way_t *self, int fd)
{
    while (!self->closed && !self->vain && self->len < TT_PUMP_HOLD) {
        size_t at = (self->head + self->len) % TT_PUMP_HOLD;
        size_t room = TT_PUMP_HOLD - self->len, run = TT_PUMP_HOLD - at;
        size_t wanted = room < run ? room : run;
        ssize_t got = read(fd, self->ring + at, wanted);
        if (got > 0 && self->check &&
            !self->check(self->check_arg, (tt_span_t){self->ring + at, (size_t)got})) {
            self->closed = true;
            self->error = EPROTO;
        } else if (got > 0) {
            self->len += (size_t)got;
            self->heard_ms = tt_now_ms();
            if ((size_t)got < wanted && !self->last)
                return; /* that was all, mostly: it goes on its way first */
        } else if (got == 0 || self->last || (errno != EAGAIN && errno != EINTR)) {
            self->closed = true;
            self->error = self->last ? self->last : got == 0 ? 0 : errno;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

/* Returns 0, or errno when the other end takes nothing any more. */
static int write_some(way_t *self, int fd)
{
    while (self->len > 0) {
        size_t run = TT_PUMP_HOLD - self->head;
        ssize_t put = write(fd, self->ring + self->head, self->len < run ? self->len : run);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno == EAGAIN ? 0 : errno;
        self->head = (self->head + (size_t)put) % TT_PUMP_HOLD;
        self->len -= (size_t)put;
    }
    return 0;
}

/* ---- both */

static void watch(tt_pump_t *self, int fd, uint32_t events)
{
    if (events)
        tt_loop_add_fd(self->loop, fd, events, on_ready, self);
    else
        tt_loop_remove_fd(self->loop, fd);
}

static void unwatch(tt_pump_t *self)
{
    for (int i = 0; i < 2; i++) {
        tt_loop_remove_fd(self->loop, self->ends[i].in);
        tt_loop_remove_fd(self->loop, self->ends[i].out);
    }
}

static void watch_end(tt_pump_t *self, int number)
{
    const tt_pump_end_t *end = &self->ends[number];
    const way_t *from = &self->ways[number], *to = &self->ways[!number];
    uint32_t reads = !from->closed && !from->vain && from->len < TT_PUMP_HOLD ? EPOLLIN : 0;
    uint32_t writes = to->len > 0 ? EPOLLOUT : 0;
    if (end->in == end->out) {
        watch(self, end->in, reads | writes);
        return;
    }
    watch(self, end->in, reads);
    watch(self, end->out, writes);
}

static void finish(tt_pump_t *self, int end, int error)
{
    unwatch(self);
    self->ended(self->arg, end, error); /* may have destroyed us */
}

/* Carries what can be carried from end `i` to the other one. One that takes nothing any more
 * has said its last, which is passed on first. */
static void carry(tt_pump_t *self, int i)
{
    way_t *way = &self->ways[i], *back = &self->ways[!i];
    read_some(way, self->ends[i].in);
    int error = way->vain ? 0 : write_some(way, self->ends[!i].out);
    if (error) {
        way->vain = true;
        way->len = 0;
        back->last = error;
        if (way->last) { /* nor does this one */
            way->closed = true;
            way->error = way->last;
        }
        carry(self, !i);
    }
}

static void on_ready(void *arg, int fd, uint32_t events)
{
    tt_pump_t *self = arg;
    (void)events;
    for (int i = 0; i < 2; i++)
        if (fd == self->ends[i].in || self->ways[i].len > 0)
            carry(self, i);
    for (int i = 0; i < 2; i++) {
        if (self->ways[i].closed && self->ways[i].len == 0) {
            finish(self, i, self->ways[i].error);
            return;
        }
    }
    watch_end(self, 0);
    watch_end(self, 1);
}

static void make_nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

tt_pump_t *tt_pump_new(tt_loop_t *loop, const tt_pump_end_t ends[2], const void *ahead,
                       size_t ahead_len, tt_pump_ended_fn *ended, void *arg)
{
    tt_pump_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->ended = ended;
    self->arg = arg;
    for (int i = 0; i < 2; i++) {
        self->ends[i] = ends[i];
        self->ways[i].ring = tt_alloc(TT_PUMP_HOLD);
        self->ways[i].heard_ms = tt_now_ms();
        make_nonblocking(ends[i].in);
        make_nonblocking(ends[i].out);
    }
    way_t *first = &self->ways[0];
    first->len = ahead_len < TT_PUMP_HOLD ? ahead_len : TT_PUMP_HOLD;
    if (first->len)
        memcpy(first->ring, ahead, first->len);
    watch_end(self, 0);
    watch_end(self, 1);
    return self;
}

void tt_pump_set_check(tt_pump_t *self, int end, tt_pump_check_fn *check, void *arg)
{
    self->ways[end].check = check;
    self->ways[end].check_arg = arg;
}

int64_t tt_pump_heard_ms(const tt_pump_t *self, int end)
{
    return self->ways[end].heard_ms;
}

void tt_pump_destroy(tt_pump_t **self_p)
{
    tt_pump_t *self = *self_p;
    if (self == NULL)
        return;
    unwatch(self);
    free(self->ways[0].ring);
    free(self->ways[1].ring);
    free(self);
    *self_p = NULL;
}
