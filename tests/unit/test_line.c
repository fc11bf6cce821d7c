/* Unit test of repl/line: the history and its file, choices, and editing at a terminal. */
#include "prompt.h"

#include "line.h"
#include "tty.h"

enum { LIST_MAX = 16 };

static char *got[LIST_MAX]; /* lines that were entered; "" for NULL */
static size_t got_count;
static const char
    *offered[8]; /* what TAB offers, from `offered_start`; each may be "word label" */
static size_t offered_start;
static bool offered_plain;
static const char *offered_note;
static char completed[256]; /* what TAB was pressed on: "text|rest" */

static void on_entered(void *arg, char *line)
{
    assert_string_equal(arg, "mine");
    assert_false(line_editing());
    if (got_count < LIST_MAX)
        got[got_count++] = line ? line : tt_strdup("(end)");
}

static void on_complete(void *arg, const char *text, size_t cursor, line_choices_t *choices)
{
    bool never = false;
    assert_string_equal(arg, "mine");
    snprintf(completed, sizeof completed, "%.*s|%s", (int)cursor, text, text + cursor);
    tt_loop_run_until(loop, &never, 1); /* as completion does */
    choices->start = offered_start;
    choices->plain = offered_plain;
    choices->note = offered_note ? tt_strdup(offered_note) : NULL;
    for (size_t i = 0; offered[i]; i++) {
        size_t len = strcspn(offered[i], " ");
        line_choices_add(choices, offered[i], len,
                         offered[i][len] ? offered[i] + len + 1 : NULL);
    }
}

static const line_handlers_t handlers = {on_entered, on_complete, (char *)(uintptr_t) "mine"};

static int begin(void **unused)
{
    (void)unused;
    memset(offered, 0, sizeof offered);
    offered_start = 0;
    offered_plain = false;
    offered_note = NULL;
    completed[0] = 0;
    if (scratch_begin() != 0)
        return -1;
    scratch_write("inputrc", "set enable-bracketed-paste off\nset bell-style none\n", 0600);
    setenv("INPUTRC", scratch_path("inputrc"), 1);
    loop = tt_loop_new();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    line_close();
    line_close();
    tty_stop();
    while (got_count > 0)
        free(got[--got_count]);
    tt_loop_destroy(&loop);
    return scratch_end();
}

static void open_line(bool history)
{
    line_open(loop, &handlers, history ? scratch_path("history") : NULL);
}

/* One line is typed, and comes back; what happened is in tty_text. */
static const char *enter(const char *keys)
{
    size_t before = got_count;
    line_edit("> ", NULL);
    tty_type(keys);
    assert_comes(loop, got_count > before);
    return got[got_count - 1];
}

static const char *file(void)
{
    static char text[1 << 20];
    int fd = open(scratch_path("history"), O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    text[len > 0 ? len : 0] = 0;
    if (fd >= 0)
        close(fd);
    return text;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (; (text = strstr(text, part)); text += strlen(part))
        count++;
    return count;
}

#define UP "\033[A"

TEST(what_was_read_for_it_is_the_next_lines)
{
    tty_begin(false);
    open_line(false);
    line_type_ahead(SPAN("ab"));
    assert_string_equal(enter("c\r"), "abc");
    line_type_ahead(SPAN("one\rtw"));
    line_edit("> ", NULL);
    assert_comes(loop, got_count == 2);
    assert_string_equal(got[1], "one");
    assert_string_equal(enter("o\r"), "two");
    line_close();
    line_type_ahead(SPAN("nobody reads it"));
}

TEST(an_answer_of_the_terminal_that_comes_late_is_not_typed)
{
    tty_begin(false);
    open_line(false);
    assert_string_equal(enter("ab\033[?62;4;22ccd\r"), "abcd");
    assert_string_equal(enter("ab\033[D\033[?c!\r"), "a!b");
}

/* ---- the list of choices */

TEST(choices_are_copied_and_have_labels_or_none)
{
    line_choices_t choices = {0};
    char word[] = "alphabet";
    for (int i = 0; i < 100; i++)
        line_choices_add(&choices, word, 5, i % 2 ? "label" : NULL);
    word[0] = 'x';
    assert_int_equal(choices.count, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_string_equal(choices.words[i], "alpha");
        if (i % 2)
            assert_string_equal(choices.labels[i], "label");
        else
            assert_null(choices.labels[i]);
        free(choices.words[i]);
        free(choices.labels[i]);
    }
    free(choices.words);
    free(choices.labels);
}

/* ---- history */

TEST(without_a_path_nothing_is_written)
{
    open_line(false);
    line_remember("f()");
    line_close();
    assert_string_equal(file(), "");
}

TEST(what_is_empty_begins_with_a_blank_or_is_the_last_one_again_is_not_kept)
{
    struct stat about;
    open_line(true);
    line_remember("");
    line_remember(" secret()");
    line_remember("f()");
    line_remember("f()");
    line_remember("g()");
    line_remember("f()");
    line_close();
    assert_int_equal(count_of(file(), "f()\n"), 2);
    assert_int_equal(count_of(file(), "g()\n"), 1);
    assert_null(strstr(file(), "secret"));
    assert_int_equal(stat(scratch_path("history"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
}

TEST(an_entry_comes_back_as_it_was_in_the_next_session_however_many_lines_it_has)
{
    static const char *const entries[] = {"one()", "for i in x:\n    f(i)\n    g(i)",
                                          "%%px\n# 2\n\\#x", "\ttwo()", "last()"};
    open_line(true);
    for (size_t i = 0; i < 5; i++)
        line_remember(entries[i]);
    line_close();
    tty_begin(false);
    open_line(true);
    assert_string_equal(enter(UP "\n"), entries[4]);
    assert_string_equal(enter(UP UP UP UP "\n"), entries[1]);
    assert_string_equal(enter(UP UP UP UP UP "\n"), entries[0]);
    tty_end();
    line_close();
    open_line(true);
    line_remember("last()"); /* the last one is known, too */
    assert_int_equal(count_of(file(), "last()\n"), 1);
}

TEST(an_empty_line_and_a_comment_that_looks_like_a_time_stay_in_their_entry)
{
    open_line(true);
    line_remember("%%px\n#1 is a comment\n\nf()\n\n\ng()");
    line_remember("#2 alone");
    line_close();
    tty_begin(false);
    open_line(true);
    assert_string_equal(enter(UP "\n"), "# 2 alone");
    assert_string_equal(enter(UP UP "\n"), "%%px\n# 1 is a comment\n \nf()\n \n \ng()");
    tty_end();
}

TEST(two_prompts_that_write_at_once_lose_nothing)
{
    enum { EACH = 200 };
    char entry[64];
    pid_t pids[2];
    for (int who = 0; who < 2; who++) {
        pids[who] = fork();
        if (pids[who] != 0)
            continue;
        open_line(true);
        for (int i = 0; i < EACH; i++) {
            snprintf(entry, sizeof entry, "first %d %d\nsecond %d %d.", who, i, who, i);
            line_remember(entry);
        }
        line_close();
        _exit(0);
    }
    for (int who = 0; who < 2; who++) {
        int status;
        assert_int_equal(waitpid(pids[who], &status, 0), pids[who]);
        assert_int_equal(status, 0);
    }
    for (int who = 0; who < 2; who++)
        for (int i = 0; i < EACH; i++) {
            snprintf(entry, sizeof entry, "first %d %d\nsecond %d %d.\n", who, i, who, i);
            assert_int_equal(count_of(file(), entry), 1);
        }
}

TEST(a_huge_file_is_trimmed_to_its_newest_entries)
{
    struct stat about;
    FILE *out = fopen(scratch_path("history"), "we");
    for (int i = 0; i < 12500; i++)
        fprintf(out, "#%d\nentry %d\n  of two lines\n", 1700000000 + i, i);
    fclose(out);
    open_line(true);
    line_close();
    assert_int_equal(count_of(file(), "entry "), 10000);
    assert_null(strstr(file(), "entry 2499\n"));
    assert_non_null(strstr(file(), "entry 2500\n  of two lines\n"));
    assert_non_null(strstr(file(), "entry 12499\n"));
    assert_int_equal(stat(scratch_path("history"), &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_int_not_equal(access(scratch_path("history.new"), F_OK), 0);
}

TEST(a_file_that_is_broken_or_cannot_be_used_costs_the_history_only)
{
    scratch_write("history", "\xff\xfe#\n#\n#12\n\n\001 no end", 0600);
    open_line(true);
    line_remember("f()");
    line_close();
    assert_non_null(strstr(file(), "f()\n"));
    unlink(scratch_path("history"));
    mkdir(scratch_path("history"), 0700); /* a directory */
    open_line(true);
    line_remember("f()");
    line_close();
    line_open(loop, &handlers, "/nonexistent/folder/history");
    line_remember("f()");
    line_close();
}

TEST(an_entry_behind_one_that_was_cut_off_begins_a_line_of_its_own)
{
    scratch_write("history", "#1700000000\nf()\n#1700000001\ncut o", 0600);
    open_line(true);
    line_remember("g()");
    line_close();
    tty_begin(false);
    open_line(true);
    assert_string_equal(enter(UP "\n"), "g()");
    assert_string_equal(enter(UP UP "\n"), "cut o");
    tty_end();
}

/* ---- editing */

TEST(a_line_is_handed_over_and_ctrl_d_ends_the_input)
{
    tty_begin(false);
    open_line(false);
    assert_false(line_editing());
    assert_string_equal(enter("f(\xc3\xa9)\n"), "f(\xc3\xa9)");
    assert_string_equal(enter("\n"), "");
    assert_string_equal(enter("\004"), "(end)");
    line_edit("> ", "    ");
    assert_true(line_editing());
    assert_true(line_begun());
    tty_type("x\n");
    assert_comes(loop, got_count == 4);
    assert_string_equal(got[3], "    x");
    assert_false(line_begun());
    tty_end();
}

TEST(ctrl_c_drops_the_line_and_nothing_of_it_comes_back)
{
    tty_begin(false);
    open_line(false);
    line_drop(); /* no line: nothing */
    line_edit("> ", NULL);
    assert_false(line_begun());
    tty_type("half a line");
    assert_comes(loop, strstr(tty_text(), "half a line"));
    line_drop();
    assert_false(line_editing());
    assert_non_null(strstr(tty_text(), "^C\n"));
    assert_int_equal(got_count, 0);
    assert_string_equal(enter("x\n"), "x");
    tty_end();
}

TEST(texts_appear_above_the_line_which_stays)
{
    tty_begin(false);
    open_line(false);
    line_edit("> ", NULL);
    tty_type("half");
    assert_comes(loop, strstr(tty_text(), "> half"));
    tty_forget();
    line_above(SPAN("one"));
    line_above(SPAN("two\n"));
    line_above((tt_span_t){NULL, 0});
    assert_comes(loop, strstr(tty_text(), "two\n"));
    assert_non_null(strstr(tty_text(), "one\ntwo\n"));
    assert_non_null(strstr(strstr(tty_text(), "two\n"), "> half"));
    tty_type(" done\n");
    assert_comes(loop, got_count == 1);
    assert_string_equal(got[0], "half done");
    tty_forget();
    line_above(SPAN("outside"));
    assert_string_equal(tty_text(), "outside\n");
    tty_end();
}

TEST(what_was_to_appear_when_the_line_ends_appears_then)
{
    tty_begin(false);
    open_line(false);
    line_edit("> ", NULL);
    line_above(SPAN("first\n"));
    assert_comes(loop, strstr(tty_text(), "first\n"));
    line_above(SPAN("second\n"));
    line_drop();
    assert_non_null(strstr(tty_text(), "second\n"));
    line_edit("> ", NULL);
    line_above(SPAN("third\n"));
    line_close();
    assert_non_null(strstr(tty_text(), "third\n"));
    tty_end();
}

TEST(while_readline_searches_texts_wait)
{
    tty_begin(false);
    open_line(false);
    line_remember("needle()");
    line_edit("> ", NULL);
    tty_type("\022need"); /* Ctrl-R */
    assert_comes(loop, strstr(tty_text(), "needle()"));
    line_above(SPAN("news\n"));
    bool never = false;
    for (int i = 0; i < 5; i++)
        tt_loop_run_until(loop, &never, 20);
    assert_null(strstr(tty_text(), "news"));
    tty_type("\005"); /* Ctrl-E ends it */
    assert_comes(loop, strstr(tty_text(), "news\n"));
    tty_type("\n");
    assert_comes(loop, got_count == 1);
    assert_string_equal(got[0], "needle()");
    tty_end();
}

TEST(a_single_choice_is_taken_with_a_blank_unless_it_goes_on)
{
    tty_begin(false);
    open_line(false);
    offered[0] = "%targets";
    assert_string_equal(enter("%ta\t1\n"), "%targets 1");
    assert_string_equal(completed, "%ta|");
    offered[0] = "alpha";
    offered_start = 4;
    offered_plain = true;
    assert_string_equal(enter("x = al\t()\n"), "x = alpha()");
    assert_string_equal(enter("x = al)\002\t+1\n"), "x = alpha+1)"); /* Ctrl-B: before the ) */
    assert_string_equal(completed, "x = al|)");
    tty_end();
}

TEST(of_several_choices_the_common_part_is_taken_and_all_are_listed_with_labels_and_note)
{
    tty_begin(false);
    open_line(false);
    offered[0] = "alpha";
    offered[1] = "alphabet [0-2]";
    offered[2] = "alpine";
    offered_note = "1 of 4 engines is busy";
    line_edit("> ", NULL);
    tty_type("a\t\t\t");
    assert_comes(loop, strstr(tty_text(), "engines is busy\n"));
    assert_non_null(strstr(tty_text(), "alphabet [0-2]"));
    assert_non_null(strstr(strstr(tty_text(), "is busy\n"), "> alp"));
    tty_type("x\n");
    assert_comes(loop, got_count == 1);
    assert_string_equal(got[0], "alpx");
    tty_end();
}

TEST(a_common_part_never_ends_within_a_character)
{
    tty_begin(false);
    open_line(false);
    offered[0] = "a\xc3\xa9x";
    offered[1] = "a\xc3\xa8x";
    assert_string_equal(enter("a\tb\n"), "ab");
    tty_end();
}

TEST(without_choices_the_note_is_shown_above)
{
    tty_begin(false);
    open_line(false);
    offered_note = "the local engine is busy";
    line_edit("> ", NULL);
    tty_type("a\t");
    assert_comes(loop, strstr(tty_text(), "the local engine is busy\n"));
    tty_type("\n");
    assert_comes(loop, got_count == 1);
    assert_string_equal(got[0], "a");
    tty_end();
}

TEST(a_suspended_line_is_taken_up_as_it_was)
{
    struct termios modes;
    tty_begin(true);
    open_line(false);
    line_suspend(); /* no line: nothing */
    line_resume();
    line_resize();
    line_edit("> ", NULL);
    tty_type("half");
    assert_comes(loop, strstr(tty_text(), "> half"));
    tcgetattr(tty_slave, &modes);
    assert_int_equal(modes.c_lflag & ICANON, 0);
    line_suspend();
    tcgetattr(tty_slave, &modes);
    assert_int_not_equal(modes.c_lflag & ICANON, 0);
    tty_forget();
    line_resume();
    line_resize();
    assert_comes(loop, strstr(tty_text(), "> half"));
    tty_type(" done\r");
    assert_comes(loop, got_count == 1);
    assert_string_equal(got[0], "half done");
    tcgetattr(tty_slave, &modes);
    assert_int_not_equal(modes.c_lflag & ICANON, 0);
    tty_end();
}

TEST(closing_within_a_line_restores_the_terminal)
{
    struct termios before, after;
    tty_begin(true);
    tcgetattr(tty_slave, &before);
    open_line(false);
    line_edit("> ", "half");
    assert_comes(loop, strstr(tty_text(), "> half"));
    line_close();
    tcgetattr(tty_slave, &after);
    assert_int_equal(before.c_lflag, after.c_lflag);
    assert_int_equal(before.c_iflag, after.c_iflag);
    assert_false(line_editing());
    tty_end();
}

#define ON(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    tty_main();
    alarm(60);
    const struct CMUnitTest tests[] = {
        ON(choices_are_copied_and_have_labels_or_none),
        ON(without_a_path_nothing_is_written),
        ON(what_is_empty_begins_with_a_blank_or_is_the_last_one_again_is_not_kept),
        ON(an_entry_comes_back_as_it_was_in_the_next_session_however_many_lines_it_has),
        ON(an_empty_line_and_a_comment_that_looks_like_a_time_stay_in_their_entry),
        ON(two_prompts_that_write_at_once_lose_nothing),
        ON(a_huge_file_is_trimmed_to_its_newest_entries),
        ON(a_file_that_is_broken_or_cannot_be_used_costs_the_history_only),
        ON(an_entry_behind_one_that_was_cut_off_begins_a_line_of_its_own),
        ON(a_line_is_handed_over_and_ctrl_d_ends_the_input),
        ON(ctrl_c_drops_the_line_and_nothing_of_it_comes_back),
        ON(what_was_read_for_it_is_the_next_lines),
        ON(an_answer_of_the_terminal_that_comes_late_is_not_typed),
        ON(texts_appear_above_the_line_which_stays),
        ON(what_was_to_appear_when_the_line_ends_appears_then),
        ON(while_readline_searches_texts_wait),
        ON(a_single_choice_is_taken_with_a_blank_unless_it_goes_on),
        ON(of_several_choices_the_common_part_is_taken_and_all_are_listed_with_labels_and_note),
        ON(a_common_part_never_ends_within_a_character),
        ON(without_choices_the_note_is_shown_above),
        ON(a_suspended_line_is_taken_up_as_it_was),
        ON(closing_within_a_line_restores_the_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
