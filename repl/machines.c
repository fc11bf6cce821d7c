/* Adding machines. See machines.h. */
#include "machines.h"

#include "interpreter.h"
#include "label.h"
#include "pack.h"
#include "target.h"
#include "text.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SETUP_MAX = 1 << 20, MACHINES_MAX = 10000 };

/* What ssh may need of our environment; the controller has another one. */
static const char *const passed[] = {"PATH", "HOME", "SSH_AUTH_SOCK", "KRB5CCNAME"};

/* ---- what a person says */

/* "ec2-1234.example.com" is called ec2-1234; an address is called as it is. */
static char *label_of(const char *host)
{
    const char *at = strrchr(host, '@'), *name = at ? at + 1 : host;
    size_t len = strcspn(name, ".");
    bool number = isdigit((unsigned char)*name) || strchr(name, ':');
    return number ? tt_strdup(name) : tt_strndup(name, len);
}

/* [USER@]HOST[:PORT]; an address of version 6 stands in brackets when a port follows. */
static void split_address(const char *address, char **host, char **port)
{
    const char *open = strchr(address, '['), *close = open ? strchr(open, ']') : NULL;
    const char *colon = strchr(address, ':');
    *port = NULL;
    if (close) {
        *host = tt_printf("%.*s%.*s", (int)(open - address), address, (int)(close - open - 1),
                          open + 1);
        if (close[1])
            *port = tt_strdup(close[1] == ':' ? close + 2 : ""); /* which is none */
    } else if (colon && strchr(colon + 1, ':') == NULL) {
        *host = tt_strndup(address, (size_t)(colon - address));
        *port = tt_strdup(colon + 1);
    } else {
        *host = tt_strdup(address);
    }
}

static bool is_port(const char *port)
{
    long number;
    return port == NULL ||
           (tt_whole_number(port, &number) == 0 && number > 0 && number < 65536);
}

static int add_one(void *arg, const char *address, tt_error_t *err)
{
    machines_t *self = arg;
    machine_t machine = {.state = TT_ENGINE_STARTING};
    split_address(address, &machine.host, &machine.port);
    machine.label = label_of(machine.host);
    bool good = *machine.label && *machine.label != '-' && *machine.host != '-' &&
                *machine.host != '@' && is_port(machine.port);
    for (const char *at = machine.host; *at; at++)
        good = good && !isspace((unsigned char)*at) && !iscntrl((unsigned char)*at);
    const machine_t *twin = NULL;
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->items[i].label, machine.label) == 0)
            twin = &self->items[i];
    if (good && !twin && self->count < MACHINES_MAX) {
        self->items = tt_realloc(self->items, (self->count + 1) * sizeof *self->items);
        self->items[self->count++] = machine;
        return 0;
    }
    if (twin && strcmp(twin->host, machine.host) != 0)
        tt_error_set(err,
                     "'%.100s' and '%.100s' would both be called %.100s; add them one by one "
                     "and name them (--as)",
                     twin->host, machine.host, machine.label);
    else if (good && !twin)
        tt_error_set(err, "there are more than %d machines", MACHINES_MAX);
    else
        tt_error_set(err,
                     twin ? "'%.100s' is named twice" : "'%.100s' is not [USER@]HOST[:PORT]",
                     address);
    free(machine.label);
    free(machine.host);
    free(machine.port);
    return -1;
}

/* Brackets are a node set's unless they hold an address ("[::1]"). */
int machines_add(machines_t *self, const char *word, tt_error_t *err)
{
    const char *open = strchr(word, '['), *close = open ? strchr(open, ']') : NULL;
    if (close && memchr(open, ':', (size_t)(close - open)))
        return add_one(self, word, err);
    return tt_target_expand(word, add_one, self, err);
}

int machines_add_file(machines_t *self, const char *path, tt_error_t *err)
{
    char *line = NULL;
    size_t size = 0;
    int number = 0, rc = 0;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return tt_error_set(err, "cannot read '%s': %s", path, strerror(errno));
    while (rc == 0 && getline(&line, &size, file) > 0) {
        number++;
        line[strcspn(line, "#\n")] = 0;
        for (char *rest, *word = strtok_r(line, " \t\r", &rest); word && rc == 0;
             word = strtok_r(NULL, " \t\r", &rest))
            rc = machines_add(self, word, err);
    }
    free(line);
    fclose(file);
    return rc == 0 ? 0 : tt_error_prefix(err, "%s:%d", path, number);
}

void machines_release(machines_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        machine_t *machine = &self->items[i];
        char *owned[] = {machine->label, machine->host, machine->port, machine->sent,
                         machine->setup, machine->why,  machine->doing};
        for (size_t k = 0; k < sizeof owned / sizeof *owned; k++)
            free(owned[k]);
    }
    free(self->items);
    *self = (machines_t){NULL, 0};
}

int machines_count(const char *text, long *engines, tt_error_t *err)
{
    *engines = CLUSTER_PER_CORE;
    if (text == NULL || strcmp(text, "auto") == 0)
        return 0;
    if (tt_whole_number(text, engines) == 0 && *engines >= 1 && *engines <= 100000)
        return 0;
    return tt_error_set(err, "-n takes a number above 0 or 'auto', not '%.80s'", text);
}

int machines_check(const machine_wish_t *wish, tt_error_t *err)
{
    struct stat found;
    if (wish->identity && stat(wish->identity, &found) != 0)
        return tt_error_set(err, "cannot read the key '%s': %s", wish->identity,
                            strerror(errno));
    if (wish->identity && (found.st_mode & 077))
        return tt_error_set(err, "%s is readable by others: chmod 400 %s", wish->identity,
                            wish->identity);
    if (wish->setup && (access(wish->setup, R_OK) != 0 || stat(wish->setup, &found) != 0))
        return tt_error_set(err, "cannot read the set-up script '%s': %s", wish->setup,
                            strerror(errno));
    if (wish->setup && found.st_size > SETUP_MAX)
        return tt_error_set(err, "the set-up script '%s' has more than 1 MiB", wish->setup);
    return 0;
}

/* ---- asking */

static void put(tt_buf_t *out, size_t *count, const char *key, const char *value)
{
    if (value == NULL)
        return;
    tt_pack_text(out, key);
    tt_pack_text(out, value);
    ++*count;
}

static void put_environment(tt_buf_t *out, size_t *count)
{
    size_t there = 0;
    tt_buf_t list;
    tt_buf_init(&list);
    for (size_t i = 0; i < sizeof passed / sizeof *passed; i++) {
        const char *value = getenv(passed[i]);
        if (value == NULL)
            continue;
        char *text = tt_printf("%s=%s", passed[i], value);
        tt_pack_text(&list, text);
        free(text);
        there++;
    }
    tt_pack_text(out, "environment");
    tt_pack_array(out, there);
    tt_buf_append(out, list.data, list.len);
    tt_buf_release(&list);
    ++*count;
}

/* The file was checked before; what has become of it since is as if it were empty. */
static void put_setup(tt_buf_t *out, size_t *count, const char *path)
{
    const char *slash = strrchr(path, '/');
    tt_buf_t bytes;
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    tt_buf_init(&bytes);
    while (fd >= 0 && bytes.len < SETUP_MAX &&
           (got = read(fd, tt_buf_reserve(&bytes, 65536), 65536)) > 0)
        bytes.len += (size_t)got;
    if (fd >= 0)
        close(fd);
    tt_pack_text(out, "setup");
    tt_pack_bin(out, bytes.data, bytes.len);
    tt_buf_release(&bytes);
    ++*count;
    put(out, count, "setup_name", slash ? slash + 1 : path);
}

static void pack_settings(tt_buf_t *out, const machine_t *machine, const machine_wish_t *wish)
{
    tt_buf_t pairs;
    size_t count = 0;
    const char *ssh = getenv("TUTTI_SSH");
    char *identity = wish->identity ? realpath(wish->identity, NULL) : NULL;
    tt_buf_init(&pairs);
    put(&pairs, &count, "label", machine->label);
    put(&pairs, &count, "host", machine->host);
    put(&pairs, &count, "port", machine->port);
    put(&pairs, &count, "identity", identity);
    put(&pairs, &count, "jump", wish->jump);
    put(&pairs, &count, "ssh", ssh && *ssh ? ssh : NULL);
    put_environment(&pairs, &count);
    if (wish->setup)
        put_setup(&pairs, &count, wish->setup);
    tt_pack_map(out, count);
    tt_buf_append(out, pairs.data, pairs.len);
    tt_buf_release(&pairs);
    free(identity);
}

static int ask(const machine_t *machine, tt_client_t *client, const machine_wish_t *wish,
               tt_error_t *err)
{
    tt_message_t message = tt_message(TT_MSG_LAUNCH, 0);
    tt_msg_launch_t *launch = &message.as.launch;
    tt_buf_t settings, environment;
    int *ids = NULL;
    size_t count;
    tt_buf_init(&settings);
    tt_buf_init(&environment);
    pack_settings(&settings, machine, wish);
    launch->launcher = tt_span("ssh");
    launch->count = wish->group.engines == CLUSTER_PER_CORE ? 0 : (uint64_t)wish->group.engines;
    launch->program = tt_span(cluster_program(&wish->group));
    placement_tell(&wish->placement, "", false, launch, &environment);
    launch->total = 1;
    launch->settings = (tt_span_t){settings.data, settings.len};
    int rc = cluster_ask(client, &wish->group, &message, &ids, &count, err);
    free(ids);
    tt_buf_release(&settings);
    tt_buf_release(&environment);
    return rc;
}

/* ---- hearing */

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = tt_strdup(value);
}

static void on_machine(void *arg, const char *host, unsigned state, const char *text)
{
    machines_t *self = arg;
    machine_t *machine = NULL;
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->items[i].label, host) == 0)
            machine = &self->items[i];
    if (machine == NULL)
        return;
    machine->state = state;
    machine->settled = state == TT_ENGINE_READY || state == TT_ENGINE_FAILED;
    if (state == TT_ENGINE_STARTING && strncmp(text, "sending ", 8) == 0)
        set_text(&machine->sent, text);
    else if (state == TT_ENGINE_STARTING && strstr(text, " ok in "))
        set_text(&machine->setup, text);
    if (state == TT_ENGINE_FAILED)
        set_text(&machine->why, text);
    else if (state != TT_ENGINE_READY)
        set_text(&machine->doing, text);
}

const tt_client_handlers_t machine_handlers = {.machine = on_machine};

/* Its engines: how many there are, how many are ready, and whether some may still become so. */
typedef struct {
    int *ids; /* of those that are ready; owned */
    size_t ready, all;
    bool coming;
    const tt_engine_t *one;   /* that is ready */
    const tt_engine_t *wrong; /* that has failed */
} tally_t;

static tally_t tally(const machine_t *machine, const tt_client_t *client)
{
    const char *language = machine->language;
    size_t count;
    const tt_engine_t *engines = tt_client_engines(client, &count);
    tally_t found = {.ids = tt_alloc((count + 1) * sizeof *found.ids)};
    for (size_t i = 0; i < count; i++) {
        const tt_engine_t *engine = &engines[i];
        if (strcmp(engine->host, machine->label) != 0 || strcmp(engine->kind, language) != 0)
            continue;
        found.all++;
        if (engine->state == TT_ENGINE_READY) {
            found.ids[found.ready++] = engine->id;
            found.one = engine;
        } else if (engine->state == TT_ENGINE_STARTING ||
                   engine->state == TT_ENGINE_RESTARTING) {
            found.coming = true;
        } else {
            found.wrong = engine;
        }
    }
    return found;
}

static bool is_done(const machine_t *machine, const tt_client_t *client)
{
    if (!machine->settled)
        return false;
    if (machine->state == TT_ENGINE_FAILED)
        return true;
    tally_t found = tally(machine, client);
    free(found.ids);
    return !found.coming;
}

static size_t count_done(const machines_t *self, const tt_client_t *client)
{
    size_t done = 0;
    for (size_t i = 0; i < self->count; i++)
        done += is_done(&self->items[i], client);
    return done;
}

/* ---- telling */

/* "web1: sent tutti (4.2 MB) · setup.sh ok in 41.0 s · 4 Python engines (ids 0-3)" */
static void tell_good(const machine_t *machine, const tally_t *found)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_text_escape(&line, machine->label, strlen(machine->label));
    tt_buf_printf(&line, ": ");
    if (machine->sent)
        tt_buf_printf(&line, "sent%s · ", machine->sent + strlen("sending"));
    if (machine->setup) {
        tt_text_escape(&line, machine->setup, strlen(machine->setup));
        tt_buf_printf(&line, " · ");
    }
    cluster_describe(&line, found->one, found->ready);
    tt_buf_printf(&line, " · %s ", found->ready == 1 ? "id" : "ids");
    tt_target_format(&line, found->ids, found->ready);
    printf("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

static void tell_bad(const machine_t *machine, const char *why)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_text_escape(&line, machine->label, strlen(machine->label));
    tt_buf_printf(&line, ": ");
    tt_text_escape(&line, why, strlen(why));
    fprintf(stderr, "%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

/* Returns whether all its engines are ready. */
static bool tell(const machine_t *machine, const tt_client_t *client)
{
    tally_t found = tally(machine, client);
    bool failed = machine->state == TT_ENGINE_FAILED, whole = found.ready == found.all;
    if (found.ready > 0)
        tell_good(machine, &found);
    if (failed) {
        tell_bad(machine, machine->why ? machine->why : "it has failed");
    } else if (!tt_client_alive(client)) {
        tell_bad(machine, "the cluster is gone");
    } else if (!machine->settled) {
        char *text =
            tt_printf("not there yet%s%s; tutti status tells of it", machine->doing ? ": " : "",
                      machine->doing ? machine->doing : "");
        tell_bad(machine, text);
        free(text);
    } else if (found.wrong) {
        tell_bad(machine, *found.wrong->text ? found.wrong->text : "an engine is missing");
    } else if (!whole) {
        tell_bad(machine, "some engines are still starting; tutti status tells of them");
    } else if (found.all == 0) {
        tell_bad(machine, "it has no engine; tutti why tells what has become of them");
    }
    free(found.ids);
    return !failed && machine->settled && whole && found.ready > 0;
}

int machines_launch(machines_t *self, tt_client_t *client, tt_loop_t *loop,
                    const machine_wish_t *wish, tt_error_t *err)
{
    int64_t until = tt_now_ms() + (int64_t)(wish->timeout_s * 1000);
    bool never = false;
    int status = 0;
    for (size_t i = 0; i < self->count; i++) {
        self->items[i].language = wish->group.language ? wish->group.language : "python";
        if (ask(&self->items[i], client, wish, err) != 0)
            return 3;
    }
    while (count_done(self, client) < self->count && tt_client_alive(client) &&
           tt_now_ms() < until)
        tt_loop_run_until(loop, &never, 5);
    for (size_t i = 0; i < self->count; i++)
        if (!tell(&self->items[i], client))
            status = 4;
    return status;
}
