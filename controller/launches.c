/* Engines to be: which launch they belong to, how its host is started (a table of launchers),
 * and what became of it. Also which hosts an earlier controller left behind for us. */
#include "child.h"
#include "controller.h"
#include "interpreter.h"
#include "identity.h"
#include "log.h"
#include "pack.h"

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

typedef struct launch {
    struct launch *next;
    controller_t *controller;
    uint64_t id;
    char *launcher;
    char *language, *program, *directory;
    tt_buf_t args, environment; /* packed */
    uint64_t grace_ms;
    pid_t pid;       /* of the host's parent; 0 when it has been reaped */
    pid_t ended_pid; /* the last one that was */
    char ending[64]; /* how it ended */
    bool registered;
    bool inherited; /* made for lost engines of an earlier controller */
    uint64_t timer;
    /* a request that waits for hosts of an earlier controller */
    peer_t *waiting; /* the client to answer */
    uint64_t request, count;
} launch_t;

typedef struct {
    const char *name;
    int (*start)(controller_t *self, launch_t *launch, tt_error_t *err);
} launcher_t;

static int start_local(controller_t *self, launch_t *launch, tt_error_t *err);

static const launcher_t launchers[] = {
    {"local", start_local},
};

static const launcher_t *find_launcher(const char *name)
{
    for (size_t i = 0; i < sizeof launchers / sizeof *launchers; i++)
        if (strcmp(launchers[i].name, name) == 0)
            return &launchers[i];
    return NULL;
}

/* ---- local hosts */

static int open_log(const controller_t *self)
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
    int log_fd = open_log(self);
    tt_child_t child = {.argv = argv, .fd = {-1, log_fd, log_fd, -1, -1}, .own_session = true};
    launch->pid = tt_child_spawn(&child, err);
    if (log_fd >= 0)
        close(log_fd);
    free(program);
    return launch->pid < 0 ? -1 : 0;
}

/* ---- launches */

static launch_t *find_launch(controller_t *self, uint64_t id)
{
    launch_t *launch = self->launches;
    while (launch && launch->id != id)
        launch = launch->next;
    return launch;
}

static char *copy_text(tt_span_t text)
{
    return tt_strndup((const char *)text.data, text.len);
}

static launch_t *new_launch(controller_t *self, const tt_msg_launch_t *message)
{
    launch_t *launch = tt_alloc(sizeof *launch);
    launch->controller = self;
    launch->id = ++self->next_launch;
    launch->launcher = copy_text(message->launcher);
    launch->language = copy_text(message->language);
    launch->program = copy_text(message->program);
    launch->directory = copy_text(message->directory);
    launch->grace_ms = message->grace_ms ? message->grace_ms : 60000;
    if (message->args.len)
        tt_buf_append(&launch->args, message->args.data, message->args.len);
    if (message->environment.len)
        tt_buf_append(&launch->environment, message->environment.data,
                      message->environment.len);
    launch->next = self->launches;
    self->launches = launch;
    return launch;
}

void launches_release(controller_t *self)
{
    while (self->launches) {
        launch_t *launch = self->launches;
        self->launches = launch->next;
        free(launch->launcher);
        free(launch->language);
        free(launch->program);
        free(launch->directory);
        tt_buf_release(&launch->args);
        tt_buf_release(&launch->environment);
        free(launch);
    }
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
    spawn->args = (tt_span_t){launch->args.data, launch->args.len};
    spawn->environment = (tt_span_t){launch->environment.data, launch->environment.len};
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

/* Gets the launch's homeless engines a host: the one that is here, or a new one. */
static void house(controller_t *self, launch_t *launch)
{
    const launcher_t *launcher = find_launcher(launch->launcher);
    peer_t *host = local_host(self);
    tt_error_t err;
    if (host) {
        launch->registered = true;
        send_spawn(self, launch, host);
    } else if (launcher->start(self, launch, &err) != 0) {
        fail_launch(launch, err.text);
    } else {
        launch->registered = false;
        launch->ending[0] = 0;
        launch->ended_pid = 0;
        tt_loop_cancel_timer(self->loop, launch->timer);
        launch->timer =
            tt_loop_add_timer(self->loop, REGISTER_LIMIT_MS, on_register_limit, launch);
    }
}

static void answer_ids(controller_t *self, peer_t *client, uint64_t request)
{
    tt_buf_t list;
    int *ids = tt_alloc((self->registry.count + 1) * sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < self->registry.count; i++)
        if (self->registry.engines[i]->state != TT_ENGINE_LOST)
            ids[count++] = self->registry.engines[i]->id;
    tt_buf_init(&list);
    tt_ids_pack(&list, ids, count);
    tt_message_t done = tt_message(TT_MSG_DONE, request);
    done.as.done.engines = (tt_span_t){list.data, list.len};
    tt_outbox_send(client->outbox, &done, NULL);
    tt_buf_release(&list);
    free(ids);
}

static void carry_out(controller_t *self, launch_t *launch)
{
    for (uint64_t i = 0; i < launch->count; i++) {
        engine_t *engine = registry_add(&self->registry, -1);
        engine->launch = launch->id;
        snprintf(engine->language, sizeof engine->language, "%s", launch->language);
        snprintf(engine->host_name, sizeof engine->host_name, "%s", tt_host_name());
    }
    if (launch->waiting)
        answer_ids(self, launch->waiting, launch->request);
    launch->waiting = NULL;
    if (launch->count > 0)
        house(self, launch);
}

/* How many engines of its language a launch is short of. */
static uint64_t missing(const controller_t *self, const launch_t *launch)
{
    uint64_t have = 0;
    for (size_t i = 0; i < self->registry.count; i++) {
        const engine_t *engine = self->registry.engines[i];
        bool here = engine->state <= TT_ENGINE_RESTARTING || engine->state == TT_ENGINE_STOPPED;
        have += here && strcmp(engine->language, launch->language) == 0;
    }
    return have < launch->count ? launch->count - have : 0;
}

void launches_request(controller_t *self, peer_t *client, const tt_message_t *message)
{
    const tt_msg_launch_t *wanted = &message->as.launch;
    char name[32];
    if (wanted->count == 0 || wanted->count > 100000) {
        peers_error(client, message->id, "cannot start %llu engines: 1 to 100000",
                    (unsigned long long)wanted->count);
        return;
    }
    if (find_launcher(tt_text_copy(wanted->launcher, name, sizeof name)) == NULL) {
        peers_error(client, message->id, "no launcher '%s': there is local", name);
        return;
    }
    launch_t *launch = new_launch(self, wanted);
    launch->waiting = client;
    launch->request = message->id;
    launch->count = wanted->count;
    if (wanted->total && self->expected_hosts > 0) {
        self->held = true;
        return;
    }
    if (wanted->total)
        launch->count = missing(self, launch);
    carry_out(self, launch);
}

/* The hosts of an earlier controller are back, or will not come: requests go on. */
static void release_held(controller_t *self)
{
    self->expected_hosts = 0;
    if (!self->held)
        return;
    self->held = false;
    for (launch_t *launch = self->launches; launch; launch = launch->next) {
        if (launch->waiting == NULL)
            continue;
        launch->count = missing(self, launch);
        carry_out(self, launch);
    }
}

void launches_client_gone(controller_t *self, const peer_t *client)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->waiting == client)
            launch->waiting = NULL;
}

/* ---- hosts that register */

/* Takes over one engine that a host has from an earlier controller, with its number. False when
 * that is nonsense. */
static bool adopt_one(controller_t *self, peer_t *host, tt_reader_t *fields)
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
    engine->host = host;
    engine->pid = (int)pid;
    engine->state = state <= TT_ENGINE_STOPPED ? (tt_engine_state_t)state : TT_ENGINE_STARTING;
    engine->text[0] = 0;
    snprintf(engine->host_name, sizeof engine->host_name, "%s", host->host);
    tt_read_text(fields, engine->language, sizeof engine->language);
    tt_read_text(fields, engine->version, sizeof engine->version);
    tt_read_text(fields, engine->program, sizeof engine->program);
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
        if (tt_read_array(&one, &fields) != 0 || fields < 6 || !adopt_one(self, host, &one))
            break;
    }
}

void launches_host(controller_t *self, peer_t *host, const tt_msg_hello_t *hello)
{
    adopt(self, host, hello->engines);
    launch_t *launch = find_launch(self, hello->launch);
    if (launch && !launch->registered && launch->pid > 0) {
        launch->registered = true;
        tt_loop_cancel_timer(self->loop, launch->timer);
        launch->timer = 0;
    }
    for (launch_t *each = self->launches; each; each = each->next)
        if (each == launch || (each->registered && host->watch_pid > 0))
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
                      strcmp(launch->program, engine->program) != 0))
        launch = launch->next;
    if (launch)
        return launch;
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    message.as.launch.launcher = tt_span("local");
    message.as.launch.language = tt_span(engine->language);
    message.as.launch.program = tt_span(engine->program);
    launch = new_launch(self, &message.as.launch);
    launch->inherited = true;
    return launch;
}

/* The launch of an engine; those that came from an earlier controller get one together. */
static void give_launch(controller_t *self, engine_t *engine)
{
    if (find_launch(self, engine->launch) == NULL)
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
    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (launch_t *launch = self->launches; launch; launch = launch->next)
            if (launch->pid == pid)
                ended(launch, status);
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
    return false;
}

void launches_stop_unregistered(controller_t *self)
{
    for (launch_t *launch = self->launches; launch; launch = launch->next)
        if (launch->pid > 0 && !launch->registered)
            kill(launch->pid, SIGTERM);
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
