/* The number table. Linear probing; deletion moves later entries back, so there are no
 * tombstones. */
#include "map.h"

#include "buf.h"

#include <stdlib.h>

void tt_map_init(tt_map_t *self)
{
    *self = (tt_map_t){NULL, 0, 0};
}

void tt_map_release(tt_map_t *self)
{
    free(self->slots);
    tt_map_init(self);
}

/* Numbers that count up would cluster; this spreads them. */
static size_t home(const tt_map_t *self, uint64_t key)
{
    key *= 0x9e3779b97f4a7c15u;
    return (size_t)(key >> 32) & (self->size - 1);
}

/* The slot of `key`, or the free one where it would go. The table must not be empty or full. */
static size_t place(const tt_map_t *self, uint64_t key)
{
    size_t at = home(self, key);
    while (self->slots[at].value && self->slots[at].key != key)
        at = (at + 1) & (self->size - 1);
    return at;
}

void *tt_map_get(const tt_map_t *self, uint64_t key)
{
    return self->size ? self->slots[place(self, key)].value : NULL;
}

static void grow(tt_map_t *self)
{
    tt_map_t old = *self;
    self->size = old.size ? old.size * 2 : 16;
    self->slots = tt_alloc(self->size * sizeof *self->slots);
    for (size_t i = 0; i < old.size; i++)
        if (old.slots[i].value)
            self->slots[place(self, old.slots[i].key)] = old.slots[i];
    free(old.slots);
}

void tt_map_set(tt_map_t *self, uint64_t key, void *value)
{
    if (self->count * 4 >= self->size * 3)
        grow(self);
    size_t at = place(self, key);
    if (self->slots[at].value == NULL)
        self->count++;
    self->slots[at].key = key;
    self->slots[at].value = value;
}

void *tt_map_take(tt_map_t *self, uint64_t key)
{
    if (self->size == 0)
        return NULL;
    size_t at = place(self, key), mask = self->size - 1;
    void *value = self->slots[at].value;
    if (value == NULL)
        return NULL;
    self->count--;
    for (size_t next = (at + 1) & mask; self->slots[next].value; next = (next + 1) & mask) {
        size_t want = home(self, self->slots[next].key);
        if (((next - want) & mask) >= ((next - at) & mask)) {
            self->slots[at] = self->slots[next];
            at = next;
        }
    }
    self->slots[at].value = NULL;
    return value;
}

void *tt_map_next(const tt_map_t *self, size_t *at)
{
    while (*at < self->size)
        if (self->slots[(*at)++].value)
            return self->slots[*at - 1].value;
    return NULL;
}
