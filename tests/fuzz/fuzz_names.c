/* libFuzzer target: the cache of names. The input is the arguments of a COMPLETE and the body
 * that a runtime answered, one after the other; whatever they are, what is kept stays within
 * its bounds and answers are well formed. */
#include "names.h"

#include "read.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static names_t names;
    static unsigned runs;
    tt_reader_t reader = tt_reader((tt_span_t){data, size});
    tt_span_t args, body;
    tt_error_t err;
    tt_buf_t answer = {0};
    if (tt_read_raw(&reader, &args) != 0)
        return 0;
    body = (tt_span_t){reader.at, (size_t)(reader.end - reader.at)};
    names_learn(&names, args, body);
    if (names.entry_count > NAMES_ENTRIES_MAX)
        abort();
    if (names_answer(&names, args, &answer) &&
        tt_validate((tt_span_t){answer.data, answer.len}, &tt_limits_value, &err) != 0)
        abort();
    tt_buf_release(&answer);
    if (++runs % 64 == 0)
        names_release(&names);
    else if (runs % 8 == 0)
        names_forget(&names);
    return 0;
}
