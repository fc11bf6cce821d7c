"""What a person is told of a failure of user code: the error map of a RESULT (PROTOCOL.md)."""

from __future__ import annotations

import linecache
import os
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, Optional, Tuple

    Place = Tuple[str, int, str]  # file, line, function

PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep
hidden: Tuple[str, ...] = (PACKAGE, "<frozen tutti")  # what files begin with whose frames no traceback shows


class UsageError(Exception):
    """A magic was not used as it can be."""


class ExitStatus(Exception):
    """A command, or a file by %run, ended with a status that is not 0: `status` (int)."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> Tuple[Any, ...]:
        return ExitStatus, (str(self), self.status)


plain_types: set[type] = {UsageError, ExitStatus}  # that are told without their module


def ours(filename: str) -> bool:
    """Whether a frame of this file is tutti's own (or, on engines that run it, IPython's), which no
    traceback shows."""
    return filename.startswith(hidden)


def type_name(error: BaseException) -> str:
    """The exception's class as a person writes it: builtins and typed classes without module."""
    kind = type(error)
    module = kind.__module__
    name = kind.__qualname__
    plain = module in ("builtins", "__main__") or kind in plain_types
    return name if plain else "%s.%s" % (module, name)


def exit_status(error: SystemExit) -> int:
    """The exit status of a SystemExit, as Python gives it."""
    if error.code is None:
        return 0
    return error.code & 0xFF if isinstance(error.code, int) else 1


def message(error: BaseException) -> str:
    try:
        if isinstance(error, SyntaxError) and isinstance(error.msg, str):
            return error.msg  # the place is told apart
        return str(error)
    except Exception as second:
        return "<message of %s failed: %s>" % (type(error).__name__, type(second).__name__)


def _chain(report: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """A TracebackException and all those it will print."""
    todo, seen = [report], set()
    while todo:
        one = todo.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        todo += [one.__cause__, one.__context__, *(getattr(one, "exceptions", None) or ())]


def traceback_text(error: BaseException) -> str:
    """The traceback as Python prints it, without tutti's own frames."""
    report = traceback.TracebackException(type(error), error, error.__traceback__)
    for one in _chain(report):
        one.stack[:] = [frame for frame in one.stack if not ours(frame.filename)]
    if not report.stack and not report.__cause__ and not report.__context__:
        return "".join(report.format_exception_only())
    return "".join(report.format())


def _user_frame(error: BaseException, namespace: Dict[str, Any]) -> Optional[Place]:
    """(file, line, function) of the innermost frame of what was typed, else of any user code."""
    last = typed = None
    for frame, line in traceback.walk_tb(error.__traceback__):
        code = frame.f_code
        if ours(code.co_filename):
            continue
        last = code.co_filename, line, code.co_name
        if frame.f_globals is namespace:
            typed = last
    return typed or last


def _place(error: BaseException, namespace: Dict[str, Any]) -> Dict[str, Any]:
    """file, line, source and function of the failure, as far as they are known."""
    place: Dict[str, Any]
    if isinstance(error, SyntaxError) and error.filename:
        place = {"file": error.filename, "line": error.lineno, "source": error.text}
    else:
        frame = _user_frame(error, namespace)
        if frame is None:
            return {}
        file, line, function = frame
        place = {"file": file, "line": line, "source": linecache.getline(file, line or 0),
                 "function": function}
    place["source"] = (place["source"] or "").strip() or None
    return {name: value for name, value in place.items() if value is not None}


def error_map(error: BaseException, namespace: Dict[str, Any]) -> Dict[str, Any]:
    """type, message, traceback, file, line, source and function of an exception, and status of an
    ExitStatus. Never raises, but for an interrupt."""
    found: Dict[str, Any] = {"type": type_name(error), "message": message(error)}
    if isinstance(error, ExitStatus):
        found["status"] = error.status
    try:
        found["traceback"] = traceback_text(error)
        found.update(_place(error, namespace))
    except Exception as second:
        found["traceback"] = "<traceback failed: %s>\n" % type(second).__name__
    return {name: value if isinstance(value, int) else str(value)
            for name, value in found.items()}
