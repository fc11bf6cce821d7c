/* ZPL, the text of settings (ZeroMQ's RFC 4): `name = value` lines, indented by 4 spaces for
 * each level; # begins a comment; a value may stand in quotes. Read more strictly than by czmq:
 * what is accepted here means the same there, and what it would cut or drop is an error. */
#ifndef ZPL_H
#define ZPL_H

#include "buf.h"
#include "error.h"

typedef struct {
    char *name;     /* owned */
    char *value;    /* owned; without its quotes; NULL: there is no = */
    unsigned line;  /* from 1 */
    unsigned depth; /* 0, or at most one more than that of the item before */
} zpl_item_t;

typedef struct {
    zpl_item_t *items; /* in the order of their lines */
    size_t count;
} zpl_t;

/* Reads any bytes. Returns 0 and the items, which the caller releases; or -1 with the reason
 * and the line that is wrong, then there is nothing to release. */
int zpl_read(zpl_t *self, const char *text, size_t len, unsigned *line, tt_error_t *err);
/* Frees the items; harmless when called twice. */
void zpl_release(zpl_t *self);

/* Appends a value as it is written, in quotes where it needs them. */
void zpl_put_value(tt_buf_t *out, const char *value);

#endif
