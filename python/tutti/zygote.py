"""The warmed-up process that forks engines, so that they start in a millisecond.

Descriptor 3 is a SOCK_SEQPACKET socket to the engine host. The zygote says ["ready", version,
program, names], or ["exec", reason] when it may not fork, and ends then. For each datagram [engine]
with the descriptors socket, page, stdout and stderr it forks an engine and answers [engine, pid].
It ends when the host does.

Engines share its memory until they write there, and counting a reference is writing. So whatever an
engine needs is made here, ahead, and the way from here to its loop is one in C (fork.c).
"""

from __future__ import annotations

import gc
import importlib
import os
import sys

from . import boot, codec
from .session import COMPLETE, OK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence

    from .session import Session

NAMES_LIMIT = 16384  # bytes that the host takes


def _pack(message: List[Any]) -> bytes:
    return codec.encode(message, None, sys.maxsize)[0]  # type: ignore[arg-type]  # plain values


def _say(message: List[Any]) -> None:
    os.write(boot.SOCKET_FD, _pack(message))


def _may_not_fork(runtime: Any) -> Optional[str]:
    """Why engines must be started by exec, or None."""
    if runtime is None:
        return "only the pure Python runtime loads here"
    threads = len(os.listdir("/proc/self/task"))
    return "%d threads run after the preload" % threads if threads > 1 else None


def _load(preload: Sequence[str]) -> None:
    for name in preload:
        try:
            importlib.import_module(name)
        except Exception as error:
            sys.stderr.write("tutti: cannot preload %s: %s\n" % (name, error))


def _names(session: Session) -> bytes:
    """What an engine answers that is asked for the names of its top level, so that none is."""
    status, body, _, _ = session.handle(COMPLETE, 0, _pack(["", 0]), ())
    return body if status == OK and len(body) <= NAMES_LIMIT else b""


def run(runtime: Any, preload: Sequence[str], kind: str) -> int:
    """Serves the host. Returns in a forked engine, with its exit status, when that is to end; the
    zygote itself never returns."""
    os.set_inheritable(boot.SOCKET_FD, False)
    _load(preload)
    reason = _may_not_fork(runtime)
    if reason is None:
        session = boot.prepare(runtime, "engine", kind)
        names = _names(session)
        gc.collect()
        gc.freeze()  # what is shared stays shared: no collection writes to it
        _say(["ready", session.version, boot.program(), names])
        numpy = sys.modules.get("numpy")  # whose generator would draw the same in all
        seed = getattr(getattr(numpy, "random", None), "seed", None)
        status: Optional[int] = runtime.fork_engines(boot.SOCKET_FD, seed, session,
                                                     session.version, boot.program())
        if status is not None:
            return status
        reason = _may_not_fork(runtime) or "a thread ran when an engine was to be forked"
    _say(["exec", reason])
    os._exit(0)
