/* Unit test of share/loop: orders of timers, descriptors that change within a turn, ZeroMQ's
 * edges, signals, and waits with a deadline. */
#include "scratch.h"

#include "loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

static tt_loop_t *loop;
static int order[4096], fired; /* what was called, by number */

static int begin(void **unused)
{
    (void)unused;
    loop = tt_loop_new();
    fired = 0;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tt_loop_destroy(&loop);
    return loop == NULL ? 0 : -1;
}

static void note(void *arg)
{
    order[fired++] = (int)(intptr_t)arg;
}

static void stop(void *arg)
{
    (void)arg;
    tt_loop_stop(loop);
}

static void *number(int value)
{
    return (void *)(intptr_t)value;
}

/* Runs everything that is due now. */
static void settle(void)
{
    tt_loop_add_timer(loop, 0, stop, NULL);
    tt_loop_run(loop);
}

/* ---- nothing there */

TEST(what_is_not_there_can_be_removed_and_destroyed)
{
    tt_loop_t *none = NULL;
    tt_loop_destroy(&none);
    tt_loop_remove_fd(loop, -1);
    tt_loop_remove_fd(loop, 0);
    tt_loop_remove_fd(loop, 100000);
    tt_loop_remove_zmq(loop, &none);
    tt_loop_cancel_timer(loop, 0);
    tt_loop_cancel_timer(loop, 12345);
    settle();
    assert_int_equal(fired, 0);
}

/* ---- timers; a time in the past makes the order independent of how fast we are */

TEST(timers_fire_in_the_order_of_their_times)
{
    tt_loop_add_timer(loop, -1000, note, number(3));
    tt_loop_add_timer(loop, -3000000, note, number(1));
    tt_loop_add_timer(loop, -2000000, note, number(2));
    settle();
    assert_int_equal(fired, 3);
    for (int i = 0; i < 3; i++)
        assert_int_equal(order[i], i + 1);
}

TEST(timers_of_one_time_fire_in_the_order_they_were_set)
{
    for (int i = 0; i < 100; i++)
        tt_loop_add_timer(loop, 0, note, number(i));
    settle();
    assert_int_equal(fired, 100);
    for (int i = 0; i < 100; i++)
        assert_int_equal(order[i], i);
}

TEST(a_thousand_timers_in_any_order_fire_sorted_without_those_cancelled)
{
    uint64_t ids[1000];
    int kept = 0;
    srand(3);
    for (int i = 0; i < 1000; i++) {
        int place = (i * 387) % 1000; /* each once */
        ids[i] = tt_loop_add_timer(loop, (place - 2000) * 100000, note, number(place));
        assert_true(ids[i] != 0);
    }
    for (int i = 0; i < 1000; i++) {
        if (rand() % 2 == 0)
            tt_loop_cancel_timer(loop, ids[i]);
        else
            kept++;
    }
    settle();
    assert_int_equal(fired, kept);
    for (int i = 1; i < kept; i++)
        assert_true(order[i - 1] < order[i]);
}

static uint64_t victim;

static void cancel_victim(void *arg)
{
    note(arg);
    tt_loop_cancel_timer(loop, victim);
}

TEST(a_timer_cancelled_by_an_earlier_handler_does_not_fire)
{
    tt_loop_add_timer(loop, -2000000, cancel_victim, number(1));
    victim = tt_loop_add_timer(loop, -1000000, note, number(2));
    tt_loop_add_timer(loop, -500000, note, number(3));
    settle();
    assert_int_equal(fired, 2);
    assert_int_equal(order[1], 3);
}

TEST(a_handler_may_cancel_itself_and_those_that_have_fired)
{
    victim = tt_loop_add_timer(loop, -1000000, cancel_victim, number(1));
    settle();
    tt_loop_add_timer(loop, -1000000, note, number(2));
    tt_loop_cancel_timer(loop, victim); /* must not meet the new one */
    settle();
    assert_int_equal(fired, 2);
}

TEST(a_timer_never_fires_before_its_time)
{
    bool never = false;
    int64_t began = tt_now_ms();
    tt_loop_add_timer(loop, 30, stop, NULL);
    assert_false(tt_loop_run_until(loop, &never, 10000));
    assert_true(tt_now_ms() - began >= 30);
}

TEST(a_timer_for_the_end_of_time_stays_away)
{
    uint64_t id = tt_loop_add_timer(loop, INT64_MAX, note, number(1));
    settle();
    assert_int_equal(fired, 0);
    tt_loop_cancel_timer(loop, id);
}

static int again_fd[2], fired_when_ready;

static void again(void *arg)
{
    note(arg);
    if (fired == 1)
        assert_int_equal(write(again_fd[1], "x", 1), 1);
    if (fired < 4000)
        tt_loop_add_timer(loop, 0, again, arg);
}

static void stop_fd(void *arg, int fd, uint32_t events)
{
    (void)arg;
    (void)fd;
    (void)events;
    fired_when_ready = fired;
    tt_loop_stop(loop);
}

TEST(a_timer_that_sets_itself_again_does_not_hold_the_loop)
{
    assert_int_equal(pipe2(again_fd, O_CLOEXEC), 0);
    tt_loop_add_fd(loop, again_fd[0], EPOLLIN, stop_fd, NULL);
    tt_loop_add_timer(loop, 0, again, NULL);
    tt_loop_run(loop);
    assert_int_equal(fired_when_ready, 1);
    tt_loop_remove_fd(loop, again_fd[0]);
    close(again_fd[0]);
    close(again_fd[1]);
}

/* ---- descriptors */

typedef struct {
    int fd[2];
    int calls;
    uint32_t events;
    void (*also)(void);
} watched_t;

static watched_t a, b;

static void open_watched(watched_t *self)
{
    memset(self, 0, sizeof *self);
    assert_int_equal(pipe2(self->fd, O_CLOEXEC | O_NONBLOCK), 0);
}

static void close_watched(watched_t *self)
{
    tt_loop_remove_fd(loop, self->fd[0]);
    close(self->fd[0]);
    close(self->fd[1]);
}

static void on_ready(void *arg, int fd, uint32_t events)
{
    watched_t *self = arg;
    assert_int_equal(fd, self->fd[0]);
    self->calls++;
    self->events = events;
    if (self->also)
        self->also();
}

static void on_ready_other(void *arg, int fd, uint32_t events)
{
    (void)fd;
    (void)events;
    ((watched_t *)arg)->calls += 100;
}

static void poke(const watched_t *self)
{
    assert_int_equal(write(self->fd[1], "x", 1), 1);
}

static void take(const watched_t *self)
{
    char byte;
    assert_int_equal(read(self->fd[0], &byte, 1), 1);
}

/* One turn: everything that is ready is called once. */
static void one_turn(void)
{
    bool never = false;
    tt_loop_add_timer(loop, -1000, stop, NULL);
    tt_loop_run_until(loop, &never, 10000);
}

TEST(a_descriptor_is_called_for_while_it_is_ready)
{
    open_watched(&a);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    one_turn();
    assert_int_equal(a.calls, 0);
    poke(&a);
    one_turn();
    one_turn();
    assert_int_equal(a.calls, 2);
    assert_true(a.events & EPOLLIN);
    take(&a);
    one_turn();
    assert_int_equal(a.calls, 2);
    close_watched(&a);
}

TEST(a_second_watch_replaces_the_first)
{
    open_watched(&a);
    poke(&a);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready_other, &a);
    one_turn();
    assert_int_equal(a.calls, 100);
    tt_loop_add_fd(loop, a.fd[0], EPOLLOUT, on_ready_other, &a); /* a read end never is */
    one_turn();
    assert_int_equal(a.calls, 100);
    close_watched(&a);
}

TEST(a_removed_descriptor_is_not_called_for)
{
    open_watched(&a);
    poke(&a);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    tt_loop_remove_fd(loop, a.fd[0]);
    tt_loop_remove_fd(loop, a.fd[0]);
    one_turn();
    assert_int_equal(a.calls, 0);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    one_turn();
    assert_int_equal(a.calls, 1);
    close_watched(&a);
}

static void remove_both(void)
{
    tt_loop_remove_fd(loop, a.fd[0]);
    tt_loop_remove_fd(loop, b.fd[0]);
}

TEST(what_a_handler_removes_is_not_called_for_in_the_same_turn)
{
    open_watched(&a);
    open_watched(&b);
    a.also = b.also = remove_both;
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    tt_loop_add_fd(loop, b.fd[0], EPOLLIN, on_ready, &b);
    poke(&a);
    poke(&b);
    one_turn();
    assert_int_equal(a.calls + b.calls, 1); /* whichever came first */
    close_watched(&a);
    close_watched(&b);
}

static watched_t fresh;

/* The other one's descriptor is closed, and its number is that of a new pipe, watched, too. */
static void reuse_number(void)
{
    int one[2];
    watched_t *other = a.calls ? &b : &a;
    tt_loop_remove_fd(loop, other->fd[0]);
    assert_int_equal(pipe2(one, O_CLOEXEC | O_NONBLOCK), 0);
    assert_int_equal(dup2(one[0], other->fd[0]), other->fd[0]);
    close(one[0]);
    close(other->fd[1]);
    fresh = (watched_t){.fd = {other->fd[0], one[1]}};
    tt_loop_add_fd(loop, fresh.fd[0], EPOLLIN, on_ready, &fresh);
    a.also = b.also = NULL;
    other->fd[0] = other->fd[1] = -1;
}

TEST(an_event_of_a_closed_descriptor_does_not_meet_the_next_one_of_that_number)
{
    open_watched(&a);
    open_watched(&b);
    a.also = b.also = reuse_number;
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    tt_loop_add_fd(loop, b.fd[0], EPOLLIN, on_ready, &b);
    poke(&a);
    poke(&b);
    one_turn();
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(fresh.calls, 0);
    poke(&fresh);
    one_turn();
    assert_int_equal(fresh.calls, 1);
    close_watched(a.fd[0] < 0 ? &b : &a);
    close_watched(&fresh);
}

static void stop_now(void)
{
    tt_loop_stop(loop);
}

TEST(after_a_stop_nothing_more_is_called)
{
    open_watched(&a);
    open_watched(&b);
    a.also = b.also = stop_now;
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready, &a);
    tt_loop_add_fd(loop, b.fd[0], EPOLLIN, on_ready, &b);
    tt_loop_add_timer(loop, -1000, note, NULL);
    poke(&a);
    poke(&b);
    tt_loop_run(loop);
    assert_int_equal(a.calls + b.calls, 1);
    assert_int_equal(fired, 0);
    tt_loop_run(loop); /* a loop that was stopped can run again */
    assert_true(a.calls + b.calls >= 2);
    close_watched(&a);
    close_watched(&b);
}

/* ---- run_until */

static bool flag;

static void set_flag(void *arg)
{
    (void)arg;
    flag = true;
}

TEST(what_is_true_already_is_not_waited_for)
{
    flag = true;
    tt_loop_add_timer(loop, -1000, note, NULL);
    assert_true(tt_loop_run_until(loop, &flag, 0));
    assert_true(tt_loop_run_until(loop, &flag, -1));
    assert_int_equal(fired, 0);
}

TEST(a_wait_ends_when_a_handler_makes_it_true)
{
    flag = false;
    tt_loop_add_timer(loop, 1, set_flag, NULL);
    assert_true(tt_loop_run_until(loop, &flag, -1));
    flag = false;
    tt_loop_add_timer(loop, 1, set_flag, NULL);
    assert_true(tt_loop_run_until(loop, &flag, 10000));
}

TEST(a_wait_ends_at_its_deadline_and_not_before)
{
    int64_t began = tt_now_ms();
    flag = false;
    assert_false(tt_loop_run_until(loop, &flag, 20));
    assert_true(tt_now_ms() - began >= 20);
    assert_false(tt_loop_run_until(loop, &flag, 0));
}

static void wait_within(void *arg)
{
    note(arg);
    flag = false;
    tt_loop_add_timer(loop, 0, set_flag, NULL);
    assert_true(tt_loop_run_until(loop, &flag, 10000));
    note(arg);
}

TEST(a_handler_may_wait_on_its_own_loop)
{
    tt_loop_add_timer(loop, -1000, wait_within, number(1));
    one_turn();
    assert_int_equal(fired, 2);
}

/* ---- ZeroMQ */

static void *context, *near, *far; /* a pair within this process */
static int served, wanted;

static int begin_zmq(void **unused)
{
    if (begin(unused) != 0)
        return -1;
    context = zmq_ctx_new();
    near = zmq_socket(context, ZMQ_PAIR);
    far = zmq_socket(context, ZMQ_PAIR);
    served = wanted = 0;
    return zmq_bind(near, "inproc://near") | zmq_connect(far, "inproc://near");
}

static int end_zmq(void **unused)
{
    tt_loop_remove_zmq(loop, near);
    zmq_close(near);
    zmq_close(far);
    zmq_ctx_term(context);
    return end(unused);
}

static void on_zmq(void *arg, void *socket)
{
    char bytes[8];
    (void)arg;
    assert_ptr_equal(socket, near);
    assert_true(zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0);
    if (++served >= wanted)
        flag = true;
}

static void send_from(void *socket)
{
    assert_true(zmq_send(socket, "x", 1, ZMQ_DONTWAIT) == 1);
}

/* Waits until so many were served in all. Nothing else wakes the loop meanwhile, so a message
 * that it does not see stays unseen until the deadline. */
static void await_served(int count)
{
    wanted = count;
    flag = served >= count;
    assert_true(tt_loop_run_until(loop, &flag, 10000));
    assert_int_equal(served, count);
}

TEST(a_socket_is_served_for_each_message)
{
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    one_turn();
    assert_int_equal(served, 0);
    for (int i = 0; i < 500; i++)
        send_from(far);
    await_served(500);
}

TEST(what_had_come_before_the_socket_was_added_is_served)
{
    send_from(far);
    int events;
    size_t size = sizeof events;
    zmq_getsockopt(near, ZMQ_EVENTS, &events, &size); /* takes the edge */
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    await_served(1);
}

/* A message arrives, and a send on the same socket takes the edge of its descriptor, so that
 * epoll will not tell. */
static void lose_edge(void *arg)
{
    (void)arg;
    send_from(far);
    send_from(near);
}

TEST(a_message_whose_edge_was_taken_by_a_send_in_a_timer_is_served)
{
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    one_turn();
    for (int i = 1; i <= 50; i++) {
        tt_loop_add_timer(loop, 0, lose_edge, NULL);
        await_served(i);
    }
}

static void lose_edge_fd(void *arg, int fd, uint32_t events)
{
    (void)events;
    (void)fd;
    take(arg);
    lose_edge(NULL);
}

TEST(a_message_whose_edge_was_taken_by_a_send_in_another_handler_is_served)
{
    open_watched(&a);
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, lose_edge_fd, &a);
    for (int i = 1; i <= 50; i++) {
        poke(&a);
        await_served(i);
    }
    close_watched(&a);
}

static void on_second(void *arg, void *socket)
{
    char bytes[8];
    (void)arg;
    assert_true(zmq_recv(socket, bytes, sizeof bytes, ZMQ_DONTWAIT) >= 0);
    lose_edge(NULL);
}

/* The first socket has been looked at in this turn when the second one's handler does this. */
TEST(a_message_whose_edge_was_taken_by_a_send_in_another_sockets_handler_is_served)
{
    void *second = zmq_socket(context, ZMQ_PAIR), *its_far = zmq_socket(context, ZMQ_PAIR);
    assert_int_equal(zmq_bind(second, "inproc://second"), 0);
    assert_int_equal(zmq_connect(its_far, "inproc://second"), 0);
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    tt_loop_add_zmq(loop, second, on_second, NULL);
    for (int i = 1; i <= 50; i++) {
        send_from(its_far);
        await_served(i);
    }
    tt_loop_remove_zmq(loop, second);
    zmq_close(second);
    zmq_close(its_far);
}

static void on_zmq_and_answer(void *arg, void *socket)
{
    on_zmq(arg, socket);
    send_from(near);
    if (served < 900)
        send_from(far);
}

TEST(a_message_that_comes_while_its_own_handler_sends_is_served)
{
    tt_loop_add_zmq(loop, near, on_zmq_and_answer, NULL);
    send_from(far);
    await_served(900);
}

static int served_at_first_call;

static void on_ready_note(void *arg, int fd, uint32_t events)
{
    (void)events;
    (void)fd;
    take(arg);
    served_at_first_call = served;
    tt_loop_stop(loop);
}

TEST(a_flooded_socket_does_not_starve_a_descriptor)
{
    open_watched(&a);
    poke(&a);
    for (int i = 0; i < 900; i++)
        send_from(far);
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    tt_loop_add_fd(loop, a.fd[0], EPOLLIN, on_ready_note, &a);
    tt_loop_run(loop);
    assert_true(served_at_first_call <= 64);
    await_served(900);
    close_watched(&a);
}

static void on_zmq_and_leave(void *arg, void *socket)
{
    on_zmq(arg, socket);
    tt_loop_remove_zmq(loop, socket);
}

TEST(a_socket_removed_by_its_own_handler_is_not_served_again)
{
    send_from(far);
    send_from(far);
    tt_loop_add_zmq(loop, near, on_zmq_and_leave, NULL);
    one_turn();
    one_turn();
    assert_int_equal(served, 1);
    tt_loop_add_zmq(loop, near, on_zmq, NULL);
    await_served(2);
}

static void on_zmq_and_stop(void *arg, void *socket)
{
    on_zmq(arg, socket);
    tt_loop_stop(loop);
}

TEST(a_stop_ends_a_burst)
{
    for (int i = 0; i < 10; i++)
        send_from(far);
    tt_loop_add_zmq(loop, near, on_zmq_and_stop, NULL);
    tt_loop_run(loop);
    assert_int_equal(served, 1);
}

/* ---- signals, processes; each in a child, whose masks are its own */

static int seen[65];

static void on_signal(void *arg, const struct signalfd_siginfo *info)
{
    (void)arg;
    seen[info->ssi_signo]++;
    note(number((int)info->ssi_signo));
}

static int in_child(void (*fn)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        fn();
        _exit(7);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void raise_some(void)
{
    sigset_t set;
    tt_signals_block(&set, SIGUSR1, SIGTERM, 0);
    if (tt_loop_add_signals(loop, &set, on_signal, NULL) != 0)
        _exit(1);
    raise(SIGUSR1);
    raise(SIGTERM);
    raise(SIGPIPE); /* ignored */
    one_turn();
    if (fired != 2 || seen[SIGUSR1] != 1 || seen[SIGTERM] != 1)
        _exit(2);
    raise(SIGUSR1);
    one_turn();
    _exit(fired == 3 && seen[SIGUSR1] == 2 ? 0 : 3);
}

TEST(signals_are_read_as_events)
{
    assert_int_equal(in_child(raise_some), 0);
}

static void block_and_undo(void)
{
    sigset_t set, now;
    struct sigaction action;
    tt_signals_block(&set, SIGUSR1, SIGCHLD, SIGINT, 0);
    tt_signals_unblock();
    sigprocmask(SIG_BLOCK, NULL, &now);
    for (int i = 1; i < 32; i++)
        if (sigismember(&now, i))
            _exit(1);
    sigaction(SIGPIPE, NULL, &action);
    if (action.sa_handler != SIG_DFL)
        _exit(2);
    raise(SIGUSR1);
}

TEST(unblocking_makes_everything_default_again)
{
    assert_int_equal(in_child(block_and_undo), -SIGUSR1);
}

static void refuse_bad_descriptor(void)
{
    _exit(tt_pidfd_open(-1) == -1 && errno ? 0 : 1);
}

static void stop_and_remove(void *arg, int fd, uint32_t events)
{
    tt_loop_remove_fd(loop, fd);
    stop_fd(arg, fd, events);
}

TEST(the_end_of_a_process_is_an_event)
{
    int hold[2];
    assert_int_equal(in_child(refuse_bad_descriptor), 0);
    assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 0 : 1);
    }
    int fd = tt_pidfd_open(pid);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    tt_loop_add_fd(loop, fd, EPOLLIN, stop_and_remove, NULL);
    one_turn();
    assert_int_equal(waitpid(pid, NULL, WNOHANG), 0);
    close(hold[1]);
    tt_loop_run(loop);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), pid);
    close(hold[0]);
    close(fd);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define ZMQ(name)  cmocka_unit_test_setup_teardown(name, begin_zmq, end_zmq)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_is_not_there_can_be_removed_and_destroyed),
        EACH(timers_fire_in_the_order_of_their_times),
        EACH(timers_of_one_time_fire_in_the_order_they_were_set),
        EACH(a_thousand_timers_in_any_order_fire_sorted_without_those_cancelled),
        EACH(a_timer_cancelled_by_an_earlier_handler_does_not_fire),
        EACH(a_handler_may_cancel_itself_and_those_that_have_fired),
        EACH(a_timer_never_fires_before_its_time),
        EACH(a_timer_for_the_end_of_time_stays_away),
        EACH(a_timer_that_sets_itself_again_does_not_hold_the_loop),
        EACH(a_descriptor_is_called_for_while_it_is_ready),
        EACH(a_second_watch_replaces_the_first),
        EACH(a_removed_descriptor_is_not_called_for),
        EACH(what_a_handler_removes_is_not_called_for_in_the_same_turn),
        EACH(an_event_of_a_closed_descriptor_does_not_meet_the_next_one_of_that_number),
        EACH(after_a_stop_nothing_more_is_called),
        EACH(what_is_true_already_is_not_waited_for),
        EACH(a_wait_ends_when_a_handler_makes_it_true),
        EACH(a_wait_ends_at_its_deadline_and_not_before),
        EACH(a_handler_may_wait_on_its_own_loop),
        ZMQ(a_socket_is_served_for_each_message),
        ZMQ(what_had_come_before_the_socket_was_added_is_served),
        ZMQ(a_message_whose_edge_was_taken_by_a_send_in_a_timer_is_served),
        ZMQ(a_message_whose_edge_was_taken_by_a_send_in_another_handler_is_served),
        ZMQ(a_message_whose_edge_was_taken_by_a_send_in_another_sockets_handler_is_served),
        ZMQ(a_message_that_comes_while_its_own_handler_sends_is_served),
        ZMQ(a_flooded_socket_does_not_starve_a_descriptor),
        ZMQ(a_socket_removed_by_its_own_handler_is_not_served_again),
        ZMQ(a_stop_ends_a_burst),
        EACH(signals_are_read_as_events),
        EACH(unblocking_makes_everything_default_again),
        EACH(the_end_of_a_process_is_an_event),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
