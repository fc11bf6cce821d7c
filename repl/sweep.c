/* Parameters and their combinations. See sweep.h. */
#include "sweep.h"

#include "pack.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- values */

static sweep_value_t *add(sweep_parameter_t *self)
{
    self->values = tt_realloc(self->values, (self->count + 1) * sizeof *self->values);
    self->values[self->count] = (sweep_value_t){.kind = SWEEP_NONE};
    return &self->values[self->count++];
}

/* A number, whole where it is written so and fits. */
static bool read_number(const char *text, sweep_value_t *value)
{
    char *end;
    if (*text == 0 || strchr(" \t", *text) || strspn(text, "0123456789+-.eEinfaNIF_") == 0 ||
        strpbrk(text, "xXpP"))
        return false;
    errno = 0;
    value->whole = strtoll(text, &end, 10);
    value->number = (double)value->whole;
    value->kind = SWEEP_INT;
    if (*end == 0 && errno == 0)
        return true;
    value->number = strtod(text, &end);
    value->kind = SWEEP_DOUBLE;
    return *end == 0;
}

static bool is_word(const char *text, const char *word)
{
    return strcasecmp(text, word) == 0;
}

/* The text without its quotes, if it has any. */
static char *unquote(const char *text)
{
    size_t len = strlen(text);
    bool quoted = len >= 2 && (*text == '\'' || *text == '"') && text[len - 1] == *text;
    return quoted ? tt_strndup(text + 1, len - 2) : tt_strdup(text);
}

static void add_literal(sweep_parameter_t *self, const char *text)
{
    sweep_value_t *value = add(self);
    if (read_number(text, value))
        return;
    if (is_word(text, "true") || is_word(text, "false"))
        *value = (sweep_value_t){.kind = SWEEP_BOOL, .whole = is_word(text, "true")};
    else if (is_word(text, "none"))
        *value = (sweep_value_t){.kind = SWEEP_NONE};
    else
        *value = (sweep_value_t){.kind = SWEEP_TEXT, .text = unquote(text)};
}

/* ---- ranges */

static int add_numbers(sweep_parameter_t *self, const char *text, size_t count, bool whole,
                       double (*at)(const double *bounds, size_t i, size_t count),
                       const double *bounds, tt_error_t *err)
{
    if (count == 0 || count > SWEEP_ROWS_MAX)
        return tt_error_set(err, "'%s' has %s values", text, count ? "too many" : "no");
    for (size_t i = 0; i < count; i++) {
        sweep_value_t *value = add(self);
        value->number = at(bounds, i, count);
        value->whole = whole ? (int64_t)value->number : 0;
        value->kind = whole ? SWEEP_INT : SWEEP_DOUBLE;
    }
    return 0;
}

/* What a person would have typed: 0.3, and not 0.30000000000000004. */
static double rounded(double number)
{
    char text[32];
    snprintf(text, sizeof text, "%.12g", number);
    return strtod(text, NULL);
}

static double stepped(const double *bounds, size_t i, size_t count)
{
    (void)count;
    return rounded(bounds[0] + (double)i * bounds[2]);
}

static double linear(const double *bounds, size_t i, size_t count)
{
    if (i == 0 || i + 1 == count)
        return bounds[i > 0];
    return rounded(bounds[0] + (bounds[1] - bounds[0]) * (double)i / (double)(count - 1));
}

static double multiplied(const double *bounds, size_t i, size_t count)
{
    if (i == 0 || i + 1 == count)
        return bounds[i > 0];
    return rounded(bounds[0] * pow(bounds[1] / bounds[0], (double)i / (double)(count - 1)));
}

/* `a..b`, `a..b:step` */
static int add_range(sweep_parameter_t *self, const char *text, tt_error_t *err)
{
    char *copy = tt_strdup(text), *dots = strstr(copy, ".."), *colon = strchr(dots, ':');
    sweep_value_t from, to, step = {.kind = SWEEP_INT, .whole = 1, .number = 1};
    *dots = 0;
    if (colon)
        *colon = 0;
    bool read = read_number(copy, &from) && read_number(dots + 2, &to) &&
                (colon == NULL || read_number(colon + 1, &step));
    free(copy);
    if (!read || !isfinite(from.number) || !isfinite(to.number) || step.number == 0)
        return tt_error_set(err, "'%s' is no range: from..to:step, as in 10..60:10", text);
    double span = (to.number - from.number) / step.number,
           bounds[] = {from.number, to.number, step.number};
    size_t count = span < 0                ? 0
                   : span > SWEEP_ROWS_MAX ? SWEEP_ROWS_MAX + 1
                                           : (size_t)(span + 1e-9) + 1;
    bool whole = from.kind == SWEEP_INT && step.kind == SWEEP_INT;
    return add_numbers(self, text, count, whole, stepped, bounds, err);
}

/* `log(a,b,n)`, `lin(a,b,n)` */
static int add_spaced(sweep_parameter_t *self, const char *text, tt_error_t *err)
{
    double bounds[2];
    int count, end = 0;
    bool log = text[1] == 'o';
    if (sscanf(text + 4, " %lf , %lf , %d )%n", &bounds[0], &bounds[1], &count, &end) != 3 ||
        end == 0 || text[4 + end] || !isfinite(bounds[0]) || !isfinite(bounds[1]) || count < 1)
        return tt_error_set(err, "'%s': it is %.3s(from,to,count), as in log(1e-4,1e-1,4)",
                            text, text);
    if (log && bounds[0] * bounds[1] <= 0)
        return tt_error_set(err, "'%s': log needs two numbers of the same sign, not 0", text);
    return add_numbers(self, text, (size_t)count, false, log ? multiplied : linear, bounds,
                       err);
}

static int add_specified(sweep_parameter_t *self, const char *text, tt_error_t *err)
{
    if (strncmp(text, "log(", 4) == 0 || strncmp(text, "lin(", 4) == 0)
        return add_spaced(self, text, err);
    if (strstr(text, "..") && *text != '\'' && *text != '"')
        return add_range(self, text, err);
    add_literal(self, text);
    return 0;
}

/* ---- parameters */

static int read_parameter(sweep_t *self, const char *word, size_t name_len, tt_error_t *err)
{
    words_list_t specs;
    char *name = tt_strndup(word, name_len);
    for (size_t i = 0; i < self->count; i++)
        if (strcmp(self->items[i].name, name) == 0) {
            tt_error_set(err, "'%s' is given twice", name);
            free(name);
            return -1;
        }
    self->items = tt_realloc(self->items, (self->count + 1) * sizeof *self->items);
    sweep_parameter_t *made = &self->items[self->count++];
    *made = (sweep_parameter_t){name, NULL, 0};
    if (words_items(&specs, word + name_len + 1, err) != 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; i < specs.count && rc == 0; i++)
        rc = add_specified(made, specs.items[i], err);
    words_list_release(&specs);
    if (rc == 0 && made->count == 0)
        rc = tt_error_set(err, "'%s' has no values", name);
    return rc;
}

/* The length of the word at `at`, blanks within brackets and quotes included. */
static size_t word_len(const char *at)
{
    size_t len = 0, depth = 0;
    for (char quote = 0; at[len]; len++) {
        if (quote)
            quote = at[len] == quote ? 0 : quote;
        else if (at[len] == '\'' || at[len] == '"')
            quote = at[len];
        else if (strchr("([{", at[len]))
            depth++;
        else if (strchr(")]}", at[len]))
            depth -= depth > 0;
        else if (depth == 0 && strchr(" \t\n", at[len]))
            break;
    }
    return len;
}

static int read_all(sweep_t *self, const char *text, const char **rest, tt_error_t *err)
{
    if (self->count == 0)
        self->rows = 1;
    for (;;) {
        text += strspn(text, " \t\n");
        size_t name_len = words_assigned(text);
        *rest = text;
        if (name_len == 0 || text[name_len] != '=')
            return 0;
        size_t len = word_len(text);
        char *word = tt_strndup(text, len);
        int rc = read_parameter(self, word, name_len, err);
        free(word);
        if (rc != 0)
            return -1;
        size_t values = self->items[self->count - 1].count;
        if (values > SWEEP_ROWS_MAX / self->rows)
            return tt_error_set(err, "that makes more than %d rows", SWEEP_ROWS_MAX);
        self->rows *= values;
        text += len;
    }
}

int sweep_read(sweep_t *self, const char *text, const char **rest, tt_error_t *err)
{
    if (read_all(self, text, rest, err) == 0)
        return 0;
    sweep_release(self);
    return -1;
}

void sweep_release(sweep_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        for (size_t v = 0; v < self->items[i].count; v++)
            free(self->items[i].values[v].text);
        free(self->items[i].values);
        free(self->items[i].name);
    }
    free(self->items);
    *self = (sweep_t){NULL, 0, 0};
}

/* ---- rows */

const sweep_value_t *sweep_value(const sweep_t *self, size_t row, size_t parameter)
{
    for (size_t i = self->count; --i > parameter;)
        row /= self->items[i].count;
    return &self->items[parameter].values[row % self->items[parameter].count];
}

void sweep_pack(const sweep_value_t *value, tt_buf_t *out)
{
    switch (value->kind) {
    case SWEEP_INT:
        tt_pack_int(out, value->whole);
        break;
    case SWEEP_DOUBLE:
        tt_pack_double(out, value->number);
        break;
    case SWEEP_BOOL:
        tt_pack_bool(out, value->whole != 0);
        break;
    case SWEEP_NONE:
        tt_pack_nil(out);
        break;
    case SWEEP_TEXT:
        tt_pack_text(out, value->text);
        break;
    }
}

/* The shortest that reads back the same. */
static void write_double(double number, tt_buf_t *out)
{
    char text[32];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    tt_buf_printf(out, "%s", text);
}

void sweep_text(const sweep_value_t *value, tt_buf_t *out)
{
    if (value->kind == SWEEP_INT)
        tt_buf_printf(out, "%lld", (long long)value->whole);
    else if (value->kind == SWEEP_DOUBLE)
        write_double(value->number, out);
    else if (value->kind == SWEEP_BOOL)
        tt_buf_printf(out, "%s", value->whole ? "true" : "false");
    else
        tt_buf_printf(out, "%s", value->kind == SWEEP_NONE ? "" : value->text);
}

void sweep_fill(const sweep_t *self, size_t row, const char *text, tt_buf_t *out)
{
    while (*text) {
        size_t i = 0, len = 0;
        for (; *text == '{' && i < self->count; i++) {
            len = strlen(self->items[i].name);
            if (strncmp(text + 1, self->items[i].name, len) == 0 && text[1 + len] == '}')
                break;
        }
        if (*text == '{' && i < self->count) {
            sweep_text(sweep_value(self, row, i), out);
            text += len + 2;
        } else {
            tt_buf_append(out, text++, 1);
        }
    }
}
