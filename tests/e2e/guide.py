"""docs/guide.md: its chapters, played anew at a real terminal.

A chapter is all that stands below one `## N.` line. Its blocks tell what to do:

- ```` ```console ````: what the terminal shows. `$ LINE` is typed at a shell, what stands behind
  `In [n]: ` or `px[...] [n]: ` at tutti's prompt, what stands behind `   ...: ` or `> ` goes on with
  it. Everything else is what is shown. `LINE<TAB>` types LINE and asks what fits; a line that begins
  with `^C` is an interrupt, sent when the line of progress stands there. A question that ends in
  `stay: ` is answered with what stands behind it. `...` alone is any lines.
- ```` ```LANGUAGE NAME ````: the file NAME.

What differs from run to run (times, process ids, sizes, versions) is compared by its shape only:
SHAPES. What an entry in the background shows, and what engines do by themselves, may come later than
it stands there. With TUTTI_GUIDE_WRITE set, what is shown and not as it stands there is written into
the guide; that is how its output comes to be true."""

import os
import re
import time

from .harness import ROOT, SLOW
from .terminal import CTRL_C, CTRL_U, ENTER, TAB, FIRST, NEXT, Shell

GUIDE = ROOT / "docs/guide.md"
WRITE = bool(os.environ.get("TUTTI_GUIDE_WRITE"))
COLUMNS = 116
SHELL_WORDS = "$ "
_WORDS = re.compile(r"((?:In \[\d+\]|px\[[^\]]*\] \[\d+\])[^:]*: ?| +\.\.\.: ?|\$ |> )(.*)")
_QUESTION = re.compile(r"(.*stay:) ?(.*)")

SHAPES = [
    (re.compile(r"(: serial would have been faster| · speed-up \d+(\.\d+)?x)"), ""),
    (re.compile(r"\d+ done, \d+ stopped, \d+ not started"), "# done, # stopped, # not started"),
    (re.compile(r"[█▏▎▍▌▋▊▉░▒▓]+"), "#"),
    (re.compile(r"\b\d+(\.\d+){2,}\b"), "#"),  # versions
    (re.compile(r"\b\d+(\.\d+)?(e-\d+)?(?= ?(s|ms|us|µs|MB|GB|%|/s)\b)"), "#"),
    (re.compile(r" +\d+\.\d{3} +\d+(?![.\d])"), " # #"),  # the seconds and the engine of a row
    (re.compile(r" s=\S+ engine=\d+$"), " s=# engine=#"),
    (re.compile(r"^\d\d items\b"), "# items"),  # as many as Ctrl-C has left
    (re.compile(r"^(Out\[\d+:\d+\]: )\d{3,}$"), r"\1#"),  # process ids
    (re.compile(r"(?<=· )\S+/(?=default/\d+-\d+\.png$)"), ""),  # where pictures are kept
    (re.compile(r"\(?/(usr|root|tmp|home)/\S*python\S*"), "#"),
    (re.compile(r"\b\d{4,}\b"), "#"),  # process ids
    (re.compile(r"\bengine \d+$"), "engine #"),
    (re.compile(r"RemoteError\[\d+\]"), "RemoteError[#]"),
    (re.compile(r" {2,}"), " "),
]
_UNASKED = re.compile(r"(engines? [\d,-]+:|\[\d+\] (done|failed|cancelled) ).*")


def shape(line):
    for pattern, text in SHAPES:
        line = pattern.sub(text, line)
    return line


def same(expected, lines):
    """Whether the lines have the shapes of those expected; `...` stands for any."""
    if not expected or not lines:
        return not lines and all(line == "..." for line in expected)
    if expected[0] == "...":
        return same(expected[1:], lines) or same(expected, lines[1:])
    return shape(expected[0]) == shape(lines[0]) and same(expected[1:], lines[1:])


class Entry:
    """What is typed and what is shown: `typed` has (words in front, text) for each line."""

    def __init__(self, words, text, line):
        self.typed = [(words, text)]
        self.first = self.last = line + 1  # of the guide's lines: those that are shown
        self.expected = []

    @property
    def tab(self):
        return self.typed[0][1].endswith("<TAB>")

    @property
    def background(self):
        text = self.typed[0][1]
        return bool(re.search(r"&$|--noblock|^%%?(scale|restart|kill)\b|os\.kill", text))

    def asked(self):
        """The answers to the questions that are shown, in order."""
        matches = [_QUESTION.fullmatch(line) for line in self.expected]
        return [match[2] for match in matches if match]


class Chapter:
    def __init__(self, number, title):
        self.number, self.title = number, title
        self.files, self.entries = {}, []

    def take(self, line, n):
        """A line of a console block."""
        match = _WORDS.fullmatch(line)
        goes_on = match and (match[1].strip() in (">", "...:"))
        if goes_on and self.entries:
            self.entries[-1].typed.append((match[1], match[2]))
            self.entries[-1].first = self.entries[-1].last = n + 1
        elif match:
            self.entries.append(Entry(match[1], match[2], n))
        else:
            self.entries[-1].expected.append(line)
            self.entries[-1].last = n + 1


def chapters(text=None):
    """{number: Chapter} of the guide."""
    found, kind, chapter = {}, None, None
    for n, line in enumerate((text or GUIDE.read_text()).split("\n")):
        head = re.fullmatch(r"## (\d+)\. (.*)", line)
        fence = re.fullmatch(r"```(\w*) ?(\S*)", line)
        if head and kind is None:
            chapter = found[int(head[1])] = Chapter(int(head[1]), head[2])
        elif fence and kind is None:
            kind = (fence[1], fence[2])
        elif fence:
            kind = None
        elif kind and kind[0] == "console" and chapter:
            chapter.take(line, n)
        elif kind and kind[1] and chapter:
            chapter.files[kind[1]] = chapter.files.get(kind[1], "") + line + "\n"
    return found


def write(changes):
    """Replaces lines of the guide: {(first, last): lines}."""
    lines = GUIDE.read_text().split("\n")
    for (first, last), new in sorted(changes.items(), reverse=True):
        lines[first:last] = new
    GUIDE.write_text("\n".join(lines))


class Player(Shell):
    """A person who types a chapter."""

    def __init__(self, cluster, names=()):
        """`names`: (what is shown here, what the guide calls it)."""
        self.names = names
        self.at = None
        cluster.env["PATH"] = f"{cluster.tutti.rpartition('/')[0]}:/usr/bin:/bin"
        super().__init__(cluster, columns=COLUMNS, rows=40, env={"PS1": SHELL_WORDS})

    def at_shell(self):
        return self.screen.before_cursor() == SHELL_WORDS

    def words(self):
        """The words in front of the cursor where a line may be typed, else None."""
        line = self.screen.before_cursor() or ""
        if line == SHELL_WORDS or FIRST.fullmatch(line):
            return line
        return None

    def ready(self, mark, before):
        """Whether what was typed at `mark`, behind the words `before`, has been done."""
        words = self.words()
        return words and self.mark() > mark and (words == SHELL_WORDS or words != before)

    def type_lines(self, entry):
        for n, (words, text) in enumerate(entry.typed):
            shown = self.screen.before_cursor() or ""
            assert shown.rstrip().startswith(words.rstrip()), f"at {shown!r} and not {words!r}"
            mark = self.mark()
            heredoc = words == "> "
            self.send((CTRL_U if n and not heredoc else "") + text + ENTER)
            if n + 1 < len(entry.typed):
                goes_on = re.compile("> ") if entry.typed[n + 1][0] == "> " else NEXT
                self.wait(lambda: self.mark() > mark and
                          goes_on.fullmatch(self.screen.before_cursor() or ""), 10, "a further line")

    def look(self, entry):
        """TAB, and the list above the line."""
        words, text = entry.typed[0]
        text = text.removesuffix("<TAB>")
        self.send(text)
        self.wait(lambda: (self.screen.before_cursor() or "") == words + text, 10, text)
        mark = self.mark()
        self.send(TAB + TAB)
        self.wait(lambda: self.mark() > mark and self.screen.before_cursor() == words + text, 10,
                  f"what fits {text!r}")
        lines = self.since(mark)[1:-1]
        self.send(CTRL_U)
        self.wait(lambda: self.words() == words, 10, "an empty line")
        return lines

    def play(self, entry):
        """What one entry shows."""
        if entry.tab:
            return self.look(entry)
        before, mark, start = self.words(), self.mark(), len(self.raw)
        self.type_lines(entry)
        for line in entry.expected:
            if line.startswith("^C"):
                self.wait(lambda: re.search(rb" \d+ % ", self.raw[start:]), 20, "progress")
                self.send(CTRL_C)
        for answer in entry.asked():
            self.wait(lambda: "".join(self.text()[-2:]).endswith("stay:"), 20, "a question")
            self.send(answer + ENTER)
        self.wait(lambda: self.ready(mark, before), 60, f"the end of {entry.typed}")
        if WRITE:
            until = time.monotonic() + (3 if entry.background else 0.3)
            while time.monotonic() < until:
                self.read(0.05)
            self.wait(self.words, 10)
        return self.named(self.since(mark)[len(entry.typed):-1])

    def named(self, lines):
        for here, there in self.names:
            lines = [line.replace(here, there) for line in lines]
        return lines


def play(number, cluster, names=()):
    """Types a chapter and compares, or writes."""
    chapter = chapters()[number]
    for name, text in chapter.files.items():
        path = cluster.file(name, text)
        if text.startswith("#!"):
            path.chmod(0o755)
    changes, later = {}, []
    names = [(str(cluster.work_dir), "/home/anna"), *names]
    with Player(cluster, names) as person:
        for entry in chapter.entries:
            mark = person.mark()
            shown = person.play(entry)
            if WRITE:
                if not same(entry.expected, shown):
                    changes[entry.first, entry.last] = shown
                continue
            unasked = [line for line in entry.expected
                       if line != "..." and (entry.background or _UNASKED.fullmatch(line))]
            later += map(shape, unasked)
            got = [line for line in shown if shape(line) not in later]
            wanted = [line for line in entry.expected if line == "..." or shape(line) not in later]
            assert same(wanted, got), (f"{entry.typed}: the screen shows\n" + "\n".join(got) +
                                       "\nand not\n" + "\n".join(wanted))
            for line in unasked:
                person.wait(lambda: shape(line) in map(shape, person.named(person.since(mark))),
                            20 * SLOW, f"{line!r} behind {entry.typed}")
            person.wait(person.words, 10, "a prompt")
        assert person.words() == SHELL_WORDS, "the chapter leaves the prompt open"
    if changes:
        write(changes)
