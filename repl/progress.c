/* The line is made of parts with ranks: those of the lowest rank are left out until the rest
 * fits. See progress.h. */
#include "progress.h"
#include "text.h"

#include <langinfo.h>
#include <math.h>
#include <string.h>

enum { BAR_CELLS = 16, PARTS_MAX = 7 };

static const double spacing_s = 0.25, window_s = 5, longest_s = 100 * 3600;

/* ---- the rate */

static const double never = -1;

static size_t slot(const progress_rate_t *self, size_t index)
{
    return (self->first + index) % PROGRESS_SAMPLES;
}

static double time_of(const progress_rate_t *self, size_t index)
{
    return index < self->count ? self->samples[slot(self, index)].at_s : never;
}

/* The oldest sample stays as long as the next one is not old enough to begin the window, so
 * that slow work has a rate, too. */
static void forget_old(progress_rate_t *self, double now_s)
{
    while (self->count == PROGRESS_SAMPLES ||
           (self->count > 1 && now_s - time_of(self, 1) >= window_s)) {
        self->first = slot(self, 1);
        self->count--;
    }
}

void progress_rate_add(progress_rate_t *self, double now_s, size_t done)
{
    if (!(isfinite(now_s) && now_s >= 0))
        return;
    if (self->count > 0) {
        size_t last = slot(self, self->count - 1);
        if (done <= self->samples[last].done || now_s - self->samples[last].at_s < spacing_s)
            return;
    }
    forget_old(self, now_s);
    size_t next = slot(self, self->count++);
    self->samples[next].at_s = now_s;
    self->samples[next].done = done;
}

double progress_rate(const progress_rate_t *self, double now_s)
{
    if (self->count < 2)
        return 0;
    size_t last = slot(self, self->count - 1);
    double done = (double)(self->samples[last].done - self->samples[self->first].done);
    double span = self->samples[last].at_s - self->samples[self->first].at_s;
    double gap = span / done > 2 * spacing_s ? span / done : 2 * spacing_s;
    double waited = now_s - self->samples[last].at_s - gap;
    return done / (waited > 0 ? span + waited : span);
}

/* ---- the line */

typedef struct {
    const progress_t *progress;
    struct {
        tt_buf_t text;
        bool close;    /* a blank is enough before it */
        unsigned rank; /* 0: stays longest */
    } parts[PARTS_MAX];
    size_t count;
} row_t;

/* A new part to be written. */
static tt_buf_t *add(row_t *self, unsigned rank, bool close)
{
    self->parts[self->count].rank = rank;
    self->parts[self->count].close = close;
    return &self->parts[self->count++].text;
}

static const char *before(const row_t *self, size_t i)
{
    if (self->parts[i].close)
        return " ";
    return self->progress->ascii ? ", " : " · ";
}

static void join(const row_t *self, unsigned rank, tt_buf_t *out)
{
    for (size_t i = 0; i < self->count; i++)
        if (self->parts[i].rank <= rank) {
            tt_buf_printf(out, "%s", i ? before(self, i) : "");
            tt_buf_append(out, self->parts[i].text.data, self->parts[i].text.len);
        }
}

/* Appends what fits. The last column stays free: some terminals go to the next line there. */
static void finish(row_t *self, tt_buf_t *out)
{
    tt_buf_t line;
    tt_buf_init(&line);
    for (unsigned rank = PARTS_MAX; rank-- > 0; line.len = 0) {
        join(self, rank, &line);
        if (tt_text_width((const char *)line.data, line.len) < self->progress->columns)
            break;
    }
    tt_buf_append(out, line.data, line.len);
    tt_buf_release(&line);
    for (size_t i = 0; i < self->count; i++)
        tt_buf_release(&self->parts[i].text);
}

/* `2 s`, `3 min 20 s`, `2 h 05 min` */
static void write_seconds(tt_buf_t *out, double seconds)
{
    long whole = seconds > 0 && seconds < longest_s ? (long)seconds : 0;
    if (whole < 100)
        tt_buf_printf(out, "%ld s", whole);
    else if (whole < 3600)
        tt_buf_printf(out, "%ld min %02ld s", whole / 60, whole % 60);
    else
        tt_buf_printf(out, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
}

static void add_bar(row_t *self)
{
    const progress_t *progress = self->progress;
    size_t done = progress->done < progress->total ? progress->done : progress->total;
    if (progress->total == 0)
        return;
    double part = (double)done / (double)progress->total;
    tt_buf_t *bar = add(self, 4, true);
    for (size_t i = 0; i < BAR_CELLS; i++)
        if (i < (size_t)(part * BAR_CELLS))
            tt_buf_printf(bar, "%s", progress->ascii ? "#" : "█");
        else
            tt_buf_printf(bar, "%s", progress->ascii ? "-" : "░");
    tt_buf_printf(add(self, 3, true), "%d %%", (int)(part * 100));
}

static void add_rate(row_t *self)
{
    double rate = self->progress->rate;
    if (!(rate >= 1.0 / 60))
        return;
    if (rate >= 9.95)
        tt_buf_printf(add(self, 5, false), "%.0f/s", rate);
    else if (rate >= 0.95)
        tt_buf_printf(add(self, 5, false), "%.1f/s", rate);
    else
        tt_buf_printf(add(self, 5, false), "%.0f/min", rate * 60);
}

/* How long `left` more take at this rate. */
static void add_left(row_t *self, double left, double rate)
{
    double seconds = rate > 0 ? left / rate : 0;
    if (!(seconds > 0 && seconds < longest_s - 1))
        return;
    tt_buf_t *text = add(self, 2, false);
    write_seconds(text, seconds > (double)(long)seconds ? seconds + 1 : seconds);
    tt_buf_printf(text, " left");
}

static void add_bytes(row_t *self)
{
    const progress_t *progress = self->progress;
    if (progress->bytes >= progress->bytes_total)
        return;
    tt_buf_printf(add(self, 1, false), "%.0f/%.0f MB", (double)progress->bytes / 1e6,
                  (double)progress->bytes_total / 1e6);
    if (progress->bytes_rate > 0)
        tt_buf_printf(add(self, 4, false), "%.1f MB/s", progress->bytes_rate / 1e6);
    add_left(self, (double)(progress->bytes_total - progress->bytes), progress->bytes_rate);
}

static void add_failed(row_t *self)
{
    if (self->progress->failed)
        tt_buf_printf(add(self, 1, false), "%zu failed", self->progress->failed);
}

void progress_items(tt_buf_t *out, const progress_t *progress)
{
    row_t row = {.progress = progress};
    tt_buf_printf(add(&row, 0, false), "%zu/%zu", progress->done, progress->total);
    add_bar(&row);
    add_rate(&row);
    if (progress->done < progress->total)
        add_left(&row, (double)(progress->total - progress->done), progress->rate);
    add_failed(&row);
    finish(&row, out);
}

void progress_engines(tt_buf_t *out, const progress_t *progress, const fold_member_t *missing,
                      size_t count, const label_style_t *style)
{
    row_t row = {.progress = progress};
    tt_buf_printf(add(&row, 0, false), "%zu/%zu engines", progress->done, progress->total);
    write_seconds(add(&row, 3, false), progress->elapsed_s);
    add_bytes(&row);
    if (count) {
        tt_buf_t *text = add(&row, 2, false);
        tt_buf_printf(text, "waiting for ");
        label_names(text, missing, count, style);
    }
    add_failed(&row);
    finish(&row, out);
}

bool progress_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}
