/* Unit test of share/option. */
#include "check.h"

#include "option.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    bool json, quiet;
    const char *targets;
    long count;
    double timeout;
    tt_texts_t lines, order;
} given_t;

static const tt_option_t table[] = {
    {'t', "targets", "SET", "which engines: ids, hosts, labels or all", TT_OPTION_TEXT,
     offsetof(given_t, targets)},
    {'n', "engines", "N", "how many engines", TT_OPTION_INT, offsetof(given_t, count)},
    {0, "timeout", "S",
     "how long to wait before giving up, and a text that is long enough to need "
     "more than one line in the help",
     TT_OPTION_SECONDS, offsetof(given_t, timeout)},
    {'c', NULL, "LINE", "run this line", TT_OPTION_MULTI, offsetof(given_t, lines)},
    {'q', "quiet", NULL, "say nothing", TT_OPTION_FLAG, offsetof(given_t, quiet)},
    {0, "json", NULL, "one JSON object per result", TT_OPTION_FLAG, offsetof(given_t, json)},
    {0},
};

static given_t given;
static tt_error_t err;
static char *argv[16];
static int argc, rest;

static int begin(void **unused)
{
    (void)unused;
    given = (given_t){.count = 4};
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_texts_release(&given.lines);
    tt_texts_release(&given.order);
    return 0;
}

static int parse(bool stop)
{
    return tt_options_parse(table, &given, argc, argv, &rest, stop, &err);
}

/* Parses these words behind the command's name. */
#define ARGS(...)                                                                              \
    do {                                                                                       \
        char *words[] = {(char *)"tutti", __VA_ARGS__};                                        \
        argc = sizeof words / sizeof *words;                                                   \
        memcpy(argv, words, sizeof words);                                                     \
    } while (0)
#define W(text) (char *)text

#define REFUSE(why)                                                                            \
    do {                                                                                       \
        assert_int_equal(parse(false), -1);                                                    \
        assert_says(&err, why);                                                                \
    } while (0)

TEST(an_unknown_option_is_refused_with_the_closest_and_all_that_exist)
{
    ARGS(W("--target"));
    REFUSE("unknown option '--target'; did you mean --targets? There are --targets, --engines");
    ARGS(W("--jsn"));
    REFUSE("did you mean --json?");
    ARGS(W("--nothing-like-it"));
    REFUSE("unknown option '--nothing-like-it'; there are --targets, --engines, --timeout, -c, "
           "--quiet, --json");
    ARGS(W("-z"));
    REFUSE("unknown option '-z'; there are");
    ARGS(W("--xyz=1"));
    REFUSE("unknown option '--xyz';");
}

TEST(a_prefix_of_a_name_is_not_the_name)
{
    ARGS(W("--time"), W("3"));
    REFUSE("unknown option '--time'");
}

TEST(an_option_without_its_value_is_refused)
{
    ARGS(W("--engines"));
    REFUSE("--engines needs a value");
    ARGS(W("-n"));
    REFUSE("-n needs a value");
}

TEST(a_flag_takes_no_value)
{
    ARGS(W("--json=yes"));
    REFUSE("--json takes no value");
}

TEST(numbers_that_are_none_are_refused)
{
    static const char *const bad[] = {"four", "", "4x", "4.5", " 4", "+4", "0x10"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ARGS(W("--engines"), W(bad[i]));
        REFUSE("is not a whole number");
    }
    ARGS(W("-n"), W("99999999999999999999"));
    REFUSE("--engines: '99999999999999999999' is not a number this machine can hold");
    assert_int_equal(given.count, 4);
}

TEST(times_that_are_none_are_refused)
{
    static const char *const bad[] = {"soon", "", "-1", "nan", "inf", "1d", "1e99", ".", "1 s"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ARGS(W("--timeout"), W(bad[i]));
        REFUSE("--timeout: '");
    }
}

TEST(nothing_given_leaves_the_defaults)
{
    ARGS();
    assert_int_equal(parse(false), 0);
    assert_int_equal(given.count, 4);
    assert_null(given.targets);
    assert_false(given.json);
    assert_int_equal(rest, 1);
}

TEST(long_and_short_forms_set_the_same)
{
    ARGS(W("--targets=0-3"), W("-n4"), W("--json"));
    assert_int_equal(parse(false), 0);
    assert_string_equal(given.targets, "0-3");
    assert_true(given.json);
    ARGS(W("-t"), W("-1"), W("--engines"), W("-7"));
    assert_int_equal(parse(false), 0);
    assert_string_equal(given.targets, "-1");
    assert_int_equal(given.count, -7);
    ARGS(W("-n"), W("12"), W("--targets="));
    assert_int_equal(parse(false), 0);
    assert_int_equal(given.count, 12);
    assert_string_equal(given.targets, "");
}

TEST(flags_may_share_one_dash_with_an_option_behind)
{
    ARGS(W("-qn3"));
    assert_int_equal(parse(false), 0);
    assert_true(given.quiet);
    assert_int_equal(given.count, 3);
}

TEST(times_have_units)
{
    static const struct {
        const char *text;
        double seconds;
    } rows[] = {{"90", 90},  {"1.5", 1.5}, {"200ms", 0.2},
                {"10s", 10}, {"5m", 300},  {"2h", 7200}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ARGS(W("--timeout"), W(rows[i].text));
        assert_int_equal(parse(false), 0);
        assert_true(given.timeout == rows[i].seconds);
    }
}

TEST(repeated_options_add_up_or_the_last_one_wins)
{
    ARGS(W("-c"), W("x = 1"), W("-c-y"), W("-n1"), W("-n2"), W("-c"), W("--"));
    assert_int_equal(parse(false), 0);
    assert_int_equal(given.lines.count, 3);
    assert_string_equal(given.lines.items[0], "x = 1");
    assert_string_equal(given.lines.items[1], "-y");
    assert_string_equal(given.lines.items[2], "--");
    assert_int_equal(given.count, 2);
}

TEST(options_whose_order_counts_are_kept_in_it_with_their_values)
{
    static const tt_option_t two[] = {
        {'a', "apple", "A", "one of two", TT_OPTION_ORDERED, offsetof(given_t, order)},
        {'p', "pear", "P", "the other", TT_OPTION_ORDERED_MULTI, offsetof(given_t, order)},
        {0},
    };
    static const char *const expected[] = {"pear", "1", "apple", "2", "pear", "3"};
    ARGS(W("--pear=1"), W("-a2"), W("word"), W("-p"), W("3"));
    assert_int_equal(tt_options_parse(two, &given, argc, argv, &rest, false, &err), 0);
    assert_int_equal(given.order.count, 6);
    for (size_t i = 0; i < 6; i++)
        assert_string_equal(given.order.items[i], expected[i]);
}

TEST(one_option_is_set_as_if_it_stood_on_the_line)
{
    assert_null(tt_option_find(table, "target"));
    assert_null(tt_option_find(table, "t"));
    const tt_option_t *option = tt_option_find(table, "engines");
    assert_int_equal(tt_option_set(option, &given, W("four"), &err), -1);
    assert_string_equal(err.text, "--engines: 'four' is not a whole number");
    assert_int_equal(tt_option_set(option, &given, W("7"), &err), 0);
    assert_int_equal(given.count, 7);
    assert_int_equal(tt_option_set(tt_option_find(table, "json"), &given, NULL, &err), 0);
    assert_true(given.json);
}

TEST(what_adds_up_and_what_names_a_path_is_told_by_the_table)
{
    static const struct {
        tt_option_t option;
        bool adds_up, is_path;
    } rows[] = {
        {{0, "x", "FILE", "", TT_OPTION_TEXT, 0}, false, true},
        {{0, "x", "PATH", "", TT_OPTION_MULTI, 0}, true, true},
        {{0, "x", "DIR", "", TT_OPTION_ORDERED, 0}, false, true},
        {{0, "x", "FILES", "", TT_OPTION_ORDERED_MULTI, 0}, true, false},
        {{0, "x", NULL, "", TT_OPTION_FLAG, 0}, false, false},
        {{0, "x", "N", "", TT_OPTION_INT, 0}, false, false},
        {{0, "x", "S", "", TT_OPTION_SECONDS, 0}, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(tt_option_adds_up(&rows[i].option), rows[i].adds_up);
        assert_int_equal(tt_option_is_path(&rows[i].option), rows[i].is_path);
    }
}

TEST(whole_numbers_are_read_and_nothing_else_is)
{
    static const char *const bad[] = {"",    "x",    "1x", " 1",
                                      "1.5", "0x10", "+1", "99999999999999999999"};
    long number = 7;
    assert_int_equal(tt_whole_number("-12", &number), 0);
    assert_int_equal(number, -12);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tt_whole_number(bad[i], &number), -1);
    assert_int_equal(number, -12);
}

TEST(operands_move_behind_the_options_in_order)
{
    ARGS(W("one"), W("-n"), W("2"), W("-"), W("--json"), W("three"));
    assert_int_equal(parse(false), 0);
    assert_int_equal(rest, 4);
    assert_string_equal(argv[0], "tutti");
    assert_string_equal(argv[4], "one");
    assert_string_equal(argv[5], "-");
    assert_string_equal(argv[6], "three");
    assert_true(given.json);
}

TEST(two_dashes_end_the_options)
{
    ARGS(W("one"), W("-q"), W("--"), W("--json"), W("-n"));
    assert_int_equal(parse(false), 0);
    assert_false(given.json);
    assert_true(given.quiet);
    assert_string_equal(argv[rest], "one");
    assert_string_equal(argv[rest + 1], "--json");
    assert_string_equal(argv[rest + 2], "-n");
    assert_int_equal(rest + 3, argc);
}

TEST(the_first_operand_can_end_the_options)
{
    ARGS(W("-q"), W("px"), W("--json"));
    assert_int_equal(parse(true), 0);
    assert_int_equal(rest, 2);
    assert_string_equal(argv[rest], "px");
    assert_false(given.json);
    ARGS(W("-q"), W("--"), W("-x"));
    assert_int_equal(parse(true), 0);
    assert_string_equal(argv[rest], "-x");
}

TEST(a_table_without_options_refuses_all)
{
    static const tt_option_t none[] = {{0}};
    ARGS(W("--x"));
    assert_int_equal(tt_options_parse(none, &given, argc, argv, &rest, false, &err), -1);
    assert_string_equal(err.text, "unknown option '--x'; there are none");
}

TEST(help_is_aligned_and_fits_80_columns)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    tt_options_help(table, out);
    fclose(out);
    assert_string_equal(
        text,
        "  -t, --targets SET  which engines: ids, hosts, labels or all\n"
        "  -n, --engines N    how many engines\n"
        "      --timeout S    how long to wait before giving up, and a text that is long\n"
        "                     enough to need more than one line in the help\n"
        "  -c LINE            run this line\n"
        "  -q, --quiet        say nothing\n"
        "      --json         one JSON object per result\n");
    free(text);
}

TEST(a_long_entry_has_its_help_on_the_next_line)
{
    static const tt_option_t wide[] = {
        {0, "a-very-long-name-of-an-option", "ARGUMENT", "text", TT_OPTION_TEXT, 0},
        {'v', NULL, NULL, "short", TT_OPTION_FLAG, 0},
        {0}};
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    tt_options_help(wide, out);
    fclose(out);
    assert_string_equal(text, "      --a-very-long-name-of-an-option ARGUMENT\n      text\n"
                              "  -v  short\n");
    free(text);
}

TEST(the_closest_name_is_close_or_there_is_none)
{
    static const char *const names[] = {"start", "status", "stop", "px"};
    assert_string_equal(tt_closest("statsu", names, 4), "status");
    assert_string_equal(tt_closest("stat", names, 4), "start");
    assert_string_equal(tt_closest("stp", names, 4), "stop");
    assert_string_equal(tt_closest("px", names, 4), "px");
    assert_null(tt_closest("frobnicate", names, 4));
    assert_null(tt_closest("", names, 4));
    assert_null(tt_closest("x", NULL, 0));
    char endless[200];
    memset(endless, 's', sizeof endless - 1);
    endless[sizeof endless - 1] = 0;
    assert_null(tt_closest(endless, names, 4));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

TEST(amounts_are_numbers_with_a_unit_in_powers_of_1024)
{
    double amount;
    const char *const bad[] = {"",    "G",   "-1G", "0",     "4X",      "4GB",
                               "4 G", "nan", "inf", "1e20T", "2000000T"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(tt_amount(bad[i], &amount), -1);
    static const struct {
        const char *text;
        double amount;
    } good[] = {{"12345", 12345}, {"64K", 65536}, {"1.5G", 3LL << 29}, {"2T", 2LL << 40}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_int_equal(tt_amount(good[i].text, &amount), 0);
        assert_true(amount == good[i].amount);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_unknown_option_is_refused_with_the_closest_and_all_that_exist),
        EACH(a_prefix_of_a_name_is_not_the_name),
        EACH(an_option_without_its_value_is_refused),
        EACH(a_flag_takes_no_value),
        EACH(numbers_that_are_none_are_refused),
        EACH(times_that_are_none_are_refused),
        EACH(nothing_given_leaves_the_defaults),
        EACH(long_and_short_forms_set_the_same),
        EACH(flags_may_share_one_dash_with_an_option_behind),
        EACH(times_have_units),
        EACH(repeated_options_add_up_or_the_last_one_wins),
        EACH(options_whose_order_counts_are_kept_in_it_with_their_values),
        EACH(one_option_is_set_as_if_it_stood_on_the_line),
        EACH(what_adds_up_and_what_names_a_path_is_told_by_the_table),
        EACH(whole_numbers_are_read_and_nothing_else_is),
        EACH(operands_move_behind_the_options_in_order),
        EACH(two_dashes_end_the_options),
        EACH(the_first_operand_can_end_the_options),
        EACH(a_table_without_options_refuses_all),
        EACH(help_is_aligned_and_fits_80_columns),
        EACH(a_long_entry_has_its_help_on_the_next_line),
        EACH(the_closest_name_is_close_or_there_is_none),
        EACH(amounts_are_numbers_with_a_unit_in_powers_of_1024),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
