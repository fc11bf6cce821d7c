/* Writing MessagePack. The one file that knows msgpack-c, and only its packing half: what comes
 * from outside is read by our own validating cursor (read.c). The packer's functions are inline
 * in the headers, so nothing links to the library: the Python runtime needs libc only. */
#include "pack.h"

#include <msgpack/pack.h>
#include <string.h>

/* Inlined into each of the packers: heads have few bytes, and there is mostly room. */
static inline int append(void *data, const char *bytes, size_t len)
{
    tt_buf_t *out = data;
    if (out->cap - out->len < len)
        tt_buf_reserve(out, len);
    if (len > 0)
        memcpy(out->data + out->len, bytes, len);
    out->len += len;
    return 0;
}

static msgpack_packer packer(tt_buf_t *out)
{
    msgpack_packer self;
    msgpack_packer_init(&self, out, append);
    return self;
}

void tt_pack_nil(tt_buf_t *out)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_nil(&pk);
}

void tt_pack_bool(tt_buf_t *out, bool value)
{
    msgpack_packer pk = packer(out);
    if (value)
        msgpack_pack_true(&pk);
    else
        msgpack_pack_false(&pk);
}

void tt_pack_int(tt_buf_t *out, int64_t value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_int64(&pk, value);
}

void tt_pack_uint(tt_buf_t *out, uint64_t value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_uint64(&pk, value);
}

void tt_pack_double(tt_buf_t *out, double value)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_double(&pk, value);
}

void tt_pack_str(tt_buf_t *out, const char *text, size_t len)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_str(&pk, len);
    msgpack_pack_str_body(&pk, text, len);
}

void tt_pack_text(tt_buf_t *out, const char *text)
{
    if (text == NULL)
        tt_pack_nil(out);
    else
        tt_pack_str(out, text, strlen(text));
}

void tt_pack_bin(tt_buf_t *out, const void *data, size_t len)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_bin(&pk, len);
    msgpack_pack_bin_body(&pk, data, len);
}

void tt_pack_array(tt_buf_t *out, size_t count)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_array(&pk, count);
}

void tt_pack_map(tt_buf_t *out, size_t count)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_map(&pk, count);
}

void tt_pack_ext(tt_buf_t *out, int code, const void *body, size_t len)
{
    msgpack_packer pk = packer(out);
    msgpack_pack_ext(&pk, len, (int8_t)code);
    msgpack_pack_ext_body(&pk, body, len);
}

void tt_pack_raw(tt_buf_t *out, tt_span_t value)
{
    if (value.len == 0)
        tt_pack_nil(out);
    else
        tt_buf_append(out, value.data, value.len);
}
