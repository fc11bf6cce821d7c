/* Unit test of engine/shell_value: values to assignments of bash, and its fields back to
 * values. What bash makes of them is tested in tests/conformance/test_shell.py. */
#include "check.h"

#include "pack.h"
#include "shell_value.h"
#include "value.h"

#include <math.h>

static tt_buf_t packed, script;
static tt_error_t err;

static int setup(void **unused)
{
    (void)unused;
    packed.len = script.len = 0;
    return 0;
}

static int assign(const char *name)
{
    shell_given_t given = {tt_reader(span_of(&packed)), NULL, 0};
    return shell_value_assign(&given, name, &script, &err);
}

static const char *text_of(void)
{
    shell_given_t given = {tt_reader(span_of(&packed)), NULL, 0};
    script.len = 0;
    assert_int_equal(shell_value_text(&given, "x", &script, &err), 0);
    packed.len = 0;
    return tt_buf_text(&script);
}

TEST(names_are_letters_digits_and_underscores)
{
    assert_true(shell_is_name("_a1", 3));
    assert_true(shell_is_name("Z", 1));
    assert_false(shell_is_name("", 0));
    assert_false(shell_is_name("1a", 2));
    assert_false(shell_is_name("a-b", 3));
    assert_false(shell_is_name("a\0b", 3));
    assert_false(shell_is_name("\303\251", 2));
}

TEST(variables_of_bash_itself_are_refused)
{
    assert_int_equal(shell_name_check("PATH", &err), 0);
    assert_int_equal(shell_name_check("UID", &err), -1);
    assert_says(&err, "'UID' is a variable of bash itself");
    assert_int_equal(shell_name_check("BASH_ENV", &err), -1);
    assert_int_equal(shell_name_check("a b", &err), -1);
    assert_says(&err, "'a b' is no name");
}

TEST(quoting_keeps_every_byte)
{
    shell_quote(&script, tt_span("it's $x `a` \\ \"q\"\n"));
    assert_text(&script, "'it'\\''s $x `a` \\ \"q\"\n'");
    script.len = 0;
    shell_quote(&script, (tt_span_t){NULL, 0});
    assert_text(&script, "''");
    script.len = 0;
    shell_quote(&script, tt_span("'"));
    assert_text(&script, "''\\'''");
}

TEST(numbers_are_written_as_python_writes_them)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0.1, "0.1"},
                {1, "1.0"},
                {1e15, "1000000000000000.0"},
                {1e16, "1e+16"},
                {0.0001, "0.0001"},
                {0.00001, "1e-05"},
                {-2.5, "-2.5"},
                {1.0 / 3, "0.3333333333333333"},
                {INFINITY, "inf"},
                {-INFINITY, "-inf"},
                {NAN, "nan"},
                {123456789.125, "123456789.125"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tt_pack_double(&packed, rows[i].value);
        assert_string_equal(text_of(), rows[i].text);
    }
    tt_pack_int(&packed, INT64_MIN);
    assert_string_equal(text_of(), "-9223372036854775808");
    tt_pack_uint(&packed, UINT64_MAX);
    assert_string_equal(text_of(), "18446744073709551615");
    tt_pack_bool(&packed, true);
    assert_string_equal(text_of(), "true");
    tt_pack_ext(&packed, TT_EXT_BIGINT, "\1\0\0\0\0\0\0\0\0", 9);
    assert_string_equal(text_of(), "18446744073709551616");
}

TEST(text_from_a_buffer_is_found_and_one_that_is_not_there_is_refused)
{
    tt_span_t buffers[] = {SPAN("long text")};
    tt_pack_buffer_ref(&packed, 0, 9);
    shell_given_t given = {tt_reader(span_of(&packed)), buffers, 1};
    assert_int_equal(shell_value_text(&given, "x", &script, &err), 0);
    assert_text(&script, "long text");
    given = (shell_given_t){tt_reader(span_of(&packed)), NULL, 0};
    assert_int_equal(shell_value_text(&given, "x", &script, &err), -1);
}

TEST(a_zero_byte_and_a_list_within_a_list_are_refused_by_name)
{
    tt_pack_str(&packed, "a\0b", 3);
    assert_int_equal(assign("v"), -1);
    assert_says(&err, "v holds a zero byte");
    packed.len = 0;
    tt_pack_array(&packed, 2);
    tt_pack_int(&packed, 1);
    tt_pack_array(&packed, 0);
    assert_int_equal(assign("v"), -1);
    assert_says(&err, "v[1] is a list: an array of the shell holds only texts");
}

TEST(an_array_is_assigned_by_index_so_that_nil_leaves_a_hole)
{
    tt_pack_array(&packed, 3);
    tt_pack_text(&packed, "a b");
    tt_pack_nil(&packed);
    tt_pack_int(&packed, 7);
    assert_int_equal(assign("v"), 0);
    assert_text(&script, "\\builtin unset -v v\nv=([0]='a b' [2]='7' )\n");
}

TEST(a_map_has_texts_for_keys_and_none_is_empty)
{
    tt_pack_map(&packed, 1);
    tt_pack_text(&packed, "k");
    tt_pack_int(&packed, 1);
    assert_int_equal(assign("v"), 0);
    assert_text(&script, "\\builtin unset -v v\n\\builtin declare -gA v\nv=(['k']='1' )\n");
    packed.len = 0;
    tt_pack_map(&packed, 1);
    tt_pack_text(&packed, "");
    tt_pack_int(&packed, 1);
    assert_int_equal(assign("v"), -1);
    assert_says(&err, "a key of v is empty");
}

static void pack_numbers(const char *dtype, size_t count, tt_span_t data)
{
    tt_buf_t body;
    tt_buf_init(&body);
    tt_pack_array(&body, 4);
    tt_pack_text(&body, dtype);
    tt_pack_array(&body, 1);
    tt_pack_uint(&body, count);
    tt_pack_text(&body, "C");
    tt_pack_bin(&body, data.data, data.len);
    packed.len = script.len = 0;
    tt_pack_ext(&packed, TT_EXT_ARRAY, body.data, body.len);
    tt_buf_release(&body);
}

TEST(numbers_of_an_nd_array_become_texts)
{
    pack_numbers("<i2", 2, SPAN("\377\377\1\0"));
    assert_int_equal(assign("v"), 0);
    assert_text(&script, "\\builtin unset -v v\nv=(-1 1 )\n");
    pack_numbers(">u4", 1, SPAN("\0\0\1\0"));
    assert_int_equal(assign("v"), 0);
    assert_text(&script, "\\builtin unset -v v\nv=(256 )\n");
    pack_numbers("<f8", 1, SPAN("\0\0\0\0\0\0\370\077"));
    assert_int_equal(assign("v"), 0);
    assert_text(&script, "\\builtin unset -v v\nv=(1.5 )\n");
}

TEST(an_nd_array_that_lies_about_its_length_or_type_is_refused)
{
    pack_numbers("<i8", 2, SPAN("\0\0\0\0\0\0\0\0"));
    assert_int_equal(assign("v"), -1);
    pack_numbers("<c8", 1, SPAN("\0\0\0\0\0\0\0\0"));
    assert_int_equal(assign("v"), -1);
    pack_numbers("<f2", 1, SPAN("\0\0"));
    assert_int_equal(assign("v"), -1);
    assert_says(&err, "only those of one dimension and of numbers");
}

/* ---- back */

static int read_fields(tt_span_t fields, bool *missing)
{
    packed.len = 0;
    return shell_value_read(&fields, "v", &packed, missing, &err);
}

TEST(fields_are_a_text_an_array_or_a_map)
{
    bool missing;
    char text[16];
    size_t count;
    assert_int_equal(read_fields(SPAN("x\0001\0000\0text\0"), &missing), 0);
    tt_reader_t reader = tt_reader(span_of(&packed));
    assert_int_equal(tt_read_text(&reader, text, sizeof text), 0);
    assert_string_equal(text, "text");
    assert_int_equal(read_fields(SPAN("a\0002\0001\0003\0b\0d\0"), &missing), 0);
    reader = tt_reader(span_of(&packed));
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_int_equal(count, 4);
    assert_int_equal(tt_read_nil(&reader), 0);
    assert_int_equal(read_fields(SPAN("A\0001\0k\0v\0"), &missing), 0);
    reader = tt_reader(span_of(&packed));
    assert_int_equal(tt_read_map(&reader, &count), 0);
    assert_int_equal(count, 1);
}

TEST(a_variable_that_is_not_set_is_missing_and_an_empty_array_is_not)
{
    bool missing;
    assert_int_equal(read_fields(SPAN("\0000\0"), &missing), -1);
    assert_true(missing);
    assert_int_equal(read_fields(SPAN("a\0000\0"), &missing), 0);
    assert_false(missing);
}

TEST(fields_that_end_too_early_are_an_error_and_not_read_over)
{
    bool missing;
    static const tt_span_t whole = {(const uint8_t *)"a\0002\0000\0001\0b\0d\0", 13};
    for (size_t len = 0; len < whole.len - 1; len++) {
        assert_int_equal(read_fields((tt_span_t){whole.data, len}, &missing), -1);
        assert_false(missing);
    }
    assert_int_equal(read_fields(SPAN("a\0001\00099999999\0x\0"), &missing), -1);
    assert_says(&err, "too sparse");
}

TEST(text_that_is_not_utf8_is_bytes)
{
    tt_span_t bytes;
    shell_value_pack(&packed, SPAN("\303\251"));
    tt_reader_t reader = tt_reader(span_of(&packed));
    assert_int_equal(tt_read_str(&reader, &bytes), 0);
    packed.len = 0;
    shell_value_pack(&packed, SPAN("\303"));
    reader = tt_reader(span_of(&packed));
    assert_int_equal(tt_read_bin(&reader, &bytes), 0);
}

#define RUN_FRESH(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(names_are_letters_digits_and_underscores),
        RUN(variables_of_bash_itself_are_refused),
        RUN_FRESH(quoting_keeps_every_byte),
        RUN_FRESH(numbers_are_written_as_python_writes_them),
        RUN_FRESH(text_from_a_buffer_is_found_and_one_that_is_not_there_is_refused),
        RUN_FRESH(a_zero_byte_and_a_list_within_a_list_are_refused_by_name),
        RUN_FRESH(an_array_is_assigned_by_index_so_that_nil_leaves_a_hole),
        RUN_FRESH(a_map_has_texts_for_keys_and_none_is_empty),
        RUN_FRESH(numbers_of_an_nd_array_become_texts),
        RUN_FRESH(an_nd_array_that_lies_about_its_length_or_type_is_refused),
        RUN_FRESH(fields_are_a_text_an_array_or_a_map),
        RUN_FRESH(a_variable_that_is_not_set_is_missing_and_an_empty_array_is_not),
        RUN_FRESH(fields_that_end_too_early_are_an_error_and_not_read_over),
        RUN_FRESH(text_that_is_not_utf8_is_bytes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    tt_buf_release(&packed);
    tt_buf_release(&script);
    return failed;
}
