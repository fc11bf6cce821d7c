"""What an assigned magic gives: a Result, or a Handle while the job runs."""

import time

from .error import RemoteError

TIMEOUT = 5     # status of an answer: the wait took too long
GLANCE = 0.001  # seconds that a question whether a job has ended may take


def remote_error(error, engine=None):
    """The RemoteError of an error map (errors.py) of an engine."""
    info = {} if engine is None else {"engine_id": engine}
    return RemoteError(error.get("type") or "Error", error.get("message") or "",
                       error.get("traceback"), info)


class Result(list):
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

    def __init__(self, values=(), meta=None):
        meta = meta or {}
        super().__init__(values)
        self.job = meta.get("job")
        self.targets = meta.get("targets")
        self.elapsed = meta.get("elapsed") or 0.0
        self.wall_time = meta.get("wall_time") or 0.0
        self.serial_time = meta.get("serial_time") or 0.0
        self.statuses = meta.get("statuses") or []
        self.errors = {}
        for index, error in (meta.get("errors") or {}).items():
            key = self._key(index)
            self.errors[key] = remote_error(error, key if self.targets else error.get("engine"))
            if index < len(self):
                self[index] = self.errors[key]

    def _key(self, index):
        return self.targets[index] if self.targets and index < len(self.targets) else index

    def ready(self):
        """True: a Result is whole."""
        return True

    def get(self, timeout=None):
        """The list of values. Raises the first RemoteError when something failed."""
        for index in sorted(self.errors):
            raise self.errors[index]
        return list(self)

    def get_dict(self):
        """{engine: value}, for a map {position: value}; failures are their RemoteError."""
        return {self._key(index): value for index, value in enumerate(self)}

    def __reduce__(self):
        return _rebuild, (list(self), dict(self.__dict__))


def _rebuild(values, state):
    result = Result(values)
    result.__dict__.update(state)
    return result


class Handle:
    """A job that runs: the names of a Result, which it becomes. What needs values waits for them.

    `resolve(values, meta)` fulfils it; `ask(job, timeout)` waits and answers (values, meta), or
    None when nobody knows yet."""

    def __init__(self, meta, ask):
        self.job = meta.get("job")
        self.targets = meta.get("targets")
        self._scalar = bool(meta.get("scalar"))
        self._began = time.monotonic() - (meta.get("elapsed") or 0.0)
        self._ask = ask
        self._result = None

    def __repr__(self):
        if self._result is None:
            return "<Handle %s: pending>" % self.job
        failed = len(self._result.errors)
        state = "%d failed of %d" % (failed, len(self._result)) if failed else "done"
        return "<Handle %s: %s>" % (self.job, state)

    def resolve(self, values, meta):
        """Fulfils the handle, once."""
        if self._result is None:
            self._result = Result(values, {"job": self.job, "targets": self.targets, **meta})

    def ready(self):
        """Whether the job has ended. The prompt is asked, so a loop may wait for it."""
        if self._result is None:
            answer = self._ask(self.job, GLANCE)
            if answer is not None:
                self.resolve(*answer)
        return self._result is not None

    def result(self, timeout=None):
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

    def get(self, timeout=None):
        """The values, waited for at most `timeout` seconds: a list, for one integer target
        (meta["scalar"]) its value. Raises RemoteError when something failed, TimeoutError when it
        takes too long."""
        values = self.result(timeout).get()
        return values[0] if self._scalar and len(values) == 1 else values

    def get_dict(self, timeout=None):
        """{engine or position: value}; waits as get() does."""
        return self.result(timeout).get_dict()

    @property
    def elapsed(self):
        """Seconds since the job was submitted, until it ended."""
        return time.monotonic() - self._began if self._result is None else self._result.elapsed

    @property
    def wall_time(self):
        return self.elapsed if self._result is None else self._result.wall_time

    @property
    def serial_time(self):
        return 0.0 if self._result is None else self._result.serial_time

    @property
    def errors(self):
        return {} if self._result is None else self._result.errors

    def __len__(self):
        return len(self.result())

    def __iter__(self):
        return iter(self.result())

    def __getitem__(self, index):
        return self.result()[index]
