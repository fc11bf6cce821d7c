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
    timing.map = true;
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
    check_line((timing_t){.items = 10, .elapsed_s = 0.21, .serial_s = 0.8},
               "10 items · 0.21 s · serial 0.80 s · speed-up 3.8x",
               "[13] done · 10 items · 0.21 s · speed-up 3.8x");
    check_line((timing_t){.items = 500, .elapsed_s = 5, .serial_s = 500},
               "500 items · 5.0 s · serial 500 s · speed-up 100x",
               "[13] done · 500 items · 5.0 s · speed-up 100x");
    check_line((timing_t){.items = 10, .elapsed_s = 0.01, .serial_s = 0.001},
               "10 items · 0.01 s · serial 0.00 s: serial would have been faster",
               "[13] done · 10 items · 0.01 s");
    check_line((timing_t){.items = 1, .elapsed_s = 0, .serial_s = 0},
               "1 item · 0.00 s · serial 0.00 s: serial would have been faster",
               "[13] done · 1 item · 0.00 s");
}

static void check_done(timing_t timing, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    timing_done(&out, 6, &timing);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_engines(void **state)
{
    (void)state;
    check_done((timing_t){0}, "[6] done · 0.00 s");
    check_done((timing_t){.items = 4, .elapsed_s = 1, .serial_s = 4}, "[6] done · 1.0 s");
    check_done((timing_t){.items = 4, .elapsed_s = 5, .failed = 2},
               "[6] failed · 2 of 4 engines · 5.0 s");
    check_done((timing_t){.items = 4, .elapsed_s = 5, .failed = 1, .stopped = 2},
               "[6] failed · 3 of 4 engines · 5.0 s");
    check_done((timing_t){.items = 4, .elapsed_s = 5, .stopped = 3, .unstarted = 1},
               "[6] stopped · 4 of 4 engines · 5.0 s");
    check_done((timing_t){.items = 1, .elapsed_s = 5, .failed = 1}, "[6] failed · 5.0 s");
}

static void test_items(void **state)
{
    (void)state;
    check_done((timing_t){.items = 500, .elapsed_s = 5, .map = true, .failed = 41},
               "[6] 459 done, 41 failed · 5.0 s");
    check_done(
        (timing_t){.items = 500, .elapsed_s = 5, .map = true, .stopped = 8, .unstarted = 280},
        "[6] 212 done, 8 stopped, 280 not started · 5.0 s");
    check_done((timing_t){.items = 1, .map = true, .failed = 2},
               "[6] 0 done, 2 failed · 0.00 s");
}

static void check_table(const timing_split_t *split, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    timing_table(&out, split);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_table(void **state)
{
    static const double ran[] = {0.25, 3, NAN, 0.0004};
    timing_split_t split = {0};
    (void)state;
    check_table(&split, "");
    for (size_t i = 0; i < 4; i++) {
        timing_spread_add(&split.ran, split.parts, ran[i]);
        timing_spread_add(&split.queued, split.parts, 0.5);
        timing_spread_add(&split.waited, split.parts, i < 2 ? 7500 : 0.9996);
        split.parts++;
    }
    check_table(&split, "                 least        mean        most\n"
                        "queued        500.0 ms    500.0 ms    500.0 ms   "
                        "at the controller\n"
                        "waited           1.0 s  1 h 02 min  2 h 05 min   "
                        "at its host\n"
                        "ran             0.0 ms    812.6 ms       3.0 s   in user code\n");
    timing_spread_add(&split.moved, split.moved_parts++, 0.002);
    tt_buf_t out;
    tt_buf_init(&out);
    timing_table(&out, &split);
    assert_non_null(
        strstr(tt_buf_text(&out), "moved           2.0 ms      2.0 ms      2.0 ms"));
    tt_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration), cmocka_unit_test(test_line),
        cmocka_unit_test(test_engines),  cmocka_unit_test(test_items),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
