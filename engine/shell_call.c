/* Shipping a function or a template, and calling what came. A call runs in a subshell: what it
 * changes is gone afterwards, and it cannot end the engine. */
#include "pack.h"
#include "shell_task.h"
#include "shell_value.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- shipping */

/* Writes the definition of function $1, then of those that its text names, and so on; nothing
 * when there is no such function. Words are compared, so it may bring one too many. */
static const char collect[] =
    "__tutti_ship() {\n"
    "\\builtin local IFS=$' \\t\\n' - name text word\n"
    "\\builtin local -a todo\n"
    "\\builtin local -A known done\n"
    "todo=(\"$1\")\n"
    "\\builtin set -f\n"
    "while \\builtin read -r _ _ name; do known[$name]=1; done < <(\\builtin declare -F)\n"
    "while (( ${#todo[@]} )); do\n"
    "name=${todo[0]} todo=(\"${todo[@]:1}\")\n"
    "[[ ${known[$name]-} && ! ${done[$name]-} ]] || continue\n"
    "done[$name]=1 text=$(\\builtin declare -f -- \"$name\")\n"
    "\\builtin printf '%s\\n' \"$text\"\n"
    "for word in ${text//[^A-Za-z0-9_:.-]/ }; do\n"
    "[[ $word != __tutti_ship && ${known[$word]-} ]] && todo+=(\"$word\")\n"
    "done\n"
    "done\n"
    "}\n";

static void reply_blob(shell_t *self, shell_task_t *task, const tt_buf_t *blob)
{
    uint8_t digest[32];
    tt_span_t bytes = {blob->data, blob->len};
    shell_sha256(bytes, digest);
    self->scratch.len = 0;
    tt_pack_array(&self->scratch, 2);
    tt_pack_bin(&self->scratch, digest, SHELL_HASH);
    tt_pack_nil(&self->scratch);
    shell_reply_scratch(self, task);
    tt_reply_buffer(task->reply, bytes, blob->data);
}

/* The definitions of a function and of those it uses; empty when there is none by that name. */
static bool get_definitions(shell_t *self, shell_task_t *task, const char *name,
                            shell_outcome_t *outcome)
{
    tt_buf_t script;
    tt_buf_init(&script);
    tt_buf_printf(&script, "%s__tutti_ship ", collect);
    shell_quote(&script, tt_span(name));
    tt_buf_printf(&script, "\n");
    bool well = shell_ask(self, task, &script, outcome);
    tt_buf_release(&script);
    return well;
}

static bool is_word(const char *text)
{
    return *text && text[strcspn(text, " \t\n;|&<>()$`\\\"'*?[#~=%{}")] == 0;
}

void shell_ship(shell_t *self, shell_task_t *task, const char *text)
{
    tt_buf_t blob;
    shell_outcome_t outcome = {0};
    if (is_word(text) && !get_definitions(self, task, text, &outcome)) {
        shell_outcome_release(&outcome);
        return;
    }
    tt_buf_init(&blob);
    if (outcome.out.len > 0) {
        tt_buf_printf(&blob, "F %s\n", text);
        tt_buf_append(&blob, outcome.out.data, outcome.out.len);
    } else {
        tt_buf_printf(&blob, "T\n%s", text);
    }
    shell_outcome_release(&outcome);
    reply_blob(self, task, &blob);
}

/* ---- calling */

/* One argument as a word; a name (an expression of the engine's) is looked up there. */
static int put_argument(shell_given_t *given, size_t index, tt_buf_t *out, tt_error_t *err)
{
    tt_buf_t text;
    tt_item_t item;
    tt_reader_t ahead = given->at;
    char what[32];
    if (tt_read(&ahead, &item) == 0 && item.type == TT_EXT && item.ext == TT_EXT_NAME) {
        given->at = ahead;
        if (!shell_is_name((const char *)item.as.bytes.data, item.as.bytes.len))
            return tt_error_set(err, "argument %zu is no name of a variable", index + 1);
        tt_buf_printf(out, "\"${%.*s}\"", (int)item.as.bytes.len,
                      (const char *)item.as.bytes.data);
        return 0;
    }
    tt_buf_init(&text);
    snprintf(what, sizeof what, "argument %zu", index + 1);
    int rc = shell_value_text(given, what, &text, err);
    if (rc == 1)
        rc = tt_error_set(err, "%s is None: the shell has no such word", what);
    shell_quote(out, (tt_span_t){text.data, text.len});
    tt_buf_release(&text);
    return rc;
}

/* All arguments, each a word, separated by blanks. */
static int put_arguments(shell_task_t *task, tt_buf_t *out)
{
    size_t count = 0;
    tt_error_t err;
    shell_given_t given = {task->args, task->request->buffers, task->request->buffer_count};
    if (tt_value_check(task->request->args, given.buffers, given.buffer_count, &err) != 0)
        return shell_refuse(task, err.text);
    if (tt_read_array(&given.at, &count) != 0)
        return shell_refuse(task, "the arguments of a call are an array");
    for (size_t i = 0; i < count; i++) {
        tt_buf_append(out, " ", i > 0);
        if (put_argument(&given, i, out, &err) != 0)
            return shell_fail(task, "TypeError", "%s", err.text);
    }
    task->args = given.at;
    size_t named = 0;
    if (tt_read_map(&task->args, &named) == 0 && named > 0)
        return shell_fail(task, "TypeError",
                          "a function of the shell takes no named arguments");
    return 0;
}

/* Each {} becomes the words; a template without any gets them at its end. */
static void put_template(tt_buf_t *out, tt_span_t text, const tt_buf_t *words)
{
    bool put = false;
    for (size_t i = 0; i < text.len; i++) {
        bool place = i + 1 < text.len && text.data[i] == '{' && text.data[i + 1] == '}';
        if (place)
            tt_buf_append(out, words->data, words->len);
        else
            tt_buf_append(out, text.data + i, 1);
        put = put || place;
        i += place;
    }
    if (!put) {
        tt_buf_append(out, " ", 1);
        tt_buf_append(out, words->data, words->len);
    }
}

static void put_call(tt_buf_t *code, tt_span_t blob, const tt_buf_t *words)
{
    const uint8_t *line = memchr(blob.data, '\n', blob.len);
    size_t head = line ? (size_t)(line - blob.data) : blob.len;
    tt_span_t text = {blob.data + head + (line != NULL), blob.len - head - (line != NULL)};
    tt_buf_printf(code, "(");
    if (blob.data[0] == 'F') {
        tt_buf_append(code, text.data, text.len);
        tt_buf_append(code, blob.data + 2, head - 2);
        tt_buf_append(code, " ", 1);
        tt_buf_append(code, words->data, words->len);
    } else {
        put_template(code, text, words);
    }
    tt_buf_printf(code, "\n)");
}

static bool is_blob(tt_span_t blob)
{
    return blob.len >= 2 &&
           (memcmp(blob.data, "F ", 2) == 0 || memcmp(blob.data, "T\n", 2) == 0);
}

void shell_call(shell_t *self, shell_task_t *task)
{
    size_t count;
    tt_span_t hash;
    tt_buf_t words, code;
    shell_outcome_t outcome;
    if (tt_read_array(&task->args, &count) != 0 || tt_read_bin(&task->args, &hash) != 0) {
        shell_refuse(task, "CALL takes [hash, args, kwargs]");
        return;
    }
    tt_span_t blob = shell_blobs_find(&self->blobs, hash);
    if (!is_blob(blob)) {
        shell_fail(task, "LookupError",
                   blob.data ? "this is no function of the shell"
                             : "this function has not come to the engine");
        return;
    }
    tt_buf_init(&words);
    tt_buf_init(&code);
    if (put_arguments(task, &words) == 0) {
        put_call(&code, blob, &words);
        if (shell_run_user(self, task, (tt_span_t){code.data, code.len}, true, &outcome))
            shell_reply_text(self, task, &outcome);
        shell_outcome_release(&outcome);
    }
    tt_buf_release(&words);
    tt_buf_release(&code);
}
