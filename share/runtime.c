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
    tt_layout_release(&self->layout);
    tt_spool_release(&self->spool);
    tt_rt_message_init(self);
}

/* The frames' places follow from their sizes. */
static int place_frames(tt_rt_message_t *self, const uint8_t *at, size_t max_bytes,
                        size_t *total, tt_error_t *err)
{
    const tt_layout_t *layout = &self->layout;
    self->frames = tt_realloc(self->frames, (layout->count + 1) * sizeof *self->frames);
    self->frame_count = layout->count;
    for (size_t i = 0; i < layout->count; i++) {
        uint64_t size = layout->places[i].len;
        self->frames[i] = (tt_span_t){NULL, 0};
        if (layout->places[i].offset != TT_IN_MESSAGE)
            continue;
        if (size > max_bytes || *total + size > max_bytes)
            return tt_error_set(err, "runtime message: over the limit of %zu bytes", max_bytes);
        self->frames[i] = (tt_span_t){at, (size_t)size};
        at += size;
        *total += (size_t)size;
    }
    return 0;
}

/* [type, seq, [size ...], field ...] */
static int parse_header(tt_rt_message_t *self, tt_span_t header, size_t max_bytes,
                        size_t *total, tt_error_t *err)
{
    static const tt_limits_t limits = {16, 4u << 20};
    if (tt_validate(header, &limits, err) != 0)
        return tt_error_prefix(err, "runtime message");
    tt_reader_t reader = tt_reader(header);
    size_t count;
    uint64_t type, seq;
    tt_layout_release(&self->layout);
    tt_spool_release(&self->spool);
    if (tt_read_array(&reader, &count) != 0 || count < 3 || tt_read_uint(&reader, &type) != 0 ||
        tt_read_uint(&reader, &seq) != 0 || seq > UINT32_MAX || type > UINT16_MAX ||
        tt_layout_take(&self->layout, &reader, err) != 0)
        return tt_error_set(err, "runtime message: not [type, seq, [size ...], ...]");
    self->type = (unsigned)type;
    self->seq = (uint32_t)seq;
    *total = 4 + header.len;
    self->fields = reader;
    return place_frames(self, header.data + header.len, max_bytes, total, err);
}

int tt_rt_open_spool(tt_rt_message_t *self, int fd, tt_error_t *err)
{
    self->spool = tt_spool_of(fd, self->layout.bytes, err);
    return self->spool ? 0 : -1;
}

int tt_rt_map_spool(tt_rt_message_t *self, tt_error_t *err)
{
    const uint8_t *map = self->spool ? tt_spool_map(self->spool, err) : NULL;
    if (self->spool && map == NULL)
        return -1;
    for (size_t i = 0; map && i < self->frame_count; i++) {
        const tt_place_t *place = &self->layout.places[i];
        if (place->offset != TT_IN_MESSAGE)
            self->frames[i] = (tt_span_t){map + place->offset, (size_t)place->len};
    }
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

static size_t begin(tt_buf_t *out, unsigned type, uint32_t seq, size_t field_count)
{
    size_t start = out->len;
    tt_buf_append(out, "\0\0\0\0", 4);
    tt_pack_array(out, 3 + field_count);
    tt_pack_uint(out, type);
    tt_pack_uint(out, seq);
    return start;
}

static void end(tt_buf_t *out, size_t start, tt_span_t fields)
{
    tt_buf_append(out, fields.data, fields.len);
    size_t len = out->len - start - 4;
    for (int i = 0; i < 4; i++)
        out->data[start + (size_t)i] = (uint8_t)(len >> (8 * i));
}

void tt_rt_pack(tt_buf_t *out, unsigned type, uint32_t seq, const size_t *sizes,
                size_t size_count, tt_span_t fields, size_t field_count)
{
    size_t start = begin(out, type, seq, field_count);
    tt_pack_array(out, size_count);
    for (size_t i = 0; i < size_count; i++)
        tt_pack_uint(out, sizes[i]);
    end(out, start, fields);
}

void tt_rt_pack_spooled(tt_buf_t *out, unsigned type, uint32_t seq, const tt_layout_t *layout,
                        tt_span_t fields, size_t field_count)
{
    size_t start = begin(out, type, seq, field_count);
    tt_layout_pack(layout, out);
    end(out, start, fields);
}
