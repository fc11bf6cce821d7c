/* The controller's sockets and messages. See controller.h; peers are in peers.c, work in
 * dispatch.c. */
#include "controller.h"

#include "fetch.h"
#include "identity.h"
#include "log.h"
#include "pack.h"
#include "remote.h"
#include "transfers.h"
#include "values.h"
#include "waits.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { STOP_LIMIT_MS = 5000 }; /* for hosts to end; then they are terminated */

/* ---- messages of clients */

static void on_status(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    tt_buf_t report;
    tt_frames_t frames;
    (void)payload;
    beats_look(self);
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
    if (message->as.action.action == TT_ACTION_END ||
        message->as.action.action == TT_ACTION_RETIRE)
        launches_end(self, ids, count);
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

void controller_finish_if_alone(controller_t *self)
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
    controller_finish_if_alone(self);
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

static void on_engine(controller_t *self, peer_t *peer, tt_message_t *message,
                      tt_frames_t *payload)
{
    const tt_msg_engine_t *news = &message->as.engine;
    engine_t *engine = registry_find(&self->registry, news->engine);
    (void)payload;
    if (engine == NULL || engine->host != peer || news->state > TT_ENGINE_STOPPED)
        return;
    if (engine->state == TT_ENGINE_GONE && news->state != TT_ENGINE_GONE)
        return; /* it is to end: for clients it has */
    if (news->state == TT_ENGINE_RESTARTING)
        registry_reborn(&self->registry, engine);
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
    else if (engine->state == TT_ENGINE_RESTARTING)
        dispatch_engine_reborn(self, engine);
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
    {TT_MSG_DATA, FROM_CLIENT | FROM_HOST, values_data},
    {TT_MSG_WANT, FROM_CLIENT | FROM_HOST, values_want},
    {TT_MSG_BLOB, FROM_CLIENT, on_blob},
    {TT_MSG_DROP, FROM_CLIENT, on_drop},
    {TT_MSG_CANCEL, FROM_CLIENT, on_cancel},
    {TT_MSG_RECORDS, FROM_CLIENT, fetch_records},
    {TT_MSG_FETCH, FROM_CLIENT, fetch_task},
    {TT_MSG_KEEP, FROM_CLIENT, kept_keep},
    {TT_MSG_STORE, FROM_CLIENT, kept_store},
    {TT_MSG_LEAVE, FROM_CLIENT, kept_leave},
    {TT_MSG_ADOPT, FROM_CLIENT, kept_adopt},
    {TT_MSG_TAKEN, FROM_CLIENT, kept_taken},
    {TT_MSG_INTERRUPT, FROM_CLIENT, on_interrupt},
    {TT_MSG_BEAT, FROM_HOST, beats_take},
    {TT_MSG_ENGINE, FROM_HOST, on_engine},
    {TT_MSG_RETURNED, FROM_HOST, on_returned},
    {TT_MSG_STATUS, FROM_CLIENT, on_status},
    {TT_MSG_LAUNCH, FROM_CLIENT, on_launch},
    {TT_MSG_ACTION, FROM_CLIENT, on_action},
    {TT_MSG_REMOVE, FROM_CLIENT, remote_remove},
    {TT_MSG_STOP, FROM_CLIENT, on_stop},
    {TT_MSG_PUT, FROM_CLIENT, transfers_begin},
    {TT_MSG_GET, FROM_CLIENT, transfers_begin},
    {TT_MSG_LIST, FROM_CLIENT, transfers_begin},
    {TT_MSG_ABORT, FROM_CLIENT, transfers_pass},
    {TT_MSG_CHUNK, FROM_CLIENT | FROM_HOST, transfers_pass},
    {TT_MSG_CREDIT, FROM_CLIENT | FROM_HOST, transfers_pass},
    {TT_MSG_LISTED, FROM_HOST, transfers_pass},
    {TT_MSG_FILED, FROM_HOST, transfers_pass},
    {TT_MSG_BYE, FROM_CLIENT | FROM_HOST, on_bye},
    {TT_MSG_ERROR, FROM_CLIENT | FROM_HOST, on_error},
};

/* Answers what cannot be understood or is not allowed; never an error with an error. */
static void complain(controller_t *self, door_t door, tt_span_t route,
                     const tt_message_t *message, const char *why)
{
    if (message->type == TT_MSG_ERROR)
        return;
    tt_log(TT_LOG_DEBUG, "bad message: %s", why);
    tt_message_t answer = tt_message(TT_MSG_ERROR, message->id);
    answer.as.error.code = 1;
    answer.as.error.text = tt_span(why);
    peers_send_once(self, door, route, &answer);
}

/* A message that its sender may not send. A far host that tries is cut off. */
static void forbid(controller_t *self, door_t door, tt_span_t route, peer_t *peer,
                   const tt_message_t *message)
{
    char why[128];
    const tt_message_info_t *info = tt_message_info(message->type);
    snprintf(why, sizeof why, "%s is not for %s to send", info ? info->name : "?",
             door == DOOR_CLIENT ? "a client" : "an engine host");
    self->counts.refused++;
    complain(self, door, route, message, why);
    if (peer->far)
        remote_cut(self, peer, why);
}

static void dispatch(controller_t *self, door_t door, tt_span_t route, tt_message_t *message,
                     tt_frames_t *payload)
{
    if (message->type == TT_MSG_HELLO) {
        peers_hello(self, door, route, message);
        return;
    }
    peer_t *peer = peers_find(self, door, route);
    if (peer == NULL) {
        tt_message_t who = tt_message(TT_MSG_WHO, message->id);
        peers_send_once(self, door, route, &who);
        return;
    }
    peer->seen_ms = tt_now_ms();
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (handlers[i].type != message->type)
            continue;
        if (handlers[i].from & (1u << peer->role)) {
            handlers[i].handler(self, peer, message, payload);
            return;
        }
        break;
    }
    forbid(self, door, route, peer, message);
}

typedef struct {
    controller_t *controller;
    door_t door;
} entrance_t;

static void on_packet(void *arg, tt_packet_t *packet, bool whole)
{
    controller_t *self = ((entrance_t *)arg)->controller;
    door_t door = ((entrance_t *)arg)->door;
    tt_span_t route = {zmq_msg_data(&packet->route), zmq_msg_size(&packet->route)};
    tt_span_t header = {zmq_msg_data(&packet->header), zmq_msg_size(&packet->header)};
    tt_message_t message = tt_message(0, 0);
    tt_error_t err = {0, "a message without a header or with too many frames"};
    if (whole && tt_message_read(&message, header, &err) == 0) {
        dispatch(self, door, route, &message, &packet->payload);
    } else {
        if (message.type && tt_message_info(message.type) == NULL)
            self->counts.unknown++;
        else
            self->counts.malformed++;
        complain(self, door, route, &message, err.text);
    }
}

static void on_socket(controller_t *self, door_t door)
{
    entrance_t entrance = {self, door};
    tt_packet_receive(self->sockets[door], true, on_packet, &entrance);
}

static void on_client_socket(void *arg, void *socket)
{
    (void)socket;
    on_socket(arg, DOOR_CLIENT);
}

static void on_host_socket(void *arg, void *socket)
{
    (void)socket;
    on_socket(arg, DOOR_HOST);
}

static void on_far_socket(void *arg, void *socket)
{
    (void)socket;
    on_socket(arg, DOOR_FAR);
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
    controller_finish_if_alone(self);
}

static int open_sockets(controller_t *self, tt_error_t *err)
{
    const tt_rundir_t *dir = self->options->dir;
    const struct {
        const char *path;
        tt_zmq_fn *read;
    } doors[DOORS] = {[DOOR_CLIENT] = {dir->client_sock, on_client_socket},
                      [DOOR_HOST] = {dir->engine_sock, on_host_socket},
                      [DOOR_FAR] = {dir->far_sock, on_far_socket}};
    for (int door = 0; door < DOORS; door++) {
        char endpoint[TT_SOCKET_MAX + 8];
        snprintf(endpoint, sizeof endpoint, "ipc://%s", doors[door].path);
        self->sockets[door] = tt_socket_new(self->context, ZMQ_ROUTER, endpoint, err);
        if (self->sockets[door] == NULL)
            return -1;
        tt_loop_add_zmq(self->loop, self->sockets[door], doors[door].read, self);
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
            ended_release(&peer->ended);
            tt_map_release(&peer->keeps);
            tt_buf_release(&peer->blobs);
            if (peer->watch_fd >= 0)
                close(peer->watch_fd);
            free(peer);
        }
        tt_map_release(&self->peers[role]);
    }
    for (int door = 0; door < DOORS; door++) {
        if (self->sockets[door])
            tt_loop_remove_zmq(self->loop, self->sockets[door]);
        tt_socket_close(self->sockets[door], 500);
    }
    size_t walk = 0;
    kept_release(self);
    for (task_t *task; (task = tt_map_next(&self->tasks, &walk));)
        task_destroy(&task);
    tt_map_release(&self->tasks);
    free(self->freed);
    balanced_destroy(&self->balanced);
    blobs_release(self);
    transfers_release(self);
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
    self->next_transfer = self->next_task;
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
        unlink(options->dir->far_sock);
    } else {
        tt_log(TT_LOG_ERROR, "%s", err.text);
        tell_ready(self, err.text);
    }
    release(self);
    free(self);
    return status;
}
