/* Waiting for tasks. See waits.h. Whoever waits is found by our ids, since it may end, by a
 * cancel, before what it waits for; and it is looked after in a turn of its own, however long
 * the chain. */
#include "waits.h"

#include "controller.h"

#include <stdlib.h>
#include <string.h>

/* ---- how tasks ended */

/* An outcome as the map's pointer: never NULL. */
static void *pack_outcome(bool well, int engine)
{
    return (void *)(uintptr_t)(4 + (well ? 1 : 0) + 2 * ((uintptr_t)engine + 1));
}

static bool ended_well(const void *outcome)
{
    return (uintptr_t)outcome & 1;
}

static int ended_on(const void *outcome)
{
    return (int)(((uintptr_t)outcome - 4) / 2) - 1;
}

static void remember(ended_t *self, uint64_t id, bool well, int engine)
{
    if (self->ring == NULL)
        self->ring = tt_alloc(WAITS_REMEMBERED * sizeof *self->ring);
    if (self->count == WAITS_REMEMBERED)
        tt_map_take(&self->outcomes, self->ring[self->next]);
    else
        self->count++;
    self->ring[self->next] = id;
    self->next = (self->next + 1) % WAITS_REMEMBERED;
    tt_map_set(&self->outcomes, id, pack_outcome(well, engine));
}

void ended_release(ended_t *self)
{
    tt_map_release(&self->outcomes);
    free(self->ring);
    *self = (ended_t){.next = 0};
}

/* ---- beginning to wait */

static void add_waiter(task_t *task, uint64_t id, bool follows)
{
    task->waiters = tt_realloc(task->waiters, (task->waiter_count + 1) * sizeof *task->waiters);
    task->waiters[task->waiter_count++] = (waiter_t){id, follows};
}

static void follow(task_t *task, int engine)
{
    if (engine < 0)
        return;
    task->followed =
        tt_realloc(task->followed, (task->followed_count + 1) * sizeof *task->followed);
    task->followed[task->followed_count++] = engine;
}

static void doom(task_t *task, const char *why)
{
    if (task->doom == NULL)
        task->doom = tt_strdup(why);
}

/* Waits for one task of the client's. */
static void wait_for(task_t *task, uint64_t id, bool follows)
{
    task_t *other = tt_map_get(&task->client->tasks, id);
    const void *outcome = tt_map_get(&task->client->ended.outcomes, id);
    if (other && other != task) {
        add_waiter(other, task->id, follows);
        task->blockers++;
    } else if (outcome == NULL) {
        doom(task, "nobody knows what it is to come after");
    } else if (!ended_well(outcome)) {
        doom(task, "what it is to come after has failed");
    } else if (follows) {
        follow(task, ended_on(outcome));
    }
}

static int read_ids(task_t *task, tt_span_t any, bool follows)
{
    tt_reader_t reader = tt_reader(any);
    size_t count = 0;
    if (any.len == 0 || tt_read_nil(&reader) == 0)
        return 0;
    if (tt_read_array(&reader, &count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        uint64_t id;
        if (tt_read_uint(&reader, &id) != 0)
            return -1;
        wait_for(task, id, follows);
    }
    return 0;
}

/* Where it follows others it goes to one of their engines. */
static void narrow(task_t *task)
{
    size_t kept = 0;
    if (!task->balanced || task->followed_count == 0)
        return;
    for (size_t i = 0; i < task->followed_count; i++)
        if (task_allows(task, task->followed[i], 0))
            task->followed[kept++] = task->followed[i];
    free(task->allowed);
    task->allowed = task->followed;
    task->allowed_count = tt_ids_sort(task->followed, kept);
    task->followed = NULL;
    task->followed_count = 0;
}

int waits_begin(task_t *task, const tt_msg_submit_t *submit)
{
    if (read_ids(task, submit->after, false) != 0)
        doom(task, "SUBMIT after something that is no task");
    if (read_ids(task, submit->follow, true) != 0)
        doom(task, "SUBMIT to follow something that is no task");
    if (task->doom)
        return -1;
    if (task->blockers == 0) {
        narrow(task);
        return 0;
    }
    for (size_t i = 0; i < task->part_count; i++)
        task->parts[i].state = PART_BLOCKED;
    return 1;
}

/* ---- going on */

static void look_after(controller_t *self, task_t *task)
{
    if (task->parts->state != PART_BLOCKED)
        return;
    if (task->doom) {
        dispatch_refuse(self, task, task->doom);
        return;
    }
    for (size_t i = 0; i < task->part_count; i++)
        task->parts[i].state = PART_WAITING;
    narrow(task);
    dispatch_queue(self, task);
}

static void on_turn(void *arg)
{
    controller_t *self = arg;
    self->freed_timer = 0;
    for (size_t i = 0; i < self->freed_count; i++) { /* grows meanwhile */
        task_t *task = tt_map_get(&self->tasks, self->freed[i]);
        if (task)
            look_after(self, task);
    }
    self->freed_count = 0;
}

static void set_free(controller_t *self, uint64_t id)
{
    if (self->freed_count == self->freed_cap) {
        self->freed_cap = self->freed_cap ? self->freed_cap * 2 : 64;
        self->freed = tt_realloc(self->freed, self->freed_cap * sizeof *self->freed);
    }
    self->freed[self->freed_count++] = id;
    if (self->freed_timer == 0)
        self->freed_timer = tt_loop_add_timer(self->loop, 0, on_turn, self);
}

void waits_ended(controller_t *self, task_t *task)
{
    int engine = task->part_count == 1 ? task->parts->engine_id : -1;
    if (task->client && !task->now)
        remember(&task->client->ended, task->client_id, !task->failed, engine);
    for (size_t i = 0; i < task->waiter_count; i++) {
        task_t *waiter = tt_map_get(&self->tasks, task->waiters[i].id);
        if (waiter == NULL || waiter->blockers == 0)
            continue;
        if (task->failed) {
            char *why = tt_printf("'%s', which it is to come after, has failed", task->label);
            doom(waiter, why);
            free(why);
        }
        if (task->waiters[i].follows)
            follow(waiter, engine);
        if (--waiter->blockers == 0 || waiter->doom)
            set_free(self, waiter->id);
    }
}
