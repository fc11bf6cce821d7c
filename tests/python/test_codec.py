"""The compiled codec against the one in Python: the same bytes, the same objects, the same refusals."""

import cmath
import datetime
import math
import random
import string

import numpy
import pytest

from tutti import codec as plain
from tutti import values

ROUNDS = 3000


@pytest.fixture(params=["compiled", "plain"])
def codec(request, compiled):
    module = compiled if request.param == "compiled" else plain
    values.use(module)
    yield module
    values.use(plain)


def round_trip(value):
    body, buffers = values.encode(value)
    return values.decode(body, [bytearray(b) for b in buffers])


UTC = datetime.timezone.utc
SAMPLES = [
    None, True, False, 0, 1, -1, 127, 128, -32, -33, 255, 256, 65535, 65536, 2**31, 2**32 - 1,
    2**32, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -2**63, -2**63 - 1, -2**64, 10**50, -10**50,
    2**2047, 0.0, -0.0, 1.5, 1e308, math.inf, -math.inf, "", "x", "é" * 31, "x" * 32, "y" * 300,
    "z" * 70000, "\0", "\ud800", b"", b"x", b"x" * 255, b"x" * 256, b"x" * 4095, b"x" * 4096,
    b"x" * 100000, [], [1], list(range(15)), list(range(16)), list(range(70000)), {}, {"a": 1},
    {1: 2, (1, 2): [3]}, {i: str(i) for i in range(70000)}, (), (1,), (1, (2, (3,))), 1j,
    complex(-0.0, math.inf), datetime.datetime(1970, 1, 1, tzinfo=UTC),
    datetime.datetime(2024, 5, 6, 7, 8, 9, 10, tzinfo=UTC),
    datetime.datetime(1, 1, 1, tzinfo=UTC), datetime.datetime(9999, 12, 31, 23, 59, 59, 999999, UTC),
    datetime.datetime(2024, 5, 6), datetime.date(2024, 5, 6), {1, 2}, frozenset("ab"), range(5),
    bytearray(b"abc"), Ellipsis, int, slice(1, 2), [b"q" * 5000, (b"r" * 6000,), {"s": b"t" * 9000}],
]


@pytest.mark.parametrize("value", SAMPLES, ids=lambda v: repr(v)[:24])
def test_values_survive(codec, value):
    back = round_trip(value)
    assert type(back) is type(value)
    assert back == value
    if not isinstance(value, (datetime.datetime, set, frozenset)):  # whose order is nobody's
        assert repr(back)[:200] == repr(value)[:200]


def test_nan_survives(codec):
    assert math.isnan(round_trip(math.nan))
    assert cmath.isnan(round_trip(complex(math.nan, 1)))


def test_subclasses_are_not_flattened(codec):
    import collections
    import enum

    for value in (collections.OrderedDict(a=1), numpy.float64(2.5), numpy.int32(3)):
        back = round_trip(value)
        assert type(back) is type(value) and back == value
    assert round_trip(enum.Enum("E", "a b", module="enum").__class__) is enum.EnumMeta


@pytest.mark.parametrize("zone", [2, -7.5])
def test_aware_datetimes_keep_the_instant(codec, zone):
    tz = datetime.timezone(datetime.timedelta(hours=zone))
    value = datetime.datetime(2021, 2, 3, 4, 5, 6, 7, tz)
    back = round_trip(value)
    assert back == value and back.tzinfo is UTC


ARRAYS = [numpy.arange(12.0).reshape(3, 4), numpy.asfortranarray(numpy.arange(6).reshape(2, 3)),
          numpy.arange(20)[::3], numpy.zeros((0, 3)), numpy.array(5), numpy.array("text"),
          numpy.array(["a", "bcd"]), numpy.array([b"x", b"yz"]), numpy.array([True, False]),
          numpy.array([1 + 2j]), numpy.array(["2020-01-01"], "M8[ns]"), numpy.array([3], "m8[s]"),
          numpy.arange(5, dtype=">i4"), numpy.arange(3, dtype="f2"), numpy.arange(3, dtype="g"),
          numpy.random.RandomState(0).rand(100, 100), numpy.empty(0, "u1")]
OTHER_ARRAYS = [numpy.array([None, "x"], object), numpy.zeros(2, [("a", "i4"), ("b", "f8")]),
                numpy.ma.masked_array([1, 2], [0, 1]), numpy.matrix([[1]])]


@pytest.mark.parametrize("array", ARRAYS + OTHER_ARRAYS, ids=lambda a: "%s%s" % (a.dtype, a.shape))
def test_arrays_survive_and_can_be_written(codec, array):
    back = round_trip(array)
    assert type(back) is type(array) and back.dtype == array.dtype and back.shape == array.shape
    assert numpy.array_equal(numpy.asarray(back), numpy.asarray(array))
    assert back.flags.writeable
    if type(array) is numpy.ndarray and array.dtype.kind != "O" and array.dtype.names is None:
        assert back.flags.f_contiguous == array.flags.f_contiguous or not array.flags.forc


def test_large_runs_are_buffers_and_are_not_copied(codec):
    data, array = b"d" * 5000, numpy.arange(1000.0)
    body, buffers = values.encode([data, array, b"small"])
    assert buffers[0] is data
    assert numpy.shares_memory(numpy.frombuffer(buffers[1], "f8"), array)
    assert len(body) < 100


def test_an_inline_limit_keeps_everything_in_the_body(codec):
    body, buffers = values.encode([b"d" * 5000], 1 << 40)
    assert buffers == [] and values.decode(body) == [b"d" * 5000]


def test_references_stay_expressions(codec):
    back = round_trip([values.Reference("a.b[0]")])[0]
    assert type(back) is values.Reference and back.expr == "a.b[0]"


def test_a_list_that_holds_itself_and_deep_ones_survive(codec):
    loop = [1]
    loop.append(loop)
    back = round_trip(loop)
    assert back[0] == 1 and back[1] is back
    deep = []
    for _ in range(470):
        deep = [deep]
    assert round_trip(deep) == deep


def test_a_list_that_changes_while_it_is_sent_is_an_error(codec):
    items = []

    class Evil:
        def __reduce__(self):
            items.append(1)
            return int, ()

    items += [Evil(), 2]
    with pytest.raises(RuntimeError):
        values.encode(items)


def test_a_dict_that_changes_while_it_is_sent_does_not_crash(codec):
    held = {}

    class Evil:
        def __reduce__(self):
            held.clear()
            return int, ()

    held.update({i: Evil() for i in range(50)})
    body, buffers = values.encode(held)
    assert len(values.decode(body, buffers)) == 50


def random_value(rng, depth=0):
    kind = rng.randrange(14 if depth < 5 else 8)
    if kind == 0:
        return rng.choice([None, True, False])
    if kind in (1, 2):
        return rng.randrange(-2 ** rng.randrange(1, 90), 2 ** rng.randrange(1, 90))
    if kind == 3:
        return rng.uniform(-1, 1) * 10 ** rng.randrange(-300, 300)
    if kind == 4:
        return "".join(rng.choice(string.printable + "éß€😀") for _ in range(rng.randrange(60)))
    if kind == 5:
        return bytes(rng.randrange(256) for _ in range(rng.randrange(60)))
    if kind == 6:
        return complex(rng.random(), rng.random())
    if kind == 7:
        return datetime.datetime(1970, 1, 1, tzinfo=UTC) + datetime.timedelta(
            seconds=rng.randrange(-2**35, 2**35), microseconds=rng.randrange(10**6))
    if kind in (8, 9):
        return [random_value(rng, depth + 1) for _ in range(rng.randrange(6))]
    if kind == 10:
        return tuple(random_value(rng, depth + 1) for _ in range(rng.randrange(6)))
    if kind in (11, 12):
        keys = [random_value(rng, 9) for _ in range(rng.randrange(6))]
        return {key: random_value(rng, depth + 1) for key in keys}
    return rng.choice([{1, 2}, b"b" * rng.randrange(4000, 5000), numpy.arange(rng.randrange(9)),
                       range(3)])


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(same(*pair) for pairs in zip(a.items(), b.items())
                                        for pair in zip(*pairs))
    return numpy.array_equal(a, b) if isinstance(a, numpy.ndarray) else a == b


def test_both_codecs_write_the_same_bytes_and_read_each_other(compiled):
    rng = random.Random(20240501)
    for _ in range(ROUNDS):
        value = random_value(rng)
        ours, our_buffers = plain.encode(value, values.fallback)
        theirs, their_buffers = compiled.encode(value, values.fallback)
        assert ours == theirs
        assert [bytes(b) for b in our_buffers] == [bytes(b) for b in their_buffers]
        frames = [bytearray(b) for b in our_buffers]
        for codec in (plain, compiled):
            assert same(codec.decode(ours, frames, values.revive), value)


def outcome(codec, data, frames):
    def revive(code, body):  # the same for both, and nothing is unpickled
        return "ext", code, body

    try:
        return codec.decode(data, frames, revive)
    except (ValueError, TypeError) as error:
        return type(error)


def damaged(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        action = rng.randrange(4)
        at = rng.randrange(len(data)) if data else 0
        if action == 0 and data:
            data[at] = rng.randrange(256)
        elif action == 1:
            del data[at:at + rng.randrange(1, 5)]
        elif action == 2:
            data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 5)))
        elif data:
            data[at] ^= 1 << rng.randrange(8)
    return bytes(data)


def test_malformed_bytes_never_crash_and_both_codecs_agree(compiled):
    rng = random.Random(7)
    for _ in range(ROUNDS):
        body, buffers = plain.encode(random_value(rng), values.fallback)
        frames = [bytearray(b) for b in buffers]
        for data in (damaged(rng, body), bytes(rng.randrange(256) for _ in range(rng.randrange(20)))):
            ours, theirs = outcome(plain, data, frames), outcome(compiled, data, frames)
            assert repr(ours) == repr(theirs), data


@pytest.mark.parametrize("data", [
    b"", b"\xc1", b"\xdd\xff\xff\xff\xff", b"\xdf\x0f\xff\xff\xff", b"\xdb\xff\xff\xff\xff",
    b"\x90\x90", b"\xd4\x09\x00", b"\xc7\x00\x02", b"\xd4\x01\xc0", b"\xd4\x07\xc0",
    b"\xd6\x07\x92\x00\x05\xc0", b"\xc7\x03\x07\x92\x00\x05", b"\xc7\x05\x04\x94\xa1x\x90\xc0",
    b"\x81\x90\xc0", b"\x91" * 513 + b"\xc0", b"\xd4\x04\x90", b"\xd4\x05\x90"])
def test_malformed_bytes_are_refused(codec, data):
    with pytest.raises((ValueError, TypeError)):
        values.decode(data, [])


def test_random_bytes_through_the_real_hooks_raise_and_do_not_crash(codec):
    rng = random.Random(11)
    for _ in range(ROUNDS):
        ext = bytes([0xC7, 0, rng.choice([4, 6, 0xFF])])
        body = plain.encode([rng.choice(["<f8", "|O", "x", "<U3", "V0", ""]),
                             [rng.randrange(4) for _ in range(rng.randrange(3))],
                             rng.choice(["C", "F", "A"]), bytes(rng.randrange(40))], None)[0]
        data = damaged(rng, bytes([0xC7, len(body)]) + ext[2:] + body)
        try:
            values.decode(data, [])
        except (ValueError, TypeError, UnicodeError):
            pass
