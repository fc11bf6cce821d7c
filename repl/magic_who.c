/* %px %who: which names the engines have, where, of which type and size, and whether they are
 * the same. */
#include "label.h"
#include "magic.h"
#include "pack.h"
#include "screen.h"
#include "table.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

enum { DIGEST = 16, TEXT_SIZE = 96, KINDS_MAX = 4, ROWS_SHOWN = 500, NAMES_MAX = 100000 };

/* A name on one engine. */
typedef struct {
    char name[TEXT_SIZE], type[TEXT_SIZE], size[TEXT_SIZE], text[TEXT_SIZE];
    bool compared; /* its digest is known */
    uint8_t digest[DIGEST];
    int engine;
} known_t;

typedef struct {
    known_t *items;
    size_t count;
    size_t engines; /* that have answered */
} census_t;

/* ---- reading */

static int read_known(tt_reader_t *at, known_t *entry)
{
    size_t fields;
    tt_span_t digest;
    if (tt_read_array(at, &fields) != 0 || fields != 5 ||
        tt_read_text(at, entry->name, TEXT_SIZE) != 0 ||
        tt_read_text(at, entry->type, TEXT_SIZE) != 0 ||
        tt_read_text(at, entry->size, TEXT_SIZE) != 0)
        return -1;
    entry->compared = tt_read_bin(at, &digest) == 0 && digest.len == DIGEST;
    if (entry->compared)
        memcpy(entry->digest, digest.data, DIGEST);
    else if (tt_read_nil(at) != 0)
        return -1;
    return tt_read_text(at, entry->text, TEXT_SIZE);
}

/* What an engine says may be anything: reading ends where it makes no sense. */
static void read_answer(census_t *self, const answer_t *answer)
{
    tt_reader_t at = tt_reader(answer->value);
    size_t count = 0;
    self->engines++;
    if (tt_read_array(&at, &count) != 0)
        return;
    for (size_t i = 0; i < count && i < NAMES_MAX; i++) {
        known_t one = {.engine = answer->engine};
        if (read_known(&at, &one) != 0)
            return;
        if ((self->count & (self->count - 1)) == 0)
            self->items = tt_realloc(self->items, (2 * self->count + 1) * sizeof one);
        self->items[self->count++] = one;
    }
}

static int by_kind(const void *left, const void *right)
{
    const known_t *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    order = order ? order : strcmp(a->type, b->type);
    order = order ? order : strcmp(a->size, b->size);
    order = order ? order : memcmp(a->digest, b->digest, DIGEST);
    return order ? order : (a->engine > b->engine) - (a->engine < b->engine);
}

static int by_engine(const void *left, const void *right)
{
    const fold_member_t *a = left, *b = right;
    return (a->id > b->id) - (a->id < b->id);
}

/* ---- rows */

static void put(table_t *table, size_t row, size_t column, const char *text)
{
    tt_buf_t packed;
    tt_buf_init(&packed);
    tt_pack_text(&packed, text);
    table_set(table, row, column, (tt_span_t){packed.data, packed.len});
    tt_buf_release(&packed);
}

/* How many different values these are, sorted as they are; 0: not known. */
static size_t count_values(const known_t *entries, size_t count)
{
    size_t different = 1;
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].compared)
            return 0;
        different += i > 0 && memcmp(entries[i].digest, entries[i - 1].digest, DIGEST) != 0;
    }
    return different;
}

/* Who has it: `all`, or the engines. The caller's to free. */
static char *holders(const census_t *self, const known_t *entries, size_t count)
{
    if (count == self->engines)
        return tt_strdup("all");
    tt_buf_t names;
    fold_member_t *members = tt_alloc((count + 1) * sizeof *members);
    tt_buf_init(&names);
    for (size_t i = 0; i < count; i++)
        members[i].id = entries[i].engine;
    qsort(members, count, sizeof *members, by_engine);
    label_names(&names, members, count, &(label_style_t){.total = self->engines});
    free(members);
    tt_buf_text(&names);
    return (char *)names.data;
}

static void add_row(const census_t *self, table_t *table, const known_t *entries, size_t count,
                    size_t kinds)
{
    size_t row = table_row(table), different = kinds > 1 ? 0 : count_values(entries, count);
    char *who = holders(self, entries, count);
    char *type = kinds > 1 ? tt_printf("%zu kinds", kinds) : tt_strdup(entries->type);
    char *value = different > 1                 ? tt_printf("%zu different", different)
                  : different == 0              ? tt_strdup("")
                  : *entries->text || count < 2 ? tt_strdup(entries->text)
                                                : tt_strdup("the same");
    put(table, row, 0, entries->name);
    put(table, row, 1, who);
    put(table, row, 2, type);
    put(table, row, 3, kinds > 1 ? "" : entries->size);
    put(table, row, 4, value);
    free(who);
    free(type);
    free(value);
}

static size_t same_kind(const known_t *entries, size_t count)
{
    size_t same = 1;
    while (same < count && strcmp(entries[same].type, entries->type) == 0 &&
           strcmp(entries[same].size, entries->size) == 0)
        same++;
    return same;
}

/* The rows of a name: one for each type and size, or one in all when these are many. */
static void add_name(const census_t *self, table_t *table, const known_t *entries, size_t count)
{
    size_t kinds = 0;
    for (size_t at = 0; at < count; at += same_kind(entries + at, count - at))
        kinds++;
    if (kinds > KINDS_MAX) {
        add_row(self, table, entries, count, kinds);
        return;
    }
    for (size_t at = 0, same; at < count; at += same) {
        same = same_kind(entries + at, count - at);
        add_row(self, table, entries + at, same, 1);
    }
}

static void show(const census_t *self)
{
    static const char *const columns[] = {"name", "engines", "type", "size", "value"};
    table_t *table = table_new();
    tt_buf_t out;
    tt_buf_init(&out);
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        table_column(table, columns[i], strlen(columns[i]));
    for (size_t at = 0, next; at < self->count; at = next) {
        for (next = at + 1;
             next < self->count && strcmp(self->items[next].name, self->items[at].name) == 0;)
            next++;
        add_name(self, table, self->items + at, next - at);
    }
    if (self->count > 0)
        table_show(table, ROWS_SHOWN, &out);
    else
        tt_buf_printf(&out, "no names\n");
    screen_write(1, (tt_span_t){out.data, out.len});
    tt_buf_release(&out);
    table_destroy(&table);
}

static void present(session_t *session, const job_t *job, bool show_it, void *arg)
{
    census_t self = {NULL, 0, 0};
    size_t count;
    job_answer_t *answers = job_answers(job, JOB_REST, &count);
    (void)session;
    (void)arg;
    for (size_t i = 0; i < count; i++)
        if (answers[i].answer.status == TT_STATUS_OK)
            read_answer(&self, &answers[i].answer);
    if (self.count > 0)
        qsort(self.items, self.count, sizeof *self.items, by_kind);
    if (show_it && self.engines > 0)
        show(&self);
    job_answers_release(&answers, count);
    free(self.items);
}

/* ---- the magic */

int magic_who(session_t *session, const magic_call_t *call, const magic_targets_t *targets,
              const char *types)
{
    tt_buf_t args;
    tt_error_t err;
    words_list_t words;
    if (words_split(&words, types, &err) != 0)
        return session_complain(session, "%who", 2, "%s", err.text);
    tt_buf_init(&args);
    tt_pack_array(&args, 2);
    tt_pack_array(&args, words.count);
    for (size_t i = 0; i < words.count; i++)
        tt_pack_text(&args, words.items[i]);
    tt_pack_text(&args, "names");
    words_list_release(&words);
    magic_task_t task = {.op = TT_RT_GET, .args = &args, .label = call->text};
    job_t *job = magic_submit(session, targets, &task);
    tt_buf_release(&args);
    job->present = present;
    return magic_start_job(session, call, job);
}
