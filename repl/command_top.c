/* `tutti top`: the live view, by itself. */
#include "command.h"
#include "screen.h"
#include "stage.h"
#include "terminal.h"
#include "top.h"

static int view(const stage_t *stage, const given_t *given)
{
    const session_t *session = &stage->session;
    top_wish_t wish = {.loop = session->loop,
                       .client = session->client,
                       .terminal = session->terminal,
                       .every_s = given->every_s,
                       .colour = screen_has_colour()};
    tt_error_t err;
    if (top_run(&wish, &err) != 0)
        return command_complain(3, "%s", err.text);
    if (top_hung_up())
        return 128 + top_hung_up();
    return session->pressed ? 130 : 0;
}

int command_top(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    terminal_t *terminal = NULL;
    tt_error_t err;
    (void)argv;
    if (command_check_none("top", argc) != 0)
        return 2;
    if (given->every_s == 0)
        return command_complain(2, "--every takes a time above 0");
    if (!given->once && terminal_is_there()) {
        command_terminal_loop();
        terminal = terminal_open(&err);
        if (terminal == NULL)
            return command_complain(3, "%s", err.text);
    }
    int status = stage_open(&stage, given, false, NULL);
    stage.session.terminal = terminal;
    if (status == 0)
        status = view(&stage, given);
    status = stage_close(&stage, status);
    terminal_close(&terminal);
    return status;
}
