/* Unit test of controller/record: memory of what was, bounded. */
#include "check.h"

#include "controller/record.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static records_t records;
static reasons_t reasons;

static int begin(void **unused)
{
    (void)unused;
    memset(&records, 0, sizeof records);
    memset(&reasons, 0, sizeof reasons);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    records_release(&records);
    records_release(&records);
    return 0;
}

static void add(uint64_t task)
{
    record_t record = {.task = task, .next = (record_t *)&records};
    snprintf(record.label, sizeof record.label, "task %d", (int)task);
    records_add(&records, &record);
}

TEST(records_are_copied_and_kept_in_their_order)
{
    for (uint64_t i = 1; i <= 5; i++)
        add(i);
    assert_int_equal(records.count, 5);
    assert_int_equal(records.total, 5);
    const record_t *at = records.first;
    for (uint64_t i = 1; i <= 5; i++, at = at->next)
        assert_int_equal(at->task, i);
    assert_null(at);
    assert_string_equal(records.first->label, "task 1");
}

TEST(over_the_cap_the_oldest_go_and_the_total_still_counts_them)
{
    enum { MANY = 2 * RECORDS_CAP_BYTES / (int)sizeof(record_t) };
    for (uint64_t i = 1; i <= MANY; i++) {
        add(i);
        assert_true(records.bytes <= RECORDS_CAP_BYTES);
        assert_int_equal(records.bytes, records.count * sizeof(record_t));
    }
    assert_int_equal(records.total, MANY);
    assert_int_equal(records.count, RECORDS_CAP_BYTES / sizeof(record_t));
    assert_int_equal(records.first->task, MANY - records.count + 1);
    size_t walked = 0;
    for (const record_t *at = records.first; at; at = at->next)
        walked++;
    assert_int_equal(walked, records.count);
}

TEST(records_that_were_released_can_be_added_to_again)
{
    add(1);
    records_release(&records);
    assert_int_equal(records.count, 0);
    assert_null(records.first);
    add(2);
    assert_int_equal(records.first->task, 2);
}

TEST(a_reason_tells_when_who_where_and_why)
{
    struct timespec before, after;
    clock_gettime(CLOCK_REALTIME, &before);
    reasons_add(&reasons, 3, "here", "was killed by SIGSEGV");
    clock_gettime(CLOCK_REALTIME, &after);
    const reason_t *reason = reasons_get(&reasons, 0);
    assert_int_equal(reason->engine, 3);
    assert_string_equal(reason->host, "here");
    assert_string_equal(reason->text, "was killed by SIGSEGV");
    assert_true(reason->when >= (double)before.tv_sec);
    assert_true(reason->when <= (double)after.tv_sec + 1);
}

TEST(texts_that_are_too_long_are_cut)
{
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    reasons_add(&reasons, -1, text, text);
    const reason_t *reason = reasons_get(&reasons, 0);
    assert_int_equal(strlen(reason->host), sizeof reason->host - 1);
    assert_int_equal(strlen(reason->text), sizeof reason->text - 1);
    assert_int_equal(reason->engine, -1);
}

TEST(of_many_reasons_the_latest_are_kept_oldest_first)
{
    for (int i = 0; i < REASONS_MAX + 57; i++) {
        reasons_add(&reasons, i, "here", "why");
        assert_int_equal(reasons_get(&reasons, reasons.count - 1)->engine, i);
        assert_int_equal(reasons_get(&reasons, 0)->engine,
                         i < REASONS_MAX ? 0 : i - REASONS_MAX + 1);
    }
    assert_int_equal(reasons.count, REASONS_MAX);
    for (int i = 0; i < REASONS_MAX; i++)
        assert_int_equal(reasons_get(&reasons, (size_t)i)->engine, 57 + i);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(records_are_copied_and_kept_in_their_order),
        EACH(over_the_cap_the_oldest_go_and_the_total_still_counts_them),
        EACH(records_that_were_released_can_be_added_to_again),
        EACH(a_reason_tells_when_who_where_and_why),
        EACH(texts_that_are_too_long_are_cut),
        EACH(of_many_reasons_the_latest_are_kept_oldest_first),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
