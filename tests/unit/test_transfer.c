/* Unit test of repl/transfer: files up and down, with the fake controller as machines that
 * behave, fail or lie, that go in the middle, and that nobody waits for any more. */
#include "prompt.h"

#include "digest.h"
#include "flow.h"
#include "path.h"
#include "transfer.h"

#include <fnmatch.h>

/* What has come up to a machine. */
typedef struct {
    uint64_t id, size, credited, credits;
    char host[16], directory[64], name[256];
    unsigned mode;
    uint8_t hash[TT_DIGEST_LEN];
    tt_buf_t bytes;
    bool open;
} upload_t;

/* What there is to be brought down from one. */
typedef struct {
    const char *host, *path, *name, *text;
    unsigned mode;
} stock_t;

static upload_t uploads[32];
static size_t upload_count;
static const stock_t *stock;
static size_t stock_count;
static bool (*odd)(letter_t *letter); /* is asked first; whether it was dealt with */
static int here = -1;
static size_t parts_left;

/* ---- machines: answers */

static tt_span_t digest_of(const void *bytes, size_t len)
{
    static uint8_t digest[TT_DIGEST_LEN];
    tt_digest_t *whole = tt_digest_new();
    tt_digest_add(whole, bytes, len);
    tt_digest_finish(&whole, digest);
    return (tt_span_t){digest, sizeof digest};
}

static void say_filed(uint64_t id, unsigned outcome, const char *text, tt_span_t hash)
{
    tt_message_t message = tt_message(TT_MSG_FILED, id);
    message.as.filed.outcome = outcome;
    message.as.filed.text = tt_span(outcome == TT_FILE_FAILED ? text : "");
    message.as.filed.path = tt_span(outcome == TT_FILE_FAILED ? "" : text);
    message.as.filed.hash = hash;
    fake_send(&fake, &message, NULL);
}

static void filed(uint64_t id, unsigned outcome, const char *text)
{
    say_filed(id, outcome, text, (tt_span_t){NULL, 0});
}

static void say_credit(uint64_t id, uint64_t taken)
{
    tt_message_t message = tt_message(TT_MSG_CREDIT, id);
    message.as.credit.taken = taken;
    fake_send(&fake, &message, NULL);
}

static void say_chunk(uint64_t id, uint64_t offset, const char *bytes, size_t len)
{
    tt_message_t message = tt_message(TT_MSG_CHUNK, id);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, bytes, len);
    message.as.chunk.offset = offset;
    fake_send(&fake, &message, &frames);
}

static void say_listed(uint64_t id, tt_span_t list)
{
    tt_message_t message = tt_message(TT_MSG_LISTED, id);
    tt_frames_t frames;
    tt_frames_init(&frames);
    tt_frames_copy(&frames, list.data, list.len);
    fake_send(&fake, &message, &frames);
}

static bool span_is(tt_span_t span, const char *text)
{
    return span.len == strlen(text) &&
           (span.len == 0 || memcmp(span.data, text, span.len) == 0);
}

/* ---- machines that take files */

static upload_t *find_upload(uint64_t id)
{
    for (size_t i = 0; i < upload_count; i++)
        if (uploads[i].id == id)
            return &uploads[i];
    fail_msg("nobody brings %d", (int)id);
    return NULL;
}

static const char *path_of(const upload_t *upload)
{
    static char path[512];
    snprintf(path, sizeof path, "/there/%s%s%s", upload->directory, *upload->directory ? "/" : "",
             upload->name);
    return path;
}

static void end_upload(upload_t *upload)
{
    bool good = memcmp(digest_of(upload->bytes.data, upload->bytes.len).data, upload->hash,
                       TT_DIGEST_LEN) == 0;
    upload->open = false;
    filed(upload->id, good ? TT_FILE_DONE : TT_FILE_FAILED,
          good ? path_of(upload) : "what came is not what was sent");
}

static upload_t *note_put(const letter_t *letter)
{
    const tt_msg_put_t *put = &letter->message.as.put;
    assert_true(upload_count < sizeof uploads / sizeof *uploads);
    upload_t *upload = &uploads[upload_count++];
    *upload = (upload_t){.id = letter->message.id,
                         .size = put->size,
                         .mode = (unsigned)put->mode,
                         .open = true};
    tt_text_copy(put->host, upload->host, sizeof upload->host);
    tt_text_copy(put->directory, upload->directory, sizeof upload->directory);
    tt_text_copy(put->name, upload->name, sizeof upload->name);
    assert_int_equal(put->hash.len, TT_DIGEST_LEN);
    memcpy(upload->hash, put->hash.data, TT_DIGEST_LEN);
    return upload;
}

static void take_put(const letter_t *letter)
{
    for (size_t i = 0; i < upload_count; i++) /* one after the other on each machine */
        if (span_is(letter->message.as.put.host, uploads[i].host))
            assert_false(uploads[i].open);
    upload_t *upload = note_put(letter);
    filed(upload->id, TT_FILE_BEGUN, "");
    if (upload->size == 0)
        end_upload(upload);
}

/* Credit is given as late as the sender must not wait for it. */
static void take_chunk(letter_t *letter)
{
    upload_t *upload = find_upload(letter->message.id);
    tt_span_t bytes = tt_frames_span(&letter->packet.payload, 0);
    if (!upload->open)
        return;
    assert_int_equal(letter->message.as.chunk.offset, upload->bytes.len);
    assert_in_range(bytes.len, 1, TT_CHUNK_MAX);
    tt_buf_append(&upload->bytes, bytes.data, bytes.len);
    uint64_t under_way = upload->bytes.len - upload->credited;
    assert_true(under_way <= TT_FLOW_LEAST + upload->credits * TT_FLOW_STEP);
    if (under_way >= TT_FLOW_LEAST || upload->bytes.len == upload->size) {
        upload->credited = upload->bytes.len;
        upload->credits++;
        say_credit(upload->id, upload->credited);
    }
    if (upload->bytes.len >= upload->size)
        end_upload(upload);
}

/* ---- machines that give files */

static void pack_entry(tt_buf_t *out, const char *path, tt_span_t name, uint64_t size,
                       unsigned mode)
{
    tt_pack_array(out, 4);
    tt_pack_text(out, path);
    tt_pack_str(out, (const char *)name.data, name.len);
    tt_pack_uint(out, size);
    tt_pack_uint(out, mode);
}

static void give_list(const letter_t *letter)
{
    const tt_msg_list_t *list = &letter->message.as.list;
    char pattern[256];
    tt_buf_t packed, entries;
    size_t count = 0;
    tt_buf_init(&packed);
    tt_buf_init(&entries);
    tt_text_copy(list->pattern, pattern, sizeof pattern);
    for (size_t i = 0; i < stock_count; i++) {
        if (!span_is(list->host, stock[i].host) || fnmatch(pattern, stock[i].path, 0) != 0)
            continue;
        pack_entry(&entries, stock[i].path, tt_span(stock[i].name), strlen(stock[i].text),
                   stock[i].mode);
        count++;
    }
    tt_pack_array(&packed, count);
    tt_buf_append(&packed, entries.data, entries.len);
    say_listed(letter->message.id, span_of(&packed));
    tt_buf_release(&packed);
    tt_buf_release(&entries);
}

static const stock_t *find_stock(const letter_t *letter)
{
    const tt_msg_get_t *get = &letter->message.as.get;
    for (size_t i = 0; i < stock_count; i++)
        if (span_is(get->host, stock[i].host) && span_is(get->path, stock[i].path))
            return &stock[i];
    fail_msg("there is no '%.*s'", (int)get->path.len, (const char *)get->path.data);
    return NULL;
}

/* In two chunks. */
static void give_file(const letter_t *letter)
{
    const stock_t *file = find_stock(letter);
    uint64_t id = letter->message.id;
    size_t len = strlen(file->text), half = len / 2;
    tt_span_t hash = digest_of(file->text, len), theirs = letter->message.as.get.hash;
    if (theirs.len == hash.len && memcmp(theirs.data, hash.data, hash.len) == 0) {
        say_filed(id, TT_FILE_SAME, file->path, hash);
        return;
    }
    filed(id, TT_FILE_BEGUN, file->path);
    if (half > 0)
        say_chunk(id, 0, file->text, half);
    if (len > half)
        say_chunk(id, half, file->text + half, len - half);
    say_filed(id, TT_FILE_DONE, file->path, digest_of(file->text, len));
}

static bool on_message(fake_t *self, letter_t *letter)
{
    (void)self;
    if (odd && odd(letter))
        return true;
    switch (letter->message.type) {
    case TT_MSG_PUT:
        take_put(letter);
        return true;
    case TT_MSG_CHUNK:
        take_chunk(letter);
        return true;
    case TT_MSG_LIST:
        give_list(letter);
        return true;
    case TT_MSG_GET:
        give_file(letter);
        return true;
    case TT_MSG_CREDIT:
        return true;
    default:
        return false; /* kept, for the test to look at */
    }
}

#define STOCK(...)                                                                             \
    do {                                                                                       \
        static const stock_t files_[] = {__VA_ARGS__};                                         \
        stock = files_;                                                                        \
        stock_count = sizeof files_ / sizeof *files_;                                          \
    } while (0)

/* ---- here: everything happens in the folder "work" */

static int begin(void **unused)
{
    (void)unused;
    upload_count = stock_count = 0;
    odd = NULL;
    here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umask(022);
    if (prompt_begin(0) != 0)
        return -1;
    fake.on_message = on_message;
    return mkdir(scratch_path("work"), 0755) | chdir(scratch_path("work"));
}

static int count_part(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    parts_left += strstr(path + strlen(scratch_dir), ".tutti-") != NULL;
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    int rc = fchdir(here);
    close(here);
    umask(022);
    parts_left = 0;
    nftw(scratch_dir, count_part, 16, FTW_PHYS);
    for (size_t i = 0; i < upload_count; i++)
        tt_buf_release(&uploads[i].bytes);
    if (prompt_end() != 0 || parts_left > 0) /* nothing that is not whole is left */
        return -1;
    return rc;
}

static void make(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "work/%s", name);
    assert_int_equal(tt_path_make_parents(scratch_path(path)), 0);
    scratch_write(path, text, 0644);
}

static const char *contents(const char *name)
{
    static char text[256];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return "nothing";
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    text[got > 0 ? got : 0] = 0;
    return text;
}

/* So many of three machines; the words end with NULL. */
static int transfer(bool up, size_t hosts, const char *directory, ...)
{
    static const char *names[] = {"web1", "web2", "web3"};
    char *words[8];
    va_list args;
    transfer_wish_t wish = {
        .up = up, .words = words, .directory = directory, .hosts = names, .host_count = hosts};
    va_start(args, directory);
    while ((words[wish.word_count] = va_arg(args, char *)))
        wish.word_count++;
    va_end(args);
    int fds = open_fds();
    listen_begin();
    int status = transfer_run(&session, &wish);
    listen_end();
    assert_int_equal(open_fds(), fds);
    return status;
}

#define up(...)   transfer(true, __VA_ARGS__, NULL)
#define down(...) transfer(false, __VA_ARGS__, NULL)

/* What has come to be: the next upload in order of their begins. */
#define assert_upload(i, host_, name_, text)                                                   \
    do {                                                                                       \
        assert_true((i) < upload_count);                                                       \
        assert_string_equal(uploads[i].host, host_);                                           \
        assert_string_equal(uploads[i].name, name_);                                           \
        assert_text(&uploads[i].bytes, text);                                                  \
    } while (0)

/* ---- up: wrong use */

TEST(what_is_not_here_costs_a_message_and_nothing_is_sent)
{
    make("x", "text");
    assert_int_equal(mkdir("empty", 0755), 0);
    assert_int_equal(symlink("x", "link"), 0);
    assert_int_equal(up(2, "", "none"), 2);
    assert_err("cannot read 'none': No such file or directory\n");
    assert_int_equal(up(2, "", "x", "empty"), 2);
    assert_err("cannot read 'empty': there is no file in it\n");
    assert_int_equal(up(2, "", "link"), 2);
    assert_err("cannot read 'link': there is no file in it\n");
    assert_int_equal(up(1, "", ""), 2);
    assert_out("");
    assert_int_equal(upload_count, 0);
    assert_null(fake_take(&fake, TT_MSG_PUT));
}

/* ---- up */

TEST(a_file_goes_up_with_its_mode_and_digest_and_its_place_is_told)
{
    make("x", "text");
    assert_int_equal(chmod("x", 04751), 0);
    assert_int_equal(up(1, "", "x"), 0);
    assert_out("web1:/there/x\n");
    assert_err("");
    assert_int_equal(upload_count, 1);
    assert_upload(0, "web1", "x", "text");
    assert_int_equal(uploads[0].mode, 0751);
    assert_string_equal(uploads[0].directory, "");
    assert_int_equal(up(1, "to/here", "./x"), 0);
    assert_out("web1:/there/to/here/x\n");
    assert_string_equal(uploads[1].directory, "to/here");
}

TEST(machines_of_which_the_same_is_to_be_said_share_a_line)
{
    make("x", "text");
    assert_int_equal(up(3, "", "x"), 0);
    assert_out("web[1-3]:/there/x\n");
    assert_err("");
    assert_int_equal(upload_count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_text(&uploads[i].bytes, "text");
}

static bool web2_has_it(letter_t *letter)
{
    if (letter->message.type != TT_MSG_PUT || !span_is(letter->message.as.put.host, "web2"))
        return false;
    filed(letter->message.id, TT_FILE_SAME, "/there/x");
    return true;
}

TEST(what_was_there_is_told_in_a_line_of_its_own)
{
    make("x", "text");
    odd = web2_has_it;
    assert_int_equal(up(3, "", "x"), 0);
    assert_out("web[1,3]:/there/x\nweb2:/there/x was there\n");
    assert_int_equal(upload_count, 2);
}

static bool has_some(letter_t *letter)
{
    tt_span_t name = letter->message.as.put.name;
    if (letter->message.type != TT_MSG_PUT ||
        (span_is(letter->message.as.put.host, "web1") && !span_is(name, "b")))
        return false;
    filed(letter->message.id, TT_FILE_SAME, "/there/any");
    return true;
}

TEST(of_several_files_it_is_told_how_many_were_there)
{
    make("a", "");
    make("b", "");
    make("c", "");
    odd = has_some;
    assert_int_equal(up(3, "", "a", "b", "c"), 0);
    assert_out("web1: 3 files in /there · 0.0 MB · 1 were there\n"
               "web[2-3]: 3 files in /there · 0.0 MB · all were there\n");
}

static bool sees(const char *name)
{
    for (size_t i = 0; i < upload_count; i++)
        if (strcmp(uploads[i].name, name) == 0)
            return true;
    return false;
}

TEST(a_folder_goes_with_its_name_and_all_that_is_in_it_but_links_and_pipes)
{
    make("top/a file", "1");
    make("top/deep/er/.hidden", "22");
    make("top/empty", "");
    assert_int_equal(symlink("a file", "top/link"), 0);
    assert_int_equal(symlink("..", "top/loop"), 0);
    assert_int_equal(mkfifo("top/pipe", 0644), 0);
    assert_int_equal(up(1, "", "top//"), 0);
    assert_int_equal(upload_count, 3);
    assert_true(sees("top/a file") && sees("top/deep/er/.hidden") && sees("top/empty"));
    assert_int_equal(up(1, "", scratch_path("work/top/deep")), 0);
    assert_string_equal(uploads[3].name, "deep/er/.hidden");
    assert_int_equal(chdir("top/deep"), 0);
    assert_int_equal(up(1, "", "."), 0); /* only what is in it */
    assert_string_equal(uploads[4].name, "er/.hidden");
    assert_int_equal(chdir("er"), 0);
    assert_int_equal(up(1, "", ".."), 0);
    assert_string_equal(uploads[5].name, "er/.hidden");
    assert_int_equal(upload_count, 6);
}

/* 20 chunks and a bit. */
static void make_large(void)
{
    FILE *out = fopen("large", "we");
    assert_non_null(out);
    for (int i = 0; i < 20 * 64 * 1024 / 16 + 1; i++)
        assert_int_equal(fprintf(out, "%015d\n", i), 16);
    assert_int_equal(fclose(out), 0);
}

TEST(a_large_file_goes_in_chunks_and_never_more_than_the_credit_is_under_way)
{
    make_large();
    assert_int_equal(up(2, "", "large"), 0);
    assert_out("web[1-2]:/there/large\n");
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(uploads[i].bytes.len, 20 * TT_CHUNK_MAX + 16);
        assert_true(uploads[i].credits > 3);
    }
}

static bool gives_impossible_credit(letter_t *letter)
{
    if (letter->message.type == TT_MSG_PUT) {
        say_credit(letter->message.id, 100); /* even before it has begun */
    } else if (letter->message.type == TT_MSG_CHUNK) {
        say_credit(letter->message.id, UINT64_MAX);
        say_credit(letter->message.id, (uint64_t)1 << 40);
    }
    return false;
}

TEST(impossible_credit_brings_nothing_and_ends_nothing)
{
    make_large();
    odd = gives_impossible_credit;
    assert_int_equal(up(1, "", "large"), 0);
    assert_int_equal(uploads[0].bytes.len, 20 * TT_CHUNK_MAX + 16);
    assert_err("");
}

static letter_t *waiting;

static bool waits_for_both(letter_t *letter)
{
    if (letter->message.type != TT_MSG_PUT)
        return false;
    if (upload_count++ == 0)
        filed(letter->message.id, TT_FILE_BEGUN, "");
    else
        for (uint64_t id = 1; id <= letter->message.id; id++)
            filed(id, TT_FILE_SAME, "/there/x");
    return true;
}

TEST(several_machines_are_served_at_a_time)
{
    make("x", "");
    odd = waits_for_both; /* the first ends when the second has been asked, too */
    assert_int_equal(up(2, "", "x"), 0);
    assert_out("web[1-2]:/there/x was there\n");
}

static bool web2_fails(letter_t *letter)
{
    if (letter->message.type != TT_MSG_PUT || !span_is(letter->message.as.put.host, "web2"))
        return false;
    filed(letter->message.id, TT_FILE_FAILED, "cannot write 'x\033': Permission denied");
    return true;
}

TEST(what_fails_on_one_machine_is_told_and_others_go_on)
{
    make("x", "text");
    odd = web2_fails;
    assert_int_equal(up(3, "", "x"), 1);
    assert_out("web[1,3]:/there/x\n");
    assert_err("web2: cannot write 'x\\x1B': Permission denied\n");
}

static bool web2_is_not_here(letter_t *letter)
{
    if (letter->message.type != TT_MSG_PUT || !span_is(letter->message.as.put.host, "web2"))
        return false;
    fake_error(&fake, letter->message.id, "no host 'web2' is here");
    return true;
}

TEST(a_machine_that_is_not_here_is_told_once_and_asked_no_more)
{
    make("x", "text");
    make("y", "text");
    odd = web2_is_not_here;
    assert_int_equal(up(2, "", "x", "y"), 1);
    assert_out("web1: 2 files in /there · 0.0 MB\n");
    assert_err("web2: no host 'web2' is here\n");
    assert_int_equal(upload_count, 2);
}

static bool takes_some_of_a(letter_t *letter)
{
    if (letter->message.type != TT_MSG_CHUNK ||
        strcmp(find_upload(letter->message.id)->name, "large") != 0)
        return false;
    if (find_upload(letter->message.id)->open)
        filed(letter->message.id, TT_FILE_FAILED, "cannot write: No space left on device");
    find_upload(letter->message.id)->open = false;
    return true;
}

TEST(a_file_that_fails_in_the_middle_is_left_and_the_next_one_goes)
{
    make_large();
    make("x", "text");
    odd = takes_some_of_a;
    assert_int_equal(up(1, "", "large", "x"), 1);
    assert_out("web1:/there/x\n");
    assert_err("web1: cannot write: No space left on device\n");
    assert_upload(1, "web1", "x", "text");
}

static bool cuts_it(letter_t *letter)
{
    if (letter->message.type == TT_MSG_PUT && upload_count == 0) {
        assert_int_equal(truncate("large", 100000), 0);
        assert_int_equal(unlink("x"), 0);
    }
    if (letter->message.type == TT_MSG_ABORT)
        find_upload(letter->message.id)->open = false;
    return false;
}

TEST(files_that_are_cut_or_gone_meanwhile_are_told_and_the_machine_hears_abort)
{
    make_large();
    make("x", "text");
    make("y", "text");
    odd = cuts_it;
    assert_int_equal(up(1, "", "large", "x", "y"), 1);
    assert_out("web1:/there/y\n");
    assert_part(said_err, "web1: cannot read 'large' here: ");
    assert_part(said_err, "web1: cannot read 'x' here: No such file or directory\n");
    letter_t *letter = fake_await(&fake, TT_MSG_ABORT);
    assert_int_equal(letter->message.id, uploads[0].id);
    letter_free(letter);
    assert_null(fake_take(&fake, TT_MSG_ABORT));
}

/* ---- down */

static const char *gets[16]; /* what was asked for, in order */
static size_t get_count;

static bool notes_gets(letter_t *letter)
{
    if (letter->message.type == TT_MSG_GET)
        gets[get_count++] = find_stock(letter)->path;
    return false;
}

TEST(a_file_comes_down_with_its_mode_less_the_umask)
{
    struct stat found;
    STOCK({"web1", "/far/x", "x", "text of x", 04777}, {"web1", "/far/y", "y", "", 0600});
    umask(027);
    assert_int_equal(down(1, "", "/far/x"), 0);
    assert_out("web1:./x\n");
    assert_err("");
    assert_string_equal(contents("x"), "text of x");
    assert_int_equal(stat("x", &found), 0);
    assert_int_equal(found.st_mode & 07777, 0750);
    assert_int_equal(down(1, "new/folder//", "/far/*"), 0);
    assert_out("web1: 2 files in new/folder · 0.0 MB\n");
    assert_string_equal(contents("new/folder/x"), "text of x");
    assert_string_equal(contents("new/folder/y"), "");
}

TEST(several_machines_have_a_folder_each)
{
    STOCK({"web1", "/far/x", "x", "of web1", 0644},
          {"web2", "/far/x", "x", "of web2", 0644},
          {"web2", "/far/top/y", "top/y", "", 0644});
    assert_int_equal(down(2, "out", "/far/*"), 0);
    assert_out("web1:out/web1/x\nweb2: 2 files in out/web2/top · 0.0 MB\n");
    assert_string_equal(contents("out/web1/x"), "of web1");
    assert_string_equal(contents("out/web2/x"), "of web2");
    assert_string_equal(contents("out/web2/top/y"), "");
}

TEST(what_is_here_already_is_not_sent_and_what_differs_is_replaced)
{
    STOCK({"web1", "/far/a", "a", "text", 0644},
          {"web1", "/far/b", "b", "text", 0644},
          {"web1", "/far/c", "c", "text", 0644});
    make("a", "text");
    make("b", "TEXT");
    make("c", "longer text");
    odd = notes_gets;
    get_count = 0;
    assert_int_equal(down(1, "", "/far/a"), 0);
    assert_out("web1:./a was there\n");
    assert_int_equal(down(1, "", "/far/*"), 0);
    assert_out("web1: 3 files in . · 0.0 MB · 1 were there\n");
    assert_string_equal(contents("b"), "text");
    assert_string_equal(contents("c"), "text");
    assert_int_equal(down(1, "", "/far/*"), 0);
    assert_out("web1: 3 files in . · 0.0 MB · all were there\n");
    assert_int_equal(get_count, 7);
}

TEST(a_pattern_that_finds_nothing_is_told_and_the_others_are_brought)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web2", "/far/y", "y", "text", 0644});
    assert_int_equal(down(2, "", "no*", "/far/x"), 1);
    assert_out("web1:./web1/x\n");
    assert_part(said_err, "web1: there is no file 'no*'\n");
    assert_part(said_err, "web2: there is no file 'no*'\n");
    assert_part(said_err, "web2: there is no file '/far/x'\n");
    assert_int_equal(access("web2", F_OK), -1);
}

static bool refuses_to_list(letter_t *letter)
{
    if (letter->message.type != TT_MSG_LIST)
        return false;
    if (span_is(letter->message.as.list.host, "web1"))
        filed(letter->message.id, TT_FILE_FAILED, "cannot list ''");
    else
        fake_error(&fake, letter->message.id, "no host 'web2' is here");
    return true;
}

TEST(a_list_that_is_refused_is_told)
{
    odd = refuses_to_list;
    assert_int_equal(down(2, "", "x", "y"), 1);
    assert_out("");
    assert_part(said_err, "web1: there is no file 'x'\n");
    assert_part(said_err, "web1: there is no file 'y'\n");
    assert_part(said_err, "web2: no host 'web2' is here\n");
    assert_null(strstr(said_err, "web2: there"));
}

/* ---- down, from machines that lie */

static tt_span_t lie; /* the list that is answered */

static bool lists_lies(letter_t *letter)
{
    if (letter->message.type == TT_MSG_LIST)
        say_listed(letter->message.id, lie);
    else if (letter->message.type == TT_MSG_GET)
        fail_msg("it was believed");
    return letter->message.type == TT_MSG_LIST;
}

TEST(names_that_lead_elsewhere_are_not_followed)
{
    tt_span_t names[] = {SPAN("../evil"),  SPAN("/etc/evil"),      SPAN("a/../../evil"),
                         SPAN("a/../b"),   SPAN("..")
                                        ,  SPAN(""), SPAN("a\0evil"),  SPAN("/"),
                         tt_span(scratch_path("evil"))};
    tt_buf_t list;
    tt_buf_init(&list);
    tt_pack_array(&list, sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        pack_entry(&list, "/far/x", names[i], 4, 0644);
    lie = span_of(&list);
    odd = lists_lies;
    assert_int_equal(down(2, "", "*"), 1);
    assert_out("");
    assert_err("web1: there is no file '*'\nweb2: there is no file '*'\n");
    tt_buf_release(&list);
    assert_int_equal(rmdir(scratch_path("work")), 0); /* nothing is in it, nor beside it */
    assert_int_equal(access(scratch_path("evil"), F_OK), -1);
}

TEST(among_names_that_lead_elsewhere_the_others_are_brought)
{
    STOCK({"web1", "/far/1", "../evil", "1", 0644}, {"web1", "/far/2", "a..b/.c", "2", 0644},
          {"web1", "/far/3", "/evil", "3", 0644}, {"web1", "/far/4", "d", "4", 0644});
    odd = notes_gets;
    get_count = 0;
    assert_int_equal(down(1, "out", "/far/*"), 0);
    assert_out("web1: 2 files in out · 0.0 MB\n");
    assert_int_equal(get_count, 2);
    assert_string_equal(contents("out/a..b/.c"), "2");
    assert_string_equal(contents("out/d"), "4");
    assert_int_equal(access("evil", F_OK), -1);
}

TEST(a_list_that_is_none_finds_nothing)
{
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\xc0", 1},                            /* nil */
        {"\xa1x", 2},                           /* a text */
        {"\x92\x01\xa1x", 4},                   /* [1, "x"] */
        {"\x91\x93\xa1x\xa1x\x01", 7},          /* an entry of three */
        {"\x91\x94\x01\xa1x\x01\x01", 7},       /* a path that is a number */
        {"\x91\x94\xa1x\x01\x01\x01", 7},       /* such a name */
        {"\x91\x94\xa1x\xa1x\xa1x\x01", 8},     /* a size that is a text */
        {"\x91\x94\xa1x\xa1x\x01\xff", 8},      /* a mode below 0 */
        {"\x91\x94\xa1x\xa1x\x01", 7},          /* cut */
        {"\x92\x94\xa1x\xa1x\x01\x01", 8},      /* fewer than told */
        {"\x91\x94\xa1x\xa1x\x01\x01\x00", 9},  /* something behind it */
        {"\xdd\xff\xff\xff\xff\x94\xa1x", 8},   /* very many */
        {"\x91\x81\x94\xa1x\xa1x\x01\x01", 8},  /* a map */
    };
    odd = lists_lies;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lie = (tt_span_t){(const uint8_t *)cases[i].bytes, cases[i].len};
        assert_int_equal(down(1, "", "*"), 1);
        assert_err("web1: there is no file '*'\n");
    }
}

static unsigned lie_kind;

/* A file of "text", told in odd ways. */
static bool sends_lies(letter_t *letter)
{
    uint64_t id = letter->message.id;
    if (letter->message.type != TT_MSG_GET || find_stock(letter)->text[0] == 'g')
        return false;
    if (lie_kind != 1)
        filed(id, TT_FILE_BEGUN, "");
    if (lie_kind == 2)
        say_chunk(id, 1, "text", 4);
    say_chunk(id, 0, lie_kind == 3 ? "TEXT" : "text", 4);
    if (lie_kind == 4)
        say_chunk(id, 0, "text", 4);
    if (lie_kind == 5)
        say_chunk(id, 4, "!", 1);
    tt_span_t hash = digest_of("text", 4);
    say_filed(id, TT_FILE_DONE, "", lie_kind == 6 ? (tt_span_t){hash.data, 31} : hash);
    return true;
}

TEST(what_does_not_come_as_it_should_is_told_and_nothing_is_left_of_it)
{
    static const char *const errors[] = {
        "",
        "cannot write './x' here: Protocol error", /* before it has begun */
        "cannot write './x' here: Protocol error", /* at another offset */
        "what came is not what was sent",          /* other bytes */
        "cannot write './x' here: Protocol error", /* the same again */
        "what came is not what was sent",          /* too many bytes */
        "what came is not what was sent",          /* half a digest */
    };
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web1", "/far/z", "z", "good", 0644});
    odd = sends_lies;
    for (lie_kind = 1; lie_kind < sizeof errors / sizeof *errors; lie_kind++) {
        char want[128];
        make("x", "old");
        unlink("z");
        snprintf(want, sizeof want, "web1: %s\n", errors[lie_kind]);
        assert_int_equal(down(1, "", "/far/*"), 1);
        assert_err(want);
        assert_out("web1:./z\n"); /* the next one is brought */
        assert_string_equal(contents("x"), "old");
        assert_string_equal(contents("z"), "good");
    }
    for (int i = 0; i < 3; i++) /* 1, 2 and 4 would not go on */
        letter_free(fake_await(&fake, TT_MSG_ABORT));
    assert_null(fake_take(&fake, TT_MSG_ABORT));
}

TEST(what_cannot_be_written_here_is_told_and_the_others_are_brought)
{
    STOCK({"web1", "/far/1", "file/x", "1", 0644}, {"web1", "/far/2", "folder", "2", 0644},
          {"web1", "/far/3", "good", "3", 0644});
    make("file", "is in the way");
    assert_int_equal(mkdir("folder", 0755), 0);
    assert_int_equal(down(1, "", "/far/*"), 1);
    assert_out("web1:./good\n");
    assert_err("web1: cannot write './file/x' here: Not a directory\n"
               "web1: cannot write './folder' here: Is a directory\n");
    assert_string_equal(contents("file"), "is in the way");
    letter_free(fake_await(&fake, TT_MSG_ABORT));
}

static bool fails_to_read_x(letter_t *letter)
{
    if (letter->message.type != TT_MSG_GET || !span_is(letter->message.as.get.path, "/far/x"))
        return false;
    if (span_is(letter->message.as.get.host, "web2")) {
        filed(letter->message.id, TT_FILE_BEGUN, "");
        say_chunk(letter->message.id, 0, "te", 2);
    }
    filed(letter->message.id, TT_FILE_FAILED, "cannot read '/far/x': Permission denied");
    return true;
}

TEST(what_a_machine_cannot_read_is_told_and_the_others_are_brought)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web1", "/far/y", "y", "text", 0644},
          {"web2", "/far/x", "x", "text", 0644}, {"web3", "/far/y", "y", "text", 0644});
    odd = fails_to_read_x;
    assert_int_equal(down(3, "", "/far/*"), 1);
    assert_out("web1:./web1/y\nweb3:./web3/y\n");
    assert_part(said_err, "web1: cannot read '/far/x': Permission denied\n");
    assert_part(said_err, "web2: cannot read '/far/x': Permission denied\n");
    assert_int_equal(access("web1/x", F_OK), -1);
    assert_int_equal(access("web2/x", F_OK), -1);
}

/* ---- ends in the middle */

static unsigned end_at; /* the message at which it ends */
static bool by_key;     /* Ctrl-C, or the controller is gone */

static bool ends(letter_t *letter)
{
    uint64_t id = letter->message.id;
    if (letter->message.type == TT_MSG_GET) { /* some of it is here before the end */
        filed(id, TT_FILE_BEGUN, "");
        say_chunk(id, 0, "te", 2);
    }
    if (letter->message.type != end_at)
        return letter->message.type == TT_MSG_GET;
    if (by_key)
        session.pressed = true;
    else
        tt_client_lose(session.client, "it was killed");
    return true;
}

static int end_in_the_middle(bool going_up, unsigned at, bool key)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web2", "/far/x", "x", "text", 0644});
    make("x", "text");
    make("web1/x", "old");
    odd = ends;
    end_at = at;
    by_key = key;
    return going_up ? up(2, "", "x") : down(2, "", "/far/x");
}

TEST(when_the_controller_ends_while_files_go_up_it_is_told_for_each_machine)
{
    assert_int_equal(end_in_the_middle(true, TT_MSG_CHUNK, false), 3);
    assert_out("");
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_part(said_err, "web2: the cluster is gone\n");
}

TEST(when_the_controller_ends_while_files_come_down_nothing_is_left_of_them)
{
    assert_int_equal(end_in_the_middle(false, TT_MSG_CREDIT, false), 3);
    assert_out("");
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_part(said_err, "web2: the cluster is gone\n");
    assert_string_equal(contents("web1/x"), "old");
    assert_int_equal(access("web2/x", F_OK), -1);
}

TEST(when_the_controller_ends_before_there_is_a_list_it_is_told)
{
    assert_int_equal(end_in_the_middle(false, TT_MSG_LIST, false), 3);
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_int_equal(down(1, "", "x"), 3); /* and with a controller that is gone nothing waits */
    assert_int_equal(up(1, "", "x"), 3);
    assert_out("");
}

TEST(ctrl_c_ends_what_goes_up_and_machines_hear_abort)
{
    assert_int_equal(end_in_the_middle(true, TT_MSG_CHUNK, true), 1);
    assert_out("");
    assert_err("interrupted: what is not whole is not there\n");
    letter_free(fake_await(&fake, TT_MSG_ABORT));
    letter_free(fake_await(&fake, TT_MSG_ABORT));
}

TEST(ctrl_c_ends_what_comes_down_and_nothing_is_left_of_it)
{
    assert_int_equal(end_in_the_middle(false, TT_MSG_CREDIT, true), 1);
    assert_out("");
    assert_err("interrupted: what is not whole is not there\n");
    letter_free(fake_await(&fake, TT_MSG_ABORT));
    letter_free(fake_await(&fake, TT_MSG_ABORT));
    assert_string_equal(contents("web1/x"), "old");
    assert_int_equal(access("web2/x", F_OK), -1);
    session.pressed = false;
    odd = NULL;
    assert_int_equal(down(2, "", "/far/x"), 0); /* and the next time it works */
    assert_string_equal(contents("web2/x"), "text");
}

TEST(ctrl_c_tells_what_was_brought_before)
{
    STOCK({"web1", "/far/a", "a", "text", 0644}, {"web2", "/far/x", "x", "text", 0644});
    odd = fails_to_read_x;
    (void)odd;
    odd = NULL;
    make("x", "text");
    session.pressed = true; /* before it could begin */
    assert_int_equal(up(1, "", "x"), 1);
    assert_out("");
    assert_err("interrupted: what is not whole is not there\n");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    const struct CMUnitTest tests[] = {
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
