/* How a job went and how long it took, in a line: `10 items · 0.21 s · serial 0.80 s · speed-up
 * 3.8x`, `[13] 459 done, 41 failed · 5.0 s`. */
#ifndef TIMING_H
#define TIMING_H

#include "buf.h"

#include <stdbool.h>

typedef struct {
    size_t items;     /* of a map, or engines */
    size_t kept;      /* of them: done before it was tried again; the times are without them */
    double elapsed_s; /* from submitting to the last result */
    double serial_s;  /* the items' own run times, summed */
    bool map;
    size_t failed, stopped, unstarted; /* of the items; the rest is well */
} timing_t;

/* Where the time of a job's parts went, of those that an engine has ended. */
typedef struct {
    double least_s, sum_s, most_s;
} timing_spread_t;

typedef struct {
    size_t parts;
    timing_spread_t queued; /* at the controller */
    timing_spread_t waited; /* at the engine's host */
    timing_spread_t ran;    /* in user code */
    timing_spread_t moved;  /* the rest: there and back */
    size_t moved_parts;     /* of how many that is known */
} timing_split_t;

/* Counts one more. */
void timing_spread_add(timing_spread_t *self, size_t before, double seconds);

/* Appends the split as a table, a row each with least, mean and most. */
void timing_table(tt_buf_t *out, const timing_split_t *split);

/* Appends a duration: `0.21 s`, `5.0 s`, `500 s`, `16 min 40 s`, `2 h 05 min`. What is negative
 * or no number counts as 0. */
void timing_duration(tt_buf_t *out, double seconds);

/* Appends the line, without newline. When serial work would have been faster it says so. */
void timing_line(tt_buf_t *out, const timing_t *timing);

/* Appends `459 done, 41 failed` or `212 done, 8 stopped, 280 not started`. */
void timing_parts(tt_buf_t *out, const timing_t *timing);

/* Appends the line of a job in the background that has ended, without newline: of a map `[13]
 * done · 10 items · 5.0 s · speed-up 2.0x` or `[13] 459 done, 41 failed · 5.0 s`, else `[6]
 * done · 1.0 s` or `[6] failed · 2 of 4 engines · 1.0 s`. */
void timing_done(tt_buf_t *out, int job, const timing_t *timing);

#endif
