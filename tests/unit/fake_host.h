/* A host for the tests of one engine: doubles of what engine/host.c offers its engines. It
 * keeps what the engine sends and reaps the engine's process. Defines functions: include it
 * once. */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "scratch.h"

#include "engine_private.h"
#include "runtime.h"
#include "values.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

typedef struct letter {
    struct letter *next;
    tt_buf_t header;
    tt_message_t message; /* its texts are in the header */
    tt_frames_t frames;
    bool taken;
} letter_t;

struct host {
    tt_loop_t *loop;
    blob_table_t blobs;
    values_t *values;
    bool congested;
    letter_t *letters; /* all, in order */
    engine_t *engine;
};

static host_t host;
static spec_t spec;
static char *no_texts[1];

tt_loop_t *host_loop(host_t *self)
{
    return self->loop;
}

blob_table_t *host_blobs(host_t *self)
{
    return &self->blobs;
}

values_t *host_values(host_t *self)
{
    return self->values;
}

const char *host_cluster(const host_t *self)
{
    (void)self;
    return "test";
}

bool host_congested(const host_t *self)
{
    return self->congested;
}

void host_send(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    letter_t *letter = tt_alloc(sizeof *letter), **at = &self->letters;
    tt_error_t err;
    tt_message_pack(&letter->header, message);
    assert_int_equal(tt_message_read(&letter->message, span_of(&letter->header), &err), 0);
    if (payload) {
        letter->frames = *payload;
        tt_frames_init(payload);
    }
    while (*at)
        at = &(*at)->next;
    *at = letter;
}

/* ---- its children */

static void fake_on_signal(void *arg, const struct signalfd_siginfo *info)
{
    host_t *self = arg;
    int status;
    pid_t pid;
    (void)info;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (self->engine && pid == engine_pid(self->engine))
            engine_died(self->engine, status);
}

static void fake_on_settled(host_t *self)
{
    if (self->engine)
        engine_pump(self->engine);
}

static inline int fake_host_begin(void)
{
    sigset_t signals;
    const struct rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    tt_signals_block(&signals, SIGCHLD, 0);
    memset(&host, 0, sizeof host);
    host.loop = tt_loop_new();
    host.values = values_new(&host, fake_on_settled);
    tt_loop_add_signals(host.loop, &signals, fake_on_signal, &host);
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIBEXEC_DIR", build_path("engine"), 1);
    return 0;
}

static inline void letter_free(letter_t *letter)
{
    tt_buf_release(&letter->header);
    tt_frames_release(&letter->frames);
    free(letter);
}

static inline int fake_host_end(void)
{
    pid_t pid = host.engine ? engine_pid(host.engine) : 0;
    if (pid > 0 && kill(-pid, SIGKILL) == 0)
        waitpid(pid, NULL, 0);
    engine_destroy(&host.engine);
    engine_destroy(&host.engine);
    values_destroy(&host.values);
    while (host.letters) {
        letter_t *letter = host.letters;
        host.letters = letter->next;
        letter_free(letter);
    }
    blob_table_release(&host.blobs);
    tt_loop_destroy(&host.loop);
    return scratch_end();
}

/* An engine of that language, not yet started; `program` may be NULL. Texts are borrowed. */
static inline engine_t *fake_engine(const char *language, const char *program)
{
    static char texts[2][PATH_MAX];
    snprintf(texts[0], PATH_MAX, "%s", language);
    snprintf(texts[1], PATH_MAX, "%s", program ? program : "");
    spec = (spec_t){
        .language = texts[0], .program = texts[1], .args = no_texts, .environment = no_texts};
    host.engine = engine_new(&host, &spec, 3);
    return host.engine;
}

/* ---- what it was sent */

/* The next message of that type that was not taken yet, or NULL. */
static inline letter_t *take_letter(unsigned type)
{
    for (letter_t *letter = host.letters; letter; letter = letter->next) {
        if (letter->taken || letter->message.type != type)
            continue;
        letter->taken = true;
        return letter;
    }
    return NULL;
}

/* The same, running the loop until it is there. */
static inline letter_t *await_letter(unsigned type)
{
    letter_t *letter = NULL;
    assert_comes(host.loop, (letter = take_letter(type)) != NULL);
    return letter;
}

static inline void await_state(unsigned state)
{
    assert_int_equal(await_letter(TT_MSG_ENGINE)->message.as.engine.state, state);
}

/* An engine of the toy language that is ready. */
static inline engine_t *ready_mock(void)
{
    engine_t *engine = fake_engine("mock", NULL);
    engine_start(engine);
    await_state(TT_ENGINE_READY);
    return engine;
}

/* The same whose runtime keeps no page. */
static inline engine_t *ready_mock_without_page(void)
{
    char script[PATH_MAX + 128];
    snprintf(script, sizeof script, "#!/bin/sh\nexec '%s' 4<&-\n",
             build_path("engine/tutti-mock"));
    scratch_write("pageless", script, 0700);
    engine_t *engine = fake_engine("pageless", scratch_path("pageless"));
    engine_start(engine);
    await_state(TT_ENGINE_READY);
    assert_int_equal(engine->features, TT_FEATURE_SPOOL);
    return engine;
}

static inline bool text_is(tt_span_t span, const char *text)
{
    return span.len == strlen(text) &&
           (span.len == 0 || memcmp(span.data, text, span.len) == 0);
}

#define assert_span(span, expected)                                                            \
    do {                                                                                       \
        tt_span_t span_ = span;                                                                \
        if (!text_is(span_, expected))                                                         \
            fail_msg("'%.*s' is not '%s'", (int)span_.len, (const char *)span_.data,           \
                     expected);                                                                \
    } while (0)

/* ---- tasks */

static inline void submit_message(uint64_t id, tt_msg_task_t message, const tt_buf_t *args)
{
    message.attempt = id % 10;
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, args->data, args->len);
    task_t *task = task_new(id, &message, &frames);
    engine_submit(host.engine, task);
    task_release(&task);
}

static inline void submit_op(uint64_t id, unsigned op, const tt_buf_t *args, tt_span_t blob,
                             uint64_t timeout_ms)
{
    submit_message(id, (tt_msg_task_t){.op = op, .blob = blob, .timeout_ms = timeout_ms}, args);
}

static inline void submit_limited(uint64_t id, const char *code, uint64_t timeout_ms)
{
    tt_buf_t args = {0};
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "<test>");
    tt_pack_int(&args, 0);
    submit_op(id, TT_RT_EXECUTE, &args, (tt_span_t){NULL, 0}, timeout_ms);
    tt_buf_release(&args);
}

static inline void submit(uint64_t id, const char *code)
{
    submit_limited(id, code, 0);
}

/* The next RESULT: it must be of task `id` and end so. */
static inline letter_t *await_result(uint64_t id, unsigned status)
{
    letter_t *letter = await_letter(TT_MSG_RESULT);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.result.status, status);
    assert_int_equal(letter->message.as.result.engine, 3);
    assert_int_equal(letter->message.as.result.attempt, id % 10);
    assert_true(letter->frames.count >= 3);
    return letter;
}

/* The repr in a result's body; "" when it has none. */
static inline const char *repr_of(const letter_t *letter)
{
    static char text[64];
    tt_reader_t reader = tt_reader(tt_frames_span(&letter->frames, 0));
    size_t count;
    text[0] = 0;
    assert_int_equal(tt_read_array(&reader, &count), 0);
    tt_read_text(&reader, text, sizeof text);
    return text;
}

/* Until task `id` has started: a task may be interrupted from then on. */
static inline bool has_started(uint64_t id)
{
    const part_t *part = engine_running(host.engine);
    return part && part->task->id == id;
}

#define await_start(id) assert_comes(host.loop, has_started(id))

/* As a runtime that knows of no revoking. */
static inline void expect_no_revoking(void)
{
    host.engine->features &= ~(unsigned)TT_FEATURE_REVOKE;
}

/* Tasks are sent ahead while earlier ones were short. */
static inline void expect_short_tasks(void)
{
    host.engine->mean_run_ns = 0;
}

#endif
