/* Big values on their way between clients and hosts: DATA and WANT are passed on for as long as
 * the part of the task that they belong to is at the host. PROTOCOL.md, "Big values". */
#ifndef VALUES_H
#define VALUES_H

#include "task.h"

struct controller;

void values_data(struct controller *self, peer_t *peer, tt_message_t *message,
                 tt_frames_t *payload);
void values_want(struct controller *self, peer_t *peer, tt_message_t *message,
                 tt_frames_t *payload);

/* The task's client goes: nobody gives what the task still wants, and nobody takes what it
 * gives unless it is kept. */
void values_client_gone(const struct controller *self, const task_t *task);
/* It has another client, which takes from the beginning what waits to be taken. */
void values_adopted(const task_t *task);

#endif
