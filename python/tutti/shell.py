"""Commands of the shell: `!CMD` at the prompt and within code, EXECUTE with flag 4 anywhere.

A command has the descriptors 0, 1 and 2, the directory and the environment of the process, and is in
its process group, so that an interrupt reaches it as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

# subprocess, threading and what they bring are imported by whoever needs them first: an engine that
# was just forked would pay for threading's part in forks.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Any, Callable, IO, List, Optional, Tuple

    Popen = subprocess.Popen[bytes]

GRACE_S = 3.0  # how long a command may take to end after an interrupt

_SIGNALLED = 128  # what a shell adds to the number of a signal
_BY_INTERRUPT = (signal.SIGINT, _SIGNALLED + signal.SIGINT)
_PAUSE_S = 0.01


class Lines(list):  # type: ignore[type-arg]  # of str
    """The lines that a command wrote: a list of str, as IPython's SList. Travels as a list.

    l, n, s: the list, the lines joined by newlines, the lines joined by blanks."""

    @property
    def l(self) -> Lines:  # noqa: E743  (IPython's name)
        return self

    @property
    def n(self) -> str:
        return "\n".join(self)

    nlstr = n

    @property
    def s(self) -> str:
        return " ".join(self)

    spstr = s

    def __reduce__(self) -> Tuple[Any, ...]:
        return list, (list(self),)


def program() -> str:
    """The shell: bash if there is one."""
    import shutil

    return shutil.which("bash") or "/bin/sh"


def run(command: str, capture: bool = False, patient: bool = False) -> Tuple[int, Optional[Lines]]:
    """run(command) -> (exit status, Lines of its stdout or None without `capture`). A signal's
    status is 128 and its number, as in a shell.

    `patient`: an interrupt is the command's alone, as where it owns a terminal: one that goes on
    is waited for, and only one that ends by it raises KeyboardInterrupt. Else every interrupt
    raises it when the command has ended, after GRACE_S at the latest."""
    import subprocess

    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    with _Interrupts() as interrupts:
        child = subprocess.Popen([program(), "-c", command],
                                 stdout=subprocess.PIPE if capture else None)
        text = _read(child.stdout, interrupts, patient) if child.stdout else b""
        status = _wait(child, interrupts, patient)
    if status is None or interrupts.since and not (patient and abs(status) not in _BY_INTERRUPT):
        raise KeyboardInterrupt
    lines = Lines(os.fsdecode(text).splitlines()) if capture else None
    return (_SIGNALLED - status if status < 0 else status), lines


class _Interrupts:
    """While a command runs, an interrupt is noted and loses nothing: it raises only from calls that
    wait, and those can be made again. `since` is when the first one came, 0.0 before."""

    class Woken(BaseException):
        """An interrupt came while we waited."""

    def __init__(self) -> None:
        self.since = 0.0
        self.waiting = False
        self.handler: Any = None

    def __enter__(self) -> _Interrupts:
        import threading

        found = signal.getsignal(signal.SIGINT)
        if callable(found) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, self.note)
            self.handler = found
        return self

    def __exit__(self, *_: object) -> None:
        if self.handler is not None:
            signal.signal(signal.SIGINT, self.handler)

    def note(self, number: int, frame: Any) -> None:
        self.since = self.since or time.monotonic()
        if self.waiting:
            self.waiting = False
            raise self.Woken

    def wait(self, call: Callable[..., Any], *args: Any) -> Any:
        """call(*args), None when an interrupt ends it."""
        try:
            self.waiting = True
            found = call(*args)
            self.waiting = False
            return found
        except self.Woken:
            return None

    def left(self) -> Optional[float]:
        """Seconds that a command may still take; None before an interrupt."""
        return max(0.0, self.since + GRACE_S - time.monotonic()) if self.since else None


def _read(pipe: IO[bytes], interrupts: _Interrupts, patient: bool) -> bytes:
    """All that is written to the pipe; what came so far when an interrupt gives it up."""
    import select

    parts: List[bytes] = []
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    with pipe:
        while True:
            left = None if patient else interrupts.left()
            if interrupts.wait(poll.poll, left and left * 1000):
                parts.append(os.read(pipe.fileno(), 1 << 16))
            if left == 0.0 or parts and not parts[-1]:
                return b"".join(parts)


def _wait(child: Popen, interrupts: _Interrupts, patient: bool) -> Optional[int]:
    """The child's status as subprocess gives it, None when an interrupt gives it up."""
    while not interrupts.since or patient:
        if interrupts.wait(_ended, child.pid):
            return child.wait()
    while child.poll() is None and interrupts.left():
        time.sleep(_PAUSE_S)
    return child.returncode


def _ended(pid: int) -> Any:
    """Waits until the child has ended, and leaves its status to be asked again."""
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except ChildProcessError:  # reaped already: SIGCHLD is ignored
        return True


def describe(status: int) -> str:
    """"exit 3", "killed by SIGTERM"."""
    if status > _SIGNALLED:
        with contextlib.suppress(ValueError):
            return "killed by %s" % signal.Signals(status - _SIGNALLED).name
    return "exit %d" % status
