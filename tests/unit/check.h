/* What every unit test includes: cmocka, and the few checks that all of them share. */
#ifndef TT_CHECK_H
#define TT_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "buf.h"
#include "error.h"

/* A test is a sentence: TEST(an_empty_set_is_refused) { ... }, listed by RUN(...) in main. */
#define TEST(name) static void name(void **unused __attribute__((unused)))
#define RUN(name)  cmocka_unit_test(name)

#define assert_text(buf, expected) assert_string_equal(tt_buf_text(buf), expected)

#define assert_says(err, part)                                                                 \
    do {                                                                                       \
        if (strstr((err)->text, part) == NULL)                                                 \
            fail_msg("the error \"%s\" does not say \"%s\"", (err)->text, part);               \
    } while (0)

#define SPAN(literal) ((tt_span_t){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline tt_span_t span_of(const tt_buf_t *buf)
{
    return (tt_span_t){buf->data, buf->len};
}

#endif
