"""Views: ways to address engines. DirectView and BroadcastView mean certain engines, each of which
does what it is asked; LoadBalancedView means whichever of its engines is free."""

from __future__ import annotations

import contextlib
import itertools
import os
from typing import (TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, List, Mapping, Optional,
                    Sequence, Tuple, Union)

from . import parts as _parts
from . import ship, values
from .asyncresult import AsyncMapResult, AsyncResult, Broadcast, Part
from .connection import CALL, EXECUTE, GET, RESET, SET
from .dependency import submit
from .depends import dependent
from .values import Reference

if TYPE_CHECKING:
    from .client import Client

Targets = Union[None, str, int, slice, Sequence[int]]

_NAMES_KEPT = 1000  # of a view's history


class View:
    """What is common to views. `block` decides whether a method waits for its result."""

    _flag_names: Tuple[str, ...] = ("block", "track", "targets", "label")

    def __init__(self, client: "Client", targets: Targets = None, **flags: Any) -> None:
        self.client = client
        self.block: bool = client.block
        self.track = False
        self.targets: Any = targets
        self.label: Optional[str] = None
        self.history: List[str] = []
        self.set_flags(**flags)

    def __len__(self) -> int:
        return len(self._engines()[0])

    def __repr__(self) -> str:
        text = str(self.targets)
        if len(text) > 16:
            text = text[:12] + "...]"
        return "<%s %s>" % (type(self).__name__, text)

    def set_flags(self, **flags: Any) -> "View":
        """Sets flags; returns the view. Raises KeyError for one that it has not."""
        for name, value in flags.items():
            if name not in self._flag_names:
                raise KeyError("Invalid name: %r" % name)
            setattr(self, name, value)
        return self

    @contextlib.contextmanager
    def temp_flags(self, **flags: Any) -> Iterator[None]:
        """Flags for the time of a with block."""
        before = {name: getattr(self, name) for name in self._flag_names}
        try:
            self.set_flags(**flags)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)

    def _engines(self, targets: Targets = None) -> Tuple[List[int], bool]:
        return self.client._build_targets(self.targets if targets is None else targets)

    # ---- sending

    def _note(self, parts: Sequence[Part]) -> None:
        self.history += [part.msg_id for part in parts]
        if len(self.history) > _NAMES_KEPT + 1024:
            del self.history[:-_NAMES_KEPT]
        self.client._note(parts)

    def _finish(self, result: AsyncResult, block: Optional[bool]) -> Any:
        """The result, or with `block` its value."""
        return result.get() if (self.block if block is None else block) else result

    # ---- calling

    def apply_async(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:
        """Calls f(*args, **kwargs) there: an AsyncResult."""
        raise NotImplementedError

    def apply_sync(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Calls f(*args, **kwargs) there, and waits for what it returns."""
        return self.apply_async(f, *args, **kwargs).get()

    def apply(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """apply_sync or apply_async, as `block` says."""
        return self._finish(self.apply_async(f, *args, **kwargs), None)

    def map(self, f: Callable[..., Any], /, *sequences: Iterable[Any], **options: Any) -> Any:
        raise NotImplementedError

    def map_async(self, f: Callable[..., Any], /, *sequences: Iterable[Any],
                  **options: Any) -> AsyncMapResult:
        """map with block=False"""
        options["block"] = False
        found: AsyncMapResult = self.map(f, *sequences, **options)
        return found

    def map_sync(self, f: Callable[..., Any], /, *sequences: Iterable[Any], **options: Any) -> Any:
        """map with block=True"""
        options["block"] = True
        return self.map(f, *sequences, **options)

    def imap(self, f: Callable[..., Any], /, *sequences: Iterable[Any],
             **options: Any) -> Iterator[Any]:
        """The results of a map, one by one."""
        return iter(self.map_async(f, *sequences, **options))

    # ---- the client's methods, for this view

    @property
    def outstanding(self) -> "set[str]":
        """msg_ids that have no result yet."""
        return self.client.outstanding.intersection(self.history)

    @property
    def results(self) -> Mapping[str, Any]:
        return self.client.results

    def wait(self, jobs: Any = None, timeout: float = -1) -> bool:
        """Waits for jobs, by default for all of this view."""
        return self.client.wait(self.history if jobs is None else jobs, timeout)

    def abort(self, jobs: Any = None, targets: Targets = None, block: Optional[bool] = None) -> Any:
        """Aborts what has not started: of jobs, by default of this view."""
        return self.client.abort(self.history if jobs is None else jobs, targets, block)

    def queue_status(self, targets: Targets = None, verbose: bool = False) -> Any:
        chosen = self.targets if targets is None else targets
        return self.client.queue_status("all" if chosen is None else chosen, verbose)

    def get_result(self, indices_or_msg_ids: Any = None, block: Optional[bool] = None,
                   owner: bool = False) -> Any:
        if indices_or_msg_ids is None:
            indices_or_msg_ids = -1
        if isinstance(indices_or_msg_ids, (int, slice)):
            indices_or_msg_ids = self.history[indices_or_msg_ids]
        return self.client.get_result(indices_or_msg_ids, block, owner)

    def purge_results(self, jobs: Any = [], targets: Any = []) -> None:
        self.client.purge_results(jobs, targets)

    def shutdown(self, targets: Targets = None, restart: bool = False, hub: bool = False,
                 block: Optional[bool] = None) -> None:
        self.client.shutdown(self.targets if targets is None else targets, restart, hub, block)

    def spin(self) -> None:
        self.client.spin()

    @property
    def executor(self) -> Any:
        """A concurrent.futures.Executor over this view."""
        from .executor import ViewExecutor

        return ViewExecutor(self)

    # ---- decorators

    def remote(self, block: Optional[bool] = None, **flags: Any) -> Callable[..., Any]:
        """A decorator: the function is called there."""
        from .functions import remote

        return remote(self, block, **flags)

    def parallel(self, dist: str = "b", block: Optional[bool] = None,
                 **flags: Any) -> Callable[..., Any]:
        """A decorator: the function is called there with parts of its arguments."""
        from .functions import parallel

        return parallel(self, dist, block, **flags)


def name_of(function: Any) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def _lengths(sequences: Sequence[Iterable[Any]]) -> Tuple[List[Sequence[Any]], int]:
    """The sequences as such, iterators listed, and how many items there are: of the shortest."""
    listed = [one if hasattr(one, "__getitem__") and hasattr(one, "__len__") else list(one)
              for one in sequences]
    return listed, min(map(len, listed)) if listed else 0  # type: ignore


class DirectView(View):
    """Certain engines, each of which does everything it is asked.

    targets: an int (results are scalars), a list of ints, or 'all' (looked up at each call)."""

    _balanced = False

    def __init__(self, client: "Client", targets: Targets = "all", **flags: Any) -> None:
        super().__init__(client, targets, **flags)

    # ---- sending

    def _send(self, op: int, engines: Sequence[int], args: Any, fname: str, *, single: bool,
              method: str = "apply", blob: Optional[bytes] = None, label: Optional[str] = None,
              code: Optional[str] = None) -> AsyncResult:
        """One task for all these engines."""
        parts = self._parts_of(op, engines, values.encode(args), method, blob, label or fname, code)
        return AsyncResult(self.client, parts, fname, single=single)

    def _parts_of(self, op: int, engines: Sequence[int], encoded: Tuple[bytes, List[Any]],
                  method: str, blob: Optional[bytes], label: str,
                  code: Optional[str] = None, frames: Optional[List[Any]] = None) -> List[Part]:
        connection = self.client._connection
        ticket = connection.ticket()
        parts = [Part(self.client, ticket, engine, method, self.label) for engine in engines]
        for part in parts:
            part.input = code
        self._note(parts)
        body, buffers = encoded
        frames = [body, *(buffers if frames is None else frames)]
        for part in parts:
            part.request = (op, None, blob, frames, self.label or label)
        try:
            connection.submit(Broadcast(parts), ticket, op, engines, frames, blob=blob,
                              label=self.label or label)
        except BaseException:
            self.client._forget(parts)
            raise
        return parts

    def apply_async(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:
        engines, single = self._engines()
        return self._call(f, args, kwargs, engines, single, name_of(f))

    def _call(self, f: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any],
              engines: Sequence[int], single: bool, fname: str) -> AsyncResult:
        blob = self.client._connection.ship(f)
        return self._send(CALL, engines, [blob, list(args), dict(kwargs) or None], fname,
                          single=single, blob=blob)

    # ---- map

    def map(self, f: Callable[..., Any], /,  # type: ignore[override]
            *sequences: Iterable[Any], block: Optional[bool] = None, track: Optional[bool] = False,
            return_exceptions: bool = False, label: Optional[str] = None, dist: str = "b") -> Any:
        """f over items, a contiguous part of them on each engine.

        block; return_exceptions: failures stand in the places of their results; label. track and
        dist are accepted."""
        engines, _ = self._engines()
        listed, count = _lengths(sequences)
        if count == 0:
            return [] if (self.block if block is None else block) else AsyncMapResult(
                self.client, [], name_of(f))
        each = _parts.Each(f, return_exceptions)
        blob = self.client._connection.ship(each)
        sent: List[Part] = []
        for engine, (start, end) in zip(engines, _parts.bounds(count, len(engines))):
            if start == end:
                continue
            args = [blob, [one[start:end] for one in listed], None]
            part = self._parts_of(CALL, [engine], values.encode(args), "apply", blob,
                                  label or name_of(f))[0]
            part.items = end - start
            sent.append(part)
        return self._finish(AsyncMapResult(self.client, sent, name_of(f),
                                           return_exceptions=return_exceptions), block)

    # ---- code

    def execute(self, code: str, silent: bool = True, targets: Targets = None,
                block: Optional[bool] = None, label: Optional[str] = None) -> AsyncResult:
        """Runs code there: an AsyncResult of ExecuteReply in any case; `block` waits for it."""
        engines, single = self._engines(targets)
        number = next(self.client._numbers)
        result = self._send(EXECUTE, engines, [code, "In [%d]" % number, 0], "execute",
                            single=single, method="execute", label=label or "execute", code=code)
        for part in result._parts:
            part.number = number
        if self.block if block is None else block:
            result.get()
        return result

    def run(self, filename: "Union[str, os.PathLike[str]]", targets: Targets = None,
            block: Optional[bool] = None, label: Optional[str] = None) -> AsyncResult:
        """Runs the contents of a file of this machine there."""
        with open(filename, encoding="utf-8") as file:
            return self.execute(file.read() + "\n", True, targets, block, label)

    def clear(self, targets: Targets = None, block: Optional[bool] = None) -> Any:
        """Empties the engines' namespaces."""
        engines, single = self._engines(targets)
        result = self._send(RESET, engines, [], "clear", single=single)
        return self._finish(result, block)

    # ---- names

    def push(self, ns: Dict[str, Any], targets: Targets = None, block: Optional[bool] = None,
             track: Optional[bool] = None) -> Any:
        """Binds names there: {name: value}; dotted names are attributes. Raises TypeError for what
        is no dict."""
        if not isinstance(ns, dict):
            raise TypeError("Must be a dict, not %s" % type(ns))
        engines, single = self._engines(targets)
        names = ", ".join(map(str, ns))
        value = next(iter(ns.values())) if len(ns) == 1 else tuple(ns.values())
        if not ns:
            return self._finish(AsyncResult(self.client, [], "_push"), block)
        return self._finish(self._set(names, [value], engines, single, "_push"), block)

    def _set(self, name: str, found: Sequence[Any], engines: Sequence[int], single: bool,
             fname: str) -> AsyncResult:
        body, buffers = values.encode(found[0])
        header = values.encode([name, "value", [1 + len(buffers)], None])[0]
        parts = self._parts_of(SET, engines, (header, []), "apply", None, fname,
                               frames=[body, *buffers])
        return AsyncResult(self.client, parts, fname, single=single)

    def update(self, ns: Dict[str, Any]) -> Any:
        """push, waiting as `block` says."""
        return self.push(ns)

    def pull(self, names: Union[str, Iterable[str]], targets: Targets = None,
             block: Optional[bool] = None) -> Any:
        """The values of names, or of expressions: one for a str, else a list of them."""
        engines, single = self._engines(targets)
        one = isinstance(names, str)
        wanted = [names] if isinstance(names, str) else list(names)
        if not all(isinstance(name, str) for name in wanted):
            raise TypeError("names must be str, not %r" % (names,))
        result = self._send(GET, engines, [wanted, "value"], "_pull", single=single)
        if one:
            result = _First(result)
        return self._finish(result, block)

    def get(self, names: Union[str, Iterable[str]]) -> Any:
        """pull, waiting for it."""
        return self.pull(names, block=True)

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        self.push({name: value}, block=True)

    def scatter(self, key: str, seq: Any, dist: str = "b", flatten: bool = False,
                targets: Targets = None, block: Optional[bool] = None,
                track: Optional[bool] = None) -> Any:
        """Binds contiguous parts of a sequence there, a part on each engine; with flatten a part of
        one item is that item."""
        engines, single = self._engines(targets)
        listed, count = _lengths([seq])
        sent: List[Part] = []
        for engine, (start, end) in zip(engines, _parts.bounds(count, len(engines))):
            part = listed[0][start:end]
            value = part[0] if flatten and end - start == 1 else part
            sent += self._set(key, [value], [engine], True, "scatter")._parts
        result = AsyncResult(self.client, sent, "scatter", single=single)
        if self.block if block is None else block:
            result.get()
            return None
        return result

    def gather(self, key: str, dist: str = "b", targets: Targets = None,
               block: Optional[bool] = None) -> Any:
        """Parts of a sequence, joined: the inverse of scatter."""
        engines, _ = self._engines(targets)
        parts = self._send(GET, engines, [[key], "value"], "gather", single=False)._parts
        result = AsyncMapResult(self.client, parts, "gather",
                                join=lambda found: _parts.join([one[0] for one in found]))
        return self._finish(result, block)

    # ---- imports

    @contextlib.contextmanager
    def sync_imports(self, local: bool = True, quiet: bool = False) -> Iterator[None]:
        """Imports of the with block happen on the engines, too; `as` is ignored there."""
        from .functions import sync_imports

        with sync_imports(self, local, quiet):
            yield

    @property
    def importer(self) -> Any:
        """sync_imports() with its defaults."""
        return self.sync_imports(True)

    # ---- how functions are pickled

    def use_cloudpickle(self) -> Any:
        """Objects are pickled by cloudpickle, here and there, as they are without a word."""
        ship.use_cloudpickle()
        return self.apply(ship.use_cloudpickle)

    def use_pickle(self) -> Any:
        """The same: what pickle can do cloudpickle leaves to it."""
        return self.use_cloudpickle()

    def use_dill(self) -> Any:
        """Objects are pickled by dill from now on, here and there. Raises ImportError without."""
        ship.use_dill()
        return self.apply(ship.use_dill)

    def activate(self, suffix: str = "") -> None:
        """Makes this view that of the magics %px, %autopx ... in IPython."""
        from .ipython import activate

        activate(self, suffix)


class _First(AsyncResult):
    """A pull of one name: each engine's answer is a list of one."""

    def __init__(self, result: AsyncResult) -> None:
        super().__init__(result._client, result._parts, result._fname, single=result._single)

    def _values(self) -> List[Any]:
        return [part.exception if part.exception is not None else part.value[0]
                for part in self._parts]


class BroadcastView(DirectView):
    """The same as a DirectView: a call to many engines is one message to each machine in any case.
    Its targets are those of the moment it was made."""

    _flag_names = (*DirectView._flag_names, "is_coalescing")

    def __init__(self, client: "Client", targets: Targets = "all", **flags: Any) -> None:
        self.is_coalescing = bool(flags.pop("is_coalescing", False))
        super().__init__(client, targets, **flags)
        if self.targets == "all":
            self.targets = self._engines()[0]


class LoadBalancedView(View):
    """Whichever of its engines is free does what it is asked.

    targets: None for any engine, or a list of ints. follow, after: results, or msg_ids, or a
    Dependency, that must have ended before. retries: how often a task is tried again. timeout:
    seconds that dependencies may take to be met."""

    _flag_names = ("block", "track", "targets", "label", "follow", "after", "timeout", "retries")
    _balanced = True

    def __init__(self, client: "Client", targets: Targets = None, **flags: Any) -> None:
        self.follow: Any = None
        self.after: Any = None
        self.timeout: Optional[float] = None
        self.retries = 0
        super().__init__(client, targets, **flags)

    def _task(self, blob: bytes, args: Sequence[Any], kwargs: Mapping[str, Any], fname: str,
              items: int = 1, label: Optional[str] = None) -> Part:
        label = label or self.label
        part = Part(self.client, self.client._connection.ticket(), None, "apply", label, items)
        engines = None if self.targets in (None, "all") else self._engines()[0]
        body, buffers = values.encode([blob, args if type(args) is list else list(args),
                                       dict(kwargs) if kwargs else None])
        frames = [body, *buffers]
        part.balanced = True
        part.request = (CALL, engines, blob, frames, label or fname)
        self._note([part])
        try:
            submit(self, part, engines, blob, frames, label or fname)
        except BaseException:
            self.client._forget([part])
            raise
        return part

    def apply_async(self, f: Callable[..., Any], /, *args: Any, **kwargs: Any) -> AsyncResult:
        self.client._require_engines()
        blob = self.client._connection.ship(f)
        fname = name_of(f)
        part = self._task(blob, args, kwargs, fname)
        return AsyncResult(self.client, [part], fname, single=True)

    def map(self, f: Callable[..., Any], /,  # type: ignore[override]
            *sequences: Iterable[Any], block: Optional[bool] = None,
            chunksize: Optional[int] = None, ordered: bool = True, return_exceptions: bool = False,
            label: Optional[str] = None) -> Any:
        """f over items, each `chunksize` of them a task. Without a chunksize they travel in
        batches (batches.py), whose size adapts to the time that items take; but one by one when
        they might change after the call, since lists and the like are sent when that is due, and
        where retries, after, follow or `depend` are of each item.

        block; chunksize; ordered: iterating gives results in order, else as they come;
        return_exceptions: failures stand in the places of their results; label."""
        if chunksize is not None and (not isinstance(chunksize, int) or chunksize < 1):
            raise ValueError("chunksize must be a positive int, not %r" % (chunksize,))
        self.client._require_engines()
        listed, count = _lengths(sequences)
        if count == 0:
            return [] if (self.block if block is None else block) else AsyncMapResult(
                self.client, [], name_of(f))
        waits = bool(self.block if block is None else block)
        if (chunksize is None and count > 1 and not isinstance(f, dependent)
                and not (self.retries or self.after or self.follow)):
            from .batches import BatchedMapResult, may_wait

            if waits or may_wait(listed):
                return self._finish(BatchedMapResult(
                    self, f, listed, count, name_of(f), label, ordered, return_exceptions), block)
        chunksize = chunksize or 1
        blob = self.client._connection.ship(_parts.Each(f, return_exceptions))
        sent = [self._task(blob, [one[at:at + chunksize] for one in listed], {}, name_of(f),
                           min(chunksize, count - at), label)
                for at in range(0, count, chunksize)]
        return self._finish(AsyncMapResult(self.client, sent, name_of(f), ordered=ordered,
                                           return_exceptions=return_exceptions), block)

    def imap(self, f: Callable[..., Any], /,  # type: ignore[override]
             *sequences: Iterable[Any], ordered: bool = True,
             max_outstanding: Union[int, str, None] = "auto",
             return_exceptions: bool = False) -> Iterator[Any]:
        """The results of a lazy map: so many items are under way (max_outstanding; 'auto': as many
        as there are engines, 0: all), and iterators are read as results are taken.

        ordered, return_exceptions: as in map. The iterator has cancel()."""
        from .functions import LazyMapIterator

        return LazyMapIterator(self, f, sequences, ordered, max_outstanding, return_exceptions)

    def register_joblib_backend(self, name: str = "ipyparallel",
                                make_default: bool = False) -> None:
        """Makes joblib able to use this view, as the backend `name`."""
        from .joblib import register

        register(name, self, make_default)
