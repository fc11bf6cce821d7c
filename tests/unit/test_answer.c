/* A RESULT's body, as anybody's runtime may write it. */
#include "answer.h"
#include "pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void check_span(tt_span_t span, const char *want)
{
    assert_int_equal(span.len, strlen(want));
    assert_memory_equal(span.data, want, span.len);
}

static void test_bad(void **state)
{
    (void)state;
    answer_t self;
    tt_error_t err;
    answer_init(&self);
    assert_int_equal(self.engine, -1);
    assert_int_equal(self.exit_status, -1);
    assert_int_equal(answer_read(&self, tt_span(""), &err), -1);
    assert_int_equal(answer_read(&self, tt_span("\x95\xc0"), &err), -1);
    assert_non_null(strstr(err.text, "the engine's result"));
    assert_int_equal(answer_read(&self, tt_span("\x07"), &err), -1);
    assert_non_null(strstr(err.text, "not an array"));
}

static void pack_error(tt_buf_t *out)
{
    tt_pack_map(out, 5);
    tt_pack_text(out, "type");
    tt_pack_text(out, "ValueError");
    tt_pack_text(out, "message");
    tt_pack_nil(out);
    tt_pack_text(out, "line");
    tt_pack_int(out, 12);
    tt_pack_text(out, "later");
    tt_pack_array(out, 1);
    tt_pack_nil(out);
    tt_pack_text(out, "function");
    tt_pack_text(out, "clean");
}

static void test_whole(void **state)
{
    (void)state;
    tt_buf_t body;
    tt_buf_init(&body);
    tt_pack_array(&body, 5);
    tt_pack_text(&body, "42");
    tt_pack_bool(&body, true);
    tt_pack_int(&body, 42);
    tt_pack_array(&body, 0);
    pack_error(&body);
    answer_t self;
    answer_init(&self);
    assert_int_equal(answer_read(&self, (tt_span_t){body.data, body.len}, NULL), 0);
    check_span(self.repr, "42");
    check_span(self.value, "\x2a");
    check_span(self.displays, "\x90");
    check_span(self.error.type, "ValueError");
    check_span(self.error.function, "clean");
    assert_null(self.error.message.data);
    assert_int_equal(self.error.line, 12);
    tt_buf_release(&body);
}

static void check_status(int64_t status, int want)
{
    tt_buf_t body;
    tt_buf_init(&body);
    tt_buf_append(&body, "\x96\xc0\xc2\xc0\xc0", 5);
    tt_pack_map(&body, 1);
    tt_pack_text(&body, "status");
    tt_pack_int(&body, status);
    tt_pack_text(&body, "a note");
    answer_t self;
    answer_init(&self);
    assert_int_equal(answer_read(&self, (tt_span_t){body.data, body.len}, NULL), 0);
    assert_int_equal(self.exit_status, want);
    check_span(self.note, "a note");
    tt_buf_release(&body);
}

static void test_exit_status(void **state)
{
    (void)state;
    check_status(3, 3);
    check_status(0, -1);
    check_status(-1, -1);
    check_status((int64_t)1 << 40, -1);
}

static void test_note(void **state)
{
    (void)state;
    answer_t self;
    answer_init(&self);
    assert_int_equal(answer_read(&self, tt_span("\x96\xc0\xc2\xc0\xc0\xc0\xa2ok"), NULL), 0);
    check_span(self.note, "ok");
    assert_int_equal(self.exit_status, -1);
    assert_int_equal(answer_read(&self, tt_span("\x96\xc0\xc2\xc0\xc0\x07\xa2ok"), NULL), 0);
    check_span(self.note, "ok");
    assert_null(self.error.type.data);
    assert_int_equal(answer_read(&self, tt_span("\x96\xc0\xc2\xc0\xc0\xc0\x05"), NULL), 0);
    assert_null(self.note.data);
    assert_int_equal(answer_read(&self, tt_span("\x95\xc0\xc2\xc0\xc0\xc0"), NULL), 0);
    assert_null(self.note.data);
}

static void test_missing(void **state)
{
    (void)state;
    answer_t self;
    answer_init(&self);
    assert_int_equal(answer_read(&self, tt_span("\x90"), NULL), 0);
    assert_null(self.repr.data);
    assert_null(self.value.data);
    assert_null(self.displays.data);
    assert_null(self.error.type.data);
    assert_int_equal(answer_read(&self, tt_span("\x95\xc0\xc2\x05\xc0\x80"), NULL), 0);
    assert_null(self.value.data);
    check_span(self.error.type, "Error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),         cmocka_unit_test(test_whole),
        cmocka_unit_test(test_exit_status), cmocka_unit_test(test_note),
        cmocka_unit_test(test_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
