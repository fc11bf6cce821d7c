/* Unit test of repl/terminal: whose the terminal is, and the modes it is in, with a real
 * pseudo-terminal and process groups of its session. */
#include "terminal.h"

#include "tty.h"

static terminal_t *terminal;
static tt_error_t err;
static pid_t child;

static int begin(void **unused)
{
    (void)unused;
    setenv("TERM", "xterm", 1);
    tty_begin(true);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    if (child > 0) {
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
    }
    child = 0;
    terminal_close(&terminal);
    terminal_close(&terminal);
    tty_stop();
    return 0;
}

static void open_it(void)
{
    terminal = terminal_open(&err);
    assert_non_null(terminal);
}

/* A process with a group of its own, that waits. */
static void start_child(void)
{
    child = fork();
    if (child == 0)
        for (setpgid(0, 0);;)
            pause();
    setpgid(child, child);
}

static pid_t foreground(void)
{
    return tcgetpgrp(tty_slave);
}

static bool has_echo(void)
{
    struct termios modes;
    tcgetattr(tty_slave, &modes);
    return modes.c_lflag & ECHO;
}

static void set_echo(bool on)
{
    struct termios modes;
    tcgetattr(tty_slave, &modes);
    modes.c_lflag = on ? modes.c_lflag | ECHO : modes.c_lflag & ~(tcflag_t)ECHO;
    tcsetattr(tty_slave, TCSANOW, &modes);
}

/* ---- what is no terminal */

TEST(a_file_or_a_dumb_terminal_cannot_be_edited_on)
{
    assert_true(terminal_is_there());
    setenv("TERM", "dumb", 1);
    assert_false(terminal_is_there());
    unsetenv("TERM");
    assert_true(terminal_is_there());
    for (int fd = 0; fd < 2; fd++) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(null, fd);
        close(null);
        bool there = terminal_is_there();
        dup2(tty_slave, fd);
        assert_false(there);
    }
}

TEST(what_is_no_terminal_cannot_be_opened)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(null, 0);
    close(null);
    terminal = terminal_open(&err);
    dup2(tty_slave, 0);
    assert_null(terminal);
    assert_says(&err, "cannot use the terminal");
}

TEST(columns_and_rows_are_as_of_now_and_never_nothing)
{
    struct winsize window = {.ws_row = 33, .ws_col = 101};
    assert_int_equal(terminal_columns(), 80);
    assert_int_equal(terminal_rows(), 24);
    ioctl(tty_slave, TIOCSWINSZ, &window);
    assert_int_equal(terminal_columns(), 101);
    assert_int_equal(terminal_rows(), 33);
    window = (struct winsize){0};
    ioctl(tty_slave, TIOCSWINSZ, &window);
    assert_int_equal(terminal_columns(), 80);
    assert_int_equal(terminal_rows(), 24);
}

TEST(a_cell_is_as_large_as_the_terminal_says)
{
    unsigned width, height;
    struct winsize window = {.ws_row = 24, .ws_col = 80, .ws_xpixel = 800, .ws_ypixel = 480};
    ioctl(tty_slave, TIOCSWINSZ, &window);
    terminal_cell(&width, &height);
    assert_int_equal(width, 10);
    assert_int_equal(height, 20);
    window.ws_xpixel = window.ws_ypixel = 0;
    ioctl(tty_slave, TIOCSWINSZ, &window);
    terminal_cell(&width, &height);
    assert_int_equal(width, 8);
    assert_int_equal(height, 16);
}

/* ---- asking */

TEST(what_is_typed_around_an_answer_is_kept)
{
    static const struct {
        const char *typed, *left;
        bool sixel;
    } rows[] = {
        {"ab\033[?62;4c", "ab", true},
        {"\033[?63;1;2;4;22ccd\n", "cd\n", true},
        {"a\033[A\033[?64;14;24;42cb", "a\033[Ab", false},
        {"\033[?4c", "", false},
        {"\033[?25h\033[?1;2c", "\033[?25h", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tt_buf_t typed;
        tt_buf_init(&typed);
        tty_forget();
        tty_type(rows[i].typed);
        assert_int_equal(terminal_has_sixel(&typed), rows[i].sixel);
        assert_text(&typed, rows[i].left);
        assert_true(has_echo());
        assert_non_null(strstr(tty_text(), "\033[c"));
        tt_buf_release(&typed);
    }
}

TEST(a_terminal_that_does_not_answer_has_no_sixel)
{
    tt_buf_t typed;
    tt_buf_init(&typed);
    tty_type("ab\033[?62;");
    assert_false(terminal_has_sixel(&typed));
    assert_text(&typed, "ab\033[?62;");
    tt_buf_release(&typed);
}

TEST(a_terminal_that_is_not_ours_is_not_asked)
{
    tt_buf_t typed;
    tt_buf_init(&typed);
    start_child();
    tcsetpgrp(tty_slave, child);
    assert_false(terminal_has_sixel(&typed));
    assert_null(strstr(tty_text(), "\033[c"));
    assert_int_equal(typed.len, 0);
    tt_buf_release(&typed);
}

/* ---- giving and taking */

TEST(who_is_given_the_terminal_has_it_in_the_modes_that_were_found)
{
    open_it();
    start_child();
    set_echo(false); /* as while a line is edited */
    assert_int_equal(terminal_holder(terminal), 0);
    terminal_give(terminal, child);
    assert_int_equal(foreground(), child);
    assert_int_equal(terminal_holder(terminal), child);
    assert_true(has_echo());
    set_echo(false); /* by what runs there */
    terminal_take(terminal);
    assert_int_equal(foreground(), getpgrp());
    assert_int_equal(terminal_holder(terminal), 0);
    assert_true(has_echo());
    terminal_take(terminal); /* harmless */
    assert_int_equal(foreground(), getpgrp());
}

TEST(what_is_not_ours_is_not_given)
{
    open_it();
    start_child();
    tcsetpgrp(tty_slave, child); /* somebody else has put us into the background */
    terminal_give(terminal, getpgrp());
    assert_int_equal(foreground(), child);
    assert_int_equal(terminal_holder(terminal), 0);
}

TEST(a_group_that_is_gone_is_given_nothing)
{
    open_it();
    start_child();
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    terminal_give(terminal, child);
    child = 0;
    assert_int_equal(terminal_holder(terminal), 0);
    assert_int_equal(foreground(), getpgrp());
}

TEST(a_group_that_ends_with_the_terminal_leaves_it_to_be_taken_back)
{
    open_it();
    start_child();
    terminal_give(terminal, child);
    set_echo(false);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    child = 0;
    terminal_close(&terminal); /* takes it, too */
    assert_null(terminal);
    assert_int_equal(foreground(), getpgrp());
    assert_true(has_echo());
}

/* ---- Ctrl-Z */

TEST(suspending_stops_us_once_and_what_the_shell_changed_counts_from_then_on)
{
    open_it();
    int stops = *tty_stops;
    terminal_suspend(terminal);
    assert_int_equal(*tty_stops, stops + 1);
    assert_int_equal(terminal_holder(terminal), 0);
    set_echo(false); /* it is not found so */
    terminal_take(terminal);
    assert_true(has_echo());
}

TEST(what_had_the_terminal_gets_it_back_in_its_own_modes_and_goes_on)
{
    int status, stops = *tty_stops;
    open_it();
    start_child();
    terminal_give(terminal, child);
    set_echo(false);
    kill(child, SIGSTOP);
    assert_int_equal(waitpid(child, &status, WUNTRACED), child);
    terminal_suspend(terminal);
    assert_int_equal(*tty_stops, stops + 1);
    assert_int_equal(terminal_holder(terminal), child);
    assert_int_equal(foreground(), child);
    assert_false(has_echo());
    assert_int_equal(waitpid(child, &status, WCONTINUED), child);
    assert_true(WIFCONTINUED(status));
    terminal_take(terminal);
    assert_true(has_echo());
    terminal_give(terminal, child); /* the next line begins as any other */
    assert_true(has_echo());
}

TEST(in_the_background_it_stops_until_it_is_brought_to_the_front)
{
    pid_t group = getpgrp();
    int stops = *tty_stops;
    child = fork();
    if (child == 0) { /* the shell's `fg`, when we have stopped at least twice */
        setpgid(0, 0);
        while (tcgetpgrp(tty_slave) != getpgrp() || *tty_stops < stops + 2)
            sched_yield();
        tcsetpgrp(tty_slave, group);
        for (;;)
            pause();
    }
    setpgid(child, child);
    tcsetpgrp(tty_slave, child);
    open_it();
    assert_true(*tty_stops >= stops + 2);
    assert_int_equal(foreground(), group);
}

TEST(keys_are_read_one_by_one_until_that_is_over)
{
    struct termios found, keys, after;
    char key = 0;
    open_it();
    tcgetattr(0, &found);
    terminal_set_keys(terminal, true);
    tcgetattr(0, &keys);
    assert_true((keys.c_lflag & (ICANON | ECHO)) == 0 && (keys.c_lflag & ISIG) != 0);
    tty_type("x");
    assert_int_equal(read(0, &key, 1), 1);
    assert_int_equal(key, 'x');
    terminal_set_keys(terminal, false);
    tcgetattr(0, &after);
    assert_int_equal(found.c_lflag, after.c_lflag);
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    tty_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(a_file_or_a_dumb_terminal_cannot_be_edited_on),
        ON(what_is_no_terminal_cannot_be_opened),
        ON(columns_and_rows_are_as_of_now_and_never_nothing),
        ON(a_cell_is_as_large_as_the_terminal_says),
        ON(what_is_typed_around_an_answer_is_kept),
        ON(a_terminal_that_does_not_answer_has_no_sixel),
        ON(a_terminal_that_is_not_ours_is_not_asked),
        ON(who_is_given_the_terminal_has_it_in_the_modes_that_were_found),
        ON(what_is_not_ours_is_not_given),
        ON(a_group_that_is_gone_is_given_nothing),
        ON(a_group_that_ends_with_the_terminal_leaves_it_to_be_taken_back),
        ON(suspending_stops_us_once_and_what_the_shell_changed_counts_from_then_on),
        ON(what_had_the_terminal_gets_it_back_in_its_own_modes_and_goes_on),
        ON(keys_are_read_one_by_one_until_that_is_over),
        ON(in_the_background_it_stops_until_it_is_brought_to_the_front),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
