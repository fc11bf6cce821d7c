/* A client of a cluster: connects, submits work to engines or to the balanced queue, hears of
 * results, output and engines. Used by the prompt and by the Python client. Everything happens
 * on the caller's loop; what waits says so and has a deadline. */
#ifndef TT_CLIENT_H
#define TT_CLIENT_H

#include "exchange.h"
#include "packet.h"
#include "roster.h"
#include "rundir.h"
#include "runtime.h"

typedef struct tt_client tt_client_t;
typedef struct tt_job tt_job_t;

/* What a client is told besides the answers to its requests; any may be NULL. */
typedef struct {
    /* An engine has come, changed or gone (state GONE). */
    void (*engine)(void *arg, const tt_engine_t *engine);
    /* Output that belongs to no task. */
    void (*background)(void *arg, int engine, int stream, tt_span_t bytes);
    /* The controller is gone; every outstanding job has been ended with UNKNOWN before. */
    void (*gone)(void *arg, const char *why);
    /* What becomes of a machine that is reached over ssh: its state, as of engines, and what is
     * done there or is wrong. READY: its engines have been told of before. */
    void (*machine)(void *arg, const char *host, unsigned state, const char *text);
} tt_client_handlers_t;

/* Connects to the cluster of `dir` and registers. NULL with the reason when there is none, when
 * it does not answer within `timeout_ms`, or refuses (code EPROTO). Runs the loop meanwhile. */
tt_client_t *tt_client_open(tt_loop_t *loop, const tt_rundir_t *dir, const char *program,
                            const tt_client_handlers_t *handlers, void *arg, int timeout_ms,
                            tt_error_t *err);
/* Says goodbye and closes. Outstanding jobs are forgotten; their handlers are not called. A
 * client that has kept jobs, or submitted some that stay, runs the loop until the controller
 * has heard it, 0.5 s at most. */
void tt_client_close(tt_client_t **self_p);

/* For whoever keeps the connection of a cluster on another machine: it is gone, and why. What
 * is outstanding ends as when the controller is gone. */
void tt_client_lose(tt_client_t *self, const char *why);

/* False once the controller is gone. */
bool tt_client_alive(const tt_client_t *self);

/* The engines as of now, sorted by id; or the one of that number, NULL when there is none.
 * Borrowed until the loop runs again. */
const tt_engine_t *tt_client_engines(const tt_client_t *self, size_t *count);
const tt_engine_t *tt_client_engine(const tt_client_t *self, int id);

/* One engine's end of a job. Frames are body, stdout, stderr, buffers; they may be taken. */
typedef struct {
    int engine;      /* -1 when none had it */
    unsigned status; /* tt_status_t */
    unsigned attempt;
    int64_t queue_ns, wait_ns, run_ns; /* at the controller; at the host; in user code */
    uint64_t dropped_bytes;            /* output that was cut */
    char cause[512];                   /* when it did not run to its end */
    char host[256];
    tt_frames_t *frames;
} tt_result_t;

typedef struct {
    /* Called once for each engine (balanced: once), in the order of their ends. */
    void (*result)(void *arg, tt_job_t *job, tt_result_t *result);
    /* Output ahead of the result; may be NULL. */
    void (*output)(void *arg, tt_job_t *job, int engine, int stream, tt_span_t bytes);
    /* All results are in; the job is freed when this returns. May be NULL. */
    void (*done)(void *arg, tt_job_t *job);
} tt_job_handlers_t;

typedef struct {
    unsigned op;        /* TT_RT_EXECUTE ... */
    const int *engines; /* ids; balanced: the engines to choose from, NULL for any */
    size_t engine_count;
    bool balanced;
    bool now; /* COMPLETE and INSPECT: a busy engine's host answers, with the cause "busy" */
    const uint8_t *blob; /* hash of a function that tt_client_blob brought, or NULL */
    const char *label;   /* for `status`; NULL: none */
    unsigned retries;
    uint64_t timeout_ms; /* of its run; 0: none */
    uint64_t keep;       /* the job that outlives us (tt_client_keep); 0: none */
    uint64_t index; /* which of that job's items this is (below 2^32), or its number below */
    bool stays;     /* without `keep`: goes on when we are gone, and is recorded under `index`,
                       for whoever fetches it (tt_client_fetch) */
    /* Jobs of this client, by tt_job_id, that must have ended well before it starts; and those
     * on whose engines it runs then. What has ended may be named, too. */
    const uint64_t *after, *follow;
    size_t after_count, follow_count;
    uint64_t
        born; /* balanced: no engine that was born later does it (tt_engine_t); 0: any may */
    const tt_job_handlers_t *handlers;
    void *arg;
} tt_submit_t;

/* Sends the work; `payload` (arguments and buffers) is taken. The job is the client's and lives
 * until its `done`. A controller that is gone ends it at once, from the loop. */
tt_job_t *tt_client_submit(tt_client_t *self, const tt_submit_t *submit, tt_frames_t *payload);
uint64_t tt_job_id(const tt_job_t *self);
size_t tt_job_left(const tt_job_t *self);
/* How many bytes of its big values have moved so far, and of how many: what it came with, to
 * each host that wants it, and what comes of results now. `total` 0: nothing does. */
void tt_job_moved(const tt_job_t *self, uint64_t *done, uint64_t *total);
/* Whether this engine has yet to answer (never for a balanced one). */
bool tt_job_waits_for(const tt_job_t *self, int engine);

/* Ends the job's work on its engines: what has not started never will, what runs is interrupted
 * exactly. Results tell. */
void tt_client_cancel(tt_client_t *self, const tt_job_t *job);
/* Ends what of it has not started; what runs goes on. */
void tt_client_withdraw(tt_client_t *self, const tt_job_t *job);

/* ---- work of others */

/* The 16 bytes that name this client in the controller's records. */
const uint8_t *tt_client_session(const tt_client_t *self);

/* Has results of a task that another client submitted, or we did: those that are kept, and
 * those that come. `engines` are those of the task, all of them (NULL: it is balanced). What
 * its client has left is ours then; of one that lives we hear the results, too. What is not
 * known, or no longer, is refused. */
tt_job_t *tt_client_fetch(tt_client_t *self, const uint8_t session[16], uint64_t number,
                          const int *engines, size_t engine_count,
                          const tt_job_handlers_t *handlers, void *arg);

/* ---- work that outlives us
 *
 * A job of the caller's is any number of submissions under one number, `keep`. It is named
 * before the first of them, with what the caller wants to know of it later (`meta`, up to 64
 * KiB), and may be named again, with other meta. From then on it goes on when this process
 * ends without tt_client_close: another client adopts it. A job whose results have been seen is
 * ended by empty meta; its submissions under way are then ordinary ones. Neither is answered:
 * what the controller refuses (1,000 jobs are kept already) is not kept, but is done. */
void tt_client_keep(tt_client_t *self, uint64_t keep, tt_span_t meta);

/* Gives back a result that nobody has seen, for whoever adopts the job; its frames are shared,
 * not taken, and should have all output (what came ahead of the result, too). For what has not
 * ended: the output that came so far, with engine -1 for a balanced submission. */
void tt_client_store(tt_client_t *self, uint64_t keep, uint32_t index,
                     const tt_result_t *result);
void tt_client_store_output(tt_client_t *self, uint64_t keep, uint32_t index, int engine,
                            tt_span_t out, tt_span_t err);

/* Closes, and leaves what is kept behind; what is not kept ends as with tt_client_close. Runs
 * the loop for 2 s at most, until the controller has got everything. Results and output that
 * come meanwhile are given back by themselves; no handler is called any more. Not from within
 * tt_client_request or tt_client_adopt: a signal that comes meanwhile is for their caller. */
void tt_client_leave(tt_client_t **self_p);

/* A submission of another client that has not ended. */
typedef struct {
    uint64_t keep;
    uint32_t index;
    bool balanced;
    const int *engines; /* not balanced: those that have not answered; borrowed */
    size_t engine_count;
} tt_adopted_t;

/* What is told of jobs that are adopted. */
typedef struct {
    /* First, once for each job: its new number, and the meta it was named with. */
    void (*job)(void *arg, uint64_t keep, tt_span_t meta);
    /* Then for each of its submissions that has not ended, in their order: `job` is ours now,
     * as if tt_client_submit had returned it. `*handlers` and `*job_arg` are to be set to what
     * hears of it; as they are, nobody does. Output that was written meanwhile comes to them
     * within tt_client_adopt. */
    void (*task)(void *arg, const tt_adopted_t *task, tt_job_t *job,
                 const tt_job_handlers_t **handlers, void **job_arg);
    /* Then, when all jobs and tasks were told, each result that waited, in the order they
     * ended; its frames may be taken. Without a tt_job_t: that has ended. */
    void (*result)(void *arg, uint64_t keep, uint32_t index, tt_result_t *result);
} tt_adopt_handlers_t;

/* Takes over all jobs that clients have left behind. Runs the loop until everything has been
 * told; handlers of other jobs may be called meanwhile. Returns 0; or -1 with the reason: the
 * controller is gone, or `timeout_ms` have passed (what comes later is told later: `handlers`
 * must live as long as the client). Once for a client. When it returns 0, a part of a job that
 * was neither in a task nor in a result was handed to the client that died, and is lost. */
int tt_client_adopt(tt_client_t *self, const tt_adopt_handlers_t *handlers, void *arg,
                    int timeout_ms, tt_error_t *err);

/* Makes a function known under its hash (16 bytes) before work that names it. `bytes` is one
 * frame and is taken; a function that is known already is not sent again. */
void tt_client_blob(tt_client_t *self, const uint8_t hash[16], tt_frames_t *bytes);
bool tt_client_has_blob(const tt_client_t *self, const uint8_t hash[16]);

/* Sends a request and runs the loop until it is answered. Returns 0 and the answer (`reply` is
 * a packet to release; texts of `answer` point into it), or -1: it was refused, the controller
 * is gone or `timeout_ms` have passed. */
int tt_client_request(tt_client_t *self, tt_message_t *message, int timeout_ms,
                      tt_message_t *answer, tt_packet_t *reply, tt_error_t *err);

/* Sends a message that has no answer. */
void tt_client_send(tt_client_t *self, tt_message_t *message);

/* An exchange of several messages under one number, files on their way: begins it with
 * `message`, which gets the number. Every message that answers it goes to `fn` (`payload` may
 * be taken), and NULL when the controller is gone, which ends it. Returns the number. */
uint64_t tt_client_exchange(tt_client_t *self, tt_message_t *message, tt_exchange_fn *fn,
                            void *arg);
/* A further message of it; `payload` may be NULL. */
void tt_client_go_on(tt_client_t *self, tt_message_t *message, tt_frames_t *payload);
/* Nothing of it is heard any more. */
void tt_client_end_exchange(tt_client_t *self, uint64_t id);

#endif
