/* A report as the controller packs it, of as many engines as a test wants; for tests of what is
 * made of it. */
#ifndef REPORT_MADE_H
#define REPORT_MADE_H

#include "check.h"

#include "message.h"
#include "pack.h"
#include "pulse.h"
#include "snapshot.h"

#include <stdlib.h>

/* An engine of the report; texts may be NULL. */
typedef struct {
    int id;
    const char *host, *language;
    unsigned state;
    const char *running, *text;
    double running_s, since_s, cpu; /* cpu below 0: not told */
    int64_t rss_bytes, done, queue;
} made_engine_t;

typedef struct {
    const char *host;
    double load, silent_s;
    int64_t engines;
} made_host_t;

typedef struct {
    const made_engine_t *engines;
    size_t engine_count;
    const made_host_t *hosts;
    size_t host_count;
    const char *broken; /* a machine whose link is not up; NULL: none */
    int64_t tasks_done, waiting;
} made_t;

static inline void made_text(tt_buf_t *out, const char *key, const char *value)
{
    tt_pack_text(out, key);
    tt_pack_text(out, value); /* NULL: nil */
}

static inline void made_int(tt_buf_t *out, const char *key, int64_t value)
{
    tt_pack_text(out, key);
    tt_pack_int(out, value);
}

static inline void made_real(tt_buf_t *out, const char *key, double value)
{
    tt_pack_text(out, key);
    tt_pack_double(out, value);
}

static inline void made_engine(tt_buf_t *out, const made_engine_t *engine)
{
    tt_pack_map(out, 14);
    made_int(out, "id", engine->id);
    made_text(out, "host", engine->host ? engine->host : "web1");
    made_int(out, "pid", 1000 + engine->id);
    made_text(out, "language", engine->language ? engine->language : "python");
    made_text(out, "version", "3.11.2");
    made_text(out, "state", tt_engine_state_text(engine->state));
    made_int(out, "state_number", engine->state);
    made_text(out, "running", engine->running);
    made_real(out, "running_s", engine->running_s);
    made_int(out, "queue", engine->queue);
    made_real(out, "since_s", engine->since_s);
    made_text(out, "text", engine->text ? engine->text : "");
    made_int(out, "done", engine->done);
    tt_pack_text(out, "cpu");
    if (engine->cpu >= 0)
        tt_pack_double(out, engine->cpu);
    else
        tt_pack_nil(out);
}

static inline void made_host(tt_buf_t *out, const made_host_t *host)
{
    tt_pack_map(out, 9);
    made_text(out, "host", host->host);
    tt_pack_text(out, "far");
    tt_pack_bool(out, false);
    made_int(out, "pid", 50);
    made_int(out, "engines", host->engines);
    made_real(out, "silent_s", host->silent_s);
    made_real(out, "load", host->load);
    made_int(out, "cores", 16);
    made_int(out, "memory_bytes", (int64_t)64 << 30);
    made_int(out, "spare_bytes", (int64_t)20 << 30);
}

static inline void made_pack(tt_buf_t *out, const made_t *made)
{
    tt_pack_map(out, 5);
    made_text(out, "cluster", "lab");
    tt_pack_text(out, "controller");
    tt_pack_map(out, 6);
    made_int(out, "pid", 4711);
    made_real(out, "uptime_s", 3700);
    made_int(out, "clients", 2);
    made_int(out, "tasks", 3);
    made_int(out, "waiting", made->waiting);
    made_int(out, "tasks_done", made->tasks_done);
    tt_pack_text(out, "hosts");
    tt_pack_array(out, made->host_count);
    for (size_t i = 0; i < made->host_count; i++)
        made_host(out, &made->hosts[i]);
    tt_pack_text(out, "links");
    tt_pack_array(out, made->broken ? 1 : 0);
    if (made->broken) {
        tt_pack_map(out, 3);
        made_text(out, "host", made->broken);
        made_text(out, "state", "failed");
        made_text(out, "text", "permission denied; try: ssh web9");
    }
    tt_pack_text(out, "engines");
    tt_pack_array(out, made->engine_count);
    for (size_t i = 0; i < made->engine_count; i++)
        made_engine(out, &made->engines[i]);
}

/* Read anew into `self`. */
static inline void made_read(snapshot_t *self, const made_t *made)
{
    tt_buf_t bytes;
    tt_error_t why;
    tt_buf_init(&bytes);
    made_pack(&bytes, made);
    snapshot_release(self);
    if (snapshot_read(self, span_of(&bytes), &why) != 0)
        fail_msg("%s", why.text);
    tt_buf_release(&bytes);
}

/* Engines that idle: `count` from 0 on, on as many hosts, to be changed. The caller's. */
static inline made_engine_t *made_idle(size_t count, const char *const *hosts,
                                       size_t host_count)
{
    made_engine_t *engines = tt_alloc((count + 1) * sizeof *engines);
    for (size_t i = 0; i < count; i++)
        engines[i] = (made_engine_t){.id = (int)i,
                                     .host = hosts[i * host_count / count],
                                     .state = TT_ENGINE_READY,
                                     .since_s = 60,
                                     .cpu = 0.5};
    return engines;
}

#endif
