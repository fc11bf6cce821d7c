/* Bounded memory of what was. See record.h. */
#include "record.h"

#include "buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void records_add(records_t *self, const record_t *record)
{
    record_t *copy = tt_alloc(sizeof *copy);
    *copy = *record;
    copy->next = NULL;
    if (self->end == NULL)
        self->end = &self->first;
    *self->end = copy;
    self->end = &copy->next;
    self->count++;
    self->total++;
    self->bytes += sizeof *copy;
    while (self->bytes > RECORDS_CAP_BYTES) {
        record_t *old = self->first;
        self->first = old->next;
        self->bytes -= sizeof *old;
        self->count--;
        free(old);
    }
}

void records_release(records_t *self)
{
    while (self->first) {
        record_t *old = self->first;
        self->first = old->next;
        free(old);
    }
    *self = (records_t){0};
}

void reasons_add(reasons_t *self, int engine, const char *host, const char *text)
{
    reason_t *reason = &self->items[self->next];
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    self->next = (self->next + 1) % REASONS_MAX;
    if (self->count < REASONS_MAX)
        self->count++;
    reason->when = (double)t.tv_sec + (double)t.tv_nsec / 1e9;
    reason->engine = engine;
    snprintf(reason->host, sizeof reason->host, "%s", host);
    snprintf(reason->text, sizeof reason->text, "%s", text);
}

const reason_t *reasons_get(const reasons_t *self, size_t i)
{
    return &self->items[(self->next + REASONS_MAX - self->count + i) % REASONS_MAX];
}
