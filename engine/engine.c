/* One engine: its process and its queue. See engine.h; output is in engine_output.c, what ends
 * tasks before their end in engine_stop.c, questions that wait for nothing in engine_now.c. */
#include "engine_private.h"

#include "child.h"
#include "interpreter.h"
#include "log.h"
#include "values.h"
#include "zygote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    STARTS_MAX = 3,         /* failed starts in a row before an engine is given up */
    START_LIMIT_MS = 60000, /* from start to HELLO */
    LEAVE_LIMIT_MS = 2000   /* from the end of its socket to that of its process */
};

static void on_message(void *arg, tt_rt_message_t *message);
static void on_link_end(void *arg, const char *why);

static const tt_link_handlers_t link_handlers = {on_message, on_link_end};

engine_t *engine_new(host_t *host, spec_t *spec, int id)
{
    engine_t *self = tt_alloc(sizeof *self);
    self->host = host;
    self->loop = host_loop(host);
    self->spec = spec;
    self->id = id;
    self->state = TT_ENGINE_STARTING;
    self->mean_run_ns = HIDE_NS;
    part_queue_init(&self->waiting);
    part_queue_init(&self->sent);
    self->out[0].fd = self->out[1].fd = -1;
    return self;
}

static void close_process(engine_t *self)
{
    tt_loop_cancel_timer(self->loop, self->start_timer);
    tt_loop_cancel_timer(self->loop, self->claim_timer);
    tt_loop_cancel_timer(self->loop, self->limit_timer);
    tt_loop_cancel_timer(self->loop, self->flush_timer);
    tt_loop_cancel_timer(self->loop, self->leave_timer);
    tt_loop_cancel_timer(self->loop, self->names_timer);
    self->start_timer = self->claim_timer = self->limit_timer = self->flush_timer = 0;
    self->leave_timer = self->names_timer = 0;
    names_release(&self->names);
    self->names_refused = false;
    self->stop_signal = 0;
    tt_link_destroy(&self->link);
    for (int i = 0; i < 2; i++) {
        tt_loop_remove_fd(self->loop, self->out[i].fd);
        capture_release(&self->out[i]);
    }
    tt_page_unmap(&self->page);
    free(self->blobs);
    self->blobs = NULL;
    self->blob_count = 0;
    self->pid = 0;
    self->seq = self->answered = 0;
    self->revoked = 0;
    self->doubt = 0;
    self->sync_due = false;
}

void engine_destroy(engine_t **self_p)
{
    engine_t *self = *self_p;
    if (self == NULL)
        return;
    close_process(self);
    for (part_t *part; (part = part_queue_pop(&self->sent));)
        part_destroy(&part);
    for (part_t *part; (part = part_queue_pop(&self->waiting));)
        part_destroy(&part);
    free(self);
    *self_p = NULL;
}

int engine_id(const engine_t *self)
{
    return self->id;
}

pid_t engine_pid(const engine_t *self)
{
    return self->pid;
}

unsigned engine_state(const engine_t *self)
{
    return self->state;
}

const spec_t *engine_spec(const engine_t *self)
{
    return self->spec;
}

/* ---- starting */

typedef struct {
    int socket[2], out[2], err[2], page_fd;
} plumbing_t;

static void close_both(int fds[2])
{
    for (int i = 0; i < 2; i++)
        if (fds[i] >= 0)
            close(fds[i]);
}

static int make_plumbing(engine_t *self, plumbing_t *new, tt_error_t *err)
{
    *new = (plumbing_t){{-1, -1}, {-1, -1}, {-1, -1}, -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, new->socket) == 0 &&
        pipe2(new->out, O_CLOEXEC) == 0 && pipe2(new->err, O_CLOEXEC) == 0 &&
        (new->page_fd = tt_page_create(&self->page)) >= 0)
        return 0;
    int error = errno;
    close_both(new->socket);
    close_both(new->out);
    close_both(new->err);
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (error == EMFILE)
        return tt_error_set(err, "too many open files: the limit (NOFILE) is %ld",
                            (long)limit.rlim_cur);
    return tt_error_set(err, "%s", strerror(error));
}

static void on_start_limit(void *arg)
{
    engine_t *self = arg;
    self->start_timer = 0;
    engine_kill(self, false, "it did not say hello within 60 s");
}

/* Keeps our ends of the new plumbing. */
static void adopt(engine_t *self, plumbing_t *new)
{
    self->link = tt_link_new(self->loop, new->socket[0], &link_handlers, self);
    capture_init(&self->out[0], new->out[0], 0, self->page);
    capture_init(&self->out[1], new->err[0], 1, self->page);
    engine_output_watch(self);
    self->start_timer = tt_loop_add_timer(self->loop, START_LIMIT_MS, on_start_limit, self);
}

static pid_t spawn(const engine_t *self, const plumbing_t *new, tt_error_t *err)
{
    const spec_t *spec = self->spec;
    const char *argv[TT_ARGV_MAX];
    const char *const *extra = (const char *const *)spec->args;
    if (tt_interpreter_argv(spec->language, spec->program, "engine", extra, argv, err) != 0)
        return -1;
    tt_child_t child = {.argv = argv,
                        .environment = (const char *const *)spec->environment,
                        .nice = spec->nice,
                        .memory_bytes = spec->memory_bytes,
                        .directory =
                            spec->directory && *spec->directory ? spec->directory : NULL,
                        .fd = {-1, new->out[1], new->err[1], new->socket[1], new->page_fd},
                        .own_group = true,
                        .dies_with_us = true};
    pid_t pid = tt_child_spawn(&child, err);
    for (int i = 0; argv[i]; i++)
        free((char *)(uintptr_t)argv[i]);
    return pid;
}

static void start(engine_t *self, bool by_zygote)
{
    tt_error_t err;
    plumbing_t new;
    self->output_end[0] = self->output_end[1] = 0;
    if (make_plumbing(self, &new, &err) != 0) {
        engine_fail(self, err.text);
        return;
    }
    const int theirs[4] = {new.socket[1], new.page_fd, new.out[1], new.err[1]};
    adopt(self, &new);
    bool asked = by_zygote && zygote_request(self->spec->zygote, self->id, theirs);
    pid_t pid = asked ? 0 : spawn(self, &new, &err);
    for (int i = 0; i < 4; i++)
        close(theirs[i]);
    if (pid < 0)
        engine_fail(self, err.text);
    else if (pid > 0)
        engine_started_as(self, pid);
}

void engine_start(engine_t *self)
{
    zygote_t *zygote = self->spec->zygote;
    if (zygote && zygote_busy(zygote))
        zygote_wait(zygote, self->id);
    else
        start(self, zygote != NULL);
}

void engine_start_by_exec(engine_t *self)
{
    close_process(self);
    start(self, false);
}

void engine_started_as(engine_t *self, pid_t pid)
{
    if (self->link)
        self->pid = pid;
    else
        kill(pid, SIGKILL); /* its start was given up while the zygote forked it */
}

/* ---- telling the controller */

/* The state that others are told. */
static unsigned told_state(const engine_t *self)
{
    return self->stop_signal && self->state == TT_ENGINE_READY ? TT_ENGINE_STOPPED
                                                               : self->state;
}

void engine_report(engine_t *self, const char *text)
{
    char stopped[128];
    if (text == NULL && self->stop_signal) {
        snprintf(stopped, sizeof stopped, "stopped by %s; kill -CONT %d goes on",
                 tt_signal_name(self->stop_signal), (int)self->pid);
        text = stopped;
    }
    tt_message_t message = tt_message(TT_MSG_ENGINE, 0);
    message.as.engine.engine = self->id;
    message.as.engine.state = told_state(self);
    message.as.engine.pid = self->pid;
    message.as.engine.language = tt_span(self->spec->language);
    message.as.engine.version = tt_span(self->version);
    message.as.engine.program = tt_span(self->program);
    message.as.engine.text = tt_span(text ? text : "");
    host_send(self->host, &message, NULL);
}

void engine_pack(const engine_t *self, tt_buf_t *out)
{
    tt_pack_array(out, 7);
    tt_pack_int(out, self->id);
    tt_pack_int(out, self->pid);
    tt_pack_uint(out, told_state(self));
    tt_pack_text(out, self->spec->language);
    tt_pack_text(out, self->version);
    tt_pack_text(out, self->program);
    tt_pack_text(out, self->spec->labels);
}

static part_t *running_part(const engine_t *self)
{
    if (self->page == NULL)
        return self->sent.first;
    uint32_t seq = tt_page_running(self->page);
    part_t *part = self->sent.first;
    while (part && part->seq != seq)
        part = part->next;
    return part && part->task ? part : NULL;
}

part_t *engine_running(const engine_t *self)
{
    return self->features & TT_FEATURE_PAGE ? running_part(self) : self->sent.first;
}

bool engine_pack_running(const engine_t *self, tt_buf_t *out)
{
    const part_t *part = engine_running(self);
    if (part == NULL || engine_asked_itself(part))
        return false;
    int64_t now = tt_now_ns();
    bool ignores = part->asked_ns && self->stop_signal == 0;
    tt_pack_array(out, 5);
    tt_pack_int(out, self->id);
    tt_pack_uint(out, part->task->id);
    tt_pack_int(out, (now - part->sent_ns) / 1000000);
    tt_pack_uint(out, self->waiting.count + self->sent.count - self->revoked - 1);
    tt_pack_int(out, ignores ? (now - part->asked_ns) / 1000000 : 0);
    return true;
}

/* A part that outlived its controller has nobody to answer to. */
static void send_answer(engine_t *self, const part_t *part, const tt_message_t *message,
                        tt_frames_t *frames)
{
    if (part->stray)
        tt_frames_release(frames);
    else
        host_send(self->host, message, frames);
}

void engine_answer(engine_t *self, part_t *part, tt_status_t status, const char *cause)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, NULL, 0);
    engine_output_cut(self, part, &frames);
    tt_message_t message = tt_message(TT_MSG_RESULT, part->task->id);
    message.as.result.engine = self->id;
    message.as.result.attempt = part->task->attempt;
    message.as.result.status = status;
    message.as.result.dropped_bytes = part->dropped;
    message.as.result.cause = tt_span(cause);
    send_answer(self, part, &message, &frames);
    values_leave(host_values(self->host), part->task, self->id);
    part_destroy(&part);
}

void engine_fail(engine_t *self, const char *why)
{
    tt_log(TT_LOG_WARN, "engine %d failed: %s", self->id, why);
    close_process(self);
    self->state = TT_ENGINE_FAILED;
    engine_report(self, why);
    while (self->waiting.first)
        engine_answer(self, part_queue_pop(&self->waiting), TT_STATUS_CANCELLED, why);
    self->ending[0] = 0; /* `why` may have been this */
    self->given_up = false;
}

/* ---- messages of the runtime */

static void on_hello(engine_t *self, tt_rt_message_t *message)
{
    uint64_t major = 0, minor = 0, features = 0;
    int64_t pid = 0;
    char language[64] = "", text[160];
    tt_reader_t *fields = &message->fields;
    if (tt_read_uint(fields, &major) != 0 || tt_read_uint(fields, &minor) != 0 ||
        tt_read_text(fields, language, sizeof language) != 0 || major != TT_RT_MAJOR) {
        snprintf(text, sizeof text, "its runtime speaks protocol %d, this host %d", (int)major,
                 TT_RT_MAJOR);
        engine_kill(self, true, text);
        return;
    }
    tt_read_text(fields, self->version, sizeof self->version);
    tt_read_text(fields, self->program, sizeof self->program);
    if (tt_read_int(fields, &pid) == 0)
        tt_read_uint(fields, &features);
    self->features = (unsigned)features;
    if (!(features & TT_FEATURE_PAGE))
        self->features &= ~(unsigned)TT_FEATURE_REVOKE;
    tt_loop_cancel_timer(self->loop, self->start_timer);
    self->start_timer = 0;
    self->failed_starts = 0;
    self->state = TT_ENGINE_READY;
    tt_buf_t start;
    tt_buf_init(&start);
    tt_pack_int(&start, self->id);
    tt_pack_text(&start, host_cluster(self->host));
    tt_link_send(self->link, TT_RT_START, 0, (tt_span_t){start.data, start.len}, 2, NULL);
    tt_buf_release(&start);
    engine_report(self, NULL);
    engine_first_names(self);
    engine_pump(self);
    engine_refresh_names(self);
}

static unsigned final_status(const part_t *part, uint64_t status)
{
    bool ended = status == TT_STATUS_INTERRUPTED ||
                 (status == TT_STATUS_ERROR && part->signals > 0 && part->stop == BY_LIMIT);
    return ended && part->stop == BY_LIMIT ? TT_STATUS_TIMEOUT : (unsigned)status;
}

/* Body, stdout, stderr, buffers: what stands in the message, and where all of them are. */
static void result_frames(engine_t *self, part_t *part, tt_rt_message_t *rt,
                          const uint64_t offsets[4], tt_frames_t *frames, tt_layout_t *layout)
{
    const tt_place_t *places = rt->layout.places;
    *layout = (tt_layout_t){.places = tt_alloc((rt->frame_count + 3) * sizeof *places),
                            .bytes = rt->layout.bytes};
    for (size_t i = 0; i == 0 || i < rt->frame_count; i++) {
        tt_place_t place = rt->frame_count ? places[i] : (tt_place_t){TT_IN_MESSAGE, 0};
        layout->places[layout->count++] = place;
        if (place.offset == TT_IN_MESSAGE)
            tt_frames_copy(frames, rt->frame_count ? rt->frames[i].data : NULL,
                           (size_t)place.len);
        if (i > 0)
            continue;
        size_t before = frames->count;
        engine_output_attribute(self, part, offsets, frames);
        for (size_t k = before; k < frames->count; k++)
            layout->places[layout->count++] =
                (tt_place_t){TT_IN_MESSAGE, tt_frames_span(frames, k).len};
    }
}

static void send_result(engine_t *self, part_t *part, tt_rt_message_t *rt, uint64_t status,
                        int64_t run_ns, const uint64_t offsets[4])
{
    tt_frames_t frames;
    tt_layout_t layout;
    tt_frames_init(&frames);
    result_frames(self, part, rt, offsets, &frames, &layout);
    int64_t waited = tt_now_ns() - part->received_ns - run_ns;
    tt_message_t message = tt_message(TT_MSG_RESULT, part->task->id);
    message.as.result.engine = self->id;
    message.as.result.attempt = part->task->attempt;
    message.as.result.status = final_status(part, status);
    message.as.result.wait_ns = waited > 0 ? (uint64_t)waited : 0;
    message.as.result.run_ns = run_ns;
    message.as.result.dropped_bytes = part->dropped;
    if (layout.bytes > 0 && !part->stray)
        values_give(host_values(self->host), &message, &frames, &layout, rt->spool);
    else
        send_answer(self, part, &message, &frames);
    tt_layout_release(&layout);
}

static void send_sync(engine_t *self)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "\x90", 1);
    self->sync_seq = engine_next_seq(self);
    tt_link_send(self->link, TT_RT_SYNC, self->sync_seq, (tt_span_t){NULL, 0}, 0, &frames);
}

/* A task that the runtime has not started, since it was revoked. */
static void on_not_started(engine_t *self)
{
    part_t *part = part_queue_pop(&self->sent);
    if (part->task) {
        engine_unsend(self, part);
    } else {
        part_destroy(&part);
        engine_met_revoked(self);
    }
    engine_pump(self);
    engine_refresh_names(self);
}

static void on_result(engine_t *self, tt_rt_message_t *message)
{
    if (self->sync_due && message->seq == self->sync_seq) {
        self->sync_due = false;
        engine_pump(self);
        return;
    }
    part_t *part = self->sent.first;
    uint64_t status, offsets[4] = {0};
    int64_t run_ns = 0;
    size_t count = 0;
    if (part == NULL || part->seq != message->seq ||
        tt_read_uint(&message->fields, &status) != 0) {
        engine_kill(self, false, "its runtime answered out of order");
        return;
    }
    self->answered = message->seq;
    if (message->seq == self->doubt)
        self->doubt = 0;
    if (part->task == NULL || (part->in_doubt && status == TT_STATUS_CANCELLED)) {
        on_not_started(self);
        return;
    }
    tt_read_int(&message->fields, &run_ns);
    run_ns = run_ns > 0 ? run_ns : 0;
    tt_read_array(&message->fields, &count);
    for (size_t i = 0; i < 4 && i < count; i++)
        tt_read_uint(&message->fields, &offsets[i]);
    part_queue_pop(&self->sent);
    if (!part->task->now)
        self->mean_run_ns += (run_ns - self->mean_run_ns) / 4;
    if (message->frame_count > 0)
        engine_note_names(self, part, (unsigned)status, message->frames[0]);
    if (message->frame_count + 2 > TT_FRAMES_MAX) {
        engine_answer(self, part, TT_STATUS_REFUSED, "its value has more than 65533 buffers");
    } else {
        send_result(self, part, message, status, run_ns, offsets);
        part_destroy(&part);
    }
    if (self->sync_due)
        send_sync(self);
    engine_pump(self);
    engine_refresh_names(self);
}

static void on_log(engine_t *self, tt_rt_message_t *message)
{
    char text[512] = "";
    tt_read_text(&message->fields, text, sizeof text);
    tt_log(TT_LOG_INFO, "engine %d: %s", self->id, text);
}

static const struct {
    unsigned type;
    void (*handler)(engine_t *, tt_rt_message_t *);
} handlers[] = {{TT_RT_RESULT, on_result}, {TT_RT_HELLO, on_hello}, {TT_RT_LOG, on_log}};

static void on_message(void *arg, tt_rt_message_t *message)
{
    engine_t *self = arg;
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type == message->type) {
            handlers[i].handler(self, message);
            return;
        }
    }
    tt_log(TT_LOG_WARN, "engine %d sent message %u, which means nothing to a host", self->id,
           message->type);
}

static void on_leave_limit(void *arg)
{
    engine_t *self = arg;
    self->leave_timer = 0;
    engine_kill(self, self->given_up, "left without ending: its process was killed");
}

/* The socket's end is not the engine's end: its process tells. But without it the process is no
 * use. It has a moment to end by itself, since user code may have said so (exit(), with threads
 * or atexit functions that take their time), and is killed then. */
static void on_link_end(void *arg, const char *why)
{
    engine_t *self = arg;
    char text[200];
    if (why) {
        snprintf(text, sizeof text, "sent its host nonsense: %.150s", why);
        engine_kill(self, self->given_up, text);
    } else if (self->leave_timer == 0) {
        self->leave_timer = tt_loop_add_timer(self->loop, LEAVE_LIMIT_MS, on_leave_limit, self);
    }
}

/* ---- its end */

void engine_kill(engine_t *self, bool for_good, const char *why)
{
    snprintf(self->ending, sizeof self->ending, "%s", why);
    self->given_up = for_good;
    if (self->pid > 0)
        engine_signal(self, SIGKILL);
    else
        engine_fail(self, why);
}

void engine_retire(engine_t *self)
{
    self->given_up = self->retiring = true;
    engine_pump(self);
}

void engine_stop(engine_t *self)
{
    self->given_up = true;
    if (self->link)
        tt_link_send(self->link, TT_RT_STOP, 0, (tt_span_t){NULL, 0}, 0, NULL);
}

/* The one task that had started is lost; what was sent ahead goes back to the queue, in order.
 * An empty place is nobody's, and nothing is lost with it. */
static void settle_sent(engine_t *self, const char *cause)
{
    bool exact = self->features & TT_FEATURE_PAGE;
    uint32_t started = exact ? engine_had_turn(self, tt_page_started(self->page)) : 0;
    for (part_t *part; (part = part_queue_pop(&self->sent));) {
        if (part->task == NULL)
            part_destroy(&part);
        else if (!exact || tt_page_reached(started, part->seq))
            engine_answer(self, part, TT_STATUS_LOST, cause);
        else
            engine_unsend(self, part);
    }
}

/* A question does not wait for the next process. */
static void settle_question(engine_t *self)
{
    part_t *part = self->waiting.first;
    if (part == NULL || !part->task->now)
        return;
    part_queue_pop(&self->waiting);
    engine_answer_busy(self, part);
}

static void start_again(engine_t *self, bool was_ready)
{
    self->failed_starts += was_ready ? 0 : 1;
    close_process(self);
    if (self->given_up) {
        self->state = TT_ENGINE_GONE;
        engine_report(self, self->ending);
        while (self->waiting.first)
            engine_answer(self, part_queue_pop(&self->waiting), TT_STATUS_CANCELLED,
                          self->ending);
    } else if (self->state == TT_ENGINE_STARTING || self->failed_starts >= STARTS_MAX) {
        engine_fail(self, self->ending);
    } else {
        self->state = TT_ENGINE_RESTARTING;
        engine_report(self, self->ending);
        engine_start(self);
    }
    self->ending[0] = 0;
}

void engine_stopped(engine_t *self, int signal)
{
    if (self->stop_signal == signal)
        return;
    self->stop_signal = signal;
    engine_report(self, signal ? NULL : "goes on");
    engine_pump(self);
    engine_refresh_names(self);
}

void engine_died(engine_t *self, int wait_status)
{
    bool was_ready = self->state == TT_ENGINE_READY;
    char last_words[200] = "";
    tt_link_drain(self->link);
    engine_output_finish(self, last_words, sizeof last_words);
    if (self->ending[0] == 0) {
        const char *words = was_ready || !*last_words ? "" : last_words;
        snprintf(self->ending, sizeof self->ending, "%s%s%s", tt_child_ending(wait_status),
                 *words ? ": " : "", words);
    }
    char cause[300];
    snprintf(cause, sizeof cause, "engine %d %s", self->id, self->ending);
    tt_log(TT_LOG_INFO, "%s", cause);
    settle_sent(self, cause);
    settle_question(self);
    start_again(self, was_ready);
}
