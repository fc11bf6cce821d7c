/* The bash of a shell engine: one interactive bash that outlives every command.
 *
 * At its top level bash reads short lines from a pipe of ours, and its stdout and stderr are
 * /dev/null, so that nothing of ours, no trace of it and none of bash's own notices is ever
 * seen. The code of a command lies in a memfd that bash sources; it runs with stdin from
 * /dev/null and with the user's stdout and stderr, which bash opens by path for this one
 * command. So no process of the user inherits a descriptor of ours.
 *
 * Every wait here ends with the command, with bash, or by an interrupt. */
#ifndef SHELL_BASH_H
#define SHELL_BASH_H

#include "buf.h"
#include "error.h"

#include <stdbool.h>
#include <sys/types.h>

typedef struct shell_bash shell_bash_t;

/* Where the user's commands read and write. */
typedef enum {
    SHELL_PIPES,   /* of an engine: stdin is empty, stdout and stderr are the host's pipes */
    SHELL_INHERIT, /* of a local engine without a terminal: on our own 0 to 2 */
    SHELL_TERMINAL /* the same, and they are a terminal: with job control */
} shell_place_t;

typedef enum {
    SHELL_USER, /* the user's: shows its output, can be interrupted, may end the shell */
    SHELL_OURS, /* silent; `set -e` and the traps of the user do not touch it */
    SHELL_ASIDE /* the same in a subshell: what it changes is gone */
} shell_whose_t;

typedef struct {
    shell_whose_t whose;
    tt_span_t code; /* without zero bytes */
    bool capture;   /* its stdout comes back instead of being shown */
} shell_run_t;

typedef struct {
    int status;       /* $? when it ended; of a shell that has ended, what its parent is told */
    bool interrupted; /* by an interrupt that arrived meanwhile */
    bool done;        /* a script of ours: it ran to its last line */
    char before[256]; /* not empty: bash had ended before, this way; this ran in a new one */
    bool ended;       /* bash is gone; for an engine a new one has been started */
    bool lost;        /* ... and none could be started: `ending` says why */
    char ending[256]; /* how the shell ended, for a person: "exit 3", "killed by SIGKILL" */
    tt_buf_t out;     /* what was captured */
    bool cut;         /* more than TT_VALUE_LIMIT was written: the rest is missing */
} shell_outcome_t;

/* Starts bash. With SHELL_TERMINAL our process group has to be in the foreground; bash makes
 * one of its own and takes the terminal. `program` is a path or a name to look for in PATH.
 * Blocks until it has answered (10 s at most). NULL with the reason. One at a time in a
 * process: it handles SIGINT. */
shell_bash_t *shell_bash_new(const char *program, shell_place_t place, tt_error_t *err);

/* Ends bash, without waiting for what it has started. */
void shell_bash_destroy(shell_bash_t **self_p);

const char *shell_bash_program(const shell_bash_t *self); /* its full path */
const char *shell_bash_version(const shell_bash_t *self);
pid_t shell_bash_pid(const shell_bash_t *self);

/* Runs code to its end. The outcome is the caller's to release. */
void shell_bash_run(shell_bash_t *self, const shell_run_t *run, shell_outcome_t *outcome);
void shell_outcome_release(shell_outcome_t *self);

/* Ends bash with everything it knows and starts another one. 0, or -1 with the reason. */
int shell_bash_restart(shell_bash_t *self, tt_error_t *err);

/* Takes the interrupts that have arrived; when there were any, waits until bash has taken its
 * copy of them, too. Returns how many. */
int shell_bash_drain(shell_bash_t *self);

#endif
