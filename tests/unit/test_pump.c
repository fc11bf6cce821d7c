/* Unit test of share/pump: bytes both ways whatever the two ends are, held up by a reader that
 * takes nothing, and the end of either side. */
#include "scratch.h"

#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static tt_loop_t *loop;
static tt_pump_t *pump;
static tt_pump_end_t ends[2]; /* the pump's side */
static tt_pump_end_t ours[2]; /* what the test reads from and writes to */
static tt_buf_t heard[2];
static struct {
    int count, end, error;
    bool destroy;         /* the pump, while it tells */
    tt_buf_t heard_by[2]; /* what each had heard when it was told */
} ended;

static const tt_pump_end_t none = {-1, -1};

static int begin(void **unused)
{
    sigset_t set;
    (void)unused;
    tt_signals_block(&set, 0); /* no SIGPIPE */
    loop = tt_loop_new();
    memset(&ended, 0, sizeof ended);
    for (int i = 0; i < 2; i++) {
        tt_buf_init(&heard[i]);
        ends[i] = ours[i] = none;
    }
    return 0;
}

static void close_end(tt_pump_end_t *end)
{
    if (end->in >= 0)
        close(end->in);
    if (end->out >= 0 && end->out != end->in)
        close(end->out);
    *end = none;
}

static int end(void **unused)
{
    (void)unused;
    tt_pump_destroy(&pump);
    for (int i = 0; i < 2; i++) {
        close_end(&ends[i]);
        close_end(&ours[i]);
        tt_buf_release(&heard[i]);
        tt_buf_release(&ended.heard_by[i]);
    }
    tt_loop_destroy(&loop);
    return 0;
}

/* ---- ends */

static void use_socket(int i)
{
    int fds[2], size = 32 << 10;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    for (int k = 0; k < 2; k++)
        assert_int_equal(setsockopt(fds[k], SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    ends[i] = (tt_pump_end_t){fds[0], fds[0]};
    ours[i] = (tt_pump_end_t){fds[1], fds[1]};
}

enum { PIPE_SIZE = 4096 };

static void use_pipes(int i)
{
    int to[2], from[2];
    assert_int_equal(pipe2(to, O_CLOEXEC), 0);
    assert_int_equal(pipe2(from, O_CLOEXEC), 0);
    fcntl(to[1], F_SETPIPE_SZ, PIPE_SIZE);
    fcntl(from[1], F_SETPIPE_SZ, PIPE_SIZE);
    fcntl(to[1], F_SETFL, O_NONBLOCK);
    fcntl(from[0], F_SETFL, O_NONBLOCK);
    ends[i] = (tt_pump_end_t){to[0], from[1]};
    ours[i] = (tt_pump_end_t){from[0], to[1]};
}

static void listen_to(int i)
{
    char block[4096];
    for (ssize_t got; ours[i].in >= 0 && (got = read(ours[i].in, block, sizeof block)) > 0;)
        tt_buf_append(&heard[i], block, (size_t)got);
}

static void on_ended(void *arg, int which, int error)
{
    assert_ptr_equal(arg, &ended);
    ended.count++;
    ended.end = which;
    ended.error = error;
    for (int i = 0; i < 2; i++) {
        listen_to(i);
        tt_buf_append(&ended.heard_by[i], heard[i].data, heard[i].len);
    }
    if (ended.destroy)
        tt_pump_destroy(&pump);
}

static void start(const void *ahead, size_t ahead_len)
{
    pump = tt_pump_new(loop, ends, ahead, ahead_len, on_ended, &ended);
}

static void start_sockets(void)
{
    use_socket(0);
    use_socket(1);
    start(NULL, 0);
}

static void say(int i, const char *text)
{
    assert_int_equal(write(ours[i].out, text, strlen(text)), (ssize_t)strlen(text));
}

static bool hears(int i, const char *text)
{
    listen_to(i);
    return strcmp(tt_buf_text(&heard[i]), text) == 0;
}

static bool was_heard(int i, const char *text)
{
    return strcmp(tt_buf_text(&ended.heard_by[i]), text) == 0;
}

/* Whether nothing that the loop watches is ready: then it sleeps. Its epoll descriptor is
 * readable while something is. */
static bool rests(void)
{
    char path[64], what[64];
    for (int fd = 0; fd < 256; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(path, what, sizeof what - 1);
        what[len > 0 ? len : 0] = 0;
        struct pollfd wait = {fd, POLLIN, 0};
        if (strcmp(what, "anon_inode:[eventpoll]") == 0)
            return poll(&wait, 1, 0) == 0;
    }
    fail_msg("the loop has no epoll descriptor");
    return false;
}

/* ---- nothing there */

TEST(a_pump_that_is_not_there_can_be_destroyed)
{
    tt_pump_destroy(&pump);
    assert_null(pump);
}

TEST(descriptors_stay_the_callers_and_do_not_block)
{
    use_socket(0);
    use_pipes(1);
    start(NULL, 0);
    tt_pump_destroy(&pump);
    assert_null(pump);
    const int fds[] = {ends[0].in, ends[1].in, ends[1].out};
    for (size_t i = 0; i < 3; i++)
        assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
    say(0, "nobody reads this");
    assert_true(rests());
    assert_int_equal(ended.count, 0);
}

/* ---- bytes */

TEST(bytes_go_both_ways)
{
    start_sockets();
    say(0, "from 0");
    say(1, "from 1");
    assert_comes(loop, hears(1, "from 0") && hears(0, "from 1"));
    say(0, ", more");
    assert_comes(loop, hears(1, "from 0, more"));
    assert_int_equal(ended.count, 0);
}

TEST(an_end_may_be_two_pipes)
{
    use_pipes(0);
    use_pipes(1);
    start(NULL, 0);
    say(0, "from 0");
    say(1, "from 1");
    assert_comes(loop, hears(1, "from 0") && hears(0, "from 1"));
    assert_int_equal(ended.count, 0);
}

TEST(an_end_may_be_two_pipes_and_the_other_one_socket)
{
    use_pipes(0);
    use_socket(1);
    start(NULL, 0);
    say(0, "from 0");
    say(1, "from 1");
    assert_comes(loop, hears(1, "from 0") && hears(0, "from 1"));
    assert_int_equal(ended.count, 0);
}

TEST(what_was_read_ahead_comes_first)
{
    use_socket(0);
    use_socket(1);
    say(0, ", then this");
    start("ahead", 5);
    assert_comes(loop, hears(1, "ahead, then this"));
    assert_true(hears(0, ""));
}

TEST(as_much_may_be_ahead_as_a_pump_holds)
{
    char *ahead = tt_alloc(TT_PUMP_HOLD);
    for (size_t i = 0; i < TT_PUMP_HOLD; i++)
        ahead[i] = (char)(i % 251);
    use_pipes(0);
    use_pipes(1);
    say(0, "then this");
    start(ahead, TT_PUMP_HOLD);
    assert_comes(loop, (listen_to(1), heard[1].len == TT_PUMP_HOLD + 9));
    assert_memory_equal(heard[1].data, ahead, TT_PUMP_HOLD);
    assert_memory_equal(heard[1].data + TT_PUMP_HOLD, "then this", 9);
    free(ahead);
}

TEST(when_an_end_was_heard_of_last_is_known)
{
    int64_t before = tt_now_ms();
    start_sockets();
    int64_t made[2] = {tt_pump_heard_ms(pump, 0), tt_pump_heard_ms(pump, 1)};
    assert_true(made[0] >= before && made[1] >= before && made[1] <= tt_now_ms());
    while (tt_now_ms() <= made[1]) /* the clock moves on */
        usleep(1000);
    before = tt_now_ms();
    say(0, "here");
    assert_comes(loop, hears(1, "here"));
    assert_true(tt_pump_heard_ms(pump, 0) >= before &&
                tt_pump_heard_ms(pump, 0) <= tt_now_ms());
    assert_true(tt_pump_heard_ms(pump, 1) ==
                made[1]); /* that it was told something is nothing */
}

/* ---- slow readers */

enum { STREAM_BYTES = 10 << 20, STEP = 3000 };

/* What one of our ends writes, and the other one reads in small steps. */
typedef struct {
    size_t sent, got, most; /* most: that was under way at once */
    bool same;
} stream_t;

static stream_t streams[2];

/* Every byte, and no short period. */
static uint8_t byte_at(size_t at)
{
    uint32_t x = (uint32_t)at * 2654435761u;
    return (uint8_t)(x >> 24 ^ x >> 11);
}

static void write_stream(stream_t *self, int fd)
{
    uint8_t block[16 << 10];
    size_t left = STREAM_BYTES - self->sent, len = left < sizeof block ? left : sizeof block;
    for (size_t i = 0; i < len; i++)
        block[i] = byte_at(self->sent + i);
    ssize_t put = len ? write(fd, block, len) : 0;
    if (put > 0)
        self->sent += (size_t)put;
    if (self->sent - self->got > self->most)
        self->most = self->sent - self->got;
}

static void read_stream(stream_t *self, int fd)
{
    uint8_t block[STEP];
    ssize_t len = read(fd, block, sizeof block);
    for (ssize_t i = 0; i < len; i++)
        self->same = self->same && block[i] == byte_at(self->got + (size_t)i);
    if (len > 0)
        self->got += (size_t)len;
}

static void on_ours(void *arg, int fd, uint32_t events)
{
    int i = fd == ours[1].in;
    (void)arg;
    if (events & EPOLLOUT)
        write_stream(&streams[i], fd);
    if (events & EPOLLIN)
        read_stream(&streams[!i], fd);
    bool more = streams[i].sent < STREAM_BYTES;
    tt_loop_add_fd(loop, fd, EPOLLIN | (more ? EPOLLOUT : 0), on_ours, NULL);
}

TEST(ten_megabytes_each_way_arrive_as_they_were_however_slow_the_readers)
{
    start_sockets();
    for (int i = 0; i < 2; i++) {
        streams[i] = (stream_t){.same = true};
        tt_loop_add_fd(loop, ours[i].in, EPOLLIN | EPOLLOUT, on_ours, NULL);
    }
    assert_comes(loop, streams[0].got == STREAM_BYTES && streams[1].got == STREAM_BYTES);
    for (int i = 0; i < 2; i++) {
        assert_true(streams[i].same);
        /* two sockets of 64 KiB each, and what the pump holds */
        assert_true(streams[i].most < 4 * TT_PUMP_HOLD);
        tt_loop_remove_fd(loop, ours[i].in);
    }
    assert_int_equal(ended.count, 0);
}

/* Writes to our end `i` until it is held up and the pump at rest; returns how much. */
static size_t fill(int i)
{
    static const char block[1000];
    size_t sent = 0;
    for (bool moves = true; moves;) {
        moves = false;
        for (ssize_t put; (put = write(ours[i].out, block, sizeof block)) > 0; moves = true)
            sent += (size_t)put;
        assert_comes(loop, rests());
    }
    return sent;
}

TEST(a_writer_is_held_up_when_nobody_reads_and_goes_on_when_somebody_does)
{
    use_pipes(0);
    use_pipes(1);
    start(NULL, 0);
    size_t sent = fill(0);
    assert_true(sent >= TT_PUMP_HOLD);
    assert_true(sent <= TT_PUMP_HOLD + 2 * PIPE_SIZE);
    say(1, "the other way is free");
    assert_comes(loop, hears(0, "the other way is free"));
    assert_comes(loop, (listen_to(1), heard[1].len == sent));
    heard[1].len = 0;
    say(0, "on it goes");
    assert_comes(loop, hears(1, "on it goes"));
}

/* ---- ends */

TEST(an_end_that_closes_is_told_once)
{
    for (int which = 0; which < 2; which++) {
        start_sockets();
        close_end(&ours[which]);
        assert_comes(loop, ended.count == 1);
        assert_int_equal(ended.end, which);
        assert_int_equal(ended.error, 0);
        close_end(&ours[!which]);
        assert_true(rests());
        assert_int_equal(ended.count, 1);
        end(NULL);
        begin(NULL);
    }
}

/* Allows anything until a "!" comes. */
static bool is_calm(void *arg, tt_span_t bytes)
{
    size_t *shown = arg;
    *shown += bytes.len;
    return memchr(bytes.data, '!', bytes.len) == NULL;
}

TEST(what_is_not_allowed_is_not_passed_on_and_ends_the_pump)
{
    size_t shown = 0;
    start_sockets();
    tt_pump_set_check(pump, 0, is_calm, &shown);
    say(1, "what the other end says! is nobody's business");
    assert_comes(loop, hears(0, "what the other end says! is nobody's business"));
    say(0, "calm");
    assert_comes(loop, hears(1, "calm"));
    assert_int_equal(ended.count, 0);
    say(0, "not calm!");
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 0);
    assert_int_equal(ended.error, EPROTO);
    assert_int_equal(shown, strlen("calm") + strlen("not calm!"));
    assert_true(was_heard(1, "calm"));
}

TEST(an_end_that_only_stops_sending_has_closed_as_well)
{
    start_sockets();
    say(1, "last words");
    shutdown(ours[1].out, SHUT_WR);
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 1);
    assert_int_equal(ended.error, 0);
    assert_true(was_heard(0, "last words"));
}

TEST(what_an_end_had_sent_before_it_closed_is_passed_on_before_that_is_told)
{
    start_sockets();
    say(0, "last words");
    close_end(&ours[0]);
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 0);
    assert_true(was_heard(1, "last words"));
}

TEST(what_was_read_ahead_is_passed_on_though_its_end_has_closed_already)
{
    use_socket(0);
    use_socket(1);
    close_end(&ours[0]);
    start("ahead", 5);
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 0);
    assert_true(was_heard(1, "ahead"));
}

/* The one that closed is at its end, the other takes nothing: nothing is to be done, and the
 * loop must not turn meanwhile. */
static void check_stuck(void)
{
    start(NULL, 0);
    size_t sent = fill(0);
    close_end(&ours[0]);
    assert_comes(loop, rests());
    assert_int_equal(ended.count, 0);
    assert_comes(loop, (listen_to(1), ended.count == 1));
    assert_int_equal(ended.end, 0);
    assert_int_equal(ended.error, 0);
    assert_int_equal(ended.heard_by[1].len, sent);
}

TEST(while_a_slow_reader_has_the_rest_of_a_closed_socket_the_loop_sleeps)
{
    use_socket(0);
    use_socket(1);
    check_stuck();
}

TEST(while_a_slow_reader_has_the_rest_of_a_closed_pipe_the_loop_sleeps)
{
    use_pipes(0);
    use_pipes(1);
    check_stuck();
}

TEST(an_end_that_takes_nothing_any_more_is_told_with_the_reason)
{
    use_pipes(0);
    use_pipes(1);
    start(NULL, 0);
    close(ours[1].in); /* its way in; it may still send */
    ours[1].in = -1;
    assert_true(rests()); /* nothing is wanted of it */
    say(1, "still here");
    assert_comes(loop, hears(0, "still here"));
    assert_int_equal(ended.count, 0);
    say(0, "for nobody");
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 1);
    assert_int_equal(ended.error, EPIPE);
    assert_true(rests());
}

TEST(a_socket_that_closes_while_bytes_for_it_are_under_way_is_told)
{
    start_sockets();
    fill(0);
    close_end(&ours[1]);
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 1);
    assert_true(ended.error == EPIPE || ended.error == ECONNRESET);
    assert_true(rests());
}

TEST(an_end_that_closes_without_having_read_all_is_told_behind_its_last_words)
{
    start_sockets();
    say(0, "it will not read this");
    struct pollfd wait = {ours[1].in, POLLIN, 0};
    assert_comes(loop, poll(&wait, 1, 0) == 1);
    say(1, "last words");
    close_end(&ours[1]);
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.end, 1);
    assert_int_equal(ended.error, ECONNRESET);
    assert_true(was_heard(0, "last words"));
}

TEST(a_pump_that_has_told_of_an_end_does_nothing_more)
{
    start_sockets();
    close_end(&ours[0]);
    assert_comes(loop, ended.count == 1);
    say(1, "too late");
    assert_true(rests());
    assert_true(hears(1, ""));
    close_end(&ours[1]);
    assert_true(rests());
    assert_int_equal(ended.count, 1);
}

/* ---- ugly orders */

TEST(a_pump_may_be_destroyed_while_it_tells_of_an_end)
{
    start_sockets();
    ended.destroy = true;
    say(0, "one");
    say(1, "two");
    close_end(&ours[0]); /* both have something in this turn */
    shutdown(ours[1].out, SHUT_WR);
    assert_comes(loop, ended.count == 1);
    assert_null(pump);
    assert_true(rests());
    assert_true(was_heard(1, "one"));
    assert_int_equal(ended.count, 1);
}

TEST(a_pump_may_be_destroyed_while_it_tells_of_a_failure)
{
    use_pipes(0);
    use_pipes(1);
    start(NULL, 0);
    ended.destroy = true;
    say(0, "for nobody");
    say(1, "two");
    close(ours[1].in);
    ours[1].in = -1;
    assert_comes(loop, ended.count == 1);
    assert_int_equal(ended.error, EPIPE);
    assert_null(pump);
    assert_true(rests());
}

TEST(a_pump_that_is_destroyed_while_bytes_are_under_way_leaves_nothing_behind)
{
    start_sockets();
    fill(0);
    fill(1);
    tt_pump_destroy(&pump);
    listen_to(0);
    listen_to(1);
    assert_true(rests());
    assert_int_equal(ended.count, 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_pump_that_is_not_there_can_be_destroyed),
        EACH(descriptors_stay_the_callers_and_do_not_block),
        EACH(bytes_go_both_ways),
        EACH(an_end_may_be_two_pipes),
        EACH(an_end_may_be_two_pipes_and_the_other_one_socket),
        EACH(what_was_read_ahead_comes_first),
        EACH(as_much_may_be_ahead_as_a_pump_holds),
        EACH(when_an_end_was_heard_of_last_is_known),
        EACH(ten_megabytes_each_way_arrive_as_they_were_however_slow_the_readers),
        EACH(a_writer_is_held_up_when_nobody_reads_and_goes_on_when_somebody_does),
        EACH(an_end_that_closes_is_told_once),
        EACH(what_is_not_allowed_is_not_passed_on_and_ends_the_pump),
        EACH(an_end_that_only_stops_sending_has_closed_as_well),
        EACH(what_an_end_had_sent_before_it_closed_is_passed_on_before_that_is_told),
        EACH(what_was_read_ahead_is_passed_on_though_its_end_has_closed_already),
        EACH(while_a_slow_reader_has_the_rest_of_a_closed_socket_the_loop_sleeps),
        EACH(while_a_slow_reader_has_the_rest_of_a_closed_pipe_the_loop_sleeps),
        EACH(an_end_that_takes_nothing_any_more_is_told_with_the_reason),
        EACH(a_socket_that_closes_while_bytes_for_it_are_under_way_is_told),
        EACH(an_end_that_closes_without_having_read_all_is_told_behind_its_last_words),
        EACH(a_pump_that_has_told_of_an_end_does_nothing_more),
        EACH(a_pump_may_be_destroyed_while_it_tells_of_an_end),
        EACH(a_pump_may_be_destroyed_while_it_tells_of_a_failure),
        EACH(a_pump_that_is_destroyed_while_bytes_are_under_way_leaves_nothing_behind),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
