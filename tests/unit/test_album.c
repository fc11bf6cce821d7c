/* Unit test of repl/album: files of pictures, their names, and the bounds below which they are
 * kept.
 */
#include "album.h"

#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static album_t album;
static tt_error_t err;
static char dir[PATH_MAX];

static int begin(void **unused)
{
    (void)unused;
    int rc = scratch_begin();
    snprintf(dir, sizeof dir, "%s", scratch_path("state/default"));
    album.dir = dir;
    clock_gettime(CLOCK_REALTIME_COARSE, &album.began);
    return rc;
}

static int end(void **unused)
{
    (void)unused;
    return scratch_end();
}

static picture_t gif(const char *text)
{
    picture_t picture = {.bytes = tt_span(text)};
    picture.kind = picture_kind(tt_span("image/gif"));
    return picture;
}

/* Keeps it, and checks under which name. */
static void keep(const char *stem, const char *text, const char *expected)
{
    picture_t picture = gif(text);
    char *path = album_keep(&album, stem, &picture, &err), *want;
    want = tt_printf("%s/%s", dir, expected);
    assert_non_null(path);
    assert_string_equal(path, want);
    free(want);
    free(path);
}

static char *place(const char *name)
{
    char *inner = tt_printf("state/default/%s", name);
    char *path = scratch_path(inner);
    free(inner);
    return path;
}

static void write_old(const char *name, const char *text, time_t seconds_ago)
{
    char *inner = tt_printf("state/default/%s", name);
    scratch_write(inner, text, 0600);
    struct timespec times[2] = {album.began, album.began};
    times[0].tv_sec -= seconds_ago;
    times[1].tv_sec -= seconds_ago;
    assert_int_equal(utimensat(AT_FDCWD, place(name), times, 0), 0);
    free(inner);
}

static size_t count_files(void)
{
    size_t count = 0;
    DIR *open = opendir(dir);
    for (struct dirent *each; (each = readdir(open));)
        count += each->d_name[0] != '.';
    closedir(open);
    return count;
}

TEST(a_folder_that_cannot_be_made_is_told)
{
    picture_t picture = gif("x");
    scratch_write("state", "a file", 0600);
    assert_null(album_keep(&album, "2-3", &picture, &err));
    assert_says(&err, "Not a directory");
}

TEST(a_folder_that_others_can_write_to_is_refused)
{
    picture_t picture = gif("x");
    keep("1-1", "x", "1-1.gif");
    chmod(dir, 0777);
    assert_null(album_keep(&album, "2-3", &picture, &err));
    assert_says(&err, "it is no directory of yours alone");
}

TEST(a_picture_is_its_owners_alone)
{
    struct stat found;
    mode_t mask = umask(0);
    keep("2-3", "picture", "2-3.gif");
    umask(mask);
    assert_int_equal(stat(place("2-3.gif"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0600);
    assert_int_equal(found.st_size, 7);
    assert_int_equal(stat(dir, &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
    assert_int_equal(stat(scratch_path("state"), &found), 0);
    assert_int_equal(found.st_mode & 07777, 0700);
}

TEST(the_same_picture_stands_there_once)
{
    keep("2-3", "one", "2-3.gif");
    keep("2-3", "one", "2-3.gif");
    keep("2-3", "two", "2-3-2.gif");
    keep("2-3", "two", "2-3-2.gif");
    keep("2-3", "one longer", "2-3-3.gif");
    assert_int_equal(count_files(), 3);
}

TEST(an_earlier_sessions_picture_gives_way)
{
    keep("9-9", "makes the folder", "9-9.gif");
    write_old("2-3.gif", "old", 5);
    keep("2-3", "new", "2-3.gif");
    assert_int_equal(count_files(), 2);
}

TEST(a_link_in_its_place_is_not_followed)
{
    keep("9-9", "makes the folder", "9-9.gif");
    scratch_write("precious", "mine", 0600);
    assert_int_equal(symlink(scratch_path("precious"), place("2-3.gif")), 0);
    keep("2-3", "new", "2-3-2.gif");
    struct stat found;
    assert_int_equal(stat(scratch_path("precious"), &found), 0);
    assert_int_equal(found.st_size, 4);
}

TEST(of_too_many_the_oldest_go_and_nothing_else)
{
    char name[64];
    keep("9-9", "makes the folder", "9-9.gif");
    write_old("controller.log", "log", 99999);
    write_old("1-2.txt", "not a picture", 99999);
    for (int i = 0; i < ALBUM_FILES; i++) {
        snprintf(name, sizeof name, "%d-here-7.png", i + 1);
        write_old(name, "x", 1000 - i);
    }
    keep("2-3", "new", "2-3.gif");
    assert_int_equal(count_files(), ALBUM_FILES + 2);
    assert_int_equal(access(place("1-here-7.png"), F_OK), -1);
    assert_int_equal(access(place("2-here-7.png"), F_OK), -1);
    assert_int_equal(access(place("3-here-7.png"), F_OK), 0);
    assert_int_equal(access(place("9-9.gif"), F_OK), 0);
    assert_int_equal(access(place("2-3.gif"), F_OK), 0);
}

TEST(of_too_many_bytes_the_oldest_go)
{
    keep("9-9", "makes the folder", "9-9.gif");
    write_old("1-1.svg", "old", 100);
    assert_int_equal(truncate(place("1-1.svg"), (off_t)(ALBUM_BYTES / 2)), 0);
    write_old("2-1.svg", "older", 200);
    assert_int_equal(truncate(place("2-1.svg"), (off_t)(ALBUM_BYTES / 2)), 0);
    struct timespec times[2] = {{album.began.tv_sec - 100, 0}, {album.began.tv_sec - 100, 0}};
    utimensat(AT_FDCWD, place("1-1.svg"), times, 0);
    times[1].tv_sec -= 100;
    utimensat(AT_FDCWD, place("2-1.svg"), times, 0);
    keep("3-1", "new", "3-1.gif");
    assert_int_equal(access(place("2-1.svg"), F_OK), -1);
    assert_int_equal(access(place("1-1.svg"), F_OK), 0);
}

TEST(a_path_is_told_from_the_home_on)
{
    tt_buf_t out;
    tt_buf_init(&out);
    setenv("HOME", "/home/me", 1);
    album_tell(&out, "/home/me/a\033b");
    tt_buf_printf(&out, " ");
    album_tell(&out, "/home/men/a");
    setenv("HOME", "/", 1);
    tt_buf_printf(&out, " ");
    album_tell(&out, "/x");
    assert_text(&out, "~/a\\x1Bb /home/men/a /x");
    tt_buf_release(&out);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_folder_that_cannot_be_made_is_told),
        EACH(a_folder_that_others_can_write_to_is_refused),
        EACH(a_picture_is_its_owners_alone),
        EACH(the_same_picture_stands_there_once),
        EACH(an_earlier_sessions_picture_gives_way),
        EACH(a_link_in_its_place_is_not_followed),
        EACH(of_too_many_the_oldest_go_and_nothing_else),
        EACH(of_too_many_bytes_the_oldest_go),
        EACH(a_path_is_told_from_the_home_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
