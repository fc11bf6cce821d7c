/* The engine host: one process per machine, one connection to the controller, N interpreters as
 * its children. It never runs user code, so it always answers. */
#ifndef HOST_H
#define HOST_H

#include "blob.h"
#include "packet.h"

#include <stdbool.h>

typedef struct {
    const char *endpoint; /* of the controller's engine socket */
    const char *cluster;
    uint64_t launch; /* the controller's number for this launch */
    long grace_ms;   /* how long to keep engines when the controller is gone */
    int watch_pid;   /* the process whose end means that nothing of ours is left */
    bool far;        /* the connection is a link over ssh: it cannot be made again, and its
                        controller is on another machine */
} host_options_t;

typedef struct host host_t;
struct engine;

/* Connects, registers and serves until told to stop, until the grace time has passed without a
 * controller, or SIGTERM. Returns the exit status. */
int host_run(const host_options_t *options);

/* For the engines of the host. */
tt_loop_t *host_loop(host_t *self);
blob_table_t *host_blobs(host_t *self);
struct values *host_values(host_t *self);
const char *host_cluster(const host_t *self);

/* Sends to the controller; payload as tt_outbox_send. While none is connected it is dropped. */
void host_send(host_t *self, const tt_message_t *message, tt_frames_t *payload);
/* Whether the controller takes so little that output should be cut. */
bool host_congested(const host_t *self);

#endif
