/* Unit test of repl/pulse: rates between samples, and who worked. */
#include "report_made.h"

static pulse_t pulse;
static snapshot_t report;
static made_engine_t engines[3];
static const int all[] = {0, 1, 2};

static int begin(void **unused)
{
    (void)unused;
    pulse_init(&pulse);
    for (int i = 0; i < 3; i++)
        engines[i] = (made_engine_t){.id = i, .state = TT_ENGINE_READY, .cpu = -1};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    pulse_release(&pulse);
    snapshot_release(&report);
    return 0;
}

static void sample(size_t count, int64_t tasks_done, int64_t now_ms)
{
    made_read(&report,
              &(made_t){.engines = engines, .engine_count = count, .tasks_done = tasks_done});
    pulse_add(&pulse, &report, now_ms);
}

static bool near(double one, double other)
{
    return one > other - 1e-9 && one < other + 1e-9;
}

TEST(before_the_first_sample_nothing_is_known)
{
    assert_true(pulse_rate(&pulse, 5) == 0 && pulse_seconds(&pulse, 5) == 0);
    assert_true(pulse_share(&pulse, all, 3, 0) < 0);
    assert_true(pulse_share(&pulse, all, 3, 1000) < 0);
}

TEST(a_rate_is_what_ended_between_two_samples)
{
    sample(1, 100, 1000);
    assert_true(pulse_rate(&pulse, 1) == 0);
    sample(1, 104, 3000);
    assert_true(near(pulse_rate(&pulse, 1), 2));
    sample(1, 110, 4000);
    assert_true(near(pulse_rate(&pulse, 1), 6));
    assert_true(near(pulse_rate(&pulse, PULSE_LEN), 10.0 / 3));
    assert_true(near(pulse_seconds(&pulse, PULSE_LEN), 3));
    sample(1, 5, 5000);   /* another controller's count */
    sample(1, 500, 5000); /* no time at all */
    assert_true(pulse_rate(&pulse, 2) == 0);
}

TEST(an_engine_worked_when_it_is_busy_or_has_done_something)
{
    engines[0].running = "x";
    engines[1].done = 5;
    sample(3, 0, 1000);
    assert_true(near(pulse_share(&pulse, all, 3, 0), 1.0 / 3));
    engines[0].running = NULL;
    engines[1].done = 6;
    sample(3, 0, 2000);
    assert_true(near(pulse_share(&pulse, all, 1, 0), 0));
    assert_true(near(pulse_share(&pulse, all + 1, 1, 0), 1));
    assert_true(near(pulse_share(&pulse, all, 1, 1), 1));
    sample(3, 0, 3000);
    assert_true(near(pulse_share(&pulse, all, 3, 0), 0));
    assert_true(near(pulse_share(&pulse, all, 3, 1), 1.0 / 3));
}

TEST(an_engine_that_was_not_there_does_not_count)
{
    engines[0].running = "x";
    sample(1, 0, 1000);
    engines[1].running = "x";
    sample(3, 0, 2000);
    assert_true(near(pulse_share(&pulse, all, 3, 1), 1));
    assert_true(near(pulse_share(&pulse, all, 3, 0), 2.0 / 3));
    assert_true(pulse_share(&pulse, all + 1, 2, 1) < 0);
}

TEST(what_is_gone_is_forgotten_in_the_end)
{
    engines[2].running = "x";
    sample(3, 0, 0);
    for (int i = 1; i < PULSE_LEN; i++)
        sample(2, 0, i * 1000);
    assert_true(near(pulse_share(&pulse, all + 2, 1, PULSE_LEN - 1), 1));
    assert_int_equal(pulse.engines.count, 3);
    sample(2, 0, PULSE_LEN * 1000);
    assert_true(pulse_share(&pulse, all + 2, 1, PULSE_LEN - 1) < 0);
    assert_int_equal(pulse.engines.count, 2);
    assert_int_equal(pulse.count, PULSE_LEN);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(before_the_first_sample_nothing_is_known),
        EACH(a_rate_is_what_ended_between_two_samples),
        EACH(an_engine_worked_when_it_is_busy_or_has_done_something),
        EACH(an_engine_that_was_not_there_does_not_count),
        EACH(what_is_gone_is_forgotten_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
