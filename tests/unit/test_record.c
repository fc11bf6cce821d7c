/* Unit test of controller/record: memory of what was, bounded. */
#include "check.h"

#include "controller/record.h"

#include <stdlib.h>
#include <string.h>
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

static const uint8_t session[RECORDS_SESSION] = "somebody", another[RECORDS_SESSION] = "else";

/* A task that begins, with as many parts. */
static record_t *start(uint64_t number, size_t count)
{
    record_t *record = records_begin(&records, session, number, number + 100, "label", count);
    for (size_t i = 0; i < count; i++)
        record->parts[i].engine_id = (int)i;
    return record;
}

/* Its part ends with a body of `bytes`. */
static void finish(record_t *record, size_t part, size_t bytes, bool left)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    char *body = tt_alloc(bytes + 1);
    memset(body, 'b', bytes);
    tt_frames_copy(&frames, body, bytes);
    tt_frames_copy(&frames, "out", 3);
    tt_frames_copy(&frames, "", 0);
    tt_msg_result_t result = {.engine = (int64_t)part,
                              .status = 1,
                              .attempt = 2,
                              .run_ns = 7,
                              .cause = tt_span("why"),
                              .host = tt_span("here")};
    records_end(&records, record, part, &result, 9, &frames, left);
    tt_frames_release(&frames);
    free(body);
}

static const record_t *find(uint64_t number)
{
    return records_find(&records, session, number);
}

static size_t count_of(record_row_t row)
{
    size_t count = 0, bytes = 0;
    for (const record_t *at = records.rows[row].first; at; at = at->next) {
        count++;
        bytes += at->bytes;
        assert_int_equal(at->row, row);
    }
    assert_int_equal(count, records.rows[row].count);
    assert_int_equal(bytes, records.rows[row].bytes);
    return count;
}

/* The frames of a part's result, between bars. */
static void check_result(const record_part_t *part, const char *expected)
{
    tt_frames_t frames;
    tt_buf_t words;
    tt_frames_init(&frames);
    tt_buf_init(&words);
    tt_message_t message = records_result(part, 5, &frames);
    tt_buf_printf(&words, "%d: %d %d %.*s %.*s", (int)message.id, (int)message.as.result.engine,
                  (int)message.as.result.status, (int)message.as.result.cause.len,
                  (const char *)message.as.result.cause.data, (int)message.as.result.host.len,
                  (const char *)message.as.result.host.data);
    for (size_t i = 0; i < frames.count; i++)
        tt_buf_printf(&words, "|%.*s", (int)tt_frames_span(&frames, i).len,
                      (const char *)tt_frames_span(&frames, i).data);
    assert_string_equal(tt_buf_text(&words), expected);
    tt_buf_release(&words);
    tt_frames_release(&frames);
}

TEST(a_task_is_known_from_its_beginning_and_so_is_how_its_parts_ended)
{
    record_t *record = start(1, 2);
    assert_ptr_equal(find(1), record);
    assert_null(find(2));
    assert_null(records_find(&records, another, 1));
    assert_int_equal(count_of(RECORD_PENDING), 1);
    finish(record, 1, 2, false);
    assert_int_equal(record->left, 1);
    assert_int_equal(count_of(RECORD_PENDING), 1);
    assert_int_equal(records.total, 0);
    finish(record, 0, 3, false);
    assert_int_equal(count_of(RECORD_PENDING), 0);
    assert_int_equal(count_of(RECORD_SEEN), 1);
    assert_int_equal(records.total, 1);
    assert_string_equal(record->label, "label");
    assert_int_equal(record->parts[1].status, 1);
    assert_int_equal(record->parts[1].born, 9);
    assert_true(record->parts[0].ended >= record->parts[1].ended);
    check_result(&record->parts[0], "5: 0 1 why here|bbb|out|");
    check_result(&record->parts[1], "5: 1 1 why here|bb|out|");
}

TEST(a_large_result_is_kept_only_when_nobody_else_has_it)
{
    record_t *seen = start(1, 1), *left = start(2, 1);
    finish(seen, 0, RECORDS_RESULT_BYTES, false); /* and three of output */
    finish(left, 0, RECORDS_RESULT_BYTES, true);
    assert_false(seen->parts->answer->whole);
    assert_true(left->parts->answer->whole);
    check_result(seen->parts, "5: 0 1 why here");
    assert_int_equal(count_of(RECORD_SEEN), 1);
    assert_int_equal(count_of(RECORD_LEFT), 1);
    finish(start(3, 1), 0, RECORDS_LEFT_CAP_BYTES / 2, true);
    assert_false(find(3)->parts->answer->whole);
}

TEST(what_was_written_while_nobody_was_there_stands_before_the_rest)
{
    record_t *record = start(1, 2);
    assert_true(records_written(&records, record, 0, 1, tt_span("first "), true));
    assert_true(records_written(&records, record, 0, 1, tt_span("second "), true));
    assert_true(records_written(&records, record, 0, 2, tt_span("err"), true));
    assert_true(records_written(&records, record, 1, 2, tt_span("little"), false));
    static char much[RECORDS_RESULT_BYTES];
    assert_false(records_written(&records, record, 1, 2,
                                 (tt_span_t){(uint8_t *)much, sizeof much}, false));
    finish(record, 0, 1, true);
    finish(record, 1, 1, true);
    check_result(&record->parts[0], "5: 0 1 why here|b|first second out|err");
    check_result(&record->parts[1], "5: 1 1 why here|b|out|little");
    assert_int_equal(record->parts[1].answer->dropped_bytes, sizeof much);
    assert_int_equal(count_of(RECORD_LEFT), 1);
}

TEST(what_is_written_and_what_comes_for_nobody_is_bounded_while_its_task_has_not_ended)
{
    enum { HALF = RECORDS_LEFT_CAP_BYTES / 2, PIECE = 1 << 20 };
    record_t *record = start(1, 200), *other = start(2, 1);
    uint8_t *piece = tt_alloc(PIECE);
    for (size_t i = 0; i < 16; i++)
        assert_true(records_written(&records, other, 0, 1, (tt_span_t){piece, PIECE}, true));
    for (size_t i = 0; i < 199; i++)
        finish(record, i, PIECE, true);
    assert_false(records_written(&records, other, 0, 1, (tt_span_t){piece, PIECE}, true));
    assert_true(records.rows[RECORD_PENDING].bytes < HALF + PIECE);
    assert_true(record->parts[0].answer->whole);
    assert_false(record->parts[198].answer->whole);
    finish(record, 199, 0, true);
    finish(other, 0, 0, true);
    assert_int_equal(count_of(RECORD_LEFT), 2);
    assert_int_equal(records.rows[RECORD_PENDING].held, 0);
    free(piece);
}

TEST(over_the_cap_the_oldest_go_each_in_its_row_and_the_total_still_counts_them)
{
    enum { MANY = 2 * RECORDS_CAP_BYTES / (int)sizeof(record_t) };
    finish(start(MANY + 1, 1), 0, 10, true);
    record_t *slow = start(MANY + 2, 1);
    for (uint64_t i = 1; i <= MANY; i++) {
        finish(start(i, 1), 0, 10, false);
        assert_true(records.rows[RECORD_SEEN].bytes <= RECORDS_CAP_BYTES);
    }
    size_t kept = count_of(RECORD_SEEN);
    assert_int_equal(records.total, MANY + 1);
    assert_true(kept > 2000 && kept < MANY);
    assert_null(find(MANY - kept));
    assert_ptr_equal(find(MANY - kept + 1), records.rows[RECORD_SEEN].first);
    assert_non_null(find(MANY + 1)); /* nobody else has it */
    assert_ptr_equal(find(MANY + 2), slow);
    assert_true(records_bytes(&records) < RECORDS_CAP_BYTES + 4096);
}

TEST(of_two_tasks_of_one_name_the_first_is_found)
{
    record_t *first = start(1, 1), *second = start(1, 1);
    finish(second, 0, 1, false);
    assert_ptr_equal(find(1), first);
    records_forget(&records, second);
    assert_ptr_equal(find(1), first);
    records_forget(&records, first); /* it has not ended */
    assert_ptr_equal(find(1), first);
    finish(first, 0, 1, false);
    records_forget(&records, first);
    assert_null(find(1));
    assert_int_equal(records_bytes(&records), 0);
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
        EACH(a_task_is_known_from_its_beginning_and_so_is_how_its_parts_ended),
        EACH(a_large_result_is_kept_only_when_nobody_else_has_it),
        EACH(what_was_written_while_nobody_was_there_stands_before_the_rest),
        EACH(what_is_written_and_what_comes_for_nobody_is_bounded_while_its_task_has_not_ended),
        EACH(over_the_cap_the_oldest_go_each_in_its_row_and_the_total_still_counts_them),
        EACH(of_two_tasks_of_one_name_the_first_is_found),
        EACH(a_reason_tells_when_who_where_and_why),
        EACH(texts_that_are_too_long_are_cut),
        EACH(of_many_reasons_the_latest_are_kept_oldest_first),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
