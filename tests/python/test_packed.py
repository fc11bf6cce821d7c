"""Functions that depend on nothing that may have changed are packed once (ship.pack)."""

import builtins
import math
import sys

import pytest
from tutti import ship, values


@pytest.fixture
def main(monkeypatch):
    """A namespace that is `__main__`'s; `typed(code)` runs code there."""
    module = type(sys)("__main__")
    module.__builtins__ = builtins
    monkeypatch.setitem(sys.modules, "__main__", module)
    ship._forget_packed()

    def typed(code):
        exec(compile(code, "<typed>", "exec"), vars(module))
        return vars(module)

    yield typed
    ship._forget_packed()


@pytest.fixture
def packs(monkeypatch):
    """How often a function was packed anew: the length of the list."""
    seen, real = [], ship._pack

    def count(function, encode):
        seen.append(function)
        return real(function, encode)

    monkeypatch.setattr(ship, "_pack", count)
    return seen


def pack(function):
    return ship.pack(function, values.encode)


STABLE = ["lambda x: x + 1", "lambda x, y=5: x", "lambda: math.sqrt(k)", "int", "lambda: helper(2)",
          "lambda: len(text)", "lambda: (one, two)", "made(3)", "recursive", "lambda: undefined"]


@pytest.mark.parametrize("expr", STABLE)
def test_the_same_is_packed_once(main, packs, expr):
    space = main("import math\nk = 4\ntext = 'abc'\none, two = (1, (2, None)), 2.5\n"
                 "def helper(x): return x * k\n"
                 "def made(n): return lambda x: x + n\n"
                 "def recursive(n): return n and recursive(n - 1)\n")
    main("def fresh(): return %s" % expr)
    first = pack(space["fresh"]())
    for _ in range(3):
        assert pack(space["fresh"]()) == first
    assert len(packs) == 1, "a new function of the same code will do"


CHANGES = [
    ("f = lambda: k", "k = 5"), ("f = lambda: k", "del k"), ("f = lambda: new", "new = 1"),
    ("f = lambda: helper()", "def helper(): return 2"), ("def f(x=1): return x", "f.__defaults__ = (2,)"),
    ("f = lambda: [k]", "k = 'other'"), ("def f():\n    'doc'", "f.__doc__ = 'another'"),
    ("f = lambda x: x", "f.__name__ = 'g'"), ("f = lambda x: x", "f.__qualname__ = 'C.f'"),
    ("f = lambda x: x", "f.kept = []"), ("def f(x): return x", "f.__annotations__['x'] = int"),
    ("def f(*, x): return x", "f.__kwdefaults__ = {'x': 1}"), ("f = lambda: len(k)", "len = max"),
    ("f = lambda: 1", "f.__code__ = (lambda: 2).__code__"),
    ("f = lambda: deep()", "base = 9"), ("f = lambda: deep()", "def base2(): return 1\ndeep.__code__ = base2.__code__"),
]


@pytest.mark.parametrize("code, change", CHANGES)
def test_what_has_changed_is_packed_anew(main, packs, code, change):
    space = main("k = 4\nbase = 1\ndef helper(): return 1\ndef deep(): return base\n")
    main(code)
    first = pack(space["f"])
    for _ in range(3):
        assert pack(space["f"]) == first and len(packs) == 1
    main(change)
    second = pack(space["f"])
    assert len(packs) == 2 and second == ship._pack(space["f"], values.encode)


MUTABLE = ["lambda: items", "lambda: table", "lambda x=[]: x", "inner", "lambda: thing", "bound",
           "lambda: (items,)", "annotated", "attributed", "keyworded", "lambda: big", "Callable()",
           "lambda: Class"]


@pytest.mark.parametrize("expr", MUTABLE)
def test_what_may_change_unseen_is_packed_each_time(main, packs, expr):
    space = main("items, table = [1], {}\nbig = 'x' * 100000\nclass Class: pass\nthing = Class()\n"
                 "class Callable:\n    def __call__(self): pass\n    def method(self): pass\n"
                 "bound = Callable().method\n"
                 "def outer():\n    kept = []\n    return lambda: kept\ninner = outer()\n"
                 "def annotated(x: items): pass\n"
                 "def attributed(): pass\nattributed.x = []\n"
                 "def keyworded(*, x=items): pass\n")
    function = eval(expr, space)
    pack(function)
    space["items"].append(2)
    again = pack(function)
    assert len(packs) == 2 and again == ship._pack(function, values.encode)


def test_one_that_stands_in_another_main_is_packed_anew(main, packs, monkeypatch):
    function = main("k = 4\nf = lambda: k")["f"]
    for _ in range(3):
        pack(function)
    monkeypatch.setitem(sys.modules, "__main__", type(sys)("__main__"))
    pack(function)
    assert len(packs) == 2


def test_functions_of_modules_are_packed_each_time(packs):
    pack(math.sqrt)
    pack(math.sqrt)
    pack(pack)
    pack(pack)
    assert len(packs) == 4


def test_what_is_kept_is_bounded_and_goes_with_the_pickler(main, packs):
    space = main("")
    for n in range(3 * ship.PACKED_KEPT):
        main("f = lambda: %d" % n)
        pack(space["f"])
    assert len(ship._packed) == ship.PACKED_KEPT
    ship.use_cloudpickle()
    assert not ship._packed
