/* `tutti` without a command: the interactive prompt. */
#include "command.h"
#include "identity.h"
#include "keep.h"
#include "notice.h"
#include "prompt.h"
#include "screen.h"
#include "stage.h"
#include "text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `tutti 0.1 · cluster 'default' · 8 Python engines (3.11.2, /usr/bin/python3) · %help ...`, on
 * two lines where one is too short. */
static char *make_banner(const stage_t *stage, const char *there)
{
    char *summary = cluster_summary(stage->session.client);
    char *first = tt_printf("tutti %s · cluster '%s'%s%s · %s", TT_VERSION, stage->dir.name,
                            there ? " on " : "", there ? there : "", summary);
    char *rest = tt_printf("%%help · Ctrl-D leaves%s", stage->own ? " and stops it" : "");
    bool fits = tt_text_width(first, strlen(first)) + 3 + tt_text_width(rest, strlen(rest)) <=
                terminal_columns();
    char *banner = tt_printf("%s%s%s", first, fits ? " · " : "\n", rest);
    free(summary);
    free(first);
    free(rest);
    return banner;
}

/* One for all clusters of the person; no cluster can have this name. */
static char *history_path(const tt_rundir_t *dir)
{
    const char *slash = strrchr(dir->state_dir, '/');
    return tt_printf("%.*s/.history", slash ? (int)(slash - dir->state_dir) : 0,
                     dir->state_dir);
}

static int run(stage_t *stage, const given_t *given)
{
    leave_t leave = LEAVE_ALL;
    prompt_wish_t wish = {.own = stage->own};
    char *banner = make_banner(stage, given->reach.host), *history = history_path(&stage->dir);
    tt_buf_t left;
    tt_buf_init(&left);
    keep_adopt(&stage->session, &left);
    wish.banner = banner;
    wish.notice = left.len > 0 ? tt_buf_text(&left) : NULL;
    wish.history_path = history;
    stage->session.colour = screen_has_colour();
    notice_start(&stage->session);
    int status = prompt_run(&stage->session, &wish, &leave);
    notice_stop();
    if (leave == LEAVE_KEEP)
        stage->own = false;
    if (leave == LEAVE_KEEP || (!stage->own && keep_any(&stage->session)))
        keep_leave(&stage->session);
    tt_buf_release(&left);
    free(banner);
    free(history);
    return status;
}

int command_prompt(given_t *given, int argc, char **argv)
{
    static stage_t stage;
    tt_error_t err;
    (void)argc;
    (void)argv;
    command_terminal_loop();
    terminal_t *terminal = terminal_open(&err);
    if (terminal == NULL)
        return command_complain(3, "%s", err.text);
    int status = stage_open(&stage, given, true, &notice_handlers);
    if (status == 0 || status == 4) {
        stage.session.terminal = terminal;
        status = run(&stage, given);
    }
    status = stage_close(&stage, status);
    terminal_close(&terminal);
    return status;
}
