/* Work of other clients. See fetch.h. */
#include "fetch.h"

#include "controller.h"
#include "pack.h"
#include "values.h"

#include <stdlib.h>
#include <string.h>

enum { TOLD_MAX = 20000 }; /* records in one answer: the newest of each row */

/* ---- the life of tasks */

void fetch_submitted(controller_t *self, task_t *task, const tt_msg_submit_t *submit)
{
    if (task->now)
        return;
    uint64_t number = task->stays ? submit->index : task->client_id;
    record_t *record = records_begin(&self->records, task->client->uuid, number, task->id,
                                     task->label, task->part_count);
    record->op = task->op;
    record->balanced = task->balanced;
    for (size_t i = 0; i < task->part_count; i++)
        record->parts[i].engine_id = task->parts[i].engine_id;
    task->record = record;
    if (task->stays && !task->holds_blob)
        task->holds_blob = task->has_blob && blobs_hold(self, task->blob);
}

void fetch_orphaned(controller_t *self, task_t *task)
{
    task->client = NULL;
    task->moved = true;
    self->kept.queued_bytes += task->bytes;
}

/* A client that is told of the task, too; NULL: it has gone. */
static const peer_t *hearer(const controller_t *self, const task_t *task, size_t i)
{
    const peer_t *peer = tt_map_get(&self->peers[PEER_CLIENT], task->hearers[i].peer);
    return peer && !peer->left ? peer : NULL;
}

/* Output ahead of a result; `to` may be NULL. */
static void send_stream(const peer_t *to, uint64_t id, int engine, int stream, tt_span_t bytes)
{
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_OUTPUT, id);
    message.as.output.engine = engine;
    message.as.output.stream = (uint64_t)stream;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes.data, bytes.len);
    if (to && !tt_outbox_full(to->outbox))
        tt_outbox_send(to->outbox, &message, &frames);
    tt_frames_release(&frames);
}

static void tell_hearers(controller_t *self, const task_t *task, const tt_msg_result_t *result,
                         tt_frames_t *payload)
{
    for (size_t i = 0; i < task->hearer_count; i++) {
        const peer_t *peer = hearer(self, task, i);
        tt_message_t message = tt_message(TT_MSG_RESULT, task->hearers[i].id);
        tt_frames_t frames;
        tt_frames_init(&frames);
        message.as.result = *result;
        message.as.result.layout = (tt_span_t){NULL, 0};
        if (result->layout.len > 0)
            message.as.result.cause = tt_span("its value is large, and went to its own client");
        else if (payload)
            tt_frames_share_all(&frames, payload);
        if (peer)
            tt_outbox_send(peer->outbox, &message, &frames);
        tt_frames_release(&frames);
    }
}

void fetch_result(controller_t *self, part_t *part, const tt_msg_result_t *result,
                  tt_frames_t *payload)
{
    task_t *task = part->task;
    if (task->record == NULL)
        return;
    bool left = task->client == NULL && task->stays;
    records_end(&self->records, task->record, (size_t)(part - task->parts), result,
                part->engine ? part->engine->born : 0, payload, left);
    if (task->hearers)
        tell_hearers(self, task, result, payload);
}

bool fetch_output(controller_t *self, const part_t *part, const tt_msg_output_t *output,
                  const tt_frames_t *payload)
{
    const task_t *task = part->task;
    tt_span_t bytes = tt_frames_span(payload, 0);
    for (size_t i = 0; i < task->hearer_count; i++)
        send_stream(hearer(self, task, i), task->hearers[i].id, part->engine_id,
                    (int)output->stream, bytes);
    return task->record &&
           records_written(&self->records, task->record, (size_t)(part - task->parts),
                           (int)output->stream, bytes, task->client == NULL && task->stays);
}

void fetch_ended(controller_t *self, const task_t *task)
{
    if (task->stays && task->client == NULL)
        self->kept.queued_bytes -= task->bytes;
}

static bool is_left(const task_t *task)
{
    return task->client == NULL && task->stays;
}

size_t fetch_left(const controller_t *self)
{
    size_t walk = 0, count = 0;
    for (const task_t *task; (task = tt_map_next(&self->tasks, &walk));)
        count += is_left(task);
    return count;
}

/* ---- RECORDS */

static void pack_part(tt_buf_t *out, const record_part_t *part)
{
    const answer_t *answer = part->answer;
    tt_pack_array(out, 11);
    tt_pack_int(out, part->engine_id);
    tt_pack_uint(out, part->born);
    tt_pack_double(out, part->ended);
    tt_pack_uint(out, part->status);
    tt_pack_uint(out, part->attempt);
    tt_pack_uint(out, part->queue_ns);
    tt_pack_uint(out, part->wait_ns);
    tt_pack_int(out, part->run_ns);
    tt_pack_bool(out, answer && answer->whole);
    tt_pack_str(out, answer ? (const char *)answer->bytes : "", answer ? answer->cause_len : 0);
    tt_pack_str(out, answer ? (const char *)answer->bytes + answer->cause_len : "",
                answer ? answer->host_len : 0);
}

static void pack_record(tt_buf_t *out, const record_t *record)
{
    tt_pack_array(out, 7);
    tt_pack_bin(out, record->session, sizeof record->session);
    tt_pack_uint(out, record->number);
    tt_pack_uint(out, record->op);
    tt_pack_bool(out, record->balanced);
    tt_pack_text(out, record->label);
    tt_pack_double(out, record->submitted);
    tt_pack_array(out, record->count);
    for (size_t i = 0; i < record->count; i++)
        pack_part(out, &record->parts[i]);
}

/* The records that are meant, a fresh array; `count` is how many. NULL: the numbers are none.
 */
static record_t **choose(controller_t *self, const tt_msg_records_t *wanted, size_t *count)
{
    bool named = wanted->session.len == RECORDS_SESSION;
    tt_reader_t reader = tt_reader(wanted->numbers);
    size_t numbers = 0;
    record_t **chosen;
    *count = 0;
    if (wanted->numbers.len > 0 && tt_read_nil(&reader) != 0) {
        if (!named || tt_read_array(&reader, &numbers) != 0)
            return NULL;
        chosen = tt_alloc((numbers + 1) * sizeof *chosen);
        for (size_t i = 0; i < numbers; i++) {
            uint64_t number;
            if (tt_read_uint(&reader, &number) != 0) {
                free(chosen);
                return NULL;
            }
            chosen[*count] = records_find(&self->records, wanted->session.data, number);
            *count += chosen[*count] != NULL;
        }
        return chosen;
    }
    chosen = tt_alloc((RECORD_ROWS * TOLD_MAX + 1) * sizeof *chosen);
    for (int row = 0; row < RECORD_ROWS; row++) {
        size_t told = 0;
        for (record_t *record = self->records.rows[row].last; record && told < TOLD_MAX;
             record = record->prev) {
            if (named && memcmp(record->session, wanted->session.data, RECORDS_SESSION) != 0)
                continue;
            chosen[(*count)++] = record;
            told++;
        }
    }
    return chosen;
}

static int by_place(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t) * (record_t *const *)a, y = (uintptr_t) * (record_t *const *)b;
    return x < y ? -1 : x > y;
}

/* One may be named twice. */
static void forget(controller_t *self, record_t **chosen, size_t count)
{
    qsort(chosen, count, sizeof *chosen, by_place);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || chosen[i] != chosen[i - 1])
            records_forget(&self->records, chosen[i]);
}

/* Ends what has no client: how many tasks. A record goes only when its task has ended. */
static size_t end_left(controller_t *self, record_t **chosen, size_t count)
{
    size_t ended = 0;
    uint64_t *ids = tt_alloc((count + 1) * sizeof *ids);
    for (size_t i = 0; i < count; i++)
        ids[i] = chosen[i]->left > 0 ? chosen[i]->task : 0;
    for (size_t i = 0; i < count; i++) {
        task_t *task = tt_map_get(&self->tasks, ids[i]);
        if (task == NULL || !is_left(task))
            continue;
        dispatch_end(self, task);
        ended++;
    }
    free(ids);
    return ended;
}

void fetch_records(controller_t *self, peer_t *client, tt_message_t *message,
                   tt_frames_t *payload)
{
    const tt_msg_records_t *wanted = &message->as.records;
    size_t count;
    (void)payload;
    record_t **chosen = choose(self, wanted, &count);
    if (chosen == NULL ||
        (wanted->session.len != 0 && wanted->session.len != RECORDS_SESSION)) {
        free(chosen);
        peers_error(client, message->id,
                    "RECORDS: a session has 16 bytes, and its tasks are "
                    "named by numbers");
        return;
    }
    tt_frames_t frames;
    tt_buf_t packed;
    tt_frames_init(&frames);
    tt_buf_init(&packed);
    bool told = wanted->forget == TT_RECORDS_TELL;
    size_t ended = wanted->forget == TT_RECORDS_END ? end_left(self, chosen, count) : 0;
    tt_pack_map(&packed, 2);
    tt_pack_text(&packed, "ended");
    tt_pack_uint(&packed, ended);
    tt_pack_text(&packed, "records");
    tt_pack_array(&packed, told ? count : 0);
    for (size_t i = 0; i < count && told; i++)
        pack_record(&packed, chosen[i]);
    if (wanted->forget == TT_RECORDS_FORGET)
        forget(self, chosen, count);
    free(chosen);
    tt_frames_take_buf(&frames, &packed);
    tt_message_t report = tt_message(TT_MSG_REPORT, message->id);
    tt_outbox_send(client->outbox, &report, &frames);
    tt_buf_release(&packed);
}

/* ---- FETCH */

static void send_ended(peer_t *client, uint64_t id, const record_part_t *part)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_message_t message = records_result(part, id, &frames);
    if (!part->answer->whole)
        message.as.result.cause =
            tt_span("its result is not kept: it went to its own client, or "
                    "there was no room");
    tt_outbox_send(client->outbox, &message, &frames);
}

static void send_written(const peer_t *client, uint64_t id, const record_part_t *part)
{
    for (int stream = 1; stream <= 2; stream++) {
        const tt_buf_t *written = part->written[stream - 1];
        if (written)
            send_stream(client, id, part->engine_id, stream,
                        (tt_span_t){written->data, written->len});
    }
}

/* The task is this client's from here on. */
static void give(controller_t *self, task_t *task, peer_t *client, uint64_t id)
{
    task->client = client;
    task->client_id = id;
    tt_map_set(&client->tasks, id, task);
    client->queued_bytes += task->bytes;
    self->kept.queued_bytes -= task->bytes;
    balanced_moved(self->balanced, NULL);
    values_adopted(task);
}

static void hear(task_t *task, const peer_t *client, uint64_t id)
{
    task->hearers = tt_realloc(task->hearers, (task->hearer_count + 1) * sizeof *task->hearers);
    task->hearers[task->hearer_count++] = (hearer_t){client->key, id};
}

void fetch_task(controller_t *self, peer_t *client, tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_fetch_t *wanted = &message->as.fetch;
    record_t *record = wanted->session.len == RECORDS_SESSION
                           ? records_find(&self->records, wanted->session.data, wanted->number)
                           : NULL;
    (void)payload;
    if (client->left || message->id & TT_ID_ADOPTED ||
        tt_map_get(&client->tasks, message->id)) {
        peers_error(client, message->id, "FETCH after LEAVE, or with an id that is in use");
        return;
    }
    if (record == NULL) {
        peers_error(client, message->id, "nothing is known of that task (any more)");
        return;
    }
    for (size_t i = 0; i < record->count; i++)
        if (record->parts[i].answer)
            send_ended(client, message->id, &record->parts[i]);
        else
            send_written(client, message->id, &record->parts[i]);
    task_t *task = record->left > 0 ? tt_map_get(&self->tasks, record->task) : NULL;
    if (task && is_left(task))
        give(self, task, client, message->id);
    else if (task)
        hear(task, client, message->id);
}
