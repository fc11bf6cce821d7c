/* Unit test of engine/capture: a pipe whose bytes are counted from its beginning, in step with
 * the page. */
#include "check.h"

#include "capture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { CHUNK = 65536, STREAM = 1 };

static capture_t capture;
static tt_page_t *page;
static int page_fd, in; /* the page's descriptor; the pipe's write end */
static tt_buf_t out;

static int begin(void **unused)
{
    int fds[2];
    (void)unused;
    page_fd = tt_page_create(&page);
    if (page_fd < 0 || pipe2(fds, O_CLOEXEC) != 0)
        return -1;
    fcntl(fds[1], F_SETPIPE_SZ, 8 * CHUNK);
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    in = fds[1];
    capture_init(&capture, fds[0], STREAM, page);
    tt_buf_init(&out);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    capture_release(&capture);
    capture_release(&capture);
    if (in >= 0)
        close(in);
    close(page_fd);
    tt_page_unmap(&page);
    tt_buf_release(&out);
    return 0;
}

static void put(const char *text)
{
    assert_int_equal(write(in, text, strlen(text)), strlen(text));
}

static void put_many(size_t count)
{
    char *bytes = tt_alloc(count);
    memset(bytes, 'x', count);
    assert_int_equal(write(in, bytes, count), count);
    free(bytes);
}

static void put_end(void)
{
    close(in);
    in = -1;
}

static void assert_in_step(void)
{
    assert_int_equal(page->stream[STREAM].consumed, capture_end(&capture));
    assert_int_equal(page->stream[STREAM].lock % 2, 0);
    assert_int_equal(page->stream[!STREAM].consumed, 0);
}

/* ---- the ends of it */

TEST(an_empty_pipe_is_no_end_and_holds_nobody)
{
    assert_true(capture_read(&capture, CHUNK));
    capture_read_present(&capture);
    capture_read_to(&capture, 1000); /* never comes: lost */
    assert_int_equal(capture_end(&capture), 0);
    assert_in_step();
}

TEST(the_end_comes_behind_the_last_byte)
{
    put("last words");
    put_end();
    assert_true(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), 10);
    assert_false(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), 10);
    assert_in_step();
}

TEST(a_released_capture_has_closed_its_pipe_and_can_be_asked)
{
    int fd = capture.fd;
    put("abc");
    capture_read(&capture, CHUNK);
    capture_release(&capture);
    assert_int_equal(fcntl(fd, F_GETFD), -1);
    assert_false(capture_read(&capture, CHUNK));
    capture_read_to(&capture, 1000);
    capture_read_present(&capture);
    assert_int_equal(capture.fd, -1);
}

/* ---- reading */

TEST(offsets_count_from_the_beginning_of_the_pipe)
{
    put("abc");
    assert_true(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), 3);
    capture_take(&capture, 2, NULL);
    put("def");
    assert_true(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), 6);
    assert_in_step();
}

TEST(the_limit_leaves_the_rest_in_the_pipe)
{
    put_many(3 * CHUNK);
    assert_true(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), CHUNK);
    assert_true(capture_read(&capture, 10 * CHUNK));
    assert_int_equal(capture_end(&capture), 3 * CHUNK);
    assert_in_step();
}

TEST(reading_to_an_offset_stops_when_it_is_here)
{
    put_many(3 * CHUNK);
    capture_read_to(&capture, CHUNK + 1);
    assert_int_equal(capture_end(&capture), 2 * CHUNK);
    capture_read_to(&capture, CHUNK);
    assert_int_equal(capture_end(&capture), 2 * CHUNK);
    assert_in_step();
}

TEST(reading_what_is_present_takes_all_of_it)
{
    put_many(3 * CHUNK + 7);
    capture_read_present(&capture);
    assert_int_equal(capture_end(&capture), 3 * CHUNK + 7);
    assert_in_step();
}

TEST(the_offset_of_the_runtime_is_the_same_before_and_after_a_read)
{
    put("hello");
    assert_int_equal(tt_page_offset(page, STREAM, in), 5);
    capture_read(&capture, CHUNK);
    assert_int_equal(tt_page_offset(page, STREAM, in), 5);
    put("!");
    assert_int_equal(tt_page_offset(page, STREAM, in), 6);
}

TEST(without_a_page_reading_is_the_same)
{
    capture.page = NULL;
    put("abc");
    assert_true(capture_read(&capture, CHUNK));
    assert_int_equal(capture_end(&capture), 3);
    assert_int_equal(page->stream[STREAM].consumed, 0);
}

/* ---- taking */

TEST(bytes_are_taken_once_and_in_order_and_added_to_what_is_there)
{
    put("abcdef");
    capture_read(&capture, CHUNK);
    capture_take(&capture, 2, &out);
    assert_text(&out, "ab");
    capture_take(&capture, 5, &out);
    assert_text(&out, "abcde");
    assert_int_equal(capture_end(&capture), 6);
}

TEST(an_offset_that_has_gone_by_takes_nothing)
{
    put("abcdef");
    capture_read(&capture, CHUNK);
    capture_take(&capture, 4, NULL);
    capture_take(&capture, 4, &out);
    capture_take(&capture, 1, &out);
    capture_take(&capture, 0, &out);
    assert_text(&out, "");
    capture_take(&capture, 6, &out);
    assert_text(&out, "ef");
}

TEST(an_offset_beyond_what_is_here_takes_what_is_here)
{
    put("abc");
    capture_read(&capture, CHUNK);
    capture_take(&capture, UINT64_MAX, &out);
    assert_text(&out, "abc");
    capture_take(&capture, UINT64_MAX, &out);
    assert_text(&out, "abc");
    assert_int_equal(capture_end(&capture), 3);
}

TEST(a_buffer_that_grew_large_is_given_back_when_it_is_empty)
{
    for (int i = 0; i < 5; i++) {
        put_many(6 * CHUNK);
        capture_read_present(&capture);
    }
    assert_true(capture.bytes.cap > 1 << 20);
    capture_take(&capture, capture_end(&capture) - 1, NULL);
    assert_non_null(capture.bytes.data);
    capture_take(&capture, capture_end(&capture), NULL);
    assert_null(capture.bytes.data);
    assert_int_equal(capture_end(&capture), 30 * CHUNK);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(60);
    const struct CMUnitTest tests[] = {
        EACH(an_empty_pipe_is_no_end_and_holds_nobody),
        EACH(the_end_comes_behind_the_last_byte),
        EACH(a_released_capture_has_closed_its_pipe_and_can_be_asked),
        EACH(offsets_count_from_the_beginning_of_the_pipe),
        EACH(the_limit_leaves_the_rest_in_the_pipe),
        EACH(reading_to_an_offset_stops_when_it_is_here),
        EACH(reading_what_is_present_takes_all_of_it),
        EACH(the_offset_of_the_runtime_is_the_same_before_and_after_a_read),
        EACH(without_a_page_reading_is_the_same),
        EACH(bytes_are_taken_once_and_in_order_and_added_to_what_is_there),
        EACH(an_offset_that_has_gone_by_takes_nothing),
        EACH(an_offset_beyond_what_is_here_takes_what_is_here),
        EACH(a_buffer_that_grew_large_is_given_back_when_it_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
