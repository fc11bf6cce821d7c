/* libFuzzer target: what engines write while a job runs, cut into chunks anywhere. The input is
 * a row of chunks, each with its engine, its side, the time that has passed and how often it
 * comes. Windows are bounded, never tell more than came, and in the end all of it. */
#include "stream.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ENGINES = 4, WINDOW_MOST = 4 * STREAM_BYTES };

typedef struct {
    stream_t *stream;
    tt_buf_t out, err;
    size_t came[ENGINES][2];
    int64_t now_ms;
} fuzz_t;

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void take(fuzz_t *self)
{
    const render_style_t style = {.label = {.job = 5, .total = ENGINES}, .engines = ENGINES};
    self->out.len = self->err.len = 0;
    stream_take(self->stream, self->now_ms, &style, &self->out, &self->err);
    must(self->out.len <= WINDOW_MOST && self->err.len <= WINDOW_MOST);
    for (int id = 0; id < ENGINES; id++)
        for (int err = 0; err < 2; err++)
            must(stream_given(self->stream, id, err) <= self->came[id][err]);
}

static void add(fuzz_t *self, int id, bool err, tt_span_t bytes)
{
    const stream_chunk_t chunk = {id, id == 3 ? "web03" : NULL, err, bytes};
    stream_add(self->stream, &chunk, self->now_ms);
    self->came[id][err] += bytes.len;
    if (stream_due(self->stream, self->now_ms) == 0)
        take(self);
}

/* All is given out once each line has an end; an empty line of stderr that nothing follows may
 * be held, so it has something. */
static void finish(fuzz_t *self)
{
    for (int i = 0; i < 2 * ENGINES; i++)
        add(self, i / 2, i % 2, tt_span("x\n"));
    stream_finish(self->stream);
    take(self);
    for (int i = 0; i < 2 * ENGINES; i++)
        must(stream_given(self->stream, i / 2, i % 2) == self->came[i / 2][i % 2]);
    must(stream_due(self->stream, self->now_ms) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t self = {.stream = stream_new(0)};
    while (size >= 4) {
        size_t len = data[1] < size - 4 ? data[1] : size - 4;
        self.now_ms += data[2] * 10;
        for (unsigned again = data[3] >= 250 ? 400 : data[3] % 8; again > 0; again--)
            add(&self, data[0] % ENGINES, data[0] & 4, (tt_span_t){data + 4, len});
        data += 4 + len;
        size -= 4 + len;
    }
    finish(&self);
    stream_destroy(&self.stream);
    tt_buf_release(&self.out);
    tt_buf_release(&self.err);
    return 0;
}
