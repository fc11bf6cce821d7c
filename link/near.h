/* The near end of a link over ssh: one ssh process, the conversation with the shell behind it
 * that brings tutti to a machine that may have nothing of it, and then a pump between the
 * program started there and a local socket. See ARCHITECTURE.md, "Machines over ssh". */
#ifndef NEAR_H
#define NEAR_H

#include "ssh.h"

typedef struct {
    ssh_target_t target;
    const char *to;          /* a unix socket to connect the far program to, once it is up */
    const char *listen;      /* or one to make, for one connection */
    int status_fd;           /* where each step is told, a line each (below); -1: nowhere */
    int setup_fd;            /* a script to run there first; -1: none */
    const char *setup_name;  /* its name, for messages */
    const char *const *argv; /* of the far program: argv[0] within the bundle, "bin/tutti" */
} near_options_t;            /* all borrowed */

/* What is told on status_fd:
 *     sending BYTES    tutti is sent, since the machine does not have this one
 *     script NAME      the set-up script runs
 *     setup MS         it has run
 *     up CORES         the far program runs, and the link is made
 *     failed TEXT      nothing runs there, and why
 *     ended TEXT       the link was made and has ended
 * A far program without a socket (neither `to` nor `listen`) has our stdout instead, and
 * nothing is told but what fails. */

/* Makes the link and keeps it until either side ends it. Returns the exit status: 0, 3 when it
 * could not be made, that of the far program when it has our stdout. What the far side writes
 * to its stderr comes out of ours. */
enum { NEAR_NOT_REACHED = 3 };
int near_run(const near_options_t *options);

#endif
