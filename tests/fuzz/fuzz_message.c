/* libFuzzer target: headers of the wire, whoever sends them: both ends read with the same
 * function. Whatever reads as a message has its texts within the bytes that came, reads back
 * the same after it was packed, and its packed fields can be read by those who take them for
 * lists of engines. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    const uint8_t *data;
    size_t size;
} input_t;

static void check_within(tt_span_t span, input_t input)
{
    if (span.len > input.size ||
        (span.len > 0 &&
         (span.data < input.data || span.data + span.len > input.data + input.size)))
        abort();
}

static void take_UINT(uint64_t value, input_t input)
{
    (void)value;
    (void)input;
}

static void take_INT(int64_t value, input_t input)
{
    (void)value;
    (void)input;
}

static void take_TEXT(tt_span_t text, input_t input)
{
    char copy[16];
    check_within(text, input);
    tt_text_copy(text, copy, sizeof copy);
    if (strnlen(copy, sizeof copy) == sizeof copy)
        abort();
}

static void take_BYTES(tt_span_t bytes, input_t input)
{
    check_within(bytes, input);
}

static void take_ANY(tt_span_t any, input_t input)
{
    int *ids = NULL;
    bool all = false;
    check_within(any, input);
    int count = tt_ids_read(any, &ids, &all);
    if ((count < 0 && ids) || (all && (count != 0 || any.len > 0)))
        abort();
    for (int i = 0; i < count; i++)
        if (ids[i] < 0)
            abort();
    free(ids);
}

/* Every field of the table's row, each in the way of its kind. */
#define TAKE(kind, name) take_##kind(fields->name, input);
#define EACH(NAME, name_, number, way, fields_, frames)                                        \
    static void take_fields_##name_(const tt_message_t *message, input_t input)                \
    {                                                                                          \
        const tt_msg_##name_##_t *fields = &message->as.name_;                                 \
        (void)fields;                                                                          \
        (void)input;                                                                           \
        fields_(TAKE)                                                                          \
    }
TT_MESSAGES(EACH)
#undef EACH

static const struct {
    unsigned type;
    void (*take)(const tt_message_t *, input_t);
} rows[] = {
#define EACH(NAME, name, number, way, fields, frames) {number, take_fields_##name},
    TT_MESSAGES(EACH)
#undef EACH
};

static void take_fields(const tt_message_t *message, input_t input)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == message->type)
            rows[i].take(message, input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_message_t message, again;
    tt_error_t err = {0};
    if (tt_message_read(&message, (tt_span_t){data, size}, &err) != 0) {
        if (err.text[0] == 0)
            abort();
        return 0;
    }
    if (tt_message_info(message.type) == NULL)
        abort();
    take_fields(&message, (input_t){data, size});
    tt_buf_t once, twice;
    tt_buf_init(&once);
    tt_buf_init(&twice);
    tt_message_pack(&once, &message);
    if (tt_message_read(&again, (tt_span_t){once.data, once.len}, &err) != 0 ||
        again.type != message.type || again.id != message.id)
        abort();
    tt_message_pack(&twice, &again);
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
        abort();
    tt_buf_release(&once);
    tt_buf_release(&twice);
    return 0;
}
