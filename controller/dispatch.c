/* The life of a task: submitted, sent to hosts, ended by results. Direct parts wait in their
 * engine's queue, first in first out; balanced parts in the balanced queue. */
#include "controller.h"
#include "fetch.h"
#include "pack.h"
#include "runtime.h"
#include "values.h"
#include "waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIRECT_WINDOW = 64,
    LATER_MS = 20 /* how often held-back work is tried again */
};

static void send_direct(controller_t *self, engine_t *engine);
static void send_balanced(controller_t *self);
static void try_later(controller_t *self);
static void end_hopeless(controller_t *self);

/* What clients may have waiting here; beyond it they are told to wait. */
#define QUEUED_CAP ((size_t)1 << 30)

/* ---- ends */

/* The part has ended: its result goes to the client, and the task with its last part. */
static void end_part(controller_t *self, part_t *part, tt_message_t *result,
                     tt_frames_t *payload)
{
    task_t *task = part->task;
    part->state = PART_DONE;
    task->failed |= result->as.result.status != TT_STATUS_OK;
    result->id = task->client_id;
    result->as.result.attempt = part->attempt;
    if (part->sent_ns)
        result->as.result.queue_ns = (uint64_t)(part->sent_ns - task->submitted_ns);
    result->as.result.dropped_bytes += part->dropped_bytes;
    tt_tag_t tag;
    fetch_result(self, part, &result->as.result, payload);
    if (task->client)
        tt_outbox_send_tagged(task->client->outbox, result, payload, kept_tag(task, &tag));
    else if (task->keep)
        kept_result(self, task, &result->as.result, payload);
    if (--task->left > 0)
        return;
    fetch_ended(self, task);
    kept_ended(self, task);
    waits_ended(self, task);
    if (task->client) {
        task->client->queued_bytes -= task->bytes;
        tt_map_take(&task->client->tasks, task->client_id);
    }
    self->balanced_tasks -= task->balanced;
    tt_map_take(&self->tasks, task->id);
    task_destroy(&task);
}

/* Ends a part that no engine ended. */
static void end_without(controller_t *self, part_t *part, tt_status_t status, const char *cause)
{
    tt_message_t result = tt_message(TT_MSG_RESULT, 0);
    result.as.result.engine = part->engine_id;
    result.as.result.status = status;
    result.as.result.cause = tt_span(cause);
    if (part->engine)
        result.as.result.host = tt_span(part->engine->host_name);
    end_part(self, part, &result, NULL);
}

/* ---- sending */

static void send_task(controller_t *self, peer_t *host, task_t *task, const int *ids,
                      size_t count, unsigned attempt)
{
    tt_buf_t engines;
    tt_frames_t frames;
    tt_buf_init(&engines);
    tt_frames_init(&frames);
    if (task->has_blob)
        blobs_send(self, host, task->blob);
    tt_ids_pack(&engines, ids, count);
    tt_frames_share_all(&frames, &task->frames);
    tt_message_t message = tt_message(TT_MSG_TASK, task->id);
    message.as.task.op = task->op;
    message.as.task.engines = (tt_span_t){engines.data, engines.len};
    message.as.task.attempt = attempt;
    message.as.task.timeout_ms = task->timeout_ms;
    message.as.task.flags = task->now ? TT_SUBMIT_NOW : 0;
    message.as.task.pid = task->born ? registry_find(&self->registry, ids[0])->pid : 0;
    message.as.task.layout = (tt_span_t){task->layout.data, task->layout.len};
    if (task->has_blob)
        message.as.task.blob = (tt_span_t){task->blob, 16};
    tt_outbox_send(host->outbox, &message, &frames);
    tt_buf_release(&engines);
}

static part_list_t *list_sent(engine_t *engine, const part_t *part)
{
    return part->task->now || part->aside ? &engine->asked : &engine->sent;
}

void dispatch_set_aside(part_t *part)
{
    if (part->task->now || part->aside)
        return;
    part_list_remove(&part->engine->sent, part);
    part->aside = true;
    part_list_push(&part->engine->asked, part);
}

static void mark_sent(part_t *part, engine_t *engine)
{
    part->engine = engine;
    part->engine_id = engine->id;
    part->state = PART_SENT;
    part->recalled = part->aside = false;
    part->gives = 0;
    part->sent_ns = tt_now_ns();
    part_list_push(list_sent(engine, part), part);
}

static void send_part(controller_t *self, part_t *part, engine_t *engine)
{
    mark_sent(part, engine);
    send_task(self, engine->host, part->task, &engine->id, 1, part->attempt);
}

static bool takes_direct(const engine_t *engine)
{
    return engine->state == TT_ENGINE_READY && engine->host &&
           engine->sent.count < DIRECT_WINDOW && !tt_outbox_full(engine->host->outbox);
}

static bool client_full(const part_t *part)
{
    return part->task->client && tt_outbox_full(part->task->client->outbox);
}

/* A client that takes no results must not hold up the others: its work is set aside, in order,
 * until it takes them again. All of it at once, so that what it sends later comes behind. */
static void hold(engine_t *engine, part_t *part)
{
    part->held = true;
    part->task->client->held++;
    part_list_push(&engine->held, part);
}

static void unhold(part_t *part)
{
    part_list_remove(&part->engine->held, part);
    part->held = false;
    part->task->client->held--;
}

/* To the front of the queue, backwards: what came to the queue meanwhile came later. */
static void unhold_all(engine_t *engine)
{
    for (part_t *part = engine->held.last, *before; part; part = before) {
        before = part->prev;
        if (client_full(part))
            continue;
        unhold(part);
        part_list_push_front(&engine->queue, part);
    }
}

static void on_later(void *arg)
{
    controller_t *self = arg;
    self->kick_timer = 0;
    for (size_t i = 0; i < self->registry.count; i++)
        unhold_all(self->registry.engines[i]);
    for (size_t i = 0; i < self->registry.count; i++) {
        send_direct(self, self->registry.engines[i]);
        if (self->registry.engines[i]->held.count > 0)
            try_later(self);
    }
    send_balanced(self);
}

/* A peer takes nothing now: its outbox empties without telling us. */
static void try_later(controller_t *self)
{
    if (self->kick_timer == 0)
        self->kick_timer = tt_loop_add_timer(self->loop, LATER_MS, on_later, self);
}

static bool client_takes(controller_t *self, const part_t *part)
{
    const peer_t *client = part->task->client;
    if (client == NULL || (client->held == 0 && !client_full(part)))
        return true;
    try_later(self);
    return false;
}

static void send_direct(controller_t *self, engine_t *engine)
{
    while (engine->queue.first && takes_direct(engine)) {
        part_t *part = part_list_pop(&engine->queue);
        if (client_takes(self, part))
            send_part(self, part, engine);
        else
            hold(engine, part);
    }
}

/* Asks a host for a part that its engine may not have started. */
static void recall(part_t *part)
{
    tt_buf_t engines;
    part->recalled = true;
    tt_buf_init(&engines);
    tt_ids_pack(&engines, &part->engine_id, 1);
    tt_message_t message = tt_message(TT_MSG_RECALL, part->task->id);
    message.as.recall.engines = (tt_span_t){engines.data, engines.len};
    tt_outbox_send(part->engine->host->outbox, &message, NULL);
    tt_buf_release(&engines);
}

void dispatch_engine_stopped(controller_t *self, engine_t *engine)
{
    (void)self;
    for (part_t *part = engine->sent.first; part; part = part->next)
        if (part->task->balanced && !part->recalled)
            recall(part);
}

/* The last part of a busy engine that may not have started and that the idle one may do. */
static part_t *spare_part(const engine_t *busy, const engine_t *idle)
{
    part_t *part = busy->sent.last;
    while (part && (part->recalled || !part->task->balanced ||
                    !task_allows(part->task, idle->id, idle->born)))
        part = part->prev;
    return part == busy->sent.first ? NULL : part;
}

static bool idles(const engine_t *engine)
{
    return engine->sent.count == 0 && engine->state == TT_ENGINE_READY && engine->host &&
           !engine->recalling;
}

/* An engine idles while others have work that has not started: asks some of it back. Returns
 * whether there was any. */
static bool recall_for(controller_t *self, engine_t *idle)
{
    part_t *part = NULL;
    size_t most = 1;
    for (size_t i = 0; self->balanced_tasks > 0 && i < self->registry.count; i++) {
        const engine_t *engine = self->registry.engines[i];
        part_t *spare = engine->sent.count > most ? spare_part(engine, idle) : NULL;
        if (spare == NULL)
            continue;
        part = spare;
        most = engine->sent.count;
    }
    if (part == NULL)
        return false;
    idle->recalling = true;
    recall(part);
    return true;
}

static void send_balanced(controller_t *self)
{
    engine_t *engine;
    for (part_t *part; (part = balanced_next(self->balanced, &self->registry, &engine));)
        send_part(self, part, engine);
    if (balanced_count(self->balanced) > 0)
        try_later(self);
}

void dispatch_engine_free(controller_t *self, engine_t *engine)
{
    send_direct(self, engine);
    if (balanced_count(self->balanced) > 0)
        send_balanced(self);
    else if (idles(engine))
        recall_for(self, engine);
}

/* ---- submitting */

static bool any_usable(const controller_t *self, const task_t *task)
{
    for (size_t i = 0; i < self->registry.count; i++)
        if (engine_usable(self->registry.engines[i]) &&
            task_allows(task, self->registry.engines[i]->id, self->registry.engines[i]->born))
            return true;
    return false;
}

static void queue_balanced(controller_t *self, task_t *task)
{
    if (!any_usable(self, task)) {
        end_without(self, task->parts, TT_STATUS_REFUSED,
                    "no engine that could do it is running or starting");
        return;
    }
    balanced_push(self->balanced, task->parts);
    if (balanced_full(self->balanced))
        try_later(self);
    else
        send_balanced(self);
}

/* One message for each host, for the engines that can take the task now; the others' parts
 * queue. */
typedef struct {
    peer_t *host;
    int *ids;
    size_t count;
} batch_t;

static void add_to_batch(batch_t **batches, size_t *count, peer_t *host, int id, size_t most)
{
    batch_t *batch = NULL;
    for (size_t i = *count; i > 0 && batch == NULL; i--)
        if ((*batches)[i - 1].host == host)
            batch = &(*batches)[i - 1];
    if (batch == NULL) {
        *batches = tt_realloc(*batches, (*count + 1) * sizeof **batches);
        batch = &(*batches)[(*count)++];
        *batch = (batch_t){host, tt_alloc(most * sizeof(int)), 0};
    }
    batch->ids[batch->count++] = id;
}

/* A question goes to the host whatever waits; a host or client that takes nothing is busy. */
static void place_now(controller_t *self, part_t *part, batch_t **batches, size_t *batch_count)
{
    engine_t *engine = part->engine;
    if (engine->host == NULL || tt_outbox_full(engine->host->outbox) || client_full(part)) {
        end_without(self, part, TT_STATUS_REFUSED, "busy");
        return;
    }
    mark_sent(part, engine);
    add_to_batch(batches, batch_count, engine->host, engine->id, part->task->part_count);
}

/* A part for an engine that cannot have it ends at once. Returns whether it was queued or sent.
 */
static bool place_direct(controller_t *self, part_t *part, batch_t **batches,
                         size_t *batch_count)
{
    engine_t *engine = registry_find(&self->registry, part->engine_id);
    char cause[320];
    part->engine = engine;
    if (engine && engine_usable(engine)) {
        if (part->task->now)
            place_now(self, part, batches, batch_count);
        else if (engine->queue.count == 0 && takes_direct(engine) && client_takes(self, part)) {
            mark_sent(part, engine);
            add_to_batch(batches, batch_count, engine->host, engine->id,
                         part->task->part_count);
        } else {
            part_list_push(&engine->queue, part);
            send_direct(self, engine);
        }
        return true;
    }
    if (engine == NULL)
        snprintf(cause, sizeof cause, "no engine %d", part->engine_id);
    else
        snprintf(cause, sizeof cause, "engine %d is %s: %s", engine->id,
                 tt_engine_state_text(engine->state), engine->text);
    end_without(self, part, TT_STATUS_REFUSED, cause);
    return false;
}

static void queue_direct(controller_t *self, task_t *task)
{
    batch_t *batches = NULL;
    size_t count = 0, parts = task->part_count;
    uint64_t id = task->id;
    for (size_t i = 0; i < parts; i++)
        place_direct(self, &task->parts[i], &batches, &count);
    /* The task is still there: a batch holds at least one of its unfinished parts. */
    for (size_t i = 0; i < count; i++) {
        if (tt_map_get(&self->tasks, id))
            send_task(self, batches[i].host, task, batches[i].ids, batches[i].count, 1);
        free(batches[i].ids);
    }
    free(batches);
}

/* What was left behind is everybody's: else each client that dies could leave as much. */
static size_t queued(const controller_t *self, const peer_t *client)
{
    return client->queued_bytes + self->kept.queued_bytes;
}

void dispatch_submit(controller_t *self, peer_t *client, const tt_message_t *message,
                     tt_frames_t *payload)
{
    const tt_msg_submit_t *submit = &message->as.submit;
    bool balanced = submit->flags & TT_SUBMIT_BALANCED, all;
    const char *why = kept_objection(client, message);
    if (why) {
        peers_error(client, message->id, "%s", why);
        return;
    }
    int *ids;
    int count = tt_ids_read(submit->engines, &ids, &all);
    if (count < 0 || (!balanced && count == 0) || tt_map_get(&client->tasks, message->id)) {
        free(ids);
        peers_error(client, message->id, "SUBMIT names no engines, or an id that is in use");
        return;
    }
    if ((payload->count == 0 && submit->layout.len == 0) || queued(self, client) > QUEUED_CAP ||
        self->stopping) {
        free(ids);
        peers_error(client, message->id, "%s",
                    payload->count == 0 && submit->layout.len == 0 ? "SUBMIT without arguments"
                    : self->stopping
                        ? "the cluster is stopping"
                        : "more than 1 GiB of tasks wait already: wait for some of them");
        return;
    }
    if (submit->flags & TT_SUBMIT_NOW &&
        (balanced || (submit->op != TT_RT_COMPLETE && submit->op != TT_RT_INSPECT))) {
        free(ids);
        peers_error(client, message->id,
                    "SUBMIT now: only COMPLETE and INSPECT, of engines it names");
        return;
    }
    size_t unique = tt_ids_sort(ids, (size_t)count);
    task_t *task = task_new(++self->next_task, submit, payload, balanced ? 1 : unique);
    task->client = client;
    task->client_id = message->id;
    client->queued_bytes += task->bytes;
    tt_map_set(&self->tasks, task->id, task);
    tt_map_set(&client->tasks, task->client_id, task);
    kept_submitted(self, task, submit);
    if (balanced) {
        self->balanced_tasks++;
        task->born = submit->born;
        task->allowed = all ? NULL : ids;
        task->allowed_count = unique;
    } else {
        for (size_t i = 0; i < unique; i++)
            task->parts[i].engine_id = ids[i];
    }
    if (!balanced || all)
        free(ids);
    fetch_submitted(self, task, submit);
    int waits = waits_begin(task, submit);
    if (waits < 0)
        dispatch_refuse(self, task, task->doom);
    else if (waits == 0)
        dispatch_queue(self, task);
}

void dispatch_queue(controller_t *self, task_t *task)
{
    if (task->balanced)
        queue_balanced(self, task);
    else
        queue_direct(self, task);
}

void dispatch_refuse(controller_t *self, task_t *task, const char *cause)
{
    char *kept = tt_strdup(cause); /* the task goes with its last part */
    uint64_t id = task->id;
    for (size_t i = 0; tt_map_get(&self->tasks, id) && i < task->part_count; i++)
        if (task->parts[i].state != PART_DONE)
            end_without(self, &task->parts[i], TT_STATUS_REFUSED, kept);
    free(kept);
}

/* ---- results and output */

part_t *dispatch_sent_part(controller_t *self, const peer_t *host, uint64_t task_id,
                           int64_t engine_id)
{
    const engine_t *engine = registry_find(&self->registry, engine_id);
    task_t *task = tt_map_get(&self->tasks, task_id);
    if (task == NULL || engine == NULL || engine->host != host)
        return NULL;
    part_t *part = task_part(task, engine->id);
    return part && part->state == PART_SENT ? part : NULL;
}

/* Whether the result means that the part is tried again. */
static bool try_again(controller_t *self, part_t *part, uint64_t status)
{
    bool lost = status == TT_STATUS_LOST || status == TT_STATUS_UNKNOWN;
    bool failed = status == TT_STATUS_ERROR;
    if (!part->task->balanced || !(lost || failed) || part->final ||
        part->attempt > part->task->retries)
        return false;
    part->attempt++;
    part->state = PART_WAITING;
    part->engine = NULL;
    part->engine_id = -1;
    balanced_push_front(self->balanced, part);
    return true;
}

static void count_run(engine_t *engine, int64_t run_ns)
{
    engine->done++;
    engine->mean_run_ns += ((run_ns > 0 ? run_ns : 0) - engine->mean_run_ns) / 4;
}

void dispatch_result(controller_t *self, peer_t *host, const tt_message_t *message,
                     tt_frames_t *payload)
{
    part_t *part = dispatch_sent_part(self, host, message->id, message->as.result.engine);
    if (part == NULL) {
        self->counts.stray_results++;
        return;
    }
    task_t *task = part->task;
    part->gives = 0;
    engine_t *engine = part->engine;
    part_list_remove(list_sent(engine, part), part);
    if (!task->now)
        count_run(engine, message->as.result.run_ns);
    if (!try_again(self, part, message->as.result.status)) {
        tt_message_t result = *message;
        result.as.result.host = tt_span(engine->host_name);
        end_part(self, part, &result, payload);
    }
    dispatch_engine_free(self, engine);
}

static void send_output(peer_t *client, const tt_message_t *message, tt_frames_t *payload,
                        uint64_t id, const engine_t *engine, const tt_tag_t *tag)
{
    tt_message_t output = *message;
    tt_frames_t frames;
    output.id = id;
    output.as.output.host = tt_span(engine->host_name);
    tt_frames_init(&frames);
    tt_frames_share_all(&frames, payload);
    tt_outbox_send_tagged(client->outbox, &output, &frames, tag);
}

static void pass_output(controller_t *self, part_t *part, const tt_message_t *message,
                        tt_frames_t *payload)
{
    task_t *task = part->task;
    tt_tag_t tag;
    bool there = fetch_output(self, part, &message->as.output, payload);
    if (task->client && !tt_outbox_full(task->client->outbox))
        send_output(task->client, message, payload, task->client_id, part->engine,
                    kept_tag(task, &tag));
    else if (task->client ||
             !(task->keep ? kept_output(self, task, &message->as.output, payload) : there))
        part->dropped_bytes += tt_frames_bytes(payload);
}

void dispatch_output(controller_t *self, peer_t *host, const tt_message_t *message,
                     tt_frames_t *payload)
{
    int64_t id = message->as.output.engine;
    engine_t *engine = registry_find(&self->registry, id);
    if (engine == NULL || engine->host != host)
        return;
    if (message->id != 0) {
        part_t *part = dispatch_sent_part(self, host, message->id, id);
        if (part)
            pass_output(self, part, message, payload);
        return;
    }
    size_t walk = 0;
    for (peer_t *client; (client = tt_map_next(&self->peers[PEER_CLIENT], &walk));)
        if (client->events && !tt_outbox_full(client->outbox))
            send_output(client, message, payload, 0, engine, NULL);
}

/* ---- cancelling and losing */

/* Takes a part that has not been sent out of the queue that it is in, if it is in one. */
static void unqueue(controller_t *self, part_t *part)
{
    if (part->state == PART_BLOCKED)
        return;
    if (part->task->balanced)
        balanced_remove(self->balanced, part);
    else if (part->held)
        unhold(part);
    else
        part_list_remove(&part->engine->queue, part);
}

/* With `waiting` what has started goes on. */
static void cancel_part(controller_t *self, part_t *part, bool waiting)
{
    if (part->state == PART_WAITING || part->state == PART_BLOCKED) {
        unqueue(self, part);
        end_without(self, part, TT_STATUS_CANCELLED, "cancelled before it started");
    } else if (part->state == PART_SENT) {
        tt_buf_t engines;
        tt_buf_init(&engines);
        tt_ids_pack(&engines, &part->engine_id, 1);
        part->final |= !waiting;
        tt_message_t message = tt_message(TT_MSG_CANCEL, part->task->id);
        message.as.cancel.engines = (tt_span_t){engines.data, engines.len};
        message.as.cancel.waiting = waiting;
        tt_outbox_send(part->engine->host->outbox, &message, NULL);
        tt_buf_release(&engines);
    }
}

static void cancel_all(controller_t *self, task_t *task, bool waiting)
{
    uint64_t id = task->id;
    /* The last part that ends takes the task with it. */
    for (size_t i = 0; tt_map_get(&self->tasks, id) && i < task->part_count; i++)
        cancel_part(self, &task->parts[i], waiting);
}

void dispatch_end(controller_t *self, task_t *task)
{
    cancel_all(self, task, false);
}

void dispatch_cancel(controller_t *self, peer_t *client, const tt_message_t *message)
{
    task_t *task = tt_map_get(&client->tasks, message->id);
    bool all;
    int *ids;
    int count = tt_ids_read(message->as.cancel.engines, &ids, &all);
    uint64_t id = task ? task->id : 0;
    bool waiting = message->as.cancel.waiting != 0;
    if (task && all)
        cancel_all(self, task, waiting);
    for (int i = 0; i < count && tt_map_get(&self->tasks, id); i++) {
        part_t *part = task_part(task, ids[i]);
        if (part)
            cancel_part(self, part, waiting);
    }
    free(ids);
}

void dispatch_returned(controller_t *self, const peer_t *host, const tt_message_t *message)
{
    task_t *task = tt_map_get(&self->tasks, message->id);
    bool young = task && task->born; /* what comes back may be nobody's now */
    int *ids;
    int count = tt_ids_read(message->as.returned.engines, &ids, NULL);
    for (size_t i = 0; i < self->registry.count; i++)
        self->registry.engines[i]->recalling = false;
    for (int i = 0; task && i < count; i++) {
        part_t *part = task_part(task, ids[i]);
        if (part == NULL || part->state != PART_SENT || (!part->recalled && !task->born) ||
            part->engine->host != host)
            continue; /* not asked for, nor for a process that has ended; or of another host */
        part_list_remove(&part->engine->sent, part);
        if (part->final || (task->client == NULL && !task_outlives(task))) {
            end_without(self, part, TT_STATUS_CANCELLED, "cancelled before it started");
            break; /* it was the task's only part */
        }
        part->state = PART_WAITING;
        part->engine = NULL;
        part->engine_id = -1;
        balanced_push_front(self->balanced, part);
    }
    free(ids);
    if (young)
        end_hopeless(self);
    send_balanced(self);
    /* It had started already: other engines may have some that have not. */
    for (size_t i = 0; balanced_count(self->balanced) == 0 && i < self->registry.count; i++)
        if (idles(self->registry.engines[i]) && !recall_for(self, self->registry.engines[i]))
            break;
}

static void end_queue(controller_t *self, engine_t *engine, const char *cause)
{
    for (part_t *part; (part = part_list_pop(&engine->queue));)
        end_without(self, part, TT_STATUS_CANCELLED, cause);
    for (part_t *part; (part = engine->held.first);) {
        unhold(part);
        end_without(self, part, TT_STATUS_CANCELLED, cause);
    }
}

/* Balanced work that no engine can do any more ends too, so that nobody waits for ever. */
static void end_hopeless(controller_t *self)
{
    size_t walk = 0, count = 0;
    part_t **hopeless = tt_alloc((self->tasks.count + 1) * sizeof *hopeless);
    for (task_t *task; (task = tt_map_next(&self->tasks, &walk));)
        if (task->balanced && task->parts->state == PART_WAITING && !any_usable(self, task))
            hopeless[count++] = task->parts;
    for (size_t i = 0; i < count; i++) {
        balanced_remove(self->balanced, hopeless[i]);
        end_without(self, hopeless[i], TT_STATUS_CANCELLED,
                    hopeless[i]->task->born ? "no engine is left that has what was sent before"
                                            : "no engine that could do it is left");
    }
    free(hopeless);
}

void dispatch_engine_reborn(controller_t *self, engine_t *engine)
{
    dispatch_engine_stopped(self, engine);
    end_hopeless(self);
}

void dispatch_engine_lost(controller_t *self, engine_t *engine, const char *cause)
{
    for (size_t i = 0; i < self->registry.count; i++)
        self->registry.engines[i]->recalling = false;
    for (part_t *part; (part = part_list_pop(&engine->sent));)
        if (!try_again(self, part, TT_STATUS_UNKNOWN))
            end_without(self, part, TT_STATUS_UNKNOWN, cause);
    for (part_t *part; (part = part_list_pop(&engine->asked));)
        end_without(self, part, TT_STATUS_UNKNOWN, cause);
    end_queue(self, engine, cause);
    end_hopeless(self);
    send_balanced(self);
}

void dispatch_engine_failed(controller_t *self, engine_t *engine, const char *cause)
{
    end_queue(self, engine, cause);
    end_hopeless(self);
}

/* What was set aside for the client waits for nobody any more. */
static void unhold_client(controller_t *self, const peer_t *client)
{
    for (size_t i = 0; i < self->registry.count; i++) {
        engine_t *engine = self->registry.engines[i];
        for (part_t *part = engine->held.last, *before; part; part = before) {
            before = part->prev;
            if (part->task->client != client)
                continue;
            unhold(part);
            part_list_push_front(&engine->queue, part);
        }
    }
}

static void end_unkept(controller_t *self, task_t *task)
{
    uint64_t id = task->id;
    for (size_t i = 0; tt_map_get(&self->tasks, id) && i < task->part_count; i++)
        if (task->parts[i].state == PART_WAITING || task->parts[i].state == PART_BLOCKED)
            cancel_part(self, &task->parts[i], false);
    if (tt_map_get(&self->tasks, id))
        task->client = NULL;
}

/* What was sent runs on (it may have started); what waits is nobody's any more, unless it is
 * kept: then it goes on as before. */
void dispatch_client_gone(controller_t *self, peer_t *client)
{
    size_t walk = 0, count = 0;
    task_t **tasks = tt_alloc((client->tasks.count + 1) * sizeof *tasks);
    for (task_t *task; (task = tt_map_next(&client->tasks, &walk));)
        tasks[count++] = task;
    unhold_client(self, client);
    for (size_t i = 0; i < count; i++) {
        values_client_gone(self, tasks[i]);
        if (tasks[i]->keep)
            kept_orphaned(self, tasks[i]);
        else if (tasks[i]->stays)
            fetch_orphaned(self, tasks[i]);
        else
            end_unkept(self, tasks[i]);
    }
    free(tasks);
    tt_map_release(&client->tasks);
    client->queued_bytes = 0;
    balanced_moved(self->balanced, client);
    for (size_t i = 0; i < self->registry.count; i++)
        send_direct(self, self->registry.engines[i]);
    send_balanced(self);
}
