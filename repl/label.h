/* Labels: who said it. `[0-3]`, `[0-3:5]`, `[197 of 200]`, `[web01-web17,web19-web40]`,
 * `[41 of 500 items: 3,9,17,…]`, `Out[0-3:5]: `. */
#ifndef LABEL_H
#define LABEL_H

#include "fold.h"

#include <stdbool.h>

/* The widest that a label's names may be. */
enum { LABEL_COLUMNS = 24 };

typedef struct {
    int job;      /* the number that errors and values show; 0: none */
    size_t total; /* engines or items that the job has in all */
    bool hosts;   /* one engine per host: show the host names that there are */
    bool items;   /* ids are a map's items, not engines */
} label_style_t;

/* Appends the names alone: ranges of ids (`0-3,7`), host names when the style asks for them and
 * all members have one, or how many when that is more than LABEL_COLUMNS wide. Host names are
 * escaped. An id that occurs twice is shown once. Members are in order of id. */
void label_names(tt_buf_t *out, const fold_member_t *members, size_t count,
                 const label_style_t *style);

/* Appends `[names] `; with a `mark` (else NULL) `[names mark] `. */
void label_line(tt_buf_t *out, const fold_member_t *members, size_t count,
                const label_style_t *style, const char *mark);

/* Appends `[names:job] `, without the job when there is none or the names are items. */
void label_job(tt_buf_t *out, const fold_member_t *members, size_t count,
               const label_style_t *style);

/* Appends `Out[names:job]:`. */
void label_out(tt_buf_t *out, const fold_member_t *members, size_t count,
               const label_style_t *style);

/* Appends what stands behind label_out: a value of one line on the same line, a value of
 * several below; then a newline. */
void label_value(tt_buf_t *out, tt_span_t value);

#endif
