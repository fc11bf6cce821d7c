/* An engine's tasks on their way to its interpreter: when they are sent, and with what. See
 * engine.h. */
#include "engine_private.h"

#include "value.h"
#include "values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_MAX = 64 }; /* tasks in the socket of a runtime that keeps the page */

static bool has_blob(const engine_t *self, const uint8_t *hash)
{
    for (size_t i = 0; i < self->blob_count; i++)
        if (memcmp(self->blobs[i], hash, BLOB_HASH_SIZE) == 0)
            return true;
    return false;
}

/* Sends the function that a task names, once per interpreter. */
static void send_blob(engine_t *self, const task_t *task)
{
    blob_t *blob = blob_find(host_blobs(self->host), (tt_span_t){task->blob, BLOB_HASH_SIZE});
    if (blob == NULL || has_blob(self, task->blob))
        return;
    self->blobs = tt_realloc(self->blobs, (self->blob_count + 1) * sizeof *self->blobs);
    memcpy(self->blobs[self->blob_count++], task->blob, BLOB_HASH_SIZE);
    tt_frames_t frames;
    tt_buf_t fields;
    tt_frames_init(&frames);
    tt_buf_init(&fields);
    tt_frames_share_all(&frames, &blob->bytes);
    tt_pack_bin(&fields, task->blob, BLOB_HASH_SIZE);
    tt_link_send(self->link, TT_RT_BLOB, 0, (tt_span_t){fields.data, fields.len}, 1, &frames);
    tt_buf_release(&fields);
}

void engine_drop_blob(engine_t *self, tt_span_t hash)
{
    if (hash.len != BLOB_HASH_SIZE || !has_blob(self, hash.data))
        return;
    for (size_t i = 0; i < self->blob_count; i++)
        if (memcmp(self->blobs[i], hash.data, BLOB_HASH_SIZE) == 0)
            memcpy(self->blobs[i], self->blobs[--self->blob_count], BLOB_HASH_SIZE);
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_bin(&fields, hash.data, hash.len);
    tt_link_send(self->link, TT_RT_DROP, 0, (tt_span_t){fields.data, fields.len}, 1, NULL);
    tt_buf_release(&fields);
}

static size_t window(const engine_t *self)
{
    const part_t *first = self->sent.first;
    if (self->state != TT_ENGINE_READY || self->stop_signal || self->sync_due || self->doubt ||
        (first && first->task && first->task->now) || values_full(host_values(self->host)))
        return 0;
    if (!(self->features & TT_FEATURE_PAGE))
        return 1;
    int64_t run_ns = self->mean_run_ns;
    size_t ahead = run_ns >= HIDE_NS ? 0 : (size_t)(HIDE_NS / (run_ns + 1));
    return ahead + 1 < WINDOW_MAX ? ahead + 1 : WINDOW_MAX;
}

uint32_t engine_next_seq(engine_t *self)
{
    if (++self->seq == 0)
        self->seq = 1;
    return self->seq;
}

/* Why a part whose value has been waited for cannot be sent; NULL: it can. */
static const char *objection(const engine_t *self, const part_t *part, char *text, size_t size)
{
    const incoming_t *incoming = &part->task->incoming;
    if (incoming->failure[0])
        return incoming->failure;
    if (self->features & TT_FEATURE_SPOOL || incoming->layout.bytes <= TT_VALUE_LIMIT)
        return NULL;
    snprintf(text, size, "a value of %llu MiB, and %s engines take %zu MiB",
             (unsigned long long)(incoming->layout.bytes >> 20), self->spec->language,
             TT_VALUE_LIMIT >> 20);
    return text;
}

static void send_frames(engine_t *self, const part_t *part)
{
    task_t *task = part->task;
    const tt_layout_t *layout = &task->incoming.layout;
    tt_error_t err;
    tt_frames_t frames, all;
    tt_frames_init(&frames);
    tt_frames_init(&all);
    tt_frames_share_all(&frames, &task->frames);
    if (layout->bytes > 0 && self->features & TT_FEATURE_SPOOL) {
        tt_link_send_spooled(self->link, task->op, part->seq, (tt_span_t){NULL, 0}, 0, layout,
                             task->incoming.taking.spool, &frames);
        return;
    }
    if (layout->bytes > 0 &&
        tt_bulk_join(task->incoming.taking.spool, layout, &frames, &all, &err) == 0)
        frames = all;
    tt_link_send(self->link, task->op, part->seq, (tt_span_t){NULL, 0}, 0, &frames);
}

static void send_part(engine_t *self, part_t *part)
{
    task_t *task = part->task;
    if (task->has_blob)
        send_blob(self, task);
    part->seq = engine_next_seq(self);
    part->sent_ns = tt_now_ns();
    part_queue_push(&self->sent, part);
    send_frames(self, part);
}

/* The next two that wait: while one runs the value of the next comes. */
static void want_values(engine_t *self)
{
    enum { AHEAD = 2 };
    int count = 0;
    for (part_t *part = self->waiting.first; part && count < AHEAD; part = part->next, count++)
        values_ready(host_values(self->host), part->task, self->id);
}

/* Whether only a process that has ended might do it. */
static bool is_stale(const engine_t *self, const part_t *part)
{
    return part->task->pid && part->task->pid != self->pid;
}

static void give_back(engine_t *self, part_t *part)
{
    tt_buf_t engines;
    tt_buf_init(&engines);
    tt_ids_pack(&engines, &self->id, 1);
    tt_message_t message = tt_message(TT_MSG_RETURNED, part->task->id);
    message.as.returned.engines = (tt_span_t){engines.data, engines.len};
    host_send(self->host, &message, NULL);
    tt_buf_release(&engines);
    part_destroy(&part);
}

void engine_pump(engine_t *self)
{
    char text[128];
    const char *why;
    while (self->waiting.first && self->sent.count < window(self)) {
        part_t *part = self->waiting.first;
        if (!values_ready(host_values(self->host), part->task, self->id))
            break;
        part_queue_pop(&self->waiting);
        if (is_stale(self, part))
            give_back(self, part);
        else if ((why = objection(self, part, text, sizeof text)))
            engine_answer(self, part, TT_STATUS_REFUSED, why);
        else
            send_part(self, part);
    }
    if (self->state == TT_ENGINE_READY)
        want_values(self);
    engine_watch_limit(self);
    if (self->retiring && self->waiting.count + self->sent.count == 0)
        engine_kill(self, true, "was stopped");
}

void engine_submit(engine_t *self, task_t *task)
{
    part_t *part = part_new(task);
    part->order = ++self->orders;
    if (self->state == TT_ENGINE_FAILED || self->state == TT_ENGINE_GONE) {
        engine_answer(self, part, TT_STATUS_CANCELLED, "the engine is not running");
        return;
    }
    if (task->op == 0 || task->op > TT_RT_TASK_MAX || task->op == TT_RT_SYNC) {
        engine_answer(self, part, TT_STATUS_REFUSED, "no such operation");
        return;
    }
    if (task->now && task->incoming.layout.bytes > 0) {
        engine_answer(self, part, TT_STATUS_REFUSED, "a question with a big value");
        return;
    }
    if (task->now) {
        engine_ask(self, part);
        return;
    }
    engine_make_way(self);
    part_queue_push(&self->waiting, part);
    engine_pump(self);
}

void engine_forget_waiting(engine_t *self)
{
    engine_revoke_all(self);
    for (part_t *part; (part = part_queue_pop(&self->waiting));)
        part_destroy(&part);
    for (part_t *part = self->sent.first; part; part = part->next)
        part->stray = true;
}
