/* The line that is being typed at the terminal: editing, history, completion, and texts that
 * appear above it. The only file that knows readline; there is one line in a program.
 *
 * It is driven by the loop and never waits. Editing modes, keys and colours are those of the
 * person's inputrc (readline's application name: tutti). */
#ifndef LINE_H
#define LINE_H

#include "buf.h"
#include "loop.h"

#include <stdbool.h>

/* What may stand in the place of the text from `start` to the cursor (bytes). The texts are
 * owned by the list. */
typedef struct {
    size_t start;
    char **words;  /* whole replacements */
    char **labels; /* shown behind a word in the list of all; NULL entries: nothing */
    size_t count, cap;
    bool plain; /* no blank behind a single word (it goes on: a directory, a dotted name) */
    char *note; /* a line shown with them: `1 of 4 engines is busy`; NULL: none */
} line_choices_t;

void line_choices_add(line_choices_t *self, const char *word, size_t len, const char *label);

typedef struct {
    /* Enter was pressed: the line is the handler's (free()); NULL at the end of input (Ctrl-D
     * on an empty line, a terminal that is gone). Editing has ended. */
    void (*entered)(void *arg, char *line);
    /* TAB. May run the loop for a short, bounded time. */
    void (*complete)(void *arg, const char *text, size_t cursor, line_choices_t *choices);
    void *arg;
} line_handlers_t;

/* Prepares readline and reads the history, at `history_path` (NULL: none is kept). */
void line_open(tt_loop_t *loop, const line_handlers_t *handlers, const char *history_path);
/* Ends editing and restores the terminal's modes. Harmless when it was not opened. */
void line_close(void);

/* Begins a line behind `prompt` (one line; colours between \001 and \002), with `initial`
 * (NULL: nothing) typed already. */
void line_edit(const char *prompt, const char *initial);
/* True from line_edit to the `entered` of that line. */
bool line_editing(void);

/* Shows a text above the line; what does not end in a newline gets one. At most 60 times a
 * second: what comes between appears together. Outside editing it is written at once. */
void line_above(tt_span_t text);

/* Ctrl-C while editing: shows it, and drops the line. `entered` is not called; line_edit begins
 * anew. */
void line_drop(void);
/* What was typed while nobody read it: the next line's first keys. */
void line_type_ahead(tt_span_t keys);
/* True when something has been typed. */
bool line_begun(void);

/* The terminal is given up for a while (Ctrl-Z), and taken up again with the line as it was. */
void line_suspend(void);
void line_resume(void);
/* The terminal has another size. */
void line_resize(void);

/* Adds one entry to the history, which may have several lines, and to its file; not when it
 * begins with a blank or equals the last one. */
void line_remember(const char *entry);

#endif
