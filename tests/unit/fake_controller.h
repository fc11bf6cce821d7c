/* A controller for the tests of clients: on the client's own loop it answers HELLO, hands
 * messages to a function of the test or keeps them until the test asks, and says what the test
 * wants. */
#ifndef FAKE_CONTROLLER_H
#define FAKE_CONTROLLER_H

#include "scratch.h"

#include "identity.h"
#include "message.h"
#include "pack.h"
#include "packet.h"
#include "rundir.h"
#include "runtime.h"

typedef struct letter {
    struct letter *next;
    tt_packet_t packet;
    tt_message_t message; /* its texts are in the packet */
} letter_t;

typedef struct fake {
    tt_loop_t *loop;
    tt_rundir_t dir;
    void *context, *router;
    uint8_t route[64]; /* of whoever spoke last */
    size_t route_len;
    letter_t *letters; /* that nobody has asked for yet */
    bool silent;       /* HELLO stays unanswered */
    const char *refusal;
    int pid;     /* told in WELCOME; 0: none that could be watched */
    int engines; /* how many are introduced before WELCOME: ready, of Python */
    /* Whether the message was dealt with; NULL keeps everything. */
    bool (*on_message)(struct fake *self, letter_t *letter);
    int count; /* for on_message */
} fake_t;

static inline void fake_send(fake_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    tt_buf_t header;
    tt_buf_init(&header);
    tt_message_pack(&header, message);
    size_t count = payload ? payload->count : 0;
    zmq_send(self->router, self->route, self->route_len, ZMQ_SNDMORE);
    zmq_send(self->router, header.data, header.len, count ? ZMQ_SNDMORE : 0);
    for (size_t i = 0; i < count; i++)
        zmq_msg_send(&payload->items[i], self->router, i + 1 < count ? ZMQ_SNDMORE : 0);
    if (payload)
        tt_frames_release(payload);
    tt_buf_release(&header);
}

static inline void fake_tell_engine(fake_t *self, tt_msg_event_t *told)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    told->kind = TT_EVENT_ENGINE;
    told->host = tt_span("here");
    told->pid = 1000 + told->engine;
    message.as.event = *told;
    fake_send(self, &message, NULL);
}

static inline void fake_engine(fake_t *self, int id, unsigned state, const char *text)
{
    tt_msg_event_t told = {.engine = id, .state = state};
    told.language = tt_span("python");
    told.version = tt_span("3.11.2");
    told.program = tt_span("/usr/bin/python3");
    told.text = tt_span(text);
    fake_tell_engine(self, &told);
}

/* One that is ready, of another language. */
static inline void fake_engine_of(fake_t *self, int id, const char *language,
                                  const char *version, const char *program)
{
    tt_msg_event_t told = {.engine = id, .state = TT_ENGINE_READY};
    told.language = tt_span(language);
    told.version = tt_span(version);
    told.program = tt_span(program);
    fake_tell_engine(self, &told);
}

static inline void fake_hello(fake_t *self, uint64_t id)
{
    tt_message_t answer = tt_message(self->refusal ? TT_MSG_REFUSE : TT_MSG_WELCOME, id);
    if (self->silent)
        return;
    if (self->refusal) {
        answer.as.refuse.text = tt_span(self->refusal);
    } else {
        for (int i = self->engines - 1; i >= 0; i--)
            fake_engine(self, i, TT_ENGINE_READY, "");
        answer.as.welcome.major = TT_WIRE_MAJOR;
        answer.as.welcome.pid = self->pid;
        answer.as.welcome.boot = tt_span(self->pid ? tt_boot_id() : "elsewhere");
    }
    fake_send(self, &answer, NULL);
}

static inline void letter_free(letter_t *letter)
{
    tt_packet_release(&letter->packet);
    free(letter);
}

static inline void fake_on_socket(void *arg, void *socket)
{
    fake_t *self = arg;
    letter_t *letter = tt_alloc(sizeof *letter);
    tt_error_t err;
    assert_int_equal(tt_packet_read(&letter->packet, socket, true), 1);
    tt_span_t header = {zmq_msg_data(&letter->packet.header),
                        zmq_msg_size(&letter->packet.header)};
    assert_int_equal(tt_message_read(&letter->message, header, &err), 0);
    self->route_len = zmq_msg_size(&letter->packet.route);
    memcpy(self->route, zmq_msg_data(&letter->packet.route), self->route_len);
    if (letter->message.type == TT_MSG_HELLO)
        fake_hello(self, letter->message.id);
    else if (self->on_message && self->on_message(self, letter)) {
        letter_free(letter);
        return;
    }
    letter_t **at = &self->letters;
    while (*at)
        at = &(*at)->next;
    *at = letter;
}

/* Prepares cluster 'test' in the scratch directory and listens there. */
static inline int fake_start(fake_t *self, tt_loop_t *loop)
{
    char endpoint[TT_SOCKET_MAX + 8];
    tt_error_t err;
    memset(self, 0, sizeof *self);
    self->loop = loop;
    if (tt_rundir_prepare("test", &self->dir, &err) != 0)
        return -1;
    snprintf(endpoint, sizeof endpoint, "ipc://%s", self->dir.client_sock);
    self->context = zmq_ctx_new();
    self->router = tt_socket_new(self->context, ZMQ_ROUTER, endpoint, &err);
    if (self->router == NULL)
        return -1;
    tt_loop_add_zmq(loop, self->router, fake_on_socket, self);
    return 0;
}

static inline void fake_stop(fake_t *self)
{
    if (self->router) {
        tt_loop_remove_zmq(self->loop, self->router);
        tt_socket_close(self->router, 0);
        zmq_ctx_term(self->context);
    }
    while (self->letters) {
        letter_t *letter = self->letters;
        self->letters = letter->next;
        letter_free(letter);
    }
    self->router = self->context = NULL;
}

static inline letter_t *fake_take(fake_t *self, unsigned type)
{
    for (letter_t **at = &self->letters; *at; at = &(*at)->next) {
        letter_t *letter = *at;
        if (letter->message.type != type)
            continue;
        *at = letter->next;
        return letter;
    }
    return NULL;
}

/* The next message of that type that a client has sent; the caller frees it. */
static inline letter_t *fake_await(fake_t *self, unsigned type)
{
    letter_t *letter = NULL;
    assert_comes(self->loop, (letter = fake_take(self, type)) != NULL);
    return letter;
}

/* An answer to a request: a message of that type whose fields are empty. */
static inline void fake_answer(fake_t *self, unsigned type, uint64_t id)
{
    tt_message_t message = tt_message(type, id);
    fake_send(self, &message, NULL);
}

static inline void fake_error(fake_t *self, uint64_t id, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_ERROR, id);
    message.as.error.text = tt_span(text);
    fake_send(self, &message, NULL);
}

/* The body of a RESULT: a repr, or an error when `error` is given, and perhaps a packed value.
 */
static inline void pack_result_body(tt_buf_t *out, const char *repr, tt_span_t value,
                                    const char *error)
{
    tt_pack_array(out, 5);
    tt_pack_text(out, repr);
    tt_pack_bool(out, value.len > 0);
    tt_pack_raw(out, value);
    tt_pack_array(out, 0);
    if (error == NULL) {
        tt_pack_nil(out);
        return;
    }
    tt_pack_map(out, 2);
    tt_pack_text(out, "type");
    tt_pack_text(out, "ValueError");
    tt_pack_text(out, "message");
    tt_pack_text(out, error);
}

/* A RESULT of one engine: with `out` as its output, and `text` as its repr, its error or the
 * cause why there is none, by `status`. */
static inline void fake_result(fake_t *self, uint64_t id, int engine, unsigned status,
                               const char *out, const char *text)
{
    tt_buf_t body;
    tt_frames_t frames;
    bool failed = status == TT_STATUS_ERROR || status == TT_STATUS_INTERRUPTED;
    bool ran = failed || status == TT_STATUS_OK;
    tt_buf_init(&body);
    tt_frames_init(&frames);
    if (ran)
        pack_result_body(&body, failed ? NULL : text, (tt_span_t){NULL, 0},
                         failed ? text : NULL);
    tt_frames_take_buf(&frames, &body);
    tt_frames_copy(&frames, out, strlen(out));
    tt_frames_copy(&frames, "", 0);
    tt_message_t message = tt_message(TT_MSG_RESULT, id);
    message.as.result.engine = engine;
    message.as.result.status = status;
    message.as.result.attempt = 1;
    message.as.result.run_ns = 2000000;
    message.as.result.host = tt_span("here");
    message.as.result.cause = tt_span(ran ? "" : text);
    fake_send(self, &message, &frames);
    tt_buf_release(&body);
}

#endif
