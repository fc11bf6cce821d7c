/* Folding errors: by exception type and the line of code that raised it, not by message, so
 * that an error storm is one entry. Each group knows its members and its different messages. */
#ifndef ERROR_FOLD_H
#define ERROR_FOLD_H

#include "answer.h"
#include "fold.h"

#include <stdbool.h>

typedef struct error_fold error_fold_t;

typedef struct {
    const fold_member_t *members; /* in order of id; `index` counts the error_fold_add calls */
    size_t count;
    const answer_t *first;     /* the first member's answer */
    const tt_span_t *messages; /* the different ones, in order of their first member */
    size_t message_count;
} error_group_t;

error_fold_t *error_fold_new(void);
void error_fold_destroy(error_fold_t **self_p);

/* Adds an answer that has an error. It is borrowed until error_fold_destroy. Members are
 * numbered by `item` when `items` is true, else by engine. */
void error_fold_add(error_fold_t *self, const answer_t *answer, bool items);

/* The groups, in order of their first member; they are the fold's. To be called once, at the
 * end. */
const error_group_t *error_fold_groups(error_fold_t *self, size_t *count);

/* Appends one line without newline that tells a group's error: `NameError: name 'f' is not
 * defined` when there is one message, else `ValueError at clean:12, 41 messages, first 3: bad
 * row 3 · ...`. A message of several lines, or too long for a list, is cut and ends in an
 * ellipsis; controls are escaped. */
void error_fold_line(tt_buf_t *out, const error_group_t *group);

/* Appends ` at clean:12`: the function, or the file when the code is in none, and the line;
 * nothing when neither is known. */
void error_fold_place(tt_buf_t *out, const answer_error_t *error);

/* The first member's traceback without a last part that only repeats the line above; empty when
 * there is none. Borrowed from the answer. */
tt_span_t error_fold_traceback(const error_group_t *group);

#endif
