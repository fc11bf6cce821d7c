/* A growing run of bytes. Plain data: read `data` and `len` freely; change them through here.
 * Out of memory aborts, so nothing here fails. */
#ifndef TT_BUF_H
#define TT_BUF_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint8_t *data; /* owned; NULL while nothing was appended */
    size_t len;
    size_t cap;
} tt_buf_t;

/* Borrowed bytes: a view into somebody else's memory. */
typedef struct {
    const uint8_t *data;
    size_t len;
} tt_span_t;

/* An empty buffer; allocates nothing. */
void tt_buf_init(tt_buf_t *self);

/* Frees the bytes and empties the buffer; harmless when called twice. */
void tt_buf_release(tt_buf_t *self);

/* Copies `len` bytes to the end. */
void tt_buf_append(tt_buf_t *self, const void *data, size_t len);

/* Appends a formatted text, without its terminating zero. */
void tt_buf_printf(tt_buf_t *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes room for `len` more bytes and returns where to write them; the caller then adds what
 * it wrote to `len`. The pointer holds until the next call that grows the buffer. */
uint8_t *tt_buf_reserve(tt_buf_t *self, size_t len);

/* Removes the first `len` bytes (at most all). Moves the rest. */
void tt_buf_consume(tt_buf_t *self, size_t len);

/* The contents as a C string; the terminating zero is not counted in `len`. Borrowed. */
const char *tt_buf_text(tt_buf_t *self);

/* malloc, realloc and strndup that abort when there is no memory. The result is the caller's.
 */
void *tt_alloc(size_t size); /* zeroed */
void *tt_realloc(void *block, size_t size);
char *tt_strndup(const char *text, size_t len);
char *tt_strdup(const char *text);

/* A formatted text of its own. The result is the caller's, to free(). */
char *tt_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The span of a C string, without its zero. */
tt_span_t tt_span(const char *text);

#endif
