/* Work of other clients: what is known of it (RECORDS), and its results (FETCH), those that are
 * there and those that come. What its client has left goes to whoever fetches it, as if that
 * one had submitted it; of a client that lives the results go to both. PROTOCOL.md, "What
 * others did". */
#ifndef FETCH_H
#define FETCH_H

#include "task.h"

struct controller;

/* ---- messages of clients; what cannot be done is answered by an ERROR */

void fetch_records(struct controller *self, peer_t *client, tt_message_t *message,
                   tt_frames_t *payload);
void fetch_task(struct controller *self, peer_t *client, tt_message_t *message,
                tt_frames_t *payload);

/* How many tasks go on whose client has gone, and nobody has fetched. */
size_t fetch_left(const struct controller *self);

/* ---- the life of tasks */

/* A task begins: what will be known of it. */
void fetch_submitted(struct controller *self, task_t *task, const tt_msg_submit_t *submit);
/* Its client has gone, and it goes on. */
void fetch_orphaned(struct controller *self, task_t *task);
/* A part has ended; the payload is not taken. */
void fetch_result(struct controller *self, part_t *part, const tt_msg_result_t *result,
                  tt_frames_t *payload);
/* It has written something. True: that is kept for whoever fetches it. */
bool fetch_output(struct controller *self, const part_t *part, const tt_msg_output_t *output,
                  const tt_frames_t *payload);
/* It has ended and is to be destroyed. */
void fetch_ended(struct controller *self, const task_t *task);

#endif
