/* Big values of this host. See values.h. */
#include "values.h"

#include "bulk.h"
#include "machine.h"
#include "pack.h"
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A result that waits until its value was taken. */
typedef struct given {
    struct given *next;
    tt_message_t result; /* its texts are not used: cause and host are empty */
    tt_frames_t frames;
    tt_buf_t layout; /* packed */
    tt_spool_t *spool;
    tt_giving_t giving;
} given_t;

struct values {
    host_t *host;
    void (*on_settled)(host_t *);
    incoming_t *wanted; /* of tasks; they unlink themselves */
    given_t *given;
    uint64_t given_bytes;
};

enum { GIVEN_FREELY = 256 << 20 }; /* bytes; beyond it memory is looked at */

values_t *values_new(host_t *host, void (*on_settled)(host_t *))
{
    values_t *self = tt_alloc(sizeof *self);
    *self = (values_t){.host = host, .on_settled = on_settled};
    return self;
}

/* ---- what tasks want */

/* `near`: as a file, if its client is on this machine. */
static void send_want(values_t *self, const incoming_t *incoming, bool near)
{
    tt_message_t message = tt_message(TT_MSG_WANT, incoming->id);
    message.as.want.engine = incoming->engine;
    message.as.want.taken = incoming->taking.taken;
    message.as.want.near = near;
    host_send(self->host, &message, NULL);
}

bool values_ready(values_t *self, task_t *task, int engine)
{
    incoming_t *incoming = &task->incoming;
    if (incoming->layout.bytes == 0 || incoming->failure[0] ||
        tt_taking_whole(&incoming->taking))
        return true;
    if (incoming->at)
        return false;
    incoming->id = task->id;
    incoming->engine = engine;
    incoming_link(incoming, &self->wanted);
    send_want(self, incoming, true);
    return false;
}

void values_leave(values_t *self, task_t *task, int engine)
{
    incoming_t *incoming = &task->incoming;
    if (incoming->at == NULL || incoming->engine != engine)
        return;
    incoming_unlink(incoming);
    tt_taking_release(&incoming->taking);
    self->on_settled(self->host);
}

static incoming_t *find_wanted(const values_t *self, uint64_t id, int64_t engine)
{
    incoming_t *incoming = self->wanted;
    while (incoming && (incoming->id != id || incoming->engine != engine))
        incoming = incoming->next;
    return incoming;
}

static void settle(values_t *self, incoming_t *incoming, const char *failure)
{
    snprintf(incoming->failure, sizeof incoming->failure, "%.199s", failure);
    if (*failure)
        tt_taking_release(&incoming->taking);
    incoming_unlink(incoming);
    self->on_settled(self->host);
}

static void take_file(values_t *self, incoming_t *incoming, const tt_msg_data_t *data)
{
    tt_spool_place_t place = {(int)data->pid, (int)data->fd, data->inode};
    bool taken = tt_taking_open(&incoming->taking, place, data->total) == 0;
    send_want(self, incoming, false);
    if (taken)
        settle(self, incoming, "");
}

void values_data(values_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_data_t *data = &message->as.data;
    incoming_t *incoming = find_wanted(self, message->id, data->engine);
    char why[200];
    tt_error_t err;
    if (incoming == NULL)
        return;
    if (data->text.len > 0) {
        settle(self, incoming, tt_text_copy(data->text, why, sizeof why));
        return;
    }
    if (data->total != incoming->layout.bytes) {
        settle(self, incoming, "a value that is not as large as was said");
        return;
    }
    if (data->pid > 0) {
        take_file(self, incoming, data);
        return;
    }
    if (incoming->taking.spool == NULL && data->offset > 0)
        return; /* of what had been asked for before */
    if (data->offset == 0)
        tt_taking_release(&incoming->taking);
    int rc = tt_taking_add(&incoming->taking, data->offset, data->total,
                           tt_frames_span(payload, 0), &err);
    if (rc < 0) {
        settle(self, incoming, err.text);
        return;
    }
    send_want(self, incoming, false);
    if (rc > 0)
        settle(self, incoming, "");
}

/* ---- what results give */

bool values_full(const values_t *self)
{
    return self->given_bytes > GIVEN_FREELY &&
           self->given_bytes > tt_machine_spare_memory() / 2;
}

static void free_given(values_t *self, given_t **at)
{
    given_t *given = *at;
    self->given_bytes -= given->giving.bytes;
    *at = given->next;
    tt_frames_release(&given->frames);
    tt_buf_release(&given->layout);
    tt_spool_release(&given->spool);
    free(given);
}

static void send_data(values_t *self, const given_t *given, uint64_t offset, size_t len)
{
    tt_message_t message = tt_message(TT_MSG_DATA, given->result.id);
    zmq_msg_t chunk;
    tt_frames_t frames;
    tt_frames_init(&frames);
    message.as.data.engine = given->result.as.result.engine;
    message.as.data.offset = offset;
    message.as.data.total = given->giving.bytes;
    if (zmq_msg_init_size(&chunk, len) != 0)
        abort();
    if (tt_spool_read(given->spool, offset, zmq_msg_data(&chunk), len) != 0)
        memset(zmq_msg_data(&chunk), 0, len); /* it is sealed: it cannot have become shorter */
    tt_frames_take(&frames, &chunk);
    host_send(self->host, &message, &frames);
}

void values_give(values_t *self, const tt_message_t *result, tt_frames_t *frames,
                 const tt_layout_t *layout, tt_spool_t *spool)
{
    given_t *given = tt_alloc(sizeof *given);
    *given = (given_t){.next = self->given,
                       .result = *result,
                       .frames = *frames,
                       .spool = tt_spool_hold(spool),
                       .giving = {.bytes = layout->bytes}};
    tt_frames_init(frames);
    tt_layout_pack(layout, &given->layout);
    self->given = given;
    self->given_bytes += layout->bytes;
    send_data(self, given, 0, 0);
}

static given_t **find_given(values_t *self, uint64_t id, int64_t engine)
{
    given_t **at = &self->given;
    while (*at && ((*at)->result.id != id || (*at)->result.as.result.engine != engine))
        at = &(*at)->next;
    return at;
}

/* All of it at once, for a client on this machine. */
static void offer(values_t *self, given_t *given)
{
    tt_message_t message = tt_giving_offer(&given->giving, given->result.id, given->spool);
    message.as.data.engine = given->result.as.result.engine;
    host_send(self->host, &message, NULL);
}

/* The rest of it: all that its client has not taken before, or without its value. */
static void send_rest(values_t *self, given_t **at, bool taken)
{
    given_t *given = *at;
    tt_msg_result_t *result = &given->result.as.result;
    if (taken) {
        result->layout = (tt_span_t){given->layout.data, given->layout.len};
    } else {
        tt_frames_release(&given->frames);
        result->status = TT_STATUS_INTERRUPTED;
        result->cause = tt_span("its value was not taken");
    }
    bool full = values_full(self);
    host_send(self->host, &given->result, &given->frames);
    free_given(self, at);
    if (full)
        self->on_settled(self->host);
}

void values_cancel(values_t *self, uint64_t id, int engine)
{
    given_t **at = find_given(self, id, engine);
    if (*at)
        send_rest(self, at, false);
}

void values_want(values_t *self, const tt_message_t *message)
{
    const tt_msg_want_t *want = &message->as.want;
    given_t **at = find_given(self, message->id, want->engine), *given = *at;
    uint64_t offset;
    if (given == NULL)
        return;
    if (want->taken == TT_WANT_NOTHING) {
        send_rest(self, at, false);
        return;
    }
    int rc = tt_giving_wanted(&given->giving, want->taken);
    if (rc > 0) {
        send_rest(self, at, true);
        return;
    }
    if (rc == 0 && want->taken == 0 && want->near)
        offer(self, given);
    for (size_t len; rc == 0 && (len = tt_giving_next(&given->giving, &offset)) > 0;)
        send_data(self, given, offset, len);
}

/* ---- the end */

void values_controller_gone(values_t *self)
{
    while (self->wanted) {
        incoming_t *incoming = self->wanted;
        tt_taking_release(&incoming->taking);
        incoming_unlink(incoming);
    }
    while (self->given)
        free_given(self, &self->given);
}

void values_destroy(values_t **self_p)
{
    values_t *self = *self_p;
    if (self == NULL)
        return;
    values_controller_gone(self);
    free(self);
    *self_p = NULL;
}
