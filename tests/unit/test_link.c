/* Unit test of share/link: a runtime's socket, written to by the byte, ended at any moment, and
 * read late. */
#include "link_ends.h"

/* ---- endings */

TEST(the_end_of_the_socket_is_told_once_and_without_a_reason)
{
    close(far);
    far = -1;
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
    bool never = false;
    tt_loop_run_until(loop, &never, 5);
    assert_int_equal(got.ends, 1);
}

TEST(messages_before_the_end_come_first)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_LOG, 1, NULL, 0);
    put(&out, TT_RT_LOG, 2, NULL, 0);
    write_far(out.data, out.len);
    close(far);
    far = -1;
    assert_comes(loop, got.ends == 1);
    assert_int_equal(got.messages, 2);
    tt_buf_release(&out);
}

TEST(half_a_message_at_the_end_is_an_end)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_RESULT, 1, abc, 3);
    write_far(out.data, out.len - 1);
    close(far);
    far = -1;
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
    assert_int_equal(got.messages, 0);
    tt_buf_release(&out);
}

TEST(nonsense_ends_the_link_with_a_reason_and_what_follows_is_not_read)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_LOG, 1, NULL, 0);
    tt_buf_append(&out, "\x01\x00\x00\x00\xc1", 5);
    put(&out, TT_RT_LOG, 2, NULL, 0);
    write_far(out.data, out.len);
    assert_comes(loop, got.ends == 1);
    assert_int_equal(got.messages, 1);
    assert_true(got.with_reason);
    assert_non_null(strstr(got.why, "runtime message"));
    write_far(out.data, out.len);
    bool never = false;
    tt_loop_run_until(loop, &never, 5);
    assert_int_equal(got.messages, 1);
    assert_int_equal(got.ends, 1);
    tt_buf_release(&out);
}

TEST(a_length_that_nobody_may_send_is_nonsense)
{
    write_far("\xff\xff\xff\x7f", 4);
    assert_comes(loop, got.ends == 1);
    assert_true(got.with_reason);
}

TEST(nonsense_that_is_drained_ends_the_reading)
{
    write_far("\x01\x00\x00\x00\xc1", 5);
    tt_link_drain(link_);
    assert_int_equal(got.messages, 0);
    assert_int_equal(got.ends, 0); /* an owner that drains knows of the end already */
}

/* ---- reading */

TEST(a_message_split_at_any_byte_comes_once_it_is_whole)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_RESULT, 77, abc, 3);
    for (size_t cut = 1; cut < out.len; cut++) {
        int before = got.messages;
        write_far(out.data, cut);
        tt_link_drain(link_);
        assert_int_equal(got.messages, before);
        write_far(out.data + cut, out.len - cut);
        tt_link_drain(link_);
        assert_int_equal(got.messages, before + 1);
    }
    assert_int_equal(got.seq[0], 77);
    assert_int_equal(got.frames[0], 3);
    assert_memory_equal(got.bytes.data, "abcdefghabcdefgh", 16);
    assert_int_equal(got.ends, 0);
    tt_buf_release(&out);
}

TEST(a_message_may_come_byte_by_byte_through_the_loop)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_RESULT, 1, abc, 3);
    put(&out, TT_RT_RESULT, 2, abc, 1);
    for (size_t i = 0; i < out.len; i++) {
        write_far(out.data + i, 1);
        tt_link_drain(link_);
    }
    assert_int_equal(got.messages, 2);
    assert_int_equal(got.seq[1], 2);
    tt_buf_release(&out);
}

TEST(many_messages_in_one_write_come_in_order)
{
    tt_buf_t out;
    tt_buf_init(&out);
    for (uint32_t i = 0; i < 60; i++)
        put(&out, TT_RT_RESULT, i, abc, i % 4);
    write_far(out.data, out.len);
    assert_comes(loop, got.messages == 60);
    for (uint32_t i = 0; i < 60; i++) {
        assert_int_equal(got.seq[i], i);
        assert_int_equal(got.frames[i], i % 4);
    }
    tt_buf_release(&out);
}

/* Writes all of it though the other side reads in between. */
static void write_large(const tt_buf_t *out)
{
    fcntl(far, F_SETFL, O_NONBLOCK);
    int64_t until = tt_now_ms() + 15000;
    bool never = false;
    for (size_t at = 0; at < out->len && tt_now_ms() < until;) {
        ssize_t wrote = write(far, out->data + at, out->len - at);
        if (wrote > 0)
            at += (size_t)wrote;
        else
            tt_loop_run_until(loop, &never, 1);
    }
}

TEST(a_message_of_megabytes_comes_whole_and_so_does_the_next)
{
    tt_buf_t out;
    size_t size = (size_t)5 << 20;
    tt_buf_init(&out);
    tt_rt_pack(&out, TT_RT_RESULT, 1, &size, 1, (tt_span_t){NULL, 0}, 0);
    size_t head = out.len;
    tt_buf_reserve(&out, size);
    for (size_t i = 0; i < size; i++)
        out.data[out.len++] = (uint8_t)(i * 2654435761u >> 24);
    put(&out, TT_RT_RESULT, 2, abc, 1);
    write_large(&out);
    assert_comes(loop, got.messages == 2);
    assert_int_equal(got.bytes.len, size + 3);
    assert_memory_equal(got.bytes.data, out.data + head, size);
    assert_memory_equal(got.bytes.data + size, "abc", 3);
    tt_buf_release(&out);
}

TEST(a_drain_reads_only_what_is_there)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_LOG, 1, NULL, 0);
    write_far(out.data, out.len);
    close(far);
    far = -1;
    tt_link_drain(link_);
    assert_int_equal(got.messages, 1);
    assert_int_equal(got.ends, 0);
    assert_comes(loop, got.ends == 1);
    tt_buf_release(&out);
}

/* ---- destroyed by its own handlers */

static void three_messages(void)
{
    tt_buf_t out;
    tt_buf_init(&out);
    for (uint32_t i = 0; i < 3; i++)
        put(&out, TT_RT_RESULT, i, abc, 3);
    write_far(out.data, out.len);
    tt_buf_release(&out);
}

TEST(a_handler_of_a_message_may_destroy_the_link_and_hears_no_more)
{
    got.destroy_at = 2;
    three_messages();
    assert_comes(loop, got.messages == 2);
    assert_null(link_);
    bool never = false;
    tt_loop_run_until(loop, &never, 5);
    assert_int_equal(got.messages, 2);
    assert_int_equal(got.ends, 0);
}

TEST(a_handler_may_destroy_the_link_while_it_is_drained)
{
    got.destroy_at = 1;
    three_messages();
    tt_link_drain(link_);
    assert_int_equal(got.messages, 1);
    assert_null(link_);
}

TEST(a_handler_of_the_end_may_destroy_the_link)
{
    got.destroy_at = -1;
    close(far);
    far = -1;
    assert_comes(loop, got.ends == 1);
    assert_null(link_);
}

TEST(a_handler_of_nonsense_may_destroy_the_link)
{
    got.destroy_at = -1;
    write_far("\x01\x00\x00\x00\xc1", 5);
    assert_comes(loop, got.ends == 1);
    assert_null(link_);
}

TEST(a_link_destroyed_with_letters_waiting_forgets_them_and_closes_its_socket)
{
    char byte;
    tt_frames_t frames;
    tt_frames_init(&frames);
    char *large = calloc(1, 4 << 20);
    tt_frames_copy(&frames, large, 4 << 20);
    tt_link_send(link_, TT_RT_EXECUTE, 1, (tt_span_t){NULL, 0}, 0, &frames);
    assert_true(tt_link_pending(link_) > 0);
    tt_link_destroy(&link_);
    while (read(far, large, 4 << 20) > 0)
        continue;
    assert_int_equal(read(far, &byte, 1), 0);
    free(large);
}

/* ---- writing */

TEST(what_is_sent_parses_at_the_other_end)
{
    tt_rt_message_t message;
    tt_frames_t frames;
    tt_buf_t fields;
    char text[16];
    int64_t number;
    tt_rt_message_init(&message);
    tt_buf_init(&fields);
    tt_frames_init(&frames);
    tt_pack_int(&fields, -1);
    tt_pack_text(&fields, "default");
    tt_frames_copy(&frames, "abc", 3);
    tt_frames_copy(&frames, "", 0);
    tt_link_send(link_, TT_RT_START, 9, span_of(&fields), 2, &frames);
    assert_int_equal(frames.count, 0);
    assert_int_equal(tt_link_pending(link_), 0);
    assert_true(read_far(&message) > 0);
    assert_int_equal(message.type, TT_RT_START);
    assert_int_equal(message.seq, 9);
    assert_int_equal(message.frame_count, 2);
    assert_memory_equal(message.frames[0].data, "abc", 3);
    assert_int_equal(tt_read_int(&message.fields, &number), 0);
    assert_int_equal(number, -1);
    assert_int_equal(tt_read_text(&message.fields, text, sizeof text), 0);
    assert_string_equal(text, "default");
    tt_rt_message_release(&message);
    tt_buf_release(&fields);
    tt_buf_release(&inbox);
}

TEST(what_the_runtime_does_not_take_is_queued_and_comes_in_order)
{
    enum { COUNT = 400, FRAMES = 90 }; /* more frames than one write may have */
    tt_rt_message_t message;
    tt_rt_message_init(&message);
    fcntl(far, F_SETFL, O_NONBLOCK);
    for (uint32_t seq = 0; seq < COUNT; seq++) {
        tt_frames_t frames;
        char bytes[100];
        memset(bytes, (int)seq, sizeof bytes);
        tt_frames_init(&frames);
        for (size_t i = 0; i < FRAMES; i++)
            tt_frames_copy(&frames, bytes, (i * 37 + seq) % 100); /* empty ones, too */
        tt_link_send(link_, TT_RT_EXECUTE, seq, (tt_span_t){NULL, 0}, 0, &frames);
    }
    assert_true(tt_link_pending(link_) > 100000);
    uint32_t next = 0;
    bool never = false;
    for (int64_t until = tt_now_ms() + 15000; next < COUNT && tt_now_ms() < until;) {
        int used = read_far(&message);
        if (used == 0) {
            tt_loop_run_until(loop, &never, 1);
            continue;
        }
        assert_int_equal(message.seq, next);
        assert_int_equal(message.frame_count, FRAMES);
        for (size_t i = 0; i < FRAMES; i++) {
            assert_int_equal(message.frames[i].len, (i * 37 + next) % 100);
            for (size_t b = 0; b < message.frames[i].len; b++)
                assert_int_equal(message.frames[i].data[b], (uint8_t)next);
        }
        tt_buf_consume(&inbox, (size_t)used);
        next++;
    }
    assert_int_equal(next, COUNT);
    assert_int_equal(tt_link_pending(link_), 0);
    tt_rt_message_release(&message);
    tt_buf_release(&inbox);
}

/* Larger than a socket's buffer: it is written in pieces. */
TEST(frames_that_are_written_in_pieces_arrive_whole)
{
    enum { COUNT = 4, SIZE = 1 << 20 };
    tt_rt_message_t message;
    uint8_t *bytes = tt_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 24);
    tt_rt_message_init(&message);
    fcntl(far, F_SETFL, O_NONBLOCK);
    for (uint32_t seq = 0; seq < COUNT; seq++) {
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_frames_copy(&frames, bytes, SIZE - seq);
        tt_frames_copy(&frames, bytes + seq, SIZE - seq);
        tt_link_send(link_, TT_RT_EXECUTE, seq, (tt_span_t){NULL, 0}, 0, &frames);
    }
    bool never = false;
    uint32_t next = 0;
    for (int64_t until = tt_now_ms() + 15000; next < COUNT && tt_now_ms() < until;) {
        int used = read_far(&message);
        if (used == 0) {
            tt_loop_run_until(loop, &never, 1);
            continue;
        }
        assert_int_equal(message.seq, next);
        for (uint32_t i = 0; i < 2; i++) {
            assert_int_equal(message.frames[i].len, SIZE - next);
            assert_memory_equal(message.frames[i].data, bytes + i * next, SIZE - next);
        }
        tt_buf_consume(&inbox, (size_t)used);
        next++;
    }
    assert_int_equal(next, COUNT);
    tt_rt_message_release(&message);
    tt_buf_release(&inbox);
    free(bytes);
}

TEST(writing_to_a_runtime_that_has_gone_is_harmless_and_its_end_is_told)
{
    tt_buf_t fields;
    tt_buf_init(&fields);
    close(far);
    far = -1;
    for (int i = 0; i < 10; i++)
        tt_link_send(link_, TT_RT_STOP, 0, (tt_span_t){NULL, 0}, 0, NULL);
    assert_comes(loop, got.ends == 1);
    tt_link_send(link_, TT_RT_STOP, 0, (tt_span_t){NULL, 0}, 0, NULL);
    bool never = false;
    tt_loop_run_until(loop, &never, 5);
    assert_int_equal(got.ends, 1);
    tt_buf_release(&fields);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(the_end_of_the_socket_is_told_once_and_without_a_reason),
        EACH(messages_before_the_end_come_first),
        EACH(half_a_message_at_the_end_is_an_end),
        EACH(nonsense_ends_the_link_with_a_reason_and_what_follows_is_not_read),
        EACH(a_length_that_nobody_may_send_is_nonsense),
        EACH(nonsense_that_is_drained_ends_the_reading),
        EACH(a_message_split_at_any_byte_comes_once_it_is_whole),
        EACH(a_message_may_come_byte_by_byte_through_the_loop),
        EACH(many_messages_in_one_write_come_in_order),
        EACH(a_message_of_megabytes_comes_whole_and_so_does_the_next),
        EACH(a_drain_reads_only_what_is_there),
        EACH(a_handler_of_a_message_may_destroy_the_link_and_hears_no_more),
        EACH(a_handler_may_destroy_the_link_while_it_is_drained),
        EACH(a_handler_of_the_end_may_destroy_the_link),
        EACH(a_handler_of_nonsense_may_destroy_the_link),
        EACH(a_link_destroyed_with_letters_waiting_forgets_them_and_closes_its_socket),
        EACH(what_is_sent_parses_at_the_other_end),
        EACH(what_the_runtime_does_not_take_is_queued_and_comes_in_order),
        EACH(frames_that_are_written_in_pieces_arrive_whole),
        EACH(writing_to_a_runtime_that_has_gone_is_harmless_and_its_end_is_told),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
