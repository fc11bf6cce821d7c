/* Values as the shell knows them: text, arrays of text, maps from text to text. The table is in
 * PROTOCOL.md, "Values of the shell".
 *
 * Towards bash values become assignments in a script, with every byte quoted; from bash they
 * come as fields ended by zero bytes. Nothing is ever parsed that bash has written for people.
 */
#ifndef SHELL_VALUE_H
#define SHELL_VALUE_H

#include "buf.h"
#include "error.h"
#include "read.h"

#include <stdbool.h>

/* A value as it came: the reader at its head, and the buffers it may refer to. */
typedef struct {
    tt_reader_t at;
    const tt_span_t *buffers;
    size_t buffer_count;
} shell_given_t;

/* Appends text as one word of the shell, whatever bytes it has (zero excepted). */
void shell_quote(tt_buf_t *out, tt_span_t text);

/* True for [A-Za-z_][A-Za-z0-9_]*. */
bool shell_is_name(const char *text, size_t len);

/* Whether a variable of this name may be set: 0, or -1 with the reason. */
int shell_name_check(const char *name, tt_error_t *err);

/* Takes one value that is a single text to the shell, and appends that text, unquoted. `what`
 * names it in the reason. 0, 1 when it is nil (nothing is appended), or -1 with the reason. */
int shell_value_text(shell_given_t *given, const char *what, tt_buf_t *out, tt_error_t *err);

/* Takes one value and appends commands that set `name` to it. 0, or -1 with the reason. */
int shell_value_assign(shell_given_t *given, const char *name, tt_buf_t *script,
                       tt_error_t *err);

/* The same for an array whose values are given one by one: begin, add each, end. nil leaves its
 * index without a value. */
typedef struct {
    const char *name;
    tt_buf_t *script;
    size_t next; /* index */
} shell_value_list_t;

void shell_value_list_begin(shell_value_list_t *self, const char *name, tt_buf_t *script);
int shell_value_list_add(shell_value_list_t *self, shell_given_t *given, tt_error_t *err);
void shell_value_list_end(shell_value_list_t *self);

/* Packs text: as str when it is UTF-8, else as bin. */
void shell_value_pack(tt_buf_t *out, tt_span_t text);

/* Appends a command that writes what variable `name` holds, as fields. */
void shell_value_ask(tt_buf_t *script, const char *name);

/* Takes the next field, up to its zero byte. False when there is none. */
bool shell_field(tt_span_t *fields, tt_span_t *field);

/* Reads the fields that shell_value_ask's command wrote, and packs the value. 0, or -1 with the
 * reason: there is no such variable (`*missing`), or it is none that can travel. */
int shell_value_read(tt_span_t *fields, const char *name, tt_buf_t *out, bool *missing,
                     tt_error_t *err);

#endif
