/* Descriptors beside bytes. See rights.h. */
#include "rights.h"

#include "buf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS_AT_ONCE = 16, FDS_MAX = 64 };

ssize_t tt_rights_write(int socket, const struct iovec *out, int count, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)out,
                             .msg_iovlen = (size_t)count};
    if (fd < 0)
        return writev(socket, out, count);
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    return sendmsg(socket, &message, MSG_NOSIGNAL);
}

/* Whoever sends more than anybody could want loses them. */
static void add(tt_rights_t *self, const struct cmsghdr *head)
{
    size_t count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
        int fd;
        memcpy(&fd, CMSG_DATA(head) + i * sizeof fd, sizeof fd);
        if (self->count >= FDS_MAX) {
            close(fd);
            continue;
        }
        self->fds = tt_realloc(self->fds, (self->count + 1) * sizeof *self->fds);
        self->fds[self->count++] = fd;
    }
}

ssize_t tt_rights_read(tt_rights_t *self, int socket, void *into, size_t len)
{
    union {
        char bytes[CMSG_SPACE(FDS_AT_ONCE * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec in = {into, len};
    struct msghdr message = {.msg_iov = &in,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t got = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    if (got < 0 && errno == ENOTSOCK)
        return read(socket, into, len);
    if (got < 0)
        return got;
    for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head;
         head = CMSG_NXTHDR(&message, head))
        if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
            add(self, head);
    return got;
}

int tt_rights_take(tt_rights_t *self)
{
    if (self->count == 0)
        return -1;
    int fd = self->fds[0];
    memmove(self->fds, self->fds + 1, --self->count * sizeof *self->fds);
    return fd;
}

void tt_rights_release(tt_rights_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        close(self->fds[i]);
    free(self->fds);
    *self = (tt_rights_t){0};
}
