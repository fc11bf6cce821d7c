/* Unit test of repl/progress: a line that fits any terminal, and a rate that surprises nobody.
 */
#include "check.h"

#include "progress.h"
#include "text.h"

#include <locale.h>
#include <math.h>
#include <stdio.h>

static tt_buf_t out;
static progress_rate_t rate;

static int begin(void **unused)
{
    (void)unused;
    rate = (progress_rate_t){.count = 0};
    tt_buf_init(&out);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&out);
    return 0;
}

static const char *items(progress_t progress)
{
    out.len = 0;
    progress_items(&out, &progress);
    return tt_buf_text(&out);
}

static const char *engines(progress_t progress, const fold_member_t *missing, size_t count,
                           bool hosts)
{
    const label_style_t style = {.total = progress.total, .hosts = hosts};
    out.len = 0;
    progress_engines(&out, &progress, missing, count, &style);
    return tt_buf_text(&out);
}

static const progress_t half = {
    .done = 212, .total = 500, .elapsed_s = 2, .rate = 119, .columns = 80};

/* ---- items */

TEST(nothing_to_do_has_no_bar)
{
    assert_string_equal(items((progress_t){.columns = 80}), "0/0");
}

TEST(numbers_that_cannot_be_are_shown_without_harm)
{
    assert_string_equal(
        items(
            (progress_t){.done = 9, .total = 4, .rate = NAN, .elapsed_s = NAN, .columns = 80}),
        "9/4 ████████████████ 100 %");
    assert_string_equal(items((progress_t){.total = 4, .rate = -INFINITY, .columns = 80}),
                        "0/4 ░░░░░░░░░░░░░░░░ 0 %");
    assert_string_equal(items((progress_t){.total = SIZE_MAX, .rate = 1e-300, .columns = 80}),
                        "0/18446744073709551615 ░░░░░░░░░░░░░░░░ 0 %");
}

TEST(a_map_shows_a_bar_its_rate_and_what_is_left)
{
    assert_string_equal(items(half), "212/500 ██████░░░░░░░░░░ 42 % · 119/s · 3 s left");
}

TEST(what_failed_is_told)
{
    progress_t progress = half;
    progress.failed = 3;
    assert_string_equal(items(progress),
                        "212/500 ██████░░░░░░░░░░ 42 % · 119/s · 3 s left · 3 failed");
}

TEST(a_locale_without_utf_8_gets_plain_characters)
{
    progress_t progress = half;
    progress.ascii = true;
    assert_string_equal(items(progress), "212/500 ######---------- 42 %, 119/s, 3 s left");
    assert_non_null(setlocale(LC_CTYPE, "C"));
    assert_false(progress_utf8());
    if (setlocale(LC_CTYPE, "C.UTF-8"))
        assert_true(progress_utf8());
}

TEST(nothing_is_full_before_the_last_one_has_ended)
{
    assert_string_equal(items((progress_t){.done = 999, .total = 1000, .columns = 80}),
                        "999/1000 ███████████████░ 99 %");
    assert_string_equal(
        items((progress_t){.done = 1000, .total = 1000, .rate = 5, .columns = 80}),
        "1000/1000 ████████████████ 100 % · 5.0/s");
}

TEST(slow_work_is_told_by_the_minute_and_long_work_by_the_hour)
{
    assert_string_equal(
        items((progress_t){.done = 1, .total = 40, .rate = 0.25, .columns = 80}),
        "1/40 ░░░░░░░░░░░░░░░░ 2 % · 15/min · 2 min 36 s left");
    assert_string_equal(
        items((progress_t){.done = 1, .total = 901, .rate = 0.1, .columns = 80}),
        "1/901 ░░░░░░░░░░░░░░░░ 0 % · 6/min · 2 h 30 min left");
    assert_string_equal(
        items((progress_t){.done = 1, .total = 901, .rate = 0.001, .columns = 80}),
        "1/901 ░░░░░░░░░░░░░░░░ 0 %");
}

TEST(a_narrow_terminal_loses_what_matters_least_first)
{
    static const struct {
        size_t columns;
        const char *want;
    } cases[] = {
        {60, "212/500 ██████░░░░░░░░░░ 42 % · 119/s · 3 s left · 3 failed"},
        {59, "212/500 ██████░░░░░░░░░░ 42 % · 3 s left · 3 failed"},
        {51, "212/500 42 % · 3 s left · 3 failed"},
        {34, "212/500 · 3 s left · 3 failed"},
        {29, "212/500 · 3 failed"},
        {18, "212/500"},
        {8, "212/500"},
        {7, ""},
        {0, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        progress_t progress = half;
        progress.failed = 3;
        progress.columns = cases[i].columns;
        assert_string_equal(items(progress), cases[i].want);
    }
}

/* ---- engines */

TEST(a_job_of_engines_names_whom_it_waits_for)
{
    const fold_member_t missing[] = {{1, "web01", 0}, {3, "web03", 1}};
    const progress_t progress = {.done = 2, .total = 4, .elapsed_s = 12.9, .columns = 80};
    assert_string_equal(engines(progress, missing, 2, false),
                        "2/4 engines · 12 s · waiting for 1,3");
    assert_string_equal(engines(progress, missing, 2, true),
                        "2/4 engines · 12 s · waiting for web01,web03");
    assert_string_equal(engines(progress, missing, 0, false), "2/4 engines · 12 s");
}

TEST(many_missing_engines_are_counted_and_a_narrow_terminal_is_kept)
{
    fold_member_t missing[100];
    progress_t progress = {.done = 100, .total = 200, .failed = 1, .columns = 80};
    for (int i = 0; i < 100; i++)
        missing[i] = (fold_member_t){2 * i, NULL, (size_t)i};
    assert_string_equal(engines(progress, missing, 100, false),
                        "100/200 engines · 0 s · waiting for 100 of 200 · 1 failed");
    for (size_t columns = 0; columns < 80; columns++) {
        progress.columns = columns;
        const char *line = engines(progress, missing, 100, false);
        assert_true(*line == 0 || tt_text_width(line, strlen(line)) < columns);
    }
}

/* ---- the rate */

TEST(a_rate_is_unknown_until_something_has_ended)
{
    assert_true(progress_rate(&rate, 5) == 0);
    progress_rate_add(&rate, 0, 0);
    assert_true(progress_rate(&rate, 5) == 0);
    progress_rate_add(&rate, 3, 0);
    assert_true(progress_rate(&rate, 3) == 0);
    progress_rate_add(&rate, NAN, 7);
    progress_rate_add(&rate, 0.001, 7); /* too soon to divide by */
    assert_true(progress_rate(&rate, 3) == 0);
}

TEST(even_work_has_its_even_rate)
{
    for (int tick = 0; tick <= 100; tick++)
        progress_rate_add(&rate, tick / 10.0, (size_t)tick * 12);
    assert_float_equal((float)progress_rate(&rate, 10), 120.0F, 2);
}

TEST(the_rate_is_that_of_the_last_seconds)
{
    for (int tick = 0; tick <= 1000; tick++)
        progress_rate_add(&rate, tick / 10.0, tick < 500 ? (size_t)tick : (size_t)tick * 10);
    assert_float_equal((float)progress_rate(&rate, 100), 100.0F, 2);
}

TEST(slow_work_has_a_rate_that_falls_when_nothing_ends)
{
    progress_rate_add(&rate, 0, 0);
    progress_rate_add(&rate, 20, 1);
    progress_rate_add(&rate, 40, 2);
    assert_float_equal((float)progress_rate(&rate, 40), 0.05F, 0.001);
    assert_float_equal((float)progress_rate(&rate, 60), 0.05F, 0.001);
    assert_float_equal((float)progress_rate(&rate, 240), 0.005F, 0.0001);
}

TEST(time_and_counts_that_go_back_change_nothing)
{
    progress_rate_add(&rate, 1, 10);
    progress_rate_add(&rate, 2, 20);
    progress_rate_add(&rate, 3, 5);
    progress_rate_add(&rate, 0, 100);
    assert_float_equal((float)progress_rate(&rate, 2), 10.0F, 0.001);
    assert_true(progress_rate(&rate, -100) > 0);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

TEST(values_that_move_are_told_in_bytes_and_give_way_before_the_engines)
{
    const progress_t slow = {.total = 2,
                             .elapsed_s = 12,
                             .bytes = 140100000,
                             .bytes_total = 2147483648,
                             .bytes_rate = 11.6e6,
                             .columns = 80};
    progress_t progress = slow;
    assert_string_equal(engines(progress, NULL, 0, false),
                        "0/2 engines · 12 s · 140/2147 MB · 11.6 MB/s · 2 min 54 s left");
    progress.columns = 40;
    assert_string_equal(engines(progress, NULL, 0, false), "0/2 engines · 140/2147 MB");
    progress = slow;
    progress.bytes_rate = 0;
    assert_string_equal(engines(progress, NULL, 0, false), "0/2 engines · 12 s · 140/2147 MB");
    progress.bytes = progress.bytes_total; /* that is over: what is waited for is its task */
    assert_string_equal(engines(progress, NULL, 0, false), "0/2 engines · 12 s");
    progress.bytes++;
    assert_string_equal(engines(progress, NULL, 0, false), "0/2 engines · 12 s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(nothing_to_do_has_no_bar),
        ON(numbers_that_cannot_be_are_shown_without_harm),
        ON(a_map_shows_a_bar_its_rate_and_what_is_left),
        ON(what_failed_is_told),
        ON(a_locale_without_utf_8_gets_plain_characters),
        ON(nothing_is_full_before_the_last_one_has_ended),
        ON(slow_work_is_told_by_the_minute_and_long_work_by_the_hour),
        ON(a_narrow_terminal_loses_what_matters_least_first),
        ON(a_job_of_engines_names_whom_it_waits_for),
        ON(many_missing_engines_are_counted_and_a_narrow_terminal_is_kept),
        ON(values_that_move_are_told_in_bytes_and_give_way_before_the_engines),
        ON(a_rate_is_unknown_until_something_has_ended),
        ON(even_work_has_its_even_rate),
        ON(the_rate_is_that_of_the_last_seconds),
        ON(slow_work_has_a_rate_that_falls_when_nothing_ends),
        ON(time_and_counts_that_go_back_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
