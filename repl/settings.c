/* Settings. See settings.h. Called by main.c for every command that they matter to, and by
 * `tutti config`. */
#include "settings.h"

#include "groups.h"
#include "interpreter.h"
#include "magic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT_LIMIT = 64 << 10, NAMES_MAX = 64 };

static const char prompt_section[] = "prompt", profile_section[] = "profile";

/* ---- what there can be */

/* These tell what a command is to do, each time anew; and a program goes with the language that
 * is told with it. */
static const char *const never[] = {"help", "profile", "name",    "on",     "all", "file",
                                    "as",   "hosts",   "program", "follow", "once"};

bool settings_takes(const tt_option_t *option)
{
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (option->name == NULL || strcmp(never[i], option->name) == 0)
            return false;
    return true;
}

static bool takes_any(const tt_option_t *options)
{
    for (; options->name; options++)
        if (settings_takes(options))
            return true;
    return false;
}

/* `tutti config` must tell what is wrong, so it has none. */
bool settings_concern(const char *command)
{
    const tt_option_t *options = settings_options(command);
    return options && takes_any(options) && strcmp(command, "config") != 0;
}

/* %pxconfig's options, as a table like those of commands. */
static const tt_option_t *prompt_options(void)
{
    static tt_option_t table[NAMES_MAX];
    const magic_t *magic = magic_find("pxconfig");
    for (size_t i = 0; i < magic->option_count && i + 1 < NAMES_MAX; i++) {
        const words_option_t *row = &magic->options[i];
        table[i] = (tt_option_t){.letter = row->letter, .name = row->name, .help = row->help};
        table[i].argument = row->takes_value ? "VALUE" : NULL;
        table[i].kind = row->takes_value ? TT_OPTION_TEXT : TT_OPTION_FLAG;
    }
    return table;
}

const tt_option_t *settings_options(const char *section)
{
    if (strcmp(section, prompt_section) == 0)
        return prompt_options();
    for (const command_t *row = commands; row->name; row++)
        if (strcmp(row->name, section) == 0)
            return row->options;
    return NULL;
}

const char *settings_section(size_t index)
{
    const command_t *row = commands;
    for (; row->name; row++)
        if (settings_concern(row->name) && index-- == 0)
            return row->name;
    return index == 0 ? prompt_section : NULL;
}

/* ---- the file */

static char *find_path(tt_error_t *err)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    *err = (tt_error_t){0};
    if (xdg && *xdg && *xdg != '/')
        return tt_error_null(err, "XDG_CONFIG_HOME='%.200s' is not an absolute path", xdg);
    if (xdg && *xdg)
        return tt_printf("%s/tutti/tutti.zpl", xdg);
    return home && *home ? tt_printf("%s/.config/tutti/tutti.zpl", home) : NULL;
}

int settings_init(settings_t *self, const char *told, tt_error_t *err)
{
    const char *named = getenv("TUTTI_PROFILE");
    *self = (settings_t){.profile_from_env = told == NULL && named && *named};
    told = told ? told : named;
    self->profile = told && *told ? tt_strdup(told) : NULL;
    self->path = find_path(err);
    return err->text[0] ? -1 : 0;
}

void settings_release(settings_t *self)
{
    zpl_release(&self->text);
    tt_texts_release(&self->profiles);
    free(self->items);
    free(self->profile);
    free(self->path);
    *self = (settings_t){0};
}

/* Settings name programs that are run, so whoever can write them can run code as us. */
static int check_file(const char *path, int fd, tt_error_t *err)
{
    struct stat found;
    if (fstat(fd, &found) != 0)
        return tt_error_set(err, "cannot read '%.300s': %s", path, strerror(errno));
    if (!S_ISREG(found.st_mode))
        return tt_error_set(err, "'%.300s' is not a file", path);
    if (found.st_uid != geteuid() && found.st_uid != 0)
        return tt_error_set(err, "'%.300s' is not read: it belongs to another user", path);
    if (found.st_mode & (S_IWGRP | S_IWOTH))
        return tt_error_set(
            err, "'%.200s' is not read, as others can write it: chmod go-w %.200s", path, path);
    return 0;
}

static int read_all(const char *path, int fd, tt_buf_t *text, tt_error_t *err)
{
    ssize_t got;
    while ((got = read(fd, tt_buf_reserve(text, TEXT_LIMIT), TEXT_LIMIT)) > 0) {
        text->len += (size_t)got;
        if (text->len > TEXT_LIMIT)
            return tt_error_set(err, "'%.300s' has more than 64 KiB", path);
    }
    return got == 0 ? 0 : tt_error_set(err, "cannot read '%.300s': %s", path, strerror(errno));
}

static int read_file(settings_t *self, tt_buf_t *text, tt_error_t *err)
{
    /* Without O_NONBLOCK a FIFO would be waited for. */
    int fd = self->path ? open(self->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) : -1;
    if (fd < 0 && (self->path == NULL || errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (fd < 0)
        return tt_error_set(err, "cannot read '%.300s': %s", self->path, strerror(errno));
    self->there = true;
    int rc = check_file(self->path, fd, err);
    if (rc == 0)
        rc = read_all(self->path, fd, text, err);
    close(fd);
    return rc;
}

int settings_read(settings_t *self, tt_error_t *err)
{
    tt_buf_t text;
    tt_buf_init(&text);
    int rc = read_file(self, &text, err);
    if (rc == 0)
        rc = settings_parse(self, (const char *)text.data, text.len, err);
    tt_buf_release(&text);
    return rc;
}

/* ---- wrong names */

typedef struct {
    const char *names[NAMES_MAX];
    size_t count;
} names_t;

static void add_name(names_t *self, const char *name)
{
    if (self->count < NAMES_MAX)
        self->names[self->count++] = name;
}

/* "no command 'strat'; did you mean start? There are start, add, ..." */
static int unknown(const char *what, const char *word, const names_t *names, tt_error_t *err)
{
    tt_buf_t all;
    tt_buf_init(&all);
    for (size_t i = 0; i < names->count; i++)
        tt_buf_printf(&all, "%s%s", i ? ", " : "", names->names[i]);
    const char *close = tt_closest(word, names->names, names->count);
    if (names->count == 0)
        tt_error_set(err, "%s '%.60s'; there are none", what, word);
    else
        tt_error_set(err, "%s '%.60s'; %s%s%s are %.300s", what, word,
                     close ? "did you mean " : "", close ? close : "",
                     close ? "? There" : "there", tt_buf_text(&all));
    tt_buf_release(&all);
    return -1;
}

static int unknown_section(const char *word, bool in_profile, tt_error_t *err)
{
    names_t names = {.count = 0};
    const char *name;
    for (size_t i = 0; (name = settings_section(i)); i++)
        add_name(&names, name);
    if (!in_profile)
        add_name(&names, profile_section);
    if (settings_options(word))
        return tt_error_set(err, "%s has no settings", word);
    return unknown("no command", word, &names, err);
}

static int unknown_option(const char *section, const char *word, tt_error_t *err)
{
    names_t names = {.count = 0};
    char what[64];
    for (const tt_option_t *row = settings_options(section); row->name; row++)
        if (settings_takes(row))
            add_name(&names, row->name);
    if (tt_option_find(settings_options(section), word))
        return tt_error_set(err, "%s is no setting of %s: it is said each time", word, section);
    snprintf(what, sizeof what, "%.30s has no option", section);
    return unknown(what, word, &names, err);
}

static int unknown_profile(const settings_t *self, tt_error_t *err)
{
    names_t names = {.count = 0};
    for (size_t i = 0; i < self->profiles.count; i++)
        add_name(&names, self->profiles.items[i]);
    unknown("no profile", self->profile, &names, err);
    return self->there ? tt_error_prefix(err, "%.300s", self->path)
                       : tt_error_set(err, "no profile '%.60s': there is no file %.300s",
                                      self->profile, self->path ? self->path : "of settings");
}

/* ---- values */

/* Words that an option takes no others than. */
static int check_word(const char *option, const char *value, tt_error_t *err)
{
    names_t names = {.count = 0};
    char what[64];
    if (strcmp(option, "policy") == 0) { /* of controller/balanced.c */
        names = (names_t){{"leastload", "roundrobin", "random"}, 3};
    } else if (strcmp(option, "lang") == 0) {
        for (const tt_interpreter_t *row = tt_interpreters; row->name; row++)
            add_name(&names, row->name);
    }
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.names[i], value) == 0)
            return 0;
    snprintf(what, sizeof what, "--%.30s: there is no", option);
    return names.count == 0 ? 0 : unknown(what, value, &names, err);
}

static int check_flag(const char *option, const char *value, tt_error_t *err)
{
    if (strcmp(value, "yes") == 0 || strcmp(value, "no") == 0)
        return 0;
    return tt_error_set(err, "--%s: it takes yes or no, not '%.60s'", option, value);
}

/* As the command itself would take it, alone. */
static int check_value(const char *section, const tt_option_t *option, char *value,
                       tt_error_t *err)
{
    given_t scratch = command_defaults();
    if (option->kind == TT_OPTION_FLAG)
        return check_flag(option->name, value, err);
    if (strcmp(section, prompt_section) == 0)
        return magic_pxconfig_check(option->name, value, err);
    int rc = check_word(option->name, value, err);
    rc = rc ? rc : tt_option_set(option, &scratch, value, err);
    rc = rc ? rc : groups_read(&scratch.groups, &scratch.wish, err);
    rc = rc ? rc : command_verify(&scratch, err);
    command_release(&scratch);
    return rc;
}

/* `~/x` of a path, as a shell makes it of the line. */
static int expand(const tt_option_t *option, char **value, tt_error_t *err)
{
    const char *home = getenv("HOME");
    char *text = *value;
    if (!tt_option_is_path(option) || text[0] != '~' || (text[1] && text[1] != '/'))
        return 0;
    if (home == NULL || *home == 0)
        return tt_error_set(err, "there is no HOME for '%.60s'", text);
    *value = tt_printf("%s%s", home, text + 1);
    free(text);
    return 0;
}

/* ---- what the file says */

/* Where in the file we are. */
typedef struct {
    settings_t *self;
    setting_t *all; /* of every profile, and of none */
    size_t count;
    bool in_profiles;
    const char *profile, *section; /* NULL: none */
    tt_error_t *err;
} walk_t;

static int enter(walk_t *self, const zpl_item_t *item)
{
    const char *name;
    self->section = NULL;
    for (size_t i = 0; (name = settings_section(i)); i++)
        if (strcmp(name, item->name) == 0)
            self->section = name;
    if (self->section == NULL)
        return unknown_section(item->name, self->in_profiles, self->err);
    return item->value == NULL
               ? 0
               : tt_error_set(self->err, "%s takes no value: its options stand below it",
                              self->section);
}

static int enter_profile(walk_t *self, const zpl_item_t *item)
{
    if (item->value)
        return tt_error_set(
            self->err, "profile %.60s takes no value: its commands stand below it", item->name);
    self->profile = item->name;
    tt_texts_add(&self->self->profiles, item->name);
    return 0;
}

static int check_once(const walk_t *self, const tt_option_t *option)
{
    for (size_t i = 0; i < self->count && !tt_option_adds_up(option); i++) {
        const setting_t *other = &self->all[i];
        if (other->option == option && other->profile == self->profile)
            return tt_error_set(self->err, "%s stands in line %u already", option->name,
                                other->line);
    }
    return 0;
}

static int take(walk_t *self, zpl_item_t *item)
{
    const tt_option_t *option = tt_option_find(settings_options(self->section), item->name);
    if (option == NULL || !settings_takes(option))
        return unknown_option(self->section, item->name, self->err);
    if (item->value == NULL)
        return tt_error_set(self->err, "%s needs a value: %s = %s", item->name, item->name,
                            option->argument ? option->argument : "yes");
    if (check_once(self, option) != 0 || expand(option, &item->value, self->err) != 0)
        return -1;
    if (check_value(self->section, option, item->value, self->err) != 0)
        return tt_error_prefix(self->err, "%s", self->section);
    self->all = tt_realloc(self->all, (self->count + 1) * sizeof *self->all);
    self->all[self->count++] =
        (setting_t){self->section, option, item->value, self->profile, item->line};
    return 0;
}

static int walk(walk_t *self, zpl_item_t *item)
{
    unsigned depth = item->depth;
    if (depth == 0) {
        self->profile = NULL;
        self->in_profiles = strcmp(item->name, profile_section) == 0;
        if (self->in_profiles && item->value)
            return tt_error_set(self->err, "profile takes no value: profiles stand below it");
        return self->in_profiles ? 0 : enter(self, item);
    }
    if (self->in_profiles && depth == 1)
        return enter_profile(self, item);
    depth -= self->in_profiles ? 2 : 0;
    if (depth == 0)
        return enter(self, item);
    return depth == 1 ? take(self, item)
                      : tt_error_set(self->err, "nothing stands below an option");
}

/* A repeated profile's name is one. */
static bool is_named(const settings_t *self, const char *profile)
{
    for (size_t i = 0; i < self->profiles.count; i++)
        if (strcmp(self->profiles.items[i], profile) == 0)
            return true;
    return false;
}

static bool holds(const settings_t *self, const setting_t *setting, bool of_profile)
{
    if (setting->profile == NULL)
        return !of_profile;
    return of_profile && self->profile && strcmp(setting->profile, self->profile) == 0;
}

/* The later one takes the place of an earlier one, and comes last: of `block` and `noblock` too
 * the last one holds. */
static void add(settings_t *self, const setting_t *setting)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->items[i].option != setting->option || tt_option_adds_up(setting->option))
            self->items[kept++] = self->items[i];
    self->items = tt_realloc(self->items, (kept + 1) * sizeof *self->items);
    self->items[kept] = *setting;
    self->count = kept + 1;
}

/* Lays the profile over the rest, wherever in the file it stands. */
static void lay(settings_t *self, const setting_t *all, size_t count)
{
    for (int of_profile = 0; of_profile < 2; of_profile++)
        for (size_t i = 0; i < count; i++)
            if (holds(self, &all[i], of_profile))
                add(self, &all[i]);
}

int settings_parse(settings_t *self, const char *text, size_t len, tt_error_t *err)
{
    walk_t at = {.self = self, .err = err};
    unsigned line;
    int rc = zpl_read(&self->text, text, len, &line, err);
    for (size_t i = 0; i < self->text.count && rc == 0; i++) {
        line = self->text.items[i].line;
        rc = walk(&at, &self->text.items[i]);
    }
    if (rc != 0)
        tt_error_prefix(err, "%.300s:%u", self->path ? self->path : "", line);
    else
        lay(self, at.all, at.count);
    free(at.all);
    if (rc == 0 && self->profile && !is_named(self, self->profile))
        rc = unknown_profile(self, err);
    return rc;
}

/* ---- what it comes to */

bool setting_is_off(const setting_t *setting)
{
    return setting->option->kind == TT_OPTION_FLAG && strcmp(setting->value, "no") == 0;
}

const setting_t *settings_find(const settings_t *self, const char *section, const char *option)
{
    for (size_t i = self->count; i-- > 0;)
        if (strcmp(self->items[i].section, section) == 0 &&
            strcmp(self->items[i].option->name, option) == 0)
            return &self->items[i];
    return NULL;
}

void settings_apply(const settings_t *self, const char *section, given_t *given)
{
    tt_error_t err;
    for (size_t i = 0; i < self->count; i++) {
        const setting_t *setting = &self->items[i];
        char *value = (char *)(uintptr_t)setting->value;
        if (strcmp(setting->section, section) == 0 && !setting_is_off(setting))
            tt_option_set(setting->option, given, value, &err); /* it was checked */
    }
}

/* A file is one of the machine where the command is typed; other paths may be anywhere. */
static bool is_for_here(const tt_option_t *option)
{
    return option->argument && strcmp(option->argument, "FILE") == 0;
}

void settings_words(const settings_t *self, const char *section, tt_texts_t *out)
{
    for (size_t i = 0; i < self->count; i++) {
        const setting_t *setting = &self->items[i];
        bool flag = setting->option->kind == TT_OPTION_FLAG;
        if (strcmp(setting->section, section) == 0 && !setting_is_off(setting) &&
            !is_for_here(setting->option))
            tt_texts_add(out, tt_printf("--%s%s%s", setting->option->name, flag ? "" : "=",
                                        flag ? "" : setting->value));
    }
}
