/* For tests of share/link: a link and the far end of its socket, where a runtime would be. */
#ifndef TT_LINK_ENDS_H
#define TT_LINK_ENDS_H

#include "scratch.h"

#include "link.h"
#include "pack.h"
#include "rights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static tt_loop_t *loop;
static tt_link_t *link_;
static int far;        /* the runtime's end */
static tt_buf_t inbox; /* what was read there */
static tt_rights_t far_rights;
static int fds_before;
static struct {
    int messages, ends;
    unsigned type[64];
    uint32_t seq[64];
    size_t frames[64];
    tt_buf_t bytes;   /* all frames of all messages, in order */
    int spools;       /* messages that had one */
    tt_spool_t *held; /* the last of them, when `hold` */
    bool hold;
    char why[256];
    bool with_reason;
    int destroy_at; /* at which message the link is destroyed; -1: when it has ended */
} got;

static inline void take_spool(tt_rt_message_t *message)
{
    assert_int_equal(tt_rt_map_spool(message, NULL), 0);
    got.spools++;
    tt_spool_release(&got.held);
    got.held = got.hold ? tt_spool_hold(message->spool) : NULL;
}

static inline void on_message(void *arg, tt_rt_message_t *message)
{
    assert_ptr_equal(arg, &got);
    if (got.messages < 64) {
        got.type[got.messages] = message->type;
        got.seq[got.messages] = message->seq;
        got.frames[got.messages] = message->frame_count;
    }
    if (message->spool)
        take_spool(message);
    for (size_t i = 0; i < message->frame_count; i++)
        tt_buf_append(&got.bytes, message->frames[i].data, message->frames[i].len);
    if (++got.messages == got.destroy_at)
        tt_link_destroy(&link_);
}

static inline void on_ended(void *arg, const char *why)
{
    assert_ptr_equal(arg, &got);
    got.ends++;
    got.with_reason = why != NULL;
    snprintf(got.why, sizeof got.why, "%s", why ? why : "");
    if (got.destroy_at == -1)
        tt_link_destroy(&link_);
}

static const tt_link_handlers_t handlers = {on_message, on_ended};

static inline int begin(void **unused)
{
    sigset_t none;
    int fds[2];
    (void)unused;
    tt_signals_block(&none, 0); /* no SIGPIPE */
    memset(&got, 0, sizeof got);
    tt_buf_init(&got.bytes);
    fds_before = open_fds();
    loop = tt_loop_new();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    far = fds[1];
    link_ = tt_link_new(loop, fds[0], &handlers, &got);
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    tt_link_destroy(&link_);
    tt_link_destroy(&link_);
    if (far >= 0)
        close(far);
    tt_loop_destroy(&loop);
    tt_buf_release(&got.bytes);
    tt_buf_release(&inbox);
    tt_rights_release(&far_rights);
    tt_spool_release(&got.held);
    return open_fds() == fds_before ? 0 : -1;
}

/* A whole message with these frames, appended. */
static inline void put(tt_buf_t *out, unsigned type, uint32_t seq, const char *const *texts,
                       size_t count)
{
    size_t sizes[8] = {0};
    for (size_t i = 0; i < count; i++)
        sizes[i] = strlen(texts[i]);
    tt_rt_pack(out, type, seq, sizes, count, (tt_span_t){NULL, 0}, 0);
    for (size_t i = 0; i < count; i++)
        tt_buf_append(out, texts[i], strlen(texts[i]));
}

static inline void write_far(const void *data, size_t len)
{
    assert_int_equal(write(far, data, len), (ssize_t)len);
}

static const char *const abc[] = {"abc", "", "defgh"};

/* Reads once at the far end: the length of the message that is at the start of `inbox`, its
 * spool mapped; 0 while there is none. */
static inline int read_far(tt_rt_message_t *message)
{
    size_t used;
    tt_error_t err;
    uint8_t *at = tt_buf_reserve(&inbox, 1 << 16);
    ssize_t some = tt_rights_read(&far_rights, far, at, 1 << 16);
    if (some > 0)
        inbox.len += (size_t)some;
    int rc = tt_rt_parse(message, span_of(&inbox), (size_t)1 << 30, &used, &err);
    assert_true(rc >= 0);
    if (rc == 1 && message->layout.bytes > 0) {
        assert_int_equal(tt_rt_open_spool(message, tt_rights_take(&far_rights), &err), 0);
        assert_int_equal(tt_rt_map_spool(message, &err), 0);
    }
    return rc == 1 ? (int)used : 0;
}

#endif
