/* Unit test of share/packet: frames, whole messages, and outboxes towards peers that read late,
 * never, or are not there. */
#include "scratch.h"

#include "packet.h"
#include "value.h"

#include <stdlib.h>
#include <unistd.h>

static tt_frames_t frames;
static tt_error_t err;

static int begin(void **unused)
{
    (void)unused;
    tt_frames_init(&frames);
    memset(&err, 0, sizeof err);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_frames_release(&frames);
    tt_frames_release(&frames);
    return 0;
}

static void check_frame(const tt_frames_t *of, size_t i, const char *text)
{
    tt_span_t span = tt_frames_span(of, i);
    assert_int_equal(span.len, strlen(text));
    if (span.len)
        assert_memory_equal(span.data, text, span.len);
}

/* ---- frames */

TEST(a_frame_that_is_not_there_is_empty)
{
    assert_null(tt_frames_span(&frames, 0).data);
    assert_int_equal(tt_frames_span(&frames, 5).len, 0);
    assert_int_equal(tt_frames_bytes(&frames), 0);
    tt_frames_copy(&frames, NULL, 0);
    assert_int_equal(frames.count, 1);
    assert_int_equal(tt_frames_span(&frames, 0).len, 0);
    assert_int_equal(tt_frames_span(&frames, 1).len, 0);
}

TEST(many_frames_keep_their_order_and_bytes)
{
    char text[40];
    for (int i = 0; i < 300; i++) {
        /* short ones live within a message, long ones outside: both must survive growth */
        snprintf(text, sizeof text, i % 2 ? "%d" : "a rather longer text, number %09d", i);
        tt_frames_copy(&frames, text, strlen(text));
    }
    assert_int_equal(frames.count, 300);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof text, i % 2 ? "%d" : "a rather longer text, number %09d", i);
        check_frame(&frames, (size_t)i, text);
    }
}

TEST(a_shared_frame_is_the_same_memory_and_outlives_the_first)
{
    char large[5000];
    memset(large, 'x', sizeof large);
    tt_frames_t first;
    tt_frames_init(&first);
    tt_frames_copy(&first, large, sizeof large);
    const uint8_t *at = tt_frames_span(&first, 0).data;
    tt_frames_share_all(&frames, &first);
    assert_ptr_equal(tt_frames_span(&frames, 0).data, at);
    tt_frames_release(&first);
    assert_memory_equal(tt_frames_span(&frames, 0).data, large, sizeof large);
}

TEST(a_taken_message_is_empty_afterwards)
{
    zmq_msg_t message;
    zmq_msg_init_size(&message, 3);
    memcpy(zmq_msg_data(&message), "abc", 3);
    tt_frames_take(&frames, &message);
    check_frame(&frames, 0, "abc");
    assert_int_equal(zmq_msg_size(&message), 0);
    zmq_msg_close(&message);
}

static int given_back;

static void give_back(void *data, void *hint)
{
    assert_ptr_equal(hint, &given_back);
    assert_memory_equal(data, "lent", 4);
    given_back++;
}

TEST(lent_memory_is_given_back_once_when_the_last_reference_goes)
{
    static char lent[] = "lent";
    given_back = 0;
    tt_frames_lend(&frames, lent, 4, give_back, &given_back);
    assert_ptr_equal(tt_frames_span(&frames, 0).data, lent);
    tt_frames_t second;
    tt_frames_init(&second);
    tt_frames_share(&second, &frames.items[0]);
    tt_frames_release(&frames);
    assert_int_equal(given_back, 0);
    tt_frames_release(&second);
    assert_int_equal(given_back, 1);
}

TEST(a_buffer_becomes_a_frame_and_is_empty)
{
    tt_buf_t small, large;
    tt_buf_init(&small);
    tt_buf_init(&large);
    tt_buf_append(&small, "small", 5);
    for (int i = 0; i < TT_INLINE_LIMIT; i++)
        tt_buf_append(&large, "L", 1);
    const uint8_t *at = large.data;
    tt_frames_take_buf(&frames, &small);
    tt_frames_take_buf(&frames, &large);
    assert_int_equal(small.len, 0);
    assert_int_equal(large.len, 0);
    check_frame(&frames, 0, "small");
    assert_ptr_equal(tt_frames_span(&frames, 1).data, at); /* not copied */
    assert_int_equal(tt_frames_bytes(&frames), 5 + TT_INLINE_LIMIT);
    tt_buf_release(&small);
    tt_buf_release(&large);
}

/* ---- sockets: a router as the controller has, and a dealer as its peers have */

static tt_loop_t *loop;
static void *context, *router, *dealer;
static tt_packet_t packet;

static void set_number(void *socket, int option, int value)
{
    assert_int_equal(zmq_setsockopt(socket, option, &value, sizeof value), 0);
}

/* The router learns of a dealer when it looks at its commands. */
static void meet(void)
{
    int events;
    size_t size = sizeof events;
    zmq_getsockopt(router, ZMQ_EVENTS, &events, &size);
}

/* Few messages fit into a queue of these, so that a peer is full soon. */
static void *new_socket(int type, const char *name)
{
    void *socket = zmq_socket(context, type);
    set_number(socket, ZMQ_SNDHWM, 10);
    set_number(socket, ZMQ_RCVHWM, 10);
    set_number(socket, ZMQ_LINGER, 0);
    if (type == ZMQ_ROUTER) {
        set_number(socket, ZMQ_ROUTER_MANDATORY, 1);
        assert_int_equal(zmq_bind(socket, "inproc://router"), 0);
    } else {
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, name, strlen(name));
        assert_int_equal(zmq_connect(socket, "inproc://router"), 0);
    }
    return socket;
}

static int begin_sockets(void **unused)
{
    if (begin(unused) != 0)
        return -1;
    loop = tt_loop_new();
    context = zmq_ctx_new();
    router = new_socket(ZMQ_ROUTER, "");
    dealer = new_socket(ZMQ_DEALER, "peer");
    meet();
    memset(&packet, 0, sizeof packet);
    return 0;
}

static int end_sockets(void **unused)
{
    zmq_close(router);
    if (dealer)
        zmq_close(dealer);
    zmq_ctx_term(context);
    tt_loop_destroy(&loop);
    return end(unused);
}

static void send_raw(void *socket, const char *text, bool more)
{
    assert_true(zmq_send(socket, text, strlen(text), more ? ZMQ_SNDMORE : 0) >= 0);
}

static void check_message(const zmq_msg_t *message, const char *text)
{
    zmq_msg_t *its = (zmq_msg_t *)(uintptr_t)message;
    assert_int_equal(zmq_msg_size(its), strlen(text));
    assert_memory_equal(zmq_msg_data(its), text, strlen(text));
}

TEST(nothing_to_read_is_told_apart_and_needs_no_release)
{
    assert_int_equal(tt_packet_read(&packet, router, true), 0);
    assert_int_equal(tt_packet_read(&packet, dealer, false), 0);
}

TEST(a_message_of_one_empty_frame_has_an_empty_header)
{
    send_raw(dealer, "", false);
    send_raw(dealer, "next", false);
    assert_int_equal(tt_packet_read(&packet, router, true), 1);
    check_message(&packet.route, "peer");
    assert_int_equal(zmq_msg_size(&packet.header), 0);
    tt_packet_release(&packet);
    assert_int_equal(tt_packet_read(&packet, router, true), 1);
    check_message(&packet.header, "next");
    tt_packet_release(&packet);
}

/* To one who awaits a route, a message of one frame is one without a header. */
TEST(a_message_without_a_header_is_consumed_and_refused_with_its_route)
{
    zmq_send(router, "peer", 4, ZMQ_SNDMORE);
    send_raw(router, "route only", false);
    zmq_send(router, "peer", 4, ZMQ_SNDMORE);
    send_raw(router, "route", true);
    send_raw(router, "next", false);
    assert_int_equal(tt_packet_read(&packet, dealer, true), -1);
    check_message(&packet.route, "route only");
    tt_packet_release(&packet);
    assert_int_equal(tt_packet_read(&packet, dealer, true), 1);
    check_message(&packet.header, "next");
    tt_packet_release(&packet);
}

TEST(a_message_with_too_many_frames_is_consumed_and_refused_and_the_next_one_is_whole)
{
    zmq_close(dealer);
    dealer = zmq_socket(context, ZMQ_DEALER);
    set_number(dealer, ZMQ_SNDHWM, 0);
    set_number(dealer, ZMQ_LINGER, 0);
    zmq_setsockopt(dealer, ZMQ_ROUTING_ID, "many", 4);
    assert_int_equal(zmq_connect(dealer, "inproc://router"), 0);
    send_raw(dealer, "header", true);
    for (int i = 0; i < TT_FRAMES_MAX; i++)
        send_raw(dealer, "", true);
    send_raw(dealer, "one too many", false);
    send_raw(dealer, "next", true);
    send_raw(dealer, "payload", false);
    assert_int_equal(tt_packet_read(&packet, router, true), -1);
    check_message(&packet.route, "many");
    assert_int_equal(packet.payload.count, TT_FRAMES_MAX);
    tt_packet_release(&packet);
    assert_int_equal(tt_packet_read(&packet, router, true), 1);
    check_message(&packet.header, "next");
    check_frame(&packet.payload, 0, "payload");
    tt_packet_release(&packet);
    assert_int_equal(tt_packet_read(&packet, router, true), 0);
}

TEST(a_message_comes_with_route_header_and_payload)
{
    send_raw(dealer, "header", true);
    send_raw(dealer, "one", true);
    send_raw(dealer, "", true);
    send_raw(dealer, "three", false);
    assert_int_equal(tt_packet_read(&packet, router, true), 1);
    check_message(&packet.route, "peer");
    check_message(&packet.header, "header");
    assert_int_equal(packet.payload.count, 3);
    check_frame(&packet.payload, 0, "one");
    check_frame(&packet.payload, 1, "");
    check_frame(&packet.payload, 2, "three");
    tt_packet_release(&packet);
}

/* ---- outboxes */

static void free_data(void *data, void *hint)
{
    (void)hint;
    free(data);
}

static tt_span_t route = {(const uint8_t *)"peer", 4};

static void send_number(tt_outbox_t *outbox, uint64_t number, size_t payload_bytes)
{
    static char bytes[100000];
    tt_message_t message = tt_message(TT_MSG_STATUS, number);
    tt_frames_copy(&frames, bytes, payload_bytes);
    tt_outbox_send(outbox, &message, &frames);
    assert_int_equal(frames.count, 0); /* taken, whether sent or queued */
}

/* Reads a message and returns its number; 0 when there is none. */
static uint64_t read_number(void *socket, bool routed)
{
    tt_message_t message;
    int rc = tt_packet_read(&packet, socket, routed);
    if (rc == 0)
        return 0;
    assert_int_equal(rc, 1);
    tt_span_t header = {zmq_msg_data(&packet.header), zmq_msg_size(&packet.header)};
    assert_int_equal(tt_message_read(&message, header, &err), 0);
    assert_int_equal(packet.payload.count, 1);
    tt_packet_release(&packet);
    return message.id;
}

TEST(a_message_that_the_peer_takes_is_not_kept)
{
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 100);
    send_number(outbox, 7, 1000);
    assert_int_equal(tt_outbox_bytes(outbox), 0);
    assert_false(tt_outbox_full(outbox));
    assert_int_equal(read_number(dealer, false), 7);
    tt_outbox_destroy(&outbox);
    assert_null(outbox);
    tt_outbox_destroy(&outbox);
}

TEST(a_message_needs_no_payload)
{
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 100);
    tt_message_t message = tt_message(TT_MSG_STATUS, 5);
    tt_outbox_send(outbox, &message, NULL);
    assert_int_equal(tt_packet_read(&packet, dealer, false), 1);
    check_message(&packet.header, "\x92\x05\x05");
    assert_int_equal(packet.payload.count, 0);
    tt_packet_release(&packet);
    tt_outbox_destroy(&outbox);
}

static void on_read(void *arg, void *socket)
{
    uint64_t *next = arg;
    assert_int_equal(read_number(socket, socket == router), *next);
    ++*next;
}

/* Sends far more than the queues hold while nobody reads; then somebody does. */
static void check_slow_reader(void *from, void *to, tt_span_t to_route)
{
    enum { COUNT = 500 };
    tt_outbox_t *outbox = tt_outbox_new(loop, from, to_route, 300000);
    uint64_t next = 1;
    for (uint64_t i = 1; i <= COUNT; i++) {
        size_t before = tt_outbox_bytes(outbox);
        send_number(outbox, i, 1000);
        assert_true(before == 0 || tt_outbox_bytes(outbox) > before + 1000);
        assert_int_equal(tt_outbox_full(outbox), tt_outbox_bytes(outbox) > 300000);
    }
    assert_true(tt_outbox_full(outbox));
    tt_loop_add_zmq(loop, to, on_read, &next);
    assert_comes(loop, next == COUNT + 1);
    assert_comes(loop, tt_outbox_bytes(outbox) == 0);
    assert_false(tt_outbox_full(outbox));
    send_number(outbox, COUNT + 1, 1);
    assert_comes(loop, next == COUNT + 2);
    tt_loop_remove_zmq(loop, to);
    tt_outbox_destroy(&outbox);
}

TEST(a_router_keeps_what_a_slow_peer_does_not_take_in_order)
{
    check_slow_reader(router, dealer, route);
}

TEST(a_dealer_keeps_what_a_slow_router_does_not_take_in_order)
{
    check_slow_reader(dealer, router, (tt_span_t){NULL, 0});
}

TEST(what_comes_later_waits_behind_what_waits_though_the_peer_takes_again)
{
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 1 << 20);
    uint64_t sent = 0, next = 1;
    while (tt_outbox_bytes(outbox) == 0)
        send_number(outbox, ++sent, 10);
    for (uint64_t number; (number = read_number(dealer, false)); next++)
        assert_int_equal(number, next);
    meet();                          /* the router sees that there is room, */
    send_number(outbox, ++sent, 10); /* but another came first */
    tt_loop_add_zmq(loop, dealer, on_read, &next);
    assert_comes(loop, next == sent + 1);
    tt_loop_remove_zmq(loop, dealer);
    tt_outbox_destroy(&outbox);
}

TEST(a_peer_that_nobody_knows_loses_its_messages_and_holds_nothing)
{
    tt_span_t nobody = {(const uint8_t *)"nobody", 6};
    tt_outbox_t *outbox = tt_outbox_new(loop, router, nobody, 0);
    for (uint64_t i = 1; i <= 100; i++)
        send_number(outbox, i, 1000);
    assert_int_equal(tt_outbox_bytes(outbox), 0);
    tt_outbox_destroy(&outbox);
}

static void never_called(void *arg, void *socket)
{
    (void)arg;
    (void)socket;
    fail_msg("nobody had sent anything");
}

TEST(a_peer_that_goes_while_messages_wait_loses_them)
{
    tt_loop_add_zmq(loop, router, never_called, NULL); /* the loop's look tells of its end */
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 1000);
    for (uint64_t i = 1; i <= 200; i++)
        send_number(outbox, i, 1000);
    assert_true(tt_outbox_full(outbox));
    zmq_close(dealer);
    dealer = NULL;
    assert_comes(loop, tt_outbox_bytes(outbox) == 0);
    tt_outbox_destroy(&outbox);
    tt_loop_remove_zmq(loop, router);
}

static void send_tagged(tt_outbox_t *outbox, uint64_t number, uint64_t whose)
{
    tt_message_t message = tt_message(TT_MSG_STATUS, number);
    tt_tag_t tag = {whose, number};
    tt_frames_copy(&frames, "payload", 7);
    tt_outbox_send_tagged(outbox, &message, &frames, whose ? &tag : NULL);
}

static void on_untaken(void *arg, const tt_tag_t *tag, tt_frames_t *message)
{
    assert_int_equal(message->count, 2);
    tt_buf_printf(arg, "%d.%d %.7s;", (int)tag->whose, (int)tag->which,
                  (const char *)tt_frames_span(message, 1).data);
}

TEST(tagged_messages_that_were_not_handed_over_are_taken_back_and_the_others_stay)
{
    tt_buf_t told;
    tt_buf_init(&told);
    meet();
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 1000);
    uint64_t number = 0;
    while (tt_outbox_bytes(outbox) == 0)
        send_number(outbox, ++number, 1000);
    send_tagged(outbox, 501, 7);
    send_tagged(outbox, 502, 0);
    send_tagged(outbox, 503, 8);
    tt_outbox_take_back(outbox, false, on_untaken, &told);
    assert_text(&told, "7.501 payload;8.503 payload;");
    told.len = 0;
    send_tagged(outbox, 504, 0);
    tt_outbox_take_back(outbox, false, on_untaken, &told);
    assert_int_equal(told.len, 0);
    for (uint64_t i = 1; i <= number; i++)
        assert_comes(loop, (int)read_number(dealer, false) == (int)i);
    assert_comes(loop, read_number(dealer, false) == 502);
    assert_comes(loop, read_number(dealer, false) == 504);
    tt_outbox_destroy(&outbox);
    tt_buf_release(&told);
}

TEST(tagged_messages_stay_until_the_peer_says_it_took_them)
{
    tt_buf_t told;
    tt_buf_init(&told);
    meet();
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 1000);
    for (uint64_t number = 1; number <= 5; number++)
        send_tagged(outbox, number, number == 2 ? 0 : 7);
    for (uint64_t number = 1; number <= 5; number++)
        assert_int_equal(read_number(dealer, false), number);
    assert_int_equal(tt_outbox_bytes(outbox), 0);
    assert_int_equal(tt_outbox_taken(outbox, 6), -1);
    assert_int_equal(tt_outbox_taken(outbox, 0), 0);
    tt_outbox_take_back(outbox, false, on_untaken, &told);
    assert_int_equal(told.len, 0);
    assert_int_equal(tt_outbox_taken(outbox, 3), 0); /* the second is not tagged, but counts */
    assert_int_equal(tt_outbox_taken(outbox, 1), 0); /* that is no news */
    tt_outbox_take_back(outbox, true, on_untaken, &told);
    assert_text(&told, "7.4 payload;7.5 payload;");
    told.len = 0;
    tt_outbox_take_back(outbox, true, on_untaken, &told);
    assert_int_equal(told.len, 0);
    tt_outbox_destroy(&outbox);
    tt_buf_release(&told);
}

TEST(what_was_not_taken_counts_as_what_waits)
{
    meet();
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 100);
    uint64_t number = 0;
    while (!tt_outbox_full(outbox)) {
        send_tagged(outbox, ++number, 7);
        assert_int_equal(read_number(dealer, false), number);
    }
    assert_true(number > 3 && number < 100);
    assert_int_equal(tt_outbox_taken(outbox, number - 1), 0);
    assert_false(tt_outbox_full(outbox));
    tt_outbox_destroy(&outbox); /* with one that was not taken */
}

TEST(a_tagged_message_waits_even_when_nobody_is_there)
{
    tt_buf_t told;
    tt_buf_init(&told);
    tt_outbox_t *outbox = tt_outbox_new(loop, router, SPAN("nobody"), 1000);
    bool never = false;
    send_tagged(outbox, 1, 0);
    send_tagged(outbox, 2, 7);
    send_tagged(outbox, 3, 7);
    tt_loop_run_until(loop, &never, 20);
    tt_outbox_take_back(outbox, false, on_untaken, &told);
    assert_text(&told, "7.2 payload;7.3 payload;");
    assert_int_equal(tt_outbox_bytes(outbox), 0);
    tt_outbox_destroy(&outbox);
    tt_buf_release(&told);
}

TEST(one_full_peer_does_not_hold_up_another)
{
    void *other = new_socket(ZMQ_DEALER, "other");
    tt_span_t other_route = {(const uint8_t *)"other", 5};
    meet();
    tt_outbox_t *full = tt_outbox_new(loop, router, route, 1000);
    tt_outbox_t *idle = tt_outbox_new(loop, router, other_route, 1000);
    for (uint64_t i = 1; i <= 100; i++)
        send_number(full, i, 1000);
    assert_true(tt_outbox_full(full));
    send_number(idle, 1, 10);
    assert_int_equal(read_number(other, false), 1);
    tt_outbox_destroy(&full);
    tt_outbox_destroy(&idle);
    zmq_close(other);
}

TEST(few_large_messages_wait_here_too_and_not_all_in_the_socket)
{
    enum { COUNT = 60, SIZE = 1 << 20 };
    void *wide = tt_socket_new(context, ZMQ_ROUTER, "inproc://wide", &err);
    void *peer = tt_socket_new(context, ZMQ_DEALER, "inproc://wide", &err);
    uint64_t next = 1;
    send_raw(peer, "hello", false);
    assert_int_equal(tt_packet_read(&packet, wide, true), 1);
    tt_span_t its = {zmq_msg_data(&packet.route), zmq_msg_size(&packet.route)};
    tt_outbox_t *outbox = tt_outbox_new(loop, wide, its, 20 * SIZE);
    tt_packet_release(&packet);
    for (uint64_t i = 1; i <= COUNT; i++) {
        tt_message_t message = tt_message(TT_MSG_STATUS, i);
        tt_frames_lend(&frames, calloc(1, SIZE), SIZE, free_data, NULL);
        tt_outbox_send(outbox, &message, &frames);
    }
    assert_true(tt_outbox_bytes(outbox) > (COUNT - 20) * SIZE);
    assert_true(tt_outbox_full(outbox));
    tt_loop_add_zmq(loop, peer, on_read, &next);
    assert_comes(loop, next == COUNT + 1);
    assert_int_equal(tt_outbox_bytes(outbox), 0);
    tt_loop_remove_zmq(loop, peer);
    tt_outbox_destroy(&outbox); /* before what it sent has left */
    tt_socket_close(peer, 0);
    tt_socket_close(wide, 0);
}

static void stop(void *arg)
{
    (void)arg;
    tt_loop_stop(loop);
}

TEST(an_outbox_destroyed_while_messages_wait_leaves_nothing_behind)
{
    tt_outbox_t *outbox = tt_outbox_new(loop, router, route, 1000);
    for (uint64_t i = 1; i <= 100; i++)
        send_number(outbox, i, 1000);
    tt_outbox_destroy(&outbox);
    tt_loop_add_timer(loop, 20, stop, NULL);
    tt_loop_run(loop); /* its retry must not come */
}

/* ---- sockets made for us */

TEST(an_address_that_is_none_is_refused_by_name)
{
    assert_null(tt_socket_new(context, ZMQ_ROUTER, "nonsense", &err));
    assert_says(&err, "cannot listen on 'nonsense'");
    assert_null(tt_socket_new(context, ZMQ_DEALER, "nonsense://x", &err));
    assert_says(&err, "cannot connect to 'nonsense://x'");
    assert_null(tt_socket_new(context, ZMQ_ROUTER, "inproc://router", &err));
    assert_says(&err, "in use");
    assert_null(tt_socket_new(context, 99, "inproc://x", &err));
    assert_says(&err, "cannot make a socket");
    tt_socket_close(NULL, 100);
}

TEST(a_router_made_for_us_tells_of_peers_that_are_not_there)
{
    void *socket = tt_socket_new(context, ZMQ_ROUTER, "inproc://second", &err);
    assert_non_null(socket);
    assert_int_equal(zmq_send(socket, "nobody", 6, ZMQ_SNDMORE | ZMQ_DONTWAIT), -1);
    assert_int_equal(zmq_errno(), EHOSTUNREACH);
    int64_t limit = 0;
    size_t size = sizeof limit;
    assert_int_equal(zmq_getsockopt(socket, ZMQ_MAXMSGSIZE, &limit, &size), 0);
    assert_true(limit >= (int64_t)TT_VALUE_LIMIT && limit < 2 * (int64_t)TT_VALUE_LIMIT);
    tt_socket_close(socket, 0);
}

#define EACH(name)   cmocka_unit_test_setup_teardown(name, begin, end)
#define SOCKET(name) cmocka_unit_test_setup_teardown(name, begin_sockets, end_sockets)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_frame_that_is_not_there_is_empty),
        EACH(many_frames_keep_their_order_and_bytes),
        EACH(a_shared_frame_is_the_same_memory_and_outlives_the_first),
        EACH(a_taken_message_is_empty_afterwards),
        EACH(lent_memory_is_given_back_once_when_the_last_reference_goes),
        EACH(a_buffer_becomes_a_frame_and_is_empty),
        SOCKET(nothing_to_read_is_told_apart_and_needs_no_release),
        SOCKET(a_message_of_one_empty_frame_has_an_empty_header),
        SOCKET(a_message_without_a_header_is_consumed_and_refused_with_its_route),
        SOCKET(
            a_message_with_too_many_frames_is_consumed_and_refused_and_the_next_one_is_whole),
        SOCKET(a_message_comes_with_route_header_and_payload),
        SOCKET(a_message_that_the_peer_takes_is_not_kept),
        SOCKET(a_message_needs_no_payload),
        SOCKET(a_router_keeps_what_a_slow_peer_does_not_take_in_order),
        SOCKET(a_dealer_keeps_what_a_slow_router_does_not_take_in_order),
        SOCKET(what_comes_later_waits_behind_what_waits_though_the_peer_takes_again),
        SOCKET(a_peer_that_nobody_knows_loses_its_messages_and_holds_nothing),
        SOCKET(a_peer_that_goes_while_messages_wait_loses_them),
        SOCKET(tagged_messages_that_were_not_handed_over_are_taken_back_and_the_others_stay),
        SOCKET(tagged_messages_stay_until_the_peer_says_it_took_them),
        SOCKET(what_was_not_taken_counts_as_what_waits),
        SOCKET(a_tagged_message_waits_even_when_nobody_is_there),
        SOCKET(one_full_peer_does_not_hold_up_another),
        SOCKET(few_large_messages_wait_here_too_and_not_all_in_the_socket),
        SOCKET(an_outbox_destroyed_while_messages_wait_leaves_nothing_behind),
        SOCKET(an_address_that_is_none_is_refused_by_name),
        SOCKET(a_router_made_for_us_tells_of_peers_that_are_not_there),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
