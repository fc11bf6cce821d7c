/* How engines are placed on a machine: where they start, with which environment, how many
 * threads their libraries may use, how nice they are, how much memory they may have. The same
 * options for `tutti start` and `tutti add`. */
#ifndef PLACEMENT_H
#define PLACEMENT_H

#include "client.h"
#include "option.h"

typedef struct {
    const char *directory; /* NULL: what the caller has for it */
    tt_texts_t variables;  /* NAME=VALUE of the person's; the array is owned */
    long threads;          /* of numerical libraries in each engine; 0: 1, unless it is told */
    long nice;             /* 0 to 19 */
    const char *memory;    /* "4G", "500M"; NULL: no limit */
} placement_t;

void placement_release(placement_t *self);

/* Whether it makes sense. Returns 0, or -1 with what does not. */
int placement_check(const placement_t *self, tt_error_t *err);

/* Fills in a LAUNCH's directory (`directory` when none was told), environment, nice and memory.
 * With `here` the libraries' variables that our own environment has stay as they are.
 * What the message points to is in `texts`, which must live as long. */
void placement_tell(const placement_t *self, const char *directory, bool here,
                    tt_msg_launch_t *launch, tt_buf_t *texts);

#endif
