/* When engines worked on a job: a row for each engine (of very many, for each group of them),
 * time from left to right.
 *
 *     0   ████▆     ▆███   71 % · 5
 *     1   ███████x         40 % · 3
 *         0 s           1.2 s
 *
 * The height is how much of the time they worked, x that something failed there. */
#ifndef TIMELINE_H
#define TIMELINE_H

#include "buf.h"

#include <stdbool.h>

/* One engine's work on one part. */
typedef struct {
    int engine;
    const char *host;      /* borrowed; NULL: engines are called by their numbers */
    double start_s, end_s; /* since the job began */
    bool failed;
} timeline_span_t;

enum { TIMELINE_ROWS = 32 };

/* Appends the picture of `total_s` seconds, as wide as `columns`. Sorts the spans. */
void timeline_show(timeline_span_t *spans, size_t count, double total_s, size_t columns,
                   bool ascii, tt_buf_t *out);

/* One column of such a picture: a share from 0 (a blank) to 1. */
const char *timeline_bar(double share, bool ascii);

/* Appends the same as an SVG document, every engine in a row of its own. */
void timeline_svg(timeline_span_t *spans, size_t count, double total_s, const char *title,
                  tt_buf_t *out);

#endif
