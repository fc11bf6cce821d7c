"""The exceptions of the client, under ipyparallel's names.

What user code raised on an engine is a RemoteError, several of them are a CompositeError; what the
cluster did to a task (its engine died, it was aborted, it ran too long) has a class of its own.
"""

from __future__ import annotations

import builtins
import sys

TYPE_CHECKING = False  # engines load this, too, and typing takes its time
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Optional, Sequence, Tuple

    Info = Dict[str, Any]  # engine_uuid, engine_id, method
    Row = Tuple[str, str, Optional[str], Info]

TimeoutError = builtins.TimeoutError


class IPythonError(Exception):
    """The root of these classes."""


class KernelError(IPythonError):
    """Something about engines."""


class EngineError(KernelError):
    """The engine was lost while it had the task, or could not take it."""


class NoEnginesRegistered(KernelError):
    """The cluster has no engine that could do it."""

    def __str__(self) -> str:
        return ("This operation requires engines. Try client.wait_for_engines(n) to wait for "
                "engines to register.")


class TaskAborted(KernelError):
    """The task was aborted before it started."""


class TaskTimeout(KernelError):
    """The task ran into its time limit and was interrupted."""


class UnmetDependency(KernelError):
    """What the task depends on is not met."""


class ImpossibleDependency(UnmetDependency):
    """What the task depends on can never be met: a task before it has failed."""


class DependencyTimeout(ImpossibleDependency):
    """The dependency was not met in time."""


# As an engine names UnmetDependency, by which module of its it comes.
UNMET = ("tutti.error.UnmetDependency", "UnmetDependency")


class InvalidDependency(ImpossibleDependency):
    """The dependency is of a kind that cannot be met by this task."""


class TaskRejectError(KernelError):
    """An engine does not take the task: `depend` or `require` does not hold there."""


class SerializationError(IPythonError):
    """A value cannot travel."""


class ResultAlreadyRetrieved(IPythonError):
    """The result was taken before."""


class ResultNotCompleted(IPythonError):
    """The result is not there yet."""


class RemoteError(KernelError):
    """An exception of user code on an engine.

    ename        str, its class
    evalue       str, its message
    traceback    str, as Python prints it
    engine_info  {'engine_id': int, 'engine_uuid': str, 'method': 'apply' or 'execute'}, or {}
    """

    def __init__(self, ename: str, evalue: str, traceback: Optional[str] = None,
                 engine_info: Optional[Info] = None) -> None:
        super().__init__(ename, evalue, traceback, engine_info)
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback
        self.engine_info: Info = engine_info or {}

    @property
    def engine(self) -> Optional[int]:
        """The engine's number; None when it is not known."""
        return self.engine_id

    @property
    def type(self) -> str:
        """ename"""
        return self.ename

    @property
    def message(self) -> str:
        """evalue"""
        return self.evalue

    @property
    def engine_id(self) -> Optional[int]:
        """The engine's number; None when it is not known."""
        found = self.engine_info.get("engine_id")
        return found if isinstance(found, int) else None

    def _where(self) -> str:
        if not self.engine_info:
            return "[Engine Exception]"
        if self.engine_id is None:
            return ""
        engine, method = self.engine_info.get("engine_id"), self.engine_info.get("method")
        return "[%s:%s]" % (engine, method) if method else "[%s]" % engine

    def __str__(self) -> str:
        return ("%s %s: %s" % (self._where(), self.ename, self.evalue)).lstrip()

    def __repr__(self) -> str:
        engine = self.engine_info.get("engine_id")
        where = "" if engine is None else "[%s]" % engine
        return "<%s%s:%s(%s)>" % (type(self).__name__, where, self.ename, self.evalue)

    def render_traceback(self) -> List[str]:
        """The engine's traceback, as lines."""
        text = self.traceback or "%s: %s" % (self.ename, self.evalue)
        return [self._where() + ":", *text.rstrip("\n").split("\n")]

    def _render_traceback_(self) -> List[str]:  # what IPython asks for
        return self.render_traceback()

    def print_traceback(self, excid: Optional[int] = None) -> None:
        """Writes the engine's traceback to stderr."""
        print("\n".join(self.render_traceback()), file=sys.stderr)


class CompositeError(RemoteError):
    """Exceptions of several engines or items.

    elist  [(ename, evalue, traceback, engine_info), ...]
    """

    tb_limit = 4  # tracebacks that are shown

    def __init__(self, message: str, elist: Sequence[Row]) -> None:
        super().__init__("CompositeError", message)
        self.args = (message, list(elist))
        self.msg = message
        self.elist = list(elist)

    def _lines(self) -> List[str]:
        shown = []
        for ename, evalue, _, info in self.elist[:self.tb_limit]:
            where = ("[%s:%s]" % (info.get("engine_id"), info.get("method")) if info
                     else "[Engine Exception]")
            shown.append("%s%s: %s" % (where, ename, evalue))
        left = len(self.elist) - len(shown)
        return shown + [".... %d more exceptions ..." % left] if left else shown

    def __str__(self) -> str:
        return "\n".join([self.msg, *self._lines()])

    def __repr__(self) -> str:
        return "%s(%d)" % (type(self).__name__, len(self.elist))

    def render_traceback(self) -> List[str]:
        lines: List[str] = []
        for one in self.elist[:self.tb_limit]:
            lines += [*RemoteError(*one).render_traceback(), ""]
        left = len(self.elist) - self.tb_limit
        return lines + ["... %d more exceptions ..." % left] if left > 0 else lines

    def print_traceback(self, excid: Optional[int] = None) -> None:
        if excid is None:
            super().print_traceback()
        else:
            RemoteError(*self.elist[excid]).print_traceback()

    def raise_exception(self, excid: int = 0) -> NoReturn:
        """Raises one of them. Raises IndexError when there are not so many."""
        if not 0 <= excid < len(self.elist):
            raise IndexError("an exception with index %d does not exist" % excid)
        raise RemoteError(*self.elist[excid])


class AlreadyDisplayedError(RemoteError):
    """Errors that were shown while they came."""

    def __init__(self, original: RemoteError) -> None:
        super().__init__(original.ename, original.evalue, original.traceback, original.engine_info)
        self.args = (original,)
        self.original_error = original

    def __str__(self) -> str:
        found = getattr(self.original_error, "elist", None)
        return "%d errors" % len(found) if found else "1 error"

    def render_traceback(self) -> List[str]:
        return [str(self)]


def collect_exceptions(found: Sequence[Any], method: str = "unspecified") -> None:
    """Raises what there is of exceptions among results: nothing, a single one, a CompositeError."""
    failed = [one for one in found if isinstance(one, Exception)]
    if len(found) == 1 and failed:
        raise failed[0]
    if failed:
        raise composite(failed, method)


def composite(failed: Sequence[BaseException], method: str) -> CompositeError:
    """A CompositeError of exceptions."""
    elist = []
    for one in failed:
        if isinstance(one, RemoteError):
            elist.append((one.ename, one.evalue, one.traceback, one.engine_info))
        else:
            info: Info = getattr(one, "engine_info", {})
            elist.append((type(one).__name__, str(one), None, info))
    return CompositeError("one or more exceptions raised in: %s" % method, elist)
