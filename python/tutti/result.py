"""What an assigned magic gives: a Result, or a Handle while the job runs."""

from __future__ import annotations

import time

from .error import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

    Meta = Dict[str, Any]

TIMEOUT = 5     # status of an answer: the wait took too long
GLANCE = 0.001  # seconds that a question whether a job has ended may take


def remote_error(error: Dict[str, Any], engine: Optional[int] = None) -> RemoteError:
    """The RemoteError of an error map (errors.py) of an engine."""
    info = {"engine_id": engine}
    return RemoteError(error.get("type") or "Error", error.get("message") or "",
                       error.get("traceback"), info)


class Result(list):  # type: ignore[type-arg]  # of Any
    """The values of a job: a list in the order of targets or items, failures marked by their
    RemoteError.

    elapsed      float, seconds from submission to the last result
    wall_time    float, seconds, the same clock
    serial_time  float, seconds that the engines worked in all
    errors       {engine or position: RemoteError}
    statuses     [int] by position (PROTOCOL.md)
    job          int, its In number
    targets      [engine ids], or None for a map
    """

    def __init__(self, values: Iterable[Any] = (), meta: Optional[Meta] = None) -> None:
        meta = meta or {}
        super().__init__(values)
        self.job = meta.get("job")
        self.targets = meta.get("targets")
        self.elapsed = meta.get("elapsed") or 0.0
        self.wall_time = meta.get("wall_time") or 0.0
        self.serial_time = meta.get("serial_time") or 0.0
        self.statuses = meta.get("statuses") or []
        self.errors: Dict[Any, RemoteError] = {}
        for index, error in (meta.get("errors") or {}).items():
            key = self._key(index)
            self.errors[key] = remote_error(error, key if self.targets else error.get("engine"))
            if index < len(self):
                self[index] = self.errors[key]

    def _key(self, index: int) -> Any:
        return self.targets[index] if self.targets and index < len(self.targets) else index

    def ready(self) -> bool:
        """True: a Result is whole."""
        return True

    def get(self, timeout: Optional[float] = None) -> List[Any]:
        """The list of values. Raises the first RemoteError when something failed."""
        for index in sorted(self.errors):
            raise self.errors[index]
        return list(self)

    def get_dict(self) -> Dict[Any, Any]:
        """{engine: value}, for a map {position: value}; failures are their RemoteError."""
        return {self._key(index): value for index, value in enumerate(self)}

    def __reduce__(self) -> Tuple[Any, ...]:
        return _rebuild, (list(self), dict(self.__dict__))


def _rebuild(values: Iterable[Any], state: Dict[str, Any]) -> Result:
    result = Result(values)
    result.__dict__.update(state)
    return result


class Handle:
    """A job that runs: the names of a Result, which it becomes. What needs values waits for them.

    `resolve(values, meta)` fulfils it; `ask(job, timeout)` waits and answers (values, meta), or
    None when nobody knows yet."""

    def __init__(self, meta: Meta,
                 ask: Callable[[Any, Optional[float]], Optional[Tuple[List[Any], Meta]]]) -> None:
        self.job = meta.get("job")
        self.targets = meta.get("targets")
        self._scalar = bool(meta.get("scalar"))
        self._began = time.monotonic() - (meta.get("elapsed") or 0.0)
        self._ask = ask
        self._result: Optional[Result] = None

    def __repr__(self) -> str:
        if self._result is None:
            return "<Handle %s: pending>" % self.job
        failed = len(self._result.errors)
        state = "%d failed of %d" % (failed, len(self._result)) if failed else "done"
        return "<Handle %s: %s>" % (self.job, state)

    def resolve(self, values: Iterable[Any], meta: Meta) -> None:
        """Fulfils the handle, once."""
        if self._result is None:
            self._result = Result(values, {"job": self.job, "targets": self.targets, **meta})

    def ready(self) -> bool:
        """Whether the job has ended. The prompt is asked, so a loop may wait for it."""
        if self._result is None:
            answer = self._ask(self.job, GLANCE)
            if answer is not None:
                self.resolve(*answer)
        return self._result is not None

    def result(self, timeout: Optional[float] = None) -> Result:
        """The Result, waited for at most `timeout` seconds; TimeoutError after that."""
        until = None if timeout is None else time.monotonic() + timeout
        while self._result is None:
            left = None if until is None else max(0.0, until - time.monotonic())
            answer = self._ask(self.job, left)
            if answer is not None:
                self.resolve(*answer)
            elif until is not None and time.monotonic() >= until:
                raise TimeoutError("job %s has not ended after %s s" % (self.job, timeout))
        return self._result

    def get(self, timeout: Optional[float] = None) -> Any:
        """The values, waited for at most `timeout` seconds: a list, for one integer target
        (meta["scalar"]) its value. Raises RemoteError when something failed, TimeoutError when it
        takes too long."""
        values = self.result(timeout).get()
        return values[0] if self._scalar and len(values) == 1 else values

    def get_dict(self, timeout: Optional[float] = None) -> Dict[Any, Any]:
        """{engine or position: value}; waits as get() does."""
        return self.result(timeout).get_dict()

    @property
    def elapsed(self) -> float:
        """Seconds since the job was submitted, until it ended."""
        return time.monotonic() - self._began if self._result is None else self._result.elapsed

    @property
    def wall_time(self) -> float:
        return self.elapsed if self._result is None else self._result.wall_time

    @property
    def serial_time(self) -> float:
        return 0.0 if self._result is None else self._result.serial_time

    @property
    def errors(self) -> Dict[Any, RemoteError]:
        return {} if self._result is None else self._result.errors

    def __len__(self) -> int:
        return len(self.result())

    def __iter__(self) -> Iterator[Any]:
        return iter(self.result())

    def __getitem__(self, index: Any) -> Any:
        return self.result()[index]
