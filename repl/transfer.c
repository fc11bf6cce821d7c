/* Files up and down. See transfer.h. An errand is what is done on one machine; it steps from
 * file to file by the answers of its host (engine/files.c). */
#include "transfer.h"

#include "flow.h"
#include "part.h"
#include "path.h"
#include "screen.h"
#include "target.h"
#include "terminal.h"
#include "text.h"
#include "timing.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TURN_MS = 100, PROGRESS_MS = 1000, FILES_MAX = 100000, DEPTH_MAX = 64 };

typedef struct {
    char *here, *there; /* paths; `there` only down */
    char *name;         /* below the folder it goes to */
    uint64_t size;
    unsigned mode;
    uint8_t digest[TT_DIGEST_LEN];
} item_t;

typedef struct {
    item_t *items;
    size_t count;
} items_t;

typedef struct errand {
    struct run *run;
    const char *host;
    items_t own;          /* down: what there is */
    const items_t *items; /* of the run, or our own */
    size_t at;            /* the present one */
    size_t asked;         /* down: patterns that were listed */
    uint64_t id;          /* of the exchange under way; 0 */
    bool offered;         /* down: it was told the digest of what is here */
    int fd;               /* up; -1 */
    uint64_t offset;
    tt_flow_t flow;
    tt_part_t part; /* down */
    size_t moved, same, failed;
    uint64_t bytes; /* of all that was moved */
    char *last;     /* where the last one is */
    char *folder;   /* above all of them */
    bool done;
} errand_t;

typedef struct run {
    session_t *session;
    const transfer_wish_t *wish;
    items_t items; /* up */
    errand_t *errands;
    size_t open; /* errands that are not done */
    bool done;
    uint64_t total, passed; /* bytes */
    int64_t began_ms, shown_ms;
} run_t;

static void step(errand_t *self);

/* ---- telling */

static void complain(const errand_t *self, const char *text)
{
    tt_buf_t line;
    tt_buf_init(&line);
    tt_text_escape(&line, self->host, strlen(self->host));
    tt_buf_printf(&line, ": ");
    tt_text_escape(&line, text, strlen(text));
    screen_note("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
}

static void complain_here(errand_t *self, const char *what, const char *path)
{
    char text[PATH_MAX + 128];
    snprintf(text, sizeof text, "cannot %s '%.3000s' here: %s", what, path, strerror(errno));
    complain(self, text);
}

static void show_progress(run_t *self)
{
    int64_t now_ms = tt_now_ms();
    double seconds = (double)(now_ms - self->began_ms) / 1e3;
    if (!screen_is_terminal() || seconds * 1000 < PROGRESS_MS ||
        now_ms - self->shown_ms < 200 || self->total == 0)
        return;
    self->shown_ms = now_ms;
    tt_buf_t line;
    double done = (double)self->passed, all = (double)self->total, rate = done / seconds;
    tt_buf_init(&line);
    tt_buf_printf(&line, "%.1f of %.1f MB · %.0f %% · %.1f MB/s", done / 1e6, all / 1e6,
                  done * 100 / all, rate / 1e6);
    if (rate > 0 && done < all) {
        tt_buf_printf(&line, " · ");
        timing_duration(&line, (all - done) / rate);
        tt_buf_printf(&line, " left");
    }
    screen_progress(tt_buf_text(&line));
    tt_buf_release(&line);
}

/* ":/home/me/x.py", or ": 12 files in /home/me · 3.4 MB · 2 were there". The caller's to free.
 */
static char *words_of(const errand_t *self)
{
    size_t there = self->moved + self->same;
    tt_buf_t out;
    tt_buf_init(&out);
    if (there == 1) {
        tt_buf_printf(&out, ":");
        tt_text_escape(&out, self->last, strlen(self->last));
    } else {
        tt_buf_printf(&out, ": %zu files in ", there);
        tt_text_escape(&out, self->folder, strlen(self->folder));
        tt_buf_printf(&out, " · %.1f MB", (double)self->bytes / 1e6);
    }
    if (self->same == there)
        tt_buf_printf(&out, there == 1 ? " was there" : " · all were there");
    else if (self->same > 0)
        tt_buf_printf(&out, " · %zu were there", self->same);
    tt_buf_text(&out);
    return (char *)out.data;
}

/* Machines of which the same is to be said share a line. */
static void tell(const run_t *self)
{
    size_t count = self->wish->host_count;
    char **words = tt_alloc((count + 1) * sizeof *words);
    const char **names = tt_alloc((count + 1) * sizeof *names);
    for (size_t i = 0; i < count; i++)
        if (self->errands[i].last)
            words[i] = words_of(&self->errands[i]);
    for (size_t i = 0; i < count; i++) {
        size_t alike = 0;
        for (size_t j = i; words[i] && j < count; j++) {
            if (words[j] == NULL || strcmp(words[i], words[j]) != 0)
                continue;
            names[alike++] = self->errands[j].host;
            if (j > i) {
                free(words[j]);
                words[j] = NULL;
            }
        }
        if (alike == 0)
            continue;
        tt_buf_t line;
        tt_buf_init(&line);
        tt_target_nodes(&line, names, alike);
        tt_buf_printf(&line, "%s\n", words[i]);
        screen_write(1, (tt_span_t){line.data, line.len});
        tt_buf_release(&line);
        free(words[i]);
        words[i] = NULL;
    }
    free(words);
    free(names);
}

/* ---- one file */

static void close_file(errand_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    tt_part_drop(&self->part);
}

/* The present file is over; the next one follows. */
static void go_on(errand_t *self, bool good)
{
    if (self->id)
        tt_client_end_exchange(self->run->session->client, self->id);
    self->id = 0;
    self->failed += !good;
    close_file(self);
    self->at++;
    step(self);
}

static void give_up(errand_t *self)
{
    tt_message_t message = tt_message(TT_MSG_ABORT, self->id);
    if (self->id && tt_client_alive(self->run->session->client))
        tt_client_go_on(self->run->session->client, &message, NULL);
}

static const item_t *present(const errand_t *self)
{
    return &self->items->items[self->at];
}

/* Cuts a folder back until the path is below it. */
static void cut_folder(char *folder, const char *path)
{
    for (size_t len = strlen(folder); len > 0; len = strlen(folder)) {
        if (strncmp(folder, path, len) == 0 && (path[len] == '/' || folder[len - 1] == '/'))
            return;
        char *slash = strrchr(folder, '/');
        slash = slash == folder && len > 1 ? slash + 1 : slash;
        *(slash ? slash : folder) = 0;
    }
}

static void note_there(errand_t *self, const tt_msg_filed_t *filed, const char *here)
{
    char path[PATH_MAX];
    free(self->last);
    self->last = tt_strdup(here ? here : tt_text_copy(filed->path, path, sizeof path));
    const char *slash = strrchr(self->last, '/');
    if (self->folder == NULL)
        self->folder = tt_strndup(self->last, slash == self->last ? 1
                                              : slash             ? (size_t)(slash - self->last)
                                                                  : 0);
    cut_folder(self->folder, self->last);
}

/* ---- up */

static void send_chunks(errand_t *self)
{
    const item_t *item = present(self);
    uint8_t *block = tt_alloc(TT_CHUNK_MAX);
    while (self->offset < item->size && tt_flow_room(&self->flow) > 0) {
        uint64_t left = item->size - self->offset;
        size_t want = left < TT_CHUNK_MAX ? (size_t)left : TT_CHUNK_MAX;
        ssize_t got = pread(self->fd, block, want, (off_t)self->offset);
        if (got <= 0) {
            if (got == 0)
                errno = ESTALE;
            complain_here(self, "read", item->here);
            give_up(self);
            go_on(self, false);
            break;
        }
        tt_message_t message = tt_message(TT_MSG_CHUNK, self->id);
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_frames_copy(&frames, block, (size_t)got);
        message.as.chunk.offset = self->offset;
        tt_client_go_on(self->run->session->client, &message, &frames);
        tt_flow_sent(&self->flow, (size_t)got, tt_now_ns());
        self->offset += (uint64_t)got;
    }
    free(block);
}

static void on_credit(errand_t *self, const tt_message_t *message)
{
    uint64_t before = self->flow.taken;
    if (self->fd < 0 || !self->run->wish->up ||
        tt_flow_taken(&self->flow, message->as.credit.taken, tt_now_ns()) != 0)
        return;
    self->run->passed += self->flow.taken - before;
    send_chunks(self);
}

static void on_uploaded(void *arg, const tt_message_t *message, tt_frames_t *payload);

/* False when there is nothing to send. */
static bool begin_up(errand_t *self)
{
    const item_t *item = present(self);
    tt_message_t message = tt_message(TT_MSG_PUT, 0);
    tt_msg_put_t *put = &message.as.put;
    self->fd = open(item->here, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0) {
        complain_here(self, "read", item->here);
        return false;
    }
    put->host = tt_span(self->host);
    put->directory = tt_span(self->run->wish->directory);
    put->name = tt_span(item->name);
    put->size = item->size;
    put->mode = item->mode;
    put->hash = (tt_span_t){item->digest, sizeof item->digest};
    self->offset = 0;
    tt_flow_init(&self->flow);
    self->id = tt_client_exchange(self->run->session->client, &message, on_uploaded, self);
    return true;
}

/* ---- down */

static void write_chunk(errand_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    tt_span_t bytes = tt_frames_span(payload, 0);
    tt_message_t credit = tt_message(TT_MSG_CREDIT, self->id);
    if (tt_part_add(&self->part, message->as.chunk.offset, bytes) != 0) {
        complain_here(self, "write", present(self)->here);
        give_up(self);
        go_on(self, false);
        return;
    }
    self->run->passed += bytes.len;
    credit.as.credit.taken = self->part.len;
    tt_client_go_on(self->run->session->client, &credit, NULL);
}

/* Whole, and what was sent: it gets its name. */
static bool finish_down(errand_t *self, const tt_msg_filed_t *filed)
{
    const item_t *item = present(self);
    if (tt_part_finish(&self->part, filed->hash, item->mode, item->here) == 0)
        return true;
    if (errno == EBADMSG)
        complain(self, "what came is not what was sent");
    else
        complain_here(self, "write", item->here);
    return false;
}

static void on_downloaded(void *arg, const tt_message_t *message, tt_frames_t *payload);

static void begin_down(errand_t *self)
{
    const item_t *item = present(self);
    struct stat found;
    uint8_t digest[TT_DIGEST_LEN];
    tt_message_t message = tt_message(TT_MSG_GET, 0);
    message.as.get.host = tt_span(self->host);
    message.as.get.path = tt_span(item->there);
    int fd = open(item->here, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    self->offered = false;
    if (fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
        (uint64_t)found.st_size == item->size && tt_digest_file(fd, digest) == 0)
        self->offered = true;
    if (self->offered)
        message.as.get.hash = (tt_span_t){digest, sizeof digest};
    if (fd >= 0)
        close(fd);
    self->offset = 0;
    self->id = tt_client_exchange(self->run->session->client, &message, on_downloaded, self);
}

/* ---- what hosts answer */

static void on_filed(errand_t *self, const tt_msg_filed_t *filed)
{
    bool up = self->run->wish->up;
    const item_t *item = present(self);
    char text[PATH_MAX + 200];
    switch (filed->outcome) {
    case TT_FILE_BEGUN:
        if (up) {
            send_chunks(self);
        } else if (tt_part_open(&self->part, item->here) != 0) {
            complain_here(self, "write", item->here);
            give_up(self);
            go_on(self, false);
        }
        return;
    case TT_FILE_SAME:
    case TT_FILE_DONE:
        if (filed->outcome == TT_FILE_DONE && !up && !finish_down(self, filed)) {
            go_on(self, false);
            return;
        }
        if (filed->outcome == TT_FILE_SAME && !up && !self->offered) {
            complain(self, "what came is not what was sent");
            go_on(self, false);
            return;
        }
        self->same += filed->outcome == TT_FILE_SAME;
        self->moved += filed->outcome == TT_FILE_DONE;
        self->bytes += filed->outcome == TT_FILE_DONE ? item->size : 0;
        self->run->passed += filed->outcome == TT_FILE_SAME ? item->size : 0;
        note_there(self, filed, up ? NULL : item->here);
        go_on(self, true);
        return;
    default:
        complain(self, tt_text_copy(filed->text, text, sizeof text));
        go_on(self, false);
    }
}

/* An ERROR answers what the controller could not pass on. */
static bool is_over(errand_t *self, const tt_message_t *message)
{
    char text[400] = "the cluster is gone";
    if (message && message->type != TT_MSG_ERROR)
        return false;
    if (message)
        tt_text_copy(message->as.error.text, text, sizeof text);
    else
        self->id = 0;
    complain(self, text);
    self->at = self->items ? self->items->count : 0;
    self->asked = self->run->wish->word_count;
    go_on(self, false);
    return true;
}

static void on_uploaded(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    errand_t *self = arg;
    (void)payload;
    if (is_over(self, message))
        return;
    if (message->type == TT_MSG_CREDIT)
        on_credit(self, message);
    else if (message->type == TT_MSG_FILED)
        on_filed(self, &message->as.filed);
}

static void on_downloaded(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    errand_t *self = arg;
    if (is_over(self, message))
        return;
    if (message->type == TT_MSG_CHUNK)
        write_chunk(self, message, payload);
    else if (message->type == TT_MSG_FILED)
        on_filed(self, &message->as.filed);
}

/* ---- what there is */

static void add_item(items_t *self, const item_t *item)
{
    if ((self->count & (self->count - 1)) == 0)
        self->items =
            tt_realloc(self->items, (self->count ? self->count * 2 : 1) * sizeof *self->items);
    self->items[self->count++] = *item;
}

static void release_items(items_t *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->items[i].here);
        free(self->items[i].there);
        free(self->items[i].name);
    }
    free(self->items);
    *self = (items_t){NULL, 0};
}

/* Names begin with what the last part of the pattern has met. A machine that tells others wants
 * us to write what nobody has asked for. */
static bool is_asked(const errand_t *self, tt_span_t name)
{
    char last[PATH_MAX], first[PATH_MAX];
    const char *pattern = self->run->wish->words[self->asked - 1];
    size_t len = strlen(pattern), start, first_len = 0;
    while (len > 0 && pattern[len - 1] == '/')
        len--;
    for (start = len; start > 0 && pattern[start - 1] != '/';)
        start--;
    tt_text_copy((tt_span_t){(const uint8_t *)pattern + start, len - start}, last, sizeof last);
    if (strcmp(last, "") == 0 || strcmp(last, "~") == 0 || strcmp(last, ".") == 0)
        return true;
    while (first_len < name.len && name.data[first_len] != '/')
        first_len++;
    tt_text_copy((tt_span_t){name.data, first_len}, first, sizeof first);
    return fnmatch(last, first, FNM_PERIOD) == 0;
}

/* One entry of LISTED: [path, name, size, mode]. A name that leads elsewhere is not followed.
 */
static void take_entry(errand_t *self, tt_reader_t *reader)
{
    size_t fields = 0;
    tt_span_t path = {NULL, 0}, name = {NULL, 0};
    uint64_t size = 0, mode = 0;
    const run_t *run = self->run;
    if (tt_read_array(reader, &fields) != 0 || fields < 4 || tt_read_str(reader, &path) != 0 ||
        tt_read_str(reader, &name) != 0 || tt_read_uint(reader, &size) != 0 ||
        tt_read_uint(reader, &mode) != 0 || !tt_path_is_inner(name) || !is_asked(self, name) ||
        path.len >= PATH_MAX)
        return;
    bool many = run->wish->host_count > 1;
    item_t item = {.there = tt_strndup((const char *)path.data, path.len),
                   .name = tt_strndup((const char *)name.data, name.len),
                   .size = size,
                   .mode = (unsigned)mode & 0777};
    const char *directory = *run->wish->directory ? run->wish->directory : ".";
    size_t len = strlen(directory);
    while (len > 1 && directory[len - 1] == '/')
        len--;
    item.here = tt_printf("%.*s/%s%s%s", (int)len, directory, many ? self->host : "",
                          many ? "/" : "", item.name);
    add_item(&self->own, &item);
    self->run->total += size;
}

static void on_listed(void *arg, const tt_message_t *message, tt_frames_t *payload)
{
    errand_t *self = arg;
    tt_error_t err;
    size_t count = 0, before = self->own.count;
    char text[PATH_MAX + 200];
    if (is_over(self, message))
        return;
    tt_span_t list = payload ? tt_frames_span(payload, 0) : (tt_span_t){NULL, 0};
    if (message->type == TT_MSG_LISTED && tt_validate(list, &tt_limits_value, &err) == 0) {
        tt_reader_t reader = tt_reader(list);
        tt_span_t entry;
        tt_read_array(&reader, &count);
        for (size_t i = 0; i < count && tt_read_raw(&reader, &entry) == 0; i++) {
            tt_reader_t one = tt_reader(entry);
            if (self->own.count < FILES_MAX)
                take_entry(self, &one);
        }
    }
    if (self->own.count == before) {
        snprintf(text, sizeof text, "there is no file '%.3000s'",
                 self->run->wish->words[self->asked - 1]);
        complain(self, text);
        self->failed++;
    }
    tt_client_end_exchange(self->run->session->client, self->id);
    self->id = 0;
    step(self);
}

static void ask_list(errand_t *self)
{
    tt_message_t message = tt_message(TT_MSG_LIST, 0);
    message.as.list.host = tt_span(self->host);
    message.as.list.pattern = tt_span(self->run->wish->words[self->asked++]);
    self->id = tt_client_exchange(self->run->session->client, &message, on_listed, self);
}

/* The next thing to do, if there is one. */
static void step(errand_t *self)
{
    run_t *run = self->run;
    if (self->done)
        return;
    /* a loop, not go_on: there may be very many that cannot be read */
    for (; run->wish->up && self->at < self->items->count; self->at++, self->failed++)
        if (begin_up(self))
            return;
    if (!run->wish->up && self->asked < run->wish->word_count) {
        ask_list(self);
    } else if (self->at < self->items->count) {
        begin_down(self);
    } else {
        self->done = true;
        if (--run->open == 0)
            run->done = true;
    }
}

/* ---- files here */

/* The walk has no argument of its own. */
static struct {
    items_t *items;
    size_t skip;
} walk;

static int add_file(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)at;
    if (kind != FTW_F || !S_ISREG(info->st_mode))
        return 0;
    item_t item = {.here = tt_strdup(path),
                   .name = tt_strdup(path + walk.skip),
                   .size = (uint64_t)info->st_size,
                   .mode = info->st_mode & 0777};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        tt_digest_file(fd, item.digest);
        close(fd);
    }
    add_item(walk.items, &item);
    return walk.items->count >= FILES_MAX;
}

/* A folder goes with its name; of "." what is in it. */
static int collect(run_t *self)
{
    for (size_t i = 0; i < self->wish->word_count; i++) {
        char path[PATH_MAX];
        size_t before = self->items.count;
        snprintf(path, sizeof path, "%s", self->wish->words[i]);
        size_t len = strlen(path);
        while (len > 1 && path[len - 1] == '/')
            path[--len] = 0;
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        walk.items = &self->items;
        walk.skip = dots ? len + 1 : (size_t)(name - path);
        errno = 0;
        nftw(path, add_file, DEPTH_MAX, FTW_PHYS);
        if (self->items.count > before)
            continue;
        screen_note("cannot read '%s': %s\n", self->wish->words[i],
                    errno ? strerror(errno) : "there is no file in it");
        return -1;
    }
    for (size_t i = 0; i < self->items.count; i++)
        self->total += self->items.items[i].size * self->wish->host_count;
    return 0;
}

/* ---- */

static void begin(run_t *self)
{
    size_t count = self->wish->host_count;
    self->errands = tt_alloc((count + 1) * sizeof *self->errands);
    self->open = count;
    self->done = count == 0;
    self->began_ms = tt_now_ms();
    for (size_t i = 0; i < count; i++) {
        errand_t *errand = &self->errands[i];
        errand->run = self;
        errand->host = self->wish->hosts[i];
        errand->fd = -1;
        tt_part_init(&errand->part);
        errand->items = self->wish->up ? &self->items : &errand->own;
    }
    for (size_t i = 0; i < count; i++)
        step(&self->errands[i]);
}

static size_t release(run_t *self)
{
    size_t failed = 0;
    for (size_t i = 0; i < self->wish->host_count; i++) {
        errand_t *errand = &self->errands[i];
        failed += errand->failed + !errand->done;
        if (errand->id) {
            give_up(errand);
            tt_client_end_exchange(self->session->client, errand->id);
        }
        close_file(errand);
        release_items(&errand->own);
        free(errand->last);
        free(errand->folder);
    }
    free(self->errands);
    release_items(&self->items);
    return failed;
}

int transfer_run(session_t *session, const transfer_wish_t *wish)
{
    run_t self = {.session = session, .wish = wish};
    if (wish->up && collect(&self) != 0) {
        release_items(&self.items);
        return 2;
    }
    begin(&self);
    while (!self.done && !session->pressed && !session->given_up &&
           tt_client_alive(session->client)) {
        tt_loop_run_until(session->loop, &self.done, TURN_MS);
        show_progress(&self);
    }
    screen_progress(NULL);
    tell(&self);
    if (!self.done)
        screen_note("interrupted: what is not whole is not there\n");
    size_t failed = release(&self);
    return !tt_client_alive(session->client) ? 3 : failed > 0 ? 1 : 0;
}
