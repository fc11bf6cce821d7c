/* A sorted array; thousands of engines come nearly in order, so a place is looked for from its
 * end. See roster.h. */
#include "roster.h"

#include "interpreter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tt_roster_release(tt_roster_t *self)
{
    free(self->engines);
    *self = (tt_roster_t){NULL, 0};
}

tt_engine_t tt_engine_of(const tt_msg_event_t *event)
{
    tt_engine_t engine = {
        .id = (int)event->engine, .state = (unsigned)event->state, .pid = (int)event->pid};
    tt_text_copy(event->host, engine.host, sizeof engine.host);
    tt_text_copy(event->language, engine.kind, sizeof engine.kind);
    snprintf(engine.language, sizeof engine.language, "%s", tt_interpreter_speaks(engine.kind));
    tt_text_copy(event->version, engine.version, sizeof engine.version);
    tt_text_copy(event->program, engine.program, sizeof engine.program);
    tt_text_copy(event->text, engine.text, sizeof engine.text);
    tt_text_copy(event->labels, engine.labels, sizeof engine.labels);
    engine.born = event->born;
    return engine;
}

static size_t place(const tt_roster_t *self, int id)
{
    size_t at = self->count;
    while (at > 0 && self->engines[at - 1].id >= id)
        at--;
    return at;
}

void tt_roster_note(tt_roster_t *self, const tt_engine_t *engine)
{
    size_t at = place(self, engine->id), behind = self->count - at;
    bool known = at < self->count && self->engines[at].id == engine->id;
    if (engine->state == TT_ENGINE_GONE) {
        if (known)
            memmove(self->engines + at, self->engines + at + 1,
                    (--self->count - at) * sizeof *self->engines);
        return;
    }
    if (!known) {
        self->engines = tt_realloc(self->engines, (self->count + 1) * sizeof *self->engines);
        memmove(self->engines + at + 1, self->engines + at, behind * sizeof *self->engines);
        self->count++;
    }
    self->engines[at] = *engine;
}

static int by_id(const void *a, const void *b)
{
    const tt_engine_t *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

const tt_engine_t *tt_roster_find(const tt_roster_t *self, int id)
{
    tt_engine_t key = {.id = id};
    return self->count ? bsearch(&key, self->engines, self->count, sizeof key, by_id) : NULL;
}
