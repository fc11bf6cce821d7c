/* Unit test of share/interpreter: how the runtime of each language is started. */
#include "scratch.h"

#include "interpreter.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *argv[TT_ARGV_MAX];
static tt_error_t err;

static int begin(void **unused)
{
    (void)unused;
    memset(argv, 0, sizeof argv);
    memset(&err, 0, sizeof err);
    unsetenv("VIRTUAL_ENV");
    unsetenv("CONDA_PREFIX");
    unsetenv("TUTTI_LIBEXEC_DIR");
    unsetenv("TUTTI_LIB_DIR");
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    for (int i = 0; i < TT_ARGV_MAX && argv[i]; i++)
        free((char *)(uintptr_t)argv[i]);
    return scratch_end();
}

TEST(a_language_that_nobody_knows_needs_a_path)
{
    assert_null(tt_interpreter_find("cobol"));
    assert_null(tt_interpreter_find(""));
    assert_int_equal(tt_interpreter_argv("cobol", "", "engine", NULL, argv, &err), -1);
    assert_says(&err, "no language 'cobol'");
    assert_says(&err, "--program");
}

TEST(the_message_names_every_language_of_the_table)
{
    assert_int_equal(tt_interpreter_argv("cobol", "", "engine", NULL, argv, &err), -1);
    for (const tt_interpreter_t *row = tt_interpreters; row->name; row++)
        assert_says(&err, row->name);
}

TEST(every_language_of_the_table_is_found_and_can_be_started)
{
    for (const tt_interpreter_t *row = tt_interpreters; row->name; row++) {
        assert_ptr_equal(tt_interpreter_find(row->name), row);
        assert_true(strlen(row->summary) > 5);
        assert_int_equal(tt_interpreter_argv(row->name, "", "engine", NULL, argv, &err), 0);
        assert_int_equal(argv[0][0], '/');
        for (int i = 0; argv[i]; i++)
            free((char *)(uintptr_t)argv[i]);
        argv[0] = NULL;
    }
}

TEST(a_runtime_of_somebody_elses_is_started_by_its_path)
{
    const char *const extra[] = {"-v", "x y", NULL};
    assert_int_equal(tt_interpreter_argv("cobol", "/opt/cobol", "engine", extra, argv, &err),
                     0);
    assert_string_equal(argv[0], "/opt/cobol");
    assert_string_equal(argv[1], "-v");
    assert_string_equal(argv[2], "x y");
    assert_null(argv[3]);
}

TEST(python_gets_the_mode_and_where_our_package_lies)
{
    const char *const extra[] = {"numpy", NULL};
    setenv("TUTTI_LIB_DIR", "/some/lib", 1);
    assert_int_equal(tt_interpreter_argv("python", "/opt/py", "zygote", extra, argv, &err), 0);
    assert_string_equal(argv[0], "/opt/py");
    assert_string_equal(argv[1], "-c");
    assert_non_null(strstr(argv[2], "tutti.boot.main()"));
    assert_string_equal(argv[3], "zygote");
    assert_string_equal(argv[4], "/some/lib/python");
    assert_string_equal(argv[5], "numpy");
    assert_null(argv[6]);
}

TEST(ipython_is_the_same_program_in_another_mode)
{
    setenv("TUTTI_LIB_DIR", "/some/lib", 1);
    assert_int_equal(tt_interpreter_argv("ipython", "/opt/py", "zygote", NULL, argv, &err), 0);
    assert_string_equal(argv[0], "/opt/py");
    assert_string_equal(argv[3], "ipython-zygote");
    assert_string_equal(argv[4], "/some/lib/python");
    assert_null(argv[5]);
}

TEST(ipython_speaks_python_and_what_nobody_knows_itself)
{
    assert_string_equal(tt_interpreter_speaks("ipython"), "python");
    assert_string_equal(tt_interpreter_speaks("python"), "python");
    assert_string_equal(tt_interpreter_speaks("sh"), "sh");
    assert_string_equal(tt_interpreter_speaks("cobol"), "cobol");
}

TEST(too_many_arguments_end_the_list_and_do_not_leave_it)
{
    const char *extra[100];
    for (int i = 0; i < 99; i++)
        extra[i] = "x";
    extra[99] = NULL;
    tt_interpreter_argv("python", "/opt/py", "engine", extra, argv, &err);
    int count = 0;
    while (count < TT_ARGV_MAX && argv[count])
        count++;
    assert_true(count < TT_ARGV_MAX);
}

TEST(our_programs_lie_where_they_were_installed_or_where_the_variable_says)
{
    char *path = tt_program_path("tutti-engine");
    assert_int_equal(path[0], '/');
    assert_non_null(strstr(path, "/tutti-engine"));
    char *installed = path;
    setenv("TUTTI_LIBEXEC_DIR", "", 1); /* as if it were not set */
    path = tt_program_path("tutti-engine");
    assert_string_equal(path, installed);
    free(path);
    free(installed);
    setenv("TUTTI_LIBEXEC_DIR", "/some/where", 1);
    path = tt_program_path("tutti-engine");
    assert_string_equal(path, "/some/where/tutti-engine");
    free(path);
}

/* The choice is made once for a process, so each is made by a fresh one: 0 when it is `want`.
 */
static int choose(const char *virtual_env, const char *conda, const char *want)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        if (virtual_env)
            setenv("VIRTUAL_ENV", virtual_env, 1);
        if (conda)
            setenv("CONDA_PREFIX", conda, 1);
        execl("/proc/self/exe", "test_interpreter", "choose", want, NULL);
        _exit(9);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

TEST(the_python_is_the_virtual_environments_else_condas_else_the_configured_one)
{
    char venv[PATH_MAX], conda[PATH_MAX], broken[PATH_MAX];
    char venv_python[PATH_MAX + 16], conda_python[PATH_MAX + 16];
    snprintf(venv, sizeof venv, "%s", scratch_path("venv"));
    snprintf(conda, sizeof conda, "%s", scratch_path("conda"));
    snprintf(broken, sizeof broken, "%s", scratch_path("broken"));
    snprintf(venv_python, sizeof venv_python, "%s/bin/python", venv);
    snprintf(conda_python, sizeof conda_python, "%s/bin/python", conda);
    const char *const folders[] = {"venv",      "venv/bin", "conda",
                                   "conda/bin", "broken",   "broken/bin"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_int_equal(mkdir(scratch_path(folders[i]), 0700), 0);
    scratch_write("venv/bin/python", "#!/bin/sh\n", 0700);
    scratch_write("conda/bin/python", "#!/bin/sh\n", 0700);
    scratch_write("broken/bin/python", "not executable", 0600);
    const char *configured = tt_interpreter_python();
    assert_int_equal(configured[0], '/');
    const struct {
        const char *venv, *conda, *want;
    } rows[] = {
        {venv, conda, venv_python},    {NULL, conda, conda_python},
        {broken, conda, conda_python}, {"", "", configured},
        {broken, NULL, configured},    {"/nonexistent", "", configured},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(choose(rows[i].venv, rows[i].conda, rows[i].want), 0);
    setenv("VIRTUAL_ENV", venv, 1); /* too late for this process */
    assert_string_equal(tt_interpreter_python(), configured);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **args)
{
    const struct CMUnitTest tests[] = {
        EACH(a_language_that_nobody_knows_needs_a_path),
        EACH(the_message_names_every_language_of_the_table),
        EACH(every_language_of_the_table_is_found_and_can_be_started),
        EACH(a_runtime_of_somebody_elses_is_started_by_its_path),
        EACH(python_gets_the_mode_and_where_our_package_lies),
        EACH(ipython_is_the_same_program_in_another_mode),
        EACH(ipython_speaks_python_and_what_nobody_knows_itself),
        EACH(too_many_arguments_end_the_list_and_do_not_leave_it),
        EACH(our_programs_lie_where_they_were_installed_or_where_the_variable_says),
        EACH(the_python_is_the_virtual_environments_else_condas_else_the_configured_one),
    };
    alarm(20);
    if (argc == 3 && strcmp(args[1], "choose") == 0)
        return strcmp(tt_interpreter_python(), args[2]) == 0 ? 0 : 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
