/* libFuzzer target: any body of a RESULT becomes an answer that can be shown and written as
 * JSON. */
#include "answer.h"
#include "render.h"
#include "report_json.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ANSWERS = 3 };

static void show(answer_t *answers)
{
    const render_style_t style = {.label = {.job = 5, .total = ANSWERS},
                                  .engines = ANSWERS,
                                  .colour = true,
                                  .terminal = true};
    tt_buf_t out, err;
    tt_buf_init(&out);
    tt_buf_init(&err);
    render_job(answers, ANSWERS, &style, &out, &err);
    report_json(&out, &answers[0]);
    tt_buf_release(&out);
    tt_buf_release(&err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    answer_t answers[ANSWERS];
    for (int i = 0; i < ANSWERS; i++) {
        answer_init(&answers[i]);
        answers[i].engine = i;
        answers[i].status = data[0] >> i & 3;
        size_t cut = i < 2 ? 1 + data[1] % (size - 1) : 1;
        answers[i].out = (tt_span_t){data + cut, size - cut};
        if (answer_read(&answers[i], (tt_span_t){data + 2, size - 2}, NULL) == -1)
            answers[i].repr = answers[i].error.type = answers[i].out;
    }
    show(answers);
    return 0;
}
