/* Parameters of %sweep, and their combinations. */
#include "sweep.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The values of the first parameter, with commas. */
static void check(const char *text, const char *expected)
{
    sweep_t sweep = {NULL, 0, 0};
    tt_error_t err;
    const char *rest;
    tt_buf_t out;
    tt_buf_init(&out);
    if (sweep_read(&sweep, text, &rest, &err) != 0) {
        assert_string_equal(err.text, expected);
        return;
    }
    assert_string_equal(rest, "f");
    for (size_t i = 0; i < sweep.items[0].count; i++) {
        static const char kinds[] = "idbnt";
        tt_buf_printf(&out, "%s%c", i ? "," : "", kinds[sweep.items[0].values[i].kind]);
        sweep_text(&sweep.items[0].values[i], &out);
    }
    assert_string_equal(tt_buf_text(&out), expected);
    tt_buf_release(&out);
    sweep_release(&sweep);
}

static void test_values(void **state)
{
    (void)state;
    check("x=1,2.5,-3,1e3,gini,true,FALSE,none,'a, b',0x10 f",
          "i1,d2.5,i-3,d1000,tgini,btrue,bfalse,n,ta, b,t0x10");
    check("x=9999999999999999999 f", "d1e+19");
    check("x=[1, 2] f", "t[1, 2]");
}

static void test_ranges(void **state)
{
    (void)state;
    check("x=1..3 f", "i1,i2,i3");
    check("x=10..60:25 f", "i10,i35,i60");
    check("x=0.1..0.3:0.1 f", "d0.1,d0.2,d0.3");
    check("x=3..1:-1,7 f", "i3,i2,i1,i7");
    check("x=5..5 f", "i5");
    check("x=lin(0,1,3) f", "d0,d0.5,d1");
    check("x=lin(2,3,1) f", "d2");
    check("x=log(1e-4, 1e-1, 4) f", "d0.0001,d0.001,d0.01,d0.1");
    check("x=log(-1,-100,3) f", "d-1,d-10,d-100");
}

static void test_wrong(void **state)
{
    (void)state;
    check("x=3..1 f", "'3..1' has no values");
    check("x=1..2:0 f", "'1..2:0' is no range: from..to:step, as in 10..60:10");
    check("x=a..b f", "'a..b' is no range: from..to:step, as in 10..60:10");
    check("x=1..1e99 f", "'1..1e99' has too many values");
    check("x=log(0,1,3) f", "'log(0,1,3)': log needs two numbers of the same sign, not 0");
    check("x=log(1,2) f", "'log(1,2)': it is log(from,to,count), as in log(1e-4,1e-1,4)");
    check("x=log(1,2,3)4 f", "'log(1,2,3)4': it is log(from,to,count), as in "
                             "log(1e-4,1e-1,4)");
    check("x=lin(1,2,0) f", "'lin(1,2,0)': it is lin(from,to,count), as in log(1e-4,1e-1,4)");
    check("x= f", "'x' has no values");
    check("x=, f", "'x' has no values");
    check("x=1 x=2 f", "'x' is given twice");
    check("x=1..1000 y=1..1001 f", "that makes more than 1000000 rows");
}

static void test_rows(void **state)
{
    (void)state;
    sweep_t sweep = {NULL, 0, 0};
    tt_error_t err;
    const char *rest;
    tt_buf_t out;
    assert_int_equal(sweep_read(&sweep, " a=1,2 b=x,y,z  echo {a}{b} {c} {a", &rest, &err), 0);
    assert_string_equal(rest, "echo {a}{b} {c} {a");
    assert_int_equal(sweep.rows, 6);
    static const char *const rows[] = {"1x", "1y", "1z", "2x", "2y", "2z"};
    for (size_t row = 0; row < 6; row++) {
        char expected[40];
        tt_buf_init(&out);
        sweep_fill(&sweep, row, rest, &out);
        snprintf(expected, sizeof expected, "echo %s {c} {a", rows[row]);
        assert_string_equal(tt_buf_text(&out), expected);
        tt_buf_release(&out);
    }
    sweep_release(&sweep);
}

static void test_none(void **state)
{
    (void)state;
    sweep_t sweep = {NULL, 0, 0};
    tt_error_t err;
    const char *rest;
    assert_int_equal(sweep_read(&sweep, " f(x==1)", &rest, &err), 0);
    assert_int_equal(sweep.count, 0);
    assert_string_equal(rest, "f(x==1)");
    sweep_release(&sweep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_wrong),  cmocka_unit_test(test_rows),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
