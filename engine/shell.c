/* tutti-shell: the runtime of the language sh. The loop of share/language.h on one side, one
 * persistent bash on the other (shell_bash.h). Started by the engine host as
 * `tutti-shell MODE PROGRAM`; what each task means in the shell is told in PROTOCOL.md, "The
 * shell". */
#include "language.h"
#include "pack.h"
#include "shell_bash.h"
#include "shell_function.h"
#include "shell_task.h"
#include "shell_value.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- execute */

static void write_out(tt_span_t bytes)
{
    while (bytes.len > 0) {
        ssize_t wrote = write(1, bytes.data, bytes.len);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return;
        bytes.data += wrote;
        bytes.len -= (size_t)wrote;
    }
}

static void execute(shell_t *self, shell_task_t *task)
{
    size_t count;
    tt_span_t code, file;
    uint64_t flags = 0;
    tt_reader_t *args = &task->args;
    if (tt_read_array(args, &count) != 0 || count < 1 || tt_read_str(args, &code) != 0) {
        shell_refuse(task, "EXECUTE needs code");
        return;
    }
    if (count > 2 && tt_read_str(args, &file) == 0)
        tt_read_uint(args, &flags);
    bool value = flags & TT_EXECUTE_VALUE;
    shell_outcome_t outcome;
    if (shell_run_user(self, task, code, value, &outcome) && value)
        shell_reply_text(self, task, &outcome);
    else if (value && !outcome.cut)
        write_out((tt_span_t){outcome.out.data, outcome.out.len}); /* not lost, but shown */
    shell_outcome_release(&outcome);
}

/* ---- values */

static int read_name(shell_task_t *task, char *name, size_t size, char *kind, size_t kind_size,
                     size_t *groups)
{
    size_t count;
    if (tt_read_array(&task->args, &count) == 0 && count >= 3 &&
        tt_read_text(&task->args, name, size) == 0 &&
        tt_read_text(&task->args, kind, kind_size) == 0 &&
        tt_read_array(&task->args, groups) == 0)
        return 0;
    return shell_refuse(task, "SET needs a short name, a kind and groups");
}

/* Checks the groups and gives the value of each. The array is the caller's; NULL: refused. */
static shell_given_t *read_groups(shell_task_t *task, size_t groups)
{
    shell_given_t *given = tt_alloc((groups + 1) * sizeof *given);
    const tt_span_t *frames = task->request->buffers;
    size_t left = task->request->buffer_count;
    for (size_t i = 0; i < groups; i++) {
        uint64_t size = 0;
        tt_error_t err;
        if (tt_read_uint(&task->args, &size) != 0 || size == 0 || size > left) {
            free(given);
            return shell_refuse(task, "groups of frames that are not there"), NULL;
        }
        if (tt_value_check(frames[0], frames + 1, size - 1, &err) != 0) {
            free(given);
            return shell_refuse(task, err.text), NULL;
        }
        given[i] = (shell_given_t){tt_reader(frames[0]), frames + 1, size - 1};
        frames += size;
        left -= size;
    }
    return given;
}

/* Goes into an array: how many values it has. What is no array is one value. */
static size_t open_array(shell_given_t *given)
{
    tt_reader_t ahead = given->at;
    size_t count;
    if (tt_read_array(&ahead, &count) != 0)
        return 1;
    given->at = ahead;
    return count;
}

/* The values of several groups, as one array; `joined`: the values of their arrays. */
static int assign_groups(shell_given_t *given, size_t groups, const char *name, bool joined,
                         tt_buf_t *script, tt_error_t *err)
{
    shell_value_list_t list;
    shell_value_list_begin(&list, name, script);
    for (size_t i = 0; i < groups; i++)
        for (size_t left = joined ? open_array(&given[i]) : 1; left > 0; left--)
            if (shell_value_list_add(&list, &given[i], err) != 0)
                return -1;
    shell_value_list_end(&list);
    return 0;
}

/* A variable that is readonly stops the script, and none of it is done. */
static void assign(shell_t *self, shell_task_t *task, const char *name, tt_buf_t *script)
{
    tt_buf_t code;
    shell_outcome_t outcome;
    tt_buf_init(&code);
    tt_buf_printf(&code, "[[ ${%s@a} == *r* ]] && \\builtin printf r || {\n", name);
    tt_buf_append(&code, script->data, script->len);
    tt_buf_printf(&code, "}\n");
    if (shell_run_ours(self, task, &code, &outcome) && outcome.out.len > 0)
        shell_fail(task, "ReadonlyError", "'%s' is readonly in this shell", name);
    shell_outcome_release(&outcome);
    tt_buf_release(&code);
}

static void set(shell_t *self, shell_task_t *task)
{
    char name[256] = "", kind[16] = "";
    size_t groups = 0;
    tt_error_t err;
    if (read_name(task, name, sizeof name, kind, sizeof kind, &groups) != 0)
        return;
    bool one = strcmp(kind, "value") == 0, joined = strcmp(kind, "joined") == 0;
    if (!one && !joined && strcmp(kind, "list") != 0 && strcmp(kind, "result") != 0) {
        shell_refuse(task, "the shell knows SET of value, list, result and joined only");
        return;
    }
    if (shell_name_check(name, &err) != 0) {
        shell_fail(task, "NameError", "%s", err.text);
        return;
    }
    shell_given_t *given = read_groups(task, groups);
    if (given == NULL)
        return;
    tt_buf_t script;
    tt_buf_init(&script);
    int rc = one && groups != 1 ? tt_error_set(&err, "%zu values for one variable", groups)
             : one              ? shell_value_assign(given, name, &script, &err)
                                : assign_groups(given, groups, name, joined, &script, &err);
    if (rc == 0)
        assign(self, task, name, &script);
    else
        shell_fail(task, "TypeError", "%s", err.text);
    tt_buf_release(&script);
    free(given);
}

/* ---- the others */

static void reset(shell_t *self, shell_task_t *task)
{
    tt_error_t err;
    if (self->place == SHELL_TERMINAL) { /* a new bash would need the terminal to start */
        shell_refuse(task, "the shell of a terminal is not reset: leave it");
        return;
    }
    if (shell_bash_restart(self->bash, &err) == 0)
        return;
    shell_fail(task, "ShellEnded", "%s", err.text);
    task->reply->leave = true;
    task->reply->exit_status = 1;
}

static const struct {
    unsigned op;
    void (*fn)(shell_t *, shell_task_t *);
} ops[] = {{TT_RT_EXECUTE, execute},       {TT_RT_CALL, shell_call},
           {TT_RT_GET, shell_get},         {TT_RT_SET, set},
           {TT_RT_CHECK, shell_check},     {TT_RT_COMPLETE, shell_complete},
           {TT_RT_INSPECT, shell_inspect}, {TT_RT_RESET, reset}};

/* ---- the contract */

static void handle(void *arg, const tt_request_t *request, tt_reply_t *reply)
{
    shell_task_t task = {request, reply, tt_reader(request->args)};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].op == request->op) {
            ops[i].fn(arg, &task);
            return;
        }
    }
    tt_reply_error(reply, TT_STATUS_REFUSED, "NotSupported",
                   "the shell has no task of this number", NULL);
}

static void start(void *arg, int engine, const char *cluster)
{
    (void)arg;
    (void)engine;
    (void)cluster;
}

static void keep_blob(void *arg, tt_span_t hash, tt_span_t bytes)
{
    shell_t *self = arg;
    shell_blobs_keep(&self->blobs, hash, bytes);
}

static void flush(void *arg)
{
    (void)arg;
}

static int drain(void *arg)
{
    shell_t *self = arg;
    return shell_bash_drain(self->bash);
}

static void let_go(void *arg, void *owner)
{
    (void)arg;
    free(owner);
}

static void idle(void *arg, bool entering)
{
    (void)arg;
    (void)entering;
}

static int serve(shell_t *self, int page_fd, tt_error_t *err)
{
    tt_language_t language = {"sh",
                              shell_bash_version(self->bash),
                              shell_bash_program(self->bash),
                              start,
                              handle,
                              keep_blob,
                              flush,
                              drain,
                              let_go,
                              idle,
                              self->place == SHELL_TERMINAL ? shell_bash_pid(self->bash) : 0};
    tt_serve_t *loop = tt_serve_new_on(&language, self, TT_RT_SOCKET_FD, page_fd, err);
    if (loop == NULL)
        return -1;
    int status = tt_serve_run(loop);
    tt_serve_destroy(&loop);
    return status;
}

/* At a terminal whoever started us puts our group into the foreground, soon after the fork. */
static bool has_terminal(const char *mode)
{
    bool expected = strcmp(mode, "terminal") == 0;
    if (!isatty(0))
        return false;
    for (int i = 0; expected && tcgetpgrp(0) != getpgrp() && i < 2000; i++)
        usleep(1000);
    return tcgetpgrp(0) == getpgrp();
}

static shell_place_t place_of(const char *mode)
{
    if (strcmp(mode, "engine") == 0)
        return SHELL_PIPES;
    return has_terminal(mode) ? SHELL_TERMINAL : SHELL_INHERIT;
}

int main(int argc, char **argv)
{
    shell_t shell = {.place = place_of(argc > 1 ? argv[1] : "engine")};
    tt_error_t err;
    /* Before anything else is opened and gets its number. */
    int page_fd = fcntl(TT_RT_PAGE_FD, F_GETFD) >= 0 ? TT_RT_PAGE_FD : -1;
    shell.bash = shell_bash_new(argc > 2 ? argv[2] : "", shell.place, &err);
    int status = shell.bash ? serve(&shell, page_fd, &err) : -1;
    shell_bash_destroy(&shell.bash);
    shell_blobs_release(&shell.blobs);
    tt_buf_release(&shell.scratch);
    if (status < 0)
        fprintf(stderr, "tutti-shell: %s\n", err.text);
    return status < 0 ? 2 : status;
}
