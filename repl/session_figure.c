/* What answers display, on this session's terminal. See session.h. */
#include "session.h"

#include "figure.h"
#include "line.h"
#include "screen.h"
#include "terminal.h"

#include <string.h>
#include <unistd.h>

/* Only a prompt may ask: elsewhere what is typed meanwhile is somebody else's. */
static bool knows_sixel(session_t *self)
{
    tt_buf_t typed;
    if (self->sixel != SIXEL_UNKNOWN || self->terminal == NULL || line_editing())
        return self->sixel == SIXEL_KNOWN;
    tt_buf_init(&typed);
    self->sixel = terminal_has_sixel(&typed) ? SIXEL_KNOWN : SIXEL_NONE;
    line_type_ahead((tt_span_t){typed.data, typed.len});
    tt_buf_release(&typed);
    return self->sixel == SIXEL_KNOWN;
}

static draw_way_t choose_way(session_t *self, draw_way_t wish)
{
    if (wish == DRAW_NEVER || !isatty(STDOUT_FILENO) || !screen_is_terminal())
        return DRAW_NEVER;
    draw_way_t way = wish == DRAW_AUTO ? draw_choose() : wish;
    if (wish == DRAW_AUTO && way == DRAW_SIXEL && !knows_sixel(self))
        way = draw_without_sixel();
    return way;
}

void session_add_figures(session_t *self, const answer_t *answers, size_t count,
                         const session_figure_t *how, const render_style_t *style,
                         tt_buf_t *out, tt_buf_t *err)
{
    figure_view_t view = {.album = &self->album,
                          .style = style,
                          .here = how->here,
                          .no_texts = how->no_texts,
                          .way = DRAW_NEVER,
                          .room = {.columns = terminal_columns(), .rows = terminal_rows()},
                          .paths = how->paths};
    if (self->json)
        return;
    if (how->draw != DRAW_NEVER && figure_is_there(answers, count))
        view.way = choose_way(self, how->draw);
    terminal_cell(&view.room.cell_width, &view.room.cell_height);
    figure_show(answers, count, &view, out, err);
}

void session_show_here(session_t *self, int number, const answer_t *answer)
{
    answer_t shown = *answer;
    tt_buf_t out, err;
    render_style_t style = {.colour = self->colour, .terminal = screen_is_terminal()};
    const session_figure_t how = {.draw = self->px.draw, .here = true};
    tt_buf_init(&out);
    tt_buf_init(&err);
    shown.job = number;
    if (figure_is_there(answer, 1))
        gallery_add(&self->gallery, number, answer->displays);
    session_add_figures(self, &shown, 1, &how, &style, &out, &err);
    screen_write(STDOUT_FILENO, (tt_span_t){out.data, out.len});
    screen_write(STDERR_FILENO, (tt_span_t){err.data, err.len});
    tt_buf_release(&out);
    tt_buf_release(&err);
}
