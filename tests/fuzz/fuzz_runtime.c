/* libFuzzer target: the runtime protocol's frames. What parses must lie inside the bytes, or at
 * its place in a spool, and when more is asked for, fewer bytes must ask for no less. */
#include "runtime.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_BYTES = 1 << 16 };

static void check_message(const tt_rt_message_t *message, const uint8_t *data, size_t used)
{
    uint64_t end = 0;
    if (message->frame_count != message->layout.count)
        abort();
    for (size_t i = 0; i < message->frame_count; i++) {
        tt_span_t frame = message->frames[i];
        tt_place_t place = message->layout.places[i];
        if (place.offset != TT_IN_MESSAGE) {
            if (frame.data || place.offset < end || place.offset + place.len < place.offset)
                abort();
            end = place.offset + place.len;
        } else if (frame.data < data || frame.len != place.len || frame.len > used ||
                   frame.data + frame.len > data + used) {
            abort();
        }
    }
    if (end != message->layout.bytes)
        abort();
    tt_reader_t fields = message->fields;
    while (!tt_reader_done(&fields))
        if (tt_skip(&fields) == -1)
            abort();
    tt_rt_name(message->type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_rt_message_t message;
    tt_rt_message_init(&message);
    for (size_t at = 0; at <= size;) {
        size_t used = 0;
        tt_error_t err = {0};
        int result =
            tt_rt_parse(&message, (tt_span_t){data + at, size - at}, MAX_BYTES, &used, &err);
        if (result == -1 && err.text[0] == 0)
            abort();
        if (result == 0 && used <= size - at)
            abort();
        if (result != 1)
            break;
        if (used == 0 || used > size - at)
            abort();
        check_message(&message, data + at, used);
        at += used;
    }
    tt_rt_message_release(&message);
    return 0;
}
