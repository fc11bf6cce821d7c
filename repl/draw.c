/* Protocols of pictures on terminals. See draw.h. */
#include "draw.h"

#include "program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CHUNK = 4096, /* of base64, at most, in one sequence of kitty's */
    HELPER_MS = 2000,
    HELPER_BYTES = 16 << 20,
    ROWS_LEFT = 2, /* of the screen, for the lines around */
    ROWS_LEAST = 4
};

/* ---- names */

static const struct {
    draw_way_t way;
    const char *name;
} ways[] = {{DRAW_AUTO, "auto"},   {DRAW_NEVER, "never"}, {DRAW_KITTY, "kitty"},
            {DRAW_ITERM, "iterm"}, {DRAW_SIXEL, "sixel"}, {DRAW_CHAFA, "chafa"}};

enum { WAYS = sizeof ways / sizeof *ways };

int draw_find(const char *name, draw_way_t *way, tt_error_t *err)
{
    for (size_t i = 0; i < WAYS; i++)
        if (strcmp(ways[i].name, name) == 0) {
            *way = ways[i].way;
            return 0;
        }
    return tt_error_set(
        err, "--draw takes auto, never, kitty, iterm, sixel or chafa, not '%.80s'", name);
}

const char *draw_name(draw_way_t way)
{
    for (size_t i = 0; i < WAYS; i++)
        if (ways[i].way == way)
            return ways[i].name;
    return "";
}

/* ---- which */

static bool has(const char *variable, const char *part)
{
    const char *value = getenv(variable);
    return value && *value && strstr(value, part);
}

/* Within those the terminal around does not see what is written, or in another place. */
static bool is_multiplexed(void)
{
    const char *kind = getenv("TERM");
    return has("TMUX", "") || has("STY", "") || has("ZELLIJ", "") ||
           (kind && (strncmp(kind, "screen", 6) == 0 || strncmp(kind, "tmux", 4) == 0));
}

/* How terminals tell who they are; what is inherited by others started from them comes last. */
static const struct {
    const char *variable, *part;
    draw_way_t way;
} terminals[] = {
    {"TERM_PROGRAM", "ghostty", DRAW_KITTY},
    {"TERM_PROGRAM", "WezTerm", DRAW_ITERM},
    {"TERM_PROGRAM", "iTerm.app", DRAW_ITERM},
    {"TERM_PROGRAM", "mintty", DRAW_ITERM},
    {"TERM", "kitty", DRAW_KITTY},
    {"TERM", "ghostty", DRAW_KITTY},
    {"LC_TERMINAL", "iTerm2", DRAW_ITERM},
    {"KITTY_WINDOW_ID", "", DRAW_KITTY},
};

draw_way_t draw_without_sixel(void)
{
    return program_is_there("chafa") ? DRAW_CHAFA : DRAW_NEVER;
}

draw_way_t draw_choose(void)
{
    for (size_t i = 0; i < sizeof terminals / sizeof *terminals && !is_multiplexed(); i++)
        if (has(terminals[i].variable, terminals[i].part))
            return terminals[i].way;
    bool able = program_is_there("chafa") || program_is_there("img2sixel");
    return able ? DRAW_SIXEL : DRAW_NEVER;
}

/* ---- how large */

typedef struct {
    unsigned columns, rows, pixels; /* pixels: of its width */
    bool smaller;                   /* than the picture is */
} fit_t;

/* Whole cells for a number of pixels, scaled. */
static unsigned cells(double pixels, unsigned cell)
{
    unsigned count = (unsigned)(pixels / cell + 0.999);
    return count > 0 ? count : 1;
}

static fit_t fit(const picture_t *picture, const draw_room_t *room)
{
    unsigned rows = room->rows > ROWS_LEAST + ROWS_LEFT ? room->rows - ROWS_LEFT : ROWS_LEAST;
    double wide = room->columns * (double)room->cell_width / picture->width;
    double high = rows * (double)room->cell_height / picture->height;
    double scale = wide < high ? wide : high;
    scale = scale < 1 ? scale : 1;
    return (fit_t){cells(picture->width * scale, room->cell_width),
                   cells(picture->height * scale, room->cell_height),
                   cells(picture->width * scale, 1), scale < 1};
}

/* ---- base64 */

static void add_base64(tt_buf_t *out, tt_span_t bytes)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < bytes.len; at += 3) {
        size_t left = bytes.len - at;
        const uint8_t *in = bytes.data + at;
        uint32_t three = (uint32_t)in[0] << 16;
        if (left > 1)
            three |= (uint32_t)in[1] << 8;
        if (left > 2)
            three |= in[2];
        char *text = (char *)tt_buf_reserve(out, 4);
        for (int i = 0; i < 4; i++)
            text[i] = (size_t)i <= left ? digits[three >> (18 - 6 * i) & 63] : '=';
        out->len += 4;
    }
}

/* Appends a sequence; within tmux as one that is to pass through. */
static void add_sequence(tt_buf_t *out, const tt_buf_t *sequence)
{
    if (!has("TMUX", "")) {
        tt_buf_append(out, sequence->data, sequence->len);
        return;
    }
    tt_buf_printf(out, "\033Ptmux;");
    for (size_t i = 0; i < sequence->len; i++)
        tt_buf_append(out, sequence->data[i] == 033 ? "\033\033" : (char *)&sequence->data[i],
                      sequence->data[i] == 033 ? 2 : 1);
    tt_buf_printf(out, "\033\\");
}

/* ---- the ways */

/* https://sw.kovidgoyal.net/kitty/graphics-protocol: only PNG; q=2: it answers nothing. */
static bool draw_kitty(const picture_t *picture, const char *path, const fit_t *fit,
                       tt_buf_t *out)
{
    (void)path;
    tt_buf_t text, sequence;
    if (strcmp(picture->kind->suffix, "png") != 0)
        return false;
    tt_buf_init(&text);
    tt_buf_init(&sequence);
    add_base64(&text, picture->bytes);
    for (size_t at = 0; at < text.len; at += CHUNK) {
        size_t len = text.len - at < CHUNK ? text.len - at : CHUNK;
        sequence.len = 0;
        tt_buf_printf(&sequence, "\033_G");
        if (at == 0)
            tt_buf_printf(&sequence, "a=T,f=100,q=2,");
        if (at == 0 && fit->smaller)
            tt_buf_printf(&sequence, "c=%u,r=%u,", fit->columns, fit->rows);
        tt_buf_printf(&sequence, "m=%d;", at + len < text.len);
        tt_buf_append(&sequence, text.data + at, len);
        tt_buf_printf(&sequence, "\033\\");
        add_sequence(out, &sequence);
    }
    tt_buf_release(&sequence);
    tt_buf_release(&text);
    return true;
}

/* https://iterm2.com/documentation-images.html */
static bool draw_iterm(const picture_t *picture, const char *path, const fit_t *fit,
                       tt_buf_t *out)
{
    (void)path;
    tt_buf_t sequence;
    tt_buf_init(&sequence);
    tt_buf_printf(&sequence, "\033]1337;File=inline=1;size=%zu;", picture->bytes.len);
    if (fit->smaller)
        tt_buf_printf(&sequence, "width=%u;height=%u;", fit->columns, fit->rows);
    tt_buf_printf(&sequence, "preserveAspectRatio=1:");
    add_base64(&sequence, picture->bytes);
    tt_buf_printf(&sequence, "\a");
    add_sequence(out, &sequence);
    tt_buf_release(&sequence);
    return true;
}

static bool run_chafa(const char *format, const char *path, const fit_t *fit, tt_buf_t *out)
{
    char size[32];
    const char *none = getenv("NO_COLOR");
    snprintf(size, sizeof size, "%ux%u", fit->columns, fit->rows);
    bool plain = none && *none;
    const char *const argv[] = {"chafa",
                                "--format",
                                format,
                                "--size",
                                size,
                                "--animate",
                                "off",
                                "--polite",
                                "on",
                                path,
                                plain ? "--colors" : NULL,
                                "none",
                                NULL};
    return path && program_run(argv, HELPER_BYTES, HELPER_MS, out) == 0;
}

static bool draw_sixel(const picture_t *picture, const char *path, const fit_t *fit,
                       tt_buf_t *out)
{
    char width[16];
    (void)picture;
    if (program_is_there("chafa"))
        return run_chafa("sixels", path, fit, out);
    snprintf(width, sizeof width, "%u", fit->pixels);
    const char *const argv[] = {"img2sixel", "-S", "-w", width, path, NULL};
    return path && program_run(argv, HELPER_BYTES, HELPER_MS, out) == 0;
}

static bool draw_chafa(const picture_t *picture, const char *path, const fit_t *fit,
                       tt_buf_t *out)
{
    (void)picture;
    return run_chafa("symbols", path, fit, out);
}

bool draw_picture(draw_way_t way, const picture_t *picture, const char *path,
                  const draw_room_t *room, tt_buf_t *out)
{
    static bool (*const drawers[])(const picture_t *, const char *, const fit_t *,
                                   tt_buf_t *) = {
        [DRAW_AUTO] = NULL,        [DRAW_NEVER] = NULL,       [DRAW_KITTY] = draw_kitty,
        [DRAW_ITERM] = draw_iterm, [DRAW_SIXEL] = draw_sixel, [DRAW_CHAFA] = draw_chafa};
    size_t start = out->len;
    if (drawers[way] == NULL || !picture_is_drawable(picture))
        return false;
    /* A character shows about as much as so many pixels, however large it is. */
    const draw_room_t characters = {room->columns, room->rows, 4, 8};
    fit_t size = fit(picture, way == DRAW_CHAFA ? &characters : room);
    if (!drawers[way](picture, path, &size, out) || out->len == start)
        return false;
    if (out->data[out->len - 1] != '\n')
        tt_buf_append(out, "\n", 1);
    return true;
}
