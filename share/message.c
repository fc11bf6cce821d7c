/* Headers of the wire, encoded and decoded by walking the table of message.h. */
#include "message.h"

#include "pack.h"

#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { AT_ONCE_MAX = 1 << 16 }; /* bytes of a header that has no more values than allowed */

typedef enum { UINT, INT, TEXT, BYTES, ANY } kind_t;

typedef struct {
    kind_t kind;
    const char *name;
    size_t offset; /* within tt_message_t */
} field_t;

#define COUNT_FIELD(kind, name) +1
#define EACH(NAME, name, number, way, fields, frames)                                          \
    enum { name##_count = 0 fields(COUNT_FIELD) };
TT_MESSAGES(EACH)
#undef EACH

/* The rows of each message's fields; a function each, so that offsetof has the struct at hand.
 */
#define FIELD_ROW(kind_, name_) {kind_, #name_, offsetof(struct_t, name_)},
#define EACH(NAME, name, number, way, fields, frames)                                          \
    static const field_t *name##_fields(void)                                                  \
    {                                                                                          \
        typedef tt_msg_##name##_t struct_t;                                                    \
        static const field_t rows[] = {fields(FIELD_ROW){ANY, NULL, sizeof(struct_t)}};        \
        return rows;                                                                           \
    }
TT_MESSAGES(EACH)
#undef EACH

typedef struct {
    tt_message_info_t info;
    const field_t *(*fields)(void);
    size_t count;
} row_t;

/* By number. */
static const row_t rows[] = {
#define EACH(NAME, name, number, way, fields, frames)                                          \
    [number] = {{number, #NAME, way}, name##_fields, name##_count},
    TT_MESSAGES(EACH)
#undef EACH
};

static const row_t *find(unsigned type)
{
    return type < sizeof rows / sizeof *rows && rows[type].fields ? &rows[type] : NULL;
}

const tt_message_info_t *tt_message_info(unsigned type)
{
    const row_t *row = find(type);
    return row ? &row->info : NULL;
}

const char *tt_engine_state_text(unsigned state)
{
    static const char *const texts[] = {
#define ROW(name, number, text) [number] = text,
        TT_ENGINE_STATES(ROW)
#undef ROW
    };
    return state < sizeof texts / sizeof *texts ? texts[state] : "?";
}

tt_message_t tt_message(unsigned type, uint64_t id)
{
    tt_message_t message;
    memset(&message, 0, sizeof message);
    message.type = type;
    message.id = id;
    return message;
}

static void pack_field(tt_buf_t *out, const field_t *field, const void *body)
{
    const char *at = (const char *)body + field->offset;
    const tt_span_t *span = (const tt_span_t *)(const void *)at;
    switch (field->kind) {
    case UINT:
        tt_pack_uint(out, *(const uint64_t *)(const void *)at);
        break;
    case INT:
        tt_pack_int(out, *(const int64_t *)(const void *)at);
        break;
    case TEXT:
        tt_pack_str(out, (const char *)span->data, span->len);
        break;
    case BYTES:
        tt_pack_bin(out, span->data, span->len);
        break;
    case ANY:
        tt_pack_raw(out, *span);
        break;
    }
}

void tt_message_pack(tt_buf_t *out, const tt_message_t *message)
{
    const row_t *row = find(message->type);
    size_t count = row ? row->count : 0;
    out->len = 0;
    tt_pack_array(out, 2 + count);
    tt_pack_uint(out, message->type);
    tt_pack_uint(out, message->id);
    const field_t *fields = row ? row->fields() : NULL;
    for (size_t i = 0; i < count; i++)
        pack_field(out, &fields[i], &message->as);
}

static int read_field(tt_reader_t *reader, const field_t *field, void *body)
{
    char *at = (char *)body + field->offset;
    tt_span_t *span = (tt_span_t *)(void *)at;
    switch (field->kind) {
    case UINT:
        return tt_read_uint(reader, (uint64_t *)(void *)at);
    case INT:
        return tt_read_int(reader, (int64_t *)(void *)at);
    case TEXT:
        return tt_read_str(reader, span);
    case BYTES:
        return tt_read_bin(reader, span);
    default:
        if (tt_read_nil(reader) == 0)
            return 0;
        return tt_read_raw(reader, span);
    }
}

static int malformed(tt_error_t *err, const char *what)
{
    return tt_error_set(err, "malformed message: %s", what);
}

/* A value of which only its head was looked at, within the array of a header. */
static bool valid_inside(tt_span_t value)
{
    const tt_limits_t limits = {tt_limits_header.depth - 1, tt_limits_header.values};
    tt_error_t err;
    return value.len <= 1 || tt_validate(value, &limits, &err) == 0;
}

/* The usual header, in one pass: what it takes read_slowly takes as well. */
static bool read_at_once(tt_message_t *self, tt_span_t header)
{
    tt_reader_t reader = tt_reader(header);
    size_t count;
    uint64_t type;
    tt_span_t rest;
    if (header.len > AT_ONCE_MAX || tt_read_array(&reader, &count) != 0 || count < 2 ||
        tt_read_uint(&reader, &type) != 0 || tt_read_uint(&reader, &self->id) != 0 ||
        type > UINT16_MAX)
        return false;
    self->type = (unsigned)type;
    const row_t *row = find(self->type);
    const field_t *fields = row ? row->fields() : NULL;
    for (size_t i = 0; row && i < row->count && i + 2 < count; i++) {
        const char *at = (const char *)&self->as + fields[i].offset;
        if (read_field(&reader, &fields[i], &self->as) != 0 ||
            (fields[i].kind == ANY && !valid_inside(*(const tt_span_t *)(const void *)at)))
            return false;
    }
    for (size_t i = row ? row->count + 2 : count; i < count; i++)
        if (tt_read_raw(&reader, &rest) != 0 || !valid_inside(rest))
            return false;
    return row && tt_reader_done(&reader);
}

/* Whatever it is, and what is wrong with it. */
static int read_slowly(tt_message_t *self, tt_span_t header, tt_error_t *err)
{
    *self = tt_message(0, 0);
    if (tt_validate(header, &tt_limits_header, err) != 0)
        return tt_error_prefix(err, "malformed message");
    tt_reader_t reader = tt_reader(header);
    size_t count;
    uint64_t type;
    if (tt_read_array(&reader, &count) != 0 || count < 2 || tt_read_uint(&reader, &type) != 0 ||
        tt_read_uint(&reader, &self->id) != 0 || type > UINT16_MAX)
        return malformed(err, "not [type, id, ...]");
    self->type = (unsigned)type;
    const row_t *row = find(self->type);
    if (row == NULL)
        return tt_error_set(err, "unknown message %u", self->type);
    const field_t *fields = row->fields();
    for (size_t i = 0; i < row->count && i + 2 < count; i++)
        if (read_field(&reader, &fields[i], &self->as) != 0)
            return tt_error_set(err, "malformed message: %s: field '%s' is of a wrong kind",
                                row->info.name, fields[i].name);
    return 0;
}

int tt_message_read(tt_message_t *self, tt_span_t header, tt_error_t *err)
{
    *self = tt_message(0, 0);
    return read_at_once(self, header) ? 0 : read_slowly(self, header, err);
}

void tt_ids_pack(tt_buf_t *out, const int *ids, size_t count)
{
    tt_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_int(out, ids[i]);
}

static int by_id(const void *a, const void *b)
{
    int left = *(const int *)a, right = *(const int *)b;
    return (left > right) - (left < right);
}

size_t tt_ids_sort(int *ids, size_t count)
{
    size_t kept = 0;
    if (count > 0)
        qsort(ids, count, sizeof *ids, by_id);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return kept;
}

int tt_ids_read(tt_span_t any, int **ids, bool *all)
{
    *ids = NULL;
    if (all)
        *all = any.len == 0;
    if (any.len == 0)
        return all ? 0 : -1;
    tt_reader_t reader = tt_reader(any);
    size_t count;
    if (tt_read_array(&reader, &count) != 0 || count > INT_MAX)
        return -1;
    *ids = tt_alloc(count * sizeof **ids);
    for (size_t i = 0; i < count; i++) {
        int64_t id;
        if (tt_read_int(&reader, &id) != 0 || id < 0 || id > INT_MAX) {
            free(*ids);
            *ids = NULL;
            return -1;
        }
        (*ids)[i] = (int)id;
    }
    return (int)count;
}

char *tt_text_copy(tt_span_t text, char *out, size_t size)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len)
        memcpy(out, text.data, len);
    out[len] = 0;
    return out;
}
