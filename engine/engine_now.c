/* Questions that wait for nothing, such as completions: an engine that idles does them at once;
 * for one that is busy its host answers with the names it has kept. PROTOCOL.md, SUBMIT. */
#include "engine_private.h"

#include "runtime.h"
#include "zygote.h"

enum {
    NAMES_IDLE_MS = 200, /* of idling, after which the names of the top level are asked for */
    NAMES_LIMIT_MS = 300 /* what the engine may take to tell them */
};

bool engine_asked_itself(const part_t *part)
{
    return part->stray && part->task && part->task->now;
}

static bool takes(const engine_t *self)
{
    return self->state == TT_ENGINE_READY && self->leave_timer == 0 && self->stop_signal == 0;
}

static bool idles(const engine_t *self)
{
    return takes(self) && self->waiting.first == NULL && self->sent.first == NULL;
}

void engine_make_way(engine_t *self)
{
    tt_loop_cancel_timer(self->loop, self->names_timer);
    self->names_timer = 0;
    part_t *part = self->sent.first;
    if (part && engine_asked_itself(part) && part->stop == WANTED) {
        self->names_old = true;
        engine_revoke(self, part);
        if (part->seq > 0)
            engine_stop_part(self, part, BY_LIMIT);
    }
    part = self->waiting.first;
    if (part && engine_asked_itself(part)) {
        self->names_old = true;
        part_queue_pop(&self->waiting);
        part_destroy(&part);
    }
}

void engine_answer_busy(engine_t *self, part_t *part)
{
    const task_t *task = part->task;
    tt_frames_t frames;
    tt_buf_t body = {0};
    if (part->stray) {
        part_destroy(&part);
        return;
    }
    tt_message_t message = tt_message(TT_MSG_RESULT, task->id);
    message.as.result.engine = self->id;
    message.as.result.attempt = task->attempt;
    message.as.result.cause = tt_span("busy");
    message.as.result.status = TT_STATUS_REFUSED;
    if (task->op == TT_RT_COMPLETE && task->frames.count > 0 &&
        names_answer(&self->names, tt_frames_span(&task->frames, 0), &body))
        message.as.result.status = TT_STATUS_OK;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, body.data, body.len);
    tt_frames_copy(&frames, NULL, 0);
    tt_frames_copy(&frames, NULL, 0);
    host_send(self->host, &message, &frames);
    tt_buf_release(&body);
    part_destroy(&part);
}

void engine_ask(engine_t *self, part_t *part)
{
    engine_make_way(self);
    const part_t *first = self->sent.first;
    bool free = self->sent.count == self->revoked || engine_asked_itself(first);
    if (!takes(self) || self->waiting.first || !free) {
        engine_answer_busy(self, part);
        return;
    }
    part_queue_push(&self->waiting, part);
    engine_pump(self);
}

/* ---- names */

/* The arguments of a COMPLETE that asks for the names of the top level. */
static tt_buf_t top_level(void)
{
    tt_buf_t args = {0};
    tt_pack_array(&args, 2);
    tt_pack_text(&args, "");
    tt_pack_uint(&args, 0);
    return args;
}

/* What the zygote has told need not be asked: an answer costs a fresh Python memory that it
 * shares with all others until then. */
void engine_first_names(engine_t *self)
{
    tt_buf_t args = top_level();
    names_learn(&self->names, (tt_span_t){args.data, args.len},
                zygote_names(self->spec->zygote));
    tt_buf_release(&args);
    self->names_old = self->names.entry_count == 0;
}

/* The host's own question, so nobody hears of the answer. */
static void on_names_timer(void *arg)
{
    engine_t *self = arg;
    tt_msg_task_t message = {
        .op = TT_RT_COMPLETE, .timeout_ms = NAMES_LIMIT_MS, .flags = TT_SUBMIT_NOW};
    tt_frames_t frames;
    self->names_timer = 0;
    if (!idles(self))
        return;
    tt_buf_t args = top_level();
    tt_frames_init(&frames);
    tt_frames_take_buf(&frames, &args);
    tt_buf_release(&args);
    task_t *task = task_new(0, &message, &frames);
    part_t *part = part_new(task);
    part->order = ++self->orders;
    task_release(&task);
    part->stray = true;
    self->names_old = false;
    part_queue_push(&self->waiting, part);
    engine_pump(self);
}

void engine_refresh_names(engine_t *self)
{
    if (self->names_old && !self->names_refused && self->names_timer == 0 && idles(self))
        self->names_timer = tt_loop_add_timer(self->loop, NAMES_IDLE_MS, on_names_timer, self);
}

static bool changes_names(unsigned op)
{
    return op == TT_RT_EXECUTE || op == TT_RT_SET || op == TT_RT_RESET;
}

void engine_note_names(engine_t *self, const part_t *part, unsigned status, tt_span_t body)
{
    const task_t *task = part->task;
    if (task->op == TT_RT_COMPLETE && status == TT_STATUS_OK && task->frames.count > 0)
        names_learn(&self->names, tt_frames_span(&task->frames, 0), body);
    else if (engine_asked_itself(part) && status == TT_STATUS_REFUSED)
        self->names_refused = true;
    if (!changes_names(task->op))
        return;
    if (task->op == TT_RT_RESET)
        names_release(&self->names);
    else
        names_forget(&self->names);
    self->names_old = true;
}
