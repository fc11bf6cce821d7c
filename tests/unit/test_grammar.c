/* What one line says: PROMPT.md, "Lines". */
#include "grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static unsigned about(const char *magic)
{
    static const struct {
        const char *name;
        unsigned flags;
    } known[] = {
        {"px", GRAMMAR_KNOWN | GRAMMAR_CODE | GRAMMAR_CELL},
        {"map", GRAMMAR_KNOWN | GRAMMAR_CODE},
        {"sh", GRAMMAR_KNOWN | GRAMMAR_CODE},
        {"targets", GRAMMAR_KNOWN},
        {"wait", GRAMMAR_KNOWN},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, magic) == 0)
            return known[i].flags;
    return 0;
}

static const grammar_rules_t python = {false, about};
static const grammar_rules_t shell = {true, about};

static statement_t parse_as(const char *text, const grammar_rules_t *rules)
{
    statement_t self;
    tt_error_t err = {0};
    if (grammar_parse(&self, text, strlen(text), rules, &err) == -1)
        fail_msg("'%s': %s", text, err.text);
    return self;
}

/* Parses and compares kind, magic ("" for none) and rest in one go. */
static void check(const char *text, statement_kind_t kind, const char *magic, const char *rest)
{
    statement_t self = parse_as(text, &python);
    assert_int_equal(self.kind, kind);
    assert_string_equal(self.magic ? self.magic : "", magic);
    assert_string_equal(self.rest, rest);
    grammar_release(&self);
}

static void refuses(const char *text, size_t len, const char *why)
{
    statement_t self;
    tt_error_t err;
    assert_int_equal(grammar_parse(&self, text, len, &python, &err), -1);
    assert_non_null(strstr(err.text, why));
}

static void test_bad(void **state)
{
    (void)state;
    refuses("a\0b", 3, "zero byte");
    refuses("%px 1\nx = 2", 11, "'x = 2' below");
    refuses("!ls\n\n!pwd\nmore", 14, "'!pwd' below");
    statement_t self = parse_as("", NULL);
    assert_int_equal(self.kind, STATEMENT_EMPTY);
    grammar_release(&self);
    grammar_release(&self);
}

static void test_plain(void **state)
{
    (void)state;
    check(" \n\t\n", STATEMENT_EMPTY, "", "");
    check("x = 1\ny = 2\n", STATEMENT_PLAIN, "", "x = 1\ny = 2\n");
    check("x = y % z", STATEMENT_PLAIN, "", "x = y % z");
    check("x == %px", STATEMENT_PLAIN, "", "x == %px");
    check("x != y", STATEMENT_PLAIN, "", "x != y");
    check("% 3", STATEMENT_PLAIN, "", "% 3");
    check("%%", STATEMENT_PLAIN, "", "%%");
    check("!", STATEMENT_PLAIN, "", "!");
    check("!!", STATEMENT_PLAIN, "", "!!");
    check("f(x, y = %px)", STATEMENT_PLAIN, "", "f(x, y = %px)");
}

static void test_magic(void **state)
{
    (void)state;
    check("%px import os; os.getpid()", STATEMENT_MAGIC, "px", "import os; os.getpid()");
    check("  %px\t6*7  \n", STATEMENT_MAGIC, "px", "6*7");
    check("%px -t 0-3 --noblock x", STATEMENT_MAGIC, "px", "-t 0-3 --noblock x");
    check("%px !uptime", STATEMENT_MAGIC, "px", "!uptime");
    check("%px obj?", STATEMENT_MAGIC, "px", "obj?");
    check("%sh echo $x {y}", STATEMENT_MAGIC, "sh", "echo $x {y}");
    check("%status", STATEMENT_MAGIC, "status", "");
    check("%foo(3) x", STATEMENT_MAGIC, "foo(3)", "x");
    check("%sh a \\\n  b\n", STATEMENT_MAGIC, "sh", "a \\\n  b");
}

static void test_comment(void **state)
{
    (void)state;
    check("%targets all  # note", STATEMENT_MAGIC, "targets", "all");
    check("%targets # note", STATEMENT_MAGIC, "targets", "");
    check("%targets web#1", STATEMENT_MAGIC, "targets", "web#1");
    check("%targets 'a #b' # c", STATEMENT_MAGIC, "targets", "'a #b'");
    check("%targets 0 \\\n 1", STATEMENT_MAGIC, "targets", "0    1");
    check("%px x # note", STATEMENT_MAGIC, "px", "x # note");
    check("%unknown x # note", STATEMENT_MAGIC, "unknown", "x # note");
}

static void check_background(const char *text, bool background, const char *rest)
{
    statement_t self = parse_as(text, &python);
    assert_int_equal(self.background, background);
    assert_string_equal(self.rest, rest);
    grammar_release(&self);
}

static void test_background(void **state)
{
    (void)state;
    check_background("%px f() &", true, "f()");
    check_background("%sh sleep 3 & \n", true, "sleep 3");
    check_background("%sh { sleep 3 & }", false, "{ sleep 3 & }");
    check_background("%px a && b", false, "a && b");
    check_background("%px a&", false, "a&");
    check_background("%wait 5 & # later", true, "5");
    check_background("%wait &", true, "");
    check_background("@0: f() &", true, "f()");
    check_background("!sleep 3 &", false, "sleep 3 &");
    check_background("x = 3 &", false, "x = 3 &");
}

static void test_names(void **state)
{
    (void)state;
    statement_t self = parse_as("x = %px os.getpid()", &python);
    assert_int_equal(self.kind, STATEMENT_MAGIC);
    assert_int_equal(self.name_count, 1);
    assert_string_equal(self.names[0], "x");
    assert_string_equal(self.rest, "os.getpid()");
    grammar_release(&self);
    self = parse_as("  a.b ,c_1=%map f range(3) &", &python);
    assert_int_equal(self.name_count, 2);
    assert_string_equal(self.names[0], "a.b");
    assert_string_equal(self.names[1], "c_1");
    assert_true(self.background);
    grammar_release(&self);
    self = parse_as("x = @0-1: f()", &python);
    assert_int_equal(self.kind, STATEMENT_AT);
    assert_int_equal(self.name_count, 1);
    grammar_release(&self);
    self = parse_as("x = !ls", &python);
    assert_int_equal(self.kind, STATEMENT_SHELL);
    assert_int_equal(self.name_count, 1);
    grammar_release(&self);
}

static void test_cell(void **state)
{
    (void)state;
    statement_t self = parse_as("%%px --noblock # go\nx = 1\n\n  y # kept &\n", &python);
    assert_int_equal(self.kind, STATEMENT_CELL);
    assert_string_equal(self.magic, "px");
    assert_string_equal(self.rest, "--noblock");
    assert_string_equal(self.body, "x = 1\n\n  y # kept &\n");
    assert_false(self.background);
    grammar_release(&self);
    self = parse_as("r = %%px -t 0 &", &python);
    assert_string_equal(self.rest, "-t 0");
    assert_string_equal(self.body, "");
    assert_true(self.background);
    assert_int_equal(self.name_count, 1);
    grammar_release(&self);
}

static void test_shell(void **state)
{
    (void)state;
    check("!ls -l # x", STATEMENT_SHELL, "", "ls -l # x");
    check("!a \\\n b", STATEMENT_SHELL, "", "a \\\n b");
    statement_t self = parse_as("!! ls", &python);
    assert_true(self.capture);
    assert_string_equal(self.rest, "ls");
    grammar_release(&self);
}

static void check_at(const char *text, const char *targets, const char *rest)
{
    statement_t self = parse_as(text, &python);
    assert_int_equal(self.kind, STATEMENT_AT);
    assert_string_equal(self.magic, "px");
    assert_string_equal(self.targets, targets);
    assert_string_equal(self.rest, rest);
    grammar_release(&self);
}

static void test_at(void **state)
{
    (void)state;
    check_at("@0-3,7: f()", "0-3,7", "f()");
    check_at("@0:8:2: x[1: 2]", "0:8:2", "x[1: 2]");
    check_at("@web[01-40]: hostname", "web[01-40]", "hostname");
    check_at("@-1: {a: 1}", "-1", "{a: 1}");
    check_at("@@gpu:", "@gpu", "");
    check("@name", STATEMENT_PLAIN, "", "@name");
    check("@name\ndef f(): pass", STATEMENT_PLAIN, "", "@name\ndef f(): pass");
    check("@app.route('/a: b')", STATEMENT_PLAIN, "", "@app.route('/a: b')");
    check("@table[a: b]", STATEMENT_PLAIN, "", "@table[a: b]");
    check("@lambda f: f", STATEMENT_PLAIN, "", "@lambda f: f");
    check("@: x", STATEMENT_PLAIN, "", "@: x");
}

static void test_help(void **state)
{
    (void)state;
    check("df.head?", STATEMENT_HELP, "", "df.head");
    check("  ?df ", STATEMENT_HELP, "", "df");
    check("%px?", STATEMENT_HELP, "", "%px");
    check("%%px?", STATEMENT_HELP, "", "%%px");
    check("?", STATEMENT_HELP, "", "");
    check("x ? y", STATEMENT_PLAIN, "", "x ? y");
    check("f()?", STATEMENT_PLAIN, "", "f()?");
    statement_t self = parse_as("df??", &python);
    assert_int_equal(self.detail, 2);
    grammar_release(&self);
}

static void test_shell_is_local(void **state)
{
    (void)state;
    statement_t self = parse_as("file?", &shell);
    assert_int_equal(self.kind, STATEMENT_PLAIN);
    grammar_release(&self);
    self = parse_as("%px?", &shell);
    assert_int_equal(self.kind, STATEMENT_HELP);
    grammar_release(&self);
    self = parse_as("fmt=%s", &shell);
    assert_int_equal(self.kind, STATEMENT_PLAIN);
    grammar_release(&self);
    self = parse_as("x = %px hostname", &shell);
    assert_int_equal(self.kind, STATEMENT_MAGIC);
    grammar_release(&self);
}

static void test_look(void **state)
{
    (void)state;
    assert_int_equal(grammar_look("x = %px 1\nmore", 14, NULL), STATEMENT_MAGIC);
    assert_int_equal(grammar_look("\n%px", 4, NULL), STATEMENT_PLAIN);
    assert_int_equal(grammar_line("a\\\nb\\\\\nc", 8), 6);
    assert_int_equal(grammar_about("%%px --noblock", 14, &python),
                     GRAMMAR_KNOWN | GRAMMAR_CODE | GRAMMAR_CELL);
    assert_int_equal(grammar_about("%nope", 5, &python), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_magic),
        cmocka_unit_test(test_comment),
        cmocka_unit_test(test_background),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_cell),
        cmocka_unit_test(test_shell),
        cmocka_unit_test(test_at),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_shell_is_local),
        cmocka_unit_test(test_look),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
