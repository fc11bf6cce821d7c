/* Jobs that outlive their client: it names them by KEEP; when it is gone without BYE their
 * tasks go on, and what would have been sent to it waits here until the next client adopts
 * them. PROTOCOL.md, "Work that outlives its client". */
#ifndef KEPT_H
#define KEPT_H

#include "task.h"

struct controller;

/* What is left behind may have this much in all: meta, results, output. Near the end output is
 * cut first, so that results have room, then what results carry, so that all of them do. */
enum {
    KEPT_CAP = 256 << 20,
    KEPT_BODIES_CAP = 240 << 20,
    KEPT_OUTPUT_CAP = 192 << 20,
    KEPT_JOBS_MAX = 1000, /* of one client */
    KEPT_JOBS_ALL = 10000
};

typedef struct kept_job {
    struct kept_job *next, *prev; /* of all, in the order they were named */
    peer_t *client;               /* NULL: left behind */
    uint64_t number;              /* the client's, or ours once it was adopted */
    tt_buf_t meta;
    task_t *first_task, *last_task; /* not ended, in the order they were submitted; not owned */
    size_t task_count;
    struct stored *first_result, **results_end; /* in the order they ended; owned */
    size_t result_count;
    tt_map_t results; /* the same by index and engine */
    tt_map_t written; /* output ahead of results, by index and engine; owned */
    size_t bytes;
} kept_job_t;

typedef struct {
    kept_job_t *first, *last; /* owned */
    size_t count;
    size_t bytes;        /* of all jobs */
    size_t queued_bytes; /* of tasks that were left behind */
    uint64_t last_number;
    uint64_t forgotten; /* results there was no room for at all */
} kept_t;

/* ---- messages of clients; what cannot be done is answered by an ERROR */

void kept_keep(struct controller *self, peer_t *client, tt_message_t *message,
               tt_frames_t *payload);
void kept_store(struct controller *self, peer_t *client, tt_message_t *message,
                tt_frames_t *payload);
void kept_leave(struct controller *self, peer_t *client, tt_message_t *message,
                tt_frames_t *payload);
void kept_adopt(struct controller *self, peer_t *client, tt_message_t *message,
                tt_frames_t *payload);
void kept_taken(struct controller *self, peer_t *client, tt_message_t *message,
                tt_frames_t *payload);

/* ---- the life of tasks */

/* Why a SUBMIT cannot be, as far as it is for us to say; NULL: it can. */
const char *kept_objection(const peer_t *client, const tt_message_t *submit);
/* A new task: belongs to the client's job of that number, if there is one. */
void kept_submitted(struct controller *self, task_t *task, const tt_msg_submit_t *submit);
/* Its client has gone. */
void kept_orphaned(struct controller *self, task_t *task);
/* It has ended and is to be destroyed. */
void kept_ended(struct controller *self, task_t *task);

/* What to send a task's results and output with, so that it can be taken back; NULL for a task
 * that does not outlive its client. */
const tt_tag_t *kept_tag(const task_t *task, tt_tag_t *tag);
/* Stores what a task of a client that has gone tells. Output: false when there is no room. */
void kept_result(struct controller *self, task_t *task, const tt_msg_result_t *result,
                 tt_frames_t *payload);
bool kept_output(struct controller *self, task_t *task, const tt_msg_output_t *output,
                 const tt_frames_t *payload);

/* ---- clients that go */

/* Before its tasks lose it: takes back what waits for it; or, if it said BYE, ends its jobs. */
void kept_client_goes(struct controller *self, peer_t *client);
/* It is gone: its jobs are anybody's. */
void kept_client_gone(struct controller *self, peer_t *client);

typedef struct {
    size_t jobs, tasks, results, bytes;
} kept_counts_t;

/* What was left behind and nobody has adopted. */
kept_counts_t kept_left(const struct controller *self);
void kept_release(struct controller *self);

#endif
