/* Output pipes. See capture.h; reads are bracketed in the page so that the runtime's offsets
 * (page.h) stay exact while we read. */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { CHUNK = 65536 };

void capture_init(capture_t *self, int fd, int stream, tt_page_t *page)
{
    *self = (capture_t){.fd = fd, .stream = stream, .page = page};
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

void capture_release(capture_t *self)
{
    if (self->fd >= 0)
        close(self->fd);
    self->fd = -1;
    tt_buf_release(&self->bytes);
}

static ssize_t read_chunk(capture_t *self)
{
    uint8_t *at = tt_buf_reserve(&self->bytes, CHUNK);
    if (self->page)
        tt_page_read_begin(self->page, self->stream);
    ssize_t got = read(self->fd, at, CHUNK);
    int error = errno;
    if (self->page)
        tt_page_read_end(self->page, self->stream, got > 0 ? (uint64_t)got : 0);
    if (got > 0)
        self->bytes.len += (size_t)got;
    errno = error;
    return got;
}

bool capture_read(capture_t *self, size_t limit)
{
    for (size_t total = 0; self->fd >= 0 && total < limit;) {
        ssize_t got = read_chunk(self);
        if (got <= 0)
            return got < 0 && (errno == EAGAIN || errno == EINTR);
        total += (size_t)got;
        if (got < CHUNK)
            return true;
    }
    return self->fd >= 0;
}

void capture_read_to(capture_t *self, uint64_t offset)
{
    while (self->fd >= 0 && capture_end(self) < offset && read_chunk(self) > 0)
        continue;
}

void capture_read_present(capture_t *self)
{
    int present = 0;
    if (self->fd >= 0 && ioctl(self->fd, FIONREAD, &present) == 0 && present > 0)
        capture_read_to(self, capture_end(self) + (uint64_t)present);
}

uint64_t capture_end(const capture_t *self)
{
    return self->base + self->bytes.len;
}

void capture_take(capture_t *self, uint64_t offset, tt_buf_t *out)
{
    if (offset <= self->base)
        return;
    size_t len = offset >= capture_end(self) ? self->bytes.len : (size_t)(offset - self->base);
    if (out)
        tt_buf_append(out, self->bytes.data, len);
    tt_buf_consume(&self->bytes, len);
    self->base += len;
    if (self->bytes.len == 0 && self->bytes.cap > (1u << 20))
        tt_buf_release(&self->bytes);
}
