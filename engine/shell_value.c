/* Values to bash text and back. See shell_value.h. */
#include "shell_value.h"

#include "pack.h"
#include "text.h"
#include "value.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Holes of a sparse array travel as nil, as long as they are not more than this. */
enum { HOLES_MAX = 65536, BIGINT_MAX = 4096 };

void shell_quote(tt_buf_t *out, tt_span_t text)
{
    const uint8_t *at = text.data, *end = text.len > 0 ? text.data + text.len : at;
    tt_buf_append(out, "'", 1);
    while (at < end) {
        const uint8_t *quote = memchr(at, '\'', (size_t)(end - at));
        const uint8_t *stop = quote ? quote : end;
        tt_buf_append(out, at, (size_t)(stop - at));
        if (quote)
            tt_buf_append(out, "'\\''", 4);
        at = quote ? quote + 1 : end;
    }
    tt_buf_append(out, "'", 1);
}

/* ---- names */

bool shell_is_name(const char *text, size_t len)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
    if (len == 0 || text[0] == 0 || strchr(letters, text[0]) == NULL)
        return false;
    for (size_t i = 1; i < len; i++)
        if (text[i] == 0 ||
            (strchr(letters, text[i]) == NULL && strchr("0123456789", text[i]) == NULL))
            return false;
    return true;
}

int shell_name_check(const char *name, tt_error_t *err)
{
    static const char *const own[] = {"UID",       "EUID",     "PPID",       "GROUPS",
                                      "SHELLOPTS", "DIRSTACK", "PIPESTATUS", "LINENO",
                                      "_",         "FUNCNAME", "SHELL_PID"};
    if (!shell_is_name(name, strlen(name)))
        return tt_error_set(err,
                            "'%.100s' is no name of a shell variable: letters, digits and _, "
                            "not beginning with a digit",
                            name);
    bool special = strncmp(name, "BASH", 4) == 0;
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        special = special || strcmp(name, own[i]) == 0;
    return special ? tt_error_set(
                         err, "'%.100s' is a variable of bash itself: take another name", name)
                   : 0;
}

/* ---- one text */

static const char *type_name(const tt_item_t *item)
{
    static const char *const names[] = {"None",  "a bool", "an int", "an int", "a float",
                                        "a str", "bytes",  "a list", "a dict"};
    switch (item->type) {
    case TT_EXT:
        break;
    default:
        return names[item->type];
    }
    switch (item->ext) {
    case TT_EXT_TUPLE:
        return "a tuple";
    case TT_EXT_BIGINT:
        return "a very large int";
    case TT_EXT_TIMESTAMP:
        return "a time";
    case TT_EXT_COMPLEX:
        return "a complex number";
    case TT_EXT_ARRAY:
        return "an n-d array";
    case TT_EXT_OBJECT:
        return "an object";
    default:
        return "of an unknown type";
    }
}

/* As Python writes it: the fewest digits that read back, an exponent from 1e16 on. */
static void put_float(tt_buf_t *out, double value)
{
    char text[40], *point;
    int digits = 1;
    if (!isfinite(value)) {
        tt_buf_printf(out, "%s", isnan(value) ? "nan" : value < 0 ? "-inf" : "inf");
        return;
    }
    for (; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value)
            break;
    }
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent < -4 || exponent >= 16) {
        tt_buf_printf(out, "%s", text);
        return;
    }
    int places = digits - 1 - exponent;
    snprintf(text, sizeof text, "%.*f", places > 0 ? places : 1, value);
    point = strchr(text, ',');
    if (point)
        *point = '.';
    tt_buf_printf(out, "%s", text);
}

static int put_bytes(tt_buf_t *out, const char *what, tt_span_t bytes, tt_error_t *err)
{
    if (bytes.len > 0 && memchr(bytes.data, 0, bytes.len))
        return tt_error_set(err, "%s holds a zero byte: no text of a shell can", what);
    tt_buf_append(out, bytes.data, bytes.len);
    return 0;
}

static int refuse(const tt_item_t *item, const char *what, tt_error_t *err)
{
    bool nested = strchr(what, '[') != NULL && item->type != TT_EXT;
    return tt_error_set(err, "%s is %s: %s", what, type_name(item),
                        nested ? "an array of the shell holds only texts"
                               : "the shell knows only texts, and arrays and maps of texts");
}

static int put_ext(shell_given_t *given, const tt_reader_t *was, const tt_item_t *item,
                   const char *what, tt_buf_t *out, tt_error_t *err)
{
    tt_reader_t again = *was;
    tt_span_t data;
    if (item->ext == TT_EXT_BUFFER &&
        tt_read_data(&again, given->buffers, given->buffer_count, &data) == 0)
        return put_bytes(out, what, data, err);
    if (item->ext != TT_EXT_BIGINT || item->as.bytes.len > BIGINT_MAX)
        return refuse(item, what, err);
    tt_value_json((tt_span_t){was->at, (size_t)(given->at.at - was->at)}, out);
    return 0;
}

int shell_value_text(shell_given_t *given, const char *what, tt_buf_t *out, tt_error_t *err)
{
    tt_reader_t was = given->at;
    tt_item_t item;
    if (tt_read(&given->at, &item) != 0)
        return tt_error_set(err, "%s is malformed", what);
    switch (item.type) {
    case TT_NIL:
        return 1;
    case TT_BOOL:
        tt_buf_printf(out, "%s", item.as.b ? "true" : "false");
        return 0;
    case TT_INT:
        tt_buf_printf(out, "%lld", (long long)item.as.i);
        return 0;
    case TT_UINT:
        tt_buf_printf(out, "%llu", (unsigned long long)item.as.u);
        return 0;
    case TT_FLOAT:
        put_float(out, item.as.f);
        return 0;
    case TT_STR:
    case TT_BIN:
        return put_bytes(out, what, item.as.bytes, err);
    case TT_EXT:
        return put_ext(given, &was, &item, what, out, err);
    case TT_ARRAY:
    case TT_MAP:
        break;
    }
    return refuse(&item, what, err);
}

/* ---- into bash */

/* What an earlier variable of this name was must not change the new value: an array, an integer
 * and so on is unset first; a plain one stays exported if it was. */
static void put_fresh(tt_buf_t *script, const char *name, bool plain)
{
    if (plain)
        tt_buf_printf(script, "case ${%s@a} in *[!xr]*) \\builtin unset -v %s;; esac\n", name,
                      name);
    else
        tt_buf_printf(script, "\\builtin unset -v %s\n", name);
}

void shell_value_list_begin(shell_value_list_t *self, const char *name, tt_buf_t *script)
{
    *self = (shell_value_list_t){name, script, 0};
    put_fresh(script, name, false);
    tt_buf_printf(script, "%s=(", name);
}

int shell_value_list_add(shell_value_list_t *self, shell_given_t *given, tt_error_t *err)
{
    tt_buf_t text;
    char what[160];
    tt_buf_init(&text);
    snprintf(what, sizeof what, "%.100s[%zu]", self->name, self->next);
    int rc = shell_value_text(given, what, &text, err);
    if (rc == 0) {
        tt_buf_printf(self->script, "[%zu]=", self->next);
        shell_quote(self->script, (tt_span_t){text.data, text.len});
        tt_buf_append(self->script, " ", 1);
    }
    self->next++;
    tt_buf_release(&text);
    return rc < 0 ? -1 : 0;
}

void shell_value_list_end(shell_value_list_t *self)
{
    tt_buf_printf(self->script, ")\n");
}

static int assign_list(shell_given_t *given, size_t count, const char *name, tt_buf_t *script,
                       tt_error_t *err)
{
    shell_value_list_t list;
    shell_value_list_begin(&list, name, script);
    for (size_t i = 0; i < count; i++)
        if (shell_value_list_add(&list, given, err) != 0)
            return -1;
    shell_value_list_end(&list);
    return 0;
}

/* One key and its value, as a member of the compound assignment. */
static int put_pair(shell_given_t *given, const char *name, tt_buf_t *script, tt_error_t *err)
{
    tt_buf_t key, text;
    char what[240];
    tt_buf_init(&key);
    tt_buf_init(&text);
    snprintf(what, sizeof what, "a key of %.100s", name);
    int rc = shell_value_text(given, what, &key, err);
    if (rc == 1 || (rc == 0 && key.len == 0))
        rc = tt_error_set(err, "%s is %s: a map of the shell cannot have it", what,
                          rc == 1 ? "None" : "empty");
    snprintf(what, sizeof what, "%.100s[%.100s]", name, rc == 0 ? tt_buf_text(&key) : "");
    if (rc == 0)
        rc = shell_value_text(given, what, &text, err);
    if (rc == 0) {
        tt_buf_append(script, "[", 1);
        shell_quote(script, (tt_span_t){key.data, key.len});
        tt_buf_append(script, "]=", 2);
        shell_quote(script, (tt_span_t){text.data, text.len});
        tt_buf_append(script, " ", 1);
    }
    tt_buf_release(&key);
    tt_buf_release(&text);
    return rc < 0 ? -1 : 0;
}

static int assign_map(shell_given_t *given, size_t count, const char *name, tt_buf_t *script,
                      tt_error_t *err)
{
    int rc = 0;
    put_fresh(script, name, false);
    tt_buf_printf(script, "\\builtin declare -gA %s\n%s=(", name, name);
    for (size_t i = 0; i < count && rc == 0; i++)
        rc = put_pair(given, name, script, err);
    tt_buf_printf(script, ")\n");
    return rc;
}

/* ---- numeric arrays */

typedef struct {
    char kind; /* numpy's: i, u, f, b */
    unsigned width;
    bool big_endian;
} dtype_t;

static int read_dtype(tt_reader_t *reader, dtype_t *dtype)
{
    char text[16];
    if (tt_read_text(reader, text, sizeof text) != 0 || strlen(text) != 3 ||
        strchr("<>|=", text[0]) == NULL || strchr("iufb", text[1]) == NULL ||
        strchr("1248", text[2]) == NULL || (text[1] == 'f' && text[2] < '4') ||
        (text[1] == 'b' && text[2] != '1'))
        return -1;
    *dtype = (dtype_t){text[1], (unsigned)(text[2] - '0'), text[0] == '>'};
    return 0;
}

static void put_number(tt_buf_t *out, const uint8_t *at, const dtype_t *dtype)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < dtype->width; i++)
        bits |= (uint64_t)at[dtype->big_endian ? dtype->width - 1 - i : i] << (8 * i);
    unsigned unused = 64 - 8 * dtype->width;
    if (dtype->kind == 'b') {
        tt_buf_printf(out, "%s", bits ? "true" : "false");
    } else if (dtype->kind == 'u') {
        tt_buf_printf(out, "%llu", (unsigned long long)bits);
    } else if (dtype->kind == 'i') {
        tt_buf_printf(out, "%lld", (long long)((int64_t)(bits << unused) >> unused));
    } else if (dtype->width == 8) {
        double value;
        memcpy(&value, &bits, sizeof value);
        put_float(out, value);
    } else {
        float value;
        uint32_t low = (uint32_t)bits;
        memcpy(&value, &low, sizeof value);
        put_float(out, (double)value);
    }
}

static int assign_numbers(shell_given_t *given, const tt_item_t *item, const char *name,
                          tt_buf_t *script, tt_error_t *err)
{
    tt_reader_t reader = tt_reader(item->as.bytes);
    size_t members, dimensions = 0;
    uint64_t count = 0;
    dtype_t dtype;
    tt_span_t order, data;
    if (tt_read_array(&reader, &members) != 0 || members != 4 ||
        read_dtype(&reader, &dtype) != 0 || tt_read_array(&reader, &dimensions) != 0 ||
        dimensions != 1 || tt_read_uint(&reader, &count) != 0 ||
        tt_read_str(&reader, &order) != 0 ||
        tt_read_data(&reader, given->buffers, given->buffer_count, &data) != 0 ||
        data.len / dtype.width < count)
        return tt_error_set(err,
                            "%s is an n-d array: only those of one dimension and of numbers "
                            "become an array of the shell",
                            name);
    put_fresh(script, name, false);
    tt_buf_printf(script, "%s=(", name);
    for (uint64_t i = 0; i < count; i++) {
        put_number(script, data.data + i * dtype.width, &dtype);
        tt_buf_append(script, " ", 1);
    }
    tt_buf_printf(script, ")\n");
    return 0;
}

static int assign_text(shell_given_t *given, const char *name, tt_buf_t *script,
                       tt_error_t *err)
{
    tt_buf_t text;
    tt_buf_init(&text);
    int rc = shell_value_text(given, name, &text, err);
    if (rc == 1) {
        put_fresh(script, name, false);
    } else if (rc == 0) {
        put_fresh(script, name, true);
        tt_buf_printf(script, "%s=", name);
        shell_quote(script, (tt_span_t){text.data, text.len});
        tt_buf_append(script, "\n", 1);
    }
    tt_buf_release(&text);
    return rc < 0 ? -1 : 0;
}

int shell_value_assign(shell_given_t *given, const char *name, tt_buf_t *script,
                       tt_error_t *err)
{
    tt_reader_t ahead = given->at;
    tt_item_t item;
    size_t count;
    if (tt_read(&ahead, &item) != 0)
        return tt_error_set(err, "the value of %s is malformed", name);
    if (item.type == TT_ARRAY || item.type == TT_MAP) {
        given->at = ahead;
        return item.type == TT_ARRAY ? assign_list(given, item.as.count, name, script, err)
                                     : assign_map(given, item.as.count, name, script, err);
    }
    if (item.type == TT_EXT && item.ext == TT_EXT_TUPLE) {
        shell_given_t inner = {tt_reader(item.as.bytes), given->buffers, given->buffer_count};
        if (tt_read_array(&inner.at, &count) != 0)
            return tt_error_set(err, "the value of %s is malformed", name);
        given->at = ahead;
        return assign_list(&inner, count, name, script, err);
    }
    if (item.type == TT_EXT && item.ext == TT_EXT_ARRAY) {
        given->at = ahead;
        return assign_numbers(given, &item, name, script, err);
    }
    return assign_text(given, name, script, err);
}

/* ---- out of bash */

void shell_value_pack(tt_buf_t *out, tt_span_t text)
{
    const char *at = (const char *)text.data;
    size_t left = text.len;
    while (left > 0) {
        uint32_t code;
        size_t size = tt_text_char(at, left, &code);
        if (size == 0) {
            tt_pack_bin(out, text.data, text.len);
            return;
        }
        at += size;
        left -= size;
    }
    tt_pack_str(out, text.len ? (const char *)text.data : "", text.len);
}

/* Attributes, count, keys, values; to bash a plain variable is an array of one. */
void shell_value_ask(tt_buf_t *script, const char *name)
{
    tt_buf_printf(
        script,
        "\\builtin printf '%%s\\0' \"${%s@a}\" \"${#%s[@]}\"\n"
        "[[ ${#%s[@]} == 0 ]] || \\builtin printf '%%s\\0' \"${!%s[@]}\" \"${%s[@]}\"\n",
        name, name, name, name, name);
}

bool shell_field(tt_span_t *fields, tt_span_t *field)
{
    const uint8_t *end = fields->len ? memchr(fields->data, 0, fields->len) : NULL;
    if (end == NULL)
        return false;
    *field = (tt_span_t){fields->data, (size_t)(end - fields->data)};
    fields->data += field->len + 1;
    fields->len -= field->len + 1;
    return true;
}

static bool number_field(tt_span_t *fields, uint64_t *number)
{
    tt_span_t field;
    char *end;
    if (!shell_field(fields, &field))
        return false;
    *number = strtoull((const char *)field.data, &end, 10);
    return field.len > 0 && *end == 0;
}

/* `fields` is at the keys; the values begin behind them. */
static int read_array(tt_span_t *fields, uint64_t count, const char *name, tt_buf_t *out,
                      tt_error_t *err)
{
    tt_span_t keys = *fields, last = *fields, field;
    uint64_t size = 0, key = 0, next = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!number_field(&last, &size))
            return tt_error_set(err, "cannot read array '%s'", name);
    }
    size = count ? size + 1 : 0;
    if (size - count > HOLES_MAX)
        return tt_error_set(
            err, "array '%s' has %llu values and the index %llu: too sparse to be sent", name,
            (unsigned long long)count, (unsigned long long)size - 1);
    *fields = last;
    tt_pack_array(out, size);
    for (uint64_t i = 0; i < count; i++, next++) {
        if (!number_field(&keys, &key) || !shell_field(fields, &field))
            return tt_error_set(err, "cannot read array '%s'", name);
        for (; next < key; next++)
            tt_pack_nil(out);
        shell_value_pack(out, field);
    }
    return 0;
}

static int read_map(tt_span_t *fields, uint64_t count, const char *name, tt_buf_t *out,
                    tt_error_t *err)
{
    tt_span_t keys = *fields, field;
    for (uint64_t i = 0; i < count; i++)
        if (!shell_field(fields, &field))
            return tt_error_set(err, "cannot read map '%s'", name);
    tt_pack_map(out, count);
    for (uint64_t i = 0; i < count; i++) {
        if (!shell_field(&keys, &field))
            return tt_error_set(err, "cannot read map '%s'", name);
        shell_value_pack(out, field);
        if (!shell_field(fields, &field))
            return tt_error_set(err, "cannot read map '%s'", name);
        shell_value_pack(out, field);
    }
    return 0;
}

int shell_value_read(tt_span_t *fields, const char *name, tt_buf_t *out, bool *missing,
                     tt_error_t *err)
{
    tt_span_t attributes, field;
    uint64_t count = 0;
    *missing = false;
    if (!shell_field(fields, &attributes) || !number_field(fields, &count))
        return tt_error_set(err, "cannot read variable '%s'", name);
    if (memchr(attributes.data, 'A', attributes.len))
        return read_map(fields, count, name, out, err);
    if (memchr(attributes.data, 'a', attributes.len))
        return read_array(fields, count, name, out, err);
    *missing = count == 0;
    if (*missing)
        return tt_error_set(err, "variable '%s' is not set", name);
    if (!shell_field(fields, &field) || !shell_field(fields, &field))
        return tt_error_set(err, "cannot read variable '%s'", name);
    shell_value_pack(out, field);
    return 0;
}
