/* Whole messages on ZeroMQ sockets: a header and its payload frames, sent without ever waiting
 * and queued, with a bound, while the other side is slow. Frames are shared by reference, not
 * copied. */
#ifndef TT_PACKET_H
#define TT_PACKET_H

#include "loop.h"
#include "message.h"

#include <zmq.h>

/* Payload frames, owned. */
typedef struct {
    zmq_msg_t *items;
    size_t count;
    size_t cap;
} tt_frames_t;

void tt_frames_init(tt_frames_t *self);
void tt_frames_release(tt_frames_t *self);
/* Adds a frame: a copy of bytes; another reference to a message's bytes; or the message itself
 * (`message` is then empty); or memory that `free_fn(data, hint)` gives back, in any thread. */
void tt_frames_copy(tt_frames_t *self, const void *data, size_t len);
void tt_frames_share(tt_frames_t *self, zmq_msg_t *message);
void tt_frames_take(tt_frames_t *self, zmq_msg_t *message);
void tt_frames_lend(tt_frames_t *self, void *data, size_t len, zmq_free_fn *free_fn,
                    void *hint);
/* Takes a buffer's bytes as a frame without copying; the buffer is then empty. */
void tt_frames_take_buf(tt_frames_t *self, tt_buf_t *buf);
/* Gives back the room for further frames: for those that are kept by the thousand. */
void tt_frames_fit(tt_frames_t *self);
/* Another reference to each frame of `from`. */
void tt_frames_share_all(tt_frames_t *self, tt_frames_t *from);
/* The bytes of frame `i`; empty when there is none. */
tt_span_t tt_frames_span(const tt_frames_t *self, size_t i);
/* Bytes in all frames. */
size_t tt_frames_bytes(const tt_frames_t *self);

/* Most payload frames of one message; what comes behind them is dropped and the message
 * refused. */
enum { TT_FRAMES_MAX = 65536 };

/* A received message: where it came from (ROUTER only), its header's bytes, its payload. */
typedef struct {
    zmq_msg_t route;
    zmq_msg_t header;
    tt_frames_t payload;
} tt_packet_t;

/* Reads one message without waiting into an empty packet. Returns 1; 0 when there is none; -1
 * when it was no message of ours (no header, too many frames): it is consumed, the route is
 * set. Release the packet in the first and last case. */
int tt_packet_read(tt_packet_t *self, void *socket, bool routed);
void tt_packet_release(tt_packet_t *self);

/* Small messages that are sent in one turn of the loop travel as one: a frame that begins with
 * TT_PARCEL, which no header does, and then for each message the number of its frames (header
 * included, one byte), their lengths (four bytes each, big-endian) and their bytes. */
enum { TT_PARCEL = 0xc1, TT_PARCEL_MESSAGES = 64, TT_PARCEL_FRAMES = 8 };
/* Reads what ZeroMQ has as one message: calls `fn` for each message in it, with `whole` false
 * for what is none, and releases it. Nothing happens when there is none. */
typedef void tt_packet_fn(void *arg, tt_packet_t *packet, bool whole);
void tt_packet_receive(void *socket, bool routed, tt_packet_fn *fn, void *arg);

/* What waits for one peer. A peer that takes nothing fills it up to its cap. */
typedef struct tt_outbox tt_outbox_t;

/* An outbox onto `socket`; `route` is the peer's routing id for a ROUTER, empty for others.
 * Bytes over `cap_bytes` are the sender's to avoid: see tt_outbox_full. */
tt_outbox_t *tt_outbox_new(tt_loop_t *loop, void *socket, tt_span_t route, size_t cap_bytes);
void tt_outbox_destroy(tt_outbox_t **self_p);
/* The peer knows parcels. */
void tt_outbox_parcel(tt_outbox_t *self);

/* Sends the message now or as soon as the peer takes it, in order; `payload` may be NULL, and
 * is empty afterwards. A peer that has gone loses it: the caller learns of that elsewhere. */
void tt_outbox_send(tt_outbox_t *self, const tt_message_t *message, tt_frames_t *payload);

/* The same for a message that is worth taking back: `tag` (may be NULL) says whose it is. It
 * stays here until the peer has taken it, or it is taken back, or the outbox destroyed. */
typedef struct {
    uint64_t whose, which; /* `whose` is not 0 */
} tt_tag_t;
void tt_outbox_send_tagged(tt_outbox_t *self, const tt_message_t *message, tt_frames_t *payload,
                           const tt_tag_t *tag);
/* The peer says that it has taken `count` messages of this outbox, tagged or not. Returns -1,
 * and nothing has changed, if the socket was not handed so many. */
int tt_outbox_taken(tt_outbox_t *self, uint64_t count);
/* Takes out every tagged message that the socket was not handed; with `handed` also those that
 * it was and that the peer has not said it took. In order: `fn` gets header and payload as
 * frames, which it may take from. */
typedef void tt_untaken_fn(void *arg, const tt_tag_t *tag, tt_frames_t *message);
void tt_outbox_take_back(tt_outbox_t *self, bool handed, tt_untaken_fn *fn, void *arg);

/* Whether more is here than the cap: results must then stop being produced, output be cut. */
bool tt_outbox_full(const tt_outbox_t *self);
/* Bytes that wait to be handed to the socket. */
size_t tt_outbox_bytes(const tt_outbox_t *self);

/* A socket with every option that matters set explicitly; NULL with the reason. `endpoint` is
 * bound by a ROUTER and connected to by a DEALER. */
void *tt_socket_new(void *context, int type, const char *endpoint, tt_error_t *err);
/* A DEALER that connects to `endpoint` now and never again. It sends something every
 * TT_SOCKET_BEAT_MS, so that whoever stands on the way can tell a dead link. */
enum { TT_SOCKET_BEAT_MS = 3000 };
void *tt_socket_once(void *context, const char *endpoint, tt_error_t *err);
/* Closes it; waits at most `linger_ms` (in the background) for what was sent. */
void tt_socket_close(void *socket, int linger_ms);

#endif
