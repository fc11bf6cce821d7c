/* What the controller remembers of tasks that ended and of engines that are missing. Both are
 * bounded by bytes: the oldest goes first, and `tutti status` shows how much is kept. */
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <stdint.h>

typedef struct record {
    struct record *next;
    uint64_t task;
    char label[64];
    unsigned op, engines, failed;
    double submitted, elapsed_s; /* Unix time; seconds */
} record_t;

typedef struct {
    record_t *first, **end;
    size_t count, bytes;
    uint64_t total; /* ever */
} records_t;

enum { RECORDS_CAP_BYTES = 1 << 20, REASONS_MAX = 200 };

/* Copies the record behind the others and drops old ones over the cap. */
void records_add(records_t *self, const record_t *record);
void records_release(records_t *self);

typedef struct {
    double when; /* Unix time */
    int engine;  /* -1: a host */
    char host[256];
    char text[256];
} reason_t;

typedef struct {
    reason_t items[REASONS_MAX]; /* a ring */
    size_t count, next;
} reasons_t;

void reasons_add(reasons_t *self, int engine, const char *host, const char *text);
/* The i-th oldest that is kept. */
const reason_t *reasons_get(const reasons_t *self, size_t i);

#endif
