/* Results for other programs. Keys are written in a fixed order, so that lines can be compared.
 */
#include "report_json.h"
#include "runtime.h"
#include "value.h"

/* `,"name":` */
static void key(tt_buf_t *out, const char *name)
{
    tt_buf_printf(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
}

static void put_number(tt_buf_t *out, const char *name, int value, bool known)
{
    key(out, name);
    if (known)
        tt_buf_printf(out, "%d", value);
    else
        tt_buf_printf(out, "null");
}

static void put_text(tt_buf_t *out, const char *name, tt_span_t text)
{
    key(out, name);
    if (text.data)
        tt_json_text(out, (const char *)text.data, text.len);
    else
        tt_buf_printf(out, "null");
}

/* Output: a string always. */
static void put_output(tt_buf_t *out, const char *name, tt_span_t text)
{
    put_text(out, name, text.data ? text : tt_span(""));
}

/* A packed value, or `otherwise`. */
static void put_value(tt_buf_t *out, const char *name, tt_span_t value, const char *otherwise)
{
    key(out, name);
    if (value.data)
        tt_value_json(value, out);
    else
        tt_buf_printf(out, "%s", otherwise);
}

static void put_seconds(tt_buf_t *out, const char *name, double seconds)
{
    key(out, name);
    unsigned long long us =
        seconds > 0 && seconds < 1e12 ? (unsigned long long)(seconds * 1e6 + 0.5) : 0;
    tt_buf_printf(out, "%llu.%06llu", us / 1000000, us % 1000000); /* "%f" minds the locale */
}

static void put_error(tt_buf_t *out, const answer_error_t *error)
{
    key(out, "error");
    if (error->type.data == NULL) {
        tt_buf_printf(out, "null");
        return;
    }
    tt_buf_printf(out, "{");
    put_text(out, "type", error->type);
    put_text(out, "message", error->message);
    put_text(out, "traceback", error->traceback);
    put_text(out, "file", error->file);
    put_number(out, "line", error->line, error->line > 0);
    put_text(out, "source", error->source);
    put_text(out, "function", error->function);
    tt_buf_printf(out, "}");
}

static void put_timing(tt_buf_t *out, const answer_t *answer)
{
    key(out, "timing");
    tt_buf_printf(out, "{");
    put_seconds(out, "queue", answer->queue_s);
    put_seconds(out, "run", answer->run_s);
    put_seconds(out, "elapsed", answer->elapsed_s);
    tt_buf_printf(out, "}");
}

/* Who, and what was asked. */
static void put_origin(tt_buf_t *out, const answer_t *answer)
{
    tt_span_t host = answer->host ? tt_span(answer->host) : (tt_span_t){NULL, 0};
    put_number(out, "schema", REPORT_JSON_SCHEMA, true);
    put_number(out, "job", answer->job, true);
    put_number(out, "engine", answer->engine, answer->engine >= 0);
    if (answer->item >= 0)
        put_number(out, "item", answer->item, true);
    put_text(out, "host", host);
    put_text(out, "source", answer->source);
}

/* What came of it. */
static void put_result(tt_buf_t *out, const answer_t *answer)
{
    put_text(out, "status", tt_span(tt_status_text(answer->status)));
    put_text(out, "repr", answer->repr);
    put_value(out, "value", answer->value, "null");
    put_output(out, "stdout", answer->out);
    put_output(out, "stderr", answer->err);
    key(out, "dropped_bytes");
    tt_buf_printf(out, "%llu", (unsigned long long)answer->dropped_bytes);
    put_value(out, "displays", answer->displays, "[]");
    put_number(out, "exit_status", answer->exit_status, answer->exit_status >= 0);
    put_text(out, "cause", answer->cause);
    put_text(out, "note", answer->note);
}

void report_json(tt_buf_t *out, const answer_t *answer)
{
    tt_buf_printf(out, "{");
    put_origin(out, answer);
    put_result(out, answer);
    put_error(out, &answer->error);
    put_timing(out, answer);
    tt_buf_printf(out, "}\n");
}
