"""The types of values that are not MessagePack's own: what both codecs ask Python for.

`codec` is the module that does the work: the compiled one, or codec.py.
"""

from __future__ import annotations

import datetime
import sys

from . import codec as _python_codec
from . import ship

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Sequence, Tuple

    Buffers = Sequence[Any]

codec: Any = _python_codec  # or what does the same in C

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def use(module: Any) -> None:
    """Makes `module` (tutti._runtime or tutti.codec) the codec of this process."""
    global codec
    codec = module


def spare_memory() -> int:
    """Bytes that this machine can give without pushing others out."""
    with open("/proc/meminfo") as file:
        for line in file:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) << 10
    return 1 << 62


class Reference:
    """An expression that is looked up where it arrives: on an engine, before a call."""

    def __init__(self, expr: str) -> None:
        if not isinstance(expr, str):
            raise TypeError("Reference takes an expression as a str, not %r" % (expr,))
        self.expr = expr

    def __repr__(self) -> str:
        return "<Reference %s>" % self.expr


_arrived: List[bool] = []  # that References did, since somebody asked


def names_arrived() -> bool:
    """Whether any Reference was decoded since this was asked last."""
    found = bool(_arrived)
    _arrived.clear()
    return found


class Opaque:
    """Sends its value as one pickled object, whatever its type: for values nested too deeply."""

    def __init__(self, value: Any) -> None:
        self.value = value


def encode(value: Any, inline_limit: int = _python_codec.INLINE_LIMIT) -> Tuple[bytes, List[Any]]:
    """encode(object) -> (body bytes, [buffer, ...]); raises what pickling raises."""
    try:
        return encode_flat(value, inline_limit)
    except RecursionError:  # too deep, or a list that holds itself
        return encode_flat(Opaque(value), inline_limit)


def encode_flat(value: Any,
                inline_limit: int = _python_codec.INLINE_LIMIT) -> Tuple[bytes, List[Any]]:
    """The same; raises RecursionError for a value that nests too deeply."""
    found: Tuple[bytes, List[Any]] = codec.encode(value, fallback, inline_limit)
    return found


def decode(body: Any, buffers: Buffers = ()) -> Any:
    """decode(body, buffers) -> object; raises ValueError on malformed bytes, and what unpickling
    raises."""
    return codec.decode(body, buffers, revive)


def fallback(value: Any) -> Tuple[int, Any]:
    """The (code, body) of an extension for a value that MessagePack has no type for."""
    kind = type(value)
    if kind is int:
        return _python_codec.BIGINT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True)
    if kind is datetime.datetime and value.tzinfo is not None and value.utcoffset() is not None:
        return _python_codec.TIMESTAMP, _timestamp(value)
    if kind is Reference:
        return _python_codec.NAME, value.expr.encode("utf-8")
    numpy = sys.modules.get("numpy")
    if kind is getattr(numpy, "ndarray", None) and _plain(numpy, value.dtype):
        return _python_codec.ARRAY, _array(numpy, value)
    data, buffers = ship.dumps(value.value if kind is Opaque else value)
    return _python_codec.OBJECT, ["python", "pickle5", data, buffers]


def revive(code: int, body: Any) -> Any:
    """The object of an extension."""
    if code == _python_codec.BIGINT:
        return int.from_bytes(body, "big", signed=True)
    if code == _python_codec.TIMESTAMP:
        return _datetime(body)
    if code == _python_codec.NAME:
        _arrived.append(True)
        return Reference(body.decode("utf-8", "surrogateescape"))
    return _revive_array(body) if code == _python_codec.ARRAY else _revive_object(body)


def _timestamp(value: datetime.datetime) -> bytes:
    delta = value - _EPOCH
    seconds = delta.days * 86400 + delta.seconds
    nanoseconds = delta.microseconds * 1000
    if 0 <= seconds < 1 << 34:
        if nanoseconds == 0 and seconds < 1 << 32:
            return seconds.to_bytes(4, "big")
        return (nanoseconds << 34 | seconds).to_bytes(8, "big")
    return nanoseconds.to_bytes(4, "big") + seconds.to_bytes(8, "big", signed=True)


def _datetime(body: bytes) -> datetime.datetime:
    if len(body) == 4:
        seconds, nanoseconds = int.from_bytes(body, "big"), 0
    elif len(body) == 8:
        both = int.from_bytes(body, "big")
        seconds, nanoseconds = both & (1 << 34) - 1, both >> 34
    else:
        nanoseconds = int.from_bytes(body[:4], "big")
        seconds = int.from_bytes(body[4:], "big", signed=True)
    try:
        return _EPOCH + datetime.timedelta(seconds=seconds, microseconds=nanoseconds // 1000)
    except OverflowError:
        raise ValueError("timestamp %d s is outside of datetime's range" % seconds) from None


def _plain(numpy: Any, dtype: Any) -> bool:
    return dtype.kind in "biufcmMSU" and dtype.itemsize > 0 and numpy.dtype(dtype.str) == dtype


def _array(numpy: Any, array: Any) -> List[Any]:
    flags = array.flags
    if not (flags.c_contiguous or flags.f_contiguous):
        array = numpy.ascontiguousarray(array)
    order = "C" if array.flags.c_contiguous else "F"
    flat = array.ravel(order).view(numpy.uint8)  # a view: datetimes have no buffer of their own
    return [array.dtype.str, list(array.shape), order, memoryview(flat)]


def _revive_array(body: Any) -> Any:
    if not (type(body) is list and len(body) == 4 and type(body[0]) is str
            and type(body[1]) is list and all(type(n) is int and n >= 0 for n in body[1])
            and body[2] in ("C", "F") and isinstance(body[3], (bytes, bytearray, memoryview))):
        raise ValueError("malformed value: array is not [dtype, [dim ...], order, data]")
    try:
        import numpy
    except ImportError:
        raise ImportError("an array arrived, and %s has no numpy: install numpy there"
                          % sys.executable) from None
    try:
        dtype = numpy.dtype(body[0])
    except Exception as error:
        raise ValueError("malformed value: dtype %r: %s" % (body[0], error)) from None
    if dtype.hasobject:
        raise ValueError("malformed value: array of objects")
    array = numpy.frombuffer(body[3], dtype) if len(body[3]) else numpy.empty(0, dtype)
    return array.reshape(body[1], order=body[2])


def _revive_object(body: Any) -> Any:
    if not (type(body) is list and len(body) == 4 and type(body[0]) is str
            and type(body[1]) is str and isinstance(body[2], (bytes, bytearray, memoryview))
            and type(body[3]) is list
            and all(isinstance(b, (bytes, bytearray, memoryview)) for b in body[3])):
        raise ValueError("malformed value: object is not [language, format, data, [data ...]]")
    if body[:2] != ["python", "pickle5"]:
        raise ValueError("an object of %s (%s) arrived: only %s can open it"
                         % (body[0], body[1], body[0]))
    return ship.loads(body[2], body[3])
