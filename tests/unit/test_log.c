/* Unit test of share/log: lines are read back from a pipe. */
#include "check.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int pipe_fd[2];

static int begin(void **unused)
{
    (void)unused;
    unsetenv("TUTTI_LOG");
    return pipe2(pipe_fd, O_NONBLOCK | O_CLOEXEC);
}

static int end(void **unused)
{
    (void)unused;
    close(pipe_fd[0]);
    close(pipe_fd[1]);
    return 0;
}

/* What was logged since the last call. */
static const char *logged(void)
{
    static char text[32768];
    ssize_t got = read(pipe_fd[0], text, sizeof text - 1);
    text[got > 0 ? got : 0] = 0;
    return text;
}

static void assert_matches(const char *text, const char *pattern)
{
    regex_t regex;
    assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
    if (regexec(&regex, text, 0, NULL, 0) != 0)
        fail_msg("\"%s\" does not match %s", text, pattern);
    regfree(&regex);
}

TEST(a_descriptor_that_is_closed_does_no_harm)
{
    tt_log_open("tutti", 987);
    errno = 0;
    tt_log(TT_LOG_ERROR, "nobody hears this");
    assert_int_equal(errno, 0);
}

TEST(an_unknown_level_means_info)
{
    setenv("TUTTI_LOG", "loud", 1);
    tt_log_open("tutti", pipe_fd[1]);
    tt_log(TT_LOG_DEBUG, "no");
    tt_log(TT_LOG_INFO, "yes");
    assert_matches(logged(), "info: yes\n$");
}

TEST(a_line_tells_time_program_pid_and_level)
{
    char pattern[200];
    tt_log_open("tutti-engine", pipe_fd[1]);
    tt_log(TT_LOG_WARN, "engine %d is gone", 3);
    snprintf(pattern, sizeof pattern,
             "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{3} "
             "tutti-engine\\[%d\\] warn: engine 3 is gone\n$",
             getpid());
    assert_matches(logged(), pattern);
}

TEST(the_level_comes_from_the_environment)
{
    setenv("TUTTI_LOG", "error", 1);
    tt_log_open("tutti", pipe_fd[1]);
    tt_log(TT_LOG_WARN, "no");
    assert_string_equal(logged(), "");
    tt_log(TT_LOG_ERROR, "yes");
    assert_matches(logged(), "error: yes\n$");
    setenv("TUTTI_LOG", "debug", 1);
    tt_log_open("tutti", pipe_fd[1]);
    tt_log(TT_LOG_DEBUG, "now");
    assert_matches(logged(), "debug: now\n$");
}

TEST(controls_are_visible_and_a_line_stays_a_line)
{
    tt_log_open("tutti", pipe_fd[1]);
    tt_log(TT_LOG_INFO, "%s", "two\nlines \x1b[2J");
    assert_matches(logged(), "info: two\\\\x0Alines \\\\x1B\\[2J\n$");
}

TEST(an_endless_text_is_cut)
{
    static char text[100000];
    memset(text, 'x', sizeof text - 1);
    tt_log_open("tutti", pipe_fd[1]);
    tt_log(TT_LOG_INFO, "%s", text);
    size_t len = strlen(logged());
    assert_true(len > 3900 && len < 4200);
}

TEST(errno_survives_logging)
{
    tt_log_open("tutti", pipe_fd[1]);
    errno = ENOENT;
    tt_log(TT_LOG_INFO, "x");
    assert_int_equal(errno, ENOENT);
}

TEST(a_full_pipe_loses_lines_instead_of_blocking)
{
    tt_log_open("tutti", pipe_fd[1]);
    for (int i = 0; i < 5000; i++)
        tt_log(TT_LOG_INFO, "line %d, and some more text to make the pipe full", i);
    assert_matches(logged(), "line 0,");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_descriptor_that_is_closed_does_no_harm),
        EACH(an_unknown_level_means_info),
        EACH(a_line_tells_time_program_pid_and_level),
        EACH(the_level_comes_from_the_environment),
        EACH(controls_are_visible_and_a_line_stays_a_line),
        EACH(an_endless_text_is_cut),
        EACH(errno_survives_logging),
        EACH(a_full_pipe_loses_lines_instead_of_blocking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
