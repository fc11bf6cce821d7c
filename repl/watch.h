/* Waiting for a job where somebody looks on: its output comes in folded windows, and its
 * progress after a second. Where nobody does (a pipe, a file) it is silent until the end. */
#ifndef WATCH_H
#define WATCH_H

#include "progress.h"
#include "session.h"

typedef struct {
    session_t *session;
    job_t *job;
    bool windows, progress; /* wanted here */
    double progress_after_s;
    bool hinted; /* how to go on without it has been told */
    progress_rate_t rate, bytes_rate;
    int64_t shown_ms; /* when the progress was last shown */
} watch_t;

void watch_start(watch_t *self, session_t *session, job_t *job);
/* Shows what is due. Returns in how many milliseconds to come again (1000 at most). */
int64_t watch_turn(watch_t *self);
/* The wait is over, for whatever reason: the progress line goes. */
void watch_end(watch_t *self);

#endif
