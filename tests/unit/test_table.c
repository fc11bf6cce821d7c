/* Tables of values. */
#include "table.h"
#include "pack.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void put_text(table_t *table, size_t row, const char *column, const char *text)
{
    tt_buf_t packed;
    tt_buf_init(&packed);
    tt_pack_text(&packed, text);
    table_set(table, row, table_column(table, column, strlen(column)),
              (tt_span_t){packed.data, packed.len});
    tt_buf_release(&packed);
}

static void put_number(table_t *table, size_t row, const char *column, double number)
{
    tt_buf_t packed;
    tt_buf_init(&packed);
    if (number == (double)(int)number)
        tt_pack_int(&packed, (int)number);
    else
        tt_pack_double(&packed, number);
    table_set(table, row, table_column(table, column, strlen(column)),
              (tt_span_t){packed.data, packed.len});
    tt_buf_release(&packed);
}

static table_t *make(void)
{
    table_t *table = table_new();
    for (int i = 0; i < 3; i++) {
        size_t row = table_row(table);
        put_number(table, row, "n", (i + 1) * 5);
        if (i != 1)
            put_number(table, row, "score", 1 / (i + 3.0));
        put_text(table, row, "kind", i ? "b, \"c\"" : "a");
    }
    put_text(table, 1, "error", "no\nway");
    return table;
}

static void check(void (*write)(const table_t *, tt_buf_t *), const table_t *table,
                  const char *expected)
{
    tt_buf_t out;
    tt_buf_init(&out);
    write(table, &out);
    assert_string_equal(tt_buf_text(&out), expected);
    tt_buf_release(&out);
}

static void show(const table_t *table, tt_buf_t *out)
{
    table_show(table, 10, out);
}

static void show_two(const table_t *table, tt_buf_t *out)
{
    table_show(table, 2, out);
}

static void test_columns(void **state)
{
    (void)state;
    table_t *table = make();
    check(show, table,
          " n     score  kind    error\n"
          " 5  0.333333  a\n"
          "10            b, \"c\"  no\\x0Away\n"
          "15       0.2  b, \"c\"\n");
    check(show_two, table,
          " n     score  kind    error\n"
          " 5  0.333333  a\n"
          "10            b, \"c\"  no\\x0Away\n"
          "… 1 more rows\n");
    table_destroy(&table);
}

static void test_files(void **state)
{
    (void)state;
    table_t *table = make();
    check(table_csv, table,
          "n,score,kind,error\n5,0.3333333333333333,a,\n10,,\"b, \"\"c\"\"\",\"no\nway\"\n"
          "15,0.2,\"b, \"\"c\"\"\",\n");
    check(table_json, table,
          "[\n{\"n\":5,\"score\":0.3333333333333333,\"kind\":\"a\"},\n"
          "{\"n\":10,\"kind\":\"b, \\\"c\\\"\",\"error\":\"no\\nway\"},\n"
          "{\"n\":15,\"score\":0.2,\"kind\":\"b, \\\"c\\\"\"}\n]\n");
    table_destroy(&table);
}

static void check_order(table_t *table, const char *column, const char *first)
{
    tt_error_t err;
    tt_buf_t out;
    tt_buf_init(&out);
    assert_int_equal(table_sort(table, column, &err), 0);
    table_show_row(table, 0, &out);
    assert_string_equal(tt_buf_text(&out), first);
    tt_buf_release(&out);
}

static void test_order(void **state)
{
    (void)state;
    tt_error_t err;
    table_t *table = make();
    check_order(table, "score", "n=15 score=0.2 kind=b, \"c\"");
    check_order(table, "-score", "n=5 score=0.333333 kind=a");
    check_order(table, "-n", "n=15 score=0.2 kind=b, \"c\"");
    check_order(table, "kind", "n=5 score=0.333333 kind=a");
    check_order(table, "error", "n=10 kind=b, \"c\" error=no\\x0Away");
    assert_int_equal(table_sort(table, "-x", &err), -1);
    assert_string_equal(err.text, "no column 'x'; there are n, score, kind, error");
    table_destroy(&table);
}

static void test_nothing(void **state)
{
    (void)state;
    table_t *table = table_new();
    check(show, table, "\n");
    check(table_json, table, "[\n]\n");
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
