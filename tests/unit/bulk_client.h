/* A client with big values, a controller that the test plays, and frames whose bytes tell which
 * they are, for the unit tests of share/client_bulk. */
#ifndef BULK_CLIENT_H
#define BULK_CLIENT_H

#include "fake_controller.h"

#include "bulk.h"
#include "client.h"

#include <stdlib.h>

enum { ENGINES = 6, CHUNK = 64 << 10, MIB = 1 << 20 };

static tt_loop_t *loop;
static fake_t fake;
static tt_client_t *client;
static tt_error_t err;
static int background; /* how often output of nobody has come */

/* What the client was told of each engine's result. */
static struct {
    int count;
    unsigned status;
    char cause[512];
    tt_frames_t frames;
} told[ENGINES];
static int done;

static inline void on_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)arg;
    (void)job;
    assert_in_range(result->engine, 0, ENGINES - 1);
    told[result->engine].count++;
    told[result->engine].status = result->status;
    strcpy(told[result->engine].cause, result->cause);
    tt_frames_release(&told[result->engine].frames);
    told[result->engine].frames = *result->frames;
    tt_frames_init(result->frames);
}

static inline void on_done(void *arg, tt_job_t *job)
{
    (void)arg;
    (void)job;
    done++;
}

static const tt_job_handlers_t job_handlers = {on_result, NULL, on_done};

static inline void on_background(void *arg, int engine, int stream, tt_span_t bytes)
{
    (void)arg;
    (void)engine;
    (void)stream;
    (void)bytes;
    background++;
}

static const tt_client_handlers_t handlers = {.background = on_background};

static inline int begin(void **unused)
{
    (void)unused;
    memset(told, 0, sizeof told);
    background = done = 0;
    if (scratch_begin() != 0)
        return -1;
    loop = tt_loop_new();
    if (fake_start(&fake, loop) != 0)
        return -1;
    client = tt_client_open(loop, &fake.dir, "tests", &handlers, NULL, 10000, &err);
    return client ? 0 : -1;
}

static inline int end(void **unused)
{
    (void)unused;
    tt_client_close(&client);
    fake_stop(&fake);
    tt_loop_destroy(&loop);
    for (size_t i = 0; i < ENGINES; i++)
        tt_frames_release(&told[i].frames);
    return scratch_end();
}

/* ---- frames whose bytes tell which they are */

static inline uint8_t byte_of(size_t frame, size_t i)
{
    return (uint8_t)(i * 7 + i / 251 + (frame + 1) * 31);
}

static inline void add_frames(tt_frames_t *frames, const size_t *lens, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        uint8_t *bytes = tt_alloc(lens[k] + 1);
        for (size_t i = 0; i < lens[k]; i++)
            bytes[i] = byte_of(k, i);
        tt_frames_copy(frames, bytes, lens[k]);
        free(bytes);
    }
}

static inline void assert_frame(tt_span_t bytes, size_t frame, size_t len)
{
    assert_int_equal(bytes.len, len);
    for (size_t i = 0; i < len; i++)
        if (bytes.data[i] != byte_of(frame, i))
            fail_msg("byte %zu of frame %zu is another", i, frame);
}

static inline void assert_frames(const tt_frames_t *frames, const size_t *lens, size_t count)
{
    assert_int_equal(frames->count, count);
    for (size_t i = 0; i < count; i++)
        assert_frame(tt_frames_span(frames, i), i, lens[i]);
}

/* ---- what client and controller say */

static tt_job_t *submitted; /* the last */

static inline uint64_t submit(const size_t *lens, size_t count)
{
    static const int engines[ENGINES] = {0, 1, 2, 3, 4, 5};
    tt_frames_t payload;
    tt_frames_init(&payload);
    add_frames(&payload, lens, count);
    tt_submit_t wish = {.op = TT_RT_EXECUTE,
                        .engines = engines,
                        .engine_count = ENGINES,
                        .handlers = &job_handlers};
    submitted = tt_client_submit(client, &wish, &payload);
    assert_int_equal(payload.count, 0);
    return tt_job_id(submitted);
}

/* A job whose value is one frame of so many bytes. */
static inline uint64_t submit_big(size_t bytes)
{
    uint64_t id = submit(&bytes, 1);
    letter_free(fake_await(&fake, TT_MSG_SUBMIT));
    return id;
}

/* Nothing that is big. */
static inline uint64_t submit_small(void)
{
    uint64_t id = submit((size_t[]){1}, 1);
    letter_free(fake_await(&fake, TT_MSG_SUBMIT));
    return id;
}

/* The client has dealt with all that was said to it, and its answers are here. */
static inline void settle(void)
{
    int before = background;
    tt_message_t output = tt_message(TT_MSG_OUTPUT, 0), action = tt_message(TT_MSG_ACTION, 0);
    fake_send(&fake, &output, NULL);
    assert_comes(loop, background > before);
    tt_client_send(client, &action);
    letter_free(fake_await(&fake, TT_MSG_ACTION));
}

static inline void ask(uint64_t id, int engine, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_WANT, id);
    message.as.want.engine = engine;
    message.as.want.taken = taken;
    fake_send(&fake, &message, NULL);
}

#endif
