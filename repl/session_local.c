/* The session's local engine: plain code, shell commands and help on it, and whether input is
 * whole. See session.h. */
#include "session.h"

#include "interpreter.h"
#include "line.h"
#include "pack.h"
#include "screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHECK_MS = 2000 };

static void on_output(void *arg, tt_span_t bytes)
{
    (void)arg;
    screen_write(1, bytes);
}

local_t *session_local(session_t *self)
{
    tt_error_t err;
    if (self->local == NULL) {
        const char *program =
            strcmp(self->language, self->first_language) == 0 ? self->python : "";
        local_wish_t wish = {self->language, program,   self->terminal,
                             session_on_ask, on_output, self};
        self->local = local_new(self->loop, &wish, &err);
        self->no_local = self->local == NULL;
        if (self->no_local)
            session_complain(self, NULL, 1, "%s", err.text);
    }
    return self->local;
}

int session_renew_local(session_t *self)
{
    if (self->asked)
        return session_complain(self, "%reset", 2, "--hard is for the prompt, not for code");
    local_destroy(&self->local);
    return session_local(self) ? 0 : 1;
}

local_t *session_each_local(const session_t *self, size_t at)
{
    size_t first = self->local != NULL;
    if (at < first)
        return self->local;
    return at - first < self->aside_count ? self->aside[at - first] : NULL;
}

/* Puts the local engine aside; what stands there of the language takes its place, if anything.
 */
static void exchange(session_t *self, const char *language)
{
    local_t *found = NULL;
    size_t kept = 0;
    for (size_t i = 0; i < self->aside_count; i++)
        if (found == NULL && strcmp(local_language(self->aside[i]), language) == 0)
            found = self->aside[i];
        else
            self->aside[kept++] = self->aside[i];
    self->aside_count = kept;
    if (self->local) {
        self->aside = tt_realloc(self->aside, (kept + 1) * sizeof(local_t *));
        self->aside[self->aside_count++] = self->local;
    }
    self->local = found;
}

static int refuse_language(session_t *self, const char *language)
{
    tt_buf_t known;
    tt_buf_init(&known);
    for (const tt_interpreter_t *row = tt_interpreters; row->name; row++)
        tt_buf_printf(&known, "%s%s", known.len ? ", " : "", row->name);
    int status = session_complain(self, "%lang", 2, "no language '%s': there are %s", language,
                                  tt_buf_text(&known));
    tt_buf_release(&known);
    return status;
}

int session_set_language(session_t *self, const char *language)
{
    const tt_interpreter_t *row = tt_interpreter_find(language);
    if (row == NULL)
        return refuse_language(self, language);
    if (self->asked)
        return session_complain(self, "%lang", 2, "is for the prompt, not for code");
    if (strcmp(self->language, row->speaks) == 0)
        return session_local(self) ? 0 : 1;
    const char *before = self->language;
    exchange(self, row->speaks);
    self->language = row->speaks;
    if (session_local(self))
        return 0;
    exchange(self, before);
    self->language = before;
    self->no_local = false;
    return 1;
}

/* A traceback, `exit 3`, or `TYPE: message`. A shell that was interrupted says nothing. */
static void add_error(tt_buf_t *out, const answer_t *answer, unsigned status)
{
    const answer_error_t *error = &answer->error;
    if (error->traceback.len > 0)
        tt_buf_append(out, error->traceback.data, error->traceback.len);
    else if (answer->exit_status > 0)
        tt_buf_append(out, error->message.data, error->message.len);
    else if (status != TT_STATUS_INTERRUPTED)
        tt_buf_printf(out, "%.*s: %.*s", (int)error->type.len, (const char *)error->type.data,
                      (int)error->message.len, (const char *)error->message.data);
    if (out->len > 0 && out->data[out->len - 1] != '\n')
        tt_buf_append(out, "\n", 1);
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
    session_show_here(self, self->number, &answer);
    tt_buf_t text;
    tt_buf_init(&text);
    add_error(&text, &answer, result->status);
    screen_write(2, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    return 1;
}

/* What remains of a call: its failure is shown and released. */
static int settle_call(session_t *self, local_result_t *result)
{
    if (result->status == TT_STATUS_OK)
        return 0;
    int status = show_local_failure(self, result);
    local_result_release(result);
    return status ? status : 1;
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
    return settle_call(self, result);
}

/* A typed line: at a terminal it owns that meanwhile. */
static int run_line(session_t *self, const tt_buf_t *args, local_result_t *result)
{
    tt_error_t err;
    local_t *local = session_local(self);
    *result = (local_result_t){.exit_status = -1};
    if (local == NULL)
        return 1;
    if (local_run(local, TT_RT_EXECUTE, (tt_span_t){args->data, args->len}, result, &err) != 0)
        return session_complain(self, NULL, 1, "%s", err.text);
    /* The terminal shows a ^C, which is a mark of its own. */
    screen_fresh_line(terminal_columns(), result->status == TT_STATUS_INTERRUPTED ? "" : "%");
    return settle_call(self, result);
}

static void show_out(int number, tt_span_t repr)
{
    tt_buf_t text;
    tt_buf_init(&text);
    bool lines = memchr(repr.data, '\n', repr.len) != NULL;
    tt_buf_printf(&text, "Out[%d]:%s", number, lines ? "\n" : " ");
    tt_buf_append(&text, repr.data, repr.len);
    tt_buf_append(&text, "\n", 1);
    screen_write(1, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
}

/* Runs code that tracebacks call `name`, and shows its value. */
static int execute(session_t *self, tt_span_t code, const char *name, unsigned flags)
{
    tt_buf_t args;
    local_result_t result;
    tt_buf_init(&args);
    tt_pack_array(&args, 3);
    tt_pack_str(&args, (const char *)code.data, code.len);
    tt_pack_text(&args, name);
    /* Not while a line is being typed: then this is for a job of the background. */
    bool owns = self->terminal && !line_editing();
    tt_pack_uint(&args, owns ? flags | TT_EXECUTE_TERMINAL : flags);
    fflush(stdout);
    int status = owns ? run_line(self, &args, &result)
                      : session_local_call(self, TT_RT_EXECUTE, &args, NULL, &result);
    tt_buf_release(&args);
    if (status != 0)
        return status;
    answer_t answer;
    tt_error_t err;
    answer_init(&answer);
    if (answer_read(&answer, tt_frames_span(&result.frames, 0), &err) == 0) {
        if (answer.repr.len > 0)
            show_out(self->number, answer.repr);
        session_show_here(self, self->number, &answer);
    }
    local_result_release(&result);
    return 0;
}

int session_run_plain(session_t *self, const char *code)
{
    char name[32];
    tt_buf_t padded;
    tt_buf_init(&padded);
    snprintf(name, sizeof name, "In [%d]", self->number);
    /* The code of a file keeps its line numbers. */
    for (unsigned i = 1; *self->file && i < self->line; i++)
        tt_buf_append(&padded, "\n", 1);
    tt_buf_append(&padded, code, strlen(code));
    int status =
        execute(self, (tt_span_t){padded.data, padded.len}, *self->file ? self->file : name, 0);
    tt_buf_release(&padded);
    self->placed = true; /* by the traceback */
    if (self->leave)
        return status == 1 && self->exit_status == 0 ? 0 : status;
    return status;
}

int session_show_value(session_t *self, int number, const char *code)
{
    char name[32];
    int present = self->number;
    snprintf(name, sizeof name, "In [%d]", number);
    self->number = number;
    int status = execute(self, tt_span(code), name, 0);
    self->number = present;
    return status;
}

/* Reads `[state, indent]`. */
static code_state_t read_state(tt_span_t body, unsigned *indent)
{
    static const char *const states[] = {"whole", "more", "invalid"};
    char state[16] = "";
    answer_t answer;
    tt_error_t err;
    size_t count;
    int64_t blanks = 0;
    answer_init(&answer);
    if (answer_read(&answer, body, &err) != 0 || answer.value.len == 0)
        return CODE_WHOLE;
    tt_reader_t reader = tt_reader(answer.value);
    if (tt_read_array(&reader, &count) == 0 && tt_read_text(&reader, state, sizeof state) == 0)
        tt_read_int(&reader, &blanks);
    if (indent)
        *indent = blanks > 0 && blanks < 200 ? (unsigned)blanks : 0;
    for (int i = CODE_WHOLE; i <= CODE_INVALID; i++)
        if (strcmp(state, states[i]) == 0)
            return (code_state_t)i;
    return CODE_WHOLE;
}

code_state_t session_check(session_t *self, const char *code, size_t len, unsigned *indent)
{
    tt_buf_t args;
    local_result_t result = {.exit_status = -1};
    code_state_t state = CODE_WHOLE;
    if (indent)
        *indent = 0;
    /* One that could not be started is tried again when a line is to run. */
    local_t *local = self->no_local ? NULL : session_local(self);
    if (local == NULL)
        return CODE_WHOLE;
    tt_buf_init(&args);
    tt_pack_array(&args, 1);
    tt_pack_str(&args, code, len);
    if (local_ask_within(local, TT_RT_CHECK, (tt_span_t){args.data, args.len}, CHECK_MS,
                         &result) == 0 &&
        result.status == TT_STATUS_OK)
        state = read_state(tt_frames_span(&result.frames, 0), indent);
    local_result_release(&result);
    tt_buf_release(&args);
    return state;
}

/* `!CMD`, `!!CMD` and `NAME = !CMD`: the local language does it, so that its working directory
 * holds; a shell has no `!` of this kind. */
int session_run_shell(session_t *self, const char *text, const statement_t *statement)
{
    if (statement->name_count == 0 && !statement->capture) {
        char name[32];
        snprintf(name, sizeof name, "In [%d]", self->number);
        return execute(self, tt_span(statement->rest), name, TT_EXECUTE_SHELL);
    }
    return session_run_plain(self, text);
}

int session_inspect(session_t *self, const char *name, unsigned detail)
{
    tt_buf_t args;
    local_result_t result;
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, name);
    tt_pack_uint(&args, detail > 1);
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
        status = session_complain(self, NULL, 1, "nothing is known of '%s'", name);
    local_result_release(&result);
    return status;
}
