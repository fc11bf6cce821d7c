/* What a beat tells of the load: of the machine always, of each engine while somebody looks. */
#ifndef BEAT_H
#define BEAT_H

#include "buf.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct beat beat_t;

beat_t *beat_new(void);
void beat_destroy(beat_t **self_p);

/* The controller says that somebody looks: engines are measured for some beats from now on.
 * Returns whether they were not until now. */
bool beat_look(beat_t *self, int64_t now_ms);

typedef struct {
    int id;
    pid_t pid; /* 0: it has no process */
} beat_engine_t;

/* Appends `[load, cores, memory, spare, engines]`: the load average of one minute in
 * thousandths, the cores we may use, bytes of memory in all and to be had; and nil, or of each
 * engine with a process `[id, share, rss]`: the share of one core it used since the last
 * measurement, in thousandths (-1: not known yet), and its resident bytes, both with what it
 * has started. Measuring takes a twentieth of the time at most: what it cost last says when it
 * is done again; until then the last numbers are told. */
void beat_pack_load(beat_t *self, const beat_engine_t *engines, size_t count, int64_t now_ms,
                    tt_buf_t *out);

#endif
