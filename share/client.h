/* A client of a cluster: connects, submits work to engines or to the balanced queue, hears of
 * results, output and engines. Used by the prompt and by the Python client. Everything happens
 * on the caller's loop; what waits says so and has a deadline. */
#ifndef TT_CLIENT_H
#define TT_CLIENT_H

#include "packet.h"
#include "rundir.h"
#include "runtime.h"

typedef struct tt_client tt_client_t;
typedef struct tt_job tt_job_t;

typedef struct {
    int id;
    unsigned state; /* tt_engine_state_t */
    int pid;
    char host[256], language[64], version[64], program[256];
    char text[256]; /* why it is in this state */
} tt_engine_t;

/* What a client is told besides the answers to its requests; any may be NULL. */
typedef struct {
    /* An engine has come, changed or gone (state GONE). */
    void (*engine)(void *arg, const tt_engine_t *engine);
    /* Output that belongs to no task. */
    void (*background)(void *arg, int engine, int stream, tt_span_t bytes);
    /* The controller is gone; every outstanding job has been ended with UNKNOWN before. */
    void (*gone)(void *arg, const char *why);
} tt_client_handlers_t;

/* Connects to the cluster of `dir` and registers. NULL with the reason when there is none, when
 * it does not answer within `timeout_ms`, or refuses (code EPROTO). Runs the loop meanwhile. */
tt_client_t *tt_client_open(tt_loop_t *loop, const tt_rundir_t *dir, const char *program,
                            const tt_client_handlers_t *handlers, void *arg, int timeout_ms,
                            tt_error_t *err);
/* Says goodbye and closes. Outstanding jobs are forgotten; their handlers are not called. */
void tt_client_close(tt_client_t **self_p);

/* False once the controller is gone. */
bool tt_client_alive(const tt_client_t *self);

/* The engines as of now, sorted by id. Borrowed until the loop runs again. */
const tt_engine_t *tt_client_engines(const tt_client_t *self, size_t *count);

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
    const tt_job_handlers_t *handlers;
    void *arg;
} tt_submit_t;

/* Sends the work; `payload` (arguments and buffers) is taken. The job is the client's and lives
 * until its `done`. A controller that is gone ends it at once, from the loop. */
tt_job_t *tt_client_submit(tt_client_t *self, const tt_submit_t *submit, tt_frames_t *payload);
uint64_t tt_job_id(const tt_job_t *self);
size_t tt_job_left(const tt_job_t *self);

/* Ends the job's work on its engines: what has not started never will, what runs is interrupted
 * exactly. Results tell. */
void tt_client_cancel(tt_client_t *self, const tt_job_t *job);

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

#endif
