/* Text on a terminal. See text.h. Called by the log, the prompt and everything that shows
 * names; the decoder also serves JSON (value.c). libc's wcwidth is not used: it depends on the
 * locale. */
#include "text.h"

#include <stdbool.h>

typedef struct {
    uint32_t first, last;
} range_t;

/* East Asian wide and emoji, Unicode 14. */
static const range_t wide[] = {
    {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},   {0x23e9, 0x23ec},
    {0x23f0, 0x23f0},   {0x23f3, 0x23f3},   {0x25fd, 0x25fe},   {0x2614, 0x2615},
    {0x2648, 0x2653},   {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
    {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},   {0x26ce, 0x26ce},
    {0x26d4, 0x26d4},   {0x26ea, 0x26ea},   {0x26f2, 0x26f3},   {0x26f5, 0x26f5},
    {0x26fa, 0x26fa},   {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
    {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},   {0x2753, 0x2755},
    {0x2757, 0x2757},   {0x2795, 0x2797},   {0x27b0, 0x27b0},   {0x27bf, 0x27bf},
    {0x2b1b, 0x2b1c},   {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x3029},
    {0x302e, 0x303e},   {0x3041, 0x3096},   {0x309b, 0x3247},   {0x3250, 0x4dbf},
    {0x4e00, 0xa4c6},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfad9},
    {0xfe10, 0xfe19},   {0xfe30, 0xfe6b},   {0xff01, 0xff60},   {0xffe0, 0xffe6},
    {0x16fe0, 0x16fe3}, {0x16ff0, 0x1b2fb}, {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf},
    {0x1f18e, 0x1f18e}, {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335},
    {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca}, {0x1f3cf, 0x1f3d3},
    {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4}, {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440},
    {0x1f442, 0x1f4fc}, {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f54e}, {0x1f550, 0x1f567},
    {0x1f57a, 0x1f57a}, {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
    {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2}, {0x1f6d5, 0x1f6df},
    {0x1f6eb, 0x1f6ec}, {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7f0}, {0x1f90c, 0x1f93a},
    {0x1f93c, 0x1f945}, {0x1f947, 0x1f9ff}, {0x1fa70, 0x1faf6}, {0x20000, 0x3134a},
};

/* Combining and invisible characters of the scripts in common use. */
static const range_t zero[] = {
    {0x300, 0x36f},   {0x483, 0x489},     {0x591, 0x5bd},     {0x610, 0x61a},
    {0x64b, 0x65f},   {0x670, 0x670},     {0x6d6, 0x6dd},     {0x6df, 0x6e4},
    {0x93c, 0x93c},   {0x941, 0x948},     {0x94d, 0x94d},     {0x9bc, 0x9bc},
    {0x9cd, 0x9cd},   {0xe31, 0xe31},     {0xe34, 0xe3a},     {0xe47, 0xe4e},
    {0x1160, 0x11ff}, {0x1ab0, 0x1ace},   {0x1dc0, 0x1dff},   {0x200b, 0x200f},
    {0x202a, 0x202e}, {0x2060, 0x206f},   {0x20d0, 0x20f0},   {0x302a, 0x302d},
    {0x3099, 0x309a}, {0xfe00, 0xfe0f},   {0xfe20, 0xfe2f},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb}, {0x1f3fb, 0x1f3ff}, {0xe0001, 0xe007f}, {0xe0100, 0xe01ef},
};

/* Line ends and turns of direction that are not C0 or C1. */
static const range_t obeyed[] = {
    {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

#define AMONG(table, code) among(table, sizeof table / sizeof *table, code)

static bool among(const range_t *table, size_t count, uint32_t code)
{
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        if (code < table[middle].first)
            count = middle;
        else if (code > table[middle].last)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

size_t tt_text_char(const char *text, size_t len, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t *at = (const uint8_t *)text;
    if (len == 0)
        return 0;
    if (at[0] < 0x80)
        return *code = at[0], 1;
    size_t size = at[0] < 0xc2 ? 0 : at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : at[0] < 0xf5 ? 4 : 0;
    if (size == 0 || size > len)
        return 0;
    uint32_t value = at[0] & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
        value = value << 6 | (at[i] & 0x3fu);
    }
    if (value < least[size] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000))
        return 0;
    *code = value;
    return size;
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

void tt_text_escape(tt_buf_t *out, const char *text, size_t len)
{
    while (len > 0) {
        uint32_t code = 0;
        size_t size = tt_text_char(text, len, &code);
        bool plain = size > 0 && !is_control(code) && !AMONG(obeyed, code);
        if (size == 0)
            size = 1;
        if (plain)
            tt_buf_append(out, text, size);
        for (size_t i = 0; !plain && i < size; i++)
            tt_buf_printf(out, "\\x%02X", (uint8_t)text[i]);
        text += size;
        len -= size;
    }
}

/* Columns of the character at the start, and its length in bytes. */
static size_t columns_of(const char *text, size_t len, size_t *size)
{
    uint32_t code = 0;
    *size = tt_text_char(text, len, &code);
    if (*size == 0)
        return *size = 1, 1;
    if (is_control(code) || AMONG(zero, code))
        return 0;
    return AMONG(wide, code) ? 2 : 1;
}

size_t tt_text_width(const char *text, size_t len)
{
    size_t width = 0, size;
    for (; len > 0; text += size, len -= size)
        width += columns_of(text, len, &size);
    return width;
}

void tt_text_cut(tt_buf_t *out, const char *text, size_t len, size_t columns)
{
    if (columns == 0)
        return;
    size_t used = 0, at = 0,
           keep = 0; /* `keep`: how much stays when there must be an ellipsis */
    while (at < len) {
        size_t size;
        used += columns_of(text + at, len - at, &size);
        if (used > columns) {
            tt_buf_append(out, text, keep);
            tt_buf_append(out, "…", sizeof "…" - 1);
            return;
        }
        at += size;
        if (used < columns)
            keep = at;
    }
    tt_buf_append(out, text, len);
}

size_t tt_text_partial(const char *text, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        uint8_t byte = (uint8_t)text[len - back];
        if ((byte & 0xc0) == 0x80)
            continue;
        size_t size = byte < 0xc2 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : byte < 0xf5 ? 4 : 1;
        return size > back ? back : 0;
    }
    return 0;
}

/* ---- escape sequences (ECMA-48) */

typedef enum { GROUND, ESCAPE, CONTROL, STRING } place_t;

/* Behind ESC. */
static place_t after_escape(uint8_t byte)
{
    static const char strings[] = "]PX^_";
    if (byte == '[')
        return CONTROL;
    if (byte == 0x1b || (byte >= 0x20 && byte < 0x30))
        return ESCAPE;
    for (const char *at = strings; *at; at++)
        if (byte == (uint8_t)*at)
            return STRING;
    return GROUND;
}

static place_t step(place_t place, uint8_t byte)
{
    if (byte == 0x18 || byte == 0x1a)
        return GROUND;
    if (byte == 0x1b)
        return ESCAPE;
    if (place == ESCAPE)
        return after_escape(byte);
    if (place == CONTROL && byte >= 0x40 && byte < 0x7f)
        return GROUND;
    return place == STRING && byte == 7 ? GROUND : place;
}

/* Whether the parameters of `ESC [ ... m` may leave a colour on: all but zeros do. */
static bool leaves_on(const uint8_t *at, const uint8_t *end)
{
    while (at < end && (*at < '1' || *at > '9'))
        at++;
    return at < end;
}

void tt_text_reset(tt_buf_t *out, size_t from)
{
    place_t place = GROUND;
    bool on = false;
    size_t start = from; /* of the present parameters */
    for (size_t i = from; i < out->len; i++) {
        place_t before = place;
        place = step(place, out->data[i]);
        if (place == CONTROL && before == ESCAPE)
            start = i + 1;
        if (before == CONTROL && place == GROUND && out->data[i] == 'm')
            on = leaves_on(out->data + start, out->data + i);
    }
    if (place == STRING)
        tt_buf_append(out, "\033\\", 2);
    if (place != GROUND || on)
        tt_buf_append(out, "\033[0m", 4);
}
