/* How much may be under way of something that is sent in chunks: the sender's end of a credit
 * scheme. The receiver tells how many bytes it has taken in all. The window begins small and
 * grows only while chunks come through about as fast as the fastest did: else they lie in a
 * queue on the way, and everything else waits behind them. */
#ifndef TT_FLOW_H
#define TT_FLOW_H

#include <stddef.h>
#include <stdint.h>

enum {
    TT_FLOW_LEAST = 256 << 10, /* bytes of the window */
    TT_FLOW_MOST = 8 << 20,
    TT_FLOW_STEP = 64 << 10,
    TT_FLOW_SLACK_MS = 25 /* beyond the shortest way there and back */
};

typedef struct {
    uint64_t sent, taken; /* bytes, from the beginning */
    size_t window;
    int64_t least_ns; /* the shortest way there and back so far; 0: unknown */
    uint64_t probe;   /* when so much is taken, the way of one chunk is known; 0: none is */
    int64_t probe_ns; /* when that chunk was sent */
} tt_flow_t;

void tt_flow_init(tt_flow_t *self);

/* How many bytes may be sent now. */
size_t tt_flow_room(const tt_flow_t *self);

/* So many have been sent, at this time (tt_now_ns). */
void tt_flow_sent(tt_flow_t *self, size_t bytes, int64_t now_ns);

/* The receiver has taken so many in all. Returns 0, or -1 when that is impossible: more than
 * were sent, or fewer than it told before. */
int tt_flow_taken(tt_flow_t *self, uint64_t taken, int64_t now_ns);

#endif
