/* Credit. See flow.h. */
#include "flow.h"

void tt_flow_init(tt_flow_t *self)
{
    *self = (tt_flow_t){.window = TT_FLOW_LEAST};
}

size_t tt_flow_room(const tt_flow_t *self)
{
    uint64_t under_way = self->sent - self->taken;
    return under_way < self->window ? self->window - (size_t)under_way : 0;
}

void tt_flow_sent(tt_flow_t *self, size_t bytes, int64_t now_ns)
{
    self->sent += bytes;
    if (self->probe > 0)
        return;
    self->probe = self->sent;
    self->probe_ns = now_ns;
}

/* What lies in queues is the time above the least; half of a window that makes one is enough.
 */
static void adjust(tt_flow_t *self, int64_t way_ns)
{
    if (self->least_ns == 0 || way_ns < self->least_ns)
        self->least_ns = way_ns > 0 ? way_ns : 1;
    if (way_ns - self->least_ns <= TT_FLOW_SLACK_MS * INT64_C(1000000))
        self->window += TT_FLOW_STEP;
    else
        self->window /= 2;
    if (self->window < TT_FLOW_LEAST)
        self->window = TT_FLOW_LEAST;
    if (self->window > TT_FLOW_MOST)
        self->window = TT_FLOW_MOST;
}

int tt_flow_taken(tt_flow_t *self, uint64_t taken, int64_t now_ns)
{
    if (taken < self->taken || taken > self->sent)
        return -1;
    self->taken = taken;
    if (self->probe > 0 && taken >= self->probe) {
        adjust(self, now_ns - self->probe_ns);
        self->probe = 0;
    }
    return 0;
}
