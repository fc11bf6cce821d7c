/* Text on a terminal: making foreign bytes visible, counting columns, cutting to them. All of
 * it takes text to be UTF-8, whatever the locale, and copes with any bytes. */
#ifndef TT_TEXT_H
#define TT_TEXT_H

#include "buf.h"

/* Decodes the character at the start of `text`. Returns how many bytes it takes (1-4), or 0
 * when they are not well-formed UTF-8 (surrogates and overlong forms are not) or `len` is 0. */
size_t tt_text_char(const char *text, size_t len, uint32_t *code);

/* Appends `text` with everything that a terminal would obey (C0, C1, DEL, marks that turn the
 * direction of writing) and all that is not UTF-8 as \xHH, byte by byte. For names and
 * metadata. */
void tt_text_escape(tt_buf_t *out, const char *text, size_t len);

/* How many bytes at the end of `text` begin a character whose rest is not there: 0 to 3. */
size_t tt_text_partial(const char *text, size_t len);

/* Looks at `out` from `from` on, and appends what brings a terminal back to itself: the end of
 * an escape sequence that is not complete, and of colours that are left on. Appends nothing
 * where neither is so. */
void tt_text_reset(tt_buf_t *out, size_t from);

/* How many columns a terminal needs: wide characters 2, combining ones and controls 0, a byte
 * that is not UTF-8 1. */
size_t tt_text_width(const char *text, size_t len);

/* Appends as much of `text` as `columns` hold; when it is longer, the last column is an
 * ellipsis. */
void tt_text_cut(tt_buf_t *out, const char *text, size_t len, size_t columns);

#endif
