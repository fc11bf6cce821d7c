/* The balanced queue and its policies. See balanced.h. */
#include "balanced.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_MAX = 64,
    HIDE_NS = 1000000, /* a round trip to a host, generously: what sending ahead hides */
    LOOK_AHEAD = 64    /* parts of a client looked at when the first can run nowhere now */
};

/* One client's parts; NULL is the client that has gone. */
typedef struct lane {
    struct lane *next; /* a ring */
    const peer_t *client;
    part_list_t parts;
} lane_t;

typedef engine_t *pick_fn(balanced_t *self, const registry_t *registry, const task_t *task);

typedef struct {
    const char *name;
    pick_fn *pick;
} policy_t;

struct balanced {
    const policy_t *policy;
    lane_t *lane; /* whose turn it is */
    size_t count;
    bool full;     /* no engine has room, as of the last look */
    size_t cursor; /* where the last engine was found */
    unsigned seed;
};

size_t balanced_window(const engine_t *engine)
{
    int64_t run_ns = engine->mean_run_ns;
    size_t ahead = run_ns < 0 || run_ns >= HIDE_NS ? 0 : (size_t)(HIDE_NS / (run_ns + 1));
    return ahead + 1 < WINDOW_MAX ? ahead + 1 : WINDOW_MAX;
}

static bool has_room(const engine_t *engine)
{
    return engine->state == TT_ENGINE_READY && engine->host &&
           engine->sent.count < balanced_window(engine) && engine->queue.count == 0 &&
           !tt_outbox_full(engine->host->outbox);
}

static bool can_take(const engine_t *engine, const task_t *task)
{
    return has_room(engine) && task_allows(task, engine->id, engine->born);
}

/* The fewest parts; among equals the one that has waited longest, since the search goes round.
 */
static engine_t *pick_least_load(balanced_t *self, const registry_t *registry,
                                 const task_t *task)
{
    engine_t *best = NULL;
    size_t best_at = 0;
    for (size_t i = 1; i <= registry->count; i++) {
        size_t at = (self->cursor + i) % registry->count;
        engine_t *engine = registry->engines[at];
        if (!can_take(engine, task) || (best && engine->sent.count >= best->sent.count))
            continue;
        best = engine;
        best_at = at;
        if (engine->sent.count == 0)
            break;
    }
    if (best)
        self->cursor = best_at;
    return best;
}

static engine_t *pick_round_robin(balanced_t *self, const registry_t *registry,
                                  const task_t *task)
{
    for (size_t i = 1; i <= registry->count; i++) {
        size_t at = (self->cursor + i) % registry->count;
        if (!can_take(registry->engines[at], task))
            continue;
        self->cursor = at;
        return registry->engines[at];
    }
    return NULL;
}

static engine_t *pick_random(balanced_t *self, const registry_t *registry, const task_t *task)
{
    if (registry->count > 0)
        self->cursor = (size_t)rand_r(&self->seed) % registry->count;
    return pick_round_robin(self, registry, task);
}

static const policy_t policies[] = {
    {"leastload", pick_least_load},
    {"roundrobin", pick_round_robin},
    {"random", pick_random},
};

balanced_t *balanced_new(const char *policy, tt_error_t *err)
{
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
        if (strcmp(policies[i].name, policy) != 0)
            continue;
        balanced_t *self = tt_alloc(sizeof *self);
        self->policy = &policies[i];
        self->seed = 1;
        return self;
    }
    return tt_error_null(err, "no policy '%s': there are leastload, roundrobin, random",
                         policy);
}

void balanced_destroy(balanced_t **self_p)
{
    balanced_t *self = *self_p;
    if (self == NULL)
        return;
    for (lane_t *lane = self->lane; lane;) {
        lane_t *next = lane->next == self->lane ? NULL : lane->next;
        free(lane);
        lane = next;
    }
    free(self);
    *self_p = NULL;
}

const char *balanced_policy(const balanced_t *self)
{
    return self->policy->name;
}

bool balanced_full(const balanced_t *self)
{
    return self->full;
}

size_t balanced_count(const balanced_t *self)
{
    return self->count;
}

/* ---- lanes */

static lane_t *find_lane(const balanced_t *self, const peer_t *client)
{
    lane_t *lane = self->lane;
    while (lane && lane->client != client) {
        lane = lane->next;
        if (lane == self->lane)
            return NULL;
    }
    return lane;
}

static lane_t *lane_for(balanced_t *self, const peer_t *client)
{
    lane_t *lane = find_lane(self, client);
    if (lane)
        return lane;
    lane = tt_alloc(sizeof *lane);
    lane->client = client;
    if (self->lane) {
        lane->next = self->lane->next;
        self->lane->next = lane;
    } else {
        lane->next = self->lane = lane;
    }
    return lane;
}

static void remove_lane(balanced_t *self, lane_t *lane)
{
    lane_t *before = lane;
    while (before->next != lane)
        before = before->next;
    before->next = lane->next;
    if (self->lane == lane)
        self->lane = lane->next == lane ? NULL : lane->next;
    free(lane);
}

void balanced_push(balanced_t *self, part_t *part)
{
    part_list_push(&lane_for(self, part->task->client)->parts, part);
    self->count++;
}

void balanced_push_front(balanced_t *self, part_t *part)
{
    part_list_push_front(&lane_for(self, part->task->client)->parts, part);
    self->count++;
}

static void take_out(balanced_t *self, lane_t *lane, part_t *part)
{
    part_list_remove(&lane->parts, part);
    self->count--;
    self->full = self->full && self->count > 0; /* nobody looks while nothing waits */
    if (lane->parts.count == 0)
        remove_lane(self, lane);
}

void balanced_remove(balanced_t *self, part_t *part)
{
    lane_t *lane = find_lane(self, part->task->client);
    if (lane)
        take_out(self, lane, part);
}

void balanced_moved(balanced_t *self, const peer_t *from)
{
    lane_t *lane = find_lane(self, from);
    for (part_t *part = lane ? lane->parts.first : NULL, *next; part; part = next) {
        next = part->next; /* the lane lives while it has one */
        if (part->task->client == from)
            continue;
        take_out(self, lane, part);
        balanced_push(self, part);
    }
}

static bool any_room(const registry_t *registry)
{
    for (size_t i = 0; i < registry->count; i++)
        if (has_room(registry->engines[i]))
            return true;
    return false;
}

part_t *balanced_next(balanced_t *self, const registry_t *registry, engine_t **engine)
{
    lane_t *first = self->lane;
    self->full = false;
    for (lane_t *lane = first; lane; lane = lane->next == first ? NULL : lane->next) {
        bool takes = lane->client == NULL || !tt_outbox_full(lane->client->outbox);
        part_t *part = takes ? lane->parts.first : NULL;
        for (int looked = 0; part && looked < LOOK_AHEAD; looked++, part = part->next) {
            *engine = self->policy->pick(self, registry, part->task);
            if (*engine) {
                self->lane = lane->next;
                take_out(self, lane, part);
                return part;
            }
            if (looked == 0 && !any_room(registry)) {
                self->full = true;
                return NULL;
            }
            if (part->task->allowed == NULL)
                break; /* all that are free are too young for it, and for others it may be, too
                        */
        }
    }
    return NULL;
}
