/* Exchanges by their numbers. See exchange.h. */
#include "exchange.h"

#include <stdlib.h>

typedef struct {
    uint64_t id;
    tt_exchange_fn *fn;
    void *arg;
} exchange_t;

void tt_exchanges_release(tt_exchanges_t *self)
{
    size_t walk = 0;
    for (exchange_t *exchange; (exchange = tt_map_next(&self->by_id, &walk));)
        free(exchange);
    tt_map_release(&self->by_id);
}

void tt_exchanges_begin(tt_exchanges_t *self, uint64_t id, tt_exchange_fn *fn, void *arg)
{
    exchange_t *exchange = tt_alloc(sizeof *exchange);
    *exchange = (exchange_t){id, fn, arg};
    tt_map_set(&self->by_id, id, exchange);
}

void tt_exchanges_take(tt_exchanges_t *self, uint64_t id)
{
    free(tt_map_take(&self->by_id, id));
}

bool tt_exchanges_note(tt_exchanges_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    exchange_t *exchange = message->id ? tt_map_get(&self->by_id, message->id) : NULL;
    if (exchange)
        exchange->fn(exchange->arg, message, payload);
    return exchange != NULL;
}

void tt_exchanges_end(tt_exchanges_t *self)
{
    size_t walk = 0;
    for (exchange_t *exchange; (exchange = tt_map_next(&self->by_id, &walk)); walk = 0) {
        exchange_t ended = *exchange;
        tt_exchanges_take(self, ended.id);
        ended.fn(ended.arg, NULL, NULL);
    }
}
