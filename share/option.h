/* Options of a command line as a table, from which parsing and help both come.
 *
 *     struct { bool json; long count; double timeout; tt_texts_t lines; } given = {.count = 4};
 *     static const tt_option_t options[] = {
 *         {'n', "engines", "N", "how many engines", TT_OPTION_INT, offsetof(...)},
 *         {0, "json", NULL, "one JSON object per result", TT_OPTION_FLAG, offsetof(...)},
 *         {0}};
 */
#ifndef TT_OPTION_H
#define TT_OPTION_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Texts in the order they came. The items are borrowed from argv; the array is owned. */
typedef struct {
    char **items;
    size_t count;
} tt_texts_t;

/* Adds one, borrowed. */
void tt_texts_add(tt_texts_t *self, const char *text);
void tt_texts_release(tt_texts_t *self);

/* What stands at the offset in the caller's struct. */
typedef enum {
    TT_OPTION_FLAG,    /* bool: set to true */
    TT_OPTION_TEXT,    /* const char *: borrowed from argv */
    TT_OPTION_INT,     /* long */
    TT_OPTION_SECONDS, /* double, at least 0; "90", "1.5", "200ms", "10s", "5m", "2h" */
    TT_OPTION_MULTI,   /* tt_texts_t: each occurrence adds one */
    TT_OPTION_ORDERED, /* tt_texts_t, which several options share: each occurrence adds two, the
                          option's name and its value, so that their order is known */
    TT_OPTION_ORDERED_MULTI /* the same, of an option that may be repeated */
} tt_option_kind_t;

typedef struct {
    char letter;          /* 0: no short form */
    const char *name;     /* without dashes; NULL: no long form */
    const char *argument; /* NULL: it takes none (FLAG); else its name in the help */
    const char *help;     /* one sentence */
    tt_option_kind_t kind;
    size_t offset;
} tt_option_t; /* a table ends with {0} */

/* Reads argv[1] and on; argv[0] is the command. Values go into the struct `into`, where
 * defaults may stand already. "--" ends the options, "-" alone is an operand. Operands are
 * moved behind the options (argv is permuted) and begin at `first_rest`; with
 * `stop_at_first_rest` the first operand ends the options instead. Returns 0, or -1 with what
 * is wrong, the closest name and what exists. */
int tt_options_parse(const tt_option_t *table, void *into, int argc, char **argv,
                     int *first_rest, bool stop_at_first_rest, tt_error_t *err);

/* The option with this long name, or NULL. */
const tt_option_t *tt_option_find(const tt_option_t *table, const char *name);

/* Sets one option, as if it stood on the line with this value (NULL for a flag). The value is
 * borrowed as those of a line are. Returns 0, or -1 with what is wrong with it. */
int tt_option_set(const tt_option_t *option, void *into, char *value, tt_error_t *err);

/* Whether several of it add up; else the last one holds. */
bool tt_option_adds_up(const tt_option_t *option);

/* Whether it names a file or a folder, by what its argument is called: FILE, PATH, DIR. */
bool tt_option_is_path(const tt_option_t *option);

/* Writes one entry for each option, aligned, at most 80 columns wide. */
void tt_options_help(const tt_option_t *table, FILE *out);

/* Which of the names a person may have meant by `word`, or NULL when none is close. For all
 * errors about an unknown name. */
const char *tt_closest(const char *word, const char *const *names, size_t count);

/* Reads a whole number, all of the text. Returns 0 or -1. */
int tt_whole_number(const char *text, long *number);

/* Reads a number above 0, maybe in K, M, G or T, powers of 1,024: "4G". Returns 0 or -1. */
int tt_amount(const char *text, double *amount);

/* Reads a duration as TT_OPTION_SECONDS does. Returns 0 or -1. */
int tt_seconds(const char *text, double *seconds);

#endif
