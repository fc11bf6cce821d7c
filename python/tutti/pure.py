"""The runtime protocol in plain Python, for interpreters that cannot load the compiled runtime.

It keeps no page: the host sends it one task at a time, and a SYNC after each interrupt. It is the
reference that the compiled runtime is compared with. One process serves once.
"""

from __future__ import annotations

import array
import fcntl
import mmap
import os
import select
import signal
import socket
import struct
import sys
import time

from . import codec, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NoReturn, Optional, Sequence, Tuple

    from .session import Session

    Frames = Sequence[Any]
    Reply = Tuple[int, bytes, List[Any], Optional[int]]

MAJOR, MINOR = 1, 0
TASK_MAX = 31
START, STOP, BLOB, DROP, ANSWER = 32, 33, 34, 35, 36
HELLO, RESULT, ASK, LOG = 64, 65, 66, 67
OK, ERROR, INTERRUPTED, REFUSED = 0, 1, 2, 6
MESSAGE_LIMIT = 72 << 20
FRAMES_LIMIT = 1 << 20
FEATURE_SPOOL = 4
WHOLE_MAX = 1 << 20  # bytes of a message whose frames all stand in it
ALIGN = 64           # where frames begin in a spool
FDS_MAX = 16
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

_NO_VALUE: List[Any] = [None, False, None, [], None]


def _no_extension(*what: Any) -> NoReturn:
    raise ValueError("malformed value: extension in a header")


def _plain(value: Any) -> bytes:
    return codec.encode(value, _no_extension)[0]


def _failed(status: int, kind: str, text: str) -> Reply:
    found = {"type": kind, "message": text, "traceback": None}
    return status, _plain(_NO_VALUE[:4] + [found]), [], None


def _plan(frames: Frames) -> Tuple[List[Any], int]:
    """(sizes as a header has them, bytes of the spool): large frames of a large message lie in it."""
    sizes: List[Any] = [len(frame) for frame in frames]  # or [where it lies, length]
    end = 0
    if sum(sizes) <= WHOLE_MAX:
        return sizes, 0
    for index, size in enumerate(sizes):
        if size >= codec.INLINE_LIMIT:
            start = -(-end // ALIGN) * ALIGN
            sizes[index], end = [start, size], start + size
    return sizes, end


def _spool(frames: Frames, sizes: List[Any], total: int) -> int:
    """A descriptor of a file in memory with the frames that lie there; it is sealed."""
    spare = values.spare_memory()
    if total > spare:
        raise MemoryError("a value of %d MiB, and %d MiB of memory are free"
                          % (total >> 20, spare >> 20))
    fd = os.memfd_create("tutti", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(fd, total)
        for frame, size in zip(frames, sizes):
            offset = size[0] if type(size) is list else None
            while offset is not None and len(frame):
                wrote = os.pwrite(fd, frame, offset)
                frame, offset = frame[wrote:], offset + wrote
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, SEALS)
    except BaseException:
        os.close(fd)
        raise
    return fd


class Runtime:
    """The loop. `ask` and `forget` are what a session needs of it."""

    def __init__(self) -> None:
        self.session: Session = None  # type: ignore[assignment]  # until serve()
        self.socket: socket.socket = None  # type: ignore[assignment]
        self.input = bytearray()
        self.fds: List[int] = []
        self.asked = 0
        self.interruptible = False
        self.stopped = False
        self.status = 0

    def serve(self, session: Session, socket_fd: int, page_fd: int, version: str,
              program: str) -> int:
        """Serves until STOP, the end of the socket or a task that leaves; the exit status."""
        self.session = session
        os.set_inheritable(socket_fd, False)
        self.socket = socket.socket(fileno=socket_fd)
        if page_fd >= 0:
            os.close(page_fd)
        signal.signal(signal.SIGINT, self.on_interrupt)
        self.write(HELLO, 0, [MAJOR, MINOR, "python", version, program, os.getpid(),
                             FEATURE_SPOOL])
        try:
            while not self.stopped:
                self.dispatch(*self.read())
        except (OSError, EOFError):
            pass
        except ValueError as error:
            print("tutti runtime: %s" % error, file=sys.stderr)
        return self.status

    def on_interrupt(self, number: int, frame: Any) -> None:
        """Python's own handler, but for the time between tasks."""
        if self.interruptible:
            raise KeyboardInterrupt

    def forget(self) -> None:
        """In a forked child: it never answers as the engine."""
        if self.session is not None:
            self.session.forked = True
            self.socket.close()

    # ---- the socket

    def fill(self, size: int) -> None:
        while len(self.input) < size:
            data, beside, _, _ = self.socket.recvmsg(max(65536, size - len(self.input)),
                                                     socket.CMSG_SPACE(4 * FDS_MAX))
            for level, kind, body in beside:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds = array.array("i", body[:len(body) - len(body) % 4])
                    self.fds += fds
            if not data:
                raise EOFError
            self.input += data

    def take(self, size: int) -> bytearray:
        self.fill(size)
        data = self.input[:size]
        del self.input[:size]
        return data

    def read(self) -> Tuple[int, int, List[Any], List[Any]]:
        """(type, seq, fields, frames) of the next message. Raises ValueError when it is none."""
        (size,) = struct.unpack("<I", self.take(4))
        if size > MESSAGE_LIMIT:
            raise ValueError("header of %d bytes" % size)
        header = codec.decode(self.take(size), (), _no_extension)
        kind, seq, sizes, fields = self.check(header)
        spool: Any = self.map_spool(max((sum(n) for n in sizes if type(n) is list), default=0))
        frames = [self.take(n) if type(n) is int else spool[n[0]:sum(n)] for n in sizes]
        return kind, seq, fields, frames

    def map_spool(self, size: int) -> Optional[memoryview]:
        """The memory of the file that came with a message, which its frames keep."""
        if size == 0:
            return None
        if not self.fds:
            raise ValueError("frames in a spool, and none came")
        fd = self.fds.pop(0)
        try:
            if fcntl.fcntl(fd, fcntl.F_GET_SEALS) & SEALS != SEALS:
                raise ValueError("what came with a message is not sealed")
            return memoryview(mmap.mmap(fd, size, mmap.MAP_PRIVATE,
                                        mmap.PROT_READ | mmap.PROT_WRITE))
        finally:
            os.close(fd)

    def check(self, header: Any) -> Tuple[int, int, List[Any], List[Any]]:
        if type(header) is not list or len(header) < 3 or type(header[2]) is not list:
            raise ValueError("not [type, seq, [size ...], ...]")
        kind, seq, sizes = header[:3]
        numbers = [kind, seq]
        for n in sizes:
            numbers += n if type(n) is list and len(n) == 2 else [n]
        if any(type(n) is not int or n < 0 for n in numbers):
            raise ValueError("not [type, seq, [size ...], ...]")
        if kind > 0xFFFF or seq > 0xFFFFFFFF or len(sizes) > FRAMES_LIMIT:
            raise ValueError("type, seq or number of frames out of range")
        if sum(n for n in sizes if type(n) is int) > MESSAGE_LIMIT:
            raise ValueError("over the limit of %d bytes" % MESSAGE_LIMIT)
        return kind, seq, sizes, header[3:]

    def write(self, kind: int, seq: int, fields: List[Any], frames: Frames = ()) -> None:
        frames = [memoryview(frame).cast("B") for frame in frames]
        sizes, spooled = _plan(frames)
        fd = _spool(frames, sizes, spooled) if spooled else None
        header = _plain([kind, seq, sizes, *fields])
        header = struct.pack("<I", len(header)) + header
        if fd is not None:
            beside = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))]
            try:
                header = header[self.socket.sendmsg([header], beside):]
            finally:
                os.close(fd)
        self.socket.sendall(header)
        for frame, size in zip(frames, sizes):
            if type(size) is int:
                self.socket.sendall(frame)

    # ---- messages

    def dispatch(self, kind: int, seq: int, fields: List[Any], frames: Frames) -> None:
        if kind <= TASK_MAX:
            self.run(kind, seq, frames)
        elif kind in self.handlers:
            self.handlers[kind](self, fields, frames)
        else:
            self.write(LOG, seq, ["unknown message %d" % kind])

    def on_start(self, fields: List[Any], frames: Frames) -> None:
        engine, cluster = (fields + [0, ""])[:2] if len(fields) < 2 else fields[:2]
        self.session.engine, self.session.cluster = engine, cluster

    def on_stop(self, fields: List[Any], frames: Frames) -> None:
        self.stopped = True

    def on_blob(self, fields: List[Any], frames: Frames) -> None:
        if fields and type(fields[0]) is bytes and len(frames) == 1:
            self.session.blobs[fields[0]] = bytes(frames[0])

    def on_drop(self, fields: List[Any], frames: Frames) -> None:
        if fields and type(fields[0]) is bytes:
            self.session.blobs.pop(fields[0], None)

    def on_answer(self, fields: List[Any], frames: Frames) -> None:
        """Nobody waits for it any more."""

    handlers: Dict[int, Callable[..., None]] = {
        START: on_start, STOP: on_stop, BLOB: on_blob, DROP: on_drop, ANSWER: on_answer}

    # ---- tasks

    def run(self, op: int, seq: int, frames: Frames) -> None:
        began = time.perf_counter_ns()
        reply = self.attempt(op, seq, frames)
        self.flush()
        if self.session.terminal and not self.session.depth:
            self.session.terminal.give_back()
        status, body, buffers, leave = reply
        run_ns = time.perf_counter_ns() - began
        try:
            self.write(RESULT, seq, [status, run_ns, [0, 0, 0, 0]], [body, *buffers])
        except MemoryError as error:
            status, body, _, _ = _failed(ERROR, "ValueTooLarge", str(error))
            self.write(RESULT, seq, [status, run_ns, [0, 0, 0, 0]], [body])
        if leave is not None:
            self.stopped, self.status = True, leave

    def attempt(self, op: int, seq: int, frames: Frames) -> Reply:
        """The task's answer. What leaves the session is an interrupt of this task, or our bug."""
        if not frames:
            return _failed(REFUSED, "ProtocolError", "task without arguments")
        try:
            try:
                self.interruptible = True
                return self.session.handle(op, seq, frames[0], frames[1:])
            finally:
                self.interruptible = False
        except KeyboardInterrupt:
            self.interruptible = False
            return _failed(INTERRUPTED, "KeyboardInterrupt", "interrupted")
        except BaseException as error:
            self.interruptible = False
            return _failed(ERROR, "InternalError", ascii(error))

    def flush(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # closed or replaced by user code
                pass

    def ask(self, what: str, text: str) -> Tuple[int, List[Any]]:
        """(status, frames) of the prompt's answer. Raises KeyboardInterrupt, and EOFError when the
        prompt is gone. Bytes are only read while no interrupt can take them away."""
        self.asked += 1
        seq = self.asked
        self.write(ASK, seq, [what, text])
        while True:
            try:
                if not self.input:
                    select.select([self.socket], [], [])
            finally:
                self.interruptible = False
            kind, answered, fields, frames = self.read()
            if kind == ANSWER and answered == seq:
                self.interruptible = True
                return fields[0] if fields else ERROR, frames
            self.dispatch(kind, answered, fields, frames)  # tasks are part of answering
            if self.stopped:
                raise EOFError("the prompt is gone")
            self.interruptible = True
