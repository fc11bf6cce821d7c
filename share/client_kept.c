/* The client's part in work that outlives it: naming jobs, giving back what nobody has seen,
 * taking over what others left. See client.h. */
#include "client_private.h"

enum { LEAVE_MS = 2000 };
enum { STORE_MAX = 64 << 20 };                  /* bytes of a result that is given back */
enum { TAKEN_MS = 100, TAKEN_BYTES = 1 << 20 }; /* what may stay unsaid so long, and of what */

void tt_client_keep(tt_client_t *self, uint64_t keep, tt_span_t meta)
{
    tt_message_t message = tt_message(TT_MSG_KEEP, 0);
    self->keeps = true;
    message.as.keep.keep = keep;
    message.as.keep.meta = meta;
    tt_outbox_send(self->outbox, &message, NULL);
    size_t walk = 0;
    for (tt_job_t *job; meta.len == 0 && (job = tt_map_next(&self->jobs, &walk));)
        if (job->keep == keep)
            job->keep = 0;
}

void tt_client_store(tt_client_t *self, uint64_t keep, uint32_t index,
                     const tt_result_t *result)
{
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_STORE, 0);
    message.as.store = (tt_msg_store_t){.keep = keep,
                                        .index = index,
                                        .engine = result->engine,
                                        .attempt = result->attempt ? result->attempt : 1,
                                        .status = result->status,
                                        .queue_ns = (uint64_t)result->queue_ns,
                                        .wait_ns = (uint64_t)result->wait_ns,
                                        .run_ns = result->run_ns,
                                        .dropped_bytes = result->dropped_bytes,
                                        .cause = tt_span(result->cause),
                                        .host = tt_span(result->host)};
    tt_frames_init(&frames);
    if (result->frames && tt_frames_bytes(result->frames) > STORE_MAX) {
        message.as.store.dropped_bytes += tt_frames_bytes(result->frames);
        message.as.store.cause = tt_span("its value is too big to be left behind");
    } else if (result->frames) {
        tt_frames_share_all(&frames, result->frames);
    }
    tt_outbox_send(self->outbox, &message, &frames);
}

void tt_client_store_output(tt_client_t *self, uint64_t keep, uint32_t index, int engine,
                            tt_span_t out, tt_span_t err)
{
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_STORE, 0);
    message.as.store.keep = keep;
    message.as.store.index = index;
    message.as.store.engine = engine;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "", 0);
    tt_frames_copy(&frames, out.data, out.len);
    tt_frames_copy(&frames, err.data, err.len);
    tt_outbox_send(self->outbox, &message, &frames);
}

static void say_taken(tt_client_t *self)
{
    tt_message_t message = tt_message(TT_MSG_TAKEN, 0);
    tt_loop_cancel_timer(self->loop, self->taken_timer);
    self->taken_timer = 0;
    self->untold_bytes = 0;
    message.as.taken.count = self->received;
    tt_outbox_send(self->outbox, &message, NULL);
}

static void on_taken_timer(void *arg)
{
    say_taken(arg);
}

void tt_client_count(tt_client_t *self, const tt_message_t *message, const tt_packet_t *packet)
{
    if (!self->keeps || (message->type != TT_MSG_RESULT && message->type != TT_MSG_OUTPUT &&
                         message->type != TT_MSG_STORE))
        return;
    self->untold_bytes += tt_frames_bytes(&packet->payload);
    if (self->untold_bytes > TAKEN_BYTES)
        say_taken(self);
    else if (self->taken_timer == 0)
        self->taken_timer = tt_loop_add_timer(self->loop, TAKEN_MS, on_taken_timer, self);
}

/* The controller has everything that was sent before when it answers. What had been on its way
 * to us then has come, and was given back: that is sent before a second LEAVE. */
void tt_client_leave(tt_client_t **self_p)
{
    tt_client_t *self = *self_p;
    int64_t end = tt_now_ms() + LEAVE_MS, left = LEAVE_MS;
    bool again = true;
    if (self == NULL)
        return;
    self->leaving = true;
    while (again && left > 0 && !self->failed) {
        tt_message_t leave = tt_message(TT_MSG_LEAVE, 0), answer;
        tt_packet_t reply;
        tt_error_t err;
        self->given_back = 0;
        say_taken(self);
        again = tt_client_request(self, &leave, (int)left, &answer, &reply, &err) == 0 &&
                self->given_back > 0;
        if (answer.type != 0 && answer.type != TT_MSG_ERROR)
            tt_packet_release(&reply);
        left = end - tt_now_ms();
    }
    tt_client_close_within(self_p, left > 0 ? (int)left : 0);
}

int tt_client_adopt(tt_client_t *self, const tt_adopt_handlers_t *adopt, void *arg,
                    int timeout_ms, tt_error_t *err)
{
    tt_message_t message = tt_message(TT_MSG_ADOPT, 0), answer;
    tt_packet_t reply;
    self->adopt = adopt;
    self->adopt_arg = arg;
    if (tt_client_request(self, &message, timeout_ms, &answer, &reply, err) != 0)
        return -1;
    tt_packet_release(&reply);
    return 0;
}
