/* A task: what a client asked for in one SUBMIT, with one part for each engine that is to do it
 * (or one part in all, when it is balanced). Parts wait, are sent to a host, and end with one
 * result. */
#ifndef TASK_H
#define TASK_H

#include "peer.h"
#include "record.h"

struct engine;
struct task;

typedef enum {
    PART_WAITING,
    PART_SENT,
    PART_DONE,
    PART_BLOCKED /* its task waits for others to end (waits.h) */
} part_state_t;

/* Who waits for a task to end. */
typedef struct {
    uint64_t id;  /* ours */
    bool follows; /* and goes to the engine where it ended */
} waiter_t;

/* A client that is told results of another one's task. */
typedef struct {
    uint64_t peer, id; /* its key; the id of its FETCH */
} hearer_t;

typedef struct part {
    struct task *task;
    struct engine *engine; /* whose it is; NULL: balanced and not assigned */
    int engine_id;
    part_state_t state;
    unsigned attempt; /* 1 for the first */
    bool recalled;    /* asked back from its host */
    bool final;       /* cancelled: not tried again */
    bool aside;       /* done, but nobody is there to take its big value */
    bool held;        /* kept back until its client takes results again */
    uint64_t gives;   /* bytes of a big value that waits at the host to be taken; 0: none */
    int64_t sent_ns;
    uint64_t dropped_bytes; /* of its output, because the client takes nothing */
    struct part *next,
        *prev; /* in the queue or the sent list of its engine, or the ready queue */
} part_t;

typedef struct task {
    uint64_t id;    /* ours */
    peer_t *client; /* NULL when it has gone */
    uint64_t client_id;
    unsigned op;
    bool balanced;
    bool now; /* a question: it passes the queues, and windows do not count it */
    unsigned retries;
    uint64_t timeout_ms;
    uint8_t blob[16];
    bool has_blob;
    char label[64];
    tt_frames_t frames;
    tt_buf_t layout; /* of frames that its client gives when they are wanted; empty: none */
    size_t bytes;
    int *allowed; /* balanced: sorted ids of engines that may do it; NULL: any */
    size_t allowed_count;
    uint64_t born; /* balanced: engines that were born later may not do it; 0: all may */
    part_t *parts; /* direct: sorted by engine_id */
    size_t part_count, left;
    int64_t submitted_ns;
    bool failed;     /* a part has not ended well */
    size_t blockers; /* tasks that it waits for */
    char *doom;      /* why it can never start; NULL: it may */
    int *followed;   /* engines of those that it follows, as far as they have ended */
    size_t followed_count;
    waiter_t *waiters; /* who waits for it */
    size_t waiter_count;
    struct kept_job *keep; /* that outlives the client; NULL: none */
    uint64_t index;        /* which of its items this is */
    struct task *next_kept, *prev_kept;
    bool holds_blob;   /* its function stays known until it has ended */
    bool stays;        /* goes on when its client has gone, for whoever fetches it (fetch.h) */
    bool moved;        /* its client is not the one that submitted it */
    record_t *record;  /* what will be known of it; the records' own. NULL: nothing */
    hearer_t *hearers; /* who else is told its results */
    size_t hearer_count;
} task_t;

/* Parts in a row; each part is in at most one list. */
typedef struct {
    part_t *first, *last;
    size_t count;
} part_list_t;

void part_list_push(part_list_t *self, part_t *part);
void part_list_push_front(part_list_t *self, part_t *part);
void part_list_remove(part_list_t *self, part_t *part);
part_t *part_list_pop(part_list_t *self);

/* A task with room for `count` parts; takes the frames. */
task_t *task_new(uint64_t id, const tt_msg_submit_t *submit, tt_frames_t *frames, size_t count);
void task_destroy(task_t **self_p);

/* The part of an engine (balanced: the one part if that engine has it), or NULL. */
part_t *task_part(task_t *self, int engine_id);

/* Whether it goes on when its client has gone. */
bool task_outlives(const task_t *self);

/* Whether a balanced task may run on that engine. */
bool task_allows(const task_t *self, int engine_id, uint64_t born);

#endif
