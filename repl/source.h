/* A file, standard input, a paste or one `-c` argument, split into what is run one at a time:
 * magic lines and cells at column 0, and runs of plain code between them.
 *
 * A line in the middle of plain code that looks like a magic may be part of a string or of an
 * open bracket. Only the local language knows, so a plain run is a candidate: when the language
 * says that the code is not whole yet, source_extend makes it longer. */
#ifndef SOURCE_H
#define SOURCE_H

#include "grammar.h"

typedef struct source source_t;

typedef struct {
    const char *text; /* the source's; not zero-terminated */
    size_t len;
    const char *file; /* the source's name */
    unsigned line;    /* of the block's first line, from 1 */
    bool plain;       /* a run of plain code; else one statement of another kind */
} source_block_t;

/* Splits a copy of the text. `file` is the name for messages ("-" for standard input, say). CR
 * LF become LF, and a byte order mark goes. `rules` may be NULL; it is copied. */
source_t *source_new(const char *file, const char *text, size_t len,
                     const grammar_rules_t *rules);
/* What follows is read by other rules: the language has changed. */
void source_set_rules(source_t *self, const grammar_rules_t *rules);
void source_destroy(source_t **self_p);

/* Takes the next block: true, or false at the end. Blank lines between blocks are skipped. A
 * cell comes without the line `%%` that ends it; it also ends before a line that opens another
 * cell. The block points into the source and holds until source_destroy. */
bool source_next(source_t *self, source_block_t *block);

/* The plain run just taken is not whole: lengthens it over the line that ended it, up to the
 * next that may be a magic. False, and nothing changed, when the text is at its end or the
 * block is not plain. */
bool source_extend(source_t *self, source_block_t *block);

#endif
