/* libFuzzer target: any bytes are a report or none, and whatever it tells is a frame of the
 * size that is asked for, of letters that a terminal shows. */
#include "text.h"
#include "top_view.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const char *line, size_t len, const top_look_t *look)
{
    uint32_t code;
    if (tt_text_width(line, len) > look->columns)
        abort();
    for (size_t at = 0, own; at < len; at += own) {
        own = tt_text_char(line + at, len - at, &code);
        if (own == 0 || code < ' ' || code == 0x7f || (look->ascii && code > 0x7f))
            abort();
    }
}

static void check(const tt_buf_t *frame, const top_look_t *look)
{
    size_t lines = 0;
    for (size_t at = 0; at < frame->len; lines++) {
        const char *line = (const char *)frame->data + at;
        const char *end = memchr(line, '\n', frame->len - at);
        if (end == NULL)
            abort();
        check_line(line, (size_t)(end - line), look);
        at += (size_t)(end - line) + 1;
    }
    if (look->rows && lines != look->rows)
        abort();
}

static void draw(const snapshot_t *report, const pulse_t *pulse, const uint8_t *how)
{
    top_look_t look = {.columns = 10 + how[0],
                       .rows = how[1],
                       .ascii = how[2] & 1,
                       .grouping = how[2] / 2 % TOP_MACHINES,
                       .order = how[2] / 8 % TOP_ORDER_COUNT,
                       .first = how[3]};
    tt_buf_t frame;
    tt_buf_init(&frame);
    top_view(report, pulse, &look, &frame);
    check(&frame, &look);
    tt_buf_release(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    snapshot_t report;
    pulse_t pulse;
    tt_error_t err = {0};
    if (size < 4)
        return 0;
    pulse_init(&pulse);
    if (snapshot_read(&report, (tt_span_t){data + 4, size - 4}, &err) == 0) {
        for (int i = 0; i < 3; i++)
            pulse_add(&pulse, &report, i * 1000);
        draw(&report, &pulse, data);
        snapshot_release(&report);
    } else if (err.text[0] == 0) {
        abort();
    }
    pulse_release(&pulse);
    return 0;
}
