"""Objects as bytes, for programs that pickle by hand; and how this process pickles.

Nobody needs this to call functions on engines: what is sent is pickled by itself."""

from __future__ import annotations

import pickle
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from . import ship, values

Frames = List[Any]


class PrePickled:
    """An object that is pickled once, however often it is sent. It arrives as the object itself;
    what is changed afterwards is not sent."""

    def __init__(self, obj: Any) -> None:
        self.obj = obj
        self._data, self._buffers = ship.dumps(obj)

    def __reduce_ex__(self, protocol: Any) -> Tuple[Any, ...]:
        buffers = [pickle.PickleBuffer(one) for one in self._buffers]
        if protocol < 5:
            return ship.loads, (self._data, [bytes(one) for one in self._buffers])
        return ship.loads, (self._data, buffers)

    def __repr__(self) -> str:
        return "<PrePickled %r>" % (self.obj,)


class Canned:
    """An object as bytes, which plain pickle can send: functions that were typed, closures."""

    def __init__(self, obj: Any) -> None:
        self.data, buffers = ship.dumps(obj)
        self.buffers = [bytes(one) for one in buffers]

    def get_object(self, g: Optional[Dict[str, Any]] = None) -> Any:
        """The object. Names that a function uses, and brought along, are set in g when it is given
        and has none such; else in __main__."""
        if g is None:
            return ship.loads(self.data, self.buffers)
        found, travelled = ship.load(self.data, self.buffers)
        for name, value in travelled.items():
            g.setdefault(name, value)
        return found


def can(obj: Any) -> Canned:
    """An object as bytes: uncan makes it again, in any process that has tutti."""
    return Canned(obj)


def uncan(obj: Any, g: Optional[Dict[str, Any]] = None) -> Any:
    """What was canned; anything else as it is."""
    return obj.get_object(g) if isinstance(obj, Canned) else obj


def can_map(mapping: Dict[Any, Any]) -> Dict[Any, Canned]:
    """{key: value canned}"""
    return {key: can(value) for key, value in mapping.items()}


def uncan_map(mapping: Dict[Any, Any], g: Optional[Dict[str, Any]] = None) -> Dict[Any, Any]:
    """{key: value uncanned}"""
    return {key: uncan(value, g) for key, value in mapping.items()}


def serialize_object(obj: Any, *_: Any, **__: Any) -> Frames:
    """[bytes, buffer, ...]: the first says how many buffers belong to it; arrays are not copied."""
    body, buffers = values.encode(obj)
    return [b"%d " % len(buffers) + body, *buffers]


def deserialize_object(frames: Sequence[Any], g: Optional[Dict[str, Any]] = None
                       ) -> Tuple[Any, Frames]:
    """(the object, the frames behind it). Raises ValueError for what is none."""
    if not frames:
        raise ValueError("not a serialized object: there are no frames")
    count, space, body = bytes(frames[0]).partition(b" ")
    if not space or not count.isdigit() or int(count) >= len(frames):
        raise ValueError("not a serialized object: it says %r" % count[:20])
    left = 1 + int(count)
    return values.decode(body, [memoryview(one) for one in frames[1:left]]), list(frames[left:])


def pack_apply_message(f: Callable[..., Any], args: Sequence[Any], kwargs: Dict[str, Any],
                       *_: Any, **__: Any) -> Frames:
    """A call as frames."""
    return [frame for part in (can(f), list(args), dict(kwargs)) for frame in serialize_object(part)]


def unpack_apply_message(frames: Sequence[Any], g: Optional[Dict[str, Any]] = None,
                         copy: bool = True) -> Tuple[Callable[..., Any], List[Any], Dict[str, Any]]:
    """(f, args, kwargs) of such frames. Raises ValueError for what is no call."""
    f, rest = deserialize_object(frames)
    args, rest = deserialize_object(rest)
    kwargs, rest = deserialize_object(rest)
    if rest:
        raise ValueError("not a call: %d frames too many" % len(rest))
    return uncan(f, g), args, kwargs


def use_dill() -> None:
    """This process pickles by dill from now on. Raises ImportError where it is not installed.
    View.use_dill has the engines do so, too."""
    ship.use_dill()


def use_cloudpickle() -> None:
    """This process pickles by cloudpickle again, where it is installed."""
    ship.use_cloudpickle()


def use_pickle() -> None:
    """The same: what pickle can do cloudpickle leaves to it."""
    ship.use_cloudpickle()


def bind_kernel(**kwargs: Any) -> None:
    """Engines are no Jupyter kernels. Raises NotImplementedError."""
    raise NotImplementedError("an engine of tutti is no Jupyter kernel; `tutti start --lang ipython` "
                              "gives engines that run cells as IPython does, and %px reaches them")
