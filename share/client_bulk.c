/* The client's part in big values: those that its work is submitted with, which it gives to
 * whichever hosts want them, and those of results, which it takes before it tells of them. See
 * client.h and bulk.h. */
#include "client_private.h"

#include <stdlib.h>

enum { SPOOL_STEP = 8 << 20 }; /* bytes of a file that are written at once: some 4 ms */

/* ---- submitting */

void tt_client_split(tt_job_t *job, tt_frames_t *payload, tt_buf_t *packed)
{
    tt_frames_init(&job->bulk);
    tt_bulk_split(payload, &job->layout, &job->bulk);
    if (job->layout.bytes > 0)
        tt_layout_pack(&job->layout, packed);
}

static tt_end_t *find_end(tt_job_t *job, int engine)
{
    for (size_t i = 0; i < job->end_count; i++)
        if (job->ends[i].engine == engine)
            return &job->ends[i];
    return NULL;
}

/* What one host wants of it; the engine is the one that has asked there. */
static tt_end_t *end_of(tt_job_t *job, int engine)
{
    tt_end_t *found = find_end(job, engine);
    if (found)
        return found;
    job->ends = tt_realloc(job->ends, (job->end_count + 1) * sizeof *job->ends);
    tt_end_t *end = &job->ends[job->end_count++];
    *end = (tt_end_t){.engine = engine, .giving = {.bytes = job->layout.bytes}};
    return end;
}

static void send_data(tt_client_t *self, const tt_job_t *job, int engine, uint64_t offset,
                      size_t len)
{
    tt_message_t message = tt_message(TT_MSG_DATA, job->id);
    tt_frames_t frames;
    message.as.data.engine = engine;
    message.as.data.offset = offset;
    message.as.data.total = job->layout.bytes;
    tt_frames_init(&frames);
    tt_bulk_read(&job->bulk, &job->layout, offset, len, &frames);
    tt_outbox_send(self->outbox, &message, &frames);
}

static void give_chunks(tt_client_t *self, const tt_job_t *job, tt_end_t *end)
{
    uint64_t offset;
    for (size_t len; (len = tt_giving_next(&end->giving, &offset)) > 0;)
        send_data(self, job, end->engine, offset, len);
}

static void offer_file(tt_client_t *self, const tt_job_t *job, tt_end_t *end)
{
    tt_message_t message = tt_giving_offer(&end->giving, job->id, job->spool);
    message.as.data.engine = end->engine;
    tt_outbox_send(self->outbox, &message, NULL);
}

/* Serves those that have waited for the file: with it, or in chunks when there is none. */
static void file_settled(tt_job_t *job)
{
    for (size_t i = 0; i < job->end_count; i++) {
        tt_end_t *end = &job->ends[i];
        if (!end->waits)
            continue;
        end->waits = false;
        if (job->spool)
            offer_file(job->client, job, end);
        else
            give_chunks(job->client, job, end);
    }
}

/* A step at a time: other work of the loop comes between them. */
static void on_spool_timer(void *arg)
{
    tt_job_t *job = arg;
    uint64_t left = job->layout.bytes - job->spooled;
    uint64_t len = left < SPOOL_STEP ? left : SPOOL_STEP;
    tt_error_t err;
    job->spool_timer = 0;
    if (tt_bulk_write(&job->bulk, &job->layout, job->spooled, len, job->spool, &err) != 0)
        tt_spool_release(&job->spool);
    job->spooled += len;
    if (job->spool && job->spooled < job->layout.bytes)
        job->spool_timer = tt_loop_add_timer(job->client->loop, 0, on_spool_timer, job);
    else
        file_settled(job);
}

/* A host on this machine wants the value: a file for all of them is written once, or there. */
static void give_file(tt_client_t *self, tt_job_t *job, tt_end_t *end)
{
    tt_error_t err;
    if (job->spool == NULL && (job->spool = tt_bulk_find(&job->bulk, &job->layout)) != NULL) {
        job->spooled = job->layout.bytes;
    } else if (job->spool == NULL) {
        job->spooled = 0;
        job->spool = tt_spool_new(job->layout.bytes, &err);
    }
    if (job->spool && job->spooled < job->layout.bytes) {
        end->waits = true;
        if (job->spool_timer == 0)
            on_spool_timer(job);
    } else if (job->spool) {
        offer_file(self, job, end);
    } else {
        give_chunks(self, job, end);
    }
}

void tt_client_on_want(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_want_t *want = &message->as.want;
    tt_job_t *job = tt_map_get(&self->jobs, message->id);
    (void)packet;
    if (job == NULL || job->layout.bytes == 0)
        return;
    tt_end_t *end = end_of(job, (int)want->engine);
    end->waits = false;
    if (tt_giving_wanted(&end->giving, want->taken) != 0)
        return;
    if (want->taken == 0 && want->near && !self->far)
        give_file(self, job, end);
    else
        give_chunks(self, job, end);
}

/* ---- results */

/* `near`: as a file, if its host is on this machine. */
static void send_want(tt_client_t *self, const tt_job_t *job, int engine, uint64_t taken,
                      bool near)
{
    tt_message_t message = tt_message(TT_MSG_WANT, job->id);
    message.as.want.engine = engine;
    message.as.want.taken = taken;
    message.as.want.near = near;
    tt_outbox_send(self->outbox, &message, NULL);
}

/* What is announced is asked for as a file where there may be one; whether it was DATA of that.
 */
static bool take_file(tt_client_t *self, const tt_job_t *job, tt_end_t *end,
                      const tt_msg_data_t *data, bool empty)
{
    tt_spool_place_t place = {(int)data->pid, (int)data->fd, data->inode};
    if (self->far || data->offset > 0 || !empty)
        return false;
    end->failed = false;
    if (data->pid > 0)
        tt_taking_open(&end->taking, place, data->total);
    send_want(self, job, end->engine, end->taking.taken, data->pid <= 0);
    return true;
}

/* Nothing at offset 0 announces a value: it may have been begun before, by an engine that was
 * lost. While it leaves a client takes none: they wait for the next one. */
void tt_client_on_data(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_data_t *data = &message->as.data;
    tt_job_t *job = tt_map_get(&self->jobs, message->id);
    tt_span_t bytes = tt_frames_span(&packet->payload, 0);
    if (job == NULL || self->leaving)
        return;
    tt_end_t *end = end_of(job, (int)data->engine);
    if (end->taking.spool == NULL && data->offset > 0)
        return; /* of what has failed, or was meant for whoever had this job before */
    if (data->offset == 0)
        tt_taking_release(&end->taking);
    if (take_file(self, job, end, data, bytes.len == 0))
        return;
    end->failed = tt_taking_add(&end->taking, data->offset, data->total, bytes, &end->why) < 0;
    if (end->failed)
        tt_taking_release(&end->taking);
    send_want(self, job, end->engine, end->failed ? TT_WANT_NOTHING : end->taking.taken, false);
}

static int join(tt_end_t *end, tt_span_t packed, tt_frames_t *payload, tt_error_t *err)
{
    tt_layout_t layout;
    tt_frames_t all;
    tt_frames_init(&all);
    if (tt_layout_read(&layout, packed, err) != 0)
        return -1;
    int rc = layout.bytes > 0 && !(end && tt_taking_whole(&end->taking))
                 ? tt_error_set(err, "a value that has not come whole")
                 : tt_bulk_join(end ? end->taking.spool : NULL, &layout, payload, &all, err);
    if (rc == 0 && layout.bytes > 0)
        tt_spool_close(end->taking.spool); /* a program may keep thousands */
    tt_layout_release(&layout);
    if (rc == 0)
        *payload = all;
    return rc;
}

void tt_client_join(tt_job_t *job, const tt_msg_result_t *got, tt_frames_t *payload,
                    tt_result_t *result)
{
    tt_end_t *end = find_end(job, result->engine);
    tt_error_t err;
    const char *why = end && end->failed ? end->why.text : NULL;
    if (why == NULL && got->layout.len > 0 && join(end, got->layout, payload, &err) != 0)
        why = err.text;
    if (why && result->status != TT_STATUS_LOST && result->status != TT_STATUS_UNKNOWN) {
        result->status = TT_STATUS_REFUSED;
        tt_text_copy(tt_span(why), result->cause, sizeof result->cause);
        tt_frames_release(payload);
    }
    if (end == NULL)
        return;
    tt_taking_release(&end->taking);
    end->failed = false;
}

void tt_job_moved(const tt_job_t *self, uint64_t *done, uint64_t *total)
{
    *done = *total = 0;
    for (size_t i = 0; i < self->end_count; i++) {
        const tt_end_t *end = &self->ends[i];
        *done += end->giving.flow.taken + end->taking.taken;
        *total += end->giving.bytes;
        *total += end->taking.spool ? tt_spool_bytes(end->taking.spool) : 0;
    }
}

void tt_client_release_bulk(tt_job_t *job)
{
    for (size_t i = 0; i < job->end_count; i++)
        tt_taking_release(&job->ends[i].taking);
    free(job->ends);
    tt_loop_cancel_timer(job->client->loop, job->spool_timer);
    tt_spool_release(&job->spool);
    tt_frames_release(&job->bulk);
    tt_layout_release(&job->layout);
}
