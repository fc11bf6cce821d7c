/* The owner's end of a runtime's socket. See link.h. */
#include "link.h"

#include "rights.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

#define MESSAGE_LIMIT (TT_VALUE_LIMIT + ((size_t)8 << 20))

enum {
    READ_SIZE = 65536,
    READS_PER_TURN = 4,
    IOV_MAX_AT_ONCE = 64,
    PACKED_EACH = 4096, /* bytes of a message that is packed together with others */
    PACKED_MAX = 65536  /* of all of them */
};

typedef struct letter {
    struct letter *next;
    tt_frames_t frames; /* header first */
    size_t at;          /* the first frame that is not wholly written */
    size_t offset;      /* written of it */
    tt_spool_t *spool;  /* goes with its first byte; NULL */
} letter_t;

struct tt_link {
    tt_loop_t *loop;
    int fd;
    const tt_link_handlers_t *handlers;
    void *arg;
    tt_buf_t in;
    size_t taken; /* parsed bytes at the start of `in` */
    tt_rights_t rights;
    tt_rt_message_t message;
    letter_t *first, **end;
    tt_buf_t packed; /* small messages of this turn, which go together behind those */
    bool opened;     /* one has gone in this turn: the others wait for its end */
    size_t pending;
    bool dead;   /* the socket ended */
    int busy;    /* handlers under way: they may destroy the link */
    bool doomed; /* destroyed meanwhile: freed when the last of them returns */
    tt_buf_t scratch;
};

static void on_ready(void *arg, int fd, uint32_t events);

tt_link_t *tt_link_new(tt_loop_t *loop, int fd, const tt_link_handlers_t *handlers, void *arg)
{
    tt_link_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->fd = fd;
    self->handlers = handlers;
    self->arg = arg;
    self->end = &self->first;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    tt_loop_add_fd(loop, fd, EPOLLIN, on_ready, self);
    return self;
}

static void drop_first(tt_link_t *self)
{
    letter_t *letter = self->first;
    self->first = letter->next;
    if (self->first == NULL)
        self->end = &self->first;
    tt_frames_release(&letter->frames);
    tt_spool_release(&letter->spool);
    free(letter);
}

static void free_link(tt_link_t *self)
{
    tt_buf_release(&self->in);
    tt_buf_release(&self->scratch);
    tt_buf_release(&self->packed);
    tt_rt_message_release(&self->message);
    tt_rights_release(&self->rights);
    free(self);
}

void tt_link_destroy(tt_link_t **self_p)
{
    tt_link_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL)
        return;
    tt_loop_remove_fd(self->loop, self->fd);
    tt_loop_forget_rest(self->loop, self);
    close(self->fd);
    while (self->first)
        drop_first(self);
    self->doomed = self->dead = true;
    if (self->busy == 0)
        free_link(self);
}

static void enter(tt_link_t *self)
{
    self->busy++;
}

static void leave(tt_link_t *self)
{
    if (--self->busy == 0 && self->doomed)
        free_link(self);
}

/* ---- writing */

static void advance(tt_link_t *self, size_t wrote)
{
    self->pending -= wrote;
    while (self->first) {
        letter_t *letter = self->first;
        while (letter->at < letter->frames.count) {
            size_t left = tt_frames_span(&letter->frames, letter->at).len - letter->offset;
            if (wrote < left) {
                letter->offset += wrote;
                return;
            }
            wrote -= left;
            letter->offset = 0;
            letter->at++;
        }
        drop_first(self);
    }
}

static bool unwritten(const letter_t *letter)
{
    return letter->at == 0 && letter->offset == 0;
}

/* A descriptor goes with the first byte of what is written at once. */
static int gather(const tt_link_t *self, struct iovec *out)
{
    int count = 0;
    for (const letter_t *letter = self->first; letter; letter = letter->next) {
        if (letter->spool && letter != self->first)
            return count;
        for (size_t i = letter->at; i < letter->frames.count; i++) {
            if (count == IOV_MAX_AT_ONCE)
                return count;
            tt_span_t span = tt_frames_span(&letter->frames, i);
            size_t skip = i == letter->at ? letter->offset : 0;
            out[count].iov_base = (void *)(uintptr_t)(span.data + skip);
            out[count++].iov_len = span.len - skip;
        }
    }
    return count;
}

static void flush(tt_link_t *self)
{
    struct iovec out[IOV_MAX_AT_ONCE];
    while (self->first && !self->dead) {
        tt_spool_t *spool = unwritten(self->first) ? self->first->spool : NULL;
        ssize_t wrote =
            tt_rights_write(self->fd, out, gather(self, out), spool ? tt_spool_fd(spool) : -1);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            break; /* full; or ended, which the reading side tells */
        advance(self, (size_t)wrote);
    }
    if (!self->dead)
        tt_loop_add_fd(self->loop, self->fd, self->first ? EPOLLIN | EPOLLOUT : EPOLLIN,
                       on_ready, self);
}

/* An empty letter, the last. */
static letter_t *new_letter(tt_link_t *self)
{
    letter_t *letter = tt_alloc(sizeof *letter);
    tt_frames_init(&letter->frames);
    *self->end = letter;
    self->end = &letter->next;
    return letter;
}

/* What is packed becomes a letter, and whatever the socket takes is written. */
static void send_packed(tt_link_t *self)
{
    bool idle = self->first == NULL;
    if (self->packed.len == 0)
        return;
    tt_frames_take_buf(&new_letter(self)->frames, &self->packed);
    if (idle)
        flush(self);
}

static bool on_rest(void *arg)
{
    tt_link_t *self = arg;
    self->opened = false;
    send_packed(self);
    return false;
}

/* The message in `scratch` and `frames` goes with others of this turn; the first at once, so
 * that it is not late. */
static void pack(tt_link_t *self, const tt_frames_t *frames)
{
    tt_buf_append(&self->packed, self->scratch.data, self->scratch.len);
    for (size_t i = 0; frames && i < frames->count; i++) {
        tt_span_t bytes = tt_frames_span(frames, i);
        tt_buf_append(&self->packed, bytes.data, bytes.len);
    }
    if (self->opened && self->packed.len < PACKED_MAX)
        return;
    if (!self->opened)
        tt_loop_at_rest(self->loop, on_rest, self);
    self->opened = true;
    send_packed(self);
}

/* The head of a message stands in `scratch`; `frames` (may be NULL) are taken, `spool` held. */
static void post(tt_link_t *self, tt_frames_t *frames, tt_spool_t *spool)
{
    size_t bytes = self->scratch.len + (frames ? tt_frames_bytes(frames) : 0);
    self->pending += bytes;
    if (spool == NULL && bytes <= PACKED_EACH && tt_loop_turning(self->loop)) {
        pack(self, frames);
        if (frames)
            tt_frames_release(frames);
        return;
    }
    send_packed(self);
    bool idle = self->first == NULL;
    letter_t *letter = new_letter(self);
    tt_frames_copy(&letter->frames, self->scratch.data, self->scratch.len);
    for (size_t i = 0; frames && i < frames->count; i++)
        tt_frames_take(&letter->frames, &frames->items[i]);
    if (frames)
        tt_frames_release(frames);
    letter->spool = tt_spool_hold(spool);
    if (idle)
        flush(self);
}

void tt_link_send(tt_link_t *self, unsigned type, uint32_t seq, tt_span_t fields,
                  size_t field_count, tt_frames_t *frames)
{
    size_t count = frames ? frames->count : 0;
    size_t *sizes = count ? tt_alloc(count * sizeof *sizes) : NULL;
    for (size_t i = 0; i < count; i++)
        sizes[i] = tt_frames_span(frames, i).len;
    self->scratch.len = 0;
    tt_rt_pack(&self->scratch, type, seq, sizes, count, fields, field_count);
    free(sizes);
    post(self, frames, NULL);
}

void tt_link_send_spooled(tt_link_t *self, unsigned type, uint32_t seq, tt_span_t fields,
                          size_t field_count, const tt_layout_t *layout, tt_spool_t *spool,
                          tt_frames_t *frames)
{
    self->scratch.len = 0;
    tt_rt_pack_spooled(&self->scratch, type, seq, layout, fields, field_count);
    post(self, frames, spool);
}

/* ---- reading */

/* Hands on every whole message in the buffer: 0, or -1 on nonsense (`err`) or when the link was
 * destroyed meanwhile. */
static int parse(tt_link_t *self, tt_error_t *err)
{
    while (self->in.data) {
        size_t used;
        tt_span_t rest = {self->in.data + self->taken, self->in.len - self->taken};
        int rc = tt_rt_parse(&self->message, rest, MESSAGE_LIMIT, &used, err);
        if (rc < 0)
            return -1;
        if (rc == 0) {
            tt_buf_consume(&self->in, self->taken);
            self->taken = 0;
            if (used > self->in.len)
                tt_buf_reserve(&self->in, used - self->in.len);
            if (self->in.len == 0 && self->in.cap > (1u << 20))
                tt_buf_release(&self->in);
            return 0;
        }
        self->taken += used;
        if (self->message.layout.bytes > 0 &&
            tt_rt_open_spool(&self->message, tt_rights_take(&self->rights), err) != 0)
            return -1;
        self->handlers->message(self->arg, &self->message);
        tt_spool_release(&self->message.spool);
        if (self->doomed)
            return -1;
    }
    return 0;
}

/* Reads once: 1 something came, 0 nothing now, -1 the end. */
static int read_some(tt_link_t *self)
{
    size_t room = self->in.cap - self->in.len;
    if (room < READ_SIZE)
        room = READ_SIZE;
    uint8_t *at = tt_buf_reserve(&self->in, room);
    ssize_t got = tt_rights_read(&self->rights, self->fd, at, room);
    if (got > 0) {
        self->in.len += (size_t)got;
        return 1;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
}

static void end(tt_link_t *self, const char *why)
{
    self->dead = true;
    tt_loop_remove_fd(self->loop, self->fd);
    self->handlers->ended(self->arg, why);
}

static void on_ready(void *arg, int fd, uint32_t events)
{
    tt_link_t *self = arg;
    tt_error_t err;
    (void)fd;
    if (events & EPOLLOUT)
        flush(self);
    enter(self);
    for (int i = 0; i < READS_PER_TURN && (events & ~(uint32_t)EPOLLOUT); i++) {
        int rc = read_some(self);
        bool maybe_more = self->in.len == self->in.cap;
        if (rc > 0 && parse(self, &err) == 0) {
            if (maybe_more)
                continue;
        } else if (rc != 0 && !self->doomed)
            end(self, rc < 0 ? NULL : err.text);
        break;
    }
    leave(self);
}

void tt_link_drain(tt_link_t *self)
{
    tt_error_t err;
    enter(self);
    while (!self->dead && read_some(self) > 0 && parse(self, &err) == 0)
        continue;
    leave(self);
}

size_t tt_link_pending(const tt_link_t *self)
{
    return self->pending;
}
