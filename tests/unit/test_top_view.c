/* Unit test of repl/top_view and top_table: whole frames, of any size, of 0 to 500 engines, of
 * several hosts, with long and hostile names; and what of it changes with the keys. */
#include "report_made.h"

#include "text.h"
#include "top_table.h"
#include "top_view.h"

#include <stdio.h>

static pulse_t pulse;
static snapshot_t report;
static top_look_t look;
static tt_buf_t out;

static int begin(void **unused)
{
    (void)unused;
    pulse_init(&pulse);
    look = (top_look_t){.columns = 80, .rows = 24};
    tt_buf_init(&out);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    pulse_release(&pulse);
    snapshot_release(&report);
    tt_buf_release(&out);
    return 0;
}

static void sample(const made_t *made, int64_t now_ms)
{
    made_read(&report, made);
    pulse_add(&pulse, &report, now_ms);
}

static const char *draw(void)
{
    out.len = 0;
    top_view(&report, &pulse, &look, &out);
    return tt_buf_text(&out);
}

/* Just as many lines as there are rows, none of them wider than the frame. */
static void check_size(void)
{
    size_t lines = 0;
    const char *at = draw();
    for (const char *next; (next = strchr(at, '\n')); at = next + 1, lines++)
        if (tt_text_width(at, (size_t)(next - at)) > look.columns)
            fail_msg("too wide for %zu: %.*s", look.columns, (int)(next - at), at);
    assert_int_equal(*at, 0);
    assert_int_equal(lines, look.rows);
}

static void check_sizes(void)
{
    static const size_t sizes[][2] = {{80, 24}, {40, 10}, {200, 60}, {79, 24},  {20, 5},
                                      {10, 1},  {10, 3},  {500, 5},  {10, 200}, {132, 13}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int grouping = 0; grouping < TOP_MACHINES; grouping++) {
            look = (top_look_t){.columns = sizes[i][0], .rows = sizes[i][1]};
            look.grouping = (top_grouping_t)grouping;
            check_size();
        }
    look = (top_look_t){.columns = 80, .rows = 24};
}

#define assert_shows(part)                                                                     \
    do {                                                                                       \
        if (strstr(draw(), part) == NULL)                                                      \
            fail_msg("\"%s\" is not in:\n%s", part, tt_buf_text(&out));                        \
    } while (0)
#define assert_hides(part)                                                                     \
    do {                                                                                       \
        if (strstr(draw(), part) != NULL)                                                      \
            fail_msg("\"%s\" is in:\n%s", part, tt_buf_text(&out));                            \
    } while (0)

static const made_host_t one_host[] = {{"web1", 1.5, 0.2, 2}};

/* ---- whole frames */

TEST(before_the_first_answer_a_frame_is_there)
{
    snapshot_release(&report);
    report = (snapshot_t){.cluster = tt_strdup("")};
    assert_shows("no engines; tutti start -n N starts some\n");
    check_size();
}

TEST(two_engines_are_told_on_80_by_24)
{
    made_engine_t engines[] = {
        {.id = 0,
         .state = TT_ENGINE_READY,
         .running = "fit(3)",
         .running_s = 65,
         .cpu = 0.98,
         .done = 7,
         .queue = 2},
        {.id = 1, .state = TT_ENGINE_READY, .since_s = 9, .cpu = -1, .done = 1234567}};
    made_t made = {engines, 2, one_host, 1, NULL, 40, 3};
    sample(&made, 0);
    made.tasks_done = 50;
    sample(&made, 1000);
    look.rows = 13;
    assert_string_equal(
        draw(),
        "cluster 'lab' · up 1 h 01 min · 2 clients\n"
        "engines 2: 1 busy, 1 idle\n"
        "tasks 1 running, 5 waiting, 50 done, 10/s · █ up to 10/s\n"
        "cpu 1.0 of 16 cores · memory -, 20.0G free of 64.0G\n"
        "ENGINE  STATE          CPU  MEMORY     DONE     FOR  WORK, 1 s     WHAT         \n"
        "0       busy           98%       -        7    1m05            ██  fit(3)       \n"
        "1       ready            -       -     1.2M                    ··               \n"
        "\n\n\n\n\n"
        "q leaves · s order: state · g rows: as it fits · p pauses · ? help\n");
    look.rows = 24;
    assert_shows(
        "\n\nHOST  ENGINES  BUSY         LOAD     CPU  MEMORY            FREE  WORK, 1 s");
    assert_shows("\nweb1        2     1    1.5 of 16     98%       -  20.0G of 64.0G");
    check_sizes();
}

TEST(a_column_that_tells_nothing_new_is_not_there)
{
    static const char *const hosts[] = {"web1", "web2"};
    made_engine_t *engines = made_idle(4, hosts, 2);
    made_t made = {.engines = engines, .engine_count = 4};
    sample(&made, 0);
    assert_shows("\nENGINE  HOST  STATE ");
    assert_hides("LANGUAGE");
    assert_hides("WHAT");
    engines[3].language = "sh";
    engines[2].running = "ls";
    engines[2].host = "web1";
    engines[3].host = "web1";
    sample(&made, 1000);
    assert_shows("\nENGINE  LANGUAGE  STATE ");
    assert_shows("WHAT");
    check_sizes();
    free(engines);
}

TEST(five_hundred_engines_on_many_hosts_fit)
{
    static const char *const hosts[] = {"web01", "web02", "web03", "web04", "web05", "web06",
                                        "web07", "web08", "web09", "web10", "web11", "web12"};
    made_host_t told[12];
    made_engine_t *engines = made_idle(500, hosts, 12);
    for (size_t i = 0; i < 12; i++)
        told[i] = (made_host_t){hosts[i], 2, 0, 41};
    engines[17].state = TT_ENGINE_LOST;
    engines[17].text = "its link is down";
    engines[18].state = TT_ENGINE_RESTARTING;
    for (int i = 100; i < 200; i++)
        engines[i].running = "train(x)";
    made_t made = {engines, 500, told, 12, "web99", 10, 0};
    sample(&made, 0);
    assert_shows("engines 500 on 12 hosts: 100 busy, 398 idle, 1 restarting, 1 lost\n");
    assert_shows("host web99 is not reached: permission denied; try: ssh web9");
    assert_shows("... and 6 more hosts\n");
    assert_shows("\nENGINES     COUNT  HOST   STATE ");
    assert_shows("\n17              1  web01  lost ");
    check_sizes();
    look.grouping = TOP_EACH;
    look.first = 1000000;
    assert_shows("\n499     web12  ready ");
    assert_shows("494-500 of 500 · q leaves");
    assert_int_equal(look.first, 493);
    free(engines);
}

TEST(a_machine_that_is_not_here_is_told)
{
    static const char *const hosts[] = {"web1", "web2"};
    made_host_t told[] = {{"web1", 1, 12, 2}};
    made_engine_t *engines = made_idle(4, hosts, 2);
    engines[2].state = engines[3].state = TT_ENGINE_LOST;
    sample(&(made_t){engines, 4, told, 1, NULL, 0, 0}, 0);
    look.colour = true;
    assert_shows("\n\033[31mweb2\033[0m        2     0     not here");
    assert_shows("  silent 12s");
    free(engines);
}

TEST(a_machine_with_several_hosts_is_one)
{
    made_host_t told[] = {{"web1", 1, 0, 1}, {"web1", 1, 0, 1}};
    made_engine_t engines[] = {{.id = 0, .state = TT_ENGINE_READY, .cpu = -1}};
    sample(&(made_t){engines, 1, told, 2, NULL, 0, 0}, 0);
    assert_shows("cpu - of 16 cores");
    assert_hides("on 2 hosts");
}

TEST(names_of_any_length_and_kind_stay_in_their_columns)
{
    static const char *const names[] = {
        "\x1b[2J\x1b[31m",
        "a-name-that-is-much-longer-than-a-column-of-a-table-may-be.example.org",
        "日本日本日本日本日本日本日本日本日本日本日本日本日本日本",
        "größe",
        "\xff\xfe",
        ""};
    enum { NAMES = sizeof names / sizeof *names };
    made_engine_t *engines = made_idle(NAMES, names, NAMES);
    made_host_t told[NAMES];
    for (size_t i = 0; i < NAMES; i++) {
        told[i] = (made_host_t){names[i], 1e300, 1e300, 1};
        engines[i].language = engines[i].running = names[i];
        engines[i].running_s = 1e300;
        engines[i].cpu = 1e300;
    }
    sample(&(made_t){engines, NAMES, told, NAMES, names[0], INT64_MAX, INT64_MAX}, 0);
    sample(&(made_t){engines, NAMES, told, NAMES, names[1], INT64_MAX, INT64_MAX}, 1000);
    check_sizes();
    assert_hides("\x1b");
    free(engines);
}

/* ---- what changes with the look */

TEST(scrolling_stays_within_the_rows)
{
    static const char *const hosts[] = {"web1"};
    made_engine_t *engines = made_idle(30, hosts, 1);
    sample(&(made_t){.engines = engines, .engine_count = 30}, 0);
    look = (top_look_t){.columns = 80, .rows = 12, .grouping = TOP_EACH};
    assert_int_equal(top_view(&report, &pulse, &look, &out), 6);
    look.first = 5;
    assert_shows("6-11 of 30 · ");
    look.first = 29;
    assert_shows("25-30 of 30 · ");
    assert_int_equal(look.first, 24);
    look.rows = 60;
    draw();
    assert_int_equal(look.first, 0);
    free(engines);
}

TEST(help_stands_in_the_place_of_the_rows)
{
    made_engine_t engine = {.id = 0, .state = TT_ENGINE_READY};
    sample(&(made_t){.engines = &engine, .engine_count = 1}, 0);
    look.help = "  q  leaves\n  s  sorts\n";
    assert_shows("\n  q  leaves\n  s  sorts\n\n");
    assert_hides("ENGINE");
    check_size();
    look.rows = 7;
    check_size();
}

TEST(a_pause_and_a_late_answer_are_told)
{
    made_engine_t engine = {.id = 0, .state = TT_ENGINE_READY};
    sample(&(made_t){.engines = &engine, .engine_count = 1}, 0);
    look.paused = true;
    look.silent_s = 7.4;
    assert_shows(" · paused · no answer for 7 s\n");
    assert_shows("p goes on");
}

TEST(without_height_all_is_told_and_no_keys)
{
    static const char *const hosts[] = {"web1"};
    made_engine_t *engines = made_idle(TOP_APART_MAX + 1, hosts, 1);
    sample(&(made_t){.engines = engines, .engine_count = TOP_APART_MAX}, 0);
    look.rows = 0;
    assert_shows("\n39      ready          50%");
    assert_hides("leaves");
    assert_hides(" \n");
    sample(&(made_t){.engines = engines, .engine_count = TOP_APART_MAX + 1}, 1000);
    assert_shows("\n0-40        41  ready        2050%");
    free(engines);
}

TEST(without_utf8_there_is_nothing_but_ascii)
{
    made_engine_t engine = {.id = 0, .state = TT_ENGINE_READY, .running = "größe 日本"};
    sample(&(made_t){.engines = &engine, .engine_count = 1}, 0);
    look.ascii = true;
    look.columns = 100;
    assert_shows("cluster 'lab' - up");
    assert_shows("gr??e ????");
    for (const char *at = draw(); *at; at++)
        assert_true((unsigned char)*at < 0x80);
    check_size();
    look.colour = true;
    assert_shows("\n\033[7mENGINE  STATE ");
    assert_shows("\033[32mbusy\033[0m");
}

TEST(colours_take_no_columns)
{
    made_engine_t engines[] = {{.id = 0, .state = TT_ENGINE_READY, .running = "x"},
                               {.id = 1, .state = TT_ENGINE_FAILED},
                               {.id = 2, .state = TT_ENGINE_READY}};
    sample(&(made_t){.engines = engines, .engine_count = 3}, 0);
    char *plain = tt_strdup(draw());
    look.colour = true;
    assert_shows("\033[32mbusy\033[0m");
    assert_shows("\033[31mfailed\033[0m");
    tt_buf_t stripped;
    tt_buf_init(&stripped);
    for (const char *at = draw(); *at; at++) {
        if (*at == '\033')
            at = strchr(at, 'm');
        else
            tt_buf_append(&stripped, at, 1);
    }
    assert_text(&stripped, plain);
    tt_buf_release(&stripped);
    free(plain);
}

/* ---- numbers */

static void check_number(const char *expected)
{
    assert_text(&out, expected);
    out.len = 0;
}

TEST(numbers_take_few_columns)
{
    top_add_bytes(&out, -1);
    check_number("-");
    top_add_bytes(&out, 0);
    check_number("0K");
    top_add_bytes(&out, 999 << 10);
    check_number("999K");
    top_add_bytes(&out, 1000 << 10);
    check_number("1.0M");
    top_add_bytes(&out, (int64_t)99950 << 20);
    check_number("97.6G");
    top_add_bytes(&out, INT64_MAX);
    check_number("8.0E");
    top_add_time(&out, -1);
    check_number("");
    top_add_time(&out, 59.9);
    check_number("59s");
    top_add_time(&out, 125);
    check_number("2m05");
    top_add_time(&out, 3900);
    check_number("1h05");
    top_add_time(&out, 86400 * 3 + 7200);
    check_number("3d02");
    top_add_cpu(&out, -1);
    check_number("-");
    top_add_cpu(&out, 1.254);
    check_number("125%");
    top_add_count(&out, -1);
    check_number("-");
    top_add_count(&out, 999999);
    check_number("999999");
    top_add_count(&out, 1000000);
    check_number("1.0M");
    top_add_rate(&out, 0.25);
    check_number("0.2/s");
    top_add_rate(&out, 131.6);
    check_number("132/s");
}

int main(void)
{
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(before_the_first_answer_a_frame_is_there),
        EACH(two_engines_are_told_on_80_by_24),
        EACH(a_column_that_tells_nothing_new_is_not_there),
        EACH(five_hundred_engines_on_many_hosts_fit),
        EACH(a_machine_that_is_not_here_is_told),
        EACH(a_machine_with_several_hosts_is_one),
        EACH(names_of_any_length_and_kind_stay_in_their_columns),
        EACH(scrolling_stays_within_the_rows),
        EACH(help_stands_in_the_place_of_the_rows),
        EACH(a_pause_and_a_late_answer_are_told),
        EACH(without_height_all_is_told_and_no_keys),
        EACH(without_utf8_there_is_nothing_but_ascii),
        EACH(colours_take_no_columns),
        EACH(numbers_take_few_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
