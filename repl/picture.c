/* The beginnings of pictures' files. See picture.h. Every offset is checked against the bytes
 * there are; sizes that make no sense make the picture none. */
#include "picture.h"

#include <stdlib.h>
#include <string.h>

enum {
    DRAWN_SIDE = 16384,
    DRAWN_BYTES = 8 << 20,
    SVG_HEAD = 16384 /* where the first tag of an SVG must end */
};

static uint32_t big(const uint8_t *at, size_t size)
{
    uint32_t number = 0;
    for (size_t i = 0; i < size; i++)
        number = number << 8 | at[i];
    return number;
}

static bool begins(tt_span_t bytes, const char *with, size_t len)
{
    return bytes.len >= len && memcmp(bytes.data, with, len) == 0;
}

static int set_size(unsigned *width, unsigned *height, uint32_t w, uint32_t h)
{
    if (w == 0 || h == 0 || w >= PICTURE_SIDE_MAX || h >= PICTURE_SIDE_MAX)
        return -1;
    *width = w;
    *height = h;
    return 0;
}

/* ---- PNG: chunks, of which the first one has the size, and the last one is empty */

static int read_png(tt_span_t bytes, unsigned *width, unsigned *height)
{
    static const char head[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    if (!begins(bytes, head, 16) || bytes.len < 33)
        return -1;
    for (size_t at = 8; bytes.len - at >= 12;) {
        size_t len = big(bytes.data + at, 4);
        if (len > bytes.len - at - 12)
            return -1;
        if (memcmp(bytes.data + at + 4, "IEND", 4) == 0)
            return len == 0 && at + 12 == bytes.len
                       ? set_size(width, height, big(bytes.data + 16, 4),
                                  big(bytes.data + 20, 4))
                       : -1;
        at += 12 + len;
    }
    return -1;
}

/* ---- JPEG: segments, of which one that begins a frame has the size */

static bool begins_frame(uint8_t marker)
{
    return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
           marker != 0xcc;
}

static int read_jpeg(tt_span_t bytes, unsigned *width, unsigned *height)
{
    if (!begins(bytes, "\xff\xd8\xff", 3))
        return -1;
    for (size_t at = 2; bytes.len - at >= 4;) {
        const uint8_t *segment = bytes.data + at;
        size_t len = big(segment + 2, 2);
        if (segment[0] != 0xff)
            return -1;
        if (segment[1] == 0xff) { /* filling */
            at++;
            continue;
        }
        if (len < 2 || len > bytes.len - at - 2)
            return -1;
        if (begins_frame(segment[1]))
            return len >= 8 ? set_size(width, height, big(segment + 7, 2), big(segment + 5, 2))
                            : -1;
        at += 2 + len;
    }
    return -1;
}

/* ---- GIF: little-endian, behind the signature */

static int read_gif(tt_span_t bytes, unsigned *width, unsigned *height)
{
    if (bytes.len < 14 || (!begins(bytes, "GIF87a", 6) && !begins(bytes, "GIF89a", 6)))
        return -1;
    const uint8_t *at = bytes.data + 6;
    return set_size(width, height, at[0] | (uint32_t)at[1] << 8, at[2] | (uint32_t)at[3] << 8);
}

/* ---- SVG: attributes of the first tag named svg */

static const char *find(const char *at, const char *end, const char *word)
{
    size_t len = strlen(word);
    for (; (size_t)(end - at) >= len; at++)
        if (memcmp(at, word, len) == 0)
            return at;
    return NULL;
}

/* What stands behind the quote of ` NAME="`, or NULL. */
static const char *attribute(const char *at, const char *end, const char *name)
{
    size_t len = strlen(name);
    while ((at = find(at, end, name))) {
        bool apart = strchr(" \t\r\n", at[-1]) != NULL;
        at += len;
        if (apart && end - at > 2 && at[0] == '=' && (at[1] == '"' || at[1] == '\''))
            return at + 2;
    }
    return NULL;
}

/* A number of pixels, rounded; of points, inches and the like too: `460.8pt`. 0: none. */
static uint32_t length(const char *text)
{
    static const struct {
        const char *name;
        double pixels;
    } units[] = {{"px", 1}, {"pt", 4.0 / 3}, {"in", 96}, {"cm", 96 / 2.54}, {"mm", 96 / 25.4}};
    double value = 0, part = 1;
    for (; *text >= '0' && *text <= '9' && value < PICTURE_SIDE_MAX; text++)
        value = value * 10 + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++)
            value += (*text - '0') * (part /= 10);
    if (*text == '%')
        return 0;
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (strncmp(text, units[i].name, 2) == 0)
            value *= units[i].pixels;
    return value < PICTURE_SIDE_MAX ? (uint32_t)(value + 0.5) : 0;
}

/* The third and fourth number of a viewBox. */
static void view_box(const char *text, uint32_t *w, uint32_t *h)
{
    uint32_t *const wanted[] = {NULL, NULL, w, h};
    for (size_t i = 0; text && i < 4; i++) {
        text += strspn(text, " ,\t\r\n");
        if (wanted[i])
            *wanted[i] = length(text);
        text += strspn(text, "+-.0123456789eE");
    }
}

/* A size that it does not tell is no mistake. */
static int read_svg(tt_span_t bytes, unsigned *width, unsigned *height)
{
    size_t len = bytes.len < SVG_HEAD ? bytes.len : SVG_HEAD;
    char *text = tt_alloc(len + 2); /* with a zero, which ends every number */
    memcpy(text, bytes.data ? (const char *)bytes.data : "", len);
    const char *start = find(text, text + len, "<svg");
    const char *end = start ? memchr(start, '>', len - (size_t)(start - text)) : NULL;
    if (end) {
        const char *w_at = attribute(start + 1, end, "width");
        const char *h_at = attribute(start + 1, end, "height");
        uint32_t w = w_at ? length(w_at) : 0, h = h_at ? length(h_at) : 0;
        if (w == 0 || h == 0)
            view_box(attribute(start + 1, end, "viewBox"), &w, &h);
        set_size(width, height, w, h);
    }
    free(text);
    return end ? 0 : -1;
}

static int read_pdf(tt_span_t bytes, unsigned *width, unsigned *height)
{
    (void)width;
    (void)height;
    return begins(bytes, "%PDF-", 5) ? 0 : -1;
}

/* ---- the kinds */

const picture_kind_t picture_kinds[] = {
    {"image/png", "png", true, read_png},        {"image/jpeg", "jpg", true, read_jpeg},
    {"image/gif", "gif", true, read_gif},        {"image/svg+xml", "svg", false, read_svg},
    {"application/pdf", "pdf", false, read_pdf}, {NULL, NULL, false, NULL},
};

const picture_kind_t *picture_kind(tt_span_t mime)
{
    for (const picture_kind_t *row = picture_kinds; row->mime; row++)
        if (strlen(row->mime) == mime.len && memcmp(row->mime, mime.data, mime.len) == 0)
            return row;
    return NULL;
}

int picture_read(picture_t *self, const picture_kind_t *kind, tt_span_t bytes)
{
    *self = (picture_t){.kind = kind, .bytes = bytes};
    return kind->read(bytes, &self->width, &self->height);
}

bool picture_is_drawable(const picture_t *self)
{
    return self->kind->drawable && self->width > 0 && self->width <= DRAWN_SIDE &&
           self->height > 0 && self->height <= DRAWN_SIDE && self->bytes.len <= DRAWN_BYTES;
}
