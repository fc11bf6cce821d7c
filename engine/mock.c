/* tutti-mock: a toy language, so that host, controller and prompt are tested with no real one,
 * and in great numbers. It understands one command a line: print TEXT | warn TEXT | value INT |
 * sleep SECONDS | spin | fail TEXT | exit N | abort | flood BYTES | id | is ENGINE. CALL echoes
 * its arguments; GET of a name gives what SET bound (packed values, kept as they are). COMPLETE
 * and INSPECT know commands and variables; what follows `hang.` is looked for until they are
 * interrupted. */
#include "language.h"
#include "pack.h"
#include "value.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef struct {
    char name[64];
    tt_buf_t value; /* packed, without buffers */
} variable_t;

typedef struct {
    int engine;
    variable_t *variables;
    size_t count;
    tt_buf_t scratch;
} mock_t;

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number)
{
    (void)number;
    interrupts++;
}

static void reply_interrupted(tt_reply_t *reply)
{
    tt_reply_error(reply, TT_STATUS_INTERRUPTED, "Interrupted", "", NULL);
}

static void reply_int(mock_t *self, tt_reply_t *reply, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    self->scratch.len = 0;
    tt_pack_int(&self->scratch, value);
    tt_reply_value(reply, text, (tt_span_t){self->scratch.data, self->scratch.len});
}

/* ---- commands */

static void do_print(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    (void)reply;
    printf("%s\n", rest);
}

static void do_warn(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    (void)reply;
    fprintf(stderr, "%s\n", rest);
}

static void do_value(mock_t *self, const char *rest, tt_reply_t *reply)
{
    reply_int(self, reply, atoll(rest));
}

static void do_id(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)rest;
    reply_int(self, reply, self->engine);
}

/* Whether it is this engine: what one of many answers otherwise. */
static void do_is(mock_t *self, const char *rest, tt_reply_t *reply)
{
    reply_int(self, reply, atoi(rest) == self->engine);
}

static void do_sleep(mock_t *self, const char *rest, tt_reply_t *reply)
{
    double seconds = atof(rest);
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    (void)self;
    while (nanosleep(&t, &t) != 0 && interrupts == 0)
        continue;
    if (interrupts)
        reply_interrupted(reply);
}

static void do_spin(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    (void)rest;
    while (interrupts == 0)
        continue;
    reply_interrupted(reply);
}

static void do_fail(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    tt_reply_error(reply, TT_STATUS_ERROR, "MockError", rest, NULL);
}

static void do_exit(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    (void)reply;
    _exit(atoi(rest));
}

static void do_abort(mock_t *self, const char *rest, tt_reply_t *reply)
{
    (void)self;
    (void)rest;
    (void)reply;
    abort();
}

static void do_flood(mock_t *self, const char *rest, tt_reply_t *reply)
{
    long long left = atoll(rest);
    char line[1024];
    (void)self;
    (void)reply;
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    for (; left > 0 && interrupts == 0; left -= (long long)sizeof line)
        fwrite(line, 1, sizeof line, stdout);
    if (interrupts)
        reply_interrupted(reply);
}

static const struct {
    const char *name;
    void (*fn)(mock_t *, const char *, tt_reply_t *);
} commands[] = {
    {"print", do_print}, {"warn", do_warn},   {"value", do_value}, {"id", do_id},
    {"sleep", do_sleep}, {"spin", do_spin},   {"fail", do_fail},   {"exit", do_exit},
    {"abort", do_abort}, {"flood", do_flood}, {"is", do_is},
};

static bool run_line(mock_t *self, char *line, tt_reply_t *reply)
{
    char *rest = line + strcspn(line, " ");
    if (*rest)
        *rest++ = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, line) == 0) {
            commands[i].fn(self, rest, reply);
            return reply->status == TT_STATUS_OK;
        }
    }
    if (*line)
        tt_reply_error(reply, TT_STATUS_ERROR, "NameError", line, NULL);
    return *line == 0;
}

static void execute(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count;
    tt_span_t code;
    if (tt_read_array(&args, &count) != 0 || tt_read_str(&args, &code) != 0) {
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError", "EXECUTE needs code", NULL);
        return;
    }
    char *text = tt_strndup((const char *)code.data, code.len), *next = text;
    for (char *line; (line = strsep(&next, "\n")) && run_line(self, line, reply);)
        continue;
    free(text);
}

/* ---- values */

static variable_t *find(mock_t *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->variables[i].name, name) == 0)
            return &self->variables[i];
    return NULL;
}

static void set(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count;
    char name[64];
    if (tt_read_array(&args, &count) != 0 || tt_read_text(&args, name, sizeof name) != 0 ||
        request->buffer_count != 1) {
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError", "SET of one small value",
                       NULL);
        return;
    }
    variable_t *variable = find(self, name);
    if (variable == NULL) {
        self->variables =
            tt_realloc(self->variables, (self->count + 1) * sizeof *self->variables);
        variable = &self->variables[self->count++];
        *variable = (variable_t){.name = ""};
        strcpy(variable->name, name);
    }
    variable->value.len = 0;
    tt_buf_append(&variable->value, request->buffers[0].data, request->buffers[0].len);
}

/* `[name, type, size, digest, text]` of each variable. */
static void get_names(mock_t *self, tt_reply_t *reply)
{
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, self->count);
    for (size_t i = 0; i < self->count; i++) {
        const variable_t *variable = &self->variables[i];
        uint8_t digest[16] = {0};
        bool small = variable->value.len <= sizeof digest;
        if (small)
            memcpy(digest, variable->value.data, variable->value.len);
        tt_pack_array(&self->scratch, 5);
        tt_pack_text(&self->scratch, variable->name);
        tt_pack_text(&self->scratch, "value");
        tt_pack_text(&self->scratch, "");
        if (small)
            tt_pack_bin(&self->scratch, digest, sizeof digest);
        else
            tt_pack_nil(&self->scratch);
        tt_pack_text(&self->scratch, "");
    }
    tt_reply_value(reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

static bool wants_names(tt_reader_t args)
{
    char how[16] = "";
    size_t count;
    if (tt_read_array(&args, &count) != 0 || tt_skip(&args) != 0)
        return false;
    tt_read_text(&args, how, sizeof how);
    return strcmp(how, "names") == 0;
}

static void get(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count, names = 0;
    if (tt_read_array(&args, &count) != 0 || tt_read_array(&args, &names) != 0) {
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError", "GET needs names", NULL);
        return;
    }
    if (names == 0 && wants_names(tt_reader(request->args))) {
        get_names(self, reply);
        return;
    }
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, names);
    for (size_t i = 0; i < names; i++) {
        char name[64] = "";
        tt_read_text(&args, name, sizeof name);
        variable_t *variable = find(self, name);
        if (variable == NULL) {
            tt_reply_error(reply, TT_STATUS_ERROR, "NameError", name, NULL);
            return;
        }
        tt_buf_append(&self->scratch, variable->value.data, variable->value.len);
    }
    tt_reply_value(reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

/* Gives back the arguments: the second member of CALL's array. */
static void call(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count;
    tt_span_t hash, given;
    (void)self;
    if (tt_read_array(&args, &count) != 0 || tt_read_bin(&args, &hash) != 0 ||
        tt_read_raw(&args, &given) != 0) {
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError", "CALL needs arguments", NULL);
        return;
    }
    for (size_t i = 0; i < request->buffer_count; i++)
        tt_reply_buffer(reply, request->buffers[i], NULL);
    tt_reply_value(reply, NULL, given);
}

static void reset(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    (void)request;
    (void)reply;
    for (size_t i = 0; i < self->count; i++)
        tt_buf_release(&self->variables[i].value);
    self->count = 0;
}

static void check(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    (void)request;
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, 2);
    tt_pack_text(&self->scratch, "whole");
    tt_pack_text(&self->scratch, "");
    tt_reply_value(reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

/* ---- help while typing */

static bool has_prefix(const char *name, const char *prefix)
{
    return strncmp(name, prefix, strlen(prefix)) == 0 && (*name != '_' || *prefix == '_');
}

static size_t pack_names(const mock_t *self, const char *prefix, tt_buf_t *out)
{
    size_t count = 0;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (has_prefix(commands[i].name, prefix) && ++count)
            tt_pack_text(out, commands[i].name);
    for (size_t i = 0; i < self->count; i++)
        if (has_prefix(self->variables[i].name, prefix) && ++count)
            tt_pack_text(out, self->variables[i].name);
    return count;
}

static void complete(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    tt_buf_t names = {0};
    size_t count;
    uint64_t position = 0;
    char code[256];
    if (tt_read_array(&args, &count) != 0 || tt_read_text(&args, code, sizeof code) != 0 ||
        tt_read_uint(&args, &position) != 0 || position > strlen(code)) {
        tt_reply_error(reply, TT_STATUS_REFUSED, "ProtocolError", "COMPLETE of short code",
                       NULL);
        return;
    }
    code[position] = 0;
    char *word = code + position;
    while (word > code && word[-1] != ' ' && word[-1] != '.')
        word--;
    if (word - code >= 5 && strncmp(word - 5, "hang.", 5) == 0) {
        do_spin(self, "", reply);
        return;
    }
    self->scratch.len = 0;
    count = pack_names(self, word, &names);
    tt_pack_array(&self->scratch, 2);
    tt_pack_uint(&self->scratch, (uint64_t)(word - code));
    tt_pack_array(&self->scratch, count);
    tt_buf_append(&self->scratch, names.data, names.len);
    tt_buf_release(&names);
    tt_reply_value(reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

static void inspect(mock_t *self, const tt_request_t *request, tt_reply_t *reply)
{
    tt_reader_t args = tt_reader(request->args);
    size_t count;
    char name[64] = "";
    tt_read_array(&args, &count);
    tt_read_text(&args, name, sizeof name);
    self->scratch.len = 0;
    tt_pack_text(&self->scratch, find(self, name) ? "a variable" : NULL);
    tt_reply_value(reply, NULL, (tt_span_t){self->scratch.data, self->scratch.len});
}

static const struct {
    unsigned op;
    void (*fn)(mock_t *, const tt_request_t *, tt_reply_t *);
} ops[] = {{TT_RT_EXECUTE, execute},   {TT_RT_CALL, call},      {TT_RT_GET, get},
           {TT_RT_SET, set},           {TT_RT_RESET, reset},    {TT_RT_CHECK, check},
           {TT_RT_COMPLETE, complete}, {TT_RT_INSPECT, inspect}};

/* ---- the contract */

static void handle(void *arg, const tt_request_t *request, tt_reply_t *reply)
{
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        if (ops[i].op == request->op) {
            ops[i].fn(arg, request, reply);
            return;
        }
    }
    tt_reply_error(reply, TT_STATUS_REFUSED, "NotSupported", tt_rt_name(request->op), NULL);
}

static void start(void *arg, int engine, const char *cluster)
{
    mock_t *self = arg;
    (void)cluster;
    self->engine = engine;
}

static void keep_blob(void *arg, tt_span_t hash, tt_span_t bytes)
{
    (void)arg;
    (void)hash;
    (void)bytes;
}

static void flush(void *arg)
{
    (void)arg;
    fflush(stdout);
}

static int drain(void *arg)
{
    int count = interrupts;
    (void)arg;
    interrupts -= count;
    return count;
}

static void let_go(void *arg, void *owner)
{
    (void)arg;
    (void)owner;
}

static void idle(void *arg, bool entering)
{
    (void)arg;
    (void)entering;
}

int main(void)
{
    static const tt_language_t language = {.name = "mock",
                                           .version = "1",
                                           .program = "tutti-mock",
                                           .start = start,
                                           .handle = handle,
                                           .blob = keep_blob,
                                           .flush = flush,
                                           .drain = drain,
                                           .let_go = let_go,
                                           .idle = idle};
    mock_t mock = {.engine = -1};
    tt_error_t err;
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    tt_serve_t *serve = tt_serve_new(&language, &mock, &err);
    if (serve == NULL) {
        fprintf(stderr, "tutti-mock: %s\n", err.text);
        return 2;
    }
    int status = tt_serve_run(serve);
    tt_serve_destroy(&serve);
    reset(&mock, NULL, NULL);
    free(mock.variables);
    tt_buf_release(&mock.scratch);
    return status;
}
