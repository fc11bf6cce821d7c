/* Unit test of engine/files: what goes keeps to its credit; what there is, by patterns; and
 * where relative paths begin. What comes is in test_files.c. */
#include "fake_host.h"

#include "digest.h"
#include "files.h"
#include "flow.h"
#include "path.h"

#include <fcntl.h>
#include <sys/stat.h>

static files_t *files;
static char there[PATH_MAX]; /* where relative paths begin */
static int here = -1;        /* where the test runs */

static int begin(void **unused)
{
    (void)unused;
    if (fake_host_begin() != 0)
        return -1;
    here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umask(022);
    strcpy(there, scratch_path("there"));
    setenv("HOME", scratch_path("home"), 1);
    files = files_new(&host);
    files_set_directory(files, there);
    return mkdir(there, 0755) | mkdir(scratch_path("home"), 0755);
}

static int end(void **unused)
{
    (void)unused;
    files_destroy(&files);
    int rc = fchdir(here);
    close(here);
    return fake_host_end() == 0 ? rc : -1;
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

/* Larger than the first window, and no multiple of a chunk. */
static uint8_t large[TT_FLOW_LEAST * 4 + 1], arrived[sizeof large];

static void make_large(void)
{
    for (size_t i = 0; i < sizeof large; i++)
        large[i] = (uint8_t)(i * 7 + i / 253);
    FILE *out = fopen(path_there("large"), "we");
    assert_non_null(out);
    assert_int_equal(fwrite(large, 1, sizeof large, out), sizeof large);
    assert_int_equal(fclose(out), 0);
}

/* Takes what chunks have come, in order; how far they reach. */
static size_t take_chunks(uint64_t id, size_t at)
{
    for (letter_t *letter; (letter = take_letter(TT_MSG_CHUNK));) {
        tt_span_t bytes = tt_frames_span(&letter->frames, 0);
        assert_int_equal(letter->message.id, id);
        assert_int_equal(letter->message.as.chunk.offset, at);
        assert_in_range(bytes.len, 1, TT_CHUNK_MAX);
        assert_true(at + bytes.len <= sizeof arrived);
        memcpy(arrived + at, bytes.data, bytes.len);
        at += bytes.len;
    }
    return at;
}

/* ---- what is asked, and answered at once */

static tt_span_t digest_of(const void *bytes, size_t len)
{
    static uint8_t digest[TT_DIGEST_LEN];
    tt_digest_t *whole = tt_digest_new();
    tt_digest_add(whole, bytes, len);
    tt_digest_finish(&whole, digest);
    return (tt_span_t){digest, sizeof digest};
}

static void get_span(uint64_t id, tt_span_t path, tt_span_t hash)
{
    tt_message_t message = tt_message(TT_MSG_GET, id);
    message.as.get.path = path;
    message.as.get.hash = hash;
    files_get(files, &message);
}

static void get(uint64_t id, const char *path)
{
    get_span(id, tt_span(path), (tt_span_t){NULL, 0});
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

static void list(uint64_t id, tt_span_t pattern)
{
    tt_message_t message = tt_message(TT_MSG_LIST, id);
    message.as.list.pattern = pattern;
    files_list(files, &message);
}

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

/* ---- what goes */

TEST(what_cannot_be_read_is_told_with_the_reason)
{
    static char path[PATH_MAX + 10];
    int before = open_fds();
    memset(path, 'p', sizeof path - 1);
    assert_int_equal(mkfifo(path_there("pipe"), 0600), 0);
    get(1, "none");
    expect_failure(1, "/there/none': No such file or directory");
    get(2, ".");
    expect_failure(2, "/there/.': Is a directory");
    get(3, "pipe");
    expect_failure(3, "/there/pipe': Invalid argument");
    get(4, "/dev/null");
    expect_failure(4, "cannot read '/dev/null': Invalid argument");
    get(5, "");
    expect_failure(5, "cannot read ''");
    get(6, path);
    expect_failure(6, "File name too long");
    get_span(7, SPAN("a\0b"), (tt_span_t){NULL, 0});
    expect_failure(7, "cannot read ''");
    assert_int_equal(open_fds(), before);
}

TEST(a_file_goes_in_chunks_and_never_more_than_the_credit_is_under_way)
{
    uint64_t window = TT_FLOW_LEAST;
    make_large();
    get(7, "large");
    const tt_msg_filed_t *filed = expect_filed(7, TT_FILE_BEGUN);
    assert_int_equal(filed->size, sizeof large);
    assert_int_equal(filed->mode, 0644);
    size_t at = take_chunks(7, 0), taken = 0;
    assert_int_equal(at, TT_FLOW_LEAST);
    while (at < sizeof large) {
        expect_silence();
        taken += (at - taken + 1) / 2;
        credit(7, taken);
        at = take_chunks(7, at);
        window += TT_FLOW_STEP; /* grows no faster */
        assert_true(at - taken <= window);
    }
    expect_silence(); /* not before all is taken */
    credit(7, taken);
    expect_silence();
    credit(7, sizeof large);
    filed = expect_filed(7, TT_FILE_DONE);
    assert_memory_equal(arrived, large, sizeof large);
    assert_memory_equal(filed->hash.data, digest_of(large, sizeof large).data, TT_DIGEST_LEN);
    credit(7, sizeof large);
    expect_silence();
}

TEST(an_empty_file_is_gone_at_once)
{
    make("empty", "");
    get(1, "empty");
    assert_int_equal(expect_filed(1, TT_FILE_BEGUN)->size, 0);
    const tt_msg_filed_t *filed = expect_filed(1, TT_FILE_DONE);
    assert_memory_equal(filed->hash.data, digest_of("", 0).data, TT_DIGEST_LEN);
    expect_silence();
}

TEST(what_the_other_side_has_is_not_sent)
{
    make("x", "text");
    get_span(1, tt_span("x"), digest_of("text", 4));
    const tt_msg_filed_t *filed = expect_filed(1, TT_FILE_SAME);
    assert_int_equal(filed->size, 4);
    assert_span(filed->path, path_there("x"));
    expect_silence();
    get_span(2, tt_span("x"), digest_of("other", 5));
    expect_filed(2, TT_FILE_BEGUN);
    assert_int_equal(take_chunks(2, 0), 4);
    tt_span_t cut = digest_of("text", 4);
    cut.len--;
    get_span(3, tt_span("x"), cut); /* no digest at all */
    expect_filed(3, TT_FILE_BEGUN);
    assert_int_equal(take_chunks(3, 0), 4);
    expect_silence();
}

TEST(a_file_that_is_cut_meanwhile_ends_with_a_failure)
{
    int before = open_fds();
    make_large();
    get(1, "large");
    expect_filed(1, TT_FILE_BEGUN);
    size_t at = take_chunks(1, 0);
    assert_int_equal(truncate(path_there("large"), TT_FLOW_LEAST + 1000), 0);
    credit(1, at);
    assert_int_equal(take_chunks(1, at), TT_FLOW_LEAST + 1000);
    expect_failure(1, "cannot read '");
    credit(1, TT_FLOW_LEAST + 1000);
    expect_silence();
    assert_int_equal(open_fds(), before);
}

TEST(a_file_that_grows_or_goes_meanwhile_is_sent_as_long_as_it_was)
{
    make("x", "text");
    make_large();
    get(1, "large");
    expect_filed(1, TT_FILE_BEGUN);
    assert_int_equal(truncate(path_there("large"), sizeof large + 1000), 0);
    assert_int_equal(rename(path_there("x"), path_there("large")), 0);
    size_t at = 0;
    while ((at = take_chunks(1, at)) < sizeof large)
        credit(1, at);
    credit(1, at);
    expect_filed(1, TT_FILE_DONE);
    assert_memory_equal(arrived, large, sizeof large);
}

TEST(impossible_credit_brings_nothing_and_ends_nothing)
{
    make_large();
    credit(1, 0);
    get(1, "large");
    expect_filed(1, TT_FILE_BEGUN);
    size_t at = take_chunks(1, 0);
    credit(1, at + 1);
    credit(1, sizeof large);
    credit(1, UINT64_MAX);
    credit(2, at);
    expect_silence();
    credit(1, TT_CHUNK_MAX);
    at = take_chunks(1, at);
    credit(1, TT_CHUNK_MAX - 1);
    credit(1, 0);
    expect_silence();
    credit(1, at);
    assert_true(take_chunks(1, at) > at);
}

TEST(one_that_goes_takes_no_chunks_and_ends_when_it_is_aborted)
{
    int before = open_fds();
    make_large();
    get(1, "large");
    expect_filed(1, TT_FILE_BEGUN);
    size_t at = take_chunks(1, 0);
    tt_message_t message = tt_message(TT_MSG_CHUNK, 1);
    tt_frames_t none;
    tt_frames_init(&none);
    files_chunk(files, &message, &none);
    expect_silence();
    stop(1);
    credit(1, at);
    expect_silence();
    assert_int_equal(open_fds(), before);
    get(1, "large");
    expect_filed(1, TT_FILE_BEGUN);
}

/* ---- what there is */

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "name size mode; ...", by their names; every path leads to its file. */
static const char *listed(const char *pattern)
{
    static tt_buf_t out;
    char *lines[600];
    size_t count, fields;
    list(9, tt_span(pattern));
    letter_t *letter = take_letter(TT_MSG_LISTED);
    assert_non_null(letter);
    assert_int_equal(letter->message.id, 9);
    tt_reader_t reader = tt_reader(tt_frames_span(&letter->frames, 0));
    assert_int_equal(tt_read_array(&reader, &count), 0);
    assert_true(count <= sizeof lines / sizeof *lines);
    for (size_t i = 0; i < count; i++) {
        char path[PATH_MAX], name[PATH_MAX];
        uint64_t size, mode;
        struct stat found;
        assert_int_equal(tt_read_array(&reader, &fields), 0);
        assert_int_equal(fields, 4);
        assert_int_equal(tt_read_text(&reader, path, sizeof path), 0);
        assert_int_equal(tt_read_text(&reader, name, sizeof name), 0);
        assert_int_equal(tt_read_uint(&reader, &size) | tt_read_uint(&reader, &mode), 0);
        assert_int_equal(stat(path, &found), 0);
        assert_string_equal(path + strlen(path) - strlen(name), name);
        lines[i] = tt_printf("%s %d %o", name, (int)size, (unsigned)mode);
    }
    assert_true(tt_reader_done(&reader));
    qsort(lines, count, sizeof *lines, by_text);
    out.len = 0;
    for (size_t i = 0; i < count; i++) {
        tt_buf_printf(&out, "%s%s", i ? "; " : "", lines[i]);
        free(lines[i]);
    }
    expect_silence();
    return tt_buf_text(&out);
}

#define assert_listed(pattern, text) assert_string_equal(listed(pattern), text)

TEST(a_pattern_that_is_none_is_refused)
{
    static char long_one[PATH_MAX + 10];
    memset(long_one, '*', sizeof long_one - 1);
    list(1, SPAN(""));
    expect_failure(1, "cannot list ''");
    list(2, SPAN("a\0b"));
    expect_failure(2, "cannot list ''");
    list(3, tt_span(long_one));
    expect_failure(3, "cannot list '': File name too long");
}

TEST(where_nothing_is_found_the_list_is_empty)
{
    assert_listed("none", "");
    assert_listed("*", "");
    assert_listed("none/*/x", "");
    assert_listed("[", "");
    assert_listed("~/none", "");
}

TEST(a_pattern_finds_files_with_their_sizes_and_modes)
{
    make("a.c", "a");
    make("b.c", "bb");
    make("c.h", "");
    make(".hidden", "");
    assert_int_equal(chmod(path_there("b.c"), 04755), 0);
    assert_listed("a.c", "a.c 1 644");
    assert_listed("*.c", "a.c 1 644; b.c 2 755");
    assert_listed("?.[ch]", "a.c 1 644; b.c 2 755; c.h 0 644");
    assert_listed("*", "a.c 1 644; b.c 2 755; c.h 0 644");
    assert_listed(".h*", ".hidden 0 644");
    assert_listed(path_there("*.h"), "c.h 0 644");
}

TEST(a_folder_is_listed_with_all_below_it_and_its_name_before_theirs)
{
    assert_int_equal(tt_path_make_parents(path_there("top/deep/er/x")), 0);
    assert_int_equal(mkdir(path_there("top/empty"), 0755), 0);
    make("top/x", "1");
    make("top/deep/er/x", "22");
    make("top/deep/.hidden", "");
    const char *const all = "top/deep/.hidden 0 644; top/deep/er/x 2 644; top/x 1 644";
    assert_listed("top", all);
    assert_listed("top/", all);
    assert_listed("t*///", all);
    assert_listed("top/*", "deep/.hidden 0 644; deep/er/x 2 644; x 1 644");
    assert_listed("top/deep/er", "er/x 2 644");
    assert_listed("top/empty", "");
}

TEST(names_may_be_odd)
{
    assert_int_equal(mkdir(path_there("a folder"), 0755), 0);
    make("a folder/a file", "");
    make("line\nbreak", "");
    make("\xff\xfe", "");
    make("it's \"it\"", "");
    assert_listed("a folder", "a folder/a file 0 644");
    assert_listed("a f*/a\\ file", "a file 0 644");
    assert_listed("line*", "line\nbreak 0 644");
    assert_listed("\xff*", "\xff\xfe 0 644");
    assert_listed("it's*", "it's \"it\" 0 644");
}

TEST(links_and_pipes_are_left_out)
{
    assert_int_equal(mkdir(path_there("top"), 0755), 0);
    make("top/real", "");
    assert_int_equal(symlink("real", path_there("top/link")), 0);
    assert_int_equal(symlink("nowhere", path_there("top/dangling")), 0);
    assert_int_equal(symlink("..", path_there("top/loop")), 0);
    assert_int_equal(mkfifo(path_there("top/pipe"), 0644), 0);
    assert_listed("top", "top/real 0 644");
    assert_listed("top/*", "real 0 644");
    assert_listed("top/pipe", "");
}

TEST(many_files_make_a_long_list)
{
    assert_int_equal(mkdir(path_there("many"), 0755), 0);
    for (int i = 0; i < 500; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%03d", i);
        make(name, "");
    }
    const char *text = listed("many");
    assert_int_equal(strlen(text), 500 * strlen("many/000 0 644; ") - 2);
    assert_non_null(strstr(text, "many/499 0 644"));
}

/* The file that this path means, by its size. */
static uint64_t size_of(const char *path)
{
    get(2, path);
    uint64_t size = expect_filed(2, TT_FILE_BEGUN)->size;
    assert_int_equal(take_chunks(2, 0), size);
    stop(2);
    expect_silence();
    return size;
}

/* A new empty file. */
static void put(const char *directory, const char *name)
{
    tt_message_t message = tt_message(TT_MSG_PUT, 3);
    message.as.put = (tt_msg_put_t){.directory = tt_span(directory),
                                    .name = tt_span(name),
                                    .mode = 0644,
                                    .hash = digest_of("", 0)};
    files_put(files, &message);
    expect_filed(3, TT_FILE_BEGUN);
    expect_filed(3, TT_FILE_DONE);
    expect_silence();
}

TEST(relative_paths_begin_in_the_directory_that_was_set_and_else_where_the_host_runs)
{
    make("x", "text");
    scratch_write("home/x", "at home", 0600);
    assert_listed("*", "x 4 644");
    assert_int_equal(chdir(scratch_path("home")), 0);
    assert_listed("*", "x 4 644");
    assert_int_equal(size_of("x"), 4);
    put("", "new");
    put("sub", "new");
    assert_listed("*", "new 0 644; sub/new 0 644; x 4 644");
    files_set_directory(files, NULL);
    assert_listed("*", "x 7 600");
    assert_int_equal(size_of("x"), 7);
    put("", "more");
    assert_int_equal(access(scratch_path("home/more"), R_OK), 0);
    files_set_directory(files, "");
    assert_listed("*", "more 0 644; x 7 600");
    files_set_directory(files, there);
    assert_int_equal(size_of("x"), 4);
}

TEST(a_tilde_is_the_home_and_only_alone_at_the_beginning)
{
    make("x", "text");
    scratch_write("home/x", "at home", 0600);
    assert_listed("~/*", "x 7 600");
    assert_listed("~", "home/x 7 600");
    assert_int_equal(size_of("~/x"), 7);
    put("~/sub", "new");
    assert_listed("~", "home/sub/new 0 644; home/x 7 600");
    assert_listed("~x", "");
    assert_listed("./~", "");
    make("~x", "");
    assert_listed("~x", "~x 0 644");
    unsetenv("HOME"); /* then it is a name like others */
    assert_listed("~", "");
    put("~", "new");
    assert_listed("*", "x 4 644; ~/new 0 644; ~x 0 644");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EACH(what_cannot_be_read_is_told_with_the_reason),
        EACH(a_file_goes_in_chunks_and_never_more_than_the_credit_is_under_way),
        EACH(an_empty_file_is_gone_at_once),
        EACH(what_the_other_side_has_is_not_sent),
        EACH(a_file_that_is_cut_meanwhile_ends_with_a_failure),
        EACH(a_file_that_grows_or_goes_meanwhile_is_sent_as_long_as_it_was),
        EACH(impossible_credit_brings_nothing_and_ends_nothing),
        EACH(one_that_goes_takes_no_chunks_and_ends_when_it_is_aborted),
        EACH(a_pattern_that_is_none_is_refused),
        EACH(where_nothing_is_found_the_list_is_empty),
        EACH(a_pattern_finds_files_with_their_sizes_and_modes),
        EACH(a_folder_is_listed_with_all_below_it_and_its_name_before_theirs),
        EACH(names_may_be_odd),
        EACH(links_and_pipes_are_left_out),
        EACH(many_files_make_a_long_list),
        EACH(relative_paths_begin_in_the_directory_that_was_set_and_else_where_the_host_runs),
        EACH(a_tilde_is_the_home_and_only_alone_at_the_beginning),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
