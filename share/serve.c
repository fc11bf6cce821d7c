/* The loop of a runtime: reads a task, runs it through the language, writes its result before
 * the next one starts. See language.h; the task word is told in page.h. */
#include "language.h"

#include "pack.h"
#include "rights.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Header, arguments and value: what one message may hold in all, but for its spool. */
#define MESSAGE_LIMIT (TT_VALUE_LIMIT + ((size_t)8 << 20))

/* Bytes of a message that outlive the input buffer. */
typedef struct kept {
    struct kept *next;
    tt_buf_t bytes;
} kept_t;

struct tt_serve {
    const tt_language_t *language;
    void *self;
    int socket_fd;
    tt_page_t *page;      /* NULL: no page, window of one */
    int output_fd[2];     /* private duplicates of 1 and 2, for FIONREAD */
    uint64_t end[2];      /* where output ended with the last result */
    bool at_end;          /* it still does: nothing of the language has run since */
    tt_buf_t out, fields; /* of the result that is written */
    tt_buf_t in;          /* read, not yet parsed */
    size_t taken;         /* bytes of `in` that the present message used */
    tt_rights_t rights;   /* descriptors that came with it */
    tt_rt_message_t message, answer_message;
    kept_t *aside; /* bytes of tasks that asked */
    int asking;    /* depth of ASKs that wait */
    bool stopped;
    int exit_status;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- replies */

static void begin_body(tt_reply_t *self, const char *repr, bool has_value)
{
    self->body.len = 0;
    tt_pack_array(&self->body, 5);
    tt_pack_text(&self->body, repr && *repr ? repr : NULL);
    tt_pack_bool(&self->body, has_value);
}

void tt_reply_value(tt_reply_t *self, const char *repr, tt_span_t value)
{
    begin_body(self, repr, value.len > 0);
    tt_pack_raw(&self->body, value);
    tt_pack_array(&self->body, 0);
    tt_pack_nil(&self->body);
}

static void begin_error(tt_reply_t *self, tt_status_t status, size_t more, const char *type,
                        const char *message, const char *traceback)
{
    self->status = status;
    begin_body(self, NULL, false);
    tt_pack_nil(&self->body);
    tt_pack_array(&self->body, 0);
    tt_pack_map(&self->body, 3 + more);
    tt_pack_text(&self->body, "type");
    tt_pack_text(&self->body, type);
    tt_pack_text(&self->body, "message");
    tt_pack_text(&self->body, message);
    tt_pack_text(&self->body, "traceback");
    tt_pack_text(&self->body, traceback);
}

void tt_reply_error(tt_reply_t *self, tt_status_t status, const char *type, const char *message,
                    const char *traceback)
{
    begin_error(self, status, 0, type, message, traceback);
}

void tt_reply_exit(tt_reply_t *self, int exit_status, const char *message)
{
    begin_error(self, TT_STATUS_ERROR, 1, "ExitStatus", message, NULL);
    tt_pack_text(&self->body, "status");
    tt_pack_int(&self->body, exit_status);
}

void tt_reply_note(tt_reply_t *self, const char *note)
{
    enum { ARRAY_OF_5 = 0x95, ARRAY_OF_6 = 0x96 };
    if (self->body.len > 0 && self->body.data[0] == ARRAY_OF_5) {
        self->body.data[0] = ARRAY_OF_6;
        tt_pack_text(&self->body, note);
    }
}

size_t tt_reply_buffer(tt_reply_t *self, tt_span_t bytes, void *owner)
{
    if (self->buffer_count == self->buffer_cap) {
        self->buffer_cap = self->buffer_cap ? self->buffer_cap * 2 : 8;
        self->buffers = tt_realloc(self->buffers, self->buffer_cap * sizeof *self->buffers);
    }
    self->buffers[self->buffer_count] = (tt_reply_buffer_t){bytes, owner};
    return self->buffer_count++;
}

void tt_reply_release(tt_reply_t *self)
{
    tt_buf_release(&self->body);
    free(self->buffers);
    *self = (tt_reply_t){0};
}

/* ---- the socket */

/* With `fd` >= 0 that descriptor goes with the first byte. */
static int write_all(tt_serve_t *self, struct iovec *at, size_t count, int fd)
{
    while (count > 0) {
        int some = count > 512 ? 512 : (int)count;
        ssize_t wrote = tt_rights_write(self->socket_fd, at, some, fd);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        fd = -1;
        size_t left = (size_t)wrote;
        while (count > 0 && left >= at->iov_len) {
            left -= at->iov_len;
            at++;
            count--;
        }
        if (count > 0) {
            at->iov_base = (char *)at->iov_base + left;
            at->iov_len -= left;
        }
    }
    return 0;
}

static int write_message(tt_serve_t *self, unsigned type, uint32_t seq, tt_buf_t *fields,
                         size_t field_count)
{
    tt_buf_t head;
    tt_buf_init(&head);
    tt_rt_pack(&head, type, seq, NULL, 0, (tt_span_t){fields->data, fields->len}, field_count);
    struct iovec out = {head.data, head.len};
    int rc = write_all(self, &out, 1, -1);
    tt_buf_release(&head);
    return rc;
}

/* Waits until there is something to read: 1, or -1 as poll. Whoever waits in recvmsg is woken
 * for nothing each time that the other end has read. */
static int await(int fd)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    return poll(&wanted, 1, -1);
}

/* Reads until `need` bytes stand in `in` behind what is taken. With `drain`, an interrupt that
 * arrives ends the wait with -2; without, it is drained and the wait goes on. */
static int fill(tt_serve_t *self, size_t need, bool drain)
{
    while (self->in.len - self->taken < need) {
        size_t room = need - (self->in.len - self->taken);
        if (room < 65536)
            room = 65536;
        tt_buf_reserve(&self->in, room);
        self->at_end = false;
        self->language->idle(self->self, true);
        ssize_t got = await(self->socket_fd);
        if (got > 0)
            got = tt_rights_read(&self->rights, self->socket_fd, self->in.data + self->in.len,
                                 room);
        int error = errno;
        self->language->idle(self->self, false);
        if (got > 0) {
            self->in.len += (size_t)got;
        } else if (got < 0 && error == EINTR) {
            if (self->language->drain(self->self) > 0 && drain)
                return -2;
        } else {
            return -1;
        }
    }
    return 0;
}

/* Forgets the message that was parsed last, and keeps the buffer from staying huge. */
static void drop_taken(tt_serve_t *self)
{
    tt_buf_consume(&self->in, self->taken);
    self->taken = 0;
    if (self->in.len == 0 && self->in.cap > (1u << 20))
        tt_buf_release(&self->in);
}

/* Parses the next message of the socket into `message`: 0, -1 on its end, -2 on an interrupt.
 */
static int next_message(tt_serve_t *self, tt_rt_message_t *message, bool drain)
{
    drop_taken(self);
    for (size_t need = 4;;) {
        int rc = fill(self, need, drain);
        if (rc != 0)
            return rc;
        tt_error_t err;
        rc = tt_rt_parse(message, (tt_span_t){self->in.data, self->in.len}, MESSAGE_LIMIT,
                         &need, &err);
        if (rc == 1 && message->layout.bytes > 0 &&
            tt_rt_open_spool(message, tt_rights_take(&self->rights), &err) != 0)
            rc = -1;
        if (rc < 0) {
            dprintf(2, "tutti runtime: %s\n", err.text);
            return -1;
        }
        if (rc == 1) {
            self->taken = need;
            return 0;
        }
    }
}

/* ---- tasks */

static void find_end(tt_serve_t *self)
{
    for (int i = 0; self->page && i < 2; i++)
        self->end[i] = tt_page_offset(self->page, i, self->output_fd[i]);
    self->at_end = true;
}

static void pack_fields(tt_serve_t *self, tt_status_t status, int64_t run_ns,
                        const uint64_t start[2])
{
    find_end(self);
    self->fields.len = 0;
    tt_pack_uint(&self->fields, status);
    tt_pack_int(&self->fields, run_ns);
    tt_pack_array(&self->fields, 4);
    for (int i = 0; i < 2; i++) {
        tt_pack_uint(&self->fields, start[i]);
        tt_pack_uint(&self->fields, self->end[i]);
    }
}

/* Body and buffers of a reply, as they are sent: those of a big one lie in a spool. */
typedef struct {
    tt_span_t *frames;
    size_t count;
    tt_layout_t layout;
    tt_spool_t *spool; /* NULL: all stand in the message */
} parcel_t;

/* Returns -1 with the reason when there is no memory for it. */
static int pack_parcel(parcel_t *self, const tt_reply_t *reply, tt_error_t *err)
{
    *self = (parcel_t){.count = reply->buffer_count + 1};
    self->frames = tt_alloc(self->count * sizeof *self->frames);
    size_t *sizes = tt_alloc(self->count * sizeof *sizes);
    self->frames[0] = (tt_span_t){reply->body.data, reply->body.len};
    for (size_t i = 1; i < self->count; i++)
        self->frames[i] = reply->buffers[i - 1].bytes;
    for (size_t i = 0; i < self->count; i++)
        sizes[i] = self->frames[i].len;
    tt_layout_plan(&self->layout, sizes, self->count);
    free(sizes);
    if (self->layout.bytes == 0)
        return 0;
    self->spool = tt_spool_new(self->layout.bytes, err);
    return self->spool ? tt_spool_write_frames(self->spool, &self->layout, self->frames, err)
                       : -1;
}

static void free_parcel(parcel_t *self)
{
    free(self->frames);
    tt_layout_release(&self->layout);
    tt_spool_release(&self->spool);
}

static void let_buffers_go(tt_serve_t *self, tt_reply_t *reply)
{
    for (size_t i = 0; i < reply->buffer_count; i++)
        if (reply->buffers[i].owner)
            self->language->let_go(self->self, reply->buffers[i].owner);
    reply->buffer_count = 0;
}

static int write_parcel(tt_serve_t *self, uint32_t seq, const parcel_t *parcel)
{
    struct iovec *out = tt_alloc((parcel->count + 1) * sizeof *out);
    size_t count = 1;
    self->out.len = 0;
    tt_rt_pack_spooled(&self->out, TT_RT_RESULT, seq, &parcel->layout,
                       (tt_span_t){self->fields.data, self->fields.len}, 3);
    out[0] = (struct iovec){self->out.data, self->out.len};
    for (size_t i = 0; i < parcel->count; i++)
        if (parcel->layout.places[i].offset == TT_IN_MESSAGE)
            out[count++] = (struct iovec){(void *)(uintptr_t)parcel->frames[i].data,
                                          parcel->frames[i].len};
    int rc = write_all(self, out, count, parcel->spool ? tt_spool_fd(parcel->spool) : -1);
    free(out);
    return rc;
}

/* A result without buffers. */
static int write_body(tt_serve_t *self, uint32_t seq, const tt_buf_t *body)
{
    struct iovec out[2] = {{0}, {body->data, body->len}};
    self->out.len = 0;
    tt_rt_pack(&self->out, TT_RT_RESULT, seq, &body->len, 1,
               (tt_span_t){self->fields.data, self->fields.len}, 3);
    out[0] = (struct iovec){self->out.data, self->out.len};
    return write_all(self, out, 2, -1);
}

static int write_result(tt_serve_t *self, uint32_t seq, tt_reply_t *reply, int64_t run_ns,
                        const uint64_t start[2])
{
    parcel_t parcel;
    tt_error_t err;
    if (reply->buffer_count == 0 && reply->body.len <= TT_WHOLE_MAX) {
        pack_fields(self, reply->status, run_ns, start);
        return write_body(self, seq, &reply->body);
    }
    if (pack_parcel(&parcel, reply, &err) != 0) {
        free_parcel(&parcel);
        let_buffers_go(self, reply);
        tt_reply_error(reply, TT_STATUS_ERROR, "ValueTooLarge", err.text, NULL);
        pack_parcel(&parcel, reply, &err);
    }
    pack_fields(self, reply->status, run_ns, start);
    int rc = write_parcel(self, seq, &parcel);
    let_buffers_go(self, reply);
    free_parcel(&parcel);
    return rc;
}

/* False when the host has revoked it. */
static bool start_task(tt_serve_t *self, uint32_t seq, uint64_t start[2])
{
    if (self->asking)
        return true; /* part of the task that asked: the word stays that one's */
    self->language->drain(self->self);
    if (self->page == NULL)
        return true;
    if (!self->at_end)
        find_end(self);
    self->at_end = false;
    for (int i = 0; i < 2; i++) {
        start[i] = self->end[i];
        atomic_store(&self->page->stream[i].start, start[i]);
    }
    return tt_page_start(self->page, seq);
}

/* A signal that user code has blocked waits, and must not meet a later task that unblocks it.
 */
static void discard_blocked_interrupt(void)
{
    sigset_t interrupt;
    sigemptyset(&interrupt);
    sigaddset(&interrupt, SIGINT);
    sigtimedwait(&interrupt, NULL, &(struct timespec){0, 0});
}

/* An interrupt that was claimed for this task is on its way: take it here, not in the next
 * task. A task that had just finished well is reported as interrupted all the same, so that
 * whoever asked knows that it was met. */
static void end_task(tt_serve_t *self, uint32_t seq, tt_reply_t *reply)
{
    if (self->asking || self->page == NULL || tt_page_finish(self->page, seq))
        return;
    syscall(SYS_getpid);
    discard_blocked_interrupt();
    if (self->language->drain(self->self) > 0 && reply->status == TT_STATUS_OK)
        tt_reply_error(reply, TT_STATUS_INTERRUPTED, "KeyboardInterrupt",
                       "interrupted as it ended", NULL);
}

/* What is kept of it holds no descriptor: there may be thousands. */
static int map_spool(tt_rt_message_t *message, tt_error_t *err)
{
    int rc = tt_rt_map_spool(message, err);
    if (rc == 0 && message->spool)
        tt_spool_close(message->spool);
    return rc;
}

static void handle_task(tt_serve_t *self, tt_rt_message_t *message, tt_reply_t *reply)
{
    tt_error_t err;
    bool mapped = map_spool(message, &err) == 0;
    tt_request_t request = {.op = message->type, .seq = message->seq, .spool = message->spool};
    if (message->frame_count > 0) {
        request.args = message->frames[0];
        request.buffers = message->frames + 1;
        request.buffer_count = message->frame_count - 1;
    }
    tt_reply_value(reply, NULL, (tt_span_t){NULL, 0});
    if (!mapped)
        tt_reply_error(reply, TT_STATUS_ERROR, "MemoryError", err.text, NULL);
    else if (message->frame_count == 0 ||
             tt_validate(request.args, &tt_limits_value, &err) != 0)
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError",
                       message->frame_count ? err.text : "task without arguments", NULL);
    else if (message->type != TT_RT_SYNC)
        self->language->handle(self->self, &request, reply);
    self->language->flush(self->self);
}

static int run_task(tt_serve_t *self, tt_rt_message_t *message)
{
    uint64_t start[2] = {0, 0};
    tt_reply_t reply = {.status = TT_STATUS_CANCELLED};
    bool starts = start_task(self, message->seq, start);
    int64_t began = now_ns(), run_ns = 0;
    if (starts) {
        reply.status = TT_STATUS_OK;
        handle_task(self, message, &reply);
        run_ns = now_ns() - began;
    }
    end_task(self, message->seq, &reply);
    int rc = write_result(self, message->seq, &reply, run_ns, start);
    if (reply.leave) {
        self->stopped = true;
        self->exit_status = reply.exit_status;
    }
    tt_reply_release(&reply);
    return rc;
}

/* ---- the other messages */

static void on_start(tt_serve_t *self, tt_rt_message_t *message)
{
    int64_t engine = 0;
    char cluster[128] = "";
    tt_read_int(&message->fields, &engine);
    tt_read_text(&message->fields, cluster, sizeof cluster);
    self->language->start(self->self, (int)engine, cluster);
}

static void on_blob(tt_serve_t *self, tt_rt_message_t *message)
{
    tt_span_t hash;
    if (tt_read_bin(&message->fields, &hash) != 0)
        return;
    tt_span_t none = {NULL, 0};
    bool keep = message->type == TT_RT_BLOB && message->frame_count == 1;
    self->language->blob(self->self, hash, keep ? message->frames[0] : none);
}

static void on_stop(tt_serve_t *self, tt_rt_message_t *message)
{
    (void)message;
    self->stopped = true;
}

static const struct {
    unsigned type;
    void (*handler)(tt_serve_t *, tt_rt_message_t *);
} handlers[] = {
    {TT_RT_START, on_start}, {TT_RT_STOP, on_stop}, {TT_RT_BLOB, on_blob},
    {TT_RT_DROP, on_blob},   {TT_RT_ANSWER, NULL}, /* an answer that nobody waits for any more
                                                    */
};

static void unknown_message(tt_serve_t *self, const tt_rt_message_t *message)
{
    char text[64];
    tt_buf_t fields;
    tt_buf_init(&fields);
    snprintf(text, sizeof text, "unknown message %u", message->type);
    tt_pack_text(&fields, text);
    write_message(self, TT_RT_LOG, message->seq, &fields, 1);
    tt_buf_release(&fields);
}

static int handle_message(tt_serve_t *self, tt_rt_message_t *message)
{
    if (message->type <= TT_RT_TASK_MAX)
        return run_task(self, message);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type != message->type)
            continue;
        if (handlers[i].handler)
            handlers[i].handler(self, message);
        return 0;
    }
    unknown_message(self, message);
    return 0;
}

static void free_list(kept_t **list)
{
    while (*list) {
        kept_t *first = *list;
        *list = first->next;
        tt_buf_release(&first->bytes);
        free(first);
    }
}

int tt_serve_run(tt_serve_t *self)
{
    int rc = 0;
    while (!self->stopped && rc == 0) {
        free_list(&self->aside);
        rc = next_message(self, &self->message, false);
        if (rc == 0)
            rc = handle_message(self, &self->message);
        tt_spool_release(&self->message.spool);
        tt_spool_release(&self->answer_message.spool);
    }
    return self->exit_status;
}

/* The task that asks goes on using its own bytes, so further messages are read elsewhere. The
 * old buffers are let go when the task has ended (drop_taken). */
static void set_aside(tt_serve_t *self)
{
    kept_t *aside = tt_alloc(sizeof *aside);
    aside->bytes = self->in;
    aside->next = self->aside;
    self->aside = aside;
    tt_buf_init(&self->in);
    tt_buf_append(&self->in, aside->bytes.data + self->taken, aside->bytes.len - self->taken);
    self->taken = 0;
}

/* Runs a message that came while an ASK waits: whoever answers may need values for it. Its
 * bytes are kept apart, since the task may ask, too. */
static int run_nested(tt_serve_t *self)
{
    kept_t kept = {NULL, {0}};
    tt_rt_message_t message;
    tt_error_t err;
    size_t used;
    tt_buf_append(&kept.bytes, self->in.data, self->taken);
    tt_rt_message_init(&message);
    int rc = tt_rt_parse(&message, (tt_span_t){kept.bytes.data, kept.bytes.len}, MESSAGE_LIMIT,
                         &used, &err);
    message.spool = tt_spool_hold(self->answer_message.spool);
    rc = rc == 1 ? handle_message(self, &message) : -1;
    tt_rt_message_release(&message);
    tt_buf_release(&kept.bytes);
    return rc;
}

/* Reads until the ANSWER of `seq`: its status, or -1. */
static int await_answer(tt_serve_t *self, uint32_t seq, bool *interrupted)
{
    while (!self->stopped) {
        int rc = next_message(self, &self->answer_message, true);
        *interrupted = rc == -2;
        if (rc != 0)
            return -1;
        if (self->answer_message.type != TT_RT_ANSWER) {
            if (run_nested(self) != 0)
                return -1;
        } else if (self->answer_message.seq == seq) {
            uint64_t status = TT_STATUS_ERROR;
            tt_read_uint(&self->answer_message.fields, &status);
            return (int)status;
        }
    }
    return -1;
}

int tt_serve_ask(tt_serve_t *self, const char *what, const char *text, tt_answer_t *answer)
{
    static uint32_t asked;
    uint32_t seq = ++asked;
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_text(&fields, what);
    tt_pack_text(&fields, text);
    int status = write_message(self, TT_RT_ASK, seq, &fields, 2);
    tt_buf_release(&fields);
    *answer = (tt_answer_t){0};
    if (self->aside == NULL)
        set_aside(self);
    self->asking++;
    if (status == 0)
        status = await_answer(self, seq, &answer->interrupted);
    self->asking--;
    tt_error_t err;
    if (status >= 0 && map_spool(&self->answer_message, &err) != 0)
        status = TT_STATUS_ERROR;
    answer->frames = self->answer_message.frames;
    answer->count = self->answer_message.frame_count;
    answer->spool = self->answer_message.spool;
    return status;
}

void tt_serve_forget(tt_serve_t *self)
{
    if (self->socket_fd >= 0)
        close(self->socket_fd);
    self->socket_fd = -1;
    tt_page_unmap(
        &self->page); /* it is shared: the child's end must not end the parent's task */
}

/* ---- life */

static int say_hello(tt_serve_t *self)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_uint(&fields, TT_RT_MAJOR);
    tt_pack_uint(&fields, TT_RT_MINOR);
    tt_pack_text(&fields, self->language->name);
    tt_pack_text(&fields, self->language->version);
    tt_pack_text(&fields, self->language->program);
    tt_pack_int(&fields, self->language->pid ? self->language->pid : getpid());
    tt_pack_uint(&fields,
                 TT_FEATURE_SPOOL | (self->page ? TT_FEATURE_PAGE | TT_FEATURE_REVOKE : 0));
    int rc = write_message(self, TT_RT_HELLO, 0, &fields, 7);
    tt_buf_release(&fields);
    return rc;
}

tt_serve_t *tt_serve_new_on(const tt_language_t *language, void *self_, int socket_fd,
                            int page_fd, tt_error_t *err)
{
    tt_serve_t *self = tt_alloc(sizeof *self);
    self->language = language;
    self->self = self_;
    self->socket_fd = socket_fd;
    fcntl(socket_fd, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < 2; i++)
        self->output_fd[i] = fcntl(i + 1, F_DUPFD_CLOEXEC, 10);
    if (page_fd >= 0) {
        self->page = tt_page_map(page_fd);
        close(page_fd);
    }
    if (say_hello(self) == 0)
        return self;
    tt_error_set(err, "runtime: no socket to the host on descriptor %d: %s", socket_fd,
                 strerror(errno));
    tt_serve_destroy(&self);
    return NULL;
}

tt_serve_t *tt_serve_new(const tt_language_t *language, void *self, tt_error_t *err)
{
    int page_fd = fcntl(TT_RT_PAGE_FD, F_GETFD) >= 0 ? TT_RT_PAGE_FD : -1;
    return tt_serve_new_on(language, self, TT_RT_SOCKET_FD, page_fd, err);
}

void tt_serve_destroy(tt_serve_t **self_p)
{
    tt_serve_t *self = *self_p;
    if (self == NULL)
        return;
    tt_serve_forget(self);
    for (int i = 0; i < 2; i++)
        if (self->output_fd[i] >= 0)
            close(self->output_fd[i]);
    free_list(&self->aside);
    tt_rights_release(&self->rights);
    tt_buf_release(&self->in);
    tt_buf_release(&self->out);
    tt_buf_release(&self->fields);
    tt_rt_message_release(&self->message);
    tt_rt_message_release(&self->answer_message);
    free(self);
    *self_p = NULL;
}
