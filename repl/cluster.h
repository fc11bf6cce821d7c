/* Clusters as the command line sees them: starting a controller, asking it for engines, waiting
 * until they are ready, connecting, stopping. */
#ifndef CLUSTER_H
#define CLUSTER_H

#include "client.h"
#include "option.h"
#include "placement.h"

#include <limits.h>

enum { CLUSTER_PER_CORE = INT_MIN };

/* Engines that are alike. */
typedef struct {
    long engines;         /* or CLUSTER_PER_CORE */
    const char *language; /* NULL: python */
    const char *program;  /* the interpreter; NULL: the default */
    tt_texts_t preload;   /* modules with which engines are forked */
    tt_texts_t labels;    /* of share/labels.h; the arrays are owned */
    const char *python;   /* the same, where the language is Python and no program is told */
} cluster_group_t;

typedef struct {
    cluster_group_t group; /* the first one */
    cluster_group_t *more; /* further ones; owned */
    size_t more_count;
    placement_t placement;
    const char *wait;   /* how many to wait for: a number, or NULL or "all" */
    double timeout_s;   /* for them to be ready */
    double grace_s;     /* how long hosts keep engines without a controller */
    const char *policy; /* of the balanced queue; NULL: the default */
} cluster_wish_t;

void cluster_wish_release(cluster_wish_t *self);

void cluster_group_release(cluster_group_t *self);

/* The interpreter that was told for its engines; "" for the default. */
const char *cluster_program(const cluster_group_t *self);

/* Whether its labels are some. Returns 0, or -1 with what is not. */
int cluster_group_check(const cluster_group_t *self, tt_error_t *err);

/* Starts the controller of `dir` and waits until it answers (at most 10 s). Returns 0, or -1
 * with the reason. */
int cluster_start_controller(const tt_rundir_t *dir, const char *policy, tt_error_t *err);

/* Asks for engines, at most as many as each group is short of in its language and with its
 * labels (`total`) or that many more, and waits until they are ready. Returns 0; 4 when fewer
 * arrived, each with its reason on stderr; 3 with the reason in `err` when the request failed.
 */
int cluster_launch(tt_client_t *client, tt_loop_t *loop, const cluster_wish_t *wish, bool total,
                   tt_error_t *err);

/* Asks for a group's engines by a LAUNCH that tells all but language, preload and labels.
 * Returns 0 and the numbers that the controller has answered (`*ids` is the caller's), or -1
 * with the reason. */
int cluster_ask(tt_client_t *client, const cluster_group_t *group, tt_message_t *message,
                int **ids, size_t *count, tt_error_t *err);

/* Stops a cluster: asks its controller and waits until it has ended; one that does not answer
 * is ended by its pid, and hosts that have no controller by theirs. Returns 0; 1 when nothing
 * was running; or -1 with the reason. Takes at most 30 s. */
int cluster_stop(tt_loop_t *loop, const tt_rundir_t *dir, tt_error_t *err);

/* One line on its engines: "4 Python engines (3.11.2, /usr/bin/python3), 2 shell engines (bash
 * 5.2.15)". The caller's to free. */
char *cluster_summary(const tt_client_t *client);

/* Appends what so many engines like this one are: "4 Python engines (3.11.2,
 * /usr/bin/python3)". */
void cluster_describe(tt_buf_t *out, const tt_engine_t *engine, size_t count);

/* Counts engines in a state. */
size_t cluster_count(const tt_client_t *client, unsigned state);

#endif
