/* Unit test of share/digest: known values of BLAKE2b-256, however the bytes come. */
#include "scratch.h"

#include "digest.h"

#include <errno.h>
#include <fcntl.h>

static int fd;

static int begin(void **unused)
{
    (void)unused;
    fd = -1;
    return scratch_begin();
}

static int end(void **unused)
{
    (void)unused;
    if (fd >= 0)
        close(fd);
    return scratch_end();
}

static const char *hex(const uint8_t digest[TT_DIGEST_LEN])
{
    static char text[2 * TT_DIGEST_LEN + 1];
    for (size_t i = 0; i < TT_DIGEST_LEN; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

#define OF_NOTHING "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"
#define OF_ABC     "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319"

static void open_text(const char *text)
{
    scratch_write("file", text, 0600);
    fd = open(scratch_path("file"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
}

/* More than is read at once, and no multiple of it. */
static const uint8_t *large(size_t *len)
{
    static uint8_t bytes[700001];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    *len = sizeof bytes;
    return bytes;
}

TEST(a_descriptor_that_is_not_open_has_no_digest)
{
    uint8_t digest[TT_DIGEST_LEN];
    errno = 0;
    assert_int_equal(tt_digest_file(-1, digest), -1);
    assert_int_equal(errno, EBADF);
}

TEST(a_descriptor_that_cannot_be_read_has_no_digest)
{
    uint8_t digest[TT_DIGEST_LEN];
    fd = open(scratch_path("file"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(tt_digest_file(fd, digest), -1);
    assert_int_equal(errno, EBADF);
    close(fd);
    fd = open(scratch_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(tt_digest_file(fd, digest), -1);
    assert_int_equal(errno, EISDIR);
}

TEST(one_that_is_not_wanted_any_more_goes_at_any_time)
{
    tt_digest_t *digest = tt_digest_new();
    tt_digest_add(digest, "abc", 3);
    tt_digest_destroy(&digest);
    assert_null(digest);
    tt_digest_destroy(&digest);
}

TEST(nothing_has_the_known_digest_and_nothing_added_changes_none)
{
    uint8_t got[TT_DIGEST_LEN];
    tt_digest_t *digest = tt_digest_new();
    tt_digest_finish(&digest, got);
    assert_null(digest);
    assert_string_equal(hex(got), OF_NOTHING);
    digest = tt_digest_new();
    tt_digest_add(digest, NULL, 0);
    tt_digest_add(digest, "abc", 3);
    tt_digest_add(digest, "x", 0);
    tt_digest_finish(&digest, got);
    assert_string_equal(hex(got), OF_ABC);
}

TEST(pieces_of_any_size_make_the_digest_of_the_whole)
{
    uint8_t whole[TT_DIGEST_LEN], got[TT_DIGEST_LEN];
    size_t len;
    const uint8_t *bytes = large(&len);
    tt_digest_t *digest = tt_digest_new();
    tt_digest_add(digest, bytes, len);
    tt_digest_finish(&digest, whole);
    for (size_t piece = 1; piece < len; piece = piece * 3 + 1) {
        digest = tt_digest_new();
        for (size_t at = 0; at < len; at += piece)
            tt_digest_add(digest, bytes + at, len - at < piece ? len - at : piece);
        tt_digest_finish(&digest, got);
        assert_memory_equal(got, whole, sizeof whole);
    }
    digest = tt_digest_new();
    tt_digest_add(digest, bytes, len - 1);
    tt_digest_finish(&digest, got);
    assert_memory_not_equal(got, whole, sizeof whole);
}

TEST(two_at_a_time_do_not_mix)
{
    uint8_t got[TT_DIGEST_LEN];
    tt_digest_t *one = tt_digest_new(), *other = tt_digest_new();
    tt_digest_add(one, "a", 1);
    tt_digest_add(other, "x", 1);
    tt_digest_add(one, "bc", 2);
    tt_digest_finish(&other, got);
    tt_digest_finish(&one, got);
    assert_string_equal(hex(got), OF_ABC);
}

TEST(a_file_has_the_digest_of_its_contents)
{
    uint8_t got[TT_DIGEST_LEN];
    open_text("abc");
    assert_int_equal(tt_digest_file(fd, got), 0);
    assert_string_equal(hex(got), OF_ABC);
    close(fd);
    open_text("");
    assert_int_equal(tt_digest_file(fd, got), 0);
    assert_string_equal(hex(got), OF_NOTHING);
}

TEST(a_file_is_read_from_its_beginning_wherever_its_offset_stands)
{
    uint8_t got[TT_DIGEST_LEN];
    open_text("abc");
    assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
    assert_int_equal(tt_digest_file(fd, got), 0);
    assert_string_equal(hex(got), OF_ABC);
    assert_int_equal(tt_digest_file(fd, got), 0); /* it stands at its end now */
    assert_string_equal(hex(got), OF_ABC);
}

TEST(a_file_of_many_blocks_has_the_digest_of_its_contents)
{
    uint8_t want[TT_DIGEST_LEN], got[TT_DIGEST_LEN];
    size_t len;
    const uint8_t *bytes = large(&len);
    tt_digest_t *digest = tt_digest_new();
    tt_digest_add(digest, bytes, len);
    tt_digest_finish(&digest, want);
    fd = open(scratch_path("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, bytes, len), len);
    assert_int_equal(tt_digest_file(fd, got), 0);
    assert_memory_equal(got, want, sizeof want);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_descriptor_that_is_not_open_has_no_digest),
        EACH(a_descriptor_that_cannot_be_read_has_no_digest),
        EACH(one_that_is_not_wanted_any_more_goes_at_any_time),
        EACH(nothing_has_the_known_digest_and_nothing_added_changes_none),
        EACH(pieces_of_any_size_make_the_digest_of_the_whole),
        EACH(two_at_a_time_do_not_mix),
        EACH(a_file_has_the_digest_of_its_contents),
        EACH(a_file_is_read_from_its_beginning_wherever_its_offset_stands),
        EACH(a_file_of_many_blocks_has_the_digest_of_its_contents),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
