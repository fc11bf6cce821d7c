/* Splitting what stands behind a magic's name: leading options from the rest, which stays
 * verbatim, and the arguments of %map from each other. */
#ifndef WORDS_H
#define WORDS_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    char letter;      /* -t; 0 when there is none */
    const char *name; /* --targets, without the dashes */
    bool takes_value; /* -t 0-3, -t0-3, --targets 0-3, --targets=0-3 */
    const char *help; /* a few words */
} words_option_t;

typedef struct {
    const words_option_t *option; /* of the caller's table */
    char *value;                  /* owned, quotes removed; NULL for an option without value */
} words_choice_t;

typedef struct {
    words_choice_t *choices; /* in the order typed; an option may come twice */
    size_t count;
    const char *rest; /* what follows the options: points into the caller's text */
} words_t;

/* Takes the options at the start of `text`; the first word that is none, or `--`, ends them. A
 * dash before a digit, a blank or a bracket begins the rest (`-1`, `-(x)`). `magic` (as typed,
 * `%px`) names the place in messages. Fills `self`, which the caller releases, and returns 0;
 * or -1 with a reason that names the options there are, then there is nothing to release. */
int words_options(words_t *self, const char *magic, const char *text,
                  const words_option_t *table, size_t table_count, tt_error_t *err);

/* The same, behind what `self` has already: its choices are added. After -1 it has none. */
int words_more(words_t *self, const char *magic, const char *text, const words_option_t *table,
               size_t table_count, tt_error_t *err);

/* Fills `self` with what `other` has. */
void words_copy(words_t *self, const words_t *other);

/* The value of the last choice with this long name; NULL when it was not given (or takes none).
 */
const char *words_value(const words_t *self, const char *name);

/* True when the option with this long name was given. */
bool words_has(const words_t *self, const char *name);

/* Frees the choices; harmless when called twice. */
void words_release(words_t *self);

typedef struct {
    char **items; /* owned */
    size_t count;
} words_list_t;

/* Splits `%map FUNC ITEMS [ITEMS ...]`'s arguments at blanks outside brackets and quotes
 * (Python's, triple ones and escapes included; quotes stay). Returns 0 and the words, perhaps
 * none, which the caller releases; or -1 with the reason (open or crossed brackets, an open
 * quote, a lambda that needs brackets), then there is nothing to release. */
int words_split(words_list_t *self, const char *text, tt_error_t *err);

/* Splits at commas outside brackets and quotes, blanks around them apart: `a b, c=(1, 2)`. The
 * same results. */
int words_items(words_list_t *self, const char *text, tt_error_t *err);

/* Cuts ` as NAME` off the end of the text and returns NAME, which points into it; NULL when it
 * does not end so. */
char *words_as(char *text);

/* The length of NAME, which may be dotted, at the start of `NAME=...`; 0 when the text is
 * nothing of the kind (`a==b`). */
size_t words_assigned(const char *text);

/* The length of the name, which may be dotted, at the start of the text. */
size_t words_name(const char *text);

/* When the text is one call of a name, `f.g(ARGS)` and nothing more, the length of that name;
 * else 0. */
size_t words_called(const char *text);

/* Frees the words; harmless when called twice. */
void words_list_release(words_list_t *self);

#endif
