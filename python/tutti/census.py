"""What names there are and whether they mean the same elsewhere: for `%px %who`."""

from __future__ import annotations

import hashlib
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Sequence

TEXT = 40              # characters of a value that are shown
DEPTH = 8
ITEMS_MAX = 100_000    # of containers, all together, that are looked at
BYTES_MAX = 256 << 20  # of arrays and text

_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class _Unknown(Exception):
    """Whether two such values are the same is not told by anything quick."""


class _Digest:
    """A hash of a value that is the same in every process."""

    def __init__(self) -> None:
        self.hash = hashlib.blake2b(digest_size=16)
        self.left = ITEMS_MAX

    def add(self, *parts: Any) -> None:
        for part in parts:
            data = part if isinstance(part, (bytes, memoryview)) else str(part).encode("utf-8", "replace")
            self.hash.update(b"%d:" % len(data))
            self.hash.update(data)

    def value(self, value: Any, depth: int = 0) -> None:
        kind = type(value)
        self.left -= 1
        if self.left < 0 or depth > DEPTH:
            raise _Unknown
        self.add(kind.__module__, kind.__qualname__)
        if kind in _PLAIN:
            if kind in (str, bytes) and len(value) > BYTES_MAX:
                raise _Unknown
            self.add(repr(value))
        elif kind in (list, tuple):
            self.items(value, depth)
        elif kind is dict:
            self.items([part for pair in value.items() for part in pair], depth)
        elif kind in (set, frozenset):
            self.items(sorted(value, key=repr), depth)
        elif kind is types.FunctionType:
            self.code(value.__code__, depth)
            self.items(value.__defaults__ or (), depth)
        elif kind is types.ModuleType:
            self.add(value.__name__, getattr(value, "__version__", ""))
        elif kind is type and value.__module__ != "__main__":
            self.add(value.__module__, value.__qualname__)
        else:
            self.foreign(value, kind)

    def items(self, items: Sequence[Any], depth: int) -> None:
        self.add(len(items))
        for item in items:
            self.value(item, depth + 1)

    def code(self, code: types.CodeType, depth: int) -> None:
        self.add(code.co_code, code.co_names, code.co_varnames)
        for constant in code.co_consts:
            if type(constant) is types.CodeType:
                self.code(constant, depth + 1)
            else:
                self.value(constant, depth + 1)

    def foreign(self, value: Any, kind: type) -> None:
        """Arrays of numpy, tables of pandas: by their bytes."""
        numpy, pandas = sys.modules.get("numpy"), sys.modules.get("pandas")
        if numpy and kind is numpy.ndarray and not value.dtype.hasobject:
            if value.nbytes > BYTES_MAX:
                raise _Unknown
            self.add(value.dtype.str, value.shape, numpy.ascontiguousarray(value).tobytes())
        elif numpy and isinstance(value, numpy.generic) and not value.dtype.hasobject:
            self.add(value.tobytes())
        elif pandas and kind in (pandas.DataFrame, pandas.Series):
            if value.size > BYTES_MAX // 64:
                raise _Unknown
            self.add(list(value.keys()) if kind is pandas.DataFrame else value.name)
            self.add(pandas.util.hash_pandas_object(value).values.tobytes())
        else:
            raise _Unknown


def digest(value: Any) -> Optional[bytes]:
    """16 bytes that equal values have in common, or None where that is not known."""
    try:
        found = _Digest()
        found.value(value)
        return found.hash.digest()
    except Exception:  # user code may be behind any method
        return None


def size(value: Any) -> str:
    """How large a value is, as people say it: "3", "100x4"; "" where that means nothing."""
    try:
        shape = getattr(value, "shape", None)
        if type(shape) is tuple and all(isinstance(n, int) for n in shape):
            return "x".join(map(str, shape)) or ""
        return str(len(value)) if isinstance(value, (str, bytes, list, tuple, dict, set, frozenset)) else ""
    except Exception:
        return ""


def text(value: Any) -> str:
    """A short value itself, on one line; "" of others."""
    try:
        if type(value) not in (*_PLAIN, list, tuple, dict, set) or len(value if size(value) else "") > TEXT:
            return ""
        shown = repr(value)
    except Exception:
        return ""
    return shown if len(shown) <= TEXT and shown.isprintable() else ""


def rows(namespace: Dict[str, Any], names: Iterable[str]) -> List[List[Any]]:
    """[name, type, size, digest or None, text] of each."""
    return [[name, type(namespace[name]).__name__, size(namespace[name]), digest(namespace[name]),
             text(namespace[name])] for name in names if name in namespace]
