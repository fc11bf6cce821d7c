/* %sweep: a call, or a command of the shell, for each combination of parameters, and a table of
 * what came of them. */
#include "feeder.h"
#include "pack.h"
#include "render.h"
#include "screen.h"
#include "sweep.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_SHOWN = 60 };

/* The job's as long as it is there: its items, and how its values are shown. */
typedef struct {
    sweep_t sweep;
    char *code; /* of the shell; NULL: a function is called */
    bool shell; /* it is for the shell of an engine of another language */
    char *sort, *best, *csv, *json;
} plan_t;

static void release_plan(void *arg)
{
    plan_t *self = arg;
    sweep_release(&self->sweep);
    free(self->code);
    free(self->sort);
    free(self->best);
    free(self->csv);
    free(self->json);
    free(self);
}

/* ---- items */

static void pack_call(const plan_t *self, size_t row, const uint8_t hash[GIVEN_HASH],
                      tt_buf_t *args)
{
    tt_pack_array(args, 3);
    tt_pack_bin(args, hash, GIVEN_HASH);
    tt_pack_array(args, self->sweep.count);
    for (size_t i = 0; i < self->sweep.count; i++)
        sweep_pack(sweep_value(&self->sweep, row, i), args);
    tt_pack_nil(args);
}

static void pack_row(void *state, size_t row, const uint8_t hash[GIVEN_HASH], tt_buf_t *args,
                     tt_frames_t *buffers)
{
    const plan_t *self = state;
    tt_buf_t code;
    (void)buffers;
    if (self->code == NULL) {
        pack_call(self, row, hash, args);
        return;
    }
    tt_buf_init(&code);
    sweep_fill(&self->sweep, row, self->code, &code);
    tt_pack_array(args, 3);
    tt_pack_text(args, tt_buf_text(&code));
    tt_pack_text(args, "sweep");
    tt_pack_uint(args,
                 TT_EXECUTE_VALUE | TT_EXECUTE_QUIET | (self->shell ? TT_EXECUTE_SHELL : 0));
    tt_buf_release(&code);
}

/* `lambda n, lr: fit(n, lr)`, its value with numbers as plain ones, so that they are columns.
 * It has a line of its own, which tracebacks show. */
static char *function_of(const sweep_t *sweep, const char *code)
{
    tt_buf_t text;
    tt_buf_init(&text);
    tt_buf_printf(&text, GIVEN_PARTS "plainly(\nlambda ");
    for (size_t i = 0; i < sweep->count; i++)
        tt_buf_printf(&text, "%s%s", i ? ", " : "", sweep->items[i].name);
    tt_buf_printf(&text, ": (%s)\n)", code);
    tt_buf_text(&text);
    return (char *)text.data;
}

/* ---- the table */

/* What a command wrote is an array of lines: one line is that text. */
static tt_span_t unwrap(tt_span_t value)
{
    tt_reader_t reader = tt_reader(value);
    tt_span_t line = value;
    size_t count;
    if (tt_read_array(&reader, &count) == 0 && count == 1)
        tt_read_raw(&reader, &line);
    return line;
}

/* A map's entries are columns; anything else is one. */
static void add_value(table_t *table, size_t row, tt_span_t value)
{
    tt_reader_t reader = tt_reader(value);
    size_t count;
    if (tt_read_map(&reader, &count) != 0) {
        table_set(table, row, table_column(table, "value", 5), value);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        tt_span_t key, entry;
        if (tt_read_str(&reader, &key) != 0 || tt_read_raw(&reader, &entry) != 0)
            return;
        table_set(table, row, table_column(table, (const char *)key.data, key.len), entry);
    }
}

static void add_text(table_t *table, size_t row, const char *column, const char *text)
{
    tt_buf_t packed;
    tt_buf_init(&packed);
    tt_pack_text(&packed, text);
    table_set(table, row, table_column(table, column, strlen(column)),
              (tt_span_t){packed.data, packed.len});
    tt_buf_release(&packed);
}

/* `ValueError: no`, `exit 3`, `lost` */
static void add_failure(table_t *table, size_t row, const answer_t *answer)
{
    tt_buf_t text;
    tt_buf_init(&text);
    if (answer->exit_status > 0)
        tt_buf_printf(&text, "exit %d", answer->exit_status);
    else if (answer->error.type.data)
        tt_buf_printf(&text, "%.*s: %.*s", (int)answer->error.type.len,
                      (const char *)answer->error.type.data, (int)answer->error.message.len,
                      (const char *)answer->error.message.data);
    else
        tt_buf_printf(&text, "%s", tt_status_text(answer->status));
    add_text(table, row, "error", tt_buf_text(&text));
    tt_buf_release(&text);
}

/* A column of ours, behind those of the values; where they have one of that name it is theirs.
 */
static void add_number(table_t *table, size_t row, size_t theirs, const char *name,
                       double number, int decimals)
{
    size_t column = table_column(table, name, strlen(name));
    if (column >= theirs)
        table_set_number(table, row, column, number, decimals);
}

/* How long each row took, and where. */
static void add_runs(table_t *table, const job_answer_t *answers, size_t count)
{
    size_t theirs = table_columns(table);
    for (size_t row = 0; row < count; row++) {
        add_number(table, row, theirs, "s", answers[row].answer.run_s, 3);
        if (answers[row].answer.engine >= 0)
            add_number(table, row, theirs, "engine", answers[row].answer.engine, 0);
    }
}

static table_t *table_of(const plan_t *self, const job_t *job)
{
    table_t *table = table_new();
    size_t count;
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    for (size_t row = 0; row < count; row++) {
        const answer_t *answer = &answers[row].answer;
        table_row(table);
        for (size_t i = 0; i < self->sweep.count; i++) {
            const char *name = self->sweep.items[i].name;
            tt_buf_t packed;
            tt_buf_init(&packed);
            sweep_pack(sweep_value(&self->sweep, row, i), &packed);
            table_set(table, row, table_column(table, name, strlen(name)),
                      (tt_span_t){packed.data, packed.len});
            tt_buf_release(&packed);
        }
        if (!render_failed(answer) && answer->value.data)
            add_value(table, row, self->code ? unwrap(answer->value) : answer->value);
    }
    add_runs(table, answers, count);
    for (size_t row = 0; row < count; row++) /* so this column is the last one */
        if (render_failed(&answers[row].answer))
            add_failure(table, row, &answers[row].answer);
    job_answers_release(&answers, count);
    return table;
}

static void write_files(session_t *session, const plan_t *self, const table_t *table)
{
    tt_buf_t text;
    tt_buf_init(&text);
    if (self->csv) {
        table_csv(table, &text);
        magic_write_file(session, "%sweep", self->csv, false, (tt_span_t){text.data, text.len});
    }
    if (self->json) {
        text.len = 0;
        table_json(table, &text);
        magic_write_file(session, "%sweep", self->json, false,
                         (tt_span_t){text.data, text.len});
    }
    tt_buf_release(&text);
}

/* The row that has most of a column; with a `-` in front, least. */
static void tell_best(session_t *session, const char *best, table_t *table, tt_buf_t *out)
{
    tt_error_t err;
    char *order = *best == '-' ? tt_strdup(best + 1) : tt_printf("-%s", best);
    if (table_sort(table, order, &err) != 0)
        session_complain(session, "%sweep", 2, "--best: %s", err.text);
    else if (table_rows(table) > 0) {
        tt_buf_printf(out, "best: ");
        table_show_row(table, 0, out);
        tt_buf_printf(out, "\n");
    }
    free(order);
}

static void present(session_t *session, const job_t *job, bool show, void *arg)
{
    const plan_t *self = arg;
    table_t *table = table_of(self, job);
    tt_buf_t out;
    tt_error_t err;
    tt_buf_init(&out);
    if (self->sort && table_sort(table, self->sort, &err) != 0)
        session_complain(session, "%sweep", 2, "--sort: %s", err.text);
    write_files(session, self, table);
    if (show) {
        table_show(table, ROWS_SHOWN, &out);
        if (self->best)
            tell_best(session, self->best, table, &out);
        screen_write(1, (tt_span_t){out.data, out.len});
    }
    tt_buf_release(&out);
    table_destroy(&table);
}

/* ---- the magic */

static char *copy_option(const magic_call_t *call, const char *name)
{
    const char *value = words_value(&call->words, name);
    return value ? tt_strdup(value) : NULL;
}

/* Parameters, and options between and behind them; these are long ones only, since `-x` may
 * well be the code. */
static int read_front(session_t *session, sweep_t *sweep, magic_call_t *call)
{
    const magic_t *magic = call->magic;
    tt_error_t err;
    for (;;) {
        if (sweep_read(sweep, call->rest, &call->rest, &err) != 0)
            return session_complain(session, "%sweep", 2, "%s", err.text);
        if (strncmp(call->rest, "--", 2) != 0)
            return 0;
        if (words_more(&call->words, "%sweep", call->rest, magic->options, magic->option_count,
                       &err) != 0)
            return session_complain(session, NULL, 2, "%s", err.text);
        call->rest = call->words.rest;
    }
}

static plan_t *read_plan(session_t *session, magic_call_t *call, const char **code)
{
    plan_t *self = tt_alloc(sizeof *self);
    if (read_front(session, &self->sweep, call) != 0) {
        release_plan(self);
        return NULL;
    }
    *code = call->rest;
    if (self->sweep.count == 0 || **code == 0) {
        session_complain(session, "%sweep", 2,
                         "takes parameters and a call, as in "
                         "%%sweep n=10..60:10 crit=gini,entropy fit(n, crit)");
        release_plan(self);
        return NULL;
    }
    self->sort = copy_option(call, "sort");
    self->best = copy_option(call, "best");
    self->csv = copy_option(call, "csv");
    self->json = copy_option(call, "json");
    return self;
}

static int start(session_t *session, magic_call_t *call)
{
    const char *code;
    int status;
    plan_t *plan = read_plan(session, call, &code);
    if (plan == NULL)
        return 2;
    plan->shell = *code == '!';
    bool shell = plan->shell || strcmp(session->language, "sh") == 0;
    feeder_t *feeder = feeder_new(session, call, plan->shell, &status);
    if (feeder == NULL) {
        release_plan(plan);
        return status;
    }
    feeder_work_t work = {.op = shell ? TT_RT_EXECUTE : TT_RT_CALL,
                          .function = shell ? NULL : function_of(&plan->sweep, code),
                          .pack = pack_row,
                          .state = plan,
                          .count = plan->sweep.rows};
    plan->code = shell ? tt_strdup(code + plan->shell) : NULL;
    job_t *job = feeder_start(feeder, &work, call->text, &status);
    if (job == NULL) {
        release_plan(plan);
        return status;
    }
    job->present = present;
    job->present_arg = plan;
    job->present_release = release_plan;
    return magic_start_job(session, call, job);
}

int magic_sweep(session_t *session, const magic_call_t *call)
{
    magic_call_t own = *call; /* with the options behind the parameters */
    words_copy(&own.words, &call->words);
    int status = start(session, &own);
    words_release(&own.words);
    return status;
}
