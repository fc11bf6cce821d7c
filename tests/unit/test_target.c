/* Unit test of share/target. */
#include "check.h"

#include "target.h"

#include <stdio.h>
#include <stdlib.h>

static const char gpu[] = "gpu=2,big";
static const char fast[] = "fast";

/* Unsorted on purpose; 5 is missing. */
static const tt_target_engine_t engines[] = {
    {7, "db", "sh", NULL, NULL},       {0, "web01", "python", NULL, NULL},
    {1, "web02", "python", gpu, NULL}, {2, "web03.example.org", "python", NULL, "ipython"},
    {3, "web10", "python", gpu, NULL}, {4, "web10", "lua", fast, NULL},
    {6, NULL, NULL, NULL, NULL},
};
enum { ENGINES = sizeof engines / sizeof *engines };

static tt_error_t err;

/* The chosen ids as text, or "!" when the set was refused; valid until the next call. */
static const char *chosen(const char *set, const char *exclude)
{
    static tt_buf_t out;
    int *ids;
    size_t count;
    tt_buf_release(&out);
    memset(&err, 0, sizeof err);
    if (tt_target_select(set, exclude, engines, ENGINES, &ids, &count, &err) != 0) {
        assert_null(ids);
        assert_true(err.text[0] != 0);
        return "!";
    }
    assert_true(count > 0);
    tt_target_format(&out, ids, count);
    free(ids);
    const char *text = tt_buf_text(&out);
    static char copy[256];
    snprintf(copy, sizeof copy, "%s", text);
    tt_buf_release(&out);
    return copy;
}

#define REFUSE(set, why)                                                                       \
    do {                                                                                       \
        assert_string_equal(chosen(set, NULL), "!");                                           \
        assert_says(&err, why);                                                                \
    } while (0)

#define CHOOSE(set, ids) assert_string_equal(chosen(set, NULL), ids)

TEST(without_engines_there_is_nothing_to_choose)
{
    int *ids;
    size_t count;
    assert_int_equal(tt_target_select("all", NULL, NULL, 0, &ids, &count, &err), -1);
    assert_string_equal(err.text, "no engines");
}

TEST(an_empty_item_is_refused)
{
    REFUSE("", "an empty target");
    REFUSE("1,,2", "an empty target");
    REFUSE("1,", "an empty target");
    REFUSE("  ", "an empty target");
}

TEST(an_id_that_does_not_exist_is_refused_and_what_exists_is_named)
{
    REFUSE("9", "no engine 9: there are 0-4,6-7");
    REFUSE("0-9", "no engine 5: there are 0-4,6-7");
    REFUSE("-8", "no engine '-8': there are 7");
    int *ids;
    size_t count;
    assert_int_equal(tt_target_select("9", NULL, engines, 1, &ids, &count, &err), -1);
    assert_string_equal(err.text, "no engine 9: there is 7");
}

TEST(backward_and_endless_ranges_are_refused)
{
    REFUSE("3-0", "runs backwards: write 0-3");
    REFUSE("0-1000000", "over the limit");
    REFUSE("0-999999999", "over the limit");
    REFUSE("web[0-1000000]", "over the limit");
    REFUSE("web[9-1]", "backwards");
}

TEST(a_set_over_64_kib_is_refused)
{
    static char set[(64 << 10) + 2];
    memset(set, '0', sizeof set - 1);
    REFUSE(set, "the limit is 65536");
}

TEST(numbers_beyond_nine_digits_are_no_ids)
{
    REFUSE("99999999999999999999", "no engine on host");
    REFUSE("0-99999999999999999999", "no engine on host");
}

TEST(a_slice_with_step_0_and_one_without_engines_are_refused)
{
    REFUSE("0:4:0", "step of a slice");
    REFUSE("3:3", "'3:3' names no engine: there are 0-4,6-7");
    REFUSE("100:200", "names no engine");
}

TEST(a_host_or_label_that_does_not_exist_is_refused_and_what_exists_is_named)
{
    REFUSE("web9", "no engine on host 'web9': there are");
    assert_says(&err, "db");
    assert_says(&err, "web[01-02,10]");
    REFUSE("@tpu",
           "no engine has the label or language 'tpu': there are @big, @fast, @gpu, @ipython, "
           "@lua, @python, @sh");
    REFUSE("@", "label or language ''");
}

TEST(node_sets_that_are_none_are_refused)
{
    REFUSE("web[", "not a node set");
    REFUSE("web]", "not a node set");
    REFUSE("web[]", "not a node set");
    REFUSE("web[01-]", "not a node set");
    REFUSE("web[a-b]", "not a node set");
    REFUSE("web[01,,02]", "not a node set");
    REFUSE("web[01,]", "not a node set");
    REFUSE("a[1]b[1]c[1]d[1]e[1]", "not a node set");
}

TEST(ids_and_inclusive_ranges_name_engines)
{
    CHOOSE("0", "0");
    CHOOSE("0-3,7", "0-3,7");
    CHOOSE(" 2 , 0 ", "0,2");
    CHOOSE("3-3", "3");
}

TEST(negative_numbers_count_from_the_end)
{
    CHOOSE("-1", "7");
    CHOOSE("-2", "6");
    CHOOSE("-7", "0");
}

TEST(slices_run_over_the_sorted_ids)
{
    CHOOSE("0:8:2", "0,2,4,7");
    CHOOSE(":", "0-4,6-7");
    CHOOSE("::2", "0,2,4,7");
    CHOOSE("-2:", "6-7");
    CHOOSE(":-2", "0-4");
    CHOOSE("::-3", "0,3,7");
    CHOOSE("4:1:-1", "2-4");
    CHOOSE("5:", "6-7");
    CHOOSE("0:999999999:999999999", "0");
}

TEST(hosts_match_whole_or_up_to_their_domain)
{
    CHOOSE("web01", "0");
    CHOOSE("web10", "3-4");
    CHOOSE("web03", "2");
    CHOOSE("web03.example.org", "2");
    REFUSE("web0", "no engine on host 'web0'");
    REFUSE("web03.example", "no engine on host");
}

TEST(node_sets_expand_with_their_padding)
{
    CHOOSE("web[01-03,10]", "0-4");
    CHOOSE("web[01-02],db", "0-1,7");
    CHOOSE("w[e]b01,0", "!");
    CHOOSE("web[0-1][0-0]", "!");
    CHOOSE("web[0][1-3]", "0-2");
    REFUSE("web[1-2]", "no engine on host 'web1'");
}

TEST(labels_and_languages_name_engines)
{
    CHOOSE("@gpu", "1,3");
    CHOOSE("@python", "0-3");
    CHOOSE("@ipython", "2");
    CHOOSE("@sh,@lua", "4,7");
}

TEST(all_means_all)
{
    CHOOSE("all", "0-4,6-7");
    CHOOSE("all,0", "0-4,6-7");
}

TEST(repetitions_count_once)
{
    CHOOSE("1,1,0-2,web02,@gpu", "0-3");
}

TEST(exclusion_takes_engines_away)
{
    assert_string_equal(chosen("all", "0-2,@sh"), "3-4,6");
    assert_string_equal(chosen("0-3", "web10"), "0-2");
}

TEST(excluding_all_of_them_or_unknown_ones_is_refused)
{
    assert_string_equal(chosen("0-1", "all"), "!");
    assert_says(&err, "'0-1' without 'all' names no engine");
    assert_string_equal(chosen("0-1", "9"), "!");
    assert_says(&err, "no engine 9");
    assert_string_equal(chosen("0-1", ""), "!");
}

TEST(ids_fold_into_ranges)
{
    static const int ids[] = {0, 1, 2, 3, 7, 9, 10};
    tt_buf_t out;
    tt_buf_init(&out);
    tt_target_format(&out, ids, 0);
    assert_text(&out, "");
    tt_target_format(&out, ids, 7);
    assert_text(&out, "0-3,7,9-10");
    tt_buf_release(&out);
}

static void assert_folds(const char *const *names, size_t count, const char *expected)
{
    tt_buf_t out;
    tt_buf_init(&out);
    tt_target_nodes(&out, names, count);
    assert_text(&out, expected);
    tt_buf_release(&out);
}

#define FOLD(expected, ...)                                                                    \
    do {                                                                                       \
        static const char *const names[] = {__VA_ARGS__};                                      \
        assert_folds(names, sizeof names / sizeof *names, expected);                           \
    } while (0)

TEST(host_names_fold_into_node_sets)
{
    FOLD("web1", "web1");
    FOLD("web[1-3]", "web3", "web1", "web2");
    FOLD("web[01,03]", "web01", "web03");
    FOLD("db,web[1-2]", "web1", "db", "web2");
    FOLD("web[8-11]", "web8", "web9", "web10", "web11");
    FOLD("web[08-11]", "web08", "web09", "web10", "web11");
    FOLD("n[1-2].example.org", "n1.example.org", "n2.example.org");
    FOLD("r1n[1-2],r2n1", "r1n1", "r1n2", "r2n1");
    FOLD("10.0.0.[1-3]", "10.0.0.2", "10.0.0.1", "10.0.0.3");
}

TEST(forty_hosts_but_one_fold_as_in_the_manual)
{
    char text[40][8];
    const char *names[39];
    size_t count = 0;
    for (int i = 1; i <= 40; i++) {
        snprintf(text[i - 1], sizeof text[0], "web%02d", i);
        if (i != 18)
            names[count++] = text[i - 1];
    }
    assert_folds(names, count, "web[01-17,19-40]");
}

TEST(ugly_names_fold_without_losing_any)
{
    FOLD("web1", "web1", "web1", "web1");
    FOLD("web[1,01]", "web01", "web1");
    FOLD("web[5,06]", "web5", "web06");
    FOLD("a,b", "b", "a", "b");
    FOLD("[1-2]", "1", "2");
    FOLD("", "");
    FOLD("x[1-2]y,x[1-2]z", "x1y", "x1z", "x2y", "x2z");
    FOLD("n2,n1234567890123456789", "n1234567890123456789", "n2");
    FOLD("w[099-100,999-1000]", "w099", "w100", "w999", "w1000");
}

static size_t count_items(const char *text)
{
    size_t count = 1;
    for (; *text; text++)
        count += *text == ',';
    return count;
}

TEST(random_names_keep_their_number_when_folded_alone)
{
    srand(3);
    for (int round = 0; round < 200; round++) {
        char text[20][12];
        const char *names[20];
        for (int i = 0; i < 20; i++) {
            snprintf(text[i], sizeof text[i], "h%d%c", 2 * (rand() % 50),
                     rand() % 2 ? 'a' : 'b');
            names[i] = text[i];
        }
        size_t unique = 0;
        for (int i = 0; i < 20; i++) {
            int seen = 0;
            for (int k = 0; k < i; k++)
                seen |= strcmp(text[i], text[k]) == 0;
            unique += !seen;
        }
        tt_buf_t out;
        tt_buf_init(&out);
        tt_target_nodes(&out, names, 20);
        assert_int_equal(count_items(tt_buf_text(&out)), unique);
        tt_buf_release(&out);
    }
}

TEST(a_range_of_names_as_labels_show_it_is_a_node_set)
{
    CHOOSE("web01-web02", "0-1");
    CHOOSE("db,web01-web02", "0-1,7");
    CHOOSE("web01-web03", "0-2");
    REFUSE("web01-web05", "no engine on host 'web04'");
    REFUSE("web02-web01", "backwards");
    REFUSE("web01-web", "no engine on host 'web01-web'");
    REFUSE("web01-db02", "no engine on host 'web01-db02'");
    REFUSE("web-web02", "no engine on host 'web-web02'");
}

/* ---- names that a node set stands for */

static tt_buf_t expanded;              /* each with a blank before it */
static int expanded_count, refused_at; /* refused_at: at which of them the callback gives up */

static int take_name(void *arg, const char *name, tt_error_t *why)
{
    assert_ptr_equal(arg, &expanded);
    assert_ptr_equal(why, &err);
    if (++expanded_count == refused_at)
        return tt_error_set(why, "'%s' is not wanted", name);
    if (expanded_count <= 1000)
        tt_buf_printf(&expanded, " %s", name);
    return 0;
}

static int expand(const char *item)
{
    tt_buf_release(&expanded);
    memset(&err, 0, sizeof err);
    expanded_count = 0;
    return tt_target_expand(item, take_name, &expanded, &err);
}

static void assert_expands(const char *item, const char *names)
{
    assert_int_equal(expand(item), 0);
    assert_text(&expanded, names);
    assert_string_equal(err.text, "");
    tt_buf_release(&expanded);
}

static void assert_expands_not(const char *item, const char *why)
{
    assert_int_equal(expand(item), -1);
    assert_string_equal(err.text, why);
    tt_buf_release(&expanded);
}

TEST(what_is_no_node_set_expands_to_nothing_and_says_so)
{
    static const char *const bad[] = {"web[",
                                      "web]",
                                      "web[]",
                                      "web[1",
                                      "web1]",
                                      "web]1[",
                                      "web[1,]",
                                      "web[,1]",
                                      "web[1,,2]",
                                      "web[-1]",
                                      "web[1-]",
                                      "web[1-2-3]",
                                      "web[a]",
                                      "web[a-b]",
                                      "web[1-b]",
                                      "web[1 ]",
                                      "web[ 1]",
                                      "web[1;2]",
                                      "web[[1]]",
                                      "[",
                                      "]",
                                      "[]",
                                      "web[1:2]",
                                      "web[0x1]",
                                      "web[+1]",
                                      "web[*]",
                                      "web[1--2]",
                                      "web[1234567890]",
                                      "web[1-1234567890]"};
    char why[200];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(why, sizeof why, "'%s' is not a node set such as web[01-40,42]", bad[i]);
        assert_expands_not(bad[i], why);
        assert_true(expanded_count <= 1); /* web[1,] has begun well */
    }
}

TEST(backward_and_endless_ranges_expand_to_nothing)
{
    assert_expands_not("web[3-1]", "'web[3-1]': range 3-1 is backwards");
    assert_expands_not("web[0-1000000]",
                       "'web[0-1000000]': range 0-1000000 is over the limit of 1000000");
    assert_expands_not("web[1-999999999]",
                       "'web[1-999999999]': range 1-999999999 is over the limit of 1000000");
    assert_int_equal(expanded_count, 0);
}

TEST(more_than_four_brackets_are_refused)
{
    assert_expands("a[1]b[2]c[3]d[4]", " a1b2c3d4");
    assert_int_equal(expand("a[1]b[2]c[3]d[4]e[5]"), -1);
    assert_says(&err, "is not a node set");
    assert_int_equal(expanded_count, 0);
}

TEST(a_very_long_item_is_cut_where_it_is_named)
{
    char item[5000];
    memset(item, 'w', sizeof item);
    strcpy(item + sizeof item - 3, "[x");
    assert_int_equal(expand(item), -1);
    assert_says(&err, "www' is not a node set");
    assert_true(strlen(err.text) < 200);
    memcpy(item + sizeof item - 4, "[1]", 4);
    assert_int_equal(expand(item), 0);
    assert_int_equal(expanded.len, 1 + sizeof item - 3);
    tt_buf_release(&expanded);
}

TEST(a_text_without_brackets_is_its_own_name)
{
    assert_expands("web1", " web1");
    assert_expands("user@web1.example.org", " user@web1.example.org");
    assert_expands("0-3", " 0-3");
    assert_expands("a,b", " a,b");
    assert_expands("", " ");
}

TEST(numbers_and_ranges_in_brackets_become_names_in_the_order_they_stand_in)
{
    assert_expands("web[1]", " web1");
    assert_expands("web[1-3]", " web1 web2 web3");
    assert_expands("web[3,1-2,7]", " web3 web1 web2 web7");
    assert_expands("web[2-2]", " web2");
    assert_expands("web[1,1]", " web1 web1");
    assert_expands("user@web[1-2].example.org:22",
                   " user@web1.example.org:22 user@web2.example.org:22");
    assert_expands("[8-11]", " 8 9 10 11");
}

TEST(leading_zeros_of_the_first_number_are_the_width_of_all)
{
    assert_expands("web[01-03]", " web01 web02 web03");
    assert_expands("web[08-11]", " web08 web09 web10 web11");
    assert_expands("web[098-101]", " web098 web099 web100 web101");
    assert_expands("web[0-2]", " web0 web1 web2");
    assert_expands("web[00-2]", " web00 web01 web02");
    assert_expands("web[1-03]", " web1 web2 web3");
    assert_expands("web[01,2,003]", " web01 web2 web003");
    assert_expands("web[99-101]", " web99 web100 web101");
}

TEST(of_several_brackets_the_last_runs_fastest)
{
    assert_expands("r[1-2]n[1-2]", " r1n1 r1n2 r2n1 r2n2");
    assert_expands("[0-1][08-09]x[1,3]", " 008x1 008x3 009x1 009x3 108x1 108x3 109x1 109x3");
    assert_expands("[1][2][3]", " 123");
}

TEST(a_million_names_are_within_the_limit)
{
    assert_int_equal(expand("web[000001-1000000]"), 0);
    assert_int_equal(expanded_count, 1000000);
    tt_buf_release(&expanded);
}

TEST(the_first_name_that_is_not_wanted_ends_it_with_its_reason)
{
    refused_at = 3;
    assert_expands_not("web[1-1000]", "'web3' is not wanted");
    assert_int_equal(expanded_count, 3);
    assert_expands_not("web[1-2,7-9]", "'web7' is not wanted");
    assert_int_equal(expanded_count, 3);
    assert_expands_not("r[1-2]n[1-2]", "'r2n1' is not wanted");
    assert_int_equal(expanded_count, 3);
    refused_at = 1;
    assert_expands_not("web1", "'web1' is not wanted");
    refused_at = 0;
    assert_expands("web[1-3]", " web1 web2 web3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(without_engines_there_is_nothing_to_choose),
        RUN(an_empty_item_is_refused),
        RUN(an_id_that_does_not_exist_is_refused_and_what_exists_is_named),
        RUN(backward_and_endless_ranges_are_refused),
        RUN(a_set_over_64_kib_is_refused),
        RUN(numbers_beyond_nine_digits_are_no_ids),
        RUN(a_slice_with_step_0_and_one_without_engines_are_refused),
        RUN(a_host_or_label_that_does_not_exist_is_refused_and_what_exists_is_named),
        RUN(node_sets_that_are_none_are_refused),
        RUN(ids_and_inclusive_ranges_name_engines),
        RUN(negative_numbers_count_from_the_end),
        RUN(slices_run_over_the_sorted_ids),
        RUN(hosts_match_whole_or_up_to_their_domain),
        RUN(node_sets_expand_with_their_padding),
        RUN(a_range_of_names_as_labels_show_it_is_a_node_set),
        RUN(labels_and_languages_name_engines),
        RUN(all_means_all),
        RUN(repetitions_count_once),
        RUN(exclusion_takes_engines_away),
        RUN(excluding_all_of_them_or_unknown_ones_is_refused),
        RUN(ids_fold_into_ranges),
        RUN(host_names_fold_into_node_sets),
        RUN(forty_hosts_but_one_fold_as_in_the_manual),
        RUN(ugly_names_fold_without_losing_any),
        RUN(random_names_keep_their_number_when_folded_alone),
        RUN(what_is_no_node_set_expands_to_nothing_and_says_so),
        RUN(backward_and_endless_ranges_expand_to_nothing),
        RUN(more_than_four_brackets_are_refused),
        RUN(a_very_long_item_is_cut_where_it_is_named),
        RUN(a_text_without_brackets_is_its_own_name),
        RUN(numbers_and_ranges_in_brackets_become_names_in_the_order_they_stand_in),
        RUN(leading_zeros_of_the_first_number_are_the_width_of_all),
        RUN(of_several_brackets_the_last_runs_fastest),
        RUN(a_million_names_are_within_the_limit),
        RUN(the_first_name_that_is_not_wanted_ends_it_with_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
