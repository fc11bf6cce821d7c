/* libFuzzer target: what machines may make of files that are brought from them, and to them.
 * The input is a row of messages that they send, in any order: lists whose names lead anywhere,
 * chunks, credit, ends. The client and the screen are doubles. All happens in a private folder:
 * nothing outside it may appear or change, nothing that is not whole may be left in it, and
 * nothing that a terminal obeys may be shown. */
#include "digest.h"
#include "pack.h"
#include "screen.h"
#include "transfer.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HOSTS = 2, LARGE = 300000 };

#define check(fine) check_at(fine, __LINE__, #fine)

static void check_at(bool fine, int line, const char *text)
{
    if (fine)
        return;
    fprintf(stderr, "fuzz_transfer.c:%d: not %s\n", line, text);
    abort();
}

/* ---- the folder: "in" is what files go to, "victim" lies beside it */

static char base[] = "/tmp/tutti-fuzz-XXXXXX";
static bool made;
static int lowest_fd; /* that is free */

/* A path below it; sixteen are kept. */
static char *below(const char *name)
{
    static char paths[16][sizeof base + 32];
    static unsigned turn;
    turn = (turn + 1) % 16;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", base, name);
    return paths[turn];
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    return walk->level > 0 ? remove(path) : 0;
}

static void remove_all(void)
{
    nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    rmdir(base);
}

static int free_fd(void)
{
    int fd = open("/", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

static void write_file(const char *name, size_t len)
{
    int fd = open(below(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    check(fd >= 0 && ftruncate(fd, (off_t)len) == 0);
    close(fd);
}

static void make_folder(void)
{
    made = true;
    check(mkdtemp(base) != NULL && atexit(remove_all) == 0 && mkdir(below("in"), 0700) == 0);
    write_file("victim", 7);
}

/* What is there at the beginning: names that may be in the way. */
static void fill_folder(void)
{
    check(nftw(below("in"), remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
    write_file("in/a", 4);
    write_file("in/large", LARGE);
    check(mkdir(below("in/folder"), 0700) == 0 && symlink("../victim", below("in/link")) == 0);
}

static int check_one(const char *path, const struct stat *info, int kind, struct FTW *walk)
{
    (void)info;
    (void)kind;
    (void)walk;
    check(strstr(path, ".tutti-") == NULL);
    return 0;
}

static void check_folder(void)
{
    struct stat found;
    DIR *dir = opendir(base);
    int count = 0;
    check(dir != NULL);
    while (readdir(dir))
        count++;
    closedir(dir);
    check(count == 4); /* "in", "victim" and the dots */
    check(lstat(below("victim"), &found) == 0 && S_ISREG(found.st_mode) && found.st_size == 7);
    check(nftw(below("in"), check_one, 16, FTW_PHYS) == 0);
    check(free_fd() == lowest_fd);
}

/* ---- the screen */

static void check_shown(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        check((uint8_t)text[i] >= 0x20 || text[i] == '\n');
}

void screen_write(int fd, tt_span_t text)
{
    check(fd == 1);
    check_shown((const char *)text.data, text.len);
}

void screen_note(const char *format, ...)
{
    char *text;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    check(len >= 0);
    check_shown(text, (size_t)len);
    free(text);
}

void screen_progress(const char *line)
{
    (void)line;
}

bool screen_is_terminal(void)
{
    return false;
}

/* ---- the client: one exchange for each machine at most */

typedef struct {
    uint64_t id;
    unsigned asked; /* PUT, GET or LIST */
    tt_exchange_fn *fn;
    void *arg;
    tt_buf_t sent; /* by the machine: contents */
} exchange_t;

static struct {
    const uint8_t *at;
    size_t left;
} input;
static session_t session;
static exchange_t exchanges[HOSTS];
static size_t exchange_count;
static uint64_t next_id;
static bool alive;

uint64_t tt_client_exchange(tt_client_t *self, tt_message_t *message, tt_exchange_fn *fn,
                            void *arg)
{
    (void)self;
    check(exchange_count < HOSTS);
    exchanges[exchange_count++] =
        (exchange_t){.id = ++next_id, .asked = message->type, .fn = fn, .arg = arg};
    return next_id;
}

static exchange_t *find(uint64_t id)
{
    for (size_t i = 0; i < exchange_count; i++)
        if (exchanges[i].id == id)
            return &exchanges[i];
    return NULL;
}

void tt_client_go_on(tt_client_t *self, tt_message_t *message, tt_frames_t *payload)
{
    (void)self;
    check(alive && find(message->id) != NULL);
    check((message->type == TT_MSG_CHUNK) == (payload != NULL));
    if (payload)
        tt_frames_release(payload);
}

void tt_client_end_exchange(tt_client_t *self, uint64_t id)
{
    exchange_t *exchange = find(id);
    (void)self;
    check(exchange != NULL);
    tt_buf_release(&exchange->sent);
    *exchange = exchanges[--exchange_count];
}

bool tt_client_alive(const tt_client_t *self)
{
    (void)self;
    return alive;
}

/* ---- the input */

static unsigned take(void)
{
    if (input.left == 0)
        return 0;
    input.left--;
    return *input.at++;
}

static uint64_t take_number(void)
{
    static const uint64_t odd[] = {UINT64_MAX, INT64_MAX, LARGE, (uint64_t)1 << 32, 0xffff};
    unsigned byte = take();
    return byte >= 251 ? odd[byte - 251] : byte;
}

/* Names that are put together; and whatever the input has. */
static void take_name(tt_buf_t *out)
{
    static const char *const parts[] = {"..", "/",         "a",      "folder", "link", "../",
                                        "b",  "../victim", "large/", ".",      "\033", "c/d"};
    enum { PARTS = sizeof parts / sizeof *parts };
    out->len = 0;
    for (unsigned count = take() % 6; count > 0; count--) {
        unsigned part = take() % (PARTS + 4);
        if (part < PARTS)
            tt_buf_append(out, parts[part], strlen(parts[part]));
        else if (part == PARTS)
            tt_buf_append(out, below("evil"), sizeof base - 1 + strlen("/evil"));
        else if (part == PARTS + 1)
            for (int i = 0; i < 240; i++)
                tt_buf_append(out, "n", 1);
        else
            tt_buf_append(out, &(uint8_t){(uint8_t)take()}, 1);
    }
}

static void take_entry(tt_buf_t *out, tt_buf_t *name)
{
    unsigned fields = take() % 16;
    fields = fields < 4 ? fields + 1 : 4;
    tt_pack_array(out, fields);
    for (unsigned i = 0; i < fields; i++) {
        bool wrong = take() % 32 == 31;
        take_name(name);
        if ((i < 2) != wrong)
            tt_pack_str(out, (const char *)name->data, name->len);
        else
            tt_pack_uint(out, take_number());
    }
}

static void take_list(tt_frames_t *frames)
{
    tt_buf_t list, name;
    unsigned count = take();
    tt_buf_init(&list);
    tt_buf_init(&name);
    if (count % 8 == 7) { /* any bytes */
        for (; count > 0; count--)
            tt_buf_append(&list, &(uint8_t){(uint8_t)take()}, 1);
    } else {
        tt_pack_array(&list, count % 8);
        for (count %= 8; count > 0; count--)
            take_entry(&list, &name);
    }
    tt_frames_copy(frames, list.data, list.len);
    tt_buf_release(&list);
    tt_buf_release(&name);
}

static void take_chunk(tt_message_t *message, tt_frames_t *frames, exchange_t *exchange)
{
    static const uint8_t bytes[TT_CHUNK_MAX + 1] = "contents";
    size_t len = (size_t)take_number() % sizeof bytes;
    message->as.chunk.offset = take() % 8 ? exchange->sent.len : take_number();
    tt_buf_append(&exchange->sent, bytes, len);
    tt_frames_copy(frames, bytes, len);
}

/* An end tells the right digest, half of it, or another one. */
static void take_filed(tt_msg_filed_t *filed, tt_buf_t *text, exchange_t *exchange)
{
    static uint8_t digest[TT_DIGEST_LEN];
    tt_digest_t *whole = tt_digest_new();
    unsigned kind = take();
    tt_digest_add(whole, exchange->sent.data, exchange->sent.len);
    tt_digest_finish(&whole, digest);
    filed->outcome = kind % 5;
    filed->hash = (tt_span_t){digest, kind & 128 ? sizeof digest / 2 : sizeof digest};
    digest[0] ^= kind >> 5 & 1;
    take_name(text);
    filed->text = filed->path = (tt_span_t){text->data, text->len};
    filed->size = take_number();
}

static void send_one(exchange_t *exchange)
{
    static const unsigned types[] = {TT_MSG_FILED, TT_MSG_CHUNK,  TT_MSG_CREDIT,
                                     TT_MSG_ERROR, TT_MSG_LISTED, TT_MSG_FILED};
    unsigned kind = take() % 16;
    tt_message_t message = tt_message(kind < 6                         ? types[kind]
                                      : exchange->asked == TT_MSG_LIST ? TT_MSG_LISTED
                                      : exchange->asked == TT_MSG_PUT  ? TT_MSG_CREDIT
                                                                       : TT_MSG_CHUNK,
                                      exchange->id);
    tt_frames_t frames;
    tt_buf_t text;
    tt_frames_init(&frames);
    tt_buf_init(&text);
    if (message.type == TT_MSG_FILED) {
        take_filed(&message.as.filed, &text, exchange);
    } else if (message.type == TT_MSG_CHUNK) {
        take_chunk(&message, &frames, exchange);
    } else if (message.type == TT_MSG_CREDIT) {
        message.as.credit.taken = take_number() << take() % 20;
    } else if (message.type == TT_MSG_LISTED) {
        take_list(&frames);
    } else {
        take_name(&text);
        message.as.error.text = (tt_span_t){text.data, text.len};
    }
    exchange->fn(exchange->arg, &message, &frames);
    tt_frames_release(&frames);
    tt_buf_release(&text);
}

/* The controller is gone; as tt_exchanges_end. */
static void end_all(void)
{
    alive = false;
    while (exchange_count > 0) {
        exchange_t ended = exchanges[0];
        tt_client_end_exchange(NULL, ended.id);
        ended.fn(ended.arg, NULL, NULL);
    }
}

static void on_turn(void *arg)
{
    (void)arg;
    if (exchange_count == 0)
        return;
    if (input.left > 0) {
        send_one(&exchanges[take() % exchange_count]);
    } else if (next_id % 2) {
        end_all();
    } else {
        session.pressed = true;
        tt_loop_stop(session.loop);
    }
    tt_loop_add_timer(session.loop, 0, on_turn, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *hosts[HOSTS] = {"web1", "web2"};
    static char any[] = "*";
    if (!made)
        make_folder();
    /* kept: what below() gives is soon overwritten */
    static const char *const names[] = {"in", "in/folder", "in/x/y//", "in/a", "in/large"};
    static char kept[5][PATH_MAX];
    for (size_t i = 0; i < 5; i++)
        snprintf(kept[i], sizeof kept[i], "%s", below(names[i]));
    char *const patterns[] = {any, any}, *const words[] = {kept[3], kept[4]};
    const char *const directories[] = {kept[0], kept[1], kept[2], kept[3]};
    input.at = data;
    input.left = size;
    unsigned how = take();
    const transfer_wish_t wish = {.up = how % 8 == 0,
                                  .words = how % 8 == 0 ? words : patterns,
                                  .word_count = 1 + how / 8 % 2,
                                  .directory = directories[how / 16 % 4],
                                  .hosts = hosts,
                                  .host_count = 1 + how / 64 % HOSTS};
    fill_folder();
    alive = true;
    next_id = 0;
    session.pressed = false;
    session.loop = tt_loop_new();
    lowest_fd = free_fd();
    tt_loop_add_timer(session.loop, 0, on_turn, NULL);
    int status = transfer_run(&session, &wish);
    check(status >= 0 && status <= 3 && (status == 3) == !alive);
    check(exchange_count == 0);
    check_folder();
    tt_loop_destroy(&session.loop);
    return 0;
}
