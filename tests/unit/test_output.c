/* Folding of lines: shown once as long as engines agree, each engine's lines in order. */
#include "output.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const output_style_t style = {{.total = 4}, NULL, "", ""};

/* Shows what engines 0, 1, ... wrote (NULL ends them). */
static void check(const char *const *texts, const char *want)
{
    output_t *self = output_new();
    for (int i = 0; texts[i]; i++)
        output_add(self, i, NULL, tt_span(texts[i]));
    tt_buf_t out;
    tt_buf_init(&out);
    output_show(self, &style, &out);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
    output_destroy(&self);
    output_destroy(&self);
}

#define CHECK(want, ...) check((const char *const[]){__VA_ARGS__, NULL}, want)

static void test_nothing(void **state)
{
    (void)state;
    CHECK("", "", "");
}

static void test_equal(void **state)
{
    (void)state;
    CHECK("[0-3] a\n[0-3] b\n", "a\nb\n", "a\nb\n", "a\nb\n", "a\nb");
    CHECK("[0] a\n[0]\n[0] b\n", "a\n\nb");
    CHECK("[0-1]\n", "\n", "\n");
}

static void test_one_differs(void **state)
{
    (void)state;
    CHECK("[0-3] reading\n[0-1,3] ready\n[0-1,3] end\n[2] broken\n[2] end\n",
          "reading\nready\nend\n", "reading\nready\nend\n", "reading\nbroken\nend\n",
          "reading\nready\nend\n");
}

static void test_lengths_differ(void **state)
{
    (void)state;
    CHECK("[0-2] a\n[1] b\n", "a\n", "a\nb\n", "a\n");
    CHECK("[1] x\n", "", "x\n");
}

static void test_order(void **state)
{
    (void)state;
    output_t *self = output_new();
    output_add(self, 2, NULL, tt_span("b\n"));
    output_add(self, 0, NULL, tt_span("a\nc\n"));
    output_add(self, 1, NULL, tt_span("b\n"));
    tt_buf_t out;
    tt_buf_init(&out);
    output_show(self, &style, &out);
    assert_string_equal(tt_buf_text(&out), "[0] a\n[0] c\n[1-2] b\n");
    output_show(self, &style, &out);
    assert_string_equal(tt_buf_text(&out), "[0] a\n[0] c\n[1-2] b\n");
    tt_buf_release(&out);
    output_destroy(&self);
}

static void test_carriage_return(void **state)
{
    (void)state;
    CHECK("[0] 100%\n[0] next\n", "10%\r50%\r100%\nnext\r\n");
    CHECK("[0] 50%\n", "10%\r50%\r");
    CHECK("[0]\n", "\r\r\n");
}

static void test_marks(void **state)
{
    (void)state;
    const output_style_t look = {{.total = 4, .hosts = true}, "err", "<", ">"};
    output_t *self = output_new();
    output_add(self, 0, "web01", tt_span("\033[1mbold\033[0m"));
    tt_buf_t out;
    tt_buf_init(&out);
    output_show(self, &look, &out);
    assert_string_equal(tt_buf_text(&out), "<[web01 err]> \033[1mbold\033[0m\n");
    tt_buf_release(&out);
    output_destroy(&self);
}

/* Each engine leaves the common group at a line of its own: the stack must not need recursion.
 */
static void test_peeling(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    char **texts = tt_alloc(MANY * sizeof *texts);
    output_t *self = output_new();
    for (int i = 0; i < MANY; i++) {
        texts[i] = tt_alloc(MANY * 2 + 2);
        for (int line = 0; line <= i; line++)
            memcpy(texts[i] + (size_t)line * 2, line < i ? "a\n" : "b\n", 2);
        output_add(self, i, NULL, tt_span(texts[i]));
    }
    tt_buf_t out;
    tt_buf_init(&out);
    output_show(self, &style, &out);
    size_t lines = 0;
    for (size_t i = 0; i < out.len; i++)
        lines += out.data[i] == '\n';
    assert_int_equal(lines, 2 * MANY - 1);
    tt_buf_release(&out);
    output_destroy(&self);
    for (int i = 0; i < MANY; i++)
        free(texts[i]);
    free(texts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),     cmocka_unit_test(test_equal),
        cmocka_unit_test(test_one_differs), cmocka_unit_test(test_lengths_differ),
        cmocka_unit_test(test_order),       cmocka_unit_test(test_carriage_return),
        cmocka_unit_test(test_marks),       cmocka_unit_test(test_peeling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
