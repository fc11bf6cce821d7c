/* The last samples of a cluster. See pulse.h. */
#include "pulse.h"

#include <stdlib.h>
#include <string.h>

/* Bit 0 is the newest sample. */
typedef struct {
    uint64_t id;
    uint64_t worked, known;
    int64_t done;
    bool here; /* in the newest sample */
} engine_pulse_t;

void pulse_init(pulse_t *self)
{
    memset(self, 0, sizeof *self);
    tt_map_init(&self->engines);
}

void pulse_release(pulse_t *self)
{
    size_t walk = 0;
    for (engine_pulse_t *one; (one = tt_map_next(&self->engines, &walk));)
        free(one);
    tt_map_release(&self->engines);
}

/* Engines are numbered once, so what is gone never comes again: it is forgotten when none of
 * its samples is left. */
static void age(pulse_t *self)
{
    size_t walk = 0, count = 0;
    uint64_t *gone = tt_alloc((self->engines.count + 1) * sizeof *gone);
    for (engine_pulse_t *one; (one = tt_map_next(&self->engines, &walk));) {
        one->worked <<= 1;
        one->known <<= 1;
        one->here = false;
        if (one->known == 0)
            gone[count++] = one->id;
    }
    for (size_t i = 0; i < count; i++)
        free(tt_map_take(&self->engines, gone[i]));
    free(gone);
}

static void note_engine(pulse_t *self, const snapshot_engine_t *engine)
{
    uint64_t key = (uint64_t)engine->id;
    engine_pulse_t *one = tt_map_get(&self->engines, key);
    if (one == NULL) {
        one = tt_alloc(sizeof *one);
        one->id = key;
        one->done = engine->done;
        tt_map_set(&self->engines, key, one);
    }
    if (one->here)
        return; /* a report names each once */
    one->here = true;
    one->known |= 1;
    one->worked |= engine->busy || engine->done > one->done;
    one->done = engine->done;
}

void pulse_add(pulse_t *self, const snapshot_t *report, int64_t now_ms)
{
    double seconds = self->count > 0 ? (double)(now_ms - self->at_ms) / 1e3 : 0;
    int64_t ended = report->tasks_done - self->tasks_done;
    memmove(self->rates + 1, self->rates, (PULSE_LEN - 1) * sizeof *self->rates);
    memmove(self->lengths + 1, self->lengths, (PULSE_LEN - 1) * sizeof *self->lengths);
    self->rates[0] = seconds > 0 && ended > 0 ? (double)ended / seconds : 0;
    self->lengths[0] = seconds;
    self->count += self->count < PULSE_LEN;
    self->at_ms = now_ms;
    self->tasks_done = report->tasks_done;
    age(self);
    for (size_t i = 0; i < report->engine_count; i++)
        note_engine(self, &report->engines[i]);
}

double pulse_seconds(const pulse_t *self, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count && i < self->count; i++)
        sum += self->lengths[i];
    return sum;
}

double pulse_rate(const pulse_t *self, size_t count)
{
    double seconds = pulse_seconds(self, count), ended = 0;
    for (size_t i = 0; i < count && i < self->count; i++)
        ended += self->rates[i] * self->lengths[i];
    return seconds > 0 ? ended / seconds : 0;
}

double pulse_share(const pulse_t *self, const int *ids, size_t count, size_t ago)
{
    size_t known = 0, worked = 0;
    for (size_t i = 0; i < count && ago < PULSE_LEN; i++) {
        const engine_pulse_t *one = tt_map_get(&self->engines, (uint64_t)ids[i]);
        known += one && one->known >> ago & 1;
        worked += one && one->worked >> ago & 1;
    }
    return known > 0 ? (double)worked / (double)known : -1;
}
