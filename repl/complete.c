/* Completion. See complete.h. */
#include "complete.h"

void complete(session_t *session, const char *text, size_t cursor, line_choices_t *choices)
{
    (void)session;
    (void)text;
    (void)cursor;
    (void)choices;
}
