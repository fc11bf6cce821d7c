/* Deeds in a row, the oldest first, and engines that have had them again. See journal.h. */
#include "journal.h"

#include <stdlib.h>
#include <string.h>

enum { DEEDS_MAX = 1000 };

/* A process that has all deeds up to one. */
typedef struct {
    uint64_t born, upto;
} settled_t;

struct journal {
    deed_t *deeds;
    size_t count;
    uint64_t last; /* number */
    settled_t *settled;
    size_t settled_count;
};

journal_t *journal_new(void)
{
    return tt_alloc(sizeof(journal_t));
}

/* What is the journal's own is const to others only. */
static void release(deed_t *deed)
{
    free((char *)(uintptr_t)deed->text);
    free((char *)(uintptr_t)deed->name);
    free((char *)(uintptr_t)deed->language);
    free((int *)(uintptr_t)deed->ids);
}

void journal_destroy(journal_t **self_p)
{
    journal_t *self = *self_p;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        release(&self->deeds[i]);
    free(self->deeds);
    free(self->settled);
    free(self);
    *self_p = NULL;
}

static void take_out(journal_t *self, size_t at)
{
    release(&self->deeds[at]);
    memmove(self->deeds + at, self->deeds + at + 1, (--self->count - at) * sizeof *self->deeds);
}

void journal_remove(journal_t *self, uint64_t number)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->deeds[i].number == number) {
            take_out(self, i);
            return;
        }
}

static bool same_text(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

static bool same_engines(const deed_t *one, const deed_t *other)
{
    return same_text(one->language, other->language) && one->id_count == other->id_count &&
           (one->id_count == 0 ||
            memcmp(one->ids, other->ids, one->id_count * sizeof *one->ids) == 0);
}

static void forget_push(journal_t *self, const deed_t *deed)
{
    for (size_t i = 0; i < self->count && deed->name; i++)
        if (same_text(self->deeds[i].name, deed->name) && same_engines(&self->deeds[i], deed)) {
            take_out(self, i);
            return;
        }
}

uint64_t journal_add(journal_t *self, const deed_t *deed)
{
    forget_push(self, deed);
    if (self->count == DEEDS_MAX)
        take_out(self, 0);
    self->deeds = tt_realloc(self->deeds, (self->count + 1) * sizeof *self->deeds);
    deed_t *own = &self->deeds[self->count++];
    int *ids = tt_alloc((deed->id_count + 1) * sizeof *ids);
    if (deed->id_count > 0)
        memcpy(ids, deed->ids, deed->id_count * sizeof *ids);
    *own = *deed;
    own->text = tt_strdup(deed->text);
    own->name = deed->name ? tt_strdup(deed->name) : NULL;
    own->language = deed->language ? tt_strdup(deed->language) : NULL;
    own->ids = ids;
    own->number = ++self->last;
    return own->number;
}

const deed_t *journal_next(const journal_t *self, uint64_t after)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->deeds[i].number > after)
            return &self->deeds[i];
    return NULL;
}

/* ---- what is lacking */

static settled_t *find_settled(const journal_t *self, uint64_t born)
{
    for (size_t i = 0; i < self->settled_count; i++)
        if (self->settled[i].born == born)
            return &self->settled[i];
    return NULL;
}

static bool is_for(const deed_t *deed, const tt_engine_t *engine)
{
    if (deed->language)
        return strcmp(deed->language, engine->language) == 0;
    for (size_t i = 0; i < deed->id_count; i++)
        if (deed->ids[i] == engine->id)
            return true;
    return false;
}

bool journal_lacks(const journal_t *self, const tt_engine_t *engine, const deed_t *deed)
{
    if (engine->born <= deed->born || !is_for(deed, engine))
        return false;
    const settled_t *settled = find_settled(self, engine->born);
    return settled == NULL || settled->upto < deed->number;
}

lack_t journal_lack(const journal_t *self, const tt_engine_t *engine)
{
    lack_t lack = {0, 0};
    for (size_t i = 0; i < self->count; i++) {
        if (!journal_lacks(self, engine, &self->deeds[i]))
            continue;
        if (self->deeds[i].name)
            lack.names++;
        else
            lack.lines++;
    }
    return lack;
}

void lack_tell(const lack_t *self, tt_buf_t *out)
{
    if (self->lines)
        tt_buf_printf(out, "%zu %%px line%s", self->lines, self->lines == 1 ? "" : "s");
    if (self->names)
        tt_buf_printf(out, "%s%zu pushed name%s", self->lines ? ", " : "", self->names,
                      self->names == 1 ? "" : "s");
}

void journal_settled(journal_t *self, const tt_engine_t *engine, uint64_t upto)
{
    settled_t *settled = find_settled(self, engine->born);
    if (settled == NULL) {
        self->settled = tt_realloc(self->settled, (self->settled_count + 1) * sizeof *settled);
        settled = &self->settled[self->settled_count++];
        *settled = (settled_t){engine->born, 0};
    }
    if (upto > settled->upto)
        settled->upto = upto;
}
