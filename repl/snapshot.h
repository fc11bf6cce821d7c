/* What the controller tells of itself in a REPORT, read: for `status`, `why` and `top`. Every
 * text is made safe for a terminal (tt_text_escape). */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>

/* Numbers that were not told are -1, texts "". */
typedef struct {
    char *host;
    bool far;
    int64_t pid, rss_bytes, engines, cores;
    int64_t memory_bytes, spare_bytes; /* of the machine: in all, and to be had */
    double silent_s;
    double load; /* of a minute */
} snapshot_host_t;

/* A machine over ssh. */
typedef struct {
    char *host, *state, *text;
} snapshot_link_t;

typedef struct {
    int id;
    int64_t pid, state, queue, done, rss_bytes;
    char *host, *language, *version, *labels;
    char *state_text;
    char *running; /* the first line of what it runs */
    char *text;    /* why it is in that state */
    bool busy;
    bool usable;               /* it runs, or will */
    double running_s, since_s; /* that it runs this, is in this state */
    double cpu;                /* share of one core */
} snapshot_engine_t;

/* Why an engine, or a host (-1), is missing. */
typedef struct {
    double when; /* Unix time */
    int engine;
    char *host, *text;
} snapshot_reason_t;

typedef struct {
    char *cluster, *host; /* the controller's host */
    int64_t pid, rss_bytes, clients, tasks, waiting, tasks_done, retained_bytes;
    double uptime_s;
    int64_t kept_jobs, kept_bytes, orphans;
    snapshot_host_t *hosts;
    size_t host_count;
    snapshot_link_t *links;
    size_t link_count;
    snapshot_engine_t *engines;
    size_t engine_count;
    snapshot_reason_t *reasons;
    size_t reason_count;
} snapshot_t;

/* Reads a report. Unknown keys are skipped, those that are missing or of another kind count as
 * not told. Returns 0, and a snapshot to release; or -1 when the bytes are no value. */
int snapshot_read(snapshot_t *self, tt_span_t report, tt_error_t *err);
/* Harmless for one that is all zeroes, and when called twice. */
void snapshot_release(snapshot_t *self);

#endif
