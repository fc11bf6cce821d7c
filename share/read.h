/* Reading MessagePack that came from outside: first validate the whole, then walk it.
 *
 * tt_validate checks a complete value without allocating anything: every count against the
 * bytes that remain, depth, number of values, no reserved byte, nothing behind the end. A
 * tt_reader_t walks validated bytes; it is safe on any bytes (it never leaves them), but only
 * validated ones are certain to make sense. Strings, bins and bodies point into the input. */
#ifndef TT_READ_H
#define TT_READ_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>

typedef enum {
    TT_NIL,
    TT_BOOL,
    TT_INT,  /* fits int64_t */
    TT_UINT, /* above INT64_MAX */
    TT_FLOAT,
    TT_STR,
    TT_BIN,
    TT_ARRAY,
    TT_MAP,
    TT_EXT
} tt_type_t;

typedef struct {
    tt_type_t type;
    union {
        bool b;
        int64_t i;
        uint64_t u;
        double f;
        size_t count;    /* array: values; map: pairs */
        tt_span_t bytes; /* str, bin, ext body */
    } as;
    int ext; /* extension code, for TT_EXT */
} tt_item_t;

typedef struct {
    const uint8_t *at;
    const uint8_t *end;
} tt_reader_t;

typedef struct {
    unsigned depth; /* nested containers, extension bodies included */
    size_t values;  /* values in all */
} tt_limits_t;

/* Limits for message headers, and for values of users. */
extern const tt_limits_t tt_limits_header; /* depth 16, 262,144 values */
extern const tt_limits_t tt_limits_value;  /* depth 512, 64 Mi values */

/* Checks that `bytes` hold exactly one well-formed value within `limits`. Returns 0, or -1 with
 * the reason and the offset of the offending byte in `err`. */
int tt_validate(tt_span_t bytes, const tt_limits_t *limits, tt_error_t *err);

/* A reader at the start of `bytes`, which stay the caller's and must outlive it. */
tt_reader_t tt_reader(tt_span_t bytes);

/* Takes the next value; of a container only its head (its members follow). Returns 0, or -1 at
 * the end or on malformed bytes (the reader then stays where it is). */
int tt_read(tt_reader_t *self, tt_item_t *item);

/* Takes one value of the wanted type, or returns -1 and stays where it is.
 * tt_read_double also takes integers; tt_read_text copies a str into a zero-terminated array
 * and fails when it does not fit or holds a zero byte. */
int tt_read_nil(tt_reader_t *self);
int tt_read_bool(tt_reader_t *self, bool *value);
int tt_read_int(tt_reader_t *self, int64_t *value);
int tt_read_uint(tt_reader_t *self, uint64_t *value);
int tt_read_double(tt_reader_t *self, double *value);
int tt_read_str(tt_reader_t *self, tt_span_t *value);
int tt_read_bin(tt_reader_t *self, tt_span_t *value);
int tt_read_text(tt_reader_t *self, char *text, size_t size);
int tt_read_array(tt_reader_t *self, size_t *count);
int tt_read_map(tt_reader_t *self, size_t *count);

/* Takes one whole value, members included, as a span of its bytes. Returns 0 or -1. */
int tt_read_raw(tt_reader_t *self, tt_span_t *value);

/* Skips one whole value. Returns 0 or -1. */
int tt_skip(tt_reader_t *self);

/* True when nothing is left. */
bool tt_reader_done(const tt_reader_t *self);

#endif
