/* One engine as its host sees it: an interpreter process, its socket, page and output pipes,
 * and the tasks that wait for it. It is started again when it dies. */
#ifndef ENGINE_H
#define ENGINE_H

#include "host.h"
#include "task.h"

#include <sys/types.h>

/* How to start the engines of one SPAWN; shared by them and owned by the host for its life. */
typedef struct zygote zygote_t;
typedef struct spec {
    char *language, *program, *directory;
    char *labels;               /* told to the next controller */
    char **args, **environment; /* NULL-terminated */
    int nice;
    uint64_t memory_bytes; /* 0: no limit */
    zygote_t *zygote;      /* NULL: engines are started by exec */
    struct spec *next;
} spec_t;

typedef struct engine engine_t;

/* An engine that does not run yet. */
engine_t *engine_new(host_t *host, spec_t *spec, int id);
void engine_destroy(engine_t **self_p);

/* Starts its interpreter; what goes wrong is reported to the controller as an ENGINE message.
 */
void engine_start(engine_t *self);
/* The same for all ways of starting: the zygote told that engine's pid. */
void engine_started_as(engine_t *self, pid_t pid);
/* The zygote cannot start it: try by exec instead. */
void engine_start_by_exec(engine_t *self);
/* It cannot be started at all. */
void engine_fail(engine_t *self, const char *why);

int engine_id(const engine_t *self);
pid_t engine_pid(const engine_t *self);
unsigned engine_state(const engine_t *self);
const spec_t *engine_spec(const engine_t *self);

/* Queues a part of the task for this engine. */
void engine_submit(engine_t *self, task_t *task);
/* Sends its interpreter what that takes now: a value that a task waits for may have come. */
void engine_pump(engine_t *self);
/* Ends the task `id`: taken from the queue if it has not started, else interrupted exactly;
 * with `waiting` it goes on then. */
void engine_cancel(engine_t *self, uint64_t id, bool waiting);
/* Interrupts whatever runs now. */
void engine_interrupt(engine_t *self);
/* Takes the task back if it is not in the interpreter's socket yet. */
bool engine_recall(engine_t *self, uint64_t id);

/* Forgets what has not started: whoever asked for it has been told that it is lost with the
 * controller, so it must not run later. What is in the interpreter's socket already runs on,
 * and nobody hears of it. */
void engine_forget_waiting(engine_t *self);

/* Kills the interpreter with all that it started; it is then started again, or not
 * (`for_good`). */
void engine_kill(engine_t *self, bool for_good, const char *why);
/* The same for good, when it has done what it has been sent. */
void engine_retire(engine_t *self);
/* Kills its process, which is started again. One that has failed is started; one that is
 * starting is as new as can be. */
void engine_restart(engine_t *self);
/* Sends its process a signal, as it is; nothing without a process, or for what is no signal. */
void engine_send_signal(engine_t *self, uint64_t number);
/* Asks the interpreter to end, for a shutdown. */
void engine_stop(engine_t *self);
/* SIGCHLD: a signal has stopped the interpreter; 0: it goes on. */
void engine_stopped(engine_t *self, int signal);
/* SIGCHLD: the interpreter has ended. */
void engine_died(engine_t *self, int wait_status);
/* A function is no longer wanted. */
void engine_drop_blob(engine_t *self, tt_span_t hash);

/* Tells the controller state, pid, language and `text`. */
void engine_report(engine_t *self, const char *text);
/* Appends [id, uuid-less identity ...] for HELLO: [id, pid, state, language, version, program].
 */
void engine_pack(const engine_t *self, tt_buf_t *out);
/* Appends [id, task, running ms, queued, ms since it was asked to stop] when it runs something;
 * returns whether it did. */
bool engine_pack_running(const engine_t *self, tt_buf_t *out);

#endif
