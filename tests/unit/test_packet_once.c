/* Unit test of share/packet: a socket that connects once; beside it one of the other kind, so
 * that we know when there was something to connect to. */
#include "scratch.h"

#include "packet.h"

#include <unistd.h>

static tt_loop_t *loop;
static void *context;
static tt_packet_t packet;
static tt_error_t err;
static char endpoint[PATH_MAX];
static void *bound, *once, *again, *watch, *watched;
static int count_read;

static int begin(void **unused)
{
    (void)unused;
    if (scratch_begin() != 0)
        return -1;
    loop = tt_loop_new();
    context = zmq_ctx_new();
    snprintf(endpoint, sizeof endpoint, "ipc://%s", scratch_path("socket"));
    bound = once = again = watch = watched = NULL;
    count_read = 0;
    return 0;
}

/* What a monitor tells that nobody reads is lost with its memory: it is stopped first. */
static void stop_watching(void)
{
    zmq_msg_t part;
    if (watch == NULL)
        return;
    zmq_socket_monitor(watched, NULL, 0);
    zmq_msg_init(&part);
    while (zmq_msg_recv(&part, watch, ZMQ_DONTWAIT) >= 0)
        ;
    zmq_msg_close(&part);
    tt_socket_close(watch, 0);
    watch = watched = NULL;
}

static int end(void **unused)
{
    (void)unused;
    stop_watching();
    tt_socket_close(bound, 0);
    tt_socket_close(once, 0);
    tt_socket_close(again, 0);
    zmq_ctx_term(context);
    tt_loop_destroy(&loop);
    return scratch_end();
}

static bool takes(void *socket, const char *text)
{
    return zmq_send(socket, text, strlen(text), ZMQ_DONTWAIT) >= 0;
}

/* Reads what waits; whether `text` was among it. */
static bool reads(void *socket, const char *text)
{
    bool found = false;
    for (; tt_packet_read(&packet, socket, true) == 1; count_read++) {
        found |= zmq_msg_size(&packet.header) == strlen(text) &&
                 memcmp(zmq_msg_data(&packet.header), text, strlen(text)) == 0;
        tt_packet_release(&packet);
    }
    return found;
}

/* From now on what a socket's connection does can be asked for. */
static void watch_socket(void *socket)
{
    assert_int_equal(zmq_socket_monitor(socket, "inproc://watch", ZMQ_EVENT_ALL), 0);
    watch = zmq_socket(context, ZMQ_PAIR);
    watched = socket;
    assert_int_equal(zmq_connect(watch, "inproc://watch"), 0);
}

/* All ZMQ_EVENT_... of it since it was asked last. */
static unsigned happened(void)
{
    unsigned all = 0;
    while (tt_packet_read(&packet, watch, false) == 1) {
        uint16_t event;
        memcpy(&event, zmq_msg_data(&packet.header), sizeof event);
        all |= event;
        tt_packet_release(&packet);
    }
    return all;
}

static void check_message(const zmq_msg_t *message, const char *text)
{
    assert_int_equal(zmq_msg_size((zmq_msg_t *)(uintptr_t)message), strlen(text));
    assert_memory_equal(zmq_msg_data((zmq_msg_t *)(uintptr_t)message), text, strlen(text));
}

TEST(an_address_to_connect_to_once_that_is_none_is_refused_by_name)
{
    assert_null(tt_socket_once(context, "nonsense", &err));
    assert_says(&err, "cannot connect to 'nonsense'");
    assert_null(tt_socket_once(context, "nonsense://x", &err));
    assert_says(&err, "cannot connect to 'nonsense://x'");
}

TEST(a_socket_that_connects_once_carries_both_ways)
{
    bound = tt_socket_new(context, ZMQ_ROUTER, endpoint, &err);
    once = tt_socket_once(context, endpoint, &err);
    assert_non_null(bound);
    assert_non_null(once);
    assert_true(takes(once, "hello"));
    assert_comes(loop, tt_packet_read(&packet, bound, true) == 1);
    check_message(&packet.header, "hello");
    zmq_send(bound, zmq_msg_data(&packet.route), zmq_msg_size(&packet.route), ZMQ_SNDMORE);
    zmq_send(bound, "welcome", 7, 0);
    tt_packet_release(&packet);
    assert_comes(loop, tt_packet_read(&packet, once, false) == 1);
    check_message(&packet.header, "welcome");
    tt_packet_release(&packet);
}

TEST(a_socket_that_connects_once_sends_something_now_and_then)
{
    int beat = 0;
    size_t size = sizeof beat;
    once = tt_socket_once(context, endpoint, &err);
    again = tt_socket_new(context, ZMQ_DEALER, endpoint, &err);
    assert_int_equal(zmq_getsockopt(once, ZMQ_HEARTBEAT_IVL, &beat, &size), 0);
    assert_int_equal(beat, TT_SOCKET_BEAT_MS);
    assert_int_equal(zmq_getsockopt(again, ZMQ_HEARTBEAT_IVL, &beat, &size), 0);
    assert_int_equal(beat, 0);
}

TEST(a_socket_that_connects_once_does_not_connect_again_to_who_binds_anew)
{
    unsigned seen = 0;
    bound = tt_socket_new(context, ZMQ_ROUTER, endpoint, &err);
    again = tt_socket_new(context, ZMQ_DEALER, endpoint, &err);
    once = tt_socket_once(context, endpoint, &err);
    assert_true(takes(again, "again"));
    assert_comes(loop, reads(bound, "again"));
    assert_true(takes(once, "once"));
    assert_comes(loop, reads(bound, "once"));
    watch_socket(once);
    tt_socket_close(bound, 0);
    bound = NULL;
    assert_comes(loop, (seen |= happened()) & ZMQ_EVENT_DISCONNECTED);
    bound = tt_socket_new(context, ZMQ_ROUTER, endpoint, &err);
    assert_non_null(bound);
    assert_comes(loop, takes(again, "back") && reads(bound, "back"));
    seen |= happened();
    assert_false(seen & (ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CONNECTED));
    assert_false(takes(once, "for nobody"));
}

TEST(a_socket_that_connects_once_does_not_wait_for_who_is_not_there_yet)
{
    once = tt_socket_once(context, endpoint, &err);
    again = tt_socket_new(context, ZMQ_DEALER, endpoint, &err);
    watch_socket(again);
    takes(once, "once");
    takes(again, "again");
    /* when the second one has found nobody, the first one has: they are tried in order */
    assert_comes(loop, happened() & ZMQ_EVENT_CONNECT_RETRIED);
    bound = tt_socket_new(context, ZMQ_ROUTER, endpoint, &err);
    assert_non_null(bound);
    assert_comes(loop, reads(bound, "again"));
    takes(again, "and more");
    assert_comes(loop, reads(bound, "and more"));
    assert_int_equal(count_read, 2); /* nothing of the first one */
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(an_address_to_connect_to_once_that_is_none_is_refused_by_name),
        EACH(a_socket_that_connects_once_carries_both_ways),
        EACH(a_socket_that_connects_once_sends_something_now_and_then),
        EACH(a_socket_that_connects_once_does_not_connect_again_to_who_binds_anew),
        EACH(a_socket_that_connects_once_does_not_wait_for_who_is_not_there_yet),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
