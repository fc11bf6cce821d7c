/* The local engine. See local.h. Its end is told by its process; a task under way then ends as
 * LOST. */
#include "local.h"

#include "bulk.h"
#include "child.h"
#include "interpreter.h"
#include "link.h"
#include "pack.h"
#include "page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    START_LIMIT_MS = 20000,
    INTERRUPT_MS = 100, /* what a question has to end in after its limit */
    PIECE_MS = 100,     /* until a line without its end is told */
    PIECE_LIMIT = 64 << 10
};

/* Tasks may nest: one that asks is answered by doing others. */
typedef struct call {
    struct call *outer;
    uint32_t seq;
    bool done;
    bool on_terminal; /* it owns the terminal */
    local_result_t *result;
} call_t;

struct local {
    tt_loop_t *loop;
    char *wanted, *interpreter;
    terminal_t *terminal; /* the prompt's */
    local_ask_fn *ask;
    local_output_fn *output;
    void *arg;
    pid_t pid, group; /* the group is what the terminal is given to */
    int out;          /* with a terminal: what it writes while it does not own that; -1 */
    tt_buf_t piece;   /* the unfinished line of that */
    uint64_t piece_timer;
    bool stopped; /* it wanted the terminal when it was not its */
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

/* Tells the first bytes of what was held. */
static void tell(local_t *self, size_t len)
{
    if (len > 0)
        self->output(self->arg, (tt_span_t){self->piece.data, len});
    tt_buf_consume(&self->piece, len);
}

static void tell_rest(void *arg)
{
    local_t *self = arg;
    self->piece_timer = 0;
    tell(self, self->piece.len);
}

/* A pipe may cut a line anywhere: its pieces are told together, or after a moment. */
static void tell_lines(local_t *self, const uint8_t *bytes, size_t len)
{
    const uint8_t *newline = memrchr(bytes, '\n', len);
    size_t whole = newline ? self->piece.len + (size_t)(newline + 1 - bytes) : 0;
    tt_buf_append(&self->piece, bytes, len);
    tell(self, self->piece.len > PIECE_LIMIT ? self->piece.len : whole);
    if (self->piece.len > 0 && self->piece_timer == 0)
        self->piece_timer = tt_loop_add_timer(self->loop, PIECE_MS, tell_rest, self);
}

static void on_output(void *arg, int fd, uint32_t events)
{
    local_t *self = arg;
    uint8_t bytes[16384];
    ssize_t got = read(fd, bytes, sizeof bytes);
    (void)events;
    if (got > 0) {
        tell_lines(self, bytes, (size_t)got);
    } else if (got == 0) {
        tt_loop_remove_fd(self->loop, fd);
        close(fd);
        self->out = -1;
    }
}

static void take_down(local_t *self)
{
    tt_link_destroy(&self->link);
    tt_page_unmap(&self->page);
    if (self->out >= 0) {
        on_output(self, self->out, 0); /* its last words */
        tt_loop_remove_fd(self->loop, self->out);
        if (self->out >= 0)
            close(self->out);
    }
    tt_loop_cancel_timer(self->loop, self->piece_timer);
    tell_rest(self);
    self->out = -1;
    self->pid = self->group = 0;
    self->stopped = false;
}

/* The descriptors of the new process: its end of the socket, what it writes to, and ours. */
typedef struct {
    int socket[2], out[2], page_fd;
} plumbing_t;

/* A shell has job control, so it is on the terminal all the time. */
static bool is_shell(const local_t *self)
{
    return strcmp(self->wanted, "sh") == 0;
}

static bool has_pipe(const local_t *self)
{
    return self->terminal && !is_shell(self);
}

static int make_plumbing(local_t *self, plumbing_t *new, tt_error_t *err)
{
    *new = (plumbing_t){{-1, -1}, {-1, -1}, tt_page_create(&self->page)};
    if (new->page_fd < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new->socket) != 0 ||
        (has_pipe(self) && pipe2(new->out, O_CLOEXEC | O_NONBLOCK) != 0))
        return tt_error_set(err, "cannot start the local engine: %s", strerror(errno));
    if (has_pipe(self))
        fcntl(new->out[1], F_SETFL, 0); /* user code's end blocks, as a pipe does */
    return 0;
}

static void close_theirs(const plumbing_t *new)
{
    const int fds[] = {new->socket[1], new->out[1], new->page_fd};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int spawn(local_t *self, tt_error_t *err)
{
    const char *argv[TT_ARGV_MAX];
    const char *mode = self->terminal ? "terminal" : "local";
    plumbing_t new;
    if (tt_interpreter_argv(self->wanted, self->interpreter, mode, NULL, argv, err) != 0)
        return -1;
    self->pid = -1;
    if (make_plumbing(self, &new, err) == 0) {
        tt_child_t child = {.argv = argv,
                            .fd = {0, 1, 2, new.socket[1], new.page_fd},
                            .own_group = true,
                            .dies_with_us = true};
        if (has_pipe(self))
            memcpy(child.fd, (int[]){-1, new.out[1], new.out[1]}, 3 * sizeof(int));
        self->pid = tt_child_spawn(&child, err);
    }
    close_theirs(&new);
    for (int i = 0; argv[i]; i++)
        free((char *)(uintptr_t)argv[i]);
    self->group = self->pid;
    self->out = new.out[0];
    if (self->pid > 0) {
        self->link = tt_link_new(self->loop, new.socket[0], &link_handlers, self);
        if (self->out >= 0)
            tt_loop_add_fd(self->loop, self->out, EPOLLIN, on_output, self);
        return 0;
    }
    if (new.socket[0] >= 0)
        close(new.socket[0]);
    take_down(self);
    return -1;
}

static int start(local_t *self, tt_error_t *err)
{
    self->ready = self->failed = false;
    self->ending[0] = 0;
    self->seq = 0;
    if (spawn(self, err) != 0)
        return -1;
    /* A shell that begins without the terminal has no job control. */
    bool shell = self->terminal && is_shell(self);
    if (shell)
        terminal_give(self->terminal, self->group);
    /* Our owner has no hold of us yet and cannot pass SIGCHLD on: so we look ourselves. */
    int64_t until = tt_now_ms() + START_LIMIT_MS;
    while (!tt_loop_run_until(self->loop, &self->ready, 20) && tt_now_ms() < until)
        local_reap(self);
    if (shell)
        terminal_take(self->terminal);
    if (self->ready && !self->failed)
        return 0;
    tt_error_set(err, "the local engine (%s) does not start: %s",
                 *self->interpreter ? self->interpreter : self->wanted,
                 self->ending[0] ? self->ending : "no answer within 20 s");
    if (self->pid > 0)
        kill(-self->pid, SIGKILL);
    return -1;
}

local_t *local_new(tt_loop_t *loop, const local_wish_t *wish, tt_error_t *err)
{
    local_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->wanted = tt_strdup(wish->language);
    self->interpreter = tt_strdup(wish->program);
    self->terminal = wish->terminal;
    self->ask = wish->ask;
    self->output = wish->output;
    self->arg = wish->arg;
    self->out = -1;
    tt_buf_init(&self->piece);
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
        if (self->stopped)
            kill(-self->pid, SIGCONT);
        tt_link_send(self->link, TT_RT_STOP, 0, (tt_span_t){NULL, 0}, 0, NULL);
        for (int i = 0; i < 50 && waitpid(self->pid, NULL, WNOHANG) == 0; i++)
            usleep(10000);
        kill(-self->pid, SIGKILL);
        while (waitpid(self->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    take_down(self);
    tt_buf_release(&self->piece);
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

/* Ctrl-Z while a line runs stops us, too. Without a line, a thread of user code wanted the
 * terminal: it sleeps until the next one. */
static void was_stopped(local_t *self)
{
    if (self->terminal && terminal_holder(self->terminal) > 0)
        terminal_suspend(self->terminal);
    else if (self->call)
        kill(-self->group, SIGCONT);
    else
        self->stopped = true;
}

void local_reap(local_t *self)
{
    int status;
    while (self->pid > 0 && waitpid(self->pid, &status, WNOHANG | WUNTRACED) == self->pid) {
        if (!WIFSTOPPED(status))
            ended(self, status);
        else
            was_stopped(self);
    }
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
    /* A shell has a group of its own, which is the one that the terminal is for. */
    int64_t pid = 0;
    pid_t group = tt_read_int(fields, &pid) == 0 && pid > 1 ? getpgid((pid_t)pid) : 0;
    if (group > 1 && group != getpgrp())
        self->group = group;
    self->ready = true;
    tt_buf_t start_fields;
    tt_buf_init(&start_fields);
    tt_pack_int(&start_fields, -1);
    tt_pack_text(&start_fields, "");
    tt_link_send(self->link, TT_RT_START, 0, (tt_span_t){start_fields.data, start_fields.len},
                 2, NULL);
    tt_buf_release(&start_fields);
}

static void take_frames(local_result_t *result, const tt_rt_message_t *message)
{
    tt_frames_t inlined;
    tt_error_t err;
    tt_frames_init(&inlined);
    for (size_t i = 0; i < message->frame_count; i++)
        if (message->layout.places[i].offset == TT_IN_MESSAGE)
            tt_frames_copy(&inlined, message->frames[i].data, message->frames[i].len);
    if (tt_bulk_join(message->spool, &message->layout, &inlined, &result->frames, &err) == 0)
        return;
    fprintf(stderr, "tutti: local engine: %s\n", err.text);
    result->status = TT_STATUS_LOST;
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
    take_frames(call->result, message);
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
    if (asked->self->terminal)
        terminal_take(asked->self->terminal);
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

/* The frames of a big value lie in a file. */
static int send_frames(local_t *self, unsigned type, uint32_t seq, tt_span_t fields,
                       size_t field_count, tt_frames_t *frames, tt_error_t *err)
{
    tt_layout_t layout;
    tt_frames_t bulk;
    tt_frames_init(&bulk);
    tt_bulk_split(frames, &layout, &bulk);
    tt_spool_t *spool = layout.bytes > 0 ? tt_bulk_spool(&bulk, &layout, err) : NULL;
    bool lacks = layout.bytes > 0 && spool == NULL;
    if (!lacks)
        tt_link_send_spooled(self->link, type, seq, fields, field_count, &layout, spool,
                             frames);
    tt_frames_release(frames);
    tt_frames_release(&bulk);
    tt_layout_release(&layout);
    tt_spool_release(&spool);
    return lacks ? -1 : 0;
}

static int send_call(local_t *self, call_t *call, unsigned op, tt_span_t args,
                     tt_frames_t *frames, tt_error_t *err)
{
    tt_frames_t all;
    tt_frames_init(&all);
    tt_frames_copy(&all, args.data, args.len);
    for (size_t i = 0; frames && i < frames->count; i++)
        tt_frames_take(&all, &frames->items[i]);
    if (frames)
        tt_frames_release(frames);
    if (self->stopped)
        kill(-self->group, SIGCONT);
    self->stopped = false;
    if (send_frames(self, op, call->seq, (tt_span_t){NULL, 0}, 0, &all, err) != 0)
        return -1;
    self->call = call;
    return 0;
}

/* Puts the call under way. Frames are taken. */
static int begin(local_t *self, call_t *call, unsigned op, tt_span_t args, tt_frames_t *frames,
                 tt_error_t *err)
{
    *call->result = (local_result_t){.exit_status = -1};
    if (self->pid <= 0 && start(self, err) != 0) {
        if (frames)
            tt_frames_release(frames);
        return -1;
    }
    call->outer = self->call;
    call->seq = ++self->seq;
    if (call->on_terminal)
        terminal_give(self->terminal, self->group);
    int rc = send_call(self, call, op, args, frames, err);
    if (rc != 0 && call->on_terminal)
        terminal_take(self->terminal);
    return rc;
}

static void finish(local_t *self, const call_t *call)
{
    if (call->on_terminal)
        terminal_take(self->terminal);
    else if (self->terminal && is_shell(self))
        terminal_reclaim(self->terminal);
    self->call = call->outer;
}

/* However long user code takes. */
static int do_whole(local_t *self, call_t *call, unsigned op, tt_span_t args,
                    tt_frames_t *frames, tt_error_t *err)
{
    if (begin(self, call, op, args, frames, err) != 0)
        return -1;
    while (!call->done)
        tt_loop_run_until(self->loop, &call->done, 3600 * 1000);
    finish(self, call);
    return 0;
}

int local_call(local_t *self, unsigned op, tt_span_t args, tt_frames_t *frames,
               local_result_t *result, tt_error_t *err)
{
    call_t call = {.result = result};
    return do_whole(self, &call, op, args, frames, err);
}

int local_run(local_t *self, unsigned op, tt_span_t args, local_result_t *result,
              tt_error_t *err)
{
    call_t call = {.result = result, .on_terminal = self->terminal != NULL};
    return do_whole(self, &call, op, args, NULL, err);
}

/* Interrupts the task, if it is what runs now. */
static void interrupt(local_t *self, uint32_t seq)
{
    if (self->page == NULL || self->pid <= 0 || tt_page_running(self->page) != seq ||
        !tt_page_claim(self->page, seq))
        return;
    kill(-self->pid, SIGINT);
    if (self->group != self->pid)
        kill(-self->group, SIGINT);
    tt_page_sent(self->page, seq);
}

int local_ask_within(local_t *self, unsigned op, tt_span_t args, int limit_ms,
                     local_result_t *result)
{
    tt_error_t err;
    call_t call = {.result = result};
    if (self->pid <= 0 || begin(self, &call, op, args, NULL, &err) != 0)
        return -1;
    if (!tt_loop_run_until(self->loop, &call.done, limit_ms)) {
        interrupt(self, call.seq);
        tt_loop_run_until(self->loop, &call.done, INTERRUPT_MS);
        result->status = TT_STATUS_TIMEOUT; /* what comes later finds nobody who waits for it */
    }
    finish(self, &call);
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
    if (seq != 0)
        interrupt(self, seq);
}

void local_give_up(local_t *self)
{
    if (self->pid > 0)
        kill(-self->pid, SIGKILL);
}

void local_answer(local_t *self, uint32_t seq, unsigned status, tt_frames_t *frames)
{
    tt_buf_t fields;
    tt_error_t err;
    if (self->link == NULL) {
        tt_frames_release(frames);
        return;
    }
    if (self->call && self->call->on_terminal)
        terminal_give(self->terminal, self->group);
    tt_buf_init(&fields);
    tt_pack_uint(&fields, status);
    tt_span_t told = {fields.data, fields.len};
    if (send_frames(self, TT_RT_ANSWER, seq, told, 1, frames, &err) != 0) {
        fprintf(stderr, "tutti: %s\n", err.text);
        fields.len = 0;
        tt_pack_uint(&fields, TT_STATUS_ERROR);
        told = (tt_span_t){fields.data, fields.len};
        tt_link_send(self->link, TT_RT_ANSWER, seq, told, 1, NULL);
    }
    tt_buf_release(&fields);
}
