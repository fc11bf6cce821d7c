/* Links over ssh, from the controller's side. See remote.h. */
#include "remote.h"

#include "child.h"
#include "identity.h"
#include "interpreter.h"
#include "log.h"
#include "pack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    LINKS_AT_ONCE = 8,   /* that are being made: an sshd drops connections beyond ten */
    PAUSE_MIN_MS = 1000, /* before a dropped link is made again; doubled each time */
    PAUSE_MAX_MS = 60000,
    STEADY_MS = 10000, /* a link that was up for so long begins with the shortest pause */
    LAST_READS = 64,   /* more than a pipe holds */
    LABEL_MAX = 255,
    ENVIRONMENT_MAX = 16
};

/* Numbers are those of engines, so that clients and `tutti status` have words for them. */
typedef enum {
    WAITING = TT_ENGINE_RESTARTING, /* for its turn, or for the end of a pause */
    MAKING = TT_ENGINE_STARTING,
    UP = TT_ENGINE_READY,
    FAILED = TT_ENGINE_FAILED, /* never was up, or was cut off */
    DROPPED = TT_ENGINE_LOST   /* was up; WAITING follows */
} link_state_t;

typedef struct {
    char *label, *host, *port, *identity, *jump, *ssh, *setup_name;
    tt_buf_t setup;
    char *environment[ENVIRONMENT_MAX + 1];
} settings_t;

struct remote {
    struct remote *next;
    controller_t *controller;
    settings_t settings;
    link_state_t state;
    char text[512]; /* what it does, or what is wrong */
    uint64_t token; /* which only its far end knows; 0: none is expected */
    pid_t pid;      /* of its tutti-ssh; 0 */
    int status_fd;
    tt_buf_t lines; /* from there */
    peer_t *peer;
    int cores;          /* 0 until the far end has told */
    bool was_up, given; /* ever; its engines are under way */
    bool removed;       /* it is freed when its process has ended */
    unsigned tries;
    uint64_t timer;
    int64_t since_ms;
};

static void start_waiting(controller_t *self);

/* ---- settings */

static char *take_text(tt_reader_t *reader)
{
    tt_span_t text;
    if (tt_read_str(reader, &text) != 0 || text.len == 0 || memchr(text.data, 0, text.len))
        return NULL;
    return tt_strndup((const char *)text.data, text.len);
}

static void take_environment(tt_reader_t *reader, settings_t *into)
{
    size_t count = 0, kept = 0;
    tt_span_t entry;
    while (into->environment[kept])
        kept++;
    tt_read_array(reader, &count);
    for (size_t i = 0; i < count && tt_read_raw(reader, &entry) == 0; i++) {
        tt_reader_t one = tt_reader(entry);
        char *text = take_text(&one);
        if (text && kept < ENVIRONMENT_MAX)
            into->environment[kept++] = text;
        else
            free(text);
    }
}

static void take_setup(tt_reader_t *reader, settings_t *into)
{
    tt_span_t bytes;
    if (tt_read_bin(reader, &bytes) == 0)
        tt_buf_append(&into->setup, bytes.data, bytes.len);
}

/* A key of the map, and where its text goes; the two that are no texts have functions. */
static const struct {
    const char *key;
    size_t offset;
    void (*take)(tt_reader_t *reader, settings_t *into);
} keys[] = {
    {"label", offsetof(settings_t, label), NULL},
    {"host", offsetof(settings_t, host), NULL},
    {"port", offsetof(settings_t, port), NULL},
    {"identity", offsetof(settings_t, identity), NULL},
    {"jump", offsetof(settings_t, jump), NULL},
    {"ssh", offsetof(settings_t, ssh), NULL},
    {"setup_name", offsetof(settings_t, setup_name), NULL},
    {"setup", 0, take_setup},
    {"environment", 0, take_environment},
};

static void take_key(settings_t *into, const char *key, tt_span_t value)
{
    tt_reader_t reader = tt_reader(value);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].key, key) != 0)
            continue;
        char **text = (char **)(void *)((char *)into + keys[i].offset);
        if (keys[i].take)
            keys[i].take(&reader, into);
        else if (*text == NULL)
            *text = take_text(&reader);
    }
}

static void settings_release(settings_t *self)
{
    free(self->label);
    free(self->host);
    free(self->port);
    free(self->identity);
    free(self->jump);
    free(self->ssh);
    free(self->setup_name);
    tt_buf_release(&self->setup);
    for (size_t i = 0; self->environment[i]; i++)
        free(self->environment[i]);
    *self = (settings_t){0};
}

static int settings_read(settings_t *self, tt_span_t packed, tt_error_t *err)
{
    tt_reader_t reader = tt_reader(packed);
    size_t count = 0;
    char key[32];
    tt_span_t value;
    *self = (settings_t){0};
    if (tt_read_map(&reader, &count) != 0)
        return tt_error_set(err, "the launcher ssh needs settings");
    for (size_t i = 0; i < count; i++) {
        if (tt_read_text(&reader, key, sizeof key) != 0) {
            if (tt_skip(&reader) != 0 || tt_skip(&reader) != 0)
                break;
            continue;
        }
        if (tt_read_raw(&reader, &value) != 0)
            break;
        take_key(self, key, value);
    }
    if (self->label && self->host && strlen(self->label) <= LABEL_MAX)
        return 0;
    settings_release(self);
    return tt_error_set(err, "the launcher ssh needs the name of a host");
}

/* ---- telling */

static void set_state(remote_t *remote, link_state_t state, const char *text)
{
    controller_t *self = remote->controller;
    if (remote->state != state)
        remote->since_ms = tt_now_ms();
    remote->state = state;
    snprintf(remote->text, sizeof remote->text, "%s", text);
    tt_message_t message = tt_message(TT_MSG_EVENT, 0);
    message.as.event.kind = TT_EVENT_HOST;
    message.as.event.engine = -1;
    message.as.event.state = (uint64_t)state;
    message.as.event.host = tt_span(remote->settings.label);
    message.as.event.text = tt_span(remote->text);
    peers_tell(self, &message);
}

void remote_announce_ready(remote_t *remote)
{
    set_state(remote, UP, "");
}

/* ---- the process */

static void unwatch(remote_t *remote)
{
    if (remote->status_fd < 0)
        return;
    tt_loop_remove_fd(remote->controller->loop, remote->status_fd);
    close(remote->status_fd);
    remote->status_fd = -1;
    remote->lines.len = 0;
}

static void on_pause_end(void *arg)
{
    remote_t *remote = arg;
    remote->timer = 0;
    start_waiting(remote->controller);
}

static void cancel_pause(remote_t *remote)
{
    tt_loop_cancel_timer(remote->controller->loop, remote->timer);
    remote->timer = 0;
}

static void pause_link(remote_t *remote, const char *why)
{
    int64_t pause = PAUSE_MIN_MS;
    for (unsigned i = 0; i < remote->tries && pause < PAUSE_MAX_MS; i++)
        pause *= 2;
    pause = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    pause += (int64_t)(tt_random_number() % (uint64_t)(pause / 4));
    remote->tries++;
    cancel_pause(remote);
    remote->timer = tt_loop_add_timer(remote->controller->loop, pause, on_pause_end, remote);
    set_state(remote, WAITING, why);
}

/* The link is not there, or no longer: `why` for people. */
static void lose(remote_t *remote, const char *why)
{
    controller_t *self = remote->controller;
    char reason[512];
    snprintf(reason, sizeof reason, "%s", why);
    tt_log(TT_LOG_WARN, "link to '%s': %s", remote->settings.label, reason);
    unwatch(remote);
    remote->token = 0;
    if (remote->pid > 0)
        kill(remote->pid, SIGTERM);
    reasons_add(&self->reasons, -1, remote->settings.label, reason);
    if (remote->state == UP && tt_now_ms() - remote->since_ms > STEADY_MS)
        remote->tries = 0;
    peer_t *peer = remote->peer;
    remote->peer = NULL;
    remote->given = false;
    if (peer)
        peers_lost(self, peer, reason);
    if (self->stopping)
        return;
    if (remote->was_up) {
        if (remote->state == UP)
            set_state(remote, DROPPED, reason);
        launches_remote_failed(self, remote, reason);
        pause_link(remote, reason);
    } else {
        launches_remote_failed(self, remote, reason);
        set_state(remote, FAILED, reason);
    }
    start_waiting(self);
}

/* Its host is here and the link's own news, in whichever order they came. */
static void meet(remote_t *remote)
{
    if (remote->peer == NULL || remote->cores == 0 || remote->given)
        return;
    remote->was_up = remote->given = true;
    remote->since_ms = tt_now_ms();
    remote->state = UP;
    launches_remote_here(remote->controller, remote, remote->peer);
    remote_announce_ready(remote); /* behind its engines */
    start_waiting(remote->controller);
}

/* ---- what tutti-ssh tells */

static void on_sending(remote_t *remote, const char *words)
{
    char text[64];
    snprintf(text, sizeof text, "sending tutti (%.1f MB)", atof(words) / 1e6);
    set_state(remote, MAKING, text);
}

static void on_script(remote_t *remote, const char *words)
{
    char text[256];
    snprintf(text, sizeof text, "running %.200s", words);
    set_state(remote, MAKING, text);
}

static void on_setup(remote_t *remote, const char *words)
{
    char text[256];
    const char *name = remote->settings.setup_name ? remote->settings.setup_name : "set-up";
    snprintf(text, sizeof text, "%.200s ok in %.1f s", name, atof(words) / 1e3);
    set_state(remote, MAKING, text);
}

static void on_up(remote_t *remote, const char *words)
{
    long cores = atol(words);
    remote->cores = cores < 1 ? 1 : cores > 100000 ? 100000 : (int)cores;
    meet(remote);
}

static const struct {
    const char *word;
    void (*take)(remote_t *remote, const char *words);
} news[] = {{"sending", on_sending}, {"script", on_script}, {"setup", on_setup},
            {"up", on_up},           {"failed", lose},      {"ended", lose}};

static void take_line(remote_t *remote, char *line)
{
    size_t len = strcspn(line, " ");
    const char *rest = line + len + (line[len] == ' ');
    line[len] = 0;
    for (size_t i = 0; i < sizeof news / sizeof *news; i++) {
        if (strcmp(news[i].word, line) == 0) {
            news[i].take(remote, rest);
            return;
        }
    }
}

static void read_lines(remote_t *remote)
{
    char *end;
    while (remote->status_fd >= 0 && remote->lines.len > 0 &&
           (end = memchr(remote->lines.data, '\n', remote->lines.len))) {
        size_t len = (size_t)(end - (char *)remote->lines.data);
        char *line = tt_strndup((char *)remote->lines.data, len);
        tt_buf_consume(&remote->lines, len + 1);
        take_line(remote, line);
        free(line);
    }
}

static void on_status(void *arg, int fd, uint32_t events)
{
    remote_t *remote = arg;
    ssize_t got = read(fd, tt_buf_reserve(&remote->lines, 4096), 4096);
    (void)events;
    if (got > 0) {
        remote->lines.len += (size_t)got;
        read_lines(remote);
    } else if (got == 0 || errno != EAGAIN) {
        lose(remote, "tutti-ssh ended without a word; see tutti logs");
    }
}

/* ---- starting it */

static int setup_file(const settings_t *settings)
{
    if (settings->setup.len == 0)
        return -1;
    int fd = memfd_create("setup", MFD_CLOEXEC);
    if (fd >= 0 &&
        write(fd, settings->setup.data, settings->setup.len) != (ssize_t)settings->setup.len) {
        close(fd);
        return -1;
    }
    return fd;
}

static int add_option(const char **argv, int count, const char *option, const char *value)
{
    if (value) {
        argv[count++] = option;
        argv[count++] = value;
    }
    return count;
}

static void spawn(remote_t *remote, int status_fd)
{
    controller_t *self = remote->controller;
    const settings_t *settings = &remote->settings;
    const char *argv[32];
    char token[32];
    tt_error_t err;
    int count = 0, setup_fd = setup_file(settings), log_fd = launches_open_log(self);
    char *program = tt_program_path("tutti-ssh");
    snprintf(token, sizeof token, "%llu", (unsigned long long)remote->token);
    argv[count++] = program;
    count = add_option(argv, count, "--ssh", settings->ssh);
    count = add_option(argv, count, "--port", settings->port);
    count = add_option(argv, count, "--identity", settings->identity);
    count = add_option(argv, count, "--jump", settings->jump);
    count = add_option(argv, count, "--to", self->options->dir->far_sock);
    count = add_option(argv, count, "--status-fd", "3");
    count = add_option(argv, count, "--setup-fd", setup_fd >= 0 ? "4" : NULL);
    count = add_option(argv, count, "--setup-name", settings->setup_name);
    argv[count++] = "--";
    argv[count++] = settings->host;
    argv[count++] = "libexec/tutti/tutti-engine";
    argv[count++] = "--stdio";
    count = add_option(argv, count, "--name", self->options->dir->name);
    count = add_option(argv, count, "--launch", token);
    argv[count] = NULL;
    tt_child_t child = {.argv = argv,
                        .environment = (const char *const *)settings->environment,
                        .directory = "/",
                        .fd = {-1, log_fd, log_fd, status_fd, setup_fd},
                        .dies_with_us = true};
    remote->pid = tt_child_spawn(&child, &err);
    if (setup_fd >= 0)
        close(setup_fd);
    if (log_fd >= 0)
        close(log_fd);
    free(program);
    if (remote->pid < 0) {
        remote->pid = 0;
        lose(remote, err.text);
    }
}

static void make_link(remote_t *remote)
{
    int status[2];
    cancel_pause(remote);
    remote->token = tt_random_number();
    remote->cores = 0;
    set_state(remote, MAKING, "connecting");
    if (pipe2(status, O_CLOEXEC) != 0) {
        lose(remote, strerror(errno));
        return;
    }
    remote->status_fd = status[0];
    fcntl(status[0], F_SETFL, O_NONBLOCK);
    tt_loop_add_fd(remote->controller->loop, status[0], EPOLLIN, on_status, remote);
    spawn(remote, status[1]);
    close(status[1]);
}

static size_t making(const controller_t *self)
{
    size_t count = 0;
    for (const remote_t *each = self->remotes; each; each = each->next)
        count += each->state == MAKING;
    return count;
}

/* The first ones that may, in the order they were added. One whose last process has not been
 * reaped waits for that. */
static void start_waiting(controller_t *self)
{
    for (remote_t *each = self->remotes; each && !self->stopping; each = each->next)
        if (each->state == WAITING && each->timer == 0 && each->pid == 0 &&
            making(self) < LINKS_AT_ONCE)
            make_link(each);
}

void remote_connect(remote_t *remote)
{
    if (remote->state == UP || remote->state == MAKING)
        return;
    cancel_pause(remote);
    set_state(remote, WAITING, "waiting for its turn");
    start_waiting(remote->controller);
}

/* ---- finding them */

remote_t *remote_for(controller_t *self, tt_span_t packed, tt_error_t *err)
{
    settings_t settings;
    remote_t **at = &self->remotes;
    if (settings_read(&settings, packed, err) != 0)
        return NULL;
    while (*at && ((*at)->removed || strcmp((*at)->settings.label, settings.label) != 0))
        at = &(*at)->next;
    if (*at == NULL) {
        remote_t *remote = tt_alloc(sizeof *remote);
        *remote = (remote_t){.controller = self, .status_fd = -1, .state = FAILED};
        *at = remote;
    } else if ((*at)->state == UP || (*at)->state == MAKING) {
        settings_release(&settings);
        return *at;
    } else {
        settings_release(&(*at)->settings);
    }
    (*at)->settings = settings;
    return *at;
}

remote_t *remote_by_token(const controller_t *self, uint64_t token)
{
    for (remote_t *each = self->remotes; each && token; each = each->next)
        if (each->token == token && each->peer == NULL)
            return each;
    return NULL;
}

static remote_t *by_peer(const controller_t *self, const peer_t *peer)
{
    remote_t *each = self->remotes;
    while (each && each->peer != peer)
        each = each->next;
    return each;
}

const char *remote_label(const remote_t *remote)
{
    return remote->settings.label;
}

peer_t *remote_peer(const remote_t *remote)
{
    return remote->peer;
}

int remote_cores(const remote_t *remote)
{
    return remote->cores;
}

/* ---- its host */

void remote_host(controller_t *self, peer_t *peer, const tt_msg_hello_t *hello)
{
    remote_t *remote = remote_by_token(self, hello->launch);
    if (remote == NULL)
        return;
    remote->peer = peer;
    snprintf(peer->host, sizeof peer->host, "%s", remote->settings.label);
    meet(remote);
}

void remote_peer_gone(controller_t *self, const peer_t *peer)
{
    remote_t *remote = peer ? by_peer(self, peer) : NULL;
    if (remote)
        remote->peer = NULL;
}

void remote_cut(controller_t *self, peer_t *peer, const char *why)
{
    remote_t *remote = by_peer(self, peer);
    char text[256];
    if (remote == NULL)
        return;
    snprintf(text, sizeof text, "cut off: %.200s", why);
    remote->was_up = false; /* it is not tried again */
    lose(remote, text);
}

/* ---- all of them */

static void forget(controller_t *self, remote_t *remote)
{
    remote_t **at = &self->remotes;
    while (*at != remote)
        at = &(*at)->next;
    *at = remote->next;
    cancel_pause(remote);
    unwatch(remote);
    settings_release(&remote->settings);
    tt_buf_release(&remote->lines);
    free(remote);
}

bool remote_ended(controller_t *self, int pid)
{
    remote_t *each = self->remotes;
    while (each && each->pid != pid)
        each = each->next;
    if (each == NULL)
        return false;
    each->pid = 0;
    for (int i = 0; i < LAST_READS && each->status_fd >= 0; i++)
        on_status(each, each->status_fd, EPOLLIN); /* its last words */
    if (each->status_fd >= 0)
        lose(each, "tutti-ssh ended without a word; see tutti logs");
    if (each->removed)
        forget(self, each);
    start_waiting(self);
    return true;
}

bool remote_any_alive(const controller_t *self)
{
    for (const remote_t *each = self->remotes; each; each = each->next)
        if (each->pid > 0)
            return true;
    return false;
}

void remote_stop_all(controller_t *self)
{
    for (remote_t *each = self->remotes; each; each = each->next) {
        cancel_pause(each);
        if (each->pid > 0 && each->peer == NULL)
            kill(each->pid, SIGTERM);
    }
}

void remote_kill_all(controller_t *self)
{
    for (remote_t *each = self->remotes; each; each = each->next)
        if (each->pid > 0)
            kill(each->pid, SIGTERM);
}

void remote_release_all(controller_t *self)
{
    while (self->remotes)
        forget(self, self->remotes);
}

void remote_remove(controller_t *self, peer_t *client, tt_message_t *message,
                   tt_frames_t *payload)
{
    tt_span_t name = message->as.remove.text;
    remote_t *remote = self->remotes;
    (void)payload;
    while (remote && (remote->removed || strlen(remote->settings.label) != name.len ||
                      memcmp(remote->settings.label, name.data, name.len) != 0))
        remote = remote->next;
    if (remote == NULL) {
        peers_error(client, message->id, "no machine '%.*s' was added; tutti status lists them",
                    (int)(name.len < 200 ? name.len : 200), (const char *)name.data);
        return;
    }
    remote->removed = true;
    remote->was_up = false; /* it is not tried again */
    lose(remote, "removed");
    launches_remote_removed(self, remote);
    set_state(remote, FAILED, "removed");
    peers_done(client, message->id, NULL, 0);
    if (remote->pid == 0)
        forget(self, remote);
}

void remote_pack_all(const controller_t *self, tt_buf_t *out)
{
    size_t count = 0;
    for (const remote_t *each = self->remotes; each; each = each->next)
        count += !each->removed;
    tt_pack_array(out, count);
    for (const remote_t *each = self->remotes; each; each = each->next) {
        if (each->removed)
            continue;
        tt_pack_map(out, 5);
        tt_pack_text(out, "host");
        tt_pack_text(out, each->settings.label);
        tt_pack_text(out, "address");
        tt_pack_text(out, each->settings.host);
        tt_pack_text(out, "state");
        tt_pack_text(out, tt_engine_state_text(each->state));
        tt_pack_text(out, "since_s");
        tt_pack_double(out, (double)(tt_now_ms() - each->since_ms) / 1e3);
        tt_pack_text(out, "text");
        tt_pack_text(out, each->text);
    }
}
