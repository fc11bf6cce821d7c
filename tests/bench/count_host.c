/* Sends tasks through an engine host, to be counted: the program is its controller, and the
 * interpreters of its four engines. Started by scripts/check-instructions.
 *
 *     count_host CASE COUNT
 *
 * one    one task after the other: TASK in, EXECUTE down the engine's socket, RESULT up, RESULT
 *        out
 * busy   128 of them under way, in parcels
 */
#include "count.h"

#include "engine/host.h"

#include "child.h"
#include "page.h"

#include <sys/socket.h>
#include <unistd.h>

enum { ENGINES = 4, WINDOW = 128, PID = 1 << 30 /* nobody's */ };

/* The interpreter of an engine. */
typedef struct {
    int fd;
    tt_page_t *page;
    tt_buf_t in, out;
} runtime_t;

static mouth_t controller;
static runtime_t runtimes[ENGINES];
static size_t runtime_count, ready, results;
static uint64_t given;
static bool busy;

/* ---- interpreters */

pid_t __wrap_tt_child_spawn(const tt_child_t *child, tt_error_t *err);

/* What would be an interpreter's is the program's; its output ends stay open. */
pid_t __wrap_tt_child_spawn(const tt_child_t *child, tt_error_t *err)
{
    (void)err;
    if (runtime_count == ENGINES)
        die("an engine was started again");
    runtime_t *self = &runtimes[runtime_count++];
    if (dup(child->fd[1]) < 0 || dup(child->fd[2]) < 0)
        die("no descriptor is left");
    self->fd = dup(child->fd[TT_RT_SOCKET_FD]);
    self->page = tt_page_map(child->fd[TT_RT_PAGE_FD]);
    return PID + (int)runtime_count;
}

static void write_out(runtime_t *self)
{
    if (self->out.len > 0 &&
        write(self->fd, self->out.data, self->out.len) != (ssize_t)self->out.len)
        die("a runtime's socket is full");
    self->out.len = 0;
}

static void say_runtime_hello(runtime_t *self)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    tt_pack_uint(&fields, TT_RT_MAJOR);
    tt_pack_uint(&fields, TT_RT_MINOR);
    tt_pack_text(&fields, "mock");
    tt_pack_text(&fields, "1");
    tt_pack_text(&fields, "/bin/mock");
    tt_pack_int(&fields, PID);
    tt_pack_uint(&fields, TT_FEATURE_PAGE | TT_FEATURE_REVOKE | TT_FEATURE_SPOOL);
    tt_rt_pack(&self->out, TT_RT_HELLO, 0, NULL, 0, (tt_span_t){fields.data, fields.len}, 7);
    write_out(self);
    tt_buf_release(&fields);
}

static void execute(runtime_t *self, uint32_t seq)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    if (!tt_page_start(self->page, seq) || !tt_page_finish(self->page, seq))
        die("a task was revoked or interrupted");
    tt_pack_uint(&fields, TT_STATUS_OK);
    tt_pack_int(&fields, RUN_NS);
    tt_pack_array(&fields, 4);
    for (int i = 0; i < 4; i++)
        tt_pack_uint(&fields, 0);
    tt_rt_pack(&self->out, TT_RT_RESULT, seq, &answer->len, 1,
               (tt_span_t){fields.data, fields.len}, 3);
    tt_buf_append(&self->out, answer->data, answer->len);
    tt_buf_release(&fields);
}

static void run_runtime(runtime_t *self)
{
    uint8_t *at = tt_buf_reserve(&self->in, 65536);
    ssize_t got = recv(self->fd, at, 65536, MSG_DONTWAIT);
    if (got <= 0)
        return;
    self->in.len += (size_t)got;
    tt_rt_message_t message;
    tt_error_t err;
    size_t taken = 0, used;
    tt_rt_message_init(&message);
    while (tt_rt_parse(&message, (tt_span_t){self->in.data + taken, self->in.len - taken},
                       1 << 20, &used, &err) == 1) {
        taken += used;
        if (message.type == TT_RT_EXECUTE)
            execute(self, message.seq);
    }
    tt_buf_consume(&self->in, taken);
    tt_rt_message_release(&message);
    write_out(self);
}

/* ---- the controller */

static void say_spawn(mouth_t *self)
{
    tt_buf_t ids, none;
    tt_buf_init(&ids);
    tt_buf_init(&none);
    tt_pack_array(&ids, ENGINES);
    for (int i = 0; i < ENGINES; i++)
        tt_pack_int(&ids, i);
    tt_pack_array(&none, 0);
    tt_message_t message = tt_message(TT_MSG_SPAWN, 0);
    message.as.spawn.engines = (tt_span_t){ids.data, ids.len};
    message.as.spawn.language = tt_span("mock");
    message.as.spawn.program = message.as.spawn.directory = tt_span("");
    message.as.spawn.args = (tt_span_t){none.data, none.len};
    message.as.spawn.environment = message.as.spawn.args;
    say(self, &message, NULL, 0);
    tt_buf_release(&ids);
    tt_buf_release(&none);
}

static void give_task(void)
{
    uint8_t engine[2] = {0x91, (uint8_t)(given % ENGINES)};
    tt_message_t message = tt_message(TT_MSG_TASK, ((uint64_t)0x12345678 << 32) + ++given);
    message.as.task.op = TT_RT_EXECUTE;
    message.as.task.engines = (tt_span_t){engine, sizeof engine};
    message.as.task.attempt = 1;
    if (busy)
        say_along(&controller, &message, &arguments, 1);
    else
        say(&controller, &message, &arguments, 1);
}

static void on_message(mouth_t *from, const tt_message_t *message)
{
    if (message->type == TT_MSG_HELLO) {
        tt_message_t reply = welcome(message->id);
        say(from, &reply, NULL, 0);
        say_spawn(from);
    }
    ready += message->type == TT_MSG_ENGINE && message->as.engine.state == TT_ENGINE_READY;
    results += message->type == TT_MSG_RESULT;
    if (message->type == TT_MSG_RESULT && message->as.result.status != 0)
        die("a task failed");
}

static void play(void)
{
    static size_t greeted;
    results = 0;
    hear(&controller, on_message);
    for (; greeted < runtime_count; greeted++)
        say_runtime_hello(&runtimes[greeted]);
    if (ready == ENGINES && given == 0)
        results = busy ? WINDOW : 1; /* as many begin */
    else
        count(results);
    for (size_t i = 0; i < runtime_count; i++)
        run_runtime(&runtimes[i]);
    for (; results > 0; results--)
        give_task();
    flush(&controller);
}

int main(int argc, char **argv)
{
    begin_count(argc, argv);
    busy = strcmp(argv[1], "busy") == 0;
    open_mouth(&controller, ZMQ_ROUTER, "ipc://engine");
    host_options_t options = {
        .endpoint = "ipc://engine", .cluster = "count", .grace_ms = 1000, .watch_pid = 1};
    return host_run(&options);
}
