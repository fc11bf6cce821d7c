"""The terminal of the local engine: player.py has the prompt's part, pexpect the person's."""

import json
import os
import pathlib
import signal
import socket
import sys
import time

import pytest

import harness
from harness import CHECK, ERROR, EXECUTE, INTERRUPTED, OK

pexpect = pytest.importorskip("pexpect")
PLAYER = pathlib.Path(__file__).with_name("player.py")
TERMINAL, SHELL = 16, 4


class Person:
    """Types at the terminal and gives tasks to the player."""

    def __init__(self, python, directory, **env):
        path = os.path.join(str(directory), "control")
        listener = socket.socket(socket.AF_UNIX)
        listener.settimeout(harness.DEADLINE)
        listener.bind(path)
        listener.listen(1)
        command = python.command_of("terminal")
        self.screen = pexpect.spawn(
            sys.executable, [str(PLAYER), path, json.dumps(command),
                             json.dumps({**python.env, **env})],
            encoding="utf-8", timeout=harness.DEADLINE, dimensions=(24, 100))
        try:
            self.control = listener.accept()[0]
        except socket.timeout:
            raise AssertionError(self.screen.read_nonblocking(10000, 0)) from None
        self.control.settimeout(harness.DEADLINE)
        self.lines = b""
        listener.close()

    def close(self):
        self.control.close()  # the player ends its runtime and itself
        self.screen.close(force=True)

    def begin(self, code, flags=TERMINAL, kind=EXECUTE):
        args = [code, "In [1]", flags] if kind == EXECUTE else [code]
        self.ask(kind, args)

    def ask(self, kind, args):
        self.control.sendall(json.dumps([kind, args]).encode() + b"\n")

    def end(self, seconds=harness.DEADLINE):
        """The result of what was begun. Raises socket.timeout."""
        self.control.settimeout(seconds)
        while b"\n" not in self.lines:
            data = self.control.recv(65536)
            assert data, "the player has ended: " + self.screen.read()
            self.lines += data
        line, self.lines = self.lines.split(b"\n", 1)
        return json.loads(line)

    def do(self, code, flags=TERMINAL):
        self.begin(code, flags)
        return self.end()

    def output(self, wanted):
        self.ask("output", wanted)
        return self.end()

    def interrupt(self):
        """Ctrl-C until the task ends: one may fall just before a call that blocks."""
        until = time.monotonic() + harness.DEADLINE
        while time.monotonic() < until:
            self.screen.send("\x03")
            try:
                return self.end(0.5)
            except socket.timeout:
                pass
        raise AssertionError("the task cannot be interrupted")


@pytest.fixture
def person(python, tmp_path):
    who = Person(python, tmp_path)
    yield who
    who.close()


def test_a_line_has_the_terminal(person):
    assert person.do("import os, sys\n[os.isatty(fd) for fd in range(3)], sys.stdin.isatty(), "
                     "sys.stdout.isatty(), os.ttyname(0)[:9]")["text"] == \
        "([True, True, True], True, True, '/dev/pts/')"
    assert person.do("print('to the person')")["status"] == OK
    person.screen.expect("to the person\r\n")


def test_other_tasks_have_pipes(person):
    code = "import os, sys\nprint('by the pipe')\n[os.isatty(fd) for fd in range(3)]"
    assert person.do(code, 0)["text"] == "[False, False, False]"
    assert person.output("by the pipe\n")["out"] == "by the pipe\n"
    assert person.do("input()", 0)["error"]["type"] == "EOFError"


def test_input_reads_what_is_typed_behind_its_prompt(person):
    for i in range(3):
        person.begin("print('half a line, ', end='')\ninput('name? ')")
        person.screen.expect("half a line, name\\? ")
        person.screen.sendline("Zoë %d" % i)
        assert person.end()["text"] == "'Zoë %d'" % i
    person.begin("import sys\nsys.stdin.readline(), sys.stdin.encoding")
    person.screen.sendline("typed")
    assert person.end()["text"] == "('typed\\n', 'utf-8')"


def test_ctrl_d_ends_input_once(person):
    for code, kind in (("input('? ')", "EOFError"), ("print('? ')\nimport sys\n"
                                                      "sys.stdin.read() or 1/0", "ZeroDiv")):
        person.begin(code)
        person.screen.expect("\\? ")
        person.screen.send("\x04")
        assert kind in person.end()["error"]["type"]
        person.begin("input('again ')")
        person.screen.expect("again ")
        person.screen.sendline("here")
        assert person.end()["text"] == "'here'"


@pytest.mark.parametrize("ending", ["1/0", "import sys; sys.stdout.flush(); raise KeyError",
                                    "import os; os.close(0); os.close(1); os.close(2)",
                                    "import os; os.dup2(os.open('/dev/null', 1), 1)",
                                    "import sys; sys.stdout.close(); sys.stderr.close()",
                                    "import sys; sys.stdin.close()",
                                    "import tty; tty.setraw(0)",
                                    "import subprocess; subprocess.run(['stty', 'raw', '-echo'])"])
def test_the_terminal_is_given_back_however_a_line_ends(person, ending):
    person.do("print('begins')\n" + ending)
    assert person.do("import os\nprint('piped')\n[os.isatty(fd) for fd in range(3)], "
                     "os.readlink('/proc/self/fd/0')", 0)["text"] == \
        "([False, False, False], '/dev/null')"
    assert person.output("piped\n")["out"] == "piped\n"
    assert person.do("print('shown again')\nimport os; os.isatty(1)")["text"] == "True"
    person.screen.expect("shown again\r\n")
    person.begin("input('last? ')")
    person.screen.expect("last\\? ")
    person.screen.sendline("yes")
    assert person.end()["text"] == "'yes'"


def test_exit_is_told_after_the_terminal_is_given_back(person):
    result = person.do("exit()")
    assert (result["status"], result["error"]["type"]) == (ERROR, "SystemExit")


@pytest.mark.parametrize("code", [
    "while True: pass", "import time; time.sleep(60)", "input('')", "import sys; sys.stdin.read()",
    "import subprocess; subprocess.run(['sleep', '60'])", "import subprocess; subprocess.run('cat')",
    "import threading; threading.Event().wait()"])
def test_ctrl_c_ends_the_line_and_nothing_else(person, code):
    for _ in range(3):
        person.begin("print('o' + 'n')\n" + code)
        person.screen.expect("on\r\n")
        result = person.interrupt()
        assert (result["status"], result["error"]["type"]) == (INTERRUPTED, "KeyboardInterrupt")
    assert person.do("kept = 5\nkept")["text"] == "5"
    assert person.do("import os; os.isatty(0)", 0)["text"] == "False"


def test_ctrl_c_around_the_end_of_lines_leaves_descriptors_in_order(person):
    for i in range(60):
        person.begin("for i in range(%d): pass" % (10 ** (i % 6)))
        person.screen.send("\x03")
        assert person.end()["status"] in (OK, INTERRUPTED)
        assert person.do("import os; os.isatty(1)", 0)["text"] in ("False", None)
    assert person.do("import os; os.isatty(1)", 0)["text"] == "False"


def test_ctrl_z_stops_the_engine_and_the_line_goes_on_afterwards(person):
    pid = int(person.do("import os, time\nos.getpid()")["text"])
    person.begin("print('o' + 'n')\nwhile not input(): pass\n'went on'")
    person.screen.expect("on\r\n")
    person.screen.send("\x1a")
    until = time.monotonic() + harness.DEADLINE
    while pathlib.Path("/proc/%d/stat" % pid).read_text().rsplit(")", 1)[1].split()[0] != "T":
        assert time.monotonic() < until, "it does not stop"
    os.killpg(pid, signal.SIGCONT)
    person.screen.sendline("word")
    assert person.end()["text"] == "'went on'"


def test_children_have_the_terminal(person):
    person.begin("import os\nos.system('read x; echo got-$x; test -t 0 && test -t 1 && echo tty')")
    person.screen.sendline("word")
    person.screen.expect("got-word\r\ntty\r\n")
    assert person.end()["text"] == "0"
    person.begin("import getpass; getpass.getpass('secret: ')")
    person.screen.expect("secret: ")
    person.screen.sendline("abc")
    assert person.end()["text"] == "'abc'"


def test_a_pager_shows_help(person):
    person.begin("import os; os.environ['PAGER'] = 'less'; os.environ['TERM'] = 'vt100'\nhelp(str)")
    person.screen.expect("class str")
    person.screen.send("q")
    assert person.end()["status"] == OK


def test_pdb_stops_in_the_users_code_and_is_left_by_the_line(person):
    person.begin("def f(n):\n    breakpoint()\n    return n + 1\nf(1)")
    person.screen.expect(r"\(Pdb\) ")
    person.screen.sendline("n")
    person.screen.expect(r"\(Pdb\) ")
    person.screen.send("\x03")
    person.screen.expect(r"(?s)--KeyboardInterrupt--.*\(Pdb\) ")
    person.screen.sendline("p n + 40")
    person.screen.expect("41\r\n")
    person.screen.sendline("c")
    assert person.end()["text"] == "2"
    person.begin("print('o' + 'n')\nwhile True: pass")
    person.screen.expect("on\r\n")
    assert person.interrupt()["status"] == INTERRUPTED, "not pdb's Ctrl-C"


def test_stepping_behind_the_last_statement_ends_the_line(person):
    person.begin("breakpoint()\nx = 1")
    answer = None
    for _ in range(10):  # versions differ in where they stop first
        person.screen.expect(r"\(Pdb\) ")
        assert "tutti" not in person.screen.before
        person.screen.sendline("n")
        try:
            answer = person.end(0.5)
            break
        except socket.timeout:
            pass
    assert answer and answer["status"] == OK
    assert person.do("x + 1")["text"] == "2"


def test_a_thread_prints_by_the_pipe_when_the_line_has_ended(person):
    person.do("import threading\ngo = threading.Event()\ndef late():\n    go.wait()\n"
              "    print('from the thread')\nthreading.Thread(target=late).start()")
    person.do("go.set()", 0)
    assert person.output("from the thread\n")["out"] == "from the thread\n"


@pytest.mark.parametrize("read", ["sys.stdin.readline()", "os.read(0, 100)", "input()"])
def test_a_thread_that_waits_for_input_takes_no_later_line(person, read):
    person.do("import threading, os, sys\nfound = []\nbegun = threading.Event()\ndef reads():\n"
              "    begun.set()\n    try: found.append(%s)\n    except EOFError: found.append('')\n"
              "t = threading.Thread(target=reads)\nt.start()\nbegun.wait()\n"
              "def waits():\n    name = '/proc/self/task/%%d/syscall' %% t.native_id\n"
              "    with open(name) as file: return file.read().split()[1] == '0x0'\n"
              "while not waits(): pass" % read)
    assert person.do("t.join()\nlen(found[0])", 0)["text"] == "0"
    person.begin("input('mine? ')")
    person.screen.expect("mine\\? ")
    person.screen.sendline("mine")
    assert person.end()["text"] == "'mine'"


def test_without_a_locale_text_is_utf_8(python, tmp_path):
    who = Person(python, tmp_path, LC_ALL="C")
    try:
        who.begin("print('Zoë \\udcff'.encode('utf-8', 'surrogateescape') and 'Zo\\xeb')\ninput()")
        who.screen.expect("Zoë\r\n")
        who.screen.sendline("ë")
        assert who.end()["text"] == "'ë'"
    finally:
        who.close()


def test_c_code_prints_to_the_terminal_while_the_line_runs(compiled, tmp_path):
    who = Person(compiled, tmp_path)
    try:
        who.do("import ctypes\nc = ctypes.CDLL(None)\nc.printf(b'no newline')")
        who.screen.expect("no newline")
        who.do("c.printf(b'by the pipe')", 0)
        assert who.output("by the pipe")["out"] == "by the pipe"
    finally:
        who.close()


def test_without_a_terminal_the_runtime_serves_all_the_same(python):
    command = ["setsid", "--wait", *python.command_of("terminal")]
    with harness.Runtime(command, env=python.env) as runtime:
        assert runtime.execute("6 * 7", flags=TERMINAL).text == "42"
        assert runtime.result(runtime.task(CHECK, ["1"])).value == ["whole", 0]
        assert b"no terminal" in runtime.drain()[1]


def test_a_shell_command_has_the_terminal(person):
    person.begin("read x; echo got-$x; test -t 0 && test -t 1 && echo tty", TERMINAL | SHELL)
    person.screen.sendline("word")
    person.screen.expect("got-word\r\ntty\r\n")
    assert person.end()["status"] == OK
    assert person.do("exit 3", TERMINAL | SHELL)["error"]["status"] == 3


def test_ctrl_c_at_a_shell_command_is_the_commands(person):
    person.begin("echo o''n; sleep 60", TERMINAL | SHELL)
    person.screen.expect("on\r\n")
    assert person.interrupt()["status"] == INTERRUPTED
    code = "trap 'echo caught' INT; echo o''n; while read x; do echo got-$x; done; exit 4"
    person.begin(code, TERMINAL | SHELL)
    person.screen.expect("on\r\n")
    person.screen.send("\x03")
    person.screen.sendline("word")
    person.screen.expect("got-word\r\n")
    person.screen.send("\x04")
    assert person.end()["error"]["message"] == "exit 4"


def test_a_program_that_keeps_its_modes_works(person):
    person.begin("stty raw -echo; head -c 3 | od -An -tx1; stty -raw echo", TERMINAL | SHELL)
    person.screen.send("a\x03b")
    person.screen.expect("61 03 62")
    assert person.end()["status"] == OK
