/* Lines and files over a socket. See talk.h. */
#include "talk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 64 << 10 };

struct talk {
    tt_loop_t *loop;
    int fd;
    const talk_handlers_t *handlers;
    void *arg;
    tt_buf_t in;   /* read, not yet a whole line */
    tt_buf_t out;  /* to be written */
    int source_fd; /* a file that follows `out` */
    uint64_t source_left;
    bool stopped, ended;
    int pass_fd; /* -1: nothing is passed on */
};

static void on_ready(void *arg, int fd, uint32_t events);

static void watch(talk_t *self)
{
    bool more = self->out.len > 0 || self->source_left > 0;
    bool reads = !self->stopped || self->pass_fd >= 0;
    if (reads && !self->ended)
        tt_loop_add_fd(self->loop, self->fd, EPOLLIN | (more ? EPOLLOUT : 0), on_ready, self);
    else
        tt_loop_remove_fd(self->loop, self->fd);
}

static void end(talk_t *self, const char *why)
{
    if (self->ended)
        return;
    self->ended = true;
    tt_loop_remove_fd(self->loop, self->fd);
    self->handlers->ended(self->arg, why);
}

/* ---- sending */

static void refill(talk_t *self)
{
    if (self->out.len > 0 || self->source_left == 0)
        return;
    size_t want = self->source_left < BLOCK ? (size_t)self->source_left : BLOCK;
    ssize_t got = read(self->source_fd, tt_buf_reserve(&self->out, want), want);
    if (got <= 0) {
        end(self, got < 0 ? strerror(errno) : "a file that was to be sent has been cut");
        return;
    }
    self->out.len += (size_t)got;
    self->source_left -= (uint64_t)got;
    self->handlers->progress(self->arg);
}

static void write_some(talk_t *self)
{
    refill(self);
    if (self->out.len == 0)
        return;
    ssize_t put = send(self->fd, self->out.data, self->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put > 0)
        tt_buf_consume(&self->out, (size_t)put);
}

void talk_say(talk_t *self, const char *line)
{
    tt_buf_append(&self->out, line, strlen(line));
    tt_buf_append(&self->out, "\n", 1);
    watch(self);
}

void talk_send_file(talk_t *self, int fd, uint64_t size)
{
    lseek(fd, 0, SEEK_SET);
    self->source_fd = fd;
    self->source_left = size;
    watch(self);
}

/* ---- reading */

/* Takes lines until one of them has the rest left to somebody else. */
static void take_lines(talk_t *self)
{
    char *stop;
    while (!self->stopped && !self->ended && self->in.len > 0 &&
           (stop = memchr(self->in.data, '\n', self->in.len))) {
        size_t len = (size_t)(stop - (char *)self->in.data);
        char *line = tt_strndup((char *)self->in.data, len);
        tt_buf_consume(&self->in, len + 1);
        line[strcspn(line, "\r")] = 0;
        self->handlers->line(self->arg, line);
        free(line);
    }
    if (!self->stopped && self->in.len > TALK_LINE_MAX)
        end(self, "what it answers is not a line of text");
}

static void pass_on(talk_t *self)
{
    for (ssize_t put; self->in.len > 0; tt_buf_consume(&self->in, (size_t)put))
        if ((put = write(self->pass_fd, self->in.data, self->in.len)) <= 0)
            break;
    self->in.len = 0;
}

/* Returns whether anything came. */
static bool read_once(talk_t *self)
{
    if (self->ended || (self->stopped && self->pass_fd < 0))
        return false;
    ssize_t got = recv(self->fd, tt_buf_reserve(&self->in, BLOCK), BLOCK, MSG_DONTWAIT);
    bool closed = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    if (got > 0)
        self->in.len += (size_t)got;
    take_lines(self);
    if (self->pass_fd >= 0)
        pass_on(self);
    if (closed)
        end(self, NULL);
    return got > 0;
}

void talk_drain(talk_t *self)
{
    while (read_once(self))
        continue;
}

static void on_ready(void *arg, int fd, uint32_t events)
{
    talk_t *self = arg;
    (void)fd;
    if (events & EPOLLOUT)
        write_some(self);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        read_once(self);
    if (!self->stopped || self->pass_fd >= 0) /* else it may be somebody else's by now */
        watch(self);
}

const tt_buf_t *talk_stop(talk_t *self)
{
    self->stopped = true;
    watch(self);
    return &self->in;
}

void talk_pass_on(talk_t *self, int out)
{
    self->stopped = true;
    self->pass_fd = out;
    pass_on(self);
    watch(self);
}

/* ---- */

talk_t *talk_new(tt_loop_t *loop, int fd, const talk_handlers_t *handlers, void *arg)
{
    talk_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->fd = fd;
    self->handlers = handlers;
    self->arg = arg;
    self->pass_fd = -1;
    watch(self);
    return self;
}

void talk_destroy(talk_t **self_p)
{
    talk_t *self = *self_p;
    if (self == NULL)
        return;
    if (!self->ended && !(self->stopped && self->pass_fd < 0))
        tt_loop_remove_fd(self->loop, self->fd);
    tt_buf_release(&self->in);
    tt_buf_release(&self->out);
    free(self);
    *self_p = NULL;
}
