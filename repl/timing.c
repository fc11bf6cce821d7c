/* Durations and speed-up in words. */
#include "timing.h"

#include <math.h>

static double sane(double seconds)
{
    return isfinite(seconds) && seconds > 0 ? seconds : 0;
}

void timing_duration(tt_buf_t *out, double seconds)
{
    seconds = sane(seconds);
    long whole = seconds < 1e15 ? (long)(seconds + 0.5) : 0;
    if (seconds < 0.995)
        tt_buf_printf(out, "%.2f s", seconds);
    else if (seconds < 99.95)
        tt_buf_printf(out, "%.1f s", seconds);
    else if (whole < 1000)
        tt_buf_printf(out, "%ld s", whole);
    else if (whole < 3600)
        tt_buf_printf(out, "%ld min %02ld s", whole / 60, whole % 60);
    else
        tt_buf_printf(out, "%ld h %02ld min", whole / 3600, whole % 3600 / 60);
}

/* The same, where parts of a second matter. */
static void write_fine(tt_buf_t *out, double seconds)
{
    seconds = sane(seconds);
    if (seconds < 0.9995)
        tt_buf_printf(out, "%.1f ms", seconds * 1e3);
    else
        timing_duration(out, seconds);
}

static void write_cell(tt_buf_t *out, double seconds)
{
    tt_buf_t text;
    tt_buf_init(&text);
    write_fine(&text, seconds);
    tt_buf_printf(out, "%12s", tt_buf_text(&text));
    tt_buf_release(&text);
}

static void write_row(tt_buf_t *out, const char *name, const timing_spread_t *spread,
                      size_t parts, const char *where)
{
    if (parts == 0)
        return;
    tt_buf_printf(out, "%-10s", name);
    write_cell(out, spread->least_s);
    write_cell(out, spread->sum_s / (double)parts);
    write_cell(out, spread->most_s);
    tt_buf_printf(out, "   %s\n", where);
}

void timing_spread_add(timing_spread_t *self, size_t before, double seconds)
{
    seconds = sane(seconds);
    self->sum_s += seconds;
    if (before == 0 || seconds < self->least_s)
        self->least_s = seconds;
    if (seconds > self->most_s)
        self->most_s = seconds;
}

void timing_table(tt_buf_t *out, const timing_split_t *split)
{
    if (split->parts == 0)
        return;
    tt_buf_printf(out, "%-10s%12s%12s%12s\n", "", "least", "mean", "most");
    write_row(out, "queued", &split->queued, split->parts, "at the controller");
    write_row(out, "waited", &split->waited, split->parts, "at its host");
    write_row(out, "ran", &split->ran, split->parts, "in user code");
    write_row(out, "moved", &split->moved, split->moved_parts, "there and back");
}

static void write_items(tt_buf_t *out, const timing_t *timing)
{
    size_t items = timing->items - timing->kept;
    tt_buf_printf(out, "%zu item%s · ", items, items == 1 ? "" : "s");
    timing_duration(out, timing->elapsed_s);
}

/* 0 when nothing was won. */
static double speed_up(const timing_t *timing)
{
    double elapsed = sane(timing->elapsed_s), serial = sane(timing->serial_s);
    return elapsed > 0 && serial >= elapsed ? serial / elapsed : 0;
}

static void write_speed_up(tt_buf_t *out, double factor)
{
    tt_buf_printf(out, factor < 99.95 ? " · speed-up %.1fx" : " · speed-up %.0fx", factor);
}

void timing_line(tt_buf_t *out, const timing_t *timing)
{
    write_items(out, timing);
    tt_buf_printf(out, " · serial ");
    timing_duration(out, timing->serial_s);
    double factor = speed_up(timing);
    if (factor > 0)
        write_speed_up(out, factor);
    else
        tt_buf_printf(out, ": serial would have been faster");
}

void timing_parts(tt_buf_t *out, const timing_t *timing)
{
    size_t bad = timing->failed + timing->stopped + timing->unstarted;
    tt_buf_printf(out, "%zu done", timing->items > bad ? timing->items - bad : 0);
    if (timing->failed)
        tt_buf_printf(out, ", %zu failed", timing->failed);
    if (timing->stopped)
        tt_buf_printf(out, ", %zu stopped", timing->stopped);
    if (timing->unstarted)
        tt_buf_printf(out, ", %zu not started", timing->unstarted);
}

static void write_map(tt_buf_t *out, const timing_t *timing, size_t bad)
{
    if (bad) {
        timing_parts(out, timing);
        tt_buf_printf(out, " · ");
        timing_duration(out, timing->elapsed_s);
        return;
    }
    tt_buf_printf(out, "done · ");
    write_items(out, timing);
    double factor = speed_up(timing);
    if (factor > 0)
        write_speed_up(out, factor);
}

static void write_engines(tt_buf_t *out, const timing_t *timing, size_t bad)
{
    tt_buf_printf(out, "%s · ", timing->failed ? "failed" : bad ? "stopped" : "done");
    if (bad && timing->items > 1)
        tt_buf_printf(out, "%zu of %zu engines · ", bad, timing->items);
    timing_duration(out, timing->elapsed_s);
}

void timing_done(tt_buf_t *out, int job, const timing_t *timing)
{
    size_t bad = timing->failed + timing->stopped + timing->unstarted;
    tt_buf_printf(out, "[%d] ", job);
    if (timing->map)
        write_map(out, timing, bad);
    else
        write_engines(out, timing, bad);
}
