/* What answers display beyond their text: a line for each different picture, whose file is kept
 * (album.h), with the drawing below it; of displays without a picture the text.
 *
 *     [0-3] figure 640x480 · ~/.local/state/tutti/default/2-0.png
 *     [0] what display("...") was given
 *
 * A display is a map of mime types, by anybody: what it says is checked, and texts are escaped.
 */
#ifndef FIGURE_H
#define FIGURE_H

#include "album.h"
#include "draw.h"
#include "option.h"
#include "render.h"

typedef struct {
    const album_t *album;
    const render_style_t *style;
    bool here;         /* the local engine's: without labels */
    bool no_texts;     /* pictures only */
    draw_way_t way;    /* none of DRAW_AUTO */
    draw_room_t room;  /* of the terminal */
    tt_texts_t *paths; /* where the files are; the texts are the caller's to free. NULL: not
                          wanted */
} figure_view_t;

/* Whether a picture is among the answers' displays, whatever its bytes are. */
bool figure_is_there(const answer_t *answers, size_t count);

/* Appends the lines and drawings; to `err` what is wrong with pictures. Writes their files, and
 * may wait for programs that draw. */
void figure_show(const answer_t *answers, size_t count, const figure_view_t *view,
                 tt_buf_t *out, tt_buf_t *err);

#endif
