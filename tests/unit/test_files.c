/* Unit test of engine/files: what comes is whole or not there, whoever says the wrong thing at
 * the wrong time. What goes and what is listed is in test_files_out.c. */
#include "fake_host.h"

#include "digest.h"
#include "files.h"

#include <fcntl.h>
#include <sys/stat.h>

static files_t *files;
static char there[PATH_MAX]; /* where relative paths begin */
static size_t parts_left;

static int begin(void **unused)
{
    (void)unused;
    if (fake_host_begin() != 0)
        return -1;
    umask(022);
    strcpy(there, scratch_path("there"));
    setenv("HOME", scratch_path("home"), 1);
    files = files_new(&host);
    files_set_directory(files, there);
    return mkdir(there, 0755) | mkdir(scratch_path("home"), 0755);
}

static int count_part(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    parts_left += strstr(path + strlen(scratch_dir), ".tutti-") != NULL;
    return 0;
}

/* Files that are not whole. */
static size_t parts(void)
{
    parts_left = 0;
    assert_int_equal(nftw(scratch_dir, count_part, 16, FTW_PHYS), 0);
    return parts_left;
}

static int end(void **unused)
{
    (void)unused;
    files_destroy(&files);
    files_destroy(&files);
    umask(022);
    int rc = parts() > 0 ? -1 : 0;
    return fake_host_end() == 0 ? rc : -1;
}

/* ---- what is asked */

static tt_span_t digest_of(const void *bytes, size_t len)
{
    static uint8_t digest[TT_DIGEST_LEN];
    tt_digest_t *whole = tt_digest_new();
    tt_digest_add(whole, bytes, len);
    tt_digest_finish(&whole, digest);
    return (tt_span_t){digest, sizeof digest};
}

/* A file of these contents; the digest is good until the next one. */
static tt_msg_put_t file_of(const char *name, const char *text)
{
    return (tt_msg_put_t){.name = tt_span(name),
                          .size = strlen(text),
                          .mode = 0644,
                          .hash = digest_of(text, strlen(text))};
}

static void put(uint64_t id, tt_msg_put_t wish)
{
    tt_message_t message = tt_message(TT_MSG_PUT, id);
    message.as.put = wish;
    files_put(files, &message);
}

static void chunk_of(uint64_t id, uint64_t offset, const void *bytes, size_t len)
{
    tt_message_t message = tt_message(TT_MSG_CHUNK, id);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes, len);
    message.as.chunk.offset = offset;
    files_chunk(files, &message, &frames);
    tt_frames_release(&frames);
}

static void chunk(uint64_t id, uint64_t offset, const char *text)
{
    chunk_of(id, offset, text, strlen(text));
}

static void get(uint64_t id, const char *path)
{
    tt_message_t message = tt_message(TT_MSG_GET, id);
    message.as.get.path = tt_span(path);
    files_get(files, &message);
}

static void credit(uint64_t id, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_CREDIT, id);
    message.as.credit.taken = taken;
    files_credit(files, &message);
}

static void stop(uint64_t id)
{
    tt_message_t message = tt_message(TT_MSG_ABORT, id);
    files_abort(files, &message);
}

/* ---- what is answered, at once */

static void expect_silence(void)
{
    for (const letter_t *letter = host.letters; letter; letter = letter->next)
        if (!letter->taken)
            fail_msg("%s was said", tt_message_info(letter->message.type)->name);
}

static const tt_msg_filed_t *expect_filed(uint64_t id, unsigned outcome)
{
    letter_t *letter = take_letter(TT_MSG_FILED);
    assert_non_null(letter);
    assert_int_equal(letter->message.id, id);
    const tt_msg_filed_t *filed = &letter->message.as.filed;
    if (filed->outcome != outcome)
        fail_msg("outcome %d, '%.*s'", (int)filed->outcome, (int)filed->text.len,
                 (const char *)filed->text.data);
    return filed;
}

/* It has failed, for a reason that says so; and that is all. */
static void expect_failure(uint64_t id, const char *part)
{
    char text[PATH_MAX + 200];
    tt_text_copy(expect_filed(id, TT_FILE_FAILED)->text, text, sizeof text);
    if (strstr(text, part) == NULL)
        fail_msg("'%s' does not say '%s'", text, part);
    expect_silence();
}

static void expect_credit(uint64_t id, uint64_t taken)
{
    letter_t *letter = take_letter(TT_MSG_CREDIT);
    assert_non_null(letter);
    assert_int_equal(letter->message.id, id);
    assert_int_equal(letter->message.as.credit.taken, taken);
}

/* Brings a small file whole. */
static void bring(uint64_t id, tt_msg_put_t wish, const char *text)
{
    put(id, wish);
    expect_filed(id, TT_FILE_BEGUN);
    chunk(id, 0, text);
    expect_credit(id, strlen(text));
    expect_filed(id, TT_FILE_DONE);
    expect_silence();
}

/* ---- files there */

static void make(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "there/%s", name);
    scratch_write(path, text, 0644);
}

static const char *path_there(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "there/%s", name);
    return scratch_path(path);
}

/* What the file has, or "nothing". */
static const char *contents(const char *name)
{
    static char text[1024];
    int fd = open(path_there(name), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return "nothing";
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return text;
}

static unsigned mode_of(const char *name)
{
    struct stat found;
    assert_int_equal(lstat(path_there(name), &found), 0);
    return found.st_mode & 07777;
}

/* ---- what comes: refused */

static void expect_refused(tt_msg_put_t wish)
{
    put(1, wish);
    expect_failure(1, "cannot write '");
    chunk(1, 0, "text");
    expect_silence();
    assert_int_equal(rmdir(there), 0); /* nothing was made there, */
    assert_int_equal(mkdir(there, 0755), 0);
}

TEST(a_name_that_leads_out_of_its_folder_is_refused)
{
    static const char *const names[] = {"",     "/etc/x",    "..",     "../x",
                                        "a/..", "a/../../x", "x/../y", "/"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        expect_refused(file_of(names[i], "text"));
    tt_msg_put_t wish = file_of("x", "text");
    wish.name = SPAN("a\0b");
    expect_refused(wish);
    wish.directory = tt_span(scratch_path("home"));
    wish.name = tt_span("../x");
    expect_refused(wish);
    assert_int_equal(access(scratch_path("x"), F_OK), -1); /* nor beside it */
}

TEST(a_name_or_folder_that_is_too_long_or_has_a_zero_byte_is_refused)
{
    static char name[PATH_MAX + 10];
    memset(name, 'n', sizeof name - 1);
    expect_refused(file_of(name, "text"));
    name[PATH_MAX - 5] = 0;
    expect_refused(file_of(name, "text"));
    tt_msg_put_t wish = file_of("x", "text");
    wish.directory = tt_span(name);
    expect_refused(wish);
    wish.directory = SPAN("a\0b");
    expect_refused(wish);
}

TEST(a_path_that_is_too_long_while_it_is_not_whole_is_refused)
{
    static char name[PATH_MAX];
    size_t len = PATH_MAX - strlen(there) - 10;
    for (size_t i = 0; i < len; i++)
        name[i] = i % 100 == 99 || i == len - 2 ? '/' : 'n';
    put(1, file_of(name, "text"));
    expect_failure(1, "File name too long");
    assert_int_equal(parts(), 0);
}

TEST(a_digest_of_another_length_is_refused)
{
    uint8_t digest[TT_DIGEST_LEN + 1] = {0};
    static const size_t lens[] = {0, 1, 16, TT_DIGEST_LEN - 1, TT_DIGEST_LEN + 1};
    tt_msg_put_t wish = file_of("x", "text");
    for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
        wish.hash = (tt_span_t){digest, lens[i]};
        expect_refused(wish);
    }
}

TEST(what_cannot_be_written_is_told_with_the_reason_and_nothing_is_left)
{
    tt_msg_put_t wish = file_of("x", "text");
    make("file", "");
    wish.directory = tt_span("/proc");
    put(1, wish);
    expect_failure(1, "cannot write '/proc/x': No such file or directory");
    wish.directory = tt_span("file");
    put(2, wish);
    expect_failure(2, "/there/file/x': Not a directory");
    put(3, file_of("file/x", "text"));
    expect_failure(3, "/there/./file/x': Not a directory");
    put(4, file_of("file/x/y", "text"));
    expect_failure(4, "/there/./file/x/y': Not a directory");
    if (geteuid() != 0) {
        assert_int_equal(mkdir(path_there("locked"), 0500), 0);
        put(5, file_of("locked/x", "text"));
        expect_failure(5, "Permission denied");
    }
    assert_string_equal(contents("file"), "");
}

TEST(a_folder_in_the_place_of_the_file_stays)
{
    assert_int_equal(mkdir(path_there("folder"), 0755), 0);
    put(1, file_of("folder", "text"));
    expect_filed(1, TT_FILE_BEGUN);
    chunk(1, 0, "text");
    expect_credit(1, 4);
    expect_failure(1, "/there/./folder': Is a directory");
    assert_int_equal(rmdir(path_there("folder")), 0);
}

TEST(a_name_that_is_no_files_leaves_no_file)
{
    static const char *const names[] = {".", "new/", "new/."};
    for (uint64_t i = 0; i < 3; i++) {
        put(i, file_of(names[i], "text"));
        chunk(i, 0, "text");
        while (host.letters && take_letter(TT_MSG_CREDIT))
            continue;
        letter_t *letter = NULL, *last = NULL;
        while ((letter = take_letter(TT_MSG_FILED)))
            last = letter;
        assert_int_equal(last->message.as.filed.outcome, TT_FILE_FAILED);
        assert_int_equal(parts(), 0);
    }
}

/* ---- what comes */

TEST(a_file_that_comes_has_its_name_when_it_is_whole_and_not_before)
{
    put(7, file_of("new", "some text"));
    const tt_msg_filed_t *filed = expect_filed(7, TT_FILE_BEGUN);
    assert_int_equal(filed->size, 9);
    assert_int_equal(parts(), 1);
    chunk(7, 0, "some");
    expect_credit(7, 4);
    chunk(7, 4, " text!");
    expect_failure(7, "/there/./new': Protocol error"); /* one too many: it is not there */
    assert_string_equal(contents("new"), "nothing");
    put(8, file_of("new", "some text"));
    expect_filed(8, TT_FILE_BEGUN);
    chunk(8, 0, "some");
    chunk(8, 4, "");
    assert_string_equal(contents("new"), "nothing");
    chunk(8, 4, " text");
    expect_credit(8, 4);
    expect_credit(8, 4);
    expect_credit(8, 9);
    filed = expect_filed(8, TT_FILE_DONE);
    assert_span(filed->path, path_there("new"));
    assert_int_equal(filed->size, 9);
    assert_int_equal(filed->mode, 0644);
    assert_int_equal(filed->hash.len, TT_DIGEST_LEN);
    assert_memory_equal(filed->hash.data, digest_of("some text", 9).data, TT_DIGEST_LEN);
    assert_string_equal(contents("new"), "some text");
    chunk(8, 9, "late");
    expect_silence();
    assert_string_equal(contents("new"), "some text");
}

TEST(an_empty_file_is_there_at_once)
{
    put(1, file_of("empty", ""));
    expect_filed(1, TT_FILE_BEGUN);
    assert_span(expect_filed(1, TT_FILE_DONE)->path, path_there("empty"));
    expect_silence();
    assert_string_equal(contents("empty"), "");
    put(2, file_of("empty", ""));
    expect_filed(2, TT_FILE_SAME);
    expect_silence();
}

TEST(what_is_there_already_is_neither_sent_nor_touched)
{
    struct stat before, after;
    make("x", "text");
    assert_int_equal(stat(path_there("x"), &before), 0);
    put(1, file_of("x", "text"));
    const tt_msg_filed_t *filed = expect_filed(1, TT_FILE_SAME);
    assert_span(filed->path, path_there("x"));
    assert_memory_equal(filed->hash.data, digest_of("text", 4).data, TT_DIGEST_LEN);
    expect_silence();
    assert_int_equal(stat(path_there("x"), &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    chunk(1, 0, "late");
    expect_silence();
}

TEST(an_older_file_stays_until_the_new_one_is_whole)
{
    make("x", "old text");
    assert_int_equal(chmod(path_there("x"), 0600), 0);
    int reader = open(path_there("x"), O_RDONLY | O_CLOEXEC);
    char text[16] = "";
    put(1, file_of("x", "new text")); /* as long, but not the same */
    expect_filed(1, TT_FILE_BEGUN);
    chunk(1, 0, "new ");
    assert_string_equal(contents("x"), "old text");
    chunk(1, 4, "text");
    expect_credit(1, 4);
    expect_credit(1, 8);
    expect_filed(1, TT_FILE_DONE);
    assert_string_equal(contents("x"), "new text");
    assert_int_equal(mode_of("x"), 0644);
    ssize_t got = read(reader, text, sizeof text - 1); /* who has it open keeps it */
    close(reader);
    assert_int_equal(got, 8);
    assert_string_equal(text, "old text");
}

TEST(a_link_in_the_place_of_the_file_is_replaced_and_not_followed)
{
    make("target", "old");
    assert_int_equal(symlink("target", path_there("x")), 0);
    bring(1, file_of("x", "new"), "new");
    assert_string_equal(contents("target"), "old");
    assert_string_equal(contents("x"), "new");
}

TEST(a_pipe_in_the_place_of_the_file_is_replaced_even_by_nothing)
{
    assert_int_equal(mkfifo(path_there("x"), 0600), 0);
    bring(1, file_of("x", "new"), "new");
    assert_string_equal(contents("x"), "new");
    assert_int_equal(mkfifo(path_there("y"), 0600), 0);
    put(2, file_of("y", "")); /* is not the same */
    expect_filed(2, TT_FILE_BEGUN);
    expect_filed(2, TT_FILE_DONE);
    assert_string_equal(contents("y"), "");
}

TEST(folders_that_are_not_there_are_made)
{
    tt_msg_put_t wish = file_of("a/b c/x", "text");
    bring(1, wish, "text");
    assert_string_equal(contents("a/b c/x"), "text");
    wish.directory = tt_span("new/one");
    bring(2, wish, "text");
    assert_string_equal(contents("new/one/a/b c/x"), "text");
    wish.directory = tt_span(scratch_path("absolute"));
    wish.name = tt_span("x");
    bring(3, wish, "text");
    assert_int_equal(access(scratch_path("absolute/x"), R_OK), 0);
    wish.directory = tt_span("~/deep");
    bring(4, wish, "text");
    assert_int_equal(access(scratch_path("home/deep/x"), R_OK), 0);
    wish.directory = tt_span("~");
    bring(5, wish, "text");
    assert_int_equal(access(scratch_path("home/x"), R_OK), 0);
    wish.directory = tt_span("~other");
    bring(6, wish, "text");
    assert_string_equal(contents("~other/x"), "text");
}

TEST(a_file_has_the_mode_it_had_less_the_umask)
{
    static const unsigned cases[][3] = {
        {0755, 022, 0755}, {0777, 027, 0750}, {0644, 077, 0600},  {04755, 0, 0755},
        {0400, 022, 0400}, {0, 022, 0},       {0100664, 0, 0664}, {07777, 0, 0777}};
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[8];
        snprintf(name, sizeof name, "%u", i);
        tt_msg_put_t wish = file_of(name, "text");
        wish.mode = cases[i][0];
        umask(cases[i][1]);
        bring(i, wish, "text");
        assert_int_equal(mode_of(name), cases[i][2]);
        mode_t mask = umask(022);
        assert_int_equal(mask, cases[i][1]);
    }
}

TEST(a_chunk_at_another_offset_ends_the_file)
{
    static const uint64_t offsets[] = {3, 5, 0, UINT64_MAX};
    make("x", "old text");
    for (uint64_t i = 0; i < 4; i++) {
        put(i, file_of("x", "new text"));
        expect_filed(i, TT_FILE_BEGUN);
        chunk(i, 0, "new ");
        expect_credit(i, 4);
        chunk(i, offsets[i], "text");
        expect_failure(i, "Protocol error");
        assert_int_equal(parts(), 0);
        chunk(i, 4, "text"); /* too late */
        expect_silence();
        assert_string_equal(contents("x"), "old text");
    }
}

TEST(a_chunk_that_is_too_long_or_more_than_was_told_ends_the_file)
{
    tt_msg_put_t wish = file_of("x", "text");
    static const uint8_t large[TT_CHUNK_MAX + 1];
    wish.size = 10 * TT_CHUNK_MAX;
    put(1, wish);
    expect_filed(1, TT_FILE_BEGUN);
    chunk_of(1, 0, large, TT_CHUNK_MAX);
    expect_credit(1, TT_CHUNK_MAX);
    chunk_of(1, TT_CHUNK_MAX, large, TT_CHUNK_MAX + 1);
    expect_failure(1, "Protocol error");
    wish.size = UINT64_MAX;
    put(2, wish);
    expect_filed(2, TT_FILE_BEGUN);
    chunk_of(2, 0, large, TT_CHUNK_MAX);
    expect_credit(2, TT_CHUNK_MAX);
    chunk_of(2, UINT64_MAX, large, 1);
    expect_failure(2, "Protocol error");
    put(3, file_of("x", "text"));
    expect_filed(3, TT_FILE_BEGUN);
    chunk(3, 0, "text!");
    expect_failure(3, "Protocol error");
    assert_string_equal(contents("x"), "nothing");
}

TEST(contents_that_do_not_match_the_digest_leave_the_old_file)
{
    make("x", "old");
    put(1, file_of("x", "text"));
    expect_filed(1, TT_FILE_BEGUN);
    chunk(1, 0, "tEXt");
    expect_credit(1, 4);
    expect_failure(1, "what came is not what was sent");
    assert_string_equal(contents("x"), "old");
    tt_msg_put_t wish = file_of("x", "text");
    wish.size = 0;
    put(2, wish); /* nothing is not the same either */
    expect_filed(2, TT_FILE_BEGUN);
    expect_failure(2, "what came is not what was sent");
    assert_string_equal(contents("x"), "old");
    assert_int_equal(parts(), 0);
}

TEST(a_disk_that_is_full_is_told_and_nothing_is_left)
{
    static const uint8_t bytes[600];
    struct rlimit before, small;
    tt_msg_put_t wish = file_of("x", "text");
    wish.size = 20000;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    put(1, wish);
    expect_filed(1, TT_FILE_BEGUN);
    small = (struct rlimit){1000, before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    chunk_of(1, 0, bytes, sizeof bytes);
    chunk_of(1, 600, bytes, sizeof bytes);
    setrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_DFL);
    expect_credit(1, 600);
    expect_failure(1, "/there/./x': File too large");
    assert_int_equal(parts(), 0);
}

TEST(one_that_is_aborted_leaves_nothing_and_hears_of_nothing)
{
    int before = open_fds();
    make("x", "old");
    stop(1); /* of none */
    put(1, file_of("x", "text"));
    put(2, file_of("y", "text"));
    chunk(1, 0, "te");
    stop(1);
    stop(1);
    chunk(1, 2, "xt");
    credit(2, 0); /* is for what goes */
    expect_filed(1, TT_FILE_BEGUN);
    expect_credit(1, 2);
    expect_filed(2, TT_FILE_BEGUN);
    expect_silence();
    assert_int_equal(parts(), 1);
    stop(2);
    assert_int_equal(parts(), 0);
    assert_int_equal(open_fds(), before);
    assert_string_equal(contents("x"), "old");
    put(1, file_of("x", "text")); /* the number is free */
    expect_filed(1, TT_FILE_BEGUN);
}

TEST(several_come_at_a_time_each_under_its_number)
{
    put(1, file_of("x", "text of x"));
    put(2, file_of("y", "y"));
    put(3, file_of("x", "another x"));
    for (uint64_t id = 1; id <= 3; id++)
        expect_filed(id, TT_FILE_BEGUN);
    put(1, file_of("z", "")); /* is taken; the first goes on */
    expect_failure(1, "too many files at once");
    chunk(1, 0, "text ");
    chunk(3, 0, "another ");
    chunk(2, 0, "y");
    chunk(1, 5, "of x");
    chunk(3, 8, "x"); /* the last one that is whole stays */
    expect_filed(2, TT_FILE_DONE);
    expect_filed(1, TT_FILE_DONE);
    expect_filed(3, TT_FILE_DONE);
    assert_string_equal(contents("x"), "another x");
    assert_string_equal(contents("y"), "y");
    assert_string_equal(contents("z"), "nothing");
}

TEST(at_the_end_what_is_not_whole_goes)
{
    int before = open_fds();
    make("y", "text");
    for (uint64_t id = 1; id <= 3; id++)
        put(id, file_of(id == 2 ? "deep/x" : "x", "text"));
    chunk(2, 0, "te");
    get(4, "y"); /* nobody takes it */
    assert_int_equal(parts(), 3);
    files_destroy(&files);
    assert_null(files);
    assert_int_equal(parts(), 0);
    assert_int_equal(open_fds(), before);
    assert_string_equal(contents("x"), "nothing");
}

TEST(a_thousand_files_at_once_are_enough)
{
    enum { MOST = 1000 };
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < MOST + 100)
        skip();
    tt_msg_put_t wish = file_of("x", "text");
    for (uint64_t id = 1; id <= MOST; id++)
        put(id, wish);
    for (uint64_t id = 1; id <= MOST; id++)
        expect_filed(id, TT_FILE_BEGUN);
    put(MOST + 1, wish);
    expect_failure(MOST + 1, "too many files at once");
    get(MOST + 1, "x");
    expect_failure(MOST + 1, "too many files at once");
    stop(500);
    put(MOST + 1, wish);
    expect_filed(MOST + 1, TT_FILE_BEGUN);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(a_name_that_leads_out_of_its_folder_is_refused),
        EACH(a_name_or_folder_that_is_too_long_or_has_a_zero_byte_is_refused),
        EACH(a_path_that_is_too_long_while_it_is_not_whole_is_refused),
        EACH(a_digest_of_another_length_is_refused),
        EACH(what_cannot_be_written_is_told_with_the_reason_and_nothing_is_left),
        EACH(a_folder_in_the_place_of_the_file_stays),
        EACH(a_name_that_is_no_files_leaves_no_file),
        EACH(a_file_that_comes_has_its_name_when_it_is_whole_and_not_before),
        EACH(an_empty_file_is_there_at_once),
        EACH(what_is_there_already_is_neither_sent_nor_touched),
        EACH(an_older_file_stays_until_the_new_one_is_whole),
        EACH(a_link_in_the_place_of_the_file_is_replaced_and_not_followed),
        EACH(a_pipe_in_the_place_of_the_file_is_replaced_even_by_nothing),
        EACH(folders_that_are_not_there_are_made),
        EACH(a_file_has_the_mode_it_had_less_the_umask),
        EACH(a_chunk_at_another_offset_ends_the_file),
        EACH(a_chunk_that_is_too_long_or_more_than_was_told_ends_the_file),
        EACH(contents_that_do_not_match_the_digest_leave_the_old_file),
        EACH(a_disk_that_is_full_is_told_and_nothing_is_left),
        EACH(one_that_is_aborted_leaves_nothing_and_hears_of_nothing),
        EACH(several_come_at_a_time_each_under_its_number),
        EACH(at_the_end_what_is_not_whole_goes),
        EACH(a_thousand_files_at_once_are_enough),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
