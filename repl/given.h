/* What the local engine gives to magics: values, functions to ship, items one by one. Failures
 * are told: each returns 0, or an exit status after a message that names `magic` ("%map"). */
#ifndef GIVEN_H
#define GIVEN_H

#include "session.h"

enum { GIVEN_HASH = 16 };

/* In front of a function of python/tutti/parts.py, in an expression of Python. */
#define GIVEN_PARTS "__import__('tutti.parts').parts."

/* The value of an expression as a group of frames: one body, then its buffers. The caller
 * releases them. */
int given_value(session_t *session, const char *magic, const char *expr, tt_frames_t *group);

/* The function that an expression names: its hash, and its bytes to the cluster unless it has
 * them. What travels along and is large is told. */
int given_function(session_t *session, const char *magic, const char *expr,
                   uint8_t hash[GIVEN_HASH]);

/* The items of iterables, zipped to the shortest. */
typedef struct {
    local_result_t result; /* frames: the reply's body, then the items' */
    size_t *first;         /* the first frame of each item: the array of its values */
    size_t *frames;        /* how many frames it has */
    size_t count;
} given_items_t;

int given_items(session_t *session, const char *magic, char *const *exprs, size_t expr_count,
                given_items_t *items);
void given_items_release(given_items_t *self);

/* The body of an item, an array of its values; and its buffers, appended to `frames`. */
tt_span_t given_item(given_items_t *self, size_t index, tt_frames_t *frames);
/* The same of items that have one value: appended as a group. Returns how many frames. */
size_t given_group(given_items_t *self, size_t index, tt_frames_t *frames);

#endif
