/* Machines that are reached over ssh: one link each, kept by a tutti-ssh of ours whose end is
 * the link's end. A link that was made once and dropped is made again, with growing pauses.
 * Which engines such a machine has is the business of launches.c. */
#ifndef REMOTE_H
#define REMOTE_H

#include "controller.h"

typedef struct remote remote_t;

/* The machine that `settings` (a packed map, PROTOCOL.md "Links over ssh") tell of: the one
 * that is known by that label, or a new one. What they say replaces what was said before,
 * unless a link is up. NULL with the reason when they are nonsense. */
remote_t *remote_for(controller_t *self, tt_span_t settings, tt_error_t *err);

/* Makes the link, if there is none and none is being made; at once, whatever pause is under
 * way. */
void remote_connect(remote_t *remote);

const char *remote_label(const remote_t *remote);
/* Its host, or NULL while it is not here. */
peer_t *remote_peer(const remote_t *remote);
/* How many cores it lets us use, as it told when its link was made last. */
int remote_cores(const remote_t *remote);
/* Tells clients that its engines are under way: the machine is ready. */
void remote_announce_ready(remote_t *remote);

/* REMOVE: its link ends, its engines are gone, and it is not tried again. */
void remote_remove(controller_t *self, peer_t *client, tt_message_t *message,
                   tt_frames_t *payload);

/* ---- for peers.c */

/* The machine whose link carries that secret number and has no host yet, or NULL. */
remote_t *remote_by_token(const controller_t *self, uint64_t token);
/* Its host has registered. */
void remote_host(controller_t *self, peer_t *peer, const tt_msg_hello_t *hello);
void remote_peer_gone(controller_t *self, const peer_t *peer);
/* Ends the link for good: its host did what no host does. `peer` is gone afterwards. */
void remote_cut(controller_t *self, peer_t *peer, const char *why);

/* ---- for launches.c */

/* SIGCHLD told of that process: whether it was a link's. */
bool remote_ended(controller_t *self, int pid);
bool remote_any_alive(const controller_t *self);
/* No link is made any more; those that are being made end. */
void remote_stop_all(controller_t *self);
void remote_kill_all(controller_t *self);
void remote_release_all(controller_t *self);

/* ---- for report.c: [map, ...] */
void remote_pack_all(const controller_t *self, tt_buf_t *out);

#endif
