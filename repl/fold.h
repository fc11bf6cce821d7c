/* Folding equal texts: who said the same. Entries come in any order; groups are in order of
 * their first engine (or item), members in order of number. Linear time by hash. */
#ifndef FOLD_H
#define FOLD_H

#include "buf.h"

typedef struct fold fold_t;

typedef struct {
    int id;           /* engine, or index of a map's item */
    const char *host; /* borrowed; may be NULL */
    size_t index;     /* 0 for the entry that was added first, and so on */
} fold_member_t;

typedef struct {
    tt_span_t text; /* the first entry's, borrowed from whoever added it */
    const fold_member_t *members;
    size_t count; /* at least 1 */
} fold_group_t;

fold_t *fold_new(void);
void fold_destroy(fold_t **self_p);

/* Adds one entry. Host and text are borrowed until fold_clear or fold_destroy. */
void fold_add(fold_t *self, int id, const char *host, tt_span_t text);

/* The groups of what was added so far, and how many in `count`. They are the fold's and hold
 * until the next call that changes it. */
const fold_group_t *fold_groups(fold_t *self, size_t *count);

/* Forgets all entries, for the next round; costs no more than they did. */
void fold_clear(fold_t *self);

#endif
