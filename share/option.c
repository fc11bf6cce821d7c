/* Options as a table. See option.h. Called by the main programs and by the prompt's magics. */
#include "option.h"

#include "buf.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void tt_texts_add(tt_texts_t *self, const char *text)
{
    self->items = tt_realloc(self->items, (self->count + 1) * sizeof *self->items);
    self->items[self->count++] = (char *)(uintptr_t)text;
}

void tt_texts_release(tt_texts_t *self)
{
    free(self->items);
    *self = (tt_texts_t){NULL, 0};
}

/* ---- what a person may have meant */

enum { WORD_LIMIT = 63 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many letters must be changed, added or left out (Levenshtein). */
static size_t distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b), row[WORD_LIMIT + 1];
    if (la > WORD_LIMIT || lb > WORD_LIMIT)
        return WORD_LIMIT;
    for (size_t k = 0; k <= lb; k++)
        row[k] = k;
    for (size_t i = 1; i <= la; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t k = 1; k <= lb; k++) {
            size_t change = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            row[k] = least(change, least(row[k], row[k - 1]) + 1);
        }
    }
    return row[lb];
}

const char *tt_closest(const char *word, const char *const *names, size_t count)
{
    const char *best = NULL;
    size_t limit = strlen(word) / 3 + 1;
    for (size_t i = 0; i < count; i++) {
        size_t away = distance(word, names[i]);
        if (away <= limit && away < strlen(names[i])) {
            best = names[i];
            limit = away ? away - 1 : 0;
            if (away == 0)
                break;
        }
    }
    return best;
}

/* ---- names */

static bool is_end(const tt_option_t *option)
{
    return option->letter == 0 && option->name == NULL;
}

static void put_name(tt_buf_t *out, const tt_option_t *option)
{
    if (option->letter)
        tt_buf_printf(out, "-%c%s", option->letter, option->name ? ", " : "");
    if (option->name)
        tt_buf_printf(out, "--%s", option->name);
}

static const tt_option_t *find_long(const tt_option_t *table, const char *name, size_t len)
{
    for (; !is_end(table); table++)
        if (table->name && strlen(table->name) == len && memcmp(table->name, name, len) == 0)
            return table;
    return NULL;
}

static const tt_option_t *find_letter(const tt_option_t *table, char letter)
{
    for (; !is_end(table); table++)
        if (table->letter == letter)
            return table;
    return NULL;
}

static const char *closest_option(const tt_option_t *table, const char *word)
{
    const char *names[128];
    size_t count = 0;
    for (; !is_end(table) && count < sizeof names / sizeof *names; table++)
        if (table->name)
            names[count++] = table->name;
    return tt_closest(word, names, count);
}

static int unknown(const tt_option_t *table, const char *option, tt_error_t *err)
{
    tt_buf_t exist;
    tt_buf_init(&exist);
    for (const tt_option_t *row = table; !is_end(row); row++) {
        tt_buf_append(&exist, ", ", row == table ? 0 : 2);
        if (row->name)
            tt_buf_printf(&exist, "--%s", row->name);
        else
            tt_buf_printf(&exist, "-%c", row->letter);
    }
    const char *word = option + strspn(option, "-");
    const char *close = strlen(word) > 1 ? closest_option(table, word) : NULL;
    if (exist.len == 0)
        tt_error_set(err, "unknown option '%.80s'; there are none", option);
    else if (close)
        tt_error_set(err, "unknown option '%.80s'; did you mean --%s? There are %s", option,
                     close, tt_buf_text(&exist));
    else
        tt_error_set(err, "unknown option '%.80s'; there are %s", option, tt_buf_text(&exist));
    tt_buf_release(&exist);
    return -1;
}

/* ---- values */

int tt_amount(const char *text, double *amount)
{
    static const char units[] = "KMGT";
    char *end;
    if (strspn(text, "0123456789.") == 0)
        return -1;
    double number = strtod(text, &end);
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (*end && (unit == NULL || end[1]))
        return -1;
    for (const char *at = units; unit && at <= unit; at++)
        number *= 1024;
    if (!(number > 0) || number > 1e18)
        return -1;
    *amount = number;
    return 0;
}

int tt_seconds(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double factor;
    } units[] = {{"", 1}, {"s", 1}, {"ms", 0.001}, {"m", 60}, {"h", 3600}};
    char *end;
    if (strspn(text, "0123456789.") == 0)
        return -1;
    double value = strtod(text, &end);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (end > text && strcmp(end, units[i].unit) == 0 && value * units[i].factor <= 1e9) {
            *seconds = value * units[i].factor;
            return 0;
        }
    return -1;
}

int tt_whole_number(const char *text, long *number)
{
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (end == text || *end != 0 || strchr(" \t\n\v\f\r+", text[0])) {
        errno = 0;
        return -1;
    }
    if (errno == ERANGE)
        return -1;
    *number = value;
    return 0;
}

/* One value on its way into the caller's struct. */
typedef struct {
    const tt_option_t *option;
    void *at;
    char *value;
    tt_error_t *err;
} setting_t;

static int wrong_value(const setting_t *self, const char *wanted)
{
    const char *name = self->option->name;
    char letter[2] = {self->option->letter, 0};
    return tt_error_set(self->err, "%s%s: '%.80s' is not %s", name ? "--" : "-",
                        name ? name : letter, self->value, wanted);
}

static int set_flag(const setting_t *self)
{
    *(bool *)self->at = true;
    return 0;
}

static int set_text(const setting_t *self)
{
    *(const char **)self->at = self->value;
    return 0;
}

static int set_int(const setting_t *self)
{
    if (tt_whole_number(self->value, self->at) == 0)
        return 0;
    if (errno == ERANGE)
        return wrong_value(self, "a number this machine can hold");
    return wrong_value(self, "a whole number");
}

static int set_seconds(const setting_t *self)
{
    if (tt_seconds(self->value, self->at) != 0)
        return wrong_value(self, "a time in seconds (or 200ms, 5m, 2h)");
    return 0;
}

static int set_multi(const setting_t *self)
{
    tt_texts_add(self->at, self->value);
    return 0;
}

static int set_ordered(const setting_t *self)
{
    tt_texts_add(self->at, self->option->name);
    tt_texts_add(self->at, self->value);
    return 0;
}

static int (*const setters[])(const setting_t *self) = {
    [TT_OPTION_FLAG] = set_flag,
    [TT_OPTION_TEXT] = set_text,
    [TT_OPTION_INT] = set_int,
    [TT_OPTION_SECONDS] = set_seconds,
    [TT_OPTION_MULTI] = set_multi,
    [TT_OPTION_ORDERED] = set_ordered,
    [TT_OPTION_ORDERED_MULTI] = set_ordered,
};

int tt_option_set(const tt_option_t *option, void *into, char *value, tt_error_t *err)
{
    setting_t setting = {option, (char *)into + option->offset, value, err};
    return setters[option->kind](&setting);
}

const tt_option_t *tt_option_find(const tt_option_t *table, const char *name)
{
    return find_long(table, name, strlen(name));
}

bool tt_option_adds_up(const tt_option_t *option)
{
    return option->kind == TT_OPTION_MULTI || option->kind == TT_OPTION_ORDERED_MULTI;
}

bool tt_option_is_path(const tt_option_t *option)
{
    static const char *const paths[] = {"FILE", "PATH", "DIR"};
    for (size_t i = 0; option->argument && i < sizeof paths / sizeof *paths; i++)
        if (strcmp(option->argument, paths[i]) == 0)
            return true;
    return false;
}

/* ---- parsing */

typedef struct {
    const tt_option_t *table;
    void *into;
    int argc, at; /* `at`: the word being read */
    char **argv;
    tt_error_t *err;
} parse_t;

static int set_option(parse_t *self, const tt_option_t *option, char *value)
{
    return tt_option_set(option, self->into, value, self->err);
}

static int needs_value(parse_t *self, const char *word)
{
    if (self->at + 1 < self->argc)
        return 0;
    return tt_error_set(self->err, "%.80s needs a value", word);
}

static int parse_long(parse_t *self)
{
    char *word = self->argv[self->at];
    size_t len = strcspn(word + 2, "=");
    char *value = word[2 + len] ? word + 2 + len + 1 : NULL;
    const tt_option_t *option = find_long(self->table, word + 2, len);
    if (option == NULL) {
        char *name = tt_strndup(word, 2 + len);
        int rc = unknown(self->table, name, self->err);
        free(name);
        return rc;
    }
    if (option->kind == TT_OPTION_FLAG && value)
        return tt_error_set(self->err, "--%s takes no value", option->name);
    if (option->kind != TT_OPTION_FLAG && value == NULL) {
        if (needs_value(self, word) != 0)
            return -1;
        value = self->argv[++self->at];
    }
    return set_option(self, option, value);
}

/* "-n4", "-n 4", and flags in one word: "-xv". */
static int parse_letters(parse_t *self)
{
    for (char *letter = self->argv[self->at] + 1; *letter; letter++) {
        char word[3] = {'-', *letter, 0};
        const tt_option_t *option = find_letter(self->table, *letter);
        if (option == NULL)
            return unknown(self->table, word, self->err);
        if (option->kind == TT_OPTION_FLAG) {
            set_option(self, option, NULL);
            continue;
        }
        if (letter[1])
            return set_option(self, option, letter + 1);
        if (needs_value(self, word) != 0)
            return -1;
        return set_option(self, option, self->argv[++self->at]);
    }
    return 0;
}

static bool is_operand(const char *word)
{
    return word[0] != '-' || word[1] == 0;
}

/* Moves the words from `from` up to `to` in front of `count` operands that stand before them.
 */
static void move_forward(char **argv, int from, int to, int count)
{
    for (; count > 0 && from < to; from++) {
        char *word = argv[from];
        memmove(&argv[from - count + 1], &argv[from - count], (size_t)count * sizeof *argv);
        argv[from - count] = word;
    }
}

int tt_options_parse(const tt_option_t *table, void *into, int argc, char **argv,
                     int *first_rest, bool stop_at_first_rest, tt_error_t *err)
{
    parse_t self = {table, into, argc, 1, argv, err};
    int operands = 0;
    bool ended = false;
    while (self.at < argc && !ended) {
        char *word = argv[self.at];
        int from = self.at;
        if (is_operand(word)) {
            if (stop_at_first_rest)
                break;
            operands++;
            self.at++;
            continue;
        }
        ended = strcmp(word, "--") == 0;
        if (!ended && (word[1] == '-' ? parse_long(&self) : parse_letters(&self)) != 0)
            return -1;
        self.at++;
        move_forward(argv, from, self.at, operands);
    }
    *first_rest = (self.at < argc ? self.at : argc) - operands;
    return 0;
}

/* ---- help */

enum { WIDTH = 80, INDENT = 2, GAP = 2, NAMES_MAX = 28 };

static void put_entry(tt_buf_t *out, const tt_option_t *option)
{
    out->len = 0;
    if (option->letter == 0)
        tt_buf_append(out, "    ", 4); /* as wide as "-n, " */
    put_name(out, option);
    if (option->argument)
        tt_buf_printf(out, " %s", option->argument);
}

/* Wraps `text` at words; the cursor stands at `column`, further lines begin there, too. */
static void wrap(const char *text, size_t column, FILE *out)
{
    size_t at = column;
    while (*text) {
        size_t len = strcspn(text, " ");
        if (at > column && at + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)column, "");
            at = column;
        } else if (at > column) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)len, text);
        at += len;
        text += len + strspn(text + len, " ");
    }
    fputc('\n', out);
}

void tt_options_help(const tt_option_t *table, FILE *out)
{
    tt_buf_t entry;
    tt_buf_init(&entry);
    size_t names = 0;
    for (const tt_option_t *row = table; !is_end(row); row++) {
        put_entry(&entry, row);
        if (entry.len > names && entry.len <= NAMES_MAX)
            names = entry.len;
    }
    size_t column = INDENT + names + GAP;
    for (const tt_option_t *row = table; !is_end(row); row++) {
        put_entry(&entry, row);
        fprintf(out, "%*s%s", INDENT, "", tt_buf_text(&entry));
        if (entry.len > names)
            fprintf(out, "\n%*s", (int)column, "");
        else
            fprintf(out, "%*s", (int)(column - INDENT - entry.len), "");
        wrap(row->help ? row->help : "", column, out);
    }
    tt_buf_release(&entry);
}
