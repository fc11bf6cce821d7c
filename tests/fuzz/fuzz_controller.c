/* libFuzzer target: what clients and engine hosts may make of a controller. The input is a row
 * of messages, each with the peer that it comes from and its fields as one byte each; lists are
 * numbers or any bytes (fuzz_message reads whole headers). They meet a controller with two
 * hosts and two clients that nobody reads; clients go, with and without goodbye, and come
 * again. At the end everybody goes, and nothing may be left.
 */
#include "controller/controller.h"
#include "pack.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PEERS = 4 };

static void *context, *sockets[2];
static tt_rundir_t dir;
static controller_options_t options = {&dir, "leastload", -1};

/* Routers without peers: whatever is sent is lost at once. */
static void open_sockets(void)
{
    tt_error_t err;
    context = zmq_ctx_new();
    setenv("TUTTI_LOG", "error", 1);
    strcpy(dir.run_dir, "/nonexistent");
    for (int i = 0; i < 2; i++)
        sockets[i] = tt_socket_new(context, ZMQ_ROUTER, i ? "inproc://b" : "inproc://a", &err);
}

static peer_t *new_peer(controller_t *self, role_t role, uint64_t key)
{
    peer_t *peer = tt_alloc(sizeof *peer);
    peer->key = key;
    peer->role = role;
    peer->watch_fd = -1;
    peer->events = true;
    peer->outbox = tt_outbox_new(self->loop, sockets[role], tt_span("nobody"), 1 << 20);
    tt_map_set(&self->peers[role], key, peer);
    return peer;
}

/* ---- the input */

typedef struct {
    const uint8_t *at;
    size_t left;
} input_t;

static unsigned take(input_t *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

/* Small numbers, and now and then an extreme one. */
static uint64_t take_number(input_t *input)
{
    static const uint64_t odd[] = {UINT64_MAX,        INT64_MAX,  (uint64_t)INT64_MAX + 1,
                                   (uint64_t)1 << 32, 0xffffffff, 0x7fffffff};
    unsigned byte = take(input);
    return byte >= 250 ? odd[byte - 250] : byte % 16;
}

/* A list of engines, nil, or anything. */
static void take_list(input_t *input, tt_buf_t *out)
{
    unsigned kind = take(input), count = kind >> 4;
    out->len = 0;
    if (kind % 8 == 0)
        return;
    if (kind % 8 == 1) {
        for (; count > 0; count--)
            tt_buf_append(out, &(uint8_t){(uint8_t)take(input)}, 1);
        return;
    }
    tt_pack_array(out, count % 5);
    for (unsigned i = 0; i < count % 5; i++)
        tt_pack_int(out, (int64_t)take_number(input));
}

/* ---- messages */

static void on_hello(controller_t *self, peer_t *peer, input_t *input)
{
    tt_buf_t list;
    tt_message_t message = tt_message(TT_MSG_HELLO, 0);
    tt_buf_init(&list);
    unsigned count = take(input) % 4;
    tt_pack_array(&list, count);
    for (unsigned i = 0; i < count; i++) {
        unsigned fields = 5 + take(input) % 4;
        tt_pack_array(&list, fields);
        for (unsigned f = 0; f < fields; f++)
            tt_pack_int(&list, (int64_t)take_number(input));
    }
    if (take(input) % 4 == 0)
        take_list(input, &list);
    message.as.hello.engines = (tt_span_t){list.data, list.len};
    message.as.hello.launch = take_number(input);
    launches_host(self, peer, &message.as.hello);
    tt_buf_release(&list);
}

/* A number of a kept job: small, or of one that was adopted. */
static uint64_t take_keep(const controller_t *self, input_t *input)
{
    unsigned byte = take(input);
    if (byte % 4 == 3)
        return TT_ID_ADOPTED | (self->kept.last_number - byte / 4 % 4);
    return byte % 4;
}

/* KEEP, STORE, LEAVE and ADOPT; and the client's end, after which another takes its place. */
static void on_kept(controller_t *self, peer_t **peer, input_t *input)
{
    static const uint8_t meta[TT_KEEP_META_MAX + 1];
    unsigned kind = take(input) % 8;
    tt_frames_t payload;
    tt_message_t message = tt_message(TT_MSG_LEAVE, take(input) % 2);
    tt_frames_init(&payload);
    if (kind < 2) {
        message.as.keep.keep = take_keep(self, input);
        message.as.keep.meta = (tt_span_t){meta, take(input) ? take(input) : sizeof meta};
        kept_keep(self, *peer, &message, &payload);
    } else if (kind < 4) {
        message.as.store = (tt_msg_store_t){.keep = take_keep(self, input),
                                            .index = take_number(input),
                                            .engine = (int64_t)(take_number(input) - 1),
                                            .attempt = take(input) % 2,
                                            .cause = {meta, take(input) * 8u},
                                            .host = {meta, take(input) * 8u}};
        for (unsigned i = take(input) % 5; i > 0; i--)
            tt_frames_copy(&payload, "bytes", i % 2 ? 5 : 0);
        kept_store(self, *peer, &message, &payload);
    } else if (kind == 4) {
        kept_leave(self, *peer, &message, &payload);
    } else if (kind == 5) {
        kept_adopt(self, *peer, &message, &payload);
    } else {
        uint64_t key = (*peer)->key;
        (*peer)->farewell = kind == 7 && !(*peer)->left;
        peers_lost(self, *peer, "ended");
        *peer = new_peer(self, PEER_CLIENT, key);
    }
    tt_frames_release(&payload);
}

static void on_submit(controller_t *self, peer_t *peer, input_t *input, tt_span_t list)
{
    static const uint8_t hash[16];
    tt_frames_t payload;
    tt_message_t message = tt_message(TT_MSG_SUBMIT, take_number(input));
    tt_msg_submit_t *submit = &message.as.submit;
    submit->op = take_number(input);
    submit->flags = take_number(input);
    submit->retries = take_number(input);
    submit->timeout_ms = take_number(input);
    submit->engines = list;
    submit->keep = take_keep(self, input);
    submit->index = take_number(input);
    submit->blob = (tt_span_t){hash, take(input) % 20 < 17 ? 16 : 3};
    tt_frames_init(&payload);
    for (unsigned i = take(input) % 3; i > 0; i--)
        tt_frames_copy(&payload, "bytes", 5);
    dispatch_submit(self, peer, &message, &payload);
    tt_frames_release(&payload);
}

static void on_blob(controller_t *self, peer_t *peer, input_t *input)
{
    static const uint8_t hashes[32];
    tt_frames_t payload;
    tt_span_t hash = {hashes + take(input) % 2, take(input) % 16 ? 16 : 1};
    tt_frames_init(&payload);
    if (take(input) % 4)
        tt_frames_copy(&payload, "function", 8);
    if (take(input) % 2)
        blobs_keep(self, peer, hash, &payload);
    else
        blobs_drop(self, peer, hash);
    tt_frames_release(&payload);
}

static void on_cancel(controller_t *self, peer_t *peer, input_t *input, tt_span_t list)
{
    tt_message_t message = tt_message(TT_MSG_CANCEL, take_number(input));
    message.as.cancel.engines = list;
    dispatch_cancel(self, peer, &message);
}

/* The number of one of the tasks that there are; or of none. */
static uint64_t take_task(controller_t *self, input_t *input)
{
    size_t walk = 0;
    uint64_t id = take(input) % 16;
    for (uint64_t i = id; i > 0; i--) {
        const task_t *next = tt_map_next(&self->tasks, &walk);
        if (next)
            id = next->id;
    }
    return id;
}

static void on_result(controller_t *self, peer_t *peer, input_t *input, bool result)
{
    tt_frames_t payload;
    tt_message_t message =
        tt_message(result ? TT_MSG_RESULT : TT_MSG_OUTPUT, take_task(self, input));
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "bytes", 5);
    if (result) {
        message.as.result.engine = (int64_t)take_number(input);
        message.as.result.status = take_number(input);
        message.as.result.run_ns = (int64_t)take_number(input);
        dispatch_result(self, peer, &message, &payload);
    } else {
        message.as.output.engine = (int64_t)take_number(input);
        message.as.output.stream = take_number(input);
        dispatch_output(self, peer, &message, &payload);
    }
    tt_frames_release(&payload);
}

static void on_returned(controller_t *self, peer_t *peer, input_t *input, tt_span_t list)
{
    tt_message_t message = tt_message(TT_MSG_RETURNED, take_task(self, input));
    message.as.returned.engines = list;
    dispatch_returned(self, peer, &message);
}

/* What an ENGINE message makes of an engine of that host. */
static void on_engine(controller_t *self, peer_t *peer, input_t *input)
{
    engine_t *engine = registry_find(&self->registry, (int64_t)take_number(input));
    unsigned state = take(input) % (TT_ENGINE_FAILED + 1);
    if (engine == NULL || engine->host != peer)
        return;
    engine->state = (tt_engine_state_t)state;
    engine->mean_run_ns = take(input) % 2 ? 0 : engine->mean_run_ns;
    if (state == TT_ENGINE_READY)
        dispatch_engine_free(self, engine);
    else if (state == TT_ENGINE_FAILED)
        dispatch_engine_failed(self, engine, "failed");
}

static void from_client(controller_t *self, peer_t **peer, input_t *input, tt_span_t list)
{
    unsigned kind = take(input) % 6;
    if (kind == 0)
        on_blob(self, *peer, input);
    else if (kind == 1)
        on_cancel(self, *peer, input, list);
    else if (kind < 4)
        on_submit(self, *peer, input, list);
    else
        on_kept(self, peer, input);
}

static void from_host(controller_t *self, peer_t *peer, input_t *input, tt_span_t list)
{
    unsigned kind = take(input) % 8;
    if (kind == 0)
        on_hello(self, peer, input);
    else if (kind == 1)
        on_returned(self, peer, input, list);
    else if (kind == 2)
        on_engine(self, peer, input);
    else
        on_result(self, peer, input, kind != 3);
}

static void release(controller_t *self)
{
    for (int role = 0; role < 2; role++) {
        size_t walk = 0;
        while (self->peers[role].count > 0) {
            walk = 0;
            peers_lost(self, tt_map_next(&self->peers[role], &walk), "ended");
        }
        tt_map_release(&self->peers[role]);
    }
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->sent.count + self->registry.engines[i]->queue.count > 0)
            abort();
    if (self->tasks.count > 0 || balanced_count(self->balanced) > 0 || blobs_bytes(self) > 0)
        abort();
    kept_release(self);
    if (self->kept.count > 0 || self->kept.bytes > 0 || self->kept.queued_bytes > 0)
        abort();
    tt_map_release(&self->tasks);
    balanced_destroy(&self->balanced);
    launches_release(self);
    records_release(&self->records);
    registry_release(&self->registry);
    tt_loop_destroy(&self->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    controller_t controller = {.options = &options}, *self = &controller;
    peer_t *peers[PEERS];
    tt_error_t err;
    if (context == NULL)
        open_sockets();
    self->loop = tt_loop_new();
    self->context = context;
    self->sockets[0] = sockets[0];
    self->sockets[1] = sockets[1];
    self->balanced = balanced_new("leastload", &err);
    for (size_t i = 0; i < PEERS; i++)
        peers[i] = new_peer(self, i % 2 ? PEER_HOST : PEER_CLIENT, i + 1);
    for (int i = 0; i < 4; i++) {
        engine_t *engine = registry_add(&self->registry, -1);
        engine->host = peers[i % 2 ? 1 : 3];
        engine->state = TT_ENGINE_READY;
    }
    input_t input = {data, size};
    tt_buf_t list;
    tt_buf_init(&list);
    while (input.left > 0) {
        peer_t **peer = &peers[take(&input) % PEERS];
        take_list(&input, &list);
        tt_span_t span = {list.data, list.len};
        if ((*peer)->role == PEER_CLIENT)
            from_client(self, peer, &input, span);
        else
            from_host(self, *peer, &input, span);
    }
    tt_buf_release(&list);
    release(self);
    return 0;
}
