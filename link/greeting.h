/* How a far host greets: the begin of ZMTP 3 (rfc.zeromq.org/spec/23), up to its READY. A peer
 * may choose a routing id there, and one that chooses the id which the controller's socket
 * gives next ends the controller: libzmq asserts that there are no two. So whoever chooses one
 * is not let through, nor who speaks an older version, in which it is a frame of its own. */
#ifndef GREETING_H
#define GREETING_H

#include "buf.h"

#include <stdbool.h>

enum { GREETING_LEN = 64, GREETING_MAX = GREETING_LEN + 2 + 255 };

/* Zeroed: nothing has come. */
typedef struct {
    uint8_t bytes[GREETING_MAX];
    size_t len;
    bool whole, bad;
} greeting_t;

/* Takes the next bytes that came; what stands behind the READY is nobody's business here.
 * Returns whether they may be passed on: all that came so far is how a host of ours greets.
 * Once false it stays so. */
bool greeting_allows(greeting_t *self, tt_span_t bytes);

#endif
