/* A failure that a person will read: what failed, on what, why, and what to do about it.
 *
 * Functions that could not do something return -1 or NULL and, where they take a tt_error_t,
 * fill it by one call. Errors of user code are ordinary results, not these. */
#ifndef TT_ERROR_H
#define TT_ERROR_H

typedef struct {
    int code;       /* errno of the cause, or 0 */
    char text[512]; /* one line, no newline at the end */
} tt_error_t;

/* Fills `err` (which may be NULL) with the formatted text and the present errno; returns -1,
 * so that a failing function ends with `return tt_error_set(...)`. Text that is too long is
 * cut. */
int tt_error_set(tt_error_t *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same, returning NULL for functions that return a pointer. */
void *tt_error_null(tt_error_t *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Puts "prefix: " before the text; for a caller that knows more than the callee. Returns -1. */
int tt_error_prefix(tt_error_t *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
