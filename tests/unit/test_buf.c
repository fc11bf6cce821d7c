/* Unit test of share/buf. */
#include "check.h"

#include <stdlib.h>

TEST(releasing_an_empty_buffer_twice_is_harmless)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_release(&buf);
    tt_buf_release(&buf);
    assert_null(buf.data);
}

TEST(appending_nothing_allocates_nothing)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_append(&buf, NULL, 0);
    tt_buf_printf(&buf, "%s", "");
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
}

TEST(consuming_more_than_there_is_empties_the_buffer)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_consume(&buf, 10);
    tt_buf_append(&buf, "abc", 3);
    tt_buf_consume(&buf, 10);
    assert_int_equal(buf.len, 0);
    tt_buf_release(&buf);
}

TEST(appended_bytes_stand_in_order)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_append(&buf, "one ", 4);
    tt_buf_printf(&buf, "%s %d", "two", 3);
    assert_text(&buf, "one two 3");
    assert_int_equal(buf.len, 9);
    tt_buf_release(&buf);
}

TEST(the_text_of_an_empty_buffer_is_empty)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    assert_text(&buf, "");
    assert_int_equal(buf.len, 0);
    tt_buf_release(&buf);
}

TEST(growth_keeps_a_million_bytes)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    for (int i = 0; i < 1000000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        tt_buf_append(&buf, &byte, 1);
    }
    assert_int_equal(buf.len, 1000000);
    for (int i = 0; i < 1000000; i += 9973)
        assert_int_equal(buf.data[i], (uint8_t)(i * 7));
    tt_buf_release(&buf);
}

TEST(reserved_room_is_not_counted_until_the_caller_does)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    memcpy(tt_buf_reserve(&buf, 5), "hello", 5);
    assert_int_equal(buf.len, 0);
    buf.len += 5;
    assert_text(&buf, "hello");
    tt_buf_release(&buf);
}

TEST(consume_moves_the_rest_to_the_front)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_append(&buf, "head body", 9);
    tt_buf_consume(&buf, 5);
    assert_text(&buf, "body");
    tt_buf_release(&buf);
}

TEST(a_buffer_can_be_used_again_after_release)
{
    tt_buf_t buf;
    tt_buf_init(&buf);
    tt_buf_append(&buf, "x", 1);
    tt_buf_release(&buf);
    tt_buf_append(&buf, "y", 1);
    assert_text(&buf, "y");
    tt_buf_release(&buf);
}

TEST(copies_of_text_end_with_a_zero)
{
    char *part = tt_strndup("abcdef", 3), *whole = tt_strdup("abc"),
         *made = tt_printf("%02d", 7);
    assert_string_equal(part, "abc");
    assert_string_equal(whole, "abc");
    assert_string_equal(made, "07");
    free(part);
    free(whole);
    free(made);
}

TEST(allocated_memory_is_zero_and_never_null_even_for_no_bytes)
{
    uint8_t *block = tt_alloc(64), *none = tt_alloc(0);
    for (int i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    assert_non_null(none);
    block = tt_realloc(block, 0);
    assert_non_null(block);
    free(block);
    free(none);
}

TEST(the_span_of_a_text_leaves_its_zero_out)
{
    assert_int_equal(tt_span("four").len, 4);
    assert_int_equal(tt_span("").len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(releasing_an_empty_buffer_twice_is_harmless),
        RUN(appending_nothing_allocates_nothing),
        RUN(consuming_more_than_there_is_empties_the_buffer),
        RUN(appended_bytes_stand_in_order),
        RUN(the_text_of_an_empty_buffer_is_empty),
        RUN(growth_keeps_a_million_bytes),
        RUN(reserved_room_is_not_counted_until_the_caller_does),
        RUN(consume_moves_the_rest_to_the_front),
        RUN(a_buffer_can_be_used_again_after_release),
        RUN(copies_of_text_end_with_a_zero),
        RUN(allocated_memory_is_zero_and_never_null_even_for_no_bytes),
        RUN(the_span_of_a_text_leaves_its_zero_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
