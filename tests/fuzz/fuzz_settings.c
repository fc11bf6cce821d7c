/* libFuzzer target: a file of settings, any bytes. What is read and written again reads as the
 * same; a failure has a reason and a line; what holds is of the tables. */
#include "settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_again(const zpl_t *zpl, tt_buf_t *out)
{
    for (size_t i = 0; i < zpl->count; i++) {
        const zpl_item_t *item = &zpl->items[i];
        tt_buf_printf(out, "%*s%s", (int)item->depth * 4, "", item->name);
        if (item->value) {
            tt_buf_printf(out, " = ");
            zpl_put_value(out, item->value);
        }
        tt_buf_printf(out, "\n");
    }
}

static bool is_same(const zpl_item_t *one, const zpl_item_t *two)
{
    if (one->depth != two->depth || strcmp(one->name, two->name) != 0)
        return false;
    return one->value && two->value ? strcmp(one->value, two->value) == 0
                                    : one->value == two->value;
}

static void read_twice(const char *text, size_t size)
{
    zpl_t zpl, again;
    tt_error_t err = {0};
    unsigned line;
    if (zpl_read(&zpl, text, size, &line, &err) != 0) {
        if (err.text[0] == 0 || line == 0)
            abort();
        return;
    }
    tt_buf_t out;
    tt_buf_init(&out);
    write_again(&zpl, &out);
    if (zpl_read(&again, (const char *)out.data, out.len, &line, &err) != 0 ||
        again.count != zpl.count)
        abort();
    for (size_t i = 0; i < zpl.count; i++)
        if (!is_same(&zpl.items[i], &again.items[i]))
            abort();
    tt_buf_release(&out);
    zpl_release(&again);
    zpl_release(&zpl);
}

static void parse(const char *text, size_t size)
{
    settings_t settings;
    tt_error_t err = {0};
    given_t given = command_defaults();
    if (settings_init(&settings, "a", &err) != 0)
        abort();
    if (settings_parse(&settings, text, size, &err) != 0 && err.text[0] == 0)
        abort();
    for (size_t i = 0; i < settings.count; i++)
        if (!settings_takes(settings.items[i].option) || settings.items[i].value == NULL)
            abort();
    settings_apply(&settings, "start", &given);
    settings_apply(&settings, "add", &given);
    command_release(&given);
    settings_release(&settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsetenv("XDG_CONFIG_HOME");
    read_twice((const char *)data, size);
    parse((const char *)data, size);
    return 0;
}
