/* What the local engine asks of the prompt while its code runs: magics, and the results that
 * handles wait for. See session.h. */
#include "magic.h"
#include "pack.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PARTS_MAX = 32 << 20 }; /* bytes of an answer, beyond which output is left out */

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

/* `value` is packed; empty: there is none. */
static void answer_value(session_t *self, uint32_t seq, tt_span_t value, const char *error)
{
    tt_buf_t body;
    tt_frames_t frames;
    tt_buf_init(&body);
    tt_frames_init(&frames);
    pack_body(&body, value, error);
    tt_frames_take_buf(&frames, &body);
    local_answer(self->local, seq, error ? TT_STATUS_ERROR : TT_STATUS_OK, &frames);
    tt_buf_release(&body);
}

/* `name` (NULL: none): where the local engine finds the value. */
static void answer_ask(session_t *self, uint32_t seq, const char *name, const char *error)
{
    tt_buf_t value;
    tt_buf_init(&value);
    if (name)
        tt_pack_ext(&value, TT_EXT_NAME, name, strlen(name));
    answer_value(self, seq, (tt_span_t){value.data, value.len}, error);
    tt_buf_release(&value);
}

/* Runs it, with what the session complained of last in `complaint`. What the local engine asks
 * for and should do itself would come back to it for ever. */
static int run_asked_statement(session_t *self, const statement_t *statement, const char *text)
{
    const magic_t *magic = statement->magic ? magic_find(statement->magic) : NULL;
    free(self->complaint);
    self->complaint = NULL;
    bool captures =
        statement->kind == STATEMENT_SHELL && (statement->capture || statement->name_count > 0);
    if (statement->kind == STATEMENT_PLAIN || captures ||
        (magic && magic->flags & GRAMMAR_LOCAL))
        return session_complain(self, NULL, 2, "the local engine does not know '%s'", text);
    return session_statement(self, statement, text);
}

/* A magic within Python code: its value is bound to a name of ours, which the answer tells. */
static void run_asked_magic(session_t *self, uint32_t seq, const char *text)
{
    static const char name[] = "__tutti_answer__";
    char *names[] = {(char *)(uintptr_t)name};
    statement_t statement;
    tt_error_t err;
    grammar_rules_t rules = session_rules(self);
    if (grammar_parse(&statement, text, strlen(text), &rules, &err) != 0) {
        answer_ask(self, seq, NULL, err.text);
        return;
    }
    statement_t renamed = statement;
    renamed.names = names;
    renamed.name_count = statement.name_count > 0;
    bool outer = self->asked;
    self->asked = true;
    int status = run_asked_statement(self, &renamed, text);
    self->asked = outer;
    grammar_release(&statement);
    session_trim_jobs(self);
    char why[64];
    snprintf(why, sizeof why, "failed (exit status %d)", status);
    answer_ask(self, seq, status == 0 && renamed.name_count ? name : NULL,
               status == 0       ? NULL
               : self->complaint ? self->complaint
                                 : why);
}

/* handle.get(): the job ends, is bound to its handle, and the runtime finds it fulfilled. */
static void run_asked_wait(session_t *self, uint32_t seq, const char *text)
{
    char *rest;
    job_t *job = session_find_job(self, (int)strtol(text, &rest, 10));
    double limit = *rest ? strtod(rest, NULL) : -1;
    if (job && session_wait_only(self, job, limit < 0 ? -1 : (int64_t)(limit * 1000)) &&
        !job->shown)
        job->failed = session_finish_job(self, job) != 0 && !job->cancelled;
    answer_ask(self, seq, NULL, job ? NULL : "no such job");
}

/* Unix time of a moment of tt_now_ns, nil when it is not known. */
static void pack_moment(tt_buf_t *out, int64_t ns)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (ns == 0)
        tt_pack_nil(out);
    else
        tt_pack_double(out, (double)now.tv_sec + (double)now.tv_nsec / 1e9 -
                                (double)(tt_now_ns() - ns) / 1e9);
}

static void pack_output(tt_buf_t *out, tt_span_t text)
{
    if (out->len + text.len > PARTS_MAX)
        tt_pack_nil(out);
    else
        tt_pack_str(out, (const char *)text.data, text.len);
}

static void pack_part(tt_buf_t *out, const job_part_t *part, const answer_t *answer)
{
    tt_pack_array(out, 9);
    tt_pack_int(out, answer->engine);
    if (part->done)
        tt_pack_uint(out, part->status);
    else
        tt_pack_nil(out);
    pack_moment(out, part->sent_ns);
    pack_moment(out, part->done ? part->done_ns : 0);
    tt_pack_double(out, (double)part->run_ns / 1e9);
    tt_pack_text(out, answer->host ? answer->host : "");
    tt_pack_str(out, (const char *)answer->cause.data, answer->cause.len);
    pack_output(out, answer->out);
    pack_output(out, answer->err);
}

/* handle.metadata and the like: how each part of a job went. */
static void run_asked_parts(session_t *self, uint32_t seq, const char *text)
{
    job_t *job = session_find_job(self, (int)strtol(text, NULL, 10));
    if (job == NULL) {
        answer_ask(self, seq, NULL, "the prompt has forgotten that job");
        return;
    }
    size_t count;
    job_answer_t *answers = job_answers(job, JOB_WHOLE, &count);
    tt_buf_t value;
    tt_buf_init(&value);
    tt_pack_array(&value, count);
    for (size_t i = 0; i < count; i++)
        pack_part(&value, &job->parts[i], &answers[i].answer);
    answer_value(self, seq, (tt_span_t){value.data, value.len}, NULL);
    tt_buf_release(&value);
    job_answers_release(&answers, count);
}

static const struct {
    const char *what;
    void (*run)(session_t *, uint32_t, const char *);
} questions[] = {
    {"magic", run_asked_magic}, {"wait", run_asked_wait}, {"parts", run_asked_parts}};

void session_on_ask(void *arg, uint32_t seq, const char *what, const char *text)
{
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++) {
        if (strcmp(questions[i].what, what) == 0) {
            questions[i].run(arg, seq, text);
            return;
        }
    }
    answer_ask(arg, seq, NULL, "this prompt does not know that");
}
