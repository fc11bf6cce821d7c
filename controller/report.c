/* What `tutti status`, `list` and `why` show: one map, for people and for --json. */
#include "child.h"
#include "controller.h"
#include "fetch.h"
#include "identity.h"
#include "pack.h"
#include "remote.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { IGNORES_MS = 5000 }; /* after which an interrupt is taken to be ignored */

static void text(tt_buf_t *out, const char *key, const char *value)
{
    tt_pack_text(out, key);
    tt_pack_text(out, value);
}

static void number(tt_buf_t *out, const char *key, uint64_t value)
{
    tt_pack_text(out, key);
    tt_pack_uint(out, value);
}

static void real(tt_buf_t *out, const char *key, double value)
{
    tt_pack_text(out, key);
    tt_pack_double(out, value);
}

static void pack_controller(controller_t *self, tt_buf_t *out)
{
    tt_pack_text(out, "controller");
    tt_pack_map(out, 11);
    number(out, "pid", (uint64_t)getpid());
    text(out, "host", tt_host_name());
    text(out, "version", TT_VERSION);
    number(out, "rss_bytes", tt_child_rss(getpid()));
    real(out, "uptime_s", (double)(tt_now_ms() - self->started_ms) / 1e3);
    text(out, "policy", balanced_policy(self->balanced));
    number(out, "clients", self->peers[PEER_CLIENT].count);
    number(out, "tasks", self->tasks.count);
    number(out, "waiting", balanced_count(self->balanced));
    number(out, "tasks_done", self->records.total);
    number(out, "retained_bytes",
           records_bytes(&self->records) + blobs_bytes(self) + self->kept.bytes);
}

static void pack_counts(controller_t *self, tt_buf_t *out)
{
    tt_pack_text(out, "counts");
    tt_pack_map(out, 4);
    number(out, "malformed", self->counts.malformed);
    number(out, "unknown", self->counts.unknown);
    number(out, "refused", self->counts.refused);
    number(out, "stray_results", self->counts.stray_results);
}

/* What the engine has been sent and not done: the first of it, and how much there is. What only
 * waits for its value to be taken is done. */
static const part_t *at_work(const engine_t *engine, size_t *count)
{
    const part_t *first = NULL;
    *count = 0;
    for (const part_t *part = engine->sent.last; part; part = part->prev) {
        if (part->gives)
            continue;
        first = part;
        ++*count;
    }
    return first;
}

/* `cpu` is the share of one core; nil is what is not known. */
static void pack_usage(const engine_t *engine, tt_buf_t *out)
{
    bool fresh = beats_fresh(engine);
    tt_pack_text(out, "cpu");
    if (fresh && engine->share >= 0)
        tt_pack_double(out, (double)engine->share / 1e3);
    else
        tt_pack_nil(out);
    tt_pack_text(out, "rss_bytes");
    if (fresh)
        tt_pack_uint(out, engine->rss_bytes);
    else
        tt_pack_nil(out);
}

static void pack_engine(controller_t *self, const engine_t *engine, tt_buf_t *out)
{
    task_t *task = engine->running_task ? tt_map_get(&self->tasks, engine->running_task) : NULL;
    size_t sent;
    const part_t *first = at_work(engine, &sent);
    bool busy = first != NULL;
    const char *label = task ? task->label : busy ? first->task->label : "";
    int64_t busy_ms = busy ? (tt_now_ns() - first->sent_ns) / 1000000 : 0;
    tt_pack_map(out, 17);
    number(out, "id", (uint64_t)engine->id);
    text(out, "host", engine->host_name);
    number(out, "pid", (uint64_t)engine->pid);
    text(out, "language", engine->language);
    text(out, "version", engine->version);
    text(out, "program", engine->program);
    text(out, "state", tt_engine_state_text(engine->state));
    number(out, "state_number", engine->state);
    text(out, "running", busy ? label : NULL);
    real(out, "running_s", (double)busy_ms / 1e3);
    number(out, "queue", engine->queue.count + engine->held.count + (busy ? sent - 1 : 0));
    real(out, "since_s", (double)(tt_now_ms() - engine->since_ms) / 1e3);
    text(out, "text", engine->text);
    text(out, "labels", engine->labels);
    number(out, "done", engine->done);
    pack_usage(engine, out);
}

static void pack_host(controller_t *self, const peer_t *host, tt_buf_t *out)
{
    size_t engines = 0;
    for (size_t i = 0; i < self->registry.count; i++)
        engines += self->registry.engines[i]->host == host;
    tt_pack_map(out, host->load.known ? 10 : 6);
    text(out, "host", host->host);
    tt_pack_text(out, "far");
    tt_pack_bool(out, host->far);
    number(out, "pid", (uint64_t)host->pid);
    number(out, "rss_bytes", host->rss_bytes);
    number(out, "engines", engines);
    real(out, "silent_s", (double)(tt_now_ms() - host->seen_ms) / 1e3);
    if (!host->load.known)
        return; /* an older version's, or it has not told yet */
    real(out, "load", (double)host->load.milli / 1e3);
    number(out, "cores", host->load.cores);
    number(out, "memory_bytes", host->load.memory_bytes);
    number(out, "spare_bytes", host->load.spare_bytes);
}

/* The lowest number of a host's engines; those without any come last. */
static int first_engine(const controller_t *self, const peer_t *host)
{
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->host == host)
            return self->registry.engines[i]->id;
    return INT_MAX;
}

typedef struct {
    const peer_t *host;
    int first;
} placed_t;

static int by_first(const void *left, const void *right)
{
    const placed_t *a = left, *b = right;
    return a->first < b->first ? -1 : a->first > b->first;
}

static void pack_hosts(controller_t *self, tt_buf_t *out)
{
    size_t walk = 0, count = 0;
    placed_t *hosts = tt_alloc((self->peers[PEER_HOST].count + 1) * sizeof *hosts);
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));)
        hosts[count++] = (placed_t){host, first_engine(self, host)};
    qsort(hosts, count, sizeof *hosts, by_first);
    tt_pack_text(out, "hosts");
    tt_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        pack_host(self, hosts[i].host, out);
    free(hosts);
}

static bool ignores(const engine_t *engine)
{
    return engine->ignoring_ms > IGNORES_MS && engine->sent.count > 0;
}

/* Tasks that were interrupted and run on. */
static void pack_ignoring(controller_t *self, tt_buf_t *out)
{
    struct timespec t;
    char words[128];
    clock_gettime(CLOCK_REALTIME, &t);
    for (size_t i = 0; i < self->registry.count; i++) {
        const engine_t *engine = self->registry.engines[i];
        if (!ignores(engine))
            continue;
        double seconds = (double)engine->ignoring_ms / 1e3;
        snprintf(words, sizeof words, "its task ignores interrupts for %.0f s: %%restart %d",
                 seconds, engine->id);
        tt_pack_map(out, 4);
        real(out, "when", (double)t.tv_sec - seconds);
        number(out, "engine", (uint64_t)engine->id);
        text(out, "host", engine->host_name);
        text(out, "text", words);
    }
}

static void pack_reasons(controller_t *self, tt_buf_t *out)
{
    size_t ignoring = 0;
    for (size_t i = 0; i < self->registry.count; i++)
        ignoring += ignores(self->registry.engines[i]);
    tt_pack_text(out, "why");
    tt_pack_array(out, self->reasons.count + ignoring);
    for (size_t i = 0; i < self->reasons.count; i++) {
        const reason_t *reason = reasons_get(&self->reasons, i);
        tt_pack_map(out, 4);
        real(out, "when", reason->when);
        tt_pack_text(out, "engine");
        if (reason->engine >= 0)
            tt_pack_int(out, reason->engine);
        else
            tt_pack_nil(out);
        text(out, "host", reason->host);
        text(out, "text", reason->text);
    }
    pack_ignoring(self, out);
}

/* What was left behind; `forgotten`: results ever that there was no room for; `orphans`: tasks
 * that go on without a client, of no kept job. */
static void pack_kept(controller_t *self, tt_buf_t *out)
{
    kept_counts_t left = kept_left(self);
    tt_pack_text(out, "kept");
    tt_pack_map(out, 6);
    number(out, "jobs", left.jobs);
    number(out, "tasks", left.tasks);
    number(out, "results", left.results);
    number(out, "bytes", left.bytes);
    number(out, "forgotten", self->kept.forgotten);
    number(out, "orphans", fetch_left(self));
}

void report_pack(controller_t *self, tt_buf_t *out)
{
    tt_pack_map(out, 9);
    number(out, "schema", 1);
    text(out, "cluster", self->options->dir->name);
    pack_controller(self, out);
    pack_counts(self, out);
    pack_kept(self, out);
    pack_hosts(self, out);
    tt_pack_text(out, "links");
    remote_pack_all(self, out);
    tt_pack_text(out, "engines");
    tt_pack_array(out, self->registry.count);
    for (size_t i = 0; i < self->registry.count; i++)
        pack_engine(self, self->registry.engines[i], out);
    pack_reasons(self, out);
}
