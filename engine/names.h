/* Names that an engine has completed words to, so that its host can answer for it while it is
 * busy. Bounded; what was learned or asked for least lately goes first. */
#ifndef NAMES_H
#define NAMES_H

#include "buf.h"

#include <stdbool.h>

enum {
    NAMES_ENTRIES_MAX = 16,
    NAMES_COUNT_MAX = 8192,       /* names in all entries */
    NAMES_BYTES_MAX = 128 * 1024, /* of keys and names */
};

typedef struct {
    tt_buf_t key;    /* what stands before the word */
    tt_buf_t prefix; /* what of the word was typed when it was asked */
    tt_buf_t names;  /* packed texts */
    size_t count;
    uint64_t used;
} names_entry_t;

typedef struct {
    names_entry_t entries[NAMES_ENTRIES_MAX];
    size_t entry_count;
    uint64_t clock;
} names_t;

/* Keeps what a runtime answered (`body`, of a RESULT) to a COMPLETE with these arguments. What
 * is malformed or too much is not kept. */
void names_learn(names_t *self, tt_span_t args, tt_span_t body);

/* Replaces the contents of `body` by that of a RESULT that answers a COMPLETE with these
 * arguments from what is known, maybe nothing; false when they are malformed. */
bool names_answer(names_t *self, tt_span_t args, tt_buf_t *body);

/* The namespace may have changed: forgets all but the names of the top level, which will do
 * until they are learned again. */
void names_forget(names_t *self);

/* Forgets everything. */
void names_release(names_t *self);

#endif
