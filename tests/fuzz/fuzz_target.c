/* libFuzzer target: any target set selects existing engines, sorted and once, or is refused
 * with a reason. A newline parts the set from what it excludes. */
#include "target.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const gpu[] = {"gpu", NULL};
static const tt_target_engine_t engines[] = {
    {0, "web01", "python", gpu, NULL}, {1, "web01.example.org", "python", NULL, NULL},
    {2, "web02", "sh", NULL, NULL},    {5, "db", "lua", gpu, NULL},
    {17, NULL, NULL, NULL, NULL},      {18, "web10", "python", gpu, NULL},
};
enum { ENGINES = sizeof engines / sizeof *engines };

static bool exists(int id)
{
    for (size_t i = 0; i < ENGINES; i++)
        if (engines[i].id == id)
            return true;
    return false;
}

static void check(const int *ids, size_t count)
{
    if (count == 0 || count > ENGINES)
        abort();
    for (size_t i = 0; i < count; i++)
        if (!exists(ids[i]) || (i && ids[i] <= ids[i - 1]))
            abort();
}

/* What is written must select the same again. */
static void check_format(const int *ids, size_t count)
{
    tt_buf_t text;
    tt_buf_init(&text);
    tt_target_format(&text, ids, count);
    int *again = NULL;
    size_t again_count = 0;
    if (tt_target_select(tt_buf_text(&text), NULL, engines, ENGINES, &again, &again_count,
                         NULL) ||
        again_count != count || memcmp(again, ids, count * sizeof *ids))
        abort();
    free(again);
    tt_buf_release(&text);
}

static void check_nodes(const char *text)
{
    tt_buf_t out;
    tt_buf_init(&out);
    const char *const names[] = {text, "web09", "web10", text};
    tt_target_nodes(&out, names, sizeof names / sizeof *names);
    tt_buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *set = tt_strndup((const char *)data, size);
    char *exclude = strchr(set, '\n');
    if (exclude)
        *exclude++ = 0;
    int *ids = NULL;
    size_t count = 0;
    tt_error_t err = {0};
    if (tt_target_select(set, exclude, engines, ENGINES, &ids, &count, &err) == 0) {
        check(ids, count);
        check_format(ids, count);
    } else if (err.text[0] == 0) {
        abort();
    }
    free(ids);
    check_nodes(set);
    free(set);
    return 0;
}
