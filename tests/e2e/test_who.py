"""%px %who: which names the engines have, folded into one table."""

import pytest

MADE = """%px a = 1; s = "hello there"
%px -t 0 b = [1, 2]
%px import os; pid = os.getpid()
%px -t 1-3 b = [1, 2, 3]
%px class K: pass
%px k = K(); f = lambda x: x + 1
%px -t 2 a = 2.5
%px _hidden = 1
"""


def test_names_are_told_once_with_who_has_them_and_what_they_are(shared_four):
    got = shared_four.script(MADE + "%px %who\n%px %reset -f\n")
    assert [line.rstrip() for line in got.stdout.splitlines()] == [
        "name  engines  type      size  value",
        "K     all      type",
        "a     2        float           2.5",
        "a     0-1,3    int             1",
        "b     0        list      2     [1, 2]",
        "b     1-3      list      3     [1, 2, 3]",
        "f     all      function        the same",
        "k     all      K",
        "os    all      module          the same",
        "pid   all      int             4 different",
        "s     all      str       11    'hello there'",
    ]


def test_types_targets_and_nothing(shared_four):
    got = shared_four.script(MADE + "%px %who int\n%px -t 0,2 %whos list float\n@3: %who K\n%px %who set\n"
                             "%px %reset -f\n%px %who\n")
    assert [line.rstrip() for line in got.stdout.splitlines()] == [
        "name  engines  type  size  value",
        "a     0-1,3    int         1",
        "pid   all      int         4 different",
        "name  engines  type   size  value",
        "a     2        float        2.5",
        "b     0        list   2     [1, 2]",
        "b     2        list   3     [1, 2, 3]",
        "name  engines  type  size  value",
        "k     all      K",
        "no names", "no names"]


def test_arrays_and_tables_are_compared_by_what_they_hold(shared_four):
    pytest.importorskip("numpy")
    got = shared_four.script("""
%px import numpy; z = numpy.zeros((3, 4)); n = numpy.zeros(2)
%px -t 1 n[0] = 1; big = list(range(100001))
%px %who ndarray list
%px %reset -f
""")
    assert [line.rstrip() for line in got.stdout.splitlines()] == [
        "name  engines  type     size    value",
        "big   1        list     100001",
        "n     all      ndarray  2       2 different",
        "z     all      ndarray  3x4     the same"]


def test_many_kinds_of_a_name_are_one_row(shared_four):
    got = shared_four.script("""
%px -t 0 x = 1
%px -t 1 x = "a"
%px -t 2 x = []
%px -t 3 x = ()
%px %who
%px -t 0 y = 1
%px -t 0 x = object()
%px %reset -f
""")
    assert len([line for line in got.stdout.splitlines() if line.startswith("x ")]) == 4


def test_values_whose_methods_fail_do_no_harm(shared_four):
    got = shared_four.script("""
%%px
class Bad:
    shape = property(lambda self: 1/0)
    def __len__(self): raise ValueError
    def __repr__(self): raise ValueError
    def __reduce__(self): raise ValueError
bad = Bad()
worse = [bad]
loop = []
loop.append(loop)
%%
%px %who Bad list
%px %reset -f
""")
    assert [line.split() for line in got.stdout.splitlines()[1:]] == [
        ["bad", "all", "Bad"], ["loop", "all", "list", "1"], ["worse", "all", "list", "1"]]


def test_a_name_gets_what_engines_print_and_programs_the_same(shared_four):
    got = shared_four.script("%px -t 0 v = 1\n%px -t 0 %who\nx = %px -t 0 %who\n%px %reset -f\n")
    assert got.stdout.endswith("[0] v\n"), got
    assert shared_four.json("px", "--json", "-t", "0", "%who")[0]["stdout"].startswith("Interactive")
