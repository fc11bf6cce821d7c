/* libFuzzer target: options and words of any line. */
#include "buf.h"
#include "words.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const words_option_t table[] = {
    {'t', "targets", true, NULL}, {0, "noblock", false, NULL}, {'v', "verbose", false, NULL}};

static void options(const char *text)
{
    words_t self;
    tt_error_t err = {0};
    if (words_options(&self, "%px", text, table, 3, &err) == -1) {
        if (err.text[0] == 0)
            abort();
        return;
    }
    if (self.rest < text || self.rest > text + strlen(text))
        abort();
    for (size_t i = 0; i < self.count; i++)
        if ((self.choices[i].value != NULL) != self.choices[i].option->takes_value)
            abort();
    words_release(&self);
}

static void split(const char *text)
{
    words_list_t self;
    tt_error_t err = {0};
    if (words_split(&self, text, &err) == -1) {
        if (err.text[0] == 0)
            abort();
        return;
    }
    for (size_t i = 0; i < self.count; i++)
        if (self.items[i][0] == 0 || strstr(text, self.items[i]) == NULL)
            abort();
    words_list_release(&self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = tt_strndup((const char *)data, size);
    options(text);
    split(text);
    free(text);
    return 0;
}
