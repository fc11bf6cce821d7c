"""Values between the prompt and the engines: each type comes back as it was sent."""

import pytest

# What is pushed and pulled again, and how equality is told (default: same type and ==).
PLAIN = {
    "nil": "None",
    "bools": "[True, False]",
    "small": "[0, 1, -1, 127, -33]",
    "64-bit": "[2**63 - 1, -2**63, 2**64 - 1, 2**32]",
    "big": "[2**64, -2**63 - 1, 10**400, -10**400]",
    "float": "[0.0, 1.5, -1e308, 5e-324, float('inf'), float('-inf')]",
    "str": "'gr\\u00fc\\u00df \\U0001f3b6 \\0 \\n'",
    "surrogate": "'\\udc80'",
    "bytes": "bytes(range(256))",
    "bytearray": "bytearray(b'abc')",
    "empty": "['', b'', [], (), {}, set()]",
    "list": "[1, 'a', [2.5, [None]]]",
    "tuple": "(1, ('a', []), ())",
    "dict": "{'a': 1, 2: 'b', (3, 4): [5], None: 6, 7.5: 8, b'k': True}",
    "complex": "[1 - 2j, complex('inf')]",
    "sets": "[{1, 'a'}, frozenset((2, 3))]",
    "range": "range(1, 9, 3)",
    "aware": "datetime.datetime(2024, 2, 29, 12, 30, 1, 999999, datetime.timezone.utc)",
    "early": "datetime.datetime(1, 1, 1, tzinfo=datetime.timezone.utc)",
    "zone": "datetime.datetime(2024, 2, 29, 1, 2, 3, "
            "tzinfo=datetime.timezone(datetime.timedelta(hours=5.5)))",
    "naive": "datetime.datetime(2024, 2, 29, 12, 30)",
    "others": "[fractions.Fraction(1, 3), decimal.Decimal('1.10'), pathlib.PurePosixPath('/a')]",
    "subclass": "collections.OrderedDict(b=1, a=2)",
    "counter": "collections.Counter('tutti')",
    "long": "['x' * 100000, b'y' * 100000, list(range(10000))]",
}


@pytest.fixture(scope="module")
def two(shared_four):
    return shared_four


@pytest.mark.sanitize
def test_plain_values_are_equal_after_the_round_trip(two):
    """All types at once, in both directions; the engine also builds each value for itself."""
    script = ["import collections, datetime, decimal, fractions, math, pathlib",
              "%px import collections, datetime, decimal, fractions, math, pathlib"]
    for name, expr in PLAIN.items():
        script += [f"v = {expr}", "%push v", f"%px t = type(v) is type({expr}) and v == ({expr})",
                   "there = %px t", "back = %px v",
                   f"print({name!r}, there, [type(b) is type(v) and b == v for b in back])"]
    got = two.script("\n".join(script), timeout=40).stdout
    whole = "[True, True, True, True]"
    assert got.splitlines() == [f"{name} {whole} {whole}" for name in PLAIN]


def test_details_that_equality_hides(two):
    got = two.lines(
        "import math", "%px import math",
        "v = [float('nan'), -0.0, True, {'b': 1, 'a': 2}]", "%push v",
        "%px math.isnan(v[0]), math.copysign(1, v[1]), v[2] is True, list(v[3])",
        "%pull v",
        "b = v[0]",
        "math.isnan(b[0]), math.copysign(1, b[1]), b[2] is True, list(b[3])").stdout
    value = "(True, -1.0, True, ['b', 'a'])"
    assert got == f"Out[0-3:5]: {value}\nOut[8]: {value}\n"


ARRAYS = {
    "bool": "np.array([True, False])",
    "int8": "np.arange(-5, 5, dtype='i1')",
    "uint64": "np.array([2**64 - 1, 0], dtype='u8')",
    "float16": "np.linspace(0, 1, 7, dtype='f2')",
    "float64": "np.array([[1.5, np.inf], [-0.0, 5e-324]])",
    "longdouble": "np.array([1, 2], dtype=np.longdouble)",
    "complex": "np.array([1 + 2j, -1j])",
    "big endian": "np.arange(4, dtype='>i4')",
    "text": "np.array(['a', 'tutti', ''])",
    "bytes": "np.array([b'a', b'tutti'])",
    "datetime": "np.array(['2024-02-29', 'NaT'], dtype='M8[D]')",
    "timedelta": "np.array([1, 2], dtype='m8[ms]')",
    "structured": "np.array([(1, 2.5, 'a')], dtype=[('a', 'i4'), ('b', 'f8'), ('c', 'U3')])",
    "objects": "np.array([None, 'a', [1]], dtype=object)",
    "0-d": "np.array(3.5)",
    "empty": "np.empty((0, 3), dtype='f4')",
    "1 of 3 empty": "np.empty((2, 0, 4))",
    "fortran": "np.asfortranarray(np.arange(12.0).reshape(3, 4))",
    "steps": "np.arange(20).reshape(4, 5)[::2, ::-1]",
    "transposed": "np.arange(24).reshape(2, 3, 4).transpose(2, 0, 1)",
    "broadcast": "np.broadcast_to(np.arange(3), (4, 3))",
    "read-only": "np.frombuffer(b'abcd', dtype='u1')",
    "scalar": "np.float32(1.5)",
    "masked": "np.ma.array([1, 2], mask=[True, False]).filled(7)",
    "over the inline limit": "np.arange(10000)",
}
SAME = """
import numpy as np
def same(a, b):
    if type(a) is not type(b) or a.dtype != b.dtype or a.shape != b.shape:
        return False
    return all(x == y or x != x and y != y for x, y in zip(a.ravel().tolist(), b.ravel().tolist()))
"""


def test_arrays_are_equal_after_the_round_trip(two):
    pytest.importorskip("numpy")
    script = [SAME, "%%px", SAME, "%%"]
    for name, expr in ARRAYS.items():
        script += [f"v = {expr}", "%push v", f"there = %px same(v, {expr})",
                   "back = %px v", f"print({name!r}, there, [same(b, v) for b in back])"]
    got = two.script("\n".join(script), timeout=40).stdout
    whole = "[True, True, True, True]"
    assert got.splitlines() == [f"{name} {whole} {whole}" for name in ARRAYS]


@pytest.mark.deadline(90)
def test_fifty_megabytes_there_and_back(cluster):
    pytest.importorskip("numpy")
    cluster.start(2)
    got = cluster.lines(
        "import numpy as np",
        "a = np.random.default_rng(1).integers(0, 2**63, 50_000_000 // 8)", "%push a",
        "%px int(a.sum() % 1000003), a.flags.writeable",
        "mine = int(a.sum() % 1000003), True",
        "b = %px -t 0 a",
        "print((b == a).all(), b.dtype == a.dtype, b.nbytes, b.flags.writeable)",
        "mine", timeout=60).stdout.splitlines()
    assert got[1] == "True True 50000000 True"
    assert got[0].replace("Out[0-1:4]", "") == got[2].replace("Out[8]", "")


def test_copies_are_the_engines_own_and_may_be_changed(two):
    pytest.importorskip("numpy")
    got = two.lines("import numpy as np", "a = np.zeros(10000); l = [1]; b = bytearray(10000)",
                    "%push a l b", "%px -t 0 a[0] = 5; l.append(2); b[0] = 7",
                    "%px a[0] + len(l) + b[0]", "a[0] + len(l) + b[0]", "%pull -t 0 a",
                    "a[1] = 3", "%px a[1] + 0").stdout
    assert got == ("Out[0:5]: 14.0\nOut[1-3:5]: 1.0\nOut[6]: 1.0\nOut[0-3:9]: 0.0\n")


def test_code_travels(two):
    """Functions, classes, lambdas with closures and instances, defined in the session."""
    got = two.script("""
import dataclasses, functools
K = 3
@dataclasses.dataclass
class Point:
    x: int
    y: list
    def scaled(self):
        return Point(self.x * K, self.y)

def fact(n):
    return 1 if n < 2 else n * fact(n - 1)

def adder(n):
    return lambda x: x + n

plus = adder(10)
p = Point(1, [2])
half = functools.partial(pow, 2)
%push Point fact plus p half
r = %px fact(5), plus(1), p.scaled(), isinstance(p, Point), half(3)
print(r[0][:2], r[0][2] == Point(3, [2]), r[0][3:], type(r[3][2]) is Point)
f, g = %px -t 0-1 adder if False else plus
print(f(5), g(6))
%pull -t 2 fact
print(fact(6))
""").stdout
    assert got == "(120, 11) True (True, 8) True\n15 16\n720\n"


def test_a_value_of_several_targets_is_a_list_and_of_one_number_itself(two):
    got = two.lines("%px -t 0 n = 'zero'", "%px -t 1-3 n = 'more'", "a = %px n", "b = %px -t 0 n",
                    "c = %px -t 0-0 n", "%pull -t 1 n", "a, b, c, n").stdout
    assert got == "Out[7]: (['zero', 'more', 'more', 'more'], 'zero', ['zero'], 'more')\n"


def test_several_names_at_once(two):
    got = two.lines("x = 1; y = [2]; z = 3", "%push x y, z", "%px x, y, z",
                    "a, b = %pull -t 0 y z", "a, b").stdout
    assert got == "Out[0-3:3]: (1, [2], 3)\nOut[5]: ([2], 3)\n"


def test_the_result_of_an_assignment(two):
    got = two.lines("r = %px -t 1,3 6*7", "print(r, r.get(), r.get_dict(), r.errors, r.ready())",
                    "print(0 < r.elapsed < 60, 0 <= r.serial_time < 60, r.wall_time == r.elapsed)",
                    "print(sum(r), r[0], len(r), isinstance(r, list))").stdout
    assert got == "[42, 42] [42, 42] {1: 42, 3: 42} {} True\nTrue True True\n84 42 2 True\n"


def test_a_value_of_64_mib_less_a_little_passes(cluster):
    cluster.start(1)
    got = cluster.lines("big = bytes(63 << 20)", "%push big", "%pull -t 0 big", "len(big)",
                        timeout=40)
    assert got.stdout == f"Out[4]: {63 << 20}\n"


def test_what_cannot_be_sent_is_told(two):
    outcome = two.lines("import threading", "lock = threading.Lock()", "%push lock", code=1)
    assert "TypeError: cannot pickle '_thread.lock' object" in outcome.stderr
    outcome = two.lines("%px import threading", "x = %px threading.Lock()", code=1)
    assert "[0-3:2] TypeError: cannot pickle '_thread.lock' object" in outcome.stderr


def test_a_value_that_holds_itself(two):
    got = two.lines("l = [1]", "l.append(l)", "%push l", "%px len(l), l[1] is l", "%pull -t 0 l",
                    "l[1] is l").stdout
    assert got == "Out[0-3:4]: (2, True)\nOut[6]: True\n"


def test_a_deep_value_travels_and_a_deeper_one_is_refused(two):
    make = "deep = []\nfor i in range(%d): deep = [deep]"
    depth = "def depth(v):\n    n = 0\n    while v: v = v[0]; n += 1\n    return n"
    got = two.lines(make % 400, "%push deep", "%%px\n" + depth, "%px depth(deep)",
                    "back = %px -t 0 deep", depth, "depth(back)").stdout
    assert got == "Out[0-3:4]: 400\nOut[7]: 400\n"
    outcome = two.lines(make % 100000, "%push deep", code=1)
    assert "PicklingError: Could not pickle object as excessively deep" in outcome.stderr
    outcome = two.lines("%%px\n" + make % 100000, "x = %px deep", code=1)
    assert "[0-3:2] _pickle.PicklingError: Could not pickle object" in outcome.stderr
    two.lines("%px del deep")
    assert two.ok("px", "1") == "Out[0-3:1]: 1\n"


def test_a_failed_value_marks_only_its_target(two):
    outcome = two.lines("%px -t 0-2 w = 5", "v = %px w", code=1)
    assert "[3:2] NameError" in outcome.stderr
