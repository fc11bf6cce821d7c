/* A job's results as text for people. Answers of users (stdout, values) go to `out`, what went
 * wrong and their stderr to `err`; the caller writes `out` first.
 *
 *     out   [0-3] text                  what they wrote to stdout, folded
 *           Out[0-3:5]: 42              values, folded
 *     err   [0-3 err] text              what they wrote to stderr
 *           [0-3] text                  notes of engines on what went well
 *           [0-3:8] NameError: ...      errors, folded by type and line of code; below them
 *                                       the traceback
 *           [3] lost: killed by SIGKILL
 *           [17] exit 3                 a shell command that failed
 *
 * Texts of users are shown as they are; names and other foreign words have controls escaped. */
#ifndef RENDER_H
#define RENDER_H

#include "answer.h"
#include "output.h"

typedef struct {
    label_style_t label;
    size_t engines; /* of the job; in `label.items`, where `label.total` counts the items */
    bool apart;     /* each answer by itself: nothing is folded */
    bool colour;    /* the caller minds NO_COLOR and whether it is a terminal */
    bool terminal;  /* it is one: colours and escape sequences of users are ended */
} render_style_t;

/* How lines of stdout (or stderr) look. */
output_style_t render_look(const render_style_t *style, bool err);

/* Appends what the answers wrote to stdout and stderr, and what of it was dropped. Also for the
 * windows of a job that still runs. */
void render_output(const answer_t *answers, size_t count, const render_style_t *style,
                   tt_buf_t *out, tt_buf_t *err);

/* Appends the values that have a repr. */
void render_values(const answer_t *answers, size_t count, const render_style_t *style,
                   tt_buf_t *out);

/* Appends the engines' notes, each different one once. */
void render_notes(const answer_t *answers, size_t count, const render_style_t *style,
                  tt_buf_t *err);

/* Appends errors and everything else that is no success. Returns how many answers that are. */
size_t render_failures(const answer_t *answers, size_t count, const render_style_t *style,
                       tt_buf_t *err);

/* All four, for a job that is finished. Returns how many answers failed. */
size_t render_job(const answer_t *answers, size_t count, const render_style_t *style,
                  tt_buf_t *out, tt_buf_t *err);

/* True when the answer counts as a failure (exit code 1). */
bool render_failed(const answer_t *answer);

#endif
