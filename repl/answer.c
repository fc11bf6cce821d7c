/* Reading a RESULT's body into an answer. It comes from a runtime, which may be anybody's
 * program, so it is validated here once more and every field may be absent or of another type.
 */
#include "answer.h"
#include "read.h"
#include "runtime.h"

#include <stddef.h>
#include <string.h>

void answer_init(answer_t *self)
{
    *self = (answer_t){.engine = -1, .item = -1, .exit_status = -1, .status = TT_STATUS_OK};
}

/* A str, or none (the value is skipped then). */
static tt_span_t take_text(tt_reader_t *reader)
{
    tt_span_t text = {NULL, 0};
    if (tt_read_str(reader, &text) == -1)
        tt_skip(reader);
    return text;
}

/* A value as its bytes. */
static tt_span_t take_raw(tt_reader_t *reader)
{
    tt_span_t raw = {NULL, 0};
    tt_read_raw(reader, &raw);
    return raw;
}

static bool is(tt_span_t text, const char *name)
{
    return text.len == strlen(name) && memcmp(text.data, name, text.len) == 0;
}

static const struct {
    const char *name;
    size_t offset;
} error_texts[] = {
    {"type", offsetof(answer_error_t, type)},
    {"message", offsetof(answer_error_t, message)},
    {"traceback", offsetof(answer_error_t, traceback)},
    {"file", offsetof(answer_error_t, file)},
    {"source", offsetof(answer_error_t, source)},
    {"function", offsetof(answer_error_t, function)},
};

/* An int above 0, or `otherwise`. */
static int take_positive(tt_reader_t *reader, int otherwise)
{
    int64_t value = 0;
    if (tt_read_int(reader, &value) == -1)
        tt_skip(reader);
    return value > 0 && value <= INT32_MAX ? (int)value : otherwise;
}

static void take_error_field(answer_t *self, tt_reader_t *reader)
{
    tt_span_t name = take_text(reader);
    if (name.data && is(name, "line")) {
        self->error.line = take_positive(reader, 0);
        return;
    }
    if (name.data && is(name, "status")) {
        self->exit_status = take_positive(reader, -1);
        return;
    }
    tt_span_t text = take_text(reader);
    for (size_t i = 0; name.data && i < sizeof error_texts / sizeof *error_texts; i++)
        if (is(name, error_texts[i].name))
            memcpy((char *)&self->error + error_texts[i].offset, &text, sizeof text);
}

/* A map, or anything else for none. */
static void take_error(answer_t *self, tt_reader_t *reader)
{
    size_t count = 0;
    if (tt_read_map(reader, &count) == -1) {
        tt_skip(reader);
        return;
    }
    for (size_t i = 0; i < count && !tt_reader_done(reader); i++)
        take_error_field(self, reader);
    if (self->error.type.data == NULL)
        self->error.type = tt_span("Error");
}

int answer_read(answer_t *self, tt_span_t body, tt_error_t *err)
{
    if (tt_validate(body, &tt_limits_value, err) == -1)
        return tt_error_prefix(err, "the engine's result");
    tt_reader_t reader = tt_reader(body);
    size_t count = 0;
    if (tt_read_array(&reader, &count) == -1)
        return tt_error_set(err, "the engine's result is not an array");
    bool has_value = false;
    self->repr = take_text(&reader);
    if (tt_read_bool(&reader, &has_value) == -1)
        tt_skip(&reader);
    tt_span_t value = take_raw(&reader);
    self->value = has_value ? value : (tt_span_t){NULL, 0};
    tt_reader_t displays = reader;
    self->displays = take_raw(&reader);
    if (tt_read_array(&displays, &count) == -1)
        self->displays = (tt_span_t){NULL, 0};
    self->error = (answer_error_t){.line = 0};
    take_error(self, &reader);
    self->note = take_text(&reader);
    return 0;
}
