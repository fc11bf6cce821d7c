"""Results that are waited for: what `apply_async`, `map_async`, `execute` and the like return."""

from __future__ import annotations

import concurrent.futures
import contextlib
import datetime
import functools
import threading
import time
from concurrent.futures._base import FINISHED, PENDING
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION
from typing import (TYPE_CHECKING, Any, Callable, Dict, Generator, Iterable, Iterator, List,
                    Optional, Sequence, Set, Tuple, Union)

from . import error, show, values
from .connection import (CANCELLED, ERROR, INTERRUPTED, LOST, OK, REFUSED, TIMEOUT, UNKNOWN, Ended,
                         Listener)

from .displays import DATA

if TYPE_CHECKING:
    from .client import Client

UTC = datetime.timezone.utc
_PENDING = object()
_OF_FUTURES = {"_condition", "_waiters", "_done_callbacks"}
_making = threading.Lock()


def _moment(seconds: Optional[float]) -> Optional[datetime.datetime]:
    return None if seconds is None else datetime.datetime.fromtimestamp(seconds, UTC)


class Metadata(Dict[str, Any]):
    """What is known of a message; its keys are attributes too."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class ExecuteReply:
    """What one engine answers to `execute`: `execute_result` with the repr, its output, displays.

    Indexing and attributes give the metadata: `reply['stdout']`, `reply.engine_id`."""

    def __init__(self, text: Optional[str], number: Optional[int],
                 known: Callable[[], Metadata]) -> None:
        self.text = text
        self.execution_count = number
        self._known = known

    @functools.cached_property
    def metadata(self) -> Metadata:
        return self._known()  # few look at it

    def __getitem__(self, key: str) -> Any:
        return self.metadata[key]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.metadata, name)

    def __repr__(self) -> str:
        text = self.text or ""
        if len(text) > 32:
            text = text[:29] + "..."
        return "<ExecuteReply[%s]: %s>" % (self.execution_count, text)

    def __str__(self) -> str:
        return self.text or ""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Dict[str, Any]:
        return {"text/plain": repr(self)}


class Part(Listener):
    """One message: what one engine was asked, or whichever engine took it. Alive while the result
    that it belongs to is, or the answer is still to come."""

    # What most parts have stands here: there may be thousands of them, made one by one.
    number: Optional[int] = None
    ended: Optional[Ended] = None
    value: Any = _PENDING
    exception: Optional[BaseException] = None
    text: Optional[str] = None
    out: Sequence[str] = ()
    err: Sequence[str] = ()
    displays: Sequence[Any] = ()
    input: Optional[str] = None
    owners: Tuple["AsyncResult", ...] = ()
    follow: Sequence[str] = ()
    after: Sequence[str] = ()
    data: Optional[Dict[str, Any]] = None
    balanced = False
    nbytes = 0  # that came
    retries: int = 0
    request: Optional[Tuple[Any, ...]] = None  # (op, engines, blob, frames, label)

    def __init__(self, client: "Client", ticket: int, engine: Optional[int], method: str,
                 label: Optional[str] = None, items: int = 1) -> None:
        self.client = client
        self.ticket = ticket
        self.msg_id = "%s_%d" % (client.session, ticket)
        if engine is not None:
            self.msg_id += ".%d" % engine
        self.engine: Optional[int] = engine
        self.method: str = method  # apply or execute
        self.items = items
        self.submitted: float = time.time()
        self.label = label

    @property
    def done(self) -> bool:
        return self.ended is not None

    # ---- what comes

    def on_output(self, engine: int, stream: int, text: bytes) -> None:
        self._written(stream, text.decode("utf-8", "replace"))
        for owner in self.owners:
            owner._on_output(self, stream)

    def _written(self, stream: int, text: str) -> None:
        kept = self.out if stream == 1 else self.err
        if not isinstance(kept, list):
            kept = []
            if stream == 1:
                self.out = kept
            else:
                self.err = kept
        kept.append(text)

    def on_result(self, ended: Ended, last: bool) -> None:
        if self.ended is not None:
            return
        if ended.status == ERROR and self.balanced:
            from .dependency import reroute

            if reroute(self, ended):
                return  # another engine is to try it
        for stream in (1, 2):
            rest = ended.text(stream)
            if rest:
                self._written(stream, rest)
        if ended.engine >= 0:
            self.engine = ended.engine
        self._read(ended)
        self.nbytes = sum(len(frame) for frame in ended.frames)
        ended.frames = []
        self.ended = ended
        owners, self.owners = self.owners, ()
        self.client._on_part(self)
        for owner in owners:
            owner._on_part(self)

    def _info(self) -> Dict[str, Any]:
        return {"engine_uuid": self.client._uuid_of(self.engine), "engine_id": self.engine,
                "method": self.method}

    def _read(self, ended: Ended) -> None:
        """The value, or the exception, of what an engine answered."""
        if self.exception is not None:  # it is known why it was ended
            return
        try:
            text, has_value, value, displays, failure = ended.body()[:5]
        except BaseException as problem:  # it cannot be unpickled here
            self.exception = problem
            return
        if ended.status == OK and not ended.frames:
            self.exception = KeyError("The result of %s is not kept%s"
                                      % (self.msg_id, ": " + ended.cause if ended.cause else ""))
            return
        self.text = text
        if displays:
            self.displays = self._without_data(displays)
        self.value = value if has_value else None
        if ended.status == OK:
            return
        self.exception = self._exception(ended, failure)
        if not isinstance(self.exception, error.RemoteError):
            setattr(self.exception, "engine_info", self._info() if self.engine is not None else {})

    def _without_data(self, displays: Iterable[Any]) -> List[Any]:
        """The displays but for what publish_data sent, which goes to `data`."""
        left = []
        for bundle in displays:
            if DATA in bundle:
                self.data = {**(self.data or {}), **values.decode(bundle[DATA])}
            else:
                left.append(bundle)
        return left

    def _exception(self, ended: Ended, failure: Optional[Dict[str, Any]]) -> BaseException:
        cause = ended.cause or "it has not ended well"
        if ended.status == CANCELLED:
            return error.TaskAborted(ended.cause or "aborted before it started")
        if ended.status == TIMEOUT:
            return error.TaskTimeout(cause)
        if ended.status in (LOST, UNKNOWN):
            where = "engine %s: " % self.engine if self.engine is not None else ""
            return error.EngineError(where + cause)
        if failure and failure.get("type") in error.UNMET:
            return error.ImpossibleDependency("no engine meets what it depends on: %s"
                                              % failure.get("message"))
        if failure:
            return error.RemoteError(failure.get("type") or "Error", failure.get("message") or "",
                                     failure.get("traceback"), self._info())
        if ended.status == REFUSED and (self.after or self.follow):
            return error.ImpossibleDependency(cause)
        if ended.status == REFUSED:
            return error.EngineError(cause)
        name = "KeyboardInterrupt" if ended.status == INTERRUPTED else "Error"
        return error.RemoteError(name, cause, None, self._info())

    # ---- what is asked of it

    @property
    def stdout(self) -> str:
        return "".join(self.out)

    @property
    def stderr(self) -> str:
        return "".join(self.err)

    def metadata(self) -> Metadata:
        """ipyparallel's keys; what is not known yet is None."""
        ended = self.ended
        ran = ended is not None and ended.status in (OK, ERROR, INTERRUPTED, TIMEOUT)
        completed = ended.received if ended is not None else None
        started = completed - ended.ran if ended is not None and completed and ran else None
        status = None if ended is None else "ok" if self.exception is None else (
            "aborted" if ended.status == CANCELLED else "error")
        reply = None
        if self.method == "execute" and self.text is not None:
            reply = {"data": {"text/plain": self.text}, "execution_count": self.number,
                     "metadata": {}}
        return Metadata(
            msg_id=self.msg_id, submitted=_moment(self.submitted), started=_moment(started),
            completed=_moment(completed if ran else None), received=_moment(completed),
            engine_uuid=self.client._uuid_of(self.engine) if self.engine is not None else None,
            engine_id=self.engine, follow=list(self.follow), after=list(self.after), status=status,
            execute_input=self.input, execute_result=reply, error=self.exception,
            stdout=self.stdout, stderr=self.stderr,
            outputs=[{"data": one, "metadata": {}} for one in self.displays],
            data=self.data or {}, label=self.label)

    @property
    def result(self) -> Any:
        """The value as users see it: of `execute` an ExecuteReply."""
        if self.method == "execute":
            return ExecuteReply(self.text, self.number, self.metadata)
        return self.value


class Broadcast(Listener):
    """A task that several engines do: each one's answer goes to its part."""

    __slots__ = ("parts",)

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = {part.engine: part for part in parts}

    def on_output(self, engine: int, stream: int, text: bytes) -> None:
        part = self.parts.get(engine)
        if part is not None:
            part.on_output(engine, stream, text)

    def on_result(self, ended: Ended, last: bool) -> None:
        part = self.parts.pop(ended.engine, None)
        if part is not None:
            part.on_result(ended, True)
        if last:  # without an engine's number it is of all that have not answered
            for one in list(self.parts.values()):
                one.on_result(ended, True)
            self.parts.clear()


class AsyncResult(concurrent.futures.Future):  # type: ignore[type-arg]
    """The results of some messages; a Future, that can be awaited too.

    A single integer target, and a balanced call, have a scalar result; others a list, in the order
    of their targets."""

    _more = 0  # 1: parts are still to come
    _shown = ""  # what it is called, if not by its class

    def __init__(self, client: "Client", parts: Sequence[Part], fname: str = "unknown", *,
                 single: bool = False, return_exceptions: bool = False,
                 owner: bool = True) -> None:
        # What of a Future only other libraries look at is made when they do: see __getattr__.
        self._state: str = PENDING
        self._result: Any = None
        self._exception: Optional[BaseException] = None
        self._client = client
        self._parts = list(parts)
        self._fname = fname
        self._single = single and len(self._parts) == 1
        self._return_exceptions = return_exceptions
        self.owner = owner
        self._left = len(self._parts) + self._more
        self._hearers: Tuple[Callable[[Part, Optional[int]], None], ...] = ()
        with client._connection.dispatching:
            for part in self._parts:
                if part.done:
                    self._left -= 1
                else:
                    part.owners += (self,)
        if self._left == 0:
            self._finish()

    # ---- what comes

    def _on_part(self, part: Part) -> None:
        self._left -= 1
        for hear in self._hearers:
            hear(part, None)
        if self._left == 0:
            self._client._connection.defer(self._finish)

    def _on_output(self, part: Part, stream: int) -> None:
        for hear in self._hearers:
            hear(part, stream)

    def _finish(self) -> None:
        """Fulfils the future."""
        if self._state == FINISHED:
            return
        found = problem = None
        try:
            found = self._gather(self._return_exceptions)
        except BaseException as raised:
            problem = raised
        with _making:
            if "_condition" not in self.__dict__:  # nobody waits for the Future
                self._result, self._exception, self._state = found, problem, FINISHED
                return
        if problem is not None:
            self.set_exception(problem)
        else:
            self.set_result(found)

    def _values(self) -> List[Any]:
        return [part.exception if part.exception is not None else part.result
                for part in self._parts]

    def _combine(self, found: List[Any]) -> Any:
        return found[0] if self._single else found

    def _gather(self, return_exceptions: bool) -> Any:
        failed = [part.exception for part in self._parts if part.exception is not None]
        if failed and not return_exceptions:
            if self._single or len(self._parts) == 1:
                raise failed[0]
            raise error.composite(failed, self._fname)
        return self._combine(self._values())

    # ---- waiting

    def ready(self) -> bool:
        """Whether all results are in."""
        return self._left == 0

    def successful(self) -> bool:
        """Whether none has failed. Raises RuntimeError before they are in."""
        if not self.ready():
            raise RuntimeError("Result is not ready.")
        return all(part.exception is None for part in self._parts)

    def _met(self, return_when: Optional[str]) -> Callable[[], bool]:
        if return_when in (None, ALL_COMPLETED):
            return self.ready
        if return_when == FIRST_COMPLETED:
            return lambda: self.ready() or self._left < len(self._parts)
        if return_when == FIRST_EXCEPTION:
            return lambda: self.ready() or any(p.exception is not None for p in self._parts)
        raise ValueError("Invalid return_when: %r" % (return_when,))

    def wait(self, timeout: Optional[float] = -1, return_when: Optional[str] = None) -> Any:
        """Waits at most `timeout` seconds (-1 or None: for ever): whether it is ready; with
        return_when the sets (done, pending) of AsyncResults, one for each message."""
        limit = None if timeout is None or timeout < 0 else timeout
        met = self._client._connection.wait(self._met(return_when), limit)
        if return_when is None:
            return met
        split = self.split()
        return ({one for one in split if one.ready()}, {one for one in split if not one.ready()})

    def wait_for_output(self, timeout: Optional[float] = -1) -> bool:
        """The same as wait: output comes with the result."""
        return bool(self.wait(timeout))

    def wait_for_send(self, timeout: Optional[float] = -1) -> bool:
        """True: what was sent may be changed when the result is there."""
        return True

    @property
    def sent(self) -> bool:
        return True

    def get(self, timeout: Optional[float] = None, return_exceptions: Optional[bool] = None,
            return_when: Optional[str] = None) -> Any:
        """The result, waited for at most `timeout` seconds (None or -1: for ever).

        Raises TimeoutError when it takes longer; RemoteError, or another exception of tutti.error,
        when a single message has failed, CompositeError when one of several has. With
        return_exceptions failures stand in the places of their results. An interrupt (Ctrl-C) ends
        the work that is waited for."""
        if self._left or return_when is not None:
            limit = None if timeout is None or timeout < 0 else timeout
            try:
                met = self._client._connection.wait(self._met(return_when), limit)
            except KeyboardInterrupt:
                self._stop()
                raise
            if not met:
                raise TimeoutError("Result not ready.")
        wanted = self._return_exceptions if return_exceptions is None else return_exceptions
        if return_when is not None and not self.ready():
            found = [one for one in self._parts if one.done]
            error.collect_exceptions([] if wanted else [p.exception for p in found], self._fname)
            return [p.exception if p.exception is not None else p.result for p in found]
        return self._gather(wanted)

    def _stop(self) -> None:
        self._client._cancel(self._parts)

    def result(self, timeout: Optional[float] = None) -> Any:
        """The same as get(timeout)."""
        return self.get(timeout)

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """The exception that get would raise, or None. Raises TimeoutError as it does."""
        if not self.wait(-1 if timeout is None else timeout):
            raise TimeoutError("Result not ready.")
        try:
            self._gather(False)
        except BaseException as problem:
            return problem
        return None

    @property
    def r(self) -> Any:
        """get()"""
        return self.get()

    def get_dict(self, timeout: Optional[float] = -1) -> Dict[int, Any]:
        """{engine: result}. Raises ValueError when an engine has several of them."""
        found = self.get(timeout)
        engines = [part.engine for part in self._parts]
        if len(set(engines)) != len(engines):
            raise ValueError("Cannot build dict, %d jobs ran on engine #%s"
                             % (len(engines), max(engines, key=engines.count)))
        return dict(zip(engines, [found] if self._single else found))  # type: ignore[arg-type]

    @property
    def result_dict(self) -> Dict[int, Any]:
        return self.get_dict()

    def __await__(self) -> Generator[Any, None, Any]:
        import asyncio

        return asyncio.wrap_future(self).__await__()

    # ---- showing

    def wait_interactive(self, interval: float = 0.1, timeout: Optional[float] = -1,
                         widget: Optional[bool] = None,
                         return_when: Optional[str] = ALL_COMPLETED) -> None:
        """Waits with a line of progress, of tqdm where there is one."""
        show.wait_interactive(self, interval, timeout, widget, return_when)

    def stream_output(self) -> "contextlib.AbstractContextManager[None]":
        """A with block in which what the engines write appears when it comes."""
        return show.streaming(self)

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Writes what the engines have written, displayed and answered: by 'type', by 'engine', or
        the displays in 'order'."""
        show.display_outputs(self, groupby, result_only)

    # ---- ending

    def abort(self) -> None:
        """Ends what has not started: it raises TaskAborted. What runs goes on. Raises RuntimeError
        when all is done."""
        if self.ready():
            raise RuntimeError("Can't abort, I am already done!")
        self._client.abort(self)

    def cancel(self) -> bool:
        """Ends the work: what has not started never will, what runs is interrupted."""
        if self.ready():
            return False
        self._stop()
        return True

    # ---- what is known of it

    @property
    def msg_ids(self) -> List[str]:
        return [part.msg_id for part in self._parts]

    @property
    def metadata(self) -> Any:
        """A dict for one message, else a list of them."""
        found = [part.metadata() for part in self._parts]
        return found[0] if self._single else found

    @property
    def engine_id(self) -> Any:
        return self._each("engine_id")

    def _each(self, key: str) -> Any:
        found = [part.metadata()[key] for part in self._parts]
        return found[0] if self._single else found

    def __getattr__(self, name: str) -> Any:
        if name in _OF_FUTURES:
            with _making:
                if "_condition" not in self.__dict__:
                    self._waiters: List[Any] = []
                    self._done_callbacks: List[Any] = []
                    self._condition = threading.Condition()
            return self.__dict__[name]
        if name.startswith("_") or name not in _KEYS:
            raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))
        return self._each(name)

    @property
    def stdout(self) -> Any:
        """What was written to stdout: str, or a list of them."""
        return self._each("stdout")

    @property
    def stderr(self) -> Any:
        return self._each("stderr")

    @property
    def progress(self) -> int:
        """How many items are done."""
        return sum(part.items for part in self._parts if part.done)

    def __len__(self) -> int:
        return sum(part.items for part in self._parts)

    @property
    def elapsed(self) -> float:
        """Seconds since it was submitted, until it was done."""
        if self.ready():
            return self.wall_time
        return time.time() - min(part.submitted for part in self._parts)

    @property
    def wall_time(self) -> float:
        """Seconds from the first submission to the last result. Raises TimeoutError before."""
        if not self.ready():
            raise TimeoutError("Results are not ready: use elapsed")
        if not self._parts:
            return 0.0
        last = max(part.ended.received for part in self._parts if part.ended is not None)
        return last - min(part.submitted for part in self._parts)

    @property
    def serial_time(self) -> float:
        """Seconds that the engines worked, all together."""
        return sum(part.ended.ran for part in self._parts if part.ended is not None)

    def timedelta(self, start: Any, end: Any, start_key: Callable[..., Any] = min,
                  end_key: Callable[..., Any] = max) -> float:
        """Seconds between two moments, or the extremes of lists of moments."""
        if not isinstance(start, datetime.datetime):
            start = start_key(start)
        if not isinstance(end, datetime.datetime):
            end = end_key(end)
        return float((end - start).total_seconds())

    # ---- as a sequence

    def split(self) -> List["AsyncResult"]:
        """An AsyncResult for each message."""
        return [AsyncResult(self._client, [part], self._fname, single=True)
                for part in self._parts]

    @classmethod
    def join(cls, *results: "AsyncResult") -> "AsyncResult":
        """One AsyncResult of several."""
        if not results:
            raise ValueError("join takes at least one AsyncResult")
        parts = [part for one in results for part in one._parts]
        return cls(results[0]._client, parts, results[0]._fname)

    def __iter__(self) -> Iterator[Any]:
        """The results in order, each when it is there."""
        if self._single:
            raise TypeError("AsyncResults with a single result are not iterable.")
        for part in self._parts:
            yield self._wait_part(part)

    def _wait_part(self, part: Part) -> Any:
        try:
            self._client._connection.wait(lambda: part.done)
        except KeyboardInterrupt:
            self._stop()
            raise
        if part.exception is not None and not self._return_exceptions:
            raise part.exception
        return part.exception if part.exception is not None else part.result

    def __getitem__(self, key: Union[int, slice, str]) -> Any:
        """Metadata by name; one result, or several, by index or slice. Raises TimeoutError for one
        that is not there yet."""
        if isinstance(key, str):
            if key not in _KEYS:
                raise KeyError(key)
            return self._each(key)
        chosen = self._parts[key] if isinstance(key, slice) else [self._parts[key]]
        if any(not part.done for part in chosen):
            raise TimeoutError("Result not ready.")
        found = [part.exception if part.exception is not None else part.result for part in chosen]
        error.collect_exceptions(found, self._fname)
        return found if isinstance(key, slice) else found[0]

    def __repr__(self) -> str:
        state = "pending"
        if self.ready():
            state = "finished" if self.successful() else "failed"
        return "<%s(%s): %s>" % (self._shown or type(self).__name__, self._fname, state)


_KEYS = {"msg_id", "submitted", "started", "completed", "received", "engine_uuid", "engine_id",
         "follow", "after", "status", "execute_input", "execute_result", "error", "stdout",
         "stderr", "outputs", "data", "label"}


class AsyncMapResult(AsyncResult):
    """The results of a map: one list, though its items went in parts. Iterating gives them while
    they come: in order, or as they come with ordered=False."""

    def __init__(self, client: "Client", parts: Sequence[Part], fname: str = "map", *,
                 ordered: bool = True, return_exceptions: bool = False,
                 join: Optional[Callable[[List[Any]], Any]] = None) -> None:
        self.ordered = ordered
        self._join = join
        super().__init__(client, parts, fname, return_exceptions=return_exceptions)

    def _of(self, part: Part) -> List[Any]:
        """What a part adds to the list; its failure stands for each of its items."""
        if part.exception is not None:
            return [part.exception] * part.items
        return list(part.result)

    def _combine(self, found: List[Any]) -> Any:
        if self._join is not None:
            return self._join(found)
        return [value for part in self._parts for value in self._of(part)]

    def _in_turn(self) -> Iterator[Part]:
        """The parts, as they are to be given out."""
        if self.ordered:
            yield from self._parts
            return
        left: Set[int] = set(range(len(self._parts)))
        while left:
            self._client._connection.wait(lambda: any(self._parts[i].done for i in left))
            for i in [i for i in left if self._parts[i].done]:
                left.discard(i)
                yield self._parts[i]

    def __iter__(self) -> Iterator[Any]:
        for part in self._in_turn():
            found = self._wait_part(part)
            if part.exception is not None:
                yield from self._of(part)
            else:
                yield from found

    def __getitem__(self, key: Union[int, slice, str]) -> Any:
        if isinstance(key, str):
            return super().__getitem__(key)
        flat = [(part, i) for part in self._parts for i in range(part.items)]
        chosen = flat[key] if isinstance(key, slice) else [flat[key]]
        if any(not part.done for part, _ in chosen):
            raise TimeoutError("Result not ready.")
        found = [self._of(part)[i] for part, i in chosen]
        error.collect_exceptions(found, self._fname)
        return found if isinstance(key, slice) else found[0]


class AsyncHubResult(AsyncResult):
    """Results of another client's work, or of what this one did long ago. They come by themselves:
    nothing is polled."""
