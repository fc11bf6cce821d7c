/* The cache of names. An entry's key is the expression before the word: `df.` of `f(df.gr`, and
 * nothing for a word that stands alone, so that one answer serves wherever the same names may
 * stand. See names.h. */
#include "names.h"

#include "language.h"
#include "pack.h"
#include "read.h"

#include <ctype.h>
#include <string.h>

enum { PACKED_HEAD = 5 }; /* bytes before a text, at most */

/* A place in code where a word is completed; spans point into the code. */
typedef struct {
    tt_span_t key, word;
    uint64_t start; /* of the word, in characters */
} place_t;

/* ---- places */

static bool is_word(uint8_t byte)
{
    return isalnum(byte) || byte == '_' || byte >= 0x80;
}

static bool begins_character(uint8_t byte)
{
    return (byte & 0xc0) != 0x80;
}

/* How many bytes the first `count` characters have (at most all). */
static size_t bytes_of(tt_span_t code, uint64_t count)
{
    size_t at = 0;
    for (; at < code.len; at++)
        if (begins_character(code.data[at]) && count-- == 0)
            break;
    return at;
}

static uint64_t characters_of(tt_span_t code)
{
    uint64_t count = 0;
    for (size_t i = 0; i < code.len; i++)
        count += begins_character(code.data[i]);
    return count;
}

/* Of the last line before the word, what the meaning of the word depends upon. Behind a word
 * and a blank that is all of it, since `import o` and `return o` are not the same. */
static tt_span_t key_of(tt_span_t before)
{
    size_t line = before.len, end = before.len;
    while (line > 0 && before.data[line - 1] != '\n')
        line--;
    while (end > line && (is_word(before.data[end - 1]) || before.data[end - 1] == '.'))
        end--;
    size_t blank = end;
    while (blank > line && isspace(before.data[blank - 1]))
        blank--;
    bool behind_word = blank > line && is_word(before.data[blank - 1]);
    bool headless = end < before.len && before.data[end] == '.';
    if (behind_word || headless)
        end = line;
    return (tt_span_t){before.data + end, before.len - end};
}

static int read_args(tt_span_t args, tt_span_t *code)
{
    tt_reader_t reader = tt_reader(args);
    size_t count;
    uint64_t position;
    if (tt_read_array(&reader, &count) != 0 || tt_read_str(&reader, code) != 0 ||
        tt_read_uint(&reader, &position) != 0)
        return -1;
    code->len = bytes_of(*code, position);
    return 0;
}

/* The place of a word that begins at this byte of the code up to the cursor. */
static place_t place_at(tt_span_t code, size_t start)
{
    tt_span_t before = {code.data, start};
    return (place_t){
        key_of(before), {code.data + start, code.len - start}, characters_of(before)};
}

/* ---- entries */

static tt_span_t span(const tt_buf_t *buf)
{
    return (tt_span_t){buf->data, buf->len};
}

static bool same(tt_span_t a, tt_span_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static bool begins(tt_span_t text, tt_span_t with)
{
    return text.len >= with.len && same((tt_span_t){text.data, with.len}, with);
}

static bool is_hidden(tt_span_t name)
{
    return name.len > 0 && name.data[0] == '_';
}

static size_t bytes(const names_entry_t *entry)
{
    return entry->key.len + entry->prefix.len + entry->names.len;
}

static void drop(names_t *self, size_t at)
{
    names_entry_t *entry = &self->entries[at];
    tt_buf_release(&entry->key);
    tt_buf_release(&entry->prefix);
    tt_buf_release(&entry->names);
    *entry = self->entries[--self->entry_count];
}

static void drop_oldest(names_t *self)
{
    size_t oldest = 0;
    for (size_t i = 1; i < self->entry_count; i++)
        if (self->entries[i].used < self->entries[oldest].used)
            oldest = i;
    drop(self, oldest);
}

static void make_room(names_t *self, const names_entry_t *more)
{
    for (;;) {
        size_t total = bytes(more), count = more->count;
        for (size_t i = 0; i < self->entry_count; i++) {
            total += bytes(&self->entries[i]);
            count += self->entries[i].count;
        }
        if (self->entry_count == 0 || (self->entry_count < NAMES_ENTRIES_MAX &&
                                       total <= NAMES_BYTES_MAX && count <= NAMES_COUNT_MAX))
            return;
        drop_oldest(self);
    }
}

static void keep(names_t *self, names_entry_t *entry)
{
    for (size_t i = 0; i < self->entry_count; i++)
        if (same(span(&self->entries[i].key), span(&entry->key)) &&
            same(span(&self->entries[i].prefix), span(&entry->prefix)))
            drop(self, i--);
    make_room(self, entry);
    entry->used = ++self->clock;
    self->entries[self->entry_count++] = *entry;
}

/* The latest entry whose names are all that this word could become. */
static names_entry_t *find(names_t *self, const place_t *place)
{
    names_entry_t *best = NULL;
    for (size_t i = 0; i < self->entry_count; i++) {
        names_entry_t *entry = &self->entries[i];
        if (same(span(&entry->key), place->key) && begins(place->word, span(&entry->prefix)) &&
            (!is_hidden(place->word) || entry->prefix.len > 0) &&
            (best == NULL || entry->used > best->used))
            best = entry;
    }
    return best;
}

/* ---- learning and answering */

/* A reader of the names in the body of a RESULT, and where their word begins. */
static int read_body(tt_span_t body, tt_reader_t *reader, uint64_t *start, size_t *count)
{
    size_t members;
    bool has_value = false;
    *reader = tt_reader(body);
    if (tt_read_array(reader, &members) != 0 || members < 3 || tt_skip(reader) != 0 ||
        tt_read_bool(reader, &has_value) != 0 || !has_value ||
        tt_read_array(reader, &members) != 0 || members != 2 ||
        tt_read_uint(reader, start) != 0)
        return -1;
    return tt_read_array(reader, count);
}

void names_learn(names_t *self, tt_span_t args, tt_span_t body)
{
    tt_reader_t reader;
    tt_span_t code, name;
    uint64_t start;
    size_t count;
    if (read_args(args, &code) != 0 || read_body(body, &reader, &start, &count) != 0)
        return;
    place_t place = place_at(code, bytes_of(code, start));
    names_entry_t entry = {.count = count};
    bool fits = count > 0 && count <= NAMES_COUNT_MAX &&
                place.key.len + place.word.len <= NAMES_BYTES_MAX;
    for (size_t i = 0; fits && i < count; i++) {
        fits = tt_read_str(&reader, &name) == 0 &&
               entry.names.len + name.len + PACKED_HEAD <=
                   NAMES_BYTES_MAX - place.key.len - place.word.len;
        if (fits)
            tt_pack_str(&entry.names, (const char *)name.data, name.len);
    }
    if (!fits) {
        tt_buf_release(&entry.names);
        return;
    }
    tt_buf_append(&entry.key, place.key.data, place.key.len);
    tt_buf_append(&entry.prefix, place.word.data, place.word.len);
    keep(self, &entry);
}

/* Appends the names that the word could become; how many. */
static size_t pick(const names_entry_t *entry, tt_span_t word, tt_buf_t *out)
{
    tt_reader_t reader = tt_reader(span(&entry->names));
    tt_span_t name;
    size_t count = 0;
    while (tt_read_str(&reader, &name) == 0) {
        if (!begins(name, word) || (is_hidden(name) && !is_hidden(word)))
            continue;
        tt_pack_str(out, (const char *)name.data, name.len);
        count++;
    }
    return count;
}

bool names_answer(names_t *self, tt_span_t args, tt_buf_t *body)
{
    tt_span_t code;
    if (read_args(args, &code) != 0)
        return false;
    size_t start = code.len, count = 0;
    while (start > 0 && is_word(code.data[start - 1]))
        start--;
    place_t place = place_at(code, start);
    names_entry_t *entry = find(self, &place);
    tt_buf_t names = {0}, value = {0};
    if (entry) {
        entry->used = ++self->clock;
        count = pick(entry, place.word, &names);
    }
    tt_pack_array(&value, 2);
    tt_pack_uint(&value, place.start);
    tt_pack_array(&value, count);
    tt_buf_append(&value, names.data, names.len);
    tt_reply_t reply = {.body = *body};
    tt_reply_value(&reply, NULL, span(&value));
    *body = reply.body;
    tt_buf_release(&names);
    tt_buf_release(&value);
    return true;
}

void names_forget(names_t *self)
{
    for (size_t i = 0; i < self->entry_count; i++)
        if (self->entries[i].key.len + self->entries[i].prefix.len > 0)
            drop(self, i--);
}

void names_release(names_t *self)
{
    while (self->entry_count > 0)
        drop(self, 0);
}
