/* Unit test of repl/transfer: files down, with the fake controller as machines that behave,
 * fail or lie, that go in the middle, and that nobody waits for any more. Up is in
 * test_transfer.c. */
#include "prompt.h"

#include "digest.h"
#include "path.h"
#include "transfer.h"

#include <fnmatch.h>

/* What there is to be brought down from one. */
typedef struct {
    const char *host, *path, *name, *text;
    unsigned mode;
} stock_t;

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
    if (letter->message.type == TT_MSG_LIST)
        give_list(letter);
    else if (letter->message.type == TT_MSG_GET)
        give_file(letter);
    else /* others are kept, for the test to look at */
        return letter->message.type == TT_MSG_CREDIT;
    return true;
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
    stock_count = 0;
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
static int bring(size_t hosts, const char *directory, ...)
{
    static const char *names[] = {"web1", "web2", "web3"};
    char *words[8];
    va_list args;
    transfer_wish_t wish = {
        .words = words, .directory = directory, .hosts = names, .host_count = hosts};
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

#define down(...) bring(__VA_ARGS__, NULL)

/* ---- down */

static size_t get_count;

static bool counts_gets(letter_t *letter)
{
    get_count += letter->message.type == TT_MSG_GET;
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
    STOCK({"web1", "/far/x", "x", "of web1", 0644}, {"web2", "/far/x", "x", "of web2", 0644},
          {"web2", "/far/top/y", "top/y", "", 0644});
    assert_int_equal(down(2, "out", "/far/*"), 0);
    assert_out("web1:out/web1/x\nweb2: 2 files in out/web2 · 0.0 MB\n");
    assert_string_equal(contents("out/web1/x"), "of web1");
    assert_string_equal(contents("out/web2/x"), "of web2");
    assert_string_equal(contents("out/web2/top/y"), "");
}

TEST(what_is_here_already_is_not_sent_and_what_differs_is_replaced)
{
    STOCK({"web1", "/far/a", "a", "text", 0644}, {"web1", "/far/b", "b", "text", 0644},
          {"web1", "/far/c", "c", "text", 0644});
    make("a", "text");
    make("b", "TEXT");
    make("c", "longer text");
    odd = counts_gets;
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
    const char *theirs = strstr(said_err, "web2: no host 'web2' is here\n");
    assert_non_null(theirs);
    assert_null(strstr(theirs + 1, "web2:")); /* once, and it is asked no more */
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
    tt_span_t names[] = {SPAN("../evil"), SPAN("/etc/evil"), SPAN("a/../../evil"),
                         SPAN("a/../b"),  SPAN(".."),        SPAN(""),
                         SPAN("a\0evil"), SPAN("/"),         tt_span(scratch_path("evil"))};
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
    odd = counts_gets;
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
        {"\xc0", 1},                           /* nil */
        {"\xa1x", 2},                          /* a text */
        {"\x92\x01\xa1x", 4},                  /* [1, "x"] */
        {"\x91\x93\xa1x\xa1x\x01", 7},         /* an entry of three */
        {"\x91\x94\x01\xa1x\x01\x01", 7},      /* a path that is a number */
        {"\x91\x94\xa1x\x01\x01\x01", 7},      /* such a name */
        {"\x91\x94\xa1x\xa1x\xa1x\x01", 8},    /* a size that is a text */
        {"\x91\x94\xa1x\xa1x\x01\xff", 8},     /* a mode below 0 */
        {"\x91\x94\xa1x\xa1x\x01", 7},         /* cut */
        {"\x92\x94\xa1x\xa1x\x01\x01", 8},     /* fewer than told */
        {"\x91\x94\xa1x\xa1x\x01\x01\x00", 9}, /* something behind it */
        {"\xdd\xff\xff\xff\xff\x94\xa1x", 8},  /* very many */
        {"\x91\x81\x94\xa1x\xa1x\x01\x01", 8}, /* a map */
    };
    odd = lists_lies;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lie = (tt_span_t){(const uint8_t *)cases[i].bytes, cases[i].len};
        assert_int_equal(down(1, "", "*"), 1);
        assert_err("web1: there is no file '*'\n");
    }
}

static unsigned odd_end;

/* Ends that nobody has asked for: a second beginning, contents that we have not, an end without
 * a beginning. */
static bool ends_oddly(letter_t *letter)
{
    uint64_t id = letter->message.id;
    if (letter->message.type != TT_MSG_GET)
        return false;
    if (odd_end == TT_FILE_BEGUN)
        filed(id, TT_FILE_BEGUN, "");
    filed(id, odd_end, "");
    return true;
}

TEST(ends_that_cannot_be_are_told_and_nothing_is_left_of_them)
{
    STOCK({"web1", "/far/x", "x", "text", 0644});
    odd = ends_oddly;
    for (odd_end = TT_FILE_BEGUN; odd_end <= TT_FILE_DONE; odd_end++) {
        assert_int_equal(down(1, "", "/far/x"), 1);
        assert_out("");
        assert_err(odd_end == TT_FILE_BEGUN ? "web1: cannot write './x' here: Protocol error\n"
                                            : "web1: what came is not what was sent\n");
        assert_int_equal(access("x", F_OK), -1);
    }
    letter_free(fake_await(&fake, TT_MSG_ABORT));
}

TEST(a_pipe_here_is_replaced_and_not_waited_for)
{
    STOCK({"web1", "/far/x", "x", "text", 0644});
    assert_int_equal(mkfifo("x", 0600), 0);
    assert_int_equal(down(1, "", "/far/x"), 0);
    assert_string_equal(contents("x"), "text");
}

TEST(names_that_nobody_has_asked_for_are_not_taken)
{
    STOCK({"web1", "/far/a.csv", ".ssh/authorized_keys", "evil", 0644},
          {"web1", "/far/b.csv", "other", "evil", 0644},
          {"web1", "/far/c.csv", "c.csv", "good", 0644});
    assert_int_equal(down(1, "", "/far/*.csv"), 0);
    assert_out("web1:./c.csv\n");
    assert_int_equal(access(".ssh", F_OK), -1);
    assert_int_equal(access("other", F_OK), -1);
    assert_string_equal(contents("c.csv"), "good");
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
    uint8_t longer[TT_DIGEST_LEN + 1] = {0};
    memcpy(longer, hash.data, hash.len);
    hash = (tt_span_t){longer, hash.len - (lie_kind == 6) + (lie_kind == 7)};
    say_filed(id, TT_FILE_DONE, "", hash);
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
        "what came is not what was sent",          /* some of a digest */
        "what came is not what was sent",          /* more than a digest */
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

static bool web2_goes(letter_t *letter)
{
    if (letter->message.type != TT_MSG_GET || !span_is(letter->message.as.get.host, "web2"))
        return false;
    fake_error(&fake, letter->message.id, "no host 'web2' is here");
    return true;
}

TEST(a_machine_that_goes_behind_its_list_is_told_once_and_asked_no_more)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web2", "/far/x", "x", "text", 0644},
          {"web2", "/far/y", "y", "text", 0644});
    odd = web2_goes;
    assert_int_equal(down(2, "", "/far/*"), 1);
    assert_out("web1:./web1/x\n");
    assert_err("web2: no host 'web2' is here\n");
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

static int end_in_the_middle(unsigned at, bool key)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web2", "/far/x", "x", "text", 0644});
    make("web1/x", "old");
    odd = ends;
    end_at = at;
    by_key = key;
    return down(2, "", "/far/x");
}

TEST(when_the_controller_ends_nothing_is_left_of_what_comes)
{
    assert_int_equal(end_in_the_middle(TT_MSG_CREDIT, false), 3);
    assert_out("");
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_part(said_err, "web2: the cluster is gone\n");
    assert_string_equal(contents("web1/x"), "old");
    assert_int_equal(access("web2/x", F_OK), -1);
}

TEST(when_the_controller_ends_before_there_is_a_list_it_is_told)
{
    assert_int_equal(end_in_the_middle(TT_MSG_LIST, false), 3);
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_part(said_err, "web2: the cluster is gone\n");
    assert_int_equal(down(1, "", "x"), 3); /* nothing waits for one that is gone */
    assert_out("");
}

TEST(ctrl_c_ends_it_and_nothing_is_left_of_what_comes)
{
    assert_int_equal(end_in_the_middle(TT_MSG_CREDIT, true), 1);
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

static uint64_t slow_id;

static bool web2_is_slow(letter_t *letter)
{
    if (letter->message.type == TT_MSG_CREDIT && letter->message.id == slow_id)
        session.pressed = true;
    if (letter->message.type != TT_MSG_GET || span_is(letter->message.as.get.host, "web1"))
        return false;
    slow_id = letter->message.id;
    filed(slow_id, TT_FILE_BEGUN, "");
    say_chunk(slow_id, 0, "te", 2);
    return true;
}

TEST(ctrl_c_leaves_what_was_brought_before_and_it_is_told)
{
    STOCK({"web1", "/far/x", "x", "text", 0644}, {"web2", "/far/x", "x", "text", 0644});
    slow_id = 0;
    odd = web2_is_slow;
    assert_int_equal(down(2, "", "/far/x"), 1);
    assert_out("web1:./web1/x\n");
    assert_err("interrupted: what is not whole is not there\n");
    assert_string_equal(contents("web1/x"), "text");
    assert_int_equal(access("web2/x", F_OK), -1);
    letter_t *letter = fake_await(&fake, TT_MSG_ABORT);
    assert_int_equal(letter->message.id, slow_id);
    letter_free(letter);
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    const struct CMUnitTest tests[] = {
        EACH(a_file_comes_down_with_its_mode_less_the_umask),
        EACH(several_machines_have_a_folder_each),
        EACH(what_is_here_already_is_not_sent_and_what_differs_is_replaced),
        EACH(a_pattern_that_finds_nothing_is_told_and_the_others_are_brought),
        EACH(a_list_that_is_refused_is_told),
        EACH(names_that_lead_elsewhere_are_not_followed),
        EACH(among_names_that_lead_elsewhere_the_others_are_brought),
        EACH(a_list_that_is_none_finds_nothing),
        EACH(ends_that_cannot_be_are_told_and_nothing_is_left_of_them),
        EACH(a_pipe_here_is_replaced_and_not_waited_for),
        EACH(names_that_nobody_has_asked_for_are_not_taken),
        EACH(what_does_not_come_as_it_should_is_told_and_nothing_is_left_of_it),
        EACH(what_cannot_be_written_here_is_told_and_the_others_are_brought),
        EACH(what_a_machine_cannot_read_is_told_and_the_others_are_brought),
        EACH(a_machine_that_goes_behind_its_list_is_told_once_and_asked_no_more),
        EACH(when_the_controller_ends_nothing_is_left_of_what_comes),
        EACH(when_the_controller_ends_before_there_is_a_list_it_is_told),
        EACH(ctrl_c_ends_it_and_nothing_is_left_of_what_comes),
        EACH(ctrl_c_leaves_what_was_brought_before_and_it_is_told),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
