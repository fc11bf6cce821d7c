"""A person at a terminal: programs on a pseudo-terminal, and what their screen shows.

`Prompt(cluster)` is tutti at its own terminal, `Shell(cluster)` a bash that starts it. Both are
context managers: whatever happens the program ends, and when the test fails the screen is printed.
Nothing sleeps: `wait` reads the terminal until a condition holds, with a deadline that
TUTTI_TEST_SLOW scales.

`text()` is what a person would see when scrolling back: all lines as the terminal shows them, with
carriage returns, erasing and moving about done. `raw` has every byte that was written."""

import collections
import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unicodedata

from .harness import SLOW, end

ENTER, CTRL_C, CTRL_D, CTRL_R, CTRL_U, CTRL_Z, ESC, TAB = "\r\x03\x04\x12\x15\x1a\x1b\t"
CTRL_BACKSLASH = "\x1c"
UP, LEFT = "\x1b[A", "\x1b[D"
PASTE = "\x1b[200~%s\x1b[201~"
FIRST = re.compile(r"(?:In \[(\d+)\]|px\[.*?\] \[(\d+)\])([^:]*): ")  # the words in front of a line
NEXT = re.compile(r" *\.\.\.: +")
SHELL_WORDS = "SHELL> "

_TOKEN = re.compile(r"""
    (?P<text>[^\x00-\x1f\x7f\x9b]+)
  | \x1b\[(?P<private>[?>=]?)(?P<args>[\d;]*)(?P<final>[@-~])
  | \x1b\][^\x07\x1b]*(?:\x07|\x1b\\)
  | \x1b[_P](?:[^\x1b]|\x1b\x1b)*\x1b\\
  | \x1b[()][A-Z0-9]
  | \x1b[^\[\]()_P]
  | (?P<control>[\x00-\x1a\x1c-\x1f\x7f])
""", re.VERBOSE)


def width(char):
    """Columns of a character."""
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class Screen:
    """What a terminal of that size shows: as much of an xterm as readline and tutti use."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.gone = []  # lines that were scrolled off
        self.lines = [[] for _ in range(rows)]  # of cells; the second one of a wide character is ""
        self.row = self.column = 0
        self.rest = ""
        self.asked = 0  # how often it was asked for its attributes (DA1)
        self.behind = None  # what the other screen covers: (lines, row, column)
        self.unknown = []  # sequences that are not understood: tests may insist on none

    def resize(self, rows, columns):
        while len(self.lines) > rows:
            if self.row < rows and not any(map(self.line, range(rows, len(self.lines)))):
                self.lines = self.lines[:rows]
            else:
                self.scroll(keep=False)
                self.row -= 1
        self.lines += [[] for _ in range(rows - len(self.lines))]
        self.rows, self.columns = rows, columns
        self.column = min(self.column, columns)

    def line(self, row):
        return "".join(self.lines[row]).rstrip(" ")

    def text(self):
        """All lines, without blanks at their ends and empty ones at the end."""
        lines = self.gone + [self.line(row) for row in range(self.rows)]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    def before_cursor(self):
        """The text in front of the cursor; None when something stands behind it."""
        cells = self.lines[self.row]
        if "".join(cells[self.column:]).strip():
            return None
        return "".join(cells[:self.column])

    def cover(self, on):
        """The other screen begins (empty) or ends; what scrolls off it is gone."""
        if on and self.behind is None:
            self.behind = self.lines, self.row, self.column
            self.lines = [[] for _ in range(self.rows)]
        elif not on and self.behind is not None:
            self.lines, self.row, self.column = self.behind
            self.behind = None
            rows = self.rows
            self.rows = len(self.lines)
            self.resize(rows, self.columns)

    # ---- what is written

    def feed(self, text):
        text = self.rest + text
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                break  # a sequence that is not whole yet
            self.take(match)
            at = match.end()
        self.rest = text[at:]

    def take(self, match):
        if match["text"]:
            self.write(match["text"])
        elif match["final"]:
            self.order(match["private"], match["args"], match["final"])
        elif match["control"]:
            self.control(match["control"])

    def write(self, text):
        if text.isascii():
            while text:
                if self.column >= self.columns:
                    self.column = 0
                    self.down()
                part = text[:self.columns - self.column]
                self.put(list(part))
                text = text[len(part):]
            return
        for char in text:
            cells = width(char)
            if cells == 0:
                line = self.lines[self.row]
                if line and self.column:
                    line[self.column - 1] += char
                continue
            if self.column + cells > self.columns:
                self.column = 0
                self.down()
            self.put([char] + [""] * (cells - 1))

    def put(self, cells):
        line = self.lines[self.row]
        line += [" "] * (self.column - len(line))
        line[self.column:self.column + len(cells)] = cells
        self.column += len(cells)

    def control(self, char):
        if char == "\r":
            self.column = 0
        elif char == "\n":
            self.down()
        elif char == "\b":
            self.column = max(0, min(self.column, self.columns - 1) - 1)
        elif char == "\t":
            self.column = min(self.columns - 1, (self.column // 8 + 1) * 8)

    def scroll(self, keep=True):
        if self.behind is None:
            self.gone.append(self.line(0))
        del self.lines[0]
        if keep:
            self.lines.append([])

    def down(self):
        if self.row == self.rows - 1:
            self.scroll()
        else:
            self.row += 1

    def order(self, private, args, final):
        numbers = [int(part or 0) for part in args.split(";")]
        first = max(1, numbers[0])
        self.asked += final == "c"
        if private == "?" and numbers[0] == 1049:
            self.cover(final == "h")
        if private or final in "mrc":
            return
        if final in "ABCDGHfd":
            self.move(final, first, numbers)
        elif final in "JK":
            self.erase(final, numbers[0])
        elif final == "P":
            del self.lines[self.row][self.column:self.column + first]
        elif final == "@":
            line = self.lines[self.row]
            line += [" "] * (self.column - len(line))
            line[self.column:self.column] = [" "] * first
            del line[self.columns:]
        elif final == "X":
            line = self.lines[self.row]
            line[self.column:self.column + first] = [" "] * first
        else:
            self.unknown.append((args, final))

    def move(self, final, first, numbers):
        if final == "A":
            self.row = max(0, self.row - first)
        elif final == "B":
            self.row = min(self.rows - 1, self.row + first)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + first)
        elif final == "D":
            self.column = max(0, min(self.column, self.columns - 1) - first)
        elif final == "G":
            self.column = min(self.columns, first) - 1
        elif final == "d":
            self.row = min(self.rows, first) - 1
        else:
            self.row = min(self.rows, first) - 1
            self.column = min(self.columns, max(1, (numbers + [1])[1])) - 1

    def erase(self, final, how):
        line = self.lines[self.row]
        if how == 0:
            del line[self.column:]
        elif how == 1:
            line[:self.column + 1] = [" "] * (self.column + 1)
        else:
            line.clear()
        if final == "J":
            for other in range(self.rows):
                if (how != 1 and other > self.row) or (how == 1 and other < self.row) or how >= 2:
                    self.lines[other].clear()


class Ended(AssertionError):
    """The program on the terminal has ended."""


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, cluster, command, rows=24, columns=100, env=None, attributes="62;22"):
        self.cluster = cluster
        self.attributes = attributes  # what it answers when asked for them; None: nothing
        self.screen = Screen(rows, columns)
        self.raw = bytearray()
        self.left_over = b""
        self.ended = False
        self.master, slave = os.openpty()
        self.set_size(rows, columns)
        os.set_blocking(self.master, False)
        home = cluster.work_dir
        self.env = {**cluster.env, "TERM": "xterm", "INPUTRC": "/dev/null", "HOME": str(home),
                    "PS1": SHELL_WORDS, "HISTFILE": "", **(env or {})}
        self.popen = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, env=self.env, cwd=home,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.pid = self.popen.pid
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.tell(kind.__name__)
        self.close()
        try:
            self.popen.wait(10 * SLOW)
        except subprocess.TimeoutExpired:
            end(self.pid)
            self.popen.wait(10)
            if kind is None:
                raise AssertionError("the program outlives its terminal") from None

    def tell(self, what):
        """Prints what was on the screen, for a test that fails."""
        print(f"--- the screen at {what}:\n" + "\n".join(self.text()[-60:]) +
              f"\n--- the last bytes: {bytes(self.raw[-400:])!r}")

    def close(self):
        """The terminal's window is closed."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    # ---- writing and reading

    def set_size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def resize(self, rows, columns):
        self.set_size(rows, columns)
        self.screen.resize(rows, columns)

    def take(self):
        """Reads what there is. False when the terminal is gone."""
        try:
            data = os.read(self.master, 1 << 16)
        except BlockingIOError:
            return True
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self.ended = True
            return False
        self.raw += data
        data = self.left_over + data
        text = data.decode(errors="ignore")
        whole = len(text.encode())
        self.left_over = data[whole:] if len(data) - whole < 4 else b""
        if len(data) - whole >= 4 or (self.left_over and not _may_go_on(self.left_over)):
            text, self.left_over = data.decode(errors="replace"), b""
        self.screen.feed(text)
        while self.screen.asked > 0:
            self.screen.asked -= 1
            if self.attributes is not None:
                os.write(self.master, b"\x1b[?%sc" % self.attributes.encode())
        return True

    def read(self, seconds):
        """Reads what comes within that time, returning after the first of it."""
        if self.ended:
            time.sleep(min(seconds, 0.01))  # others may still be waited for
        elif select.select([self.master], [], [], seconds)[0]:
            self.take()

    def send(self, text, deadline=20):
        """Types; reads meanwhile, so that neither side waits for the other."""
        data = text.encode() if isinstance(text, str) else text
        until = time.monotonic() + deadline * SLOW
        while data:
            readable, writable, _ = select.select([self.master], [self.master], [], 1)
            if readable and not self.take():
                raise Ended(f"typed {data!r} at a program that has ended")
            if writable:
                try:
                    data = data[os.write(self.master, data[:1024]):]
                except BlockingIOError:
                    pass
            assert time.monotonic() < until, f"the terminal does not take {data[:80]!r}"

    def wait(self, condition, deadline=10, what=None):
        """The first true value of `condition()`, reading meanwhile."""
        until = time.monotonic() + deadline * SLOW
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > until:
                raise AssertionError(f"not within {deadline} s: {what or condition}")
            self.read(0.02)

    # ---- what is seen

    def text(self):
        return self.screen.text()

    def wait_line(self, pattern, deadline=10, start=0):
        """Waits until a whole line (of those from `start` on) matches: the match."""
        expression = re.compile(pattern)

        def there():
            for line in self.text()[start:]:
                match = expression.fullmatch(line)
                if match:
                    return match
            return None
        return self.wait(there, deadline, f"a line {pattern!r}")

    def wait_raw(self, text, start=0, deadline=10):
        data = text.encode() if isinstance(text, str) else text
        self.wait(lambda: data in self.raw[start:], deadline, f"{data!r}")

    def mark(self):
        """Where the next line will stand, for `since`."""
        return len(self.screen.gone) + self.screen.row

    def since(self, mark):
        return self.text()[mark:]

    def modes(self):
        """The terminal's modes, as termios has them."""
        return termios.tcgetattr(self.master)

    def foreground(self):
        return os.tcgetpgrp(self.master)

    def wait_end(self, deadline=15):
        """Waits until the program has ended: its exit status, as subprocess has it."""
        self.wait(lambda: self.popen.poll() is not None, deadline, "the end")
        while not self.ended and select.select([self.master], [], [], 0)[0]:
            self.take()
        return self.popen.returncode


def _may_go_on(data):
    """Whether these bytes may be the beginning of a character."""
    lead = data[0]
    size = 2 if 0xc2 <= lead < 0xe0 else 3 if 0xe0 <= lead < 0xf0 else 4 if 0xf0 <= lead < 0xf5 \
        else 0
    return len(data) < size and all(0x80 <= byte < 0xc0 for byte in data[1:])


class Typist(Terminal):
    """What is common to tutti's prompt wherever it was started."""

    number = 0  # of the prompt that was waited for last

    def at_prompt(self, number=None, above=None):
        """The prompt's number, when the cursor stands behind an empty `In [n]: `."""
        line = self.screen.before_cursor()
        match = line and FIRST.fullmatch(line)
        if not match:
            return None
        found = int(match[1] or match[2])
        return found if (number is None or found == number) and found > (above or 0) else None

    def wait_prompt(self, number=None, above=None, deadline=10):
        """Waits for an empty prompt (of that number, or of one above `above`): its number."""
        def there():
            if self.ended or self.popen.poll() is not None:
                raise Ended("the program has ended instead of showing a prompt")
            return self.at_prompt(number, above)
        what = f"the prompt {number or ''}{f' above {above}' if above else ''}"
        self.number = self.wait(there, deadline, what)
        return self.number

    def more(self, line, deadline=10):
        """Types a line behind which the entry goes on: an empty `   ...: `, however indented."""
        mark = self.mark()
        self.send(line + ENTER)

        def there():
            line = self.screen.before_cursor()
            return self.mark() > mark and line and NEXT.fullmatch(line)
        self.wait(there, deadline, "...:")

    def type(self, text):
        """Types a part of a line, and waits until it stands there."""
        wanted = (self.screen.before_cursor() or "") + text
        self.send(text)
        self.wait(lambda: self.screen.before_cursor() == wanted, 10, f"typed {text!r}")

    def enter(self, line):
        """Types a line, and returns when it was taken: the cursor has left it."""
        mark = self.mark()
        self.send(line)
        self.wait(lambda: line[-8:] in "".join(self.since(mark)), 10, f"typed {line!r}")
        mark = self.mark()
        self.send(ENTER)
        self.wait(lambda: self.mark() > mark, 10, f"entered {line!r}")

    def run(self, line, deadline=10, count=1):
        """Types one line and waits for the next prompt: the lines that were shown."""
        before = self.number
        mark = self.mark()
        self.send(line + ENTER)
        self.wait_prompt(before + count, deadline=deadline)
        return self.shown(mark)

    def block(self, *lines, deadline=10):
        """Types the lines of an entry, each when it is asked for, and an empty one."""
        before, mark = self.number, self.mark()
        for line in lines:
            self.more(line, deadline)
        self.send(CTRL_U + ENTER)
        self.wait_prompt(before + 1, deadline=deadline)
        return self.since(mark)[:-1]

    def shown(self, mark):
        """The lines below a typed one (at `mark`) and above the prompt."""
        lines = self.since(mark)[:-1]
        first = 1
        if lines:
            first = max(1, -(-_cells(lines[0]) // self.screen.columns))
        return lines[first:]

    def value(self, expression, deadline=10):
        """A plain line's repr."""
        got = self.run(expression, deadline)
        assert got and got[-1].startswith(f"Out[{self.number - 1}]: "), got
        return got[-1].partition(": ")[2]

    def interrupt(self, deadline=10):
        """Ctrl-C at the prompt: a new line under the same number."""
        mark = self.mark()
        self.send(CTRL_C)
        self.wait(lambda: self.mark() > mark and self.at_prompt(self.number), deadline, "^C")

    def local_pid(self):
        self.run("import os")
        return int(self.value("os.getpid()"))

    def leave(self, answer=None, deadline=20):
        """Ctrl-D, and the answer to what is asked then."""
        self.send(CTRL_D)
        if answer is not None:
            self.wait(lambda: "".join(self.text()[-3:]).endswith("stay:"), 10, "the question")
            self.send(answer + ENTER)


def _cells(line):
    return sum(map(width, line))


class Prompt(Typist):
    """tutti on a terminal of its own."""

    def __init__(self, cluster, *args, ready=True, **more):
        super().__init__(cluster, [*cluster.before, cluster.tutti, *map(str, args)], **more)
        if ready:
            try:
                self.wait_prompt(1, deadline=30)
            except BaseException as error:
                self.__exit__(type(error))
                raise


class Shell(Typist):
    """A bash on a terminal, in which tutti is started. It edits no lines, so that the terminal's
    modes are always those that programs find."""

    def __init__(self, cluster, **more):
        super().__init__(cluster, ["bash", "--norc", "--noprofile", "--noediting"], **more)
        self.wait_shell()

    def at_shell(self):
        return self.screen.before_cursor() == SHELL_WORDS

    def wait_shell(self, deadline=20):
        self.wait(self.at_shell, deadline, "the shell")

    def command(self, line, deadline=20):
        """A command of the shell: the lines that it shows."""
        mark = self.mark()
        self.send(line + ENTER)
        self.wait(lambda: self.mark() > mark and self.at_shell(), deadline, f"end of {line!r}")
        return self.shown(mark)

    def tutti(self, *args):
        self.send(" ".join([self.cluster.tutti, *map(str, args)]) + ENTER)
        self.wait_prompt(1, deadline=30)

    def tutti_pid(self):
        """Of the prompt: the shell's child."""
        with open(f"/proc/{self.pid}/task/{self.pid}/children") as file:
            return int(file.read().split()[0])

    def stty(self):
        """The modes as `stty -a` tells them, without the size."""
        self.command("stty -a >stty")
        return re.sub(r"rows \d+; columns \d+;", "", (self.cluster.work_dir / "stty").read_text())

    def status(self):
        """$? of the last command."""
        return int(self.command("echo $?")[-1])


class Pipe:
    """A named pipe by which user code tells the test where it is: one word a line."""

    def __init__(self, cluster, name="at"):
        self.path = cluster.work_dir / name
        os.mkfifo(self.path)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.words = collections.deque()
        self.rest = b""

    def close(self):
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def get(self):
        """The words that have come since the last call."""
        try:
            self.rest += os.read(self.fd, 1 << 16)
        except BlockingIOError:
            pass
        *whole, self.rest = self.rest.split(b"\n")
        return [word.decode() for word in whole]

    def wait(self, terminal, words, deadline=10):
        """Waits until all these words have come, each once; any other one is a failure."""
        left = collections.Counter(words)

        def there():
            for word in self.get():
                assert left[word] > 0, f"user code says {word!r}, not {left}"
                left[word] -= 1
            return not +left
        terminal.wait(there, deadline, f"user code at {words}")


def state_of(pid):
    """R, S, T, Z ... as /proc has it."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(") ")[2][0]


def reads_zero(pid):
    """Whether the process waits in read(0, ...), so that an interrupt meets just that."""
    with open(f"/proc/{pid}/syscall") as file:
        return file.read().split()[1:2] == ["0x0"]


def stop_and_wait(terminal, pid):
    """SIGSTOP, and until it has stopped."""
    os.kill(pid, signal.SIGSTOP)
    terminal.wait(lambda: state_of(pid) == "T", 5)
