/* Unit test of engine/beat: what beats tell, when engines are measured and when they are not.
 */
#include "check.h"

#include "beat.h"
#include "read.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static beat_t *beat;
static tt_buf_t load;
static beat_engine_t engines[] = {{3, 0}, {5, 0}, {9, 0}};

static int begin(void **unused)
{
    (void)unused;
    beat = beat_new();
    tt_buf_init(&load);
    engines[0].pid = engines[1].pid = getpid();
    engines[2].pid = 0; /* it does not run */
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    beat_destroy(&beat);
    beat_destroy(&beat);
    tt_buf_release(&load);
    return 0;
}

/* Reads the load of a beat up to its engines. */
static tt_reader_t take(int64_t now_ms, size_t count)
{
    uint64_t milli, cores, memory, spare;
    size_t fields;
    tt_error_t err;
    load.len = 0;
    beat_pack_load(beat, engines, count, now_ms, &load);
    assert_int_equal(tt_validate(span_of(&load), &tt_limits_header, &err), 0);
    tt_reader_t at = tt_reader(span_of(&load));
    assert_int_equal(tt_read_array(&at, &fields), 0);
    assert_int_equal(fields, 5);
    assert_int_equal(tt_read_uint(&at, &milli), 0);
    assert_int_equal(tt_read_uint(&at, &cores), 0);
    assert_int_equal(tt_read_uint(&at, &memory), 0);
    assert_int_equal(tt_read_uint(&at, &spare), 0);
    assert_true(cores >= 1 && memory > 1 << 20 && spare <= memory);
    return at;
}

/* The share of an engine in the list; -2: it is not there. */
static int64_t share_of(tt_reader_t at, int id)
{
    size_t count, fields;
    int64_t one, share, rss;
    assert_int_equal(tt_read_array(&at, &count), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tt_read_array(&at, &fields), 0);
        assert_int_equal(fields, 3);
        assert_int_equal(tt_read_int(&at, &one), 0);
        assert_int_equal(tt_read_int(&at, &share), 0);
        assert_int_equal(tt_read_int(&at, &rss), 0);
        assert_true(rss > 0);
        if (one == id)
            return share;
    }
    return -2;
}

static void spin(void)
{
    struct timespec t;
    do
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    while (t.tv_sec == 0 && t.tv_nsec < 200000000);
}

TEST(engines_are_not_told_of_unless_somebody_looks)
{
    tt_reader_t at = take(1000, 3);
    assert_int_equal(tt_read_nil(&at), 0);
    assert_true(beat_look(beat, 1000));
    assert_false(beat_look(beat, 2000));
    at = take(5400, 3);
    assert_int_equal(share_of(at, 3), -1);
    at = take(5500, 3);
    assert_int_equal(tt_read_nil(&at), 0);
    assert_true(beat_look(beat, 5500));
}

TEST(a_share_takes_two_measurements_and_is_of_the_time_between)
{
    beat_look(beat, 1000);
    assert_int_equal(share_of(take(1000, 3), 3), -1);
    spin();
    beat_look(beat, 3000);
    int64_t share = share_of(take(3000, 3), 5);
    assert_in_range(share, 50, 200);                     /* of 2 s some 0.2 */
    assert_int_equal(share_of(take(3100, 3), 5), share); /* too soon to measure anew */
    assert_int_equal(share_of(take(3000, 3), 9), -2);
}

TEST(another_process_of_an_engine_begins_anew)
{
    beat_look(beat, 1000);
    take(1000, 3);
    beat_look(beat, 2000);
    engines[0].pid = getppid();
    assert_int_equal(share_of(take(2000, 3), 3), -1);
    assert_true(share_of(take(2000, 3), 5) >= 0);
    engines[1].pid = getppid(); /* between two measurements: what is known is another's */
    assert_int_equal(share_of(take(2100, 3), 5), -2);
}

TEST(an_engine_that_is_gone_is_not_told_of)
{
    beat_look(beat, 1000);
    take(1000, 3);
    assert_int_equal(share_of(take(1100, 1), 5), -2);
    beat_look(beat, 2000);
    assert_int_equal(share_of(take(2000, 1), 3) >= 0, 1);
    beat_look(beat, 3000);
    assert_int_equal(share_of(take(3000, 2), 5), -1);
    assert_int_equal(share_of(take(3000, 0), 3), -2);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(engines_are_not_told_of_unless_somebody_looks),
        EACH(a_share_takes_two_measurements_and_is_of_the_time_between),
        EACH(another_process_of_an_engine_begins_anew),
        EACH(an_engine_that_is_gone_is_not_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
