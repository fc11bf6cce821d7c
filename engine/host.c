/* The engine host: its connection, its messages, its children. See host.h and ARCHITECTURE.md.
 */
#include "host.h"

#include "beat.h"
#include "child.h"
#include "engine.h"
#include "files.h"
#include "identity.h"
#include "interpreter.h"
#include "log.h"
#include "pack.h"
#include "values.h"
#include "zygote.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    BEAT_MS = 1000,
    WELCOME_LIMIT_MS = 10000, /* from the first HELLO to WELCOME */
    STOP_LIMIT_MS = 500,      /* from STOP until what is left is killed */
    SILENCE_MS = 60000,       /* a far controller answers each beat, so its link is dead then */
    OUTBOX_CAP = 64 << 20,
    FDS_PER_ENGINE = 5
};

struct host {
    const host_options_t *options;
    tt_loop_t *loop;
    void *context, *socket;
    tt_outbox_t *outbox;
    uint8_t uuid[16];
    uint64_t epoch; /* random, of this process */
    uint64_t controller_epoch;
    int controller_fd; /* pidfd; -1 while none is known */
    bool registered;
    int64_t heard_ms;        /* of the controller last */
    uint64_t deadline_timer; /* welcome, grace or stop limit: whichever is under way */
    engine_t **engines;
    size_t engine_count;
    spec_t *specs;
    blob_table_t blobs;
    files_t *files;
    values_t *values;
    beat_t *load;
    bool stopping;
    int exit_status;
};

static void connect_controller(host_t *self);
static void beat(host_t *self);
static void finish(host_t *self);

tt_loop_t *host_loop(host_t *self)
{
    return self->loop;
}

blob_table_t *host_blobs(host_t *self)
{
    return &self->blobs;
}

values_t *host_values(host_t *self)
{
    return self->values;
}

const char *host_cluster(const host_t *self)
{
    return self->options->cluster;
}

void host_send(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    if (self->registered)
        tt_outbox_send(self->outbox, message, payload);
    else if (payload)
        tt_frames_release(payload);
}

bool host_congested(const host_t *self)
{
    return self->outbox && tt_outbox_full(self->outbox);
}

/* ---- engines */

static engine_t *find_engine(void *arg, int id)
{
    host_t *self = arg;
    for (size_t i = 0; i < self->engine_count; i++)
        if (engine_id(self->engines[i]) == id)
            return self->engines[i];
    return NULL;
}

static engine_t *find_pid(host_t *self, pid_t pid)
{
    for (size_t i = 0; i < self->engine_count; i++)
        if (engine_pid(self->engines[i]) == pid)
            return self->engines[i];
    return NULL;
}

/* Calls `fn` for each engine of a packed list of ids; nil means all. */
static void each_engine(host_t *self, tt_span_t any, void (*fn)(engine_t *, void *), void *arg)
{
    int *ids;
    bool all;
    int count = tt_ids_read(any, &ids, &all);
    for (size_t i = 0; all && i < self->engine_count; i++)
        fn(self->engines[i], arg);
    for (int i = 0; i < count; i++) {
        engine_t *engine = find_engine(self, ids[i]);
        if (engine)
            fn(engine, arg);
    }
    free(ids);
}

/* ---- registration */

static void on_grace_end(void *arg)
{
    host_t *self = arg;
    self->deadline_timer = 0;
    tt_log(TT_LOG_WARN, "no controller came back within %ld s: ending",
           self->options->grace_ms / 1000);
    finish(self);
}

static void on_no_welcome(void *arg)
{
    host_t *self = arg;
    self->deadline_timer = 0;
    tt_log(TT_LOG_ERROR, "no controller answers at '%s'", self->options->endpoint);
    self->exit_status = 3;
    finish(self);
}

static void set_deadline(host_t *self, int64_t delay_ms, tt_timer_fn *fn)
{
    tt_loop_cancel_timer(self->loop, self->deadline_timer);
    self->deadline_timer = fn ? tt_loop_add_timer(self->loop, delay_ms, fn, self) : 0;
}

static void say_hello(host_t *self)
{
    tt_buf_t engines;
    tt_buf_init(&engines);
    tt_pack_array(&engines, self->engine_count);
    for (size_t i = 0; i < self->engine_count; i++)
        engine_pack(self->engines[i], &engines);
    tt_message_t message = tt_message(TT_MSG_HELLO, 0);
    tt_msg_hello_t *hello = &message.as.hello;
    hello->major = TT_WIRE_MAJOR;
    hello->minor = TT_WIRE_MINOR;
    hello->uuid = (tt_span_t){self->uuid, sizeof self->uuid};
    hello->epoch = self->epoch;
    hello->program = tt_span("tutti-engine");
    hello->host = tt_span(tt_host_name());
    hello->boot = tt_span(tt_boot_id());
    hello->pid = getpid();
    hello->watch_pid = self->options->watch_pid;
    hello->launch = self->options->launch;
    hello->engines = (tt_span_t){engines.data, engines.len};
    tt_outbox_send(self->outbox, &message, NULL);
    tt_buf_release(&engines);
}

static void on_controller_gone(void *arg, int fd, uint32_t events)
{
    host_t *self = arg;
    (void)events;
    tt_loop_remove_fd(self->loop, fd);
    close(fd);
    self->controller_fd = -1;
    if (self->stopping)
        return;
    tt_log(TT_LOG_WARN, "the controller is gone; keeping %zu engines for %ld s",
           self->engine_count, self->options->grace_ms / 1000);
    for (size_t i = 0; i < self->engine_count; i++)
        engine_forget_waiting(self->engines[i]);
    files_controller_gone(self->files);
    values_controller_gone(self->values);
    set_deadline(self, self->options->grace_ms, on_grace_end);
    connect_controller(self);
}

static void on_welcome(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_welcome_t *welcome = &message->as.welcome;
    (void)payload;
    self->registered = true;
    self->controller_epoch = welcome->epoch;
    if (welcome->minor >= 1)
        tt_outbox_parcel(self->outbox);
    set_deadline(self, 0, NULL);
    char boot[64];
    tt_text_copy(welcome->boot, boot, sizeof boot);
    if (!self->options->far && self->controller_fd < 0 && strcmp(boot, tt_boot_id()) == 0) {
        self->controller_fd = tt_pidfd_open((int)welcome->pid);
        if (self->controller_fd >= 0)
            tt_loop_add_fd(self->loop, self->controller_fd, EPOLLIN, on_controller_gone, self);
    }
    for (size_t i = 0; i < self->engine_count; i++)
        engine_report(self->engines[i], NULL);
    beat(self);
}

static void on_refuse(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    char text[256];
    (void)payload;
    tt_log(TT_LOG_ERROR, "the controller refuses this host: %s",
           tt_text_copy(message->as.refuse.text, text, sizeof text));
    self->exit_status = 3;
    finish(self);
}

static void on_who(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)message;
    (void)payload;
    if (!self->stopping)
        say_hello(self);
}

/* ---- spawning */

static char **copy_texts(tt_span_t any)
{
    tt_reader_t reader = tt_reader(any);
    size_t count = 0;
    tt_span_t text;
    tt_read_array(&reader, &count);
    char **texts = tt_alloc((count + 1) * sizeof *texts);
    for (size_t i = 0; i < count && tt_read_str(&reader, &text) == 0; i++)
        texts[i] = tt_strndup((const char *)text.data, text.len);
    return texts;
}

static char *copy_text(tt_span_t text)
{
    return tt_strndup((const char *)text.data, text.len);
}

static spec_t *new_spec(host_t *self, const tt_msg_spawn_t *spawn)
{
    spec_t *spec = tt_alloc(sizeof *spec);
    spec->language = copy_text(spawn->language);
    spec->program = copy_text(spawn->program);
    spec->directory = copy_text(spawn->directory);
    spec->labels = copy_text(spawn->labels);
    spec->args = copy_texts(spawn->args);
    spec->environment = copy_texts(spawn->environment);
    spec->nice = spawn->nice < 20 ? (int)spawn->nice : 19;
    spec->memory_bytes = spawn->memory_bytes;
    spec->next = self->specs;
    self->specs = spec;
    return spec;
}

static void free_texts(char **texts)
{
    for (size_t i = 0; texts[i]; i++)
        free(texts[i]);
    free(texts);
}

static void free_specs(host_t *self)
{
    while (self->specs) {
        spec_t *spec = self->specs;
        self->specs = spec->next;
        zygote_destroy(&spec->zygote);
        free(spec->language);
        free(spec->program);
        free(spec->directory);
        free(spec->labels);
        free_texts(spec->args);
        free_texts(spec->environment);
        free(spec);
    }
}

/* Whether that many more engines fit under the limit of open files; else the reason. */
static bool room_for(const host_t *self, size_t count, char *why, size_t size)
{
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_NOFILE, &limit);
    size_t need = 64 + (self->engine_count + count) * FDS_PER_ENGINE;
    if (need <= limit.rlim_cur)
        return true;
    snprintf(why, size,
             "%zu engines need %zu open files on one host; the limit (NOFILE) is %ld",
             self->engine_count + count, need, (long)limit.rlim_cur);
    return false;
}

static void add_engine(host_t *self, engine_t *engine)
{
    self->engines = tt_realloc(self->engines, (self->engine_count + 1) * sizeof *self->engines);
    self->engines[self->engine_count++] = engine;
}

static void remove_engine(host_t *self, int id)
{
    for (size_t i = 0; i < self->engine_count; i++) {
        if (engine_id(self->engines[i]) != id)
            continue;
        engine_destroy(&self->engines[i]);
        self->engines[i] = self->engines[--self->engine_count];
        return;
    }
}

static void on_spawn(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    const tt_msg_spawn_t *spawn = &message->as.spawn;
    int *ids;
    int count = tt_ids_read(spawn->engines, &ids, NULL);
    (void)payload;
    if (count <= 0 || self->stopping) {
        free(ids);
        return;
    }
    char why[256] = "";
    tt_error_t err;
    spec_t *spec = new_spec(self, spawn);
    files_set_directory(self->files, spec->directory);
    const tt_interpreter_t *row = tt_interpreter_find(spec->language);
    bool fits = room_for(self, (size_t)count, why, sizeof why);
    if (fits && row && row->zygote &&
        (spec->zygote = zygote_new(self, spec, find_engine, self, &err)) == NULL)
        snprintf(why, sizeof why, "%.250s", err.text);
    for (int i = 0; i < count; i++) {
        if (find_engine(self, ids[i]))
            remove_engine(self, ids[i]);
        engine_t *engine = engine_new(self, spec, ids[i]);
        add_engine(self, engine);
        if (*why)
            engine_fail(engine, why);
        else
            engine_start(engine);
    }
    free(ids);
}

/* ---- tasks */

static void submit_to(engine_t *engine, void *arg)
{
    engine_submit(engine, arg);
}

static void on_task(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    task_t *task = task_new(message->id, &message->as.task, payload);
    each_engine(self, message->as.task.engines, submit_to, task);
    task_release(&task);
}

static void cancel_in(engine_t *engine, void *arg)
{
    const tt_message_t *message = arg;
    engine_cancel(engine, message->id, message->as.cancel.waiting != 0);
}

static void on_cancel(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    tt_message_t asked = *message;
    (void)payload;
    each_engine(self, asked.as.cancel.engines, cancel_in, &asked);
}

static void interrupt_in(engine_t *engine, void *arg)
{
    (void)arg;
    engine_interrupt(engine);
}

static void on_interrupt(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    each_engine(self, message->as.interrupt.engines, interrupt_in, NULL);
}

typedef struct {
    uint64_t id;
    tt_buf_t list;
    size_t count;
} recalled_t;

static void recall_from(engine_t *engine, void *arg)
{
    recalled_t *recalled = arg;
    if (!engine_recall(engine, recalled->id))
        return;
    tt_pack_int(&recalled->list, engine_id(engine));
    recalled->count++;
}

static void on_recall(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    recalled_t recalled = {.id = message->id};
    tt_buf_t list;
    (void)payload;
    tt_buf_init(&recalled.list);
    tt_buf_init(&list);
    each_engine(self, message->as.recall.engines, recall_from, &recalled);
    tt_pack_array(&list, recalled.count);
    tt_buf_append(&list, recalled.list.data, recalled.list.len);
    tt_message_t answer = tt_message(TT_MSG_RETURNED, message->id);
    answer.as.returned.engines = (tt_span_t){list.data, list.len};
    host_send(self, &answer, NULL);
    tt_buf_release(&recalled.list);
    tt_buf_release(&list);
}

static void on_blob(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    blob_keep(&self->blobs, message->as.blob.hash, payload);
}

static void on_drop(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    for (size_t i = 0; i < self->engine_count; i++)
        engine_drop_blob(self->engines[i], message->as.drop.hash);
    blob_drop(&self->blobs, message->as.drop.hash);
}

static void act_on(engine_t *engine, void *arg)
{
    const tt_msg_action_t *asked = arg;
    if (asked->action == TT_ACTION_RESTART)
        engine_restart(engine);
    else if (asked->action == TT_ACTION_END)
        engine_kill(engine, true, "was stopped");
    else if (asked->action == TT_ACTION_RETIRE)
        engine_retire(engine);
    else if (asked->action == TT_ACTION_SIGNAL)
        engine_send_signal(engine, asked->signal);
}

static void on_action(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    tt_msg_action_t asked = message->as.action;
    (void)payload;
    each_engine(self, asked.engines, act_on, &asked);
}

/* ---- the end */

static void on_stop_limit(void *arg)
{
    host_t *self = arg;
    self->deadline_timer = 0;
    tt_loop_stop(self->loop);
}

static bool any_alive(const host_t *self)
{
    for (size_t i = 0; i < self->engine_count; i++)
        if (engine_pid(self->engines[i]) > 0)
            return true;
    return false;
}

/* Asks every interpreter to end and gives them a moment; the parent sweeps what is left. */
static void finish(host_t *self)
{
    if (self->stopping)
        return;
    self->stopping = true;
    set_deadline(self, STOP_LIMIT_MS, on_stop_limit);
    for (size_t i = 0; i < self->engine_count; i++)
        engine_stop(self->engines[i]);
    if (!any_alive(self))
        tt_loop_stop(self->loop);
}

static void on_stop(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)message;
    (void)payload;
    finish(self);
}

static void on_error(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    char text[256];
    (void)self;
    (void)payload;
    tt_log(TT_LOG_WARN, "the controller says: %s",
           tt_text_copy(message->as.error.text, text, sizeof text));
}

static void on_put(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    files_put(self->files, message);
}

static void on_get(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    files_get(self->files, message);
}

static void on_list(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    files_list(self->files, message);
}

static void on_chunk(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    files_chunk(self->files, message, payload);
}

static void on_credit(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    files_credit(self->files, message);
}

static void on_abort(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    files_abort(self->files, message);
}

static void on_data(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    values_data(self->values, message, payload);
}

static void on_want(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    values_want(self->values, message);
}

/* A task whose value has come may be any engine's. */
static void on_settled(host_t *self)
{
    for (size_t i = 0; i < self->engine_count; i++)
        engine_pump(self->engines[i]);
}

/* Whoever begins to look is told more at once, not with the next beat. */
static void on_beat_back(host_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    (void)payload;
    if (message->as.beat.look && beat_look(self->load, tt_now_ms()) && self->registered)
        beat(self);
}

static const struct {
    unsigned type;
    void (*handler)(host_t *, const tt_message_t *, tt_frames_t *);
} handlers[] = {
    {TT_MSG_TASK, on_task},       {TT_MSG_CANCEL, on_cancel}, {TT_MSG_INTERRUPT, on_interrupt},
    {TT_MSG_BEAT, on_beat_back},  {TT_MSG_BLOB, on_blob},     {TT_MSG_DROP, on_drop},
    {TT_MSG_RECALL, on_recall},   {TT_MSG_SPAWN, on_spawn},   {TT_MSG_ACTION, on_action},
    {TT_MSG_WELCOME, on_welcome}, {TT_MSG_REFUSE, on_refuse}, {TT_MSG_WHO, on_who},
    {TT_MSG_STOP, on_stop},       {TT_MSG_ERROR, on_error},   {TT_MSG_PUT, on_put},
    {TT_MSG_GET, on_get},         {TT_MSG_LIST, on_list},     {TT_MSG_CHUNK, on_chunk},
    {TT_MSG_CREDIT, on_credit},   {TT_MSG_ABORT, on_abort},   {TT_MSG_DATA, on_data},
    {TT_MSG_WANT, on_want},
};

static void handle(host_t *self, tt_packet_t *packet)
{
    tt_message_t message;
    tt_error_t err;
    tt_span_t header = {zmq_msg_data(&packet->header), zmq_msg_size(&packet->header)};
    if (tt_message_read(&message, header, &err) != 0) {
        tt_log(TT_LOG_WARN, "from the controller: %s", err.text);
        return;
    }
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type == message.type) {
            handlers[i].handler(self, &message, &packet->payload);
            return;
        }
    }
    tt_log(TT_LOG_WARN, "the controller sent message %u, which is not for a host",
           message.type);
}

static void on_packet(void *arg, tt_packet_t *packet, bool whole)
{
    if (whole)
        handle(arg, packet);
}

static void on_socket(void *arg, void *socket)
{
    host_t *self = arg;
    self->heard_ms = tt_now_ms();
    tt_packet_receive(socket, false, on_packet, self);
}

static void connect_controller(host_t *self)
{
    tt_error_t err;
    if (self->socket) {
        tt_loop_remove_zmq(self->loop, self->socket);
        tt_outbox_destroy(&self->outbox);
        tt_socket_close(self->socket, 0);
    }
    self->registered = false;
    self->socket =
        self->options->far
            ? tt_socket_once(self->context, self->options->endpoint, &err)
            : tt_socket_new(self->context, ZMQ_DEALER, self->options->endpoint, &err);
    if (self->socket == NULL) {
        tt_log(TT_LOG_ERROR, "%s", err.text);
        abort();
    }
    self->outbox = tt_outbox_new(self->loop, self->socket, (tt_span_t){NULL, 0}, OUTBOX_CAP);
    tt_loop_add_zmq(self->loop, self->socket, on_socket, self);
    say_hello(self);
}

/* ---- children and beats */

static spec_t *find_zygote(host_t *self, pid_t pid)
{
    spec_t *spec = self->specs;
    while (spec && (spec->zygote == NULL || zygote_pid(spec->zygote) != pid))
        spec = spec->next;
    return spec;
}

static void drain_zygotes(host_t *self)
{
    for (spec_t *spec = self->specs; spec; spec = spec->next)
        if (spec->zygote && zygote_pid(spec->zygote) > 0)
            zygote_drain(spec->zygote);
}

static void note_stop(host_t *self, const siginfo_t *info)
{
    siginfo_t taken = {0};
    engine_t *engine = find_pid(self, info->si_pid);
    bool stopped = info->si_code == CLD_STOPPED;
    waitid(P_PID, (id_t)info->si_pid, &taken, (stopped ? WSTOPPED : WCONTINUED) | WNOHANG);
    if (engine)
        engine_stopped(engine, stopped ? info->si_status : 0);
}

static int next_child(siginfo_t *info)
{
    info->si_pid = 0;
    int what = WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT;
    return waitid(P_ALL, 0, info, what) == 0 ? info->si_pid : 0;
}

/* We are a subreaper: whatever ends below us is reaped here. An engine's group is killed before
 * its pid can be used again; what left the group is swept by the parent at the end. */
static void reap(host_t *self)
{
    siginfo_t info;
    drain_zygotes(self);
    for (pid_t pid; (pid = next_child(&info)) > 0;) {
        int status = 0;
        if (info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED) {
            note_stop(self, &info);
            continue;
        }
        engine_t *engine = find_pid(self, pid);
        spec_t *spec = engine ? NULL : find_zygote(self, pid);
        if (engine)
            kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        if (engine) {
            engine_died(engine, status);
            if (engine_state(engine) == TT_ENGINE_GONE)
                remove_engine(self, engine_id(engine));
        } else if (spec) {
            zygote_died(spec->zygote, status);
        }
    }
    if (self->stopping && !any_alive(self))
        tt_loop_stop(self->loop);
}

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    host_t *self = arg;
    if (info->ssi_signo == SIGCHLD)
        reap(self);
    else
        finish(self);
}

static void beat(host_t *self)
{
    tt_buf_t running, list, load;
    size_t count = 0;
    beat_engine_t *engines = tt_alloc((self->engine_count + 1) * sizeof *engines);
    tt_buf_init(&running);
    tt_buf_init(&list);
    tt_buf_init(&load);
    for (size_t i = 0; i < self->engine_count; i++) {
        const engine_t *engine = self->engines[i];
        count += engine_pack_running(engine, &running);
        engines[i] = (beat_engine_t){engine_id(engine), engine_pid(engine)};
    }
    beat_pack_load(self->load, engines, self->engine_count, tt_now_ms(), &load);
    tt_pack_array(&list, count);
    tt_buf_append(&list, running.data, running.len);
    tt_message_t message = tt_message(TT_MSG_BEAT, 0);
    message.as.beat.sent_ns = (uint64_t)tt_now_ns();
    message.as.beat.rss_bytes = tt_child_rss(getpid());
    message.as.beat.running = (tt_span_t){list.data, list.len};
    message.as.beat.load = (tt_span_t){load.data, load.len};
    if (tt_outbox_bytes(self->outbox) == 0)
        tt_outbox_send(self->outbox, &message, NULL);
    tt_buf_release(&running);
    tt_buf_release(&list);
    tt_buf_release(&load);
    free(engines);
}

/* A HELLO may have met a controller that ended before it could answer: so it is said again. */
static void on_beat(void *arg)
{
    host_t *self = arg;
    if (self->options->far && self->registered && tt_now_ms() - self->heard_ms > SILENCE_MS) {
        tt_log(TT_LOG_WARN, "nothing heard over the link for %d s: ending", SILENCE_MS / 1000);
        finish(self);
    }
    if (self->registered)
        beat(self);
    else if (!self->stopping)
        say_hello(self);
    tt_loop_add_timer(self->loop, BEAT_MS, on_beat, self);
}

static void release(host_t *self)
{
    if (self->socket) {
        tt_loop_remove_zmq(self->loop, self->socket);
        tt_message_t bye = tt_message(TT_MSG_BYE, 0);
        bye.as.bye.text = tt_span("stopped");
        host_send(self, &bye, NULL);
        tt_outbox_destroy(&self->outbox);
        tt_socket_close(self->socket, 200);
    }
    for (size_t i = 0; i < self->engine_count; i++)
        engine_destroy(&self->engines[i]);
    free(self->engines);
    free_specs(self);
    blob_table_release(&self->blobs);
    files_destroy(&self->files);
    values_destroy(&self->values);
    beat_destroy(&self->load);
    if (self->controller_fd >= 0)
        close(self->controller_fd);
    zmq_ctx_term(self->context);
    tt_loop_destroy(&self->loop);
}

int host_run(const host_options_t *options)
{
    host_t host = {.options = options, .controller_fd = -1}, *self = &host;
    sigset_t signals;
    tt_signals_block(&signals, SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    tt_raise_files();
    tt_random(self->uuid, sizeof self->uuid);
    self->epoch = tt_random_number();
    self->loop = tt_loop_new();
    tt_loop_add_signals(self->loop, &signals, on_signal, self);
    self->context = zmq_ctx_new();
    self->files = files_new(self);
    self->values = values_new(self, on_settled);
    self->load = beat_new();
    connect_controller(self);
    set_deadline(self, WELCOME_LIMIT_MS, on_no_welcome);
    tt_loop_add_timer(self->loop, BEAT_MS, on_beat, self);
    tt_loop_run(self->loop);
    release(self);
    return self->exit_status;
}
