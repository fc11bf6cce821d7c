/* A picture that came from an engine: what kind it is, and how large. Its bytes are anybody's,
 * so nothing of them is believed beyond what is checked here, and nothing is decoded. */
#ifndef PICTURE_H
#define PICTURE_H

#include "buf.h"

#include <stdbool.h>

typedef struct {
    const char *mime;
    const char *suffix; /* of a file's name, without the dot */
    bool drawable;      /* terminals and their helpers may be given it */
    /* Checks the bytes, and fills in the size where it is told. -1: they are none of this. */
    int (*read)(tt_span_t bytes, unsigned *width, unsigned *height);
} picture_kind_t;

typedef struct {
    const picture_kind_t *kind;
    tt_span_t bytes;        /* borrowed */
    unsigned width, height; /* in pixels, below PICTURE_SIDE_MAX; 0: it does not tell */
} picture_t;

enum { PICTURE_SIDE_MAX = 1 << 20 };

/* The kinds there are, the one that is preferred first; the last row has no mime type. */
extern const picture_kind_t picture_kinds[];

/* The kind of a mime type; NULL when it is no picture's. */
const picture_kind_t *picture_kind(tt_span_t mime);

/* Looks at bytes that are said to be of this kind. Returns 0, or -1 when they are not. */
int picture_read(picture_t *self, const picture_kind_t *kind, tt_span_t bytes);

/* Whether it is small enough to be drawn on a terminal: in pixels, and in bytes. */
bool picture_is_drawable(const picture_t *self);

#endif
