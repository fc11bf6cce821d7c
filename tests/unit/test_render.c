/* Results as text for people. */
#include "render.h"
#include "runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ENGINES = 4 };

typedef struct {
    answer_t answers[ENGINES];
    render_style_t style;
    tt_buf_t out, err;
} fixture_t;

static void set_up(fixture_t *self)
{
    *self = (fixture_t){.style = {.label = {.job = 5, .total = ENGINES}, .engines = ENGINES}};
    for (int i = 0; i < ENGINES; i++) {
        answer_init(&self->answers[i]);
        self->answers[i].engine = i;
    }
}

/* Renders all, compares and cleans up. */
static void check(fixture_t *self, size_t failed, const char *out, const char *err)
{
    assert_int_equal(render_job(self->answers, ENGINES, &self->style, &self->out, &self->err),
                     failed);
    assert_string_equal(tt_buf_text(&self->out), out);
    assert_string_equal(tt_buf_text(&self->err), err);
    tt_buf_release(&self->out);
    tt_buf_release(&self->err);
}

static void set_error(answer_t *answer, const char *type, const char *message,
                      const char *traceback)
{
    answer->status = TT_STATUS_ERROR;
    answer->error = (answer_error_t){.type = tt_span(type),
                                     .message = tt_span(message),
                                     .traceback = tt_span(traceback),
                                     .file = tt_span("rows.py"),
                                     .function = tt_span("clean"),
                                     .line = 12};
}

static void test_nothing(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    check(&self, 0, "", "");
}

static void test_output_and_values(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    for (int i = 0; i < ENGINES; i++) {
        self.answers[i].out = tt_span("hello");
        self.answers[i].repr = tt_span(i == 1 ? "[[1,\n 2]]" : "42");
    }
    self.answers[2].err = tt_span("warning\n");
    self.answers[3].dropped_bytes = 12500000;
    check(&self, 0, "[0-3] hello\nOut[0,2-3:5]: 42\nOut[1:5]:\n[[1,\n 2]]\n",
          "[2 err] warning\n[3] 12.5 MB of output dropped\n");
}

static void test_errors(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    for (int i = 0; i < ENGINES; i++)
        set_error(&self.answers[i], "ZeroDivisionError", "division by zero",
                  "Traceback:\n  1/0\nZeroDivisionError: division by zero\n");
    self.answers[0].hint = "defined here, not there: %push f";
    check(&self, 4, "",
          "[0-3:5] ZeroDivisionError: division by zero · defined here, not there: %push f\n"
          "Traceback:\n  1/0\n");
}

static void test_errors_of_engines_differ(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    set_error(&self.answers[0], "KeyError", "0", "Traceback:\n  d[i]\nKeyError: 0\n");
    set_error(&self.answers[1], "KeyError", "1", "Traceback:\n  d[i]\nKeyError: 1\n");
    check(&self, 2, "",
          "[0-1:5] KeyError at clean:12, 2 messages: 0 · 1\nTraceback:\n  d[i]\n");
}

static void test_items(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    self.style.label.items = true;
    self.style.label.total = 500;
    for (int i = 0; i < ENGINES; i++) {
        self.answers[i].item = 10 * i;
        self.answers[i].engine = i % 2;
    }
    set_error(&self.answers[1], "ValueError", "bad row 10",
              "Traceback:\nValueError: bad row 10");
    set_error(&self.answers[3], "ValueError", "bad row 30",
              "Traceback:\nValueError: bad row 30");
    check(&self, 2, "",
          "[items 10,30] ValueError at clean:12, 2 messages: bad row 10 · bad row 30 · engine "
          "1\n");
    set_error(&self.answers[3], "ValueError", "bad row 10", "");
    self.answers[3].engine = 0;
    check(&self, 2, "", "[items 10,30] ValueError: bad row 10 · engines 0-1\nTraceback:\n");
}

static void test_exits(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    static const char *const messages[] = {"exit 3", "exit 3 · the shell\033 has ended",
                                           "exit 33", ""};
    for (int i = 0; i < ENGINES; i++) {
        set_error(&self.answers[i], "Exit", messages[i], "");
        self.answers[i].exit_status = 3;
    }
    check(&self, 4, "",
          "[0,3] exit 3\n[1] exit 3 · the shell\\x1B has ended\n[2] exit 3 · exit 33\n");
    for (int i = 0; i < ENGINES; i++)
        self.answers[i].status = TT_STATUS_INTERRUPTED;
    check(&self, 4, "", "[0-3] interrupted at clean:12\n");
}

static void test_notes(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    self.answers[1].note = self.answers[3].note = tt_span("2 MiB travelled\n");
    self.answers[0].note = tt_span("");
    check(&self, 0, "", "[1,3] 2 MiB travelled\\x0A\n");
    self.style.colour = true;
    check(&self, 0, "", "\033[33m[1,3] 2 MiB travelled\\x0A\033[0m\n");
}

static void test_bare_newline_of_an_interrupt(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    for (int i = 0; i < 3; i++) {
        self.answers[i].status = i < 2 ? TT_STATUS_INTERRUPTED : TT_STATUS_OK;
        self.answers[i].err = tt_span(i == 0 ? "\n" : "\n\n");
    }
    check(&self, 2, "", "[1-2 err]\n[1-2 err]\n[0-1] interrupted\n");
}

static void test_failures(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    self.answers[0].status = TT_STATUS_LOST;
    self.answers[0].cause = tt_span("killed by SIGKILL\033[2J");
    self.answers[1].exit_status = 3;
    self.answers[2].status = TT_STATUS_CANCELLED;
    set_error(&self.answers[3], "KeyboardInterrupt", "", "");
    self.answers[3].status = TT_STATUS_INTERRUPTED;
    check(&self, 4, "",
          "[0] lost: killed by SIGKILL\\x1B[2J\n[1] exit 3\n[2] cancelled\n"
          "[3] interrupted at clean:12\n");
}

static void test_hosts(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    char hosts[ENGINES][8];
    for (int i = 0; i < ENGINES; i++) {
        snprintf(hosts[i], sizeof hosts[i], "web%02d", i + 1);
        self.answers[i].host = hosts[i];
        self.answers[i].out = tt_span(i == 2 ? "inactive\n" : "active\n");
    }
    self.answers[2].exit_status = 3;
    self.style.label.hosts = true;
    check(&self, 1, "[web01-web02,web04] active\n[web03] inactive\n", "[web03] exit 3\n");
}

static void test_colour(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    self.style.colour = true;
    self.answers[0].out = tt_span("a");
    self.answers[0].repr = tt_span("1");
    self.answers[0].err = tt_span("b");
    self.answers[1].exit_status = 1;
    check(&self, 1, "\033[36m[0]\033[0m a\n\033[32mOut[0:5]:\033[0m 1\n",
          "\033[33m[0 err]\033[0m b\n\033[31m[1] exit 1\033[0m\n");
}

static void test_colours_of_users(void **state)
{
    (void)state;
    fixture_t self;
    set_up(&self);
    self.answers[0].out = tt_span("\033[31mred\n");
    self.answers[0].repr = tt_span("\033[32mgreen");
    set_error(&self.answers[0], "ValueError", "\033[31mbad", "Traceback\n\033[1mbold");
    check(&self, 1, "[0] \033[31mred\nOut[0:5]: \033[32mgreen\n",
          "[0:5] ValueError: \\x1B[31mbad\nTraceback\n\033[1mbold\n");
    self.style.terminal = true;
    check(&self, 1, "[0] \033[31mred\n\033[0mOut[0:5]: \033[32mgreen\n\033[0m",
          "[0:5] ValueError: \\x1B[31mbad\nTraceback\n\033[1mbold\n\033[0m");
    self.answers[0] = self.answers[1];
    check(&self, 0, "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_output_and_values),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_errors_of_engines_differ),
        cmocka_unit_test(test_items),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_colour),
        cmocka_unit_test(test_colours_of_users),
        cmocka_unit_test(test_exits),
        cmocka_unit_test(test_notes),
        cmocka_unit_test(test_bare_newline_of_an_interrupt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
