/* The prompt's local engine: a runtime of the prompt's own, as its child. Plain lines run
 * there, and values go from it to the engines and back. */
#ifndef LOCAL_H
#define LOCAL_H

#include "packet.h"
#include "runtime.h"
#include "terminal.h"

typedef struct local local_t;

/* What the local engine's user code asks of the prompt while it runs. Answer with local_answer,
 * now or later; `what` is "magic" or "wait". */
typedef void local_ask_fn(void *arg, uint32_t seq, const char *what, const char *text);

/* What it writes at a terminal while no typed line runs (threads of user code). */
typedef void local_output_fn(void *arg, tt_span_t bytes);

typedef struct {
    const char *language;
    const char *program; /* the interpreter; "" for the default one */
    terminal_t
        *terminal; /* what typed lines run on; NULL: it inherits our descriptors 0 to 2 */
    local_ask_fn *ask;
    local_output_fn *output; /* with a terminal only */
    void *arg;
} local_wish_t;

/* Starts the runtime. Runs the loop until it is ready (20 s at most). NULL with the reason. */
local_t *local_new(tt_loop_t *loop, const local_wish_t *wish, tt_error_t *err);
void local_destroy(local_t **self_p);

const char *local_language(const local_t *self);
const char *local_version(const local_t *self);
const char *local_program(const local_t *self);

/* A finished task's result. Release it when done with. */
typedef struct {
    unsigned status;    /* tt_status_t; LOST when the engine ended: then `cause` tells */
    tt_frames_t frames; /* body, buffers */
    bool ended;         /* the engine has ended; exit_status is its status (128 + signal) */
    int exit_status;
    char cause[128];
} local_result_t;

void local_result_release(local_result_t *self);

/* Does one task (TT_RT_EXECUTE ...) and runs the loop until it is done, however long user code
 * takes. `args` is one packed array; `frames` (may be NULL) are its buffers and are taken. An
 * engine that has ended before is started again first. Returns 0, or -1 when it cannot be
 * started. */
int local_call(local_t *self, unsigned op, tt_span_t args, tt_frames_t *frames,
               local_result_t *result, tt_error_t *err);
/* The same for a typed line: it owns the terminal, if there is one, until it is done; while it
 * asks, the terminal is ours. The arguments of its EXECUTE have TT_EXECUTE_TERMINAL then. */
int local_run(local_t *self, unsigned op, tt_span_t args, local_result_t *result,
              tt_error_t *err);
/* The same with a limit of `limit_ms` for questions (CHECK, COMPLETE, INSPECT): after it the
 * task is interrupted, and the status is TIMEOUT. -1 when there is no engine. */
int local_ask_within(local_t *self, unsigned op, tt_span_t args, int limit_ms,
                     local_result_t *result);

/* After user code asked to leave: waits (at most 5 s) for its end and returns its exit status.
 */
int local_await_end(local_t *self);

/* Interrupts what it runs now, exactly; nothing when it idles. */
void local_interrupt(local_t *self);
/* Kills it: what is under way is lost. */
void local_give_up(local_t *self);
bool local_busy(const local_t *self);

/* Answers an ASK; `frames` (body, buffers) are taken. */
void local_answer(local_t *self, uint32_t seq, unsigned status, tt_frames_t *frames);

/* The prompt's SIGCHLD: its end, or its stop by Ctrl-Z, which stops us, too. */
void local_reap(local_t *self);

#endif
