/* Unit test of repl/screen: texts behind stdio's own, in the place of a progress line, above
 * the line that is being typed, and what counts as a terminal. */
#include "prompt.h"

#include "line.h"
#include "screen.h"
#include "tty.h"

static int begin(void **unused)
{
    (void)unused;
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    loop = tt_loop_new();
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    listen_stop();
    line_close();
    tty_stop();
    tt_loop_destroy(&loop);
    return scratch_end();
}

TEST(nothing_is_written_for_nothing)
{
    listen_begin();
    screen_write(1, (tt_span_t){NULL, 0});
    screen_progress(NULL);
    listen_end();
    assert_out("");
    assert_err("");
}

TEST(a_descriptor_that_is_closed_costs_the_text_only)
{
    screen_write(777, SPAN("lost\n"));
}

TEST(texts_keep_their_order_with_what_stdio_holds)
{
    listen_begin();
    printf("first ");
    screen_write(1, SPAN("second "));
    printf("third");
    screen_note("a %s of %d\n", "note", 1);
    listen_end();
    assert_out("first second third");
    assert_err("a note of 1\n");
}

TEST(a_text_takes_the_place_of_the_progress_line)
{
    listen_begin();
    screen_progress("1/2");
    screen_progress("2/2");
    screen_write(1, SPAN("out\n"));
    screen_progress(NULL); /* it is gone already */
    screen_progress("3/3");
    screen_note("note\n");
    listen_end();
    assert_out("out\n");
    assert_err("\r1/2\033[K\r2/2\033[K\r\033[K\r3/3\033[K\r\033[Knote\n");
}

TEST(a_text_that_is_larger_than_the_terminal_takes_at_once_is_written_whole)
{
    static char text[100001];
    int ends[2];
    size_t got = 0;
    memset(text, 'x', 100000);
    assert_int_equal(pipe(ends), 0);
    fcntl(ends[1], F_SETFL, O_NONBLOCK);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        screen_write(ends[1], tt_span(text));
        _exit(0);
    }
    close(ends[1]);
    for (ssize_t some; (some = read(ends[0], text, sizeof text)) > 0;)
        got += (size_t)some;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    assert_int_equal(got, 100000);
}

TEST(a_file_is_no_terminal_and_has_no_colour)
{
    listen_begin();
    bool terminal = screen_is_terminal(), colour = screen_has_colour();
    listen_end();
    assert_false(terminal);
    assert_false(colour);
}

TEST(a_terminal_has_colour_unless_it_is_dumb_or_the_person_wants_none)
{
    static const struct {
        const char *term, *none;
        bool terminal, colour;
    } rows[] = {
        {"xterm", NULL, true, true},  {"xterm", "", true, true}, {"xterm", "1", true, false},
        {"dumb", NULL, false, false}, {"", NULL, false, false},  {NULL, NULL, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].term)
            setenv("TERM", rows[i].term, 1);
        else
            unsetenv("TERM");
        if (rows[i].none)
            setenv("NO_COLOR", rows[i].none, 1);
        tty_begin(false);
        bool terminal = screen_is_terminal(), colour = screen_has_colour();
        tty_end();
        assert_int_equal(terminal, rows[i].terminal);
        assert_int_equal(colour, rows[i].colour);
        unsetenv("NO_COLOR");
    }
}

static void on_entered(void *arg, char *line)
{
    (void)arg;
    free(line);
}

TEST(while_a_line_is_typed_texts_appear_above_it)
{
    line_handlers_t handlers = {on_entered, NULL, NULL};
    tty_begin(false);
    line_open(loop, &handlers, NULL);
    line_edit("In [1]: ", "typed");
    assert_comes(loop, strstr(tty_text(), "In [1]: typed"));
    tty_forget();
    screen_write(2, SPAN("news\n"));
    assert_comes(loop, strstr(tty_text(), "news\n"));
    assert_comes(loop, strstr(strstr(tty_text(), "news\n"), "In [1]: typed"));
    line_close();
    tty_forget();
    screen_write(1, SPAN("later\n"));
    assert_string_equal(tty_text(), "later\n");
    tty_end();
}

TEST(what_is_held_comes_in_its_order_when_it_is_let_go)
{
    listen_begin();
    printf("before ");
    screen_hold();
    screen_write(1, SPAN("first "));
    screen_note("note ");
    screen_write(1, SPAN("second "));
    screen_write(1, SPAN("third "));
    screen_progress("1/2");
    screen_fresh_line(80, "%");
    listen_end();
    assert_out("before ");
    assert_err("");
    assert_false(screen_is_full());
    listen_begin();
    screen_let_go();
    screen_let_go();
    screen_write(1, SPAN("fourth"));
    listen_end();
    assert_out("first second third fourth");
    assert_err("note ");
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    tty_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(nothing_is_written_for_nothing),
        ON(a_descriptor_that_is_closed_costs_the_text_only),
        ON(texts_keep_their_order_with_what_stdio_holds),
        ON(a_text_takes_the_place_of_the_progress_line),
        ON(a_text_that_is_larger_than_the_terminal_takes_at_once_is_written_whole),
        ON(a_file_is_no_terminal_and_has_no_colour),
        ON(a_terminal_has_colour_unless_it_is_dumb_or_the_person_wants_none),
        ON(what_is_held_comes_in_its_order_when_it_is_let_go),
        ON(while_a_line_is_typed_texts_appear_above_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
