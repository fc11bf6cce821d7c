/* libFuzzer target: any bytes as a picture of each kind, and as the displays of an answer. */
#include "figure.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_span_t bytes = {data, size};
    for (const picture_kind_t *kind = picture_kinds; kind->mime; kind++) {
        picture_t picture;
        bool good = picture_read(&picture, kind, bytes) == 0;
        if (good && (picture.width >= PICTURE_SIDE_MAX || picture.height >= PICTURE_SIDE_MAX))
            abort();
    }
    answer_t answer;
    tt_error_t err;
    answer_init(&answer);
    if (answer_read(&answer, bytes, &err) == 0)
        figure_is_there(&answer, 1);
    return 0;
}
