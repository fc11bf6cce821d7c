/* What it takes to fold failures that all have another message: `bench_fold COUNT` prints the
 * milliseconds until their text is there; `bench_fold COUNT sort` those of sorting the
 * messages, for comparison. Called by tests/bench/run. */
#include "render.h"
#include "runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { COUNT_MAX = 1000000 };

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static tt_span_t span_of(const char *text)
{
    return (tt_span_t){(const uint8_t *)text, strlen(text)};
}

static void fail(answer_t *answer, int item)
{
    answer_init(answer);
    answer->job = 1;
    answer->item = item;
    answer->engine = item % 200;
    answer->status = TT_STATUS_ERROR;
    answer->error.type = span_of("ValueError");
    answer->error.message = span_of(tt_printf("bad row %d of %x", item, item * 2654435761u));
    answer->error.traceback = span_of(tt_printf(
        "Traceback (most recent call last):\n  File \"<cell>\", line 12, in clean\n    raise "
        "ValueError(f'bad row {row}')\nValueError: bad row %d\n",
        item));
    answer->error.function = span_of("clean");
    answer->error.file = span_of("<cell>");
    answer->error.line = 12;
}

static int by_message(const void *a, const void *b)
{
    const answer_t *x = a, *y = b;
    return strcmp((const char *)x->error.message.data, (const char *)y->error.message.data);
}

int main(int argc, char **argv)
{
    int count = argc > 1 ? atoi(argv[1]) : 0;
    if (count < 1 || count > COUNT_MAX) {
        fprintf(stderr, "usage: bench_fold COUNT [sort]\n");
        return 2;
    }
    answer_t *answers = tt_alloc((size_t)count * sizeof *answers);
    for (int i = 0; i < count; i++)
        fail(&answers[i], i);
    render_style_t style = {.label = {1, (size_t)count, false, true}, .engines = 200};
    tt_buf_t out, err;
    tt_buf_init(&out);
    tt_buf_init(&err);
    double began = now_ms();
    if (argc > 2)
        qsort(answers, (size_t)count, sizeof *answers, by_message);
    else if (render_job(answers, (size_t)count, &style, &out, &err) != (size_t)count)
        return 1;
    printf("%.3f\n", now_ms() - began);
    fprintf(stderr, "%s", tt_buf_text(&err));
    return 0;
}
