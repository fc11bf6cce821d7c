/* A table from 64-bit numbers to pointers: tasks by id, peers by route, engines by number.
 * Open addressing; grows by itself; the pointers stay their owners'. */
#ifndef TT_MAP_H
#define TT_MAP_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    struct {
        uint64_t key;
        void *value; /* NULL: free */
    } * slots;
    size_t size; /* a power of two, or 0 */
    size_t count;
} tt_map_t;

void tt_map_init(tt_map_t *self);
void tt_map_release(tt_map_t *self);

/* The pointer under `key`, or NULL. */
void *tt_map_get(const tt_map_t *self, uint64_t key);
/* Puts a pointer (not NULL) there, replacing what was. */
void tt_map_set(tt_map_t *self, uint64_t key, void *value);
/* Takes it out and returns it, or NULL. */
void *tt_map_take(tt_map_t *self, uint64_t key);

/* Walks all pointers in no order: start with `*at` 0; NULL at the end. Not to be changed
 * meanwhile. */
void *tt_map_next(const tt_map_t *self, size_t *at);

#endif
