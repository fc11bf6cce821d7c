/* Bytes of a unix socket, with a descriptor beside them (SCM_RIGHTS). */
#ifndef TT_RIGHTS_H
#define TT_RIGHTS_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/uio.h>

/* As writev; with `fd` >= 0 that descriptor goes with the first byte. */
ssize_t tt_rights_write(int socket, const struct iovec *out, int count, int fd);

/* Descriptors that came and were not taken yet, in order. All zero: none. */
typedef struct {
    int *fds;
    size_t count;
} tt_rights_t;

/* As read; what comes beside the bytes is added to `rights`. */
ssize_t tt_rights_read(tt_rights_t *self, int socket, void *into, size_t len);
/* The first; -1 when there is none. It is the caller's to close. */
int tt_rights_take(tt_rights_t *self);
/* Closes those that nobody took. */
void tt_rights_release(tt_rights_t *self);

#endif
