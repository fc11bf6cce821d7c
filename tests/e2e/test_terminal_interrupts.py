"""Ctrl-C at the real prompt, more than a thousand times: whatever the engines do, exactly the
command it was pressed for ends, and the next one is whole. How long each took is printed."""

import contextlib
import os
import statistics
import termios
import time

import pytest

from .conftest import FAILED
from .harness import SLOW
from .terminal import CTRL_C, ENTER, Pipe, Prompt

ROUNDS = 60   # of each kind of work on each set of targets
AGAIN_S = 3   # then a person presses once more: a signal may fall before a call that blocks
SLOW_S = 1.0  # counted

PYTHON = r"""
import ctypes, os, signal, subprocess, threading, time
told = os.open("at", os.O_WRONLY)
signal.set_wakeup_fd(os.open("got", os.O_WRONLY | os.O_NONBLOCK), warn_on_full_buffer=False)
pipe = os.pipe()
libc, mutex = ctypes.CDLL(None), (ctypes.c_char * 64)()
libc.pthread_mutex_lock(mutex)
def at(n):
    os.write(told, b"%d\n" % n)
def busy(n):
    at(n)
    while True: pass
def asleep(n):
    at(n)
    time.sleep(600)
def reading(n):
    at(n)
    os.read(pipe[0], 1)
def waiting(n):
    at(n)
    subprocess.run(["sleep", "600"])
def deaf(n):
    at(n)
    libc.pthread_mutex_lock(mutex)
def let_go(name):
    fd = os.open(name, os.O_RDONLY)
    while os.read(fd, 1):
        libc.pthread_mutex_unlock(mutex)
def soon(kind, n):
    "Ends by itself within 10 ms or so."
    if kind == "busy":
        for _ in range(n * 5000): pass
    elif kind == "asleep":
        time.sleep(n / 5000)
    elif kind == "reading":
        threading.Timer(n / 5000, os.write, (pipe[1], b"x")).start(); os.read(pipe[0], 1)
    elif kind == "waiting":
        subprocess.run(["sleep", str(n / 5000)])
    else:
        sum(range(n * 10000))
    return n
"""


class Python:
    """How the work is written for Python engines, and what is shown of it."""

    kinds = ("busy", "asleep", "reading", "waiting", "deaf")
    show = "{}"

    def __init__(self, cluster):
        cluster.file("work.py", PYTHON)
        cluster.start(2)

    def prepare(self, prompt):
        prompt.run("%px exec(compile(open('work.py').read(), 'work.py', 'exec'))")
        for engine in (0, 1):
            prompt.run(f"%px -t {engine} threading.Thread(target=let_go, args=('go{engine}',), "
                       "daemon=True).start()")

    def forever(self, kind, n):
        return f"{kind}({n})"

    def soon(self, kind, n):
        return f"soon({kind!r}, {n})"

    def check(self, prompt, n):
        """A command that must be whole, on all engines."""
        mark, number = prompt.mark(), prompt.number
        got = prompt.run(f"%px {n} + 1000000")
        assert got == [f"Out[0-1:{number}]: {n + 1000000}"], prompt.since(mark - 8)


class Bash:
    """The same for engines that are shells."""

    kinds = ("busy", "asleep", "reading", "waiting")
    show = "echo n: {}"
    works = {"busy": "while :; do :; done", "asleep": "sleep 600", "reading": "read x <never",
             "waiting": "bash -c 'sleep 600; true'"}
    deaf = "bash -c 'trap \"\" INT; echo %d >at; read -n 1 x <>go0'"
    ends = {"busy": "for ((i = 0; i < %d * 50; i++)); do :; done", "asleep": "sleep 0.0%02d",
            "reading": "read x < <(sleep 0.0%02d)", "waiting": "bash -c 'sleep 0.0%02d; true'"}

    def __init__(self, cluster):
        os.mkfifo(cluster.file("never"))
        cluster.start(2, "--lang", "sh")

    def prepare(self, prompt):
        prompt.run("%px cd .")

    def forever(self, kind, n):
        return self.deaf % n if kind == "deaf" else f"echo {n} >at; {self.works[kind]}"

    def soon(self, kind, n):
        return self.ends[kind] % (n // 4)

    def check(self, prompt, n):
        mark = prompt.mark()
        got = prompt.run(f"%px echo $(({n} + 1000000))")
        assert got == [f"[0-1] {n + 1000000}"], prompt.since(mark - 8)


LANGUAGES = {"python": Python, "sh": Bash}


class Times:
    """How long it took until the prompt was back."""

    def __init__(self):
        self.seconds = []
        self.pressed = self.again = 0

    def tell(self, what):
        slow = sum(one > SLOW_S * SLOW for one in self.seconds)
        print(f"{what}: {self.pressed} interrupts, prompt back after "
              f"{statistics.median(self.seconds) * 1000:.1f} ms (median), "
              f"{max(self.seconds) * 1000:.1f} ms (worst); {slow} over {SLOW_S} s; "
              f"{self.again} pressed again")
        assert slow + self.again <= self.pressed // 10


def press(prompt, times, done):
    """Ctrl-C until `done()`: once, but for a signal that no program could have noticed."""
    began = time.monotonic()
    for _ in range(3):
        times.pressed += 1
        prompt.send(CTRL_C)
        try:
            prompt.wait(done, AGAIN_S, "the end of what was interrupted")
            break
        except AssertionError:
            times.again += 1
    else:
        raise AssertionError("three Ctrl-C have not ended it")
    times.seconds.append(time.monotonic() - began)


def press_at_the_deaf(prompt, times, gates, targets):
    """Ctrl-C, which C code does not heed; it ends when the signal has come to all of them."""
    gates.forget()
    prompt.send(CTRL_C)
    times.pressed += 1
    prompt.wait(lambda: gates.signals() >= len(targets), 10, "the signals")
    began = time.monotonic()
    gates.open(targets)
    prompt.wait_prompt(prompt.number + 1)
    times.seconds.append(time.monotonic() - began)


def one_interrupt(prompt, times, pipe, gates, line, n, targets):
    """Runs a line until it is at its work on all targets, and interrupts it."""
    number, mark = prompt.number, prompt.mark()
    prompt.send(line + ENTER)
    pipe.wait(prompt, [str(n)] * len(targets))
    if "deaf" in line:
        press_at_the_deaf(prompt, times, gates, targets)
    else:
        press(prompt, times, lambda: prompt.at_prompt(number + 1))
        prompt.number = number + 1
    who = f"{targets[0]}-{targets[-1]}" if len(targets) > 1 else str(targets[0])
    shown = prompt.shown(mark)
    assert any(f"[{who}] interrupted" in text for text in shown), shown


def press_about_the_end(prompt, times, n):
    """Ctrl-C up to 10 ms after a line was taken; then there is a prompt."""
    until = time.monotonic() + (n * 7 % 50) / 5000
    while (left := until - time.monotonic()) > 0:
        prompt.read(left)
    # while the line before it is still being edited, the key would take that back
    prompt.wait(lambda: prompt.modes()[3] & termios.ICANON or prompt.at_prompt())
    start = len(prompt.raw)
    began = time.monotonic()
    prompt.send(CTRL_C)
    times.pressed += 1
    prompt.wait(lambda: b"^C" in prompt.raw[start:] and prompt.at_prompt())
    times.seconds.append(time.monotonic() - began)
    prompt.wait_prompt()


class Gates:
    """Let C code end that heeds no signal, and tell when a signal has come."""

    def __init__(self, cluster):
        self.opened = [Pipe(cluster, "go0"), Pipe(cluster, "go1")]
        self.got = Pipe(cluster, "got")
        self.count = 0

    def close(self):
        for one in (*self.opened, self.got):
            one.close()

    def forget(self):
        self.signals()
        self.count = 0

    def signals(self):
        try:
            self.count += len(os.read(self.got.fd, 4096))
        except BlockingIOError:
            pass
        return self.count

    def open(self, targets):
        for engine in targets:
            os.write(self.opened[engine].fd, b"x")


@pytest.fixture
def work(cluster, language, request):
    """(prompt, pipe, gates, the language), ready."""
    speaks = LANGUAGES[language](cluster)
    with Pipe(cluster) as pipe, contextlib.closing(Gates(cluster)) as gates, \
            Prompt(cluster, rows=40) as prompt:
        speaks.prepare(prompt)
        yield prompt, pipe, gates, speaks
        if request.node.stash.get(FAILED, False):
            prompt.tell("failure")


@pytest.mark.deadline(120)
@pytest.mark.parametrize("targets", [(0, 1), (1,)], ids=["all", "one"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_interrupt_ends_its_command_and_never_another(work, language, targets):
    prompt, pipe, gates, speaks = work
    times = Times()
    option = f"-t {targets[0]} " if len(targets) == 1 else ""
    for n in range(ROUNDS * len(speaks.kinds)):
        kind = speaks.kinds[n % len(speaks.kinds)]
        one_interrupt(prompt, times, pipe, gates, f"%px {option}{speaks.forever(kind, n)}", n,
                      targets)
        speaks.check(prompt, n)
    times.tell(f"{language}, {len(targets)} of 2 targets")


@pytest.mark.deadline(120)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_interrupt_of_a_command_that_just_ends_never_meets_the_next(work, language):
    """Pressed at any moment around the end: it ends the command, or drops an empty line."""
    prompt, pipe, gates, speaks = work
    times = Times()
    met = 0
    for n in range(ROUNDS * len(speaks.kinds) * 4 // 3):
        kind = speaks.kinds[n % len(speaks.kinds)]
        mark = prompt.mark()
        prompt.enter("%px " + speaks.soon(kind, n % 40))
        press_about_the_end(prompt, times, n)
        met += any("interrupted" in line for line in prompt.since(mark))
        speaks.check(prompt, n)
    times.tell(f"{language}, just finished ({met} met it)")


@pytest.mark.deadline(90)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_second_ctrl_c_gives_the_prompt_back_and_the_command_ends_in_the_background(
        work, language):
    prompt, pipe, gates, speaks = work
    times = Times()
    for n in range(ROUNDS):
        number, mark = prompt.number, prompt.mark()
        prompt.enter("%px -t 0 " + speaks.forever("deaf", n))
        pipe.wait(prompt, [str(n)])
        prompt.send(CTRL_C)
        prompt.wait(lambda: prompt.mark() >= mark + 2)  # else one signal would be both
        press(prompt, times, lambda: prompt.at_prompt(number + 1))
        prompt.number = number + 1
        assert prompt.since(mark)[-2].endswith(f"[{number}] goes on in the background")
        assert prompt.run(f"%px -t 1 {speaks.show.format(n)}")[-1].endswith(f": {n}")
        gates.open([0])
        prompt.wait(lambda: prompt.at_prompt() and
                    any(line.startswith("[0] interrupted") for line in prompt.since(mark)))
        speaks.check(prompt, n)
    times.tell(f"{language}, second Ctrl-C")


@pytest.mark.deadline(90)
def test_an_interrupt_of_a_local_line_never_meets_the_next(cluster):
    cluster.file("work.py", PYTHON)
    times = Times()
    with Pipe(cluster) as pipe, contextlib.closing(Gates(cluster)), \
            Prompt(cluster, "-n", 1, rows=40) as prompt:
        prompt.run("exec(compile(open('work.py').read(), 'work.py', 'exec'))")
        for n in range(ROUNDS * 4):
            kind = Python.kinds[n % 4]
            number, mark = prompt.number, prompt.mark()
            prompt.send(f"{kind}({n})" + ENTER)
            pipe.wait(prompt, [str(n)])
            press(prompt, times, lambda: prompt.at_prompt(number + 1))
            prompt.number = number + 1
            assert prompt.since(mark)[-2] == "KeyboardInterrupt"
            assert prompt.value(f"{n} + 1000000") == str(n + 1000000)
    times.tell("local lines")


@pytest.mark.deadline(90)
def test_an_interrupt_of_a_local_line_that_just_ends_never_meets_the_next(cluster):
    cluster.file("work.py", PYTHON)
    times = Times()
    with Pipe(cluster), contextlib.closing(Gates(cluster)), \
            Prompt(cluster, "-n", 1, rows=40) as prompt:
        prompt.run("exec(compile(open('work.py').read(), 'work.py', 'exec'))")
        for n in range(ROUNDS * 3):
            prompt.enter(f"soon({Python.kinds[n % 5]!r}, {n % 40})")
            press_about_the_end(prompt, times, n)
            assert prompt.value(f"{n} + 1000000") == str(n + 1000000)
    times.tell("local lines, just finished")
