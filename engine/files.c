/* Files, up and down. See files.h. */
#include "files.h"

#include "flow.h"
#include "host.h"
#include "pack.h"
#include "part.h"
#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRANSFERS_MAX = 1000, LIST_MAX = 100000, DEPTH_MAX = 64 };

typedef struct transfer {
    struct transfer *next;
    uint64_t id;
    bool up; /* it comes to us */
    int fd;  /* it goes; -1 */
    uint64_t size, at;
    unsigned mode;
    tt_digest_t *digest;           /* of what has gone */
    uint8_t wanted[TT_DIGEST_LEN]; /* of what comes */
    tt_part_t part;
    char path[PATH_MAX];
    tt_flow_t flow;
} transfer_t;

struct files {
    host_t *host;
    const char *directory;
    transfer_t *transfers;
};

/* ---- answers */

static void answer(const files_t *self, uint64_t id, unsigned outcome,
                   const transfer_t *transfer, const uint8_t *digest, const char *text)
{
    tt_message_t message = tt_message(TT_MSG_FILED, id);
    tt_msg_filed_t *filed = &message.as.filed;
    filed->outcome = outcome;
    filed->text = tt_span(text);
    if (transfer) {
        filed->path = tt_span(transfer->path);
        filed->size = transfer->size;
        filed->mode = transfer->mode;
    }
    if (digest)
        filed->hash = (tt_span_t){digest, TT_DIGEST_LEN};
    host_send(self->host, &message, NULL);
}

static void refuse(const files_t *self, uint64_t id, const char *what, const char *path)
{
    char text[PATH_MAX + 128];
    snprintf(text, sizeof text, "cannot %s '%.3000s': %s", what, path, strerror(errno));
    answer(self, id, TT_FILE_FAILED, NULL, NULL, text);
}

/* ---- transfers */

static transfer_t **place_of(files_t *self, uint64_t id)
{
    transfer_t **at = &self->transfers;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    return at;
}

/* Ends one; what is not whole goes. */
static void end(transfer_t **at)
{
    transfer_t *transfer = *at;
    *at = transfer->next;
    if (transfer->fd >= 0)
        close(transfer->fd);
    tt_part_drop(&transfer->part);
    tt_digest_destroy(&transfer->digest);
    free(transfer);
}

static transfer_t *add(files_t *self, uint64_t id, bool up)
{
    size_t count = 0;
    for (transfer_t *each = self->transfers; each; each = each->next)
        count++;
    if (count >= TRANSFERS_MAX || *place_of(self, id)) {
        answer(self, id, TT_FILE_FAILED, NULL, NULL, "too many files at once");
        return NULL;
    }
    transfer_t *transfer = tt_alloc(sizeof *transfer);
    transfer->id = id;
    transfer->up = up;
    transfer->fd = -1;
    tt_part_init(&transfer->part);
    transfer->next = self->transfers;
    tt_flow_init(&transfer->flow);
    self->transfers = transfer;
    return transfer;
}

static void fail(files_t *self, transfer_t *transfer, const char *what)
{
    int code = errno;
    transfer_t **at = place_of(self, transfer->id);
    errno = code;
    refuse(self, transfer->id, what, transfer->path);
    end(at);
}

/* The path a text from outside means: absolute, of a home (~), or below the directory. */
static int resolve(const files_t *self, tt_span_t text, char path[PATH_MAX])
{
    char given[PATH_MAX];
    const char *home = getenv("HOME");
    errno = ENAMETOOLONG;
    if (text.len == 0 || text.len >= sizeof given || memchr(text.data, 0, text.len))
        return -1;
    tt_text_copy(text, given, sizeof given);
    int len;
    if (given[0] == '~' && (given[1] == '/' || given[1] == 0) && home)
        len = snprintf(path, PATH_MAX, "%s%s", home, given + 1);
    else if (given[0] != '/' && self->directory && *self->directory)
        len = snprintf(path, PATH_MAX, "%s/%s", self->directory, given);
    else
        len = snprintf(path, PATH_MAX, "%s", given);
    return len < PATH_MAX ? 0 : -1;
}

/* What a person is shown: without a relative beginning. */
static void make_absolute(char path[PATH_MAX])
{
    char full[PATH_MAX];
    if (realpath(path, full))
        strcpy(path, full);
}

/* ---- coming */

static bool is_same(const transfer_t *transfer)
{
    struct stat found;
    uint8_t digest[TT_DIGEST_LEN];
    int fd = open(transfer->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool same = fd >= 0 && fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
                (uint64_t)found.st_size == transfer->size && tt_digest_file(fd, digest) == 0 &&
                memcmp(digest, transfer->wanted, sizeof digest) == 0;
    if (fd >= 0)
        close(fd);
    return same;
}

static void finish_put(files_t *self, transfer_t *transfer)
{
    tt_span_t wanted = {transfer->wanted, sizeof transfer->wanted};
    if (tt_part_finish(&transfer->part, wanted, transfer->mode, transfer->path) == 0) {
        make_absolute(transfer->path);
        answer(self, transfer->id, TT_FILE_DONE, transfer, transfer->wanted, "");
        end(place_of(self, transfer->id));
    } else if (errno == EBADMSG) {
        answer(self, transfer->id, TT_FILE_FAILED, transfer, NULL,
               "what came is not what was sent");
        end(place_of(self, transfer->id));
    } else {
        fail(self, transfer, "write");
    }
}

void files_put(files_t *self, const tt_message_t *message)
{
    const tt_msg_put_t *put = &message->as.put;
    transfer_t *transfer = add(self, message->id, true);
    char directory[PATH_MAX];
    if (transfer == NULL)
        return;
    int len = 0;
    if (!tt_path_is_inner(put->name) || put->hash.len != TT_DIGEST_LEN ||
        resolve(self, put->directory.len ? put->directory : tt_span("."), directory) != 0 ||
        (len = snprintf(transfer->path, PATH_MAX, "%s/%.*s", directory, (int)put->name.len,
                        (const char *)put->name.data)) >= PATH_MAX) {
        errno = EINVAL;
        fail(self, transfer, "write");
        return;
    }
    memcpy(transfer->wanted, put->hash.data, TT_DIGEST_LEN);
    transfer->size = put->size;
    transfer->mode = (unsigned)put->mode;
    if (is_same(transfer)) {
        make_absolute(transfer->path);
        answer(self, transfer->id, TT_FILE_SAME, transfer, transfer->wanted, "");
        end(place_of(self, transfer->id));
        return;
    }
    if (tt_part_open(&transfer->part, transfer->path) != 0) {
        fail(self, transfer, "write");
        return;
    }
    answer(self, transfer->id, TT_FILE_BEGUN, transfer, NULL, "");
    if (transfer->size == 0)
        finish_put(self, transfer);
}

static void tell_taken(const files_t *self, const transfer_t *transfer)
{
    tt_message_t message = tt_message(TT_MSG_CREDIT, transfer->id);
    message.as.credit.taken = transfer->part.len;
    host_send(self->host, &message, NULL);
}

void files_chunk(files_t *self, const tt_message_t *message, tt_frames_t *payload)
{
    transfer_t *transfer = *place_of(self, message->id);
    tt_span_t bytes = tt_frames_span(payload, 0);
    if (transfer == NULL || !transfer->up)
        return;
    errno = EPROTO;
    if (bytes.len > TT_CHUNK_MAX || bytes.len > transfer->size - transfer->part.len ||
        tt_part_add(&transfer->part, message->as.chunk.offset, bytes) != 0) {
        fail(self, transfer, "write");
        return;
    }
    tell_taken(self, transfer);
    if (transfer->part.len == transfer->size)
        finish_put(self, transfer);
}

/* ---- going */

static void finish_get(files_t *self, transfer_t *transfer)
{
    uint8_t digest[TT_DIGEST_LEN];
    tt_digest_finish(&transfer->digest, digest);
    answer(self, transfer->id, TT_FILE_DONE, transfer, digest, "");
    end(place_of(self, transfer->id));
}

/* Sends what there is room for. */
static void send_chunks(files_t *self, transfer_t *transfer)
{
    uint8_t *block = tt_alloc(TT_CHUNK_MAX);
    while (transfer->at < transfer->size && tt_flow_room(&transfer->flow) > 0) {
        uint64_t left = transfer->size - transfer->at;
        size_t want = left < TT_CHUNK_MAX ? (size_t)left : TT_CHUNK_MAX;
        ssize_t got = pread(transfer->fd, block, want, (off_t)transfer->at);
        if (got <= 0) {
            if (got == 0)
                errno = ESTALE; /* it was cut meanwhile */
            fail(self, transfer, "read");
            free(block);
            return;
        }
        tt_message_t message = tt_message(TT_MSG_CHUNK, transfer->id);
        tt_frames_t frames;
        tt_frames_init(&frames);
        tt_frames_copy(&frames, block, (size_t)got);
        message.as.chunk.offset = transfer->at;
        host_send(self->host, &message, &frames);
        tt_digest_add(transfer->digest, block, (size_t)got);
        tt_flow_sent(&transfer->flow, (size_t)got, tt_now_ns());
        transfer->at += (uint64_t)got;
    }
    free(block);
    if (transfer->flow.taken == transfer->size)
        finish_get(self, transfer);
}

void files_get(files_t *self, const tt_message_t *message)
{
    const tt_msg_get_t *get = &message->as.get;
    struct stat found;
    uint8_t digest[TT_DIGEST_LEN];
    transfer_t *transfer = add(self, message->id, false);
    if (transfer == NULL)
        return;
    if (resolve(self, get->path, transfer->path) != 0 ||
        (transfer->fd = open(transfer->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 ||
        fstat(transfer->fd, &found) != 0 ||
        (!S_ISREG(found.st_mode) && (errno = S_ISDIR(found.st_mode) ? EISDIR : EINVAL))) {
        fail(self, transfer, "read");
        return;
    }
    transfer->size = (uint64_t)found.st_size;
    transfer->mode = found.st_mode & 0777;
    if (get->hash.len == TT_DIGEST_LEN && tt_digest_file(transfer->fd, digest) == 0 &&
        memcmp(digest, get->hash.data, TT_DIGEST_LEN) == 0) {
        answer(self, transfer->id, TT_FILE_SAME, transfer, digest, "");
        end(place_of(self, transfer->id));
        return;
    }
    transfer->digest = tt_digest_new();
    answer(self, transfer->id, TT_FILE_BEGUN, transfer, NULL, "");
    send_chunks(self, transfer);
}

void files_credit(files_t *self, const tt_message_t *message)
{
    transfer_t *transfer = *place_of(self, message->id);
    if (transfer == NULL || transfer->up)
        return;
    if (tt_flow_taken(&transfer->flow, message->as.credit.taken, tt_now_ns()) == 0)
        send_chunks(self, transfer);
}

void files_abort(files_t *self, const tt_message_t *message)
{
    transfer_t **at = place_of(self, message->id);
    if (*at)
        end(at);
}

/* ---- what there is */

/* The walk has no argument of its own. */
static struct {
    tt_buf_t list;
    size_t count, skip; /* skip: of each path, up to its name */
} walk;

static int list_one(const char *path, const struct stat *info, int kind, struct FTW *at)
{
    (void)at;
    if (kind != FTW_F || !S_ISREG(info->st_mode))
        return 0;
    tt_pack_array(&walk.list, 4);
    tt_pack_text(&walk.list, path);
    tt_pack_text(&walk.list, path + walk.skip);
    tt_pack_uint(&walk.list, (uint64_t)info->st_size);
    tt_pack_uint(&walk.list, info->st_mode & 0777);
    return ++walk.count >= LIST_MAX;
}

/* Names begin with the last part of what the pattern met: of a folder, with the folder's. */
static void list_path(char *path)
{
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = 0;
    const char *slash = strrchr(path, '/');
    walk.skip = slash ? (size_t)(slash + 1 - path) : 0;
    nftw(path, list_one, DEPTH_MAX, FTW_PHYS);
}

void files_list(files_t *self, const tt_message_t *message)
{
    char pattern[PATH_MAX];
    glob_t found;
    if (resolve(self, message->as.list.pattern, pattern) != 0) {
        refuse(self, message->id, "list", "");
        return;
    }
    walk.count = 0;
    tt_buf_init(&walk.list);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc && walk.count < LIST_MAX; i++)
            list_path(found.gl_pathv[i]);
        globfree(&found);
    }
    tt_buf_t packed;
    tt_frames_t frames;
    tt_buf_init(&packed);
    tt_frames_init(&frames);
    tt_pack_array(&packed, walk.count);
    tt_buf_append(&packed, walk.list.data, walk.list.len);
    tt_buf_release(&walk.list);
    tt_frames_take_buf(&frames, &packed);
    tt_message_t listed = tt_message(TT_MSG_LISTED, message->id);
    host_send(self->host, &listed, &frames);
    tt_buf_release(&packed);
}

/* ---- */

files_t *files_new(host_t *host)
{
    files_t *self = tt_alloc(sizeof *self);
    self->host = host;
    return self;
}

void files_set_directory(files_t *self, const char *directory)
{
    self->directory = directory;
}

void files_controller_gone(files_t *self)
{
    while (self->transfers)
        end(&self->transfers);
}

void files_destroy(files_t **self_p)
{
    files_t *self = *self_p;
    if (self == NULL)
        return;
    files_controller_gone(self);
    free(self);
    *self_p = NULL;
}
