/* Unit test of share/text. */
#include "check.h"

#include "text.h"

static tt_buf_t out;

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&out);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&out);
    return 0;
}

static size_t char_size(const char *text, size_t len)
{
    uint32_t code;
    return tt_text_char(text, len, &code);
}

static const char *escaped(const char *text, size_t len)
{
    out.len = 0;
    tt_text_escape(&out, text, len);
    return tt_buf_text(&out);
}

static const char *cut(const char *text, size_t columns)
{
    out.len = 0;
    tt_text_cut(&out, text, strlen(text), columns);
    return tt_buf_text(&out);
}

static size_t width(const char *text)
{
    return tt_text_width(text, strlen(text));
}

TEST(malformed_utf_8_is_no_character)
{
    assert_int_equal(char_size("", 0), 0);
    assert_int_equal(char_size("\x80", 1), 0);             /* a continuation byte alone */
    assert_int_equal(char_size("\xc0\x80", 2), 0);         /* overlong */
    assert_int_equal(char_size("\xe0\x80\x80", 3), 0);     /* overlong */
    assert_int_equal(char_size("\xed\xa0\x80", 3), 0);     /* a surrogate */
    assert_int_equal(char_size("\xf4\x90\x80\x80", 4), 0); /* beyond Unicode */
    assert_int_equal(char_size("\xff", 1), 0);
    assert_int_equal(char_size("\xe2\x82", 2), 0); /* cut */
    assert_int_equal(char_size("\xe2\x28\xa1", 3), 0);
}

TEST(characters_of_every_length_decode)
{
    uint32_t code;
    assert_int_equal(tt_text_char("a", 1, &code), 1);
    assert_int_equal(code, 'a');
    assert_int_equal(tt_text_char("\xc3\xbc", 2, &code), 2);
    assert_int_equal(code, 0xfc);
    assert_int_equal(tt_text_char("\xe2\x82\xac", 3, &code), 3);
    assert_int_equal(code, 0x20ac);
    assert_int_equal(tt_text_char("\xf0\x9f\x98\x80", 4, &code), 4);
    assert_int_equal(code, 0x1f600);
    assert_int_equal(tt_text_char("\0", 1, &code), 1);
    assert_int_equal(code, 0);
}

TEST(what_a_terminal_would_obey_becomes_visible)
{
    assert_string_equal(escaped("a\x1b[31mb\n\t\x7f", 10), "a\\x1B[31mb\\x0A\\x09\\x7F");
    assert_string_equal(escaped("\0", 1), "\\x00");
    assert_string_equal(escaped("\xc2\x9b"
                                "31m",
                                5),
                        "\\xC2\\x9B31m");
    assert_string_equal(escaped("\xe2\x80\xae", 3),
                        "\\xE2\\x80\\xAE"); /* right-to-left override */
}

TEST(bytes_that_are_not_utf_8_become_visible)
{
    assert_string_equal(escaped("a\xff"
                                "b\xe2\x82",
                                5),
                        "a\\xFFb\\xE2\\x82");
}

TEST(good_text_stays_as_it_is)
{
    assert_string_equal(escaped("web-01 größe 日本 😀", strlen("web-01 größe 日本 😀")),
                        "web-01 größe 日本 😀");
    assert_string_equal(escaped("", 0), "");
}

TEST(columns_count_wide_narrow_and_combining_characters)
{
    assert_int_equal(width(""), 0);
    assert_int_equal(width("abc"), 3);
    assert_int_equal(width("größe"), 5);
    assert_int_equal(width("日本"), 4);
    assert_int_equal(width("e\xcc\x81"), 1); /* e and a combining acute */
    assert_int_equal(width("😀"), 2);
    assert_int_equal(width("█…·"), 3);
    assert_int_equal(width("\xff\xfe"), 2);
    assert_int_equal(width("\n"), 0);
}

TEST(text_that_fits_is_not_cut)
{
    assert_string_equal(cut("abc", 3), "abc");
    assert_string_equal(cut("日本", 4), "日本");
    assert_string_equal(cut("", 1), "");
}

TEST(longer_text_ends_with_an_ellipsis_within_its_columns)
{
    assert_string_equal(cut("abcd", 3), "ab…");
    assert_string_equal(cut("abcd", 1), "…");
    assert_string_equal(cut("abcd", 0), "");
    assert_string_equal(cut("größen", 4), "grö…");
}

TEST(a_wide_character_is_never_split)
{
    assert_string_equal(cut("日本語", 4), "日…");
    assert_string_equal(cut("日本語", 5), "日本…");
    assert_string_equal(cut("日本", 1), "…");
}

TEST(combining_marks_stay_with_their_letter)
{
    assert_string_equal(cut("ae\xcc\x81x", 3), "ae\xcc\x81x");
    assert_string_equal(cut("ae\xcc\x81xy", 3), "ae\xcc\x81…");
}

TEST(a_character_whose_rest_is_missing_is_found)
{
    static const struct {
        const char *text;
        size_t want;
    } cases[] = {
        {"", 0},
        {"a", 0},
        {"\xe2\x82\xac", 0},
        {"a\xe2\x82", 2},
        {"\xe2", 1},
        {"\xf0\x9f\x98", 3},
        {"\xc3", 1},
        {"\x82\x82\x82\x82", 0},
        {"\xff", 0},
        {"\xc3\xbc\xbc", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(tt_text_partial(cases[i].text, strlen(cases[i].text)), cases[i].want);
}

/* What is appended to a text so that the terminal is itself again. */
static const char *reset(const char *text)
{
    out.len = 0;
    tt_buf_append(&out, "\033[31m", 5); /* not looked at */
    size_t start = out.len;
    tt_buf_append(&out, text, strlen(text));
    tt_text_reset(&out, start);
    return tt_buf_text(&out) + start + strlen(text);
}

TEST(what_leaves_a_terminal_alone_needs_no_reset)
{
    assert_string_equal(reset(""), "");
    assert_string_equal(reset("plain [31m text\n"), "");
    assert_string_equal(reset("\033[31mred\033[0m\n"), "");
    assert_string_equal(reset("\033[31mred\033[m\n"), "");
    assert_string_equal(reset("\033[2J\033[10;20H\033(B\033="), "");
    assert_string_equal(reset("\033]0;title\007\033]8;;x\033\\"), "");
    assert_string_equal(reset("\033[31\030"), "");
}

TEST(colours_that_are_left_on_are_ended)
{
    assert_string_equal(reset("\033[31mred\n"), "\033[0m");
    assert_string_equal(reset("\033[0;1mbold"), "\033[0m");
    assert_string_equal(reset("\033[38;2;0;0;0mblack"), "\033[0m");
    assert_string_equal(reset("\033[0m\033[7m"), "\033[0m");
}

TEST(an_escape_sequence_that_has_no_end_is_ended)
{
    assert_string_equal(reset("\033"), "\033[0m");
    assert_string_equal(reset("\033[31\n"), "\033[0m");
    assert_string_equal(reset("\033]0;title\n"), "\033\\\033[0m");
    assert_string_equal(reset("\033Pdata"), "\033\\\033[0m");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(malformed_utf_8_is_no_character),
        RUN(characters_of_every_length_decode),
        EACH(what_a_terminal_would_obey_becomes_visible),
        EACH(bytes_that_are_not_utf_8_become_visible),
        EACH(good_text_stays_as_it_is),
        RUN(columns_count_wide_narrow_and_combining_characters),
        EACH(text_that_fits_is_not_cut),
        EACH(longer_text_ends_with_an_ellipsis_within_its_columns),
        EACH(a_wide_character_is_never_split),
        EACH(combining_marks_stay_with_their_letter),
        RUN(a_character_whose_rest_is_missing_is_found),
        EACH(what_leaves_a_terminal_alone_needs_no_reset),
        EACH(colours_that_are_left_on_are_ended),
        EACH(an_escape_sequence_that_has_no_end_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
