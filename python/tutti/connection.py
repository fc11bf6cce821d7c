"""A connection to a cluster: what is under way there, and who hears of it.

The network is the thread of `_client`. Its events are dispatched by whoever waits: a caller in
`wait` takes them first, else a thread of ours does. So a blocking call costs one thread switch.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import signal
import sys
import threading
import time
import types
import weakref
from typing import (TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence,
                    Tuple)

from . import _client, error, ship, values
from . import _runtime

if TYPE_CHECKING:
    from .hub import Record

# Ops of the runtime protocol, and how a task may end (PROTOCOL.md).
EXECUTE, CALL, GET, SET, RESET = 1, 2, 3, 4, 8
OK, ERROR, INTERRUPTED, LOST, CANCELLED, TIMEOUT, REFUSED, UNKNOWN = range(8)
STARTING, READY, FAILED, GONE = 0, 1, 3, 5  # states of engines
_RESULT, _OUTPUT, _ENGINE, _ANSWER, _GONE = range(5)
FOREVER = 1e6  # seconds of one wait of the network's
BLOBS_KEPT = 32  # functions that the courier knows for sure: it forgets the oldest of 64

Buffers = Sequence[Any]


class Engine:
    """An engine as it was told last: id, state, pid, host, language, program, text, labels, born."""

    __slots__ = ("id", "state", "pid", "host", "language", "program", "text", "labels", "born")
    id: int
    state: int
    pid: int
    host: str
    language: str
    program: str
    text: str
    labels: str
    born: int

    def __init__(self, *told: Any) -> None:
        (self.id, self.state, self.pid, self.host, self.language, self.program, self.text,
         self.labels, self.born) = told


class Ended:
    """How one engine's part of a task ended: status, cause, times in seconds, frames.

    frames  [body, stdout, stderr, buffer, ...], each a writable buffer; maybe fewer
    received  Unix time, seconds
    """

    __slots__ = ("engine", "status", "attempt", "queued", "waited", "ran", "dropped", "received",
                 "cause", "host", "frames")
    engine: int
    status: int
    attempt: int
    queued: float
    waited: float
    ran: float
    dropped: int
    received: float
    cause: str
    host: str
    frames: List[Any]

    def __init__(self, *told: Any) -> None:
        (self.engine, self.status, self.attempt, self.queued, self.waited, self.ran, self.dropped,
         self.received, self.cause, self.host, self.frames) = told

    @classmethod
    def nowhere(cls, status: int, cause: str) -> "Ended":
        """The end of what no engine has had."""
        return cls(-1, status, 0, 0.0, 0.0, 0.0, 0, time.time(), cause, "", [])

    def body(self) -> List[Any]:
        """[text, has value, value, displays, error]. Raises what unpickling raises."""
        if not self.frames or not len(self.frames[0]):
            return [None, False, None, [], None]
        found: List[Any] = values.decode(self.frames[0],
                                           [memoryview(one) for one in self.frames[3:]])
        return found

    def text(self, stream: int) -> str:
        """What it wrote to stdout (1) or stderr (2) at its end."""
        if len(self.frames) <= stream:
            return ""
        return bytes(self.frames[stream]).decode("utf-8", "replace")


class Listener:
    """Who hears of a task; what it overrides is called in the thread that dispatches."""

    __slots__ = ()

    def on_result(self, ended: Ended, last: bool) -> None:
        """One engine's part has ended; `last`: there is no other one."""

    def on_output(self, engine: int, stream: int, text: bytes) -> None:
        """Output ahead of the result."""


# signal's own, without the enumerations around them: they are asked with each call that waits.
_signal: Any = getattr(signal, "_signal", signal)
_connections: "weakref.WeakSet[Connection]" = weakref.WeakSet()


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """In the main thread an interrupt waits until the with block is over."""
    handler = _signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came: List[Tuple[int, Optional[types.FrameType]]] = []
    _signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    try:
        yield
    finally:
        _signal.signal(signal.SIGINT, handler)
        if came:
            handler(*came[0])


class Connection:
    """A client of the cluster of that name.

    Raises OSError with the reason when no such cluster runs, or does not answer within `timeout`
    seconds."""

    def __init__(self, cluster: str, program: str, timeout: float) -> None:
        values.use(_runtime)
        self._client = _client.Connection(cluster, program, timeout)
        self._tickets = itertools.count(1)
        self._listeners: Dict[int, Listener] = {}
        self._answers: Dict[int, Callable[[int, Optional[str], Buffers], None]] = {}
        self._blobs: "collections.OrderedDict[bytes, None]" = collections.OrderedDict()
        self.engines: Dict[int, Engine] = {}
        self.ready: List[int] = []  # the numbers of those that work, sorted
        self.gone: Optional[str] = None  # why the controller is
        self.dispatching = threading.RLock()  # held while events change what is known
        self._deferred: "collections.deque[Callable[[], None]]" = collections.deque()
        self.on_engine: List[Callable[[Engine], None]] = []
        self._events: "collections.deque[Tuple[Any, ...]]" = collections.deque()
        self.dispatch()
        me = weakref.ref(self)
        self._thread = threading.Thread(target=_listen, args=(me, self._client), daemon=True,
                                        name="tutti")
        self._thread.start()
        _connections.add(self)
        self._finalizer = weakref.finalize(self, self._client.close)  # also at exit

    @property
    def directory(self) -> str:
        """Where the cluster's sockets are."""
        return str(self._client.directory())

    @property
    def closed(self) -> bool:
        return bool(self._client.over())

    def close(self) -> None:
        """Leaves the cluster; what was submitted goes on. Harmless when called twice."""
        self._finalizer()
        with self.dispatching:
            self._end_all("the client is closed")
        self.settle()

    # ---- events

    def _handle(self, event: Tuple[Any, ...]) -> None:
        kind = event[0]
        if kind == _RESULT:
            self._result(event[1], event[2], Ended(*event[3:]))
        elif kind == _OUTPUT:
            listener = self._listeners.get(event[1])
            if listener is not None:
                listener.on_output(event[2], event[3], event[4])
        elif kind == _ENGINE:
            self._engine(Engine(*event[1:]))
        elif kind == _ANSWER:
            answer = self._answers.pop(event[1], None)
            if answer is not None:
                answer(event[2], event[3], event[4])
        elif kind == _GONE:
            self.gone = event[1]

    def _result(self, ticket: int, last: bool, ended: Ended) -> None:
        listener = self._listeners.pop(ticket, None) if last else self._listeners.get(ticket)
        if listener is not None:
            listener.on_result(ended, last)

    def _engine(self, engine: Engine) -> None:
        if engine.state == GONE:
            self.engines.pop(engine.id, None)
        else:
            self.engines[engine.id] = engine
        self.ready = sorted(one.id for one in self.engines.values() if one.state == READY)
        for hear in list(self.on_engine):
            hear(engine)

    def _end_all(self, why: str) -> None:
        self.gone = self.gone or why
        for ticket in list(self._listeners):
            listener = self._listeners.pop(ticket, None)
            if listener is not None:
                listener.on_result(Ended.nowhere(UNKNOWN, self.gone), True)
        for ticket in list(self._answers):
            answer = self._answers.pop(ticket, None)
            if answer is not None:
                answer(-1, self.gone, [])
        self._client.poke()

    def dispatch(self) -> None:
        """Gives the events that have come to whom they concern, and wakes who waits for that. They
        are taken under the lock, so that they keep their order whichever threads do it. What fails
        (a stream of the user's that is closed) costs no other event, and neither does an interrupt:
        it is raised behind them."""
        with _interrupts_held(), self.dispatching:
            events = self._client.take()
            self._events.extend(events)
            while self._events:
                self._handle(self._events.popleft())
        if events:
            self._client.poke()
        if self._client.over():
            with self.dispatching:
                self._end_all("the client is closed")
        self.settle()

    def defer(self, call: Callable[[], None]) -> None:
        """Has something done when the events at hand have been dispatched: what runs code of users,
        which may wait for other events, and so for whoever dispatches them."""
        self._deferred.append(call)

    def settle(self) -> None:
        """Does what was deferred."""
        while True:
            try:
                call = self._deferred.popleft()
            except IndexError:
                return
            call()

    def wait(self, done: Callable[[], Any], timeout: Optional[float] = None) -> bool:
        """Waits until `done()` is true, at most `timeout` seconds; whether it is. An interrupt is
        raised within a tenth of a second."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self._client.generation()
            if done():
                return True
            left = 0.1 if until is None else min(0.1, until - time.monotonic())
            if left <= 0:
                return False
            try:
                self._client.wait(left, True, seen)
            finally:  # also when an interrupt comes: nobody else may have heard of them
                self.dispatch()

    # ---- orders

    def check(self) -> None:
        """Raises EngineError when the cluster is gone, or this client closed."""
        if self.gone is not None:
            raise error.EngineError(self.gone)

    def ticket(self) -> int:
        return next(self._tickets)

    def submit(self, listener: Listener, ticket: int, op: int, engines: Optional[Sequence[int]],
               frames: Buffers, *, balanced: bool = False, blob: Optional[bytes] = None,
               label: str = "", retries: int = 0, timeout: float = 0.0,
               after: Optional[Sequence[int]] = None,
               follow: Optional[Sequence[int]] = None) -> None:
        """Sends one task: `engines` each do it, or with `balanced` one of them (None: of all).
        timeout: seconds that it may run, 0 for no limit. Raises RuntimeError when it is closed."""
        self.check()
        self._listeners[ticket] = listener
        try:
            self._client.submit(ticket, op, engines, balanced, blob, label, retries, timeout,
                                after, follow, frames)
        except BaseException:
            self._listeners.pop(ticket, None)
            raise

    def has(self, ticket: int) -> bool:
        """Whether a task was sent and has not ended."""
        return ticket in self._listeners

    def cancel(self, ticket: int, waiting: bool = False) -> None:
        """Ends a task: what has not started never will, what runs is interrupted; with `waiting` it
        goes on."""
        if not self.closed:
            self._client.cancel(ticket, waiting)

    def ship(self, function: Callable[..., Any]) -> bytes:
        """Makes a function known to the cluster: its hash. It is sent once."""
        self.check()
        found: bytes
        found, _, blob = ship.pack(function, values.encode)
        if found not in self._blobs:
            self._client.blob(found, blob)
        self._blobs[found] = None
        self._blobs.move_to_end(found)
        while len(self._blobs) > BLOBS_KEPT:
            self._blobs.popitem(last=False)
        return found

    @property
    def session(self) -> str:
        """What names this client in the controller's records: 32 hex digits."""
        return bytes(self._client.session()).hex()

    def fetch(self, listener: Listener, ticket: int, record: "Record") -> None:
        """Has the results of another client's task: those that are kept, and those that come."""
        self.check()
        self._listeners[ticket] = listener
        self._client.fetch(ticket, bytes.fromhex(record.session), record.number, record.engines)

    def records(self, session: str = "", numbers: Optional[Sequence[int]] = None,
                forget: bool = False) -> List["Record"]:
        """What is known of tasks: of all, of a session's, or of those of its numbers. With `forget`
        nothing any more, of those that have ended."""
        from .hub import Record

        self.check()
        (report,) = self._ask(lambda ticket: self._client.records(
            ticket, bytes.fromhex(session), numbers, forget))
        return [Record(one) for one in values.decode(report)["records"]]

    def ask(self, name: str, engines: Optional[Sequence[int]] = None, *more: Any,
            timeout: float = 10.0) -> Buffers:
        """Makes a request and waits for its answer: its frames. Raises RuntimeError with the
        controller's words when it is refused, TimeoutError without an answer."""
        return self._ask(lambda ticket: self._client.ask(ticket, name, engines, *more), timeout)

    def _ask(self, send: Callable[[int], None], timeout: float = 10.0) -> Buffers:
        ticket = self.ticket()
        got: List[Tuple[int, Optional[str], Buffers]] = []
        self._answers[ticket] = lambda *answer: got.append(answer)  # type: ignore[arg-type]
        send(ticket)
        if not self.wait(lambda: got, timeout):
            self._answers.pop(ticket, None)
            raise TimeoutError("the controller has not answered within %g s" % timeout)
        kind, text, frames = got[0]
        if kind < 0 or text is not None:
            raise RuntimeError(text or "the controller is gone")
        return frames

    def status(self) -> Dict[str, Any]:
        """What `tutti status --json` prints."""
        (report,) = self.ask("status")
        found: Dict[str, Any] = values.decode(report)
        return found


def _listen(me: "weakref.ref[Connection]", client: Any) -> None:
    """Dispatches while nobody waits. It holds the connection only while it has events."""
    while True:
        try:
            client.wait(FOREVER, False)
            connection = me()
            if connection is None:
                client.take()
        except RuntimeError:  # in a forked child
            return
        if connection is not None:
            try:
                connection.dispatch()
            except Exception:  # of a listener, or of a callback
                sys.excepthook(*sys.exc_info())
        del connection
        if client.over():
            return


def _after_fork() -> None:
    """A forked child has no network thread: its clients are closed."""
    for one in list(_connections):
        one.gone = "this client belongs to the process that forked: make another one"
        one._listeners.clear()
        one._answers.clear()
    _connections.clear()


os.register_at_fork(after_in_child=_after_fork)
