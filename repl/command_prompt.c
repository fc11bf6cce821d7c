/* `tutti` without a command: the interactive prompt. */
#include "command.h"
#include "identity.h"
#include "keep.h"
#include "magic.h"
#include "notice.h"
#include "prompt.h"
#include "screen.h"
#include "settings.h"
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

/* ---- the settings of the prompt */

static bool is_of_targets(const char *option)
{
    return strcmp(option, "targets") == 0 || strcmp(option, "exclude") == 0;
}

static const words_option_t *find_option(const magic_t *magic, const char *name)
{
    for (size_t i = 0; i < magic->option_count; i++)
        if (strcmp(magic->options[i].name, name) == 0)
            return &magic->options[i];
    return NULL;
}

/* As if it had been typed: %pxconfig with the options that name targets, or with all others.
 * Messages tell where the targets stand, else the first of them. */
static int configure_by(session_t *session, const settings_t *settings, bool targets)
{
    const magic_t *magic = magic_find("pxconfig");
    words_choice_t *choices = tt_alloc((settings->count + 1) * sizeof *choices);
    size_t count = 0;
    for (size_t i = 0; i < settings->count; i++) {
        const setting_t *setting = &settings->items[i];
        const char *name = setting->option->name;
        if (strcmp(setting->section, "prompt") != 0 || setting_is_off(setting) ||
            is_of_targets(name) != targets)
            continue;
        if (count == 0 || strcmp(name, "targets") == 0)
            session->line = setting->line;
        choices[count++] =
            (words_choice_t){find_option(magic, name), (char *)(uintptr_t)setting->value};
    }
    const statement_t statement = {.kind = STATEMENT_MAGIC};
    const magic_call_t call = {&statement, "", {choices, count, ""}, "", magic};
    int status = count > 0 ? magic->run(session, &call) : 0;
    free(choices);
    return status;
}

/* Targets that are not there stay what is meant, so that nothing runs elsewhere. */
static void configure(session_t *session, const settings_t *settings)
{
    const setting_t *targets = settings_find(settings, "prompt", "targets");
    session->file = settings->path ? settings->path : "";
    configure_by(session, settings, false);
    if (configure_by(session, settings, true) != 0 && targets) {
        free(session->targets);
        session->targets = tt_strdup(targets->value);
    }
    session->file = "";
    session->line = 0;
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
    configure(&stage->session, given->settings);
    if (given->draw) /* the line wins */
        draw_find(given->draw, &stage->session.px.draw, NULL);
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
