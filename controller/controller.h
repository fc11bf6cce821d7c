/* The controller: who is here, what is to be done, who does it. One process, one thread, one
 * loop. The struct is shared by the files of this folder; each file keeps to its own part of
 * it. */
#ifndef CONTROLLER_H
#define CONTROLLER_H

#include "balanced.h"
#include "kept.h"
#include "record.h"
#include "registry.h"
#include "rundir.h"

struct launch;

typedef struct {
    const tt_rundir_t *dir;
    const char *policy; /* of the balanced queue */
    int ready_fd;       /* told "ok" or the reason once; -1 */
} controller_options_t;

typedef struct controller {
    const controller_options_t *options;
    tt_loop_t *loop;
    void *context;
    void *sockets[DOORS];
    tt_map_t peers[2]; /* by role, then route: registered peers */
    uint8_t uuid[16];
    uint64_t epoch;
    int64_t started_ms;

    registry_t registry;
    tt_map_t tasks; /* by our id */
    uint64_t next_task;
    size_t balanced_tasks; /* of those under way: may be asked back from their engines */
    balanced_t *balanced;
    uint64_t *freed; /* tasks that no longer wait for others, by our ids */
    size_t freed_count, freed_cap;
    uint64_t freed_timer; /* runs while there are any */
    uint64_t kick_timer;  /* runs while work is held back because a peer takes nothing */

    kept_t kept; /* jobs that outlive their clients */
    struct blob *blobs;
    struct launch *launches;
    uint64_t next_launch;
    struct remote *remotes;     /* machines that are reached over ssh */
    struct transfer *transfers; /* files on their way */
    uint64_t next_transfer;
    int expected_hosts; /* of an earlier controller, not yet back */
    bool held;          /* a LAUNCH waits for them */

    int64_t looked_ms; /* when STATUS was asked last; 0: never */
    records_t records; /* of tasks that ended */
    reasons_t reasons; /* why engines are missing: `tutti why` */
    struct {
        uint64_t malformed, unknown, refused, stray_results;
    } counts;

    bool stopping;
    uint64_t stop_timer;
    uint64_t stopper_key, stopper_id; /* the client that asked to stop */
    bool stopper;
} controller_t;

/* Runs a controller in the prepared directory, whose lock the caller holds. Returns the exit
 * status. */
int controller_run(const controller_options_t *options);

/* Leaves the loop when everything is to stop and nothing is left that was started. */
void controller_finish_if_alone(controller_t *self);

/* ---- peers (peers.c) */

/* Who is registered under that route, or NULL. */
peer_t *peers_find(controller_t *self, door_t door, tt_span_t route);
/* HELLO: registers and welcomes the peer, or refuses it. */
void peers_hello(controller_t *self, door_t door, tt_span_t route, const tt_message_t *message);
/* One message to whoever has that route, registered or not. */
void peers_send_once(controller_t *self, door_t door, tt_span_t route,
                     const tt_message_t *message);

/* Ends a peer: its tasks, engines and functions with it. `why` is for people. */
void peers_lost(controller_t *self, peer_t *peer, const char *why);
/* Answers the peer's message `id` with an error. */
void peers_error(peer_t *peer, uint64_t id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Answers it with DONE and these engines. */
void peers_done(peer_t *peer, uint64_t id, const int *ids, size_t count);
/* Sends an EVENT to all clients that want to know, or one that tells of an engine. */
void peers_tell(controller_t *self, const tt_message_t *message);
void peers_announce(controller_t *self, const engine_t *engine);

/* ---- work (dispatch.c) */

/* The part of a task that this host has for that engine, or NULL. */
part_t *dispatch_sent_part(controller_t *self, const peer_t *host, uint64_t task_id,
                           int64_t engine_id);
/* Queues a new task, or one that has waited for others; it may have ended then. */
void dispatch_queue(controller_t *self, struct task *task);
/* Ends all of it as refused. */
void dispatch_refuse(controller_t *self, struct task *task, const char *cause);
void dispatch_submit(controller_t *self, peer_t *client, const tt_message_t *message,
                     tt_frames_t *payload);
void dispatch_result(controller_t *self, peer_t *host, const tt_message_t *message,
                     tt_frames_t *payload);
void dispatch_output(controller_t *self, peer_t *host, const tt_message_t *message,
                     tt_frames_t *payload);
void dispatch_cancel(controller_t *self, peer_t *client, const tt_message_t *message);
/* Ends all of it: what waits never starts, what runs is interrupted. It may be gone then. */
void dispatch_end(controller_t *self, struct task *task);
void dispatch_returned(controller_t *self, const peer_t *host, const tt_message_t *message);
/* The part is done but for its result, which waits at the host for nobody yet: it is not in the
 * way of others. */
void dispatch_set_aside(part_t *part);
/* An engine can take work: sends what can be sent. */
void dispatch_engine_free(controller_t *self, engine_t *engine);
/* The engine's host is gone: what it had been sent may have run; what waited has not. */
void dispatch_engine_lost(controller_t *self, engine_t *engine, const char *cause);
/* The engine will not run (again): what waited for it ends. */
void dispatch_engine_failed(controller_t *self, engine_t *engine, const char *cause);
/* The engine does nothing for now, or ends: what it has not started is asked back. */
void dispatch_engine_stopped(controller_t *self, engine_t *engine);
/* It gets another process: the same, and what only the older one might do is nobody's now. */
void dispatch_engine_reborn(controller_t *self, engine_t *engine);
/* The client hears of nothing any more: its kept tasks stay, without it; of the others what
 * waits ends. */
void dispatch_client_gone(controller_t *self, peer_t *client);

/* ---- functions (blobs.c) */

void blobs_keep(controller_t *self, peer_t *client, tt_span_t hash, tt_frames_t *bytes);
void blobs_drop(controller_t *self, peer_t *client, tt_span_t hash);
void blobs_client_gone(controller_t *self, peer_t *client);
/* Sends the function to the host unless it has it. False when nobody brought it. */
bool blobs_send(controller_t *self, peer_t *host, const uint8_t hash[16]);
/* The function stays until it is let go, whatever its clients do. False when there is none. */
bool blobs_hold(controller_t *self, const uint8_t hash[16]);
void blobs_let_go(controller_t *self, const uint8_t hash[16]);
size_t blobs_bytes(const controller_t *self);
void blobs_release(controller_t *self);

/* ---- engines to be (launches.c) */

void launches_request(controller_t *self, peer_t *client, const tt_message_t *message);
/* What it asked for and has not begun will not begin. */
void launches_client_gone(controller_t *self, const peer_t *client);
/* A host has registered: gives it the engines that were launched with it, adopts those it has.
 */
void launches_host(controller_t *self, peer_t *host, const tt_msg_hello_t *hello);
/* A machine over ssh is here with its host: it gets the engines that are meant for it, new ones
 * and those that were lost with its last link. */
struct remote;
void launches_remote_here(controller_t *self, struct remote *remote, peer_t *host);
/* It is not, and why: what was asked for there and never began is forgotten. */
void launches_remote_failed(controller_t *self, const struct remote *remote, const char *why);
/* It was removed: its engines are gone. */
void launches_remote_removed(controller_t *self, const struct remote *remote);
/* Ends engines for good; what they have not started goes elsewhere where it may. */
void launches_end(controller_t *self, const int *ids, size_t count);
/* Starts a host again for engines that are lost. Returns how many are on their way. */
int launches_again(controller_t *self, const int *ids, size_t count);
/* The log of the cluster's engines, for a child's output; -1 when it cannot be opened. */
int launches_open_log(const controller_t *self);
/* SIGCHLD. */
void launches_reap(controller_t *self);
/* Reads which hosts an earlier controller had, and notes ours for a later one. */
void launches_expect(controller_t *self);
void launches_note_hosts(controller_t *self);
/* How the parent process of a host ended, if it was ours and that is known; else NULL. */
const char *launches_ending(controller_t *self, int parent_pid);
/* Whether a host that was started here has not been reaped yet. */
bool launches_alive(const controller_t *self);
/* Ends hosts that have not said hello, and so cannot be told. */
void launches_stop_unregistered(controller_t *self);
void launches_kill(controller_t *self);
void launches_release(controller_t *self);

/* ---- beats of hosts (beats.c) */

void beats_take(controller_t *self, peer_t *host, tt_message_t *message, tt_frames_t *payload);
/* Somebody looks: for some seconds the answers to beats ask for more, of each engine what it
 * uses. */
void beats_look(controller_t *self);
/* Whether what the engine's host has told of its use is fresh. */
bool beats_fresh(const engine_t *engine);

/* ---- telling (report.c) */

/* The answer to STATUS: one packed map. */
void report_pack(controller_t *self, tt_buf_t *out);

#endif
