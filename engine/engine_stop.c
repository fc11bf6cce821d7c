/* What ends an engine's tasks before their end: taking back, cancelling, interrupts, limits.
 * See engine.h; the task word is told in share/page.h. */
#include "engine_private.h"

#include "values.h"

#include <errno.h>
#include <signal.h>

enum {
    RETRY_MS = 1,    /* between tries to claim a task that has not started yet */
    AGAIN_MS = 1000, /* a signal may fall between a check and a blocking call: then again */
    SIGNALS_MAX = 5  /* after which user code is taken to ignore them */
};

/* ---- taking back */

void engine_unsend(engine_t *self, part_t *part)
{
    part->seq = 0;
    part->signals = 0;
    part->in_doubt = false;
    if (part->stray)
        part_destroy(&part);
    else if (part->task->now)
        engine_answer_busy(self, part);
    else if (part->stop == BY_PERSON)
        engine_answer(self, part, TT_STATUS_CANCELLED, "cancelled before it started");
    else
        part_queue_insert(&self->waiting, part);
}

/* The parts from `first` on that have not started leave empty places and go back to the queue.
 * Those up to the one that the word names may have been met as revoked, or have started before.
 */
static void take_back(engine_t *self, uint32_t first, uint32_t started)
{
    for (part_t *part = self->sent.first, *next; part; part = next) {
        next = part->next;
        if (part->task == NULL || !tt_page_reached(part->seq, first))
            continue;
        if (tt_page_reached(started, part->seq)) {
            part->in_doubt = true;
            self->doubt = part->seq;
            continue;
        }
        part_queue_vacate(&self->sent, part);
        part_queue_insert(&self->waiting, part);
        self->revoked++;
    }
}

uint32_t engine_had_turn(const engine_t *self, uint32_t word_seq)
{
    bool sent = word_seq - self->answered <= self->seq - self->answered; /* seqs may wrap */
    return sent ? word_seq : self->seq;
}

static bool has_started(const engine_t *self, const part_t *part)
{
    uint32_t started = engine_had_turn(self, tt_page_started(self->page));
    return tt_page_reached(started, part->seq);
}

/* There is one range. So it reaches from the first task that is still to be met as revoked to
 * the last that was sent, and what is in it without need is sent once more. */
void engine_revoke(engine_t *self, const part_t *part)
{
    uint32_t first = part->seq;
    if (!(self->features & TT_FEATURE_REVOKE) || has_started(self, part))
        return;
    if (self->revoked > 0 && tt_page_reached(first, self->first_revoked))
        first = self->first_revoked;
    self->first_revoked = first;
    uint32_t started = tt_page_revoke(self->page, first, self->seq);
    take_back(self, first, engine_had_turn(self, started));
    if (self->revoked == 0)
        tt_page_revoke_none(self->page);
}

void engine_revoke_all(engine_t *self)
{
    const part_t *part = self->sent.first;
    while (part && (part->task == NULL || has_started(self, part)))
        part = part->next;
    if (part)
        engine_revoke(self, part);
}

void engine_met_revoked(engine_t *self)
{
    if (--self->revoked == 0)
        tt_page_revoke_none(self->page);
}

/* The part of task `id`, taken out of the queue, if it has not started; else NULL. */
static part_t *take_unstarted(engine_t *self, uint64_t id)
{
    part_t *sent = part_queue_find(&self->sent, id);
    if (sent)
        engine_revoke(self, sent);
    return part_queue_remove(&self->waiting, id);
}

bool engine_recall(engine_t *self, uint64_t id)
{
    part_t *part = take_unstarted(self, id);
    bool found = part != NULL;
    part_destroy(&part);
    engine_pump(self);
    return found;
}

/* ---- interrupts */

void engine_signal(const engine_t *self, int number)
{
    if (self->pid > 0 && kill(-self->pid, number) != 0 && errno == ESRCH)
        kill(self->pid, number);
}

/* Tries to interrupt a part that was sent. False: it has not started yet. */
static bool try_signal(engine_t *self, part_t *part)
{
    bool exact = self->features & TT_FEATURE_PAGE;
    if (exact && !tt_page_claim(self->page, part->seq))
        return false;
    if (engine_asked_itself(part))
        kill(self->pid, SIGINT); /* what user code has started is none of its business */
    else
        engine_signal(self, SIGINT);
    if (exact)
        tt_page_sent(self->page, part->seq);
    else
        self->sync_due = true;
    part->signals++;
    part->signalled_ns = tt_now_ns();
    if (part->asked_ns == 0)
        part->asked_ns = part->signalled_ns;
    return true;
}

/* Sends what is due for a part. Returns in how many ms to look again, 0 for never. */
static int press(engine_t *self, part_t *part)
{
    if (part->stop == WANTED || part->signals >= SIGNALS_MAX)
        return 0;
    if (part->signals > 0 && tt_now_ns() - part->signalled_ns < AGAIN_MS * 1000000LL)
        return AGAIN_MS;
    return try_signal(self, part) ? AGAIN_MS : RETRY_MS;
}

static void on_claim_timer(void *arg)
{
    engine_t *self = arg;
    int again = 0;
    self->claim_timer = 0;
    for (part_t *part = self->sent.first; part; part = part->next) {
        int wait = press(self, part);
        if (wait > 0 && (again == 0 || wait < again))
            again = wait;
    }
    if (again > 0)
        self->claim_timer = tt_loop_add_timer(self->loop, again, on_claim_timer, self);
}

void engine_stop_part(engine_t *self, part_t *part, stop_t why)
{
    part->stop = why;
    part->signals = 0;
    tt_loop_cancel_timer(self->loop, self->claim_timer);
    on_claim_timer(self);
}

void engine_cancel(engine_t *self, uint64_t id, bool waiting)
{
    part_t *part = take_unstarted(self, id);
    if (part)
        engine_answer(self, part, TT_STATUS_CANCELLED, "cancelled before it started");
    else if (waiting)
        return;
    else if ((part = part_queue_find(&self->sent, id)))
        engine_stop_part(self, part, BY_PERSON);
    else
        values_cancel(host_values(self->host), id, self->id);
    engine_pump(self);
}

void engine_interrupt(engine_t *self)
{
    part_t *part = engine_running(self);
    if (part && !engine_asked_itself(part))
        engine_stop_part(self, part, BY_PERSON);
}

/* ---- limits of run time */

static void on_limit(void *arg)
{
    engine_t *self = arg;
    part_t *part = engine_running(self);
    self->limit_timer = 0;
    self->limit_part = NULL;
    if (part && part->task->timeout_ms > 0)
        engine_stop_part(self, part, BY_LIMIT);
    else
        engine_watch_limit(self); /* a slow engine that has not started it yet: once more */
}

/* The first part sent is the one that runs, or is about to: its limit counts from here. */
void engine_watch_limit(engine_t *self)
{
    part_t *part = self->sent.first;
    if (part == self->limit_part && (part == NULL || self->limit_timer))
        return;
    tt_loop_cancel_timer(self->loop, self->limit_timer);
    self->limit_timer = 0;
    self->limit_part = part;
    if (part && part->task && part->task->timeout_ms > 0)
        self->limit_timer =
            tt_loop_add_timer(self->loop, (int64_t)part->task->timeout_ms, on_limit, self);
}

void engine_restart(engine_t *self)
{
    if (self->state == TT_ENGINE_FAILED)
        engine_start(self);
    else if (self->state != TT_ENGINE_STARTING) /* to kill that would be a failed start */
        engine_kill(self, false, "was restarted");
}

void engine_send_signal(engine_t *self, uint64_t number)
{
    if (self->pid > 0 && number > 0 && number <= (uint64_t)SIGRTMAX)
        kill(self->pid, (int)number);
}
