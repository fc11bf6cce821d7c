/* Unit test of repl/zpl. */
#include "check.h"

#include "zpl.h"

#include <stdio.h>
#include <stdlib.h>

static zpl_t zpl;
static tt_error_t err;
static unsigned line;

static int end(void **unused)
{
    (void)unused;
    zpl_release(&zpl);
    return 0;
}

/* All that was read: `line depth name=value`, one a line; without = where there is no value. */
static char *read_text(const char *text, size_t len)
{
    static char out[4096];
    size_t at = 0;
    zpl_release(&zpl);
    assert_int_equal(zpl_read(&zpl, text, len, &line, &err), 0);
    out[0] = 0;
    for (size_t i = 0; i < zpl.count && at < sizeof out; i++) {
        const zpl_item_t *item = &zpl.items[i];
        at += (size_t)snprintf(out + at, sizeof out - at, "%u %u %s%s%s\n", item->line,
                               item->depth, item->name, item->value ? "=" : "",
                               item->value ? item->value : "");
    }
    return out;
}

#define READS(text, expected) assert_string_equal(read_text(text, sizeof text - 1), expected)

#define REFUSES(text, number, why)                                                             \
    do {                                                                                       \
        assert_int_equal(zpl_read(&zpl, text, sizeof text - 1, &line, &err), -1);              \
        assert_int_equal(line, number);                                                        \
        assert_says(&err, why);                                                                \
        assert_null(zpl.items);                                                                \
    } while (0)

TEST(levels_go_by_four_spaces_and_one_at_a_time)
{
    REFUSES("a\n  b = 1\n", 2, "indented by 2 spaces: it goes by 4 for each level");
    REFUSES("a\n\n        b = 1\n", 3, "indented by 8 spaces: 4 at most below the line above");
    REFUSES("    a = 1\n", 1, "indented by 4 spaces: 0 at most");
    REFUSES("a\n\tb = 1\n", 2, "a tab in front: indent by 4 spaces");
    REFUSES("a\n  \tb = 1\n", 2, "a tab in front");
}

TEST(what_is_no_name_is_told)
{
    REFUSES("a\nb^c = 1\n", 2,
            "a name has letters, digits and any of $-_@.&+/: 'b^c = 1' is none");
    REFUSES("= 1\n", 1, "'= 1' is none");
    REFUSES("\"a\" = 1\n", 1, "is none");
    REFUSES("\xc3\xa4 = 1\n", 1, "is none");
    REFUSES("a: 1\n", 1, "'a: 1' is none");
}

TEST(what_is_no_value_is_told)
{
    REFUSES("a 1\n", 1, "there is no = behind 'a'");
    REFUSES("a = \"1\n", 1, "the quote \" is never closed");
    REFUSES("a = '1\" # '\nb = '", 2, "the quote ' is never closed");
    REFUSES("a = \"1\" 2\n", 1, "there is more behind the value's closing \"");
    REFUSES("a = 1#2\n", 1, "a value with # in it stands in quotes, all of it");
    REFUSES("a = B=\"x # y\"\n", 1, "a value with # in it stands in quotes");
    REFUSES("a = B='x # y'\n", 1, "a value with # in it stands in quotes");
}

TEST(what_is_no_text_is_told)
{
    REFUSES("a = 1\nb = \xff\n", 2, "this is not UTF-8");
    REFUSES("a = \xc3", 1, "this is not UTF-8");
    REFUSES("a = \033[31m\n", 1, "there is a control character (\\x1b)");
    REFUSES("a = 1\0"
            "2\n",
            1, "there is a control character (\\x00)");
    REFUSES("a = \xc2\x9b"
            "31m\n",
            1, "there is a control character (\\x9b)");
    REFUSES("# \x07\n", 1, "there is a control character (\\x07)");
    REFUSES("a = 1\rb = 2\n", 1, "there is a control character (\\x0d)");
}

TEST(nothing_is_fine)
{
    assert_string_equal(read_text(NULL, 0), "");
    READS("", "");
    READS("\n\n", "");
    READS("# only\n   # this\n\t\n", "");
}

TEST(names_have_values_or_what_stands_below)
{
    READS("start\n"
          "    engines = 8\n"
          "    env=A=B\n"
          "\n"
          "profile\n"
          "    hpc\n"
          "        start\n"
          "            engines = 64\n"
          "add",
          "1 0 start\n2 1 engines=8\n3 1 env=A=B\n5 0 profile\n6 1 hpc\n7 2 start\n"
          "8 3 engines=64\n9 0 add\n");
}

TEST(blanks_around_names_and_values_and_comments_are_dropped)
{
    READS("a \t=  x  y \t # z\nb = # z\nc=1 #\nd # z\ne# z\n# x\n   # at any place\n",
          "1 0 a=x  y\n2 0 b=\n3 0 c=1\n4 0 d\n5 0 e\n");
    READS("a = 1\r\nb\r\n", "1 0 a=1\n2 0 b\n");
}

TEST(quotes_keep_what_is_in_them)
{
    READS("a = \" x # y \" # z\nb = ''\nc = 'say \"hi\"'\nd = it's # z\ne = \"\t\"\n",
          "1 0 a= x # y \n2 0 b=\n3 0 c=say \"hi\"\n4 0 d=it's\n5 0 e=\t\n");
}

TEST(a_name_may_come_again)
{
    READS("env = 1\nenv = 2\n", "1 0 env=1\n2 0 env=2\n");
}

TEST(a_long_line_is_whole_and_its_message_is_cut)
{
    char *text = tt_alloc(100000);
    memset(text, 'x', 99999);
    assert_int_equal(zpl_read(&zpl, text, 99999, &line, &err), 0);
    assert_int_equal(strlen(zpl.items[0].name), 99999);
    zpl_release(&zpl);
    text[99998] = '^';
    assert_int_equal(zpl_read(&zpl, text, 99999, &line, &err), -1);
    assert_true(strlen(err.text) < 120);
    free(text);
}

TEST(a_value_that_is_written_reads_as_the_same)
{
    static const char *const rows[][2] = {
        {"8", "8"},       {"", "\"\""},       {" x", "\" x\""},     {"x ", "\"x \""},
        {"x y", "x y"},   {"a#b", "\"a#b\""}, {"\"x\"", "'\"x\"'"}, {"'x'", "\"'x'\""},
        {"it's", "it's"}, {"#", "\"#\""},     {"\"#\"", "'\"#\"'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tt_buf_t out;
        char text[64];
        tt_buf_init(&out);
        zpl_put_value(&out, rows[i][0]);
        assert_text(&out, rows[i][1]);
        int len = snprintf(text, sizeof text, "a = %s", tt_buf_text(&out));
        read_text(text, (size_t)len);
        assert_string_equal(zpl.items[0].value, rows[i][0]);
        tt_buf_release(&out);
    }
}

#define EACH(name) cmocka_unit_test_teardown(name, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(levels_go_by_four_spaces_and_one_at_a_time),
        EACH(what_is_no_name_is_told),
        EACH(what_is_no_value_is_told),
        EACH(what_is_no_text_is_told),
        EACH(nothing_is_fine),
        EACH(names_have_values_or_what_stands_below),
        EACH(blanks_around_names_and_values_and_comments_are_dropped),
        EACH(quotes_keep_what_is_in_them),
        EACH(a_name_may_come_again),
        EACH(a_long_line_is_whole_and_its_message_is_cut),
        EACH(a_value_that_is_written_reads_as_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
