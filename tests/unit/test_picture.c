/* Unit test of repl/picture: what a picture is and how large, of bytes by anybody. */
#include "picture.h"

#include "check.h"

#include <stdlib.h>

/* A PNG of 3x2 pixels, with chunks whose sums nobody looks at. */
#define PNG_HEAD  "\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR"
#define PNG_SIZE  "\0\0\0\x03\0\0\0\x02"
#define PNG_REST  "\x08\x02\0\0\0SSSS"
#define PNG_DATA  "\0\0\0\x02IDATxxSSSS"
#define PNG_END   "\0\0\0\0IENDSSSS"
#define PNG       PNG_HEAD PNG_SIZE PNG_REST PNG_DATA PNG_END
#define JPEG_HEAD "\xff\xd8\xff\xe0\0\x04JF"
#define JPEG      JPEG_HEAD "\xff\xff\xc2\0\x08\x08\0\x02\0\x03\x01"

static picture_t picture;

/* The bytes are copied, so that a sanitizer sees each step behind them. */
static int read_span(const char *mime, tt_span_t bytes)
{
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
    memcpy(copy, bytes.data, bytes.len);
    const picture_kind_t *kind = picture_kind(tt_span(mime));
    assert_non_null(kind);
    int rc = picture_read(&picture, kind, (tt_span_t){copy, bytes.len});
    free(copy);
    return rc;
}

#define READ(mime, literal) read_span(mime, SPAN(literal))

static void assert_size(unsigned width, unsigned height)
{
    assert_int_equal(picture.width, width);
    assert_int_equal(picture.height, height);
}

TEST(what_is_no_picture_has_no_kind)
{
    assert_null(picture_kind(tt_span("text/plain")));
    assert_null(picture_kind(tt_span("")));
    assert_null(picture_kind(tt_span("image/pn")));
    assert_null(picture_kind(SPAN("image/png\0")));
    assert_string_equal(picture_kind(tt_span("image/jpeg"))->suffix, "jpg");
}

TEST(bytes_that_only_say_so_are_none)
{
    for (const picture_kind_t *kind = picture_kinds; kind->mime; kind++) {
        assert_int_equal(READ(kind->mime, ""), -1);
        assert_int_equal(READ(kind->mime, "\033]0;title\a"), -1);
        assert_int_equal(read_span(kind->mime, tt_span("no picture at all, but longer than any "
                                                       "head of one would be")),
                         -1);
    }
}

TEST(a_png_tells_its_size)
{
    assert_int_equal(READ("image/png", PNG), 0);
    assert_size(3, 2);
}

TEST(a_png_must_be_whole)
{
    tt_span_t whole = SPAN(PNG);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(read_span("image/png", (tt_span_t){whole.data, len}), -1);
    assert_int_equal(READ("image/png", PNG "\033[31m"), -1); /* nothing stands behind it */
    assert_int_equal(READ("image/png", PNG_HEAD PNG_SIZE PNG_REST "\0\0\0\x01IENDxSSSS"), -1);
    assert_int_equal(
        READ("image/png", PNG_HEAD PNG_SIZE PNG_REST "\xff\xff\xff\xffIDAT" PNG_END), -1);
}

TEST(sizes_that_make_no_sense_are_refused)
{
    assert_int_equal(READ("image/png", PNG_HEAD "\0\0\0\0\0\0\0\x02" PNG_REST PNG_END), -1);
    assert_int_equal(READ("image/png", PNG_HEAD "\xff\xff\xff\xff\0\0\0\x02" PNG_REST PNG_END),
                     -1);
    assert_int_equal(READ("image/gif", "GIF89a\0\0\x02\0......"), -1);
}

TEST(a_jpeg_tells_its_size_behind_other_segments)
{
    assert_int_equal(READ("image/jpeg", JPEG), 0);
    assert_size(3, 2);
    tt_span_t whole = SPAN(JPEG);
    for (size_t len = 0; len < whole.len; len++)
        assert_int_equal(read_span("image/jpeg", (tt_span_t){whole.data, len}), -1);
    assert_int_equal(READ("image/jpeg", JPEG_HEAD "\xff\xc4\0\0"),
                     -1); /* would go on for ever */
    assert_int_equal(READ("image/jpeg", JPEG_HEAD "\xff\xc0\0\x04zz"), -1);
}

TEST(a_gif_tells_its_size)
{
    assert_int_equal(READ("image/gif", "GIF89a\x03\0\x02\x01......"), 0);
    assert_size(3, 258);
    assert_int_equal(READ("image/gif", "GIF89a\x03\0\x02\x01"), -1);
}

TEST(an_svg_tells_its_size_in_units)
{
    static const struct {
        const char *text;
        unsigned width, height;
    } rows[] = {
        {"<?xml version='1.0'?>\n<svg width=\"640\" height='480px'>", 640, 480},
        {"<svg xmlns='x' height=\"345.6pt\" width=\"460.8pt\" viewBox='0 0 1 2'/>", 614, 461},
        {"<svg stroke-width='7' viewBox=\"0 0 30.4,20\">", 30, 20},
        {"<svg width='100%' height='100%' viewBox=' -1 -2  30 20 '>", 30, 20},
        {"<svg width='99999999999999999999' height='1'>", 0, 0},
        {"<svg width='1e9' height=''>", 0, 0},
        {"<svg viewBox='1 2'>", 0, 0},
        {"<svg>", 0, 0},
        {"<svg width='1", 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        bool whole = strchr(rows[i].text, '>') != NULL;
        assert_int_equal(read_span("image/svg+xml", tt_span(rows[i].text)), whole ? 0 : -1);
        assert_size(rows[i].width, rows[i].height);
    }
}

TEST(what_is_drawn_is_small_enough_and_of_pixels)
{
    READ("image/png", PNG);
    assert_true(picture_is_drawable(&picture));
    picture.bytes.len = (size_t)100 << 20;
    assert_false(picture_is_drawable(&picture));
    READ("image/png", PNG_HEAD "\0\x0e\0\0\0\0\0\x02" PNG_REST PNG_END);
    assert_size(0xe0000, 2);
    assert_false(picture_is_drawable(&picture));
    READ("image/svg+xml", "<svg width='3' height='2'>");
    assert_false(picture_is_drawable(&picture));
    assert_int_equal(READ("application/pdf", "%PDF-1.4\n"), 0);
    assert_false(picture_is_drawable(&picture));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(what_is_no_picture_has_no_kind),
        RUN(bytes_that_only_say_so_are_none),
        RUN(a_png_tells_its_size),
        RUN(a_png_must_be_whole),
        RUN(sizes_that_make_no_sense_are_refused),
        RUN(a_jpeg_tells_its_size_behind_other_segments),
        RUN(a_gif_tells_its_size),
        RUN(an_svg_tells_its_size_in_units),
        RUN(what_is_drawn_is_small_enough_and_of_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
