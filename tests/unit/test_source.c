/* Splitting files and pastes into statements. */
#include "source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static source_t *open_text(const char *text)
{
    return source_new("lesson.tutti", text, strlen(text), NULL);
}

static void expect(source_t *self, const char *text, unsigned line, bool plain)
{
    source_block_t block;
    assert_true(source_next(self, &block));
    assert_int_equal(block.len, strlen(text));
    assert_memory_equal(block.text, text, block.len);
    assert_int_equal(block.line, line);
    assert_int_equal(block.plain, plain);
    assert_string_equal(block.file, "lesson.tutti");
}

static void expect_end(source_t **self)
{
    source_block_t block;
    assert_false(source_next(*self, &block));
    source_destroy(self);
    assert_null(*self);
    source_destroy(self);
}

static void test_empty(void **state)
{
    (void)state;
    source_t *self = open_text("");
    expect_end(&self);
    self = open_text("\n  \n%%\n\n");
    expect_end(&self);
}

static void test_lines(void **state)
{
    (void)state;
    source_t *self = open_text("\xef\xbb\xbfx = 1\r\n\r\ny = 2\r\n%px x\r\n!ls\nr = %map f y\n"
                               "@0: f()\nz = 3\nz?\n  %px indented\nend");
    expect(self, "x = 1\n\ny = 2\n", 1, true);
    expect(self, "%px x\n", 4, false);
    expect(self, "!ls\n", 5, false);
    expect(self, "r = %map f y\n", 6, false);
    expect(self, "@0: f()\n", 7, false);
    expect(self, "z = 3\n", 8, true);
    expect(self, "z?\n", 9, false);
    expect(self, "  %px indented\nend", 10, true);
    expect_end(&self);
}

static void test_continued(void **state)
{
    (void)state;
    source_t *self = open_text("%sh a \\\n b\n@name\ndef f(): pass\n");
    expect(self, "%sh a \\\n b\n", 1, false);
    expect(self, "@name\ndef f(): pass\n", 3, true);
    expect_end(&self);
}

static void test_cells(void **state)
{
    (void)state;
    source_t *self =
        open_text("%%px\nimport os\n\n\nx = 1\n%px here\n%% \ny = 2\n%%px -t 0\na\n");
    expect(self, "%%px\nimport os\n\n\nx = 1\n%px here\n", 1, false);
    expect(self, "y = 2\n", 8, true);
    expect(self, "%%px -t 0\na\n", 9, false);
    expect_end(&self);
    self = open_text("%%px\na\n%%px\nb");
    expect(self, "%%px\na\n", 1, false);
    expect(self, "%%px\nb", 3, false);
    expect_end(&self);
}

static unsigned only_px(const char *magic)
{
    return strcmp(magic, "px") == 0 ? GRAMMAR_KNOWN | GRAMMAR_CODE | GRAMMAR_CELL : 0;
}

static void test_foreign_cell_line(void **state)
{
    (void)state;
    const grammar_rules_t rules = {false, only_px};
    const char *text = "%%px\n%%BoundingBox: 0\n  %%px\n%%\n";
    source_t *self = source_new("lesson.tutti", text, strlen(text), &rules);
    expect(self, "%%px\n%%BoundingBox: 0\n  %%px\n", 1, false);
    expect_end(&self);
}

static void test_extend(void **state)
{
    (void)state;
    source_t *self = open_text("s = '''\n%d items\n!x\nend'''\n%px s\n");
    source_block_t block;
    assert_true(source_next(self, &block));
    assert_int_equal(block.len, 8);
    assert_true(source_extend(self, &block));
    assert_int_equal(block.len, 17);
    assert_true(source_extend(self, &block));
    assert_int_equal(block.len, 27);
    assert_int_equal(block.line, 1);
    expect(self, "%px s\n", 5, false);
    expect_end(&self);
}

static void test_extend_refused(void **state)
{
    (void)state;
    source_t *self = open_text("%px 1\nx = (");
    source_block_t block;
    assert_true(source_next(self, &block));
    assert_false(source_extend(self, &block));
    assert_true(source_next(self, &block));
    assert_false(source_extend(self, &block));
    assert_int_equal(block.len, 5);
    expect_end(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_continued),
        cmocka_unit_test(test_cells),
        cmocka_unit_test(test_foreign_cell_line),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_extend_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
