/* The bundle's three files. See bundle.h. */
#include "bundle.h"

#include "buf.h"
#include "interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_line(const char *path, char *line, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, line, size - 1);
    if (fd >= 0)
        close(fd);
    line[got > 0 ? got : 0] = 0;
    line[strcspn(line, "\n")] = 0;
    return got > 0 ? 0 : -1;
}

static int read_part(const char *ending, char *line, size_t size, tt_error_t *err)
{
    char *path = tt_library_path(ending);
    int rc = read_line(path, line, size);
    if (rc != 0)
        tt_error_set(err, "there is no '%s' to send: install tutti again (make install)", path);
    free(path);
    return rc;
}

static int open_archive(bundle_t *self, tt_error_t *err)
{
    struct stat found;
    char *path = tt_library_path("bundle.tar.gz");
    self->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (self->fd < 0 || fstat(self->fd, &found) != 0)
        tt_error_set(err, "cannot open '%s': %s", path, strerror(errno));
    else if (found.st_size == 0)
        tt_error_set(err, "'%s' is empty: install tutti again (make install)", path);
    else
        self->size = (uint64_t)found.st_size;
    free(path);
    return self->size > 0 ? 0 : -1;
}

int bundle_open(bundle_t *self, tt_error_t *err)
{
    *self = (bundle_t){.fd = -1};
    if (read_part("bundle.sha256", self->hash, sizeof self->hash, err) != 0 ||
        read_part("bundle.machine", self->machine, sizeof self->machine, err) != 0 ||
        open_archive(self, err) != 0) {
        bundle_close(self);
        return -1;
    }
    if (strspn(self->hash, "0123456789abcdef") == BUNDLE_HASH_LEN)
        return 0;
    bundle_close(self);
    return tt_error_set(err,
                        "the bundle's hash is damaged: install tutti again (make install)");
}

void bundle_close(bundle_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
}
