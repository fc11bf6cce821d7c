/* How answers differ. */
#include "difference.h"
#include "runtime.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = 5000 };

static answer_t said(int engine, const char *out, const char *repr)
{
    answer_t answer;
    answer_init(&answer);
    answer.engine = engine;
    answer.out = out ? tt_span(out) : (tt_span_t){NULL, 0};
    answer.repr = repr ? tt_span(repr) : (tt_span_t){NULL, 0};
    return answer;
}

static void check(const answer_t *answers, size_t count, const char *expected)
{
    difference_t *difference = difference_new(answers, count);
    render_style_t style = {.label = {.total = count}};
    tt_buf_t out;
    tt_buf_init(&out);
    difference_show(difference, &style, &out);
    assert_string_equal(tt_buf_text(&out), expected);
    tt_buf_release(&out);
    difference_destroy(&difference);
}

static void test_none(void **state)
{
    (void)state;
    check(NULL, 0, "");
    const answer_t silent[] = {said(0, NULL, NULL), said(1, "", NULL)};
    check(silent, 2, "[0-1] (nothing)\n");
}

static void test_values(void **state)
{
    (void)state;
    const answer_t answers[] = {said(0, NULL, "1"), said(1, NULL, "2"), said(2, NULL, "2")};
    check(answers, 3, "[1-2] 2\n[0] - 2\n[0] + 1\n");
    check(answers, 2, "[0] 1\n[1] - 1\n[1] + 2\n");
}

static void test_lines(void **state)
{
    (void)state;
    const answer_t answers[] = {said(0, "a\nb\nc\nd\n", "1"), said(1, "a\nx\nc\ne\nd\n", "1"),
                                said(2, "a\nb\nc\nd", "1"), said(3, "b\n", NULL)};
    check(answers, 4,
          "[0,2] a\n[0,2] b\n[0,2] c\n[0,2] d\n[0,2] 1\n"
          "[1] - b\n[1] + x\n[1] + e\n"
          "[3] - a\n[3] - c\n[3] - d\n[3] - 1\n");
}

static void test_failures(void **state)
{
    (void)state;
    answer_t answers[] = {said(0, NULL, "1"), said(1, NULL, "1"), said(2, NULL, NULL),
                          said(3, NULL, NULL), said(4, NULL, NULL)};
    answers[2].exit_status = 3;
    answers[3].status = TT_STATUS_ERROR;
    answers[3].error.type = tt_span("ValueError");
    answers[3].error.message = tt_span("no \033[1m");
    answers[4].status = TT_STATUS_LOST;
    answers[4].cause = tt_span("killed by SIGKILL");
    check(answers, 5,
          "[0-1] 1\n[2] - 1\n[2] + exit 3\n[3] - 1\n[3] + ValueError: no \\x1B[1m\n"
          "[4] - 1\n[4] + lost: killed by SIGKILL\n");
}

static void test_who(void **state)
{
    (void)state;
    const answer_t answers[] = {said(0, "ab\n", NULL), said(4, "bc\n", NULL),
                                said(7, "ab\n", NULL), said(9, "cd\n", NULL)};
    difference_t *difference = difference_new(answers, 4);
    int ids[4];
    assert_int_equal(difference_groups(difference), 3);
    assert_int_equal(difference_odd(difference, ids), 2);
    assert_int_equal(ids[0], 4);
    assert_int_equal(ids[1], 9);
    assert_int_equal(difference_saying(difference, "b", ids), 3);
    assert_int_equal(difference_saying(difference, "x", ids), 0);
    difference_destroy(&difference);
}

/* Too many lines for the table: all are told as new, up to a bound. */
static void test_many(void **state)
{
    (void)state;
    tt_buf_t texts[2], out;
    for (int i = 0; i < 2; i++) {
        tt_buf_init(&texts[i]);
        for (int line = 0; line < MANY; line++)
            tt_buf_printf(&texts[i], "%d %d\n", line, i);
        tt_buf_text(&texts[i]);
    }
    const answer_t answers[] = {said(0, tt_buf_text(&texts[0]), NULL),
                                said(1, tt_buf_text(&texts[1]), NULL)};
    difference_t *difference = difference_new(answers, 2);
    render_style_t style = {.label = {.total = 2}};
    tt_buf_init(&out);
    difference_show(difference, &style, &out);
    assert_non_null(strstr(tt_buf_text(&out), "[1] … 9960 more lines differ\n"));
    difference_destroy(&difference);
    tt_buf_release(&out);
    tt_buf_release(&texts[0]);
    tt_buf_release(&texts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_lines), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_who),   cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
