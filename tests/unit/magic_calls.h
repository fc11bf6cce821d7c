/* For tests of magics: lines that are wrong use, and what a line has asked of engines. */
#ifndef MAGIC_CALLS_H
#define MAGIC_CALLS_H

#include "prompt.h"

#include "magic.h"

/* Wrong use: status 2, one line on stderr, and no work for anybody. */
#define assert_wrong(line, message)                                                            \
    do {                                                                                       \
        assert_int_equal(run(line), 2);                                                        \
        assert_err(message "\n");                                                              \
        assert_out("");                                                                        \
        assert_null(fake_take(&fake, TT_MSG_SUBMIT));                                          \
        assert_null(session.jobs);                                                             \
    } while (0)

static inline bool text_is(tt_span_t span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.data, text, span.len) == 0;
}

/* The arguments of a SUBMIT, as JSON. Borrowed until the next call. */
static inline const char *arguments(letter_t *letter)
{
    static char text[1024];
    tt_buf_t json;
    tt_buf_init(&json);
    tt_value_json(tt_frames_span(&letter->packet.payload, 0), &json);
    snprintf(text, sizeof text, "%s", tt_buf_text(&json));
    tt_buf_release(&json);
    return text;
}

static inline size_t count_ids(tt_span_t any)
{
    int *ids = NULL;
    int count = tt_ids_read(any, &ids, NULL);
    free(ids);
    return (size_t)count;
}

/* What the last SUBMIT asked of engines: its arguments. */
static inline const char *asked(unsigned op, size_t engines)
{
    letter_t *letter = fake_await(&fake, TT_MSG_SUBMIT);
    assert_int_equal(letter->message.as.submit.op, op);
    assert_int_equal(count_ids(letter->message.as.submit.engines), engines);
    const char *text = arguments(letter);
    letter_free(letter);
    return text;
}

#define assert_asks(line, args)                                                                \
    do {                                                                                       \
        session.number = 0;                                                                    \
        assert_int_equal(run(line), 0);                                                        \
        assert_string_equal(asked(TT_RT_EXECUTE, 2), args);                                    \
    } while (0)

#endif
