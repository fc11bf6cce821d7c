/* Unit test of share/part: a file that comes in pieces has its name when it is whole, and
 * nothing is left of one that never is. */
#include "scratch.h"

#include "part.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static tt_part_t part;

static int begin(void **unused)
{
    (void)unused;
    tt_part_init(&part);
    umask(022);
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    tt_part_drop(&part);
    return scratch_end();
}

/* How many entries a folder of the private directory has. */
static int count_in(const char *folder)
{
    int count = 0;
    DIR *dir = opendir(scratch_path(folder));
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count - 2; /* . and .. */
}

static void assert_contents(const char *name, const char *text, unsigned mode)
{
    char bytes[64] = "";
    struct stat found;
    FILE *file = fopen(scratch_path(name), "re");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, sizeof bytes - 1, file), strlen(text));
    assert_string_equal(bytes, text);
    assert_int_equal(fstat(fileno(file), &found), 0);
    assert_int_equal(found.st_mode & 07777, mode);
    fclose(file);
}

static tt_span_t digest_of(const char *text)
{
    static uint8_t digest[TT_DIGEST_LEN];
    tt_digest_t *whole = tt_digest_new();
    tt_digest_add(whole, text, strlen(text));
    tt_digest_finish(&whole, digest);
    return (tt_span_t){digest, sizeof digest};
}

static int add(uint64_t offset, const char *text)
{
    return tt_part_add(&part, offset, tt_span(text));
}

TEST(a_file_has_its_name_when_it_is_whole)
{
    const char *path = strdup(scratch_path("new/folder/file"));
    assert_int_equal(tt_part_open(&part, path), 0);
    assert_int_equal(add(0, "one "), 0);
    assert_int_equal(add(4, ""), 0);
    assert_int_equal(add(4, "two"), 0);
    assert_int_equal(part.len, 7);
    assert_int_equal(count_in("new/folder"), 1);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(tt_part_finish(&part, digest_of("one two"), 07777, path), 0);
    assert_contents("new/folder/file", "one two", 0755);
    assert_int_equal(count_in("new/folder"), 1);
    assert_int_equal(part.fd, -1);
    assert_int_equal(tt_part_open(&part, path), 0); /* and again, over it */
    assert_int_equal(add(0, "three"), 0);
    assert_int_equal(tt_part_finish(&part, digest_of("three"), 0600, path), 0);
    assert_contents("new/folder/file", "three", 0600);
    free((char *)(uintptr_t)path);
}

TEST(what_is_not_what_was_sent_leaves_what_was_there_before)
{
    scratch_write("file", "before", 0644);
    assert_int_equal(tt_part_open(&part, scratch_path("file")), 0);
    assert_int_equal(add(0, "damaged"), 0);
    assert_int_equal(tt_part_finish(&part, digest_of("as it was"), 0644, scratch_path("file")),
                     -1);
    assert_int_equal(errno, EBADMSG);
    assert_contents("file", "before", 0644);
    assert_int_equal(count_in(""), 1);
    assert_int_equal(tt_part_open(&part, scratch_path("file")), 0);
    assert_int_equal(tt_part_finish(&part, SPAN("short"), 0644, scratch_path("file")), -1);
    assert_int_equal(errno, EBADMSG);
    assert_int_equal(count_in(""), 1);
    assert_int_equal(tt_part_finish(&part, digest_of(""), 0644, scratch_path("file")), -1);
    assert_int_equal(errno, EBADMSG); /* nothing had begun */
    assert_contents("file", "before", 0644);
}

TEST(pieces_come_in_their_order_and_a_file_begins_once)
{
    assert_int_equal(add(0, "too early"), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(tt_part_open(&part, scratch_path("file")), 0);
    assert_int_equal(tt_part_open(&part, scratch_path("file")), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(add(0, "abc"), 0);
    assert_int_equal(add(0, "abc"), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(add(4, "d"), -1);
    assert_int_equal(errno, EPROTO);
    assert_int_equal(add(3, "d"), 0);
    assert_int_equal(tt_part_finish(&part, digest_of("abcd"), 0644, scratch_path("file")), 0);
    assert_contents("file", "abcd", 0644);
}

TEST(what_is_dropped_leaves_nothing_and_may_begin_again)
{
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tt_part_open(&part, scratch_path("file")), 0);
        assert_int_equal(add(0, "abc"), 0);
        tt_part_drop(&part);
        tt_part_drop(&part);
        assert_int_equal(count_in(""), 0);
        assert_int_equal(part.len, 0);
    }
}

TEST(the_longest_name_that_a_file_may_have_is_none_too_long_for_its_part)
{
    char name[256], long_path[PATH_MAX + 8];
    memset(name, 'x', 255);
    name[255] = 0;
    char *path = strdup(scratch_path(name));
    assert_int_equal(tt_part_open(&part, path), 0);
    assert_int_equal(tt_part_finish(&part, digest_of(""), 0644, path), 0);
    assert_int_equal(count_in(""), 1);
    free(path);
    memset(long_path, '/', sizeof long_path);
    long_path[sizeof long_path - 1] = 0;
    assert_int_equal(tt_part_open(&part, long_path), -1);
    assert_int_equal(errno, ENAMETOOLONG);
}

TEST(what_cannot_be_written_is_told_and_leaves_nothing)
{
    scratch_write("file", "", 0644);
    assert_int_equal(tt_part_open(&part, scratch_path("file/inner")), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(part.fd, -1);
    assert_int_equal(mkdir(scratch_path("folder"), 0755), 0);
    scratch_write("folder/one", "", 0644);
    assert_int_equal(tt_part_open(&part, scratch_path("folder")), 0);
    assert_int_equal(tt_part_finish(&part, digest_of(""), 0644, scratch_path("folder")), -1);
    assert_int_equal(errno, EISDIR);
    assert_int_equal(count_in(""), 2);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_file_has_its_name_when_it_is_whole),
        EACH(what_is_not_what_was_sent_leaves_what_was_there_before),
        EACH(pieces_come_in_their_order_and_a_file_begins_once),
        EACH(what_is_dropped_leaves_nothing_and_may_begin_again),
        EACH(the_longest_name_that_a_file_may_have_is_none_too_long_for_its_part),
        EACH(what_cannot_be_written_is_told_and_leaves_nothing),
    };
    alarm(20);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
