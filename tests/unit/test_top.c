/* Unit test of repl/top: one frame as text, and the view on a pseudo-terminal, with a
 * controller that answers, refuses, is silent, or is gone. */
#include "prompt.h"
#include "report_made.h"

#include "screen.h"
#include "top.h"
#include "tty.h"

static terminal_t *terminal;
static made_engine_t engines[2];
static made_t made;
static const char *told;  /* written for the person when a question comes; NULL: nothing */
static const char *typed; /* by the person, after the third answer */
static enum { ANSWERS, REFUSES, BABBLES, IS_SILENT } mood;
static int asked;

static void send_report(uint64_t id)
{
    tt_buf_t bytes;
    tt_frames_t frames;
    tt_message_t message = tt_message(TT_MSG_REPORT, id);
    tt_buf_init(&bytes);
    made_pack(&bytes, &made);
    if (mood == BABBLES)
        bytes.data[0] = 0xc1;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes.data, bytes.len);
    fake_send(&fake, &message, &frames);
    tt_buf_release(&bytes);
}

static bool on_message(fake_t *self, letter_t *letter)
{
    if (letter->message.type != TT_MSG_STATUS)
        return false;
    asked++;
    if (told)
        screen_write(1, tt_span(told));
    told = NULL;
    if (mood == REFUSES)
        fake_error(self, letter->message.id, "not today");
    else if (mood != IS_SILENT)
        send_report(letter->message.id);
    if (asked == 3 && typed)
        tty_type(typed);
    return true;
}

static int begin(void **unused)
{
    (void)unused;
    setenv("TERM", "xterm", 1);
    for (int i = 0; i < 2; i++)
        engines[i] = (made_engine_t){.id = i, .state = TT_ENGINE_READY, .cpu = 0.5};
    made = (made_t){.engines = engines, .engine_count = 2};
    mood = ANSWERS;
    asked = 0;
    told = typed = NULL;
    if (prompt_begin(0) != 0)
        return -1;
    fake.on_message = on_message;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    terminal_close(&terminal);
    tty_stop();
    return prompt_end();
}

static int show(void)
{
    top_wish_t wish = {loop, session.client, terminal, 0.1, false};
    return top_run(&wish, &err);
}

/* ---- without a terminal */

TEST(without_a_view_signals_are_somebody_elses)
{
    assert_false(top_interrupt());
    assert_false(top_suspend());
    assert_false(top_resize());
    assert_false(top_hang_up(SIGTERM));
    assert_int_equal(top_hung_up(), 0);
}

TEST(one_frame_is_written_when_the_load_is_known)
{
    listen_begin();
    assert_int_equal(show(), 0);
    listen_end();
    assert_part(said_out, "engines 2: 0 busy, 2 idle\n");
    assert_part(said_out, "\n1       ready          50%");
    assert_null(strchr(said_out, '\033'));
    assert_int_equal(asked, 2);
}

TEST(a_load_that_stays_unknown_is_waited_for_no_longer_than_3_s)
{
    engines[1].cpu = -1;
    int64_t from_ms = tt_now_ms();
    listen_begin();
    assert_int_equal(show(), 0);
    listen_end();
    assert_true(tt_now_ms() - from_ms >= 3000);
    assert_part(said_out, "\n1       ready            -");
}

TEST(what_the_controller_says_against_it_is_the_reason)
{
    mood = REFUSES;
    assert_int_equal(show(), -1);
    assert_says(&err, "not today");
    mood = BABBLES;
    assert_int_equal(show(), -1);
    assert_true(err.text[0] != 0);
    tt_client_lose(session.client, "gone");
    assert_int_equal(show(), -1);
    assert_says(&err, "the controller is gone");
}

/* ---- on a terminal */

static void open_it(void)
{
    tty_begin(true);
    terminal = terminal_open(&err);
    assert_non_null(terminal);
}

TEST(a_key_leaves_and_the_screen_is_given_back)
{
    struct termios before, after;
    open_it();
    tcgetattr(0, &before);
    typed = "jks?q";
    assert_int_equal(show(), 0);
    tcgetattr(0, &after);
    assert_int_equal(before.c_lflag, after.c_lflag);
    const char *text = tty_text();
    assert_part(text, "\033[?1049h\033[?25l");
    assert_part(text, "engines 2: 0 busy, 2 idle");
    assert_part(text, "  PgDn, f          a page down");
    const char *left = strstr(text, "\033[?25h\033[?1049l");
    assert_non_null(left);
    assert_null(strstr(left, "engines"));
    assert_true(asked >= 3);
}

TEST(what_others_write_meanwhile_comes_afterwards)
{
    open_it();
    told = "news\n";
    typed = "q";
    assert_int_equal(show(), 0);
    const char *text = tty_text(), *left = strstr(text, "\033[?1049l");
    assert_non_null(left);
    assert_part(left, "news\r\n");
    assert_true(strstr(text, "news") > left);
}

TEST(escape_alone_leaves_and_the_beginning_of_a_key_does_not)
{
    open_it();
    typed = "\033[B\033[6~\033OA\033[99;5x\033";
    assert_int_equal(show(), 0);
    assert_true(asked >= 3);
}

static void type_rest(void *unused)
{
    (void)unused;
    tty_type("[Bq");
}

/* The rest comes while the first part still may be Esc: then the view is left by q. */
TEST(a_key_that_comes_in_two_parts_is_one)
{
    open_it();
    made.engine_count = 0;
    tty_type("\033");
    tt_loop_add_timer(loop, 20, type_rest, NULL);
    assert_int_equal(show(), 0);
    tt_loop_run_until(loop, &session.news, 30); /* had Esc left, the rest would come now */
    assert_null(strstr(strstr(tty_text(), "\033[?1049l"), "[Bq"));
}

static void hang_up(void *unused)
{
    (void)unused;
    assert_true(top_hang_up(SIGHUP));
}

TEST(a_signal_gives_the_screen_back_at_once_and_ends_the_view)
{
    open_it();
    tt_loop_add_timer(loop, 150, hang_up, NULL);
    assert_int_equal(show(), 0);
    assert_int_equal(top_hung_up(), SIGHUP);
    assert_part(tty_text(), "\033[?25h\033[?1049l");
    assert_false(top_hang_up(SIGHUP));
}

static void interrupt(void *unused)
{
    (void)unused;
    assert_true(top_resize());
    assert_true(top_interrupt());
}

TEST(a_silent_controller_does_not_hold_the_person)
{
    open_it();
    mood = IS_SILENT;
    tt_loop_add_timer(loop, 150, interrupt, NULL);
    assert_int_equal(show(), 0);
    assert_int_equal(asked, 1);
    assert_part(tty_text(), "asking the controller");
    assert_null(strstr(tty_text(), "cluster"));
}

static void lose(void *unused)
{
    (void)unused;
    tt_client_lose(session.client, "gone");
}

TEST(a_controller_that_is_lost_ends_the_view)
{
    open_it();
    tt_loop_add_timer(loop, 250, lose, NULL);
    assert_int_equal(show(), -1);
    assert_says(&err, "the controller is gone");
    assert_part(tty_text(), "\033[?1049l");
}

static void write_much(void *unused)
{
    char *much = tt_alloc(1 << 20);
    (void)unused;
    memset(much, ' ', 1 << 20);
    for (int i = 0; i < 20; i++)
        screen_write(777, (tt_span_t){(const uint8_t *)much, 1 << 20}); /* a closed one */
    free(much);
}

TEST(what_holds_too_much_back_ends_the_view)
{
    open_it();
    tt_loop_add_timer(loop, 150, write_much, NULL);
    assert_int_equal(show(), 0);
    assert_false(screen_is_full());
}

int main(void)
{
    toy_main();
    tty_main();
    alarm(60);
#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        EACH(without_a_view_signals_are_somebody_elses),
        EACH(one_frame_is_written_when_the_load_is_known),
        EACH(a_load_that_stays_unknown_is_waited_for_no_longer_than_3_s),
        EACH(what_the_controller_says_against_it_is_the_reason),
        EACH(a_key_leaves_and_the_screen_is_given_back),
        EACH(what_others_write_meanwhile_comes_afterwards),
        EACH(escape_alone_leaves_and_the_beginning_of_a_key_does_not),
        EACH(a_key_that_comes_in_two_parts_is_one),
        EACH(a_signal_gives_the_screen_back_at_once_and_ends_the_view),
        EACH(a_silent_controller_does_not_hold_the_person),
        EACH(a_controller_that_is_lost_ends_the_view),
        EACH(what_holds_too_much_back_ends_the_view),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
