/* Windows of output. See stream.h. Each engine's stdout and stderr is a pipe: its `head` is
 * what came first since the last window, its `end` what came last; the middle of a flood is
 * counted and dropped. So a byte is copied a few times at most, however small the chunks are.
 */
#include "stream.h"
#include "map.h"
#include "output.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum {
    WINDOW_MS = 100,         /* between two */
    TAIL_MS = 2000,          /* until a line without its end is shown */
    STATE_MS = 1000,         /* the same, of one that overwrites itself */
    HELD_BYTES = 8 << 20,    /* by all pipes together, about */
    PIPE_LEAST = 4 << 10,    /* ... but each may hold this in its head */
    PIPE_MOST = 64 << 10,    /* ... and not more than this */
    HALF = STREAM_LINES / 2, /* lines before and behind what is left out */
    LAST_MOST = 512          /* the longest text that is recognized when it comes again */
};

static const int64_t never = INT64_MAX;

typedef struct {
    int id;
    bool err;
    char *host;    /* owned */
    tt_buf_t head; /* begins a line, or goes on with one that was shown already (`midline`) */
    tt_buf_t end;
    size_t dropped_bytes, dropped_lines; /* between the two */
    size_t given;
    int64_t since_ms; /* when the unfinished line began */
    bool has_line;    /* a whole one */
    bool has_return;  /* in the unfinished line */
    bool midline;
    tt_buf_t last;               /* what was shown of that line */
    struct {                     /* the present window */
        tt_span_t first, second; /* to show, before and behind what is left out */
        tt_span_t tail;          /* the unfinished line at their end, if it is shown */
        size_t hidden_lines, hidden_bytes;
        size_t head, end; /* bytes to be forgotten then */
    } window;
} pipe_t;

struct stream {
    tt_map_t pipes;  /* by id and stream; owned */
    pipe_t **active; /* those that hold something */
    size_t active_count, active_cap;
    int64_t next_ms;  /* the next window may be then */
    int64_t ready_ms; /* something can be shown then; `never`: nothing */
    bool ending;
};

stream_t *stream_new(int64_t now_ms)
{
    stream_t *self = tt_alloc(sizeof *self);
    tt_map_init(&self->pipes);
    self->next_ms = now_ms + STREAM_HOLD_MS;
    self->ready_ms = never;
    return self;
}

void stream_destroy(stream_t **self_p)
{
    stream_t *self = *self_p;
    size_t at = 0;
    if (self == NULL)
        return;
    for (pipe_t *pipe; (pipe = tt_map_next(&self->pipes, &at));) {
        tt_buf_release(&pipe->head);
        tt_buf_release(&pipe->end);
        tt_buf_release(&pipe->last);
        free(pipe->host);
        free(pipe);
    }
    tt_map_release(&self->pipes);
    free(self->active);
    free(self);
    *self_p = NULL;
}

/* ---- coming in */

static uint64_t key_of(int id, bool err)
{
    return (uint64_t)(uint32_t)id << 1 | err;
}

static pipe_t *pipe_of(stream_t *self, const stream_chunk_t *chunk)
{
    uint64_t key = key_of(chunk->id, chunk->err);
    pipe_t *pipe = tt_map_get(&self->pipes, key);
    if (pipe == NULL) {
        pipe = tt_alloc(sizeof *pipe);
        pipe->id = chunk->id;
        pipe->err = chunk->err;
        tt_map_set(&self->pipes, key, pipe);
    }
    if (pipe->host == NULL && chunk->host)
        pipe->host = tt_strdup(chunk->host);
    return pipe;
}

static void activate(stream_t *self, pipe_t *pipe)
{
    if (self->active_count == self->active_cap) {
        self->active_cap = self->active_cap ? self->active_cap * 2 : 16;
        self->active = tt_realloc(self->active, self->active_cap * sizeof(pipe_t *));
    }
    self->active[self->active_count++] = pipe;
}

static size_t count_lines(tt_span_t text)
{
    size_t lines = 0;
    while (text.len) {
        const uint8_t *newline = memchr(text.data, '\n', text.len);
        if (newline == NULL)
            break;
        lines++;
        text.len -= (size_t)(newline + 1 - text.data);
        text.data = newline + 1;
    }
    return lines;
}

/* How much of a text belongs to whole lines. */
static size_t whole_lines(tt_span_t text)
{
    const uint8_t *newline = text.len ? memrchr(text.data, '\n', text.len) : NULL;
    return newline ? (size_t)(newline + 1 - text.data) : 0;
}

static bool has(tt_span_t text, char c)
{
    return text.len && memchr(text.data, c, text.len);
}

static tt_span_t span_of(const tt_buf_t *buf)
{
    return (tt_span_t){buf->data, buf->len};
}

static void drop(pipe_t *pipe, size_t bytes)
{
    pipe->dropped_bytes += bytes;
    pipe->dropped_lines += count_lines((tt_span_t){pipe->end.data, bytes});
    tt_buf_consume(&pipe->end, bytes);
}

/* The head is filled first; of the rest the last bytes stay. */
static void store(pipe_t *pipe, tt_span_t bytes, size_t limit)
{
    size_t room = pipe->end.len == 0 && pipe->head.len < limit ? limit - pipe->head.len : 0;
    size_t first = bytes.len < room ? bytes.len : room;
    tt_buf_append(&pipe->head, bytes.data, first);
    while (first < bytes.len) {
        size_t part = bytes.len - first < limit ? bytes.len - first : limit;
        tt_buf_append(&pipe->end, bytes.data + first, part);
        first += part;
        if (pipe->end.len > 2 * limit)
            drop(pipe, pipe->end.len - limit);
    }
}

static size_t limit_of(const stream_t *self)
{
    size_t limit = HELD_BYTES / (self->active_count + 1);
    return limit < PIPE_LEAST ? PIPE_LEAST : limit > PIPE_MOST ? PIPE_MOST : limit;
}

/* An interrupted program ends the line that the person has typed in; that is shown, or not,
 * with its answer. */
static bool is_bare(const pipe_t *pipe)
{
    return pipe->err && pipe->given == 0 && pipe->head.len == 1 && pipe->head.data[0] == '\n';
}

/* When something of the pipe can be shown. */
static int64_t ready_at(const stream_t *self, const pipe_t *pipe)
{
    if (pipe->head.len == 0 || is_bare(pipe))
        return never;
    if (pipe->has_line || self->ending)
        return 0;
    return pipe->since_ms + (pipe->has_return ? STATE_MS : TAIL_MS);
}

void stream_add(stream_t *self, const stream_chunk_t *chunk, int64_t now_ms)
{
    if (chunk->bytes.len == 0)
        return;
    pipe_t *pipe = pipe_of(self, chunk);
    size_t whole = whole_lines(chunk->bytes);
    tt_span_t rest = {chunk->bytes.data + whole, chunk->bytes.len - whole};
    if (pipe->head.len == 0)
        activate(self, pipe);
    if (pipe->head.len == 0 || whole > 0) {
        pipe->since_ms = now_ms;
        pipe->has_return = false;
    }
    pipe->has_line |= whole > 0;
    pipe->has_return |= has(rest, '\r');
    store(pipe, chunk->bytes, limit_of(self));
    int64_t ready_ms = ready_at(self, pipe);
    if (ready_ms < self->ready_ms)
        self->ready_ms = ready_ms;
}

void stream_finish(stream_t *self)
{
    self->ending = true;
    self->next_ms = 0;
    for (size_t i = 0; i < self->active_count; i++)
        if (ready_at(self, self->active[i]) == 0)
            self->ready_ms = 0;
}

int64_t stream_due(const stream_t *self, int64_t now_ms)
{
    if (self->ready_ms == never)
        return -1;
    int64_t at = self->ready_ms > self->next_ms ? self->ready_ms : self->next_ms;
    return at > now_ms ? at - now_ms : 0;
}

size_t stream_given(const stream_t *self, int id, bool err)
{
    const pipe_t *pipe = tt_map_get(&self->pipes, key_of(id, err));
    return pipe ? pipe->given : 0;
}

/* ---- what a window has of one pipe */

/* Of a line what a terminal would still show. */
static tt_span_t visible(tt_span_t line)
{
    while (line.len && (line.data[line.len - 1] == '\r' || line.data[line.len - 1] == '\n'))
        line.len--;
    const uint8_t *overwritten = line.len ? memrchr(line.data, '\r', line.len) : NULL;
    if (overwritten == NULL)
        return line;
    size_t before = (size_t)(overwritten + 1 - line.data);
    return (tt_span_t){line.data + before, line.len - before};
}

/* The first line, with its end if it has one. */
static tt_span_t first_line(tt_span_t text)
{
    const uint8_t *newline = text.len ? memchr(text.data, '\n', text.len) : NULL;
    return newline ? (tt_span_t){text.data, (size_t)(newline + 1 - text.data)} : text;
}

/* Nothing new is in the rest of a line of which a part has been shown, or nothing at all in an
 * unfinished one. */
static bool is_stale(const pipe_t *pipe, tt_span_t line)
{
    tt_span_t now = visible(line);
    if (!pipe->midline)
        return now.len == 0 && !has(line, '\n');
    return now.len == 0 || (has(line, '\r') && now.len == pipe->last.len &&
                            memcmp(now.data, pipe->last.data, now.len) == 0);
}

/* The first lines; the last ones (a line without its end is one, too). */
static tt_span_t first_lines(tt_span_t text, size_t count)
{
    size_t len = 0;
    for (; len < text.len && count > 0; count--)
        len += first_line((tt_span_t){text.data + len, text.len - len}).len;
    return (tt_span_t){text.data, len};
}

static tt_span_t last_lines(tt_span_t text, size_t count)
{
    size_t at = text.len;
    if (at == 0)
        return text;
    for (; at > 0 && count > 0; count--)
        at = whole_lines((tt_span_t){text.data, at - 1});
    return (tt_span_t){text.data + at, text.len - at};
}

/* Whether the unfinished line has waited long enough. */
static bool is_old(const stream_t *self, const pipe_t *pipe, int64_t now_ms)
{
    return self->ending || now_ms >= pipe->since_ms + (pipe->has_return ? STATE_MS : TAIL_MS);
}

/* The unfinished line if it is to be shown now, without a character that is still to come. */
static tt_span_t due_tail(const stream_t *self, pipe_t *pipe, tt_span_t tail, int64_t now_ms)
{
    if (tail.len == 0 || !is_old(self, pipe, now_ms))
        return (tt_span_t){NULL, 0};
    if (!self->ending)
        tail.len -= tt_text_partial((const char *)tail.data, tail.len);
    if (tail.len == 0)
        pipe->since_ms = now_ms; /* there is nothing to see yet */
    return tail;
}

/* A pipe of which nothing was dropped. */
static void gather_whole(const stream_t *self, pipe_t *pipe, int64_t now_ms)
{
    tt_buf_append(&pipe->head, pipe->end.data, pipe->end.len);
    pipe->end.len = 0;
    tt_span_t head = span_of(&pipe->head);
    size_t whole = whole_lines(head);
    tt_span_t tail = {head.data + whole, head.len - whole};
    pipe->window.tail = due_tail(self, pipe, tail, now_ms);
    pipe->window.head = whole + pipe->window.tail.len;
    pipe->window.first = (tt_span_t){head.data, pipe->window.head};
}

/* Of a line so long that only its beginning and its end are held, the beginning is shown. */
static tt_span_t shown_head(const pipe_t *pipe)
{
    tt_span_t head = span_of(&pipe->head), end = span_of(&pipe->end);
    size_t whole = whole_lines(head);
    if (whole == 0 && !has(end, '\n') && !has(end, '\r'))
        whole = head.len - tt_text_partial((const char *)head.data, head.len);
    return (tt_span_t){head.data, whole};
}

/* A flood: its end begins somewhere in a line, which is left out as well. */
static void gather_flood(const stream_t *self, pipe_t *pipe, int64_t now_ms)
{
    tt_span_t end = span_of(&pipe->end);
    size_t whole = whole_lines(end), broken = whole ? first_line(end).len : 0;
    tt_span_t tail = {end.data + whole, end.len - whole};
    tail = due_tail(self, pipe, tail, now_ms);
    if (!pipe->has_line && tail.len == 0)
        return;
    pipe->window.tail = tail;
    pipe->window.head = pipe->head.len;
    pipe->window.end = whole + tail.len;
    pipe->window.first = shown_head(pipe);
    pipe->window.second = (tt_span_t){end.data + broken, pipe->window.end - broken};
    pipe->window.hidden_lines = pipe->dropped_lines + (broken > 0);
    if (!has(end, '\r'))
        pipe->window.hidden_bytes = pipe->dropped_bytes; /* else it would be overwritten */
}

/* Leaves out the middle of too many lines. */
static void limit_lines(pipe_t *pipe)
{
    tt_span_t first = pipe->window.first, second = pipe->window.second;
    size_t lines = count_lines(first) + count_lines(second);
    if (lines <= STREAM_LINES)
        return;
    pipe->window.first = first_lines(first, HALF);
    pipe->window.second = last_lines(second.len ? second : first, HALF);
    pipe->window.hidden_lines +=
        lines - count_lines(pipe->window.first) - count_lines(pipe->window.second);
}

/* What is left of a line may be in the end alone when its middle was dropped. */
static void skip_stale(pipe_t *pipe)
{
    tt_span_t *text = pipe->window.first.len ? &pipe->window.first : &pipe->window.second;
    tt_span_t line = first_line(*text);
    if (line.len == 0 || !is_stale(pipe, line))
        return;
    if (text == &pipe->window.second && has(line, '\n'))
        return;
    text->data += line.len;
    text->len -= line.len;
}

/* Decides what this window has of the pipe. */
static void gather(const stream_t *self, pipe_t *pipe, int64_t now_ms)
{
    memset(&pipe->window, 0, sizeof pipe->window);
    if (is_bare(pipe) || (!pipe->has_line && !is_old(self, pipe, now_ms)))
        return;
    if (pipe->dropped_bytes == 0)
        gather_whole(self, pipe, now_ms);
    else
        gather_flood(self, pipe, now_ms);
    skip_stale(pipe);
    limit_lines(pipe);
}

static void keep_last(pipe_t *pipe, tt_span_t tail)
{
    tt_span_t text = visible(tail);
    pipe->last.len = 0;
    if (text.len <= LAST_MOST)
        tt_buf_append(&pipe->last, text.data, text.len);
}

/* Forgets what has been shown. */
static void consume(pipe_t *pipe)
{
    bool within = pipe->window.head == pipe->head.len && pipe->dropped_bytes > 0 &&
                  whole_lines(span_of(&pipe->end)) == 0;
    if (pipe->window.head == 0 && pipe->window.end == 0)
        return;
    if (pipe->window.tail.len)
        keep_last(pipe, pipe->window.tail);
    else
        pipe->last.len = 0;
    pipe->midline = pipe->window.tail.len > 0 || within;
    pipe->given += pipe->window.head + pipe->window.end;
    tt_buf_consume(&pipe->head, pipe->window.head);
    tt_buf_consume(&pipe->end, pipe->window.end);
    if (pipe->dropped_bytes) {
        tt_buf_t head = pipe->head;
        pipe->head = pipe->end;
        pipe->end = head;
        pipe->given += pipe->dropped_bytes;
        pipe->dropped_bytes = pipe->dropped_lines = 0;
    }
    if (pipe->head.len == 0)
        tt_buf_release(&pipe->head);
    if (pipe->end.len == 0)
        tt_buf_release(&pipe->end);
    pipe->has_line = false;
}

/* ---- the window */

/* One side of a window: stdout or stderr. */
typedef struct {
    const stream_t *stream;
    const render_style_t *style;
    bool err;
    size_t hidden_lines, hidden_bytes;
} side_t;

static bool is_on(const side_t *self, const pipe_t *pipe)
{
    return pipe->err == self->err;
}

/* Folds what stands before (or behind) what is left out. */
static void fold_side(const side_t *self, const output_style_t *look, bool second,
                      tt_buf_t *out)
{
    output_t *output = output_new();
    for (size_t i = 0; i < self->stream->active_count; i++) {
        const pipe_t *pipe = self->stream->active[i];
        if (is_on(self, pipe))
            output_add(output, pipe->id, pipe->host,
                       second ? pipe->window.second : pipe->window.first);
        if (self->style->apart)
            output_show(output, look, out);
    }
    output_show(output, look, out);
    output_destroy(&output);
}

static void write_count(tt_buf_t *out, size_t count)
{
    if (count >= 1000) {
        write_count(out, count / 1000);
        tt_buf_printf(out, ",%03zu", count % 1000);
    } else {
        tt_buf_printf(out, "%zu", count);
    }
}

/* `engines 0-3`, `197 of 200 engines`, `web01-web03`, `items 3,9` */
static void write_who(const side_t *self, const fold_member_t *members, size_t count,
                      tt_buf_t *out)
{
    tt_buf_t names;
    tt_buf_init(&names);
    label_names(&names, members, count, &self->style->label);
    const char *text = tt_buf_text(&names);
    bool ids = !self->style->label.items && text[0] >= '0' && text[0] <= '9' &&
               (!self->style->label.hosts || members[0].host == NULL);
    bool counted = strstr(text, " of ") != NULL;
    const char *before = !ids || counted ? "" : count > 1 ? "engines " : "engine ";
    tt_buf_printf(out, "%s%s%s", before, text, ids && counted ? " engines" : "");
    tt_buf_release(&names);
}

static int by_id(const void *a, const void *b)
{
    const fold_member_t *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Those of whom something is left out; when that is only for want of room, all. */
static fold_member_t *whose(const side_t *self, size_t *count)
{
    const stream_t *stream = self->stream;
    fold_member_t *members = tt_alloc((stream->active_count + 1) * sizeof *members);
    for (int any = 0; any < 2; any++) {
        *count = 0;
        for (size_t i = 0; i < stream->active_count; i++) {
            const pipe_t *pipe = stream->active[i];
            bool hidden = pipe->window.hidden_lines || pipe->window.hidden_bytes;
            if (is_on(self, pipe) && (hidden || (any && pipe->window.first.len)))
                members[(*count)++] = (fold_member_t){pipe->id, pipe->host, i};
        }
        if (*count > 0)
            break;
    }
    qsort(members, *count, sizeof *members, by_id);
    return members;
}

/* `... 12,345 lines of engines 0-3 not shown; %result 5 shows all` */
static void write_hidden(const side_t *self, const output_style_t *look, tt_buf_t *out)
{
    size_t count;
    fold_member_t *members = whose(self, &count);
    bool lines = self->hidden_lines > 0;
    size_t number = lines ? self->hidden_lines : self->hidden_bytes;
    tt_buf_printf(out, "%s... ", look->start);
    write_count(out, number);
    tt_buf_printf(out, " %s%s of ", lines ? "line" : "byte", number == 1 ? "" : "s");
    write_who(self, members, count, out);
    tt_buf_printf(out, " not shown");
    if (self->style->label.job)
        tt_buf_printf(out, "; %%result %d shows all", self->style->label.job);
    tt_buf_printf(out, "%s\n", look->end);
    free(members);
}

/* As many lines as half a window may have, one at least. */
static tt_span_t fit_first(tt_span_t text)
{
    tt_span_t some = first_lines(text, HALF), one = first_line(text);
    if (some.len > STREAM_BYTES / 2)
        some.len = whole_lines((tt_span_t){some.data, STREAM_BYTES / 2});
    return some.len ? some : one;
}

static tt_span_t fit_last(tt_span_t text)
{
    tt_span_t some = last_lines(text, HALF), one = last_lines(text, 1);
    if (some.len > STREAM_BYTES / 2) {
        tt_span_t half = {some.data + some.len - STREAM_BYTES / 2, STREAM_BYTES / 2};
        size_t broken = first_line(half).len;
        some = (tt_span_t){half.data + broken, half.len - broken};
    }
    return some.len ? some : one;
}

static void append(tt_buf_t *out, tt_span_t text)
{
    tt_buf_append(out, text.data, text.len);
}

/* Writes the folded lines, as many as a window may have, and how many are not there. */
static void write_side(side_t *self, const output_style_t *look, tt_span_t first,
                       tt_span_t second, tt_buf_t *out)
{
    bool hidden = self->hidden_lines || self->hidden_bytes || second.len;
    size_t start = out->len, lines = count_lines(first) + count_lines(second);
    if (lines > STREAM_LINES || first.len + second.len > STREAM_BYTES) {
        tt_span_t before = fit_first(first);
        if (!hidden)
            second = (tt_span_t){first.data + before.len, first.len - before.len};
        second = fit_last(second);
        self->hidden_lines += lines - count_lines(before) - count_lines(second);
        first = before;
    }
    append(out, first);
    tt_text_reset(out, start);
    if (self->hidden_lines || self->hidden_bytes)
        write_hidden(self, look, out);
    start = out->len;
    append(out, second);
    tt_text_reset(out, start);
}

static void show_side(const stream_t *stream, const render_style_t *style, bool err,
                      tt_buf_t *out)
{
    side_t self = {.stream = stream, .style = style, .err = err};
    output_style_t look = render_look(style, err);
    tt_buf_t first, second;
    tt_buf_init(&first);
    tt_buf_init(&second);
    for (size_t i = 0; i < stream->active_count; i++) {
        const pipe_t *pipe = stream->active[i];
        self.hidden_lines += is_on(&self, pipe) ? pipe->window.hidden_lines : 0;
        self.hidden_bytes += is_on(&self, pipe) ? pipe->window.hidden_bytes : 0;
    }
    fold_side(&self, &look, false, &first);
    fold_side(&self, &look, true, &second);
    write_side(&self, &look, span_of(&first), span_of(&second), out);
    tt_buf_release(&first);
    tt_buf_release(&second);
}

void stream_take(stream_t *self, int64_t now_ms, const render_style_t *style, tt_buf_t *out,
                 tt_buf_t *err)
{
    size_t kept = 0;
    if (stream_due(self, now_ms) != 0)
        return;
    for (size_t i = 0; i < self->active_count; i++)
        gather(self, self->active[i], now_ms);
    show_side(self, style, false, out);
    show_side(self, style, true, err);
    self->ready_ms = never;
    self->next_ms = self->ending ? 0 : now_ms + WINDOW_MS;
    for (size_t i = 0; i < self->active_count; i++) {
        pipe_t *pipe = self->active[i];
        consume(pipe);
        int64_t ready_ms = ready_at(self, pipe);
        if (ready_ms < self->ready_ms)
            self->ready_ms = ready_ms;
        if (pipe->head.len > 0)
            self->active[kept++] = pipe;
    }
    self->active_count = kept;
}
