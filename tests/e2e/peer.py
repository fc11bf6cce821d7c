"""A peer on the wire made of nothing of ours: MessagePack and ZeroMQ from Python, the messages as
the tables of share/message.h and share/runtime.h have them. Tests use it as a client that sends
work ahead, as a hostile client, and as an engine host that lies."""

import collections
import os
import pathlib
import re
import struct
import subprocess
import time

import zmq

from .harness import SLOW

ROOT = pathlib.Path(__file__).resolve().parents[2]

class Message(collections.namedtuple("Message", "type id fields frames")):
    """One of the wire; its frames are shown shortened."""

    def __repr__(self):
        frames = [frame if len(frame) < 200 else f"{len(frame)} bytes" for frame in self.frames]
        return f"{self.type}(id={self.id}, {self.fields}, {frames})"


def _enum(path, prefix):
    text = (ROOT / "share" / path).read_text()
    return {name: int(number) for name, number in re.findall(prefix + r"\((\w+), (\d+),", text)}


def _messages():
    """{name: (number, [(kind, field), ...])} of the wire."""
    text = re.sub(r"\\\n", " ", (ROOT / "share" / "message.h").read_text())
    fields = {name: re.findall(r"\bF\((\w+),\s*(\w+)\)", body)
              for name, body in re.findall(r"#define (TT_\w+_FIELDS)\(F\)(.*)", text)}
    fields["TT_NO_FIELDS"] = []
    rows = re.findall(r"\bM\((\w+), \w+, (\d+), \"[^\"]*\", (\w+),", text)
    return {name: (int(number), fields[macro]) for name, number, macro in rows}


MESSAGES = _messages()
NAMES = {number: name for name, (number, _) in MESSAGES.items()}
STATUS = _enum("runtime.h", r"\bS")
STATES = _enum("message.h", r"\bS")
EXECUTE = _enum("runtime.h", r"\bM")["EXECUTE"]
VALUE, QUIET = 1, 2  # flags of EXECUTE: the value travels, too; no repr
BALANCED = 1  # a flag of SUBMIT: any one engine does it
EMPTY = {"UINT": 0, "INT": 0, "TEXT": "", "BYTES": b"", "ANY": None}


# ---- MessagePack, as much of it as headers and results need

def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return struct.pack(">BQ", 0xCF, value) if value >= 0 else struct.pack(">Bq", 0xD3, value)
    if isinstance(value, float):
        return struct.pack(">Bd", 0xCB, value)
    if isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
        return struct.pack(">BI", 0xDB, len(data)) + data
    if isinstance(value, (bytes, bytearray)):
        return struct.pack(">BI", 0xC6, len(value)) + bytes(value)
    if isinstance(value, dict):
        items = [part for pair in value.items() for part in pair]
        return struct.pack(">BI", 0xDF, len(value)) + b"".join(map(pack, items))
    return struct.pack(">BI", 0xDD, len(value)) + b"".join(map(pack, value))


class _Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        self.at += count
        if self.at > len(self.data):
            raise ValueError("cut short")
        return self.data[self.at - count:self.at]

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def text(self, size):
        return self.take(size).decode("utf-8", "backslashreplace")

    def array(self, size):
        return [self.value() for _ in range(size)]

    def map(self, size):
        return dict(tuple(self.array(2)) for _ in range(size))

    def extension(self, size):
        code = self.number("b")
        return code, self.take(size)

    SIZED = {0xC4: ("B", take), 0xC5: ("H", take), 0xC6: ("I", take),
             0xC7: ("B", extension), 0xC8: ("H", extension), 0xC9: ("I", extension),
             0xD9: ("B", text), 0xDA: ("H", text), 0xDB: ("I", text),
             0xDC: ("H", array), 0xDD: ("I", array), 0xDE: ("H", map), 0xDF: ("I", map)}
    PLAIN = {0xCA: "f", 0xCB: "d", 0xCC: "B", 0xCD: "H", 0xCE: "I", 0xCF: "Q",
             0xD0: "b", 0xD1: "h", 0xD2: "i", 0xD3: "q"}
    CONSTANT = {0xC0: None, 0xC2: False, 0xC3: True}

    def value(self):
        tag = self.number("B")
        if tag < 0x80 or tag >= 0xE0:
            return tag if tag < 0x80 else tag - 0x100
        if tag < 0xC0:
            kind, mask = ((self.map, 15) if tag < 0x90 else
                          (self.array, 15) if tag < 0xA0 else (self.text, 31))
            return kind(tag & mask)
        if tag in self.CONSTANT:
            return self.CONSTANT[tag]
        if tag in self.PLAIN:
            return self.number(self.PLAIN[tag])
        if 0xD4 <= tag <= 0xD8:
            return self.extension(1 << (tag - 0xD4))
        form, read = self.SIZED[tag]
        return read(self, self.number(form))


def unpack(data):
    return _Reader(bytes(data)).value()


def header(name, id=0, **fields):
    """The header frame of a message; fields that are not given are empty."""
    number, known = MESSAGES[name]
    assert set(fields) <= {field for _, field in known}, (name, fields)
    return pack([number, id] + [fields.get(field, EMPTY[kind]) for kind, field in known])


def read(frames):
    """A Message of what came in."""
    number, id, *values = unpack(frames[0])
    name = NAMES.get(number, number)
    names = [field for _, field in MESSAGES[name][1]] if name in MESSAGES else []
    return Message(name, id, dict(zip(names, values)), frames[1:])


class Peer:
    """One DEALER on `client.sock` (role "client") or `engine.sock` (role "engine"). What it does
    not read is taken all the same, up to `hwm` frames (0: all). `identity` is the routing id that it
    asks for.

    A peer of the role "engine", or one that is mortal, gives the controller a `sleep` of its own as
    the process to watch: it may be killed in place of the test (`die`)."""

    def __init__(self, cluster, role="client", hello=True, name="default", hwm=0, mortal=False,
                 path=None, identity=b"", **fields):
        self.role, self.path = role, path or f"{cluster.runtime_dir}/{name}/{role}.sock"
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.SNDHWM, 0)
        self.socket.setsockopt(zmq.RCVHWM, hwm)
        if identity:
            self.socket.setsockopt(zmq.IDENTITY, identity)
        self.socket.connect("ipc://" + self.path)
        self.kept, self.next_id, self.received, self.process = [], 0, 0, None
        if role == "engine" or mortal:
            self.process = subprocess.Popen(["sleep", "1000"], env=cluster.env)
        if hello:
            self.hello(**fields)
            self.welcome = self.expect("WELCOME")

    def hello(self, **fields):
        pid = self.process.pid if self.process else os.getpid()
        boot = pathlib.Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self.send("HELLO", **{"major": 1, "uuid": os.urandom(16), "epoch": 1, "program": "peer.py",
                              "host": "peer", "boot": boot, "pid": pid, "watch_pid": pid, **fields})

    def die(self):
        self.process.kill()
        self.process.wait(10)

    def close(self):
        self.socket.close()
        self.context.term()
        if self.process:
            self.die()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- sending

    def raw(self, frames):
        """Frames as they are. A peer that is not served is no reason to wait for ever."""
        if not self.socket.poll(20000 * SLOW, zmq.POLLOUT):
            raise AssertionError("the controller takes nothing for 20 s")
        self.socket.send_multipart(frames)

    def send(self, name, id=0, *frames, **fields):
        self.raw([header(name, id, **fields), *frames])

    def submit(self, engines, code, **fields):
        """EXECUTE on each of these engines, or with flags=BALANCED on any one (of these): the id
        of the results to come."""
        self.next_id += 1
        args = pack([code, "In [1]", VALUE])
        self.send("SUBMIT", self.next_id, args, op=EXECUTE, engines=engines, **fields)
        return self.next_id

    # ---- receiving

    def receive(self, deadline=20):
        """The next message, or None when none comes in time."""
        if self.kept:
            return self.kept.pop(0)
        if not self.socket.poll(deadline * 1000 * SLOW):
            return None
        self.received += 1
        return read(self.socket.recv_multipart())

    def expect(self, *names, id=None, deadline=20):
        """The next message of one of these types (and with this id); the others are kept."""
        until, others = time.monotonic() + deadline * SLOW, []
        while True:
            message = self.receive(max(0, until - time.monotonic()) / SLOW)
            assert message is not None, f"no {names} in {deadline} s; there were {others[-5:]}"
            if message.type in names and id in (None, message.id):
                self.kept = others + self.kept
                return message
            others.append(message)

    def results(self, wanted, deadline=30):
        """{id: Message} of the RESULTs of `wanted` ids, one each. Everything else is dropped."""
        until, got = time.monotonic() + deadline * SLOW, {}
        while len(got) < len(wanted):
            message = self.receive(max(0, until - time.monotonic()) / SLOW)
            assert message is not None, f"{len(got)} of {len(wanted)} results in {deadline} s"
            if message.type == "RESULT" and message.id in wanted:
                assert message.id not in got, f"two results of {message.id}: {message}"
                got[message.id] = message
            elif message.type == "ERROR":
                raise AssertionError(message)
        return got

    def taken(self):
        """Says that it has taken all that it has read: the controller keeps nothing of it."""
        self.send("TAKEN", count=self.received)

    def sync(self, deadline=20):
        """Waits until everything sent so far has been handled: a client's STATUS (the report), a
        host's BEAT."""
        self.next_id += 1
        if self.role == "client":
            self.send("STATUS", self.next_id)
            return unpack(self.expect("REPORT", id=self.next_id, deadline=deadline).frames[0])
        self.send("BEAT", sent_ns=self.next_id)
        while self.expect("BEAT", deadline=deadline).fields["sent_ns"] != self.next_id:
            pass
        return None


def value(result):
    """The value that a RESULT's body carries (simple types)."""
    return unpack(result.frames[0])[2]


def status(result):
    """The status of a RESULT by name: "OK", "LOST", ..."""
    return next(name for name, number in STATUS.items() if number == result.fields["status"])
