/* The table of languages: how the runtime of each is started. Used by the engine host and by
 * the prompt for its local engine. */
#ifndef TT_INTERPRETER_H
#define TT_INTERPRETER_H

#include "error.h"

#include <stdbool.h>

typedef struct {
    const char *name;
    const char
        *speaks; /* the language of its code and values: that of another row, or its own */
    const char *summary; /* one line for help */
    bool zygote;         /* engines are forked from a warmed-up process where possible */
} tt_interpreter_t;

/* The rows, ended by one without a name. */
extern const tt_interpreter_t tt_interpreters[];

/* The row of a language, or NULL. */
const tt_interpreter_t *tt_interpreter_find(const char *language);

/* What its engines speak: "python" for ipython, for most the same name, which is returned for
 * one that is not in the table. */
const char *tt_interpreter_speaks(const char *language);

enum { TT_ARGV_MAX = 32 };

/* Fills `argv` (NULL-terminated, texts the caller's to free) with the command of a
 * runtime. `mode` is "engine", "zygote" or "local". `program` is the interpreter, "" for the
 * default one; for a language that is not in the table it is the runtime itself. `extra` (NULL
 * or NULL-terminated) are further arguments: for Python what to preload. Returns 0, or -1 with
 * the reason. */
int tt_interpreter_argv(const char *language, const char *program, const char *mode,
                        const char *const *extra, const char *argv[TT_ARGV_MAX],
                        tt_error_t *err);

/* The Python to use when none was named: $VIRTUAL_ENV's, $CONDA_PREFIX's, else the configured
 * one. */
const char *tt_interpreter_python(void);

/* A program of ours ("tutti-engine"): its full path, the caller's to free. $TUTTI_LIBEXEC_DIR,
 * else where it was installed. */
char *tt_program_path(const char *name);
/* A file of our library directory ("python"): its full path, the caller's to free.
 * $TUTTI_LIB_DIR, else where it was installed. */
char *tt_library_path(const char *name);

#endif
