/* What one typed line, one cell or one block of a file says: plain code, a magic, a cell, a
 * shell command, a line for some targets, or a question. Pure text work; it knows no magic by
 * itself.
 *
 * Options are not separated here (words.h does that): `rest` is what stands behind the magic's
 * name, verbatim. What stands behind %px may be parsed again: `!uptime`, `%cd DIR` and `obj?`
 * then mean the same on the targets. */
#ifndef GRAMMAR_H
#define GRAMMAR_H

#include "error.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum {
    STATEMENT_EMPTY, /* nothing but blanks and newlines */
    STATEMENT_PLAIN, /* code for the local engine */
    STATEMENT_MAGIC, /* %NAME rest */
    STATEMENT_CELL,  /* %%NAME rest, then the body */
    STATEMENT_SHELL, /* !rest, for the local shell */
    STATEMENT_AT,    /* @SET: rest, which is %px -t SET rest */
    STATEMENT_HELP   /* NAME? or %NAME? */
} statement_kind_t;

/* Every pointer is owned by the statement. */
typedef struct {
    statement_kind_t kind;
    char **names; /* NAME = or A, B = in front; dotted names may occur */
    size_t name_count;
    char *magic;     /* MAGIC, CELL, AT (then "px"): without its %; else NULL */
    char *targets;   /* AT: the SET; else NULL */
    char *rest;      /* never NULL; PLAIN: the code; HELP: the name, with its % if it has one */
    char *body;      /* CELL: the lines below the first; else NULL */
    bool background; /* MAGIC, CELL, AT: a trailing ` &` was there (and is gone from `rest`) */
    bool capture;    /* SHELL: was !! */
    unsigned detail; /* HELP: 1 for `?`, 2 for `??` */
} statement_t;

/* What the parser must know about a magic. */
enum {
    GRAMMAR_KNOWN = 1, /* there is a magic of this name */
    GRAMMAR_CODE = 2,  /* its rest ends in code or a command: ` #` is no comment there */
    GRAMMAR_CELL = 4,  /* it may open a cell with %% */
    GRAMMAR_LOCAL = 8, /* the local language does it, with all that stands behind it */
    GRAMMAR_NAMES =
        16 /* names may be given its values, NAME = %..., or it says itself why not */
};

typedef struct {
    bool shell; /* the local language is a shell: NAME? is a glob there, no help */
    /* Flags of the magic with this name (without %), 0 when there is none. NULL: all take code.
     */
    unsigned (*about)(const char *magic);
} grammar_rules_t;

/* Parses `len` bytes of text: one logical line (a magic's may go on behind a backslash at the
 * end of a line), a cell, or a block of plain code. `rules` may be NULL. Fills `self`, which
 * the caller releases, and returns 0; or -1 with the reason, then there is nothing to release.
 * An unknown magic is no error here. */
int grammar_parse(statement_t *self, const char *text, size_t len, const grammar_rules_t *rules,
                  tt_error_t *err);

/* What the first line of the text would be parsed as; for finding where a magic may begin. */
statement_kind_t grammar_look(const char *text, size_t len, const grammar_rules_t *rules);

/* The length of the logical line at the start of the text, without its newline: physical lines
 * that end in an odd number of backslashes go on. */
size_t grammar_line(const char *text, size_t len);

/* The flags of the magic whose name stands behind the % or %% at `text`; 0 when unknown. */
unsigned grammar_about(const char *text, size_t len, const grammar_rules_t *rules);

/* Frees what the statement owns and leaves it EMPTY; harmless when called twice. */
void grammar_release(statement_t *self);

#endif
