/* Errors that a person will read. Used everywhere; knows nothing but libc. */
#include "error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

__attribute__((format(printf, 3, 0))) static void fill(tt_error_t *err, int code,
                                                       const char *format, va_list args)
{
    if (err == NULL)
        return;
    err->code = code;
    vsnprintf(err->text, sizeof err->text, format, args);
}

int tt_error_set(tt_error_t *err, const char *format, ...)
{
    int code = errno;
    va_list args;
    va_start(args, format);
    fill(err, code, format, args);
    va_end(args);
    errno = code;
    return -1;
}

void *tt_error_null(tt_error_t *err, const char *format, ...)
{
    int code = errno;
    va_list args;
    va_start(args, format);
    fill(err, code, format, args);
    va_end(args);
    errno = code;
    return NULL;
}

int tt_error_prefix(tt_error_t *err, const char *format, ...)
{
    if (err == NULL)
        return -1;
    char text[sizeof err->text];
    memcpy(text, err->text, sizeof text);
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t used = strlen(err->text);
    snprintf(err->text + used, sizeof err->text - used, ": %s", text);
    return -1;
}
