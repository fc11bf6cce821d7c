/* Unit test of repl/top_rows: which engines share a row, what the row says, and the order. */
#include "report_made.h"

#include "top_rows.h"

static snapshot_t report;
static top_rows_t rows;
static made_engine_t engines[8];
static size_t count;

static int begin(void **unused)
{
    (void)unused;
    count = 8;
    for (int i = 0; i < 8; i++)
        engines[i] = (made_engine_t){.id = i,
                                     .host = i < 4 ? "web1" : "web2",
                                     .state = TT_ENGINE_READY,
                                     .since_s = 60,
                                     .cpu = 0.25,
                                     .done = i};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    top_rows_release(&rows);
    top_rows_release(&rows);
    snapshot_release(&report);
    return 0;
}

static void make(top_grouping_t grouping, size_t fit, top_order_t order)
{
    made_read(&report, &(made_t){.engines = engines, .engine_count = count});
    top_rows_release(&rows);
    rows = top_rows_make(&report, grouping, fit, order);
}

/* The first engines of the rows, in their order. */
static void check_order(const int *ids, size_t id_count)
{
    assert_int_equal(rows.count, id_count);
    for (size_t i = 0; i < id_count; i++)
        assert_int_equal(rows.items[i].ids[0], ids[i]);
}

TEST(of_no_engines_there_are_no_rows)
{
    count = 0;
    for (int grouping = 0; grouping < TOP_GROUPING_COUNT; grouping++) {
        make(grouping, 10, TOP_STATE);
        assert_int_equal(rows.count, 0);
    }
}

TEST(rows_are_the_first_grouping_that_fits)
{
    engines[1].running = engines[5].running = "fit()";
    make(TOP_FITTING, 8, TOP_STATE);
    assert_int_equal(rows.grouping, TOP_EACH);
    make(TOP_FITTING, 7, TOP_STATE);
    assert_int_equal(rows.grouping, TOP_ALIKE);
    assert_int_equal(rows.count, 4);
    make(TOP_FITTING, 3, TOP_STATE);
    assert_int_equal(rows.grouping, TOP_HOSTS);
    assert_int_equal(rows.count, 2);
    make(TOP_FITTING, 0, TOP_STATE);
    assert_int_equal(rows.count, 2);
}

TEST(a_row_of_several_sums_up_what_is_known)
{
    engines[0].cpu = -1;
    engines[1].running = "fit()";
    engines[1].running_s = 5;
    make(TOP_HOSTS, 0, TOP_STATE);
    const top_row_t *row = &rows.items[0];
    assert_int_equal(row->count, 4);
    assert_int_equal(row->busy, 1);
    assert_int_equal(row->rank, TOP_BUSY);
    assert_true(row->cpu == 0.75 && row->done == 6 && row->rss_bytes == -1);
    assert_true(row->seconds == 5); /* not those that idle */
    assert_string_equal(row->what, "");
    assert_string_equal(row->host, "web1");
}

TEST(what_is_not_well_comes_first_and_stands_apart)
{
    engines[6].state = TT_ENGINE_LOST;
    engines[6].text = "was eaten";
    engines[7].running = "fit()";
    make(TOP_EACH, 0, TOP_STATE);
    check_order((int[]){6, 7, 0, 1, 2, 3, 4, 5}, 8);
    assert_string_equal(rows.items[0].what, "was eaten");
    make(TOP_HOSTS, 0, TOP_STATE);
    check_order((int[]){6, 4, 0}, 3);
    make(TOP_MACHINES, 0, TOP_STATE);
    check_order((int[]){4, 0}, 2);
    assert_int_equal(rows.items[0].rank, TOP_ODD);
    assert_string_equal(rows.items[0].state, "lost");
}

TEST(languages_do_not_share_a_row_unless_it_is_a_machines)
{
    engines[0].language = "sh";
    make(TOP_HOSTS, 0, TOP_ENGINE);
    check_order((int[]){0, 1, 4}, 3);
    make(TOP_MACHINES, 0, TOP_ENGINE);
    check_order((int[]){0, 4}, 2);
}

TEST(other_orders_put_the_most_first_and_equals_by_number)
{
    count = 4;
    engines[2].cpu = 1;
    engines[3].running = "x";
    engines[3].running_s = 2;
    make(TOP_EACH, 0, TOP_CPU);
    check_order((int[]){2, 0, 1, 3}, 4);
    make(TOP_EACH, 0, TOP_TIME);
    check_order((int[]){3, 0, 1, 2}, 4);
    make(TOP_EACH, 0, TOP_ENGINE);
    check_order((int[]){0, 1, 2, 3}, 4);
    make(TOP_EACH, 0, TOP_MEMORY);
    check_order((int[]){0, 1, 2, 3}, 4);
}

TEST(ids_are_sorted_whatever_the_report_says)
{
    engines[0].id = 7;
    engines[7].id = 0;
    for (int i = 0; i < 8; i++)
        engines[i].host = "web1";
    make(TOP_ALIKE, 0, TOP_STATE);
    assert_int_equal(rows.count, 1);
    for (int i = 0; i < 8; i++)
        assert_int_equal(rows.items[0].ids[i], i);
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(of_no_engines_there_are_no_rows),
        EACH(rows_are_the_first_grouping_that_fits),
        EACH(a_row_of_several_sums_up_what_is_known),
        EACH(what_is_not_well_comes_first_and_stands_apart),
        EACH(languages_do_not_share_a_row_unless_it_is_a_machines),
        EACH(other_orders_put_the_most_first_and_equals_by_number),
        EACH(ids_are_sorted_whatever_the_report_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
