/* The inside of an engine, shared by the files engine*.c only. */
#ifndef ENGINE_PRIVATE_H
#define ENGINE_PRIVATE_H

#include "capture.h"
#include "engine.h"
#include "link.h"
#include "names.h"
#include "pack.h"

/* A round trip to the runtime, generously: what sending ahead hides. */
enum { HIDE_NS = 200000 };

struct engine {
    host_t *host;
    tt_loop_t *loop;
    spec_t *spec;
    int id;
    unsigned state; /* tt_engine_state_t */
    unsigned features;
    char version[64], program[256];

    pid_t pid; /* 0 while it is not known */
    tt_link_t *link;
    tt_page_t *page;
    uint32_t seq;      /* of the last message to the runtime */
    uint32_t answered; /* of the last RESULT; 0: none */
    capture_t out[2];
    uint64_t output_end[2]; /* where the last task's output ended */

    part_queue_t waiting;   /* not yet in the socket */
    part_queue_t sent;      /* in the socket, in order; the first runs or is next */
    size_t revoked;         /* empty places in it: tasks that the runtime will not start */
    uint32_t first_revoked; /* where their range begins, while there are any */
    uint32_t doubt;  /* the last part in doubt; 0: none. Until its result has come nothing is
                        sent, which might overtake it */
    uint64_t orders; /* of parts so far */
    int64_t mean_run_ns; /* of recent tasks */
    bool sync_due; /* a runtime without the page was interrupted: sync before the next task */
    uint32_t sync_seq;
    part_t *limit_part; /* whose limit the timer counts; only compared */
    uint64_t start_timer, claim_timer, limit_timer, flush_timer;
    uint64_t leave_timer; /* its socket has ended: its process is about to, or is made to */

    uint8_t (*blobs)[BLOB_HASH_SIZE]; /* functions that the interpreter has */
    size_t blob_count;

    names_t names;        /* to answer for it while it is busy */
    uint64_t names_timer; /* runs while it idles and the names of its top level may be old */
    bool names_old;       /* a task may have changed them */
    bool names_refused;   /* its runtime does not complete */

    int stop_signal; /* that has stopped its process; 0: none has */
    int failed_starts;
    bool given_up;    /* do not start it again */
    bool retiring;    /* it ends when it has nothing more to do */
    char ending[256]; /* why it ended, when that was our doing */
};

/* The part that runs now, or NULL. */
part_t *engine_running(const engine_t *self);

/* The number of the next message to the runtime; 0 is no task's. */
uint32_t engine_next_seq(engine_t *self);

/* An answer that the host gives itself: the part did not run to its end. Takes the part. */
void engine_answer(engine_t *self, part_t *part, tt_status_t status, const char *cause);

/* ---- engine_stop.c */

/* The last task that had its turn when the page said `word_seq`: all that were sent, when that
 * is none of them, since user code has written over the page. */
uint32_t engine_had_turn(const engine_t *self, uint32_t word_seq);
/* Unless the part has started: takes it and all behind it back to the front of the queue, in
 * order. */
void engine_revoke(engine_t *self, const part_t *part);
/* The same of all that has not started. */
void engine_revoke_all(engine_t *self);
/* The runtime has met a task that was revoked. */
void engine_met_revoked(engine_t *self);
/* A part that was sent has not started: answers it, or puts it into its place in the queue.
 * Takes it. */
void engine_unsend(engine_t *self, part_t *part);

/* Sends a signal to the interpreter and what it has started. */
void engine_signal(const engine_t *self, int number);

void engine_stop_part(engine_t *self, part_t *part, stop_t why);
void engine_watch_limit(engine_t *self);

/* ---- engine_now.c */

/* Whether it is a question of the host's own, of which nobody hears. */
bool engine_asked_itself(const part_t *part);
/* Does a question now, or answers it for an engine that is busy. Takes the part. */
void engine_ask(engine_t *self, part_t *part);
/* Answers a question for an engine that is busy. Takes the part. */
void engine_answer_busy(engine_t *self, part_t *part);
/* Work has come: the host's own question does not hold it up. */
void engine_make_way(engine_t *self);
/* What a part's result tells of names. */
void engine_note_names(engine_t *self, const part_t *part, unsigned status, tt_span_t body);
/* Its interpreter is new. */
void engine_first_names(engine_t *self);
/* The engine may idle: sees to it that its names are asked for. */
void engine_refresh_names(engine_t *self);

/* ---- engine_output.c */

/* Starts reading its pipes. */
void engine_output_watch(engine_t *self);

/* Adds two frames, the stdout and stderr of the part that has ended with these offsets (start
 * and end of each stream); sends what lies before as background. */
void engine_output_attribute(engine_t *self, part_t *part, const uint64_t offsets[4],
                             tt_frames_t *frames);

/* Adds two frames with what a part has written that did not reach its end; empty ones when it
 * is not known to have started. */
void engine_output_cut(engine_t *self, part_t *part, tt_frames_t *frames);

/* Reads what a dead engine left in its pipes; copies the last line of its stderr into `last`.
 */
void engine_output_finish(engine_t *self, char *last, size_t size);

#endif
