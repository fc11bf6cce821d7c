/* Unit test of share/path: names from elsewhere that lead out of a folder, and folders that are
 * made. */
#include "scratch.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static int begin(void **unused)
{
    (void)unused;
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    umask(022);
    return scratch_end();
}

#define assert_inner(literal)                                                                  \
    do {                                                                                       \
        if (!tt_path_is_inner(SPAN(literal)))                                                  \
            fail_msg("'%s' is refused", literal);                                              \
    } while (0)

#define assert_outer(literal)                                                                  \
    do {                                                                                       \
        if (tt_path_is_inner(SPAN(literal)))                                                   \
            fail_msg("'%s' is taken", literal);                                                \
    } while (0)

/* ---- names */

TEST(nothing_is_the_name_of_nothing)
{
    assert_false(tt_path_is_inner((tt_span_t){NULL, 0}));
    assert_outer("");
}

TEST(a_name_that_is_absolute_is_refused)
{
    assert_outer("/");
    assert_outer("/a");
    assert_outer("//a");
    assert_outer("/../a");
}

TEST(a_name_that_leads_upwards_is_refused_wherever_it_does)
{
    assert_outer("..");
    assert_outer("../");
    assert_outer("../a");
    assert_outer("a/..");
    assert_outer("a/../");
    assert_outer("a/../b"); /* though it would stay within */
    assert_outer("a/b/../../..");
    assert_outer("./..");
    assert_outer("a//..");
    assert_outer("a//..//b");
    assert_outer(".../..");
}

TEST(a_name_with_a_zero_byte_is_refused)
{
    assert_outer("\0");
    assert_outer("a\0b");
    assert_outer("a\0");
    assert_outer("a/\0../b");
}

TEST(a_name_as_long_as_a_path_may_be_is_refused)
{
    static char name[2 * PATH_MAX];
    memset(name, 'a', sizeof name);
    tt_span_t span = {(const uint8_t *)name, PATH_MAX - 1};
    assert_true(tt_path_is_inner(span));
    for (span.len = PATH_MAX; span.len < sizeof name; span.len += 100)
        assert_false(tt_path_is_inner(span));
    memcpy(name + PATH_MAX - 4, "/..", 3); /* at its very end */
    span.len = PATH_MAX - 1;
    assert_false(tt_path_is_inner(span));
    for (size_t i = 0; i < sizeof name; i++)
        name[i] = i % 2 ? '/' : 'a';
    assert_true(tt_path_is_inner(span));
}

TEST(a_name_of_something_below_is_fine_dots_or_not)
{
    assert_inner("a");
    assert_inner("a/b/c");
    assert_inner("a..b");
    assert_inner("..a");
    assert_inner("a..");
    assert_inner("a../b");
    assert_inner("...");
    assert_inner(".../a");
    assert_inner(".hidden");
    assert_inner("./a");
    assert_inner("a b\n\xff");
    assert_inner("~");
    assert_inner("a//b");
}

TEST(only_what_belongs_to_the_name_is_looked_at)
{
    const uint8_t *text = (const uint8_t *)"..x/../y";
    assert_false(tt_path_is_inner((tt_span_t){text, 2}));
    assert_true(tt_path_is_inner((tt_span_t){text, 3}));
    assert_true(tt_path_is_inner((tt_span_t){text, 5}));
    assert_false(tt_path_is_inner((tt_span_t){text, 6}));
}

/* ---- folders */

static bool is_folder(const char *name)
{
    struct stat found;
    return stat(scratch_path(name), &found) == 0 && S_ISDIR(found.st_mode);
}

TEST(a_path_with_nothing_above_it_needs_no_folder)
{
    assert_int_equal(tt_path_make_parents(""), 0);
    assert_int_equal(tt_path_make_parents("name"), 0);
    assert_int_equal(tt_path_make_parents("/"), 0);
    assert_int_equal(tt_path_make_parents("/name"), 0);
    assert_int_equal(access("name", F_OK), -1);
}

TEST(below_a_file_no_folder_is_made)
{
    scratch_write("file", "", 0600);
    assert_int_equal(tt_path_make_parents(scratch_path("file/a/b")), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(tt_path_make_parents(scratch_path("file/a/b/c/d")), -1);
    assert_int_equal(errno, ENOTDIR);
}

TEST(where_folders_cannot_be_made_the_reason_is_told)
{
    char name[300];
    assert_int_equal(tt_path_make_parents("/proc/tutti-test/a"), -1);
    assert_int_equal(errno, ENOENT);
    memset(name, 'n', sizeof name); /* longer than a name may be */
    strcpy(name + sizeof name - 3, "/a");
    assert_int_equal(tt_path_make_parents(scratch_path(name)), -1);
    assert_int_equal(errno, ENAMETOOLONG);
    assert_int_equal(symlink("nowhere", scratch_path("dangling")), 0);
    assert_int_equal(tt_path_make_parents(scratch_path("dangling/a/b")), -1);
    assert_int_equal(errno, ENOENT);
}

TEST(the_folders_above_are_made_and_the_last_part_is_not)
{
    char path[PATH_MAX];
    strcpy(path, scratch_path("a/b/c/file"));
    assert_int_equal(tt_path_make_parents(path), 0);
    assert_true(is_folder("a/b/c"));
    assert_int_equal(access(path, F_OK), -1);
    assert_string_equal(path, scratch_path("a/b/c/file"));
    assert_int_equal(tt_path_make_parents(path), 0); /* they are there */
    assert_int_equal(tt_path_make_parents(scratch_path("a/b//d///file")), 0);
    assert_true(is_folder("a/b/d"));
    assert_int_equal(tt_path_make_parents(scratch_path("e/")), 0);
    assert_true(is_folder("e"));
}

TEST(relative_paths_begin_where_we_are)
{
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(chdir(scratch_dir), 0);
    int rc = tt_path_make_parents("x/../y/./z/file");
    int back = fchdir(here);
    close(here);
    assert_int_equal(back, 0);
    assert_int_equal(rc, 0);
    assert_true(is_folder("x"));
    assert_true(is_folder("y/z"));
}

TEST(a_link_to_a_folder_is_a_folder)
{
    assert_int_equal(mkdir(scratch_path("real"), 0700), 0);
    assert_int_equal(symlink("real", scratch_path("link")), 0);
    assert_int_equal(tt_path_make_parents(scratch_path("link/new/file")), 0);
    assert_true(is_folder("real/new"));
}

TEST(new_folders_have_the_mode_that_the_umask_leaves)
{
    struct stat found;
    umask(027);
    assert_int_equal(tt_path_make_parents(scratch_path("a/b/file")), 0);
    assert_int_equal(stat(scratch_path("a/b"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0750);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(nothing_is_the_name_of_nothing),
        EACH(a_name_that_is_absolute_is_refused),
        EACH(a_name_that_leads_upwards_is_refused_wherever_it_does),
        EACH(a_name_with_a_zero_byte_is_refused),
        EACH(a_name_as_long_as_a_path_may_be_is_refused),
        EACH(a_name_of_something_below_is_fine_dots_or_not),
        EACH(only_what_belongs_to_the_name_is_looked_at),
        EACH(a_path_with_nothing_above_it_needs_no_folder),
        EACH(below_a_file_no_folder_is_made),
        EACH(where_folders_cannot_be_made_the_reason_is_told),
        EACH(the_folders_above_are_made_and_the_last_part_is_not),
        EACH(relative_paths_begin_where_we_are),
        EACH(a_link_to_a_folder_is_a_folder),
        EACH(new_folders_have_the_mode_that_the_umask_leaves),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
