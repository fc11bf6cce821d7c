"""What an assigned magic gives: a Result, or a Handle while the job runs. Both have the names of
asyncresult.AsyncResult, which is what views give; so code written for one takes the other."""

from __future__ import annotations

import sys
import time

from .error import RemoteError

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime
    from typing import (Any, Callable, Dict, Generator, Iterable, Iterator, List, Optional, Tuple,
                        Union)

    Meta = Dict[str, Any]

TIMEOUT = 5     # status of an answer: the wait took too long
GLANCE = 0.001  # seconds that a question whether a job has ended may take


_METADATA = ("submitted", "started", "completed", "received", "engine_id", "status", "error",
             "stdout", "stderr")
_STATUSES = {0: "ok", 4: "aborted"}  # all others are errors (PROTOCOL.md)

_ask_prompt: Optional[Callable[[str, str], Any]] = None


def at_prompt(ask: Callable[[str, str], Any]) -> None:
    """`ask(what, text)` is how to ask the prompt that the jobs are of: its answer's value."""
    global _ask_prompt
    _ask_prompt = ask


def remote_error(error: Dict[str, Any], engine: Optional[int] = None) -> RemoteError:
    """The RemoteError of an error map (errors.py) of an engine."""
    info = {"engine_id": engine}
    return RemoteError(error.get("type") or "Error", error.get("message") or "",
                       error.get("traceback"), info)


class JobNames:
    """What is known of a job beside its values, by the names of an AsyncResult. The prompt is asked
    for it, which keeps its latest jobs: RuntimeError for what it has forgotten."""

    job: Any
    targets: Any
    errors: Any  # {engine or position: RemoteError}
    _scalar = False

    def _prompt(self, what: str, text: str) -> Any:
        if _ask_prompt is None or self.job is None:
            raise RuntimeError("only the prompt that ran the job knows that")
        try:
            return _ask_prompt(what, text)
        except RemoteError as problem:
            raise RuntimeError(problem.evalue) from None

    def _all_metadata(self) -> List[Meta]:
        import datetime

        def moment(seconds: Optional[float]) -> Optional[datetime.datetime]:
            return (None if seconds is None
                    else datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc))

        found = []
        for index, told in enumerate(self._prompt("parts", str(self.job))):
            engine, status, sent, ended, ran, _, cause, out, err = told[:9]
            began = ended - ran if ended is not None and ran > 0 else None
            found.append({
                "submitted": moment(sent), "started": moment(began),
                "completed": moment(ended if began is not None else None),
                "received": moment(ended), "engine_id": engine if engine >= 0 else None,
                "status": None if status is None else _STATUSES.get(status, "error"),
                "error": self.errors.get(self._key(index), cause or None),
                "stdout": out, "stderr": err})
        return found

    def _key(self, index: int) -> Any:
        return self.targets[index] if self.targets and index < len(self.targets) else index

    @property
    def metadata(self) -> Any:
        """A dict for each part, one dict for a single engine: submitted, started, completed,
        received (datetimes), engine_id, status, error, stdout, stderr; what is not known yet is
        None."""
        found = self._all_metadata()
        return found[0] if self._scalar and len(found) == 1 else found

    def __getattr__(self, name: str) -> Any:
        if name not in _METADATA:
            raise AttributeError("%r object has no attribute %r" % (type(self).__name__, name))
        found = self.metadata
        return found[name] if isinstance(found, dict) else [one[name] for one in found]

    @property
    def progress(self) -> int:
        """How many parts are done."""
        return sum(one["status"] is not None for one in self._all_metadata())

    def timedelta(self, start: Any, end: Any, start_key: Callable[..., Any] = min,
                  end_key: Callable[..., Any] = max) -> float:
        """Seconds between two moments, or the extremes of lists of moments."""
        start = start_key(start) if isinstance(start, (list, tuple)) else start
        end = end_key(end) if isinstance(end, (list, tuple)) else end
        return float((end - start).total_seconds())

    def display_outputs(self, groupby: str = "type", result_only: bool = False) -> None:
        """Shows the answers once more, as `%result` does."""
        self._prompt("magic", "%%result %s" % self.job)

    def cancel(self) -> bool:
        """Ends the job, as `%cancel` does: whether it had not ended."""
        if self.ready():
            return False
        self._prompt("magic", "%%cancel %s" % self.job)
        return True

    def abort(self) -> None:
        """Ends the job. Raises RuntimeError when it is done."""
        if not self.cancel():
            raise RuntimeError("Can't abort, I am already done!")

    def ready(self) -> bool:
        raise NotImplementedError

    def get(self, timeout: Optional[float] = None) -> Any:
        raise NotImplementedError

    def done(self) -> bool:
        """The same as ready()."""
        return self.ready()

    @property
    def r(self) -> Any:
        """get()"""
        return self.get()

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """What get() would raise, or None. Raises TimeoutError as it does."""
        try:
            self.get(timeout)
        except TimeoutError:
            raise
        except Exception as problem:
            return problem
        return None

    def successful(self) -> bool:
        """Whether nothing has failed. Raises RuntimeError before the job has ended."""
        if not self.ready():
            raise RuntimeError("Result is not ready.")
        return self.exception() is None

    def wait(self, timeout: Optional[float] = -1) -> bool:
        """Waits for the job, at most `timeout` seconds (-1 or None: for ever): whether it has
        ended."""
        try:
            self.exception(None if timeout is None or timeout < 0 else timeout)
        except TimeoutError:
            return False
        return True

    def wait_for_output(self, timeout: Optional[float] = -1) -> bool:
        """The same as wait()."""
        return self.wait(timeout)

    def __await__(self) -> Generator[Any, None, Any]:
        return self._later().__await__()

    async def _later(self) -> Any:
        import asyncio

        while not self.ready():
            await asyncio.sleep(0.01)
        return self.get()


class Result(JobNames, list):  # type: ignore[type-arg]  # of Any
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

    @property
    def result_dict(self) -> Dict[Any, Any]:
        return self.get_dict()

    def __reduce__(self) -> Tuple[Any, ...]:
        return _rebuild, (list(self), dict(self.__dict__))


def _rebuild(values: Iterable[Any], state: Dict[str, Any]) -> Result:
    result = Result(values)
    result.__dict__.update(state)
    return result


class Handle(JobNames):
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
        self._callbacks: List[Callable[["Handle"], object]] = []

    def __repr__(self) -> str:
        if self._result is None:
            return "<Handle %s: pending>" % self.job
        failed = len(self._result.errors)
        state = "%d failed of %d" % (failed, len(self._result)) if failed else "done"
        return "<Handle %s: %s>" % (self.job, state)

    def resolve(self, values: Iterable[Any], meta: Meta) -> None:
        """Fulfils the handle, once."""
        if self._result is not None:
            return
        self._result = Result(values, {"job": self.job, "targets": self.targets, **meta})
        callbacks, self._callbacks = self._callbacks, []
        for call in callbacks:
            try:
                call(self)
            except Exception:
                sys.excepthook(*sys.exc_info())

    def add_done_callback(self, call: Callable[["Handle"], object]) -> None:
        """`call(handle)` when the job has ended, at once when it has."""
        if self.ready():
            call(self)
        else:
            self._callbacks.append(call)

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
    def result_dict(self) -> Dict[Any, Any]:
        return self.get_dict()

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
