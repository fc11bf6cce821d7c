/* %help: the table of magics as a person reads it, at most 80 columns wide. */
#include "magic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_COLUMNS = 10 };

/* `-t, --targets VALUE` */
static void put_option(tt_buf_t *out, const words_option_t *option)
{
    out->len = 0;
    if (option->letter)
        tt_buf_printf(out, "-%c, ", option->letter);
    tt_buf_printf(out, "--%s%s", option->name, option->takes_value ? " VALUE" : "");
}

static void tell_options(const magic_t *magic)
{
    tt_buf_t entry;
    size_t widest = 0;
    tt_buf_init(&entry);
    for (size_t i = 0; i < magic->option_count; i++) {
        put_option(&entry, &magic->options[i]);
        widest = entry.len > widest ? entry.len : widest;
    }
    for (size_t i = 0; i < magic->option_count; i++) {
        put_option(&entry, &magic->options[i]);
        printf("    %-*s  %s\n", (int)widest, tt_buf_text(&entry), magic->options[i].help);
    }
    tt_buf_release(&entry);
}

static void tell_one(const magic_t *magic)
{
    printf("%%%s%s%s\n    %s\n", magic->name, *magic->usage ? " " : "", magic->usage,
           magic->summary);
    tell_options(magic);
    printf("    Example: %s\n", magic->example);
    fflush(stdout);
}

static void tell_all(const session_t *session)
{
    const char *group = "";
    for (const magic_t *row = magics; row->name; row++) {
        if (magic_find_for(session, row->name) == NULL)
            continue;
        if (strcmp(row->group, group) != 0)
            printf("%s%s\n", *group ? "\n" : "", row->group);
        group = row->group;
        printf("  %%%-*s %s\n", NAME_COLUMNS, row->name, row->summary);
    }
    printf("\nPlain lines run here; %%px runs them on the engines; %%%%px opens a cell.\n"
           "Behind %%px may stand what can be typed here: %%px !uptime, %%px obj?\n"
           "A trailing & puts a magic into the background. @SET: CODE is %%px -t SET CODE.\n"
           "%%help NAME tells a magic's options, with an example.\n");
    fflush(stdout);
}

int magic_help(session_t *session, const magic_call_t *call)
{
    const char *name = call->rest + strspn(call->rest, " \t%");
    size_t len = strcspn(name, " \t\n");
    if (len == 0) {
        tell_all(session);
        return 0;
    }
    char *copy = tt_strndup(name, len);
    const magic_t *magic = magic_find_for(session, copy);
    free(copy);
    if (magic == NULL)
        return session_complain(session, "%help", 2, "no magic '%.*s'; %%help lists them",
                                (int)len, name);
    tell_one(magic);
    return 0;
}
