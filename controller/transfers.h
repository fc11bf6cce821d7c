/* Files on their way between a client and a host: who they are between. Chunks and credit pass
 * by reference; nothing is kept. */
#ifndef TRANSFERS_H
#define TRANSFERS_H

#include "controller.h"

/* PUT, GET, LIST of a client: the host that the message names gets it under a number of ours.
 */
void transfers_begin(controller_t *self, peer_t *client, tt_message_t *message,
                     tt_frames_t *payload);
/* Anything that belongs to one that was begun: CHUNK, CREDIT, ABORT from the client; LISTED,
 * FILED, CHUNK, CREDIT from the host. */
void transfers_pass(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload);
/* A client or host is gone: the other side of each of its transfers is told. */
void transfers_peer_gone(controller_t *self, const peer_t *peer, const char *why);
void transfers_release(controller_t *self);

#endif
