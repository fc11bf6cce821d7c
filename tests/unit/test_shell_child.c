/* Unit test of engine/shell_child: finding a bash, its environment, starting it. */
#include "check.h"

#include "shell_child.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(a_program_is_found_in_path_or_taken_as_it_is)
{
    setenv("PATH", "/nonexistent::/usr/bin:/bin", 1);
    char *found = shell_child_find("sh");
    assert_int_equal(access(found, X_OK), 0);
    assert_int_equal(found[0], '/');
    free(found);
    found = shell_child_find("./here");
    assert_string_equal(found, "./here");
    free(found);
    found = shell_child_find("nosuchprogram");
    assert_string_equal(found, "/bin/nosuchprogram");
    free(found);
}

TEST(what_changes_a_bash_is_taken_out_of_the_environment)
{
    setenv("BASH_ENV", "x", 1);
    setenv("BASH_FUNC_f%%", "() { :; }", 1);
    setenv("BASH_FUNC_g%%", "() { :; }", 1);
    putenv((char[]){"BASH_FUNC_"}); /* without a value: no variable, and must not hold us up */
    setenv("KEPT", "yes", 1);
    shell_child_clean_environment();
    assert_null(getenv("BASH_ENV"));
    assert_null(getenv("BASH_FUNC_f%%"));
    assert_null(getenv("BASH_FUNC_g%%"));
    assert_string_equal(getenv("KEPT"), "yes");
    assert_string_equal(getenv("PS1"), "");
}

static int end_of(const char *program, const char *lines)
{
    tt_error_t err;
    int in = -1, status = -1;
    char *path = shell_child_find(program);
    pid_t pid = shell_child_spawn(path, SHELL_PIPES, &in, &err);
    free(path);
    assert_true(pid > 0);
    if (*lines)
        assert_int_equal(write(in, lines, strlen(lines)), strlen(lines));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    close(in);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

TEST(a_bash_takes_lines_and_inherits_nothing_but_0_to_2)
{
    int extra = dup(0);
    assert_int_equal(end_of("bash", "exit 5\n"), 5);
    assert_int_equal(end_of("bash", "set -- $(ls /proc/self/fd)\nexit $#\n"), 4);
    close(extra);
}

TEST(a_program_that_is_not_there_ends_with_127)
{
    assert_int_equal(end_of("/nonexistent", ""), 127);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RUN(a_program_is_found_in_path_or_taken_as_it_is),
        RUN(what_changes_a_bash_is_taken_out_of_the_environment),
        RUN(a_bash_takes_lines_and_inherits_nothing_but_0_to_2),
        RUN(a_program_that_is_not_there_ends_with_127),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
