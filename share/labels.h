/* Labels of engines, all of one in one text: "gpu=2,mem=64G,fast". A label is a name, maybe
 * with an amount; one without has 1. What work needs is written the same way. */
#ifndef TT_LABELS_H
#define TT_LABELS_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>

enum { TT_LABELS_SIZE = 256 }; /* of the text, with its zero */

typedef struct {
    tt_span_t name; /* borrowed from the text */
    double amount;
} tt_label_t;

/* The label at `*at`, which then stands at the next one; false at the end. */
bool tt_labels_next(const char **at, tt_label_t *label);

/* Whether the text says labels. Returns 0, or -1 with what does not. */
int tt_labels_check(const char *labels, tt_error_t *err);

/* Whether the name is among them. */
bool tt_labels_have(const char *labels, const char *name);

/* Whether there is as much of everything as `needs` says. */
bool tt_labels_meet(const char *labels, const char *needs);

#endif
