/* What the local engine has displayed, by the number of the line: so that %show finds it. The
 * displays of jobs are with the jobs. The latest ones are kept, 64 MiB and 20 lines at most. */
#ifndef GALLERY_H
#define GALLERY_H

#include "buf.h"

enum { GALLERY_LINES = 20 };

typedef struct {
    int number;
    tt_buf_t displays; /* as they stand in a RESULT */
} gallery_line_t;

/* Empty when it is all zero. */
typedef struct {
    gallery_line_t lines[GALLERY_LINES]; /* the oldest first */
    size_t count;
} gallery_t;

/* Copies what the line of this number has displayed; another one of that number is forgotten.
 */
void gallery_add(gallery_t *self, int number, tt_span_t displays);
/* What is kept of a line; `data` NULL: nothing. */
tt_span_t gallery_find(const gallery_t *self, int number);
/* The number of the latest line; 0: there is none. */
int gallery_latest(const gallery_t *self);
void gallery_release(gallery_t *self);

#endif
