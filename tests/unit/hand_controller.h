/* A controller made by hand for the tests of its parts: real ROUTER sockets within this
 * process, and peers whose other ends the test holds. Nothing here waits: what was sent is
 * there to be read. */
#ifndef HAND_CONTROLLER_H
#define HAND_CONTROLLER_H

#include "scratch.h"

#include "controller/controller.h"
#include "controller/waits.h"
#include "message.h"
#include "runtime.h"
#include "spool.h"

typedef struct {
    peer_t *peer;
    void *dealer; /* the peer's own socket */
} far_t;

typedef struct {
    tt_packet_t packet;
    tt_message_t message; /* its texts are in the packet */
} heard_t;

static controller_t *hand;
static void *hand_dealers[64]; /* all that are open, so that a test that fails leaves none */
static size_t hand_dealer_count;
static tt_rundir_t hand_dir;
static controller_options_t hand_options;

static inline int hand_begin(void)
{
    tt_error_t err;
    static const char *const endpoints[2] = {"inproc://clients", "inproc://hosts"};
    if (scratch_begin() != 0 || tt_rundir_prepare("test", &hand_dir, &err) != 0)
        return -1;
    hand_options = (controller_options_t){&hand_dir, "leastload", -1};
    hand = tt_alloc(sizeof *hand);
    hand->options = &hand_options;
    hand->loop = tt_loop_new();
    hand->context = zmq_ctx_new();
    hand->balanced = balanced_new("leastload", &err);
    for (int role = 0; role < 2; role++)
        hand->sockets[role] = tt_socket_new(hand->context, ZMQ_ROUTER, endpoints[role], &err);
    return hand->sockets[0] && hand->sockets[1] ? 0 : -1;
}

static inline void *hand_dealer(void)
{
    int zero = 0;
    void *dealer = zmq_socket(hand->context, ZMQ_DEALER);
    zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero);
    assert_true(hand_dealer_count < 64);
    hand_dealers[hand_dealer_count++] = dealer;
    return dealer;
}

static inline void hand_close(void *dealer)
{
    for (size_t i = 0; i < hand_dealer_count; i++)
        if (hand_dealers[i] == dealer)
            hand_dealers[i--] = hand_dealers[--hand_dealer_count];
    zmq_close(dealer);
}

/* The far end of a new peer that is registered. */
static inline far_t hand_peer(role_t role, const char *name)
{
    static uint64_t key;
    int events;
    size_t size = sizeof events;
    far_t end = {tt_alloc(sizeof *end.peer), hand_dealer()};
    tt_span_t route = tt_span(name);
    zmq_setsockopt(end.dealer, ZMQ_ROUTING_ID, name, strlen(name));
    assert_int_equal(
        zmq_connect(end.dealer, role == PEER_CLIENT ? "inproc://clients" : "inproc://hosts"),
        0);
    zmq_getsockopt(hand->sockets[role], ZMQ_EVENTS, &events, &size); /* now it is known */
    end.peer->key = ++key;
    end.peer->role = role;
    end.peer->watch_fd = -1;
    end.peer->outbox = tt_outbox_new(hand->loop, hand->sockets[role], route, 1 << 20);
    snprintf(end.peer->host, sizeof end.peer->host, "%s", name);
    memcpy(end.peer->uuid, name, strnlen(name, sizeof end.peer->uuid));
    tt_map_set(&hand->peers[role], end.peer->key, end.peer);
    return end;
}

/* The peer has gone, as the controller sees it. */
static inline void hand_lose(far_t *end)
{
    peers_lost(hand, end->peer, "ended");
    hand_close(end->dealer);
    *end = (far_t){NULL, NULL};
}

static inline int hand_end(void)
{
    while (hand_dealer_count > 0)
        hand_close(hand_dealers[0]);
    for (int role = 0; role < 2; role++) {
        size_t walk = 0;
        for (peer_t *peer; (peer = tt_map_next(&hand->peers[role], &walk));) {
            tt_outbox_destroy(&peer->outbox);
            tt_map_release(&peer->tasks);
            ended_release(&peer->ended);
            tt_map_release(&peer->keeps);
            tt_buf_release(&peer->blobs);
            free(peer);
        }
        tt_map_release(&hand->peers[role]);
        tt_socket_close(hand->sockets[role], 0);
    }
    size_t walk = 0;
    kept_release(hand);
    for (task_t *task; (task = tt_map_next(&hand->tasks, &walk));)
        task_destroy(&task);
    tt_map_release(&hand->tasks);
    free(hand->freed);
    balanced_destroy(&hand->balanced);
    blobs_release(hand);
    launches_release(hand);
    records_release(&hand->records);
    registry_release(&hand->registry);
    zmq_ctx_term(hand->context);
    tt_loop_destroy(&hand->loop);
    free(hand);
    hand = NULL;
    return scratch_end();
}

/* An engine of that host; slow, so that balanced work is sent to it one at a time. */
static inline engine_t *hand_engine(const far_t *host, tt_engine_state_t state)
{
    engine_t *engine = registry_add(&hand->registry, -1);
    engine->state = state;
    engine->host = host ? host->peer : NULL;
    engine->mean_run_ns = 1000000000;
    snprintf(engine->host_name, sizeof engine->host_name, "%s",
             host ? host->peer->host : "nowhere");
    return engine;
}

/* The next message that has come to this end; false when there is none. Free it with `forget`.
 */
static inline bool hear(const far_t *end, heard_t *heard)
{
    tt_error_t err;
    if (tt_packet_read(&heard->packet, end->dealer, false) == 0)
        return false;
    tt_span_t header = {zmq_msg_data(&heard->packet.header),
                        zmq_msg_size(&heard->packet.header)};
    assert_int_equal(tt_message_read(&heard->message, header, &err), 0);
    return true;
}

static inline void forget(heard_t *heard)
{
    tt_packet_release(&heard->packet);
}

/* Everything that has come to this end, in words: "TASK 5 [0,1]; DROP; RESULT 7 2 ok ...". */
static inline void say_ids(tt_buf_t *out, tt_span_t any)
{
    int *ids;
    bool all;
    int count = tt_ids_read(any, &ids, &all);
    tt_buf_printf(out, all ? " all" : " [");
    for (int i = 0; i < count; i++)
        tt_buf_printf(out, i ? ",%d" : "%d", ids[i]);
    tt_buf_printf(out, all ? "" : "]");
    free(ids);
}

/* " keep meta: index=id [engines], ...", numbers without the controller's bit. */
static inline void say_job(tt_buf_t *out, tt_span_t bytes)
{
    tt_reader_t reader = tt_reader(bytes);
    tt_span_t meta, engines;
    uint64_t keep, index, id;
    size_t fields, count;
    assert_int_equal(tt_read_array(&reader, &fields), 0);
    assert_int_equal(tt_read_uint(&reader, &keep), 0);
    assert_int_equal(tt_read_bin(&reader, &meta), 0);
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_true(keep & TT_ID_ADOPTED);
    tt_buf_printf(out, " %d %.*s:", (int)keep, (int)meta.len, (const char *)meta.data);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tt_read_array(&reader, &fields), 0);
        assert_int_equal(tt_read_uint(&reader, &index), 0);
        assert_int_equal(tt_read_uint(&reader, &id), 0);
        assert_true(id & TT_ID_ADOPTED);
        assert_int_equal(tt_read_raw(&reader, &engines), 0);
        tt_buf_printf(out, " %d=%d", (int)index, (int)id);
        say_ids(out, *engines.data == 0xc0 ? (tt_span_t){NULL, 0} : engines);
    }
    assert_true(tt_reader_done(&reader));
}

static inline void say_frames(tt_buf_t *out, const tt_frames_t *frames)
{
    for (size_t i = 0; i < frames->count; i++)
        tt_buf_printf(out, "%s%.*s", i ? "|" : " ", (int)tt_frames_span(frames, i).len,
                      (const char *)tt_frames_span(frames, i).data);
}

static inline void say_store(tt_buf_t *out, const heard_t *heard)
{
    const tt_msg_store_t *store = &heard->message.as.store;
    tt_buf_printf(out, " %d.%d: %d %s%s%.*s", (int)store->keep, (int)store->index,
                  (int)store->engine, tt_status_text((unsigned)store->status),
                  store->cause.len ? ": " : "", (int)store->cause.len,
                  (const char *)store->cause.data);
    say_frames(out, &heard->packet.payload);
}

/* " {4,0+2097152}": the length of a frame in its message, and offset and length of another. */
static inline void say_layout(tt_buf_t *out, tt_span_t packed)
{
    tt_layout_t layout;
    tt_error_t err;
    assert_int_equal(tt_layout_read(&layout, packed, &err), 0);
    for (size_t i = 0; i < layout.count; i++) {
        tt_buf_printf(out, i ? "," : " {");
        if (layout.places[i].offset != TT_IN_MESSAGE)
            tt_buf_printf(out, "%d+", (int)layout.places[i].offset);
        tt_buf_printf(out, "%d", (int)layout.places[i].len);
    }
    tt_buf_printf(out, layout.count ? "}" : "");
    tt_layout_release(&layout);
}

/* " 7: 2 5/2097152 bytes" or " 7: 2 why it does not come". */
static inline void say_data(tt_buf_t *out, const heard_t *heard)
{
    const tt_msg_data_t *data = &heard->message.as.data;
    tt_buf_printf(out, " %d: %d ", (int)heard->message.id, (int)data->engine);
    if (data->text.len > 0)
        tt_buf_printf(out, "%.*s", (int)data->text.len, (const char *)data->text.data);
    else
        tt_buf_printf(out, "%d/%d", (int)data->offset, (int)data->total);
    say_frames(out, &heard->packet.payload);
}

static inline void say_one(tt_buf_t *out, const heard_t *heard)
{
    const tt_message_t *message = &heard->message;
    const tt_msg_result_t *result = &message->as.result;
    const tt_msg_want_t *want = &message->as.want;
    tt_buf_printf(out, "%s", tt_message_info(message->type)->name);
    if (message->type == TT_MSG_RESULT)
        tt_buf_printf(out, " %d: %d %s%s%.*s", (int)message->id, (int)result->engine,
                      tt_status_text((unsigned)result->status), result->cause.len ? ": " : "",
                      (int)result->cause.len, (const char *)result->cause.data);
    else if (message->type == TT_MSG_TASK)
        say_ids(out, message->as.task.engines);
    else if (message->type == TT_MSG_DATA)
        say_data(out, heard);
    else if (message->type == TT_MSG_WANT)
        tt_buf_printf(out, want->taken == TT_WANT_NOTHING ? " %d: %d nothing" : " %d: %d %d",
                      (int)message->id, (int)want->engine, (int)want->taken);
    else if (message->type == TT_MSG_STORE)
        say_store(out, heard);
    else if (message->type == TT_MSG_ADOPTED)
        for (size_t i = 0; i < heard->packet.payload.count; i++)
            say_job(out, tt_frames_span(&heard->packet.payload, i));
    else if (message->type == TT_MSG_CANCEL)
        say_ids(out, message->as.cancel.engines);
    else if (message->type == TT_MSG_RECALL)
        say_ids(out, message->as.recall.engines);
    else if (message->type == TT_MSG_SPAWN)
        say_ids(out, message->as.spawn.engines);
    else if (message->type == TT_MSG_DONE)
        say_ids(out, message->as.done.engines);
    else if (message->type == TT_MSG_ERROR)
        tt_buf_printf(out, " %d: %.*s", (int)message->id, (int)message->as.error.text.len,
                      (const char *)message->as.error.text.data);
    else if (message->type == TT_MSG_EVENT)
        tt_buf_printf(out, " %d %s", (int)message->as.event.engine,
                      tt_engine_state_text((unsigned)message->as.event.state));
    else if (message->type == TT_MSG_OUTPUT)
        tt_buf_printf(out, " %d: %d.%d %.*s", (int)message->id, (int)message->as.output.engine,
                      (int)message->as.output.stream,
                      (int)tt_frames_span(&heard->packet.payload, 0).len,
                      (const char *)tt_frames_span(&heard->packet.payload, 0).data);
    if (message->type == TT_MSG_TASK)
        say_layout(out, message->as.task.layout);
    else if (message->type == TT_MSG_RESULT)
        say_layout(out, result->layout);
    tt_buf_printf(out, "; ");
}

static inline const char *all_heard(const far_t *end)
{
    static tt_buf_t words;
    heard_t heard;
    words.len = 0;
    while (hear(end, &heard)) {
        say_one(&words, &heard);
        forget(&heard);
    }
    return tt_buf_text(&words);
}

/* ---- what clients and hosts say about work */

typedef struct {
    uint64_t id;
    const int *engines; /* NULL: nil */
    size_t count;
    bool balanced, now, stays;
    unsigned op; /* 0: EXECUTE */
    uint64_t retries;
    const uint8_t *blob;
    const char *label;
    uint64_t keep, index;
    tt_span_t layout;
    bool bare; /* no frames stand in the message */
} wish_t;

static inline void submit(const far_t *from, wish_t wish)
{
    tt_buf_t list;
    tt_frames_t payload;
    tt_buf_init(&list);
    tt_frames_init(&payload);
    if (!wish.bare) {
        tt_frames_copy(&payload, "args", 4);
        tt_frames_copy(&payload, "buffer", 6);
    }
    tt_message_t message = tt_message(TT_MSG_SUBMIT, wish.id);
    tt_msg_submit_t *fields = &message.as.submit;
    if (wish.engines)
        tt_ids_pack(&list, wish.engines, wish.count);
    fields->op = wish.op ? wish.op : TT_RT_EXECUTE;
    fields->engines = span_of(&list);
    fields->flags = (wish.balanced ? TT_SUBMIT_BALANCED : 0) | (wish.now ? TT_SUBMIT_NOW : 0) |
                    (wish.stays ? TT_SUBMIT_STAYS : 0);
    fields->retries = wish.retries;
    fields->keep = wish.keep;
    fields->index = wish.index;
    fields->layout = wish.layout;
    fields->label = tt_span(wish.label ? wish.label : "label");
    if (wish.blob)
        fields->blob = (tt_span_t){wish.blob, 16};
    dispatch_submit(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
    tt_buf_release(&list);
}

#define DIRECT(id_, ...)                                                                       \
    ((wish_t){.id = (id_),                                                                     \
              .engines = (int[]){__VA_ARGS__},                                                 \
              .count = sizeof((int[]){__VA_ARGS__}) / sizeof(int)})
#define BALANCED(id_) ((wish_t){.id = (id_), .balanced = true})

static inline void result_of(const far_t *from, uint64_t task, int engine, unsigned status)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    tt_frames_copy(&payload, "body", 4);
    tt_message_t message = tt_message(TT_MSG_RESULT, task);
    message.as.result.engine = engine;
    message.as.result.status = status;
    message.as.result.run_ns = 1000000000;
    dispatch_result(hand, from->peer, &message, &payload);
    tt_frames_release(&payload);
}

static inline void cancel(const far_t *from, uint64_t id, const int *engines, size_t count)
{
    tt_buf_t list;
    tt_buf_init(&list);
    if (engines)
        tt_ids_pack(&list, engines, count);
    tt_message_t message = tt_message(TT_MSG_CANCEL, id);
    message.as.cancel.engines = span_of(&list);
    dispatch_cancel(hand, from->peer, &message);
    tt_buf_release(&list);
}

static inline void lose_engine(engine_t *engine)
{
    engine->host = NULL;
    engine->state = TT_ENGINE_LOST;
    dispatch_engine_lost(hand, engine, "the host is gone");
}

#define assert_heard(end, words) assert_string_equal(all_heard(&(end)), words)

#endif
