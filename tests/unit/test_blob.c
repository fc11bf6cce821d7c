/* Unit test of engine/blob: functions that a host keeps under their hashes. */
#include "check.h"

#include "blob.h"

#include <unistd.h>

static blob_table_t table;
static tt_frames_t frames;

#define HASH(letter) SPAN(letter letter letter letter)
#define A            HASH("aaaa")
#define B            HASH("bbbb")
#define C            HASH("cccc")

static int begin(void **unused)
{
    (void)unused;
    table = (blob_table_t){NULL};
    tt_frames_init(&frames);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    blob_table_release(&table);
    blob_table_release(&table);
    tt_frames_release(&frames);
    return 0;
}

static void keep(tt_span_t hash, const char *text)
{
    tt_frames_release(&frames);
    tt_frames_copy(&frames, text, strlen(text));
    blob_keep(&table, hash, &frames);
}

static void assert_kept(tt_span_t hash, const char *text)
{
    const blob_t *blob = blob_find(&table, hash);
    assert_non_null(blob);
    tt_span_t bytes = tt_frames_span(&blob->bytes, 0);
    assert_int_equal(bytes.len, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.len);
}

/* ---- bad arguments */

TEST(a_hash_of_another_size_is_kept_under_no_name_and_the_frames_stay_the_callers)
{
    keep(SPAN("too short"), "function");
    assert_null(table.first);
    assert_int_equal(frames.count, 1);
    keep(SPAN("seventeen letters"), "function");
    assert_null(table.first);
    keep(SPAN(""), "function");
    assert_null(table.first);
}

TEST(a_blob_without_a_frame_is_not_kept)
{
    blob_keep(&table, A, &frames);
    assert_null(blob_find(&table, A));
}

TEST(what_nobody_brought_is_not_found_and_can_be_dropped)
{
    assert_null(blob_find(&table, A));
    blob_drop(&table, A);
    keep(A, "function");
    assert_null(blob_find(&table, B));
    assert_null(blob_find(&table, SPAN("aaaaaaaa")));
    assert_null(blob_find(&table, SPAN("")));
    blob_drop(&table, SPAN("aaaaaaaa"));
    assert_kept(A, "function");
}

/* ---- the normal case */

TEST(what_is_kept_is_found_by_its_hash_and_the_frames_are_taken)
{
    keep(A, "one");
    assert_int_equal(frames.count, 0);
    keep(B, "two");
    keep(C, "");
    assert_kept(A, "one");
    assert_kept(B, "two");
    assert_kept(C, "");
}

TEST(the_same_hash_again_changes_nothing)
{
    keep(A, "one");
    keep(A, "other");
    assert_int_equal(frames.count, 1);
    assert_kept(A, "one");
    blob_drop(&table, A);
    assert_null(blob_find(&table, A));
}

TEST(dropping_one_leaves_the_others_wherever_it_stood)
{
    const tt_span_t all[] = {A, B, C};
    for (int gone = 0; gone < 3; gone++) {
        for (int i = 0; i < 3; i++)
            keep(all[i], "x");
        blob_drop(&table, all[gone]);
        for (int i = 0; i < 3; i++)
            assert_int_equal(blob_find(&table, all[i]) != NULL, i != gone);
    }
}

TEST(what_was_dropped_may_come_again)
{
    keep(A, "one");
    blob_drop(&table, A);
    keep(A, "again");
    assert_kept(A, "again");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        EACH(a_hash_of_another_size_is_kept_under_no_name_and_the_frames_stay_the_callers),
        EACH(a_blob_without_a_frame_is_not_kept),
        EACH(what_nobody_brought_is_not_found_and_can_be_dropped),
        EACH(what_is_kept_is_found_by_its_hash_and_the_frames_are_taken),
        EACH(the_same_hash_again_changes_nothing),
        EACH(dropping_one_leaves_the_others_wherever_it_stood),
        EACH(what_was_dropped_may_come_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
