/* Files that come in pieces. See part.h. */
#include "part.h"

#include "path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tt_part_init(tt_part_t *self)
{
    self->fd = -1;
    self->len = 0;
    self->digest = NULL;
    self->name[0] = 0;
}

int tt_part_open(tt_part_t *self, const char *path)
{
    const char *slash = strrchr(path, '/');
    int folder = slash ? (int)(slash + 1 - path) : 0;
    errno = EPROTO;
    if (self->fd >= 0)
        return -1; /* it has begun already */
    errno = ENAMETOOLONG;
    if (snprintf(self->name, sizeof self->name, "%.*s.tutti-XXXXXX", folder, path) <
            (int)sizeof self->name &&
        tt_path_make_parents(path) == 0)
        self->fd = mkostemp(self->name, O_CLOEXEC);
    if (self->fd < 0) {
        self->name[0] = 0;
        return -1;
    }
    self->len = 0;
    self->digest = tt_digest_new();
    return 0;
}

int tt_part_add(tt_part_t *self, uint64_t offset, tt_span_t bytes)
{
    errno = EPROTO;
    if (self->fd < 0 || offset != self->len)
        return -1;
    for (tt_span_t left = bytes; left.len > 0;) {
        ssize_t put = write(self->fd, left.data, left.len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return -1;
        left.data += put;
        left.len -= (size_t)put;
    }
    tt_digest_add(self->digest, bytes.data, bytes.len);
    self->len += bytes.len;
    return 0;
}

static int give_name(const tt_part_t *self, unsigned mode, const char *path)
{
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(self->fd, mode & ~mask & 0777) == 0 ? rename(self->name, path) : -1;
}

int tt_part_finish(tt_part_t *self, tt_span_t wanted, unsigned mode, const char *path)
{
    uint8_t digest[TT_DIGEST_LEN];
    int rc = -1;
    errno = EBADMSG;
    if (self->fd >= 0) {
        tt_digest_finish(&self->digest, digest);
        if (wanted.len == sizeof digest && memcmp(digest, wanted.data, sizeof digest) == 0)
            rc = give_name(self, mode, path);
    }
    if (rc == 0)
        self->name[0] = 0;
    int code = errno;
    tt_part_drop(self);
    errno = code;
    return rc;
}

void tt_part_drop(tt_part_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    if (self->name[0])
        unlink(self->name);
    tt_digest_destroy(&self->digest);
    tt_part_init(self);
}
