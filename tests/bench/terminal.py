"""A program at a terminal of its own, and how long it takes to answer."""

import os
import pty
import re
import select
import signal
import statistics
import time

from programs import Failed

LIMIT_S = 60
ESCAPE = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
PROMPT = re.compile(rb"In \[(\d+)\][^:\n]*: ")


class Terminal:
    """A context manager: the program ends with it."""

    def __init__(self, args, env):
        self.seen = b""
        self.began = time.perf_counter()
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            try:
                os.execve(args[0], list(map(str, args)), env)
            finally:
                os._exit(127)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.master)  # the terminal is gone: whoever reads it ends
        until = time.monotonic() + 5
        while os.waitpid(self.pid, os.WNOHANG)[0] == 0:
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                return
            time.sleep(0.005)

    def read(self):
        if not select.select([self.master], [], [], LIMIT_S)[0]:
            raise Failed(f"nothing at the terminal behind {self.seen[-80:]!r}")
        try:
            self.seen += os.read(self.master, 1 << 16)
        except OSError:
            raise Failed(f"the program at the terminal ended: {self.seen[-200:]!r}") from None

    def wait(self, there):
        """Reads until `there(seen)`, without colours and the like."""
        while not there(ESCAPE.sub(b"", self.seen)):
            self.read()

    def type(self, text, there):
        """Milliseconds from typing it until `there(what has come since)`."""
        self.seen = b""
        began = time.perf_counter()
        os.write(self.master, text)
        self.wait(there)
        return (time.perf_counter() - began) * 1e3


class Prompt(Terminal):
    """tutti's prompt. `took_ms`: from exec until it was there."""

    def __init__(self, tutti, env):
        super().__init__([tutti], env)
        self.number = 0
        try:
            self.wait(self.next_prompt)
        except Failed:
            self.__exit__()
            raise
        self.took_ms = (time.perf_counter() - self.began) * 1e3

    def next_prompt(self, seen):
        numbers = [int(number) for number in PROMPT.findall(seen)]
        if not numbers or numbers[-1] <= self.number:
            return False
        self.number = numbers[-1]
        return True

    def line(self, text):
        """Milliseconds from the ENTER behind a line until the next prompt is there."""
        self.type(text.encode(), lambda seen: text.encode() in seen)
        return self.type(b"\r", self.next_prompt)

    def typical(self, text, count):
        """The median of so many times."""
        return statistics.median(self.line(text) for _ in range(count))

    def complete(self, text, rest, count):
        """The median of the milliseconds from a TAB behind a text until its rest is there."""
        times = []
        for _ in range(count):
            self.type(text, lambda seen: text in seen)
            times.append(self.type(b"\t", lambda seen: rest in seen))
            self.type(b"\r", self.next_prompt)
        return statistics.median(times)


def python_prompt(python, env):
    """Milliseconds until a bare Python shows its own."""
    with Terminal([python, "-i", "-q"], env) as terminal:
        terminal.wait(lambda seen: b">>> " in seen)
        return (time.perf_counter() - terminal.began) * 1e3
