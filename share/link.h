/* The owner's end of a runtime's socket: the engine host and the prompt speak the runtime
 * protocol through it. Never waits: what the runtime does not take yet is queued. */
#ifndef TT_LINK_H
#define TT_LINK_H

#include "loop.h"
#include "packet.h"
#include "runtime.h"

typedef struct tt_link tt_link_t;

typedef struct {
    /* One message; its spans point into the link's buffer and hold during the call only. What
     * it has in a spool is not mapped. */
    void (*message)(void *arg, tt_rt_message_t *message);
    /* The socket ended, or the runtime wrote nonsense (`why` says so). The link is dead then;
     * the handler may destroy it. */
    void (*ended)(void *arg, const char *why);
} tt_link_handlers_t;

/* A link on `fd`, which becomes the link's and non-blocking. */
tt_link_t *tt_link_new(tt_loop_t *loop, int fd, const tt_link_handlers_t *handlers, void *arg);
void tt_link_destroy(tt_link_t **self_p);

/* Queues a message. `fields` are `field_count` packed values; `frames` (may be NULL) are taken.
 */
void tt_link_send(tt_link_t *self, unsigned type, uint32_t seq, tt_span_t fields,
                  size_t field_count, tt_frames_t *frames);

/* The same for a message of which some frames (in their places: `layout`) lie in a spool, and
 * the others are `frames`. */
void tt_link_send_spooled(tt_link_t *self, unsigned type, uint32_t seq, tt_span_t fields,
                          size_t field_count, const tt_layout_t *layout, tt_spool_t *spool,
                          tt_frames_t *frames);

/* Reads what is there now, for an owner that learned of the runtime's death and wants its last
 * words. Handlers are called as usual, but not `ended`. */
void tt_link_drain(tt_link_t *self);

/* Bytes that wait to be written. */
size_t tt_link_pending(const tt_link_t *self);

#endif
