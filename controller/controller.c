/* The controller's sockets, peers and messages. See controller.h; work is in dispatch.c. */
#include "controller.h"

#include "identity.h"
#include "log.h"
#include "pack.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    STOP_LIMIT_MS = 5000,   /* for hosts to end; then they are terminated */
    CLIENT_CAP = 256 << 20, /* bytes that may wait for a client before its work is held back */
    HOST_CAP = 64 << 20
};

/* ---- peers */

static uint64_t route_key(tt_span_t route)
{
    uint64_t key = 0;
    for (size_t i = 0; i < route.len && i < 8; i++)
        key = key << 8 | route.data[i];
    return key;
}

void peers_error(peer_t *peer, uint64_t id, const char *format, ...)
{
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    tt_message_t message = tt_message(TT_MSG_ERROR, id);
    message.as.error.text = tt_span(text);
    tt_outbox_send(peer->outbox, &message, NULL);
}

static tt_message_t about(const engine_t *engine)
{
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    tt_msg_event_t *event = &message.as.event;
    event->kind = TT_EVENT_ENGINE;
    event->engine = engine->id;
    event->state = engine->state;
    event->host = tt_span(engine->host_name);
    event->language = tt_span(engine->language);
    event->version = tt_span(engine->version);
    event->program = tt_span(engine->program);
    event->pid = engine->pid;
    event->text = tt_span(engine->text);
    return message;
}

void peers_announce(controller_t *self, const engine_t *engine)
{
    tt_message_t message = about(engine);
    size_t walk = 0;
    for (peer_t *client; (client = tt_map_next(&self->peers[PEER_CLIENT], &walk));)
        if (client->events)
            tt_outbox_send(client->outbox, &message, NULL);
}

static void lose_engine(controller_t *self, engine_t *engine, const char *cause)
{
    engine->host = NULL;
    engine->pid = 0;
    if (engine->state == TT_ENGINE_FAILED)
        return;
    engine->state = TT_ENGINE_LOST;
    engine->since_ms = tt_now_ms();
    snprintf(engine->text, sizeof engine->text, "%.250s", cause);
    reasons_add(&self->reasons, engine->id, engine->host_name, cause);
    peers_announce(self, engine);
}

static void host_lost(controller_t *self, peer_t *host, const char *why)
{
    char cause[400];
    const char *ending = launches_ending(self, host->watch_pid);
    snprintf(cause, sizeof cause, "engine host '%.200s' (pid %d) %.100s", host->host, host->pid,
             ending ? ending : why);
    if (!self->stopping)
        tt_log(TT_LOG_WARN, "%s", cause);
    /* All first: what is tried again must not go to a neighbour that is lost as well. */
    engine_t **lost = tt_alloc((self->registry.count + 1) * sizeof *lost);
    size_t count = 0;
    for (size_t i = 0; i < self->registry.count; i++) {
        engine_t *engine = self->registry.engines[i];
        if (engine->host == host) {
            lose_engine(self, engine, cause);
            lost[count++] = engine;
        }
    }
    for (size_t i = 0; i < count; i++)
        dispatch_engine_lost(self, lost[i], cause);
    free(lost);
}

static void finish_if_alone(controller_t *self);

void peers_lost(controller_t *self, peer_t *peer, const char *why)
{
    tt_map_take(&self->peers[peer->role], peer->key);
    if (peer->watch_fd >= 0) {
        tt_loop_remove_fd(self->loop, peer->watch_fd);
        close(peer->watch_fd);
    }
    if (peer->role == PEER_CLIENT) {
        kept_client_goes(self, peer);
        dispatch_client_gone(self, peer);
        kept_client_gone(self, peer);
        blobs_client_gone(self, peer);
        launches_client_gone(self, peer);
    } else {
        host_lost(self, peer, why);
        launches_note_hosts(self);
    }
    tt_map_release(&peer->tasks);
    tt_buf_release(&peer->blobs);
    tt_outbox_destroy(&peer->outbox);
    free(peer);
    finish_if_alone(self);
}

static peer_t *find_watched(controller_t *self, int fd)
{
    for (int role = 0; role < 2; role++) {
        size_t walk = 0;
        for (peer_t *peer; (peer = tt_map_next(&self->peers[role], &walk));)
            if (peer->watch_fd == fd)
                return peer;
    }
    return NULL;
}

static void on_peer_end(void *arg, int fd, uint32_t events)
{
    controller_t *self = arg;
    peer_t *peer = find_watched(self, fd);
    (void)events;
    if (peer)
        peers_lost(self, peer, "ended");
}

/* A peer on this machine is watched by its process: its end is seen at once. Its pid and the
 * descriptor to watch; -1 with errno when it cannot be watched; 0 for one on another machine.
 */
static int watch(const tt_msg_hello_t *hello, int *fd)
{
    char boot[64];
    *fd = -1;
    if (strcmp(tt_text_copy(hello->boot, boot, sizeof boot), tt_boot_id()) != 0)
        return 0;
    int64_t pid = hello->watch_pid > 0 ? hello->watch_pid : hello->pid;
    errno = ESRCH;
    if (pid > 1 && pid <= INT_MAX)
        *fd = tt_pidfd_open((int)pid);
    return *fd < 0 ? -1 : (int)pid;
}

static peer_t *new_peer(controller_t *self, role_t role, tt_span_t route,
                        const tt_msg_hello_t *hello)
{
    int fd, pid = watch(hello, &fd);
    if (pid < 0)
        return NULL;
    peer_t *peer = tt_alloc(sizeof *peer);
    peer->key = route_key(route);
    peer->role = role;
    peer->outbox = tt_outbox_new(self->loop, self->sockets[role], route,
                                 role == PEER_CLIENT ? CLIENT_CAP : HOST_CAP);
    peer->watch_pid = pid;
    peer->watch_fd = fd;
    peer->since_ms = tt_now_ms();
    peer->epoch = hello->epoch;
    peer->pid = (int)hello->pid;
    peer->launch = hello->launch;
    peer->events = hello->events;
    if (hello->uuid.len == sizeof peer->uuid)
        memcpy(peer->uuid, hello->uuid.data, sizeof peer->uuid);
    tt_text_copy(hello->host, peer->host, sizeof peer->host);
    tt_text_copy(hello->program, peer->program, sizeof peer->program);
    if (fd >= 0)
        tt_loop_add_fd(self->loop, fd, EPOLLIN, on_peer_end, self);
    tt_map_set(&self->peers[role], peer->key, peer);
    return peer;
}

/* One message to a peer that is not registered. */
static void send_once(controller_t *self, role_t role, tt_span_t route,
                      const tt_message_t *message)
{
    tt_outbox_t *outbox = tt_outbox_new(self->loop, self->sockets[role], route, 0);
    tt_outbox_send(outbox, message, NULL);
    tt_outbox_destroy(&outbox);
}

/* ---- registration */

static void refuse(controller_t *self, role_t role, tt_span_t route, uint64_t id,
                   const char *text)
{
    tt_message_t message = tt_message(TT_MSG_REFUSE, id);
    message.as.refuse.major = TT_WIRE_MAJOR;
    message.as.refuse.minor = TT_WIRE_MINOR;
    message.as.refuse.text = tt_span(text);
    self->counts.refused++;
    tt_log(TT_LOG_WARN, "refused a peer: %s", text);
    send_once(self, role, route, &message);
}

/* Whoever is not watched would never be tidied up after. */
static void refuse_unseen(controller_t *self, role_t role, tt_span_t route, uint64_t id,
                          const tt_msg_hello_t *hello)
{
    char text[256], program[64], why[128];
    snprintf(why, sizeof why, "%s", strerror(errno));
    snprintf(text, sizeof text, "cannot watch %s's process %lld: %s",
             tt_text_copy(hello->program, program, sizeof program),
             (long long)(hello->watch_pid > 0 ? hello->watch_pid : hello->pid), why);
    refuse(self, role, route, id, text);
}

static void refuse_version(controller_t *self, role_t role, tt_span_t route, uint64_t id,
                           const tt_msg_hello_t *hello)
{
    char text[256], program[64];
    snprintf(text, sizeof text,
             "protocol %llu.%llu (%s) cannot talk to this controller's %d.%d (tutti %s)",
             (unsigned long long)hello->major, (unsigned long long)hello->minor,
             tt_text_copy(hello->program, program, sizeof program), TT_WIRE_MAJOR,
             TT_WIRE_MINOR, TT_VERSION);
    refuse(self, role, route, id, text);
}

static void welcome(controller_t *self, peer_t *peer, uint64_t id)
{
    tt_message_t message = tt_message(TT_MSG_WELCOME, id);
    tt_msg_welcome_t *fields = &message.as.welcome;
    fields->major = TT_WIRE_MAJOR;
    fields->minor = TT_WIRE_MINOR;
    fields->uuid = (tt_span_t){self->uuid, sizeof self->uuid};
    fields->epoch = self->epoch;
    fields->program = tt_span("tutti-controller");
    fields->host = tt_span(tt_host_name());
    fields->boot = tt_span(tt_boot_id());
    fields->pid = getpid();
    fields->cluster = tt_span(self->options->dir->name);
    fields->peer = peer->key;
    tt_outbox_send(peer->outbox, &message, NULL);
}

/* A client that follows events is told of every engine before it is welcomed. */
static void introduce_engines(controller_t *self, peer_t *client)
{
    for (size_t i = 0; i < self->registry.count; i++) {
        tt_message_t message = about(self->registry.engines[i]);
        tt_outbox_send(client->outbox, &message, NULL);
    }
}

static void on_hello(controller_t *self, role_t role, tt_span_t route,
                     const tt_message_t *message)
{
    const tt_msg_hello_t *hello = &message->as.hello;
    if (hello->major != TT_WIRE_MAJOR) {
        refuse_version(self, role, route, message->id, hello);
        return;
    }
    peer_t *peer = tt_map_get(&self->peers[role], route_key(route));
    bool fresh = peer == NULL;
    if (fresh && (peer = new_peer(self, role, route, hello)) == NULL) {
        refuse_unseen(self, role, route, message->id, hello);
        return;
    }
    peer->seen_ms = tt_now_ms();
    if (role == PEER_CLIENT && peer->events)
        introduce_engines(self, peer);
    welcome(self, peer, message->id);
    if (role == PEER_HOST && fresh) {
        tt_log(TT_LOG_INFO, "engine host '%s' (pid %d) is here", peer->host, peer->pid);
        launches_host(self, peer, hello);
    }
}

/* ---- messages of clients */

static void on_status(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    tt_buf_t report;
    tt_frames_t frames;
    (void)payload;
    tt_buf_init(&report);
    tt_frames_init(&frames);
    report_pack(self, &report);
    tt_frames_take_buf(&frames, &report);
    tt_message_t answer = tt_message(TT_MSG_REPORT, message->id);
    tt_outbox_send(peer->outbox, &answer, &frames);
    tt_buf_release(&report);
}

static void on_submit(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    dispatch_submit(self, peer, message, payload);
}

static void on_cancel(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    (void)payload;
    dispatch_cancel(self, peer, message);
}

static void on_blob(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload)
{
    blobs_keep(self, peer, message->as.blob.hash, payload);
}

static void on_drop(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload)
{
    (void)payload;
    blobs_drop(self, peer, message->as.drop.hash);
}

static void on_launch(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    (void)payload;
    launches_request(self, peer, message);
}

/* Passes a message that names engines on to their hosts, each with its own. Returns how many
 * engines were met. */
static size_t forward(controller_t *self, const tt_message_t *message, tt_span_t *field,
                      const int *ids, size_t count)
{
    size_t met = 0, walk = 0;
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));) {
        int *theirs = tt_alloc((count + 1) * sizeof *theirs);
        size_t some = 0;
        for (size_t i = 0; i < count; i++) {
            const engine_t *engine = registry_find(&self->registry, ids[i]);
            if (engine && engine->host == host)
                theirs[some++] = ids[i];
        }
        tt_buf_t list;
        tt_buf_init(&list);
        tt_ids_pack(&list, theirs, some);
        *field = (tt_span_t){list.data, list.len};
        if (some > 0)
            tt_outbox_send(host->outbox, message, NULL);
        met += some;
        tt_buf_release(&list);
        free(theirs);
    }
    return met;
}

static size_t read_engines(const controller_t *self, tt_span_t any, int **ids)
{
    bool all;
    int count = tt_ids_read(any, ids, &all);
    if (!all)
        return count < 0 ? 0 : (size_t)count;
    *ids = tt_alloc((self->registry.count + 1) * sizeof **ids);
    for (size_t i = 0; i < self->registry.count; i++)
        (*ids)[i] = self->registry.engines[i]->id;
    return self->registry.count;
}

void peers_done(peer_t *peer, uint64_t id, const int *ids, size_t count)
{
    tt_buf_t list;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, count);
    tt_message_t done = tt_message(TT_MSG_DONE, id);
    done.as.done.engines = (tt_span_t){list.data, list.len};
    tt_outbox_send(peer->outbox, &done, NULL);
    tt_buf_release(&list);
}

static void on_interrupt(controller_t *self, peer_t *peer, tt_message_t *message,
                         tt_frames_t *payload)
{
    int *ids;
    size_t count = read_engines(self, message->as.interrupt.engines, &ids);
    (void)payload;
    forward(self, message, &message->as.interrupt.engines, ids, count);
    peers_done(peer, message->id, ids, count);
    free(ids);
}

static void on_action(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    int *ids;
    size_t count = read_engines(self, message->as.action.engines, &ids);
    (void)payload;
    forward(self, message, &message->as.action.engines, ids, count);
    if (message->as.action.action == TT_ACTION_RESTART)
        launches_again(self, ids, count);
    peers_done(peer, message->id, ids, count);
    free(ids);
}

/* ---- stopping */

static void on_stop_limit(void *arg)
{
    controller_t *self = arg;
    self->stop_timer = 0;
    tt_log(TT_LOG_WARN, "some hosts did not end in time; they are terminated");
    launches_kill(self);
    tt_loop_stop(self->loop);
}

static void finish_if_alone(controller_t *self)
{
    if (self->stopping && self->peers[PEER_HOST].count == 0 && !launches_alive(self))
        tt_loop_stop(self->loop);
}

static void stop(controller_t *self)
{
    if (self->stopping)
        return;
    self->stopping = true;
    self->stop_timer = tt_loop_add_timer(self->loop, STOP_LIMIT_MS, on_stop_limit, self);
    tt_message_t message = tt_message(TT_MSG_STOP, 0);
    size_t walk = 0;
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));)
        tt_outbox_send(host->outbox, &message, NULL);
    launches_stop_unregistered(self);
    finish_if_alone(self);
}

static void on_stop(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload)
{
    (void)payload;
    self->stopper = true;
    self->stopper_key = peer->key;
    self->stopper_id = message->id;
    tt_log(TT_LOG_INFO, "asked to stop by %s (pid %d)", peer->program, peer->pid);
    stop(self);
}

static void on_bye(controller_t *self, peer_t *peer, tt_message_t *message,
                   tt_frames_t *payload)
{
    (void)payload;
    /* A host says it before its parent has swept; the parent's end is what counts. */
    if (peer->role != PEER_CLIENT)
        return;
    peer->farewell = !peer->left;
    if (message->id)
        peers_done(peer, message->id, NULL, 0);
    peers_lost(self, peer, "left");
}

/* ---- messages of hosts */

/* [engine, task, ms, queued, ms since it was first interrupted] */
static void note_running(controller_t *self, const peer_t *host, tt_span_t entry)
{
    tt_reader_t reader = tt_reader(entry);
    size_t fields = 0;
    int64_t id = -1, ms = 0;
    uint64_t task = 0, ignoring_ms = 0;
    if (tt_read_array(&reader, &fields) != 0 || tt_read_int(&reader, &id) != 0 ||
        tt_read_uint(&reader, &task) != 0 || tt_read_int(&reader, &ms) != 0)
        return;
    if (tt_skip(&reader) == 0)
        tt_read_uint(&reader, &ignoring_ms);
    engine_t *engine = registry_find(&self->registry, id);
    if (engine == NULL || engine->host != host)
        return;
    engine->running_task = task;
    engine->running_ms = ms;
    engine->ignoring_ms = ignoring_ms;
}

static void on_beat(controller_t *self, peer_t *peer, tt_message_t *message,
                    tt_frames_t *payload)
{
    tt_reader_t reader = tt_reader(message->as.beat.running);
    tt_span_t entry;
    size_t count = 0;
    (void)payload;
    peer->rss_bytes = message->as.beat.rss_bytes;
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->host == peer)
            self->registry.engines[i]->running_task = self->registry.engines[i]->ignoring_ms =
                0;
    tt_read_array(&reader, &count);
    for (size_t i = 0; i < count && tt_read_raw(&reader, &entry) == 0; i++)
        note_running(self, peer, entry);
    tt_message_t back = tt_message(TT_MSG_BEAT, 0);
    back.as.beat.sent_ns = message->as.beat.sent_ns;
    tt_outbox_send(peer->outbox, &back, NULL);
}

static void on_engine(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    const tt_msg_engine_t *news = &message->as.engine;
    engine_t *engine = registry_find(&self->registry, news->engine);
    (void)payload;
    if (engine == NULL || engine->host != peer || news->state > TT_ENGINE_STOPPED)
        return;
    engine->state = (tt_engine_state_t)news->state;
    engine->pid = (int)news->pid;
    engine->since_ms = tt_now_ms();
    tt_text_copy(news->language, engine->language, sizeof engine->language);
    tt_text_copy(news->version, engine->version, sizeof engine->version);
    tt_text_copy(news->program, engine->program, sizeof engine->program);
    tt_text_copy(news->text, engine->text, sizeof engine->text);
    peers_announce(self, engine);
    if (engine->text[0])
        reasons_add(&self->reasons, engine->id, engine->host_name, engine->text);
    if (engine->state == TT_ENGINE_READY)
        dispatch_engine_free(self, engine);
    else if (engine->state == TT_ENGINE_STOPPED)
        dispatch_engine_stopped(self, engine);
    else if (!engine_usable(engine))
        dispatch_engine_failed(self, engine, engine->text);
    if (engine->state == TT_ENGINE_GONE) {
        dispatch_engine_lost(self, engine, engine->text);
        registry_remove(&self->registry, engine);
    }
}

static void on_result(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    dispatch_result(self, peer, message, payload);
}

static void on_output(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    dispatch_output(self, peer, message, payload);
}

static void on_returned(controller_t *self, peer_t *peer, tt_message_t *message,
                        tt_frames_t *payload)
{
    (void)payload;
    dispatch_returned(self, peer, message);
}

static void on_error(controller_t *self, peer_t *peer, tt_message_t *message,
                     tt_frames_t *payload)
{
    char text[256];
    (void)self;
    (void)payload;
    tt_log(TT_LOG_WARN, "%s (pid %d) says: %s", peer->program, peer->pid,
           tt_text_copy(message->as.error.text, text, sizeof text));
}

/* ---- dispatch */

enum { FROM_CLIENT = 1 << PEER_CLIENT, FROM_HOST = 1 << PEER_HOST };

static const struct {
    unsigned type;
    unsigned from;
    void (*handler)(controller_t *, peer_t *, tt_message_t *, tt_frames_t *);
} handlers[] = {
    {TT_MSG_SUBMIT, FROM_CLIENT, on_submit},
    {TT_MSG_RESULT, FROM_HOST, on_result},
    {TT_MSG_OUTPUT, FROM_HOST, on_output},
    {TT_MSG_BLOB, FROM_CLIENT, on_blob},
    {TT_MSG_DROP, FROM_CLIENT, on_drop},
    {TT_MSG_CANCEL, FROM_CLIENT, on_cancel},
    {TT_MSG_KEEP, FROM_CLIENT, kept_keep},
    {TT_MSG_STORE, FROM_CLIENT, kept_store},
    {TT_MSG_LEAVE, FROM_CLIENT, kept_leave},
    {TT_MSG_ADOPT, FROM_CLIENT, kept_adopt},
    {TT_MSG_INTERRUPT, FROM_CLIENT, on_interrupt},
    {TT_MSG_BEAT, FROM_HOST, on_beat},
    {TT_MSG_ENGINE, FROM_HOST, on_engine},
    {TT_MSG_RETURNED, FROM_HOST, on_returned},
    {TT_MSG_STATUS, FROM_CLIENT, on_status},
    {TT_MSG_LAUNCH, FROM_CLIENT, on_launch},
    {TT_MSG_ACTION, FROM_CLIENT, on_action},
    {TT_MSG_STOP, FROM_CLIENT, on_stop},
    {TT_MSG_BYE, FROM_CLIENT | FROM_HOST, on_bye},
    {TT_MSG_ERROR, FROM_CLIENT | FROM_HOST, on_error},
};

/* Answers what cannot be understood or is not allowed; never an error with an error. */
static void complain(controller_t *self, role_t role, tt_span_t route,
                     const tt_message_t *message, const char *why)
{
    if (message->type == TT_MSG_ERROR)
        return;
    tt_log(TT_LOG_DEBUG, "bad message: %s", why);
    tt_message_t answer = tt_message(TT_MSG_ERROR, message->id);
    answer.as.error.code = 1;
    answer.as.error.text = tt_span(why);
    send_once(self, role, route, &answer);
}

static void dispatch(controller_t *self, role_t role, tt_span_t route, tt_message_t *message,
                     tt_frames_t *payload)
{
    peer_t *peer = tt_map_get(&self->peers[role], route_key(route));
    if (message->type == TT_MSG_HELLO) {
        on_hello(self, role, route, message);
        return;
    }
    if (peer == NULL) {
        tt_message_t who = tt_message(TT_MSG_WHO, message->id);
        send_once(self, role, route, &who);
        return;
    }
    peer->seen_ms = tt_now_ms();
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type != message->type)
            continue;
        if (handlers[i].from & (1u << role)) {
            handlers[i].handler(self, peer, message, payload);
            return;
        }
        break;
    }
    char why[128];
    const tt_message_info_t *info = tt_message_info(message->type);
    snprintf(why, sizeof why, "%s is not for %s to send", info ? info->name : "?",
             role == PEER_CLIENT ? "a client" : "an engine host");
    self->counts.refused++;
    complain(self, role, route, message, why);
}

static void on_socket(controller_t *self, role_t role)
{
    tt_packet_t packet;
    int rc = tt_packet_read(&packet, self->sockets[role], true);
    tt_span_t route = {zmq_msg_data(&packet.route), zmq_msg_size(&packet.route)};
    tt_span_t header = {zmq_msg_data(&packet.header), zmq_msg_size(&packet.header)};
    tt_message_t message = tt_message(0, 0);
    tt_error_t err = {0, "a message without a header or with too many frames"};
    if (rc == 1 && tt_message_read(&message, header, &err) == 0) {
        dispatch(self, role, route, &message, &packet.payload);
    } else if (rc != 0) {
        if (message.type && tt_message_info(message.type) == NULL)
            self->counts.unknown++;
        else
            self->counts.malformed++;
        complain(self, role, route, &message, err.text);
    }
    tt_packet_release(&packet);
}

static void on_client_socket(void *arg, void *socket)
{
    (void)socket;
    on_socket(arg, PEER_CLIENT);
}

static void on_host_socket(void *arg, void *socket)
{
    (void)socket;
    on_socket(arg, PEER_HOST);
}

/* ---- life */

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    controller_t *self = arg;
    if (info->ssi_signo != SIGCHLD) {
        stop(self);
        return;
    }
    launches_reap(self);
    finish_if_alone(self);
}

static int open_sockets(controller_t *self, tt_error_t *err)
{
    const char *paths[2] = {[PEER_CLIENT] = self->options->dir->client_sock,
                            [PEER_HOST] = self->options->dir->engine_sock};
    tt_zmq_fn *readers[2] = {[PEER_CLIENT] = on_client_socket, [PEER_HOST] = on_host_socket};
    for (int role = 0; role < 2; role++) {
        char endpoint[TT_SOCKET_MAX + 8];
        snprintf(endpoint, sizeof endpoint, "ipc://%s", paths[role]);
        self->sockets[role] = tt_socket_new(self->context, ZMQ_ROUTER, endpoint, err);
        if (self->sockets[role] == NULL)
            return -1;
        tt_loop_add_zmq(self->loop, self->sockets[role], readers[role], self);
    }
    return 0;
}

static void tell_ready(const controller_t *self, const char *text)
{
    int fd = self->options->ready_fd;
    if (fd < 0)
        return;
    if (write(fd, text, strlen(text)) < 0)
        tt_log(TT_LOG_WARN, "whoever started us is not waiting");
    close(fd);
}

static void say_stopped(controller_t *self)
{
    peer_t *peer = tt_map_get(&self->peers[PEER_CLIENT], self->stopper_key);
    if (!self->stopper || peer == NULL)
        return;
    tt_message_t message = tt_message(TT_MSG_STOPPED, self->stopper_id);
    message.as.stopped.text = tt_span("stopped");
    tt_outbox_send(peer->outbox, &message, NULL);
}

static void release(controller_t *self)
{
    for (int role = 0; role < 2; role++) {
        size_t walk = 0;
        for (peer_t *peer; (peer = tt_map_next(&self->peers[role], &walk));) {
            tt_outbox_destroy(&peer->outbox);
            tt_map_release(&peer->tasks);
            tt_map_release(&peer->keeps);
            tt_buf_release(&peer->blobs);
            if (peer->watch_fd >= 0)
                close(peer->watch_fd);
            free(peer);
        }
        tt_map_release(&self->peers[role]);
        if (self->sockets[role])
            tt_loop_remove_zmq(self->loop, self->sockets[role]);
        tt_socket_close(self->sockets[role], 500);
    }
    size_t walk = 0;
    kept_release(self);
    for (task_t *task; (task = tt_map_next(&self->tasks, &walk));)
        task_destroy(&task);
    tt_map_release(&self->tasks);
    balanced_destroy(&self->balanced);
    blobs_release(self);
    launches_release(self);
    records_release(&self->records);
    registry_release(&self->registry);
    zmq_ctx_term(self->context);
    tt_loop_destroy(&self->loop);
}

int controller_run(const controller_options_t *options)
{
    controller_t *self = tt_alloc(sizeof *self);
    tt_error_t err;
    sigset_t signals;
    tt_signals_block(&signals, SIGCHLD, SIGTERM, SIGINT, SIGHUP, 0);
    self->options = options;
    self->started_ms = tt_now_ms();
    self->epoch = tt_random_number();
    self->next_task = self->epoch & 0x7fffffff00000000u;
    tt_random(self->uuid, sizeof self->uuid);
    self->loop = tt_loop_new();
    self->context = zmq_ctx_new();
    zmq_ctx_set(self->context, ZMQ_MAX_SOCKETS, 65535);
    tt_loop_add_signals(self->loop, &signals, on_signal, self);
    self->balanced = balanced_new(options->policy, &err);
    int status = self->balanced && open_sockets(self, &err) == 0 ? 0 : 1;
    if (status == 0) {
        launches_expect(self);
        tell_ready(self, "ok\n");
        tt_log(TT_LOG_INFO, "cluster '%s' is up", options->dir->name);
        tt_loop_run(self->loop);
        say_stopped(self);
        unlink(options->dir->client_sock);
        unlink(options->dir->engine_sock);
    } else {
        tt_log(TT_LOG_ERROR, "%s", err.text);
        tell_ready(self, err.text);
    }
    release(self);
    free(self);
    return status;
}
