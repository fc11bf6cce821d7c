/* A peer: a client or an engine host that talks to us, known by its route on one of the
 * sockets. */
#ifndef PEER_H
#define PEER_H

#include "map.h"
#include "packet.h"

#include <stdbool.h>

typedef enum { PEER_CLIENT, PEER_HOST } role_t;

/* The socket a peer came in by, which alone tells what it may do. Hosts on other machines have
 * one of their own: what they say of where they are is not believed. */
typedef enum { DOOR_CLIENT, DOOR_HOST, DOOR_FAR, DOORS } door_t;

/* How the latest tasks of a client ended, since what it submits may name one whose result is on
 * its way (waits.h). */
typedef struct {
    tt_map_t outcomes; /* by the client's ids */
    uint64_t *ring;    /* those ids, WAITS_REMEMBERED at most */
    size_t next, count;
} ended_t;

/* The load of a host's machine, as of its last beat. */
typedef struct {
    bool known;
    uint64_t milli; /* load average of a minute, thousandths */
    uint64_t cores, memory_bytes, spare_bytes;
} host_load_t;

typedef struct peer {
    uint64_t key; /* of the route, in its socket's table */
    role_t role;  /* by its door, never by what it says */
    bool far;     /* a host on another machine */
    tt_outbox_t *outbox;
    uint8_t uuid[16];
    uint64_t epoch;
    char host[256], program[64];
    int pid;
    int watch_pid; /* whose end means that the peer is gone; 0 when it is on another machine */
    int watch_fd;  /* pidfd, -1 */
    int64_t seen_ms, since_ms;
    /* client */
    bool events; /* wants to hear of engines */
    size_t queued_bytes;
    size_t held;    /* parts that are set aside until it takes results again */
    tt_map_t tasks; /* its tasks by its own ids */
    ended_t ended;  /* how the latest of them ended (waits.h) */
    tt_map_t keeps; /* jobs that outlive it, by its numbers (kept.h) */
    bool adopted;   /* has asked for what others left behind */
    bool left;      /* said LEAVE: results are stored, not sent */
    bool farewell;  /* said BYE: nothing of it stays */
    /* host */
    uint64_t launch, rss_bytes;
    host_load_t load;
    tt_buf_t blobs; /* hashes it has, 16 bytes each */
} peer_t;

#endif
