/* Unit test of share/value: buffer references, the check of a whole value, JSON. */
#include "check.h"

#include "value.h"

#include <math.h>
#include <stdio.h>

static tt_buf_t body, json;

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&body);
    tt_buf_init(&json);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&body);
    tt_buf_release(&json);
    return 0;
}

/* The JSON of what was packed into `body` so far. */
static const char *shown(void)
{
    assert_int_equal(tt_validate(span_of(&body), &tt_limits_value, NULL), 0);
    json.len = 0;
    tt_value_json(span_of(&body), &json);
    body.len = 0;
    return tt_buf_text(&json);
}

/* ---- data */

TEST(what_is_neither_bytes_nor_a_buffer_is_no_data)
{
    tt_span_t data;
    tt_pack_text(&body, "text");
    tt_reader_t reader = tt_reader(span_of(&body));
    assert_int_equal(tt_read_data(&reader, NULL, 0, &data), -1);
    assert_ptr_equal(reader.at, body.data);
}

TEST(a_reference_beyond_the_buffers_is_refused)
{
    tt_span_t data, buffers[1] = {SPAN("0123456789")};
    tt_pack_buffer_ref(&body, 1, 10);
    tt_reader_t reader = tt_reader(span_of(&body));
    assert_int_equal(tt_read_data(&reader, buffers, 1, &data), -1);
    assert_ptr_equal(reader.at, body.data);
    assert_int_equal(tt_read_data(&reader, NULL, 0, &data), -1);
}

TEST(a_reference_with_another_length_is_refused)
{
    tt_span_t data, buffers[1] = {SPAN("0123456789")};
    tt_pack_buffer_ref(&body, 0, 11);
    tt_reader_t reader = tt_reader(span_of(&body));
    assert_int_equal(tt_read_data(&reader, buffers, 1, &data), -1);
}

TEST(a_reference_that_is_not_a_pair_is_refused)
{
    tt_span_t data, buffers[2] = {SPAN(""), SPAN("")};
    static const char *const bodies[] = {"\x91\x00", "\x93\x00\x00\x00", "\x92\xff\x00",
                                         "\x80"};
    static const size_t sizes[] = {2, 4, 3, 1};
    for (size_t i = 0; i < 4; i++) {
        body.len = 0;
        tt_pack_ext(&body, TT_EXT_BUFFER, bodies[i], sizes[i]);
        tt_reader_t reader = tt_reader(span_of(&body));
        assert_int_equal(tt_read_data(&reader, buffers, 2, &data), -1);
        assert_int_equal(tt_value_check(span_of(&body), buffers, 2, NULL), -1);
    }
}

TEST(bytes_inline_and_in_a_buffer_read_alike)
{
    tt_span_t data, buffers[2] = {SPAN("x"), SPAN("0123456789")};
    tt_pack_bin(&body, "inline", 6);
    tt_pack_buffer_ref(&body, 1, 10);
    tt_reader_t reader = tt_reader(span_of(&body));
    assert_int_equal(tt_read_data(&reader, buffers, 2, &data), 0);
    assert_memory_equal(data.data, "inline", 6);
    assert_int_equal(tt_read_data(&reader, buffers, 2, &data), 0);
    assert_ptr_equal(data.data, buffers[1].data);
    assert_true(tt_reader_done(&reader));
}

/* ---- the check */

TEST(malformed_bytes_fail_the_check)
{
    tt_error_t err;
    assert_int_equal(tt_value_check(SPAN("\xc1"), NULL, 0, &err), -1);
    assert_says(&err, "malformed value");
}

TEST(a_bad_reference_is_found_at_any_depth)
{
    tt_error_t err;
    tt_buf_t inner;
    tt_buf_init(&inner);
    tt_pack_array(&inner, 1);
    tt_pack_map(&inner, 1);
    tt_pack_text(&inner, "key");
    tt_pack_buffer_ref(&inner, 3, 1);
    tt_pack_array(&body, 2);
    tt_pack_int(&body, 1);
    tt_pack_ext(&body, TT_EXT_TUPLE, inner.data, inner.len);
    assert_int_equal(tt_value_check(span_of(&body), NULL, 0, &err), -1);
    assert_says(&err, "a buffer that is not among its 0");
    tt_buf_release(&inner);
}

TEST(references_to_present_buffers_pass_the_check)
{
    tt_span_t buffers[2] = {SPAN("ab"), SPAN("cde")};
    tt_pack_array(&body, 2);
    tt_pack_buffer_ref(&body, 1, 3);
    tt_pack_buffer_ref(&body, 0, 2);
    assert_int_equal(tt_value_check(span_of(&body), buffers, 2, NULL), 0);
}

/* ---- JSON */

TEST(malformed_bytes_still_give_json)
{
    static const tt_span_t bad[] = {{NULL, 0},
                                    {(const uint8_t *)"\xc1", 1},
                                    {(const uint8_t *)"\x92\x01", 2},
                                    {(const uint8_t *)"\x82\xa1k\x01\xa1", 5},
                                    {(const uint8_t *)"\xd5\x04\x91\x01", 4}};
    static const char *const text[] = {"null", "null", "null", "{\"k\":1,\"null\":null}",
                                       "{\"$type\":\"array\",\"dtype\":1,\"shape\":null}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json.len = 0;
        tt_value_json(bad[i], &json);
        assert_text(&json, text[i]);
    }
}

TEST(depth_in_json_is_bounded_also_for_unchecked_bytes)
{
    for (int i = 0; i < 100000; i++)
        tt_pack_array(&body, 1);
    tt_pack_nil(&body);
    tt_value_json(span_of(&body), &json);
    assert_true(json.len < 2000);
}

TEST(keys_inside_keys_cannot_blow_the_text_up)
{
    for (int i = 0; i < 500; i++)
        tt_pack_map(&body, 1);
    for (int i = 0; i < 501; i++)
        tt_pack_text(&body, "\"");
    assert_int_equal(tt_validate(span_of(&body), &tt_limits_value, NULL), 0);
    tt_value_json(span_of(&body), &json);
    assert_true(json.len < 10000);
}

TEST(plain_values_are_themselves)
{
    tt_pack_array(&body, 7);
    tt_pack_nil(&body);
    tt_pack_bool(&body, true);
    tt_pack_bool(&body, false);
    tt_pack_int(&body, INT64_MIN);
    tt_pack_uint(&body, UINT64_MAX);
    tt_pack_text(&body, "text");
    tt_pack_array(&body, 0);
    assert_string_equal(
        shown(), "[null,true,false,-9223372036854775808,18446744073709551615,\"text\",[]]");
}

TEST(floats_are_short_exact_and_recognisable)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{1, "1.0"},
                {0.1, "0.1"},
                {-0.0, "-0.0"},
                {1e300, "1e+300"},
                {1.0 / 3, "0.3333333333333333"},
                {NAN, "null"},
                {INFINITY, "null"},
                {-INFINITY, "null"},
                {5e-324, "4.94065645841247e-324"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tt_pack_double(&body, rows[i].value);
        assert_string_equal(shown(), rows[i].text);
    }
}

TEST(text_is_escaped_and_repaired)
{
    tt_json_text(&json, "a\"b\\c\n\t\x01\x1b\x7f\xc2\x9b/ü\xff\xe2\x82", 18);
    assert_text(&json,
                "\"a\\\"b\\\\c\\n\\t\\u0001\\u001b\\u007f\\u009b/ü\xef\xbf\xbd\xef\xbf\xbd"
                "\xef\xbf\xbd\"");
    json.len = 0;
    tt_json_text(&json, NULL, 0);
    assert_text(&json, "\"\"");
}

TEST(bytes_are_base64)
{
    static const char *const text[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="};
    for (size_t len = 0; len < 5; len++) {
        char expected[80];
        snprintf(expected, sizeof expected, "{\"$type\":\"bytes\",\"base64\":\"%s\"}",
                 text[len]);
        tt_pack_bin(&body, "foob", len);
        assert_string_equal(shown(), expected);
    }
    tt_pack_buffer_ref(&body, 2, 5000);
    assert_string_equal(shown(), "{\"$type\":\"bytes\",\"buffer\":2,\"length\":5000}");
}

TEST(keys_that_are_not_text_become_their_json)
{
    tt_pack_map(&body, 3);
    tt_pack_text(&body, "a");
    tt_pack_int(&body, 1);
    tt_pack_int(&body, 7);
    tt_pack_int(&body, 2);
    tt_pack_ext(&body, TT_EXT_TUPLE, "\x92\x01\xa1x", 4);
    tt_pack_int(&body, 3);
    assert_string_equal(shown(), "{\"a\":1,\"7\":2,\"[1,\\\"x\\\"]\":3}");
}

TEST(big_integers_are_decimal)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *text;
    } rows[] = {
        {"\x00", 1, "0"},
        {"\xff", 1, "-1"},
        {"\x80", 1, "-128"},
        {"\x00\x80", 2, "128"},
        {"\x3b\x9a\xca\x00", 4, "1000000000"},
        {"\x01\x00\x00\x00\x00\x00\x00\x00\x00", 9, "18446744073709551616"},
        {"\xff\x00\x00\x00\x00\x00\x00\x00\x00", 9, "-18446744073709551616"},
        {"\x04\xee\x2d\x6d\x41\x5b\x85\xac\xef\x81\x00\x00\x00\x00", 14,
         "100000000000000000000000000000000"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tt_pack_ext(&body, TT_EXT_BIGINT, rows[i].bytes, rows[i].len);
        assert_string_equal(shown(), rows[i].text);
    }
}

TEST(an_enormous_integer_is_hex)
{
    static uint8_t bytes[10000] = {1};
    tt_pack_ext(&body, TT_EXT_BIGINT, bytes, sizeof bytes);
    const char *text = shown();
    assert_memory_equal(text, "{\"$type\":\"integer\",\"hex\":\"0100", 29);
}

TEST(complex_numbers_name_their_parts)
{
    tt_pack_ext(&body, TT_EXT_COMPLEX, "\x3f\xf0\0\0\0\0\0\0\xc0\x00\0\0\0\0\0\0", 16);
    assert_string_equal(shown(), "{\"$type\":\"complex\",\"re\":1.0,\"im\":-2.0}");
}

TEST(timestamps_of_every_size_are_iso_8601)
{
    tt_pack_ext(&body, TT_EXT_TIMESTAMP, "\x00\x00\x00\x00", 4);
    assert_string_equal(shown(), "\"1970-01-01T00:00:00Z\"");
    /* 1 s and 250,000,000 ns: nanoseconds in the upper 30 bits */
    tt_pack_ext(&body, TT_EXT_TIMESTAMP, "\x3b\x9a\xca\x00\x00\x00\x00\x01", 8);
    assert_string_equal(shown(), "\"1970-01-01T00:00:01.250000Z\"");
    tt_pack_ext(&body, TT_EXT_TIMESTAMP, "\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff\xff\xff",
                12);
    assert_string_equal(shown(), "\"1969-12-31T23:59:59.000000001Z\"");
}

TEST(a_time_beyond_any_calendar_is_shown_as_numbers)
{
    tt_pack_ext(&body, TT_EXT_TIMESTAMP, "\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff",
                12);
    assert_string_equal(
        shown(), "{\"$type\":\"timestamp\",\"seconds\":9223372036854775807,\"nanoseconds\":0}");
    tt_pack_ext(&body, TT_EXT_TIMESTAMP, "\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
                12);
    assert_string_equal(shown(),
                        "{\"$type\":\"timestamp\",\"seconds\":0,\"nanoseconds\":4294967295}");
}

TEST(arrays_objects_and_names_show_what_they_are)
{
    tt_pack_ext(&body, TT_EXT_ARRAY,
                "\x94\xa3<f8\x92\x02\x03\xa1"
                "C\xc4\x00",
                12);
    assert_string_equal(shown(), "{\"$type\":\"array\",\"dtype\":\"<f8\",\"shape\":[2,3]}");
    tt_pack_ext(&body, TT_EXT_OBJECT, "\x94\xa6python\xa7pickle5\xc4\x01x\x90", 20);
    assert_string_equal(
        shown(), "{\"$type\":\"object\",\"language\":\"python\",\"format\":\"pickle5\"}");
    tt_pack_ext(&body, TT_EXT_NAME, "x.y", 3);
    assert_string_equal(shown(), "{\"$type\":\"name\",\"name\":\"x.y\"}");
    tt_pack_ext(&body, TT_EXT_TUPLE, "\x92\x01\x90", 3);
    assert_string_equal(shown(), "[1,[]]");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_neither_bytes_nor_a_buffer_is_no_data),
        EACH(a_reference_beyond_the_buffers_is_refused),
        EACH(a_reference_with_another_length_is_refused),
        EACH(a_reference_that_is_not_a_pair_is_refused),
        EACH(bytes_inline_and_in_a_buffer_read_alike),
        EACH(malformed_bytes_fail_the_check),
        EACH(a_bad_reference_is_found_at_any_depth),
        EACH(references_to_present_buffers_pass_the_check),
        EACH(malformed_bytes_still_give_json),
        EACH(depth_in_json_is_bounded_also_for_unchecked_bytes),
        EACH(keys_inside_keys_cannot_blow_the_text_up),
        EACH(plain_values_are_themselves),
        EACH(floats_are_short_exact_and_recognisable),
        EACH(text_is_escaped_and_repaired),
        EACH(bytes_are_base64),
        EACH(keys_that_are_not_text_become_their_json),
        EACH(big_integers_are_decimal),
        EACH(an_enormous_integer_is_hex),
        EACH(complex_numbers_name_their_parts),
        EACH(timestamps_of_every_size_are_iso_8601),
        EACH(a_time_beyond_any_calendar_is_shown_as_numbers),
        EACH(arrays_objects_and_names_show_what_they_are),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
