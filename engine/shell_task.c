/* Running code for a task, and replies from how it ended. See shell_task.h. */
#include "shell_task.h"

#include "pack.h"
#include "shell_value.h"
#include "value.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GONE "the shell has ended: its variables are gone"

/* ---- replies */

int shell_refuse(shell_task_t *task, const char *why)
{
    tt_reply_error(task->reply, TT_STATUS_REFUSED, "ProtocolError", why, NULL);
    return -1;
}

int shell_fail(shell_task_t *task, const char *type, const char *format, ...)
{
    char text[1024];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    tt_reply_error(task->reply, TT_STATUS_ERROR, type, text, NULL);
    return -1;
}

static void reply_interrupted(shell_task_t *task)
{
    tt_reply_error(task->reply, TT_STATUS_INTERRUPTED, "Interrupted", "interrupted", NULL);
}

/* The shell itself has ended, by `exit` or otherwise. A local one ends the prompt with it. */
static void reply_ended(const shell_t *self, shell_task_t *task, const shell_outcome_t *outcome)
{
    char text[400];
    if (self->place != SHELL_PIPES) {
        shell_fail(task, "SystemExit", "%d", outcome->status);
        task->reply->leave = true;
        task->reply->exit_status = outcome->status;
    } else if (outcome->lost) {
        shell_fail(task, "ShellEnded", "%s", outcome->ending);
        task->reply->leave = true;
        task->reply->exit_status = 1;
    } else if (outcome->status == 0) {
        tt_reply_note(task->reply, GONE);
    } else {
        snprintf(text, sizeof text, "%s · " GONE, outcome->ending);
        tt_reply_exit(task->reply, outcome->status, text);
    }
}

static void reply_status(shell_task_t *task, int status)
{
    char text[32];
    snprintf(text, sizeof text, "exit %d", status);
    tt_reply_exit(task->reply, status, text);
}

/* A shell that had ended before this task (a timeout of its own, a kill) is told of. */
static void note_before(shell_task_t *task, const shell_outcome_t *outcome)
{
    char text[400];
    if (*outcome->before == 0)
        return;
    snprintf(text, sizeof text, "the shell had ended (%s): its variables are gone",
             outcome->before);
    tt_reply_note(task->reply, text);
}

static bool went_well(const shell_t *self, shell_task_t *task, const shell_outcome_t *outcome)
{
    if (outcome->ended || outcome->lost)
        reply_ended(self, task, outcome);
    else if (outcome->interrupted ||
             (self->place == SHELL_TERMINAL && outcome->status == 128 + SIGINT))
        reply_interrupted(task); /* a terminal's ^C does not come by us */
    else if (outcome->cut)
        shell_fail(task, "ValueTooLarge", "output over the limit of %zu MiB",
                   TT_VALUE_LIMIT >> 20);
    else if (outcome->status != 0)
        reply_status(task, outcome->status);
    else
        return true;
    return false;
}

/* ---- running */

bool shell_run_user(shell_t *self, shell_task_t *task, tt_span_t code, bool capture,
                    shell_outcome_t *outcome)
{
    shell_run_t run = {SHELL_USER, code, capture};
    *outcome = (shell_outcome_t){0};
    if (code.len > 0 && memchr(code.data, 0, code.len)) {
        shell_fail(task, "SyntaxError", "code with a zero byte: no shell can read it");
        return false;
    }
    shell_bash_run(self->bash, &run, outcome);
    bool well = went_well(self, task, outcome);
    note_before(task, outcome);
    return well;
}

static bool run_ours(shell_t *self, shell_task_t *task, shell_whose_t whose,
                     const tt_buf_t *code, shell_outcome_t *outcome)
{
    shell_run_t run = {whose, {code->data, code->len}, true};
    shell_bash_run(self->bash, &run, outcome);
    if (!outcome->ended && !outcome->lost && !outcome->interrupted && !outcome->done) {
        shell_fail(task, "ShellError", "the shell could not do it; its stderr may tell why");
        return false;
    }
    if (!outcome->interrupted && !outcome->ended)
        outcome->status = 0; /* what counts is that it came to its end */
    return went_well(self, task, outcome);
}

bool shell_run_ours(shell_t *self, shell_task_t *task, const tt_buf_t *code,
                    shell_outcome_t *outcome)
{
    return run_ours(self, task, SHELL_OURS, code, outcome);
}

bool shell_ask(shell_t *self, shell_task_t *task, const tt_buf_t *code,
               shell_outcome_t *outcome)
{
    return run_ours(self, task, SHELL_ASIDE, code, outcome);
}

void shell_reply_scratch(shell_t *self, shell_task_t *task)
{
    tt_reply_value(task->reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

void shell_reply_text(shell_t *self, shell_task_t *task, shell_outcome_t *outcome)
{
    tt_span_t text = {outcome->out.data, outcome->out.len};
    while (text.len > 0 && text.data[text.len - 1] == '\n')
        text.len--;
    self->scratch.len = 0;
    shell_value_pack(&self->scratch, text);
    shell_reply_scratch(self, task);
    note_before(task, outcome);
}

void shell_put_eval(tt_buf_t *script, tt_span_t text)
{
    tt_buf_printf(script, "\\builtin eval ");
    shell_quote(script, text);
    tt_buf_printf(script, " 2>>/proc/%d/fd/2", (int)getpid());
}
