/* Unit test of repl/snapshot: the controller's report, whole, with keys that are missing or
 * strange, and with texts that a terminal would obey. */
#include "report_made.h"

static snapshot_t report;
static tt_buf_t bytes;
static tt_error_t err;

static int end(void **unused)
{
    (void)unused;
    snapshot_release(&report);
    snapshot_release(&report);
    tt_buf_release(&bytes);
    return 0;
}

static int read_bytes(void)
{
    snapshot_release(&report);
    return snapshot_read(&report, span_of(&bytes), &err);
}

TEST(bytes_that_are_no_value_are_refused)
{
    static const char *const bad[] = {"\xc1", "\x81", "\x92\x01", "\x01\x02"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes.len = 0;
        tt_buf_append(&bytes, bad[i], strlen(bad[i]));
        assert_int_equal(read_bytes(), -1);
        assert_true(err.text[0] != 0);
    }
    bytes.len = 0;
    assert_int_equal(read_bytes(), -1);
}

TEST(what_is_no_map_or_has_no_keys_tells_nothing)
{
    for (int i = 0; i < 2; i++) {
        bytes.len = 0;
        if (i == 0)
            tt_pack_int(&bytes, 5);
        else
            tt_pack_map(&bytes, 0);
        assert_int_equal(read_bytes(), 0);
        assert_string_equal(report.cluster, "");
        assert_true(report.tasks == -1 && report.uptime_s == 0);
        assert_true(report.engine_count + report.host_count + report.link_count +
                        report.reason_count ==
                    0);
    }
}

TEST(keys_of_another_kind_are_not_told)
{
    bytes.len = 0;
    tt_pack_map(&bytes, 4);
    made_int(&bytes, "cluster", 7);
    made_text(&bytes, "controller", "gone");
    made_text(&bytes, "hosts", "many");
    tt_pack_text(&bytes, "engines");
    tt_pack_array(&bytes, 2);
    tt_pack_int(&bytes, 3);
    tt_pack_map(&bytes, 4);
    made_text(&bytes, "id", "three");
    made_int(&bytes, "host", 3);
    made_text(&bytes, "cpu", "much");
    made_int(&bytes, "running", 3);
    assert_int_equal(read_bytes(), 0);
    assert_string_equal(report.cluster, "");
    assert_int_equal(report.host_count, 0);
    assert_int_equal(report.engine_count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(report.engines[i].id, -1);
        assert_string_equal(report.engines[i].host, "");
        assert_true(report.engines[i].cpu < 0 && !report.engines[i].busy);
    }
}

TEST(numbers_out_of_all_bounds_can_still_be_added_up)
{
    bytes.len = 0;
    tt_pack_map(&bytes, 1);
    tt_pack_text(&bytes, "engines");
    tt_pack_array(&bytes, 1);
    tt_pack_map(&bytes, 6);
    made_int(&bytes, "id", (int64_t)1 << 40);
    made_int(&bytes, "done", INT64_MAX);
    made_int(&bytes, "queue", INT64_MIN);
    made_real(&bytes, "cpu", 1.0 / 0.0);
    made_real(&bytes, "running_s", -(0.0 / 0.0));
    made_int(&bytes, "rss_bytes", INT64_MAX);
    assert_int_equal(read_bytes(), 0);
    const snapshot_engine_t *engine = &report.engines[0];
    assert_int_equal(engine->id, -1);
    assert_true(engine->done > 0 && engine->done <= INT64_MAX / 100000);
    assert_true(engine->rss_bytes == engine->done);
    assert_true(engine->queue == -1 && engine->cpu < 0 && engine->running_s == 0);
}

TEST(a_whole_report_is_read)
{
    made_engine_t engines[] = {
        {.id = 4,
         .state = TT_ENGINE_READY,
         .running = "fit(3)",
         .running_s = 2.5,
         .cpu = 0.75,
         .done = 9,
         .queue = 2},
        {.id = 7, .state = TT_ENGINE_LOST, .text = "was eaten", .cpu = -1}};
    made_host_t hosts[] = {{"web1", 3.5, 0.25, 2}};
    made_read(&report, &(made_t){engines, 2, hosts, 1, "web9", 12, 5});
    assert_string_equal(report.cluster, "lab");
    assert_true(report.pid == 4711 && report.tasks_done == 12 && report.waiting == 5);
    assert_true(report.hosts[0].cores == 16 && report.hosts[0].load == 3.5);
    assert_true(report.hosts[0].spare_bytes == (int64_t)20 << 30);
    assert_string_equal(report.links[0].host, "web9");
    assert_true(report.engines[0].id == 4 && report.engines[0].busy);
    assert_true(report.engines[0].usable && report.engines[0].cpu == 0.75);
    assert_string_equal(report.engines[0].running, "fit(3)");
    assert_true(!report.engines[1].usable && report.engines[1].cpu < 0);
    assert_string_equal(report.engines[1].text, "was eaten");
}

TEST(texts_are_made_safe_and_of_what_runs_the_first_line_is_kept)
{
    static const struct {
        const char *code, *kept;
    } table[] = {{"x = 1", "x = 1"}, {"\n\n  x = 1\ny = 2", "x = 1…"}, {"x = 1\n", "x = 1"},
                 {"\n", ""},         {"\x1b[2Jx", "\\x1B[2Jx"},        {"x\xff", "x\\xFF"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        made_engine_t engine = {.host = "we\x1b]0;b", .running = table[i].code};
        made_read(&report, &(made_t){.engines = &engine, .engine_count = 1});
        assert_string_equal(report.engines[0].running, table[i].kept);
        assert_string_equal(report.engines[0].host, "we\\x1B]0;b");
    }
}

int main(void)
{
#define EACH(name) cmocka_unit_test_teardown(name, end)
    const struct CMUnitTest tests[] = {
        EACH(bytes_that_are_no_value_are_refused),
        EACH(what_is_no_map_or_has_no_keys_tells_nothing),
        EACH(keys_of_another_kind_are_not_told),
        EACH(numbers_out_of_all_bounds_can_still_be_added_up),
        EACH(a_whole_report_is_read),
        EACH(texts_are_made_safe_and_of_what_runs_the_first_line_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
