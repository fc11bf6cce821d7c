/* Texts for the person. See screen.h. */
#include "screen.h"

#include "line.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELD_MAX = 16 << 20 };

static bool progress; /* a progress line stands there */

/* Texts that are kept; neighbours of one descriptor are one. */
typedef struct {
    int fd;
    tt_buf_t text;
} held_t;

static struct {
    bool on;
    held_t *items;
    size_t count, bytes;
} held;

static void write_all(int fd, tt_span_t text)
{
    for (size_t at = 0; at < text.len;) {
        ssize_t wrote = write(fd, text.data + at, text.len - at);
        if (wrote > 0)
            at += (size_t)wrote;
        else if (errno == EAGAIN)
            poll(&(struct pollfd){fd, POLLOUT, 0}, 1, 1000);
        else if (errno != EINTR)
            return;
    }
}

static void keep(int fd, tt_span_t text)
{
    if (held.count == 0 || held.items[held.count - 1].fd != fd) {
        held.items = tt_realloc(held.items, (held.count + 1) * sizeof *held.items);
        held.items[held.count].fd = fd;
        tt_buf_init(&held.items[held.count++].text);
    }
    tt_buf_append(&held.items[held.count - 1].text, text.data, text.len);
    held.bytes += text.len;
}

void screen_hold(void)
{
    screen_progress(NULL);
    fflush(stdout);
    held.on = true;
}

void screen_let_go(void)
{
    held.on = false;
    for (size_t i = 0; i < held.count; i++) {
        tt_buf_t *text = &held.items[i].text;
        screen_write(held.items[i].fd, (tt_span_t){text->data, text->len});
        tt_buf_release(text);
    }
    free(held.items);
    held.items = NULL;
    held.count = held.bytes = 0;
}

bool screen_is_full(void)
{
    return held.bytes > HELD_MAX;
}

void screen_write(int fd, tt_span_t text)
{
    if (text.len == 0)
        return;
    if (held.on) {
        keep(fd, text);
        return;
    }
    if (line_editing()) {
        line_above(text);
        return;
    }
    screen_progress(NULL);
    fflush(stdout);
    fflush(stderr);
    write_all(fd, text);
}

void screen_note(const char *format, ...)
{
    va_list args;
    char *text;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    if (len < 0)
        abort();
    screen_write(2, (tt_span_t){(const uint8_t *)text, (size_t)len});
    free(text);
}

void screen_progress(const char *line)
{
    if ((line == NULL && !progress) || held.on)
        return;
    progress = line != NULL;
    fflush(stdout);
    fprintf(stderr, "\r%s\033[K", line ? line : "");
    fflush(stderr);
}

void screen_fresh_line(unsigned columns, const char *mark)
{
    if (columns < 2 || held.on || !screen_is_terminal())
        return;
    fflush(stdout);
    fprintf(stderr, "\033[7m%s\033[0m%*s\r\033[K", mark, (int)(columns - strlen(mark)), "");
    fflush(stderr);
}

bool screen_is_terminal(void)
{
    const char *kind = getenv("TERM");
    return isatty(2) && kind && *kind && strcmp(kind, "dumb") != 0;
}

bool screen_has_colour(void)
{
    const char *none = getenv("NO_COLOR");
    return isatty(1) && screen_is_terminal() && (none == NULL || *none == 0);
}
