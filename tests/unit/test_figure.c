/* Unit test of repl/figure and repl/gallery: what answers display, by anybody's bytes. */
#include "figure.h"
#include "gallery.h"

#include "pack.h"
#include "scratch.h"

#define GIF "GIF89a\x03\0\x02\0......"

static char dir[PATH_MAX];
static album_t album;
static render_style_t style;
static figure_view_t view;
static tt_buf_t packed, out, err;
static answer_t answers[3];

static int begin(void **unused)
{
    (void)unused;
    int rc = scratch_begin();
    snprintf(dir, sizeof dir, "%s", scratch_path("p"));
    setenv("HOME", dir, 1);
    clock_gettime(CLOCK_REALTIME_COARSE, &album.began);
    album.dir = dir;
    style = (render_style_t){.label = {.job = 5, .total = 3}, .engines = 3};
    view = (figure_view_t){
        .album = &album, .style = &style, .way = DRAW_NEVER, .room = {80, 24, 8, 16}};
    tt_buf_init(&packed);
    tt_buf_init(&out);
    tt_buf_init(&err);
    for (int i = 0; i < 3; i++) {
        answer_init(&answers[i]);
        answers[i].engine = i;
        answers[i].job = 5;
    }
    return rc;
}

static int end(void **unused)
{
    (void)unused;
    tt_buf_release(&packed);
    tt_buf_release(&out);
    tt_buf_release(&err);
    return scratch_end();
}

static void pair(const char *mime, tt_span_t data, bool text)
{
    tt_pack_text(&packed, mime);
    if (text)
        tt_pack_str(&packed, (const char *)data.data, data.len);
    else
        tt_pack_bin(&packed, data.data, data.len);
}

/* One display of two representations. */
static tt_span_t display(const char *mime, tt_span_t data)
{
    packed.len = 0;
    tt_pack_array(&packed, 1);
    tt_pack_map(&packed, 2);
    pair("text/plain", tt_span("<a figure>"), true);
    pair(mime, data, false);
    return span_of(&packed);
}

TEST(answers_without_displays_show_nothing)
{
    assert_false(figure_is_there(answers, 3));
    figure_show(answers, 3, &view, &out, &err);
    assert_int_equal(out.len + err.len, 0);
}

TEST(displays_of_another_shape_are_passed_over)
{
    packed.len = 0;
    tt_pack_array(&packed, 3);
    tt_pack_nil(&packed);
    tt_pack_map(&packed, 2);
    tt_pack_nil(&packed);
    tt_pack_nil(&packed);
    pair("image/png", SPAN(""), true);
    tt_pack_array(&packed, 0);
    answers[0].displays = span_of(&packed);
    figure_show(answers, 3, &view, &out, &err);
    assert_text(&out, "");
    assert_text(&err, "[0 err] what came as image/png is none\n");
}

TEST(equal_pictures_are_told_once)
{
    answers[0].displays = answers[1].displays = answers[2].displays =
        display("image/gif", SPAN(GIF));
    assert_true(figure_is_there(answers, 3));
    figure_show(answers, 3, &view, &out, &err);
    assert_text(&out, "[0-2] figure 3x2 · ~/5-0.gif\n");
    assert_int_equal(err.len, 0);
}

TEST(the_items_of_a_map_are_told_by_their_numbers)
{
    style.label.items = true;
    answers[1].item = 7;
    answers[1].displays = display("image/gif", SPAN(GIF));
    figure_show(&answers[1], 1, &view, &out, &err);
    assert_text(&out, "[item 7] figure 3x2 · ~/5-7.gif\n");
}

TEST(the_local_engines_have_no_label)
{
    tt_texts_t paths = {0};
    view.here = true;
    view.paths = &paths;
    answers[0].displays = display("image/gif", SPAN(GIF));
    figure_show(answers, 1, &view, &out, &err);
    assert_text(&out, "figure 3x2 · ~/5-here.gif\n");
    assert_int_equal(paths.count, 1);
    assert_string_equal(paths.items[0] + strlen(dir), "/5-here.gif");
    free(paths.items[0]);
    tt_texts_release(&paths);
}

TEST(what_is_no_picture_is_told_and_not_kept)
{
    answers[2].displays = display("image/png", SPAN("\033]0;title\a"));
    figure_show(answers, 3, &view, &out, &err);
    assert_int_equal(out.len, 0);
    assert_text(&err, "[2 err] what came as image/png is none\n");
    assert_int_equal(access(dir, F_OK), -1);
}

TEST(a_text_is_escaped_line_by_line)
{
    packed.len = 0;
    tt_pack_array(&packed, 2);
    tt_pack_map(&packed, 2);
    pair("text/html", tt_span("<b>"), true);
    pair("text/plain", tt_span("one\n\033[31mtwo"), true);
    tt_pack_map(&packed, 1);
    pair("text/html", tt_span("<b>alone</b>"), true);
    answers[0].displays = answers[1].displays = span_of(&packed);
    figure_show(answers, 3, &view, &out, &err);
    assert_text(&out, "[0-1] one\n[0-1] \\x1B[31mtwo\n");
    out.len = 0;
    view.no_texts = true;
    figure_show(answers, 3, &view, &out, &err);
    assert_int_equal(out.len, 0);
}

TEST(a_picture_that_cannot_be_kept_is_told)
{
    scratch_write("p", "a file", 0600);
    answers[0].displays = display("image/gif", SPAN(GIF));
    figure_show(answers, 1, &view, &out, &err);
    char *want = tt_printf(
        "[0] figure 3x2 · cannot be kept in %s: it is no directory of yours alone\n", dir);
    assert_text(&out, want);
    free(want);
}

TEST(the_drawing_stands_below_its_line)
{
    view.way = DRAW_ITERM;
    answers[0].displays = display("image/gif", SPAN(GIF));
    figure_show(answers, 1, &view, &out, &err);
    assert_non_null(strstr(tt_buf_text(&out), "5-0.gif\n\033]1337;File=inline=1;size=16;"));
}

TEST(a_gallery_keeps_the_latest_lines)
{
    gallery_t gallery = {0};
    assert_int_equal(gallery_latest(&gallery), 0);
    for (int i = 1; i <= GALLERY_LINES + 1; i++)
        gallery_add(&gallery, i, SPAN("x"));
    assert_null(gallery_find(&gallery, 1).data);
    assert_int_equal(gallery_find(&gallery, 2).len, 1);
    gallery_add(&gallery, 2, SPAN("yz"));
    assert_int_equal(gallery_find(&gallery, 2).len, 2);
    assert_int_equal(gallery_latest(&gallery), 2);
    tt_span_t large = {calloc(1, 40 << 20), 40 << 20};
    gallery_add(&gallery, 90, large);
    gallery_add(&gallery, 91, large);
    assert_null(gallery_find(&gallery, 90).data);
    assert_int_equal(gallery_latest(&gallery), 91);
    free((void *)(uintptr_t)large.data);
    gallery_release(&gallery);
    gallery_release(&gallery);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(answers_without_displays_show_nothing),
        EACH(displays_of_another_shape_are_passed_over),
        EACH(equal_pictures_are_told_once),
        EACH(the_items_of_a_map_are_told_by_their_numbers),
        EACH(the_local_engines_have_no_label),
        EACH(what_is_no_picture_is_told_and_not_kept),
        EACH(a_text_is_escaped_line_by_line),
        EACH(a_picture_that_cannot_be_kept_is_told),
        EACH(the_drawing_stands_below_its_line),
        EACH(a_gallery_keeps_the_latest_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
