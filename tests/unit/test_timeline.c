/* Pictures of when engines worked. */
#include "timeline.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void check(timeline_span_t *spans, size_t count, bool ascii, const char *expected)
{
    tt_buf_t out;
    tt_buf_init(&out);
    timeline_show(spans, count, 1, 29, ascii, &out);
    assert_string_equal(tt_buf_text(&out), expected);
    tt_buf_release(&out);
}

static void test_rows(void **state)
{
    (void)state;
    timeline_span_t spans[] = {{2, NULL, 0.5, 1, true},
                               {0, NULL, 0, 0.5, false},
                               {0, NULL, 0.75, 0.85, false},
                               {2, NULL, 0, 0.1, false}};
    check(spans, 4, false,
          "0  █████  ▄▄    60 % · 2\n"
          "2  █    ████x   60 % · 2\n"
          "   0 s  1.0 s\n");
    check(spans, 4, true,
          "0  #####  ::    60 % - 2\n"
          "2  #    ####x   60 % - 2\n"
          "   0 s  1.0 s\n");
    check(spans, 0, true, "");
}

static void test_hosts(void **state)
{
    (void)state;
    timeline_span_t spans[] = {{0, "web\033[1m", 0, 1, false},
                               {1, "averyveryverylongname", 0, 0, false}};
    check(spans, 2, true,
          "web\\x1B[1m        ##########  100 % - 1\n"
          "averyveryverylon                0 % - 1\n"
          "                  0 s  1.0 s\n");
}

/* A hundred engines are told in groups of four. */
static void test_many(void **state)
{
    (void)state;
    timeline_span_t spans[100];
    tt_buf_t out;
    size_t lines = 0;
    for (int i = 0; i < 100; i++)
        spans[i] = (timeline_span_t){i, NULL, 0, i % 4 < 2, false};
    tt_buf_init(&out);
    timeline_show(spans, 100, 1, 40, true, &out);
    for (const char *at = tt_buf_text(&out); (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 26);
    assert_memory_equal(tt_buf_text(&out), "0-3    ", 7);
    assert_non_null(strstr(tt_buf_text(&out), " 50 % - 4\n"));
    tt_buf_release(&out);
}

static void test_svg(void **state)
{
    (void)state;
    timeline_span_t spans[] = {{1, "a<b", 0.5, 1, true}, {0, NULL, 0, 1, false}};
    tt_buf_t out;
    tt_buf_init(&out);
    timeline_svg(spans, 2, 1, "x < 1 && \033", &out);
    const char *text = tt_buf_text(&out);
    assert_memory_equal(text, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1110\"", 50);
    assert_non_null(strstr(text, ">x &lt; 1 &amp;&amp;  </text>"));
    assert_non_null(strstr(text, "<rect x=\"590.00\" y=\"59\" width=\"500.00\" height=\"16\" "
                                 "fill=\"#c0392b\">"));
    assert_non_null(strstr(text, ">a&lt;b</text>"));
    assert_non_null(strstr(text, "</svg>\n"));
    tt_buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_svg),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
