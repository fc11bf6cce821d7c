/* Unit test of share/pack: the exact bytes, since other languages read them. */
#include "check.h"

#include "pack.h"

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

#define assert_bytes(literal)                                                                  \
    do {                                                                                       \
        assert_int_equal(out.len, sizeof(literal) - 1);                                        \
        assert_memory_equal(out.data, literal, sizeof(literal) - 1);                           \
        out.len = 0;                                                                           \
    } while (0)

TEST(no_text_and_no_value_pack_nil)
{
    tt_pack_text(&out, NULL);
    assert_bytes("\xc0");
    tt_pack_raw(&out, (tt_span_t){NULL, 0});
    assert_bytes("\xc0");
}

TEST(nothing_and_truth_take_one_byte)
{
    tt_pack_nil(&out);
    tt_pack_bool(&out, false);
    tt_pack_bool(&out, true);
    assert_bytes("\xc0\xc2\xc3");
}

TEST(integers_take_the_shortest_form)
{
    tt_pack_int(&out, 0);
    tt_pack_int(&out, 127);
    tt_pack_int(&out, -32);
    assert_bytes("\x00\x7f\xe0");
    tt_pack_int(&out, 128);
    assert_bytes("\xcc\x80");
    tt_pack_int(&out, -33);
    assert_bytes("\xd0\xdf");
    tt_pack_int(&out, INT64_MIN);
    assert_bytes("\xd3\x80\x00\x00\x00\x00\x00\x00\x00");
    tt_pack_uint(&out, UINT64_MAX);
    assert_bytes("\xcf\xff\xff\xff\xff\xff\xff\xff\xff");
    tt_pack_uint(&out, 5);
    assert_bytes("\x05");
}

TEST(a_double_keeps_all_eight_bytes)
{
    tt_pack_double(&out, 1.5);
    assert_bytes("\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00");
}

TEST(text_and_bytes_have_different_heads)
{
    tt_pack_str(&out, "ab", 2);
    tt_pack_text(&out, "");
    tt_pack_bin(&out, "ab", 2);
    tt_pack_bin(&out, NULL, 0);
    assert_bytes("\xa2"
                 "ab\xa0\xc4\x02"
                 "ab\xc4\x00");
}

TEST(containers_have_heads_by_count)
{
    tt_pack_array(&out, 2);
    tt_pack_map(&out, 1);
    assert_bytes("\x92\x81");
    tt_pack_array(&out, 16);
    assert_bytes("\xdc\x00\x10");
    tt_pack_map(&out, 70000);
    assert_bytes("\xdf\x00\x01\x11\x70");
}

TEST(extensions_carry_code_and_body)
{
    tt_pack_ext(&out, 3, "0123456789abcdef", 16);
    assert_bytes("\xd8\x03"
                 "0123456789abcdef");
    tt_pack_ext(&out, -1, "abc", 3);
    assert_bytes("\xc7\x03\xff"
                 "abc");
}

TEST(packed_bytes_pass_unchanged)
{
    tt_pack_raw(&out, SPAN("\x92\x01\x02"));
    assert_bytes("\x92\x01\x02");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(no_text_and_no_value_pack_nil),       EACH(nothing_and_truth_take_one_byte),
        EACH(integers_take_the_shortest_form),     EACH(a_double_keeps_all_eight_bytes),
        EACH(text_and_bytes_have_different_heads), EACH(containers_have_heads_by_count),
        EACH(extensions_carry_code_and_body),      EACH(packed_bytes_pass_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
