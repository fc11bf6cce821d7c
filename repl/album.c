/* Files of pictures. See album.h. */
#include "album.h"

#include "text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 1000, PIECE = 1 << 16 };

/* ---- what is there */

/* A run of digits; NULL when there is none. */
static const char *skip_number(const char *at)
{
    const char *end = at;
    while (isdigit((unsigned char)*end))
        end++;
    return end > at ? end : NULL;
}

/* Whether a file may be one of ours: JOB-WHO[-K].SUFFIX. Only those are ever removed. */
static bool is_ours(const char *name)
{
    const char *at = skip_number(name);
    if (at == NULL || *at++ != '-')
        return false;
    at = strncmp(at, "here", 4) == 0 ? at + 4 : skip_number(at);
    if (at && *at == '-')
        at = skip_number(at + 1);
    if (at == NULL || *at++ != '.')
        return false;
    for (const picture_kind_t *kind = picture_kinds; kind->mime; kind++)
        if (strcmp(at, kind->suffix) == 0)
            return true;
    return false;
}

typedef struct {
    char *name; /* owned */
    struct timespec time;
    uint64_t size;
} entry_t;

static int by_age(const void *a, const void *b)
{
    const entry_t *x = a, *y = b;
    if (x->time.tv_sec != y->time.tv_sec)
        return x->time.tv_sec < y->time.tv_sec ? -1 : 1;
    return (x->time.tv_nsec > y->time.tv_nsec) - (x->time.tv_nsec < y->time.tv_nsec);
}

/* The pictures of the directory, the oldest first, and their bytes; the caller's to free. */
static entry_t *list(DIR *dir, size_t *count, uint64_t *bytes)
{
    entry_t *entries = NULL;
    size_t cap = 0;
    struct dirent *each;
    struct stat found;
    *count = 0;
    *bytes = 0;
    while ((each = readdir(dir))) {
        if (!is_ours(each->d_name) ||
            fstatat(dirfd(dir), each->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(found.st_mode))
            continue;
        if (*count == cap)
            entries = tt_realloc(entries, (cap = cap ? cap * 2 : 64) * sizeof *entries);
        entries[(*count)++] =
            (entry_t){tt_strdup(each->d_name), found.st_mtim, (uint64_t)found.st_size};
        *bytes += (uint64_t)found.st_size;
    }
    if (*count)
        qsort(entries, *count, sizeof *entries, by_age);
    return entries;
}

/* Makes room for one of `size` bytes. */
static void trim(const char *path, uint64_t size)
{
    DIR *dir = opendir(path);
    size_t count;
    uint64_t bytes;
    if (dir == NULL)
        return;
    entry_t *entries = list(dir, &count, &bytes);
    for (size_t i = 0, left = count; i < count; i++) {
        if (left >= ALBUM_FILES || bytes + size > ALBUM_BYTES) {
            unlinkat(dirfd(dir), entries[i].name, 0);
            bytes -= entries[i].size;
            left--;
        }
        free(entries[i].name);
    }
    free(entries);
    closedir(dir);
}

/* Whether the descriptor has these bytes, and no others. */
static bool has(int fd, tt_span_t bytes)
{
    uint8_t *piece = tt_alloc(PIECE);
    size_t at = 0;
    ssize_t got;
    while ((got = read(fd, piece, PIECE)) > 0 && at + (size_t)got <= bytes.len &&
           memcmp(piece, bytes.data + at, (size_t)got) == 0)
        at += (size_t)got;
    free(piece);
    return got == 0 && at == bytes.len;
}

typedef enum { PLACE_FREE, PLACE_SAME, PLACE_TAKEN } place_t;

static place_t look(const album_t *self, const char *path, tt_span_t bytes)
{
    struct stat found;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return errno == ENOENT ? PLACE_FREE : PLACE_TAKEN;
    bool regular = fstat(fd, &found) == 0 && S_ISREG(found.st_mode);
    bool same = regular && (uint64_t)found.st_size == bytes.len && has(fd, bytes);
    close(fd);
    if (same)
        return PLACE_SAME;
    const struct timespec *time = &found.st_mtim, *began = &self->began;
    bool older = time->tv_sec < began->tv_sec ||
                 (time->tv_sec == began->tv_sec && time->tv_nsec < began->tv_nsec);
    return regular && older ? PLACE_FREE : PLACE_TAKEN;
}

/* ---- writing */

static int write_all(int fd, tt_span_t bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t put = write(fd, bytes.data + at, bytes.len - at);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        at += (size_t)put;
    }
    return 0;
}

/* Whole, or not at all. mkostemp makes it for its owner only. */
static int put(const album_t *self, const char *path, tt_span_t bytes, tt_error_t *err)
{
    char *part = tt_printf("%s/.tutti-XXXXXX", self->dir);
    int fd = mkostemp(part, O_CLOEXEC);
    int rc = fd < 0 ? -1 : write_all(fd, bytes);
    if (fd >= 0 && close(fd) != 0)
        rc = -1;
    if (rc == 0)
        rc = rename(part, path);
    if (rc != 0)
        tt_error_set(err, "%s", strerror(errno));
    if (rc != 0 && fd >= 0)
        unlink(part);
    free(part);
    return rc;
}

/* The folders above it are for their owner, too. */
static void make_folders(const char *dir)
{
    for (const char *slash = strchr(dir + (*dir != 0), '/'); slash;
         slash = strchr(slash + 1, '/')) {
        char *part = tt_strndup(dir, (size_t)(slash - dir));
        mkdir(part, 0700);
        free(part);
    }
    mkdir(dir, 0700);
}

/* What others can write to is no place for it. */
static int make_directory(const char *dir, tt_error_t *err)
{
    struct stat found;
    make_folders(dir);
    if (lstat(dir, &found) != 0)
        return tt_error_set(err, "%s", strerror(errno));
    errno = EPERM;
    if (!S_ISDIR(found.st_mode) || found.st_uid != geteuid() || found.st_mode & 022)
        return tt_error_set(err, "it is no directory of yours alone");
    return 0;
}

char *album_keep(const album_t *self, const char *stem, const picture_t *picture,
                 tt_error_t *err)
{
    char *path = NULL;
    place_t place = PLACE_TAKEN;
    if (make_directory(self->dir, err) != 0)
        return NULL;
    for (int i = 1; i <= TRIES && place == PLACE_TAKEN; i++) {
        char number[16] = "";
        if (i > 1)
            snprintf(number, sizeof number, "-%d", i);
        free(path);
        path = tt_printf("%s/%s%s.%s", self->dir, stem, number, picture->kind->suffix);
        place = look(self, path, picture->bytes);
    }
    if (place == PLACE_SAME)
        return path;
    trim(self->dir, picture->bytes.len);
    if (place == PLACE_FREE && put(self, path, picture->bytes, err) == 0)
        return path;
    if (place == PLACE_TAKEN)
        tt_error_set(err, "all names up to '%s' are taken", path);
    free(path);
    return NULL;
}

void album_tell(tt_buf_t *out, const char *path)
{
    const char *home = getenv("HOME");
    size_t len = home ? strlen(home) : 0;
    bool inside = len > 1 && strncmp(path, home, len) == 0 && path[len] == '/';
    if (inside)
        tt_buf_printf(out, "~");
    tt_text_escape(out, path + (inside ? len : 0), strlen(path) - (inside ? len : 0));
}
