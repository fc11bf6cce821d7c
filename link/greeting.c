/* Greetings of ZMTP. See greeting.h. */
#include "greeting.h"

#include <string.h>
#include <strings.h>

/* What stands where in the 64 bytes of the greeting, and in the two before the READY's body: a
 * short command. Other bytes may be what they like. */
enum { SIGNATURE = 0, SIGNATURE_END = 9, REVISION = 10, MECHANISM = 12, MECHANISM_LEN = 20 };
enum { FLAGS = GREETING_LEN, SIZE = GREETING_LEN + 1, BODY = GREETING_LEN + 2, COMMAND = 0x04 };

static bool may_stand(size_t at, uint8_t byte)
{
    static const uint8_t mechanism[MECHANISM_LEN] = "NULL";
    switch (at) {
    case SIGNATURE:
        return byte == 0xff;
    case SIGNATURE_END:
        return byte == 0x7f;
    case REVISION:
        return byte >= 3;
    case FLAGS:
        return byte == COMMAND;
    default:
        return at < MECHANISM || at >= MECHANISM + MECHANISM_LEN ||
               byte == mechanism[at - MECHANISM];
    }
}

static bool take(tt_span_t *from, size_t len, tt_span_t *into)
{
    if (from->len < len)
        return false;
    *into = (tt_span_t){from->data, len};
    from->data += len;
    from->len -= len;
    return true;
}

/* A length of one byte and a name. */
static bool take_name(tt_span_t *from, tt_span_t *name)
{
    tt_span_t len;
    return take(from, 1, &len) && take(from, len.data[0], name);
}

/* A length of four bytes and a value. */
static bool take_value(tt_span_t *from, tt_span_t *value)
{
    tt_span_t len;
    if (!take(from, 4, &len))
        return false;
    const uint8_t *at = len.data;
    return take(from, (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3],
                value);
}

static bool is(tt_span_t name, const char *text)
{
    return name.len == strlen(text) &&
           strncasecmp((const char *)name.data, text, name.len) == 0;
}

/* A READY whose properties name no routing id. */
static bool is_ready(tt_span_t body)
{
    tt_span_t name, value;
    if (!take_name(&body, &name) || !is(name, "READY"))
        return false;
    while (body.len > 0)
        if (!take_name(&body, &name) || !take_value(&body, &value) ||
            (is(name, "Identity") && value.len > 0))
            return false;
    return true;
}

static bool is_whole(const greeting_t *self)
{
    return self->len >= BODY && self->len == BODY + (size_t)self->bytes[SIZE];
}

bool greeting_allows(greeting_t *self, tt_span_t bytes)
{
    for (size_t i = 0; i < bytes.len && !self->whole && !self->bad; i++) {
        self->bad = self->len < BODY && !may_stand(self->len, bytes.data[i]);
        self->bytes[self->len++] = bytes.data[i];
        self->whole = is_whole(self);
        if (self->whole)
            self->bad |= !is_ready((tt_span_t){self->bytes + BODY, self->bytes[SIZE]});
    }
    return !self->bad;
}
