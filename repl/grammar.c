/* The grammar of the prompt (PROMPT.md, "Lines"). A statement is recognised by its first line
 * alone: an optional `NAME =`, then a sigil. Everything that is not recognised is plain code
 * and the local language's to judge, so a decorator or a string that looks like a magic costs
 * nothing here; source.c asks the language before it trusts a sigil in the middle of code. */
#include "grammar.h"
#include "buf.h"

#include <stdlib.h>
#include <string.h>

/* Text between two places; the normal way to hand input around in this file. */
typedef struct {
    const char *at;
    const char *end;
} text_t;

typedef struct {
    statement_kind_t kind;
    const char *names; /* where the assignment's names start; NULL without */
    const char *sigil; /* where the statement itself starts */
} head_t;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\n' || c == '\r';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

static bool is_word(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9');
}

static const char *skip_blanks(text_t t)
{
    while (t.at < t.end && is_blank(*t.at))
        t.at++;
    return t.at;
}

static text_t trim(text_t t)
{
    while (t.at < t.end && is_space(*t.at))
        t.at++;
    while (t.at < t.end && is_space(t.end[-1]))
        t.end--;
    return t;
}

static char *copy(text_t t)
{
    return tt_strndup(t.at, (size_t)(t.end - t.at));
}

static text_t first_line(text_t t)
{
    const char *newline = t.at < t.end ? memchr(t.at, '\n', (size_t)(t.end - t.at)) : NULL;
    return (text_t){t.at, newline ? newline : t.end};
}

/* Behind a name such as a.b.c, or NULL when there is none. */
static const char *skip_name(text_t t)
{
    for (;;) {
        if (t.at == t.end || !is_letter(*t.at))
            return NULL;
        while (t.at < t.end && is_word(*t.at))
            t.at++;
        if (t.at == t.end || *t.at != '.')
            return t.at;
        t.at++;
    }
}

/* Behind `A, B =` and the blanks after it, or NULL when the line does not start so. */
static const char *skip_names(text_t t)
{
    for (;;) {
        t.at = skip_name((text_t){skip_blanks(t), t.end});
        if (t.at == NULL)
            return NULL;
        t.at = skip_blanks(t);
        if (t.at == t.end || (*t.at != ',' && *t.at != '='))
            return NULL;
        if (*t.at++ == '=')
            return skip_blanks(t);
    }
}

static bool fits_cell(text_t t)
{
    return t.end - t.at > 2 && t.at[1] == '%' && is_letter(t.at[2]);
}

static bool fits_magic(text_t t)
{
    return t.end - t.at > 1 && is_letter(t.at[1]);
}

static bool fits_shell(text_t t)
{
    t.at++;
    t = trim(t);
    return t.at < t.end && (t.end - t.at != 1 || *t.at != '!');
}

/* The colon that ends the SET behind `@`: outside brackets and followed by a blank or the end,
 * so that slices are possible (`@0:8:2: code`) and decorators are left alone. NULL when none
 * does. */
static const char *set_end(text_t t)
{
    int depth = 0;
    for (const char *at = t.at + 1; at < t.end && (is_word(*at) || strchr("-.,:[]@*", *at));
         at++) {
        depth += (*at == '[') - (*at == ']');
        bool ends = at + 1 == t.end || is_space(at[1]);
        if (*at == ':' && ends && depth == 0)
            return at > t.at + 1 ? at : NULL;
    }
    return NULL;
}

static bool fits_at(text_t t)
{
    return set_end(t) != NULL;
}

static const struct {
    char sigil;
    statement_kind_t kind;
    bool (*fits)(text_t line);
} sigils[] = {
    {'%', STATEMENT_CELL, fits_cell},
    {'%', STATEMENT_MAGIC, fits_magic},
    {'!', STATEMENT_SHELL, fits_shell},
    {'@', STATEMENT_AT, fits_at},
};

static statement_kind_t kind_at(text_t line)
{
    for (size_t i = 0; line.at < line.end && i < sizeof sigils / sizeof *sigils; i++)
        if (*line.at == sigils[i].sigil && sigils[i].fits(line))
            return sigils[i].kind;
    return STATEMENT_PLAIN;
}

/* Splits `%name??` or `??name` into name and question marks; false when the line is neither. */
static bool read_help(text_t line, text_t *name, unsigned *detail)
{
    line = trim(line);
    unsigned before = 0, behind = 0;
    for (; line.at < line.end && *line.at == '?' && before < 2; before++)
        line.at++;
    for (; line.at < line.end && line.end[-1] == '?' && behind < 2; behind++)
        line.end--;
    line = before ? trim(line) : line;
    *name = line;
    *detail = before + behind;
    if (line.at == line.end)
        return before > 0 && behind == 0;
    for (int i = 0; i < 2 && line.at < line.end && *line.at == '%'; i++)
        line.at++;
    return (before > 0) != (behind > 0) && skip_name(line) == line.end;
}

static bool is_help(text_t line, const grammar_rules_t *rules)
{
    text_t name;
    unsigned detail;
    if (!read_help(line, &name, &detail))
        return false;
    bool magic = name.at < name.end && *name.at == '%';
    return magic || rules == NULL || !rules->shell;
}

/* What follows `NAME =`. A shell's own `fmt=%s` has no blank there. */
static statement_kind_t kind_assigned(text_t line, const grammar_rules_t *rules)
{
    bool shell = rules && rules->shell;
    return shell && !is_blank(line.at[-1]) ? STATEMENT_PLAIN : kind_at(line);
}

static head_t look(text_t text, const grammar_rules_t *rules)
{
    text_t line = first_line(text);
    line.at = skip_blanks(line);
    if (is_help(line, rules))
        return (head_t){STATEMENT_HELP, NULL, line.at};
    head_t head = {kind_at(line), NULL, line.at};
    const char *behind = head.kind == STATEMENT_PLAIN ? skip_names(line) : NULL;
    if (behind == NULL)
        return head;
    statement_kind_t kind = kind_assigned((text_t){behind, line.end}, rules);
    return kind == STATEMENT_PLAIN ? head : (head_t){kind, line.at, behind};
}

statement_kind_t grammar_look(const char *text, size_t len, const grammar_rules_t *rules)
{
    text_t all = {text, text + len};
    text_t trimmed = trim(all);
    return trimmed.at == trimmed.end ? STATEMENT_EMPTY : look(all, rules).kind;
}

static bool goes_on(const char *start, const char *newline)
{
    size_t slashes = 0;
    while (newline > start && newline[-1] == '\\') {
        newline--;
        slashes++;
    }
    return slashes % 2 == 1;
}

size_t grammar_line(const char *text, size_t len)
{
    const char *end = text + len;
    for (const char *at = text; at < end; at++)
        if (*at == '\n' && !goes_on(text, at))
            return (size_t)(at - text);
    return len;
}

static void take_names(statement_t *self, text_t t)
{
    for (;;) {
        t.at = skip_blanks(t);
        const char *behind = skip_name(t);
        if (behind == NULL)
            return;
        self->names = tt_realloc(self->names, (self->name_count + 1) * sizeof *self->names);
        self->names[self->name_count++] = copy((text_t){t.at, behind});
        t.at = behind;
        t.at = skip_blanks(t);
        if (t.at == t.end || *t.at++ != ',')
            return;
    }
}

/* The name behind % or %%, up to a blank: what is odd in it becomes part of the error that
 * quotes it ("unknown magic '%foo(3)'"). */
static text_t magic_name(text_t t)
{
    while (t.at < t.end && *t.at == '%')
        t.at++;
    text_t name = {t.at, t.at};
    while (name.end < t.end && !is_space(*name.end))
        name.end++;
    return name;
}

static unsigned about(const char *magic, const grammar_rules_t *rules)
{
    if (rules == NULL || rules->about == NULL)
        return GRAMMAR_KNOWN | GRAMMAR_CODE | GRAMMAR_CELL;
    return rules->about(magic);
}

unsigned grammar_about(const char *text, size_t len, const grammar_rules_t *rules)
{
    char *name = copy(magic_name((text_t){text, text + len}));
    unsigned flags = about(name, rules);
    free(name);
    return flags;
}

static bool starts_comment(const char *text, const char *at)
{
    return *at == '#' && (at == text || is_space(at[-1]));
}

/* Cuts ` # note` outside quotes, and makes blanks of line ends: only for text that is no code.
 */
static void drop_comment(char *text)
{
    char quote = 0;
    for (char *at = text; *at; at++) {
        if (quote == 0 && starts_comment(text, at)) {
            *at = 0;
            return;
        }
        if (*at == '\'' || *at == '"')
            quote = quote == 0 ? *at : quote == *at ? 0 : quote;
        else if (*at == '\\' && at[1] == '\n')
            at[0] = at[1] = ' ';
    }
}

static void trim_end(char *text)
{
    size_t len = strlen(text);
    while (len && is_space(text[len - 1]))
        text[--len] = 0;
}

/* Takes the ` &` from the end of `rest`. */
static bool take_background(char *rest)
{
    trim_end(rest);
    size_t len = strlen(rest);
    if (len == 0 || rest[len - 1] != '&' || (len > 1 && !is_space(rest[len - 2])))
        return false;
    rest[len - 1] = 0;
    trim_end(rest);
    return true;
}

static void take_magic(statement_t *self, text_t line, const grammar_rules_t *rules)
{
    text_t name = magic_name(line);
    self->magic = copy(name);
    self->rest = copy(trim((text_t){name.end, line.end}));
    unsigned flags = about(self->magic, rules);
    bool no_code = (flags & GRAMMAR_KNOWN) && !(flags & GRAMMAR_CODE);
    if (no_code || self->kind == STATEMENT_CELL)
        drop_comment(self->rest);
    self->background = take_background(self->rest);
}

static void take_shell(statement_t *self, text_t line)
{
    line.at++;
    self->capture = *line.at == '!';
    line.at += self->capture;
    self->rest = copy(trim(line));
}

static void take_at(statement_t *self, text_t line)
{
    const char *colon = set_end(first_line(line));
    self->magic = tt_strdup("px");
    self->targets = copy((text_t){line.at + 1, colon});
    self->rest = copy(trim((text_t){colon + 1, line.end}));
    self->background = take_background(self->rest);
}

static void take_help(statement_t *self, text_t line)
{
    text_t name;
    read_help(line, &name, &self->detail);
    self->rest = copy(name);
}

static void take_cell(statement_t *self, text_t line, text_t text, const grammar_rules_t *rules)
{
    take_magic(self, line, rules);
    self->body = copy((text_t){line.end < text.end ? line.end + 1 : text.end, text.end});
}

/* Fills `self` from a logical line that has been recognised; `text` goes on behind it for a
 * cell. */
static void take(statement_t *self, text_t line, text_t text, const grammar_rules_t *rules)
{
    switch (self->kind) {
    case STATEMENT_EMPTY:
        self->rest = tt_strdup("");
        break;
    case STATEMENT_PLAIN:
        self->rest = copy(text);
        break;
    case STATEMENT_MAGIC:
        take_magic(self, line, rules);
        break;
    case STATEMENT_CELL:
        take_cell(self, line, text, rules);
        break;
    case STATEMENT_SHELL:
        take_shell(self, line);
        break;
    case STATEMENT_AT:
        take_at(self, line);
        break;
    case STATEMENT_HELP:
        take_help(self, line);
        break;
    }
}

/* Refuses what stands below a statement of one line. */
static int check_alone(text_t line, text_t text, tt_error_t *err)
{
    text_t behind = trim((text_t){line.end, text.end});
    if (behind.at == behind.end)
        return 0;
    int shown = behind.end - behind.at > 40 ? 40 : (int)(behind.end - behind.at);
    return tt_error_set(
        err,
        "cannot run '%.*s' below a magic of one line; put several lines into "
        "a cell: %%%%px, the lines, %%%%",
        (int)(first_line((text_t){behind.at, behind.at + shown}).end - behind.at), behind.at);
}

int grammar_parse(statement_t *self, const char *text, size_t len, const grammar_rules_t *rules,
                  tt_error_t *err)
{
    *self = (statement_t){.kind = STATEMENT_EMPTY};
    if (len && memchr(text, 0, len))
        return tt_error_set(err, "cannot run text with a zero byte in it; is it a text file?");
    text_t all = {text, text + len};
    head_t head = look(all, rules);
    text_t line = {head.sigil, all.end};
    line.end = line.at + grammar_line(line.at, (size_t)(all.end - line.at));
    statement_kind_t kind = grammar_look(text, len, rules);
    bool alone = kind != STATEMENT_CELL && kind != STATEMENT_PLAIN;
    if (alone && check_alone(line, all, err) == -1)
        return -1;
    self->kind = kind;
    if (head.names)
        take_names(self, (text_t){head.names, head.sigil});
    take(self, line, all, rules);
    return 0;
}

void grammar_release(statement_t *self)
{
    for (size_t i = 0; i < self->name_count; i++)
        free(self->names[i]);
    free(self->names);
    free(self->magic);
    free(self->targets);
    free(self->rest);
    free(self->body);
    *self = (statement_t){.kind = STATEMENT_EMPTY};
}
