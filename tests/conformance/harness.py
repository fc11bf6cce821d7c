"""Starts a runtime as the engine host does and speaks the runtime protocol with it.

Descriptor 3 of the runtime is a stream socket, 4 the page, 1 and 2 pipes. Every wait has a
deadline. The page's words are the host's side of share/page.h, by way of a few atomic operations
that the tests compile (page words are 8 bytes; a claim is a compare-and-swap)."""

import array
import ctypes
import fcntl
import functools
import mmap
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGE_DIR = ROOT / "python"
sys.path.insert(0, str(PACKAGE_DIR))

from tutti import codec  # noqa: E402

DEADLINE = 20.0  # seconds that any answer may take

EXECUTE, CALL, GET, SET, CHECK, COMPLETE, INSPECT, RESET, SYNC = range(1, 10)
START, STOP, BLOB, DROP, ANSWER = 32, 33, 34, 35, 36
HELLO, RESULT, ASK, LOG = 64, 65, 66, 67
OK, ERROR, INTERRUPTED, CANCELLED, REFUSED = 0, 1, 2, 4, 6
TAKES_SPOOLS = 4  # in HELLO's features
SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE

SHARED = ("error", "buf", "machine", "pack", "page", "read", "rights", "runtime", "serve", "spool",
          "text", "value")
WARNINGS = ("-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla "
            "-Werror").split()


def scratch():
    """A directory that goes when the tests end."""
    return tempfile.mkdtemp(dir=os.environ["TUTTI_TEST_SCRATCH"])


def boot_text():
    """The text behind -c, from its one source."""
    source = (ROOT / "share" / "interpreter.c").read_text()
    macro = source.split("#define BOOT", 1)[1].split("\n\n")[0]
    return "".join(re.findall(r'"([^"]*)"', macro))


@functools.lru_cache(maxsize=None)
def extension():
    """Path of the compiled runtime: TUTTI_EXTENSION, what `make` built, or built here."""
    if os.environ.get("TUTTI_EXTENSION"):
        return os.environ["TUTTI_EXTENSION"]
    built = [pathlib.Path(d) / "python" / "tutti" / "_runtime.abi3.so"
             for d in (os.environ.get("BUILDDIR", ROOT), ROOT)]
    for path in built:
        if path.exists():
            return str(path)
    path = os.path.join(scratch(), "_runtime.abi3.so")
    sources = [PACKAGE_DIR / "tutti" / n for n in ("_runtime.c", "codec.c", "fork.c")]
    compile_c(path, *sources, *(ROOT / "share" / (n + ".c") for n in SHARED))
    return path


def compile_c(output, *sources):
    include = subprocess.check_output(
        ["/usr/bin/python3", "-c", "import sysconfig;print(sysconfig.get_paths()['include'])"],
        text=True).strip()
    subprocess.check_call(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-g", "-fPIC", "-shared",
                           *WARNINGS, "-I" + str(ROOT / "share"), "-I" + include, "-o", output,
                           *map(str, sources)])


@functools.lru_cache(maxsize=None)
def page_library():
    """share/page.c: the host's half of the page, as the host uses it."""
    path = os.path.join(os.environ["TUTTI_TEST_SCRATCH"], "page.so")
    if not os.path.exists(path):  # all processes of the run share it
        own = os.path.join(scratch(), "page.so")
        compile_c(own, ROOT / "share" / "page.c")
        os.replace(own, path)
    library = ctypes.CDLL(path)
    library.tt_page_map.restype = ctypes.c_void_p
    library.tt_page_unmap.argtypes = [ctypes.POINTER(ctypes.c_void_p)]
    library.tt_page_claim.restype = ctypes.c_bool
    for name in ("tt_page_running", "tt_page_started", "tt_page_revoke"):
        getattr(library, name).restype = ctypes.c_uint32
    return library


class Page:
    def __init__(self):
        self.fd = os.memfd_create("page", os.MFD_CLOEXEC)
        os.ftruncate(self.fd, mmap.PAGESIZE)
        self.at = ctypes.c_void_p(page_library().tt_page_map(self.fd))

    def close(self):
        page_library().tt_page_unmap(ctypes.byref(self.at))
        os.close(self.fd)

    def running(self):
        return page_library().tt_page_running(self.at)

    def started(self):
        return page_library().tt_page_started(self.at)

    def claim(self, seq):
        return page_library().tt_page_claim(self.at, ctypes.c_uint32(seq))

    def revoke(self, first, last):
        """Keeps these from starting; the last one that had started."""
        return page_library().tt_page_revoke(self.at, ctypes.c_uint32(first),
                                             ctypes.c_uint32(last))

    def sent(self, seq):
        page_library().tt_page_sent(self.at, ctypes.c_uint32(seq))

    def read(self, i, fd, size):
        library = page_library()
        library.tt_page_read_begin(self.at, i)
        try:
            data = os.read(fd, size)
        except BlockingIOError:
            data = b""
        library.tt_page_read_end(self.at, i, ctypes.c_uint64(len(data)))
        return data


def no_extension(code, body):
    return code, body


def pack(value, inline=sys.maxsize):
    return codec.encode(value, lambda v: (_ for _ in ()).throw(TypeError(type(v))), inline)[0]


class Message:
    def __init__(self, kind, seq, fields, frames, spooled=()):
        self.kind, self.seq, self.fields, self.frames = kind, seq, fields, frames
        self.spooled = list(spooled)  # of each frame: whether it came in a spool

    @property
    def status(self):
        return self.fields[0]

    @property
    def offsets(self):
        return self.fields[2]

    def body(self, revive=no_extension):
        """[repr, has_value, value, displays, error]"""
        return codec.decode(self.frames[0], self.frames[1:], revive)

    @property
    def text(self):
        return self.body()[0]

    @property
    def value(self):
        return self.body()[2]

    @property
    def error(self):
        return self.body()[4]


class Runtime:
    """A runtime process. `command` is its argv; `page` whether it is offered the page."""

    def __init__(self, command, page=True, env=None, start=True):
        self.page = Page() if page else None
        self.socket, theirs = socket.socketpair()
        self.out, out = os.pipe()
        self.err, err = os.pipe()
        self.output = [b"", b""]
        self.buffer = bytearray()
        self.fds = []  # that came beside the bytes
        self.seq = 0
        self.waiting = []
        self.process = self.spawn(command, theirs, out, err, env)
        for fd in (out, err):
            os.close(fd)
        theirs.close()
        for fd in (self.out, self.err):
            os.set_blocking(fd, False)
        self.hello = None
        if start:
            self.hello = self.expect(HELLO)
            self.send(START, 0, [7, "test"])

    def spawn(self, command, theirs, out, err, env):
        page_fd = self.page.fd if self.page else None
        keep = [os.dup(fd) for fd in (theirs.fileno(), page_fd if self.page else out)]
        high = [os.open("/dev/null", os.O_RDONLY) for _ in range(8)]  # so that 3 and 4 are free

        def place():
            os.setpgid(0, 0)
            os.dup2(keep[0], 100)
            os.dup2(keep[1], 101)
            os.dup2(100, 3)
            os.dup2(101, 4) if page_fd is not None else os.close(4)

        try:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                    close_fds=False, preexec_fn=place,
                                    env={**os.environ, **(env or {})})
        finally:
            for fd in keep + high:
                os.close(fd)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE)
        self.socket.close()
        for fd in (self.out, self.err, *self.fds):
            os.close(fd)
        if self.page:
            self.page.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- messages

    def send(self, kind, seq, fields=(), frames=()):
        header = pack([kind, seq, [len(f) for f in frames], *fields])
        self.send_raw(struct.pack("<I", len(header)) + header + b"".join(map(bytes, frames)))

    def send_spooled(self, kind, seq, frames, fields=(), seals=SEALS, size=None, fd=None):
        """The frames from the second on lie in a spool, each at the next multiple of 64."""
        places, at = [len(frames[0])], 0
        spool = os.memfd_create("spool", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        for frame in frames[1:]:
            places.append([at, len(frame)])
            os.pwrite(spool, frame, at)
            at += -(-len(frame) // 64) * 64
        os.ftruncate(spool, at if size is None else size)
        fcntl.fcntl(spool, fcntl.F_ADD_SEALS, seals)
        header = pack([kind, seq, places, *fields])
        data = struct.pack("<I", len(header)) + header + bytes(frames[0])
        fds = array.array("i", [spool if fd is None else fd])
        sent = self.socket.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
        os.close(spool)
        self.send_raw(data[sent:])

    def send_raw(self, data):
        view = memoryview(data)
        until = time.monotonic() + DEADLINE
        while view:
            _, ready, _ = select.select([], [self.socket], [], max(0, until - time.monotonic()))
            assert ready, "the runtime does not read"
            view = view[self.socket.send(view, socket.MSG_DONTWAIT):]

    def task(self, kind, args, frames=()):
        """Sends a task and returns its seq."""
        self.seq += 1
        self.send(kind, self.seq, (), [args if isinstance(args, bytes) else pack(args), *frames])
        return self.seq

    def message(self, deadline=DEADLINE):
        """The next message; output that comes meanwhile is collected."""
        until = time.monotonic() + deadline
        while True:
            found = self.parse()
            if found:
                return found
            self.collect(max(0, until - time.monotonic()), deadline)

    def parse(self):
        if len(self.buffer) < 4:
            return None
        (size,) = struct.unpack_from("<I", self.buffer)
        if len(self.buffer) < 4 + size:
            return None
        kind, seq, sizes, *fields = codec.decode(bytes(self.buffer[4:4 + size]), (), no_extension)
        whole = 4 + size + sum(length for length in sizes if type(length) is int)
        if len(self.buffer) < whole:
            return None
        spool = self.open_spool() if any(type(place) is list for place in sizes) else None
        frames, at = [], 4 + size
        for place in sizes:
            if type(place) is list:
                frames.append(os.pread(spool, place[1], place[0]))
                assert len(frames[-1]) == place[1]
                continue
            frames.append(bytes(self.buffer[at:at + place]))
            at += place
        del self.buffer[:whole]
        if spool is not None:
            os.close(spool)
        return Message(kind, seq, fields, frames, [type(place) is list for place in sizes])

    def open_spool(self):
        """The descriptor that came with a message: whoever reads it can rely on it."""
        assert self.fds, "the frames of a message lie in a spool, and none came"
        assert fcntl.fcntl(self.fds[0], fcntl.F_GET_SEALS) & SEALS == SEALS
        return self.fds.pop(0)

    def collect(self, seconds, deadline):
        sources = [self.socket, self.out, self.err]
        ready = select.select([s for s in sources if s not in self.waiting], [], [], seconds)[0]
        if not ready:
            raise TimeoutError("no answer within %s s; stderr: %r" % (deadline, self.output[1]))
        for i, fd in enumerate((self.out, self.err)):
            if fd in ready and not self.read_output(i, fd):
                self.waiting.append(fd)
        if self.socket in ready:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 8)
            self.fds += fds
            if not data:
                raise EOFError("the runtime ended; stderr: %r" % self.output[1])
            self.buffer += data

    def read_output(self, i, fd):
        data = self.page.read(i, fd, 65536) if self.page else os.read(fd, 65536)
        self.output[i] += data
        return data

    def drain(self):
        """Reads what stands in the pipes now; returns (stdout, stderr) so far."""
        for i, fd in enumerate((self.out, self.err)):
            while select.select([fd], [], [], 0)[0] and self.read_output(i, fd):
                pass
        return tuple(self.output)

    def expect(self, kind, seq=None):
        found = self.message()
        assert found.kind == kind, (found.kind, found.fields)
        assert seq is None or found.seq == seq
        return found

    def result(self, seq=None):
        return self.expect(RESULT, seq)

    def execute(self, code, flags=0, file="<cell>"):
        return self.result(self.task(EXECUTE, [code, file, flags]))

    def interrupt(self, seq):
        """Interrupts task `seq` by the claim protocol; false when it does not run."""
        if not self.page.claim(seq):
            return False
        os.killpg(self.process.pid, signal.SIGINT)
        self.page.sent(seq)
        return True

    def interrupt_until_result(self, seq):
        """Interrupts until the task ends: Python may enter a system call with a signal pending,
        which only the next one cuts short."""
        until = time.monotonic() + DEADLINE
        while time.monotonic() < until:
            assert self.interrupt(seq) or self.page.started() == seq
            try:
                return self.message(0.5)
            except TimeoutError:
                pass
        raise TimeoutError("task %d cannot be interrupted" % seq)

    def wait_running(self, seq):
        until = time.monotonic() + DEADLINE
        while self.page.running() != seq:
            assert time.monotonic() < until, "task %d does not start" % seq
            os.sched_yield()

    def wait_output(self, text, stream=0):
        until = time.monotonic() + DEADLINE
        while text not in self.output[stream]:
            self.collect(max(0, until - time.monotonic()), DEADLINE)

    def stop(self):
        self.send(STOP, 0)
        return self.process.wait(DEADLINE)


PYENV = pathlib.Path("/root/.pyenv/versions")


def interpreters(*versions):
    """Those of the wanted interpreters that are installed here."""
    found = []
    for version in versions:
        if version == "3.11":
            found.append((version, "/usr/bin/python3"))
        else:
            paths = sorted(PYENV.glob(version + ".*/bin/python"))
            found += [(version, str(paths[-1]))] if paths else []
    return found


@functools.lru_cache(maxsize=None)
def installed():
    """A directory like the installed one: the package, and Debian's cloudpickle beside it."""
    directory = scratch()
    os.symlink(PACKAGE_DIR / "tutti", os.path.join(directory, "tutti"))
    shipped = pathlib.Path("/usr/lib/python3/dist-packages/cloudpickle")
    if shipped.exists():
        os.symlink(shipped, os.path.join(directory, "cloudpickle"))
    return directory


def python_command(program, mode="engine", *preload):
    return [program, "-c", boot_text(), mode, installed(), *preload]


def python_env(pure):
    return {"TUTTI_PURE": "1"} if pure else {"TUTTI_EXTENSION": extension()}
