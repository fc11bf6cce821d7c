/* What the tasks of a shell engine share: the engine, a task, and replies made from how a run
 * in bash ended. */
#ifndef SHELL_TASK_H
#define SHELL_TASK_H

#include "language.h"
#include "shell_bash.h"
#include "shell_function.h"

typedef struct {
    shell_place_t place;
    shell_bash_t *bash; /* owned */
    shell_blobs_t blobs;
    tt_buf_t scratch; /* a packed value on its way into a reply */
} shell_t;

typedef struct {
    const tt_request_t *request;
    tt_reply_t *reply;
    tt_reader_t args; /* at the start of the request's arguments */
} shell_task_t;

/* Replies that the task makes no sense. Returns -1. */
int shell_refuse(shell_task_t *task, const char *why);

/* Replies with an error. Returns -1. */
int shell_fail(shell_task_t *task, const char *type, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Runs code of the user. True when it went well; else the reply tells. The outcome is the
 * caller's to release in either case. */
bool shell_run_user(shell_t *self, shell_task_t *task, tt_span_t code, bool capture,
                    shell_outcome_t *outcome);

/* Runs a script of ours, whose output is always captured. True when it ran to its end. */
bool shell_run_ours(shell_t *self, shell_task_t *task, const tt_buf_t *code,
                    shell_outcome_t *outcome);

/* The same in a subshell, for what only asks. */
bool shell_ask(shell_t *self, shell_task_t *task, const tt_buf_t *code,
               shell_outcome_t *outcome);

/* Replies with what was captured, without the newlines at its end. */
void shell_reply_text(shell_t *self, shell_task_t *task, shell_outcome_t *outcome);

/* Replies with the packed value in `scratch`. */
void shell_reply_scratch(shell_t *self, shell_task_t *task);

/* Appends text of the user that a script evaluates: an error in it does not stop the script. */
void shell_put_eval(tt_buf_t *script, tt_span_t text);

/* The tasks that have files of their own: shell_get.c, shell_call.c, shell_assist.c. */
void shell_get(shell_t *self, shell_task_t *task);
void shell_call(shell_t *self, shell_task_t *task);
void shell_check(shell_t *self, shell_task_t *task);
void shell_complete(shell_t *self, shell_task_t *task);
void shell_inspect(shell_t *self, shell_task_t *task);

/* GET of a function: replies with the blob to ship. `text` is the name of a function of the
 * shell, or a command, in which {} stands for the arguments. In shell_call.c. */
void shell_ship(shell_t *self, shell_task_t *task, const char *text);

#endif
