/* How answers differ: what most of them say, and what the others say instead. Of an answer
 * counts all that a person would see: output, value, error, exit status. */
#ifndef DIFFERENCE_H
#define DIFFERENCE_H

#include "fold.h"
#include "render.h"

typedef struct difference difference_t;

/* Compares the answers, which are borrowed until difference_destroy. */
difference_t *difference_new(const answer_t *answers, size_t count);
void difference_destroy(difference_t **self_p);

/* Appends what most say, each line behind their label, and for each other group the lines that
 * it has instead:
 *
 *     [0-2,4-7] 3.11.2
 *     [3] - 3.11.2
 *     [3] + 3.9.2
 */
void difference_show(const difference_t *self, const render_style_t *style, tt_buf_t *out);

/* How many groups say different things. */
size_t difference_groups(const difference_t *self);

/* Appends to `ids`, which has room for all, the engines that do not say what most say; returns
 * how many. Of two groups of the same size the one with the lowest number is the many. */
size_t difference_odd(const difference_t *self, int *ids);

/* The same of those whose answer contains the text. */
size_t difference_saying(const difference_t *self, const char *text, int *ids);

#endif
