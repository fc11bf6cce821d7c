"""The shell against plain `bash --norc --noprofile -c`: the same stdout, stderr, exit status and
files for over a thousand commands, each in a fresh shell.

What is taken for the same, since the engine's bash is an interactive one that evaluates:
- the beginning of a message: `bash: line 3: `, `bash: -c: line 3: `, in functions
  `environment: line 3: `, `./s.sh: line 3: ` there, `bash: ` and `bash: eval: line 3: ` here;
- the marks of a trace: `+` there, `+++` here;
- the status of a fatal error of expansion (a bad substitution, `${x?}`): 127 there, 1 here, and
  after it a shell that goes on with the next command of the user;
- the status of a syntax error: always 2 here, but 1, 2 or 127 there, by what the parser was in; and
  here it may find a second one in the next line;
- the order of lines on stderr when several processes write it.
Left out: what a job killed by a signal is reported as (`Segmentation fault`), which bash prints for
scripts only, and what is meant to differ: `$-`, `$_`, process ids, BASH_SOURCE, aliases (expanded
here), `return` at the top level (an error there), `set -n` (which an interactive bash ignores),
a trap on EXIT (it waits for the end of the engine's shell; its stderr is not seen)."""

import os
import re
import shutil
import subprocess

import pytest

import shell_commands
from harness import ERROR, OK, RESET, scratch

LIMIT_S = 10
GENERATED, SEEDS = 100, range(10)

PREFIX = re.compile(rb"(?:\bbash|\benvironment|\./s\.sh): (?:(?:-c|eval): )?(?:line \d+: )?")
TRACE = re.compile(rb"^\++ ", re.M)
SYNTAX = re.compile(rb"syntax error|unexpected EOF")
FATAL = re.compile(rb"bad substitution|parameter null or not set|parameter not set|unbound variable")


class Place:
    """A directory that is made anew for every command, the same for both shells."""

    def __init__(self):
        self.root = scratch()
        self.path = os.path.join(self.root, "work")
        os.mkdir(self.path)
        self.env = {"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": self.root, "LC_ALL": "C.UTF-8",
                    "TERM": "dumb", "OLDPWD": self.path}  # where `cd -` goes, and writes

    def fill(self):
        for name in os.listdir(self.path):
            full = os.path.join(self.path, name)
            shutil.rmtree(full) if os.path.isdir(full) else os.remove(full)
        os.mkdir(os.path.join(self.path, "dir"))
        for name, text in (("a.txt", "alpha\nbeta\n"), ("b.txt", "b one\nb two\n"),
                           ("dir/c.txt", "c\n")):
            with open(os.path.join(self.path, name), "w") as file:
                file.write(text)

    def files(self):
        found = {}
        for directory, _, names in os.walk(self.path):
            for name in names:
                with open(os.path.join(directory, name), "rb") as file:
                    found[os.path.relpath(os.path.join(directory, name), self.path)] = \
                        normal(file.read())
        return found


def normal(text):
    return TRACE.sub(b"+ ", PREFIX.sub(b"bash: ", text))


def lines(text):
    return sorted(normal(text).split(b"\n"))


def plain(place, code):
    """What bash -c does; None when it takes too long."""
    place.fill()
    try:
        done = subprocess.run(["bash", "--norc", "--noprofile", "-c", code], cwd=place.path,
                              env={**os.environ, **place.env}, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        return None
    status = 1 if done.returncode == 127 and FATAL.search(done.stderr) else done.returncode
    return normal(done.stdout), lines(done.stderr), status, place.files()


def ours(place, runtime, code):
    place.fill()
    assert runtime.result(runtime.task(RESET, [])).status == OK
    runtime.drain()
    runtime.output[:] = [b"", b""]
    result = runtime.execute(code)
    assert result.status in (OK, ERROR), result.body()
    out, err = runtime.drain()
    status = result.error["status"] if result.status == ERROR else 0
    return normal(out), lines(err), status, place.files()


def same(expected, found):
    broken = [line for line in expected[1] if SYNTAX.search(line)]
    if not broken:
        return found == expected
    return (found[0] == expected[0] and found[3] == expected[3]
            and (found[2] != 0) == (expected[2] != 0) and set(found[1]) >= set(expected[1]))


def compare(place, runtime, code):
    """True when both are the same; None when bash -c itself is not the same twice."""
    expected = plain(place, code)
    if expected is None:
        return None
    for _ in range(3):
        found = ours(place, runtime, code)
        if same(expected, found):
            return True
        again = plain(place, code)
        if again != expected:
            return None
    return "%r\n  bash:  %r\n  tutti: %r" % (code, expected, found)


def run(shell, commands):
    place = Place()
    shell.env = place.env
    here = os.getcwd()
    os.chdir(place.path)
    try:
        with shell.start() as runtime:
            found = [compare(place, runtime, code) for code in commands]
    finally:
        os.chdir(here)
    wrong = [text for text in found if isinstance(text, str)]
    assert not wrong, "%d of %d differ:\n%s" % (len(wrong), len(found), "\n".join(wrong))
    assert found.count(True) >= 0.97 * len(found), "too many could not be compared"


def test_commands_written_by_hand_do_what_bash_does(shell):
    run(shell, shell_commands.HAND + shell_commands.MULTI)


@pytest.mark.parametrize("seed", SEEDS)
def test_generated_commands_do_what_bash_does(shell, seed):
    generator = shell_commands.Generator(seed)
    run(shell, [generator.one() for _ in range(GENERATED)])
