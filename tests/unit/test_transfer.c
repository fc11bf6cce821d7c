/* Unit test of repl/transfer: files up, with the fake controller as machines that behave, fail
 * or lie, that go in the middle, and that nobody waits for any more. Down is in
 * test_transfer_down.c. */
#include "prompt.h"

#include "digest.h"
#include "flow.h"
#include "path.h"
#include "transfer.h"

/* What has come up to a machine. */
typedef struct {
    uint64_t id, size, credited, credits, timer;
    char host[16], directory[64], name[256];
    unsigned mode;
    uint8_t hash[TT_DIGEST_LEN];
    tt_buf_t bytes;
    bool open;
} upload_t;

static upload_t uploads[32];
static size_t upload_count;
static bool (*odd)(letter_t *letter); /* is asked first; whether it was dealt with */
static int here = -1;

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

static bool span_is(tt_span_t span, const char *text)
{
    return span.len == strlen(text) &&
           (span.len == 0 || memcmp(span.data, text, span.len) == 0);
}

/* ---- machines that take files */

static upload_t *find_upload(uint64_t id)
{
    size_t at = 0;
    while (at < upload_count && uploads[at].id != id)
        at++;
    assert_true(at < upload_count);
    return &uploads[at];
}

static const char *path_of(const upload_t *upload)
{
    static char path[512];
    snprintf(path, sizeof path, "/there/%s%s%s", upload->directory,
             *upload->directory ? "/" : "", upload->name);
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
    *upload = (upload_t){
        .id = letter->message.id, .size = put->size, .mode = (unsigned)put->mode, .open = true};
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

static void on_time(void *arg)
{
    upload_t *upload = arg;
    upload->timer = 0;
    upload->credited = upload->bytes.len;
    upload->credits++;
    say_credit(upload->id, upload->credited);
    if (upload->bytes.len >= upload->size)
        end_upload(upload);
}

/* Credit is given as late as the sender must not wait for it, and a while later, so that what
 * is sent without it comes before. */
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
    bool whole = upload->bytes.len >= upload->size;
    if (upload->timer == 0 && (under_way >= TT_FLOW_LEAST || whole))
        upload->timer = tt_loop_add_timer(loop, 20, on_time, upload);
}

static bool on_message(fake_t *self, letter_t *letter)
{
    (void)self;
    if (odd && odd(letter))
        return true;
    if (letter->message.type == TT_MSG_PUT)
        take_put(letter);
    else if (letter->message.type == TT_MSG_CHUNK)
        take_chunk(letter);
    else
        return false; /* kept, for the test to look at */
    return true;
}

/* ---- here: everything happens in the folder "work" */

static int begin(void **unused)
{
    (void)unused;
    memset(uploads, 0, sizeof uploads);
    upload_count = 0;
    odd = NULL;
    here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    umask(022);
    if (prompt_begin(0) != 0)
        return -1;
    fake.on_message = on_message;
    return mkdir(scratch_path("work"), 0755) | chdir(scratch_path("work"));
}

static int end(void **unused)
{
    (void)unused;
    int rc = fchdir(here);
    close(here);
    umask(022);
    for (size_t i = 0; i < upload_count; i++) {
        tt_loop_cancel_timer(loop, uploads[i].timer);
        tt_buf_release(&uploads[i].bytes);
    }
    return prompt_end() == 0 ? rc : -1;
}

static void make(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "work/%s", name);
    assert_int_equal(tt_path_make_parents(scratch_path(path)), 0);
    scratch_write(path, text, 0644);
}

/* So many of three machines; the words end with NULL. */
static int bring(size_t hosts, const char *directory, ...)
{
    static const char *names[] = {"web1", "web2", "web3"};
    char *words[8];
    va_list args;
    transfer_wish_t wish = {.up = true,
                            .words = words,
                            .directory = directory,
                            .hosts = names,
                            .host_count = hosts};
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

#define up(...) bring(__VA_ARGS__, NULL)

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
    assert_part(said_err, "cannot read 'empty': ");
    assert_int_equal(up(2, "", "link"), 2);
    assert_part(said_err, "cannot read 'link': ");
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

TEST(the_folder_that_is_told_is_above_all_of_the_files)
{
    make("ab/c/x", "");
    make("ab/d/y", "");
    make("abc/z", "");
    assert_int_equal(up(1, "", "ab/c/x", "ab/d/y"), 0);
    assert_out("web1: 2 files in /there · 0.0 MB\n"); /* x and y */
    assert_int_equal(up(1, "", "ab/c", "ab"), 0);
    assert_out("web1: 3 files in /there · 0.0 MB\n"); /* c/x, ab/c/x and ab/d/y */
    assert_int_equal(up(1, "to", "ab", "abc"), 0);
    assert_out("web1: 3 files in /there/to · 0.0 MB\n");
    assert_int_equal(up(1, "", "ab"), 0);
    assert_out("web1: 2 files in /there/ab · 0.0 MB\n");
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
    assert_out("web1: 3 files in /there/top · 0.0 MB\n");
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

static uint64_t first_id;

static bool waits_for_both(letter_t *letter)
{
    if (letter->message.type != TT_MSG_PUT)
        return false;
    if (first_id == 0) {
        first_id = letter->message.id;
        return true;
    }
    filed(letter->message.id, TT_FILE_SAME, "/there/x");
    filed(first_id, TT_FILE_SAME, "/there/x");
    return true;
}

TEST(several_machines_are_served_at_a_time)
{
    make("x", "");
    first_id = 0;
    odd = waits_for_both; /* the first is answered when the second has been asked, too */
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

/* ---- ends in the middle */

static bool by_key; /* Ctrl-C, or the controller is gone */

static bool ends(letter_t *letter)
{
    if (letter->message.type != TT_MSG_CHUNK)
        return false;
    if (by_key)
        session.pressed = true;
    else
        tt_client_lose(session.client, "it was killed");
    return true;
}

TEST(when_the_controller_ends_it_is_told_for_each_machine)
{
    make("x", "text");
    odd = ends;
    by_key = false;
    assert_int_equal(up(2, "", "x", "x"), 3);
    assert_out("");
    assert_part(said_err, "web1: the cluster is gone\n");
    assert_part(said_err, "web2: the cluster is gone\n");
    assert_int_equal(up(1, "", "x"), 3); /* nothing waits for one that is gone */
    assert_out("");
}

TEST(ctrl_c_ends_it_and_machines_hear_abort)
{
    make("x", "text");
    odd = ends;
    by_key = true;
    assert_int_equal(up(2, "", "x", "x"), 1);
    assert_out("");
    assert_err("interrupted: what is not whole is not there\n");
    for (int i = 0; i < 2; i++) {
        letter_t *letter = fake_await(&fake, TT_MSG_ABORT);
        assert_true(find_upload(letter->message.id)->open);
        letter_free(letter);
    }
    assert_int_equal(upload_count, 2); /* the second files were not begun */
    session.pressed = false;
    odd = NULL;
    upload_count = 0;
    assert_int_equal(up(2, "", "x"), 0);
    assert_out("web[1-2]:/there/x\n");
}

#define EACH(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    toy_main();
    const struct CMUnitTest tests[] = {
        EACH(what_is_not_here_costs_a_message_and_nothing_is_sent),
        EACH(a_file_goes_up_with_its_mode_and_digest_and_its_place_is_told),
        EACH(machines_of_which_the_same_is_to_be_said_share_a_line),
        EACH(what_was_there_is_told_in_a_line_of_its_own),
        EACH(of_several_files_it_is_told_how_many_were_there),
        EACH(the_folder_that_is_told_is_above_all_of_the_files),
        EACH(a_folder_goes_with_its_name_and_all_that_is_in_it_but_links_and_pipes),
        EACH(a_large_file_goes_in_chunks_and_never_more_than_the_credit_is_under_way),
        EACH(impossible_credit_brings_nothing_and_ends_nothing),
        EACH(several_machines_are_served_at_a_time),
        EACH(what_fails_on_one_machine_is_told_and_others_go_on),
        EACH(a_machine_that_is_not_here_is_told_once_and_asked_no_more),
        EACH(a_file_that_fails_in_the_middle_is_left_and_the_next_one_goes),
        EACH(files_that_are_cut_or_gone_meanwhile_are_told_and_the_machine_hears_abort),
        EACH(when_the_controller_ends_it_is_told_for_each_machine),
        EACH(ctrl_c_ends_it_and_machines_hear_abort),
    };
    alarm(60);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
