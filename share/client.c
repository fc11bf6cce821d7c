/* The client. See client.h. One DEALER socket; the controller's process is watched by a pidfd,
 * so its end is known at once and ends whatever was waited for. */
#include "client_private.h"

#include "identity.h"
#include "log.h"
#include "pack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { OUTBOX_CAP = 256 << 20, BLOBS_MAX = 64, CLOSE_MS = 500 };

/* ---- jobs */

static tt_known_blob_t *find_blob(const tt_client_t *self, const uint8_t *hash)
{
    for (size_t i = 0; i < self->blob_count; i++)
        if (memcmp(self->blobs[i].hash, hash, TT_CLIENT_HASH) == 0)
            return &self->blobs[i];
    return NULL;
}

static void free_job(tt_client_t *self, tt_job_t *job)
{
    tt_known_blob_t *blob = job->has_blob ? find_blob(self, job->blob) : NULL;
    if (blob && blob->uses > 0)
        blob->uses--;
    tt_loop_cancel_timer(self->loop, job->end_timer);
    tt_client_release_bulk(job);
    free(job->waiting);
    free(job);
}

static void count_result(tt_client_t *self, tt_job_t *job, int engine)
{
    for (size_t i = 0; i < job->waiting_count; i++)
        if (job->waiting[i] == engine)
            job->waiting[i--] = job->waiting[--job->waiting_count];
    if (--job->left > 0)
        return;
    tt_map_take(&self->jobs, job->id);
    if (job->handlers.done)
        job->handlers.done(job->arg, job);
    free_job(self, job);
}

static void end_one(tt_client_t *self, tt_job_t *job, int engine, unsigned status,
                    const char *cause)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_result_t result = {.engine = engine, .status = status, .frames = &frames};
    snprintf(result.cause, sizeof result.cause, "%s", cause);
    job->handlers.result(job->arg, job, &result);
    tt_frames_release(&frames);
    count_result(self, job, engine);
}

/* Ends everything that a job still waits for. */
static void end_job(tt_client_t *self, tt_job_t *job, unsigned status, const char *cause)
{
    for (size_t left = job->left; left > 0; left--)
        end_one(self, job, job->waiting_count ? job->waiting[0] : -1, status, cause);
}

static void end_all(tt_client_t *self, const char *cause)
{
    for (;;) {
        size_t walk = 0;
        tt_job_t *job = tt_map_next(&self->jobs, &walk);
        if (job == NULL)
            return;
        end_job(self, job, TT_STATUS_UNKNOWN, cause);
    }
}

static void fail(tt_client_t *self, int code, const char *why)
{
    if (self->failed)
        return;
    self->failed = self->connected = true;
    self->error_code = code;
    snprintf(self->why, sizeof self->why, "%s", why);
    if (self->pending)
        self->pending->done = true;
    if (self->leaving)
        return;
    end_all(self, self->why);
    tt_exchanges_end(&self->exchanges);
    if (self->registered && self->handlers && self->handlers->gone)
        self->handlers->gone(self->arg, self->why);
}

void tt_client_lose(tt_client_t *self, const char *why)
{
    fail(self, ECONNRESET, why);
}

static void on_controller_end(void *arg, int fd, uint32_t events)
{
    tt_client_t *self = arg;
    char why[128];
    (void)events;
    tt_loop_remove_fd(self->loop, fd);
    snprintf(why, sizeof why,
             "the controller (pid %d) is gone; tutti start gets its engines back",
             self->controller_pid);
    fail(self, ECONNRESET, why);
}

/* ---- messages */

static void give_back(tt_client_t *self, uint64_t keep, uint32_t index,
                      const tt_result_t *result)
{
    if (keep == 0 || !self->keeps)
        return;
    tt_client_store(self, keep, index, result);
    self->given_back++;
}

static void on_welcome(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    char boot[64];
    (void)packet;
    self->registered = self->connected = true;
    if (message->as.welcome.minor >= 1)
        tt_outbox_parcel(self->outbox);
    self->controller_pid = (int)message->as.welcome.pid;
    tt_text_copy(message->as.welcome.boot, boot, sizeof boot);
    if (self->controller_fd >= 0 || strcmp(boot, tt_boot_id()) != 0)
        return;
    self->controller_fd = tt_pidfd_open(self->controller_pid);
    if (self->controller_fd >= 0)
        tt_loop_add_fd(self->loop, self->controller_fd, EPOLLIN, on_controller_end, self);
}

static void on_refuse(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    char text[400];
    (void)packet;
    fail(self, EPROTO, tt_text_copy(message->as.refuse.text, text, sizeof text));
}

static void say_hello(tt_client_t *self, const tt_rundir_t *dir, const char *program)
{
    tt_random(self->session, sizeof self->session);
    tt_message_t message = tt_message(TT_MSG_HELLO, 0);
    tt_msg_hello_t *hello = &message.as.hello;
    hello->major = TT_WIRE_MAJOR;
    hello->minor = TT_WIRE_MINOR;
    hello->uuid = (tt_span_t){self->session, sizeof self->session};
    hello->epoch = tt_random_number();
    hello->program = tt_span(program);
    hello->host = tt_span(tt_host_name());
    hello->boot = tt_span(dir->far_pid ? dir->far_boot : tt_boot_id());
    hello->pid = getpid();
    hello->watch_pid = dir->far_pid ? dir->far_pid : getpid();
    hello->events = 1;
    tt_outbox_send(self->outbox, &message, NULL);
}

/* A RESULT and a STORE tell the same of one. */
#define RESULT_OF(got, payload)                                                                \
    {                                                                                          \
        .engine = (int)(got)->engine, .status = (unsigned)(got)->status,                       \
        .attempt = (unsigned)(got)->attempt, .queue_ns = (int64_t)(got)->queue_ns,             \
        .wait_ns = (int64_t)(got)->wait_ns, .run_ns = (got)->run_ns,                           \
        .dropped_bytes = (got)->dropped_bytes, .frames = (payload)                             \
    }

static void on_result(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_result_t *got = &message->as.result;
    tt_job_t *job = tt_map_get(&self->jobs, message->id);
    if (job == NULL)
        return;
    tt_result_t result = RESULT_OF(got, &packet->payload);
    tt_text_copy(got->cause, result.cause, sizeof result.cause);
    tt_text_copy(got->host, result.host, sizeof result.host);
    tt_client_join(job, got, &packet->payload, &result);
    if (self->leaving) {
        give_back(self, job->keep, job->index, &result);
        return;
    }
    job->handlers.result(job->arg, job, &result);
    count_result(self, job, result.engine);
}

static void on_store(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_store_t *got = &message->as.store;
    tt_result_t result = RESULT_OF(got, &packet->payload);
    tt_text_copy(got->cause, result.cause, sizeof result.cause);
    tt_text_copy(got->host, result.host, sizeof result.host);
    if (self->leaving)
        give_back(self, got->keep, (uint32_t)got->index, &result);
    else if (self->adopt && self->adopt->result)
        self->adopt->result(self->adopt_arg, got->keep, (uint32_t)got->index, &result);
}

static void on_output(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_output_t *output = &message->as.output;
    tt_span_t bytes = tt_frames_span(&packet->payload, 0), none = {NULL, 0};
    tt_job_t *job = message->id ? tt_map_get(&self->jobs, message->id) : NULL;
    int engine = (int)output->engine, stream = output->stream == 2 ? 2 : 1;
    if (job && self->leaving && self->keeps && job->keep) {
        tt_client_store_output(self, job->keep, job->index, job->balanced ? -1 : engine,
                               stream == 1 ? bytes : none, stream == 2 ? bytes : none);
        self->given_back++;
    } else if (self->leaving) {
        return;
    } else if (job && job->handlers.output) {
        job->handlers.output(job->arg, job, engine, stream, bytes);
    } else if (message->id == 0 && self->handlers && self->handlers->background) {
        self->handlers->background(self->arg, engine, stream, bytes);
    }
}

static void on_event(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    const tt_msg_event_t *event = &message->as.event;
    bool heard = self->registered && !self->leaving && self->handlers;
    (void)packet;
    if (event->kind == TT_EVENT_ENGINE && event->engine >= 0) {
        tt_engine_t engine = tt_engine_of(event);
        tt_roster_note(&self->roster, &engine);
        if (heard && self->handlers->engine)
            self->handlers->engine(self->arg, &engine);
    } else if (event->kind == TT_EVENT_HOST && heard && self->handlers->machine) {
        tt_engine_t told = tt_engine_of(event);
        self->handlers->machine(self->arg, told.host, told.state, told.text);
    }
}

static void ignore_result(void *arg, tt_job_t *job, tt_result_t *result)
{
    (void)arg;
    (void)job;
    (void)result;
}

static const tt_job_handlers_t nobody = {ignore_result, NULL, NULL};

/* [index, id, engines left]. Returns -1 when it is none. */
static int adopt_task(tt_client_t *self, uint64_t keep, tt_reader_t *reader)
{
    size_t fields;
    uint64_t index, id;
    int *ids = NULL;
    tt_span_t engines = {NULL, 0};
    if (tt_read_array(reader, &fields) != 0 || fields != 3 ||
        tt_read_uint(reader, &index) != 0 || tt_read_uint(reader, &id) != 0 ||
        index > TT_KEEP_INDEX_MAX || tt_map_get(&self->jobs, id))
        return -1;
    bool balanced = tt_read_nil(reader) == 0;
    if (!balanced && tt_read_raw(reader, &engines) != 0)
        return -1;
    int count = balanced ? 1 : tt_ids_read(engines, &ids, NULL);
    if (count <= 0) {
        free(ids);
        return -1;
    }
    tt_job_t *job = tt_alloc(sizeof *job);
    *job = (tt_job_t){.client = self,
                      .id = id,
                      .balanced = balanced,
                      .left = (size_t)count,
                      .waiting = ids,
                      .waiting_count = balanced ? 0 : (size_t)count,
                      .keep = keep,
                      .index = (uint32_t)index};
    tt_map_set(&self->jobs, id, job);
    tt_adopted_t task = {keep, job->index, balanced, ids, job->waiting_count};
    const tt_job_handlers_t *its = &nobody;
    if (self->adopt->task)
        self->adopt->task(self->adopt_arg, &task, job, &its, &job->arg);
    job->handlers = *its;
    return 0;
}

/* [keep, meta, [task, ...]]. Returns -1 when it is none. */
static int adopt_job(tt_client_t *self, tt_span_t bytes)
{
    tt_reader_t reader = tt_reader(bytes);
    tt_error_t err;
    tt_span_t meta;
    uint64_t keep;
    size_t fields, count;
    if (tt_validate(bytes, &tt_limits_value, &err) != 0 ||
        tt_read_array(&reader, &fields) != 0 || fields != 3 ||
        tt_read_uint(&reader, &keep) != 0 || tt_read_bin(&reader, &meta) != 0 ||
        tt_read_array(&reader, &count) != 0)
        return -1;
    self->keeps = true;
    if (self->adopt->job)
        self->adopt->job(self->adopt_arg, keep, meta);
    for (size_t i = 0; i < count; i++)
        if (adopt_task(self, keep, &reader) != 0)
            return -1;
    return 0;
}

static void on_adopted(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    (void)message;
    for (size_t i = 0; self->adopt && !self->leaving && i < packet->payload.count; i++)
        if (adopt_job(self, tt_frames_span(&packet->payload, i)) != 0)
            tt_log(TT_LOG_WARN, "a job that was left behind cannot be read");
}

/* The answer of a request, or of a job that was refused as a whole. */
static void on_exchange(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    tt_exchanges_note(&self->exchanges, message, &packet->payload);
}

static void on_answer(tt_client_t *self, tt_message_t *message, tt_packet_t *packet)
{
    char text[400] = "";
    tt_pending_t *pending = self->pending;
    tt_job_t *job = tt_map_get(&self->jobs, message->id);
    if (message->type == TT_MSG_ERROR)
        tt_text_copy(message->as.error.text, text, sizeof text);
    if (tt_exchanges_note(&self->exchanges, message, &packet->payload))
        return;
    if (pending && pending->id == message->id && message->id != 0) {
        *pending->answer = *message;
        *pending->reply = *packet; /* the texts of the answer stay where they are */
        zmq_msg_init(&packet->header);
        zmq_msg_init(&packet->route);
        tt_frames_init(&packet->payload);
        pending->done = true;
    } else if (job && message->type == TT_MSG_ERROR && !self->leaving) {
        end_job(self, job, TT_STATUS_REFUSED, text);
    } else if (message->type == TT_MSG_ERROR) {
        tt_log(TT_LOG_WARN, "the controller says: %s", text);
    }
}

static const struct {
    unsigned type;
    void (*handler)(tt_client_t *, tt_message_t *, tt_packet_t *);
} handlers[] = {
    {TT_MSG_ADOPTED, on_adopted},     {TT_MSG_STORE, on_store},
    {TT_MSG_RESULT, on_result},       {TT_MSG_OUTPUT, on_output},
    {TT_MSG_EVENT, on_event},         {TT_MSG_WELCOME, on_welcome},
    {TT_MSG_REFUSE, on_refuse},       {TT_MSG_REPORT, on_answer},
    {TT_MSG_DONE, on_answer},         {TT_MSG_ERROR, on_answer},
    {TT_MSG_STOPPED, on_answer},      {TT_MSG_FILED, on_exchange},
    {TT_MSG_LISTED, on_exchange},     {TT_MSG_CHUNK, on_exchange},
    {TT_MSG_CREDIT, on_exchange},     {TT_MSG_DATA, tt_client_on_data},
    {TT_MSG_WANT, tt_client_on_want},
};

/* A short header lives inside its zmq_msg_t, so an answer that outlives the packet needs texts
 * of its own: the header is copied into a frame of allocated memory first. */
static void settle_header(tt_packet_t *packet)
{
    zmq_msg_t copy;
    size_t len = zmq_msg_size(&packet->header);
    if (zmq_msg_init_size(&copy, len + 64) != 0)
        abort();
    memcpy(zmq_msg_data(&copy), zmq_msg_data(&packet->header), len);
    memset((char *)zmq_msg_data(&copy) + len, 0, 64);
    zmq_msg_close(&packet->header);
    packet->header = copy;
}

static void on_message(tt_client_t *self, tt_packet_t *packet)
{
    tt_message_t message;
    tt_error_t err;
    size_t len = zmq_msg_size(&packet->header);
    if (self->pending)
        settle_header(packet);
    tt_span_t header = {zmq_msg_data(&packet->header), len};
    if (tt_message_read(&message, header, &err) != 0) {
        tt_log(TT_LOG_WARN, "from the controller: %s", err.text);
        return;
    }
    tt_client_count(self, &message, packet);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        if (handlers[i].type == message.type) {
            handlers[i].handler(self, &message, packet);
            return;
        }
}

static void on_packet(void *arg, tt_packet_t *packet, bool whole)
{
    tt_client_t *self = arg;
    self->received++;
    if (whole)
        on_message(self, packet);
}

static void on_socket(void *arg, void *socket)
{
    tt_packet_receive(socket, false, on_packet, arg);
}

/* ---- life */

tt_client_t *tt_client_open(tt_loop_t *loop, const tt_rundir_t *dir, const char *program,
                            const tt_client_handlers_t *on, void *arg, int timeout_ms,
                            tt_error_t *err)
{
    char endpoint[TT_SOCKET_MAX + 8];
    snprintf(endpoint, sizeof endpoint, "ipc://%s", dir->client_sock);
    tt_client_t *self = tt_alloc(sizeof *self);
    self->loop = loop;
    self->handlers = on;
    self->arg = arg;
    self->controller_fd = -1;
    self->far = dir->far_pid > 0;
    self->context = zmq_ctx_new();
    self->socket = dir->far_pid ? tt_socket_once(self->context, endpoint, err)
                                : tt_socket_new(self->context, ZMQ_DEALER, endpoint, err);
    if (self->socket == NULL) {
        tt_client_close(&self);
        return NULL;
    }
    self->outbox = tt_outbox_new(loop, self->socket, (tt_span_t){NULL, 0}, OUTBOX_CAP);
    tt_loop_add_zmq(loop, self->socket, on_socket, self);
    say_hello(self, dir, program);
    tt_loop_run_until(loop, &self->connected, timeout_ms);
    if (self->registered && !self->failed)
        return self;
    errno = self->failed ? self->error_code : ETIMEDOUT;
    tt_error_set(err, "cannot talk to cluster '%s': %s", dir->name,
                 self->failed ? self->why : "its controller does not answer; see tutti logs");
    tt_client_close(&self);
    return NULL;
}

void tt_client_close_within(tt_client_t **self_p, int linger_ms)
{
    tt_client_t *self = *self_p;
    if (self->registered && !self->failed) {
        tt_message_t bye = tt_message(TT_MSG_BYE, 0);
        tt_outbox_send(self->outbox, &bye, NULL);
    }
    size_t walk = 0;
    for (tt_job_t *job; (job = tt_map_next(&self->jobs, &walk));)
        free_job(self, job);
    tt_map_release(&self->jobs);
    tt_exchanges_release(&self->exchanges);
    tt_loop_cancel_timer(self->loop, self->taken_timer);
    if (self->controller_fd >= 0) {
        tt_loop_remove_fd(self->loop, self->controller_fd);
        close(self->controller_fd);
    }
    if (self->socket)
        tt_loop_remove_zmq(self->loop, self->socket);
    tt_outbox_destroy(&self->outbox);
    tt_socket_close(self->socket, self->failed ? 0 : linger_ms);
    zmq_ctx_term(self->context);
    tt_roster_release(&self->roster);
    free(self->blobs);
    free(self);
    *self_p = NULL;
}

/* The end of our process may be seen before our last messages are read. So who has kept jobs
 * waits for the answer: else they would be left behind. */
static void say_goodbye(tt_client_t *self)
{
    tt_message_t bye = tt_message(TT_MSG_BYE, 0), answer;
    tt_packet_t reply;
    tt_error_t err;
    self->leaving = true;
    self->keeps = false;
    if (tt_client_request(self, &bye, CLOSE_MS, &answer, &reply, &err) == 0) {
        self->registered = false;
        tt_packet_release(&reply);
    }
}

void tt_client_close(tt_client_t **self_p)
{
    tt_client_t *self = *self_p;
    if (self == NULL)
        return;
    if ((self->keeps || self->stays) && !self->failed)
        say_goodbye(self);
    tt_client_close_within(self_p, CLOSE_MS);
}

bool tt_client_alive(const tt_client_t *self)
{
    return !self->failed;
}

const tt_engine_t *tt_client_engines(const tt_client_t *self, size_t *count)
{
    *count = self->roster.count;
    return self->roster.engines;
}

const tt_engine_t *tt_client_engine(const tt_client_t *self, int id)
{
    return tt_roster_find(&self->roster, id);
}

/* ---- work */

uint64_t tt_job_id(const tt_job_t *self)
{
    return self->id;
}

bool tt_job_waits_for(const tt_job_t *self, int engine)
{
    for (size_t i = 0; i < self->waiting_count; i++)
        if (self->waiting[i] == engine)
            return true;
    return false;
}

size_t tt_job_left(const tt_job_t *self)
{
    return self->left;
}

static void on_stillborn(void *arg)
{
    tt_job_t *job = arg;
    job->end_timer = 0;
    end_job(job->client, job, job->refusal ? TT_STATUS_REFUSED : TT_STATUS_UNKNOWN,
            job->refusal ? job->refusal : job->client->why);
}

static tt_span_t pack_jobs(tt_buf_t *out, const uint64_t *ids, size_t count)
{
    tt_buf_init(out);
    if (count > 0)
        tt_pack_array(out, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_uint(out, ids[i]);
    return (tt_span_t){out->data, out->len};
}

/* A job that waits for these engines, or (NULL) for a balanced task's one result. */
static tt_job_t *new_job(tt_client_t *self, const int *engines, size_t count,
                         const tt_job_handlers_t *job_handlers, void *arg)
{
    tt_job_t *job = tt_alloc(sizeof *job);
    job->client = self;
    job->id = ++self->next_id;
    job->handlers = *job_handlers;
    job->arg = arg;
    job->balanced = engines == NULL;
    job->left = engines ? count : 1;
    if (engines) {
        job->waiting = tt_alloc((count + 1) * sizeof *job->waiting);
        memcpy(job->waiting, engines, count * sizeof *job->waiting);
        job->waiting_count = count;
    }
    tt_map_set(&self->jobs, job->id, job);
    return job;
}

tt_job_t *tt_client_submit(tt_client_t *self, const tt_submit_t *submit, tt_frames_t *payload)
{
    tt_job_t *job = new_job(self, submit->balanced ? NULL : submit->engines,
                            submit->engine_count, submit->handlers, submit->arg);
    job->keep = submit->keep;
    job->index = (uint32_t)submit->index;
    self->stays |= submit->stays;
    tt_known_blob_t *blob = submit->blob ? find_blob(self, submit->blob) : NULL;
    if (blob) {
        memcpy(job->blob, submit->blob, TT_CLIENT_HASH);
        job->has_blob = true;
        blob->uses++;
        blob->used = ++self->submissions;
    }
    tt_buf_t engines, layout, after, follow;
    tt_buf_init(&engines);
    tt_buf_init(&layout);
    if (submit->engines)
        tt_ids_pack(&engines, submit->engines, submit->engine_count);
    tt_message_t message = tt_message(TT_MSG_SUBMIT, job->id);
    message.as.submit.op = submit->op;
    message.as.submit.engines = (tt_span_t){engines.data, engines.len};
    if (submit->blob)
        message.as.submit.blob = (tt_span_t){submit->blob, TT_CLIENT_HASH};
    message.as.submit.label = tt_span(submit->label ? submit->label : "");
    message.as.submit.retries = submit->retries;
    message.as.submit.timeout_ms = submit->timeout_ms;
    message.as.submit.flags = (submit->balanced ? TT_SUBMIT_BALANCED : 0) |
                              (submit->now ? TT_SUBMIT_NOW : 0) |
                              (submit->stays ? TT_SUBMIT_STAYS : 0);
    message.as.submit.keep = submit->keep;
    message.as.submit.index = submit->index;
    message.as.submit.after = pack_jobs(&after, submit->after, submit->after_count);
    message.as.submit.follow = pack_jobs(&follow, submit->follow, submit->follow_count);
    message.as.submit.born = submit->born;
    if (payload->count > TT_FRAMES_MAX) {
        job->refusal = "more than 65536 buffers in one task";
        tt_frames_release(payload);
    } else {
        tt_client_split(job, payload, &layout);
        message.as.submit.layout = (tt_span_t){layout.data, layout.len};
        tt_outbox_send(self->outbox, &message, payload);
    }
    tt_buf_release(&engines);
    tt_buf_release(&layout);
    tt_buf_release(&after);
    tt_buf_release(&follow);
    /* What was not sent ends, but not before its owner has it. */
    if (self->failed || job->refusal)
        job->end_timer = tt_loop_add_timer(self->loop, 0, on_stillborn, job);
    return job;
}

const uint8_t *tt_client_session(const tt_client_t *self)
{
    return self->session;
}

tt_job_t *tt_client_fetch(tt_client_t *self, const uint8_t session[16], uint64_t number,
                          const int *engines, size_t engine_count,
                          const tt_job_handlers_t *job_handlers, void *arg)
{
    tt_job_t *job = new_job(self, engines, engine_count, job_handlers, arg);
    tt_message_t message = tt_message(TT_MSG_FETCH, job->id);
    message.as.fetch.session = (tt_span_t){session, sizeof self->session};
    message.as.fetch.number = number;
    tt_outbox_send(self->outbox, &message, NULL);
    if (self->failed)
        job->end_timer = tt_loop_add_timer(self->loop, 0, on_stillborn, job);
    return job;
}

void tt_client_cancel(tt_client_t *self, const tt_job_t *job)
{
    tt_message_t message = tt_message(TT_MSG_CANCEL, job->id);
    tt_outbox_send(self->outbox, &message, NULL);
}

void tt_client_withdraw(tt_client_t *self, const tt_job_t *job)
{
    tt_message_t message = tt_message(TT_MSG_CANCEL, job->id);
    message.as.cancel.waiting = 1;
    tt_outbox_send(self->outbox, &message, NULL);
}

bool tt_client_has_blob(const tt_client_t *self, const uint8_t hash[16])
{
    return find_blob(self, hash) != NULL;
}

/* Room for one more: the function that was not used for longest, and by no job now, is dropped.
 */
static void drop_oldest_blob(tt_client_t *self)
{
    tt_known_blob_t *oldest = NULL;
    for (size_t i = 0; i < self->blob_count; i++) {
        tt_known_blob_t *blob = &self->blobs[i];
        if (blob->uses == 0 && (oldest == NULL || blob->used < oldest->used))
            oldest = blob;
    }
    if (oldest == NULL)
        return;
    tt_message_t message = tt_message(TT_MSG_DROP, 0);
    message.as.drop.hash = (tt_span_t){oldest->hash, TT_CLIENT_HASH};
    tt_outbox_send(self->outbox, &message, NULL);
    *oldest = self->blobs[--self->blob_count];
}

void tt_client_blob(tt_client_t *self, const uint8_t hash[16], tt_frames_t *bytes)
{
    if (find_blob(self, hash)) {
        tt_frames_release(bytes);
        return;
    }
    if (self->blob_count >= BLOBS_MAX)
        drop_oldest_blob(self);
    self->blobs = tt_realloc(self->blobs, (self->blob_count + 1) * sizeof *self->blobs);
    tt_known_blob_t *blob = &self->blobs[self->blob_count++];
    *blob = (tt_known_blob_t){.used = ++self->submissions};
    memcpy(blob->hash, hash, TT_CLIENT_HASH);
    tt_message_t message = tt_message(TT_MSG_BLOB, 0);
    message.as.blob.hash = (tt_span_t){hash, TT_CLIENT_HASH};
    tt_outbox_send(self->outbox, &message, bytes);
}

/* ---- requests */

int tt_client_request(tt_client_t *self, tt_message_t *message, int timeout_ms,
                      tt_message_t *answer, tt_packet_t *reply, tt_error_t *err)
{
    tt_pending_t pending = {++self->next_id, self->failed, answer, reply};
    message->id = pending.id;
    *answer = tt_message(0, 0);
    zmq_msg_init(&reply->route);
    zmq_msg_init(&reply->header);
    tt_frames_init(&reply->payload);
    self->pending = &pending;
    tt_outbox_send(self->outbox, message, NULL);
    tt_loop_run_until(self->loop, &pending.done, timeout_ms);
    self->pending = NULL;
    char text[400];
    if (answer->type == TT_MSG_ERROR) {
        tt_error_set(err, "%s", tt_text_copy(answer->as.error.text, text, sizeof text));
        tt_packet_release(reply);
        return -1;
    }
    if (answer->type != 0)
        return 0;
    errno = self->failed ? self->error_code : ETIMEDOUT;
    return tt_error_set(
        err, "%s", self->failed ? self->why : "the controller does not answer; see tutti logs");
}

void tt_client_send(tt_client_t *self, tt_message_t *message)
{
    tt_outbox_send(self->outbox, message, NULL);
}

uint64_t tt_client_exchange(tt_client_t *self, tt_message_t *message, tt_exchange_fn *fn,
                            void *arg)
{
    message->id = ++self->next_id;
    tt_exchanges_begin(&self->exchanges, message->id, fn, arg);
    tt_outbox_send(self->outbox, message, NULL);
    return message->id;
}

void tt_client_go_on(tt_client_t *self, tt_message_t *message, tt_frames_t *payload)
{
    tt_outbox_send(self->outbox, message, payload);
}

void tt_client_end_exchange(tt_client_t *self, uint64_t id)
{
    tt_exchanges_take(&self->exchanges, id);
}
