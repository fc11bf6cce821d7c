/* The load that beats tell. See beat.h. */
#include "beat.h"

#include "loop.h"
#include "machine.h"
#include "map.h"
#include "pack.h"
#include "usage.h"

#include <stdlib.h>
#include <unistd.h>

enum {
    LOOK_MS = 3500,   /* the controller says it again with each beat */
    APART_MS = 300,   /* of two measurements: ticks of the CPU time are 10 ms */
    COST_SHARE = 20,  /* one part of so many is spent on measuring */
    PROCESSES = 20000 /* that are looked at in one round */
};

/* An engine as it was measured last. */
typedef struct {
    pid_t pid;
    int64_t at_ms;
    usage_t usage;
    int64_t share; /* thousandths of a core; -1: not known */
} known_t;

struct beat {
    int64_t look_until_ms, due_ms;
    tt_map_t known; /* known_t by an engine's id + 1, owned */
};

beat_t *beat_new(void)
{
    beat_t *self = tt_alloc(sizeof *self);
    tt_map_init(&self->known);
    return self;
}

static void free_known(tt_map_t *known)
{
    size_t walk = 0;
    for (known_t *one; (one = tt_map_next(known, &walk));)
        free(one);
    tt_map_release(known);
}

void beat_destroy(beat_t **self_p)
{
    if (*self_p == NULL)
        return;
    free_known(&(*self_p)->known);
    free(*self_p);
    *self_p = NULL;
}

bool beat_look(beat_t *self, int64_t now_ms)
{
    bool anew = now_ms >= self->look_until_ms;
    self->look_until_ms = now_ms + LOOK_MS;
    return anew;
}

/* What a child had used that nobody waited for is gone: then it is 0. */
static int64_t share_of(const known_t *old, const usage_t *usage, int64_t now_ms)
{
    int64_t used_ms = (int64_t)(usage->cpu_ms - old->usage.cpu_ms);
    return used_ms > 0 ? used_ms * 1000 / (now_ms - old->at_ms) : 0;
}

/* One engine, measured; what was known of it before is taken. NULL when it is not there. */
static known_t *measure(tt_map_t *before, const beat_engine_t *engine, int64_t now_ms,
                        size_t *budget)
{
    usage_t usage;
    known_t *known = tt_map_take(before, (uint64_t)engine->id + 1);
    if (usage_read(engine->pid, budget, &usage) != 0) {
        free(known);
        return NULL;
    }
    if (known == NULL)
        known = tt_alloc(sizeof *known);
    known->share = known->pid == engine->pid && now_ms > known->at_ms
                       ? share_of(known, &usage, now_ms)
                       : -1;
    known->pid = engine->pid;
    known->at_ms = now_ms;
    known->usage = usage;
    return known;
}

static void measure_all(beat_t *self, const beat_engine_t *engines, size_t count,
                        int64_t now_ms)
{
    size_t budget = PROCESSES;
    tt_map_t before = self->known;
    int64_t began_ns = tt_now_ns();
    tt_map_init(&self->known);
    for (size_t i = 0; i < count; i++) {
        known_t *known = measure(&before, &engines[i], now_ms, &budget);
        if (known)
            tt_map_set(&self->known, (uint64_t)engines[i].id + 1, known);
    }
    free_known(&before);
    int64_t cost_ms = (tt_now_ns() - began_ns) / 1000000 * COST_SHARE;
    self->due_ms = now_ms + (cost_ms > APART_MS ? cost_ms : APART_MS);
}

static void pack_engines(const beat_t *self, const beat_engine_t *engines, size_t count,
                         tt_buf_t *out)
{
    tt_buf_t list;
    size_t told = 0;
    tt_buf_init(&list);
    for (size_t i = 0; i < count; i++) {
        const known_t *known = tt_map_get(&self->known, (uint64_t)engines[i].id + 1);
        if (known == NULL || known->pid != engines[i].pid)
            continue;
        tt_pack_array(&list, 3);
        tt_pack_int(&list, engines[i].id);
        tt_pack_int(&list, known->share);
        tt_pack_uint(&list, known->usage.rss_bytes);
        told++;
    }
    tt_pack_array(out, told);
    tt_buf_append(out, list.data, list.len);
    tt_buf_release(&list);
}

static uint64_t memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void beat_pack_load(beat_t *self, const beat_engine_t *engines, size_t count, int64_t now_ms,
                    tt_buf_t *out)
{
    double load = 0;
    uint64_t all = memory_bytes(), spare = tt_machine_spare_memory();
    getloadavg(&load, 1);
    tt_pack_array(out, 5);
    tt_pack_uint(out, (uint64_t)(load * 1000));
    tt_pack_uint(out, (uint64_t)tt_machine_cores());
    tt_pack_uint(out, all);
    tt_pack_uint(out, spare < all ? spare : all);
    if (now_ms >= self->look_until_ms) {
        tt_pack_nil(out);
        return;
    }
    if (now_ms >= self->due_ms)
        measure_all(self, engines, count, now_ms);
    pack_engines(self, engines, count, out);
}
