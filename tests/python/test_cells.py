"""Magics within Python code: what is one, what is not, and that lines stay where they are."""

import ast

import pytest

from tutti.cells import transform

MAGICS = [
    ("%px f()", "__tutti_magic__('%px f()')"),
    ("for i in x:\n    %px f(i)\n    g()", "for i in x:\n    __tutti_magic__('%px f(i)')\n    g()"),
    ("if a:\n    r = %px f()", "if a:\n    r = __tutti_magic__('r = %px f()')"),
    ("a, b = %px f()", "a, b = __tutti_magic__('a, b = %px f()')"),
    ("x.y = %map f z", "x.y = __tutti_magic__('x.y = %map f z')"),
    ("def f():\n    !ls 'a b'", "def f():\n    __tutti_magic__(\"!ls 'a b'\")"),
    ("@0-3,7: f()", "__tutti_magic__('@0-3,7: f()')"),
    ("v = @web[01-40]: f()", "v = __tutti_magic__('v = @web[01-40]: f()')"),
    ("%%px\n", "__tutti_magic__('%%px')\n"),
    ("x = (1,\n     2)\n%px y", "x = (1,\n     2)\n__tutti_magic__('%px y')"),
    ("x = '''a\n%px'''\n%px b", "x = '''a\n%px'''\n__tutti_magic__('%px b')"),
    ("s = 'it\\'s'  # don't\n%px c", "s = 'it\\'s'  # don't\n__tutti_magic__('%px c')"),
    ("%px (\nx = 1\n%px d", "__tutti_magic__('%px (')\nx = 1\n__tutti_magic__('%px d')"),
]

PLAIN = ["x = 5 % 3", "x = (5\n%px)", "x = 5 \\\n%px", "'''\n%px f\n!ls\n@a: b\n'''", "x != 3",
         "@decorator\ndef f(): pass", "@dec(lambda x: 1)\ndef f(): pass", "x = [1,\n%px\n]",
         "x @ y", "f(a=1)", "x == y", "'%s' % x", "d = {\n'a': 1\n}", 'r"\\"', "# %px f",
         "@functools.wraps(f)\ndef g(): pass", "x %= 3", "f'''{x}\n!y'''"]


@pytest.mark.parametrize("code, expected", MAGICS)
def test_magics_become_calls(code, expected):
    assert transform(code) == expected
    assert transform(code).count("\n") == code.count("\n")
    ast.parse(transform(code))


@pytest.mark.parametrize("code", PLAIN)
def test_other_code_stays_as_it_is(code):
    assert transform(code) == code


@pytest.mark.parametrize("module", [ast.__file__, __file__])
def test_whole_files_stay_as_they_are(module):
    with open(module, encoding="utf-8") as file:
        source = file.read()
    assert transform(source) == source
