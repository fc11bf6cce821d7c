/* Unit test of share/loop as it is run by whoever has noticed that something has come: its
 * descriptor, the time that is left, and running what is ready without waiting. */
#include "scratch.h"

#include "loop.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <zmq.h>

static tt_loop_t *loop;
static int fd[2], called;

static int begin(void **unused)
{
    (void)unused;
    loop = tt_loop_new();
    called = 0;
    return pipe(fd);
}

static int end(void **unused)
{
    (void)unused;
    tt_loop_destroy(&loop);
    close(fd[0]);
    close(fd[1]);
    return 0;
}

/* Whether its descriptor is readable, within so many milliseconds. */
static bool readable(int ms)
{
    struct pollfd wanted = {.fd = tt_loop_fd(loop), .events = POLLIN};
    return poll(&wanted, 1, ms) == 1;
}

static void on_byte(void *arg, int from, uint32_t events)
{
    char byte;
    (void)arg;
    (void)events;
    assert_int_equal(read(from, &byte, 1), 1);
    called++;
}

static void on_timer(void *arg)
{
    (void)arg;
    called++;
}

TEST(its_descriptor_tells_that_something_is_there_until_that_was_handled)
{
    tt_loop_add_fd(loop, fd[0], EPOLLIN, on_byte, NULL);
    assert_false(readable(0));
    assert_int_equal(write(fd[1], "abc", 3), 3);
    assert_true(readable(10000));
    tt_loop_run_ready(loop);
    assert_int_equal(called, 3);
    assert_false(readable(0));
    tt_loop_run_ready(loop);
    assert_int_equal(called, 3);
}

TEST(timers_that_are_due_are_run_and_the_next_one_is_told)
{
    assert_int_equal(tt_loop_due_ms(loop), -1);
    tt_loop_add_timer(loop, 0, on_timer, NULL);
    uint64_t later = tt_loop_add_timer(loop, 5000, on_timer, NULL);
    assert_int_equal(tt_loop_due_ms(loop), 0);
    tt_loop_run_ready(loop);
    assert_int_equal(called, 1);
    assert_in_range(tt_loop_due_ms(loop), 1, 5000);
    tt_loop_cancel_timer(loop, later);
    assert_int_equal(tt_loop_due_ms(loop), -1);
}

static void on_stop(void *arg, int from, uint32_t events)
{
    on_byte(arg, from, events);
    tt_loop_stop(loop);
}

TEST(a_handler_stops_it_and_the_next_time_it_goes_on)
{
    tt_loop_add_fd(loop, fd[0], EPOLLIN, on_stop, NULL);
    assert_int_equal(write(fd[1], "ab", 2), 2);
    tt_loop_run_ready(loop);
    assert_int_equal(called, 1);
    assert_true(readable(0));
    tt_loop_run_ready(loop);
    assert_int_equal(called, 2);
}

/* ---- ZeroMQ, whose descriptor tells of an edge */

static void *context, *near, *far;

static void on_message(void *arg, void *socket)
{
    char text[8];
    (void)arg;
    if (zmq_recv(socket, text, sizeof text, ZMQ_DONTWAIT) >= 0)
        called++;
}

static void *send_from_there(void *arg)
{
    for (int i = 0; i < *(int *)arg; i++) {
        assert_int_equal(zmq_send(far, "x", 1, 0), 1);
        usleep((useconds_t)(rand() % 100));
    }
    return NULL;
}

/* Whoever sends may take the edge; here the loop is run by others in turns, too. */
TEST(no_message_is_missed_whoever_runs_it)
{
    int count = 2000;
    pthread_t thread;
    context = zmq_ctx_new();
    near = zmq_socket(context, ZMQ_PAIR);
    far = zmq_socket(context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(near, "inproc://pair"), 0);
    assert_int_equal(zmq_connect(far, "inproc://pair"), 0);
    tt_loop_add_zmq(loop, near, on_message, NULL);
    tt_loop_run_ready(loop);
    assert_int_equal(pthread_create(&thread, NULL, send_from_there, &count), 0);
    while (called < count) {
        bool never = false;
        if (!readable(10000))
            fail_msg("%d of %d have come", called, count);
        if (called % 3)
            tt_loop_run_ready(loop);
        else
            tt_loop_run_until(loop, &never, 1);
        if (called % 5 == 0)
            zmq_send(near, "y", 1, ZMQ_DONTWAIT);
        tt_loop_run_ready(loop);
    }
    pthread_join(thread, NULL);
    tt_loop_remove_zmq(loop, near);
    zmq_close(near);
    zmq_close(far);
    zmq_ctx_term(context);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON(its_descriptor_tells_that_something_is_there_until_that_was_handled),
        ON(timers_that_are_due_are_run_and_the_next_one_is_told),
        ON(a_handler_stops_it_and_the_next_time_it_goes_on),
        ON(no_message_is_missed_whoever_runs_it),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
