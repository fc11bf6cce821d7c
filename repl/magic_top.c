/* `%top`: the live view, on the terminal of the prompt. */
#include "magic.h"
#include "option.h"
#include "screen.h"
#include "top.h"

#include <string.h>

static int read_every(session_t *session, const char *text, double *every_s)
{
    if (text == NULL)
        return 0;
    if (tt_seconds(text, every_s) != 0 || !(*every_s >= TOP_EVERY_MIN_S) ||
        *every_s > TOP_EVERY_MAX_S)
        return session_complain(session, "%top", 2, "--every takes %g to %g seconds, not '%s'",
                                TOP_EVERY_MIN_S, (double)TOP_EVERY_MAX_S, text);
    return 0;
}

int magic_top(session_t *session, const magic_call_t *call)
{
    tt_error_t err;
    bool once = words_has(&call->words, "once");
    top_wish_t wish = {.loop = session->loop,
                       .client = session->client,
                       .terminal = once ? NULL : session->terminal,
                       .every_s = 1,
                       .colour = session->colour};
    if (call->rest[strspn(call->rest, " \t\n")])
        return session_complain(session, "%top", 2, "takes options only");
    int status = read_every(session, words_value(&call->words, "every"), &wish.every_s);
    if (status != 0)
        return status;
    if (top_run(&wish, &err) != 0)
        return session_complain(session, "%top", 3, "%s", err.text);
    return 0;
}
