"""Shipping Python functions and objects: pickling by value what was typed; the rule for globals.

A function of `__main__` takes `__main__` of the place where it arrives as its globals. The globals
that it names travel along; the receiver uses those that its own namespace lacks (session.py).
cloudpickle does the rest; it is imported when it is needed first.
"""

from __future__ import annotations

import builtins
import collections
import dataclasses
import dis
import functools
import importlib
import io
import linecache
import marshal
import operator
import os
import pickle
import sys
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, FrozenSet, IO, List, Optional, Sequence, Tuple

    Travelled = Dict[str, Any]
    Buffers = Sequence[Any]
    Packed = Tuple[bytes, Optional[str], bytes]

VERSION = "%d.%d" % sys.version_info[:2]
PROTOCOL = 5
PACKED_KEPT = 64      # functions whose bytes are kept
NESTED = 4            # levels of what such a function depends on
LITTLE = 1 << 14      # bytes of a value that is held for it
NOTE_BYTES = 1 << 20  # travelling values from this size on are worth a word

_NEED_CLOUDPICKLE = ("%s of __main__ needs the package 'cloudpickle' to travel, and %s has none: "
                     "install it there (pip install cloudpickle)")

# dataclasses compares these by identity, which pickling by value would lose.
_DATACLASS_MARKS = {id(getattr(dataclasses, name)): name
                    for name in ("_FIELD", "_FIELD_CLASSVAR", "_FIELD_INITVAR", "MISSING",
                                 "KW_ONLY", "_HAS_DEFAULT_FACTORY") if hasattr(dataclasses, name)}

# Names and values that arrived with functions while a pickle is read: one dict for each level of
# loads(); None stands for readers of their own, such as multiprocessing.
_arriving: List[Travelled] = []


# ---- writing

class _Cell:
    """A closure's cell, still empty; its contents, which may hold the function, come later."""

    def __init__(self, cell: Any) -> None:
        self.cell = cell


def _main_globals() -> Dict[str, Any]:
    return vars(sys.modules["__main__"])


@functools.lru_cache(maxsize=1024)
def _global_names(code: types.CodeType) -> FrozenSet[str]:
    """The names that `code`, and what is defined within it, looks up among its globals."""
    names = {i.argval for i in dis.get_instructions(code)
             if "GLOBAL" in i.opname or i.opname == "LOAD_NAME"}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _global_names(const)
    return frozenset(name for name in names if isinstance(name, str))


def travelling(function: Any) -> Travelled:
    """{name: value} of the globals of `__main__` that `function` names itself."""
    code = getattr(function, "__code__", None)
    found = function.__globals__
    own = vars(builtins)
    return {name: found[name] for name in sorted(_global_names(code))
            if name in found and found[name] is not own.get(name, found)
            and not (name.startswith("__") and name.endswith("__"))}


def _lines(code: types.CodeType) -> Tuple[str, int, List[str]]:
    """(file, number of the first line, [line, ...]) of a function as it was typed, so that
    tracebacks show it where it arrives."""
    last, todo = code.co_firstlineno, [code]
    for one in todo:
        last = max([last, *(line for _, line in dis.findlinestarts(one) if line)])
        todo += [const for const in one.co_consts if isinstance(const, types.CodeType)]
    lines = linecache.getlines(code.co_filename)
    return code.co_filename, code.co_firstlineno, lines[code.co_firstlineno - 1:last]


class _Reducers:
    """What a pickler does with objects of `__main__`; mixed into cloudpickle's or pickle's own."""

    def __init__(self, file: IO[bytes], buffer_callback: Any = None) -> None:
        super().__init__(file, protocol=PROTOCOL,  # type: ignore[call-arg]  # the pickler's
                         buffer_callback=buffer_callback)
        self.cells: Dict[int, _Cell] = {}

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is types.FunctionType and obj.__globals__ is _main_globals():
            return self.reduce_function(obj)
        if kind is _Cell:
            return _empty_cell, ()
        if kind.__module__ == "dataclasses" and id(obj) in _DATACLASS_MARKS:
            return _dataclass_mark, (_DATACLASS_MARKS[id(obj)],)
        if kind is functools._lru_cache_wrapper and hasattr(obj, "cache_parameters"):
            wrapped = obj.__wrapped__
            if getattr(wrapped, "__globals__", None) is _main_globals():
                return _cached, (wrapped, obj.cache_parameters())
        return self.reduce_other(obj)

    def reduce_function(self, function: Any) -> Tuple[Any, ...]:
        cells = tuple(self.cells.setdefault(id(c), _Cell(c)) for c in function.__closure__ or ())
        args = (VERSION, marshal.dumps(function.__code__), function.__name__, cells)
        contents = []
        for cell in cells:
            try:
                contents.append((cell, cell.cell.cell_contents))
            except ValueError:  # an empty cell stays empty
                pass
        attributes = {name: getattr(function, name) for name in _ATTRIBUTES
                      if hasattr(function, name)}
        state = (attributes, function.__dict__, contents, travelling(function),
                 _lines(function.__code__))
        return _function, args, state, None, None, _complete_function

    def reduce_other(self, obj: Any) -> Any:
        return super().reducer_override(obj)  # type: ignore[misc]


_ATTRIBUTES = ("__defaults__", "__kwdefaults__", "__qualname__", "__doc__", "__module__",
               "__annotations__", "__type_params__")


class _PlainPickler(_Reducers, pickle.Pickler):
    """Without cloudpickle: functions of `__main__` travel all the same, its classes cannot."""

    def reduce_other(self, obj: Any) -> Any:
        if isinstance(obj, types.ModuleType) and sys.modules.get(obj.__name__) is obj:
            return importlib.import_module, (obj.__name__,)
        foreign = isinstance(obj, (type, types.FunctionType))
        if foreign and (obj.__module__ == "__main__" or "<" in obj.__qualname__):
            raise pickle.PicklingError(_NEED_CLOUDPICKLE % (obj.__qualname__, sys.executable))
        return NotImplemented


_with_dill = False


def use_dill() -> None:
    """Objects are pickled by dill from now on. Raises ImportError where it is not installed."""
    global _with_dill
    importlib.import_module("dill")
    _with_dill = True
    _forget_packed()


def use_cloudpickle() -> None:
    """Objects are pickled by cloudpickle again, where it is installed."""
    global _with_dill
    _with_dill = False
    _forget_packed()


def _forget_packed() -> None:
    global _last
    _last = None
    _pickler_class.cache_clear()
    _packed.clear()


def _dill_class() -> Any:
    from dill import Pickler

    return type("_DillPickler", (_Reducers, Pickler),
                {"reduce_other": lambda self, obj: NotImplemented})


@functools.lru_cache(maxsize=1)
def _pickler_class() -> Any:
    if _with_dill:
        return _dill_class()
    try:
        from cloudpickle import CloudPickler
    except ImportError:
        return _PlainPickler
    return type("_CloudPickler", (_Reducers, CloudPickler), {})


def dumps(value: Any) -> Tuple[bytes, List[memoryview]]:
    """dumps(object) -> (bytes, [buffer, ...]), the buffers out of band. Raises what pickling does,
    and PicklingError where cloudpickle is needed and missing."""
    file = io.BytesIO()
    buffers: List[memoryview] = []
    pickler = _pickler_class()(file, buffer_callback=lambda b: _keep(buffers, b))
    pickler.dump(value)
    return file.getvalue(), buffers


def _keep(buffers: List[memoryview], buffer: pickle.PickleBuffer) -> bool:
    """Takes a buffer out of band; true leaves one that has no contiguous bytes in the pickle."""
    try:
        buffers.append(buffer.raw())
    except BufferError:
        return True
    return False


# ---- reading

def _empty_cell() -> types.CellType:
    return types.CellType()


def _dataclass_mark(name: str) -> Any:
    return getattr(dataclasses, name)


def _function(version: str, code: bytes, name: str, cells: Tuple[Any, ...]) -> types.FunctionType:
    if version != VERSION:
        raise pickle.UnpicklingError(
            "function '%s' was sent by Python %s and cannot run on Python %s (%s)"
            % (name, version, VERSION, sys.executable))
    closure = cells if cells else None
    return types.FunctionType(marshal.loads(code), _main_globals(), name, None, closure)


def _complete_function(function: Any, state: Tuple[Any, ...]) -> None:
    attributes, own, contents, travelled, lines = state
    _remember(*lines)
    for name, value in attributes.items():
        setattr(function, name, value)
    function.__dict__.update(own)
    for cell, value in contents:
        cell.cell_contents = value
    if _arriving:
        _arriving[-1].update(travelled)
    else:
        for name, value in travelled.items():
            function.__globals__.setdefault(name, value)


def _remember(file: str, first: int, lines: List[str]) -> None:
    """Lays lines over what linecache knows of what was typed; a real file speaks for itself."""
    if not lines or os.path.isfile(file):
        return
    known: Any = linecache.cache.get(file)
    known = list(known[2]) if known and len(known) > 1 and known[1] is None else []
    known += ["\n"] * (first - 1 - len(known))
    known[first - 1:first - 1 + len(lines)] = lines
    linecache.cache[file] = (sum(map(len, known)), None, known, file)


def _cached(function: Any, parameters: Dict[str, Any]) -> Any:
    return functools.lru_cache(**parameters)(function)


def load(data: Any, buffers: Buffers = ()) -> Tuple[Any, Travelled]:
    """load(bytes, buffers) -> (object, {name: value} of the globals that travelled along)."""
    _arriving.append({})
    try:
        value = pickle.loads(data, buffers=buffers)
        return value, _arriving[-1]
    finally:
        _arriving.pop()


def bind_missing(travelled: Travelled) -> None:
    """What happens to travelled globals of a value that is not called at once; session.py puts
    its own rule here."""
    for name, value in travelled.items():
        _main_globals().setdefault(name, value)


_arrive: Callable[[Travelled], object] = bind_missing


def on_arrival(receiver: Callable[[Travelled], object]) -> None:
    """`receiver(travelled)` is called for every value that brought globals along."""
    global _arrive
    _arrive = receiver


def loads(data: Any, buffers: Buffers = ()) -> Any:
    """loads(bytes, buffers) -> object; globals that it brought go to the receiver."""
    value, travelled = load(data, buffers)
    if travelled:
        _arrive(travelled)
    return value


# ---- functions as blobs

_STABLE = {int, float, complex, str, bytes, bool, type(None), type(...),
           types.ModuleType}
_packed: "collections.OrderedDict[Any, Tuple[List[Any], Packed]]" = collections.OrderedDict()


def _collect(value: Any, found: List[Any], depth: int = 0) -> bool:
    """Appends all that the bytes of a value depend on; False when some of it may change without
    being another object."""
    found.append(value)
    kind = type(value)
    if kind in _STABLE:
        return not isinstance(value, (str, bytes)) or len(value) <= LITTLE
    if kind is tuple:
        return depth < NESTED and all(_collect(one, found, depth + 1) for one in value)
    if kind is types.FunctionType and value.__globals__ is _main_globals():
        return depth < NESTED and _collect_function(value, found, depth)
    if kind is types.BuiltinFunctionType:
        return type(value.__self__) is types.ModuleType
    return kind is type and value.__module__ == "builtins"


def _collect_function(function: Any, found: List[Any], depth: int) -> bool:
    if function.__dict__ or function.__annotations__ or function.__kwdefaults__:
        return False
    try:
        contents = [cell.cell_contents for cell in function.__closure__ or ()]
    except ValueError:  # an empty cell
        return False
    code = function.__code__
    found += [code, function.__name__, function.__qualname__, function.__doc__]
    values = [function.__defaults__, *contents]
    for name in _global_names(code):
        values.append(function.__globals__.get(name, ...))
    return all(one is function or _collect(one, found, depth + 1) for one in values)


# The last function that was packed, with all that its bytes depend on, if it names no other one of
# the program's: the same function is mostly sent again and again. None: there is none.
_last: Optional[Tuple[Any, ...]] = None


def _is_last(last: Tuple[Any, ...], function: Any) -> bool:
    """Whether it is that one, and the same in each respect that _collect looks at."""
    known, code, defaults, name, qualname, doc, own, used, _ = last
    return (function is known and function.__code__ is code and function.__defaults__ is defaults
            and function.__name__ is name and function.__qualname__ is qualname
            and function.__doc__ is doc and own is _main_globals()
            and not (function.__dict__ or function.__annotations__ or function.__kwdefaults__)
            and all(own.get(name, ...) is value for name, value in used))


def _as_last(function: Any, found: Packed) -> Optional[Tuple[Any, ...]]:
    """What _is_last compares; None for one that may change otherwise."""
    if type(function) is not types.FunctionType or function.__closure__:
        return None
    own = function.__globals__
    used = [(name, own.get(name, ...)) for name in _global_names(function.__code__)]
    if own is not _main_globals() or not all(type(value) in _STABLE for _, value in used):
        return None
    return (function, function.__code__, function.__defaults__, function.__name__,
            function.__qualname__, function.__doc__, own, used, found)


def pack(function: Any, encode: Callable[..., Any]) -> Packed:
    """pack(callable, values.encode) -> (hash of 16 bytes, note or None, blob bytes). Functions
    that depend on nothing that may have changed are packed once."""
    global _last
    last = _last
    if last and type(function) is types.FunctionType and _is_last(last, function):
        packed: Packed = last[-1]
        return packed
    key = getattr(function, "__code__", None) or (function if type(function) is type else None)
    parts: List[Any] = []
    if key is None or not _collect(function, parts):
        return _pack(function, encode)
    if key is not function:
        del parts[0]  # of the same code another function object will do
    known = _packed.get(key)
    if known and len(known[0]) == len(parts) and all(map(operator.is_, known[0], parts)):
        _last = _as_last(function, known[1])
        return known[1]
    found = _pack(function, encode)
    _packed[key] = parts, found
    while len(_packed) > PACKED_KEPT:
        _packed.popitem(last=False)
    return found


def _pack(function: Any, encode: Callable[..., Any]) -> Packed:
    import hashlib  # which brings a library that is larger than all of this

    file = io.BytesIO()
    _pickler_class()(file).dump(function)
    blob = encode(["python", VERSION, file.getvalue()], sys.maxsize)[0]
    return hashlib.sha256(blob).digest()[:16], _note(function, len(blob)), blob


def unpack(blob: bytes, decode: Callable[..., Any]) -> Tuple[Any, Travelled]:
    """unpack(blob, values.decode) -> (callable, travelled globals). Raises UnpicklingError with
    both versions when another Python made it."""
    parts = decode(blob)
    if not (type(parts) is list and len(parts) >= 3 and type(parts[2]) is bytes):
        raise ValueError("malformed function: not [language, version, pickle]")
    if parts[0] != "python":
        raise pickle.UnpicklingError("a function of %s cannot run on Python" % parts[0])
    if parts[1] != VERSION:
        raise pickle.UnpicklingError("the function was sent by Python %s and cannot run on Python "
                                     "%s (%s)" % (parts[1], VERSION, sys.executable))
    return load(parts[2])


def _reachable(function: Any) -> Travelled:
    """{name: value} of all globals and closed-over values that travel, through functions."""
    found: Travelled = {}
    todo, seen = [function], set()
    while todo:
        one = todo.pop()
        one = getattr(one, "__func__", one)
        one = getattr(one, "__wrapped__", one)
        if id(one) in seen or getattr(one, "__globals__", None) is not _main_globals():
            continue
        seen.add(id(one))
        named = travelling(one)
        for name, cell in zip(one.__code__.co_freevars, one.__closure__ or ()):
            try:
                named[name] = cell.cell_contents
            except ValueError:
                pass
        found.update(named)
        todo.extend(value for value in named.values() if callable(value))
    return found


def _size(value: Any) -> int:
    nbytes = getattr(value, "nbytes", None)
    if isinstance(nbytes, int):
        return nbytes
    try:
        data, buffers = dumps(value)
    except Exception:
        return 0
    return len(data) + sum(memoryview(b).nbytes for b in buffers)


def _note(function: Any, total: int) -> Optional[str]:
    if total < NOTE_BYTES:
        return None
    sizes = sorted(((_size(v), n) for n, v in _reachable(function).items()), reverse=True)
    large = ["%s (%.1f MiB)" % (n, size / 2**20) for size, n in sizes if size >= NOTE_BYTES]
    if not large:
        return "the function is %.1f MiB" % (total / 2**20)
    return "%s travel%s along" % (", ".join(large), "s" if len(large) == 1 else "")
