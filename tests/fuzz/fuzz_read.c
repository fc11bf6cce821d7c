/* libFuzzer target: the reader of MessagePack and of values. On bytes that validate, every way
 * to walk them must reach the end; on any other bytes every call must stay inside. */
#include "read.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Tries every typed call on a copy of the reader: each either takes something or stays. */
static void try_all(tt_reader_t reader)
{
    bool b;
    int64_t i;
    uint64_t u;
    double f;
    size_t count;
    tt_span_t span;
    char text[16];
    const tt_span_t buffer = {(const uint8_t *)text, sizeof text};
    for (int call = 0; call < 12; call++) {
        tt_reader_t copy = reader;
        int result = call == 0    ? tt_read_nil(&copy)
                     : call == 1  ? tt_read_bool(&copy, &b)
                     : call == 2  ? tt_read_int(&copy, &i)
                     : call == 3  ? tt_read_uint(&copy, &u)
                     : call == 4  ? tt_read_double(&copy, &f)
                     : call == 5  ? tt_read_str(&copy, &span)
                     : call == 6  ? tt_read_bin(&copy, &span)
                     : call == 7  ? tt_read_text(&copy, text, sizeof text)
                     : call == 8  ? tt_read_array(&copy, &count)
                     : call == 9  ? tt_read_map(&copy, &count)
                     : call == 10 ? tt_read_raw(&copy, &span)
                                  : tt_read_data(&copy, &buffer, 1, &span);
        if ((result == -1) != (copy.at == reader.at) || copy.at > copy.end)
            abort();
    }
}

/* Returns false when the walk stopped before the end. */
static bool walk(tt_span_t bytes)
{
    tt_reader_t reader = tt_reader(bytes);
    tt_item_t item;
    while (!tt_reader_done(&reader)) {
        try_all(reader);
        if (tt_read(&reader, &item) == -1)
            return false;
    }
    return true;
}

static void show(tt_span_t bytes)
{
    const tt_span_t buffers[] = {{(const uint8_t *)"0123456789", 10}, {(const uint8_t *)"", 0}};
    tt_value_check(bytes, buffers, 2, NULL);
    tt_buf_t out;
    tt_buf_init(&out);
    tt_value_json(bytes, &out);
    if (memchr(tt_buf_text(&out), '\n', out.len))
        abort();
    tt_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_span_t bytes = {data, size};
    tt_error_t err = {0};
    bool walked = walk(bytes);
    if (tt_validate(bytes, &tt_limits_value, &err) == -1) {
        if (err.text[0] == 0)
            abort();
        return 0;
    }
    tt_reader_t reader = tt_reader(bytes);
    if (!walked || tt_skip(&reader) == -1 || !tt_reader_done(&reader))
        abort();
    show(bytes);
    tt_validate(bytes, &tt_limits_header, NULL);
    return 0;
}
