/* Options of a magic's line, and the words of %map. */
#include "buf.h"
#include "words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const words_option_t table[] = {{'t', "targets", true, NULL},
                                       {'x', "exclude", true, NULL},
                                       {0, "noblock", false, NULL},
                                       {'v', "verbose", false, NULL}};

static words_t parse(const char *text)
{
    words_t self;
    tt_error_t err = {0};
    if (words_options(&self, "%px", text, table, 4, &err) == -1)
        fail_msg("'%s': %s", text, err.text);
    return self;
}

static void refuses(const char *text, const char *why)
{
    words_t self;
    tt_error_t err;
    assert_int_equal(words_options(&self, "%px", text, table, 4, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' gives '%s', without '%s'", text, err.text, why);
}

static void test_bad(void **state)
{
    (void)state;
    refuses("-q x", "%px has no option '-q'; it has -t --targets VALUE, -x --exclude VALUE, "
                    "--noblock, -v --verbose; before code put --");
    refuses("--nope=3 x", "no option '--nope'");
    refuses("-vq", "no option '-q'");
    refuses("-t", "--targets needs a value");
    refuses("-t 0 --exclude", "--exclude needs a value");
    refuses("--targets= 3", "right behind");
    refuses("--noblock=1", "takes no value");
    refuses("-t 'web x", "never closed");
    words_t self;
    tt_error_t err;
    assert_int_equal(words_options(&self, "%wait", "-t", NULL, 0, &err), -1);
    assert_non_null(strstr(err.text, "nor any other"));
}

static void check_value(const char *text, const char *value, const char *rest)
{
    words_t self = parse(text);
    assert_int_equal(self.count, 1);
    assert_string_equal(words_value(&self, "targets"), value);
    assert_string_equal(self.rest, rest);
    words_release(&self);
}

static void test_values(void **state)
{
    (void)state;
    check_value("-t 0-3 f()", "0-3", "f()");
    check_value("-t0-3 f()", "0-3", "f()");
    check_value("--targets 0-3", "0-3", "");
    check_value(" --targets=0-3  x  y ", "0-3", "x  y ");
    check_value("-t -1 x", "-1", "x");
    check_value("-t 'web[01, 02]' x", "web[01, 02]", "x");
    check_value("-t \\\n 3 \\\n x", "3", "x");
    check_value("-t 3 -- -x", "3", "-x");
}

static void test_many(void **state)
{
    (void)state;
    words_t self = parse("-v --noblock -t 0 -x 1 -t 2 print(-x)");
    assert_int_equal(self.count, 5);
    assert_true(words_has(&self, "noblock"));
    assert_true(words_has(&self, "verbose"));
    assert_string_equal(words_value(&self, "targets"), "2");
    assert_string_equal(words_value(&self, "exclude"), "1");
    assert_null(words_value(&self, "noblock"));
    assert_string_equal(self.rest, "print(-x)");
    words_release(&self);
    words_release(&self);
    self = parse("-vt3 x");
    assert_int_equal(self.count, 2);
    words_release(&self);
}

static void check_rest(const char *text, const char *rest)
{
    words_t self = parse(text);
    assert_int_equal(self.count, 0);
    assert_string_equal(self.rest, rest);
    words_release(&self);
}

static void test_rest(void **state)
{
    (void)state;
    check_rest("", "");
    check_rest("  x -t 3", "x -t 3");
    check_rest("-1", "-1");
    check_rest("-(x)", "-(x)");
    check_rest("- x", "- x");
    check_rest("--", "");
    check_rest("-- -t", "-t");
    check_rest("--(x)", "--(x)");
}

static void check_split(const char *text, size_t count, const char *const *words)
{
    words_list_t self;
    tt_error_t err = {0};
    if (words_split(&self, text, &err) == -1)
        fail_msg("'%s': %s", text, err.text);
    assert_int_equal(self.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(self.items[i], words[i]);
    words_list_release(&self);
    words_list_release(&self);
}

static void refuses_split(const char *text, const char *why)
{
    words_list_t self;
    tt_error_t err;
    assert_int_equal(words_split(&self, text, &err), -1);
    if (strstr(err.text, why) == NULL)
        fail_msg("'%s' gives '%s', without '%s'", text, err.text, why);
}

static void test_split_bad(void **state)
{
    (void)state;
    refuses_split("lambda x: x**2 range(3)", "%map (lambda x: x**2) range(32)");
    refuses_split("lambda: 3 x", "brackets");
    refuses_split("f (1, [2)", "found ')' where ']'");
    refuses_split("f )", "closes nothing");
    refuses_split("f range(3", "')' is missing");
    refuses_split("f 'abc", "never closed");
    refuses_split("f '''ab'c''", "never closed");
    refuses_split("f 'a\\", "never closed");
}

static void test_split(void **state)
{
    (void)state;
    check_split("  ", 0, NULL);
    check_split("word_count  fnames ", 2, (const char *[]){"word_count", "fnames"});
    check_split("(lambda x: x**2) range(32)", 2,
                (const char *[]){"(lambda x: x**2)", "range(32)"});
    check_split("f [1, 2] {'a b': 3} x", 4, (const char *[]){"f", "[1, 2]", "{'a b': 3}", "x"});
    check_split("f 'a) b' \"it's\"", 3, (const char *[]){"f", "'a) b'", "\"it's\""});
    check_split("f '''a 'b' \\''' c''' ''", 3,
                (const char *[]){"f", "'''a 'b' \\''' c'''", "''"});
    check_split("f 'a\\' b'", 2, (const char *[]){"f", "'a\\' b'"});
    check_split("f \\\n x", 2, (const char *[]){"f", "x"});
    check_split("lambdas x", 2, (const char *[]){"lambdas", "x"});
}

static void check_items(const char *text, size_t count, const char **expected)
{
    words_list_t list;
    tt_error_t err;
    assert_int_equal(words_items(&list, text, &err), 0);
    assert_int_equal(list.count, count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(list.items[i], expected[i]);
    words_list_release(&list);
}

static void test_items(void **state)
{
    (void)state;
    words_list_t list;
    tt_error_t err;
    check_items(" , ", 0, NULL);
    check_items("a b, c=(1, 2) ,'x,y'", 3, (const char *[]){"a b", "c=(1, 2)", "'x,y'"});
    assert_int_equal(words_items(&list, "a, (b", &err), -1);
    assert_string_equal(err.text, "')' is missing at the end");
}

static void check_as(const char *text, const char *expr, const char *name)
{
    char *copy = tt_strdup(text), *found = words_as(copy);
    assert_string_equal(copy, expr);
    if (name)
        assert_string_equal(found, name);
    else
        assert_null(found);
    free(copy);
}

static void test_as(void **state)
{
    (void)state;
    check_as("x.mean() as m", "x.mean()", "m");
    check_as("x  as\tm.n ", "x", "m.n");
    check_as("d['a as b']", "d['a as b']", NULL);
    check_as("as m", "as m", NULL);
    check_as("x as", "x as", NULL);
    check_as("bias m", "bias m", NULL);
    check_as("", "", NULL);
}

static void test_assigned(void **state)
{
    (void)state;
    assert_int_equal(words_assigned("x=1"), 1);
    assert_int_equal(words_assigned("a.b = 1"), 3);
    assert_int_equal(words_assigned("x==1"), 0);
    assert_int_equal(words_assigned("x[0]=1"), 0);
    assert_int_equal(words_assigned("1=x"), 0);
    assert_int_equal(words_assigned("x"), 0);
    assert_int_equal(words_assigned(""), 0);
}

static void test_called(void **state)
{
    (void)state;
    assert_int_equal(words_called("f()"), 1);
    assert_int_equal(words_called("a.fit(1, ')', [x for x in (2, 3)]) "), 5);
    assert_int_equal(words_called("f(1)+g(2)"), 0);
    assert_int_equal(words_called("f(1)(2)"), 0);
    assert_int_equal(words_called("f(1"), 0);
    assert_int_equal(words_called("f (1)"), 0);
    assert_int_equal(words_called("(f)(1)"), 0);
    assert_int_equal(words_called("f(')"), 0);
    assert_int_equal(words_called(""), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad),       cmocka_unit_test(test_values),
        cmocka_unit_test(test_many),      cmocka_unit_test(test_rest),
        cmocka_unit_test(test_split_bad), cmocka_unit_test(test_split),
        cmocka_unit_test(test_items),     cmocka_unit_test(test_as),
        cmocka_unit_test(test_assigned),  cmocka_unit_test(test_called),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
