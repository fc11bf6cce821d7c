/* Who is here: engines by number, with their host, state and work. Numbers are never reused. */
#ifndef REGISTRY_H
#define REGISTRY_H

#include "labels.h"
#include "map.h"
#include "peer.h"
#include "task.h"

typedef struct engine {
    int id;
    peer_t *host; /* NULL until its host has registered, and when it is lost */
    char host_name[256];
    tt_engine_state_t state;
    char language[64], version[64], program[256];
    char text[256]; /* why it is in this state, when there is something to say */
    char labels[TT_LABELS_SIZE];
    int pid;
    uint64_t born;   /* which process it is: each that may start gets the next number */
    uint64_t launch; /* with which it was asked for; 0: it came with a host of an earlier
                        controller */
    int64_t since_ms;
    part_list_t queue; /* direct parts that wait for it */
    part_list_t held;  /* direct parts that wait for their clients to take results again */
    part_list_t sent;  /* parts at its host */
    part_list_t asked; /* at its host and in nobody's way: questions, and what is set aside */
    int64_t mean_run_ns;
    uint64_t running_task; /* as of the host's last beat */
    int64_t running_ms;
    uint64_t ignoring_ms; /* since its task was asked to stop, as of the host's last beat */
    int64_t used_ms;      /* when its host told what it uses; 0: never */
    int64_t share;        /* of one core, thousandths; -1: not known */
    uint64_t rss_bytes;
    uint64_t done;  /* tasks ended */
    bool recalling; /* another engine's work was asked back for it */
} engine_t;

typedef struct {
    tt_map_t by_id;
    engine_t **engines; /* sorted by id */
    size_t count;
    int next_id;
    uint64_t born; /* the newest engine's */
} registry_t;

void registry_release(registry_t *self);

/* A new engine: with the next free number, or with `id` (0 or more), which must be free. */
engine_t *registry_add(registry_t *self, int id);
/* The engine gets another process, or may get one. */
void registry_reborn(registry_t *self, engine_t *engine);
/* The engine of that number, which may have come from anywhere; or NULL. */
engine_t *registry_find(const registry_t *self, int64_t id);
/* Forgets an engine; its lists must be empty. */
void registry_remove(registry_t *self, engine_t *engine);

/* Whether tasks for this engine can be taken (it runs, or will). */
bool engine_usable(const engine_t *self);

/* How many engines are in that state. */
size_t registry_count(const registry_t *self, tt_engine_state_t state);

#endif
