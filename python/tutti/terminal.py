"""The terminal of the prompt's local engine, which has it only while a typed line runs.

The prompt starts this runtime with descriptor 0 on /dev/null, 1 and 2 on pipes, in a process group
of its own. For an EXECUTE with flag 16 it makes that group the terminal's foreground; `take` then
puts the terminal on 0, 1 and 2, and `give_back` undoes it before the result is written. Both
runtimes call `give_back` last, behind the flush, until no interrupt cuts it short.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Optional, TextIO

_PRIVATE_FD = 10  # descriptors of ours are above those that user code counts on
_READ_NUMBERS = {"x86_64": 0, "aarch64": 63, "riscv64": 63, "i686": 3, "ppc64le": 3, "s390x": 3}


def _private(fd: int) -> int:
    """A duplicate of the descriptor that no child inherits."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _PRIVATE_FD)


def _open_terminal() -> int:
    """A descriptor of the controlling terminal, by its own name where that is a pty: what asks
    for the name (tmux, gpg) has no use for /dev/tty. Raises OSError without a terminal."""
    common = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
    try:
        with open("/proc/self/stat", "rb") as file:
            number = int(file.read().rsplit(b")", 1)[1].split()[4])
        if 136 <= os.major(number) <= 143:
            own = "/dev/pts/%d" % (os.minor(number) | (os.major(number) - 136) << 20)
            fd = os.open(own, os.O_RDWR | os.O_CLOEXEC | os.O_NOCTTY)
            if os.fstat(fd).st_rdev == number and os.tcgetpgrp(fd) == os.tcgetpgrp(common):
                os.close(common)
                return fd
            os.close(fd)
    except (OSError, ValueError, IndexError):
        pass
    return common


def _stream(fd: int, like: TextIO, name: str) -> io.TextIOWrapper:
    """A text stream of descriptor 0, 1 or 2 with the encoding of `like`, line by line."""
    raw = io.FileIO(fd, "w" if fd else "r", closefd=False)
    raw.name = name
    buffer = io.BufferedWriter(raw) if fd else io.BufferedReader(raw)
    made = io.TextIOWrapper(buffer, encoding=like.encoding, errors=like.errors,
                            line_buffering=True)
    made.mode = "w" if fd else "r"  # type: ignore[misc]
    return made


class Terminal:
    """Switches descriptors 0, 1 and 2 between the terminal and what they were at the start.

    Raises OSError when this process has no controlling terminal."""

    def __init__(self) -> None:
        opened = _open_terminal()
        self.tty = _private(opened)
        os.close(opened)
        self.away = [_private(fd) for fd in range(3)]
        self.held = False
        self.on_interrupt: Any = signal.default_int_handler
        for number in (signal.SIGTSTP, signal.SIGTTOU):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        self.open_streams()

    def open_streams(self) -> None:
        """sys.stdin is made anew with a terminal beneath it: what /dev/null can do that a terminal
        cannot (to be sought in) would stay with it otherwise."""
        os.dup2(self.tty, 0)
        sys.stdin = sys.__stdin__ = _stream(0, sys.stdin, "<stdin>")
        os.dup2(self.away[0], 0)
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)  # type: ignore[attr-defined]
        self.like = {name: getattr(sys, name) for name in ("stdin", "stdout", "stderr")}

    def take(self) -> None:
        """Puts the terminal on 0, 1 and 2. The caller's process group is in the foreground."""
        if self.held:
            return
        handler = signal.getsignal(signal.SIGINT)
        if handler is not None and not _of_debugger(handler):
            self.on_interrupt = handler
        self.flush()
        self.held = True  # first: what is cut short from here on is given back
        signal.signal(signal.SIGTTIN, signal.SIG_DFL)
        for fd in range(3):
            os.dup2(self.tty, fd)

    def give_back(self) -> None:
        """Puts 0, 1 and 2 back, whatever user code did to them. May be interrupted and called
        again."""
        if not self.held:
            return
        if _of_debugger(signal.getsignal(signal.SIGINT)):  # of pdb's "continue"
            signal.signal(signal.SIGINT, self.on_interrupt)
        self.flush()
        for fd, away in enumerate(self.away):
            os.dup2(away, fd)
        self.reopen_closed()
        # A child that reads from the terminal now stops by itself; the signal goes to all of the
        # group, and the engine would stop with it, again after each time it is continued.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        self.wake_readers()
        self.held = False

    def flush(self) -> None:
        for stream in (sys.__stdout__, sys.__stderr__, sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()

    def reopen_closed(self) -> None:
        """Streams that user code closed are made anew, else nothing could be printed any more."""
        for fd, name in enumerate(("stdin", "stdout", "stderr")):
            if getattr(getattr(sys, name), "closed", False) is True:
                made = _stream(fd, self.like[name], "<%s>" % name)
                setattr(sys, name, made)
                if getattr(sys, "__%s__" % name).closed:
                    setattr(sys, "__%s__" % name, made)

    def wake_readers(self) -> None:
        """Threads that wait for a line of the terminal would take the next one that is typed at the
        prompt. A signal makes them read again, and 0 is /dev/null now: they meet its end.

        This reaches Python's threads that read from descriptor 0. A thread of C code, one that
        opened /dev/tty itself, or a child still gets the line it waits for; with its next read a
        thread fails (EIO), a child stops."""
        threading = sys.modules.get("threading")  # without it nobody has started any
        waiting = [t for t in threading.enumerate()
                   if t is not threading.main_thread() and _reads_zero(t.native_id)
                   ] if threading else []
        if not waiting or signal.getsignal(signal.SIGURG) not in (signal.SIG_DFL, _nothing):
            return
        signal.signal(signal.SIGURG, _nothing)
        for thread in waiting:
            with contextlib.suppress(OSError):
                signal.pthread_kill(thread.ident, signal.SIGURG)


def _nothing(number: int, frame: Any) -> None:
    """A handler: the system call that was interrupted is made again by Python."""


def _reads_zero(thread: Optional[int]) -> bool:
    """Whether the thread of that number waits in read(0, ...)."""
    try:
        with open("/proc/self/task/%d/syscall" % thread) as file:  # type: ignore[str-format]
            call, first = file.read().split()[:2]
    except (OSError, ValueError, TypeError):
        return False
    return call == str(_READ_NUMBERS.get(os.uname().machine)) and int(first, 16) == 0


# ---- debuggers

def _of_debugger(function: Any) -> bool:
    """Whether it is a method of a debugger (pdb and its kin)."""
    bdb = sys.modules.get("bdb")
    return bdb is not None and isinstance(getattr(function, "__self__", None), bdb.Bdb)


def end_stepping() -> None:
    """A debugger that has stepped behind the last statement stops nowhere else."""
    if _of_debugger(sys.gettrace()):
        sys.settrace(None)


def set_breakpoint(*args: Any, **kwargs: Any) -> Any:
    """breakpoint() at the terminal: pdb, which does not step into tutti itself. PYTHONBREAKPOINT
    means what it means elsewhere."""
    if os.environ.get("PYTHONBREAKPOINT"):
        return sys.__breakpointhook__(*args, **kwargs)
    import pdb

    debugger = pdb.Pdb(skip=["tutti", "tutti.*"])
    if kwargs.get("header") is not None:
        debugger.message(kwargs["header"])
    debugger.set_trace(sys._getframe(1))
    return None
