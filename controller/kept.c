/* Jobs that outlive their client. See kept.h. A job's results and output are stored once its
 * client has left or gone; before, the outbox of the client has what the client has not said
 * it took, tagged, so that it can be taken back. */
#include "controller.h"
#include "log.h"
#include "pack.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* A small frame may be a piece of what libzmq had received at once, and hold all of it. */
    COPY_LIMIT = 8192,
    TEXT_MAX = 512,
    ENTRY = 64 /* what the tables have for a result, roughly */
};

typedef struct stored {
    struct stored *next;
    tt_msg_store_t fields; /* its texts are in `texts` */
    char *texts;
    tt_frames_t frames;
    size_t bytes;
} stored_t;

/* Output ahead of a result: stdout, stderr. */
typedef struct {
    uint64_t key;
    tt_buf_t streams[2];
    uint64_t dropped_bytes;
} written_t;

/* A balanced task's output is found whichever engine has the task: engine -1. */
static uint64_t part_key(uint64_t index, int64_t engine)
{
    return index << 32 | (uint32_t)(engine + 1);
}

static void charge(controller_t *self, kept_job_t *job, size_t bytes)
{
    self->kept.bytes += bytes;
    job->bytes += bytes;
}

static void refund(controller_t *self, kept_job_t *job, size_t bytes)
{
    self->kept.bytes -= bytes;
    job->bytes -= bytes;
}

/* ---- jobs */

static kept_job_t *new_job(controller_t *self, peer_t *client, uint64_t number)
{
    kept_t *kept = &self->kept;
    kept_job_t *job = tt_alloc(sizeof *job);
    job->client = client;
    job->number = number;
    job->results_end = &job->first_result;
    job->prev = kept->last;
    if (kept->last)
        kept->last->next = job;
    else
        kept->first = job;
    kept->last = job;
    kept->count++;
    tt_map_set(&client->keeps, number, job);
    return job;
}

static size_t written_bytes(const written_t *written)
{
    return sizeof *written + ENTRY + written->streams[0].len + written->streams[1].len;
}

static void free_written(controller_t *self, kept_job_t *job, written_t *written)
{
    tt_map_take(&job->written, written->key);
    refund(self, job, written_bytes(written));
    tt_buf_release(&written->streams[0]);
    tt_buf_release(&written->streams[1]);
    free(written);
}

static void free_stored(controller_t *self, kept_job_t *job, stored_t *stored)
{
    refund(self, job, stored->bytes);
    tt_frames_release(&stored->frames);
    free(stored->texts);
    free(stored);
}

static stored_t *pop_result(kept_job_t *job)
{
    stored_t *stored = job->first_result;
    if (stored == NULL)
        return NULL;
    job->first_result = stored->next;
    if (job->first_result == NULL)
        job->results_end = &job->first_result;
    job->result_count--;
    tt_map_take(&job->results, part_key(stored->fields.index, stored->fields.engine));
    return stored;
}

static void free_all_written(controller_t *self, kept_job_t *job)
{
    for (size_t walk = 0; job->written.count > 0; walk = 0)
        free_written(self, job, tt_map_next(&job->written, &walk));
    tt_map_release(&job->written);
}

static void unlink_task(kept_job_t *job, task_t *task)
{
    if (task->prev_kept)
        task->prev_kept->next_kept = task->next_kept;
    else
        job->first_task = task->next_kept;
    if (task->next_kept)
        task->next_kept->prev_kept = task->prev_kept;
    else
        job->last_task = task->prev_kept;
    task->next_kept = task->prev_kept = NULL;
    task->keep = NULL;
    job->task_count--;
}

/* The job is as any other from here on: its tasks are their client's only. */
static void end_job(controller_t *self, kept_job_t *job)
{
    kept_t *kept = &self->kept;
    while (job->first_task)
        unlink_task(job, job->first_task);
    for (stored_t *stored; (stored = pop_result(job));)
        free_stored(self, job, stored);
    free_all_written(self, job);
    tt_map_release(&job->results);
    refund(self, job, job->meta.len);
    tt_buf_release(&job->meta);
    if (job->client)
        tt_map_take(&job->client->keeps, job->number);
    if (job->prev)
        job->prev->next = job->next;
    else
        kept->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        kept->last = job->prev;
    kept->count--;
    free(job);
}

static const char *keep_objection(const controller_t *self, const peer_t *client,
                                  const tt_msg_keep_t *keep, const kept_job_t *job)
{
    size_t before = job ? job->meta.len : 0;
    if (client->left)
        return "LEAVE was said already";
    if (keep->keep == 0)
        return "the number of a kept job is above 0";
    if (job == NULL && keep->meta.len > 0 && keep->keep & TT_ID_ADOPTED)
        return "numbers from 2^63 on are the controller's own";
    if (keep->meta.len > TT_KEEP_META_MAX)
        return "its meta has over 64 KiB";
    if (keep->meta.len > before && self->kept.bytes - before + keep->meta.len > KEPT_CAP)
        return "what is kept has 256 MiB already";
    if (job || keep->meta.len == 0)
        return NULL;
    if (client->keeps.count >= KEPT_JOBS_MAX)
        return "1000 jobs of this client are kept already";
    if (self->kept.count >= KEPT_JOBS_ALL)
        return "10000 jobs are kept already";
    return NULL;
}

void kept_keep(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_keep_t *keep = &message->as.keep;
    kept_job_t *job = tt_map_get(&client->keeps, keep->keep);
    const char *why = keep_objection(self, client, keep, job);
    (void)payload;
    if (why) {
        peers_error(client, message->id, "KEEP %llu: %s", (unsigned long long)keep->keep, why);
        return;
    }
    if (keep->meta.len == 0) {
        if (job)
            end_job(self, job);
        return;
    }
    if (job == NULL)
        job = new_job(self, client, keep->keep);
    refund(self, job, job->meta.len);
    job->meta.len = 0;
    tt_buf_append(&job->meta, keep->meta.data, keep->meta.len);
    charge(self, job, job->meta.len);
}

/* ---- tasks */

const char *kept_objection(const peer_t *client, const tt_message_t *submit)
{
    if (client->left)
        return "SUBMIT after LEAVE";
    if (submit->id & TT_ID_ADOPTED)
        return "SUBMIT with an id from 2^63 on: those are the controller's own";
    if (submit->as.submit.keep && submit->as.submit.index > TT_KEEP_INDEX_MAX)
        return "SUBMIT with an index from 2^32 on";
    return NULL;
}

void kept_submitted(controller_t *self, task_t *task, const tt_msg_submit_t *submit)
{
    kept_job_t *job = submit->keep ? tt_map_get(&task->client->keeps, submit->keep) : NULL;
    if (job == NULL)
        return;
    task->keep = job;
    task->stays = false; /* whoever adopts the job has it */
    task->prev_kept = job->last_task;
    if (job->last_task)
        job->last_task->next_kept = task;
    else
        job->first_task = task;
    job->last_task = task;
    job->task_count++;
    task->holds_blob = task->has_blob && blobs_hold(self, task->blob);
}

void kept_orphaned(controller_t *self, task_t *task)
{
    task->client = NULL;
    task->moved = true;
    self->kept.queued_bytes += task->bytes;
}

void kept_ended(controller_t *self, task_t *task)
{
    if (task->holds_blob)
        blobs_let_go(self, task->blob);
    if (task->keep == NULL)
        return;
    if (task->client == NULL)
        self->kept.queued_bytes -= task->bytes;
    unlink_task(task->keep, task);
}

const tt_tag_t *kept_tag(const task_t *task, tt_tag_t *tag)
{
    if (task->keep == NULL)
        return NULL;
    *tag = (tt_tag_t){task->keep->number, task->index | (uint64_t)task->balanced << 32};
    return tag;
}

/* ---- storing output */

static written_t *find_written(const kept_job_t *job, uint64_t index, int64_t engine)
{
    written_t *written = tt_map_get(&job->written, part_key(index, -1));
    return written ? written : tt_map_get(&job->written, part_key(index, engine));
}

/* False when there is no room for even the account of it. */
static bool add_written(controller_t *self, kept_job_t *job, uint64_t key, int stream,
                        tt_span_t bytes)
{
    written_t *written = tt_map_get(&job->written, key);
    if (written == NULL) {
        if (self->kept.bytes + sizeof *written + ENTRY > KEPT_OUTPUT_CAP)
            return false;
        written = tt_alloc(sizeof *written);
        written->key = key;
        tt_map_set(&job->written, key, written);
        charge(self, job, written_bytes(written));
    }
    if (self->kept.bytes + bytes.len > KEPT_OUTPUT_CAP) {
        written->dropped_bytes += bytes.len;
        return true;
    }
    tt_buf_append(&written->streams[stream == 2], bytes.data, bytes.len);
    charge(self, job, bytes.len);
    return true;
}

bool kept_output(controller_t *self, task_t *task, const tt_msg_output_t *output,
                 const tt_frames_t *payload)
{
    uint64_t key = part_key(task->index, task->balanced ? -1 : output->engine);
    return add_written(self, task->keep, key, (int)output->stream, tt_frames_span(payload, 0));
}

/* ---- storing results */

/* What is kept of a payload: small frames as copies, the streams with what came ahead. */
static void gather(tt_frames_t *out, tt_frames_t *payload, const written_t *written)
{
    size_t count = payload ? payload->count : 0;
    if (written && count < 3)
        count = 3;
    for (size_t i = 0; i < count; i++) {
        tt_span_t bytes = payload ? tt_frames_span(payload, i) : (tt_span_t){NULL, 0};
        const tt_buf_t *ahead = written && (i == 1 || i == 2) ? &written->streams[i - 1] : NULL;
        if (ahead && ahead->len > 0) {
            tt_buf_t joined;
            tt_buf_init(&joined);
            tt_buf_append(&joined, ahead->data, ahead->len);
            tt_buf_append(&joined, bytes.data, bytes.len);
            tt_frames_take_buf(out, &joined);
            tt_buf_release(&joined);
        } else if (bytes.len < COPY_LIMIT) {
            tt_frames_copy(out, bytes.data, bytes.len);
        } else {
            tt_frames_share(out, &payload->items[i]);
        }
    }
}

static tt_span_t cut_text(tt_span_t text)
{
    return (tt_span_t){text.data, text.len < TEXT_MAX ? text.len : TEXT_MAX};
}

/* The texts must outlive their message. */
static void own_texts(stored_t *stored, const char *more)
{
    tt_span_t cause = cut_text(stored->fields.cause), host = cut_text(stored->fields.host);
    tt_buf_t texts;
    tt_buf_init(&texts);
    tt_buf_append(&texts, host.data, host.len);
    tt_buf_append(&texts, cause.data, cause.len);
    if (*more)
        tt_buf_printf(&texts, "%s%s", cause.len ? "; " : "", more);
    stored->texts = tt_strndup((const char *)texts.data, texts.len);
    stored->fields.host = (tt_span_t){(const uint8_t *)stored->texts, host.len};
    stored->fields.cause =
        (tt_span_t){(const uint8_t *)stored->texts + host.len, texts.len - host.len};
    tt_buf_release(&texts);
}

static size_t frames_cost(const tt_frames_t *frames)
{
    return tt_frames_bytes(frames) + frames->cap * sizeof(zmq_msg_t);
}

/* Takes from the payload what it needs. */
static void add_result(controller_t *self, kept_job_t *job, const tt_msg_store_t *fields,
                       tt_frames_t *payload)
{
    const char *more = "";
    stored_t *stored = tt_alloc(sizeof *stored);
    written_t *written = find_written(job, fields->index, fields->engine);
    stored->fields = *fields;
    gather(&stored->frames, payload, written);
    if (written) {
        stored->fields.dropped_bytes += written->dropped_bytes;
        free_written(self, job, written);
    }
    stored->bytes =
        sizeof *stored + ENTRY + cut_text(fields->cause).len + cut_text(fields->host).len;
    if (self->kept.bytes + stored->bytes + frames_cost(&stored->frames) > KEPT_BODIES_CAP) {
        if (tt_frames_bytes(&stored->frames) > 0)
            more = "its value and output were dropped: what is left behind has 256 MiB at most";
        stored->fields.dropped_bytes += tt_frames_span(&stored->frames, 1).len;
        stored->fields.dropped_bytes += tt_frames_span(&stored->frames, 2).len;
        tt_frames_release(&stored->frames);
    }
    stored->bytes += strlen(more) + frames_cost(&stored->frames);
    if (self->kept.bytes + stored->bytes > KEPT_CAP) {
        self->kept.forgotten++;
        tt_frames_release(&stored->frames);
        free(stored);
        return;
    }
    own_texts(stored, more);
    charge(self, job, stored->bytes);
    *job->results_end = stored;
    job->results_end = &stored->next;
    job->result_count++;
    tt_map_set(&job->results, part_key(fields->index, fields->engine), stored);
}

/* What a result has outside of its message its client had taken, which is gone. */
static tt_msg_store_t store_of(const tt_msg_result_t *result, uint64_t index,
                               tt_frames_t *payload)
{
    tt_msg_store_t store = {.index = index,
                            .engine = result->engine,
                            .attempt = result->attempt,
                            .status = result->status,
                            .queue_ns = result->queue_ns,
                            .wait_ns = result->wait_ns,
                            .run_ns = result->run_ns,
                            .dropped_bytes = result->dropped_bytes,
                            .cause = result->cause,
                            .host = result->host};
    if (result->layout.len > 0) {
        store.cause = tt_span("its value went to the session that is gone");
        tt_frames_release(payload);
    }
    return store;
}

void kept_result(controller_t *self, task_t *task, const tt_msg_result_t *result,
                 tt_frames_t *payload)
{
    tt_msg_store_t fields = store_of(result, task->index, payload);
    add_result(self, task->keep, &fields, payload);
}

/* ---- given back */

static bool has_result(const kept_job_t *job, uint64_t index, int64_t engine)
{
    return tt_map_get(&job->results, part_key(index, engine)) != NULL;
}

static const char *store_objection(const kept_job_t *job, const tt_msg_store_t *store)
{
    if (job == NULL)
        return "no job of this number is kept";
    if (store->index > TT_KEEP_INDEX_MAX)
        return "its index is 2^32 or more";
    if (store->engine < -1 || store->engine > INT32_MAX - 1)
        return "there is no such engine";
    if (has_result(job, store->index, store->engine))
        return "this result is stored already";
    return NULL;
}

void kept_store(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_store_t *store = &message->as.store;
    kept_job_t *job = tt_map_get(&client->keeps, store->keep);
    const char *why = store_objection(job, store);
    if (why) {
        peers_error(client, message->id, "STORE %llu, %llu: %s",
                    (unsigned long long)store->keep, (unsigned long long)store->index, why);
        return;
    }
    if (store->attempt > 0) {
        add_result(self, job, store, payload);
        return;
    }
    for (int stream = 1; stream <= 2; stream++) { /* no result yet: what it has written */
        tt_span_t bytes = tt_frames_span(payload, (size_t)stream);
        if (bytes.len > 0)
            add_written(self, job, part_key(store->index, store->engine), stream, bytes);
    }
}

typedef struct {
    controller_t *controller;
    peer_t *client;
} taking_t;

/* A message that its client has not said it took: it may have all the same, and have given it
 * back. */
static void on_untaken(void *arg, const tt_tag_t *tag, tt_frames_t *frames)
{
    taking_t *self = arg;
    kept_job_t *job = tt_map_get(&self->client->keeps, tag->whose);
    uint64_t index = tag->which & TT_KEEP_INDEX_MAX;
    bool balanced = tag->which >> 32;
    tt_message_t message;
    tt_error_t err;
    tt_frames_t payload;
    if (job == NULL || tt_message_read(&message, tt_frames_span(frames, 0), &err) != 0)
        return;
    tt_frames_init(&payload);
    for (size_t i = 1; i < frames->count; i++)
        tt_frames_take(&payload, &frames->items[i]);
    if (message.type == TT_MSG_OUTPUT) {
        int64_t engine = balanced ? -1 : message.as.output.engine;
        add_written(self->controller, job, part_key(index, engine),
                    (int)message.as.output.stream, tt_frames_span(&payload, 0));
    } else {
        tt_msg_store_t fields = message.type == TT_MSG_STORE
                                    ? message.as.store
                                    : store_of(&message.as.result, index, &payload);
        if (!has_result(job, fields.index, fields.engine))
            add_result(self->controller, job, &fields, &payload);
    }
    tt_frames_release(&payload);
}

/* ---- clients that go */

static void take_back(controller_t *self, peer_t *client, bool handed)
{
    taking_t taking = {self, client};
    tt_outbox_take_back(client->outbox, handed, on_untaken, &taking);
}

void kept_client_goes(controller_t *self, peer_t *client)
{
    if (!client->farewell) {
        take_back(self, client, true);
        return;
    }
    for (size_t walk = 0; client->keeps.count > 0; walk = 0)
        end_job(self, tt_map_next(&client->keeps, &walk));
}

void kept_client_gone(controller_t *self, peer_t *client)
{
    size_t walk = 0, left = client->keeps.count;
    if (left > 0)
        tt_log(TT_LOG_INFO, "%s (pid %d) leaves %zu job%s behind; %zu KiB are kept in all",
               client->program, client->pid, left, left == 1 ? "" : "s",
               self->kept.bytes >> 10);
    for (kept_job_t *job; (job = tt_map_next(&client->keeps, &walk));)
        job->client = NULL;
    tt_map_release(&client->keeps);
}

/* From here on nothing is sent to it but the answer, so it has got all when it gets that: what
 * was handed over before is its own to give back. */
void kept_leave(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    if (!client->left) {
        take_back(self, client, false);
        dispatch_client_gone(self, client);
        client->left = true;
    }
    if (message->id)
        peers_done(client, message->id, NULL, 0);
}

void kept_taken(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    (void)self;
    (void)payload;
    if (tt_outbox_taken(client->outbox, message->as.taken.count) != 0)
        peers_error(client, message->id, "TAKEN %llu: it was not sent so many messages",
                    (unsigned long long)message->as.taken.count);
}

/* ---- adopting */

static void pack_task(tt_buf_t *out, const task_t *task)
{
    tt_pack_array(out, 3);
    tt_pack_uint(out, task->index);
    tt_pack_uint(out, task->client_id);
    if (task->balanced) {
        tt_pack_nil(out);
        return;
    }
    tt_pack_array(out, task->left);
    for (size_t i = 0; i < task->part_count; i++)
        if (task->parts[i].state != PART_DONE)
            tt_pack_int(out, task->parts[i].engine_id);
}

static void pack_job(tt_buf_t *out, const kept_job_t *job)
{
    tt_pack_array(out, 3);
    tt_pack_uint(out, job->number);
    tt_pack_bin(out, job->meta.data, job->meta.len);
    tt_pack_array(out, job->task_count);
    for (const task_t *task = job->first_task; task; task = task->next_kept)
        pack_task(out, task);
}

static void give_job(controller_t *self, kept_job_t *job, peer_t *client)
{
    job->client = client;
    job->number = ++self->kept.last_number | TT_ID_ADOPTED;
    tt_map_set(&client->keeps, job->number, job);
    for (task_t *task = job->first_task; task; task = task->next_kept) {
        task->client = client;
        task->client_id = task->id | TT_ID_ADOPTED;
        tt_map_set(&client->tasks, task->client_id, task);
        client->queued_bytes += task->bytes;
        self->kept.queued_bytes -= task->bytes;
        values_adopted(task);
    }
}

static void send_results(controller_t *self, kept_job_t *job)
{
    for (stored_t *stored; (stored = pop_result(job));) {
        tt_message_t message = tt_message(TT_MSG_STORE, 0);
        tt_tag_t tag = {job->number, stored->fields.index};
        message.as.store = stored->fields;
        message.as.store.keep = job->number;
        tt_outbox_send_tagged(job->client->outbox, &message, &stored->frames, &tag);
        free_stored(self, job, stored);
    }
}

static void send_stream(task_t *task, int64_t engine, int stream, const tt_buf_t *bytes)
{
    tt_tag_t tag;
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_OUTPUT, task->client_id);
    message.as.output.engine = engine;
    message.as.output.stream = (uint64_t)stream;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes->data, bytes->len);
    if (bytes->len > 0)
        tt_outbox_send_tagged(task->client->outbox, &message, &frames, kept_tag(task, &tag));
    tt_frames_release(&frames);
}

/* Output of what has not ended goes ahead of its result again. */
static void send_written(controller_t *self, kept_job_t *job)
{
    for (task_t *task = job->first_task; task; task = task->next_kept) {
        for (size_t i = 0; i < task->part_count && job->written.count > 0; i++) {
            part_t *part = &task->parts[i];
            written_t *written = find_written(job, task->index, part->engine_id);
            if (written == NULL || part->state == PART_DONE)
                continue;
            for (int stream = 1; stream <= 2; stream++)
                send_stream(task, part->engine_id, stream, &written->streams[stream - 1]);
            part->dropped_bytes += written->dropped_bytes;
            free_written(self, job, written);
        }
    }
    free_all_written(self, job);
}

void kept_adopt(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    uint64_t before = self->kept.last_number | TT_ID_ADOPTED;
    tt_frames_t jobs;
    (void)payload;
    if (client->left || client->adopted) {
        peers_error(client, message->id, "ADOPT %s",
                    client->left ? "after LEAVE" : "was said already");
        return;
    }
    client->adopted = true;
    tt_frames_init(&jobs);
    for (kept_job_t *job = self->kept.first; job; job = job->next) {
        if (job->client)
            continue;
        tt_buf_t packed;
        tt_buf_init(&packed);
        give_job(self, job, client);
        pack_job(&packed, job);
        tt_frames_take_buf(&jobs, &packed);
        tt_buf_release(&packed);
    }
    balanced_moved(self->balanced, NULL);
    tt_message_t adopted = tt_message(TT_MSG_ADOPTED, message->id);
    tt_outbox_send(client->outbox, &adopted, &jobs);
    for (kept_job_t *job = self->kept.first; job; job = job->next) {
        if (job->client != client || job->number <= before)
            continue; /* among them its own: those are below TT_ID_ADOPTED */
        send_results(self, job);
        send_written(self, job);
    }
    peers_done(client, message->id, NULL, 0);
}

/* ---- telling */

kept_counts_t kept_left(const controller_t *self)
{
    kept_counts_t counts = {0};
    for (const kept_job_t *job = self->kept.first; job; job = job->next) {
        if (job->client)
            continue;
        counts.jobs++;
        counts.tasks += job->task_count;
        counts.results += job->result_count;
        counts.bytes += job->bytes;
    }
    return counts;
}

void kept_release(controller_t *self)
{
    while (self->kept.first) {
        self->kept.first->client = NULL;
        end_job(self, self->kept.first);
    }
}
