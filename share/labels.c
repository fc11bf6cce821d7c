/* Labels are a few words, so they stay text and are read when they are asked for. See labels.h.
 */
#include "labels.h"

#include "option.h"

#include <ctype.h>
#include <string.h>

enum { NAME_MAX_LEN = 63 };

static tt_label_t split(const char *text, size_t len)
{
    char amount[32];
    size_t name = 0;
    while (name < len && text[name] != '=')
        name++;
    tt_label_t label = {{(const uint8_t *)text, name}, 1};
    if (name == len)
        return label;
    size_t rest = len - name - 1;
    label.amount = 0;
    if (rest < sizeof amount) {
        memcpy(amount, text + name + 1, rest);
        amount[rest] = 0;
        tt_amount(amount, &label.amount);
    }
    return label;
}

bool tt_labels_next(const char **at, tt_label_t *label)
{
    if (**at == 0)
        return false;
    size_t len = strcspn(*at, ",");
    *label = split(*at, len);
    *at += len + ((*at)[len] == ',');
    return true;
}

static bool is_name(tt_span_t name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN || !isalpha(name.data[0]))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum(name.data[i]) && strchr("_-.", name.data[i]) == NULL)
            return false;
    return true;
}

int tt_labels_check(const char *labels, tt_error_t *err)
{
    size_t len = strlen(labels);
    const char *at = labels, *start = at;
    tt_label_t label;
    if (len == 0 || labels[len - 1] == ',')
        return tt_error_set(err, "a label is missing in '%.100s'", labels);
    if (len >= TT_LABELS_SIZE)
        return tt_error_set(err, "labels have %d bytes at most, not %zu", TT_LABELS_SIZE - 1,
                            len);
    for (; tt_labels_next(&at, &label); start = at)
        if (!is_name(label.name) || !(label.amount > 0))
            return tt_error_set(err, "a label is NAME or NAME=AMOUNT, as in gpu=2, not '%.*s'",
                                (int)strcspn(start, ","), start);
    return 0;
}

static double amount_of(const char *labels, tt_span_t name)
{
    double amount = 0;
    tt_label_t label;
    while (tt_labels_next(&labels, &label))
        if (label.name.len == name.len && memcmp(label.name.data, name.data, name.len) == 0)
            amount = label.amount; /* the last one counts */
    return amount;
}

bool tt_labels_have(const char *labels, const char *name)
{
    return amount_of(labels, tt_span(name)) > 0;
}

bool tt_labels_meet(const char *labels, const char *needs)
{
    tt_label_t need;
    while (tt_labels_next(&needs, &need))
        if (amount_of(labels, need.name) < need.amount)
            return false;
    return true;
}
