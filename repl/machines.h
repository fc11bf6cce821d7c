/* Machines over ssh as the command line sees them: what a person says of one, asking the
 * controller for a link and engines there, and what came of it. */
#ifndef MACHINES_H
#define MACHINES_H

#include "cluster.h"

/* What holds for all machines of one `tutti add`. Borrowed. */
typedef struct {
    cluster_group_t group; /* engines: CLUSTER_PER_CORE is counted there */
    const char *identity, *jump;
    const char *setup;     /* a script's file */
    placement_t placement; /* its directory NULL: the home there */
    const char *name;      /* what a single machine is called; NULL: its host's name */
    double timeout_s;      /* for all to be ready */
} machine_wish_t;

typedef struct machine {
    char *label;          /* what it is called: engines, targets */
    char *host;           /* for ssh: HOST or USER@HOST */
    char *port;           /* NULL */
    unsigned state;       /* tt_engine_state_t of its link */
    bool settled;         /* up or failed */
    const char *language; /* of the engines that are asked for; borrowed */
    char *sent, *setup;   /* what was done there; NULL */
    char *why, *doing;    /* what is wrong, what is being done; NULL */
} machine_t;

typedef struct {
    machine_t *items;
    size_t count;
} machines_t;

/* Adds the machines that a word names: [USER@]HOST[:PORT], HOST may be a node set. Returns 0,
 * or -1 with the reason: no name, one that is there twice. */
int machines_add(machines_t *self, const char *word, tt_error_t *err);
/* The same for each line of a file: words; # begins a comment. */
int machines_add_file(machines_t *self, const char *path, tt_error_t *err);
void machines_release(machines_t *self);

/* Reads how many engines each is to have: a number, `auto` or NULL, one per core. Returns 0, or
 * -1 with what is wrong. */
int machines_count(const char *text, long *engines, tt_error_t *err);

/* Checks what can be checked here, the key's and the script's file. Returns 0 or -1 with the
 * reason. */
int machines_check(const machine_wish_t *wish, tt_error_t *err);

/* Asks for all of them and waits until their engines are ready; the client's handlers must be
 * machine_handlers with `self` as their argument. Tells each machine's end: what is there to
 * stdout, what is wrong to stderr. Returns 0; 4 when engines are missing; 3 with the reason. */
extern const tt_client_handlers_t machine_handlers;
int machines_launch(machines_t *self, tt_client_t *client, tt_loop_t *loop,
                    const machine_wish_t *wish, tt_error_t *err);

#endif
