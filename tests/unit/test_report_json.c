/* One result, one line of JSON. */
#include "report_json.h"
#include "pack.h"
#include "runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void check(const answer_t *answer, const char *want)
{
    tt_buf_t out;
    tt_buf_init(&out);
    report_json(&out, answer);
    assert_string_equal(tt_buf_text(&out), want);
    tt_buf_release(&out);
}

static void test_nothing(void **state)
{
    (void)state;
    answer_t answer;
    answer_init(&answer);
    check(&answer,
          "{\"schema\":1,\"job\":0,\"engine\":null,\"host\":null,\"source\":null,"
          "\"status\":\"ok\",\"repr\":null,\"value\":null,\"stdout\":\"\",\"stderr\":\"\","
          "\"dropped_bytes\":0,\"displays\":[],\"exit_status\":null,\"cause\":null,"
          "\"note\":null,"
          "\"error\":null,\"timing\":{\"queue\":0.000000,\"run\":0.000000,"
          "\"elapsed\":0.000000}}\n");
}

static void test_all(void **state)
{
    (void)state;
    tt_buf_t value;
    tt_buf_init(&value);
    tt_pack_int(&value, 42);
    answer_t answer;
    answer_init(&answer);
    answer.job = 5;
    answer.engine = 0;
    answer.item = 7;
    answer.host = "x";
    answer.source = tt_span("6*7");
    answer.status = TT_STATUS_ERROR;
    answer.repr = tt_span("42");
    answer.value = (tt_span_t){value.data, value.len};
    answer.out = tt_span("a\n\"b\"");
    answer.displays = tt_span("\x90");
    answer.exit_status = 3;
    answer.note = tt_span("2 MiB");
    answer.error.type = tt_span("ValueError");
    answer.error.message = tt_span("bad");
    answer.error.line = 12;
    answer.run_s = 0.25;
    answer.queue_s = -1;
    check(&answer,
          "{\"schema\":1,\"job\":5,\"engine\":0,\"item\":7,\"host\":\"x\","
          "\"source\":\"6*7\",\"status\":\"error\",\"repr\":\"42\",\"value\":42,"
          "\"stdout\":\"a\\n\\\"b\\\"\",\"stderr\":\"\",\"dropped_bytes\":0,"
          "\"displays\":[],\"exit_status\":3,\"cause\":null,"
          "\"note\":\"2 MiB\",\"error\":{"
          "\"type\":\"ValueError\",\"message\":\"bad\",\"traceback\":null,\"file\":null,"
          "\"line\":12,\"source\":null,\"function\":null},\"timing\":{"
          "\"queue\":0.000000,\"run\":0.250000,\"elapsed\":0.000000}}\n");
    tt_buf_release(&value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_nothing),
                                       cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
