"""The runtime protocol in plain Python, for interpreters that cannot load the compiled runtime.

It keeps no page: the host sends it one task at a time, and a SYNC after each interrupt. It is the
reference that the compiled runtime is compared with. One process serves once.
"""

import os
import select
import signal
import socket
import struct
import sys
import time

from . import codec

MAJOR, MINOR = 1, 0
TASK_MAX = 31
START, STOP, BLOB, DROP, ANSWER = 32, 33, 34, 35, 36
HELLO, RESULT, ASK, LOG = 64, 65, 66, 67
OK, ERROR, INTERRUPTED, REFUSED = 0, 1, 2, 6
VALUE_LIMIT = 64 << 20
MESSAGE_LIMIT = VALUE_LIMIT + (8 << 20)
FRAMES_LIMIT = 1 << 20

_NO_VALUE = [None, False, None, [], None]


def _no_extension(code, body):
    raise ValueError("malformed value: extension in a header")


def _plain(value):
    return codec.encode(value, _no_extension)[0]


def _failed(status, kind, text):
    found = {"type": kind, "message": text, "traceback": None}
    return status, _plain(_NO_VALUE[:4] + [found]), [], None


class Runtime:
    """The loop. `ask` and `forget` are what a session needs of it."""

    def __init__(self):
        self.session = None
        self.socket = None
        self.input = bytearray()
        self.asked = 0
        self.interruptible = False
        self.stopped = False
        self.status = 0

    def serve(self, session, socket_fd, page_fd, version, program):
        """Serves until STOP, the end of the socket or a task that leaves; the exit status."""
        self.session = session
        os.set_inheritable(socket_fd, False)
        self.socket = socket.socket(fileno=socket_fd)
        if page_fd >= 0:
            os.close(page_fd)
        signal.signal(signal.SIGINT, self.on_interrupt)
        self.write(HELLO, 0, [MAJOR, MINOR, "python", version, program, os.getpid(), 0])
        try:
            while not self.stopped:
                self.dispatch(*self.read())
        except (OSError, EOFError):
            pass
        except ValueError as error:
            print("tutti runtime: %s" % error, file=sys.stderr)
        return self.status

    def on_interrupt(self, number, frame):
        """Python's own handler, but for the time between tasks."""
        if self.interruptible:
            raise KeyboardInterrupt

    def forget(self):
        if self.socket is not None:
            self.socket.close()

    # ---- the socket

    def fill(self, size):
        while len(self.input) < size:
            data = self.socket.recv(max(65536, size - len(self.input)))
            if not data:
                raise EOFError
            self.input += data

    def take(self, size):
        self.fill(size)
        data = self.input[:size]
        del self.input[:size]
        return data

    def read(self):
        """(type, seq, fields, frames) of the next message. Raises ValueError when it is none."""
        (size,) = struct.unpack("<I", self.take(4))
        if size > MESSAGE_LIMIT:
            raise ValueError("header of %d bytes" % size)
        header = codec.decode(self.take(size), (), _no_extension)
        kind, seq, sizes, fields = self.check(header)
        return kind, seq, fields, [self.take(n) for n in sizes]

    def check(self, header):
        if type(header) is not list or len(header) < 3 or type(header[2]) is not list:
            raise ValueError("not [type, seq, [size ...], ...]")
        kind, seq, sizes = header[:3]
        if any(type(n) is not int or n < 0 for n in (kind, seq, *sizes)):
            raise ValueError("not [type, seq, [size ...], ...]")
        if kind > 0xFFFF or seq > 0xFFFFFFFF or len(sizes) > FRAMES_LIMIT:
            raise ValueError("type, seq or number of frames out of range")
        if sum(sizes) > MESSAGE_LIMIT:
            raise ValueError("over the limit of %d bytes" % MESSAGE_LIMIT)
        return kind, seq, sizes, header[3:]

    def write(self, kind, seq, fields, frames=()):
        sizes = [memoryview(frame).nbytes for frame in frames]
        header = _plain([kind, seq, sizes, *fields])
        self.socket.sendall(struct.pack("<I", len(header)) + header)
        for frame in frames:
            self.socket.sendall(frame)

    # ---- messages

    def dispatch(self, kind, seq, fields, frames):
        if kind <= TASK_MAX:
            self.run(kind, seq, frames)
        elif kind in self.handlers:
            self.handlers[kind](self, fields, frames)
        else:
            self.write(LOG, seq, ["unknown message %d" % kind])

    def on_start(self, fields, frames):
        engine, cluster = (fields + [0, ""])[:2] if len(fields) < 2 else fields[:2]
        self.session.engine, self.session.cluster = engine, cluster

    def on_stop(self, fields, frames):
        self.stopped = True

    def on_blob(self, fields, frames):
        if fields and type(fields[0]) is bytes and len(frames) == 1:
            self.session.blobs[fields[0]] = bytes(frames[0])

    def on_drop(self, fields, frames):
        if fields and type(fields[0]) is bytes:
            self.session.blobs.pop(fields[0], None)

    def on_answer(self, fields, frames):
        """Nobody waits for it any more."""

    handlers = {START: on_start, STOP: on_stop, BLOB: on_blob, DROP: on_drop, ANSWER: on_answer}

    # ---- tasks

    def run(self, op, seq, frames):
        began = time.perf_counter_ns()
        reply = self.attempt(op, seq, frames)
        self.flush()
        if self.session.terminal and not self.session.depth:
            self.session.terminal.give_back()
        status, body, buffers, leave = self.limited(reply)
        run_ns = time.perf_counter_ns() - began
        self.write(RESULT, seq, [status, run_ns, [0, 0, 0, 0]], [body, *buffers])
        if leave is not None:
            self.stopped, self.status = True, leave

    def attempt(self, op, seq, frames):
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

    def limited(self, reply):
        total = len(reply[1]) + sum(memoryview(b).nbytes for b in reply[2])
        if total <= VALUE_LIMIT:
            return reply
        return _failed(ERROR, "ValueTooLarge", "value of %d MiB is over the limit of %d MiB"
                       % (total >> 20, VALUE_LIMIT >> 20))

    def flush(self):
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except Exception:  # closed or replaced by user code
                pass

    def ask(self, what, text):
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
