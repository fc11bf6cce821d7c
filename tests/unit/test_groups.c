/* Unit test of repl/groups. */
#include "check.h"

#include "groups.h"

static tt_texts_t texts;
static cluster_wish_t wish;
static tt_error_t err;

static int begin(void **unused)
{
    (void)unused;
    wish = (cluster_wish_t){.group.engines = CLUSTER_PER_CORE};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_texts_release(&texts);
    cluster_wish_release(&wish);
    return 0;
}

/* Words between blanks: option, value, option, ... Returns how many. */
static size_t add_words(char *words)
{
    size_t count = 0;
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " "), count++)
        tt_texts_add(&texts, word);
    return count;
}

/* What the line makes of the settings. */
#define LAID(set, line, expected)                                                              \
    do {                                                                                       \
        char first[] = set, second[] = line;                                                   \
        size_t count = add_words(first);                                                       \
        add_words(second);                                                                     \
        groups_lay(&texts, count);                                                             \
        tt_buf_t all;                                                                          \
        tt_buf_init(&all);                                                                     \
        for (size_t i = 0; i < texts.count; i++)                                               \
            tt_buf_printf(&all, "%s%s", i ? " " : "", texts.items[i]);                         \
        assert_text(&all, expected);                                                           \
        tt_buf_release(&all);                                                                  \
        tt_texts_release(&texts);                                                              \
    } while (0)

TEST(a_number_of_engines_that_is_none_is_told)
{
    char words[] = "lang sh engines two";
    add_words(words);
    assert_int_equal(groups_read(&texts, &wish, &err), -1);
    assert_string_equal(err.text, "--engines: 'two' is not a whole number");
}

TEST(nothing_said_is_one_group_as_it_was)
{
    assert_int_equal(groups_read(&texts, &wish, &err), 0);
    assert_int_equal(wish.group.engines, CLUSTER_PER_CORE);
    assert_int_equal(wish.more_count, 0);
}

TEST(each_number_but_the_first_begins_a_group)
{
    char words[] = "lang sh engines 2 label gpu label big engines 3 preload numpy";
    add_words(words);
    assert_int_equal(groups_read(&texts, &wish, &err), 0);
    assert_int_equal(wish.group.engines, 2);
    assert_string_equal(wish.group.language, "sh");
    assert_int_equal(wish.group.labels.count, 2);
    assert_int_equal(wish.more_count, 1);
    assert_int_equal(wish.more[0].engines, 3);
    assert_null(wish.more[0].language);
    assert_int_equal(wish.more[0].preload.count, 1);
}

TEST(a_python_is_for_python_only_and_a_program_for_any_language)
{
    cluster_group_t group = {.python = "/p"};
    assert_string_equal(cluster_program(&group), "/p");
    group.language = "python";
    assert_string_equal(cluster_program(&group), "/p");
    group.language = "sh";
    assert_string_equal(cluster_program(&group), "");
    group.program = "/b";
    assert_string_equal(cluster_program(&group), "/b");
    group.language = NULL;
    assert_string_equal(cluster_program(&group), "/b");
}

TEST(without_a_number_on_the_line_that_of_the_settings_holds)
{
    LAID("", "", "");
    LAID("engines 8 python /p", "", "engines 8 python /p");
    LAID("engines 8 lang sh", "lang python", "engines 8 lang sh lang python");
    LAID("", "lang sh engines 2", "lang sh engines 2");
}

TEST(a_number_on_the_line_takes_the_place_of_that_of_the_settings)
{
    LAID("engines 8", "engines 2", "engines 2");
    LAID("engines 8 lang sh", "lang python engines 2", "lang sh lang python engines 2");
}

TEST(the_settings_hold_for_each_group_of_the_line)
{
    LAID("preload numpy engines 8 python /p",
         "engines 2 preload os engines 3 lang sh engines 4",
         "preload numpy python /p engines 2 preload os engines 3 preload numpy python /p "
         "lang sh engines 4 preload numpy python /p");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_number_of_engines_that_is_none_is_told),
        EACH(nothing_said_is_one_group_as_it_was),
        EACH(each_number_but_the_first_begins_a_group),
        EACH(a_python_is_for_python_only_and_a_program_for_any_language),
        EACH(without_a_number_on_the_line_that_of_the_settings_holds),
        EACH(a_number_on_the_line_takes_the_place_of_that_of_the_settings),
        EACH(the_settings_hold_for_each_group_of_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
