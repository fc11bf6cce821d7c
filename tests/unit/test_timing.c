/* Durations and speed-up in words. */
#include "timing.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void check_duration(double seconds, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    timing_duration(&out, seconds);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_duration(void **state)
{
    (void)state;
    check_duration(-1, "0.00 s");
    check_duration(NAN, "0.00 s");
    check_duration(INFINITY, "0.00 s");
    check_duration(0.21, "0.21 s");
    check_duration(0.996, "1.0 s");
    check_duration(5.04, "5.0 s");
    check_duration(99.99, "100 s");
    check_duration(500, "500 s");
    check_duration(999.7, "16 min 40 s");
    check_duration(7500, "2 h 05 min");
}

static void check_line(timing_t timing, const char *want, const char *want_done)
{
    tt_buf_t out;
    tt_buf_init(&out);
    timing_line(&out, &timing);
    assert_string_equal(tt_buf_text(&out), want);
    out.len = 0;
    timing_done(&out, 13, &timing);
    assert_string_equal(tt_buf_text(&out), want_done);
    tt_buf_release(&out);
}

static void test_line(void **state)
{
    (void)state;
    check_line((timing_t){10, 0.21, 0.8}, "10 items · 0.21 s · serial 0.80 s · speed-up 3.8x",
               "[13] done · 10 items · 0.21 s · speed-up 3.8x");
    check_line((timing_t){500, 5, 500}, "500 items · 5.0 s · serial 500 s · speed-up 100x",
               "[13] done · 500 items · 5.0 s · speed-up 100x");
    check_line((timing_t){10, 0.01, 0.001},
               "10 items · 0.01 s · serial 0.00 s: serial would have been faster",
               "[13] done · 10 items · 0.01 s");
    check_line((timing_t){1, 0, 0},
               "1 item · 0.00 s · serial 0.00 s: serial would have been faster",
               "[13] done · 1 item · 0.00 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_duration),
                                       cmocka_unit_test(test_line)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
