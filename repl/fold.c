/* Equal texts found by an open hash table of groups; members are laid out group by group only
 * when asked for. Used for values, errors, and line by line for output (output.c), so clearing
 * must cost no more than what was added. */
#include "fold.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t hash;
    tt_span_t text;
    size_t count; /* members */
    size_t start; /* of its members in `members` */
    size_t slot;  /* in `table` */
    int first;    /* smallest id */
    size_t order; /* by first appearance */
} group_t;

typedef struct {
    fold_member_t member;
    size_t group; /* by order of appearance */
} entry_t;

struct fold {
    entry_t *entries; /* all arrays owned */
    size_t entry_count, entry_cap;
    group_t *groups;
    size_t group_count, group_cap;
    size_t *table;          /* group + 1, or 0 */
    size_t table_cap;       /* a power of two, more than twice the groups */
    fold_member_t *members; /* the answer of fold_groups */
    fold_group_t *answer;
};

fold_t *fold_new(void)
{
    return tt_alloc(sizeof(fold_t));
}

void fold_destroy(fold_t **self_p)
{
    fold_t *self = *self_p;
    if (self == NULL)
        return;
    free(self->entries);
    free(self->groups);
    free(self->table);
    free(self->members);
    free(self->answer);
    free(self);
    *self_p = NULL;
}

void fold_clear(fold_t *self)
{
    for (size_t i = 0; i < self->group_count; i++)
        self->table[self->groups[i].slot] = 0;
    self->entry_count = self->group_count = 0;
}

/* FNV-1a, eight bytes at a time: outputs are megabytes. */
static uint64_t hash_of(tt_span_t text)
{
    uint64_t hash = 0xcbf29ce484222325u ^ text.len;
    size_t at = 0;
    for (; at + 8 <= text.len; at += 8) {
        uint64_t word;
        memcpy(&word, text.data + at, 8);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    for (; at < text.len; at++)
        hash = (hash ^ text.data[at]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static bool is_equal(const group_t *group, uint64_t hash, tt_span_t text)
{
    return group->hash == hash && group->text.len == text.len &&
           (text.len == 0 || memcmp(group->text.data, text.data, text.len) == 0);
}

/* The slot of this text's group, or the free one where it belongs. */
static size_t find(const fold_t *self, uint64_t hash, tt_span_t text)
{
    size_t slot = (size_t)hash & (self->table_cap - 1);
    while (self->table[slot] && !is_equal(&self->groups[self->table[slot] - 1], hash, text))
        slot = (slot + 1) & (self->table_cap - 1);
    return slot;
}

static void grow_table(fold_t *self)
{
    if (self->table_cap > self->group_count * 2 + 2)
        return;
    self->table_cap = self->table_cap ? self->table_cap * 2 : 16;
    free(self->table);
    self->table = tt_alloc(self->table_cap * sizeof *self->table);
    for (size_t i = 0; i < self->group_count; i++) {
        group_t *group = &self->groups[i];
        group->slot = find(self, group->hash, group->text);
        self->table[group->slot] = i + 1;
    }
}

/* Room for one more in an array. */
static void *grow(void *array, size_t count, size_t *cap, size_t size)
{
    if (count < *cap)
        return array;
    *cap = *cap ? *cap * 2 : 16;
    return tt_realloc(array, *cap * size);
}

/* The group of this text, made when there is none. */
static size_t group_of(fold_t *self, int id, tt_span_t text)
{
    grow_table(self);
    uint64_t hash = hash_of(text);
    size_t slot = find(self, hash, text);
    if (self->table[slot] == 0) {
        size_t at = self->group_count;
        self->groups = grow(self->groups, at, &self->group_cap, sizeof *self->groups);
        self->groups[at] = (group_t){hash, text, 0, 0, slot, id, at};
        self->table[slot] = ++self->group_count;
    }
    return self->table[slot] - 1;
}

void fold_add(fold_t *self, int id, const char *host, tt_span_t text)
{
    size_t group = group_of(self, id, text), at = self->entry_count++;
    self->groups[group].count++;
    if (id < self->groups[group].first)
        self->groups[group].first = id;
    self->entries = grow(self->entries, at, &self->entry_cap, sizeof *self->entries);
    self->entries[at] = (entry_t){{id, host, at}, group};
}

static int by_first(const void *a, const void *b)
{
    const group_t *x = a, *y = b;
    int order = (x->first > y->first) - (x->first < y->first);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_id(const void *a, const void *b)
{
    const fold_member_t *x = a, *y = b;
    int order = (x->id > y->id) - (x->id < y->id);
    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* qsort, spared when all is in order already, as it nearly always is. */
static void sort(void *array, size_t count, size_t size,
                 int (*compare)(const void *, const void *))
{
    const char *at = array;
    for (size_t i = 1; i < count; i++, at += size)
        if (compare(at, at + size) > 0) {
            qsort(array, count, size, compare);
            return;
        }
}

/* Copies every entry to its group's place. `starts` are the groups' places by appearance. */
static void lay_out(fold_t *self)
{
    size_t *starts = tt_alloc(self->group_count * sizeof *starts), at = 0;
    for (size_t i = 0; i < self->group_count; i++) {
        starts[i] = self->groups[i].start = at;
        at += self->groups[i].count;
    }
    self->members = tt_realloc(self->members, self->entry_count * sizeof *self->members);
    for (size_t i = 0; i < self->entry_count; i++)
        self->members[starts[self->entries[i].group]++] = self->entries[i].member;
    free(starts);
}

const fold_group_t *fold_groups(fold_t *self, size_t *count)
{
    *count = self->group_count;
    lay_out(self);
    group_t *sorted = tt_alloc(self->group_count * sizeof *sorted);
    if (self->group_count)
        memcpy(sorted, self->groups, self->group_count * sizeof *sorted);
    sort(sorted, self->group_count, sizeof *sorted, by_first);
    self->answer = tt_realloc(self->answer, self->group_count * sizeof *self->answer);
    for (size_t i = 0; i < self->group_count; i++) {
        fold_member_t *members = self->members + sorted[i].start;
        sort(members, sorted[i].count, sizeof *members, by_id);
        self->answer[i] = (fold_group_t){sorted[i].text, members, sorted[i].count};
    }
    free(sorted);
    return self->answer;
}
