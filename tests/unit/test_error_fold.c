/* Errors fold by type and line of code, not by message. */
#include "error_fold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static answer_t failed(int id, const char *type, const char *function, int line,
                       const char *message)
{
    answer_t self;
    answer_init(&self);
    self.engine = self.item = id;
    self.error = (answer_error_t){.type = tt_span(type),
                                  .message = tt_span(message),
                                  .file = tt_span("<px 8>"),
                                  .function = tt_span(function),
                                  .line = line};
    return self;
}

static void check_line(const error_group_t *group, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    error_fold_line(&out, group);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_none(void **state)
{
    (void)state;
    error_fold_t *self = error_fold_new();
    size_t count = 1;
    error_fold_groups(self, &count);
    assert_int_equal(count, 0);
    error_fold_destroy(&self);
    error_fold_destroy(&self);
}

static void test_same(void **state)
{
    (void)state;
    answer_t answers[] = {failed(1, "NameError", "<module>", 1, "name 'f' is not defined"),
                          failed(0, "NameError", "<module>", 1, "name 'f' is not defined"),
                          failed(2, "NameError", "<module>", 2, "name 'f' is not defined"),
                          failed(3, "KeyError", "<module>", 1, "")};
    error_fold_t *self = error_fold_new();
    for (int i = 0; i < 4; i++)
        error_fold_add(self, &answers[i], false);
    size_t count;
    const error_group_t *groups = error_fold_groups(self, &count);
    assert_int_equal(count, 3);
    assert_int_equal(groups[0].count, 2);
    assert_ptr_equal(groups[0].first, &answers[1]);
    assert_int_equal(groups[0].members[1].index, 0);
    check_line(&groups[0], "NameError: name 'f' is not defined");
    check_line(&groups[2], "KeyError");
    error_fold_destroy(&self);
}

static void test_storm(void **state)
{
    (void)state;
    enum { MANY = 41 };
    static char texts[MANY][32];
    answer_t answers[MANY];
    error_fold_t *self = error_fold_new();
    for (int i = 0; i < MANY; i++) {
        snprintf(texts[i], sizeof texts[i], "bad row %d", i * 3);
        answers[i] = failed(i * 3, "ValueError", "clean", 12, texts[i]);
        error_fold_add(self, &answers[i], true);
    }
    size_t count;
    const error_group_t *groups = error_fold_groups(self, &count);
    assert_int_equal(count, 1);
    assert_int_equal(groups[0].message_count, MANY);
    check_line(&groups[0], "ValueError at clean:12, 41 messages, first 3: "
                           "bad row 0 · bad row 3 · bad row 6");
    error_fold_destroy(&self);
}

static void test_lines_and_lengths(void **state)
{
    (void)state;
    char wide[101];
    memset(wide, 'x', 100);
    wide[100] = 0;
    answer_t answers[] = {failed(0, "E\n", "<module>", 0, "one\ntwo"),
                          failed(1, "E\n", "<module>", 0, wide)};
    error_fold_t *self = error_fold_new();
    error_fold_add(self, &answers[0], false);
    size_t count;
    const error_group_t *groups = error_fold_groups(self, &count);
    check_line(&groups[0], "E\\x0A: one …");
    error_fold_destroy(&self);
    answers[0].error.message = tt_span("\033[31mred");
    self = error_fold_new();
    error_fold_add(self, &answers[0], false);
    groups = error_fold_groups(self, &count);
    check_line(&groups[0], "E\\x0A: \\x1B[31mred");
    error_fold_destroy(&self);
    answers[0].error.message = tt_span("one\033\ntwo");
    self = error_fold_new();
    error_fold_add(self, &answers[0], false);
    error_fold_add(self, &answers[1], false);
    groups = error_fold_groups(self, &count);
    wide[59] = 0;
    tt_buf_t want;
    tt_buf_init(&want);
    tt_buf_printf(&want, "E\\x0A at <px 8>, 2 messages: one\\x1B … · %s…", wide);
    wide[59] = 'x';
    check_line(&groups[0], tt_buf_text(&want));
    tt_buf_release(&want);
    error_fold_destroy(&self);
}

static void check_traceback(const char *type, const char *message, const char *traceback,
                            const char *want)
{
    answer_t answer = failed(0, type, "f", 1, message);
    answer.error.traceback = traceback ? tt_span(traceback) : (tt_span_t){NULL, 0};
    const error_group_t group = {.first = &answer};
    tt_span_t text = error_fold_traceback(&group);
    assert_int_equal(text.len, strlen(want));
    assert_memory_equal(text.data ? (const char *)text.data : "", want, text.len);
}

static void test_traceback(void **state)
{
    (void)state;
    check_traceback("E", "m", NULL, "");
    check_traceback("E", "m", "Traceback:\n  f()\nE: m\n", "Traceback:\n  f()");
    check_traceback("E", "m", "Traceback:\n  f()\na.b.E: m\n", "Traceback:\n  f()");
    check_traceback("E", "m", "Traceback:\n  f()\nOtherE: m\n", "Traceback:\n  f()\nOtherE: m");
    check_traceback("E", "m", "E: m\nnote", "E: m\nnote");
    check_traceback("E", "m\nn", "f()\nE: m\nn\n", "f()\nE: m\nn");
    check_traceback("E", "", "f()\nE\n", "f()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),      cmocka_unit_test(test_same),
        cmocka_unit_test(test_storm),     cmocka_unit_test(test_lines_and_lengths),
        cmocka_unit_test(test_traceback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
