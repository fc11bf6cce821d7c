"""The shell as the local engine of a prompt at a terminal: it owns the terminal while it runs, with
job control. Each wait is for a text, with a deadline."""

import os
import pty
import select
import signal
import sys
import time

import pytest

from harness import DEADLINE

PROMPT = os.path.join(os.path.dirname(__file__), "shell_prompt.py")


class Person:
    def __init__(self, program):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(sys.executable, [sys.executable, PROMPT, program])
        self.seen = b""

    def read(self, seconds):
        if select.select([self.fd], [], [], seconds)[0]:
            self.seen += os.read(self.fd, 4096)

    def expect(self, text, keys=b""):
        """Reads up to and with `text`; presses keys again and again until it comes."""
        until, pressed = time.monotonic() + DEADLINE, 0
        while text not in self.seen:
            assert time.monotonic() < until, (text, self.seen)
            if keys and time.monotonic() > pressed + 0.5:
                os.write(self.fd, keys)
                pressed = time.monotonic()
            self.read(0.1)
        before, _, self.seen = self.seen.partition(text)
        return before.decode().replace("\r\n", "\n") + text.decode()

    def type(self, line):
        os.write(self.fd, line.encode() + b"\n")
        return self.expect(line.encode() + b"\r\n")

    def line(self, line):
        """What a line shows, the echo of the terminal aside."""
        self.type(line)
        return self.expect(b">\r\n").replace("\r\n", "\n")

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def person(shell):
    one = Person(shell.command[0])
    yield one
    one.close()


def test_commands_have_the_terminal(person):
    assert person.line("[ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all") == "all\n<0  >\n"
    person.type("read -p ask: x; echo got $x")
    person.expect(b"ask:")
    os.write(person.fd, b"typed\n")
    assert person.expect(b">\r\n") == "typed\ngot typed\n<0  >\r\n"
    assert person.line("stty -a < /dev/tty | wc -l > /dev/null; echo $x") == "typed\n<0  >\n"
    assert person.line("nosuch") == "bash: nosuch: command not found\n<1 ExitStatus exit 127>\n"


@pytest.mark.parametrize("code", ["sleep 1000", "while :; do :; done", "cat | cat", "(sleep 1000)"])
def test_ctrl_c_ends_a_command(person, code):
    """A key that meets bash while it starts a job may leave that behind the terminal, stopped: as in
    any bash."""
    person.line("x=kept")
    person.type("echo begun; " + code)
    person.expect(b"begun\r\n")
    ended = person.expect(b">\r\n", keys=b"\x03")
    assert "<2 Interrupted interrupted>" in ended or "<1 ExitStatus exit 149>" in ended
    assert person.line("echo $x").endswith("kept\n<0  >\n")


def test_ctrl_z_stops_a_job_and_fg_and_bg_go_on_with_it(person):
    person.type("echo begun; sleep 1000")
    person.expect(b"begun\r\n")
    assert "Stopped" in person.expect(b"<1 ExitStatus exit 148>\r\n", keys=b"\x1a")
    assert "sleep 1000" in person.line("jobs")
    person.type("fg")
    person.expect(b"sleep 1000\r\n")
    person.expect(b"<1 ExitStatus exit 148>\r\n", keys=b"\x1a")
    assert "sleep 1000 &" in person.line("bg")
    person.line("kill %1; wait")
    assert person.line("echo here").endswith("here\n<0  >\n")


def test_exit_leaves_with_its_status(person):
    person.type("exit 7")
    assert person.expect(b"<left 7>") == "<1 SystemExit 7>\n<left 7>"


def test_traces_are_those_of_the_user(person):
    person.line("set -x")
    assert person.line("echo a") == "+++ echo a\na\n<0  >\n"
