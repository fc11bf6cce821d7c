/* Target sets. See target.h. Called by the prompt and the client for everything that is sent to
 * engines. An item is tried against the table of forms at the end; the last form is a host. */
#include "target.h"

#include "labels.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SET_LIMIT = 64 << 10, RANGE_LIMIT = 1000000, DIGITS_LIMIT = 9 };

typedef struct {
    const tt_target_engine_t *engines; /* sorted by id, owned */
    size_t count;
    bool *chosen; /* one for each engine, owned */
    tt_error_t *err;
} choice_t;

static int by_id(const void *a, const void *b)
{
    const tt_target_engine_t *left = a, *right = b;
    return (left->id > right->id) - (left->id < right->id);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* ---- what exists, for errors */

static int no_such(choice_t *self, const char *what, const tt_buf_t *exist)
{
    return tt_error_set(self->err, "%s: there %s %.*s", what, self->count == 1 ? "is" : "are",
                        (int)(exist->len < 300 ? exist->len : 300), (const char *)exist->data);
}

static void put_existing_ids(const choice_t *self, tt_buf_t *out)
{
    int *ids = tt_alloc(self->count * sizeof *ids);
    for (size_t i = 0; i < self->count; i++)
        ids[i] = self->engines[i].id;
    tt_target_format(out, ids, self->count);
    free(ids);
}

static int no_engine(choice_t *self, const char *what)
{
    tt_buf_t exist;
    tt_buf_init(&exist);
    put_existing_ids(self, &exist);
    int rc = no_such(self, what, &exist);
    tt_buf_release(&exist);
    return rc;
}

static int no_host(choice_t *self, const char *host)
{
    char what[160];
    snprintf(what, sizeof what, "no engine on host '%.100s'", host);
    const char **names = tt_alloc(self->count * sizeof *names);
    for (size_t i = 0; i < self->count; i++)
        names[i] = self->engines[i].host;
    tt_buf_t exist;
    tt_buf_init(&exist);
    tt_target_nodes(&exist, names, self->count);
    int rc = no_such(self, what, &exist);
    tt_buf_release(&exist);
    free(names);
    return rc;
}

/* What `@` can name the engine by, behind the names that there are. */
static char **add_names(char **names, size_t *used, const tt_target_engine_t *engine)
{
    const char *at = engine->labels ? engine->labels : "";
    tt_label_t label;
    if (engine->language && engine->kind && strcmp(engine->kind, engine->language) != 0) {
        names = tt_realloc(names, (*used + 1) * sizeof *names);
        names[(*used)++] = tt_strdup(engine->kind);
    }
    if (engine->language) {
        names = tt_realloc(names, (*used + 1) * sizeof *names);
        names[(*used)++] = tt_strdup(engine->language);
    }
    while (tt_labels_next(&at, &label)) {
        names = tt_realloc(names, (*used + 1) * sizeof *names);
        names[(*used)++] = tt_strndup((const char *)label.name.data, label.name.len);
    }
    return names;
}

static int no_label(choice_t *self, const char *label)
{
    char what[160];
    snprintf(what, sizeof what, "no engine has the label or language '%.100s'", label);
    char **names = NULL;
    size_t used = 0;
    for (size_t i = 0; i < self->count; i++)
        names = add_names(names, &used, &self->engines[i]);
    if (used > 0)
        qsort(names, used, sizeof *names, by_text);
    tt_buf_t exist;
    tt_buf_init(&exist);
    for (size_t i = 0; i < used; i++)
        if (i == 0 || strcmp(names[i], names[i - 1]) != 0)
            tt_buf_printf(&exist, "%s@%s", exist.len ? ", " : "", names[i]);
    int rc = no_such(self, what, &exist);
    tt_buf_release(&exist);
    for (size_t i = 0; i < used; i++)
        free(names[i]);
    free(names);
    return rc;
}

/* ---- numbers */

/* Takes up to nine digits; returns how many, 0 when there are none or more. */
static size_t take_number(const char *text, long *value)
{
    size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > DIGITS_LIMIT)
        return 0;
    *value = strtol(text, NULL, 10);
    return digits;
}

static int choose_id(choice_t *self, long id)
{
    tt_target_engine_t key = {.id = (int)id};
    const tt_target_engine_t *found =
        bsearch(&key, self->engines, self->count, sizeof key, by_id);
    if (found == NULL) {
        char what[40];
        snprintf(what, sizeof what, "no engine %ld", id);
        return no_engine(self, what);
    }
    self->chosen[found - self->engines] = true;
    return 0;
}

static int choose_range(choice_t *self, long first, long last)
{
    if (last < first)
        return tt_error_set(self->err, "range '%ld-%ld' runs backwards: write %ld-%ld", first,
                            last, last, first);
    if (last - first >= RANGE_LIMIT)
        return tt_error_set(self->err, "range '%ld-%ld' is over the limit of %d", first, last,
                            RANGE_LIMIT);
    for (long id = first; id <= last; id++)
        if (choose_id(self, id) != 0)
            return -1;
    return 0;
}

/* ---- the forms: each returns 1 when the item is of that form and was done, 0 when it is not,
 * -1 with the reason when it cannot be done. */

static int form_all(choice_t *self, const char *item)
{
    if (strcmp(item, "all") != 0)
        return 0;
    for (size_t i = 0; i < self->count; i++)
        self->chosen[i] = true;
    return 1;
}

static int form_ids(choice_t *self, const char *item)
{
    long first, last;
    size_t used = take_number(item, &first);
    if (used == 0)
        return 0;
    if (item[used] == 0)
        return choose_id(self, first) == 0 ? 1 : -1;
    if (item[used] != '-')
        return 0;
    const char *rest = item + used + 1;
    used = take_number(rest, &last);
    if (used == 0 || rest[used] != 0)
        return 0;
    return choose_range(self, first, last) == 0 ? 1 : -1;
}

static int form_last(choice_t *self, const char *item)
{
    long back;
    size_t used = item[0] == '-' ? take_number(item + 1, &back) : 0;
    if (used == 0 || item[1 + used] != 0 || back == 0)
        return 0;
    if ((size_t)back > self->count)
        return tt_error_set(self->err, "no engine '%s': there are %zu", item, self->count);
    self->chosen[self->count - (size_t)back] = true;
    return 1;
}

/* One part of a slice, which may be missing. */
static bool take_part(const char **at, long *value, bool *given)
{
    bool negative = **at == '-';
    size_t used = take_number(*at + negative, value);
    *given = used > 0;
    if (used == 0)
        return !negative;
    *at += negative + used;
    if (negative)
        *value = -*value;
    return true;
}

/* An end of a slice as Python means it, within low .. high. */
static long slice_end(long value, long count, long low, long high)
{
    if (value < 0)
        value += count;
    return value < low ? low : value > high ? high : value;
}

static int choose_slice(choice_t *self, const long part[3], const bool given[3])
{
    long count = (long)self->count, step = given[2] ? part[2] : 1;
    if (step == 0)
        return tt_error_set(self->err, "the step of a slice cannot be 0");
    long low = step > 0 ? 0 : -1, high = step > 0 ? count : count - 1;
    long start = given[0] ? slice_end(part[0], count, low, high) : step > 0 ? low : high;
    long stop = given[1] ? slice_end(part[1], count, low, high) : step > 0 ? high : low;
    for (long i = start; step > 0 ? i < stop : i > stop; i += step)
        self->chosen[i] = true;
    return 1;
}

static int form_slice(choice_t *self, const char *item)
{
    long part[3] = {0, 0, 0};
    bool given[3] = {false, false, false};
    const char *at = item;
    if (!take_part(&at, &part[0], &given[0]) || *at++ != ':' ||
        !take_part(&at, &part[1], &given[1]))
        return 0;
    if (*at == ':' && (at++, !take_part(&at, &part[2], &given[2])))
        return 0;
    return *at == 0 ? choose_slice(self, part, given) : 0;
}

static bool has_label(const tt_target_engine_t *engine, const char *label)
{
    if (engine->language && strcmp(engine->language, label) == 0)
        return true;
    if (engine->kind && strcmp(engine->kind, label) == 0)
        return true;
    return engine->labels && tt_labels_have(engine->labels, label);
}

static int form_label(choice_t *self, const char *item)
{
    if (item[0] != '@')
        return 0;
    bool found = false;
    for (size_t i = 0; i < self->count; i++)
        if (has_label(&self->engines[i], item + 1))
            self->chosen[i] = found = true;
    return found ? 1 : no_label(self, item + 1);
}

/* "web1" names the host web1 and any web1.example.org. */
static bool is_host(const char *host, const char *name)
{
    size_t len = strlen(name);
    return strncmp(host, name, len) == 0 &&
           (host[len] == 0 || (host[len] == '.' && strchr(name, '.') == NULL));
}

static int choose_host(choice_t *self, const char *name)
{
    bool found = false;
    for (size_t i = 0; i < self->count; i++)
        if (is_host(self->engines[i].host, name))
            self->chosen[i] = found = true;
    return found ? 0 : no_host(self, name);
}

/* ---- node sets */

typedef struct {
    tt_node_fn *each;
    void *arg;
    tt_error_t *err;
} expansion_t;

static int expand(const expansion_t *self, const char *item, size_t depth);

/* Every number of "first-last" between what stands before and behind the brackets. A first
 * number with leading zeros sets the width of all. */
static int expand_range(const expansion_t *self, const char *item, const char *range,
                        const char *tail, size_t depth)
{
    long first, last;
    size_t used = take_number(range, &first);
    const char *rest = range + used;
    last = first;
    size_t more = used && *rest == '-' ? take_number(rest + 1, &last) : 0;
    if (used == 0 || (*rest == '-' && more == 0) ||
        strchr(",]", rest[more ? 1 + more : 0]) == NULL)
        return tt_error_set(self->err, "'%.100s' is not a node set such as web[01-40,42]",
                            item);
    if (last < first || last - first >= RANGE_LIMIT)
        return tt_error_set(self->err, "'%.100s': range %ld-%ld is %s", item, first, last,
                            last < first ? "backwards" : "over the limit of 1000000");
    int width = range[0] == '0' ? (int)used : 1, rc = 0;
    for (long n = first; n <= last && rc == 0; n++) {
        char *name = tt_printf("%.*s%0*ld%s", (int)strcspn(item, "["), item, width, n, tail);
        rc = expand(self, name, depth + 1);
        free(name);
    }
    return rc;
}

/* `depth` counts the brackets that were replaced already. */
static int expand(const expansion_t *self, const char *item, size_t depth)
{
    const char *open = strchr(item, '['), *close = open ? strchr(open, ']') : NULL;
    if (open == NULL && strchr(item, ']') == NULL)
        return self->each(self->arg, item, self->err);
    if (close == NULL || depth >= 4)
        return tt_error_set(self->err, "'%.100s' is not a node set such as web[01-40,42]",
                            item);
    for (const char *range = open; range < close; range += strcspn(range, ",]")) {
        range++;
        if (expand_range(self, item, range, close + 1, depth) != 0)
            return -1;
    }
    return 0;
}

int tt_target_expand(const char *item, tt_node_fn *each, void *arg, tt_error_t *err)
{
    const expansion_t self = {each, arg, err};
    return expand(&self, item, 0);
}

static int choose_node(void *arg, const char *name, tt_error_t *err)
{
    (void)err;
    return choose_host(arg, name);
}

/* "web1-web3", as labels show it, means web[1-3]; where a host has that very name it is meant.
 * The node set is the caller's to free; NULL when the item is no such range. */
static char *range_of_names(const choice_t *self, const char *item)
{
    for (size_t i = 0; i < self->count; i++)
        if (is_host(self->engines[i].host, item))
            return NULL;
    for (const char *dash = strchr(item, '-'); dash; dash = strchr(dash + 1, '-')) {
        size_t stem = (size_t)(dash - item);
        while (stem > 0 && strchr("0123456789", item[stem - 1]))
            stem--;
        const char *first = item + stem, *last = dash + 1 + stem;
        if (stem == 0 || first == dash || strlen(dash + 1) <= stem ||
            strncmp(item, dash + 1, stem) != 0 || strspn(last, "0123456789") != strlen(last))
            continue;
        return tt_printf("%.*s[%.*s-%s]", (int)stem, item, (int)(dash - first), first, last);
    }
    return NULL;
}

static int form_name_range(choice_t *self, const char *item)
{
    char *nodes = strpbrk(item, "[]") ? NULL : range_of_names(self, item);
    int rc = nodes ? tt_target_expand(nodes, choose_node, self, self->err) : 0;
    bool found = nodes != NULL;
    free(nodes);
    return rc != 0 ? -1 : found;
}

static int form_nodes(choice_t *self, const char *item)
{
    return tt_target_expand(item, choose_node, self, self->err) == 0 ? 1 : -1;
}

static int (*const forms[])(choice_t *self, const char *item) = {
    form_all, form_ids, form_last, form_slice, form_label, form_name_range, form_nodes,
};

/* ---- the set */

static int choose_item(choice_t *self, const char *text, size_t len)
{
    while (len > 0 && strchr(" \t", text[0]))
        text++, len--;
    while (len > 0 && strchr(" \t", text[len - 1]))
        len--;
    if (len == 0)
        return tt_error_set(self->err,
                            "an empty target; write ids (0-3,7), hosts, @label or all");
    char *item = tt_strndup(text, len);
    int rc = 0;
    for (size_t i = 0; i < sizeof forms / sizeof *forms && rc == 0; i++)
        rc = forms[i](self, item);
    free(item);
    return rc < 0 ? -1 : 0;
}

/* Up to the next comma that is not in brackets. */
static size_t item_length(const char *text)
{
    bool inside = false;
    size_t len = 0;
    for (; text[len] && (inside || text[len] != ','); len++)
        inside = text[len] == '[' || (inside && text[len] != ']');
    return len;
}

static int choose(choice_t *self, const char *set)
{
    if (strlen(set) > SET_LIMIT)
        return tt_error_set(self->err, "a target set of %zu bytes: the limit is %d",
                            strlen(set), SET_LIMIT);
    for (const char *at = set;; at++) {
        size_t len = item_length(at);
        if (choose_item(self, at, len) != 0)
            return -1;
        at += len;
        if (*at == 0)
            return 0;
    }
}

static int take_chosen(choice_t *self, const bool *without, int **ids, size_t *id_count)
{
    int *taken = tt_alloc(self->count * sizeof *taken);
    size_t used = 0;
    for (size_t i = 0; i < self->count; i++)
        if (self->chosen[i] && !(without && without[i]))
            taken[used++] = self->engines[i].id;
    *ids = taken;
    *id_count = used;
    return used ? 0 : -1;
}

static int select_in(choice_t *self, const char *set, const char *exclude, int **ids,
                     size_t *id_count)
{
    if (choose(self, set) != 0)
        return -1;
    choice_t without = *self;
    without.chosen = tt_alloc(self->count);
    int rc = exclude ? choose(&without, exclude) : 0;
    if (rc == 0 && take_chosen(self, without.chosen, ids, id_count) != 0) {
        char what[160];
        free(*ids);
        snprintf(what, sizeof what, "'%.50s'%s%.50s%s names no engine", set,
                 exclude ? " without '" : "", exclude ? exclude : "", exclude ? "'" : "");
        rc = no_engine(self, what);
    }
    free(without.chosen);
    return rc;
}

int tt_target_select(const char *set, const char *exclude, const tt_target_engine_t *engines,
                     size_t count, int **ids, size_t *id_count, tt_error_t *err)
{
    *ids = NULL;
    *id_count = 0;
    if (count == 0)
        return tt_error_set(err, "no engines");
    tt_target_engine_t *sorted = tt_alloc(count * sizeof *sorted);
    memcpy(sorted, engines, count * sizeof *sorted);
    for (size_t i = 0; i < count; i++)
        if (sorted[i].host == NULL)
            sorted[i].host = "";
    qsort(sorted, count, sizeof *sorted, by_id);
    choice_t self = {sorted, count, tt_alloc(count), err};
    int rc = select_in(&self, set, exclude, ids, id_count);
    if (rc != 0)
        *ids = NULL;
    free(self.chosen);
    free(sorted);
    return rc;
}

void tt_target_format(tt_buf_t *out, const int *ids, size_t count)
{
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && ids[next] == ids[next - 1] + 1;)
            next++;
        tt_buf_printf(out, "%s%d", i ? "," : "", ids[i]);
        if (next - i > 1)
            tt_buf_printf(out, "-%d", ids[next - 1]);
    }
}

/* ---- folding of host names */

typedef struct {
    const char *name; /* borrowed */
    size_t prefix;    /* bytes before the number */
    size_t digits;    /* 0: it has no number, and `prefix` is all of it */
    unsigned long long value;
} node_t;

/* The number that counts hosts: the last one before the domain, or the last of all. */
static node_t split_node(const char *name)
{
    size_t len = strcspn(name, "."), end;
    if (strspn(name, "0123456789.") > len) /* an address */
        len = strlen(name);
    for (end = len; end > 0 && strchr("0123456789", name[end - 1]) == NULL;)
        end--;
    size_t start = end;
    while (start > 0 && strchr("0123456789", name[start - 1]) != NULL)
        start--;
    if (end == start || end - start > 18)
        return (node_t){name, strlen(name), 0, 0};
    return (node_t){name, start, end - start, strtoull(name + start, NULL, 10)};
}

static const char *suffix(const node_t *self)
{
    return self->name + self->prefix + self->digits;
}

/* Orders by what stands around the number. */
static int by_frame(const node_t *a, const node_t *b)
{
    size_t least = a->prefix < b->prefix ? a->prefix : b->prefix;
    int order = memcmp(a->name, b->name, least);
    if (order == 0)
        order = (a->prefix > b->prefix) - (a->prefix < b->prefix);
    if (order == 0)
        order = (a->digits > 0) - (b->digits > 0);
    return order ? order : strcmp(suffix(a), suffix(b));
}

static int by_node(const void *left, const void *right)
{
    const node_t *a = left, *b = right;
    int order = by_frame(a, b);
    if (order == 0)
        order = (a->value > b->value) - (a->value < b->value);
    return order ? order : (a->digits > b->digits) - (a->digits < b->digits);
}

/* Whether `b` is the next one of a range: same padding, one more. */
static bool follows(const node_t *a, const node_t *b)
{
    bool padded = b->name[b->prefix] == '0' || a->name[a->prefix] == '0';
    return b->value == a->value + 1 && (a->digits == b->digits || !padded);
}

static void put_ranges(tt_buf_t *out, const node_t *nodes, size_t count)
{
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && follows(&nodes[next - 1], &nodes[next]);)
            next++;
        const node_t *first = &nodes[i], *last = &nodes[next - 1];
        tt_buf_printf(out, "%s%.*s", i ? "," : "", (int)first->digits,
                      first->name + first->prefix);
        if (next - i > 1)
            tt_buf_printf(out, "-%.*s", (int)last->digits, last->name + last->prefix);
    }
}

static size_t sort_unique(node_t *nodes, size_t count)
{
    size_t used = 0;
    qsort(nodes, count, sizeof *nodes, by_node);
    for (size_t i = 0; i < count; i++)
        if (used == 0 || by_node(&nodes[used - 1], &nodes[i]) != 0)
            nodes[used++] = nodes[i];
    return used;
}

void tt_target_nodes(tt_buf_t *out, const char *const *names, size_t count)
{
    node_t *nodes = tt_alloc(count * sizeof *nodes);
    for (size_t i = 0; i < count; i++)
        nodes[i] = split_node(names[i]);
    count = sort_unique(nodes, count);
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && by_frame(&nodes[i], &nodes[next]) == 0;)
            next++;
        tt_buf_append(out, ",", i ? 1 : 0);
        if (next - i == 1) {
            tt_buf_append(out, nodes[i].name, strlen(nodes[i].name));
            continue;
        }
        tt_buf_printf(out, "%.*s[", (int)nodes[i].prefix, nodes[i].name);
        put_ranges(out, nodes + i, next - i);
        tt_buf_printf(out, "]%s", suffix(&nodes[i]));
    }
    free(nodes);
}
