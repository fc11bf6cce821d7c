/* A cluster on another machine, over one ssh process (tutti-ssh, link/near.h): a session here
 * works on it through a socket of its own; commands that need no session run there. */
#ifndef REACH_H
#define REACH_H

#include "client.h"

/* Where it is, as a person says it. Borrowed. */
typedef struct {
    const char *host; /* [USER@]HOST[:PORT]; NULL: the cluster is here */
    const char *identity, *jump;
    const char *setup; /* a script that runs there before a command; NULL */
} reach_target_t;

typedef struct reach reach_t;

/* Makes a link to the cluster `name` there, and fills in `dir` for tt_client_open: its socket,
 * and this machine's own directories. Runs the loop until the link is there, at most two
 * minutes. NULL with the reason. */
reach_t *reach_open(tt_loop_t *loop, const reach_target_t *target, const char *name,
                    tt_rundir_t *dir, tt_error_t *err);
/* From here on the end of the link is told to the client. */
void reach_watch(reach_t *self, tt_client_t *client);
/* Ends the link; the client is to be closed before. */
void reach_close(reach_t **self_p);

/* Becomes `tutti ARGS` there, with our own stdout and stderr. Returns only when that cannot
 * begin, -1 with the reason. */
int reach_exec(const reach_target_t *target, const char *const *args, tt_error_t *err);

#endif
