"""Functions and values that travel from the local engine to an engine, between real processes."""

import time

import pytest

import harness
from harness import codec
from harness import BLOB, CALL, DROP, ERROR, GET, INTERRUPTED, OK, REFUSED, SET, pack

# What stands at the prompt. Each call below is shipped from there and called on an engine.
LOCAL = '''
import functools, math, os as system, dataclasses, collections
k = 3
sum = lambda xs: -1
def helper(n): return n * k
def plain(n): return n * k
def uses(n): return helper(n) + 1
def fact(n): return 1 if n < 2 else n * fact(n - 1)
def even(n): return True if n == 0 else odd(n - 1)
def odd(n): return False if n == 0 else even(n - 1)
def adder(k):
    def add(n): return n + k
    return add
add5 = adder(5)
def local_recursion():
    def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
    return fib
fib = local_recursion()
square = lambda x, k=2: x ** k
def nested(n): return [(lambda i: i * k)(i) for i in range(n)]
def module(x): return math.floor(x), system.sep
def shadow(xs): return sum(xs)
def traced(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs): return ("traced", f(*args, **kwargs))
    return wrapper
@traced
def decorated(n):
    "Documented."
    return helper(n)
class Base:
    factor = 10
    def scale(self, n): return n * self.factor * k
class Point(Base):
    def __init__(self, x): self.x = x
    def __eq__(self, other): return type(other) is type(self) and self.x == other.x
    def scale(self, n): return super().scale(n) + self.x
    @property
    def double(self): return helper(self.x)
@dataclasses.dataclass
class Row:
    name: str
    size: int = 4
def make(n): return Point(n).scale(n)
def rows(n): return [dataclasses.asdict(Row("a", i)) for i in range(n)]
def kind(p): return isinstance(p, Point), p.double
def echo(p): return p
@functools.lru_cache(maxsize=None)
def cached(n): return 1 if n < 2 else n * cached(n - 1)
def defaults(a, *, b=k): return a + b
def counts(n):
    global calls
    calls += n
    return calls
calls = 100
def annotated(n: int) -> "Row": return n
partial = functools.partial(helper, 7)
point = Point(4)
table = {"a": 1}
def lookup(name): return table[name]
def generator(n): return list((i * k for i in range(n)))
'''


def local_command(kind):
    command = [*kind.command]
    command[command.index("engine")] = "local"
    return command


@pytest.fixture
def prompt(python):
    with harness.Runtime(local_command(python), page=python.page, env=python.env) as runtime:
        result = runtime.execute(LOCAL, file="<In 1>")
        assert result.status == OK, result.error
        yield runtime


@pytest.fixture
def engine(python):
    with python.start() as runtime:
        yield runtime


def pick(prompt, expr):
    """(hash, note, blob) of a function at the prompt."""
    result = prompt.result(prompt.task(GET, [[expr], "function"]))
    assert result.status == OK, result.error
    return (*result.value, result.frames[1])


def ship(prompt, engine, expr):
    hash_, _, blob = pick(prompt, expr)
    engine.send(BLOB, 0, [hash_], [blob])
    return hash_


def items(prompt, expr):
    """The frames of the arguments that `expr`, a list of one tuple, gives."""
    result = prompt.result(prompt.task(GET, [[expr], "items"]))
    assert result.status == OK, result.error
    return result.frames[1:]


def call(engine, hash_, *args, **kwargs):
    return engine.result(engine.task(CALL, [hash_, list(args), kwargs]))


CALLS = [("plain", [4], 12), ("uses", [4], 13), ("fact", [10], 3628800), ("even", [7], False),
         ("add5", [2], 7), ("fib", [10], 55), ("square", [7], 49), ("nested", [4], [0, 3, 6, 9]),
         ("lambda n: n + k", [1], 4), ("shadow", [[1, 2]], -1), ("make", [2], 62),
         ("rows", [2], [{"name": "a", "size": 0}, {"name": "a", "size": 1}]),
         ("defaults", [1], 4), ("counts", [1], 101), ("annotated", [6], 6), ("partial", [], 21),
         ("point.scale", [1], 34), ("len", ["abc"], 3), ("math.floor", [2.5], 2),
         ("lookup", ["a"], 1), ("generator", [3], [0, 3, 6]), ("Base().scale", [1], 30)]


@pytest.mark.parametrize("expr, args, expected", CALLS, ids=[c[0] for c in CALLS])
def test_a_shipped_function_gives_what_it_gives_here(prompt, engine, expr, args, expected):
    hash_ = ship(prompt, engine, expr)
    for _ in range(2 if expr != "counts" else 1):
        result = call(engine, hash_, *args)
        assert (result.status, result.error) == (OK, None)
        assert result.value == expected


def test_tuples_modules_and_decorators(prompt, engine):
    assert call(engine, ship(prompt, engine, "module"), 2.5).body(python_revive)[2] == (2, "/")
    assert call(engine, ship(prompt, engine, "decorated"), 2).body()[2] == ("traced", 6)


def python_revive(code, body):
    return body


def test_a_cached_function_travels_with_its_cache_parameters(prompt, engine):
    if prompt.hello.fields[3].startswith("3.8"):
        pytest.skip("3.8 does not tell the parameters of a cache")
    assert call(engine, ship(prompt, engine, "cached"), 5).value == 120


def test_travelled_globals_are_there_for_the_call_only(prompt, engine):
    hash_ = ship(prompt, engine, "plain")
    assert call(engine, hash_, 2).value == 6
    error = engine.execute("k").error
    assert error["type"] == "NameError"
    assert call(engine, hash_, 2).value == 6
    assert engine.execute("sorted(n for n in globals() if n[0] != '_')").text == "[]"


def test_the_engines_own_name_wins(prompt, engine):
    hash_ = ship(prompt, engine, "uses")
    engine.execute("k = 100")
    assert call(engine, hash_, 2).value == 201
    engine.execute("def helper(n): return 'mine'.count('m')")
    assert call(engine, hash_, 2).value == 2
    engine.execute("del k, helper")
    assert call(engine, hash_, 2).value == 7


def test_two_functions_with_globals_of_the_same_name_do_not_mix(prompt, engine):
    first = ship(prompt, engine, "plain")
    prompt.execute("k = 50")
    second = ship(prompt, engine, "plain")
    assert first != second
    for _ in range(3):
        assert call(engine, first, 2).value == 6
        assert call(engine, second, 2).value == 100


def test_a_global_that_the_call_assigns_is_the_engines_from_then_on(prompt, engine):
    hash_ = ship(prompt, engine, "counts")
    assert [call(engine, hash_, 1).value for _ in range(3)] == [101, 102, 103]
    assert engine.execute("calls").text == "103"


def test_an_engine_that_knows_nothing_by_the_hash_refuses(prompt, engine):
    assert call(engine, b"x" * 16).status == REFUSED
    hash_ = ship(prompt, engine, "plain")
    assert call(engine, hash_, 1).status == OK
    engine.send(DROP, 0, [hash_])
    assert call(engine, hash_, 1).status == REFUSED


def test_the_same_function_has_the_same_hash_and_another_one_not(prompt):
    assert pick(prompt, "plain")[0] == pick(prompt, "plain")[0]
    assert pick(prompt, "plain")[0] != pick(prompt, "uses")[0]
    assert len(pick(prompt, "plain")[0]) == 16


def test_large_values_that_travel_are_noted(prompt):
    assert pick(prompt, "plain")[1] is None
    prompt.execute("big = bytes(3 << 20)\ndef heavy(): return len(big)")
    assert pick(prompt, "heavy")[1] == "big (3.0 MiB) travels along"


def test_what_is_no_function_is_refused_with_its_type(prompt):
    result = prompt.result(prompt.task(GET, [["k"], "function"]))
    assert result.error["type"] == "TypeError" and "k is not callable" in result.error["message"]


def test_an_error_in_a_shipped_function_shows_its_lines(prompt, engine):
    prompt.execute("def clean(row):\n    return 1 / row", file="<In 2>")
    error = call(engine, ship(prompt, engine, "clean"), 0).error
    assert (error["type"], error["line"], error["function"]) == ("ZeroDivisionError", 2, "clean")
    assert error["file"] == "<In 2>"
    assert "tutti" not in error["traceback"]


def test_instances_travel_both_ways_and_stay_of_their_class(prompt, engine):
    engine_kind = ship(prompt, engine, "kind")
    frames = items(prompt, "[Point(4)]")
    assert send_items(engine, engine_kind, frames).value == (True, 12)
    echo = ship(prompt, engine, "echo")
    back = send_items(engine, echo, frames)
    assert back.status == OK
    value_body = repack_value(back)
    result = prompt.result(prompt.task(SET, pack(["q", "value", [len(value_body)], None]),
                                       value_body))
    assert result.status == OK, result.error
    assert prompt.execute("q == Point(4), type(q) is Point").text == "(True, True)"


def send_items(engine, hash_, frames):
    """CALL with arguments that come as frames of GET 'items': their body stands within ours."""
    body = b"\x93" + pack(hash_) + frames[0] + b"\xc0"
    return engine.result(engine.task(CALL, body, frames[1:]))


def repack_value(result):
    """[body, buffer ...] of a result's value, cut out as it stands."""
    body = result.frames[0]
    assert body[:3] == b"\x95\xc0\xc3" and body[-2:] == b"\x90\xc0"
    return [body[3:-2], *result.frames[1:]]


def push(prompt, engine, name, expr):
    value = prompt.execute(expr, flags=3)
    assert value.status == OK, value.error
    group = repack_value(value)
    return engine.result(engine.task(SET, pack([name, "value", [len(group)], None]), group))


def test_a_pushed_function_works_later_and_in_nested_functions(prompt, engine):
    assert push(prompt, engine, "f", "uses").status == OK
    assert engine.execute("f(2)").text == "7"
    assert push(prompt, engine, "g", "nested").status == OK
    assert engine.execute("g(3)").text == "[0, 3, 6]"


def test_pushing_again_renews_what_travelled_but_not_the_engines_own(prompt, engine):
    push(prompt, engine, "f", "plain")
    prompt.execute("k = 7")
    push(prompt, engine, "f", "plain")
    assert engine.execute("f(1)").text == "7"
    engine.execute("k = 1000")
    push(prompt, engine, "f", "plain")
    assert engine.execute("f(1)").text == "1000"


def test_a_function_as_an_argument_brings_its_globals(prompt, engine):
    prompt.execute("def apply(f, n): return f(n)")
    apply = ship(prompt, engine, "apply")
    result = prompt.result(prompt.task(GET, [["[plain]", "[5]"], "items"]))
    assert send_items(engine, apply, result.frames[1:]).value == 15
    assert engine.execute("k").error["type"] == "NameError"


def test_a_function_goes_to_no_other_version_and_the_error_names_both(prompt, engine, python):
    other = [p for v, p in harness.interpreters("3.12", "3.11") if v != python.version][0]
    hash_, _, blob = pick(prompt, "plain")
    with harness.Runtime(harness.python_command(other), page=False,
                         env=harness.python_env(True)) as foreign:
        foreign.send(BLOB, 0, [hash_], [blob])
        error = call(foreign, hash_, 1).error
        assert python.version in error["message"] and "cannot run on Python" in error["message"]
        assert foreign.hello.fields[3].rsplit(".", 1)[0] in error["message"]


def test_a_blob_that_is_none_costs_its_task(engine):
    for i, blob in enumerate((b"", b"\xc1", pack([]), pack(["python", "3.11", b"junk"]),
                              pack(["sh", "5", b""]), pack(7))):
        hash_ = bytes([i]) * 16
        engine.send(BLOB, 0, [hash_], [blob])
        assert call(engine, hash_).status in (ERROR, REFUSED)
    assert engine.execute("1").text == "1"


def test_without_cloudpickle_functions_travel_and_classes_say_what_to_install(python):
    block = ("import sys\nclass No:\n    def find_spec(self, name, *a):\n"
             "        if name == 'cloudpickle': raise ImportError(name)\n"
             "sys.meta_path.insert(0, No())\nsys.modules.pop('cloudpickle', None)")
    with python.start() as engine:
        engine.execute(block)
        engine.execute("k = 2\ndef f(): return k\nclass C: pass")
        hash_, _, blob = pick(engine, "f")
        engine.send(BLOB, 0, [hash_], [blob])
        assert call(engine, hash_).value == 2
        error = engine.execute("C()", flags=1).error
        assert "cloudpickle" in error["message"] and "install" in error["message"]
        assert engine.execute("{1, 2}", flags=1).status == OK


# ---- CALL for each of several items

def each(engine, hash_, items):
    """([(status, value or error type), ...], the RESULT) of a CALL for each of these items."""
    result = engine.result(engine.task(CALL, [hash_, items, True]))
    return replies(result), result


def replies(result):
    assert result.status == OK, result.error
    body = codec.decode(result.frames[0], result.frames[1:], harness.no_extension)
    assert body[:2] == [None, False] and len(body) == 7
    found, buffers = [], list(result.frames[1:])
    for status, run_ns, inner, count in body[6]:
        assert run_ns >= 0
        own, buffers = buffers[:count], buffers[count:]
        inner = codec.decode(inner, own, harness.no_extension)
        found.append((status, inner[2] if status == OK else inner[4]["type"]))
    assert buffers == []
    return found


def test_each_item_has_a_reply_of_its_own(prompt, engine):
    hash_ = ship(prompt, engine, "lambda a, b=2: b'x' * 5000 if a == 9 else 10 // a + b")
    found, _ = each(engine, hash_, [[1], [5, 7], [0], [9], [2], [9], [], [10]])
    assert found == [(OK, 12), (OK, 9), (ERROR, "ZeroDivisionError"), (OK, b"x" * 5000), (OK, 7),
                     (OK, b"x" * 5000), (ERROR, "TypeError"), (OK, 3)]
    assert each(engine, hash_, [])[0] == []
    assert call(engine, hash_, 5).value == 4  # and one by itself as ever


def test_an_interrupt_ends_one_item_and_those_behind_it_are_not_begun(python, prompt, engine):
    if not python.page:
        pytest.skip("without a page it is not told which task runs")
    hash_ = ship(prompt, engine, "lambda n: n if n < 3 else (print('there', flush=True), "
                                 "__import__('signal').pause())")
    seq = engine.task(CALL, [hash_, [[1], [2], [3], [4]], True])
    engine.wait_output(b"there")
    assert replies(engine.interrupt_until_result(seq)) == [
        (OK, 1), (OK, 2), (INTERRUPTED, "KeyboardInterrupt")]
    assert each(engine, hash_, [[1], [2]])[0] == [(OK, 1), (OK, 2)]


def test_interrupts_at_any_moment_are_told_by_one_item_or_by_all(python, prompt, engine):
    if not python.page:
        pytest.skip("without a page it is not told which task runs")
    hash_ = ship(prompt, engine, "lambda n: len([None for _ in range(100 * n)])")
    items = [[n % 20] for n in range(200)]
    values = [(OK, 100 * n) for n, in items]
    partly, moment, until = 0, 0, time.monotonic() + 3 * harness.DEADLINE
    while partly < 20 or moment < 100:
        assert time.monotonic() < until, "met %d of %d" % (partly, moment)
        moment += 1
        seq = engine.task(CALL, [hash_, items, True])
        then = time.perf_counter() + moment % 100 * 45e-6
        while time.perf_counter() < then:
            pass
        engine.interrupt(seq)
        result = engine.message(harness.DEADLINE)
        if result.status == INTERRUPTED:  # met the arguments or the answer
            assert result.error["type"] == "KeyboardInterrupt"
            continue
        found = replies(result)
        if len(found) < len(items) or found[-1][0] != OK:
            assert found.pop() == (INTERRUPTED, "KeyboardInterrupt")
            partly += 1
        assert found == values[:len(found)]
    assert each(engine, hash_, items)[0] == values


def test_an_item_that_leaves_is_the_last(prompt, engine):
    hash_ = ship(prompt, engine, "lambda n: n if n < 3 else exit(n)")
    assert each(engine, hash_, [[1], [3], [2]])[0] == [(OK, 1), (ERROR, "SystemExit")]
    assert engine.process.wait(harness.DEADLINE) == 3


def test_items_that_are_none_are_refused_one_by_one(prompt, engine):
    hash_ = ship(prompt, engine, "plain")
    assert each(engine, hash_, [[1], 5, [2]])[0] == [(OK, 3), (ERROR, "TypeError"), (OK, 6)]
    assert engine.result(engine.task(CALL, [hash_, 5, True])).status == REFUSED
