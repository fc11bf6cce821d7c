"""Functions of a view: called there by being called here; lazy maps; imports on both sides."""

from __future__ import annotations

import builtins
import collections
import contextlib
import functools
import sys
from typing import (TYPE_CHECKING, Any, Callable, Deque, Iterable, Iterator, List, Optional,
                    Sequence, Union)

from . import error
from . import parts as _parts
from . import values
from .asyncresult import AsyncMapResult, AsyncResult, Part
from .connection import CALL
from .view import DirectView, LoadBalancedView, View, _lengths, name_of

if TYPE_CHECKING:
    from typing import Dict


class RemoteFunction:
    """A function that is called on a view's engines: `block` and other flags as the view's, unless
    they were given."""

    def __init__(self, view: View, f: Callable[..., Any], block: Optional[bool] = None,
                 **flags: Any) -> None:
        functools.update_wrapper(self, f, updated=())
        self.__doc__ = "RemoteFunction wrapping:\n%s" % (f.__doc__ or "")
        self.view = view
        self.func = f
        self.flags: "Dict[str, Any]" = dict(flags)
        if block is not None:
            self.flags["block"] = block

    @property
    def block(self) -> bool:
        return bool(self.flags.get("block", self.view.block))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        with self.view.temp_flags(**self.flags):
            return self.view.apply(self.func, *args, **kwargs)


class ParallelFunction(RemoteFunction):
    """A function that is called with parts of its arguments, which are sequences; what its calls
    return is joined. `map` calls it for each item instead."""

    def __init__(self, view: View, f: Callable[..., Any], dist: str = "b",
                 block: Optional[bool] = None, chunksize: Optional[int] = None,
                 ordered: bool = True, return_exceptions: bool = False, **flags: Any) -> None:
        super().__init__(view, f, block, **flags)
        self.__doc__ = "ParallelFunction wrapping:\n%s" % (f.__doc__ or "")
        self.chunksize = chunksize
        self.ordered = ordered
        self.return_exceptions = return_exceptions

    def _bounds(self, count: int, view: View) -> List[Any]:
        if self.chunksize:
            return [(at, min(at + self.chunksize, count))
                    for at in range(0, count, self.chunksize)]
        return [one for one in _parts.bounds(count, max(1, len(view))) if one[0] < one[1]]

    def __call__(self, *sequences: Iterable[Any], **kwargs: Any) -> Any:
        view = self.view
        with view.temp_flags(**self.flags):
            listed, count = _lengths(sequences)
            if count == 0:
                return [] if self.block else AsyncMapResult(view.client, [], name_of(self.func))
            blob = view.client._connection.ship(self.func)
            sent: List[Part] = []
            engines = view._engines()[0] if isinstance(view, DirectView) else None
            for n, (start, end) in enumerate(self._bounds(count, view)):
                args = [one[start:end] for one in listed]
                if isinstance(view, DirectView) and engines is not None:
                    encoded = values.encode([blob, args, dict(kwargs) or None])
                    part = view._parts_of(CALL, [engines[n % len(engines)]], encoded, "apply",
                                          blob, name_of(self.func))[0]
                    part.items = end - start
                elif isinstance(view, LoadBalancedView):
                    part = view._task(blob, args, kwargs, name_of(self.func), end - start)
                else:
                    raise TypeError("a view is needed, not %r" % (view,))
                sent.append(part)
            result = AsyncMapResult(view.client, sent, name_of(self.func), ordered=self.ordered,
                                    return_exceptions=self.return_exceptions, join=_parts.join)
            return view._finish(result, self.block)

    def map(self, *sequences: Iterable[Any]) -> Any:
        """The function for each item."""
        with self.view.temp_flags(**self.flags):
            return self.view.map(self.func, *sequences, block=self.block)


def remote(view: View, block: Optional[bool] = None,
           **flags: Any) -> Callable[[Callable[..., Any]], RemoteFunction]:
    """A decorator: the function is called on the view's engines."""
    return lambda f: RemoteFunction(view, f, block, **flags)


def parallel(view: View, dist: str = "b", block: Optional[bool] = None, ordered: bool = True,
             **flags: Any) -> Callable[[Callable[..., Any]], ParallelFunction]:
    """A decorator: the function is called on the view's engines with parts of its arguments."""
    return lambda f: ParallelFunction(view, f, dist, block, ordered=ordered, **flags)


class LazyMapIterator:
    """The values of a map whose items are handed over as values are taken."""

    def __init__(self, view: LoadBalancedView, f: Callable[..., Any],
                 sequences: Sequence[Iterable[Any]], ordered: bool, outstanding: Any,
                 return_exceptions: bool) -> None:
        if outstanding == "auto":
            outstanding = max(1, len(view))
        if not isinstance(outstanding, int) or outstanding < 0:
            raise ValueError("max_outstanding must be 'auto' or an int from 0, not %r"
                             % (outstanding,))
        self._view = view
        self._name = name_of(f)
        self._blob = view.client._connection.ship(f)
        self._items: Iterator[Any] = zip(*sequences)
        self._ordered = ordered
        self._most = outstanding
        self._return_exceptions = return_exceptions
        self._sent: Deque[Part] = collections.deque()
        self._cancelled = False
        self._feed()

    def _feed(self) -> None:
        while not self._cancelled and (self._most == 0 or len(self._sent) < self._most):
            item = next(self._items, None)
            if item is None:
                return
            self._sent.append(self._view._task(self._blob, item, {}, self._name))

    def _next_part(self) -> Part:
        connection = self._view.client._connection
        if self._ordered:
            part = self._sent[0]
            connection.wait(lambda: part.done)
        else:
            connection.wait(lambda: any(one.done for one in self._sent))
            part = next(one for one in self._sent if one.done)
        self._sent.remove(part)
        return part

    def cancel(self) -> None:
        """Hands nothing over any more, and aborts what has not started."""
        self._cancelled = True
        self._view.client._cancel(list(self._sent), waiting=True)

    def __iter__(self) -> "LazyMapIterator":
        return self

    def _take(self) -> Part:
        """The next part; those that cancel() has aborted are none."""
        while self._sent:
            try:
                part = self._next_part()
            except KeyboardInterrupt:
                self.cancel()
                raise
            self._feed()
            if not (self._cancelled and isinstance(part.exception, error.TaskAborted)):
                return part
        raise StopIteration

    def __next__(self) -> Any:
        part = self._take()
        if part.exception is not None and not self._return_exceptions:
            raise part.exception
        return part.exception if part.exception is not None else part.result


@contextlib.contextmanager
def sync_imports(view: DirectView, local: bool = True, quiet: bool = False) -> Iterator[None]:
    """Imports of the with block happen on the engines, too, and with local=False only there."""
    original = builtins.__import__
    place = _outer_globals()
    done = set()

    def ours(name: str, globals: Any = None, locals: Any = None,
             fromlist: Any = (), level: int = 0) -> Any:
        if globals is not place or level:
            return original(name, globals, locals, fromlist, level)
        names = ",".join(fromlist or ())
        key = (name, names)
        if key not in done:
            done.add(key)
            if not quiet:
                print("importing %s from %s on engine(s)" % (names, name) if names
                      else "importing %s on engine(s)" % name)
            view.execute("from %s import %s" % (name, names) if names else "import " + name,
                         block=True)
        if local:
            return original(name, globals, locals, fromlist, level)
        import types

        return types.ModuleType(name)

    builtins.__import__ = ours
    try:
        yield
    finally:
        builtins.__import__ = original


def _outer_globals() -> Any:
    """The globals of whoever opened the with block: the first frame that is not of this package
    or of contextlib."""
    frame: Any = sys._getframe(1)
    while frame is not None and (frame.f_globals.get("__package__") == __package__
                                 or frame.f_globals.get("__name__") == "contextlib"):
        frame = frame.f_back
    return frame.f_globals if frame is not None else {}
