/* Engines to be: which launch they belong to, how its host is started (a table of launchers),
 * and what became of it. Also which hosts an earlier controller left behind for us. */
#include "child.h"
#include "controller.h"
#include "launch.h"
#include "interpreter.h"
#include "identity.h"
#include "log.h"
#include "pack.h"
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    REGISTER_LIMIT_MS = 15000, /* from the start of a host to its HELLO */
    EXPECT_LIMIT_MS = 3000,    /* for the hosts of an earlier controller to come back */
    ADOPTED_MAX = 1 << 24      /* above the numbers of their engines: ours go on behind them */
};

/* `prepare` reads what a request says to this launcher only; NULL: nothing. `begin` carries the
 * request out, and answers it. */
typedef struct {
    const char *name;
    int (*prepare)(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                   tt_error_t *err);
    void (*begin)(controller_t *self, launch_t *launch);
} launcher_t;

static int prepare_local(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                         tt_error_t *err);
static void begin_local(controller_t *self, launch_t *launch);
static int prepare_ssh(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                       tt_error_t *err);
static void begin_ssh(controller_t *self, launch_t *launch);
static int prepare_like(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                        tt_error_t *err);
static void begin_like(controller_t *self, launch_t *launch);

static const launcher_t launchers[] = {
    {"local", prepare_local, begin_local},
    {"ssh", prepare_ssh, begin_ssh},
    {"like", prepare_like, begin_like},
};

static const launcher_t *find_launcher(const char *name)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (strcmp(launchers[i].name, name) == 0)
            return &launchers[i];
    return NULL;
}

/* ---- local hosts */

int launches_open_log(const controller_t *self)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/engine.log", self->options->dir->state_dir);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int start_local(controller_t *self, launch_t *launch, tt_error_t *err)
{
    char number[32], grace[32], endpoint[TT_SOCKET_MAX + 8];
    snprintf(number, sizeof number, "%llu", (unsigned long long)launch->id);
    snprintf(grace, sizeof grace, "%llums", (unsigned long long)launch->grace_ms);
    snprintf(endpoint, sizeof endpoint, "ipc://%s", self->options->dir->engine_sock);
    char *program = tt_program_path("tutti-engine");
    const char *argv[] = {
        program,    "--endpoint", endpoint,  "--name", self->options->dir->name,
        "--launch", number,       "--grace", grace,    NULL};
    int log_fd = launches_open_log(self);
    tt_child_t child = {.argv = argv, .fd = {-1, log_fd, log_fd, -1, -1}, .own_session = true};
    launch->pid = tt_child_spawn(&child, err);
    if (log_fd >= 0)
        close(log_fd);
    free(program);
    return launch->pid < 0 ? -1 : 0;
}

/* ---- launches */

void launches_release(controller_t *self)
{
    while (self->launches)
        launch_forget(self, self->launches);
    remote_release_all(self);
}

/* The engines of a launch that have no host yet. Returns how many; their ids are the caller's.
 */
static size_t homeless(const controller_t *self, const launch_t *launch, int **ids)
{
    size_t count = 0;
    *ids = tt_alloc((self->registry.count + 1) * sizeof **ids);
    for (size_t i = 0; i < self->registry.count; i++) {
        const engine_t *engine = self->registry.engines[i];
        if (engine->launch == launch->id && engine->host == NULL &&
            engine->state == TT_ENGINE_STARTING)
            (*ids)[count++] = engine->id;
    }
    return count;
}

static void set_engine(controller_t *self, engine_t *engine, tt_engine_state_t state,
                       const char *text)
{
    if (state == TT_ENGINE_STARTING)
        registry_reborn(&self->registry, engine);
    engine->state = state;
    engine->since_ms = tt_now_ms();
    snprintf(engine->text, sizeof engine->text, "%s", text);
    peers_announce(self, engine);
}

static void fail_launch(launch_t *launch, const char *why)
{
    controller_t *self = launch->controller;
    int *ids;
    size_t count = homeless(self, launch, &ids);
    for (size_t i = 0; i < count; i++) {
        engine_t *engine = registry_find(&self->registry, ids[i]);
        set_engine(self, engine, TT_ENGINE_FAILED, why);
        reasons_add(&self->reasons, engine->id, engine->host_name, why);
        dispatch_engine_failed(self, engine, why);
    }
    free(ids);
}

static void on_register_limit(void *arg)
{
    launch_t *launch = arg;
    launch->timer = 0;
    if (!launch->registered)
        fail_launch(launch, "its host did not register within 15 s");
}

static void send_spawn(controller_t *self, launch_t *launch, peer_t *host)
{
    int *ids;
    size_t count = homeless(self, launch, &ids);
    tt_buf_t engines;
    tt_buf_init(&engines);
    tt_ids_pack(&engines, ids, count);
    for (size_t i = 0; i < count; i++) {
        engine_t *engine = registry_find(&self->registry, ids[i]);
        engine->host = host;
        snprintf(engine->host_name, sizeof engine->host_name, "%s", host->host);
    }
    tt_message_t message = tt_message(TT_MSG_SPAWN, launch->id);
    tt_msg_spawn_t *spawn = &message.as.spawn;
    spawn->engines = (tt_span_t){engines.data, engines.len};
    spawn->language = tt_span(launch->language);
    spawn->program = tt_span(launch->program);
    spawn->directory = tt_span(launch->directory);
    spawn->labels = tt_span(launch->labels);
    spawn->args = (tt_span_t){launch->args.data, launch->args.len};
    spawn->environment = (tt_span_t){launch->environment.data, launch->environment.len};
    spawn->nice = launch->nice;
    spawn->memory_bytes = launch->memory_bytes;
    if (count > 0)
        tt_outbox_send(host->outbox, &message, NULL);
    tt_buf_release(&engines);
    free(ids);
}

/* A host on this machine that can take more engines. */
static peer_t *local_host(const controller_t *self)
{
    size_t walk = 0;
    peer_t *host;
    while ((host = tt_map_next(&self->peers[PEER_HOST], &walk)))
        if (host->watch_pid > 0)
            return host;
    return NULL;
}

/* A new host on this machine, for the launch's homeless engines. */
static void start_host(controller_t *self, launch_t *launch)
{
    tt_error_t err;
    if (start_local(self, launch, &err) != 0) {
        fail_launch(launch, err.text);
        return;
    }
    launch->registered = false;
    launch->ending[0] = 0;
    launch->ended_pid = 0;
    tt_loop_cancel_timer(self->loop, launch->timer);
    launch->timer = tt_loop_add_timer(self->loop, REGISTER_LIMIT_MS, on_register_limit, launch);
}

/* Gets the launch's homeless engines a host: the one that is here, or a new one. */
static void house(controller_t *self, launch_t *launch)
{
    peer_t *host = launch->remote ? remote_peer(launch->remote) : local_host(self);
    if (host) {
        launch->registered = true;
        send_spawn(self, launch, host);
    } else if (launch->remote) {
        remote_connect(launch->remote);
    } else {
        start_host(self, launch);
    }
}

static void answer_ids(controller_t *self, peer_t *client, uint64_t request)
{
    int *ids = tt_alloc((self->registry.count + 1) * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->state != TT_ENGINE_LOST)
            ids[count++] = self->registry.engines[i]->id;
    peers_done(client, request, ids, count);
    free(ids);
}

/* The engines that a launch asks for, in the registry. */
static void add_engines(controller_t *self, launch_t *launch, uint64_t count, const char *host)
{
    for (uint64_t i = 0; i < count; i++) {
        engine_t *engine = registry_add(&self->registry,
                                        launch->first_id < 0 ? -1 : launch->first_id + (int)i);
        engine->launch = launch->id;
        snprintf(engine->language, sizeof engine->language, "%s", launch->language);
        snprintf(engine->host_name, sizeof engine->host_name, "%s", host);
        snprintf(engine->labels, sizeof engine->labels, "%s", launch->labels);
        if (launch->remote)
            peers_announce(self, engine); /* whoever asked was not told their numbers */
    }
}

/* Of the engines in the launch's language and with its labels where it starts them: how many
 * are fewer than it asks for. */
static uint64_t missing(const controller_t *self, const launch_t *launch, uint64_t count)
{
    uint64_t have = 0;
    for (size_t i = 0; i < self->registry.count; i++) {
        const engine_t *engine = self->registry.engines[i];
        const launch_t *theirs = launch_find(self, engine->launch);
        bool here = engine->state <= TT_ENGINE_RESTARTING || engine->state == TT_ENGINE_STOPPED;
        have += here && strcmp(engine->language, launch->language) == 0 &&
                strcmp(engine->labels, launch->labels) == 0 &&
                (theirs ? theirs->remote : NULL) == launch->remote;
    }
    return have < count ? count - have : 0;
}

void launches_request(controller_t *self, peer_t *client, const tt_message_t *message)
{
    const tt_msg_launch_t *wanted = &message->as.launch;
    tt_error_t err;
    char name[32];
    const launcher_t *launcher =
        find_launcher(tt_text_copy(wanted->launcher, name, sizeof name));
    if (launcher == NULL) {
        peers_error(client, message->id, "no launcher '%s': there are local, ssh, like", name);
        return;
    }
    launch_t *launch = launch_new(self, wanted);
    launch->waiting = client;
    launch->request = message->id;
    bool labels = *launch->labels == 0 || tt_labels_check(launch->labels, &err) == 0;
    if (labels && launcher->prepare(self, launch, wanted, &err) == 0) {
        launcher->begin(self, launch);
    } else {
        peers_error(client, message->id, "%s", err.text);
        launch_forget(self, launch);
    }
}

static int check_count(const tt_msg_launch_t *wanted, uint64_t least, tt_error_t *err)
{
    if (wanted->count >= least && wanted->count <= 100000)
        return 0;
    return tt_error_set(err, "cannot start %llu engines: 1 to 100000",
                        (unsigned long long)wanted->count);
}

/* ---- on this machine */

static int prepare_local(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                         tt_error_t *err)
{
    (void)self;
    (void)launch;
    return check_count(wanted, 1, err);
}

static void carry_out(controller_t *self, launch_t *launch)
{
    uint64_t count = launch->total ? missing(self, launch, launch->count) : launch->count;
    add_engines(self, launch, count, tt_host_name());
    if (launch->waiting)
        answer_ids(self, launch->waiting, launch->request);
    launch->waiting = NULL;
    if (count > 0)
        house(self, launch);
}

static void begin_local(controller_t *self, launch_t *launch)
{
    if (launch->total && self->expected_hosts > 0)
        self->held = true;
    else
        carry_out(self, launch);
}

/* The hosts of an earlier controller are back, or will not come: requests go on. */
static void release_held(controller_t *self)
{
    self->expected_hosts = 0;
    if (!self->held)
        return;
    self->held = false;
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->waiting)
            carry_out(self, launch);
}

/* ---- over ssh */

static int prepare_ssh(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                       tt_error_t *err)
{
    if (check_count(wanted, 0, err) != 0)
        return -1;
    launch->remote = remote_for(self, wanted->settings, err);
    return launch->remote ? 0 : -1;
}

/* The numbers are set aside, so that machines asked for together have theirs in that order,
 * whichever is here first. How many "one for each core" are is not known yet. */
static void begin_ssh(controller_t *self, launch_t *launch)
{
    peer_t *host = remote_peer(launch->remote);
    peers_done(launch->waiting, launch->request, NULL, 0);
    launch->waiting = NULL;
    if (host && remote_cores(launch->remote) > 0) {
        launches_remote_here(self, launch->remote, host);
        remote_announce_ready(launch->remote);
        return;
    }
    launch->first_id = launch->count > 0 ? self->registry.next_id : -1;
    self->registry.next_id += (int)launch->count;
    remote_connect(launch->remote);
}

/* Those that failed to start there in this language, maybe for what the new launch says better.
 */
static void drop_failed(controller_t *self, const launch_t *launch)
{
    for (size_t i = self->registry.count; i-- > 0;) {
        engine_t *engine = self->registry.engines[i];
        const launch_t *theirs = launch_find(self, engine->launch);
        if (engine->state != TT_ENGINE_FAILED || theirs == NULL ||
            theirs->remote != launch->remote || strcmp(engine->language, launch->language) != 0)
            continue;
        dispatch_engine_lost(self, engine, "asked for anew");
        set_engine(self, engine, TT_ENGINE_GONE, "asked for anew");
        registry_remove(&self->registry, engine);
    }
}

static void begin_there(controller_t *self, launch_t *launch)
{
    drop_failed(self, launch);
    uint64_t count = launch->count ? launch->count : (uint64_t)remote_cores(launch->remote);
    launch->begun = true;
    add_engines(self, launch, launch->total ? missing(self, launch, count) : count,
                remote_label(launch->remote));
}

/* What was lost with the last link starts anew. */
static void begin_again(controller_t *self, const launch_t *launch)
{
    for (size_t i = 0; i < self->registry.count; i++) {
        engine_t *engine = self->registry.engines[i];
        if (engine->launch == launch->id && engine->host == NULL &&
            engine->state == TT_ENGINE_LOST)
            set_engine(self, engine, TT_ENGINE_STARTING, "");
    }
}

/* Launches stand in the list with the newest first. */
static launch_t *oldest_unbegun(const controller_t *self, const remote_t *remote)
{
    launch_t *found = NULL;
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->remote == remote && !launch->begun)
            found = launch;
    return found;
}

void launches_remote_here(controller_t *self, remote_t *remote, peer_t *host)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->remote == remote)
            begin_again(self, launch);
    for (launch_t *launch; (launch = oldest_unbegun(self, remote));)
        begin_there(self, launch);
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->remote == remote)
            send_spawn(self, launch, host);
}

void launches_remote_failed(controller_t *self, const remote_t *remote, const char *why)
{
    for (launch_t *launch = self->launches, *next; launch; launch = next) {
        int *ids;
        next = launch->next;
        if (launch->remote != remote)
            continue;
        size_t count = homeless(self, launch, &ids);
        for (size_t i = 0; i < count; i++) {
            engine_t *engine = registry_find(&self->registry, ids[i]);
            set_engine(self, engine, TT_ENGINE_LOST, why);
            dispatch_engine_failed(self, engine, why);
        }
        free(ids);
        if (launch->begun)
            continue;
        if (launch->first_id + (int)launch->count == self->registry.next_id)
            self->registry.next_id = launch->first_id; /* nobody has seen these numbers */
        launch_forget(self, launch);
    }
}

void launches_client_gone(controller_t *self, const peer_t *client)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->waiting == client)
            launch->waiting = NULL;
}

static void drop_engines(controller_t *self, const launch_t *launch)
{
    for (size_t i = self->registry.count; i-- > 0;) {
        engine_t *engine = self->registry.engines[i];
        if (engine->launch != launch->id)
            continue;
        dispatch_engine_lost(self, engine, "its machine was removed");
        set_engine(self, engine, TT_ENGINE_GONE, "its machine was removed");
        registry_remove(&self->registry, engine);
    }
}

void launches_remote_removed(controller_t *self, const remote_t *remote)
{
    for (launch_t *launch = self->launches, *next; launch; launch = next) {
        next = launch->next;
        if (launch->remote != remote)
            continue;
        drop_engines(self, launch);
        launch_forget(self, launch);
    }
}

/* ---- hosts that register */

/* Takes over one engine that a host has from an earlier controller, with its number. False when
 * that is nonsense. */
static bool adopt_one(controller_t *self, peer_t *host, tt_reader_t *fields, size_t count)
{
    int64_t id = -1, pid = 0;
    uint64_t state = 0;
    if (tt_read_int(fields, &id) != 0 || tt_read_int(fields, &pid) != 0 ||
        tt_read_uint(fields, &state) != 0 || id < 0 || id >= ADOPTED_MAX)
        return false;
    engine_t *engine = registry_find(&self->registry, (int)id);
    if (engine && engine->host && engine->host != host) {
        tt_log(TT_LOG_WARN, "host '%s' claims engine %d, which is another's", host->host,
               (int)id);
        return true;
    }
    if (engine == NULL)
        engine = registry_add(&self->registry, (int)id);
    if (engine->pid != (int)pid)
        registry_reborn(&self->registry, engine);
    engine->host = host;
    engine->pid = (int)pid;
    engine->state = state <= TT_ENGINE_STOPPED ? (tt_engine_state_t)state : TT_ENGINE_STARTING;
    engine->text[0] = 0;
    snprintf(engine->host_name, sizeof engine->host_name, "%s", host->host);
    tt_read_text(fields, engine->language, sizeof engine->language);
    tt_read_text(fields, engine->version, sizeof engine->version);
    tt_read_text(fields, engine->program, sizeof engine->program);
    if (count > 6)
        tt_read_text(fields, engine->labels, sizeof engine->labels);
    peers_announce(self, engine);
    return true;
}

/* Of each engine an array; what a newer host tells further in it is ignored. */
static void adopt(controller_t *self, peer_t *host, tt_span_t engines)
{
    tt_reader_t reader = tt_reader(engines);
    size_t count = 0, fields;
    tt_span_t entry;
    tt_read_array(&reader, &count);
    for (size_t i = 0; i < count && tt_read_raw(&reader, &entry) == 0; i++) {
        tt_reader_t one = tt_reader(entry);
        if (tt_read_array(&one, &fields) != 0 || fields < 6 ||
            !adopt_one(self, host, &one, fields))
            break;
    }
}

void launches_host(controller_t *self, peer_t *host, const tt_msg_hello_t *hello)
{
    adopt(self, host, hello->engines);
    launch_t *launch = launch_find(self, hello->launch);
    if (launch && !launch->registered && launch->pid > 0) {
        launch->registered = true;
        tt_loop_cancel_timer(self->loop, launch->timer);
        launch->timer = 0;
    }
    for (launch_t *each = self->launches; each; each = each->next)
        if (each->remote == NULL && (each == launch || each->registered))
            send_spawn(self, each, host);
    launches_note_hosts(self);
    if (self->expected_hosts > 0 && --self->expected_hosts == 0)
        release_held(self);
}

/* A launch that stands for engines of an earlier controller: nothing is known of theirs but
 * this. */
static launch_t *launch_like(controller_t *self, const engine_t *engine)
{
    launch_t *launch = self->launches;
    while (launch && (!launch->inherited || strcmp(launch->language, engine->language) != 0 ||
                      strcmp(launch->program, engine->program) != 0 ||
                      strcmp(launch->labels, engine->labels) != 0))
        launch = launch->next;
    if (launch)
        return launch;
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    message.as.launch.launcher = tt_span("local");
    message.as.launch.language = tt_span(engine->language);
    message.as.launch.program = tt_span(engine->program);
    message.as.launch.labels = tt_span(engine->labels);
    launch = launch_new(self, &message.as.launch);
    launch->inherited = true;
    return launch;
}

/* The launch of an engine; those that came from an earlier controller get one together. */
static void give_launch(controller_t *self, engine_t *engine)
{
    if (launch_find(self, engine->launch) == NULL)
        engine->launch = launch_like(self, engine)->id;
}

int launches_again(controller_t *self, const int *ids, size_t count)
{
    int started = 0;
    for (size_t i = 0; i < count; i++) {
        engine_t *engine = registry_find(&self->registry, ids[i]);
        if (engine == NULL || engine->host ||
            (engine->state != TT_ENGINE_LOST && engine->state != TT_ENGINE_FAILED))
            continue;
        give_launch(self, engine);
        set_engine(self, engine, TT_ENGINE_STARTING, "");
        started++;
    }
    for (launch_t *launch = self->launches; launch && started; launch = launch->next) {
        int *wanted;
        if (homeless(self, launch, &wanted) > 0)
            house(self, launch);
        free(wanted);
    }
    return started;
}

void launches_end(controller_t *self, const int *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        engine_t *engine = registry_find(&self->registry, ids[i]);
        if (engine == NULL || engine->state == TT_ENGINE_GONE)
            continue;
        dispatch_engine_stopped(self, engine);
        set_engine(self, engine, TT_ENGINE_GONE, "ended");
        dispatch_engine_failed(self, engine, "its engine was ended");
        if (engine->host)
            continue; /* which says when it has ended */
        dispatch_engine_lost(self, engine, "its engine was ended");
        registry_remove(&self->registry, engine);
    }
}

/* ---- more of the same */

/* Where and how the engine whose number stands in the settings was started. */
static int prepare_like(controller_t *self, launch_t *launch, const tt_msg_launch_t *wanted,
                        tt_error_t *err)
{
    tt_reader_t reader = tt_reader(wanted->settings);
    int64_t id = -1;
    engine_t *engine =
        tt_read_int(&reader, &id) == 0 ? registry_find(&self->registry, id) : NULL;
    if (check_count(wanted, 1, err) != 0)
        return -1;
    if (engine == NULL)
        return tt_error_set(err, "no engine that new ones could be like");
    give_launch(self, engine);
    const launch_t *model = launch_find(self, engine->launch);
    launch_copy(launch, model);
    launch->total = false;
    return 0;
}

static void begin_like(controller_t *self, launch_t *launch)
{
    if (launch->remote)
        begin_ssh(self, launch);
    else
        begin_local(self, launch);
}

/* ---- processes */

static void ended(launch_t *launch, int status)
{
    /* The parent exits as its host did: 128 and the signal. */
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    char text[160];
    if (code > 128)
        snprintf(launch->ending, sizeof launch->ending, "was killed by %s",
                 tt_signal_name(code - 128));
    else
        snprintf(launch->ending, sizeof launch->ending, "%s", tt_child_ending(status));
    launch->ended_pid = launch->pid;
    launch->pid = 0;
    snprintf(text, sizeof text, "its host %s before it registered; see tutti logs",
             launch->ending);
    if (!launch->registered)
        fail_launch(launch, text);
}

void launches_reap(controller_t *self)
{
    int status;
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
        if (remote_ended(self, pid))
            continue;
        for (launch_t *launch = self->launches; launch; launch = launch->next)
            if (launch->pid == pid)
                ended(launch, status);
    }
}

const char *launches_ending(controller_t *self, int parent_pid)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next) {
        int status;
        if (parent_pid <= 0 || (launch->pid != parent_pid && launch->ended_pid != parent_pid))
            continue;
        if (launch->pid == parent_pid && waitpid(parent_pid, &status, WNOHANG) == parent_pid)
            ended(launch, status);
        return launch->ending[0] ? launch->ending : NULL;
    }
    return NULL;
}

bool launches_alive(const controller_t *self)
{
    for (const launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->pid > 0)
            return true;
    return remote_any_alive(self);
}

void launches_stop_unregistered(controller_t *self)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->pid > 0 && !launch->registered)
            kill(launch->pid, SIGTERM);
    remote_stop_all(self);
}

void launches_kill(controller_t *self)
{
    size_t walk = 0;
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));)
        if (host->watch_pid > 0)
            kill(host->watch_pid, SIGTERM);
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->pid > 0)
            kill(launch->pid, SIGTERM);
    remote_kill_all(self);
}

/* ---- what an earlier controller left */

void launches_note_hosts(controller_t *self)
{
    size_t walk = 0, count = 0;
    pid_t *pids = tt_alloc((self->peers[PEER_HOST].count + 1) * sizeof *pids);
    for (peer_t *host; (host = tt_map_next(&self->peers[PEER_HOST], &walk));)
        if (host->watch_pid > 0)
            pids[count++] = host->watch_pid;
    tt_rundir_note_hosts(self->options->dir, pids, count);
    free(pids);
}

static void on_expect_limit(void *arg)
{
    release_held(arg);
}

void launches_expect(controller_t *self)
{
    pid_t *pids;
    self->expected_hosts = (int)tt_rundir_hosts(self->options->dir, &pids);
    free(pids);
    if (self->expected_hosts > 0)
        tt_loop_add_timer(self->loop, EXPECT_LIMIT_MS, on_expect_limit, self);
}
