/* Drawing pictures on the terminal: which way it understands, and the bytes that do it. Nothing
 * that an engine has sent gets there as it is: a picture's bytes go as base64, or to a program
 * that makes a drawing of them. */
#ifndef DRAW_H
#define DRAW_H

#include "error.h"
#include "picture.h"

typedef enum {
    DRAW_AUTO,
    DRAW_NEVER,
    DRAW_KITTY,
    DRAW_ITERM,
    DRAW_SIXEL,
    DRAW_CHAFA
} draw_way_t;

/* The way of this name. Returns 0, or -1 with the names there are. */
int draw_find(const char *name, draw_way_t *way, tt_error_t *err);
const char *draw_name(draw_way_t way);

/* What DRAW_AUTO means on this terminal, by the environment and the programs that are
 * installed. DRAW_SIXEL, when there is a program for it and the terminal has only to be asked.
 */
draw_way_t draw_choose(void);
/* What there is instead, where it knows no sixel: DRAW_CHAFA or DRAW_NEVER. */
draw_way_t draw_without_sixel(void);

/* The terminal: in cells, and a cell in pixels. */
typedef struct {
    unsigned columns, rows, cell_width, cell_height;
} draw_room_t;

/* Appends what draws the picture, which lies at `path`, as large as it is or as there is room.
 * Nothing when it is not drawable, or a program fails (2 s). Returns whether it is drawn. */
bool draw_picture(draw_way_t way, const picture_t *picture, const char *path,
                  const draw_room_t *room, tt_buf_t *out);

#endif
