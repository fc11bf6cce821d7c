/* Exchanges of several messages under one number, of a client: who hears of each. */
#ifndef TT_EXCHANGE_H
#define TT_EXCHANGE_H

#include "map.h"
#include "packet.h"

/* A message of the exchange; its payload may be taken. NULL: there will be none any more. */
typedef void tt_exchange_fn(void *arg, const tt_message_t *message, tt_frames_t *payload);

typedef struct {
    tt_map_t by_id;
} tt_exchanges_t; /* zeroes: none */

void tt_exchanges_release(tt_exchanges_t *self);

void tt_exchanges_begin(tt_exchanges_t *self, uint64_t id, tt_exchange_fn *fn, void *arg);
/* Forgets one; nothing when there is none of that number. */
void tt_exchanges_take(tt_exchanges_t *self, uint64_t id);

/* Gives a message to its exchange. False when there is none of its number. */
bool tt_exchanges_note(tt_exchanges_t *self, const tt_message_t *message, tt_frames_t *payload);

/* Ends all: each is forgotten, then hears NULL. */
void tt_exchanges_end(tt_exchanges_t *self);

#endif
