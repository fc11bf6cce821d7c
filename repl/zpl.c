/* Reading ZPL. See zpl.h. Called for the settings; what it makes of a line is the same whatever
 * stands above, but for the depth. */
#include "zpl.h"

#include "text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { INDENT = 4 };

typedef struct {
    const char *at, *end; /* what is left of the line */
    tt_error_t *err;
} line_t;

void zpl_release(zpl_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].name);
        free(self->items[i].value);
    }
    free(self->items);
    *self = (zpl_t){NULL, 0};
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(line_t *self)
{
    while (self->at < self->end && is_blank(*self->at))
        self->at++;
}

/* At the end, or before a comment. */
static bool is_over(const line_t *self)
{
    return self->at == self->end || *self->at == '#';
}

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("$-_@.&+/", c));
}

/* Nothing that a terminal would obey, and UTF-8. */
static int check_text(const line_t *self)
{
    uint32_t code;
    size_t width;
    for (const char *at = self->at; at < self->end; at += width) {
        width = tt_text_char(at, (size_t)(self->end - at), &code);
        if (width == 0)
            return tt_error_set(self->err, "this is not UTF-8");
        if ((code < 0x20 && code != '\t') || (code >= 0x7f && code < 0xa0))
            return tt_error_set(self->err, "there is a control character (\\x%02x)",
                                (unsigned)code);
    }
    return 0;
}

static int read_depth(line_t *self, unsigned most, unsigned *depth)
{
    size_t blanks = 0;
    while (self->at + blanks < self->end && self->at[blanks] == ' ')
        blanks++;
    self->at += blanks;
    if (*self->at == '\t')
        return tt_error_set(self->err, "a tab in front: indent by %d spaces", INDENT);
    if (blanks % INDENT)
        return tt_error_set(self->err, "indented by %zu spaces: it goes by %d for each level",
                            blanks, INDENT);
    if (blanks / INDENT > most)
        return tt_error_set(self->err,
                            "indented by %zu spaces: %u at most below the line above", blanks,
                            most * INDENT);
    *depth = (unsigned)(blanks / INDENT);
    return 0;
}

static int read_name(line_t *self, char **name)
{
    const char *start = self->at;
    while (self->at < self->end && is_name(*self->at))
        self->at++;
    if (self->at == start || !(is_over(self) || is_blank(*self->at) || *self->at == '='))
        return tt_error_set(self->err,
                            "a name has letters, digits and any of $-_@.&+/: '%.*s' is none",
                            self->end - start > 40 ? 40 : (int)(self->end - start), start);
    *name = tt_strndup(start, (size_t)(self->at - start));
    return 0;
}

static int read_quoted(line_t *self, char **value)
{
    char quote = *self->at++;
    const char *close = memchr(self->at, quote, (size_t)(self->end - self->at));
    if (close == NULL)
        return tt_error_set(self->err, "the quote %c is never closed", quote);
    const char *start = self->at;
    self->at = close + 1;
    skip_blanks(self);
    if (!is_over(self))
        return tt_error_set(self->err, "there is more behind the value's closing %c", quote);
    *value = tt_strndup(start, (size_t)(close - start));
    return 0;
}

/* Whether a # at `at` looks like a part of the value: behind no blank, or between quotes that
 * the value does not begin with, as in A="x # y". */
static bool is_within(const char *start, const char *at, const char *end)
{
    for (const char *quote = "\"'"; *quote; quote++) {
        size_t count = 0;
        for (const char *c = start; c < at; c++)
            count += *c == *quote;
        if (count % 2 && memchr(at, *quote, (size_t)(end - at)))
            return true;
    }
    return at > start && !is_blank(at[-1]);
}

static int read_plain(line_t *self, char **value)
{
    const char *start = self->at, *end = self->end;
    const char *comment = memchr(start, '#', (size_t)(end - start));
    if (comment && is_within(start, comment, end))
        return tt_error_set(self->err, "a value with # in it stands in quotes, all of it");
    end = comment ? comment : end;
    while (end > start && is_blank(end[-1]))
        end--;
    *value = tt_strndup(start, (size_t)(end - start));
    return 0;
}

static int read_value(line_t *self, const char *name, char **value)
{
    skip_blanks(self);
    if (is_over(self))
        return 0;
    if (*self->at != '=')
        return tt_error_set(self->err, "there is no = behind '%.40s'", name);
    self->at++;
    skip_blanks(self);
    if (self->at < self->end && (*self->at == '"' || *self->at == '\''))
        return read_quoted(self, value);
    return read_plain(self, value);
}

/* Blank lines and comments are no items. */
static int read_line(zpl_t *zpl, line_t *self, unsigned number)
{
    line_t look = *self;
    zpl_item_t item = {.line = number};
    unsigned most = zpl->count ? zpl->items[zpl->count - 1].depth + 1 : 0;
    skip_blanks(&look);
    if (check_text(self) != 0)
        return -1;
    if (is_over(&look))
        return 0;
    if (read_depth(self, most, &item.depth) != 0 || read_name(self, &item.name) != 0)
        return -1;
    if (read_value(self, item.name, &item.value) != 0) {
        free(item.name);
        return -1;
    }
    zpl->items = tt_realloc(zpl->items, (zpl->count + 1) * sizeof *zpl->items);
    zpl->items[zpl->count++] = item;
    return 0;
}

int zpl_read(zpl_t *self, const char *text, size_t len, unsigned *line, tt_error_t *err)
{
    *self = (zpl_t){NULL, 0};
    *line = 0;
    const char *end = len > 0 ? text + len : text; /* of nothing the text may be NULL */
    for (const char *at = text; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        line_t rest = {at, stop, err};
        if (stop > at && stop[-1] == '\r')
            rest.end--; /* of an editor of other systems */
        ++*line;
        if (read_line(self, &rest, *line) != 0) {
            zpl_release(self);
            return -1;
        }
        at = stop < end ? stop + 1 : end;
    }
    return 0;
}

void zpl_put_value(tt_buf_t *out, const char *value)
{
    size_t len = strlen(value);
    bool plain = len > 0 && !strchr("\"' \t", value[0]) && !is_blank(value[len - 1]) &&
                 strchr(value, '#') == NULL;
    const char *quote = plain ? "" : strchr(value, '"') ? "'" : "\"";
    tt_buf_printf(out, "%s%s%s", quote, value, quote);
}
