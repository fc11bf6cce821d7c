/* Unit test of share/read: hostile bytes first. */
#include "check.h"

#include "pack.h"
#include "read.h"

#include <stdlib.h>

static int check(tt_span_t bytes, tt_error_t *err)
{
    return tt_validate(bytes, &tt_limits_value, err);
}

#define REFUSE(literal, why)                                                                   \
    do {                                                                                       \
        tt_error_t refused;                                                                    \
        assert_int_equal(check(SPAN(literal), &refused), -1);                                  \
        assert_says(&refused, why);                                                            \
    } while (0)

#define ACCEPT(literal) assert_int_equal(check(SPAN(literal), NULL), 0)

TEST(no_bytes_are_no_value)
{
    tt_error_t err;
    assert_int_equal(check((tt_span_t){NULL, 0}, &err), -1);
    assert_says(&err, "too early");
}

TEST(what_ends_too_early_is_refused_with_its_offset)
{
    REFUSE("\x92\x91\x01", "too early at byte 3");
    REFUSE("\x92\x01", "bad head or length at byte 0");
    REFUSE("\xa5"
           "abc",
           "at byte 0");
    REFUSE("\xcd\x01", "at byte 0");
    REFUSE("\xc7", "at byte 0");
    REFUSE("\xc7\x01", "at byte 0");
    REFUSE("\xdd\x00\x00", "at byte 0");
}

TEST(a_count_larger_than_the_bytes_that_remain_is_refused)
{
    REFUSE("\xdd\xff\xff\xff\xff", "bad head or length");
    REFUSE("\xdf\x00\x00\x00\x02\x01\x01\x01", "bad head or length");
    REFUSE("\xc6\xff\xff\xff\xff\x00", "bad head or length");
    REFUSE("\xdb\x7f\xff\xff\xff\x00", "bad head or length");
}

TEST(bytes_behind_the_end_are_refused)
{
    REFUSE("\x01\x02", "bytes behind the end at byte 1");
    REFUSE("\x91\x01\xc0", "bytes behind the end at byte 2");
}

TEST(the_reserved_byte_is_refused)
{
    REFUSE("\xc1", "bad head");
}

TEST(unknown_extensions_are_refused)
{
    REFUSE("\xd4\x63\x00", "unknown extension");
    REFUSE("\xd4\x80\x00", "unknown extension");
}

TEST(extension_bodies_are_checked_like_the_rest)
{
    REFUSE("\xd4\x01\xc1", "bad head");           /* tuple of a reserved byte */
    REFUSE("\xd5\x01\x91\x91", "bad head");       /* tuple that ends too early */
    REFUSE("\xd5\x01\x90\x90", "behind the end"); /* two values in a tuple's body */
    REFUSE("\xc7\x00\x02", "empty integer");
    REFUSE("\xd4\x03\x00", "complex of a wrong size");
    REFUSE("\xd4\xff\x00", "timestamp of a wrong size");
    ACCEPT("\xd6\xff\x00\x00\x00\x00");
    ACCEPT("\xd5\x01\x91\x01");
}

static void nest(tt_buf_t *out, unsigned depth)
{
    for (unsigned i = 0; i < depth; i++)
        tt_pack_array(out, 1);
    tt_pack_nil(out);
}

TEST(nesting_is_bounded)
{
    tt_buf_t buf;
    tt_error_t err;
    tt_buf_init(&buf);
    nest(&buf, 512);
    assert_int_equal(check(span_of(&buf), NULL), 0);
    buf.len = 0;
    nest(&buf, 513);
    assert_int_equal(check(span_of(&buf), &err), -1);
    assert_says(&err, "nested too deeply");
    buf.len = 0;
    nest(&buf, 17);
    assert_int_equal(tt_validate(span_of(&buf), &tt_limits_header, &err), -1);
    buf.len = 0;
    nest(&buf, 1000000);
    assert_int_equal(check(span_of(&buf), &err), -1);
    tt_buf_release(&buf);
}

static void nest_tuples(tt_buf_t *out, unsigned depth)
{
    tt_buf_t inner;
    tt_buf_init(&inner);
    tt_pack_array(&inner, 0);
    for (unsigned i = 0; i < depth; i++) {
        tt_buf_t outer;
        tt_buf_init(&outer);
        tt_pack_array(&outer, 1);
        tt_pack_ext(&outer, 1, inner.data, inner.len);
        tt_buf_release(&inner);
        inner = outer;
    }
    tt_pack_ext(out, 1, inner.data, inner.len);
    tt_buf_release(&inner);
}

TEST(nesting_through_extensions_is_bounded_too)
{
    tt_buf_t buf;
    tt_error_t err;
    tt_buf_init(&buf);
    nest_tuples(&buf, 200);
    assert_int_equal(check(span_of(&buf), NULL), 0);
    buf.len = 0;
    nest_tuples(&buf, 2000);
    assert_int_equal(check(span_of(&buf), &err), -1);
    assert_says(&err, "nested too deeply");
    tt_buf_release(&buf);
}

TEST(the_number_of_values_is_bounded)
{
    tt_limits_t limits = {16, 3};
    tt_error_t err;
    assert_int_equal(tt_validate(SPAN("\x92\x01\x02"), &limits, NULL), 0);
    assert_int_equal(tt_validate(SPAN("\x93\x01\x02\x03"), &limits, &err), -1);
    assert_says(&err, "too many values");
}

TEST(every_prefix_of_a_value_is_refused)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_pack_array(&buf, 4);
    tt_pack_text(&buf, "text");
    tt_pack_double(&buf, 1.25);
    tt_pack_map(&buf, 1);
    tt_pack_uint(&buf, UINT64_MAX);
    tt_pack_bin(&buf, "bytes", 5);
    tt_pack_ext(&buf, 2, "\x01\x02\x03", 3);
    assert_int_equal(check(span_of(&buf), NULL), 0);
    for (size_t len = 0; len < buf.len; len++)
        assert_int_equal(check((tt_span_t){buf.data, len}, NULL), -1);
    tt_buf_release(&buf);
}

TEST(random_bytes_never_lead_outside)
{
    srand(7);
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)(rand() % 40);
        uint8_t *bytes = malloc(len ? len : 1); /* on the heap, so that ASan sees its end */
        for (size_t i = 0; i < len; i++)
            bytes[i] = (uint8_t)rand();
        tt_span_t span = {bytes, len}, raw;
        check(span, NULL);
        tt_reader_t reader = tt_reader(span);
        tt_item_t item;
        while (tt_read(&reader, &item) == 0)
            continue;
        reader = tt_reader(span);
        while (tt_read_raw(&reader, &raw) == 0)
            assert_true(raw.len > 0);
        free(bytes);
    }
}

TEST(a_reader_of_the_wrong_type_stays_where_it_is)
{
    tt_reader_t reader = tt_reader(SPAN("\xa1x"));
    const uint8_t *start = reader.at;
    bool b;
    int64_t i;
    uint64_t u;
    double d;
    size_t n;
    tt_span_t span;
    assert_int_equal(tt_read_nil(&reader), -1);
    assert_int_equal(tt_read_bool(&reader, &b), -1);
    assert_int_equal(tt_read_int(&reader, &i), -1);
    assert_int_equal(tt_read_uint(&reader, &u), -1);
    assert_int_equal(tt_read_double(&reader, &d), -1);
    assert_int_equal(tt_read_bin(&reader, &span), -1);
    assert_int_equal(tt_read_array(&reader, &n), -1);
    assert_int_equal(tt_read_map(&reader, &n), -1);
    assert_ptr_equal(reader.at, start);
    assert_int_equal(tt_read_str(&reader, &span), 0);
    assert_true(tt_reader_done(&reader));
    assert_int_equal(tt_read_str(&reader, &span), -1);
}

TEST(every_width_of_integer_reads_back)
{
    static const int64_t ints[] = {
        0,   1,     -1,     127,   128,   -32,    -33,     -128,      -129,      255,
        256, 32767, -32768, 65535, 65536, -32769, 1 << 30, INT32_MIN, INT64_MAX, INT64_MIN};
    tt_buf_t buf;
    tt_buf_init(&buf);
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++) {
        int64_t value = 0;
        buf.len = 0;
        tt_pack_int(&buf, ints[i]);
        tt_reader_t reader = tt_reader(span_of(&buf));
        assert_int_equal(tt_read_int(&reader, &value), 0);
        assert_true(value == ints[i]);
    }
    tt_buf_release(&buf);
    /* forms that a packer avoids but other writers use */
    int64_t value;
    tt_reader_t reader =
        tt_reader(SPAN("\xd1\xff\xfe\xd2\xff\xff\xff\xfd\xce\x00\x00\x00\x04"));
    assert_int_equal(tt_read_int(&reader, &value), 0);
    assert_int_equal(value, -2);
    assert_int_equal(tt_read_int(&reader, &value), 0);
    assert_int_equal(value, -3);
    assert_int_equal(tt_read_int(&reader, &value), 0);
    assert_int_equal(value, 4);
}

TEST(a_negative_number_is_not_unsigned_and_a_huge_one_not_signed)
{
    int64_t i;
    uint64_t u;
    tt_reader_t reader = tt_reader(SPAN("\xff"));
    assert_int_equal(tt_read_uint(&reader, &u), -1);
    reader = tt_reader(SPAN("\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
    assert_int_equal(tt_read_int(&reader, &i), -1);
    assert_int_equal(tt_read_uint(&reader, &u), 0);
    assert_true(u == UINT64_MAX);
}

TEST(a_double_reads_floats_of_both_sizes_and_integers)
{
    double d;
    tt_reader_t reader =
        tt_reader(SPAN("\xca\x3f\x80\x00\x00\xcb\x40\x00\x00\x00\x00\x00\x00\x00\x03\xff"));
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(tt_read_double(&reader, &d), 0);
        assert_true(d == i);
    }
    assert_int_equal(tt_read_double(&reader, &d), 0);
    assert_true(d == -1);
}

TEST(text_that_does_not_fit_or_holds_a_zero_stays)
{
    char text[4];
    tt_reader_t reader = tt_reader(SPAN("\xa4"
                                        "four"));
    assert_int_equal(tt_read_text(&reader, text, sizeof text), -1);
    reader = tt_reader(SPAN("\xa2"
                            "a\0"));
    assert_int_equal(tt_read_text(&reader, text, sizeof text), -1);
    reader = tt_reader(SPAN("\xa3"
                            "abc\xa0"));
    assert_int_equal(tt_read_text(&reader, text, sizeof text), 0);
    assert_string_equal(text, "abc");
    assert_int_equal(tt_read_text(&reader, text, sizeof text), 0);
    assert_string_equal(text, "");
}

TEST(skipping_takes_a_value_with_its_members)
{
    tt_reader_t reader = tt_reader(SPAN("\x92\x81\x01\x90\xd5\x01\x91\x02\x07"));
    tt_span_t raw;
    int64_t last;
    assert_int_equal(tt_read_raw(&reader, &raw), 0);
    assert_int_equal(raw.len, 8);
    assert_int_equal(tt_read_int(&reader, &last), 0);
    assert_int_equal(last, 7);
    assert_int_equal(tt_skip(&reader), -1);
}

TEST(skipping_an_incomplete_value_stays)
{
    tt_reader_t reader = tt_reader(SPAN("\x92\x01"));
    const uint8_t *start = reader.at;
    assert_int_equal(tt_skip(&reader), -1);
    assert_ptr_equal(reader.at, start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(no_bytes_are_no_value),
        RUN(what_ends_too_early_is_refused_with_its_offset),
        RUN(a_count_larger_than_the_bytes_that_remain_is_refused),
        RUN(bytes_behind_the_end_are_refused),
        RUN(the_reserved_byte_is_refused),
        RUN(unknown_extensions_are_refused),
        RUN(extension_bodies_are_checked_like_the_rest),
        RUN(nesting_is_bounded),
        RUN(nesting_through_extensions_is_bounded_too),
        RUN(the_number_of_values_is_bounded),
        RUN(every_prefix_of_a_value_is_refused),
        RUN(random_bytes_never_lead_outside),
        RUN(a_reader_of_the_wrong_type_stays_where_it_is),
        RUN(every_width_of_integer_reads_back),
        RUN(a_negative_number_is_not_unsigned_and_a_huge_one_not_signed),
        RUN(a_double_reads_floats_of_both_sizes_and_integers),
        RUN(text_that_does_not_fit_or_holds_a_zero_stays),
        RUN(skipping_takes_a_value_with_its_members),
        RUN(skipping_an_incomplete_value_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
