/* Writing MessagePack into a buffer. Nothing here fails: the buffer grows. */
#ifndef TT_PACK_H
#define TT_PACK_H

#include "buf.h"

#include <stdbool.h>

void tt_pack_nil(tt_buf_t *out);
void tt_pack_bool(tt_buf_t *out, bool value);
void tt_pack_int(tt_buf_t *out, int64_t value);
void tt_pack_uint(tt_buf_t *out, uint64_t value);
void tt_pack_double(tt_buf_t *out, double value);

/* Text; `len` bytes of UTF-8. */
void tt_pack_str(tt_buf_t *out, const char *text, size_t len);
/* Text of a C string; NULL packs nil. */
void tt_pack_text(tt_buf_t *out, const char *text);
void tt_pack_bin(tt_buf_t *out, const void *data, size_t len);

/* A container's head; `count` values (array) or `count` pairs (map) must follow. */
void tt_pack_array(tt_buf_t *out, size_t count);
void tt_pack_map(tt_buf_t *out, size_t count);

/* An extension value with its whole body (codes in value.h). */
void tt_pack_ext(tt_buf_t *out, int code, const void *body, size_t len);

/* A value that is packed already. An empty span packs nil. */
void tt_pack_raw(tt_buf_t *out, tt_span_t value);

#endif
