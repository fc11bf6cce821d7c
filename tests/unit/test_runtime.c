/* Unit test of share/runtime: frames of the runtime protocol. */
#include "scratch.h"

#include "pack.h"
#include "runtime.h"

#include <stdlib.h>
#include <unistd.h>

static tt_buf_t out;
static tt_rt_message_t message;
static tt_error_t err;
static size_t used;

static int begin(void **unused)
{
    (void)unused;
    tt_buf_init(&out);
    tt_rt_message_init(&message);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&out);
    tt_rt_message_release(&message);
    tt_rt_message_release(&message);
    return 0;
}

static int parse(void)
{
    return tt_rt_parse(&message, span_of(&out), 1 << 20, &used, &err);
}

/* A header of these bytes behind a right length. */
static void put_header(const char *bytes, size_t len)
{
    uint8_t size[4] = {(uint8_t)len, 0, 0, 0};
    out.len = 0;
    tt_buf_append(&out, size, 4);
    tt_buf_append(&out, bytes, len);
}

#define REFUSE(literal, why)                                                                   \
    do {                                                                                       \
        put_header(literal, sizeof(literal) - 1);                                              \
        assert_int_equal(parse(), -1);                                                         \
        assert_says(&err, why);                                                                \
    } while (0)

TEST(a_header_that_is_no_header_is_refused)
{
    REFUSE("\xc1", "runtime message");
    REFUSE("\x80", "not [type, seq, [size ...], ...]");
    REFUSE("\x92\x01\x01", "not [type, seq");
    REFUSE("\x93\x01\xff\x90", "not [type, seq");                      /* a negative seq */
    REFUSE("\x93\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x00\x90", "not"); /* a seq over 32 bits */
    REFUSE("\x93\xce\x00\x01\x00\x00\x01\x90", "not");                 /* a type over 16 bits */
    REFUSE("\x93\x01\x01\x01", "not [type, seq");
    REFUSE("\x93\x01\x01\x90\x00", "bytes behind the end");
    REFUSE("", "runtime message");
}

TEST(sizes_that_are_none_or_too_large_are_refused)
{
    REFUSE("\x93\x01\x01\x91\xff", "not [type, seq, [size ...], ...]");
    REFUSE("\x93\x01\x01\x91\x91\x01", "not [type, seq");
    REFUSE("\x93\x01\x01\x92\x92\x00\x02\x92\x01\x02", "not [type, seq"); /* they overlap */
    REFUSE("\x93\x01\x01\x91\xce\x7f\xff\xff\xff", "over the limit of 1048576 bytes");
    REFUSE("\x93\x01\x01\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01", "over the limit");
    REFUSE("\x93\x01\x01\x92\xce\x00\x0f\xff\xff\xce\x00\x0f\xff\xff", "over the limit");
}

TEST(a_length_over_the_limit_is_refused_at_once)
{
    tt_buf_append(&out, "\xff\xff\xff\xff", 4);
    assert_int_equal(parse(), -1);
    assert_says(&err, "header of 4294967295 bytes");
}

TEST(an_incomplete_message_asks_for_what_is_missing)
{
    size_t sizes[] = {3, 5};
    tt_rt_pack(&out, TT_RT_EXECUTE, 9, sizes, 2, (tt_span_t){NULL, 0}, 0);
    size_t header = out.len;
    tt_buf_append(&out, "abcdefgh", 8);
    size_t whole = out.len;
    for (size_t len = 0; len < whole; len++) {
        out.len = len;
        assert_int_equal(parse(), 0);
        assert_int_equal(used, len < 4 ? 4 : len < header ? header : whole);
    }
    out.len = whole;
    assert_int_equal(parse(), 1);
    assert_int_equal(used, whole);
}

TEST(what_was_packed_parses_back)
{
    size_t sizes[] = {3, 0, 5};
    tt_buf_t fields;
    int64_t number;
    char text[8];
    tt_buf_init(&fields);
    tt_pack_int(&fields, -7);
    tt_pack_text(&fields, "field");
    tt_rt_pack(&out, TT_RT_RESULT, UINT32_MAX, sizes, 3, span_of(&fields), 2);
    tt_buf_append(&out, "abcdefgh", 8);
    tt_buf_append(&out, "next", 4);
    assert_int_equal(parse(), 1);
    assert_int_equal(used, out.len - 4);
    assert_int_equal(message.type, TT_RT_RESULT);
    assert_true(message.seq == UINT32_MAX);
    assert_int_equal(message.frame_count, 3);
    assert_memory_equal(message.frames[0].data, "abc", 3);
    assert_int_equal(message.frames[1].len, 0);
    assert_memory_equal(message.frames[2].data, "defgh", 5);
    assert_int_equal(tt_read_int(&message.fields, &number), 0);
    assert_int_equal(number, -7);
    assert_int_equal(tt_read_text(&message.fields, text, sizeof text), 0);
    assert_string_equal(text, "field");
    assert_true(tt_reader_done(&message.fields));
    tt_buf_release(&fields);
}

TEST(a_message_can_be_parsed_into_again)
{
    size_t sizes[20] = {0};
    tt_rt_pack(&out, 1, 1, sizes, 20, (tt_span_t){NULL, 0}, 0);
    assert_int_equal(parse(), 1);
    assert_int_equal(message.frame_count, 20);
    out.len = 0;
    tt_rt_pack(&out, 2, 2, NULL, 0, (tt_span_t){NULL, 0}, 0);
    assert_int_equal(parse(), 1);
    assert_int_equal(message.frame_count, 0);
    assert_int_equal(message.type, 2);
}

TEST(the_total_may_reach_the_limit_but_not_pass_it)
{
    size_t size = 100;
    tt_rt_pack(&out, 1, 1, &size, 1, (tt_span_t){NULL, 0}, 0);
    size_t header = out.len;
    char payload[100] = {0};
    tt_buf_append(&out, payload, 100);
    assert_int_equal(tt_rt_parse(&message, span_of(&out), header + 100, &used, &err), 1);
    assert_int_equal(tt_rt_parse(&message, span_of(&out), header + 99, &used, &err), -1);
}

TEST(random_headers_never_lead_outside)
{
    srand(11);
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)(rand() % 30);
        uint8_t *bytes = malloc(4 + len);
        memset(bytes, 0, 4);
        bytes[0] = (uint8_t)len;
        for (size_t i = 0; i < len; i++)
            bytes[4 + i] = (uint8_t)(i == 0 ? 0x93 + rand() % 3 : rand());
        tt_span_t span = {bytes, 4 + len};
        if (tt_rt_parse(&message, span, 1 << 20, &used, &err) == 1)
            for (size_t i = 0; i < message.frame_count; i++)
                assert_true(message.frames[i].data + message.frames[i].len <= bytes + 4 + len);
        free(bytes);
    }
}

/* ---- frames in a spool */

enum { SPOOLED = 200 };

static const tt_span_t nothing = {NULL, 0};

/* A header of three frames, of which the second lies in a spool, and the other two behind it.
 */
static void put_spooled(uint64_t offset, uint64_t len)
{
    tt_place_t places[] = {{TT_IN_MESSAGE, 3}, {offset, len}, {TT_IN_MESSAGE, 2}};
    const tt_layout_t layout = {places, 3, offset + len};
    out.len = 0;
    tt_rt_pack_spooled(&out, TT_RT_CALL, 7, &layout, nothing, 0);
    tt_buf_append(&out, "abcde", 5);
}

/* The descriptor of a file that has these bytes at 64. */
static int spool_fd(const char *text)
{
    tt_spool_t *spool = tt_spool_new(SPOOLED, &err);
    assert_int_equal(tt_spool_write(spool, 64, tt_span(text), &err), 0);
    int fd = dup(tt_spool_fd(spool));
    tt_spool_release(&spool);
    return fd;
}

TEST(places_that_overlap_are_out_of_order_or_overflow_are_refused)
{
    const char *const why = "not [type, seq, [size ...], ...]";
    REFUSE("\x93\x01\x01\x92\x92\x40\x02\x92\x00\x02", why); /* out of order */
    REFUSE("\x93\x01\x01\x91\x92\xff\x02", why);             /* negative ones */
    REFUSE("\x93\x01\x01\x91\x92\x02\xff", why);
    REFUSE("\x93\x01\x01\x91\x93\x00\x01\x02", why); /* three */
    REFUSE("\x93\x01\x01\x91\x92\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\x01", why);
    REFUSE("\x93\x01\x01\x91\x92\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x00", why);
    REFUSE("\x93\x01\x01\x91\x92\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff", why);
    REFUSE("\x93\x01\x01\x92\x92\x00\x01\xce\x7f\xff\xff\xff", "over the limit of 1048576");
}

TEST(a_frame_in_a_spool_is_no_part_of_the_message)
{
    put_spooled(64, 6);
    size_t whole = out.len;
    tt_buf_append(&out, "next", 4);
    assert_int_equal(parse(), 1);
    assert_int_equal(used, whole);
    assert_int_equal(message.type, TT_RT_CALL);
    assert_int_equal(message.seq, 7);
    assert_int_equal(message.frame_count, 3);
    assert_memory_equal(message.frames[0].data, "abc", 3);
    assert_null(message.frames[1].data);
    assert_int_equal(message.frames[1].len, 0);
    assert_memory_equal(message.frames[2].data, "de", 2);
    assert_int_equal(message.frames[2].len, 2);
    assert_int_equal(message.layout.bytes, 70);
    assert_null(message.spool);
    for (out.len = 0; out.len < whole; out.len++)
        assert_int_equal(parse(), 0);
}

TEST(what_lies_in_a_spool_may_be_larger_than_the_limit_of_messages)
{
    put_spooled(64, (uint64_t)5 << 30);
    assert_int_equal(parse(), 1);
    assert_int_equal(used, out.len);
    assert_true(message.layout.bytes == 64 + ((uint64_t)5 << 30));
    put_spooled(0, INT64_MAX);
    assert_int_equal(parse(), 1);
    assert_int_equal(used, out.len);
}

TEST(without_places_in_a_spool_both_ways_of_packing_are_one)
{
    size_t sizes[] = {3, 0, 70000};
    tt_place_t places[] = {{TT_IN_MESSAGE, 3}, {TT_IN_MESSAGE, 0}, {TT_IN_MESSAGE, 70000}};
    const tt_layout_t layout = {places, 3, 0};
    tt_buf_t other;
    tt_buf_init(&other);
    tt_rt_pack(&out, TT_RT_RESULT, 9, sizes, 3, SPAN("\x05\xc0"), 2);
    tt_rt_pack_spooled(&other, TT_RT_RESULT, 9, &layout, SPAN("\x05\xc0"), 2);
    assert_int_equal(other.len, out.len);
    assert_memory_equal(other.data, out.data, out.len);
    tt_buf_release(&other);
}

TEST(fields_stand_behind_places)
{
    tt_place_t places[] = {{0, 10}, {64, 0}, {TT_IN_MESSAGE, 0}};
    const tt_layout_t layout = {places, 3, 64};
    uint64_t number;
    tt_rt_pack_spooled(&out, TT_RT_RESULT, UINT32_MAX, &layout, SPAN("\x05\xc0"), 2);
    assert_int_equal(parse(), 1);
    assert_int_equal(used, out.len);
    assert_true(message.seq == UINT32_MAX);
    assert_int_equal(message.layout.places[1].offset, 64);
    assert_int_equal(tt_read_uint(&message.fields, &number), 0);
    assert_int_equal(number, 5);
    assert_int_equal(tt_read_nil(&message.fields), 0);
    assert_true(tt_reader_done(&message.fields));
}

TEST(a_file_that_is_none_or_too_short_is_no_spool_of_a_message)
{
    int before = open_fds();
    put_spooled(64, SPOOLED - 64 + 1);
    assert_int_equal(parse(), 1);
    assert_int_equal(tt_rt_open_spool(&message, -1, &err), -1);
    assert_says(&err, "no sealed file of its size");
    assert_int_equal(tt_rt_open_spool(&message, dup(2), &err), -1);
    assert_says(&err, "no sealed file of its size");
    assert_int_equal(tt_rt_open_spool(&message, spool_fd("short"), &err), -1);
    assert_says(&err, "no sealed file of its size");
    assert_null(message.spool);
    assert_int_equal(open_fds(), before);
}

TEST(the_frames_of_a_spool_are_there_once_it_is_mapped)
{
    put_spooled(64, 6);
    assert_int_equal(parse(), 1);
    assert_int_equal(tt_rt_open_spool(&message, spool_fd("spooled"), &err), 0);
    assert_non_null(message.spool);
    assert_int_equal(message.frames[1].len, 0);
    assert_int_equal(tt_rt_map_spool(&message, &err), 0);
    assert_int_equal(message.frames[1].len, 6);
    assert_memory_equal(message.frames[1].data, "spoole", 6);
    assert_memory_equal(message.frames[0].data, "abc", 3); /* the others stay */
    assert_memory_equal(message.frames[2].data, "de", 2);
    assert_int_equal(tt_rt_map_spool(&message, &err), 0); /* twice is once */
    assert_memory_equal(message.frames[1].data, "spoole", 6);
}

TEST(without_a_spool_there_is_nothing_to_map)
{
    put_spooled(64, 6);
    assert_int_equal(parse(), 1);
    assert_int_equal(tt_rt_map_spool(&message, &err), 0);
    assert_int_equal(message.frames[1].len, 0);
    put_spooled(0, 0); /* an empty frame at the start of none: no spool is to come */
    assert_int_equal(parse(), 1);
    assert_int_equal(message.layout.bytes, 0);
    assert_int_equal(tt_rt_map_spool(&message, &err), 0);
    assert_int_equal(message.frames[1].len, 0);
}

TEST(a_spool_is_released_with_the_next_parse_and_with_its_message)
{
    int before = open_fds();
    for (int i = 0; i < 3; i++) {
        put_spooled(64, 6);
        assert_int_equal(parse(), 1);
        assert_int_equal(open_fds(), before);
        assert_int_equal(tt_rt_open_spool(&message, spool_fd("spooled"), &err), 0);
        assert_int_equal(open_fds(), before + 1);
    }
    tt_spool_t *held = tt_spool_hold(message.spool);
    tt_rt_message_release(&message);
    assert_int_equal(open_fds(), before + 1); /* but for who holds it */
    tt_spool_release(&held);
    assert_int_equal(open_fds(), before);
    put_spooled(64, 6);
    assert_int_equal(parse(), 1);
    assert_int_equal(tt_rt_open_spool(&message, spool_fd("spooled"), &err), 0);
    REFUSE("\x80", "not [type, seq"); /* nonsense, too */
    assert_null(message.spool);
    assert_int_equal(open_fds(), before);
}

TEST(names_and_texts_come_from_the_tables)
{
    assert_string_equal(tt_status_text(TT_STATUS_OK), "ok");
    assert_string_equal(tt_status_text(TT_STATUS_UNKNOWN), "may have run");
    assert_string_equal(tt_status_text(99), "?");
    assert_non_null(tt_rt_name(TT_RT_EXECUTE));
    assert_null(tt_rt_name(0));
    assert_null(tt_rt_name(200));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_header_that_is_no_header_is_refused),
        EACH(sizes_that_are_none_or_too_large_are_refused),
        EACH(a_length_over_the_limit_is_refused_at_once),
        EACH(an_incomplete_message_asks_for_what_is_missing),
        EACH(what_was_packed_parses_back),
        EACH(a_message_can_be_parsed_into_again),
        EACH(the_total_may_reach_the_limit_but_not_pass_it),
        EACH(random_headers_never_lead_outside),
        EACH(places_that_overlap_are_out_of_order_or_overflow_are_refused),
        EACH(a_frame_in_a_spool_is_no_part_of_the_message),
        EACH(what_lies_in_a_spool_may_be_larger_than_the_limit_of_messages),
        EACH(without_places_in_a_spool_both_ways_of_packing_are_one),
        EACH(fields_stand_behind_places),
        EACH(a_file_that_is_none_or_too_short_is_no_spool_of_a_message),
        EACH(the_frames_of_a_spool_are_there_once_it_is_mapped),
        EACH(without_a_spool_there_is_nothing_to_map),
        EACH(a_spool_is_released_with_the_next_parse_and_with_its_message),
        EACH(names_and_texts_come_from_the_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
