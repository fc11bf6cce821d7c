/* How runtimes are started. See interpreter.h. */
#include "interpreter.h"

#include "buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef TT_PKGLIBDIR
#define TT_PKGLIBDIR "/usr/local/lib/tutti"
#endif
#ifndef TT_PKGLIBEXECDIR
#define TT_PKGLIBEXECDIR "/usr/local/libexec/tutti"
#endif
#ifndef TT_PYTHON
#define TT_PYTHON "/usr/bin/python3"
#endif

/* What every Python is started with: the package's directory is put where `-c` put the working
 * directory, so that nothing lying there is imported instead; `tutti.boot` moves it to the end.
 * No PYTHONPATH, which children would inherit. */
#define BOOT                                                                                   \
    "import sys;sys.path[:sys.path[:1]==['']]=sys.argv[2:3];"                                  \
    "import tutti.boot;tutti.boot.main()"

const tt_interpreter_t tt_interpreters[] = {
    {"python", "python", "Python 3.8 or newer, by its own python3", true},
    {"ipython", "python", "the same, with cells executed by IPython", true},
    {"sh", "sh", "bash 4.4 or newer: one shell that keeps its variables", false},
    {"mock", "mock", "a toy language for tests", false},
    {NULL, NULL, NULL, false},
};

const tt_interpreter_t *tt_interpreter_find(const char *language)
{
    for (const tt_interpreter_t *row = tt_interpreters; row->name; row++)
        if (strcmp(row->name, language) == 0)
            return row;
    return NULL;
}

const char *tt_interpreter_speaks(const char *language)
{
    const tt_interpreter_t *row = tt_interpreter_find(language);
    return row ? row->speaks : language;
}

static const char *in_environment(const char *variable)
{
    const char *prefix = getenv(variable);
    if (prefix == NULL || *prefix == 0)
        return NULL;
    char *path = tt_printf("%s/bin/python", prefix);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

const char *tt_interpreter_python(void)
{
    static const char *found;
    if (found == NULL)
        found = in_environment("VIRTUAL_ENV");
    if (found == NULL)
        found = in_environment("CONDA_PREFIX");
    if (found == NULL)
        found = access(TT_PYTHON, X_OK) == 0 ? TT_PYTHON : "python3";
    return found;
}

char *tt_program_path(const char *name)
{
    const char *directory = getenv("TUTTI_LIBEXEC_DIR");
    return tt_printf("%s/%s", directory && *directory ? directory : TT_PKGLIBEXECDIR, name);
}

char *tt_library_path(const char *name)
{
    const char *directory = getenv("TUTTI_LIB_DIR");
    return tt_printf("%s/%s", directory && *directory ? directory : TT_PKGLIBDIR, name);
}

/* Adds a text that is the caller's no more. */
static int add_own(const char *argv[TT_ARGV_MAX], int count, char *text)
{
    if (count < TT_ARGV_MAX - 1)
        argv[count++] = text;
    else
        free(text);
    argv[count] = NULL;
    return count;
}

static int add(const char *argv[TT_ARGV_MAX], int count, const char *text)
{
    return add_own(argv, count, tt_strdup(text));
}

int tt_interpreter_argv(const char *language, const char *program, const char *mode,
                        const char *const *extra, const char *argv[TT_ARGV_MAX],
                        tt_error_t *err)
{
    int count = 0;
    const char *speaks = tt_interpreter_speaks(language);
    if (strcmp(speaks, "python") == 0) {
        bool plain = strcmp(language, speaks) == 0;
        count = add(argv, count, *program ? program : tt_interpreter_python());
        count = add(argv, count, "-c");
        count = add(argv, count, BOOT);
        count =
            add_own(argv, count, plain ? tt_strdup(mode) : tt_printf("%s-%s", language, mode));
        count = add_own(argv, count, tt_library_path("python"));
    } else if (strcmp(language, "mock") == 0) {
        count = add_own(argv, count, tt_program_path("tutti-mock"));
    } else if (strcmp(language, "sh") == 0) {
        count = add_own(argv, count, tt_program_path("tutti-shell"));
        count = add(argv, count, mode);
        count = add(argv, count, *program ? program : "bash");
    } else if (*program) {
        count = add(argv, count, program);
    } else {
        return tt_error_set(
            err,
            "no language '%s': there are python, ipython, sh, mock; another one needs the path "
            "of its runtime (--program)",
            language);
    }
    for (; extra && *extra && count < TT_ARGV_MAX - 1; extra++)
        count = add(argv, count, *extra);
    return 0;
}
