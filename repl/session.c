/* Running statements: plain code on the local engine, magics through their table. See
 * session.h. */
#include "session.h"

#include "magic.h"
#include "option.h"
#include "pack.h"
#include "render.h"
#include "report_json.h"
#include "target.h"
#include "text.h"
#include "value.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { JOBS_KEPT = 50 };

static void on_ask(void *arg, uint32_t seq, const char *what, const char *text);

static const grammar_rules_t rules = {false, magic_about};

void session_init(session_t *self, tt_loop_t *loop, const tt_rundir_t *dir, tt_client_t *client)
{
    *self = (session_t){.loop = loop, .dir = dir, .client = client, .python = ""};
    self->targets = tt_strdup("all");
    self->file = "";
}

void session_release(session_t *self)
{
    local_destroy(&self->local);
    tt_client_close(&self->client);
    while (self->jobs) {
        job_t *job = self->jobs;
        self->jobs = job->next;
        free(job->feeder);
        job_destroy(&job);
    }
    free(self->targets);
    free(self->exclude);
}

int session_complain(session_t *self, const char *what, int status, const char *format, ...)
{
    tt_buf_t text;
    va_list args;
    char line[1024];
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    tt_buf_init(&text);
    if (*self->file)
        tt_buf_printf(&text, "%s:%u: ", self->file, self->line);
    self->placed = true;
    if (what)
        tt_buf_printf(&text, "%s: ", what);
    tt_text_escape(&text, line, strlen(line));
    tt_buf_append(&text, "\n", 1);
    fflush(stdout);
    fputs(tt_buf_text(&text), stderr);
    tt_buf_release(&text);
    return status;
}

/* ---- the local engine */

local_t *session_local(session_t *self)
{
    tt_error_t err;
    if (self->local == NULL) {
        self->local = local_new(self->loop, "python", self->python, on_ask, self, &err);
        if (self->local == NULL)
            session_complain(self, NULL, 1, "%s", err.text);
    }
    return self->local;
}

static void write_all(int fd, const tt_buf_t *text)
{
    fflush(stdout);
    for (size_t at = 0; at < text->len;) {
        ssize_t wrote = write(fd, text->data + at, text->len - at);
        if (wrote <= 0)
            return;
        at += (size_t)wrote;
    }
}

/* Shows why a task of the local engine failed. Returns the exit status. */
static int show_local_failure(session_t *self, const local_result_t *result)
{
    answer_t answer;
    tt_error_t err;
    answer_init(&answer);
    if (result->status == TT_STATUS_LOST)
        return session_complain(self, NULL, 1, "%s; its names are gone", result->cause);
    tt_span_t body = tt_frames_span(&result->frames, 0);
    if (body.len == 0 || answer_read(&answer, body, &err) != 0)
        return session_complain(self, NULL, 1, "the local engine answers nonsense");
    if (answer.error.type.len == 10 && memcmp(answer.error.type.data, "SystemExit", 10) == 0) {
        self->leave = true;
        self->exit_status = local_await_end(self->local);
        return self->exit_status;
    }
    tt_buf_t text;
    tt_buf_init(&text);
    const answer_error_t *error = &answer.error;
    if (error->traceback.len > 0)
        tt_buf_append(&text, error->traceback.data, error->traceback.len);
    else
        tt_buf_printf(&text, "%.*s: %.*s", (int)error->type.len, (const char *)error->type.data,
                      (int)error->message.len, (const char *)error->message.data);
    if (text.len == 0 || text.data[text.len - 1] != '\n')
        tt_buf_append(&text, "\n", 1);
    write_all(2, &text);
    tt_buf_release(&text);
    return 1;
}

int session_local_call(session_t *self, unsigned op, tt_buf_t *args, tt_frames_t *frames,
                       local_result_t *result)
{
    tt_error_t err;
    local_t *local = session_local(self);
    *result = (local_result_t){.exit_status = -1};
    if (local == NULL) {
        if (frames)
            tt_frames_release(frames);
        return 1;
    }
    if (local_call(local, op, (tt_span_t){args->data, args->len}, frames, result, &err) != 0)
        return session_complain(self, NULL, 1, "%s", err.text);
    if (result->status == TT_STATUS_OK)
        return 0;
    int status = show_local_failure(self, result);
    local_result_release(result);
    return status ? status : 1;
}

static void show_out(int number, tt_span_t repr)
{
    tt_buf_t text;
    tt_buf_init(&text);
    bool lines = memchr(repr.data, '\n', repr.len) != NULL;
    tt_buf_printf(&text, "Out[%d]:%s", number, lines ? "\n" : " ");
    tt_buf_append(&text, repr.data, repr.len);
    tt_buf_append(&text, "\n", 1);
    write_all(1, &text);
    tt_buf_release(&text);
}

/* Runs code that tracebacks call `name`, and shows its value. */
static int execute_local(session_t *self, tt_span_t code, const char *name, int number)
{
    tt_buf_t args;
    local_result_t result;
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_str(&args, (const char *)code.data, code.len);
    tt_pack_text(&args, name);
    tt_pack_uint(&args, 0);
    fflush(stdout);
    int status = session_local_call(self, TT_RT_EXECUTE, &args, NULL, &result);
    tt_buf_release(&args);
    if (status != 0)
        return status;
    answer_t answer;
    tt_error_t err;
    answer_init(&answer);
    if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
        answer.repr.len > 0)
        show_out(number, answer.repr);
    local_result_release(&result);
    return 0;
}

static int run_plain(session_t *self, const char *code)
{
    char name[32];
    tt_buf_t padded;
    tt_buf_init(&padded);
    snprintf(name, sizeof name, "In [%d]", self->number);
    /* The code of a file keeps its line numbers. */
    for (unsigned i = 1; *self->file && i < self->line; i++)
        tt_buf_append(&padded, "\n", 1);
    tt_buf_append(&padded, code, strlen(code));
    int status = execute_local(self, (tt_span_t){padded.data, padded.len},
                               *self->file ? self->file : name, self->number);
    tt_buf_release(&padded);
    self->placed = true; /* by the traceback */
    if (self->leave)
        return status == 1 && self->exit_status == 0 ? 0 : status;
    return status;
}

int session_show_value(session_t *self, int number, const char *code)
{
    char name[32];
    snprintf(name, sizeof name, "In [%d]", number);
    return execute_local(self, tt_span(code), name, number);
}

/* Whether the local language takes the code as whole. */
static bool is_whole(session_t *self, const char *code, size_t len)
{
    tt_buf_t args;
    local_result_t result;
    char state[16] = "whole";
    tt_buf_init(&args);
    tt_pack_array(&args, 1);
    tt_pack_str(&args, code, len);
    if (session_local_call(self, TT_RT_CHECK, &args, NULL, &result) == 0) {
        answer_t answer;
        tt_error_t err;
        size_t count;
        answer_init(&answer);
        if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
            answer.value.len > 0) {
            tt_reader_t reader = tt_reader(answer.value);
            if (tt_read_array(&reader, &count) == 0)
                tt_read_text(&reader, state, sizeof state);
        }
        local_result_release(&result);
    }
    tt_buf_release(&args);
    return strcmp(state, "more") != 0;
}

/* ---- statements */

static int run_magic(session_t *self, const statement_t *statement, const char *text)
{
    const magic_t *magic = magic_find(statement->magic);
    char shown[80];
    tt_error_t err;
    magic_call_t call = {.statement = statement, .text = text, .magic = magic};
    snprintf(shown, sizeof shown, "%%%.60s", statement->magic);
    if (magic == NULL) {
        const char *names[64];
        size_t count = 0;
        for (const magic_t *row = magics; row->name && count < 64; row++)
            names[count++] = row->name;
        const char *closest = tt_closest(statement->magic, names, count);
        return session_complain(self, NULL, 2, "no magic '%s'%s%s%s; %%help lists them", shown,
                                closest ? ": did you mean '%" : "", closest ? closest : "",
                                closest ? "'" : "");
    }
    if (statement->body && !(magic->flags & GRAMMAR_CELL))
        return session_complain(self, shown, 2, "is no cell: one %% and one line");
    if (words_options(&call.words, shown, statement->rest, magic->options, magic->option_count,
                      &err) != 0)
        return session_complain(self, NULL, 2, "%s", err.text);
    call.rest = call.words.rest;
    int status = magic->run(self, &call);
    words_release(&call.words);
    return status;
}

static int run_shell(session_t *self, const statement_t *statement)
{
    fflush(stdout);
    if (statement->name_count > 0)
        return session_complain(self, "!", 2, "cannot be assigned; in Python: subprocess");
    int status = system(statement->rest);
    if (status == 0)
        return 0;
    return session_complain(self, "!", 1, "exit %d",
                            WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

static int run_help(session_t *self, const statement_t *statement)
{
    if (statement->rest[0] == '%' || statement->rest[0] == 0) {
        statement_t help = {.kind = STATEMENT_MAGIC,
                            .magic = (char *)(uintptr_t) "help",
                            .rest = statement->rest};
        return run_magic(self, &help, statement->rest);
    }
    tt_buf_t args;
    local_result_t result;
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, statement->rest);
    tt_pack_uint(&args, statement->detail > 1);
    int status = session_local_call(self, TT_RT_INSPECT, &args, NULL, &result);
    tt_buf_release(&args);
    if (status != 0)
        return status;
    answer_t answer;
    tt_error_t err;
    tt_span_t text = {NULL, 0};
    answer_init(&answer);
    if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
        answer.value.data) {
        tt_reader_t reader = tt_reader(answer.value);
        tt_read_str(&reader, &text);
    }
    if (text.len > 0)
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    else
        status = session_complain(self, NULL, 1, "nothing is known of '%s'", statement->rest);
    local_result_release(&result);
    return status;
}

int session_statement(session_t *self, const statement_t *statement, const char *text)
{
    switch (statement->kind) {
    case STATEMENT_EMPTY:
        return 0;
    case STATEMENT_PLAIN:
        return run_plain(self, statement->rest);
    case STATEMENT_SHELL:
        return run_shell(self, statement);
    case STATEMENT_HELP:
        return run_help(self, statement);
    default:
        return run_magic(self, statement, text);
    }
}

/* Jobs of the background that have ended meanwhile are shown before the next statement. */
static void settle_background(session_t *self)
{
    for (job_t *job = self->jobs; job;) {
        job_t *next = job->next;
        if (job->done && !job->shown)
            session_finish_job(self, job);
        job = next;
    }
    session_trim_jobs(self);
}

static int run_block(session_t *self, const source_block_t *block)
{
    statement_t statement;
    tt_error_t err;
    settle_background(self);
    self->number++;
    self->line = block->line;
    self->placed = false;
    if (grammar_parse(&statement, block->text, block->len, &rules, &err) != 0)
        return session_complain(self, NULL, 2, "%s", err.text);
    char *text = tt_strndup(block->text, block->len);
    int status = session_statement(self, &statement, text);
    free(text);
    grammar_release(&statement);
    return status;
}

int session_run(session_t *self, const char *file, const char *text, size_t len)
{
    source_t *source = source_new(file, text, len, &rules);
    source_block_t block;
    int status = 0;
    self->file = file;
    while (status == 0 && !self->leave && source_next(source, &block)) {
        while (block.plain && !is_whole(self, block.text, block.len) &&
               source_extend(source, &block))
            continue;
        status = run_block(self, &block);
        if (status != 0 && *self->file && !self->placed)
            session_complain(self, NULL, status, "stopped at: %.*s",
                             (int)grammar_line(block.text, block.len), block.text);
        if (!tt_client_alive(self->client) && status != 0)
            status = 3;
    }
    source_destroy(&source);
    self->file = "";
    return self->leave ? self->exit_status : status;
}

/* ---- what the local engine asks */

/* The body of a RESULT with this packed value, or with an error. */
static void pack_body(tt_buf_t *out, tt_span_t value, const char *error)
{
    tt_pack_array(out, 5);
    tt_pack_nil(out);
    tt_pack_bool(out, value.len > 0);
    tt_pack_raw(out, value);
    tt_pack_array(out, 0);
    if (error == NULL) {
        tt_pack_nil(out);
        return;
    }
    tt_pack_map(out, 2);
    tt_pack_text(out, "type");
    tt_pack_text(out, "MagicError");
    tt_pack_text(out, "message");
    tt_pack_text(out, error);
}

/* `name` (NULL: none): where the local engine finds the value. */
static void answer_ask(session_t *self, uint32_t seq, const char *name, const char *error)
{
    tt_buf_t body, value;
    tt_frames_t frames;
    tt_buf_init(&body);
    tt_buf_init(&value);
    tt_frames_init(&frames);
    if (name)
        tt_pack_ext(&value, TT_EXT_NAME, name, strlen(name));
    pack_body(&body, (tt_span_t){value.data, value.len}, error);
    tt_frames_take_buf(&frames, &body);
    local_answer(self->local, seq, error ? TT_STATUS_ERROR : TT_STATUS_OK, &frames);
    tt_buf_release(&body);
    tt_buf_release(&value);
}

/* A magic within Python code: its value is bound to a name of ours, which the answer tells. */
static void run_asked_magic(session_t *self, uint32_t seq, const char *text)
{
    static const char name[] = "__tutti_answer__";
    char *names[] = {(char *)(uintptr_t)name};
    statement_t statement;
    tt_error_t err;
    if (grammar_parse(&statement, text, strlen(text), &rules, &err) != 0) {
        answer_ask(self, seq, NULL, err.text);
        return;
    }
    statement_t renamed = statement;
    renamed.names = names;
    renamed.name_count = statement.name_count > 0;
    int status = session_statement(self, &renamed, text);
    grammar_release(&statement);
    session_trim_jobs(self);
    char why[64];
    snprintf(why, sizeof why, "failed (exit status %d)", status);
    answer_ask(self, seq, status == 0 && renamed.name_count ? name : NULL, status ? why : NULL);
}

/* handle.get(): the job ends, is bound to its handle, and the runtime finds it fulfilled. */
static void run_asked_wait(session_t *self, uint32_t seq, const char *text)
{
    char *rest;
    job_t *job = session_find_job(self, (int)strtol(text, &rest, 10));
    double limit = *rest ? strtod(rest, NULL) : -1;
    if (job && session_wait(self, job, limit < 0 ? -1 : (int64_t)(limit * 1000)) && !job->shown)
        session_finish_job(self, job);
    answer_ask(self, seq, NULL, job ? NULL : "no such job");
}

static const struct {
    const char *what;
    void (*run)(session_t *, uint32_t, const char *);
} questions[] = {{"magic", run_asked_magic}, {"wait", run_asked_wait}};

static void on_ask(void *arg, uint32_t seq, const char *what, const char *text)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (strcmp(questions[i].what, what) == 0) {
            questions[i].run(arg, seq, text);
            return;
        }
    }
    answer_ask(arg, seq, NULL, "this prompt does not know that");
}

/* ---- targets */

int session_targets(session_t *self, const char *set, const char *exclude, int **ids,
                    size_t *count, bool *scalar)
{
    size_t known, live = 0;
    const tt_engine_t *engines = tt_client_engines(self->client, &known);
    tt_target_engine_t *choice = tt_alloc((known + 1) * sizeof *choice);
    tt_error_t err;
    for (size_t i = 0; i < known; i++)
        if (engines[i].state != TT_ENGINE_LOST && engines[i].state != TT_ENGINE_FAILED)
            choice[live++] =
                (tt_target_engine_t){engines[i].id, engines[i].host, engines[i].language, NULL};
    if (set == NULL && exclude == NULL)
        exclude = self->exclude;
    if (set == NULL)
        set = self->targets;
    int rc = tt_target_select(set, exclude, choice, live, ids, count, &err);
    if (scalar)
        *scalar = set[strspn(set, "-0123456789")] == 0 && set[strspn(set, "-")] != 0 &&
                  strchr(set + 1, '-') == NULL;
    free(choice);
    return rc == 0 ? 0 : session_complain(self, NULL, 2, "%s", err.text);
}

/* ---- jobs */

void session_add_job(session_t *self, job_t *job)
{
    job_t **at = &self->jobs;
    while (*at)
        at = &(*at)->next;
    *at = job;
}

job_t *session_find_job(const session_t *self, int number)
{
    job_t *found = NULL;
    for (job_t *job = self->jobs; job; job = job->next)
        if (job->number == number)
            found = job;
    return found;
}

void session_trim_jobs(session_t *self)
{
    size_t count = 0;
    for (job_t *job = self->jobs; job; job = job->next)
        count++;
    for (job_t **at = &self->jobs; *at && count > JOBS_KEPT;) {
        job_t *job = *at;
        if (!job->done || !job->shown) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        free(job->feeder);
        job_destroy(&job);
        count--;
    }
}

void session_cancel_job(session_t *self, job_t *job)
{
    job->cancelled = true;
    /* The latest first: else engines would begin items that are cancelled next. */
    for (size_t i = job->map ? job->submitted : 1; i-- > 0;)
        if (job->client_jobs[i])
            tt_client_cancel(self->client, job->client_jobs[i]);
    if (job->map)
        job_stop_feeding(job, "not started");
}

bool session_wait(session_t *self, job_t *job, int64_t limit_ms)
{
    job_t *outer = self->waiting;
    int64_t until = limit_ms < 0 ? -1 : tt_now_ms() + limit_ms;
    self->waiting = job;
    self->interrupts = 0;
    while (!job->done && self->interrupts < 2) {
        int64_t left = until < 0 ? 1000 : until - tt_now_ms();
        if (left <= 0)
            break;
        tt_loop_run_until(self->loop, &job->done, left < 1000 ? left : 1000);
    }
    self->waiting = outer;
    return job->done;
}

static void style_of(const session_t *self, const job_t *job, render_style_t *style)
{
    size_t known;
    const tt_engine_t *engines = tt_client_engines(self->client, &known);
    bool one_each = known > 1;
    for (size_t i = 1; i < known && one_each; i++)
        one_each = strcmp(engines[i].host, engines[i - 1].host) != 0;
    *style = (render_style_t){.label = {job->number, job->part_count, one_each, job->map},
                              .engines = job->map ? known : job->engine_count,
                              .colour = self->colour};
}

/* The name between quotes in a NameError's message; NULL when the answer has none. */
static char *missing_name(const answer_t *answer)
{
    tt_span_t message = answer->error.message;
    const char *quote = message.len ? memchr(message.data, '\'', message.len) : NULL;
    if (answer->error.type.len != 9 || memcmp(answer->error.type.data, "NameError", 9) != 0 ||
        quote == NULL)
        return NULL;
    size_t left = message.len - (size_t)(quote + 1 - (const char *)message.data), len = 0;
    while (len < left && (unsigned char)quote[1 + len] > ' ' &&
           strchr("'\\", quote[1 + len]) == NULL)
        len++; /* nothing but a name may get into the code that asks for it */
    return len > 0 && len < left && quote[1 + len] == '\'' ? tt_strndup(quote + 1, len) : NULL;
}

static bool defined_here(session_t *self, const char *name)
{
    tt_buf_t args;
    local_result_t result;
    answer_t answer;
    tt_error_t err;
    bool found = false;
    char *code = tt_printf("'%s' in globals()", name);
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_text(&args, code);
    tt_pack_text(&args, "<hint>");
    tt_pack_uint(&args, TT_EXECUTE_VALUE | TT_EXECUTE_QUIET);
    free(code);
    if (session_local_call(self, TT_RT_EXECUTE, &args, NULL, &result) == 0) {
        answer_init(&answer);
        if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0 &&
            answer.value.data) {
            tt_reader_t reader = tt_reader(answer.value);
            tt_read_bool(&reader, &found);
        }
        local_result_release(&result);
    }
    tt_buf_release(&args);
    return found;
}

/* `defined here, not there: %push f` for the first missing name among the answers, where it has
 * a value here. The text is the caller's to free. */
static char *add_hints(session_t *self, answer_t *answers, size_t count)
{
    char *name = NULL, *hint = NULL;
    for (size_t i = 0; i < count && self->local; i++) {
        char *missing = missing_name(&answers[i]);
        if (missing && name == NULL) {
            name = tt_strdup(missing);
            if (defined_here(self, name))
                hint = tt_printf("defined here, not there: %%push %s", name);
        }
        if (missing && strcmp(missing, name) == 0)
            answers[i].hint = hint;
        free(missing);
    }
    free(name);
    return hint;
}

static size_t show(session_t *self, const job_t *job)
{
    render_style_t style;
    size_t count, failed = 0;
    job_answer_t *full = job_answers(job, &count);
    answer_t *answers = tt_alloc((count + 1) * sizeof *answers);
    tt_buf_t out, err;
    tt_buf_init(&out);
    tt_buf_init(&err);
    style_of(self, job, &style);
    for (size_t i = 0; i < count; i++)
        answers[i] = full[i].answer;
    if (self->json) {
        for (size_t i = 0; i < count; i++) {
            report_json(&out, &answers[i]);
            failed += render_failed(&answers[i]);
        }
    } else {
        char *hint = add_hints(self, answers, count);
        failed = render_job(answers, count, &style, &out, &err);
        free(hint);
    }
    write_all(1, &out);
    write_all(2, &err);
    tt_buf_release(&out);
    tt_buf_release(&err);
    free(answers);
    job_answers_release(&full, count);
    return failed;
}

/* `459 done, 41 failed` or `212 done, 8 stopped, 280 not started`. */
static void tell_parts(const job_t *job)
{
    size_t ok = 0, failed = 0, stopped = 0, unstarted = 0;
    for (size_t i = 0; i < job->part_count; i++) {
        unsigned status = job->parts[i].status;
        ok += status == TT_STATUS_OK;
        stopped += status == TT_STATUS_INTERRUPTED || status == TT_STATUS_TIMEOUT;
        unstarted += status == TT_STATUS_CANCELLED;
        failed += status == TT_STATUS_ERROR || status == TT_STATUS_LOST ||
                  status == TT_STATUS_UNKNOWN || status == TT_STATUS_REFUSED;
    }
    fprintf(stderr, "%zu done", ok);
    if (failed)
        fprintf(stderr, ", %zu failed", failed);
    if (stopped)
        fprintf(stderr, ", %zu stopped", stopped);
    if (unstarted)
        fprintf(stderr, ", %zu not started", unstarted);
    fputc('\n', stderr);
}

static void tell_times(const job_t *job)
{
    tt_buf_t line;
    timing_t timing = job_timing(job);
    tt_buf_init(&line);
    if (job->background)
        timing_done(&line, job->number, &timing);
    else if (job->map)
        timing_line(&line, &timing);
    if (line.len > 0)
        fprintf(stderr, "%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

int session_finish_job(session_t *self, job_t *job)
{
    int status = 0;
    size_t failed = show(self, job);
    job->shown = true;
    if (job->map && failed > 0)
        tell_parts(job);
    if (!self->json)
        tell_times(job);
    if (job->name_count > 0 || job->background)
        status = session_bind_job(self, job);
    if (job->map && job->name_count == 0 && failed == 0 && !self->json)
        status = session_show_job(self, job);
    return failed > 0 ? 1 : status;
}
