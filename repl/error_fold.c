/* Errors, folded in two steps by fold.c: first by a key of type and place, then each group's
 * members by message. */
#include "error_fold.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { SHOWN_MESSAGES = 3, MESSAGE_COLUMNS = 60 };

struct error_fold {
    const answer_t **answers; /* owned array of borrowed answers, by order of adding */
    size_t count, cap;
    bool items;
    fold_t *by_place;      /* owned; its texts are `keys` */
    char **keys;           /* owned */
    error_group_t *groups; /* owned, messages included */
    size_t group_count;
};

error_fold_t *error_fold_new(void)
{
    error_fold_t *self = tt_alloc(sizeof *self);
    self->by_place = fold_new();
    return self;
}

void error_fold_destroy(error_fold_t **self_p)
{
    error_fold_t *self = *self_p;
    if (self == NULL)
        return;
    for (size_t i = 0; i < self->count; i++)
        free(self->keys[i]);
    for (size_t i = 0; i < self->group_count; i++)
        free((void *)self->groups[i].messages);
    fold_destroy(&self->by_place);
    free(self->answers);
    free(self->keys);
    free(self->groups);
    free(self);
    *self_p = NULL;
}

static void append(tt_buf_t *out, tt_span_t text)
{
    tt_buf_append(out, text.data, text.len);
}

/* Type and place in one text. Lengths keep the parts apart. */
static char *key_of(const answer_error_t *error, size_t *len)
{
    tt_buf_t key;
    tt_buf_init(&key);
    tt_buf_printf(&key, "%zu %zu %d ", error->type.len, error->file.len, error->line);
    append(&key, error->type);
    append(&key, error->file);
    append(&key, error->source);
    *len = key.len;
    return (char *)key.data;
}

static int id_of(const answer_t *answer, bool items)
{
    return items ? answer->item : answer->engine;
}

void error_fold_add(error_fold_t *self, const answer_t *answer, bool items)
{
    if (self->count == self->cap) {
        self->cap = self->cap ? self->cap * 2 : 16;
        self->answers = tt_realloc(self->answers, self->cap * sizeof *self->answers);
        self->keys = tt_realloc(self->keys, self->cap * sizeof *self->keys);
    }
    size_t len;
    char *key = key_of(&answer->error, &len);
    self->items = items;
    self->keys[self->count] = key;
    self->answers[self->count++] = answer;
    fold_add(self->by_place, id_of(answer, items), answer->host,
             (tt_span_t){(const uint8_t *)key, len});
}

static error_group_t group_of(error_fold_t *self, fold_t *messages, const fold_group_t *place)
{
    fold_clear(messages);
    for (size_t i = 0; i < place->count; i++) {
        const answer_t *answer = self->answers[place->members[i].index];
        fold_add(messages, id_of(answer, self->items), answer->host, answer->error.message);
    }
    size_t count;
    const fold_group_t *texts = fold_groups(messages, &count);
    tt_span_t *list = tt_alloc(count * sizeof *list);
    for (size_t i = 0; i < count; i++)
        list[i] = texts[i].text;
    return (error_group_t){place->members, place->count, self->answers[place->members[0].index],
                           list, count};
}

const error_group_t *error_fold_groups(error_fold_t *self, size_t *count)
{
    const fold_group_t *places = fold_groups(self->by_place, count);
    fold_t *messages = fold_new();
    self->groups = tt_alloc(*count * sizeof *self->groups);
    self->group_count = *count;
    for (size_t i = 0; i < *count; i++)
        self->groups[i] = group_of(self, messages, &places[i]);
    fold_destroy(&messages);
    return self->groups;
}

static tt_span_t first_line(tt_span_t text)
{
    const uint8_t *newline = text.len ? memchr(text.data, '\n', text.len) : NULL;
    return newline ? (tt_span_t){text.data, (size_t)(newline - text.data)} : text;
}

static void escape(tt_buf_t *out, tt_span_t text)
{
    tt_text_escape(out, (const char *)text.data, text.len);
}

void error_fold_place(tt_buf_t *out, const answer_error_t *error)
{
    bool named = error->function.len && error->function.data[0] != '<';
    tt_span_t place = named ? error->function : error->file;
    if (place.len == 0)
        return;
    tt_buf_printf(out, " at ");
    escape(out, place);
    if (error->line)
        tt_buf_printf(out, ":%d", error->line);
}

/* One message of a list, cut to its first line and a width. */
static void write_cut(tt_buf_t *out, tt_span_t message)
{
    tt_span_t line = first_line(message);
    tt_buf_t text;
    tt_buf_init(&text);
    escape(&text, line);
    bool fits = tt_text_width((const char *)text.data, text.len) <= MESSAGE_COLUMNS;
    tt_text_cut(out, (const char *)text.data, text.len, MESSAGE_COLUMNS);
    if (fits && line.len < message.len)
        tt_buf_printf(out, " …");
    tt_buf_release(&text);
}

static void write_messages(tt_buf_t *out, const error_group_t *group)
{
    tt_buf_printf(out, ", %zu messages", group->message_count);
    bool all = group->message_count <= SHOWN_MESSAGES;
    if (!all)
        tt_buf_printf(out, ", first %d", SHOWN_MESSAGES);
    for (size_t i = 0; i < group->message_count && i < SHOWN_MESSAGES; i++) {
        tt_buf_printf(out, i ? " · " : ": ");
        write_cut(out, group->messages[i]);
    }
}

void error_fold_line(tt_buf_t *out, const error_group_t *group)
{
    const answer_error_t *error = &group->first->error;
    escape(out, error->type);
    if (group->message_count > 1) {
        error_fold_place(out, error);
        write_messages(out, group);
        return;
    }
    tt_span_t line = first_line(error->message);
    tt_buf_printf(out, line.len ? ": " : "");
    escape(out, line);
    if (line.len < error->message.len)
        tt_buf_printf(out, " …");
}

static tt_span_t trim_end(tt_span_t text)
{
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1]) && text.data[text.len - 1])
        text.len--;
    return text;
}

static bool ends_with(tt_span_t text, tt_span_t end)
{
    return text.len >= end.len &&
           (end.len == 0 || memcmp(text.data + text.len - end.len, end.data, end.len) == 0);
}

/* Behind the last newline. */
static size_t last_line(tt_span_t text)
{
    const uint8_t *newline = text.len ? memrchr(text.data, '\n', text.len) : NULL;
    return newline ? (size_t)(newline - text.data) + 1 : 0;
}

/* Whether the line is `Type: message`; a module's name may stand before the type. */
static bool repeats(tt_span_t line, const answer_error_t *error, tt_span_t message)
{
    tt_buf_t whole;
    tt_buf_init(&whole);
    append(&whole, error->type);
    tt_buf_printf(&whole, message.len ? ": " : "");
    append(&whole, message);
    size_t len = whole.len;
    bool same = ends_with(line, (tt_span_t){whole.data, len}) &&
                (line.len == len || line.data[line.len - len - 1] == '.');
    tt_buf_release(&whole);
    return same;
}

tt_span_t error_fold_traceback(const error_group_t *group)
{
    const answer_error_t *error = &group->first->error;
    tt_span_t text = trim_end(error->traceback), message = trim_end(error->message);
    if (text.len == 0 || (message.len && memchr(message.data, '\n', message.len)))
        return text; /* of a message of several lines error_fold_line shows only the first */
    size_t last = last_line(text);
    tt_span_t line = {text.data + last, text.len - last};
    return repeats(line, error, message) ? trim_end((tt_span_t){text.data, last}) : text;
}
