/* Clients that keep jobs, die, leave and adopt, and two hosts, for the unit tests of
 * controller/kept and controller/values. */
#ifndef KEPT_CLIENTS_H
#define KEPT_CLIENTS_H

#include "hand_controller.h"

#include "log.h"

#include <stdlib.h>

static far_t client, second, third, host, other;

static inline int begin(void **unused)
{
    (void)unused;
    setenv("TUTTI_LOG", "error", 1);
    tt_log_open("test", 2);
    if (hand_begin() != 0)
        return -1;
    client = hand_peer(PEER_CLIENT, "client");
    second = hand_peer(PEER_CLIENT, "second");
    third = hand_peer(PEER_CLIENT, "third");
    host = hand_peer(PEER_HOST, "host");
    other = hand_peer(PEER_HOST, "other");
    return 0;
}

static inline int end(void **unused)
{
    (void)unused;
    return hand_end();
}

/* ---- what clients and hosts say */

typedef void handler_fn(controller_t *self, peer_t *client, tt_message_t *message,
                        tt_frames_t *payload);

static inline void say(const far_t *from, handler_fn *handler, tt_message_t message)
{
    tt_frames_t none;
    tt_frames_init(&none);
    handler(hand, from->peer, &message, &none);
}

static inline void keep_bytes(const far_t *from, uint64_t number, tt_span_t meta)
{
    tt_message_t message = tt_message(TT_MSG_KEEP, 70);
    message.as.keep.keep = number;
    message.as.keep.meta = meta;
    say(from, kept_keep, message);
}

static inline void keep(const far_t *from, uint64_t number, const char *meta)
{
    keep_bytes(from, number, tt_span(meta));
}

static inline void leave(const far_t *from)
{
    say(from, kept_leave, tt_message(TT_MSG_LEAVE, 71));
}

static inline void adopt(const far_t *from)
{
    say(from, kept_adopt, tt_message(TT_MSG_ADOPT, 72));
}

/* It has read so many messages since it came. */
static inline void taken(const far_t *from, uint64_t count)
{
    tt_message_t message = tt_message(TT_MSG_TAKEN, 74);
    message.as.taken.count = count;
    say(from, kept_taken, message);
}

static inline void bye(far_t *from)
{
    from->peer->farewell = !from->peer->left;
    hand_lose(from);
}

static inline void store_as(const far_t *from, uint64_t number, uint64_t index, int64_t engine,
                            uint64_t attempt)
{
    tt_frames_t payload;
    tt_message_t message = tt_message(TT_MSG_STORE, 73);
    message.as.store =
        (tt_msg_store_t){.keep = number, .index = index, .engine = engine, .attempt = attempt};
    tt_frames_init(&payload);
    tt_frames_copy(&payload, attempt ? "old" : "", attempt ? 3 : 0);
    tt_frames_copy(&payload, "seen,", 5);
    tt_frames_copy(&payload, "", 0);
    kept_store(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

static inline void store(const far_t *from, uint64_t number, uint64_t index, int64_t engine)
{
    store_as(from, number, index, engine, 1);
}

static inline void output_of(const far_t *from, uint64_t task, int engine, const char *text)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, text, strlen(text));
    tt_message_t message = tt_message(TT_MSG_OUTPUT, task);
    message.as.output.engine = engine;
    message.as.output.stream = 1;
    dispatch_output(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

/* A client that reads nothing: whatever is sent to it waits. */
static inline void fill(far_t *end)
{
    tt_outbox_destroy(&end->peer->outbox);
    void *nowhere = hand_dealer();
    end->peer->outbox = tt_outbox_new(hand->loop, nowhere, (tt_span_t){NULL, 0}, 1 << 20);
}

static inline void check_nothing_left(void)
{
    assert_int_equal(hand->tasks.count, 0);
    assert_int_equal(balanced_count(hand->balanced), 0);
    assert_int_equal(hand->kept.queued_bytes, 0);
    assert_int_equal(blobs_bytes(hand), 0);
}

#endif
