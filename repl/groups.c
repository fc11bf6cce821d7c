/* Groups of engines from options. See groups.h. */
#include "groups.h"

#include <stdlib.h>
#include <string.h>

static int set_engines(cluster_group_t *group, const char *value, tt_error_t *err)
{
    if (tt_whole_number(value, &group->engines) == 0)
        return 0;
    return tt_error_set(err, "--engines: '%.80s' is not a whole number", value);
}

static int set_language(cluster_group_t *group, const char *value, tt_error_t *err)
{
    (void)err;
    group->language = value;
    return 0;
}

static int set_python(cluster_group_t *group, const char *value, tt_error_t *err)
{
    (void)err;
    group->python = value;
    return 0;
}

static int set_program(cluster_group_t *group, const char *value, tt_error_t *err)
{
    (void)err;
    group->program = value;
    return 0;
}

static int add_preload(cluster_group_t *group, const char *value, tt_error_t *err)
{
    (void)err;
    tt_texts_add(&group->preload, value);
    return 0;
}

static int add_label(cluster_group_t *group, const char *value, tt_error_t *err)
{
    (void)err;
    tt_texts_add(&group->labels, value);
    return 0;
}

static const struct {
    const char *option;
    int (*set)(cluster_group_t *group, const char *value, tt_error_t *err);
} setters[] = {{"engines", set_engines}, {"lang", set_language},   {"python", set_python},
               {"program", set_program}, {"preload", add_preload}, {"label", add_label}};

static int set(cluster_group_t *group, const char *option, const char *value, tt_error_t *err)
{
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        if (strcmp(setters[i].option, option) == 0)
            return setters[i].set(group, value, err);
    return 0;
}

static bool begins(const char *option)
{
    return strcmp(option, "engines") == 0;
}

int groups_read(const tt_texts_t *texts, cluster_wish_t *wish, tt_error_t *err)
{
    cluster_group_t *group = &wish->group;
    bool counted = false;
    for (size_t i = 0; i + 1 < texts->count; i += 2) {
        bool counts = begins(texts->items[i]);
        if (counts && counted) {
            wish->more = tt_realloc(wish->more, (wish->more_count + 1) * sizeof *wish->more);
            group = &wish->more[wish->more_count++];
            *group = (cluster_group_t){.engines = CLUSTER_PER_CORE};
        }
        counted = counted || counts;
        if (set(group, texts->items[i], texts->items[i + 1], err) != 0)
            return -1;
    }
    return 0;
}

/* What the settings say, with or without their number of engines. */
static void add_settings(tt_texts_t *out, const tt_texts_t *texts, size_t count, bool engines)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        if (engines || !begins(texts->items[i])) {
            tt_texts_add(out, texts->items[i]);
            tt_texts_add(out, texts->items[i + 1]);
        }
}

void groups_lay(tt_texts_t *texts, size_t count)
{
    tt_texts_t out = {NULL, 0};
    size_t begun = 0, begin = 0;
    for (size_t i = count; i + 1 < texts->count; i += 2)
        begin += begins(texts->items[i]);
    add_settings(&out, texts, count, begin == 0);
    for (size_t i = count; i + 1 < texts->count; i += 2) {
        tt_texts_add(&out, texts->items[i]);
        tt_texts_add(&out, texts->items[i + 1]);
        if (begins(texts->items[i]) && begun++ > 0)
            add_settings(&out, texts, count, false);
    }
    tt_texts_release(texts);
    *texts = out;
}
