/* What `top` shows: one frame, as text. A pure function of what is known and how it is looked
 * at; top.c brings it to the terminal. */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

#include "pulse.h"
#include "top_rows.h"

typedef struct {
    size_t columns;
    size_t rows; /* 0: as many as it takes, without the line of keys */
    bool colour;
    bool ascii; /* the locale is not UTF-8 */
    top_grouping_t grouping;
    top_order_t order;
    size_t first;     /* the row of engines at the top; top_view brings it into range */
    const char *help; /* lines that stand in the place of the rows; NULL: none */
    bool paused;
    double
        silent_s; /* since the answer that is shown, when the next one is late; 0: it is not */
} top_look_t;

enum { TOP_APART_MAX = 40 }; /* engines that have rows of their own when there is no height */

/* Appends the frame: lines that end in newlines, each no wider than `columns`, and just `rows`
 * of them. Returns how many rows of engines there are room for. */
size_t top_view(const snapshot_t *report, const pulse_t *pulse, top_look_t *look,
                tt_buf_t *out);

#endif
