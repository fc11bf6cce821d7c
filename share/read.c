/* The validating cursor for everything that comes off a socket or a file. See read.h.
 * One decoder of heads (`head`) serves validation, walking and skipping. */
#include "read.h"

#include "value.h"

#include <string.h>

const tt_limits_t tt_limits_header = {16, 1u << 18};
const tt_limits_t tt_limits_value = {512, 64u << 20};

enum { DEPTH_MAX = 512 };

static uint64_t big_endian(const uint8_t *at, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value = value << 8 | at[i];
    return value;
}

static size_t left(const tt_reader_t *self)
{
    return (size_t)(self->end - self->at);
}

/* A head whose length or count follows in `width` bytes. */
static int sized(tt_reader_t *self, unsigned width, uint64_t *size)
{
    if (left(self) < width)
        return -1;
    *size = big_endian(self->at, width);
    self->at += width;
    return 0;
}

static int body(tt_reader_t *self, tt_item_t *item, tt_type_t type, uint64_t size)
{
    if (size > left(self))
        return -1;
    item->type = type;
    item->as.bytes = (tt_span_t){self->at, (size_t)size};
    self->at += size;
    return 0;
}

static int container(tt_reader_t *self, tt_item_t *item, tt_type_t type, uint64_t count)
{
    if (count > left(self) / (type == TT_MAP ? 2 : 1))
        return -1;
    item->type = type;
    item->as.count = (size_t)count;
    return 0;
}

static int extension(tt_reader_t *self, tt_item_t *item, uint64_t size)
{
    if (left(self) < 1)
        return -1;
    item->ext = (int8_t)*self->at++;
    return body(self, item, TT_EXT, size);
}

static void set_uint(tt_item_t *item, uint64_t value)
{
    item->type = value > INT64_MAX ? TT_UINT : TT_INT;
    item->as.u = value;
}

static int number(tt_reader_t *self, tt_item_t *item, uint8_t lead)
{
    unsigned width = lead <= 0xcb ? (lead == 0xca ? 4 : 8) : 1u << (lead & 3);
    uint64_t bits;
    if (sized(self, width, &bits) != 0)
        return -1;
    if (lead == 0xca) {
        uint32_t narrow = (uint32_t)bits;
        float value;
        memcpy(&value, &narrow, sizeof value);
        item->type = TT_FLOAT;
        item->as.f = value;
    } else if (lead == 0xcb) {
        item->type = TT_FLOAT;
        memcpy(&item->as.f, &bits, sizeof bits);
    } else if (lead <= 0xcf) {
        set_uint(item, bits);
    } else {
        unsigned shift = 64 - 8 * width;
        item->type = TT_INT;
        item->as.i = (int64_t)(bits << shift) >> shift;
    }
    return 0;
}

static int head_long(tt_reader_t *self, tt_item_t *item, uint8_t lead)
{
    uint64_t size = 0;
    switch (lead) {
    case 0xc0:
        item->type = TT_NIL;
        return 0;
    case 0xc2:
    case 0xc3:
        item->type = TT_BOOL;
        item->as.b = lead == 0xc3;
        return 0;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return sized(self, 1u << (lead - 0xc4), &size) ? -1 : body(self, item, TT_BIN, size);
    case 0xc7:
    case 0xc8:
    case 0xc9:
        return sized(self, 1u << (lead - 0xc7), &size) ? -1 : extension(self, item, size);
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        return extension(self, item, 1u << (lead - 0xd4));
    case 0xd9:
    case 0xda:
    case 0xdb:
        return sized(self, 1u << (lead - 0xd9), &size) ? -1 : body(self, item, TT_STR, size);
    case 0xdc:
    case 0xdd:
        return sized(self, 2u << (lead - 0xdc), &size) ? -1
                                                       : container(self, item, TT_ARRAY, size);
    case 0xde:
    case 0xdf:
        return sized(self, 2u << (lead - 0xde), &size) ? -1
                                                       : container(self, item, TT_MAP, size);
    case 0xc1:
        return -1;
    default:
        return number(self, item, lead);
    }
}

static int head(tt_reader_t *self, tt_item_t *item)
{
    if (self->at >= self->end)
        return -1;
    uint8_t lead = *self->at++;
    if (lead < 0x80 || lead >= 0xe0) {
        item->type = TT_INT;
        item->as.i = (int8_t)lead;
        return 0;
    }
    if (lead < 0x90)
        return container(self, item, TT_MAP, lead & 0x0f);
    if (lead < 0xa0)
        return container(self, item, TT_ARRAY, lead & 0x0f);
    if (lead < 0xc0)
        return body(self, item, TT_STR, lead & 0x1f);
    return head_long(self, item, lead);
}

int tt_read(tt_reader_t *self, tt_item_t *item)
{
    tt_reader_t was = *self;
    if (head(self, item) == 0)
        return 0;
    *self = was;
    return -1;
}

tt_reader_t tt_reader(tt_span_t bytes)
{
    return (tt_reader_t){bytes.data, bytes.len ? bytes.data + bytes.len : bytes.data};
}

bool tt_reader_done(const tt_reader_t *self)
{
    return self->at >= self->end;
}

/* Walking a tree without recursion: `pending[d]` members are still to come at depth d. */
typedef struct {
    size_t pending[DEPTH_MAX + 1];
    unsigned depth;
    size_t values;
} walk_t;

/* The array is not cleared: it is large, and written before it is read. */
static void walk_begin(walk_t *walk)
{
    walk->depth = 0;
    walk->values = 0;
}

static size_t members(const tt_item_t *item)
{
    if (item->type == TT_ARRAY)
        return item->as.count;
    return item->type == TT_MAP ? item->as.count * 2 : 0;
}

/* Notes one item; returns 1 when the outermost value is complete, 0 to go on, -1 when too deep.
 */
static int walk_step(walk_t *walk, size_t count, unsigned limit)
{
    walk->values++;
    if (count > 0) {
        if (walk->depth >= limit)
            return -1;
        walk->pending[++walk->depth] = count;
        return 0;
    }
    while (walk->depth > 0 && --walk->pending[walk->depth] == 0)
        walk->depth--;
    return walk->depth == 0;
}

int tt_skip(tt_reader_t *self)
{
    tt_reader_t was = *self;
    walk_t walk;
    walk_begin(&walk);
    tt_item_t item;
    int step;
    do {
        step = head(self, &item) == 0 ? walk_step(&walk, members(&item), DEPTH_MAX) : -1;
    } while (step == 0);
    if (step < 0)
        *self = was;
    return step < 0 ? -1 : 0;
}

int tt_read_raw(tt_reader_t *self, tt_span_t *value)
{
    const uint8_t *start = self->at;
    if (tt_skip(self) != 0)
        return -1;
    *value = (tt_span_t){start, (size_t)(self->at - start)};
    return 0;
}

typedef struct {
    const uint8_t *start; /* of the whole input, for offsets in errors */
    const tt_limits_t *limits;
    size_t values; /* seen so far, in all bodies */
    tt_error_t *err;
} check_t;

static int bad(check_t *check, const uint8_t *at, const char *why)
{
    return tt_error_set(check->err, "malformed value: %s at byte %zu", why,
                        (size_t)(at - check->start));
}

static int check_one(check_t *check, tt_span_t bytes, unsigned depth);

/* Extension bodies that hold MessagePack themselves are checked as deeply as the rest. */
static int check_ext(check_t *check, const tt_item_t *item, unsigned depth)
{
    size_t len = item->as.bytes.len;
    switch (item->ext) {
    case TT_EXT_TUPLE:
    case TT_EXT_ARRAY:
    case TT_EXT_OBJECT:
    case TT_EXT_BUFFER:
        return check_one(check, item->as.bytes, depth + 1);
    case TT_EXT_COMPLEX:
        return len == 16 ? 0 : bad(check, item->as.bytes.data, "complex of a wrong size");
    case TT_EXT_BIGINT:
        return len > 0 ? 0 : bad(check, item->as.bytes.data, "empty integer");
    case TT_EXT_TIMESTAMP:
        if (len == 4 || len == 8 || len == 12)
            return 0;
        return bad(check, item->as.bytes.data, "timestamp of a wrong size");
    case TT_EXT_NAME:
        return 0;
    default:
        return bad(check, item->as.bytes.data, "unknown extension type");
    }
}

static int check_one(check_t *check, tt_span_t bytes, unsigned depth)
{
    tt_reader_t reader = tt_reader(bytes);
    unsigned limit = check->limits->depth < DEPTH_MAX ? check->limits->depth : DEPTH_MAX;
    if (depth > limit)
        return bad(check, bytes.data, "nested too deeply");
    walk_t walk;
    walk_begin(&walk);
    int step = 0;
    while (step == 0) {
        const uint8_t *at = reader.at;
        tt_item_t item;
        if (head(&reader, &item) != 0)
            return bad(check, at,
                       at >= reader.end ? "it ends too early" : "bad head or length");
        if (++check->values > check->limits->values)
            return bad(check, at, "too many values");
        if (item.type == TT_EXT && check_ext(check, &item, depth + walk.depth) != 0)
            return -1;
        step = walk_step(&walk, members(&item), limit - depth);
        if (step < 0)
            return bad(check, at, "nested too deeply");
    }
    return tt_reader_done(&reader) ? 0 : bad(check, reader.at, "bytes behind the end");
}

int tt_validate(tt_span_t bytes, const tt_limits_t *limits, tt_error_t *err)
{
    check_t check = {bytes.data, limits, 0, err};
    return check_one(&check, bytes, 0);
}

/* The typed readers: take the next item if it is of the type, else stay. */

static int take(tt_reader_t *self, tt_type_t type, tt_item_t *item)
{
    tt_reader_t was = *self;
    if (tt_read(self, item) == 0 && item->type == type)
        return 0;
    *self = was;
    return -1;
}

int tt_read_nil(tt_reader_t *self)
{
    tt_item_t item;
    return take(self, TT_NIL, &item);
}

int tt_read_bool(tt_reader_t *self, bool *value)
{
    tt_item_t item;
    if (take(self, TT_BOOL, &item) != 0)
        return -1;
    *value = item.as.b;
    return 0;
}

int tt_read_int(tt_reader_t *self, int64_t *value)
{
    tt_item_t item;
    if (take(self, TT_INT, &item) != 0)
        return -1;
    *value = item.as.i;
    return 0;
}

int tt_read_uint(tt_reader_t *self, uint64_t *value)
{
    tt_reader_t was = *self;
    tt_item_t item;
    if (tt_read(self, &item) == 0 &&
        (item.type == TT_UINT || (item.type == TT_INT && item.as.i >= 0))) {
        *value = item.as.u;
        return 0;
    }
    *self = was;
    return -1;
}

int tt_read_double(tt_reader_t *self, double *value)
{
    tt_reader_t was = *self;
    tt_item_t item;
    if (tt_read(self, &item) == 0) {
        if (item.type == TT_FLOAT)
            return *value = item.as.f, 0;
        if (item.type == TT_INT)
            return *value = (double)item.as.i, 0;
        if (item.type == TT_UINT)
            return *value = (double)item.as.u, 0;
    }
    *self = was;
    return -1;
}

int tt_read_str(tt_reader_t *self, tt_span_t *value)
{
    tt_item_t item;
    if (take(self, TT_STR, &item) != 0)
        return -1;
    *value = item.as.bytes;
    return 0;
}

int tt_read_bin(tt_reader_t *self, tt_span_t *value)
{
    tt_item_t item;
    if (take(self, TT_BIN, &item) != 0)
        return -1;
    *value = item.as.bytes;
    return 0;
}

int tt_read_text(tt_reader_t *self, char *text, size_t size)
{
    tt_reader_t was = *self;
    tt_span_t value;
    if (tt_read_str(self, &value) != 0)
        return -1;
    if (value.len >= size || (value.len && memchr(value.data, 0, value.len))) {
        *self = was;
        return -1;
    }
    if (value.len)
        memcpy(text, value.data, value.len);
    text[value.len] = 0;
    return 0;
}

int tt_read_array(tt_reader_t *self, size_t *count)
{
    tt_item_t item;
    if (take(self, TT_ARRAY, &item) != 0)
        return -1;
    *count = item.as.count;
    return 0;
}

int tt_read_map(tt_reader_t *self, size_t *count)
{
    tt_item_t item;
    if (take(self, TT_MAP, &item) != 0)
        return -1;
    *count = item.as.count;
    return 0;
}
