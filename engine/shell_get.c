/* The task GET: values of variables, words as the shell expands them, items to map over.
 *
 * One script asks for all expressions; what it writes are fields ended by zero bytes. */
#include "pack.h"
#include "shell_task.h"
#include "shell_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    char **texts;
    size_t count;
    char how[16];
} exprs_t;

static void exprs_release(exprs_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->texts[i]);
    free(self->texts);
}

static int exprs_read(exprs_t *self, shell_task_t *task)
{
    size_t members, count;
    tt_span_t text;
    *self = (exprs_t){NULL, 0, ""};
    if (tt_read_array(&task->args, &members) != 0 || members < 2 ||
        tt_read_array(&task->args, &count) != 0)
        return shell_refuse(task, "GET takes [[expr, ...], how]");
    self->texts = tt_alloc((count + 1) * sizeof *self->texts);
    for (; self->count < count; self->count++) {
        if (tt_read_str(&task->args, &text) != 0 ||
            (text.len > 0 && memchr(text.data, 0, text.len)))
            return shell_refuse(task, "an expression is text");
        self->texts[self->count] = tt_strndup((const char *)text.data, text.len);
    }
    if (tt_read_text(&task->args, self->how, sizeof self->how) != 0)
        return shell_refuse(task, "GET takes [[expr, ...], how]");
    return 0;
}

static bool is_variable(const char *text)
{
    return shell_is_name(text, strlen(text));
}

static bool is_element(const char *text)
{
    size_t len = strlen(text), name = strcspn(text, "[");
    return name < len && shell_is_name(text, name) && text[len - 1] == ']';
}

/* NAME[...]: its value if it is set. Anything else: the words it expands to. Fields: a count,
 * and so many texts; or ! when it was no shell text. */
static void ask_words(tt_buf_t *script, const char *text)
{
    tt_buf_t code;
    tt_buf_init(&code);
    if (is_element(text))
        tt_buf_printf(&code, "if [[ ${%s+x} ]]; then __tutti=(\"${%s}\"); else __tutti=(); fi",
                      text, text);
    else
        tt_buf_printf(&code, "__tutti=(%s\n)", text);
    tt_buf_printf(script, "\\builtin unset -v __tutti\n");
    shell_put_eval(script, (tt_span_t){code.data, code.len});
    tt_buf_printf(script, "\n[[ ${__tutti@a} == *a* ]] && {\n"
                          "\\builtin printf '%%s\\0' \"${#__tutti[@]}\"\n"
                          "[[ ${#__tutti[@]} == 0 ]] || \\builtin printf '%%s\\0' "
                          "\"${__tutti[@]}\"\n"
                          "\\builtin :\n"
                          "} || \\builtin printf '!\\0'\n");
    tt_buf_release(&code);
}

static bool ask(shell_t *self, shell_task_t *task, const exprs_t *exprs,
                shell_outcome_t *outcome)
{
    tt_buf_t script;
    tt_buf_init(&script);
    for (size_t i = 0; i < exprs->count; i++) {
        if (is_variable(exprs->texts[i]))
            shell_value_ask(&script, exprs->texts[i]);
        else
            ask_words(&script, exprs->texts[i]);
    }
    bool well = shell_ask(self, task, &script, outcome);
    tt_buf_release(&script);
    return well;
}

/* How many words follow; -1 with the reply when the expression failed. */
static long read_count(shell_task_t *task, const char *text, tt_span_t *fields)
{
    tt_span_t field;
    if (!shell_field(fields, &field) || field.len == 0 || field.data[0] == '!')
        return shell_fail(task, "SyntaxError", "'%.200s' is no text of the shell", text);
    return atol((const char *)field.data);
}

/* One value: none is nil, several are an array. */
static int read_words(shell_task_t *task, const char *text, tt_span_t *fields, tt_buf_t *out)
{
    tt_span_t field;
    long count = read_count(task, text, fields);
    if (count == 0 && is_element(text))
        return shell_fail(task, "NameError", "'%.200s' is not set", text);
    if (count == 0)
        tt_pack_nil(out);
    else if (count > 1)
        tt_pack_array(out, (size_t)count);
    for (long i = 0; i < count && shell_field(fields, &field); i++)
        shell_value_pack(out, field);
    return count < 0 ? -1 : 0;
}

static int read_value(shell_task_t *task, const char *text, tt_span_t *fields, tt_buf_t *out)
{
    tt_error_t err;
    bool missing;
    if (!is_variable(text))
        return read_words(task, text, fields, out);
    if (shell_value_read(fields, text, out, &missing, &err) == 0)
        return 0;
    return shell_fail(task, missing ? "NameError" : "ValueError", "%s", err.text);
}

static void get_value(shell_t *self, shell_task_t *task, const exprs_t *exprs)
{
    shell_outcome_t outcome;
    int rc = ask(self, task, exprs, &outcome) ? 0 : -1;
    tt_span_t fields = {outcome.out.data, outcome.out.len};
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, exprs->count);
    for (size_t i = 0; i < exprs->count && rc == 0; i++)
        rc = read_value(task, exprs->texts[i], &fields, &self->scratch);
    if (rc == 0)
        shell_reply_scratch(self, task);
    shell_outcome_release(&outcome);
}

/* ---- items */

/* The texts of one expression, to be taken one after another. */
typedef struct {
    tt_span_t next; /* fields */
    size_t left;
} items_t;

/* A variable's fields begin with its attributes, and hold its keys before its values. */
static int read_items(shell_task_t *task, const char *text, tt_span_t *fields, items_t *items)
{
    tt_span_t field;
    bool variable = is_variable(text);
    if (variable && !shell_field(fields, &field))
        return shell_fail(task, "ValueError", "cannot read '%.200s'", text);
    long count = read_count(task, text, fields);
    if (count < 0)
        return -1;
    if (count == 0 && variable && field.len == 0)
        return shell_fail(task, "NameError", "variable '%.200s' is not set", text);
    for (long i = 0; i < count && variable; i++)
        shell_field(fields, &field);
    *items = (items_t){*fields, (size_t)count};
    for (long i = 0; i < count; i++)
        shell_field(fields, &field);
    return 0;
}

/* One item: an array of arguments, one from each expression; a frame of its own. */
static void add_item(shell_task_t *task, items_t *items, size_t count)
{
    tt_buf_t body;
    tt_span_t field;
    tt_buf_init(&body);
    tt_pack_array(&body, count);
    for (size_t i = 0; i < count; i++) {
        items[i].left--;
        if (shell_field(&items[i].next, &field))
            shell_value_pack(&body, field);
        else
            tt_pack_nil(&body);
    }
    tt_reply_buffer(task->reply, (tt_span_t){body.data, body.len}, body.data);
}

static void reply_items(shell_t *self, shell_task_t *task, items_t *items, size_t count)
{
    size_t shortest = count ? items[0].left : 0;
    for (size_t i = 1; i < count; i++)
        shortest = items[i].left < shortest ? items[i].left : shortest;
    if (shortest >= TT_RT_FRAMES_LIMIT) {
        shell_fail(task, "ValueError", "%zu items: %d at once are the most", shortest,
                   TT_RT_FRAMES_LIMIT - 1);
        return;
    }
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, shortest);
    for (size_t i = 0; i < shortest; i++) {
        tt_pack_uint(&self->scratch, 1);
        add_item(task, items, count);
    }
    shell_reply_scratch(self, task);
}

static void get_items(shell_t *self, shell_task_t *task, const exprs_t *exprs)
{
    shell_outcome_t outcome;
    items_t *items = tt_alloc((exprs->count + 1) * sizeof *items);
    int rc = ask(self, task, exprs, &outcome) ? 0 : -1;
    tt_span_t fields = {outcome.out.data, outcome.out.len};
    for (size_t i = 0; i < exprs->count && rc == 0; i++)
        rc = read_items(task, exprs->texts[i], &fields, &items[i]);
    if (rc == 0)
        reply_items(self, task, items, exprs->count);
    shell_outcome_release(&outcome);
    free(items);
}

/* ---- */

static void get_function(shell_t *self, shell_task_t *task, const exprs_t *exprs)
{
    if (exprs->count == 1)
        shell_ship(self, task, exprs->texts[0]);
    else
        shell_refuse(task, "GET of a function takes one expression");
}

void shell_get(shell_t *self, shell_task_t *task)
{
    static const struct {
        const char *how;
        void (*fn)(shell_t *, shell_task_t *, const exprs_t *);
    } ways[] = {{"value", get_value}, {"function", get_function}, {"items", get_items}};
    exprs_t exprs;
    int rc = exprs_read(&exprs, task);
    size_t i = 0;
    while (rc == 0 && i < 3 && strcmp(ways[i].how, exprs.how) != 0)
        i++;
    if (rc == 0 && i < 3)
        ways[i].fn(self, task, &exprs);
    else if (rc == 0)
        shell_refuse(task, "GET has value, function and items");
    exprs_release(&exprs);
}
