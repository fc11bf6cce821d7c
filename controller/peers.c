/* Peers: who talks to us, by the door they came in, from HELLO to their end. */
#include "controller.h"

#include "identity.h"
#include "log.h"
#include "remote.h"
#include "transfers.h"
#include "waits.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    CLIENT_CAP = 256 << 20, /* bytes that may wait for a client before its work is held back */
    HOST_CAP = 64 << 20
};

static role_t role_of(door_t door)
{
    return door == DOOR_CLIENT ? PEER_CLIENT : PEER_HOST;
}

/* Routes are unique within a door; far hosts are in one table with those of this machine. */
static uint64_t route_key(door_t door, tt_span_t route)
{
    uint64_t key = door == DOOR_FAR ? 1 : 0;
    for (size_t i = 0; i < route.len && i < 5; i++)
        key = key << 8 | route.data[i];
    return key;
}

/* What a ROUTER gives by itself. A peer may choose a route of its own in its greeting, and that
 * might be taken for another's. */
static bool is_route(tt_span_t route)
{
    return route.len == 5 && route.data[0] == 0;
}

peer_t *peers_find(controller_t *self, door_t door, tt_span_t route)
{
    return is_route(route) ? tt_map_get(&self->peers[role_of(door)], route_key(door, route))
                           : NULL;
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
    event->labels = tt_span(engine->labels);
    event->born = engine->born;
    return message;
}

void peers_tell(controller_t *self, const tt_message_t *message)
{
    size_t walk = 0;
    for (peer_t *client; (client = tt_map_next(&self->peers[PEER_CLIENT], &walk));)
        if (client->events)
            tt_outbox_send(client->outbox, message, NULL);
}

void peers_announce(controller_t *self, const engine_t *engine)
{
    tt_message_t message = about(engine);
    peers_tell(self, &message);
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

/* Why a peer is no longer there, for whoever had to do with it. */
static void tell_loss(controller_t *self, const peer_t *peer, const char *why, char *cause,
                      size_t size)
{
    const char *ending =
        peer->role == PEER_HOST ? launches_ending(self, peer->watch_pid) : NULL;
    if (peer->far)
        snprintf(cause, size, "link to '%.100s': %.250s", peer->host, why);
    else
        snprintf(cause, size, "engine host '%.200s' (pid %d) %.100s", peer->host, peer->pid,
                 ending ? ending : why);
}

static void host_lost(controller_t *self, peer_t *host, const char *cause)
{
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

void peers_lost(controller_t *self, peer_t *peer, const char *why)
{
    tt_map_take(&self->peers[peer->role], peer->key);
    if (peer->watch_fd >= 0) {
        tt_loop_remove_fd(self->loop, peer->watch_fd);
        close(peer->watch_fd);
    }
    char cause[400];
    tell_loss(self, peer, why, cause, sizeof cause);
    transfers_peer_gone(self, peer, cause);
    if (peer->role == PEER_CLIENT) {
        kept_client_goes(self, peer);
        dispatch_client_gone(self, peer);
        kept_client_gone(self, peer);
        blobs_client_gone(self, peer);
        launches_client_gone(self, peer);
    } else {
        remote_peer_gone(self, peer);
        host_lost(self, peer, cause);
        launches_note_hosts(self);
    }
    tt_map_release(&peer->tasks);
    ended_release(&peer->ended);
    tt_buf_release(&peer->blobs);
    tt_outbox_destroy(&peer->outbox);
    free(peer);
    controller_finish_if_alone(self);
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

static peer_t *new_peer(controller_t *self, door_t door, tt_span_t route,
                        const tt_msg_hello_t *hello)
{
    int fd = -1, pid = door == DOOR_FAR ? 0 : watch(hello, &fd);
    if (pid < 0)
        return NULL;
    role_t role = role_of(door);
    peer_t *peer = tt_alloc(sizeof *peer);
    peer->key = route_key(door, route);
    peer->role = role;
    peer->far = door == DOOR_FAR;
    peer->outbox = tt_outbox_new(self->loop, self->sockets[door], route,
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

void peers_send_once(controller_t *self, door_t door, tt_span_t route,
                     const tt_message_t *message)
{
    tt_outbox_t *outbox = tt_outbox_new(self->loop, self->sockets[door], route, 0);
    tt_outbox_send(outbox, message, NULL);
    tt_outbox_destroy(&outbox);
}

/* ---- registration */

static void refuse(controller_t *self, door_t door, tt_span_t route, uint64_t id,
                   const char *text)
{
    tt_message_t message = tt_message(TT_MSG_REFUSE, id);
    message.as.refuse.major = TT_WIRE_MAJOR;
    message.as.refuse.minor = TT_WIRE_MINOR;
    message.as.refuse.text = tt_span(text);
    self->counts.refused++;
    tt_log(TT_LOG_WARN, "refused a peer: %s", text);
    peers_send_once(self, door, route, &message);
}

/* Whoever is not watched would never be tidied up after. */
static void refuse_unseen(controller_t *self, door_t door, tt_span_t route, uint64_t id,
                          const tt_msg_hello_t *hello)
{
    char text[256], program[64], why[128];
    snprintf(why, sizeof why, "%s", strerror(errno));
    snprintf(text, sizeof text, "cannot watch %s's process %lld: %s",
             tt_text_copy(hello->program, program, sizeof program),
             (long long)(hello->watch_pid > 0 ? hello->watch_pid : hello->pid), why);
    refuse(self, door, route, id, text);
}

static void refuse_version(controller_t *self, door_t door, tt_span_t route, uint64_t id,
                           const tt_msg_hello_t *hello)
{
    char text[256], program[64];
    snprintf(text, sizeof text,
             "protocol %llu.%llu (%s) cannot talk to this controller's %d.%d (tutti %s)",
             (unsigned long long)hello->major, (unsigned long long)hello->minor,
             tt_text_copy(hello->program, program, sizeof program), TT_WIRE_MAJOR,
             TT_WIRE_MINOR, TT_VERSION);
    refuse(self, door, route, id, text);
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

/* A far host is one that a link was made for, and has no engines but those it is given. */
static bool is_expected(controller_t *self, const tt_msg_hello_t *hello)
{
    remote_t *remote = remote_by_token(self, hello->launch);
    return remote && remote_peer(remote) == NULL;
}

static void meet(controller_t *self, peer_t *peer, const tt_msg_hello_t *hello)
{
    if (peer->far)
        remote_host(self, peer, hello);
    tt_log(TT_LOG_INFO, "engine host '%s' (pid %d) is here", peer->host, peer->pid);
    if (!peer->far)
        launches_host(self, peer, hello);
}

void peers_hello(controller_t *self, door_t door, tt_span_t route, const tt_message_t *message)
{
    const tt_msg_hello_t *hello = &message->as.hello;
    peer_t *peer = peers_find(self, door, route);
    bool fresh = peer == NULL;
    if (hello->major != TT_WIRE_MAJOR) {
        refuse_version(self, door, route, message->id, hello);
        return;
    }
    if (!is_route(route)) {
        refuse(self, door, route, message->id, "a peer does not choose its own route");
        return;
    }
    if (fresh && door == DOOR_FAR && !is_expected(self, hello)) {
        refuse(self, door, route, message->id, "no link to this machine is being made");
        return;
    }
    if (fresh && (peer = new_peer(self, door, route, hello)) == NULL) {
        refuse_unseen(self, door, route, message->id, hello);
        return;
    }
    peer->seen_ms = tt_now_ms();
    if (peer->role == PEER_CLIENT && peer->events)
        introduce_engines(self, peer);
    welcome(self, peer, message->id);
    if (hello->minor >= 1)
        tt_outbox_parcel(peer->outbox);
    if (peer->role == PEER_HOST && fresh)
        meet(self, peer, hello);
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
