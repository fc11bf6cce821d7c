/* Pictures of when engines worked. See timeline.h. */
#include "timeline.h"

#include "text.h"
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 16, NOTE_COLUMNS = 16, WIDTH_MIN = 10, WIDTH_MAX = 200 };

static int by_engine(const void *a, const void *b)
{
    const timeline_span_t *x = a, *y = b;
    if (x->engine != y->engine)
        return (x->engine > y->engine) - (x->engine < y->engine);
    return (x->start_s > y->start_s) - (x->start_s < y->start_s);
}

/* The first span of the next engine. */
static size_t engine_end(const timeline_span_t *spans, size_t count, size_t at)
{
    size_t end = at;
    while (end < count && spans[end].engine == spans[at].engine)
        end++;
    return end;
}

static size_t count_engines(const timeline_span_t *spans, size_t count)
{
    size_t engines = 0;
    for (size_t at = 0; at < count; at = engine_end(spans, count, at))
        engines++;
    return engines;
}

/* ---- on a terminal */

typedef struct {
    const timeline_span_t *spans; /* of the row's engines */
    size_t count, engines;
} row_t;

/* How much of the time from `from` to `to` they worked, of one. */
static double busy(const row_t *row, double from, double to)
{
    double sum = 0;
    for (size_t i = 0; i < row->count; i++) {
        double start = row->spans[i].start_s > from ? row->spans[i].start_s : from;
        double end = row->spans[i].end_s < to ? row->spans[i].end_s : to;
        sum += end > start ? end - start : 0;
    }
    return to > from ? sum / ((to - from) * (double)row->engines) : 0;
}

static bool failed_within(const row_t *row, double from, double to)
{
    for (size_t i = 0; i < row->count; i++)
        if (row->spans[i].failed && row->spans[i].end_s > from && row->spans[i].end_s <= to)
            return true;
    return false;
}

const char *timeline_bar(double share, bool ascii)
{
    static const char *const heights[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", ":", "o", "o", "O", "#"};
    int height = share <= 0 ? 0 : share >= 1 ? 8 : 1 + (int)(share * 7.999);
    return ascii ? plain[height] : heights[height];
}

static void draw_bar(const row_t *row, double total_s, size_t width, bool ascii, tt_buf_t *out)
{
    for (size_t i = 0; i < width; i++) {
        double from = total_s * (double)i / (double)width;
        double to = total_s * (double)(i + 1) / (double)width, share = busy(row, from, to);
        bool failed = failed_within(row, i == 0 ? -1 : from, to);
        tt_buf_printf(out, "%s", failed ? "x" : timeline_bar(share, ascii));
    }
}

/* `3`, `web03`, `4-7` */
static void write_label(const row_t *row, char label[LABEL_MAX + 1])
{
    int first = row->spans[0].engine, last = row->spans[row->count - 1].engine;
    tt_buf_t safe;
    tt_buf_init(&safe);
    if (row->engines == 1 && row->spans[0].host)
        tt_text_escape(&safe, row->spans[0].host, strlen(row->spans[0].host));
    else if (row->engines == 1)
        tt_buf_printf(&safe, "%d", first);
    else
        tt_buf_printf(&safe, "%d-%d", first, last);
    snprintf(label, LABEL_MAX + 1, "%s", tt_buf_text(&safe));
    tt_buf_release(&safe);
}

/* Fills in the rows, `TIMELINE_ROWS` at most; returns how many. */
static size_t make_rows(const timeline_span_t *spans, size_t count, row_t *rows)
{
    size_t engines = count_engines(spans, count), made = 0;
    size_t each = (engines + TIMELINE_ROWS - 1) / TIMELINE_ROWS;
    for (size_t at = 0; at < count; made++) {
        rows[made] = (row_t){spans + at, 0, 0};
        for (size_t start = at; at < count && rows[made].engines < each;) {
            at = engine_end(spans, count, at);
            rows[made].engines++;
            rows[made].count = at - start;
        }
    }
    return made;
}

static void draw_axis(size_t label_width, size_t width, double total_s, tt_buf_t *out)
{
    tt_buf_t end;
    tt_buf_init(&end);
    timing_duration(&end, total_s);
    size_t gap = width > 3 + end.len ? width - 3 - end.len : 1;
    tt_buf_printf(out, "%*s  0 s%*s%s\n", (int)label_width, "", (int)gap, "",
                  tt_buf_text(&end));
    tt_buf_release(&end);
}

void timeline_show(timeline_span_t *spans, size_t count, double total_s, size_t columns,
                   bool ascii, tt_buf_t *out)
{
    row_t rows[TIMELINE_ROWS];
    char labels[TIMELINE_ROWS][LABEL_MAX + 1];
    size_t label_width = 0;
    if (count == 0)
        return;
    qsort(spans, count, sizeof *spans, by_engine);
    size_t made = make_rows(spans, count, rows);
    for (size_t i = 0; i < made; i++) {
        write_label(&rows[i], labels[i]);
        label_width = strlen(labels[i]) > label_width ? strlen(labels[i]) : label_width;
    }
    size_t taken = label_width + 2 + NOTE_COLUMNS;
    size_t width = columns > taken + WIDTH_MIN ? columns - taken : WIDTH_MIN;
    width = width > WIDTH_MAX ? WIDTH_MAX : width;
    for (size_t i = 0; i < made; i++) {
        tt_buf_printf(out, "%-*s  ", (int)label_width, labels[i]);
        draw_bar(&rows[i], total_s, width, ascii, out);
        tt_buf_printf(out, "  %3.0f %% %s %zu\n", 100 * busy(&rows[i], 0, total_s),
                      ascii ? "-" : "·", rows[i].count);
    }
    draw_axis(label_width, width, total_s, out);
}

/* ---- as a picture */

enum { LEFT = 90, WIDTH = 1000, ROW = 18, TOP = 40, BOTTOM = 30 };

static void write_xml(const char *text, tt_buf_t *out)
{
    for (; *text; text++) {
        if (*text == '<')
            tt_buf_printf(out, "&lt;");
        else if (*text == '&')
            tt_buf_printf(out, "&amp;");
        else if ((unsigned char)*text >= ' ' || *text == '\t')
            tt_buf_append(out, text, 1);
        else
            tt_buf_printf(out, " ");
    }
}

static void draw_engine(const timeline_span_t *spans, size_t count, size_t row, double total_s,
                        tt_buf_t *out)
{
    size_t y = TOP + row * ROW;
    tt_buf_printf(out, "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">", LEFT - 8, y + ROW - 6);
    if (spans[0].host)
        write_xml(spans[0].host, out);
    else
        tt_buf_printf(out, "%d", spans[0].engine);
    tt_buf_printf(out, "</text>\n");
    for (size_t i = 0; i < count; i++) {
        double x = spans[i].start_s / total_s * WIDTH;
        double width = (spans[i].end_s - spans[i].start_s) / total_s * WIDTH;
        tt_buf_printf(out,
                      "<rect x=\"%.2f\" y=\"%zu\" width=\"%.2f\" height=\"%d\" fill=\"%s\">"
                      "<title>%.6f s to %.6f s</title></rect>\n",
                      LEFT + x, y + 1, width > 0.5 ? width : 0.5, ROW - 2,
                      spans[i].failed ? "#c0392b"
                      : i % 2         ? "#2e86c1"
                                      : "#5dade2",
                      spans[i].start_s, spans[i].end_s);
    }
}

void timeline_svg(timeline_span_t *spans, size_t count, double total_s, const char *title,
                  tt_buf_t *out)
{
    size_t rows, row = 0;
    tt_buf_t end;
    qsort(spans, count, sizeof *spans, by_engine);
    rows = count_engines(spans, count);
    total_s = total_s > 0 ? total_s : 1;
    tt_buf_printf(out,
                  "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%zu\" "
                  "font-family=\"sans-serif\" font-size=\"12\">\n"
                  "<text x=\"%d\" y=\"20\">",
                  LEFT + WIDTH + 20, TOP + rows * ROW + BOTTOM, LEFT);
    write_xml(title, out);
    tt_buf_printf(out, "</text>\n");
    for (size_t at = 0, next; at < count; at = next) {
        next = engine_end(spans, count, at);
        draw_engine(spans + at, next - at, row++, total_s, out);
    }
    tt_buf_init(&end);
    timing_duration(&end, total_s);
    tt_buf_printf(out,
                  "<text x=\"%d\" y=\"%zu\">0 s</text>\n"
                  "<text x=\"%d\" y=\"%zu\" text-anchor=\"end\">%s</text>\n</svg>\n",
                  LEFT, TOP + rows * ROW + 18, LEFT + WIDTH, TOP + rows * ROW + 18,
                  tt_buf_text(&end));
    tt_buf_release(&end);
}
