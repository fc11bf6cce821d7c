/* libFuzzer target: any line must parse, be refused with a reason, and be released without a
 * leak. What stands behind a magic's name is parsed again, as the prompt does. */
#include "grammar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned about(const char *magic)
{
    return strlen(magic) % 8;
}

static void parse(const char *text, size_t len, const grammar_rules_t *rules)
{
    statement_t self;
    tt_error_t err = {0};
    if (grammar_parse(&self, text, len, rules, &err) == -1) {
        if (err.text[0] == 0)
            abort();
        return;
    }
    if (self.rest == NULL ||
        (self.kind == STATEMENT_MAGIC) != (self.magic && !self.body && !self.targets))
        abort();
    if (self.kind == STATEMENT_MAGIC)
        parse(self.rest, strlen(self.rest), rules);
    grammar_release(&self);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const grammar_rules_t rules[] = {{false, about}, {true, about}, {false, NULL}};
    if (size > 4096)
        return 0;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        parse((const char *)data, size, &rules[i]);
    return 0;
}
