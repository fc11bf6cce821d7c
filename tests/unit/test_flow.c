/* Unit test of share/flow: the window of a sender, at times that the test chooses. */
#include "check.h"

#include "flow.h"

#include <unistd.h>

#define MS INT64_C(1000000)

static tt_flow_t flow;
static int64_t now_ns;

static int begin(void **unused)
{
    (void)unused;
    tt_flow_init(&flow);
    now_ns = 5000 * MS;
    return 0;
}

/* Sends one chunk, which is taken after so long. */
static void round_trip(size_t bytes, int64_t way_ns)
{
    tt_flow_sent(&flow, bytes, now_ns);
    now_ns += way_ns;
    assert_int_equal(tt_flow_taken(&flow, flow.sent, now_ns), 0);
}

TEST(more_than_was_sent_cannot_have_been_taken_and_less_than_before_neither)
{
    assert_int_equal(tt_flow_taken(&flow, 1, now_ns), -1);
    tt_flow_sent(&flow, 1000, now_ns);
    assert_int_equal(tt_flow_taken(&flow, 1001, now_ns), -1);
    assert_int_equal(tt_flow_taken(&flow, UINT64_MAX, now_ns), -1);
    assert_int_equal(tt_flow_taken(&flow, 600, now_ns), 0);
    assert_int_equal(tt_flow_taken(&flow, 599, now_ns), -1);
    assert_int_equal(tt_flow_taken(&flow, 0, now_ns), -1);
    assert_int_equal(flow.taken, 600); /* what is impossible has changed nothing */
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_LEAST - 400);
    assert_int_equal(flow.window, TT_FLOW_LEAST);
    assert_int_equal(tt_flow_taken(&flow, 1000, now_ns), 0);
}

TEST(it_begins_with_the_least_window_and_nothing_under_way)
{
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_LEAST);
    assert_int_equal(tt_flow_taken(&flow, 0, now_ns), 0); /* nothing, of nothing */
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_LEAST);
}

TEST(what_is_sent_takes_room_and_what_is_taken_gives_it_back)
{
    tt_flow_sent(&flow, 100000, now_ns);
    tt_flow_sent(&flow, 100000, now_ns);
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_LEAST - 200000);
    assert_int_equal(tt_flow_taken(&flow, 50000, now_ns), 0);
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_LEAST - 150000);
    tt_flow_sent(&flow, tt_flow_room(&flow), now_ns);
    assert_int_equal(tt_flow_room(&flow), 0);
}

TEST(more_under_way_than_the_window_leaves_no_room)
{
    tt_flow_sent(&flow, TT_FLOW_LEAST + 1, now_ns);
    assert_int_equal(tt_flow_room(&flow), 0);
    tt_flow_sent(&flow, (size_t)TT_FLOW_MOST * 2, now_ns);
    assert_int_equal(tt_flow_room(&flow), 0);
}

TEST(while_the_way_is_short_the_window_grows_by_a_step_for_each_chunk_that_is_watched)
{
    for (size_t i = 1; i <= 20; i++) {
        round_trip(1000, 3 * MS);
        assert_int_equal(flow.window, TT_FLOW_LEAST + i * TT_FLOW_STEP);
    }
}

TEST(the_window_grows_up_to_its_bound_and_no_further)
{
    for (size_t i = 0; i < 2 * TT_FLOW_MOST / TT_FLOW_STEP; i++) {
        round_trip(1, MS);
        assert_in_range(flow.window, TT_FLOW_LEAST, TT_FLOW_MOST);
    }
    assert_int_equal(tt_flow_room(&flow), TT_FLOW_MOST);
}

TEST(a_long_way_halves_the_window_down_to_its_bound_and_no_further)
{
    for (size_t i = 0; i < TT_FLOW_MOST / TT_FLOW_STEP; i++)
        round_trip(1, MS);
    for (size_t want = TT_FLOW_MOST / 2; want >= TT_FLOW_LEAST; want /= 2) {
        round_trip(1, 500 * MS);
        assert_int_equal(flow.window, want);
    }
    for (int i = 0; i < 5; i++)
        round_trip(1, 500 * MS);
    assert_int_equal(flow.window, TT_FLOW_LEAST);
    round_trip(1, MS); /* and it grows again */
    assert_int_equal(flow.window, TT_FLOW_LEAST + TT_FLOW_STEP);
}

TEST(a_way_is_short_up_to_the_slack_beyond_the_shortest)
{
    size_t before = (round_trip(1, 80 * MS), flow.window);
    round_trip(1, (80 + TT_FLOW_SLACK_MS) * MS);
    assert_int_equal(flow.window, before + TT_FLOW_STEP);
    for (int i = 0; i < 10; i++)
        round_trip(1, 80 * MS);
    before = flow.window;
    round_trip(1, (80 + TT_FLOW_SLACK_MS) * MS + 1);
    assert_int_equal(flow.window, before / 2);
}

TEST(a_way_that_was_never_so_short_becomes_the_measure)
{
    for (int i = 0; i < 10; i++)
        round_trip(1, 200 * MS); /* far away, but not slow */
    assert_int_equal(flow.window, TT_FLOW_LEAST + 10 * TT_FLOW_STEP);
    round_trip(1, 10 * MS);
    assert_int_equal(flow.least_ns, 10 * MS);
    size_t before = flow.window;
    round_trip(1, 200 * MS);
    assert_int_equal(flow.window, before / 2);
}

TEST(one_chunk_at_a_time_is_watched_and_only_its_end_counts)
{
    tt_flow_sent(&flow, 100, now_ns);
    tt_flow_sent(&flow, 100, now_ns + 90 * MS); /* is not */
    assert_int_equal(tt_flow_taken(&flow, 99, now_ns + 100 * MS), 0);
    assert_int_equal(flow.window, TT_FLOW_LEAST);
    assert_int_equal(flow.least_ns, 0);
    assert_int_equal(tt_flow_taken(&flow, 100, now_ns + 110 * MS), 0);
    assert_int_equal(flow.least_ns, 110 * MS);
    assert_int_equal(flow.window, TT_FLOW_LEAST + TT_FLOW_STEP);
    assert_int_equal(tt_flow_taken(&flow, 200, now_ns + 900 * MS), 0); /* nobody watched */
    assert_int_equal(flow.window, TT_FLOW_LEAST + TT_FLOW_STEP);
    now_ns += 900 * MS;
    round_trip(100, 110 * MS); /* the next one is, again */
    assert_int_equal(flow.window, TT_FLOW_LEAST + 2 * TT_FLOW_STEP);
}

TEST(the_same_credit_twice_is_once)
{
    round_trip(1000, MS);
    for (int i = 0; i < 5; i++)
        assert_int_equal(tt_flow_taken(&flow, 1000, now_ns + 900 * MS), 0);
    assert_int_equal(flow.window, TT_FLOW_LEAST + TT_FLOW_STEP);
    assert_int_equal(tt_flow_room(&flow), flow.window);
}

TEST(a_way_of_no_time_and_a_clock_that_goes_back_are_short)
{
    round_trip(1, 0);
    assert_int_equal(flow.least_ns, 1);
    round_trip(1, -5 * MS);
    assert_int_equal(flow.least_ns, 1);
    assert_int_equal(flow.window, TT_FLOW_LEAST + 2 * TT_FLOW_STEP);
    round_trip(1, TT_FLOW_SLACK_MS * MS + 2);
    assert_int_equal(flow.window, TT_FLOW_LEAST);
}

TEST(bytes_beyond_32_bits_are_counted)
{
    const size_t many = (size_t)5 << 30;
    for (int i = 0; i < 4; i++) {
        round_trip(many, MS);
        assert_int_equal(tt_flow_room(&flow), flow.window);
    }
    assert_true(flow.sent == (uint64_t)many * 4 && flow.taken == flow.sent);
    tt_flow_sent(&flow, 10, now_ns);
    assert_int_equal(tt_flow_taken(&flow, (uint64_t)many * 4 - 1, now_ns), -1);
    assert_int_equal(tt_flow_room(&flow), flow.window - 10);
}

#define EACH(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(more_than_was_sent_cannot_have_been_taken_and_less_than_before_neither),
        EACH(it_begins_with_the_least_window_and_nothing_under_way),
        EACH(what_is_sent_takes_room_and_what_is_taken_gives_it_back),
        EACH(more_under_way_than_the_window_leaves_no_room),
        EACH(while_the_way_is_short_the_window_grows_by_a_step_for_each_chunk_that_is_watched),
        EACH(the_window_grows_up_to_its_bound_and_no_further),
        EACH(a_long_way_halves_the_window_down_to_its_bound_and_no_further),
        EACH(a_way_is_short_up_to_the_slack_beyond_the_shortest),
        EACH(a_way_that_was_never_so_short_becomes_the_measure),
        EACH(one_chunk_at_a_time_is_watched_and_only_its_end_counts),
        EACH(the_same_credit_twice_is_once),
        EACH(a_way_of_no_time_and_a_clock_that_goes_back_are_short),
        EACH(bytes_beyond_32_bits_are_counted),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
