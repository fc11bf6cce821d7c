/* Big values. See spool.h. */
#include "spool.h"

#include "machine.h"
#include "pack.h"
#include "value.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <linux/stat.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ---- layouts */

void tt_layout_release(tt_layout_t *self)
{
    free(self->places);
    *self = (tt_layout_t){0};
}

void tt_layout_plan(tt_layout_t *self, const size_t *lens, size_t count)
{
    size_t total = 0;
    *self =
        (tt_layout_t){.places = tt_alloc((count + 1) * sizeof *self->places), .count = count};
    for (size_t i = 0; i < count; i++)
        total += lens[i];
    for (size_t i = 0; i < count; i++) {
        self->places[i] = (tt_place_t){TT_IN_MESSAGE, lens[i]};
        if (total <= TT_WHOLE_MAX || lens[i] < TT_INLINE_LIMIT)
            continue;
        self->places[i].offset =
            (self->bytes + TT_SPOOL_ALIGN - 1) / TT_SPOOL_ALIGN * TT_SPOOL_ALIGN;
        self->bytes = self->places[i].offset + lens[i];
    }
}

void tt_layout_pack(const tt_layout_t *self, tt_buf_t *out)
{
    tt_pack_array(out, self->count);
    for (size_t i = 0; i < self->count; i++) {
        const tt_place_t *place = &self->places[i];
        if (place->offset != TT_IN_MESSAGE) {
            tt_pack_array(out, 2);
            tt_pack_uint(out, place->offset);
        }
        tt_pack_uint(out, place->len);
    }
}

/* They stand in the spool in their order, each behind the one before. */
static int take_place(tt_layout_t *self, tt_reader_t *reader)
{
    tt_place_t *place = &self->places[self->count++];
    size_t two;
    place->offset = TT_IN_MESSAGE;
    if (tt_read_uint(reader, &place->len) == 0)
        return 0;
    if (tt_read_array(reader, &two) != 0 || two != 2 ||
        tt_read_uint(reader, &place->offset) != 0 || tt_read_uint(reader, &place->len) != 0 ||
        place->offset < self->bytes || place->offset > INT64_MAX ||
        place->len > INT64_MAX - place->offset)
        return -1;
    self->bytes = place->offset + place->len;
    return 0;
}

int tt_layout_take(tt_layout_t *self, tt_reader_t *reader, tt_error_t *err)
{
    size_t count;
    *self = (tt_layout_t){0};
    if (tt_read_array(reader, &count) != 0 || count > TT_PLACES_MAX)
        return tt_error_set(err, "a layout is an array with a place for each frame");
    self->places = tt_alloc((count + 1) * sizeof *self->places);
    for (size_t i = 0; i < count; i++)
        if (take_place(self, reader) != 0) {
            tt_layout_release(self);
            return tt_error_set(err, "place %zu of a layout is none, or overlaps", i);
        }
    return 0;
}

int tt_layout_read(tt_layout_t *self, tt_span_t any, tt_error_t *err)
{
    tt_reader_t reader = tt_reader(any);
    *self = (tt_layout_t){0};
    if (any.len == 0 || tt_read_nil(&reader) == 0)
        return 0;
    return tt_layout_take(self, &reader, err);
}

/* ---- spools: by calls that an old libc has, since the Python extension loads everywhere */

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE };

/* Frames that are lent from its mapping hold it, and let go in libzmq's own thread. */
struct tt_spool {
    atomic_uint refs;
    int fd;
    uint64_t bytes;
    uint64_t promised; /* of them, not yet written: memory that is still to be taken */
    uint8_t *map;
    tt_spool_t *next, **at; /* among those that are mapped and not closed */
};

static _Atomic uint64_t promised; /* to all spools of this process */
static pthread_mutex_t mapped_mutex = PTHREAD_MUTEX_INITIALIZER;
static tt_spool_t *mapped; /* spools whose bytes may be found as a file */

static tt_spool_t *new_spool(int fd, uint64_t bytes)
{
    tt_spool_t *self = tt_alloc(sizeof *self);
    atomic_init(&self->refs, 1);
    self->fd = fd;
    self->bytes = bytes;
    return self;
}

tt_spool_t *tt_spool_new(uint64_t bytes, tt_error_t *err)
{
    uint64_t spare = tt_machine_spare_memory(), others = promised;
    spare = spare > others ? spare - others : 0;
    if (bytes > spare)
        return tt_error_null(err, "a value of %llu MiB, and %llu MiB of memory are free",
                             (unsigned long long)(bytes >> 20),
                             (unsigned long long)(spare >> 20));
    int fd = (int)syscall(SYS_memfd_create, "tutti", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0) {
        tt_spool_t *self = new_spool(fd, bytes);
        self->promised = bytes;
        promised += bytes;
        return self;
    }
    tt_error_set(err, "no memory for a value of %llu MiB: %s",
                 (unsigned long long)(bytes >> 20), strerror(errno));
    if (fd >= 0)
        close(fd);
    return NULL;
}

tt_spool_t *tt_spool_of(int fd, uint64_t bytes, tt_error_t *err)
{
    int seals = fcntl(fd, F_GET_SEALS);
    off_t size = seals < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size >= 0 && (seals & SEALS) == SEALS && (uint64_t)size >= bytes)
        return new_spool(fd, bytes);
    if (fd >= 0)
        close(fd);
    return tt_error_null(err, "what came with a message is no sealed file of its size");
}

/* The inode of a file, which is not opened for that; 0: it is none. */
static uint64_t inode_of(int fd, const char *path)
{
    struct statx is;
    if (syscall(SYS_statx, fd, path, AT_EMPTY_PATH, STATX_INO | STATX_TYPE, &is) != 0)
        return 0;
    return (is.stx_mode & S_IFMT) == S_IFREG ? is.stx_ino : 0;
}

tt_spool_place_t tt_spool_place(tt_spool_t *self)
{
    uint64_t inode = inode_of(tt_spool_fd(self), "");
    if (inode == 0)
        return (tt_spool_place_t){0};
    return (tt_spool_place_t){.pid = getpid(), .fd = self->fd, .inode = inode};
}

/* Whatever else stands there by now is not opened: that might do something. */
tt_spool_t *tt_spool_open(tt_spool_place_t place, uint64_t bytes, tt_error_t *err)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd/%d", place.pid, place.fd);
    if (place.inode == 0 || inode_of(AT_FDCWD, path) != place.inode)
        return tt_error_null(err, "%s is another file", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return tt_error_null(err, "cannot open %s: %s", path, strerror(errno));
    if (inode_of(fd, "") == place.inode)
        return tt_spool_of(fd, bytes, err);
    close(fd);
    return tt_error_null(err, "%s is another file", path);
}

static void keep_promise(tt_spool_t *self, uint64_t bytes)
{
    bytes = bytes < self->promised ? bytes : self->promised;
    self->promised -= bytes;
    promised -= bytes;
}

static void link_mapped(tt_spool_t *self)
{
    pthread_mutex_lock(&mapped_mutex);
    self->next = mapped;
    self->at = &mapped;
    if (mapped)
        mapped->at = &self->next;
    mapped = self;
    pthread_mutex_unlock(&mapped_mutex);
}

static void unlink_mapped(tt_spool_t *self)
{
    if (self->at == NULL)
        return;
    pthread_mutex_lock(&mapped_mutex);
    *self->at = self->next;
    if (self->next)
        self->next->at = self->at;
    self->at = NULL;
    pthread_mutex_unlock(&mapped_mutex);
}

void tt_spool_close(tt_spool_t *self)
{
    unlink_mapped(self);
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}

bool tt_spool_has(const tt_spool_t *self, const uint8_t *bytes)
{
    return self->map && bytes >= self->map && bytes < self->map + self->bytes;
}

tt_spool_t *tt_spool_find(const uint8_t *bytes, uint64_t offset)
{
    pthread_mutex_lock(&mapped_mutex);
    tt_spool_t *found = mapped;
    while (found && (offset >= found->bytes || bytes != found->map + offset))
        found = found->next;
    /* Whoever has the bytes holds it, so it is not on its way out. */
    tt_spool_hold(found);
    pthread_mutex_unlock(&mapped_mutex);
    return found;
}

tt_spool_t *tt_spool_hold(tt_spool_t *self)
{
    if (self)
        atomic_fetch_add(&self->refs, 1);
    return self;
}

void tt_spool_release(tt_spool_t **self_p)
{
    tt_spool_t *self = *self_p;
    *self_p = NULL;
    if (self == NULL || atomic_fetch_sub(&self->refs, 1) > 1)
        return;
    keep_promise(self, self->promised);
    tt_spool_close(self);
    if (self->map)
        munmap(self->map, self->bytes);
    free(self);
}

uint64_t tt_spool_bytes(const tt_spool_t *self)
{
    return self->bytes;
}

int tt_spool_fd(tt_spool_t *self)
{
    fcntl(self->fd, F_ADD_SEALS, SEALS);
    return self->fd;
}

int tt_spool_write(tt_spool_t *self, uint64_t offset, tt_span_t bytes, tt_error_t *err)
{
    if (offset > self->bytes || bytes.len > self->bytes - offset)
        return tt_error_set(err, "more than the %llu bytes that were announced",
                            (unsigned long long)self->bytes);
    while (bytes.len > 0) {
        ssize_t wrote = pwrite(self->fd, bytes.data, bytes.len, (off_t)offset);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return tt_error_set(err, "no memory for a value: %s", strerror(errno));
        keep_promise(self, (uint64_t)wrote);
        bytes.data += wrote;
        bytes.len -= (size_t)wrote;
        offset += (uint64_t)wrote;
    }
    return 0;
}

int tt_spool_write_frames(tt_spool_t *self, const tt_layout_t *layout, const tt_span_t *frames,
                          tt_error_t *err)
{
    for (size_t i = 0; i < layout->count; i++)
        if (layout->places[i].offset != TT_IN_MESSAGE &&
            tt_spool_write(self, layout->places[i].offset, frames[i], err) != 0)
            return -1;
    return 0;
}

int tt_spool_read(const tt_spool_t *self, uint64_t offset, uint8_t *into, size_t len)
{
    if (offset > self->bytes || len > self->bytes - offset)
        return -1;
    while (len > 0) {
        ssize_t got = pread(self->fd, into, len, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -1;
        into += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return 0;
}

uint8_t *tt_spool_map(tt_spool_t *self, tt_error_t *err)
{
    if (self->map || self->bytes == 0)
        return self->map;
    void *map = mmap(NULL, self->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE,
                     self->fd, 0);
    if (map == MAP_FAILED)
        return tt_error_null(err, "cannot map a value of %llu MiB: %s",
                             (unsigned long long)(self->bytes >> 20), strerror(errno));
    self->map = map;
    link_mapped(self);
    return map;
}
