/* Folding what engines wrote: lines that all of a group wrote alike are shown once, as long as
 * the group's members agree from the start; from the first line in which they differ each part
 * goes its own way. So an engine's lines keep their order and stand together.
 *
 *     [0-3] reading
 *     [0-1,3] ready
 *     [2] no such file */
#ifndef OUTPUT_H
#define OUTPUT_H

#include "label.h"

typedef struct output output_t;

output_t *output_new(void);
void output_destroy(output_t **self_p);

/* Adds what one engine (or item) wrote in this window. Host and text are borrowed until the
 * next output_show. Empty text adds nothing. */
void output_add(output_t *self, int id, const char *host, tt_span_t text);

/* How the labels look. */
typedef struct {
    label_style_t label;
    const char *mark;  /* in the label, NULL for none */
    const char *start; /* of colour before the label, "" for none */
    const char *end;
} output_style_t;

/* Appends all lines, each behind its label, and forgets them. What a carriage return would have
 * overwritten on a terminal is left out; a last line without newline gets one. */
void output_show(output_t *self, const output_style_t *style, tt_buf_t *out);

#endif
