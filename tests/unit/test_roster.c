/* Unit test of share/roster: engines in any order, told again, and gone. */
#include "check.h"

#include "roster.h"

#include <stdio.h>
#include <stdlib.h>

static tt_roster_t roster;

static int begin(void **unused)
{
    (void)unused;
    roster = (tt_roster_t){NULL, 0};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_roster_release(&roster);
    return 0;
}

static void note(int id, tt_engine_state_t state, const char *host)
{
    tt_engine_t engine = {.id = id, .state = state, .pid = 1000 + id};
    snprintf(engine.host, sizeof engine.host, "%s", host);
    tt_roster_note(&roster, &engine);
}

static void assert_ids(const char *expected)
{
    tt_buf_t out;
    tt_buf_init(&out);
    for (size_t i = 0; i < roster.count; i++)
        tt_buf_printf(&out, "%s%d", i ? "," : "", roster.engines[i].id);
    assert_text(&out, expected);
    tt_buf_release(&out);
}

/* ---- nothing there */

TEST(an_empty_roster_has_no_engine_and_is_released_twice)
{
    assert_null(tt_roster_find(&roster, 0));
    tt_roster_release(&roster);
    tt_roster_release(&roster);
    assert_int_equal(roster.count, 0);
}

TEST(one_that_was_never_there_may_go)
{
    note(3, TT_ENGINE_GONE, "web1");
    assert_ids("");
    note(1, TT_ENGINE_READY, "web1");
    note(0, TT_ENGINE_GONE, "web1");
    note(2, TT_ENGINE_GONE, "web1");
    assert_ids("1");
}

TEST(an_engine_that_is_not_there_is_not_found)
{
    note(1, TT_ENGINE_READY, "web1");
    note(3, TT_ENGINE_READY, "web1");
    assert_null(tt_roster_find(&roster, 0));
    assert_null(tt_roster_find(&roster, 2));
    assert_null(tt_roster_find(&roster, 4));
    assert_null(tt_roster_find(&roster, -1));
}

/* ---- what an EVENT says */

TEST(an_event_becomes_an_engine)
{
    tt_msg_event_t event = {
        .engine = 7,
        .state = TT_ENGINE_FAILED,
        .pid = 4711,
        .host = tt_span("web1.example.org"),
        .language = tt_span("python"),
        .version = tt_span("3.11.2"),
        .program = tt_span("/usr/bin/python3"),
        .text = tt_span("exited with status 3"),
    };
    tt_engine_t engine = tt_engine_of(&event);
    assert_int_equal(engine.id, 7);
    assert_int_equal(engine.state, TT_ENGINE_FAILED);
    assert_int_equal(engine.pid, 4711);
    assert_string_equal(engine.host, "web1.example.org");
    assert_string_equal(engine.language, "python");
    assert_string_equal(engine.version, "3.11.2");
    assert_string_equal(engine.program, "/usr/bin/python3");
    assert_string_equal(engine.text, "exited with status 3");
}

TEST(texts_of_an_event_that_are_missing_are_empty_and_long_ones_are_cut)
{
    char text[1000];
    memset(text, 'x', sizeof text);
    tt_msg_event_t event = {
        .host = {(const uint8_t *)text, sizeof text},
        .language = {(const uint8_t *)text, sizeof text},
    };
    tt_engine_t engine = tt_engine_of(&event);
    assert_int_equal(strlen(engine.host), sizeof engine.host - 1);
    assert_int_equal(strlen(engine.language), sizeof engine.language - 1);
    assert_string_equal(engine.version, "");
    assert_string_equal(engine.program, "");
    assert_string_equal(engine.text, "");
}

/* ---- places */

TEST(engines_stand_in_the_order_of_their_numbers_whatever_order_they_come_in)
{
    static const int order[] = {5, 1, 9, 0, 3, 7, 2, 8, 4, 6};
    for (size_t i = 0; i < 10; i++)
        note(order[i], TT_ENGINE_READY, "web1");
    assert_ids("0,1,2,3,4,5,6,7,8,9");
    for (int id = 0; id < 10; id++)
        assert_int_equal(tt_roster_find(&roster, id)->pid, 1000 + id);
}

TEST(an_engine_that_is_told_again_is_changed_where_it_stands)
{
    note(0, TT_ENGINE_STARTING, "web1");
    note(1, TT_ENGINE_STARTING, "web1");
    note(2, TT_ENGINE_STARTING, "web1");
    note(1, TT_ENGINE_READY, "web2");
    assert_ids("0,1,2");
    assert_int_equal(tt_roster_find(&roster, 1)->state, TT_ENGINE_READY);
    assert_string_equal(tt_roster_find(&roster, 1)->host, "web2");
    assert_int_equal(tt_roster_find(&roster, 0)->state, TT_ENGINE_STARTING);
    assert_int_equal(tt_roster_find(&roster, 2)->state, TT_ENGINE_STARTING);
}

TEST(only_an_engine_that_is_gone_leaves)
{
    static const tt_engine_state_t stay[] = {TT_ENGINE_STARTING,   TT_ENGINE_READY,
                                             TT_ENGINE_RESTARTING, TT_ENGINE_FAILED,
                                             TT_ENGINE_LOST,       TT_ENGINE_STOPPED};
    for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
        note(4, stay[i], "web1");
        assert_ids("4");
    }
    note(4, TT_ENGINE_GONE, "web1");
    assert_ids("");
    assert_null(tt_roster_find(&roster, 4));
}

TEST(the_first_the_last_and_one_between_go_and_come_back)
{
    for (int id = 0; id < 5; id++)
        note(id, TT_ENGINE_READY, "web1");
    note(2, TT_ENGINE_GONE, "web1");
    assert_ids("0,1,3,4");
    note(0, TT_ENGINE_GONE, "web1");
    assert_ids("1,3,4");
    note(4, TT_ENGINE_GONE, "web1");
    assert_ids("1,3");
    note(4, TT_ENGINE_GONE, "web1");
    assert_ids("1,3");
    note(4, TT_ENGINE_READY, "web1");
    note(0, TT_ENGINE_READY, "web1");
    note(2, TT_ENGINE_READY, "web1");
    assert_ids("0,1,2,3,4");
    for (int id = 0; id < 5; id++)
        assert_int_equal(tt_roster_find(&roster, id)->pid, 1000 + id);
}

TEST(an_engine_may_be_noted_from_the_roster_itself)
{
    for (int id = 0; id < 5; id++)
        note(id, TT_ENGINE_READY, "web1");
    tt_roster_note(&roster, tt_roster_find(&roster, 2));
    assert_ids("0,1,2,3,4");
    roster.engines[2].state = TT_ENGINE_GONE;
    tt_roster_note(&roster, tt_roster_find(&roster, 2));
    assert_ids("0,1,3,4");
}

/* Thousands that come and go at random, beside a plain table of who is there. */
TEST(random_ones_stay_sorted_and_none_is_lost)
{
    enum { IDS = 300 };
    bool there[IDS] = {false};
    srand(5);
    for (int round = 0; round < 5000; round++) {
        int id = rand() % IDS;
        there[id] = rand() % 3 != 0;
        note(id, there[id] ? TT_ENGINE_READY : TT_ENGINE_GONE, "web1");
    }
    size_t count = 0;
    for (int id = 0; id < IDS; id++) {
        const tt_engine_t *engine = tt_roster_find(&roster, id);
        assert_int_equal(engine != NULL, there[id]);
        assert_true(engine == NULL || (engine->id == id && engine->pid == 1000 + id));
        count += there[id];
    }
    assert_int_equal(roster.count, count);
    for (size_t i = 1; i < roster.count; i++)
        assert_true(roster.engines[i - 1].id < roster.engines[i].id);
}

TEST(a_roster_that_was_released_is_used_again)
{
    note(1, TT_ENGINE_READY, "web1");
    tt_roster_release(&roster);
    assert_null(tt_roster_find(&roster, 1));
    note(2, TT_ENGINE_READY, "web1");
    assert_ids("2");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_empty_roster_has_no_engine_and_is_released_twice),
        EACH(one_that_was_never_there_may_go),
        EACH(an_engine_that_is_not_there_is_not_found),
        EACH(an_event_becomes_an_engine),
        EACH(texts_of_an_event_that_are_missing_are_empty_and_long_ones_are_cut),
        EACH(engines_stand_in_the_order_of_their_numbers_whatever_order_they_come_in),
        EACH(an_engine_that_is_told_again_is_changed_where_it_stands),
        EACH(only_an_engine_that_is_gone_leaves),
        EACH(the_first_the_last_and_one_between_go_and_come_back),
        EACH(an_engine_may_be_noted_from_the_roster_itself),
        EACH(random_ones_stay_sorted_and_none_is_lost),
        EACH(a_roster_that_was_released_is_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
