"""The warmed-up process that forks engines, so that they start in a millisecond.

Descriptor 3 is a SOCK_SEQPACKET socket to the engine host. The zygote says ["ready", version,
program], or ["exec", reason] when it may not fork, and ends then. For each datagram [engine] with
the descriptors socket, page, stdout and stderr it forks an engine and answers [engine, pid]. It
ends when the host does.

An engine is forked twice: the middle process ends and is reaped here before the engine may go on,
so the engine's parent is the host (a subreaper) from its first step.
"""

from __future__ import annotations

import fcntl
import gc
import importlib
import os
import signal
import socket
import struct
import sys

from . import boot, codec, pure  # noqa: F401  (pure is here to be loaded once, for all engines)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional, Sequence, Tuple

_LOST = 97  # exit status of an engine whose host is gone


def _pack(value: Any) -> bytes:
    return codec.encode(value, None)[0]  # type: ignore[arg-type]  # plain values


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


def run(runtime: Any, preload: Sequence[str]) -> None:
    """Serves the host. Returns in a forked engine, whose descriptors 0-4 are then in place; the
    zygote itself never returns."""
    host = os.getppid()
    link = socket.socket(fileno=boot.SOCKET_FD)
    link.set_inheritable(False)
    _load(preload)
    reason = _may_not_fork(runtime)
    if reason is None:
        gc.collect()
        gc.freeze()  # what is shared stays shared: no collection writes to it
        link.send(_pack(["ready", sys.version.split()[0], sys.executable]))
    while reason is None:
        fds = _serve_one(link)
        if fds is not None:
            link.close()
            _become_engine(runtime, host, fds)
            return
        reason = _may_not_fork(runtime)
    link.send(_pack(["exec", reason]))
    os._exit(0)


def _serve_one(link: socket.socket) -> Optional[List[int]]:
    """Forks one engine; its descriptors in the engine, None in the zygote."""
    try:
        data, fds, _, _ = socket.recv_fds(link, 4096, 4)
    except ConnectionError:
        os._exit(0)
    if not data:
        os._exit(0)
    (engine,) = codec.decode(data, (), None)[:1]  # type: ignore[arg-type]
    gate = os.pipe()
    report = os.pipe()
    middle = os.fork()
    if middle == 0 and _middle(gate, report):
        return fds
    for fd in (*fds, gate[0], report[1]):
        os.close(fd)
    (pid,) = struct.unpack("i", os.read(report[0], 4))
    os.close(report[0])
    os.waitpid(middle, 0)
    link.send(_pack([engine, pid]))
    os.close(gate[1])  # the middle process is reaped: the engine may go on
    return None


def _middle(gate: Tuple[int, int], report: Tuple[int, int]) -> bool:
    """Forks the engine and ends. Returns True in the engine, when it may go on."""
    pid = os.fork()
    if pid:
        os.write(report[1], struct.pack("i", pid))
        os._exit(0)
    for fd in (gate[1], *report):
        os.close(fd)
    os.read(gate[0], 1)
    os.close(gate[0])
    return True


def _become_engine(runtime: Any, host: int, fds: List[int]) -> None:
    if not runtime.settle(host):
        os._exit(_LOST)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    null = os.open(os.devnull, os.O_RDWR)
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in (null, fds[2], fds[3], *fds[:2])]
    for fd in (null, *fds):
        os.close(fd)
    for number, fd in enumerate(high):
        os.dup2(fd, number, inheritable=number < 3)
        os.close(fd)
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()  # else all engines would draw the same numbers
