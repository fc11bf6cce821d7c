/* Starting and stopping clusters. See cluster.h. */
#include "cluster.h"

#include "labels.h"

#include "child.h"
#include "interpreter.h"
#include "machine.h"
#include "pack.h"
#include "target.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONTROLLER_MS = 10000, /* from its start to "ok" */
    REQUEST_MS = 20000,
    STOP_CONNECT_MS = 3000,
    STOP_MS = 15000, /* for a controller that was asked to stop */
    KILL_MS = 2000   /* for one that was killed */
};

/* ---- the controller */

static int open_log(const tt_rundir_t *dir)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/controller.log", dir->state_dir);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* Reads what the new controller says of itself: "ok", or why not. */
static int read_ready(int fd, const char *name, tt_error_t *err)
{
    char text[512];
    size_t len = 0;
    struct pollfd wait = {fd, POLLIN, 0};
    while (len < sizeof text - 1 && poll(&wait, 1, CONTROLLER_MS) > 0) {
        ssize_t got = read(fd, text + len, sizeof text - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    text[len] = 0;
    text[strcspn(text, "\n")] = 0;
    if (strcmp(text, "ok") == 0)
        return 0;
    return tt_error_set(err, "cannot start cluster '%s': %s", name,
                        *text ? text : "its controller ended at once; see tutti logs");
}

int cluster_start_controller(const tt_rundir_t *dir, const char *policy, tt_error_t *err)
{
    int ready[2];
    if (pipe2(ready, O_CLOEXEC) != 0)
        return tt_error_set(err, "cannot make a pipe: %s", strerror(errno));
    int log_fd = open_log(dir);
    char *program = tt_program_path("tutti-controller");
    const char *argv[] = {program,
                          "--name",
                          dir->name,
                          "--ready-fd",
                          "3",
                          "--policy",
                          policy ? policy : "leastload",
                          NULL};
    tt_child_t child = {.argv = argv,
                        .fd = {-1, log_fd, log_fd, ready[1], -1},
                        .directory = "/",
                        .own_session = true};
    pid_t pid = tt_child_spawn(&child, err);
    close(ready[1]);
    if (log_fd >= 0)
        close(log_fd);
    free(program);
    int rc = pid < 0 ? -1 : read_ready(ready[0], dir->name, err);
    close(ready[0]);
    return rc;
}

/* ---- engines */

size_t cluster_count(const tt_client_t *client, unsigned state)
{
    size_t count, found = 0;
    const tt_engine_t *engines = tt_client_engines(client, &count);
    for (size_t i = 0; i < count; i++)
        found += engines[i].state == state;
    return found;
}

void cluster_group_release(cluster_group_t *self)
{
    tt_texts_release(&self->preload);
    tt_texts_release(&self->labels);
}

static bool is_python(const cluster_group_t *self)
{
    return self->language == NULL ||
           strcmp(tt_interpreter_speaks(self->language), "python") == 0;
}

const char *cluster_program(const cluster_group_t *self)
{
    const char *program = self->program || !is_python(self) ? self->program : self->python;
    return program ? program : "";
}

void cluster_wish_release(cluster_wish_t *self)
{
    cluster_group_release(&self->group);
    for (size_t i = 0; i < self->more_count; i++)
        cluster_group_release(&self->more[i]);
    placement_release(&self->placement);
    free(self->more);
    self->more = NULL;
    self->more_count = 0;
}

/* All labels in one text, as they travel. */
static void put_labels(const cluster_group_t *self, tt_buf_t *out)
{
    for (size_t i = 0; i < self->labels.count; i++)
        tt_buf_printf(out, "%s%s", i ? "," : "", self->labels.items[i]);
}

int cluster_group_check(const cluster_group_t *self, tt_error_t *err)
{
    tt_buf_t labels;
    tt_buf_init(&labels);
    put_labels(self, &labels);
    int rc = self->labels.count ? tt_labels_check(tt_buf_text(&labels), err) : 0;
    tt_buf_release(&labels);
    return rc;
}

/* One group's engines on their way. */
typedef struct {
    tt_client_t *client;
    tt_loop_t *loop;
    const cluster_wish_t *wish;
    bool total;
    int64_t until;
    int *ids; /* all engines, of this group and those before; owned */
    size_t count;
} launch_t;

int cluster_ask(tt_client_t *client, const cluster_group_t *group, tt_message_t *message,
                int **ids, size_t *count, tt_error_t *err)
{
    tt_message_t answer;
    tt_packet_t reply;
    tt_buf_t args, labels;
    tt_buf_init(&args);
    tt_buf_init(&labels);
    put_labels(group, &labels);
    tt_pack_array(&args, group->preload.count);
    for (size_t i = 0; i < group->preload.count; i++)
        tt_pack_text(&args, group->preload.items[i]);
    tt_msg_launch_t *launch = &message->as.launch;
    launch->language = tt_span(group->language ? group->language : "python");
    launch->args = (tt_span_t){args.data, args.len};
    launch->labels = (tt_span_t){labels.data, labels.len};
    int rc = tt_client_request(client, message, REQUEST_MS, &answer, &reply, err);
    tt_buf_release(&args);
    tt_buf_release(&labels);
    if (rc != 0)
        return -1;
    int got = tt_ids_read(answer.as.done.engines, ids, NULL);
    *count = got > 0 ? (size_t)got : 0;
    tt_packet_release(&reply);
    return 0;
}

static int request_launch(launch_t *self, const cluster_group_t *group, tt_error_t *err)
{
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    char directory[PATH_MAX];
    tt_buf_t environment;
    tt_buf_init(&environment);
    const char *program = cluster_program(group);
    if (*program == 0 && is_python(group))
        program = tt_interpreter_python();
    tt_msg_launch_t *launch = &message.as.launch;
    launch->launcher = tt_span("local");
    launch->count =
        (uint64_t)(group->engines == CLUSTER_PER_CORE ? tt_machine_cores() : group->engines);
    launch->program = tt_span(program);
    const char *here = getcwd(directory, sizeof directory) ? directory : "";
    placement_tell(&self->wish->placement, here, true, launch, &environment);
    launch->grace_ms = (uint64_t)(self->wish->grace_s * 1000);
    launch->total = self->total;
    int *ids = NULL;
    int rc = cluster_ask(self->client, group, &message, &ids, &self->count, err);
    tt_buf_release(&environment);
    if (rc != 0)
        return -1;
    free(self->ids);
    self->ids = ids;
    return 0;
}

/* How many of the engines are ready, and how many can still become so. */
static void tally(const tt_client_t *client, const int *ids, size_t count, size_t *ready,
                  size_t *coming)
{
    *ready = *coming = 0;
    for (size_t i = 0; i < count; i++) {
        const tt_engine_t *engine = tt_client_engine(client, ids[i]);
        unsigned state = engine ? engine->state : TT_ENGINE_STARTING;
        *ready += state == TT_ENGINE_READY;
        *coming += state == TT_ENGINE_STARTING || state == TT_ENGINE_RESTARTING;
    }
}

/* "missing: 2-3 (python3 not found)", equal reasons together. */
static void tell_missing(const tt_client_t *client, const int *ids, size_t count)
{
    bool *told = tt_alloc(count + 1);
    for (size_t i = 0; i < count; i++) {
        const tt_engine_t *engine = tt_client_engine(client, ids[i]);
        if (told[i] || (engine && engine->state == TT_ENGINE_READY))
            continue;
        const char *why = engine && engine->text[0] ? engine->text : "still starting";
        int *same = tt_alloc((count + 1) * sizeof *same);
        size_t same_count = 0;
        for (size_t j = i; j < count; j++) {
            const tt_engine_t *other = tt_client_engine(client, ids[j]);
            const char *text = other && other->text[0] ? other->text : "still starting";
            if ((other && other->state == TT_ENGINE_READY) || strcmp(text, why) != 0)
                continue;
            same[same_count++] = ids[j];
            told[j] = true;
        }
        tt_buf_t line;
        tt_buf_init(&line);
        tt_target_format(&line, same, same_count);
        tt_buf_printf(&line, " (");
        tt_text_escape(&line, why, strlen(why));
        fprintf(stderr, "missing: %s)\n", tt_buf_text(&line));
        tt_buf_release(&line);
        free(same);
    }
    free(told);
}

static size_t wanted(const cluster_wish_t *wish, size_t count)
{
    if (wish->wait == NULL || strcmp(wish->wait, "all") == 0)
        return count;
    long number = atol(wish->wait);
    return number < 0 ? 0 : (size_t)number < count ? (size_t)number : count;
}

/* Waits until so many of the engines are ready. Returns how many are. */
static size_t await_ready(launch_t *self, size_t least)
{
    size_t ready, coming;
    bool never = false;
    for (;;) {
        tally(self->client, self->ids, self->count, &ready, &coming);
        if (ready >= least || coming == 0 || tt_now_ms() >= self->until ||
            !tt_client_alive(self->client))
            return ready;
        tt_loop_run_until(self->loop, &never, 2);
    }
}

/* All groups, one after the other: the later ones find the host that the first one has got. */
static int request_all(launch_t *self, tt_error_t *err)
{
    const cluster_wish_t *wish = self->wish;
    int rc = request_launch(self, &wish->group, err);
    for (size_t i = 0; i < wish->more_count && rc == 0; i++) {
        await_ready(self, 1);
        rc = request_launch(self, &wish->more[i], err);
    }
    return rc;
}

int cluster_launch(tt_client_t *client, tt_loop_t *loop, const cluster_wish_t *wish, bool total,
                   tt_error_t *err)
{
    launch_t self = {.client = client, .loop = loop, .wish = wish, .total = total};
    self.until = tt_now_ms() + (int64_t)(wish->timeout_s * 1000);
    int status = request_all(&self, err) == 0 ? 0 : 3;
    size_t least = wanted(wish, self.count);
    size_t ready = status == 0 ? await_ready(&self, least) : 0;
    if (status == 0 && ready < least) {
        fprintf(stderr, "%zu of %zu engines ready\n", ready, self.count);
        tell_missing(client, self.ids, self.count);
        status = 4;
    }
    free(self.ids);
    return status;
}

/* ---- what there is, in a line */

static const struct {
    const char *kind, *name;
    bool by_program; /* it is told by its program's name and version */
} kinds[] = {{"python", "Python", false}, {"ipython", "IPython", false}, {"sh", "shell", true}};

/* `2 Python engines (3.11.2, /usr/bin/python3)`; what an engine says of itself is escaped by
 * cluster_describe. */
static void add_kind(tt_buf_t *out, const tt_engine_t *engine, size_t count)
{
    const char *slash = strrchr(engine->program, '/');
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (strcmp(kinds[i].kind, engine->kind) != 0)
            continue;
        tt_buf_printf(out, "%zu %s engine%s (", count, kinds[i].name, count == 1 ? "" : "s");
        if (kinds[i].by_program)
            tt_buf_printf(out, "%s %.*s)", slash ? slash + 1 : engine->program,
                          (int)strcspn(engine->version, "("), engine->version);
        else
            tt_buf_printf(out, "%.*s, %s)", (int)strcspn(engine->version, " ("),
                          engine->version, engine->program);
        return;
    }
    tt_buf_printf(out, "%zu %c%s engine%s (%s, %s)", count,
                  toupper((unsigned char)engine->kind[0]),
                  engine->kind[0] ? engine->kind + 1 : "", count == 1 ? "" : "s",
                  engine->version, engine->program);
}

void cluster_describe(tt_buf_t *out, const tt_engine_t *engine, size_t count)
{
    tt_buf_t text;
    tt_buf_init(&text);
    add_kind(&text, engine, count);
    tt_text_escape(out, (const char *)text.data, text.len);
    tt_buf_release(&text);
}

static bool is_alike(const tt_engine_t *one, const tt_engine_t *other)
{
    return one->state == other->state && strcmp(one->kind, other->kind) == 0 &&
           strcmp(one->version, other->version) == 0 &&
           strcmp(one->program, other->program) == 0;
}

/* ` on vm,web[01-40]`, where there are several. */
static void add_hosts(tt_buf_t *out, const tt_engine_t *engines, size_t count)
{
    const char **names = tt_alloc((count + 1) * sizeof *names);
    size_t found = 0;
    bool several = false;
    for (size_t i = 0; i < count; i++) {
        if (engines[i].state != TT_ENGINE_READY)
            continue;
        several = several || (found > 0 && strcmp(names[0], engines[i].host) != 0);
        names[found++] = engines[i].host;
    }
    tt_buf_t nodes;
    tt_buf_init(&nodes);
    tt_target_nodes(&nodes, names, found);
    if (several) {
        tt_buf_printf(out, " on ");
        tt_text_escape(out, (const char *)nodes.data, nodes.len);
    }
    tt_buf_release(&nodes);
    free(names);
}

char *cluster_summary(const tt_client_t *client)
{
    size_t count;
    const tt_engine_t *engines = tt_client_engines(client, &count);
    tt_buf_t line;
    tt_buf_init(&line);
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0, first = i;
        for (size_t j = count; j-- > 0;)
            if (is_alike(&engines[i], &engines[j])) {
                alike++;
                first = j;
            }
        if (engines[i].state != TT_ENGINE_READY || first < i)
            continue;
        tt_buf_printf(&line, "%s", line.len ? ", " : "");
        cluster_describe(&line, &engines[i], alike);
    }
    if (line.len == 0)
        tt_buf_printf(&line, "no engines");
    add_hosts(&line, engines, count);
    tt_buf_text(&line);
    return (char *)line.data;
}

/* ---- stopping */

static bool wait_free(const tt_rundir_t *dir, int limit_ms)
{
    pid_t pid;
    for (int64_t until = tt_now_ms() + limit_ms; tt_now_ms() < until; usleep(2000))
        if (tt_rundir_holder(dir, &pid) == 0)
            return true;
    return tt_rundir_holder(dir, &pid) == 0;
}

/* Ends engine hosts that have lost their controller, instead of waiting for their grace time.
 */
static size_t stop_hosts(const tt_rundir_t *dir)
{
    pid_t *pids;
    size_t count = tt_rundir_hosts(dir, &pids), left = count;
    for (size_t i = 0; i < count; i++)
        kill(pids[i], SIGTERM);
    free(pids);
    for (int64_t until = tt_now_ms() + STOP_MS; left > 0 && tt_now_ms() < until; usleep(2000)) {
        left = tt_rundir_hosts(dir, &pids);
        free(pids);
    }
    return count;
}

static void ask_to_stop(tt_loop_t *loop, const tt_rundir_t *dir, tt_error_t *err)
{
    tt_client_t *client =
        tt_client_open(loop, dir, "tutti stop", NULL, NULL, STOP_CONNECT_MS, err);
    if (client == NULL)
        return;
    tt_message_t message = tt_message(TT_MSG_STOP, 0), answer;
    tt_packet_t reply;
    bool never = false;
    int64_t until = tt_now_ms() + STOP_MS;
    if (tt_client_request(client, &message, STOP_MS, &answer, &reply, err) == 0) {
        tt_packet_release(&reply);
        /* Until we have lost it: else a goodbye that nobody reads would linger at the close. */
        while (tt_client_alive(client) && tt_now_ms() < until)
            tt_loop_run_until(loop, &never, 2);
    }
    tt_client_close(&client);
    wait_free(dir, STOP_MS);
}

int cluster_stop(tt_loop_t *loop, const tt_rundir_t *dir, tt_error_t *err)
{
    pid_t pid = 0;
    if (tt_rundir_holder(dir, &pid) == 1)
        ask_to_stop(loop, dir, err);
    else if (stop_hosts(dir) == 0)
        return 1;
    for (int tries = 0; tries < 2 && tt_rundir_holder(dir, &pid) == 1 && pid > 0; tries++) {
        kill(pid, tries == 0 ? SIGTERM : SIGKILL);
        wait_free(dir, KILL_MS);
    }
    if (tt_rundir_holder(dir, &pid) == 1)
        return tt_error_set(
            err, "cluster '%s' does not stop: its controller (pid %d) holds the lock",
            dir->name, (int)pid);
    stop_hosts(dir);
    return 0;
}
