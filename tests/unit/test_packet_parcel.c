/* Unit test of share/packet: messages that are sent in one turn of the loop travel together;
 * and of share/loop: what is done when everything was handled. */
#include "scratch.h"

#include "packet.h"

#include <stdlib.h>
#include <unistd.h>

static tt_loop_t *loop;
static void *context, *from, *to;
static tt_outbox_t *outbox;
static tt_buf_t heard; /* what came, in words */
static size_t pieces;  /* in how many ZeroMQ messages */

static int begin(void **unused)
{
    (void)unused;
    loop = tt_loop_new();
    context = zmq_ctx_new();
    to = zmq_socket(context, ZMQ_PAIR);
    from = zmq_socket(context, ZMQ_PAIR);
    int zero = 0, many = 10000;
    zmq_setsockopt(from, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(from, ZMQ_SNDHWM, &many, sizeof many);
    if (zmq_bind(to, "inproc://parcel") != 0 || zmq_connect(from, "inproc://parcel") != 0)
        return -1;
    outbox = tt_outbox_new(loop, from, (tt_span_t){NULL, 0}, 1 << 20);
    tt_outbox_parcel(outbox);
    tt_buf_init(&heard);
    pieces = 0;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_outbox_destroy(&outbox);
    tt_buf_release(&heard);
    zmq_close(from);
    zmq_close(to);
    zmq_ctx_term(context);
    tt_loop_destroy(&loop);
    return 0;
}

/* A CREDIT with that number, and a payload of as many frames of `bytes`. */
static void send(uint64_t number, size_t frames, size_t bytes, const tt_tag_t *tag)
{
    tt_frames_t payload;
    tt_frames_init(&payload);
    char *text = tt_alloc(bytes + 1);
    memset(text, 'x', bytes);
    for (size_t i = 0; i < frames; i++)
        tt_frames_copy(&payload, text, bytes);
    free(text);
    tt_message_t message = tt_message(TT_MSG_CREDIT, number);
    tt_outbox_send_tagged(outbox, &message, &payload, tag);
    assert_int_equal(payload.count, 0);
    tt_frames_release(&payload);
}

static void on_packet(void *arg, tt_packet_t *packet, bool whole)
{
    tt_message_t message;
    tt_error_t err;
    tt_span_t header = {zmq_msg_data(&packet->header), zmq_msg_size(&packet->header)};
    (void)arg;
    if (!whole || tt_message_read(&message, header, &err) != 0) {
        tt_buf_printf(&heard, "bad ");
        return;
    }
    tt_buf_printf(&heard, "%d", (int)message.id);
    for (size_t i = 0; i < packet->payload.count; i++)
        tt_buf_printf(&heard, "+%d", (int)tt_frames_span(&packet->payload, i).len);
    tt_buf_printf(&heard, " ");
}

static const char *hear(void)
{
    zmq_pollitem_t item = {.socket = to, .events = ZMQ_POLLIN};
    heard.len = 0;
    pieces = 0;
    while (zmq_poll(&item, 1, 0) > 0) {
        tt_packet_receive(to, false, on_packet, NULL);
        pieces++;
    }
    return tt_buf_text(&heard);
}

static void (*in_turn)(void);

static void on_timer(void *arg)
{
    (void)arg;
    in_turn();
    tt_loop_stop(loop);
}

/* Runs it within a turn of the loop, which rests afterwards. */
static void turn(void (*fn)(void))
{
    in_turn = fn;
    tt_loop_add_timer(loop, 0, on_timer, NULL);
    tt_loop_run(loop);
}

#define assert_hears(words, count)                                                             \
    do {                                                                                       \
        assert_string_equal(hear(), words);                                                    \
        assert_int_equal(pieces, count);                                                       \
    } while (0)

static void send_four(void)
{
    send(1, 0, 0, NULL);
    assert_string_equal(hear(), "1 "); /* the first is not late */
    send(2, 1, 5, NULL);
    send(3, 0, 0, NULL);
    send(4, 7, 100, NULL);
    assert_string_equal(hear(), "");
}

TEST(what_is_sent_in_one_turn_travels_together_but_for_the_first)
{
    turn(send_four);
    assert_hears("2+5 3 4+100+100+100+100+100+100+100 ", 1);
    turn(send_four);
    assert_hears("2+5 3 4+100+100+100+100+100+100+100 ", 1);
}

static void send_two(void)
{
    send(1, 0, 0, NULL);
    send(2, 2, 0, NULL);
}

TEST(a_single_one_goes_as_it_is)
{
    char bytes[8];
    turn(send_two);
    assert_true(zmq_recv(to, bytes, sizeof bytes, ZMQ_DONTWAIT) > 0);
    assert_true(zmq_recv(to, bytes, sizeof bytes, ZMQ_DONTWAIT) > 0);
    assert_true((uint8_t)bytes[0] != TT_PARCEL);
    assert_int_equal(zmq_recv(to, bytes, sizeof bytes, ZMQ_DONTWAIT), 0);
    assert_int_equal(zmq_recv(to, bytes, sizeof bytes, ZMQ_DONTWAIT), 0);
    assert_int_equal(zmq_recv(to, bytes, sizeof bytes, ZMQ_DONTWAIT), -1);
}

static void send_mixed(void)
{
    static const tt_tag_t tag = {1, 2};
    for (uint64_t i = 1; i <= 3; i++)
        send(i, 0, 0, NULL);
    send(4, 1, 5000, NULL); /* large */
    send(5, 0, 0, NULL);
    send(6, 8, 1, NULL); /* of many frames */
    send(7, 0, 0, NULL);
    send(8, 0, 0, &tag);
    send(9, 0, 0, NULL);
}

TEST(what_cannot_travel_with_others_keeps_its_place)
{
    turn(send_mixed);
    assert_hears("1 2 3 4+5000 5 6+1+1+1+1+1+1+1+1 7 8 9 ", 8);
    assert_int_equal(tt_outbox_taken(outbox, 9), 0); /* each is counted */
    assert_int_equal(tt_outbox_taken(outbox, 10), -1);
}

static void send_many(void)
{
    for (uint64_t i = 1; i <= 1000; i++)
        send(i, 1, 30, NULL);
}

static void send_large(void)
{
    for (uint64_t i = 1; i <= 100; i++)
        send(i, 1, 4000, NULL);
}

TEST(a_parcel_is_bounded)
{
    turn(send_many);
    hear();
    assert_int_equal(pieces, 1 + 999 / TT_PARCEL_MESSAGES + 1);
    turn(send_large);
    hear();
    assert_in_range(pieces, 10, 20);
}

TEST(outside_of_a_turn_and_for_a_peer_that_knows_no_parcels_each_goes_by_itself)
{
    send_two();
    send_two();
    assert_hears("1 2+0+0 1 2+0+0 ", 4);
    tt_outbox_destroy(&outbox);
    outbox = tt_outbox_new(loop, from, (tt_span_t){NULL, 0}, 1 << 20);
    turn(send_many);
    hear();
    assert_int_equal(pieces, 1000);
}

static void send_and_end(void)
{
    send_two();
    send(3, 0, 0, NULL);
    tt_outbox_destroy(&outbox);
}

TEST(what_waits_for_the_rest_goes_before_the_outbox_ends)
{
    turn(send_and_end);
    assert_hears("1 2+0+0 3 ", 2);
}

static void take_bytes(const void *bytes, size_t len)
{
    assert_int_equal(zmq_send(from, bytes, len, 0), (int)len);
}

TEST(what_is_no_parcel_costs_no_more_than_itself)
{
    tt_buf_t good;
    tt_buf_init(&good);
    tt_message_t message = tt_message(TT_MSG_CREDIT, 5);
    tt_message_pack(&good, &message);
    assert_true(good.len < 100);
    uint8_t bytes[300] = {TT_PARCEL, 1, 0, 0, 0, (uint8_t)good.len};
    memcpy(bytes + 6, good.data, good.len);
    size_t whole = 6 + good.len;
    take_bytes(bytes, whole);
    assert_hears("5 ", 1);
    for (size_t len = 2; len < whole; len++) {
        take_bytes(bytes, len);
        assert_hears("bad ", 1);
    }
    take_bytes(bytes, 1); /* a header that is none */
    assert_hears("bad ", 1);
    memcpy(bytes + whole, "\x00", 1); /* a message without frames */
    take_bytes(bytes, whole + 1);
    assert_hears("5 bad ", 1);
    memcpy(bytes + whole, "\x09\x00\x00\x00\x00", 5); /* with too many */
    take_bytes(bytes, whole + 5);
    assert_hears("5 bad ", 1);
    memcpy(bytes + whole, "\x01\xff\xff\xff\xff", 5); /* a frame longer than all */
    take_bytes(bytes, whole + 5);
    assert_hears("5 bad ", 1);
    memcpy(bytes + whole, "\x01\x00\x00\x00\x00", 5); /* an empty header */
    take_bytes(bytes, whole + 5);
    assert_hears("5 bad ", 1);
    tt_buf_release(&good);
}

/* ---- the loop's rest */

static tt_buf_t order;

static bool on_rest(void *arg)
{
    tt_buf_printf(&order, "rest %s ", (const char *)arg);
    return false;
}

static bool on_rest_again(void *arg)
{
    on_rest(arg);
    tt_loop_at_rest(loop, on_rest, (void *)(uintptr_t) "within");
    return true;
}

static char one[] = "one", two[] = "two", three[] = "three";

static void ask(void)
{
    assert_true(tt_loop_turning(loop));
    tt_loop_at_rest(loop, on_rest, one);
    tt_loop_at_rest(loop, on_rest, two);
    tt_loop_at_rest(loop, on_rest_again, three);
    tt_loop_forget_rest(loop, two);
    tt_buf_printf(&order, "turn ");
}

TEST(what_is_asked_for_the_rest_is_done_once_in_order_and_may_be_forgotten)
{
    order.len = 0;
    assert_false(tt_loop_turning(loop));
    turn(ask);
    assert_string_equal(tt_buf_text(&order), "turn rest one rest three rest within ");
    turn(ask);
    assert_string_equal(tt_buf_text(&order), "turn rest one rest three rest within "
                                             "turn rest one rest three rest within ");
    tt_buf_release(&order);
}

static bool done;
static size_t turns;

static bool send_to_other(void *arg)
{
    (void)arg;
    /* It sends on a socket whose other end has sent: that signal is taken by it. */
    zmq_send(to, "pong", 4, ZMQ_DONTWAIT);
    return true;
}

static void on_readable(void *arg, void *socket)
{
    char bytes[8];
    (void)arg;
    while (zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0)
        turns++;
    done = turns >= 2;
    tt_loop_at_rest(loop, send_to_other, NULL);
    zmq_send(from, "ping", 4, ZMQ_DONTWAIT);
}

TEST(what_comes_while_something_is_sent_at_the_rest_is_not_slept_over)
{
    done = false;
    turns = 0;
    tt_loop_add_zmq(loop, to, on_readable, NULL);
    zmq_send(from, "ping", 4, 0);
    assert_true(tt_loop_run_until(loop, &done, 10000));
    tt_loop_remove_zmq(loop, to);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_sent_in_one_turn_travels_together_but_for_the_first),
        EACH(a_single_one_goes_as_it_is),
        EACH(what_cannot_travel_with_others_keeps_its_place),
        EACH(a_parcel_is_bounded),
        EACH(outside_of_a_turn_and_for_a_peer_that_knows_no_parcels_each_goes_by_itself),
        EACH(what_waits_for_the_rest_goes_before_the_outbox_ends),
        EACH(what_is_no_parcel_costs_no_more_than_itself),
        EACH(what_is_asked_for_the_rest_is_done_once_in_order_and_may_be_forgotten),
        EACH(what_comes_while_something_is_sent_at_the_rest_is_not_slept_over),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
