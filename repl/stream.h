/* What the engines of a job write while it runs, as a terminal shows it: held for a second,
 * then in folded windows, at most ten a second. A window has whole lines. A line without its
 * end is shown when it is two seconds old, since it may be a question; what a carriage return
 * begins to overwrite is shown once a second as it is then. Of a flood the first and last lines
 * are shown. Memory is bounded, whatever the engines write. */
#ifndef STREAM_H
#define STREAM_H

#include "render.h"

typedef struct stream stream_t;

/* Times are milliseconds of any clock that only goes forward; `now_ms` is the job's start. */
stream_t *stream_new(int64_t now_ms);
void stream_destroy(stream_t **self_p);

typedef struct {
    int id;           /* engine, or item of a map */
    const char *host; /* NULL: unknown */
    bool err;         /* stderr, else stdout */
    tt_span_t bytes;
} stream_chunk_t;

/* Adds what came; copies it. Chunks may be cut anywhere. */
void stream_add(stream_t *self, const stream_chunk_t *chunk, int64_t now_ms);

/* The job has ended: all that is left is due at once, lines without an end as well. Optional:
 * who shows the rest by job_answers needs none of it. */
void stream_finish(stream_t *self);

/* How many milliseconds until there is a window to take: 0 for now, -1 when nothing is held. */
int64_t stream_due(const stream_t *self, int64_t now_ms);

/* Appends the window: to `out` what the engines wrote to stdout, to `err` the rest. Appends
 * nothing when none is due. */
void stream_take(stream_t *self, int64_t now_ms, const render_style_t *style, tt_buf_t *out,
                 tt_buf_t *err);

/* How many bytes, from the first on, windows have shown of what this engine (or item) wrote.
 * What a flood had left out counts as shown. */
size_t stream_given(const stream_t *self, int id, bool err);

/* Before the first window. */
enum { STREAM_HOLD_MS = 1000 };

/* The most lines, bytes of a window on each of both sides; more in a single line only. */
enum { STREAM_LINES = 1000, STREAM_BYTES = 256 << 10 };

#endif
