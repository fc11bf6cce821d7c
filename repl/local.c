/* The local engine. See local.h. Its end is told by its process; a task under way then ends as
 * LOST. */
#include "local.h"

#include "child.h"
#include "interpreter.h"
#include "link.h"
#include "pack.h"
#include "page.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_LIMIT_MS = 20000 };

/* Tasks may nest: one that asks is answered by doing others. */
typedef struct call {
    struct call *outer;
    uint32_t seq;
    bool done;
    local_result_t *result;
} call_t;

struct local {
    tt_loop_t *loop;
    char *wanted, *interpreter;
    local_ask_fn *ask;
    void *arg;
    pid_t pid;
    tt_link_t *link;
    tt_page_t *page;
    bool ready, failed;
    char language[64], version[64], program[256];
    char ending[128];
    int exit_status;
    uint32_t seq;
    call_t *call; /* the innermost under way */
};

static void on_message(void *arg, tt_rt_message_t *message);
static void on_link_end(void *arg, const char *why);

static const tt_link_handlers_t link_handlers = {on_message, on_link_end};

/* ---- start and end */

static void take_down(local_t *self)
{
    tt_link_destroy(&self->link);
    tt_page_unmap(&self->page);
    self->pid = 0;
}

static int spawn(local_t *self, tt_error_t *err)
{
    const char *argv[TT_ARGV_MAX];
    int fds[2] = {-1, -1};
    if (tt_interpreter_argv(self->wanted, self->interpreter, "local", NULL, argv, err) != 0)
        return -1;
    int page_fd = tt_page_create(&self->page);
    if (page_fd < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) {
        tt_error_set(err, "cannot start the local engine: %s", strerror(errno));
        self->pid = -1;
    } else {
        tt_child_t child = {.argv = argv,
                            .fd = {0, 1, 2, fds[1], page_fd},
                            .own_group = true,
                            .dies_with_us = true};
        self->pid = tt_child_spawn(&child, err);
        close(fds[1]);
    }
    if (page_fd >= 0)
        close(page_fd);
    for (int i = 0; argv[i]; i++)
        free((char *)(uintptr_t)argv[i]);
    if (self->pid > 0)
        self->link = tt_link_new(self->loop, fds[0], &link_handlers, self);
    return self->pid > 0 ? 0 : -1;
}

static int start(local_t *self, tt_error_t *err)
{
    self->ready = self->failed = false;
    self->ending[0] = 0;
    self->seq = 0;
    if (spawn(self, err) != 0)
        return -1;
    /* Our owner has no hold of us yet and cannot pass SIGCHLD on: so we look ourselves. */
    int64_t until = tt_now_ms() + START_LIMIT_MS;
    while (!tt_loop_run_until(self->loop, &self->ready, 20) && tt_now_ms() < until)
        local_reap(self);
    if (self->ready && !self->failed)
        return 0;
    tt_error_set(err, "the local engine (%s) does not start: %s",
                 *self->interpreter ? self->interpreter : self->wanted,
                 self->ending[0] ? self->ending : "no answer within 20 s");
    if (self->pid > 0)
        kill(-self->pid, SIGKILL);
    return -1;
}

local_t *local_new(tt_loop_t *loop, const char *language, const char *program,
                   local_ask_fn *ask, void *arg, tt_error_t *err)
{
    local_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->wanted = tt_strdup(language);
    self->interpreter = tt_strdup(program);
    self->ask = ask;
    self->arg = arg;
    if (start(self, err) != 0)
        local_destroy(&self);
    return self;
}

void local_destroy(local_t **self_p)
{
    local_t *self = *self_p;
    if (self == NULL)
        return;
    if (self->pid > 0) {
        tt_link_send(self->link, TT_RT_STOP, 0, (tt_span_t){NULL, 0}, 0, NULL);
        for (int i = 0; i < 50 && waitpid(self->pid, NULL, WNOHANG) == 0; i++)
            usleep(10000);
        kill(-self->pid, SIGKILL);
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    take_down(self);
    free(self->wanted);
    free(self->interpreter);
    free(self);
    *self_p = NULL;
}

const char *local_language(const local_t *self)
{
    return self->language;
}

const char *local_version(const local_t *self)
{
    return self->version;
}

const char *local_program(const local_t *self)
{
    return self->program;
}

/* Its end: every task under way is lost. */
static void ended(local_t *self, int status)
{
    if (self->link)
        tt_link_drain(self->link);
    snprintf(self->ending, sizeof self->ending, "it %s", tt_child_ending(status));
    self->exit_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    self->failed = self->ready = true; /* ends the wait of start */
    for (call_t *call = self->call; call; call = call->outer) {
        if (!call->done) {
            call->result->status = TT_STATUS_LOST;
            snprintf(call->result->cause, sizeof call->result->cause, "the local engine %s",
                     tt_child_ending(status));
        }
        call->result->ended = call->done = true;
        call->result->exit_status = self->exit_status;
    }
    take_down(self);
}

void local_reap(local_t *self)
{
    int status;
    if (self->pid > 0 && waitpid(self->pid, &status, WNOHANG) == self->pid)
        ended(self, status);
}

/* The socket may end before the process does; then SIGCHLD follows. */
static void on_link_end(void *arg, const char *why)
{
    local_t *self = arg;
    if (why)
        fprintf(stderr, "tutti: local engine: %s\n", why);
    if (self->pid > 0 && why)
        kill(-self->pid, SIGKILL);
}

/* ---- messages */

static void on_hello(local_t *self, tt_rt_message_t *message)
{
    uint64_t major, minor;
    tt_reader_t *fields = &message->fields;
    if (tt_read_uint(fields, &major) != 0 || tt_read_uint(fields, &minor) != 0 ||
        major != TT_RT_MAJOR) {
        snprintf(self->ending, sizeof self->ending, "its runtime speaks another protocol");
        self->failed = true;
    }
    tt_read_text(fields, self->language, sizeof self->language);
    tt_read_text(fields, self->version, sizeof self->version);
    tt_read_text(fields, self->program, sizeof self->program);
    self->ready = true;
    tt_buf_t start_fields;
    tt_buf_init(&start_fields);
    tt_pack_int(&start_fields, -1);
    tt_pack_text(&start_fields, "");
    tt_link_send(self->link, TT_RT_START, 0, (tt_span_t){start_fields.data, start_fields.len},
                 2, NULL);
    tt_buf_release(&start_fields);
}

static void on_result(local_t *self, tt_rt_message_t *message)
{
    uint64_t status = TT_STATUS_ERROR;
    call_t *call = self->call;
    while (call && call->seq != message->seq)
        call = call->outer;
    if (call == NULL)
        return;
    tt_read_uint(&message->fields, &status);
    call->result->status = (unsigned)status;
    for (size_t i = 0; i < message->frame_count; i++)
        tt_frames_copy(&call->result->frames, message->frames[i].data, message->frames[i].len);
    call->done = true;
}

/* Answering may take long and run the loop: not within the link's own handler. */
typedef struct {
    local_t *self;
    uint32_t seq;
    char *what, *text;
} asked_t;

static void on_asked(void *arg)
{
    asked_t *asked = arg;
    asked->self->ask(asked->self->arg, asked->seq, asked->what, asked->text);
    free(asked->what);
    free(asked->text);
    free(asked);
}

static void on_ask(local_t *self, tt_rt_message_t *message)
{
    tt_span_t what, text;
    if (tt_read_str(&message->fields, &what) != 0 || tt_read_str(&message->fields, &text) != 0)
        return;
    asked_t *asked = tt_alloc(sizeof *asked);
    *asked = (asked_t){self, message->seq, tt_strndup((const char *)what.data, what.len),
                       tt_strndup((const char *)text.data, text.len)};
    tt_loop_add_timer(self->loop, 0, on_asked, asked);
}

static const struct {
    unsigned type;
    void (*handler)(local_t *, tt_rt_message_t *);
} handlers[] = {{TT_RT_HELLO, on_hello}, {TT_RT_RESULT, on_result}, {TT_RT_ASK, on_ask}};

static void on_message(void *arg, tt_rt_message_t *message)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].type == message->type)
            handlers[i].handler(arg, message);
}

/* ---- tasks */

void local_result_release(local_result_t *self)
{
    tt_frames_release(&self->frames);
}

int local_call(local_t *self, unsigned op, tt_span_t args, tt_frames_t *frames,
               local_result_t *result, tt_error_t *err)
{
    *result = (local_result_t){.exit_status = -1};
    if (self->pid <= 0 && start(self, err) != 0) {
        if (frames)
            tt_frames_release(frames);
        return -1;
    }
    call_t call = {self->call, ++self->seq, false, result};
    tt_frames_t all;
    tt_frames_init(&all);
    tt_frames_copy(&all, args.data, args.len);
    for (size_t i = 0; frames && i < frames->count; i++)
        tt_frames_take(&all, &frames->items[i]);
    if (frames)
        tt_frames_release(frames);
    self->call = &call;
    tt_link_send(self->link, op, call.seq, (tt_span_t){NULL, 0}, 0, &all);
    while (!call.done)
        tt_loop_run_until(self->loop, &call.done, 3600 * 1000);
    self->call = call.outer;
    return 0;
}

int local_await_end(local_t *self)
{
    tt_loop_run_until(self->loop, &self->failed, 5000);
    return self->failed ? self->exit_status : 0;
}

bool local_busy(const local_t *self)
{
    return self->call != NULL;
}

void local_interrupt(local_t *self)
{
    uint32_t seq = self->page && self->pid > 0 ? tt_page_running(self->page) : 0;
    if (seq == 0 || !tt_page_claim(self->page, seq))
        return;
    kill(-self->pid, SIGINT);
    tt_page_sent(self->page, seq);
}

void local_answer(local_t *self, uint32_t seq, unsigned status, tt_frames_t *frames)
{
    tt_buf_t fields;
    if (self->link == NULL) {
        tt_frames_release(frames);
        return;
    }
    tt_buf_init(&fields);
    tt_pack_uint(&fields, status);
    tt_link_send(self->link, TT_RT_ANSWER, seq, (tt_span_t){fields.data, fields.len}, 1,
                 frames);
    tt_buf_release(&fields);
}
