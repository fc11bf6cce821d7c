/* tutti config: the settings that hold, written as a file of settings would be, each with the
 * place where it stands. */
#include "command.h"
#include "settings.h"
#include "value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PLACE_COLUMN_MAX = 40 };

/* What is shown of what there is. */
typedef struct {
    const settings_t *settings;
    const char *section; /* NULL: all of them */
    bool all;            /* what is not set, too */
    size_t column;       /* where places are told */
} view_t;

/* `~/.config/tutti/tutti.zpl`; the caller's to free. */
static char *short_path(const char *path)
{
    const char *home = getenv("HOME");
    size_t len = home ? strlen(home) : 0;
    if (len > 1 && strncmp(path, home, len) == 0 && path[len] == '/')
        return tt_printf("~%s", path + len);
    return tt_strdup(path);
}

static bool shows(const view_t *self, const char *section)
{
    return self->section == NULL || strcmp(self->section, section) == 0;
}

/* ---- as text */

static void put_setting(tt_buf_t *out, const setting_t *setting)
{
    tt_buf_printf(out, "    %s = ", setting->option->name);
    zpl_put_value(out, setting->value);
}

static size_t find_column(const view_t *self)
{
    size_t column = 0;
    tt_buf_t line;
    tt_buf_init(&line);
    for (size_t i = 0; i < self->settings->count; i++) {
        line.len = 0;
        put_setting(&line, &self->settings->items[i]);
        if (line.len > column && line.len <= PLACE_COLUMN_MAX &&
            shows(self, self->settings->items[i].section))
            column = line.len;
    }
    tt_buf_release(&line);
    return column + 2;
}

/* `    engines = 64  # profile hpc, ~/.config/tutti/tutti.zpl:31` */
static void write_setting(const view_t *self, const setting_t *setting)
{
    tt_buf_t line;
    char *path = short_path(self->settings->path);
    tt_buf_init(&line);
    put_setting(&line, setting);
    int gap = line.len + 2 < self->column ? (int)(self->column - line.len) : 2;
    tt_buf_printf(&line, "%*s# %s%s%s%s:%u", gap, "", setting->profile ? "profile " : "",
                  setting->profile ? setting->profile : "", setting->profile ? ", " : "", path,
                  setting->line);
    printf("%s\n", tt_buf_text(&line));
    tt_buf_release(&line);
    free(path);
}

static void write_unset(const tt_option_t *option)
{
    printf("    # %s\n    # %s = %s\n", option->help, option->name,
           option->argument ? option->argument : "yes");
}

static void write_section(const view_t *self, const char *section)
{
    bool begun = false;
    for (const tt_option_t *row = settings_options(section); row->name; row++) {
        bool set = settings_find(self->settings, section, row->name);
        if (!settings_takes(row) || !(set || self->all))
            continue;
        if (!begun)
            printf("%s\n", section);
        begun = true;
        if (!set)
            write_unset(row);
        for (size_t i = 0; i < self->settings->count; i++)
            if (self->settings->items[i].option == row)
                write_setting(self, &self->settings->items[i]);
    }
}

/* `# ~/.config/tutti/tutti.zpl, profile hpc (TUTTI_PROFILE)` */
static void write_head(const settings_t *settings)
{
    char *path = settings->path ? short_path(settings->path) : NULL;
    printf("# %s%s", path ? path : "there is no HOME, so no file",
           path && !settings->there ? " is not there" : "");
    if (settings->profile)
        printf(", profile %s%s", settings->profile,
               settings->profile_from_env ? " (environment TUTTI_PROFILE)" : "");
    for (size_t i = 0; i < settings->profiles.count; i++)
        printf("%s%s", i ? ", " : "\n# profiles: ", settings->profiles.items[i]);
    printf("\n");
    free(path);
}

static void write_text(const view_t *self)
{
    const char *section;
    write_head(self->settings);
    for (size_t i = 0; (section = settings_section(i)); i++)
        if (shows(self, section))
            write_section(self, section);
    if (self->settings->count == 0 && !self->all)
        printf("# nothing is set; tutti config --all tells what can be\n");
}

/* ---- as JSON */

static void put_text(tt_buf_t *out, const char *name, const char *text)
{
    tt_buf_printf(out, "\"%s\":", name);
    if (text)
        tt_json_text(out, text, strlen(text));
    else
        tt_buf_printf(out, "null");
}

/* One option: what is set, or (`setting` NULL) what it is by default, in the words of its help.
 */
static void put_option(tt_buf_t *out, const settings_t *settings, const char *section,
                       const tt_option_t *option, const setting_t *setting)
{
    const char *open = strrchr(option->help, '('), *close = open ? strchr(open, ')') : NULL;
    char *normal = close ? tt_strndup(open + 1, (size_t)(close - open - 1)) : NULL;
    char *place = setting ? tt_printf("%s:%u", settings->path, setting->line) : NULL;
    tt_buf_printf(out, "%s{", out->data[out->len - 1] == '[' ? "" : ",");
    put_text(out, "command", section);
    tt_buf_printf(out, ",");
    put_text(out, "option", option->name);
    tt_buf_printf(out, ",");
    put_text(out, "value", setting ? setting->value : NULL);
    tt_buf_printf(out, ",");
    put_text(out, "default", normal);
    tt_buf_printf(out, ",");
    put_text(out, "from", setting ? place : "default");
    tt_buf_printf(out, ",");
    put_text(out, "profile", setting ? setting->profile : NULL);
    tt_buf_printf(out, "}");
    free(normal);
    free(place);
}

static void put_section(tt_buf_t *out, const view_t *self, const char *section)
{
    const settings_t *settings = self->settings;
    for (const tt_option_t *row = settings_options(section); row->name; row++) {
        for (size_t i = 0; i < settings->count; i++)
            if (settings->items[i].option == row)
                put_option(out, settings, section, row, &settings->items[i]);
        if (self->all && settings_takes(row) && !settings_find(settings, section, row->name))
            put_option(out, settings, section, row, NULL);
    }
}

static void write_json(const view_t *self, const char *error)
{
    const settings_t *settings = self->settings;
    const char *section;
    tt_buf_t out;
    tt_buf_init(&out);
    tt_buf_printf(&out, "{\"schema\":1,");
    put_text(&out, "path", settings->path);
    tt_buf_printf(&out, ",\"exists\":%s,", settings->there ? "true" : "false");
    put_text(&out, "profile", settings->profile);
    tt_buf_printf(&out, ",");
    put_text(&out, "profile_from",
             !settings->profile           ? NULL
             : settings->profile_from_env ? "TUTTI_PROFILE"
                                          : "--profile");
    tt_buf_printf(&out, ",\"profiles\":[");
    for (size_t i = 0; i < settings->profiles.count; i++) {
        tt_buf_printf(&out, "%s", i ? "," : "");
        tt_json_text(&out, settings->profiles.items[i], strlen(settings->profiles.items[i]));
    }
    tt_buf_printf(&out, "],");
    put_text(&out, "error", error);
    tt_buf_printf(&out, ",\"settings\":[");
    for (size_t i = 0; (section = settings_section(i)) && error == NULL; i++)
        if (shows(self, section))
            put_section(&out, self, section);
    printf("%s]}\n", tt_buf_text(&out));
    tt_buf_release(&out);
}

/* ---- the command */

static int check_section(const char *name)
{
    const char *names[64], *section;
    size_t count = 0;
    for (; count < 64 && (section = settings_section(count)); count++) {
        names[count] = section;
        if (strcmp(section, name) == 0)
            return 0;
    }
    const char *close = tt_closest(name, names, count);
    return command_complain(2, "config: '%s' has no settings%s%s%s", name,
                            close ? "; did you mean " : "", close ? close : "",
                            close ? "?" : "");
}

static int show(const given_t *given, const view_t *view, int wrong, const char *error)
{
    const settings_t *settings = view->settings;
    if (given->path && settings->path)
        printf("%s\n", settings->path);
    else if (given->profiles)
        for (size_t i = 0; i < settings->profiles.count; i++)
            printf("%s\n", settings->profiles.items[i]);
    else if (given->json)
        write_json(view, wrong ? error : NULL);
    else if (wrong)
        write_head(settings);
    else
        write_text(view);
    return wrong && !given->path ? command_complain(2, "%s", error) : 0;
}

int command_config(given_t *given, int argc, char **argv)
{
    settings_t settings;
    tt_error_t err;
    if (argc > 1)
        return command_complain(2, "config takes one command at most");
    if (argc == 1 && check_section(argv[0]) != 0)
        return 2;
    int wrong = settings_init(&settings, given->profile, &err);
    if (!wrong && !given->no_settings)
        wrong = settings_read(&settings, &err);
    view_t view = {&settings, argc == 1 ? argv[0] : NULL, given->all, 0};
    view.column = find_column(&view);
    int status = show(given, &view, wrong, err.text);
    settings_release(&settings);
    return status;
}
