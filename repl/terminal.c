/* Who owns the terminal. See terminal.h. SIGTTOU is blocked in this program, so that it can
 * take the terminal back from the background. */
#include "terminal.h"

#include "loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { ANSWER_MS = 1000 };

struct terminal {
    struct termios found; /* the modes it had at the start: what everybody is given */
    struct termios held;  /* the modes of the group that was suspended */
    bool has_held;
    pid_t holder; /* the group it was given to; 0: ours */
};

bool terminal_is_there(void)
{
    const char *kind = getenv("TERM");
    return isatty(0) && isatty(1) && (kind == NULL || strcmp(kind, "dumb") != 0);
}

static bool is_ours(void)
{
    return tcgetpgrp(0) == getpgrp();
}

/* Sleeps until somebody continues us in the foreground. */
static void wait_for_foreground(void)
{
    while (!is_ours() && tcgetpgrp(0) > 0)
        kill(0, SIGSTOP);
}

/* What it is found in, but a control key shows nothing by itself. */
static void set_ours(const terminal_t *self)
{
    struct termios modes = self->found;
    modes.c_lflag &= ~(tcflag_t)ECHOCTL;
    tcsetattr(0, TCSADRAIN, &modes);
}

void terminal_set_keys(terminal_t *self, bool on)
{
    struct termios modes = self->found;
    if (!on) {
        set_ours(self);
        return;
    }
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHOCTL);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    tcsetattr(0, TCSADRAIN, &modes);
}

terminal_t *terminal_open(tt_error_t *err)
{
    terminal_t *self = tt_alloc(sizeof *self);
    wait_for_foreground();
    if (tcgetattr(0, &self->found) == 0) {
        set_ours(self);
        return self;
    }
    tt_error_set(err, "cannot use the terminal: %s", strerror(errno));
    free(self);
    return NULL;
}

void terminal_take(terminal_t *self)
{
    self->holder = 0;
    self->has_held = false;
    tcsetpgrp(0, getpgrp());
    set_ours(self);
}

void terminal_reclaim(terminal_t *self)
{
    if (self->holder == 0 && !is_ours())
        tcsetpgrp(0, getpgrp());
}

void terminal_close(terminal_t **self_p)
{
    terminal_t *self = *self_p;
    if (self == NULL)
        return;
    terminal_take(self);
    tcsetattr(0, TCSADRAIN, &self->found);
    free(self);
    *self_p = NULL;
}

void terminal_give(terminal_t *self, pid_t group)
{
    if (!is_ours() && self->holder == 0)
        return; /* somebody else's now: it is not ours to give */
    tcsetattr(0, TCSADRAIN, self->has_held ? &self->held : &self->found);
    self->has_held = false;
    if (tcsetpgrp(0, group) == 0)
        self->holder = group;
}

pid_t terminal_holder(const terminal_t *self)
{
    return self->holder;
}

void terminal_suspend(terminal_t *self)
{
    pid_t holder = self->holder;
    struct termios held;
    bool has_held = holder > 0 && tcgetattr(0, &held) == 0;
    terminal_take(self);
    tcsetattr(0, TCSADRAIN, &self->found);
    kill(0, SIGSTOP);
    wait_for_foreground();
    tcgetattr(0, &self->found); /* the shell may have changed them */
    set_ours(self);
    if (holder == 0)
        return;
    self->held = held;
    self->has_held = has_held;
    terminal_give(self, holder);
    kill(-holder, SIGCONT);
}

/* ---- what it can draw */

/* Cuts the answer to "primary device attributes" out of what was read: `ESC [ ? 62 ; 4 c`.
 * Returns 1 when 4, sixel, is among them, 0 when not, -1 while there is no whole answer. The
 * first number is what kind of terminal it is. */
static int cut_answer(tt_buf_t *text)
{
    const char *start = tt_buf_text(text), *end = start + text->len;
    for (const char *at = start; end - at > 3; at++) {
        if (strncmp(at, "\033[?", 3) != 0)
            continue;
        const char *list = at + 3, *behind = list + strspn(list, "0123456789;");
        if (*behind != 'c')
            continue;
        bool four = false;
        for (const char *more = list; (more = memchr(more, ';', (size_t)(behind - more)));)
            four |= *++more == '4' && strchr(";c", more[1]);
        tt_buf_t rest = {0};
        tt_buf_append(&rest, start, (size_t)(at - start));
        tt_buf_append(&rest, behind + 1, (size_t)(end - behind - 1));
        tt_buf_release(text);
        *text = rest;
        return four;
    }
    return -1;
}

bool terminal_has_sixel(tt_buf_t *typed)
{
    struct termios was, modes;
    tt_buf_t text;
    int64_t until = tt_now_ms() + ANSWER_MS, left;
    int answer = -1;
    if (!is_ours() || tcgetattr(0, &was) != 0)
        return false;
    modes = was;
    modes.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    modes.c_cc[VMIN] = modes.c_cc[VTIME] = 0;
    tcsetattr(0, TCSANOW, &modes); /* nothing that was typed is lost */
    tt_buf_init(&text);
    bool asked = write(1, "\033[c", 3) == 3;
    while (asked && answer < 0 && (left = until - tt_now_ms()) > 0) {
        if (poll(&(struct pollfd){0, POLLIN, 0}, 1, (int)left) < 0 && errno != EINTR)
            break;
        ssize_t got = read(0, tt_buf_reserve(&text, 256), 256);
        text.len += got > 0 ? (size_t)got : 0;
        answer = cut_answer(&text);
    }
    tcsetattr(0, TCSANOW, &was);
    tt_buf_append(typed, text.data, text.len);
    tt_buf_release(&text);
    return answer == 1;
}

/* ---- its size */

static unsigned size(bool rows)
{
    struct winsize window;
    if (ioctl(1, TIOCGWINSZ, &window) != 0)
        window = (struct winsize){0};
    unsigned got = rows ? window.ws_row : window.ws_col;
    return got > 0 ? got : rows ? 24 : 80;
}

void terminal_cell(unsigned *width, unsigned *height)
{
    struct winsize window;
    *width = 8;
    *height = 16;
    if (ioctl(1, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0)
        return;
    unsigned wide = window.ws_xpixel / window.ws_col, high = window.ws_ypixel / window.ws_row;
    if (wide > 1 && high > 1) {
        *width = wide;
        *height = high;
    }
}

unsigned terminal_columns(void)
{
    return size(false);
}

unsigned terminal_rows(void)
{
    return size(true);
}
