/* Work of this host: a task as the controller sent it, shared by the engines it is for, and one
 * engine's part of it. */
#ifndef TASK_H
#define TASK_H

#include "bulk.h"
#include "packet.h"

/* Frames of a task that do not stand in its message, and come when they are wanted. */
typedef struct incoming {
    tt_layout_t layout; /* of all its frames; .bytes == 0: all stand in the message */
    tt_taking_t taking;
    char failure[200]; /* why they do not come; empty: they do */
    uint64_t id;       /* whose, and which engine has asked for it */
    int engine;
    struct incoming *next, **at; /* among those that are on their way; NULL: it is not */
} incoming_t;

void incoming_link(incoming_t *self, incoming_t **list);
void incoming_unlink(incoming_t *self);

/* Counted by its parts; freed with the last one. */
typedef struct {
    unsigned refs;
    uint64_t id; /* the controller's */
    unsigned op;
    unsigned attempt;
    uint64_t timeout_ms; /* limit of its run; 0: none */
    int64_t pid;         /* of the only process that may do it; 0: any of the engine's */
    bool now;            /* a question that waits for nothing */
    tt_frames_t frames;  /* arguments, buffers: those that stood in the message */
    incoming_t incoming; /* the others */
    uint8_t blob[16];
    bool has_blob;
} task_t;

/* Takes the frames. A layout that is none makes a task whose value does not come. */
task_t *task_new(uint64_t id, const tt_msg_task_t *message, tt_frames_t *frames);
void task_release(task_t **task_p);

/* Why a part is to be interrupted. */
typedef enum { WANTED, BY_PERSON, BY_LIMIT } stop_t;

typedef struct part {
    struct part *next;
    task_t *task;   /* holds one reference; NULL: an empty place, see part_queue_vacate */
    uint64_t order; /* among the parts of its engine */
    uint32_t seq;   /* of the runtime's message; 0 while it waits */
    int64_t received_ns, sent_ns;
    stop_t stop;      /* the interrupt that is due */
    unsigned signals; /* interrupts that were sent for it */
    int64_t signalled_ns;
    int64_t asked_ns; /* when the first of all interrupts was sent for it; 0: none was */
    uint64_t dropped; /* bytes of its output that were cut */
    uint64_t output;  /* bytes of its output so far */
    bool in_doubt;    /* revoked, but it may have started before: its result tells */
    bool stray;       /* its controller is gone: nobody waits for it any more */
} part_t;

/* A queue of parts: first in, first out, and back into their places. */
typedef struct {
    part_t *first, **end;
    size_t count;
} part_queue_t;

void part_queue_init(part_queue_t *self);
void part_queue_push(part_queue_t *self, part_t *part);
/* Puts a part that came earlier than some that wait in its place by `order`. */
void part_queue_insert(part_queue_t *self, part_t *part);
part_t *part_queue_pop(part_queue_t *self);
/* Takes out the part of task `id`, or returns NULL. */
part_t *part_queue_remove(part_queue_t *self, uint64_t id);
part_t *part_queue_find(const part_queue_t *self, uint64_t id);
/* Takes this part out and leaves an empty one in its place, under its seq. */
void part_queue_vacate(part_queue_t *self, part_t *part);

part_t *part_new(task_t *task);
void part_destroy(part_t **part_p);

#endif
