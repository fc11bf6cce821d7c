/* Unit test of link/talk: lines in pieces, files behind lines, and a descriptor that becomes
 * somebody else's. */
#include "scratch.h"

#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static tt_loop_t *loop;
static talk_t *talk;
static int fd, far;   /* the talk's end and the other one */
static int file, out; /* what is sent, and where the rest is passed on to; -1 */
static tt_buf_t came; /* what came at the other end */
static struct {
    int lines, ends, progress;
    tt_buf_t text; /* every line, with a bar behind it */
    size_t longest;
    char why[256];
    bool with_reason, scribble;
    int stop_at, pass_at; /* at which line the talk is stopped, or passes on */
} got;

static void on_line(void *arg, char *line)
{
    size_t len = strlen(line);
    assert_ptr_equal(arg, &got);
    got.lines++;
    got.longest = len > got.longest ? len : got.longest;
    tt_buf_printf(&got.text, "%.100s|", line);
    if (got.scribble)
        memset(line, '#', len);
    if (got.lines == got.stop_at)
        talk_stop(talk);
    if (got.lines == got.pass_at)
        talk_pass_on(talk, out);
}

static void on_progress(void *arg)
{
    assert_ptr_equal(arg, &got);
    got.progress++;
}

static void on_end(void *arg, const char *why)
{
    assert_ptr_equal(arg, &got);
    got.ends++;
    got.with_reason = why != NULL;
    snprintf(got.why, sizeof got.why, "%s", why ? why : "");
}

static const talk_handlers_t handlers = {on_line, on_progress, on_end};

static int begin(void **unused)
{
    int fds[2];
    (void)unused;
    memset(&got, 0, sizeof got);
    tt_buf_init(&came);
    loop = tt_loop_new();
    file = out = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return -1;
    fd = fds[0];
    far = fds[1];
    fcntl(far, F_SETFL, O_NONBLOCK);
    talk = talk_new(loop, fd, &handlers, &got);
    return 0;
}

static void close_far(void)
{
    close(far);
    far = -1;
}

static int end(void **unused)
{
    const int fds[] = {fd, far, file, out};
    (void)unused;
    talk_destroy(&talk);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    tt_loop_destroy(&loop);
    tt_buf_release(&got.text);
    tt_buf_release(&came);
    return 0;
}

static void write_far(const void *data, size_t len)
{
    assert_int_equal(write(far, data, len), (ssize_t)len);
}

static void say_far(const char *text)
{
    write_far(text, strlen(text));
}

static void stop(void *arg)
{
    (void)arg;
    tt_loop_stop(loop);
}

/* Runs what is due now, and what that leads to. */
static void settle(void)
{
    for (int turn = 0; turn < 3; turn++) {
        tt_loop_add_timer(loop, 0, stop, NULL);
        tt_loop_run(loop);
    }
}

static void listen_far(void)
{
    char block[4096];
    for (ssize_t len; (len = read(far, block, sizeof block)) > 0;)
        tt_buf_append(&came, block, (size_t)len);
}

static bool came_far(const char *text)
{
    listen_far();
    return strcmp(tt_buf_text(&came), text) == 0;
}

#define assert_lines(expected) assert_comes(loop, strcmp(tt_buf_text(&got.text), expected) == 0)

/* A file with `len` bytes that have no short period; it is left at its end. */
static void make_file(size_t len)
{
    file = memfd_create("file", MFD_CLOEXEC);
    assert_true(file >= 0);
    uint32_t *block = tt_alloc(len + 4);
    for (size_t i = 0; i < len / 4 + 1; i++)
        block[i] = (uint32_t)i * 2654435761u;
    assert_int_equal(write(file, block, len), (ssize_t)len);
    free(block);
}

/* Whether `len` bytes of the file have come behind `before`, and nothing else. */
static void check_file_came(const char *before, size_t len)
{
    size_t skip = strlen(before);
    uint8_t *want = tt_alloc(len);
    assert_int_equal(came.len, skip + len);
    assert_int_equal(pread(file, want, len, 0), (ssize_t)len);
    assert_memory_equal(came.data, before, skip);
    assert_memory_equal(came.data + skip, want, len);
    free(want);
}

/* ---- nothing there */

TEST(a_talk_is_destroyed_twice_and_leaves_the_descriptor_open)
{
    talk_destroy(&talk);
    assert_null(talk);
    talk_destroy(&talk);
    say_far("nobody listens\n");
    settle();
    assert_true(fcntl(fd, F_GETFD) >= 0);
    assert_int_equal(got.lines + got.ends, 0);
}

TEST(a_line_over_the_limit_ends_it_and_nothing_more_is_read)
{
    char block[1024];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < TALK_LINE_MAX / 1024; i++) {
        write_far(block, sizeof block);
        settle();
    }
    assert_int_equal(got.ends, 0);
    write_far("x", 1);
    assert_comes(loop, got.ends == 1);
    assert_string_equal(got.why, "what it answers is not a line of text");
    say_far("\nanother line\n");
    close_far();
    settle();
    talk_drain(talk);
    assert_int_equal(got.lines, 0);
    assert_int_equal(got.ends, 1);
}

TEST(a_line_of_the_limit_is_still_one)
{
    char block[1024];
    memset(block, 'x', sizeof block);
    for (int i = 0; i < TALK_LINE_MAX / 1024; i++) {
        write_far(block, sizeof block);
        settle();
    }
    say_far("\nnext\n");
    assert_comes(loop, got.lines == 2);
    assert_int_equal(got.longest, TALK_LINE_MAX);
    assert_int_equal(got.ends, 0);
}

TEST(a_file_that_is_shorter_than_was_said_ends_it)
{
    make_file(1000);
    talk_send_file(talk, file, 1001);
    assert_comes(loop, got.ends == 1);
    assert_string_equal(got.why, "a file that was to be sent has been cut");
    listen_far();
    check_file_came("", 1000);
    settle();
    assert_int_equal(got.ends, 1);
}

TEST(a_file_that_is_cut_while_it_is_sent_ends_it)
{
    enum { SIZE = 1 << 20 };
    make_file(SIZE);
    talk_send_file(talk, file, SIZE);
    assert_comes(loop, got.progress > 0);
    assert_int_equal(ftruncate(file, 1), 0);
    assert_comes(loop, (listen_far(), got.ends == 1));
    assert_string_equal(got.why, "a file that was to be sent has been cut");
    assert_true(came.len < SIZE);
}

TEST(a_file_that_cannot_be_read_ends_it_with_the_reason)
{
    file = open("/dev/null", O_WRONLY | O_CLOEXEC);
    talk_send_file(talk, file, 10);
    assert_comes(loop, got.ends == 1);
    assert_string_equal(got.why, strerror(EBADF));
    say_far("a line\n");
    settle();
    assert_int_equal(got.lines, 0);
    assert_int_equal(got.ends, 1);
}

/* ---- lines that come */

TEST(a_line_that_comes_by_the_byte_is_told_whole)
{
    for (const char *at = "one line\n"; *at; at++) {
        assert_int_equal(got.lines, 0);
        write_far(at, 1);
        settle();
    }
    assert_lines("one line|");
}

TEST(several_lines_of_one_read_are_told_in_order_and_the_last_when_it_is_whole)
{
    say_far("one\ntwo\n\nfour\nfi");
    assert_lines("one|two||four|");
    settle();
    assert_int_equal(got.lines, 4);
    say_far("ve\n");
    assert_lines("one|two||four|five|");
}

TEST(the_end_of_a_line_may_have_a_carriage_return)
{
    say_far("one\r\ntwo\n\r\nfour\r");
    assert_lines("one|two||");
    say_far("\n");
    assert_lines("one|two||four|");
}

TEST(a_line_may_be_changed_by_whom_it_is_told)
{
    got.scribble = true;
    say_far("one\r\ntwo\nthree\n");
    assert_lines("one|two|three|");
}

TEST(many_lines_over_many_reads_are_all_told)
{
    char line[32];
    for (int i = 0; i < 20000; i++) {
        snprintf(line, sizeof line, "this is line %d\n", i);
        while (write(far, line, strlen(line)) < 0)
            settle();
    }
    assert_comes(loop, got.lines == 20000);
    assert_int_equal(got.longest, strlen("this is line 19999"));
}

/* ---- what is said */

TEST(lines_that_are_said_arrive_in_order_with_their_ends)
{
    talk_say(talk, "one");
    talk_say(talk, "");
    talk_say(talk, "three");
    assert_comes(loop, came_far("one\n\nthree\n"));
    talk_say(talk, "four");
    assert_comes(loop, came_far("one\n\nthree\nfour\n"));
    assert_int_equal(got.progress, 0);
}

TEST(saying_much_to_one_who_does_not_listen_never_waits)
{
    char line[1000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    for (int i = 0; i < 2000; i++)
        talk_say(talk, line);
    settle();
    say_far("the other way is free\n");
    assert_lines("the other way is free|");
    assert_comes(loop, (listen_far(), came.len == 2000 * sizeof line));
    assert_int_equal(got.ends, 0);
}

TEST(a_file_comes_behind_what_was_said_before_and_before_what_is_said_then)
{
    enum { SIZE = 1 << 20 };
    make_file(SIZE);
    talk_say(talk, "a file comes");
    talk_say(talk, "now");
    talk_send_file(talk, file, SIZE);
    assert_comes(loop, (listen_far(), came.len == strlen("a file comes\nnow\n") + SIZE));
    check_file_came("a file comes\nnow\n", SIZE);
    assert_true(got.progress >= SIZE / (64 << 10));
    came.len = 0;
    talk_say(talk, "that was it");
    assert_comes(loop, came_far("that was it\n"));
    assert_int_equal(got.ends, 0);
}

TEST(of_a_file_no_more_is_held_than_a_block_however_slow_the_other_end_is)
{
    enum { SIZE = 4 << 20, BLOCK = 64 << 10 };
    char block[3000];
    int size = 8192;
    size_t total = 0;
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    make_file(SIZE);
    talk_send_file(talk, file, SIZE);
    while (total < SIZE) {
        settle();
        ssize_t len = read(far, block, sizeof block);
        total += len > 0 ? (size_t)len : 0;
        assert_true((size_t)got.progress * BLOCK <= total + 2 * BLOCK);
    }
    assert_int_equal(got.progress, SIZE / BLOCK);
}

TEST(of_a_file_as_much_is_sent_as_was_said)
{
    make_file(1000);
    talk_send_file(talk, file, 400);
    assert_comes(loop, (listen_far(), came.len == 400));
    settle();
    listen_far();
    check_file_came("", 400);
    came.len = 0;
    talk_send_file(talk, file, 1000); /* from its beginning again */
    assert_comes(loop, (listen_far(), came.len == 1000));
    check_file_came("", 1000);
}

TEST(an_empty_file_is_nothing)
{
    make_file(0);
    talk_say(talk, "nothing comes");
    talk_send_file(talk, file, 0);
    talk_say(talk, "that was it");
    assert_comes(loop, came_far("nothing comes\nthat was it\n"));
    settle();
    assert_int_equal(got.progress + got.ends, 0);
}

/* The shell there answers while it still reads. */
TEST(lines_come_while_a_file_is_sent)
{
    enum { SIZE = 2 << 20 };
    make_file(SIZE);
    talk_send_file(talk, file, SIZE);
    assert_comes(loop, got.progress > 0);
    say_far("still reading\n");
    assert_lines("still reading|");
    assert_comes(loop, (listen_far(), came.len == SIZE));
    check_file_came("", SIZE);
}

/* ---- the end */

TEST(the_end_is_told_once_without_a_reason_behind_the_last_line)
{
    say_far("last line\nno line");
    close_far();
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
    assert_lines("last line|");
    settle();
    talk_drain(talk);
    talk_say(talk, "for nobody");
    settle();
    assert_int_equal(got.ends, 1);
}

/* A SIGPIPE would end this program: its handling is the default one. */
TEST(a_peer_that_closes_while_we_write_ends_it_and_not_us)
{
    char line[1000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = 0;
    assert_ptr_equal(signal(SIGPIPE, SIG_DFL), SIG_DFL);
    for (int i = 0; i < 2000; i++)
        talk_say(talk, line);
    settle();
    close_far();
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
    talk_say(talk, "for nobody");
    settle();
    assert_int_equal(got.ends, 1);
}

TEST(a_peer_that_closes_while_a_file_is_sent_ends_it)
{
    make_file(2 << 20);
    talk_send_file(talk, file, 2 << 20);
    assert_comes(loop, got.progress > 0);
    close_far();
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
}

TEST(draining_reads_all_that_is_there_and_the_end)
{
    char line[5000];
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    for (int i = 0; i < 20; i++) /* more than one read takes */
        write_far(line, sizeof line);
    say_far("last\n");
    talk_drain(talk);
    assert_int_equal(got.lines, 21);
    assert_int_equal(got.ends, 0);
    talk_drain(talk);
    say_far("and the end\n");
    close_far();
    talk_drain(talk);
    assert_int_equal(got.lines, 22);
    assert_int_equal(got.ends, 1);
    talk_drain(talk);
    settle();
    assert_int_equal(got.ends, 1);
}

/* ---- the descriptor becomes somebody else's */

TEST(what_has_come_behind_the_last_line_is_kept_and_the_rest_not_read)
{
    got.stop_at = 2;
    say_far("one\ntwo\nthree\nfo");
    assert_comes(loop, got.lines == 2);
    say_far("ur\n");
    close_far();
    settle();
    talk_drain(talk);
    const tt_buf_t *rest = talk_stop(talk);
    assert_int_equal(rest->len, strlen("three\nfo"));
    assert_memory_equal(rest->data, "three\nfo", rest->len);
    char text[8] = "";
    assert_int_equal(read(fd, text, sizeof text), 3);
    assert_string_equal(text, "ur\n");
    assert_int_equal(got.lines, 2);
    assert_int_equal(got.ends, 0);
}

TEST(a_talk_that_is_stopped_before_anything_came_has_nothing)
{
    const tt_buf_t *rest = talk_stop(talk);
    assert_int_equal(rest->len, 0);
    say_far("a line\n");
    settle();
    assert_int_equal(rest->len, 0);
    assert_int_equal(got.lines, 0);
}

static void note_ready(void *arg, int ready_fd, uint32_t events)
{
    char block[64];
    (void)events;
    *(int *)arg += (int)read(ready_fd, block, sizeof block);
}

TEST(whoever_watches_the_descriptor_of_a_stopped_talk_goes_on_when_it_is_destroyed)
{
    int bytes = 0;
    got.stop_at = 1;
    say_far("one\n");
    assert_comes(loop, got.lines == 1);
    tt_loop_add_fd(loop, fd, EPOLLIN, note_ready, &bytes);
    talk_destroy(&talk);
    say_far("rest");
    assert_comes(loop, bytes == 4);
    tt_loop_remove_fd(loop, fd);
}

static int pipe_out(void)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
    out = fds[1];
    return fds[0];
}

static bool passed(int from, tt_buf_t *all, const char *text)
{
    char block[4096];
    for (ssize_t len; (len = read(from, block, sizeof block)) > 0;)
        tt_buf_append(all, block, (size_t)len);
    return strcmp(tt_buf_text(all), text) == 0;
}

TEST(all_that_has_come_and_comes_is_passed_on)
{
    tt_buf_t all;
    tt_buf_init(&all);
    int from = pipe_out();
    got.pass_at = 2;
    say_far("one\ntwo\nthree\nno li");
    assert_comes(loop, passed(from, &all, "three\nno li"));
    say_far("ne\r\nand more");
    assert_comes(loop, passed(from, &all, "three\nno line\r\nand more"));
    say_far(", last");
    close_far();
    assert_comes(loop, got.ends == 1);
    assert_true(passed(from, &all, "three\nno line\r\nand more, last"));
    assert_int_equal(got.lines, 2);
    assert_false(got.with_reason);
    close(from);
    tt_buf_release(&all);
}

TEST(what_is_passed_on_needs_no_lines)
{
    char block[1000];
    memset(block, 'x', sizeof block);
    int total = 0;
    out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    talk_pass_on(talk, out);
    while (total < 4 * TALK_LINE_MAX) {
        ssize_t put = write(far, block, sizeof block);
        total += put > 0 ? (int)put : 0;
        settle();
    }
    assert_int_equal(got.ends, 0);
    close_far();
    assert_comes(loop, got.ends == 1);
    assert_false(got.with_reason);
    assert_int_equal(got.lines, 0);
}

TEST(draining_passes_on_as_well)
{
    tt_buf_t all;
    tt_buf_init(&all);
    int from = pipe_out();
    talk_pass_on(talk, out);
    say_far("last words");
    close_far();
    talk_drain(talk);
    assert_true(passed(from, &all, "last words"));
    assert_int_equal(got.ends, 1);
    close(from);
    tt_buf_release(&all);
}

TEST(what_was_said_still_leaves_while_it_passes_on)
{
    out = open("/dev/null", O_WRONLY | O_CLOEXEC);
    talk_say(talk, "the last line");
    talk_pass_on(talk, out);
    assert_comes(loop, came_far("the last line\n"));
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_talk_is_destroyed_twice_and_leaves_the_descriptor_open),
        EACH(a_line_over_the_limit_ends_it_and_nothing_more_is_read),
        EACH(a_line_of_the_limit_is_still_one),
        EACH(a_file_that_is_shorter_than_was_said_ends_it),
        EACH(a_file_that_is_cut_while_it_is_sent_ends_it),
        EACH(a_file_that_cannot_be_read_ends_it_with_the_reason),
        EACH(a_line_that_comes_by_the_byte_is_told_whole),
        EACH(several_lines_of_one_read_are_told_in_order_and_the_last_when_it_is_whole),
        EACH(the_end_of_a_line_may_have_a_carriage_return),
        EACH(a_line_may_be_changed_by_whom_it_is_told),
        EACH(many_lines_over_many_reads_are_all_told),
        EACH(lines_that_are_said_arrive_in_order_with_their_ends),
        EACH(saying_much_to_one_who_does_not_listen_never_waits),
        EACH(a_file_comes_behind_what_was_said_before_and_before_what_is_said_then),
        EACH(of_a_file_no_more_is_held_than_a_block_however_slow_the_other_end_is),
        EACH(of_a_file_as_much_is_sent_as_was_said),
        EACH(an_empty_file_is_nothing),
        EACH(lines_come_while_a_file_is_sent),
        EACH(the_end_is_told_once_without_a_reason_behind_the_last_line),
        EACH(a_peer_that_closes_while_we_write_ends_it_and_not_us),
        EACH(a_peer_that_closes_while_a_file_is_sent_ends_it),
        EACH(draining_reads_all_that_is_there_and_the_end),
        EACH(what_has_come_behind_the_last_line_is_kept_and_the_rest_not_read),
        EACH(a_talk_that_is_stopped_before_anything_came_has_nothing),
        EACH(whoever_watches_the_descriptor_of_a_stopped_talk_goes_on_when_it_is_destroyed),
        EACH(all_that_has_come_and_comes_is_passed_on),
        EACH(what_is_passed_on_needs_no_lines),
        EACH(draining_passes_on_as_well),
        EACH(what_was_said_still_leaves_while_it_passes_on),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
