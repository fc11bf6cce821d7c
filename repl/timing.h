/* How long a job took, in a line: `10 items · 0.21 s · serial 0.80 s · speed-up 3.8x`. */
#ifndef TIMING_H
#define TIMING_H

#include "buf.h"

typedef struct {
    size_t items;
    double elapsed_s; /* from submitting to the last result */
    double serial_s;  /* the items' own run times, summed */
} timing_t;

/* Appends a duration: `0.21 s`, `5.0 s`, `500 s`, `16 min 40 s`, `2 h 05 min`. What is negative
 * or no number counts as 0. */
void timing_duration(tt_buf_t *out, double seconds);

/* Appends the line, without newline. When serial work would have been faster it says so. */
void timing_line(tt_buf_t *out, const timing_t *timing);

/* Appends `[13] done · 10 items · 5.0 s · speed-up 2.0x`, for a job in the background. */
void timing_done(tt_buf_t *out, int job, const timing_t *timing);

#endif
