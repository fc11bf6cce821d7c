/* Splitting text into statements, line by line; grammar.c says what a line looks like. */
#include "source.h"
#include "buf.h"

#include <stdlib.h>
#include <string.h>

struct source {
    char *file; /* owned */
    char *text; /* owned, line ends are \n */
    size_t len;
    grammar_rules_t rules;
    size_t at;   /* where the next block is looked for */
    size_t seen; /* `line` is the number of the line here */
    unsigned line;
};

/* Drops a byte order mark and the CR of CR LF, in place. */
static size_t normalise(char *text, size_t len)
{
    size_t from = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0, to = 0;
    for (; from < len; from++)
        if (text[from] != '\r' || from + 1 == len || text[from + 1] != '\n')
            text[to++] = text[from];
    text[to] = 0;
    return to;
}

source_t *source_new(const char *file, const char *text, size_t len,
                     const grammar_rules_t *rules)
{
    source_t *self = tt_alloc(sizeof *self);
    self->file = tt_strdup(file);
    self->text = tt_strndup(text, len);
    self->len = normalise(self->text, len);
    self->rules = rules ? *rules : (grammar_rules_t){false, NULL};
    self->line = 1;
    return self;
}

void source_set_rules(source_t *self, const grammar_rules_t *rules)
{
    self->rules = *rules;
}

void source_destroy(source_t **self_p)
{
    source_t *self = *self_p;
    if (self == NULL)
        return;
    free(self->file);
    free(self->text);
    free(self);
    *self_p = NULL;
}

/* The start of the line behind the one at `at`. */
static size_t next_line(const source_t *self, size_t at)
{
    const char *newline = memchr(self->text + at, '\n', self->len - at);
    return newline ? (size_t)(newline - self->text) + 1 : self->len;
}

static statement_kind_t kind_at(const source_t *self, size_t at)
{
    return grammar_look(self->text + at, next_line(self, at) - at, &self->rules);
}

static bool is_blank_line(const source_t *self, size_t at)
{
    return kind_at(self, at) == STATEMENT_EMPTY;
}

/* A line `%%`: the end of a cell. */
static bool is_cell_end(const source_t *self, size_t at)
{
    size_t end = next_line(self, at);
    while (end > at && strchr(" \t\r\n", self->text[end - 1]))
        end--;
    return end - at == 2 && memcmp(self->text + at, "%%", 2) == 0;
}

/* A line that opens a cell which is known: its absence of indent and its name make it certain
 * enough, while `%%BoundingBox` in a here-document stays text. */
static bool is_cell_start(const source_t *self, size_t at)
{
    const char *line = self->text + at;
    size_t len = next_line(self, at) - at;
    return *line == '%' && grammar_look(line, len, &self->rules) == STATEMENT_CELL &&
           (grammar_about(line, len, &self->rules) & GRAMMAR_CELL);
}

/* Whether plain code may end before this line. */
static bool is_boundary(const source_t *self, size_t at)
{
    char first = self->text[at];
    if (first == ' ' || first == '\t')
        return false;
    statement_kind_t kind = kind_at(self, at);
    return (kind != STATEMENT_PLAIN && kind != STATEMENT_EMPTY) || is_cell_end(self, at);
}

/* From `at` over at least one line up to the next boundary. */
static size_t plain_end(const source_t *self, size_t at)
{
    do
        at = next_line(self, at);
    while (at < self->len && !is_boundary(self, at));
    return at;
}

static size_t cell_end(const source_t *self, size_t at)
{
    do
        at = next_line(self, at);
    while (at < self->len && !is_cell_end(self, at) && !is_cell_start(self, at));
    return at;
}

/* Behind a logical line, newline included. */
static size_t line_end(const source_t *self, size_t at)
{
    at += grammar_line(self->text + at, self->len - at);
    return at < self->len ? at + 1 : at;
}

static size_t block_end(const source_t *self, size_t at, bool *plain)
{
    *plain = !is_boundary(self, at);
    if (*plain)
        return plain_end(self, at);
    return kind_at(self, at) == STATEMENT_CELL ? cell_end(self, at) : line_end(self, at);
}

static void skip_between(source_t *self)
{
    while (self->at < self->len &&
           (is_blank_line(self, self->at) || is_cell_end(self, self->at)))
        self->at = next_line(self, self->at);
}

/* The number of the line at `at`; `at` never goes back. */
static unsigned line_number(source_t *self, size_t at)
{
    for (; self->seen < at; self->seen++)
        self->line += self->text[self->seen] == '\n';
    return self->line;
}

bool source_next(source_t *self, source_block_t *block)
{
    skip_between(self);
    if (self->at == self->len)
        return false;
    size_t start = self->at;
    bool plain = false;
    self->at = block_end(self, start, &plain);
    *block = (source_block_t){self->text + start, self->at - start, self->file,
                              line_number(self, start), plain};
    return true;
}

bool source_extend(source_t *self, source_block_t *block)
{
    if (!block->plain || self->at == self->len)
        return false;
    self->at = plain_end(self, self->at);
    block->len = self->at - (size_t)(block->text - self->text);
    return true;
}
