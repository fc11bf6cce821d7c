/* Options and words of a magic's line. Options come first and are few, so that code can follow
 * without quoting; a magic's table of them belongs to the magic (words_option_t). */
#include "words.h"
#include "buf.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    words_t *words;
    const char *magic;
    const char *at; /* the next character of the text */
    const words_option_t *table;
    size_t table_count;
    tt_error_t *err;
} parser_t;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Behind blanks; a backslash at the end of a line counts as one. */
static const char *skip_blanks(const char *at)
{
    while (is_blank(*at) || (*at == '\\' && at[1] == '\n'))
        at += is_blank(*at) ? 1 : 2;
    return at;
}

/* `-t --targets VALUE, --noblock`: what a person could have typed. */
static void list_options(tt_buf_t *out, const words_option_t *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tt_buf_printf(out, "%s", i ? ", " : "");
        if (table[i].letter)
            tt_buf_printf(out, "-%c ", table[i].letter);
        tt_buf_printf(out, "--%s%s", table[i].name, table[i].takes_value ? " VALUE" : "");
    }
}

static int fail_unknown(const parser_t *self, const char *option, size_t len)
{
    tt_buf_t all;
    tt_buf_init(&all);
    list_options(&all, self->table, self->table_count);
    int shown = len > 40 ? 40 : (int)len;
    if (self->table_count == 0)
        tt_error_set(self->err, "%s has no option '%.*s', nor any other; before code put --",
                     self->magic, shown, option);
    else
        tt_error_set(self->err, "%s has no option '%.*s'; it has %s; before code put --",
                     self->magic, shown, option, tt_buf_text(&all));
    tt_buf_release(&all);
    return -1;
}

static const words_option_t *find_name(const parser_t *self, const char *name, size_t len)
{
    for (size_t i = 0; i < self->table_count; i++)
        if (strlen(self->table[i].name) == len && memcmp(self->table[i].name, name, len) == 0)
            return &self->table[i];
    return NULL;
}

static const words_option_t *find_letter(const parser_t *self, char letter)
{
    for (size_t i = 0; i < self->table_count; i++)
        if (self->table[i].letter == letter)
            return &self->table[i];
    return NULL;
}

/* Takes one word with its quotes removed; NULL with the reason when a quote stays open. */
static char *take_word(parser_t *self)
{
    tt_buf_t word;
    tt_buf_init(&word);
    char quote = 0;
    for (; *self->at && (quote || !is_blank(*self->at)); self->at++) {
        if (quote == 0 && (*self->at == '\'' || *self->at == '"'))
            quote = *self->at;
        else if (quote && *self->at == quote)
            quote = 0;
        else
            tt_buf_append(&word, self->at, 1);
    }
    if (quote) {
        tt_buf_release(&word);
        return tt_error_null(self->err, "%s: the quote %c is never closed", self->magic, quote);
    }
    tt_buf_text(&word);
    return (char *)word.data;
}

/* The value of an option: the word here, or the next one. */
static char *take_value(parser_t *self, const words_option_t *option)
{
    self->at = skip_blanks(self->at);
    if (*self->at == 0)
        return tt_error_null(self->err, "%s: --%s needs a value", self->magic, option->name);
    return take_word(self);
}

static int add(parser_t *self, const words_option_t *option)
{
    char *value = option->takes_value ? take_value(self, option) : NULL;
    if (option->takes_value && value == NULL)
        return -1;
    words_t *words = self->words;
    words->choices = tt_realloc(words->choices, (words->count + 1) * sizeof *words->choices);
    words->choices[words->count++] = (words_choice_t){option, value};
    return 0;
}

/* --name, --name=value, --name value */
static int take_long(parser_t *self)
{
    const char *word = self->at, *name = word + 2;
    size_t len = strcspn(name, "= \t\r\n\\");
    const words_option_t *option = find_name(self, name, len);
    if (option == NULL)
        return fail_unknown(self, word, len + 2);
    self->at = name + len;
    if (*self->at != '=')
        return add(self, option);
    if (!option->takes_value)
        return tt_error_set(self->err, "%s: --%s takes no value", self->magic, option->name);
    self->at++;
    if (is_blank(*self->at))
        return tt_error_set(self->err,
                            "%s: --%s= needs its value right behind the =", self->magic,
                            option->name);
    return add(self, option);
}

/* -t value, -tvalue, -ab */
static int take_short(parser_t *self)
{
    for (self->at++; *self->at && !is_blank(*self->at);) {
        const words_option_t *option = find_letter(self, *self->at);
        if (option == NULL) {
            char shown[] = {'-', *self->at, 0};
            return fail_unknown(self, shown, 2);
        }
        self->at++;
        if (add(self, option) == -1)
            return -1;
        if (option->takes_value)
            return 0;
    }
    return 0;
}

static bool is_end(const char *at)
{
    return at[0] == '-' && at[1] == '-' && (at[2] == 0 || is_blank(at[2]));
}

static bool is_option(const char *at)
{
    return at[0] == '-' && (is_letter(at[1]) || (at[1] == '-' && is_letter(at[2])));
}

int words_more(words_t *self, const char *magic, const char *text, const words_option_t *table,
               size_t table_count, tt_error_t *err)
{
    parser_t parser = {self, magic, skip_blanks(text), table, table_count, err};
    while (is_option(parser.at)) {
        int result = parser.at[1] == '-' ? take_long(&parser) : take_short(&parser);
        if (result == -1) {
            words_release(self);
            return -1;
        }
        parser.at = skip_blanks(parser.at);
    }
    if (is_end(parser.at))
        parser.at = skip_blanks(parser.at + 2);
    self->rest = parser.at;
    return 0;
}

int words_options(words_t *self, const char *magic, const char *text,
                  const words_option_t *table, size_t table_count, tt_error_t *err)
{
    *self = (words_t){.rest = text};
    return words_more(self, magic, text, table, table_count, err);
}

void words_copy(words_t *self, const words_t *other)
{
    *self = *other;
    self->choices = tt_alloc((other->count + 1) * sizeof *self->choices);
    for (size_t i = 0; i < other->count; i++) {
        self->choices[i] = other->choices[i];
        if (self->choices[i].value)
            self->choices[i].value = tt_strdup(self->choices[i].value);
    }
}

static const words_choice_t *find_choice(const words_t *self, const char *name)
{
    for (size_t i = self->count; i > 0; i--)
        if (strcmp(self->choices[i - 1].option->name, name) == 0)
            return &self->choices[i - 1];
    return NULL;
}

const char *words_value(const words_t *self, const char *name)
{
    const words_choice_t *choice = find_choice(self, name);
    return choice ? choice->value : NULL;
}

bool words_has(const words_t *self, const char *name)
{
    return find_choice(self, name) != NULL;
}

void words_release(words_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->choices[i].value);
    free(self->choices);
    *self = (words_t){0};
}

/* Behind the string that starts at the quote `at`, or NULL when it is not closed. */
static const char *skip_string(const char *at)
{
    char quote = *at;
    size_t width = at[1] == quote && at[2] == quote ? 3 : 1;
    for (at += width; *at; at++) {
        if (*at == '\\' && at[1])
            at++;
        else if (*at == quote && (width == 1 || (at[1] == quote && at[2] == quote)))
            return at + width;
    }
    return NULL;
}

/* The bracket that closes `c`; 0 when `c` opens none. */
static char closing(char c)
{
    static const char pairs[] = "()[]{}";
    const char *at = c ? strchr(pairs, c) : NULL;
    return at && (at - pairs) % 2 == 0 ? at[1] : 0;
}

/* Minds one bracket; `open` holds the closing brackets awaited. */
static int note_bracket(tt_buf_t *open, char c, tt_error_t *err)
{
    char awaited = closing(c);
    if (awaited) {
        tt_buf_append(open, &awaited, 1);
        return 0;
    }
    if (c == 0 || !strchr(")]}", c))
        return 0;
    if (open->len == 0)
        return tt_error_set(err, "'%c' closes nothing", c);
    if (open->data[--open->len] != c)
        return tt_error_set(err, "found '%c' where '%c' was expected", c,
                            open->data[open->len]);
    return 0;
}

/* Behind the string or the character at `at`, or NULL with the reason. */
static const char *skip_piece(const char *at, tt_buf_t *open, tt_error_t *err)
{
    if (*at != '\'' && *at != '"')
        return note_bracket(open, *at, err) == -1 ? NULL : at + 1;
    const char *end = skip_string(at);
    return end ? end : tt_error_null(err, "the quote before %.40s is never closed", at + 1);
}

static bool is_comma(char c)
{
    return c == ',';
}

/* Behind the word at `at`, which reaches to what `ends` one, or NULL with the reason. */
static const char *skip_word(const char *at, bool (*ends)(char), tt_error_t *err)
{
    tt_buf_t open;
    tt_buf_init(&open);
    while (at && *at && (open.len || !ends(*at)))
        at = skip_piece(at, &open, err);
    if (at && open.len)
        at = tt_error_null(err, "'%c' is missing at the end", open.data[open.len - 1]);
    tt_buf_release(&open);
    return at;
}

static bool is_lambda(const char *word)
{
    return strncmp(word, "lambda", 6) == 0 && (word[6] == 0 || word[6] == ':');
}

static void add_item(words_list_t *self, const char *at, const char *end)
{
    self->items = tt_realloc(self->items, (self->count + 1) * sizeof *self->items);
    self->items[self->count++] = tt_strndup(at, (size_t)(end - at));
}

int words_split(words_list_t *self, const char *text, tt_error_t *err)
{
    *self = (words_list_t){NULL, 0};
    for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
        const char *end = skip_word(at, is_blank, err);
        if (end == NULL) {
            words_list_release(self);
            return -1;
        }
        add_item(self, at, end);
        if (is_lambda(self->items[self->count - 1])) {
            words_list_release(self);
            return tt_error_set(err, "a lambda needs brackets around it: "
                                     "%%map (lambda x: x**2) range(32)");
        }
        at = end;
    }
    return 0;
}

int words_items(words_list_t *self, const char *text, tt_error_t *err)
{
    *self = (words_list_t){NULL, 0};
    for (const char *at = skip_blanks(text); *at; at = skip_blanks(at)) {
        const char *end = skip_word(at, is_comma, err);
        if (end == NULL) {
            words_list_release(self);
            return -1;
        }
        const char *last = end;
        while (last > at && is_blank(last[-1]))
            last--;
        if (last > at)
            add_item(self, at, last);
        at = *end ? end + 1 : end;
    }
    return 0;
}

static bool is_name_part(char c)
{
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || (unsigned char)c >= 0x80;
}

size_t words_name(const char *text)
{
    size_t len = 0;
    if (*text >= '0' && *text <= '9')
        return 0;
    while (is_name_part(text[len]) ||
           (len > 0 && text[len] == '.' && is_name_part(text[len + 1])))
        len++;
    return len;
}

size_t words_assigned(const char *text)
{
    size_t len = words_name(text);
    const char *sign = len ? skip_blanks(text + len) : "";
    return sign[0] == '=' && sign[1] != '=' ? len : 0;
}

size_t words_called(const char *text)
{
    tt_error_t err;
    tt_buf_t open;
    size_t len = words_name(text);
    if (len == 0 || text[len] != '(')
        return 0;
    tt_buf_init(&open);
    const char *at = skip_piece(text + len, &open, &err);
    while (at && *at && open.len > 0)
        at = skip_piece(at, &open, &err);
    bool whole = at && open.len == 0 && *skip_blanks(at) == 0;
    tt_buf_release(&open);
    return whole ? len : 0;
}

char *words_as(char *text)
{
    size_t end = strlen(text), start;
    while (end > 0 && is_blank(text[end - 1]))
        end--;
    for (start = end; start > 0 && !is_blank(text[start - 1]);)
        start--;
    size_t as = start;
    while (as > 0 && is_blank(text[as - 1]))
        as--;
    if (end == start || words_name(text + start) != end - start || as < 3 ||
        strncmp(text + as - 2, "as", 2) != 0 || !is_blank(text[as - 3]))
        return NULL;
    text[end] = 0;
    for (as -= 2; as > 0 && is_blank(text[as - 1]);)
        as--;
    text[as] = 0;
    return text + start;
}

void words_list_release(words_list_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        free(self->items[i]);
    free(self->items);
    *self = (words_list_t){NULL, 0};
}
