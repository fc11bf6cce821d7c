/* Displays of the local engine. See gallery.h. */
#include "gallery.h"

#include <string.h>

static const size_t bytes_most = (size_t)64 << 20;

static void drop(gallery_t *self, size_t at)
{
    tt_buf_release(&self->lines[at].displays);
    self->count--;
    memmove(&self->lines[at], &self->lines[at + 1], (self->count - at) * sizeof *self->lines);
}

static size_t bytes_of(const gallery_t *self)
{
    size_t bytes = 0;
    for (size_t i = 0; i < self->count; i++)
        bytes += self->lines[i].displays.len;
    return bytes;
}

void gallery_add(gallery_t *self, int number, tt_span_t displays)
{
    for (size_t i = self->count; i-- > 0;)
        if (self->lines[i].number == number)
            drop(self, i);
    while (self->count == GALLERY_LINES ||
           (self->count > 0 && bytes_of(self) + displays.len > bytes_most))
        drop(self, 0);
    gallery_line_t *line = &self->lines[self->count++];
    line->number = number;
    tt_buf_init(&line->displays);
    tt_buf_append(&line->displays, displays.data, displays.len);
}

tt_span_t gallery_find(const gallery_t *self, int number)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->lines[i].number == number)
            return (tt_span_t){self->lines[i].displays.data, self->lines[i].displays.len};
    return (tt_span_t){NULL, 0};
}

int gallery_latest(const gallery_t *self)
{
    return self->count > 0 ? self->lines[self->count - 1].number : 0;
}

void gallery_release(gallery_t *self)
{
    while (self->count > 0)
        drop(self, self->count - 1);
}
