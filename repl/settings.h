/* Settings: what options are when nothing else is said. They stand in
 * $XDG_CONFIG_HOME/tutti/tutti.zpl, else ~/.config/tutti/tutti.zpl, in ZPL (zpl.h): a section
 * for each command with its options, `prompt` with those of %pxconfig, and `profile` with
 * sections that hold only when their profile is named.
 *
 * The tables of options are the table of settings. A setting is taken as if it had been given
 * first on its command's line. Settings say how, never what or where: the options that tell on
 * which cluster, machine or file a command works are none. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "command.h"
#include "zpl.h"

typedef struct {
    const char *section; /* of the tables */
    const tt_option_t *option;
    const char *value;   /* borrowed from the text; "yes" or "no" for a flag */
    const char *profile; /* NULL: it holds without one */
    unsigned line;
} setting_t;

/* Whether it is a flag that is not to be given. */
bool setting_is_off(const setting_t *setting);

typedef struct settings {
    char *path;            /* of the file; NULL: there is no home */
    bool there;            /* and it is there */
    char *profile;         /* the one that was named; NULL: none */
    bool profile_from_env; /* by TUTTI_PROFILE */
    zpl_t text;
    tt_texts_t profiles; /* the names of all there are; of the text */
    setting_t *items;    /* those that hold, in order */
    size_t count;
} settings_t;

/* Finds the file's name, and the profile: `told` on the line (NULL: not), else by
 * TUTTI_PROFILE;
 * "" means none. Returns 0, or -1 with the reason. */
int settings_init(settings_t *self, const char *told, tt_error_t *err);
/* Reads the file, if it is there, and checks all of it. Returns 0, or -1 with what is wrong and
 * where: others can write the file, an unknown name, a value that makes no sense, no such
 * profile. */
int settings_read(settings_t *self, tt_error_t *err);
/* The same for this text, as if it stood in the file. */
int settings_parse(settings_t *self, const char *text, size_t len, tt_error_t *err);
void settings_release(settings_t *self);

/* The sections there can be, by number, in the order of the commands; NULL behind the last. */
const char *settings_section(size_t index);
/* The options of a section, of which settings_takes tells the settings; NULL: no such section.
 */
const tt_option_t *settings_options(const char *section);
bool settings_takes(const tt_option_t *option);

/* Whether settings matter to a command: it has some, or it starts clusters. */
bool settings_concern(const char *command);
/* What is set for an option, of several the last; NULL: nothing. */
const setting_t *settings_find(const settings_t *self, const char *section, const char *option);
/* Sets what is set in a section, which is a command's. Values are borrowed. */
void settings_apply(const settings_t *self, const char *section, given_t *given);
/* Appends the words that say the same on a line of another machine: `--engines=8`, but for
 * files of this one. They are the caller's. */
void settings_words(const settings_t *self, const char *section, tt_texts_t *out);
#endif
