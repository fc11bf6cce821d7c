"""The zygote forks engines that are as good as started ones."""

import os
import select
import signal
import socket
import subprocess
import time

import pytest

import harness
from harness import COMPLETE, DEADLINE, OK, codec, pack

PR_SET_CHILD_SUBREAPER = 36


@pytest.fixture(autouse=True)
def subreaper():
    import ctypes

    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield
    libc.prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


class Zygote:
    def __init__(self, command, env):
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        keep = os.dup(theirs.fileno())
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, close_fds=False,
                                        preexec_fn=lambda: os.dup2(keep, 3),
                                        env={**os.environ, **env})
        os.close(keep)
        theirs.close()

    def receive(self):
        assert select.select([self.link], [], [], DEADLINE)[0], "the zygote is silent"
        data = self.link.recv(65536)
        return codec.decode(data, (), None) if data else None

    def close(self):
        self.link.close()
        return self.process.wait(DEADLINE)


class Forked(harness.Runtime):
    """An engine that a zygote forks: the same descriptors, sent over its socket."""

    def __init__(self, zygote, engine):
        self.zygote, self.engine = zygote, engine
        super().__init__(None)

    def spawn(self, command, theirs, out, err, env):
        socket.send_fds(self.zygote.link, [pack([self.engine])],
                        [theirs.fileno(), self.page.fd, out, err])
        engine, pid = self.zygote.receive()
        assert engine == self.engine
        return Child(pid)


class Child:
    """What the harness needs of a process, for one that init or we adopt."""

    def __init__(self, pid):
        self.pid, self.status = pid, None

    def poll(self):
        if self.status is None and os.waitpid(self.pid, os.WNOHANG)[0]:
            self.status = 0
        return self.status

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout):
        until = time.monotonic() + timeout
        while self.status is None:
            assert time.monotonic() < until
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            else:
                select.select([], [], [], 0.005)
        return self.status


@pytest.fixture
def zygote(compiled):
    command = [*compiled.command]
    command[command.index("engine")] = "zygote"
    found = Zygote([*command, "json", "nothing_of_that_name"], compiled.env)
    ready = found.receive()
    assert ready[0] == "ready" and ready[1].startswith(compiled.version) and ready[2]
    yield found
    found.close()


def test_a_forked_engine_is_the_hosts_child_in_a_group_of_its_own(zygote):
    with Forked(zygote, 5) as engine:
        assert engine.hello.fields[5] == engine.process.pid
        assert engine.hello.fields[6] & 1
        text = engine.execute("import os, sys\nos.getppid(), os.getpgid(0) == os.getpid(), "
                              "'json' in sys.modules, os.readlink('/proc/self/fd/0')").text
        assert text == "(%d, True, True, '/dev/null')" % os.getpid()


def test_output_interrupt_and_exit_status_are_each_engines_own(zygote):
    engines = [Forked(zygote, i) for i in range(6)]
    try:
        for i, engine in enumerate(engines):
            assert engine.execute("print('I am %d')" % i).status == OK
            assert engine.drain()[0] == b"I am %d\n" % i
        spin = engines[2].task(1, ["while True: pass", "<c>", 0])
        engines[2].wait_running(spin)
        assert engines[2].interrupt(spin)
        assert engines[2].result(spin).status == 2
        for i, engine in enumerate(engines):
            engine.task(1, ["import sys; sys.exit(%d)" % (10 + i), "<c>", 0])
        assert [e.process.wait(DEADLINE) for e in engines] == list(range(10, 16))
    finally:
        for engine in engines:
            engine.close()


def test_engines_draw_different_numbers(zygote):
    with Forked(zygote, 0) as one, Forked(zygote, 1) as two:
        code = "import random; random.random()"
        assert one.execute(code).text != two.execute(code).text


def test_engines_draw_different_numbers_of_numpy(compiled):
    if subprocess.call([compiled.command[0], "-c", "import numpy"], stderr=subprocess.DEVNULL):
        pytest.skip("no numpy for %s" % compiled.command[0])
    command = [*compiled.command_of("zygote"), "numpy"]
    found = Zygote(command, {**compiled.env, "OPENBLAS_NUM_THREADS": "1"})
    assert found.receive()[0] == "ready"
    with Forked(found, 0) as one, Forked(found, 1) as two:
        code = "import numpy; numpy.random.random()"
        first = one.execute(code).text
        assert first != two.execute(code).text
        assert first != one.execute(code).text
    found.close()


def test_the_zygote_tells_the_names_that_a_fresh_engine_has(compiled):
    found = Zygote(compiled.command_of("zygote"), compiled.env)
    ready = found.receive()
    with Forked(found, 0) as engine:
        answer = engine.result(engine.task(COMPLETE, ["", 0]))
        assert answer.frames[0] == ready[3] and b"print" in ready[3]
    found.close()


SPY = """
import os, sys
zygote, seen = os.getpid(), []

def note(frame, event, arg):
    if event == "call" and os.getpid() != zygote:
        seen.append("%s:%s" % (os.path.basename(frame.f_code.co_filename), frame.f_code.co_name))

sys.setprofile(note)
"""


def test_a_forked_engine_runs_none_of_our_python_before_its_first_task(compiled, tmp_path):
    (tmp_path / "spy.py").write_text(SPY)
    found = Zygote([*compiled.command_of("zygote"), "spy"],
                   {**compiled.env, "PYTHONPATH": str(tmp_path)})
    assert found.receive()[0] == "ready"
    with Forked(found, 0) as engine:
        assert engine.execute("import sys; sys.setprofile(None)\n"
                              "sys.modules['spy'].seen[0]").text == "'session.py:handle'"
    found.close()


def test_what_is_imported_for_engines_does_not_register_for_forks(compiled):
    """A hook of Python's in each fork dirties a tenth of what an engine shares else."""
    found = Zygote(compiled.command_of("zygote"), compiled.env)
    assert found.receive()[0] == "ready"
    with Forked(found, 0) as engine:
        assert engine.execute("import sys\n[name for name in ('threading', 'subprocess', "
                              "'hashlib', 'random') if name in sys.modules]").text == "[]"
    found.close()


def test_a_child_that_a_forked_engines_code_forks_never_answers(zygote):
    with Forked(zygote, 0) as engine:
        code = "import os\npid = os.fork()\nif pid: os.waitpid(pid, 0)\npid > 0"
        assert engine.execute(code).text == "True"
        assert engine.execute("6*7").text == "42"


def test_many_starts_lose_none(zygote):
    for i in range(100):
        with Forked(zygote, i) as engine:
            assert engine.execute("1").text == "1"
            assert engine.stop() == 0


def test_the_zygote_ends_with_its_host_and_leaves_no_child(zygote):
    with Forked(zygote, 0) as engine:
        assert zygote.close() == 0
        assert engine.execute("1").text == "1"


def test_threads_after_the_preload_mean_exec(compiled, tmp_path):
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()")
    command = [*compiled.command, "threaded"]
    command[command.index("engine")] = "zygote"
    found = Zygote(command, {**compiled.env, "PYTHONPATH": str(tmp_path)})
    kind, reason = found.receive()
    assert kind == "exec" and "2 threads" in reason
    assert found.process.wait(DEADLINE) == 0
    found.close()


LATE = """
import signal, threading

def start(number, frame):
    threading.Thread(target=threading.Event().wait, daemon=True).start()

signal.signal(signal.SIGUSR1, start)
"""


def test_a_thread_that_starts_later_means_exec_for_what_is_asked_then(compiled, tmp_path):
    (tmp_path / "late.py").write_text(LATE)
    found = Zygote([*compiled.command_of("zygote"), "late"],
                   {**compiled.env, "PYTHONPATH": str(tmp_path)})
    assert found.receive()[0] == "ready"
    with Forked(found, 0) as engine:
        assert engine.execute("6*7").text == "42"
        found.process.send_signal(signal.SIGUSR1)
        tasks = "/proc/%d/task" % found.process.pid
        until = time.monotonic() + DEADLINE
        while len(os.listdir(tasks)) < 2:
            assert time.monotonic() < until
            time.sleep(0.005)
        null = os.open(os.devnull, os.O_RDWR)
        socket.send_fds(found.link, [pack([1])], [null] * 4)
        os.close(null)
        kind, reason = found.receive()
        assert kind == "exec" and "2 threads" in reason
        assert engine.execute("6*7").text == "42"
    found.close()


def test_the_pure_runtime_means_exec():
    command = harness.python_command("/usr/bin/python3", "zygote")
    found = Zygote(command, harness.python_env(pure=True))
    kind, reason = found.receive()
    assert kind == "exec" and "pure" in reason
    found.close()
