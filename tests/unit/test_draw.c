/* Unit test of repl/draw and repl/program: which way is chosen, and the bytes of each; helpers
 * are scripts of the test. */
#include "draw.h"
#include "program.h"

#include "scratch.h"

static const char *const variables[] = {
    "TERM_PROGRAM", "LC_TERMINAL", "KITTY_WINDOW_ID", "TMUX", "STY", "ZELLIJ", "NO_COLOR"};
static const draw_room_t room = {80, 24, 8, 16};
static tt_buf_t out;
static tt_error_t err;
static char *old_path;

static int begin(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    setenv("TERM", "xterm-256color", 1);
    old_path = tt_strdup(getenv("PATH"));
    tt_buf_init(&out);
    if (scratch_begin() != 0)
        return -1;
    setenv("PATH", scratch_path(""), 1);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    setenv("PATH", old_path, 1);
    free(old_path);
    tt_buf_release(&out);
    return scratch_end();
}

static void install(const char *name, const char *script)
{
    char *text = tt_printf("#!/bin/sh\nPATH=%s\n%s\n", old_path, script);
    scratch_write(name, text, 0700);
    free(text);
}

static picture_t picture_of(const char *mime, unsigned width, unsigned height, tt_span_t bytes)
{
    return (picture_t){picture_kind(tt_span(mime)), bytes, width, height};
}

TEST(a_way_that_there_is_not_is_told_with_those_there_are)
{
    draw_way_t way = DRAW_AUTO;
    assert_int_equal(draw_find("ascii", &way, &err), -1);
    assert_says(&err, "auto, never, kitty, iterm, sixel or chafa, not 'ascii'");
    assert_int_equal(draw_find("sixel", &way, &err), 0);
    assert_int_equal(way, DRAW_SIXEL);
    assert_string_equal(draw_name(DRAW_SIXEL), "sixel");
}

TEST(a_terminal_is_known_by_its_environment)
{
    assert_int_equal(draw_choose(), DRAW_NEVER);
    setenv("KITTY_WINDOW_ID", "1", 1);
    assert_int_equal(draw_choose(), DRAW_KITTY);
    setenv("TERM_PROGRAM", "iTerm.app", 1); /* was started from a kitty */
    assert_int_equal(draw_choose(), DRAW_ITERM);
    setenv("TERM_PROGRAM", "", 1);
    setenv("TERM", "xterm-kitty", 1);
    assert_int_equal(draw_choose(), DRAW_KITTY);
}

TEST(within_a_multiplexer_the_terminal_around_does_not_count)
{
    setenv("KITTY_WINDOW_ID", "1", 1);
    setenv("TERM_PROGRAM", "iTerm.app", 1);
    setenv("TERM", "tmux-256color", 1);
    assert_int_equal(draw_choose(), DRAW_NEVER);
    setenv("TERM", "xterm", 1);
    setenv("STY", "1.pts", 1);
    assert_int_equal(draw_choose(), DRAW_NEVER);
    install("chafa", "exit 0");
    assert_int_equal(draw_choose(), DRAW_SIXEL); /* if the terminal says so */
    assert_int_equal(draw_without_sixel(), DRAW_CHAFA);
}

TEST(a_helper_that_is_not_there_is_not_asked)
{
    assert_false(program_is_there("chafa"));
    assert_int_equal(draw_without_sixel(), DRAW_NEVER);
    scratch_write("chafa", "not a program", 0600);
    assert_false(program_is_there("chafa"));
    install("img2sixel", "exit 0");
    assert_int_equal(draw_choose(), DRAW_SIXEL);
    assert_int_equal(draw_without_sixel(), DRAW_NEVER);
    setenv("PATH", "", 1);
    assert_false(program_is_there("img2sixel"));
}

TEST(kitty_gets_base64_and_answers_nothing)
{
    picture_t picture = picture_of("image/png", 3, 2, SPAN("\033[31m"));
    assert_true(draw_picture(DRAW_KITTY, &picture, NULL, &room, &out));
    assert_text(&out, "\033_Ga=T,f=100,q=2,m=0;G1szMW0=\033\\\n");
}

TEST(kitty_gets_long_pictures_in_pieces)
{
    uint8_t *bytes = tt_alloc(6000);
    picture_t picture = picture_of("image/png", 1600, 100, (tt_span_t){bytes, 6000});
    assert_true(draw_picture(DRAW_KITTY, &picture, NULL, &room, &out));
    const char *text = tt_buf_text(&out), *second = strstr(text, "\033_Gm=0;");
    assert_int_equal(strncmp(text, "\033_Ga=T,f=100,q=2,c=80,r=3,m=1;", 29), 0);
    assert_non_null(second);
    assert_int_equal(strcspn(text + 30, "\033"), 4096);
    assert_int_equal(strcspn(second + 7, "\033"), 8000 - 4096);
    free(bytes);
}

TEST(kitty_takes_no_jpeg)
{
    picture_t picture = picture_of("image/jpeg", 3, 2, SPAN("x"));
    assert_false(draw_picture(DRAW_KITTY, &picture, NULL, &room, &out));
    assert_int_equal(out.len, 0);
}

TEST(iterm_gets_any_picture_of_pixels)
{
    picture_t picture = picture_of("image/gif", 3, 2, SPAN("ab"));
    assert_true(draw_picture(DRAW_ITERM, &picture, NULL, &room, &out));
    assert_text(&out, "\033]1337;File=inline=1;size=2;preserveAspectRatio=1:YWI=\a\n");
    out.len = 0;
    picture = picture_of("image/png", 1000, 1000, SPAN("abc"));
    assert_true(draw_picture(DRAW_ITERM, &picture, NULL, &room, &out));
    assert_text(&out, "\033]1337;File=inline=1;size=3;width=44;height=22;"
                      "preserveAspectRatio=1:YWJj\a\n");
}

TEST(what_passes_through_tmux_is_wrapped)
{
    picture_t picture = picture_of("image/png", 3, 2, SPAN("abc"));
    setenv("TMUX", "/tmp/x,1,0", 1);
    assert_true(draw_picture(DRAW_KITTY, &picture, NULL, &room, &out));
    assert_text(&out, "\033Ptmux;\033\033_Ga=T,f=100,q=2,m=0;YWJj\033\033\\\033\\\n");
}

TEST(chafa_is_told_the_format_and_the_size)
{
    picture_t picture = picture_of("image/png", 640, 480, SPAN("x"));
    install("chafa", "echo \"$@\"");
    assert_true(draw_picture(DRAW_CHAFA, &picture, "/a b.png", &room, &out));
    assert_text(&out, "--format symbols --size 59x22 --animate off --polite on /a b.png\n");
    out.len = 0;
    setenv("NO_COLOR", "1", 1);
    picture = picture_of("image/png", 16, 16, SPAN("x"));
    assert_true(draw_picture(DRAW_SIXEL, &picture, "/p", &room, &out));
    assert_text(&out,
                "--format sixels --size 2x1 --animate off --polite on /p --colors none\n");
}

TEST(img2sixel_serves_where_there_is_no_chafa)
{
    picture_t picture = picture_of("image/png", 640, 100, SPAN("x"));
    install("img2sixel", "printf '%s ' \"$@\"");
    assert_true(draw_picture(DRAW_SIXEL, &picture, "/p", &room, &out));
    assert_text(&out, "-S -w 640 /p \n");
}

TEST(a_helper_that_fails_draws_nothing)
{
    picture_t picture = picture_of("image/png", 640, 100, SPAN("x"));
    install("chafa", "echo half of it; exit 1");
    assert_false(draw_picture(DRAW_CHAFA, &picture, "/p", &room, &out));
    assert_false(draw_picture(DRAW_CHAFA, &picture, NULL, &room, &out));
    install("chafa", "exit 0"); /* it writes nothing */
    assert_false(draw_picture(DRAW_CHAFA, &picture, "/p", &room, &out));
    assert_int_equal(out.len, 0);
    assert_int_equal(unlink(scratch_path("chafa")), 0);
    assert_false(draw_picture(DRAW_CHAFA, &picture, "/p", &room, &out));
}

TEST(a_program_that_hangs_is_killed_with_what_it_has_started)
{
    install("hangs", "echo begun; (while :; do sleep 100; done) & echo $! > $1; wait");
    install("goes-on", "exec >&-; while :; do sleep 100; done");
    const char *const argv[] = {"hangs", scratch_path("pid"), NULL};
    assert_int_equal(program_run(argv, 1000, 700, &out), -1);
    FILE *in = fopen(scratch_path("pid"), "re");
    int pid = 0;
    assert_non_null(in);
    assert_int_equal(fscanf(in, "%d", &pid), 1);
    fclose(in);
    for (int i = 0; i < 500 && kill(pid, 0) == 0; i++)
        usleep(10000); /* whoever adopts it has to look */
    assert_int_equal(program_run((const char *const[]){"goes-on", NULL}, 1000, 200, &out), -1);
    assert_int_equal(out.len, 0);
}

TEST(a_program_that_writes_without_end_is_stopped)
{
    install("endless", "while :; do echo more; done");
    assert_int_equal(program_run((const char *const[]){"endless", NULL}, 1000, 10000, &out),
                     -1);
    assert_int_equal(out.len, 0);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_way_that_there_is_not_is_told_with_those_there_are),
        EACH(a_terminal_is_known_by_its_environment),
        EACH(within_a_multiplexer_the_terminal_around_does_not_count),
        EACH(a_helper_that_is_not_there_is_not_asked),
        EACH(kitty_gets_base64_and_answers_nothing),
        EACH(kitty_gets_long_pictures_in_pieces),
        EACH(kitty_takes_no_jpeg),
        EACH(iterm_gets_any_picture_of_pixels),
        EACH(what_passes_through_tmux_is_wrapped),
        EACH(chafa_is_told_the_format_and_the_size),
        EACH(img2sixel_serves_where_there_is_no_chafa),
        EACH(a_helper_that_fails_draws_nothing),
        EACH(a_program_that_hangs_is_killed_with_what_it_has_started),
        EACH(a_program_that_writes_without_end_is_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
