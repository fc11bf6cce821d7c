/* Unit test of link/bundle: the three files of an installation, and what may be wrong with
 * them. */
#include "scratch.h"

#include "bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static bundle_t bundle;
static tt_error_t err;
static int fds; /* that were open before */

static int begin(void **unused)
{
    (void)unused;
    memset(&err, 0, sizeof err);
    memset(&bundle, 0xff, sizeof bundle); /* bundle_open needs nothing of it */
    if (scratch_begin() != 0)
        return -1;
    setenv("TUTTI_LIB_DIR", scratch_dir, 1);
    scratch_write("bundle.sha256", HASH "\n", 0600);
    scratch_write("bundle.machine", "Linux x86_64\n", 0600);
    scratch_write("bundle.tar.gz", "the archive", 0600);
    fds = open_fds();
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    unsetenv("TUTTI_LIB_DIR");
    return scratch_end();
}

static void assert_refused(void)
{
    assert_int_equal(bundle_open(&bundle, &err), -1);
    assert_int_equal(bundle.fd, -1);
    assert_int_equal(open_fds(), fds);
    bundle_close(&bundle);
}

static void assert_damaged(const char *hash)
{
    scratch_write("bundle.sha256", hash, 0600);
    assert_refused();
    assert_string_equal(err.text,
                        "the bundle's hash is damaged: install tutti again (make install)");
}

TEST(a_file_that_is_missing_is_named)
{
    char why[PATH_MAX];
    static const char *const parts[] = {"bundle.machine", "bundle.sha256"};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(unlink(scratch_path(parts[i])), 0);
        assert_refused();
        snprintf(why, sizeof why,
                 "there is no '%.100s' to send: install tutti again (make install)",
                 scratch_path(parts[i]));
        assert_string_equal(err.text, why);
    }
}

TEST(an_archive_that_is_missing_is_named_with_the_reason)
{
    char why[PATH_MAX];
    assert_int_equal(unlink(scratch_path("bundle.tar.gz")), 0);
    assert_refused();
    snprintf(why, sizeof why, "cannot open '%.100s': No such file or directory",
             scratch_path("bundle.tar.gz"));
    assert_string_equal(err.text, why);
}

TEST(a_directory_that_is_not_there_has_no_bundle)
{
    setenv("TUTTI_LIB_DIR", scratch_path("nowhere"), 1);
    assert_refused();
    assert_says(&err, "/nowhere/bundle.sha256' to send: install tutti again");
}

/* As a build leaves them that could make none. */
TEST(three_empty_files_are_no_bundle)
{
    scratch_write("bundle.sha256", "", 0600);
    scratch_write("bundle.machine", "", 0600);
    scratch_write("bundle.tar.gz", "", 0600);
    assert_refused();
    assert_says(&err, "there is no '/tmp/tutti-test-");
    assert_says(&err, "/bundle.sha256' to send: install tutti again (make install)");
}

TEST(an_empty_archive_is_refused)
{
    scratch_write("bundle.tar.gz", "", 0600);
    assert_refused();
}

TEST(a_damaged_hash_is_told)
{
    assert_damaged("\n");
    assert_damaged("0123456789abcdef\n");
    assert_damaged("g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    assert_damaged("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n");
    assert_damaged("0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF\n");
    assert_damaged(" " HASH);
    assert_damaged("$(rm -rf /) 0123456789abcdef0123456789abcdef0123456789abcdef01234\n");
    assert_damaged("../../../../../../../../../../../../../../../../../../../../etc\n");
}

TEST(a_bundle_is_opened_with_all_that_is_known_of_it)
{
    char text[32] = "";
    assert_int_equal(bundle_open(&bundle, &err), 0);
    assert_string_equal(bundle.hash, HASH);
    assert_string_equal(bundle.machine, "Linux x86_64");
    assert_int_equal(bundle.size, strlen("the archive"));
    assert_int_equal(read(bundle.fd, text, sizeof text), strlen("the archive"));
    assert_string_equal(text, "the archive");
    assert_true(fcntl(bundle.fd, F_GETFD) & FD_CLOEXEC);
    assert_string_equal(err.text, "");
    bundle_close(&bundle);
    assert_int_equal(bundle.fd, -1);
    assert_int_equal(open_fds(), fds);
    bundle_close(&bundle);
}

TEST(the_ends_of_lines_may_be_missing)
{
    scratch_write("bundle.sha256", HASH, 0600);
    scratch_write("bundle.machine", "Linux aarch64", 0600);
    assert_int_equal(bundle_open(&bundle, &err), 0);
    assert_string_equal(bundle.hash, HASH);
    assert_string_equal(bundle.machine, "Linux aarch64");
    bundle_close(&bundle);
}

TEST(a_bundle_stays_whole_while_another_one_is_installed)
{
    char text[32] = "";
    assert_int_equal(bundle_open(&bundle, &err), 0);
    scratch_write("new", "another archive", 0600);
    assert_int_equal(rename(scratch_path("new"), scratch_path("bundle.tar.gz")), 0);
    assert_int_equal(read(bundle.fd, text, sizeof text), bundle.size);
    assert_string_equal(text, "the archive");
    bundle_close(&bundle);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_file_that_is_missing_is_named),
        EACH(an_archive_that_is_missing_is_named_with_the_reason),
        EACH(a_directory_that_is_not_there_has_no_bundle),
        EACH(three_empty_files_are_no_bundle),
        EACH(an_empty_archive_is_refused),
        EACH(a_damaged_hash_is_told),
        EACH(a_bundle_is_opened_with_all_that_is_known_of_it),
        EACH(the_ends_of_lines_may_be_missing),
        EACH(a_bundle_stays_whole_while_another_one_is_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
