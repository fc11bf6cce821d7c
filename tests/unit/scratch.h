/* For tests that touch files or start programs: a private directory that goes again, where the
 * programs of this build lie, and waiting for a condition with a deadline. */
#ifndef TT_SCRATCH_H
#define TT_SCRATCH_H

#include "check.h"
#include "loop.h"

#include <dirent.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char scratch_dir[64];

/* The path of `name` in the private directory. Borrowed; eight are kept. */
static inline char *scratch_path(const char *name)
{
    static char path[8][PATH_MAX];
    static int turn;
    turn = (turn + 1) % 8;
    snprintf(path[turn], PATH_MAX, "%s/%s", scratch_dir, name);
    return path[turn];
}

/* Makes the directory, and clusters live in it. 0, or -1. */
static inline int scratch_begin(void)
{
    strcpy(scratch_dir, "/tmp/tutti-test-XXXXXX");
    if (mkdtemp(scratch_dir) == NULL)
        return -1;
    setenv("TUTTI_RUNTIME_DIR", scratch_path("run"), 1);
    setenv("TUTTI_STATE_DIR", scratch_path("state"), 1);
    return 0;
}

static inline int scratch_remove_one(const char *path, const struct stat *info, int kind,
                                     struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline int scratch_end(void)
{
    return nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file there, with this mode. */
static inline void scratch_write(const char *name, const char *text, mode_t mode)
{
    FILE *out = fopen(scratch_path(name), "we");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
    assert_int_equal(chmod(scratch_path(name), mode), 0);
}

/* A program of this build ("engine/tutti-mock"), or its folder; tests lie in tests/unit of it.
 */
static inline const char *build_path(const char *name)
{
    static char path[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", path, PATH_MAX);
    assert_true(len > 0);
    path[len] = 0;
    for (int i = 0; i < 3; i++)
        *strrchr(path, '/') = 0;
    strcat(path, "/");
    return strncat(path, name, 48);
}

/* How many descriptors this process has open, so that a test can tell that none has leaked. */
static inline int open_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = -1;
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2;
}

/* Runs the loop until the condition holds; the test fails when it does not come true. */
#define assert_comes(loop, condition)                                                          \
    do {                                                                                       \
        bool never_ = false, came_;                                                            \
        int64_t until_ = tt_now_ms() + 15000;                                                  \
        while (!(came_ = (condition)) && tt_now_ms() < until_)                                 \
            tt_loop_run_until(loop, &never_, 2);                                               \
        if (!came_)                                                                            \
            fail_msg("never came true: %s", #condition);                                       \
    } while (0)

#endif
