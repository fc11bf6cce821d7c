/* What a command that runs something stands on: a session on a cluster that is there, or on one
 * that is started for it and stopped at its end. */
#ifndef STAGE_H
#define STAGE_H

#include "command.h"
#include "reach.h"
#include "session.h"

typedef struct {
    tt_rundir_t dir;
    session_t session;
    reach_t *reach; /* the link to a cluster on another machine; NULL */
    bool own;       /* the cluster was started for this session */
} stage_t;

/* Connects; with `may_start` a cluster that is not running is started first, with the engines
 * that `given` wishes for. `handlers` (may be NULL) hear of engines, with the session as their
 * argument. Returns 0, 4 when engines are missing (each has its reason on stderr), or another
 * exit status after a message; the stage is to be closed in any case. */
int stage_open(stage_t *self, given_t *given, bool may_start,
               const tt_client_handlers_t *handlers);

/* Waits for what runs in the background, and shows it. Returns `status`, or 1 when that is 0
 * and something has failed. */
int stage_finish_background(stage_t *self, int status);

/* Ends the session, and its cluster if it is its own. Returns `status`, or 3 when that is 0 and
 * the cluster could not be stopped. */
int stage_close(stage_t *self, int status);

#endif
