/* Unit test of share/link: messages with spools beside them, both ways, among many others. */
#include "link_ends.h"

/* ---- spools that come */

enum { SPOOLED = 5000 };

/* A spool of bytes that tell which it is. */
static tt_spool_t *spool_of(uint32_t seq)
{
    uint8_t bytes[SPOOLED];
    tt_spool_t *spool = tt_spool_new(SPOOLED, NULL);
    memset(bytes, (int)(seq + 1), sizeof bytes);
    assert_int_equal(tt_spool_write(spool, 0, (tt_span_t){bytes, SPOOLED}, NULL), 0);
    return spool;
}

/* "in", the spool, and "behind". */
static tt_place_t spooled_places[] = {{TT_IN_MESSAGE, 2}, {0, SPOOLED}, {TT_IN_MESSAGE, 6}};
static const tt_layout_t spooled_layout = {spooled_places, 3, SPOOLED};

static void put_spooled(tt_buf_t *out, uint32_t seq)
{
    tt_rt_pack_spooled(out, TT_RT_RESULT, seq, &spooled_layout, (tt_span_t){NULL, 0}, 0);
    tt_buf_append(out, "inbehind", 8);
}

/* Such a message from the far end, with the descriptor of its spool. */
static void write_spooled(uint32_t seq)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put_spooled(&out, seq);
    tt_spool_t *spool = spool_of(seq);
    struct iovec bytes = {out.data, out.len};
    assert_int_equal(tt_rights_write(far, &bytes, 1, tt_spool_fd(spool)), out.len);
    tt_spool_release(&spool);
    tt_buf_release(&out);
}

/* What that message's frames are, at that place of all bytes. */
static void expect_spooled(size_t at, uint32_t seq)
{
    assert_true(got.bytes.len >= at + 8 + SPOOLED);
    assert_memory_equal(got.bytes.data + at, "in", 2);
    for (size_t i = 0; i < SPOOLED; i++)
        assert_int_equal(got.bytes.data[at + 2 + i], (uint8_t)(seq + 1));
    assert_memory_equal(got.bytes.data + at + 2 + SPOOLED, "behind", 6);
}

static void refuse_far(const tt_buf_t *out, int fd)
{
    struct iovec bytes = {out->data, out->len};
    assert_int_equal(tt_rights_write(far, &bytes, 1, fd), out->len);
    assert_comes(loop, got.ends == 1);
    assert_true(got.with_reason);
    assert_non_null(strstr(got.why, "no sealed file of its size"));
}

TEST(a_message_that_says_it_has_a_spool_and_brings_none_is_nonsense)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put(&out, TT_RT_LOG, 1, NULL, 0);
    put_spooled(&out, 2);
    put(&out, TT_RT_LOG, 3, NULL, 0);
    refuse_far(&out, -1);
    assert_int_equal(got.messages, 1);
    tt_buf_release(&out);
}

TEST(a_spool_that_is_too_small_or_not_sealed_is_nonsense)
{
    tt_spool_t *small = tt_spool_new(SPOOLED - 1, NULL);
    tt_buf_t out;
    tt_buf_init(&out);
    put_spooled(&out, 1);
    refuse_far(&out, tt_spool_fd(small));
    tt_spool_release(&small);
    assert_int_equal(end(NULL), 0);
    assert_int_equal(begin(NULL), 0);
    int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(fd, SPOOLED), 0);
    refuse_far(&out, fd);
    close(fd);
    assert_int_equal(got.messages, 0);
    tt_buf_release(&out);
}

TEST(a_spool_comes_with_its_message_among_many_that_have_none)
{
    tt_buf_t out;
    size_t at = 0;
    tt_buf_init(&out);
    for (uint32_t seq = 0; seq < 60; seq++) {
        out.len = 0;
        put(&out, TT_RT_LOG, seq, abc, 3);
        if (seq % 7 == 3 || seq % 7 == 4)
            write_spooled(seq);
        else
            write_far(out.data, out.len);
    }
    assert_comes(loop, got.messages == 60);
    assert_int_equal(got.ends, 0);
    assert_int_equal(got.spools, 17);
    for (uint32_t seq = 0; seq < 60; seq++) {
        assert_int_equal(got.seq[seq], seq);
        assert_int_equal(got.frames[seq], 3);
        bool spooled = seq % 7 == 3 || seq % 7 == 4;
        if (spooled)
            expect_spooled(at, seq);
        else
            assert_memory_equal(got.bytes.data + at, "abcdefgh", 8);
        at += spooled ? SPOOLED + 8 : 8;
    }
    assert_int_equal(got.bytes.len, at);
    tt_buf_release(&out);
}

TEST(a_spooled_message_split_at_any_byte_has_its_spool_once_it_is_whole)
{
    tt_buf_t out;
    tt_buf_init(&out);
    put_spooled(&out, 9);
    tt_spool_t *spool = spool_of(9);
    for (size_t cut = 1; cut < out.len; cut++) {
        struct iovec head = {out.data, cut};
        int before = got.messages;
        assert_int_equal(tt_rights_write(far, &head, 1, tt_spool_fd(spool)), cut);
        tt_link_drain(link_);
        assert_int_equal(got.messages, before);
        write_far(out.data + cut, out.len - cut);
        tt_link_drain(link_);
        assert_int_equal(got.messages, before + 1);
        assert_int_equal(got.spools, before + 1);
        expect_spooled(got.bytes.len - SPOOLED - 8, 9);
    }
    tt_spool_release(&spool);
    tt_buf_release(&out);
}

/* They come before the spool of the message: that is then not the first, and refused. */
TEST(descriptors_that_no_message_asked_for_are_closed_with_the_link)
{
    tt_buf_t out;
    int before = open_fds();
    tt_buf_init(&out);
    put(&out, TT_RT_LOG, 1, abc, 3);
    struct iovec bytes = {out.data, out.len};
    for (int i = 0; i < 5; i++)
        assert_int_equal(tt_rights_write(far, &bytes, 1, far), out.len);
    assert_comes(loop, got.messages == 5);
    assert_int_equal(got.spools, 0);
    assert_int_equal(open_fds(), before + 5);
    write_spooled(1);
    assert_comes(loop, got.ends == 1);
    assert_int_equal(got.messages, 5);
    tt_link_destroy(&link_);
    assert_int_equal(open_fds(), before - 1);
    tt_buf_release(&out);
}

TEST(a_spool_that_a_handler_holds_outlives_its_message_and_the_link)
{
    uint8_t bytes[SPOOLED];
    got.hold = true;
    write_spooled(5);
    assert_comes(loop, got.spools == 1);
    write_spooled(6);
    assert_comes(loop, got.spools == 2);
    tt_link_destroy(&link_);
    assert_int_equal(tt_spool_read(got.held, 0, bytes, SPOOLED), 0);
    assert_int_equal(bytes[0], 7);
    assert_int_equal(bytes[SPOOLED - 1], 7);
}

TEST(a_handler_of_a_spooled_message_may_destroy_the_link)
{
    got.destroy_at = 1;
    write_spooled(1);
    write_spooled(2);
    assert_comes(loop, got.messages == 1);
    assert_null(link_);
    expect_spooled(0, 1);
}

/* ---- spools that are sent */

static void send_spooled_with(uint32_t seq, const tt_buf_t *field)
{
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, "in", 2);
    tt_frames_copy(&frames, "behind", 6);
    tt_spool_t *spool = spool_of(seq);
    tt_link_send_spooled(link_, TT_RT_CALL, seq, span_of(field), 1, &spooled_layout, spool,
                         &frames);
    tt_spool_release(&spool); /* the link has its own hold */
    assert_int_equal(frames.count, 0);
}

static void send_spooled(uint32_t seq)
{
    tt_buf_t five;
    tt_buf_init(&five);
    tt_pack_uint(&five, 5);
    send_spooled_with(seq, &five);
    tt_buf_release(&five);
}

static void expect_sent_spooled(const tt_rt_message_t *message, uint32_t seq)
{
    assert_int_equal(message->type, TT_RT_CALL);
    assert_int_equal(message->frame_count, 3);
    assert_memory_equal(message->frames[0].data, "in", 2);
    assert_int_equal(message->frames[1].len, SPOOLED);
    for (size_t i = 0; i < SPOOLED; i++)
        assert_int_equal(message->frames[1].data[i], (uint8_t)(seq + 1));
    assert_memory_equal(message->frames[2].data, "behind", 6);
}

TEST(what_is_sent_with_a_spool_has_it_at_the_other_end)
{
    tt_rt_message_t message;
    uint64_t field;
    tt_rt_message_init(&message);
    send_spooled(3);
    assert_int_equal(tt_link_pending(link_), 0);
    int used = read_far(&message);
    assert_int_equal(used, inbox.len);
    assert_int_equal(message.seq, 3);
    expect_sent_spooled(&message, 3);
    assert_int_equal(tt_read_uint(&message.fields, &field), 0);
    assert_int_equal(field, 5);
    tt_rt_message_release(&message);
}

/* Three frames of so many bytes. */
static size_t plain_len(uint32_t seq)
{
    return seq * 37 % 3000;
}

static void send_plain(uint32_t seq)
{
    uint8_t bytes[3000];
    tt_frames_t frames;
    tt_frames_init(&frames);
    memset(bytes, (int)(seq + 1), sizeof bytes);
    for (int i = 0; i < 3; i++)
        tt_frames_copy(&frames, bytes, plain_len(seq));
    tt_link_send(link_, TT_RT_EXECUTE, seq, (tt_span_t){NULL, 0}, 0, &frames);
}

static void expect_sent(const tt_rt_message_t *message, uint32_t seq)
{
    assert_int_equal(message->type, TT_RT_EXECUTE);
    assert_int_equal(message->layout.bytes, 0);
    assert_int_equal(message->frame_count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(message->frames[i].len, plain_len(seq));
        for (size_t k = 0; k < plain_len(seq); k++)
            assert_int_equal(message->frames[i].data[k], (uint8_t)(seq + 1));
    }
}

/* Runs the loop until the next message is there, and returns its length. */
static int await_far(tt_rt_message_t *message)
{
    int used = 0;
    assert_comes(loop, (used = read_far(message)) > 0);
    return used;
}

/* Every fifth has a spool, and now and then two that follow each other have. */
static bool has_spool(uint32_t seq)
{
    return seq % 5 == 0 || seq % 25 == 1;
}

TEST(spools_that_are_queued_among_many_messages_come_each_with_its_own)
{
    enum { COUNT = 300 };
    tt_rt_message_t message;
    tt_rt_message_init(&message);
    fcntl(far, F_SETFL, O_NONBLOCK);
    for (uint32_t seq = 0; seq < COUNT; seq++)
        if (has_spool(seq))
            send_spooled(seq);
        else
            send_plain(seq);
    assert_true(tt_link_pending(link_) > 0);
    for (uint32_t next = 0; next < COUNT; next++) {
        int used = await_far(&message);
        assert_int_equal(message.seq, next);
        if (has_spool(next))
            expect_sent_spooled(&message, next);
        else
            expect_sent(&message, next);
        tt_buf_consume(&inbox, (size_t)used);
    }
    assert_int_equal(tt_link_pending(link_), 0);
    assert_int_equal(tt_rights_take(&far_rights), -1);
    tt_rt_message_release(&message);
}

/* Its frames in the message are more than a socket's buffer and than one write may have. */
TEST(a_spooled_message_that_is_written_in_pieces_brings_its_spool_once)
{
    enum { FRAMES = 150, SIZE = 30000 };
    static tt_place_t places[FRAMES + 1];
    const tt_layout_t layout = {places, FRAMES + 1, SPOOLED};
    tt_rt_message_t message;
    tt_frames_t frames;
    char *bytes = tt_alloc(SIZE);
    tt_rt_message_init(&message);
    tt_frames_init(&frames);
    fcntl(far, F_SETFL, O_NONBLOCK);
    places[0] = (tt_place_t){0, SPOOLED};
    for (size_t i = 1; i <= FRAMES; i++) {
        places[i] = (tt_place_t){TT_IN_MESSAGE, SIZE};
        tt_frames_copy(&frames, bytes, SIZE);
    }
    tt_spool_t *spool = spool_of(4);
    tt_link_send_spooled(link_, TT_RT_CALL, 1, (tt_span_t){NULL, 0}, 0, &layout, spool,
                         &frames);
    tt_spool_release(&spool);
    assert_true(tt_link_pending(link_) > 0);
    send_spooled(7);
    int used = await_far(&message);
    assert_int_equal(message.seq, 1);
    assert_int_equal(message.frames[0].data[SPOOLED - 1], 5);
    tt_buf_consume(&inbox, (size_t)used);
    await_far(&message);
    expect_sent_spooled(&message, 7);
    assert_int_equal(tt_rights_take(&far_rights), -1);
    tt_rt_message_release(&message);
    free(bytes);
}

TEST(a_head_that_is_written_in_pieces_brings_its_spool_once)
{
    enum { SIZE = 4 << 20 };
    tt_rt_message_t message;
    tt_buf_t fields;
    tt_span_t field;
    tt_rt_message_init(&message);
    tt_buf_init(&fields);
    uint8_t *bytes = tt_alloc(SIZE);
    tt_pack_bin(&fields, bytes, SIZE);
    fcntl(far, F_SETFL, O_NONBLOCK);
    send_spooled_with(8, &fields);
    assert_true(tt_link_pending(link_) > 0);
    send_spooled(9);
    for (uint32_t seq = 8; seq < 10; seq++) {
        int used = await_far(&message);
        assert_int_equal(message.seq, seq);
        expect_sent_spooled(&message, seq);
        assert_int_equal(tt_read_bin(&message.fields, &field), seq == 8 ? 0 : -1);
        tt_buf_consume(&inbox, (size_t)used);
    }
    assert_int_equal(tt_rights_take(&far_rights), -1);
    tt_rt_message_release(&message);
    tt_buf_release(&fields);
    free(bytes);
}

TEST(a_link_destroyed_with_spools_waiting_lets_them_go)
{
    tt_frames_t frames;
    int before = open_fds();
    char *large = tt_alloc(4 << 20);
    tt_frames_init(&frames);
    tt_frames_copy(&frames, large, 4 << 20);
    tt_link_send(link_, TT_RT_EXECUTE, 1, (tt_span_t){NULL, 0}, 0, &frames);
    for (uint32_t seq = 0; seq < 10; seq++)
        send_spooled(seq);
    assert_int_equal(open_fds(), before + 10);
    tt_link_destroy(&link_);
    assert_int_equal(open_fds(), before - 1);
    free(large);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_message_that_says_it_has_a_spool_and_brings_none_is_nonsense),
        EACH(a_spool_that_is_too_small_or_not_sealed_is_nonsense),
        EACH(a_spool_comes_with_its_message_among_many_that_have_none),
        EACH(a_spooled_message_split_at_any_byte_has_its_spool_once_it_is_whole),
        EACH(descriptors_that_no_message_asked_for_are_closed_with_the_link),
        EACH(a_spool_that_a_handler_holds_outlives_its_message_and_the_link),
        EACH(a_handler_of_a_spooled_message_may_destroy_the_link),
        EACH(what_is_sent_with_a_spool_has_it_at_the_other_end),
        EACH(spools_that_are_queued_among_many_messages_come_each_with_its_own),
        EACH(a_spooled_message_that_is_written_in_pieces_brings_its_spool_once),
        EACH(a_head_that_is_written_in_pieces_brings_its_spool_once),
        EACH(a_link_destroyed_with_spools_waiting_lets_them_go),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
