/* repl/journal.c */
#include "check.h"
#include "journal.h"

#include <stdio.h>

static journal_t *journal;

static int begin(void **state)
{
    (void)state;
    journal = journal_new();
    return 0;
}

static int end(void **state)
{
    (void)state;
    journal_destroy(&journal);
    assert_null(journal);
    return 0;
}

static tt_engine_t engine(int id, uint64_t born, const char *language)
{
    tt_engine_t one = {.id = id, .born = born};
    snprintf(one.language, sizeof one.language, "%s", language);
    return one;
}

static uint64_t note(const char *name, const char *text, uint64_t born)
{
    return journal_add(
        journal, &(deed_t){.name = name, .text = text, .language = "python", .born = born});
}

static const char *lack_of(const tt_engine_t *one)
{
    static char text[128];
    tt_buf_t out;
    tt_buf_init(&out);
    lack_t lack = journal_lack(journal, one);
    lack_tell(&lack, &out);
    snprintf(text, sizeof text, "%s", tt_buf_text(&out));
    tt_buf_release(&out);
    return text;
}

TEST(an_empty_journal_lacks_nothing)
{
    tt_engine_t one = engine(0, 1, "python");
    assert_null(journal_next(journal, 0));
    assert_string_equal(lack_of(&one), "");
    journal_remove(journal, 7);
    journal_settled(journal, &one, 0);
    journal_t *none = NULL;
    journal_destroy(&none);
}

TEST(an_engine_that_was_born_later_lacks_what_was_for_all_of_its_language)
{
    note(NULL, "a = 1", 2);
    note("b", "b", 2);
    note("c", "b + 1", 2);
    tt_engine_t there = engine(0, 2, "python"), late = engine(4, 3, "python"),
                other = engine(5, 4, "sh");
    assert_string_equal(lack_of(&there), "");
    assert_string_equal(lack_of(&late), "1 %px line, 2 pushed names");
    assert_string_equal(lack_of(&other), "");
}

TEST(what_was_for_some_only_these_lack)
{
    int ids[] = {1, 4};
    journal_add(journal, &(deed_t){.text = "a = 1", .ids = ids, .id_count = 2, .born = 5});
    ids[0] = 9; /* the journal has its own */
    tt_engine_t one = engine(1, 6, "python"), two = engine(2, 7, "python");
    assert_string_equal(lack_of(&one), "1 %px line");
    assert_string_equal(lack_of(&two), "");
}

TEST(a_name_that_is_pushed_again_counts_once_and_comes_last)
{
    uint64_t first = note("b", "b", 1);
    uint64_t line = note(NULL, "a = b", 1);
    uint64_t second = note("b", "b * 2", 1);
    assert_true(first < line && line < second);
    assert_int_equal(journal_next(journal, 0)->number, line);
    assert_int_equal(journal_next(journal, line)->number, second);
    assert_string_equal(journal_next(journal, line)->text, "b * 2");
    assert_null(journal_next(journal, second));
    int ids[] = {3};
    journal_add(journal, &(deed_t){.name = "b", .text = "0", .ids = ids, .id_count = 1});
    assert_non_null(journal_next(journal, second)); /* to others: both stay */
    assert_int_equal(journal_next(journal, line)->number, second);
}

TEST(what_came_to_nothing_is_taken_out)
{
    uint64_t first = note(NULL, "1/0", 1), second = note(NULL, "a = 1", 1);
    journal_remove(journal, first);
    assert_int_equal(journal_next(journal, 0)->number, second);
    journal_remove(journal, first);
    assert_int_equal(journal_next(journal, 0)->number, second);
}

TEST(an_engine_that_is_settled_lacks_only_what_comes_later_while_it_was_not_there)
{
    uint64_t first = note(NULL, "a = 1", 1);
    tt_engine_t late = engine(4, 2, "python"), later = engine(4, 9, "python");
    journal_settled(journal, &late, first);
    assert_string_equal(lack_of(&late), "");
    assert_string_equal(lack_of(&later), "1 %px line"); /* its next process has nothing */
    uint64_t number = note(NULL, "b = 1", 1);           /* sent when nobody knew of 4 */
    assert_string_equal(lack_of(&late), "1 %px line");
    assert_true(journal_lacks(journal, &late, journal_next(journal, number - 1)));
    assert_false(journal_lacks(journal, &late, journal_next(journal, 0)));
    journal_settled(journal, &late, first); /* no step back, none ahead */
    assert_string_equal(lack_of(&late), "1 %px line");
    journal_settled(journal, &late, number);
    assert_string_equal(lack_of(&late), "");
}

TEST(a_thousand_deeds_are_kept_the_latest)
{
    uint64_t last = 0;
    for (int i = 0; i < 1500; i++)
        last = note(NULL, "a += 1", 1);
    tt_engine_t late = engine(4, 2, "python");
    assert_string_equal(lack_of(&late), "1000 %px lines");
    assert_int_equal(journal_next(journal, 0)->number, last - 999);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_empty_journal_lacks_nothing),
        EACH(an_engine_that_was_born_later_lacks_what_was_for_all_of_its_language),
        EACH(what_was_for_some_only_these_lack),
        EACH(a_name_that_is_pushed_again_counts_once_and_comes_last),
        EACH(what_came_to_nothing_is_taken_out),
        EACH(an_engine_that_is_settled_lacks_only_what_comes_later_while_it_was_not_there),
        EACH(a_thousand_deeds_are_kept_the_latest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
