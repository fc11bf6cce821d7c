/* Writing labels. Ids are sorted when they come; host names are sorted here, by name and
 * number, so that neighbours can be joined whatever the order in which the hosts arrived. */
#include "label.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

/* A host name around its last run of digits: web | 01 | .site */
typedef struct {
    const char *name;
    size_t prefix, digits; /* lengths */
    unsigned long number;
} host_t;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static host_t host_of(const char *name)
{
    size_t end = strlen(name);
    while (end && !is_digit(name[end - 1]))
        end--;
    size_t start = end;
    while (start && is_digit(name[start - 1]) && end - start < 9)
        start--;
    if (start == end)
        return (host_t){name, strlen(name), 0, 0};
    return (host_t){name, start, end - start, strtoul(name + start, NULL, 10)};
}

static const char *suffix(const host_t *host)
{
    return host->name + host->prefix + host->digits;
}

static int compare_numbers(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int by_host(const void *a, const void *b)
{
    const host_t *x = a, *y = b;
    size_t shorter = x->prefix < y->prefix ? x->prefix : y->prefix;
    int order = memcmp(x->name, y->name, shorter);
    if (order == 0)
        order = compare_numbers(x->prefix, y->prefix);
    if (order == 0)
        order = strcmp(suffix(x), suffix(y));
    if (order == 0)
        order = compare_numbers(x->number, y->number);
    return order ? order : compare_numbers(x->digits, y->digits);
}

/* Whether `b` is the next in a row after `a`: web09 and web10, node9 and node10. */
static bool follows(const host_t *a, const host_t *b)
{
    bool width =
        a->digits == b->digits ||
        (b->digits == a->digits + 1 && b->name[b->prefix] != '0' && a->name[a->prefix] != '0');
    return a->digits && b->digits && width && a->prefix == b->prefix &&
           memcmp(a->name, b->name, a->prefix) == 0 && strcmp(suffix(a), suffix(b)) == 0 &&
           b->number == a->number + 1;
}

static void escape(tt_buf_t *out, const char *name)
{
    tt_text_escape(out, name, strlen(name));
}

static void write_hosts(tt_buf_t *out, const host_t *hosts, size_t count)
{
    for (size_t i = 0, last; i < count; i = last + 1) {
        bool row = false;
        for (last = i; last + 1 < count; last++) {
            bool same = strcmp(hosts[last].name, hosts[last + 1].name) == 0;
            if (!same && !follows(&hosts[last], &hosts[last + 1]))
                break;
            row = row || !same;
        }
        tt_buf_printf(out, "%s", i ? "," : "");
        escape(out, hosts[i].name);
        if (!row)
            continue;
        tt_buf_printf(out, "-");
        escape(out, hosts[last].name);
    }
}

/* Returns false when a member has no host name. */
static bool names_hosts(tt_buf_t *out, const fold_member_t *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (members[i].host == NULL || members[i].host[0] == 0)
            return false;
    host_t *hosts = tt_alloc(count * sizeof *hosts);
    for (size_t i = 0; i < count; i++)
        hosts[i] = host_of(members[i].host);
    qsort(hosts, count, sizeof *hosts, by_host);
    write_hosts(out, hosts, count);
    free(hosts);
    return true;
}

/* The index of the last member in the row of ids that starts at `i`. */
static size_t row_end(const fold_member_t *members, size_t count, size_t i)
{
    while (i + 1 < count && (long)members[i + 1].id - members[i].id <= 1)
        i++;
    return i;
}

static void write_ids(tt_buf_t *out, const fold_member_t *members, size_t count)
{
    for (size_t i = 0, last; i < count; i = last + 1) {
        last = row_end(members, count, i);
        tt_buf_printf(out, "%s%d", i ? "," : "", members[i].id);
        if (members[last].id > members[i].id)
            tt_buf_printf(out, "-%d", members[last].id);
    }
}

static size_t count_ids(const fold_member_t *members, size_t count)
{
    size_t different = count > 0;
    for (size_t i = 1; i < count; i++)
        different += members[i].id != members[i - 1].id;
    return different;
}

/* `41 of 500 items: 3,9,17,…`; `item 3`; `items 3,9` */
static void write_items(tt_buf_t *out, const char *ids, const fold_member_t *members,
                        size_t count, size_t total)
{
    size_t different = count_ids(members, count);
    if (tt_text_width(ids, strlen(ids)) <= LABEL_COLUMNS) {
        tt_buf_printf(out, "item%s %s", different == 1 ? "" : "s", ids);
        return;
    }
    tt_buf_printf(out, "%zu of %zu items: ", different, total > different ? total : different);
    for (size_t i = 0, shown = 0; i < count && shown < 3; i++)
        if (i == 0 || members[i].id != members[i - 1].id) {
            tt_buf_printf(out, "%d,", members[i].id);
            shown++;
        }
    tt_buf_printf(out, "…");
}

void label_names(tt_buf_t *out, const fold_member_t *members, size_t count,
                 const label_style_t *style)
{
    tt_buf_t names;
    tt_buf_init(&names);
    if (!style->items && count > 0 && members[count - 1].id < 0)
        tt_buf_printf(&names, "no engine"); /* it never got to one */
    else if (style->items || !style->hosts || !names_hosts(&names, members, count))
        write_ids(&names, members, count);
    const char *text = tt_buf_text(&names);
    size_t different = count_ids(members, count);
    if (style->items)
        write_items(out, text, members, count, style->total);
    else if (tt_text_width(text, names.len) <= LABEL_COLUMNS || different == 1)
        tt_buf_append(out, text, names.len);
    else
        tt_buf_printf(out, "%zu of %zu", different,
                      style->total > different ? style->total : different);
    tt_buf_release(&names);
}

void label_line(tt_buf_t *out, const fold_member_t *members, size_t count,
                const label_style_t *style, const char *mark)
{
    tt_buf_printf(out, "[");
    label_names(out, members, count, style);
    tt_buf_printf(out, "%s%s] ", mark ? " " : "", mark ? mark : "");
}

static void write_job(tt_buf_t *out, const label_style_t *style)
{
    if (style->job && !style->items)
        tt_buf_printf(out, ":%d", style->job);
}

void label_job(tt_buf_t *out, const fold_member_t *members, size_t count,
               const label_style_t *style)
{
    tt_buf_printf(out, "[");
    label_names(out, members, count, style);
    write_job(out, style);
    tt_buf_printf(out, "] ");
}

void label_out(tt_buf_t *out, const fold_member_t *members, size_t count,
               const label_style_t *style)
{
    tt_buf_printf(out, "Out[");
    label_names(out, members, count, style);
    write_job(out, style);
    tt_buf_printf(out, "]:");
}

void label_value(tt_buf_t *out, tt_span_t value)
{
    bool lines = value.len && memchr(value.data, '\n', value.len);
    tt_buf_printf(out, lines ? "\n" : " ");
    tt_buf_append(out, value.data, value.len);
    if (value.len == 0 || value.data[value.len - 1] != '\n')
        tt_buf_printf(out, "\n");
}
