/* Work that is handed over item by item: each item is a task, at most so many are under way.
 * %map, %submit and %sweep differ in what an item is. The items are kept while some have not
 * ended well, for %retry. */
#ifndef FEEDER_H
#define FEEDER_H

#include "given.h"
#include "magic.h"

typedef struct feeder feeder_t;

/* What an item is. */
typedef struct {
    unsigned op;    /* TT_RT_CALL, of the function; or TT_RT_EXECUTE */
    char *function; /* an expression of the local engine, owned; NULL: none is called */
    /* Appends the arguments of an item, one packed array, and its buffers. `hash` is the
     * function's. */
    void (*pack)(void *state, size_t index, const uint8_t hash[GIVEN_HASH], tt_buf_t *args,
                 tt_frames_t *buffers);
    /* The arguments of an item as one packed array, when they are small and several items may
     * go together; empty: it goes alone. NULL: all do. */
    tt_span_t (*item)(void *state, size_t index);
    void (*release)(void *state); /* NULL: nothing is owned */
    void *state;
    size_t count; /* of items */
    bool single;  /* one, which is told of as an engine's answer */
} feeder_work_t;

/* Reads the call's options: targets, --retries, --timeout, --direct, --max-outstanding. NULL
 * after a message, with `*status`. */
feeder_t *feeder_new(session_t *session, const magic_call_t *call, bool any_language,
                     int *status);
void feeder_destroy(feeder_t **self_p);

/* Ships the function, makes the job, which takes feeder and work (they are gone in any case),
 * and hands the first items over. NULL after a message, with `*status`. */
job_t *feeder_start(feeder_t *self, const feeder_work_t *work, const char *source, int *status);

/* Begins those items of a job that have not ended well anew; with the function as its
 * expression is now. Returns 0, or an exit status after a message. */
int feeder_retry(session_t *session, job_t *job);

/* As much as may be under way is handed over now, item by item: others are to come after them.
 */
void feeder_hand_over(job_t *job);

/* What its items wait for. Borrowed from the feeder, until it is run again. */
typedef struct {
    const int *engines; /* that may do it */
    size_t engine_count;
    const uint64_t *waits; /* submissions (tt_job_id) that are to end before */
    size_t wait_count;
    size_t outstanding_max; /* items that are under way at a time */
} feeder_view_t;
void feeder_look(const feeder_t *self, feeder_view_t *view);

/* The pack function for items of the local engine that are arguments: `state` is a
 * given_items_t. */
void feeder_pack_call(void *state, size_t index, const uint8_t hash[GIVEN_HASH], tt_buf_t *args,
                      tt_frames_t *buffers);
/* The `item` function of these; Python's engines alone know of several at a time. */
tt_span_t feeder_item(void *state, size_t index);
void feeder_release_items(void *state);

#endif
