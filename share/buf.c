/* Growing buffers and allocation that never returns NULL. The lowest layer: used by all. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *or_abort(void *block)
{
    if (block == NULL) {
        fputs("tutti: out of memory\n", stderr);
        abort();
    }
    return block;
}

/* Not calloc: in the glibc of today that passes by the caches of its threads. The compiler,
 * which would make a calloc of it, is not to see that the block is fresh. */
void *tt_alloc(size_t size)
{
    void *block = or_abort(malloc(size ? size : 1));
    __asm__("" : "+r"(block));
    return memset(block, 0, size);
}

void *tt_realloc(void *block, size_t size)
{
    return or_abort(realloc(block, size ? size : 1));
}

char *tt_strndup(const char *text, size_t len)
{
    char *copy = tt_alloc(len + 1);
    if (len)
        memcpy(copy, text, len);
    return copy;
}

char *tt_strdup(const char *text)
{
    return tt_strndup(text, strlen(text));
}

char *tt_printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = NULL;
    int len = vasprintf(&text, format, args);
    va_end(args);
    return len < 0 ? or_abort(NULL) : text;
}

tt_span_t tt_span(const char *text)
{
    return (tt_span_t){(const uint8_t *)text, strlen(text)};
}

void tt_buf_init(tt_buf_t *self)
{
    *self = (tt_buf_t){NULL, 0, 0};
}

void tt_buf_release(tt_buf_t *self)
{
    free(self->data);
    tt_buf_init(self);
}

uint8_t *tt_buf_reserve(tt_buf_t *self, size_t len)
{
    size_t need = self->len + len;
    if (need < len)
        or_abort(NULL);
    if (need > self->cap) {
        size_t cap = self->cap ? self->cap * 2 : 256;
        self->cap = cap < need ? need : cap;
        self->data = tt_realloc(self->data, self->cap);
    }
    return self->data + self->len;
}

void tt_buf_append(tt_buf_t *self, const void *data, size_t len)
{
    if (len == 0)
        return;
    memcpy(tt_buf_reserve(self, len), data, len);
    self->len += len;
}

void tt_buf_printf(tt_buf_t *self, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len > 0) {
        vsnprintf((char *)tt_buf_reserve(self, (size_t)len + 1), (size_t)len + 1, format,
                  again);
        self->len += (size_t)len;
    }
    va_end(again);
}

void tt_buf_consume(tt_buf_t *self, size_t len)
{
    if (len >= self->len) {
        self->len = 0;
        return;
    }
    memmove(self->data, self->data + len, self->len - len);
    self->len -= len;
}

const char *tt_buf_text(tt_buf_t *self)
{
    *tt_buf_reserve(self, 1) = 0;
    return (const char *)self->data;
}
