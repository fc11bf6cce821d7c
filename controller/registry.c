/* The table of engines. See registry.h. */
#include "registry.h"

#include <stdlib.h>
#include <string.h>

void registry_release(registry_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->engines[i]);
    free(self->engines);
    tt_map_release(&self->by_id);
    *self = (registry_t){0};
}

engine_t *registry_find(const registry_t *self, int64_t id)
{
    return tt_map_get(&self->by_id, (uint64_t)id);
}

engine_t *registry_add(registry_t *self, int id)
{
    engine_t *engine = tt_alloc(sizeof *engine);
    engine->id = id >= 0 ? id : self->next_id;
    engine->since_ms = tt_now_ms();
    engine->born = ++self->born;
    engine->state = TT_ENGINE_STARTING;
    engine->mean_run_ns = 1000000; /* nothing is known: not far ahead */
    if (engine->id >= self->next_id)
        self->next_id = engine->id + 1;
    self->engines = tt_realloc(self->engines, (self->count + 1) * sizeof *self->engines);
    size_t at = self->count++;
    for (; at > 0 && self->engines[at - 1]->id > engine->id; at--)
        self->engines[at] = self->engines[at - 1];
    self->engines[at] = engine;
    tt_map_set(&self->by_id, (uint64_t)engine->id, engine);
    return engine;
}

void registry_reborn(registry_t *self, engine_t *engine)
{
    engine->born = ++self->born;
}

void registry_remove(registry_t *self, engine_t *engine)
{
    tt_map_take(&self->by_id, (uint64_t)engine->id);
    size_t at = 0;
    while (self->engines[at] != engine)
        at++;
    memmove(self->engines + at, self->engines + at + 1,
            (--self->count - at) * sizeof *self->engines);
    free(engine);
}

bool engine_usable(const engine_t *self)
{
    return self->state == TT_ENGINE_STARTING || self->state == TT_ENGINE_READY ||
           self->state == TT_ENGINE_RESTARTING || self->state == TT_ENGINE_STOPPED;
}

size_t registry_count(const registry_t *self, tt_engine_state_t state)
{
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++)
        count += self->engines[i]->state == state;
    return count;
}
