/* Unit test of engine/names: what is answered for a busy engine, and the bounds of what is
 * kept.
 */
#include "check.h"

#include "language.h"
#include "names.h"
#include "pack.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static names_t names;

static int end(void **unused)
{
    (void)unused;
    names_release(&names);
    names_release(&names);
    return 0;
}

static tt_span_t args_of(const char *code, uint64_t position)
{
    static tt_buf_t args;
    static uint8_t bytes[512];
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_text(&args, code);
    tt_pack_uint(&args, position);
    size_t len = args.len;
    assert_true(len <= sizeof bytes);
    memcpy(bytes, args.data, len);
    tt_buf_release(&args);
    return (tt_span_t){bytes, len};
}

/* The runtime has answered COMPLETE(code, its end) so; names are separated by blanks. */
static void learn(const char *code, uint64_t position, uint64_t start, const char *list)
{
    tt_buf_t value = {0}, packed = {0};
    tt_reply_t reply = {.status = TT_STATUS_OK};
    char copy[256], *next = copy;
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", list);
    for (char *name; (name = strsep(&next, " "));)
        if (*name && ++count)
            tt_pack_text(&packed, name);
    tt_pack_array(&value, 2);
    tt_pack_uint(&value, start);
    tt_pack_array(&value, count);
    tt_buf_append(&value, packed.data, packed.len);
    tt_reply_value(&reply, NULL, span_of(&value));
    names_learn(&names, args_of(code, position), span_of(&reply.body));
    tt_reply_release(&reply);
    tt_buf_release(&value);
    tt_buf_release(&packed);
}

/* The value that COMPLETE is answered with, as JSON. */
static const char *answer(const char *code, uint64_t position)
{
    static char text[512];
    tt_buf_t body = {0}, json = {0};
    tt_error_t err;
    assert_true(names_answer(&names, args_of(code, position), &body));
    assert_int_equal(tt_validate(span_of(&body), &tt_limits_value, &err), 0);
    tt_value_json(span_of(&body), &json);
    const char *from = strstr(tt_buf_text(&json), "true,");
    assert_non_null(from);
    snprintf(text, sizeof text, "%.*s", (int)(strstr(from, "]]") + 2 - (from + 5)), from + 5);
    tt_buf_release(&body);
    tt_buf_release(&json);
    return text;
}

#define assert_answer(code, expected) assert_string_equal(answer(code, strlen(code)), expected)

TEST(what_is_malformed_is_neither_kept_nor_answered)
{
    static const tt_span_t bodies[] = {
        SPAN(""),
        SPAN("\x90"),
        SPAN("\xc1"),
        SPAN("\x93\xc0\xc2\xc0"),
        SPAN("\x93\xc0\xc3\x92\x00"),
        SPAN("\x93\xc0\xc3\x92\x00\x91\x05"),
        SPAN("\x93\xc0\xc3\x92\x00\xdd\xff\xff\xff\xff"),
        SPAN("\x93\xc0\xc3\x92\xa1x\x91\xa1y"),
    };
    tt_buf_t body = {0};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        names_learn(&names, args_of("", 0), bodies[i]);
    assert_int_equal(names.entry_count, 0);
    assert_false(names_answer(&names, SPAN(""), &body));
    assert_false(names_answer(&names, SPAN("\x91\xa1x"), &body));
    assert_false(names_answer(&names, SPAN("\x92\x05\x00"), &body));
    names_learn(&names, SPAN("\x91\xa1x"), SPAN("\x93\xc0\xc3\x92\x00\x91\xa1y"));
    assert_int_equal(names.entry_count, 0);
    tt_buf_release(&body);
}

TEST(who_knows_nothing_says_so_in_the_shape_of_a_runtimes_answer)
{
    assert_answer("", "[0,[]]");
    assert_answer("x = fo", "[4,[]]");
    assert_answer("f(df.gr", "[5,[]]");
}

TEST(names_of_the_top_level_serve_wherever_a_word_stands_alone)
{
    learn("", 0, 0, "print property foo");
    assert_answer("pr", "[0,[\"print\",\"property\"]]");
    assert_answer("x = fo", "[4,[\"foo\"]]");
    assert_answer("f(1,prin", "[4,[\"print\"]]");
    assert_answer("a\nb = [p", "[7,[\"print\",\"property\"]]");
    assert_answer("return\nfo", "[7,[\"foo\"]]");
    assert_answer("import fo",
                  "[7,[]]"); /* what stands behind a word is the language's affair */
    assert_answer("df.fo", "[3,[]]");
    assert_answer("f().fo", "[4,[]]");
    assert_answer("f() .fo", "[5,[]]");
}

TEST(attributes_are_those_of_the_same_expression)
{
    learn("df.", 3, 3, "group grid head");
    assert_answer("df.gr", "[3,[\"group\",\"grid\"]]");
    assert_answer("x = len(df.h", "[11,[\"head\"]]");
    assert_answer("my.df.gr", "[6,[]]");
    assert_answer("adf.gr", "[4,[]]");
    learn("y + a.b.c", 9, 8, "cat cow");
    assert_answer("print(a.b.co", "[10,[\"cow\"]]");
    assert_answer("a.b.d", "[4,[]]"); /* only those with a c were told */
}

TEST(code_that_is_no_plain_expression_is_answered_when_it_is_the_same)
{
    learn("import nu", 9, 7, "numbers numpy");
    learn("f(x).re", 7, 5, "real");
    assert_answer("import num", "[7,[\"numbers\",\"numpy\"]]");
    assert_answer("f(x).re", "[5,[\"real\"]]");
    assert_answer("g(x).re", "[5,[]]");
    assert_answer("nu", "[0,[]]");
}

TEST(hidden_names_are_told_to_those_who_ask_for_them)
{
    learn("", 0, 0, "all _one __two");
    assert_answer("", "[0,[\"all\"]]");
    assert_answer("_",
                  "[0,[]]"); /* a runtime does not tell them unasked, so they are not known */
    learn("_", 1, 0, "_one __two");
    assert_answer("_", "[0,[\"_one\",\"__two\"]]");
    assert_answer("__", "[0,[\"__two\"]]");
    assert_answer("a", "[0,[\"all\"]]");
}

TEST(positions_are_characters_and_the_code_behind_them_does_not_matter)
{
    learn("\xc3\xa9t\xc3\xa9.", 4, 4, "chaud");
    assert_string_equal(answer("\"\xe2\x82\xac\" + \xc3\xa9t\xc3\xa9.ch + 1", 12),
                        "[10,[\"chaud\"]]");
    assert_string_equal(answer("\xc3\xa9t\xc3\xa9.ch", 999), "[4,[\"chaud\"]]");
    assert_string_equal(answer("\xc3\xa9t\xc3\xa9.ch", 0), "[0,[]]");
}

TEST(a_change_leaves_the_names_of_the_top_level_until_they_are_told_again)
{
    learn("", 0, 0, "old older");
    learn("a.", 2, 2, "b");
    learn("x", 1, 0, "xs");
    names_forget(&names);
    assert_answer("a.", "[2,[]]");
    assert_answer("x", "[0,[]]");
    assert_answer("o", "[0,[\"old\",\"older\"]]");
    learn("", 0, 0, "new");
    assert_int_equal(names.entry_count, 1);
    assert_answer("o", "[0,[]]");
    assert_answer("n", "[0,[\"new\"]]");
    names_release(&names);
    assert_answer("n", "[0,[]]");
}

TEST(the_latest_answer_counts)
{
    learn("", 0, 0, "foo fob");
    learn("fo", 2, 0, "foo");
    assert_answer("fo", "[0,[\"foo\"]]");
    assert_answer("f", "[0,[\"foo\",\"fob\"]]");
}

TEST(no_more_than_some_is_kept_and_what_was_not_used_goes_first)
{
    char code[32];
    learn("", 0, 0, "top");
    for (int i = 0; i < 100; i++) {
        snprintf(code, sizeof code, "a%d.", i);
        learn(code, strlen(code), strlen(code), "name");
        assert_answer("t", "[0,[\"top\"]]");
    }
    assert_int_equal(names.entry_count, NAMES_ENTRIES_MAX);
    assert_answer("a99.", "[4,[\"name\"]]");
    assert_answer("a0.", "[3,[]]");
}

/* An answer of `count` names of `len` bytes each. */
static void learn_many(const char *code, size_t count, size_t len)
{
    tt_buf_t body = {0};
    char *name = tt_alloc(len + 1);
    memset(name, 'x', len);
    tt_pack_array(&body, 3);
    tt_pack_nil(&body);
    tt_pack_bool(&body, true);
    tt_pack_array(&body, 2);
    tt_pack_uint(&body, strlen(code));
    tt_pack_array(&body, count);
    for (size_t i = 0; i < count; i++)
        tt_pack_text(&body, name);
    names_learn(&names, args_of(code, strlen(code)), span_of(&body));
    tt_buf_release(&body);
    free(name);
}

TEST(an_answer_over_the_bounds_is_not_kept_and_large_ones_drive_out_others)
{
    learn_many("a.", NAMES_COUNT_MAX + 1, 1);
    learn_many("a.", 2, NAMES_BYTES_MAX);
    assert_int_equal(names.entry_count, 0);
    for (int i = 0; i < 4; i++)
        learn_many((const char *[]){"a.", "b.", "c.", "d."}[i], 2, NAMES_BYTES_MAX / 4 - 100);
    assert_int_equal(names.entry_count, 2);
    learn_many("e.", NAMES_COUNT_MAX, 5);
    assert_int_equal(names.entry_count, 1);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, NULL, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_malformed_is_neither_kept_nor_answered),
        EACH(who_knows_nothing_says_so_in_the_shape_of_a_runtimes_answer),
        EACH(names_of_the_top_level_serve_wherever_a_word_stands_alone),
        EACH(attributes_are_those_of_the_same_expression),
        EACH(code_that_is_no_plain_expression_is_answered_when_it_is_the_same),
        EACH(hidden_names_are_told_to_those_who_ask_for_them),
        EACH(positions_are_characters_and_the_code_behind_them_does_not_matter),
        EACH(a_change_leaves_the_names_of_the_top_level_until_they_are_told_again),
        EACH(the_latest_answer_counts),
        EACH(no_more_than_some_is_kept_and_what_was_not_used_goes_first),
        EACH(an_answer_over_the_bounds_is_not_kept_and_large_ones_drive_out_others),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
