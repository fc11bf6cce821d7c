/* What a TAB at the prompt offers: magics and their options, targets, files, names of the local
 * engine, and behind %px names of the engines. */
#ifndef COMPLETE_H
#define COMPLETE_H

#include "line.h"
#include "session.h"

/* Fills `choices` for the cursor (bytes) in `text`. Engines have 300 ms to answer. */
void complete(session_t *session, const char *text, size_t cursor, line_choices_t *choices);

#endif
