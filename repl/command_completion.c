/* completion: what bash needs to complete tutti's commands and options, from their tables. */
#include "command.h"

#include <stdio.h>
#include <string.h>

static void write_options(const tt_option_t *table)
{
    for (; table->letter || table->name; table++) {
        if (table->letter)
            printf(" -%c", table->letter);
        if (table->name)
            printf(" --%s", table->name);
    }
}

/* ` -n --engines --name`: those that take a value which nothing is known of. */
static void write_valued(const tt_option_t *table)
{
    for (; table->letter || table->name; table++) {
        if (table->argument == NULL || tt_option_is_path(table))
            continue;
        if (table->letter)
            printf("%s-%c", "|", table->letter);
        if (table->name)
            printf("%s--%s", "|", table->name);
    }
}

static void write_case(const char *command, const tt_option_t *table)
{
    printf("    %s)\n        options='", command);
    write_options(table);
    printf("'\n        valued='@(-");
    write_valued(table);
    printf(")' ;;\n");
}

int command_completion(given_t *given, int argc, char **argv)
{
    (void)given;
    (void)argv;
    if (command_check_none("completion", argc) != 0)
        return 2;
    printf("# bash completion of tutti: source <(tutti completion)\n"
           "_tutti() {\n"
           "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
           "    local command= word options valued commands='");
    for (const command_t *row = commands; row->name; row++)
        printf("%s%s", row == commands ? "" : " ", row->name);
    printf("'\n"
           "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
           "        [[ \" $commands \" == *\" $word \"* ]] && command=$word && break\n"
           "    done\n"
           "    COMPREPLY=()\n"
           "    case $command in\n");
    for (const command_t *row = commands; row->name; row++)
        write_case(row->name, row->options);
    write_case("*", command_top_options);
    printf("    esac\n"
           "    if [[ $current == -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
           "    elif [[ $before == --profile ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$(\"${COMP_WORDS[0]}\" config --profiles "
           "2>/dev/null)\""
           " -- \"$current\"))\n"
           "    elif [[ $before == $valued ]]; then\n"
           "        return\n"
           "    elif [[ -z $command && $before != -* ]]; then\n"
           "        COMPREPLY=($(compgen -W \"$commands\" -- \"$current\"))\n"
           "    else\n"
           "        COMPREPLY=($(compgen -f -- \"$current\"))\n"
           "    fi\n"
           "}\n"
           "complete -o filenames -F _tutti tutti\n");
    return 0;
}
