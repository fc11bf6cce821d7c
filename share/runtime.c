/* Frames of the runtime protocol. See runtime.h. */
#include "runtime.h"

#include "pack.h"

#include <stdlib.h>

static const struct {
    unsigned number;
    const char *text;
} statuses[] = {
#define ROW(name, number, text) {number, text},
    TT_STATUSES(ROW)
#undef ROW
};

const char *tt_status_text(unsigned status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].number == status)
            return statuses[i].text;
    return "?";
}

static const struct {
    unsigned number;
    const char *name;
} types[] = {
#define ROW(name, number, way, fields, frames) {number, #name},
    TT_RT_MESSAGES(ROW)
#undef ROW
};

const char *tt_rt_name(unsigned type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].number == type)
            return types[i].name;
    return NULL;
}

void tt_rt_message_init(tt_rt_message_t *self)
{
    *self = (tt_rt_message_t){0};
}

void tt_rt_message_release(tt_rt_message_t *self)
{
    free(self->frames);
    tt_rt_message_init(self);
}

static void add_frame(tt_rt_message_t *self, tt_span_t frame)
{
    if (self->frame_count == self->frame_cap) {
        self->frame_cap = self->frame_cap ? self->frame_cap * 2 : 4;
        self->frames = tt_realloc(self->frames, self->frame_cap * sizeof *self->frames);
    }
    self->frames[self->frame_count++] = frame;
}

/* [type, seq, [size ...], field ...]; the frames' places follow from the sizes. */
static int parse_header(tt_rt_message_t *self, tt_span_t header, size_t max_bytes,
                        size_t *total, tt_error_t *err)
{
    static const tt_limits_t limits = {16, 4u << 20};
    if (tt_validate(header, &limits, err) != 0)
        return tt_error_prefix(err, "runtime message");
    tt_reader_t reader = tt_reader(header);
    size_t count, sizes;
    uint64_t type, seq;
    if (tt_read_array(&reader, &count) != 0 || count < 3 || tt_read_uint(&reader, &type) != 0 ||
        tt_read_uint(&reader, &seq) != 0 || seq > UINT32_MAX || type > UINT16_MAX ||
        tt_read_array(&reader, &sizes) != 0 || sizes > TT_RT_FRAMES_LIMIT)
        return tt_error_set(err, "runtime message: not [type, seq, [size ...], ...]");
    self->type = (unsigned)type;
    self->seq = (uint32_t)seq;
    self->frame_count = 0;
    const uint8_t *at = header.data + header.len;
    *total = 4 + header.len;
    for (size_t i = 0; i < sizes; i++) {
        uint64_t size;
        if (tt_read_uint(&reader, &size) != 0 || size > max_bytes || *total + size > max_bytes)
            return tt_error_set(err, "runtime message: over the limit of %zu bytes", max_bytes);
        add_frame(self, (tt_span_t){at, (size_t)size});
        at += size;
        *total += (size_t)size;
    }
    self->fields = reader;
    return 0;
}

int tt_rt_parse(tt_rt_message_t *self, tt_span_t bytes, size_t max_bytes, size_t *used,
                tt_error_t *err)
{
    *used = 4;
    if (bytes.len < 4)
        return 0;
    size_t len = (size_t)bytes.data[0] | (size_t)bytes.data[1] << 8 |
                 (size_t)bytes.data[2] << 16 | (size_t)bytes.data[3] << 24;
    if (len > TT_RT_HEADER_LIMIT || len > max_bytes)
        return tt_error_set(err, "runtime message: header of %zu bytes", len);
    *used = 4 + len;
    if (bytes.len < *used)
        return 0;
    if (parse_header(self, (tt_span_t){bytes.data + 4, len}, max_bytes, used, err) != 0)
        return -1;
    return bytes.len >= *used;
}

void tt_rt_pack(tt_buf_t *out, unsigned type, uint32_t seq, const size_t *sizes,
                size_t size_count, tt_span_t fields, size_t field_count)
{
    size_t start = out->len;
    tt_buf_append(out, "\0\0\0\0", 4);
    tt_pack_array(out, 3 + field_count);
    tt_pack_uint(out, type);
    tt_pack_uint(out, seq);
    tt_pack_array(out, size_count);
    for (size_t i = 0; i < size_count; i++)
        tt_pack_uint(out, sizes[i]);
    tt_buf_append(out, fields.data, fields.len);
    size_t len = out->len - start - 4;
    for (int i = 0; i < 4; i++)
        out->data[start + (size_t)i] = (uint8_t)(len >> (8 * i));
}
