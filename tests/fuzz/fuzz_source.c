/* libFuzzer target: any text splits into blocks that follow each other, with the right line
 * numbers, whatever the language says about their being whole (the first byte decides). */
#include "source.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned only_px(const char *magic)
{
    return strcmp(magic, "px") == 0 ? GRAMMAR_KNOWN | GRAMMAR_CELL | GRAMMAR_CODE : 0;
}

/* What was seen so far of the blocks' common text. */
typedef struct {
    const char *end;
    unsigned line;
} seen_t;

static void check(seen_t *seen, const source_block_t *block)
{
    if (block->len == 0 || block->line == 0)
        abort();
    if (seen->end && (block->text < seen->end || block->line <= seen->line))
        abort();
    *seen = (seen_t){block->text + block->len, block->line};
    statement_t statement;
    if (grammar_parse(&statement, block->text, block->len, NULL, NULL) == 0)
        grammar_release(&statement);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 4096)
        return 0;
    const grammar_rules_t rules = {data[0] & 1, only_px};
    unsigned extend = data[0] >> 1;
    source_t *self = source_new("fuzz", (const char *)data + 1, size - 1, &rules);
    source_block_t block;
    seen_t seen = {NULL, 0};
    for (unsigned step = 0; source_next(self, &block); step++) {
        for (unsigned i = 0; i < (extend >> step % 7 & 3); i++) {
            size_t len = block.len;
            if (source_extend(self, &block) == (block.len == len))
                abort();
        }
        check(&seen, &block);
    }
    source_destroy(&self);
    return 0;
}
