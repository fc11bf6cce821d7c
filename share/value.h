/* How values of users are written: MessagePack plus these extension types. PROTOCOL.md,
 * "Values".
 *
 * A value is one body of MessagePack and the buffers it refers to: a run of bytes over
 * TT_INLINE_LIMIT stands in the body as a TT_EXT_BUFFER and travels as a payload frame of its
 * own, never copied through the packer. */
#ifndef TT_VALUE_H
#define TT_VALUE_H

#include "buf.h"
#include "error.h"
#include "pack.h"
#include "read.h"

enum {
    TT_EXT_TIMESTAMP = -1, /* MessagePack's own: 4, 8 or 12 bytes, UTC */
    TT_EXT_TUPLE = 1,      /* body: an array */
    TT_EXT_BIGINT = 2,     /* body: two's complement, big-endian, at least one byte */
    TT_EXT_COMPLEX = 3,    /* body: two big-endian doubles, real and imaginary */
    TT_EXT_ARRAY = 4,      /* body: [dtype str, [dim ...], order "C" or "F", data] */
    TT_EXT_OBJECT = 5,     /* body: [language str, format str, data, [data ...]] */
    TT_EXT_NAME = 6,       /* body: UTF-8, an expression to look up on the engine */
    TT_EXT_BUFFER = 7      /* body: [index, length]; frame `index` of this value's buffers */
};

/* Bytes from this length on travel as a frame of their own. */
enum { TT_INLINE_LIMIT = 4096 };

/* The most that stands in one message, all frames together: of a value without a spool, of a
 * function, of what a command of the shell has written. */
#define TT_VALUE_LIMIT ((size_t)64 << 20)

/* "data" above is a bin or a TT_EXT_BUFFER. Packs bytes inline. */
void tt_pack_buffer_ref(tt_buf_t *out, size_t index, size_t len);

/* Reads a bin, or a buffer reference resolved among `buffers`. Returns 0, or -1 when the value
 * is neither, the index is out of range or the length differs; the reader then stays. */
int tt_read_data(tt_reader_t *self, const tt_span_t *buffers, size_t count, tt_span_t *data);

/* Checks a whole value: the body as tt_validate does, and every buffer reference in it against
 * `buffers`. Returns 0, or -1 with the reason. */
int tt_value_check(tt_span_t body, const tt_span_t *buffers, size_t count, tt_error_t *err);

/* Writes the value as JSON (RFC 8259) for `--json`: bins and arrays of bytes as base64 objects,
 * n-d arrays and opaque objects as {"$type": ...}, NaN and infinities as null. */
void tt_value_json(tt_span_t body, tt_buf_t *out);

/* Text as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void tt_json_text(tt_buf_t *out, const char *text, size_t len);

#endif
