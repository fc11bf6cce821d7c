/* The progress of a job that runs, as one line of text:
 *
 *     212/500 ████████░░░░░░░░ 42 % · 119/s · 2 s left
 *     3/4 engines · 12 s · waiting for 1
 *     0/2 engines · 12 s · 140/2147 MB · 11.6 MB/s · 2 min 54 s left
 *
 * It has no newline, no colour and never more than the columns it is given: what matters least
 * is left out first. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "label.h"

/* How many parts end in a second, over the last seconds. Plain data; zeroed when new. */
enum { PROGRESS_SAMPLES = 32 };

typedef struct {
    struct {
        double at_s;
        size_t done;
    } samples[PROGRESS_SAMPLES]; /* a ring */
    size_t first, count;
} progress_rate_t;

/* Notes that `done` parts had ended at this time (any clock that only goes forward). To be
 * called as often as one likes. */
void progress_rate_add(progress_rate_t *self, double now_s, size_t done);

/* Parts per second; 0 while nothing is known. When nothing has ended for long it falls. */
double progress_rate(const progress_rate_t *self, double now_s);

typedef struct {
    size_t done, total; /* parts that have ended, the failed ones as well */
    size_t failed;
    double elapsed_s;
    double rate;                 /* a second; 0: unknown */
    uint64_t bytes, bytes_total; /* of big values that move; 0: none do */
    double bytes_rate;           /* a second; 0: unknown */
    size_t columns;
    bool ascii; /* the locale is not UTF-8 */
} progress_t;

/* Appends the line of a map: a bar, a rate, what is left and what failed. */
void progress_items(tt_buf_t *out, const progress_t *progress);

/* Appends the line of a job whose parts are engines, with the values that move if there are any
 * on their way. `missing` are those that have not
 * answered, in order of id, named as labels are. */
void progress_engines(tt_buf_t *out, const progress_t *progress, const fold_member_t *missing,
                      size_t count, const label_style_t *style);

/* Whether the locale that was set (setlocale) writes UTF-8. */
bool progress_utf8(void);

#endif
