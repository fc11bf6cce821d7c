/* Unit test of repl/stream: windows of output, whatever the engines write and however it comes
 * cut into chunks. Time is told, never waited for. */
#include "check.h"

#include "stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static stream_t *stream;
static render_style_t style;
static tt_buf_t out, err;

static int begin(void **unused)
{
    (void)unused;
    stream = stream_new(0);
    style = (render_style_t){.label = {.job = 5, .total = 4}, .engines = 4};
    tt_buf_init(&out);
    tt_buf_init(&err);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    stream_destroy(&stream);
    stream_destroy(&stream);
    tt_buf_release(&out);
    tt_buf_release(&err);
    return 0;
}

static void add_bytes(int id, bool is_err, const char *bytes, size_t len, int64_t now_ms)
{
    const stream_chunk_t chunk = {id, NULL, is_err, {(const uint8_t *)bytes, len}};
    stream_add(stream, &chunk, now_ms);
}

static void add(int id, const char *text, int64_t now_ms)
{
    add_bytes(id, false, text, strlen(text), now_ms);
}

static void add_err(int id, const char *text, int64_t now_ms)
{
    add_bytes(id, true, text, strlen(text), now_ms);
}

/* Takes a window: what it has of stdout. */
static const char *take(int64_t now_ms)
{
    out.len = err.len = 0;
    stream_take(stream, now_ms, &style, &out, &err);
    return tt_buf_text(&out);
}

/* `count` lines "0\n", "1\n" ... */
static char *numbers(int count)
{
    tt_buf_t text;
    tt_buf_init(&text);
    for (int i = 0; i < count; i++)
        tt_buf_printf(&text, "%d\n", i);
    tt_buf_text(&text);
    return (char *)text.data;
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;
    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

/* ---- when */

TEST(nothing_is_never_due)
{
    assert_int_equal(stream_due(stream, 0), -1);
    add(0, "", 0);
    assert_int_equal(stream_due(stream, 5000), -1);
    assert_string_equal(take(5000), "");
    stream_finish(stream);
    assert_int_equal(stream_due(stream, 5000), -1);
    assert_int_equal(stream_given(stream, 0, false), 0);
}

TEST(output_is_held_for_a_second_and_windows_are_a_tenth_apart)
{
    add(0, "a\n", 10);
    assert_int_equal(stream_due(stream, 10), 990);
    assert_string_equal(take(999), "");
    assert_int_equal(stream_due(stream, 1000), 0);
    assert_string_equal(take(1000), "[0] a\n");
    assert_int_equal(stream_due(stream, 1000), -1);
    add(0, "b\n", 1001);
    assert_int_equal(stream_due(stream, 1001), 99);
    assert_string_equal(take(1050), "");
    assert_string_equal(take(1100), "[0] b\n");
    add(0, "c\n", 9000);
    assert_int_equal(stream_due(stream, 9000), 0);
}

TEST(equal_lines_of_a_window_are_folded_and_the_streams_are_kept_apart)
{
    for (int i = 3; i >= 0; i--) {
        add(i, "reading\n", 0);
        add(i, i == 2 ? "broken\n" : "ready\n", 1);
    }
    add_err(1, "warning\n", 2);
    assert_string_equal(take(1000), "[0-3] reading\n[0-1,3] ready\n[2] broken\n");
    assert_text(&err, "[1 err] warning\n");
    style.colour = true;
    add(0, "x\n", 1000);
    add_err(0, "y\n", 1000);
    assert_string_equal(take(2000), "\033[36m[0]\033[0m x\n");
    assert_text(&err, "\033[33m[0 err]\033[0m y\n");
}

/* ---- lines without their ends */

TEST(a_line_without_its_end_is_held_until_it_ends)
{
    add(0, "a\nb", 0);
    assert_string_equal(take(1000), "[0] a\n");
    assert_int_equal(stream_due(stream, 1000), 1000);
    add(0, "c", 1100);
    assert_string_equal(take(1200), "");
    add(0, "\n", 1300);
    assert_string_equal(take(1300), "[0] bc\n");
}

TEST(a_question_is_shown_when_it_is_two_seconds_old)
{
    add(0, "name? ", 500);
    assert_int_equal(stream_due(stream, 500), 2000);
    assert_string_equal(take(2499), "");
    assert_string_equal(take(2500), "[0] name? \n");
    assert_int_equal(stream_given(stream, 0, false), 6);
    assert_int_equal(stream_due(stream, 2500), -1);
    add(0, "\n", 2600);
    assert_int_equal(stream_due(stream, 2600), 0);
    assert_string_equal(take(2600), "");
    assert_int_equal(stream_given(stream, 0, false), 7);
    add(0, "\n", 2700);
    assert_string_equal(take(2700), "[0]\n");
}

TEST(the_rest_of_a_line_that_was_shown_early_is_a_line)
{
    add(0, "ab", 0);
    assert_string_equal(take(2000), "[0] ab\n");
    add(0, "ab\ncd\n", 2100);
    assert_string_equal(take(2100), "[0] ab\n[0] cd\n");
}

TEST(when_the_job_ends_everything_is_due)
{
    add(0, "a", 10);
    add(1, "b\n", 10);
    stream_finish(stream);
    assert_int_equal(stream_due(stream, 10), 0);
    assert_string_equal(take(10), "[0] a\n[1] b\n");
    add(0, "c", 11);
    assert_int_equal(stream_due(stream, 11), 0);
    assert_string_equal(take(11), "[0] c\n");
    assert_int_equal(stream_due(stream, 11), -1);
}

TEST(characters_cut_between_chunks_stay_whole)
{
    add_bytes(0, false, "\xe2\x82", 2, 0);
    assert_string_equal(take(2000), "");
    assert_int_equal(stream_given(stream, 0, false), 0);
    add_bytes(0, false, "\xac \xf0\x9f", 4, 2100);
    assert_string_equal(take(4100), "[0] € \n");
    assert_int_equal(stream_given(stream, 0, false), 4);
    add_bytes(0, false, "\x98\x80\n", 3, 4200);
    assert_string_equal(take(4200), "[0] 😀\n");
    add_bytes(0, false, "\xe2", 1, 4300);
    stream_finish(stream);
    assert_string_equal(take(4300), "[0] \xe2\n");
}

TEST(the_newline_that_an_interrupt_leaves_is_held)
{
    add_err(0, "\n", 0);
    assert_int_equal(stream_due(stream, 3000), -1);
    take(3000);
    assert_text(&err, "");
    add_err(0, "x\n", 3000);
    take(3000);
    assert_text(&err, "[0 err]\n[0 err] x\n");
    add_err(1, "\n", 3000);
    stream_finish(stream);
    take(4000);
    assert_text(&err, "");
    assert_int_equal(stream_given(stream, 1, true), 0);
}

/* ---- lines that overwrite themselves */

TEST(a_progress_bar_is_shown_once_a_second_as_it_is_then)
{
    add(0, "\r10%\r20%", 1000);
    assert_string_equal(take(1500), "");
    add(0, "\r30%", 1900);
    assert_string_equal(take(2000), "[0] 30%\n");
    add(0, "\r40%", 2100);
    assert_int_equal(stream_due(stream, 2100), 1000);
    assert_string_equal(take(3100), "[0] 40%\n");
    add(0, "\r40%", 3200);
    assert_string_equal(take(5000), "");
    add(0, "\r100%\n", 5100);
    assert_string_equal(take(5100), "[0] 100%\n");
}

TEST(the_end_of_a_progress_bar_is_no_line)
{
    add(0, "90%\r100%\r", 0);
    assert_string_equal(take(1000), "[0] 100%\n");
    add(0, "100%\r\n", 1100);
    assert_string_equal(take(1100), "");
    add(0, "\r", 1200);
    assert_string_equal(take(9000), "");
    add(0, "done\n", 9000);
    assert_string_equal(take(9100), "[0] done\n");
}

/* ---- floods */

TEST(of_too_many_lines_the_middle_is_left_out)
{
    char *text = numbers(13345);
    for (int i = 0; i < 4; i++)
        add(i, text, 0);
    const char *shown = take(1000);
    assert_int_equal(lines_of(shown), STREAM_LINES + 1);
    assert_memory_equal(shown, "[0-3] 0\n[0-3] 1\n", 16);
    assert_non_null(strstr(shown, "[0-3] 499\n... 49,380 lines of engines 0-3 not shown; "
                                  "%result 5 shows all\n[0-3] 12845\n"));
    assert_non_null(strstr(shown, "[0-3] 13344\n"));
    for (int i = 0; i < 4; i++)
        assert_int_equal(stream_given(stream, i, false), strlen(text));
    assert_int_equal(stream_due(stream, 1000), -1);
    free(text);
}

TEST(a_thousand_lines_are_no_flood)
{
    char *text = numbers(STREAM_LINES);
    add(0, text, 0);
    assert_int_equal(lines_of(take(1000)), STREAM_LINES);
    assert_null(strstr(take(1000), "..."));
    free(text);
}

TEST(many_engines_that_differ_are_cut_on_the_screen)
{
    style.label.job = 0;
    style.label.total = 600;
    for (int i = 0; i < 600; i++) {
        char text[64];
        snprintf(text, sizeof text, "a%d\nb%d\nc%d\n", i, i, i);
        add(i, text, 0);
    }
    const char *shown = take(1000);
    assert_int_equal(lines_of(shown), STREAM_LINES + 1);
    assert_non_null(strstr(shown, "\n... 800 lines of engines 0-599 not shown\n"));
    assert_non_null(strstr(shown, "[599] c599\n"));
}

TEST(a_flood_names_hosts_or_items_as_labels_do)
{
    char *text = numbers(2000);
    const stream_chunk_t chunk = {3, "web03", false, tt_span(text)};
    style.label.hosts = true;
    stream_add(stream, &chunk, 0);
    assert_non_null(strstr(take(1000), "... 1,000 lines of web03 not shown;"));
    style.label = (label_style_t){.items = true, .total = 4};
    stream_add(stream, &chunk, 1000);
    assert_non_null(strstr(take(2000), "... 1,000 lines of item 3 not shown\n"));
    style.label = (label_style_t){.total = 4};
    add(1, text, 2000);
    assert_non_null(strstr(take(3000), "... 1,000 lines of engine 1 not shown\n"));
    free(text);
}

/* 100 MB in chunks that are cut anywhere: were it not linear, this would not end. */
TEST(a_long_flood_costs_little_and_nothing_of_it_is_lost_count_of)
{
    enum { CHUNKS = 1000000 };
    size_t given = 0;
    for (int i = 0; i < CHUNKS; i++) {
        char text[128];
        int len = snprintf(text, sizeof text, "%099d\n", i);
        add_bytes(0, false, text, (size_t)len, 1000);
        given += (size_t)len;
    }
    assert_int_equal(stream_due(stream, 1000), 0);
    const char *shown = take(1000);
    assert_int_equal(lines_of(shown), STREAM_LINES + 1);
    assert_non_null(strstr(shown, "\n... 999,000 lines of engine 0 not shown;"));
    assert_non_null(strstr(shown, "0999999\n"));
    assert_int_equal(stream_given(stream, 0, false), given);
}

TEST(a_line_without_end_is_bounded)
{
    static char megabyte[1 << 20];
    memset(megabyte, 'x', sizeof megabyte);
    for (int i = 0; i < 10; i++)
        add_bytes(0, false, megabyte, sizeof megabyte, 1000);
    assert_string_equal(take(2000), "");
    const char *shown = take(3000);
    assert_true(strlen(shown) < STREAM_BYTES);
    assert_non_null(strstr(shown, "x\n... "));
    assert_non_null(strstr(shown, " bytes of engine 0 not shown;"));
    assert_int_equal(stream_given(stream, 0, false), 10 * sizeof megabyte);
    add(0, "y\n", 3100);
    assert_string_equal(take(3100), "[0] y\n");
}

/* Others' windows pass meanwhile. */
TEST(an_unfinished_line_is_bounded_whatever_else_is_shown)
{
    static char part[16 << 10];
    for (int unseen = 0; unseen < 2; unseen++) {
        size_t most = 0;
        stream_destroy(&stream);
        stream = stream_new(0);
        memset(part, unseen ? '\r' : 'x', sizeof part);
        for (int64_t now = 1000; now < 5000; now += 10) {
            add_bytes(0, false, part, sizeof part, now);
            add(3, "tick\n", now);
            size_t len = strlen(take(now));
            most = len > most ? len : most;
        }
        assert_true(unseen ? most == strlen("[3] tick\n") * 10 : most < STREAM_BYTES);
        assert_true(stream_given(stream, 0, false) > 100 * sizeof part);
    }
}

TEST(a_flood_of_one_overwritten_line_is_its_last_state)
{
    for (int i = 0; i < 100000; i++) {
        char text[64];
        int len = snprintf(text, sizeof text, "\r%d of 100000", i);
        add_bytes(0, false, text, (size_t)len, 1000);
    }
    assert_string_equal(take(2000), "[0] 99999 of 100000\n");
}

TEST(lines_and_bytes_of_a_flood_survive_an_end_in_the_midst_of_a_line)
{
    char *text = numbers(100000);
    add(0, text, 1000);
    add(0, "unfinished", 1000);
    assert_non_null(strstr(take(1000), "\n[0] 99999\n"));
    assert_int_equal(stream_given(stream, 0, false), strlen(text));
    add(0, " no more\n", 1100);
    assert_string_equal(take(1100), "[0] unfinished no more\n");
    free(text);
}

/* ---- what terminals obey */

TEST(colours_do_not_leave_their_window)
{
    add(0, "\033[31mred\n", 1000);
    assert_string_equal(take(1000), "[0] \033[31mred\n\033[0m");
    add(0, "\033[31mred\033[m\n", 1100);
    assert_string_equal(take(1100), "[0] \033[31mred\033[m\n");
    add_err(0, "\033]0;title\n", 1200);
    take(1200);
    assert_text(&err, "[0 err] \033]0;title\n\033\\\033[0m");
}

/* ---- any order */

/* Random chunks of random engines: what was given out is never more than what came, and in the
 * end all of it. */
TEST(random_chunks_are_all_accounted_for)
{
    static const char *const pieces[] = {"a", "\n", "\r", "\xe2\x82\xac", "\xe2", "line\n", ""};
    size_t came[4][2] = {{0}};
    srand(7);
    int64_t now = 0;
    for (int i = 0; i < 20000; i++) {
        int id = rand() % 4;
        bool is_err = rand() % 2;
        const char *piece = pieces[rand() % 7];
        add_bytes(id, is_err, piece, strlen(piece), now += rand() % 40);
        came[id][is_err] += strlen(piece);
        if (stream_due(stream, now) == 0)
            take(now);
        assert_true(stream_given(stream, id, is_err) <= came[id][is_err]);
    }
    for (int id = 0; id < 4; id++)
        for (int side = 0; side < 2; side++)
            add_bytes(id, side, "x\n", 2, now);
    stream_finish(stream);
    take(now);
    for (int id = 0; id < 4; id++)
        for (int side = 0; side < 2; side++)
            assert_int_equal(stream_given(stream, id, side), came[id][side] + 2);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    alarm(120);
    const struct CMUnitTest tests[] = {
        ON(nothing_is_never_due),
        ON(output_is_held_for_a_second_and_windows_are_a_tenth_apart),
        ON(equal_lines_of_a_window_are_folded_and_the_streams_are_kept_apart),
        ON(a_line_without_its_end_is_held_until_it_ends),
        ON(a_question_is_shown_when_it_is_two_seconds_old),
        ON(the_rest_of_a_line_that_was_shown_early_is_a_line),
        ON(when_the_job_ends_everything_is_due),
        ON(characters_cut_between_chunks_stay_whole),
        ON(the_newline_that_an_interrupt_leaves_is_held),
        ON(a_progress_bar_is_shown_once_a_second_as_it_is_then),
        ON(the_end_of_a_progress_bar_is_no_line),
        ON(of_too_many_lines_the_middle_is_left_out),
        ON(a_thousand_lines_are_no_flood),
        ON(many_engines_that_differ_are_cut_on_the_screen),
        ON(a_flood_names_hosts_or_items_as_labels_do),
        ON(a_long_flood_costs_little_and_nothing_of_it_is_lost_count_of),
        ON(a_line_without_end_is_bounded),
        ON(an_unfinished_line_is_bounded_whatever_else_is_shown),
        ON(a_flood_of_one_overwritten_line_is_its_last_state),
        ON(lines_and_bytes_of_a_flood_survive_an_end_in_the_midst_of_a_line),
        ON(colours_do_not_leave_their_window),
        ON(random_chunks_are_all_accounted_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
