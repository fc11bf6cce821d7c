/* libFuzzer target: headers of the wire. Whatever reads as a message must read back the same
 * after it was packed; lists of engines are read from every field that may hold one. */
#include "message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_lists(const tt_message_t *message)
{
    const tt_span_t lists[] = {message->as.submit.engines, message->as.hello.engines};
    unsigned types[] = {TT_MSG_SUBMIT, TT_MSG_HELLO};
    for (size_t i = 0; i < 2; i++) {
        int *ids = NULL;
        bool all = false;
        if (message->type == types[i] && tt_ids_read(lists[i], &ids, &all) >= 0)
            free(ids);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    tt_message_t message, again;
    tt_error_t err = {0};
    if (tt_message_read(&message, (tt_span_t){data, size}, &err) != 0) {
        if (err.text[0] == 0)
            abort();
        return 0;
    }
    if (tt_message_info(message.type) == NULL)
        abort();
    read_lists(&message);
    tt_buf_t once, twice;
    tt_buf_init(&once);
    tt_buf_init(&twice);
    tt_message_pack(&once, &message);
    if (tt_message_read(&again, (tt_span_t){once.data, once.len}, &err) != 0 ||
        again.type != message.type || again.id != message.id)
        abort();
    tt_message_pack(&twice, &again);
    if (once.len != twice.len || memcmp(once.data, twice.data, once.len) != 0)
        abort();
    tt_buf_release(&once);
    tt_buf_release(&twice);
    return 0;
}
