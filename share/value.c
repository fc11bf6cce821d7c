/* Values of users: buffer references, the check of a whole value, and JSON. See value.h.
 * Called by the client and the prompt (`--json`), and by every runtime that is written in C. */
#include "value.h"

#include "text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void tt_pack_buffer_ref(tt_buf_t *out, size_t index, size_t len)
{
    tt_buf_t body;
    tt_buf_init(&body);
    tt_pack_array(&body, 2);
    tt_pack_uint(&body, index);
    tt_pack_uint(&body, len);
    tt_pack_ext(out, TT_EXT_BUFFER, body.data, body.len);
    tt_buf_release(&body);
}

/* The bytes that a reference's body names. */
static int resolve(tt_span_t body, const tt_span_t *buffers, size_t count, tt_span_t *data)
{
    tt_reader_t reader = tt_reader(body);
    size_t members;
    uint64_t index, len;
    if (tt_read_array(&reader, &members) != 0 || members != 2 ||
        tt_read_uint(&reader, &index) != 0 || tt_read_uint(&reader, &len) != 0 ||
        !tt_reader_done(&reader) || index >= count || buffers[index].len != len)
        return -1;
    *data = buffers[index];
    return 0;
}

int tt_read_data(tt_reader_t *self, const tt_span_t *buffers, size_t count, tt_span_t *data)
{
    tt_reader_t was = *self;
    tt_item_t item;
    if (tt_read(self, &item) == 0) {
        if (item.type == TT_BIN)
            return *data = item.as.bytes, 0;
        if (item.type == TT_EXT && item.ext == TT_EXT_BUFFER &&
            resolve(item.as.bytes, buffers, count, data) == 0)
            return 0;
    }
    *self = was;
    return -1;
}

/* ---- checking */

static bool holds_values(int ext)
{
    return ext == TT_EXT_TUPLE || ext == TT_EXT_ARRAY || ext == TT_EXT_OBJECT;
}

/* The bytes are well-formed and bounded in depth by now. A container's members follow its head,
 * so one loop sees all; only extension bodies are entered. */
static int check_refs(tt_span_t body, const tt_span_t *buffers, size_t count, tt_error_t *err)
{
    tt_reader_t reader = tt_reader(body);
    tt_item_t item;
    tt_span_t data;
    while (tt_read(&reader, &item) == 0) {
        if (item.type != TT_EXT)
            continue;
        if (item.ext == TT_EXT_BUFFER && resolve(item.as.bytes, buffers, count, &data) != 0)
            return tt_error_set(err,
                                "malformed value: it refers to a buffer that is not among "
                                "its %zu or has another size",
                                count);
        if (holds_values(item.ext) && check_refs(item.as.bytes, buffers, count, err) != 0)
            return -1;
    }
    return 0;
}

int tt_value_check(tt_span_t body, const tt_span_t *buffers, size_t count, tt_error_t *err)
{
    if (tt_validate(body, &tt_limits_value, err) != 0)
        return -1;
    return check_refs(body, buffers, count, err);
}

/* ---- JSON */

static void put(tt_buf_t *out, const char *text)
{
    tt_buf_append(out, text, strlen(text));
}

static void put_char(tt_buf_t *out, const char *text, size_t size, uint32_t code)
{
    if (code == '"' || code == '\\')
        tt_buf_printf(out, "\\%c", (char)code);
    else if (code == '\n')
        put(out, "\\n");
    else if (code == '\t')
        put(out, "\\t");
    else if (code < 0x20 || (code >= 0x7f && code < 0xa0))
        tt_buf_printf(out, "\\u%04x", (unsigned)code);
    else
        tt_buf_append(out, text, size);
}

void tt_json_text(tt_buf_t *out, const char *text, size_t len)
{
    put(out, "\"");
    while (len > 0) {
        uint32_t code = 0;
        size_t size = tt_text_char(text, len, &code);
        if (size > 0)
            put_char(out, text, size, code);
        else
            put(out, "\xef\xbf\xbd");
        text += size ? size : 1;
        len -= size ? size : 1;
    }
    put(out, "\"");
}

static void put_span(tt_buf_t *out, tt_span_t text)
{
    tt_json_text(out, (const char *)text.data, text.len);
}

static void put_base64(tt_buf_t *out, tt_span_t bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *to = tt_buf_reserve(out, (bytes.len + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t have = bytes.len - i;
        uint32_t three = (uint32_t)bytes.data[i] << 16 |
                         (have > 1 ? (uint32_t)bytes.data[i + 1] << 8 : 0) |
                         (have > 2 ? bytes.data[i + 2] : 0);
        *to++ = (uint8_t)digits[three >> 18];
        *to++ = (uint8_t)digits[three >> 12 & 63];
        *to++ = (uint8_t)(have > 1 ? digits[three >> 6 & 63] : '=');
        *to++ = (uint8_t)(have > 2 ? digits[three & 63] : '=');
    }
    out->len += (bytes.len + 2) / 3 * 4;
}

/* The fewest digits that read back as the same number; always with a point or an exponent. */
static void put_double(tt_buf_t *out, double value)
{
    char text[40];
    if (!isfinite(value)) {
        put(out, "null");
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *comma = strchr(text, ','); /* of a locale */
    if (comma)
        *comma = '.';
    put(out, text);
    if (text[strcspn(text, ".e")] == 0)
        put(out, ".0");
}

/* The magnitude of a two's complement number; the caller frees it. */
static uint8_t *magnitude(tt_span_t body, bool *negative)
{
    uint8_t *bytes = tt_alloc(body.len);
    *negative = body.len > 0 && (body.data[0] & 0x80);
    unsigned carry = *negative;
    for (size_t i = body.len; i-- > 0;) {
        unsigned byte = (*negative ? (uint8_t)~body.data[i] : body.data[i]) + carry;
        bytes[i] = (uint8_t)byte;
        carry = byte >> 8;
    }
    return bytes;
}

/* Decimal takes time that grows with the square of the length: over this it is written in hex.
 */
enum { BIGINT_DECIMAL_LIMIT = 8192 };

static void put_decimal(tt_buf_t *out, const uint8_t *bytes, size_t len)
{
    uint32_t *limbs = tt_alloc((len / 3 + 1) * sizeof *limbs); /* base 1e9, the lowest first */
    size_t count = 1;
    for (size_t i = 0; i < len; i++) {
        uint64_t carry = bytes[i];
        for (size_t k = 0; k < count; k++) {
            carry += (uint64_t)limbs[k] << 8;
            limbs[k] = (uint32_t)(carry % 1000000000);
            carry /= 1000000000;
        }
        if (carry)
            limbs[count++] = (uint32_t)carry;
    }
    tt_buf_printf(out, "%u", limbs[count - 1]);
    for (size_t k = count - 1; k-- > 0;)
        tt_buf_printf(out, "%09u", limbs[k]);
    free(limbs);
}

static void put_bigint(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    (void)depth;
    bool negative;
    uint8_t *bytes = magnitude(body, &negative);
    const char *sign = negative ? "-" : "";
    if (body.len <= BIGINT_DECIMAL_LIMIT) {
        put(out, sign);
        put_decimal(out, bytes, body.len);
    } else {
        tt_buf_printf(out, "{\"$type\":\"integer\",\"hex\":\"%s", sign);
        for (size_t i = 0; i < body.len; i++)
            tt_buf_printf(out, "%02x", bytes[i]);
        put(out, "\"}");
    }
    free(bytes);
}

static uint64_t big_endian(const uint8_t *at, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

/* ISO 8601 in UTC where the year has four digits, else the numbers themselves. */
static void put_time(tt_buf_t *out, int64_t seconds, uint32_t nanoseconds)
{
    struct tm utc;
    time_t when = (time_t)seconds;
    char text[40];
    if (nanoseconds > 999999999 || gmtime_r(&when, &utc) == NULL || utc.tm_year < -1900 ||
        utc.tm_year > 9999 - 1900) {
        tt_buf_printf(out, "{\"$type\":\"timestamp\",\"seconds\":%lld,\"nanoseconds\":%u}",
                      (long long)seconds, nanoseconds);
        return;
    }
    strftime(text, sizeof text, "T%H:%M:%S", &utc);
    tt_buf_printf(out, "\"%04d-%02d-%02d%s", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                  text);
    if (nanoseconds % 1000)
        tt_buf_printf(out, ".%09u", nanoseconds);
    else if (nanoseconds)
        tt_buf_printf(out, ".%06u", nanoseconds / 1000);
    put(out, "Z\"");
}

static void put_timestamp(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    (void)depth;
    uint64_t bits = big_endian(body.data, body.len == 12 ? 4 : (unsigned)body.len);
    if (body.len == 4)
        put_time(out, (int64_t)bits, 0);
    else if (body.len == 8)
        put_time(out, (int64_t)(bits & 0x3ffffffff), (uint32_t)(bits >> 34));
    else
        put_time(out, (int64_t)big_endian(body.data + 4, 8), (uint32_t)bits);
}

static void put_complex(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    (void)depth;
    double part[2];
    for (int i = 0; i < 2; i++) {
        uint64_t bits = big_endian(body.data + 8 * i, 8);
        memcpy(&part[i], &bits, sizeof bits);
    }
    put(out, "{\"$type\":\"complex\",\"re\":");
    put_double(out, part[0]);
    put(out, ",\"im\":");
    put_double(out, part[1]);
    put(out, "}");
}

static int put_value(tt_buf_t *out, tt_reader_t *reader, unsigned depth);

/* Members between their brackets; what is missing at the end is left out. */
static void put_members(tt_buf_t *out, tt_reader_t *reader, size_t count, unsigned depth)
{
    put(out, "[");
    for (size_t i = 0; i < count && !tt_reader_done(reader); i++) {
        put(out, i ? "," : "");
        if (put_value(out, reader, depth + 1) != 0)
            break;
    }
    put(out, "]");
}

/* Escaping doubles with every key inside a key, so only a few such levels fit into the depth.
 */
enum { KEY_DEPTH = 128 };

/* A key that is text stands for itself; any other becomes the text of its JSON. */
static int put_key(tt_buf_t *out, tt_reader_t *reader, unsigned depth)
{
    tt_span_t text;
    if (tt_read_str(reader, &text) == 0) {
        put_span(out, text);
        return 0;
    }
    tt_buf_t key;
    tt_buf_init(&key);
    int rc = put_value(&key, reader, depth + KEY_DEPTH);
    tt_json_text(out, (const char *)key.data, key.len);
    tt_buf_release(&key);
    return rc;
}

static void put_pairs(tt_buf_t *out, tt_reader_t *reader, size_t count, unsigned depth)
{
    put(out, "{");
    for (size_t i = 0; i < count && !tt_reader_done(reader); i++) {
        put(out, i ? "," : "");
        int rc = put_key(out, reader, depth);
        put(out, ":");
        if (rc != 0)
            put(out, "null");
        if (rc != 0 || put_value(out, reader, depth + 1) != 0)
            break;
    }
    put(out, "}");
}

/* {"$type": ..., the first fields of the body under the given names}; its data stays out. */
static void put_fields(tt_buf_t *out, tt_span_t body, const char *type,
                       const char *const *names, unsigned depth)
{
    tt_reader_t reader = tt_reader(body);
    size_t count = 0;
    tt_read_array(&reader, &count);
    tt_buf_printf(out, "{\"$type\":\"%s\"", type);
    for (size_t i = 0; names[i]; i++) {
        tt_buf_printf(out, ",\"%s\":", names[i]);
        if (i >= count)
            put(out, "null");
        else if (put_value(out, &reader, depth + 1) != 0)
            count = 0;
    }
    put(out, "}");
}

static void put_tuple(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    tt_reader_t reader = tt_reader(body);
    size_t count = 0;
    tt_read_array(&reader, &count);
    put_members(out, &reader, count, depth);
}

static void put_array(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    static const char *const names[] = {"dtype", "shape", NULL};
    put_fields(out, body, "array", names, depth);
}

static void put_object(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    static const char *const names[] = {"language", "format", NULL};
    put_fields(out, body, "object", names, depth);
}

static void put_name(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    (void)depth;
    put(out, "{\"$type\":\"name\",\"name\":");
    put_span(out, body);
    put(out, "}");
}

/* The bytes themselves are not here. */
static void put_buffer(tt_buf_t *out, tt_span_t body, unsigned depth)
{
    static const char *const names[] = {"buffer", "length", NULL};
    put_fields(out, body, "bytes", names, depth);
}

static void put_ext(tt_buf_t *out, const tt_item_t *item, unsigned depth)
{
    static const struct {
        int code;
        size_t size; /* of the body, 0: any */
        void (*put)(tt_buf_t *out, tt_span_t body, unsigned depth);
    } rows[] = {
        {TT_EXT_TUPLE, 0, put_tuple},
        {TT_EXT_BIGINT, 0, put_bigint},
        {TT_EXT_TIMESTAMP, 4, put_timestamp},
        {TT_EXT_TIMESTAMP, 8, put_timestamp},
        {TT_EXT_TIMESTAMP, 12, put_timestamp},
        {TT_EXT_COMPLEX, 16, put_complex},
        {TT_EXT_ARRAY, 0, put_array},
        {TT_EXT_OBJECT, 0, put_object},
        {TT_EXT_NAME, 0, put_name},
        {TT_EXT_BUFFER, 0, put_buffer},
    };
    tt_span_t body = item->as.bytes;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].code == item->ext && (rows[i].size == 0 || rows[i].size == body.len)) {
            rows[i].put(out, body, depth);
            return;
        }
    put(out, "null");
}

/* Writes the next value; -1 (and null) when there is none that makes sense. */
static int put_value(tt_buf_t *out, tt_reader_t *reader, unsigned depth)
{
    tt_item_t item;
    if (depth > tt_limits_value.depth || tt_read(reader, &item) != 0) {
        put(out, "null");
        return -1;
    }
    switch (item.type) {
    case TT_NIL:
        put(out, "null");
        break;
    case TT_BOOL:
        put(out, item.as.b ? "true" : "false");
        break;
    case TT_INT:
        tt_buf_printf(out, "%lld", (long long)item.as.i);
        break;
    case TT_UINT:
        tt_buf_printf(out, "%llu", (unsigned long long)item.as.u);
        break;
    case TT_FLOAT:
        put_double(out, item.as.f);
        break;
    case TT_STR:
        put_span(out, item.as.bytes);
        break;
    case TT_BIN:
        put(out, "{\"$type\":\"bytes\",\"base64\":\"");
        put_base64(out, item.as.bytes);
        put(out, "\"}");
        break;
    case TT_ARRAY:
        put_members(out, reader, item.as.count, depth);
        break;
    case TT_MAP:
        put_pairs(out, reader, item.as.count, depth);
        break;
    case TT_EXT:
        put_ext(out, &item, depth);
        break;
    }
    return 0;
}

void tt_value_json(tt_span_t body, tt_buf_t *out)
{
    tt_reader_t reader = tt_reader(body);
    put_value(out, &reader, 0);
}
