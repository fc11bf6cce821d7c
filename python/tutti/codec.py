"""Values of PROTOCOL.md in Python: what codec.c does in C, and the reference it is tested against.

`encode` writes exact types only; everything else goes to `fallback`, which answers with the code
and the body of an extension. `decode` hands those extensions to `revive`. Both functions are in
values.py and serve both codecs.
"""

from __future__ import annotations

import struct
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

    Fallback = Callable[[Any], Tuple[int, Any]]
    Revive = Callable[[int, Any], Any]
    Head = Sequence[Tuple[int, int, str]]
    Buffers = Sequence[Any]

INLINE_LIMIT = 4096  # bytes; longer runs are frames of their own
ENCODE_DEPTH = 480
DECODE_DEPTH = 512
VALUES_LIMIT = 64 << 20

TIMESTAMP, TUPLE, BIGINT, COMPLEX, ARRAY, OBJECT, NAME, BUFFER = -1, 1, 2, 3, 4, 5, 6, 7


def _head(out: bytearray, count: int, kinds: Head) -> None:
    """Writes the head of a str, bin, array or map: `kinds` are (largest count, lead, format)."""
    for limit, lead, form in kinds:
        if count <= limit:
            parts: Tuple[int, ...] = (lead | count,) if form == "B" else (lead, count)
            out += struct.pack(form, *parts)
            return
    raise ValueError("value of more than 4 GiB")


_STR = ((31, 0xA0, "B"), (0xFF, 0xD9, ">BB"), (0xFFFF, 0xDA, ">BH"), (0xFFFFFFFF, 0xDB, ">BI"))
_BIN = ((0xFF, 0xC4, ">BB"), (0xFFFF, 0xC5, ">BH"), (0xFFFFFFFF, 0xC6, ">BI"))
_LIST = ((15, 0x90, "B"), (0xFFFF, 0xDC, ">BH"), (0xFFFFFFFF, 0xDD, ">BI"))
_MAP = ((15, 0x80, "B"), (0xFFFF, 0xDE, ">BH"), (0xFFFFFFFF, 0xDF, ">BI"))
_EXT = ((0xFF, 0xC7, ">BB"), (0xFFFF, 0xC8, ">BH"), (0xFFFFFFFF, 0xC9, ">BI"))
_INTS = ((-0x20, 0x7F, "b", None), (0, 0xFF, ">BB", 0xCC), (0, 0xFFFF, ">BH", 0xCD),
         (0, 0xFFFFFFFF, ">BI", 0xCE), (0, 0xFFFFFFFFFFFFFFFF, ">BQ", 0xCF),
         (-0x80, 0, ">Bb", 0xD0), (-0x8000, 0, ">Bh", 0xD1), (-0x80000000, 0, ">Bi", 0xD2),
         (-0x8000000000000000, 0, ">Bq", 0xD3))


def _ext(out: bytearray, code: int, body: Any) -> None:
    size = len(body)
    if size in (1, 2, 4, 8, 16):
        out.append(0xD4 + size.bit_length() - 1)
    else:
        _head(out, size, _EXT)
    out += struct.pack("b", code)
    out += body


class _Encoder:
    def __init__(self, fallback: Fallback, inline_limit: int) -> None:
        self.fallback = fallback
        self.inline_limit = inline_limit
        self.buffers: List[Any] = []

    def put(self, out: bytearray, value: Any, depth: int) -> None:
        writer = self.writers.get(type(value))
        if writer is None:
            self.put_other(out, value, depth)
        else:
            writer(self, out, value, depth)

    def put_none(self, out: bytearray, value: Any, depth: int) -> None:
        out.append(0xC0)

    def put_bool(self, out: bytearray, value: Any, depth: int) -> None:
        out.append(0xC3 if value else 0xC2)

    def put_int(self, out: bytearray, value: Any, depth: int) -> None:
        for low, high, form, lead in _INTS:
            if low <= value <= high:
                out += struct.pack(form, value) if lead is None else struct.pack(form, lead, value)
                return
        self.put_other(out, value, depth)

    def put_float(self, out: bytearray, value: Any, depth: int) -> None:
        out += struct.pack(">Bd", 0xCB, value)

    def put_complex(self, out: bytearray, value: Any, depth: int) -> None:
        _ext(out, COMPLEX, struct.pack(">dd", value.real, value.imag))

    def put_str(self, out: bytearray, value: Any, depth: int) -> None:
        try:
            data = value.encode("utf-8")
        except UnicodeEncodeError:  # lone surrogates are not portable
            self.put_other(out, value, depth)
            return
        _head(out, len(data), _STR)
        out += data

    def put_data(self, out: bytearray, data: Any) -> None:
        size = memoryview(data).nbytes
        if size >= self.inline_limit:
            self.put_ref(out, data, size)
        else:
            _head(out, size, _BIN)
            out += data

    def put_bytes(self, out: bytearray, value: Any, depth: int) -> None:
        self.put_data(out, value)

    def put_ref(self, out: bytearray, data: Any, size: int) -> None:
        body = bytearray(b"\x92")
        self.put_int(body, len(self.buffers), 0)
        self.put_int(body, size, 0)
        _ext(out, BUFFER, body)
        self.buffers.append(data)

    def check_depth(self, depth: int) -> None:
        if depth >= ENCODE_DEPTH:
            raise RecursionError("value is nested more than %d deep" % ENCODE_DEPTH)

    def put_list(self, out: bytearray, value: Any, depth: int) -> None:
        self.check_depth(depth)
        count = len(value)
        _head(out, count, _LIST)
        for item in value:
            self.put(out, item, depth + 1)
            if len(value) != count:
                raise RuntimeError("list changed size while it was sent")

    def put_tuple(self, out: bytearray, value: Any, depth: int) -> None:
        self.check_depth(depth)
        body = bytearray()
        _head(body, len(value), _LIST)
        for item in value:
            self.put(body, item, depth + 2)
        _ext(out, TUPLE, body)

    def put_dict(self, out: bytearray, value: Any, depth: int) -> None:
        self.check_depth(depth)
        items = list(value.items())
        _head(out, len(items), _MAP)
        for key, member in items:
            self.put(out, key, depth + 1)
            self.put(out, member, depth + 1)

    def put_body(self, out: bytearray, value: Any, depth: int) -> None:
        if type(value) in (str, int):
            self.put(out, value, depth)
        elif type(value) is list:
            _head(out, len(value), _LIST)
            for item in value:
                self.put_body(out, item, depth)
        else:
            self.put_data(out, value)

    def put_other(self, out: bytearray, value: Any, depth: int) -> None:
        code, body = self.fallback(value)
        if type(body) is not bytes:
            inner = bytearray()
            self.put_body(inner, body, depth)
            body = inner
        _ext(out, code, body)

    writers: Dict[type, Callable[..., None]] = {
        type(None): put_none, bool: put_bool, int: put_int, float: put_float,
               complex: put_complex, str: put_str, bytes: put_bytes, list: put_list,
               tuple: put_tuple, dict: put_dict}


def _deeply(work: Callable[..., Any], *args: Any) -> Any:
    """work(*args) with room on Python's stack for the deepest value that the format allows."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(limit + 8 * DECODE_DEPTH)
    try:
        return work(*args)
    finally:
        sys.setrecursionlimit(limit)


def encode(value: Any, fallback: Fallback,
           inline_limit: int = INLINE_LIMIT) -> Tuple[bytes, List[Any]]:
    """encode(object, fallback, inline_limit=4096) -> (body bytes, [buffer, ...])

    Runs of `inline_limit` bytes and more are in the buffers, not copied. Raises RecursionError for
    a value nested more deeply than 480, and what `fallback` raises."""
    encoder = _Encoder(fallback, inline_limit)
    out = bytearray()
    _deeply(encoder.put, out, value, 0)
    return bytes(out), encoder.buffers


class _Decoder:
    """A cursor over one body; extension bodies get a cursor of their own that shares the rest."""

    def __init__(self, data: memoryview, buffers: Buffers, revive: Revive,
                 outer: Optional[_Decoder] = None) -> None:
        self.data = data
        self.at = 0
        self.buffers = buffers
        self.revive = revive
        self.seen: List[int] = outer.seen if outer else [0]  # values so far, of all together

    def need(self, size: int) -> None:
        if size > len(self.data) - self.at:
            raise ValueError("malformed value: it ends too early")

    def run(self, size: int) -> memoryview:
        self.need(size)
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.run(struct.calcsize(form)))[0]

    def take(self, depth: int, raw: bool = False) -> Any:
        self.seen[0] += 1
        if self.seen[0] > VALUES_LIMIT:
            raise ValueError("malformed value: too many values")
        lead = self.number("B")
        if lead < 0x80 or lead >= 0xE0:
            return lead if lead < 0x80 else lead - 256
        if lead < 0x90:
            return self.take_map(lead & 15, depth)
        if lead < 0xA0:
            return self.take_list(lead & 15, depth, raw)
        if lead < 0xC0:
            return self.take_str(lead & 31)
        if lead in (0xC0, 0xC2, 0xC3):
            return {0xC0: None, 0xC2: False, 0xC3: True}[lead]
        return self.take_long(lead, depth, raw)

    def take_long(self, lead: int, depth: int, raw: bool) -> Any:
        form = self.numbers.get(lead)
        if form:
            return self.number(form)
        if 0xC4 <= lead <= 0xC6:
            data = self.run(self.number((">B", ">H", ">I")[lead - 0xC4]))
            return bytearray(data) if raw else bytes(data)
        if 0xC7 <= lead <= 0xC9:
            return self.take_ext(self.number((">B", ">H", ">I")[lead - 0xC7]), depth, raw)
        if 0xD4 <= lead <= 0xD8:
            return self.take_ext(1 << (lead - 0xD4), depth, raw)
        if 0xD9 <= lead <= 0xDB:
            return self.take_str(self.number((">B", ">H", ">I")[lead - 0xD9]))
        if lead in (0xDC, 0xDD):
            return self.take_list(self.number((">H", ">I")[lead - 0xDC]), depth, raw)
        if lead in (0xDE, 0xDF):
            return self.take_map(self.number((">H", ">I")[lead - 0xDE]), depth)
        raise ValueError("malformed value: bad head")

    numbers = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q",
               0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}

    def take_str(self, size: int) -> str:
        return bytes(self.run(size)).decode("utf-8", "surrogateescape")

    def deeper(self, depth: int, count: int) -> int:
        """The depth inside a container of `count`; an empty one costs none, as in read.c."""
        if count and depth >= DECODE_DEPTH:
            raise ValueError("malformed value: nested too deeply")
        return depth + 1

    def take_list(self, count: int, depth: int, raw: bool = False) -> List[Any]:
        self.need(count)
        depth = self.deeper(depth, count)
        return [self.take(depth, raw) for _ in range(count)]

    def take_map(self, count: int, depth: int) -> Dict[Any, Any]:
        self.need(2 * count)
        depth = self.deeper(depth, count)
        result = {}
        for _ in range(count):
            key = self.take(depth)
            value = self.take(depth)
            try:
                result[key] = value
            except TypeError:
                raise ValueError("malformed value: key of type %s" % type(key).__name__) from None
        return result

    def inside(self, data: memoryview, depth: int, raw: bool) -> Any:
        """The one value that fills an extension's body."""
        if depth > DECODE_DEPTH:
            raise ValueError("malformed value: nested too deeply")
        inner = _Decoder(data, self.buffers, self.revive, self)
        value = inner.take(depth, raw)
        if inner.at != len(data):
            raise ValueError("malformed value: bytes behind the end")
        return value

    def take_ext(self, size: int, depth: int, raw: bool) -> Any:
        code = self.number("b")
        data = self.run(size)
        if code == TUPLE:
            value = self.inside(data, depth + 1, False)
            if type(value) is not list or not 0x90 <= data[0] <= 0xDD:
                raise ValueError("malformed value: tuple without an array")
            return tuple(value)
        if code == BUFFER:
            return self.take_buffer(self.inside(data, depth + 1, False), raw)
        if code == COMPLEX:
            if size != 16:
                raise ValueError("malformed value: complex of a wrong size")
            return complex(*struct.unpack(">dd", data))
        if code in (ARRAY, OBJECT):
            return self.revive(code, self.inside(data, depth + 1, True))
        self.check_small(code, size)
        return self.revive(code, bytes(data))

    def check_small(self, code: int, size: int) -> None:
        if code == BIGINT and size == 0:
            raise ValueError("malformed value: empty integer")
        if code == TIMESTAMP and size not in (4, 8, 12):
            raise ValueError("malformed value: timestamp of a wrong size")
        if code not in (BIGINT, TIMESTAMP, NAME):
            raise ValueError("malformed value: unknown extension type")

    def take_buffer(self, reference: Any, raw: bool) -> Any:
        whole = type(reference) is list and len(reference) == 2
        if not whole or any(type(n) is not int or n < 0 for n in reference):
            raise ValueError("malformed value: buffer reference is not [index, length]")
        index, size = reference
        if index >= len(self.buffers) or len(self.buffers[index]) != size:
            raise ValueError("malformed value: buffer reference to a frame that is not there")
        return self.buffers[index] if raw else bytes(self.buffers[index])


def decode(body: Any, buffers: Buffers, revive: Revive) -> Any:
    """decode(body, buffers, revive) -> object

    Raises ValueError on malformed bytes, and what `revive` raises. Runs of bytes within arrays and
    objects come as they stand in `buffers`, or as bytearrays."""
    decoder = _Decoder(memoryview(body), buffers, revive)
    value = _deeply(decoder.take, 0)
    if decoder.at != len(decoder.data):
        raise ValueError("malformed value: bytes behind the end")
    return value
