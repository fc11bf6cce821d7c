/* What the session has done to the engines' names: code that was run on them, values that were
 * pushed. So it is known what an engine lacks that came later, or whose process is another one
 * now, and can be done once more (%replay). */
#ifndef JOURNAL_H
#define JOURNAL_H

#include "roster.h"

typedef struct {
    const char *text;     /* code; of a push the expression */
    const char *name;     /* that was pushed; NULL: it is code */
    unsigned flags;       /* of the code: TT_EXECUTE_... */
    const char *language; /* NULL: it went to these; else to all of that language */
    const int *ids;       /* sorted */
    size_t id_count;
    uint64_t number; /* given by journal_add: later ones are larger */
    uint64_t born;   /* engines that were born later do not have it */
} deed_t;            /* given: all borrowed; in the journal: the journal's */

typedef struct journal journal_t;

journal_t *journal_new(void);
void journal_destroy(journal_t **self_p);

/* Notes a deed; its number. An earlier push of the same name to the same engines is forgotten,
 * and so is the oldest deed when there are 1,000. */
uint64_t journal_add(journal_t *self, const deed_t *deed);
/* It has come to nothing. */
void journal_remove(journal_t *self, uint64_t number);

/* The deed that follows number `after`, or NULL. */
const deed_t *journal_next(const journal_t *self, uint64_t after);

typedef struct {
    size_t lines, names;
} lack_t;

bool journal_lacks(const journal_t *self, const tt_engine_t *engine, const deed_t *deed);
/* How much the engine lacks. */
lack_t journal_lack(const journal_t *self, const tt_engine_t *engine);
/* `6 %px lines, 3 pushed names`; nothing when it lacks nothing. */
void lack_tell(const lack_t *self, tt_buf_t *out);

/* The engine has all deeds up to this number now. */
void journal_settled(journal_t *self, const tt_engine_t *engine, uint64_t upto);

#endif
