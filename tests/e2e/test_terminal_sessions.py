"""Whole sessions as people type them: each line of a transcript is typed, and what the screen shows
until the next one is compared.

A transcript is what the screen shows. `{{...}}` stands for a regular expression (times, process
ids), a line `...` for any lines. `+ LINE` is shown sooner or later, above the line being typed
then; the session goes on when it is there."""

import re

import pytest

from .terminal import CTRL_C, CTRL_U, ENTER, TAB, Prompt, Shell


_WORDS = re.compile(r"((?:In \[\d+\]|px\[[^\]]*\] \[\d+\])[^:]*:|   +\.\.\.:)(?: (.*))?")


def pattern_of(line):
    parts = re.split(r"\{\{(.*?)\}\}", line)
    return "".join(part if n % 2 else re.escape(part) for n, part in enumerate(parts))


def entries_of(transcript):
    """[([(words in front, typed), ...], [expected line, ...])]"""
    entries = []
    for line in transcript.strip("\n").split("\n"):
        match = _WORDS.fullmatch(line)
        if match and "..." not in match[1]:
            entries.append(([(match[1], match[2] or "")], []))
        elif match:
            entries[-1][0].append((match[1], match[2] or ""))
        else:
            entries[-1][1].append(line)
    return entries


def same(expected, lines):
    """Whether the lines are as expected; `...` stands for any."""
    if not expected or not lines:
        return not lines and all(line == "..." for line in expected)
    if expected[0] == "...":
        return same(expected[1:], lines) or same(expected, lines[1:])
    return bool(re.fullmatch(pattern_of(expected[0]), lines[0])) and same(expected[1:], lines[1:])


def type_entry(prompt, typed):
    """Types an entry's lines, each behind the words it stands behind in the transcript."""
    for n, (words, text) in enumerate(typed):
        shown = (prompt.screen.before_cursor() or "")
        assert shown.startswith(words) and not shown[len(words):].strip(), (shown, words)
        if n + 1 < len(typed):
            prompt.more((CTRL_U if n else "") + text)
        else:
            prompt.send((CTRL_U if n else "") + text + ENTER)


def play(prompt, transcript):
    later, number = [], prompt.number
    for typed, expected in entries_of(transcript):
        mark = prompt.mark()
        type_entry(prompt, typed)
        prompt.wait_prompt(number + 1, deadline=20)
        number += 1
        later += [pattern_of(line[2:]) for line in expected if line.startswith("+ ")]
        shown = [line for line in prompt.since(mark)[len(typed):-1]
                 if not any(re.fullmatch(one, line) for one in later)]
        wanted = [line for line in expected if not line.startswith("+ ")]
        assert same(wanted, shown), (f"{typed}: the screen shows\n" + "\n".join(shown) +
                                     "\nand not\n" + "\n".join(wanted))
        for one in [line[2:] for line in expected if line.startswith("+ ")]:
            prompt.wait_line(pattern_of(one), 20, start=mark)
            prompt.wait(lambda: prompt.at_prompt(number))


def leave(prompt, answer="s"):
    """`exit`, and the answer where something would be lost."""
    prompt.send("exit" + ENTER)
    if answer:
        prompt.wait(lambda: "".join(prompt.text()[-2:]).endswith("stay:"))
        prompt.send(answer + ENTER)
    assert prompt.wait_end() == 0


# ---- 1: the first five minutes

FIRST_FIVE = """
In [1]: %px import os; os.getpid()
Out[0:1]: {{\\d+}}
Out[1:1]: {{\\d+}}
Out[2:1]: {{\\d+}}
Out[3:1]: {{\\d+}}
In [2]: %px 6*7
Out[0-3:2]: 42
In [3]: x = %px os.getpid()
In [4]: sum(x) == x[0] + x[1] + x[2] + x[3]
Out[4]: True
In [5]: k = 3
In [6]: def f(n): return n*k
   ...:
In [7]: %map f range(10)
Out[7]: [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]
10 items · {{[\\d.]+}} s · serial {{[\\d.]+}} s{{(: serial would have been faster| · speed-up [\\d.]+x)}}
In [8]: %px f(3)
[0-3:8] NameError: name 'f' is not defined · defined here, not there: %push f
In [9]: %help
Most used
  %px         runs code on the engines
  %map        calls a function for each item, on whichever engine is free
  %push       sends values of yours to the engines
  %pull       brings values of the engines here
...
Plain lines run here; %px runs them on the engines; %%px opens a cell.
...
A trailing & puts a magic into the background. @SET: CODE is %px -t SET CODE.
...
In [10]: %push f
In [11]: %px f(3)
Out[0-3:11]: 9
"""


@pytest.mark.sanitize
def test_session_1_the_first_five_minutes(cluster):
    with Prompt(cluster, "-n", 4) as prompt:
        banner = " ".join(prompt.text()[:-1])
        assert re.fullmatch(r"tutti \d+\.\d+(\.\d+)? · cluster 'default' · 4 Python engines \(3\.\d+"
                            r"\.\d+, /\S+\) (· )?%help · Ctrl-D leaves and stops it", banner)
        play(prompt, FIRST_FIVE)
        leave(prompt)
    cluster.wait_gone()


# ---- 2: the ipyparallel walk-through

AUTOPX = """
In [1]: %autopx
%autopx enabled
px[0-1] [2]: import os
px[0-1] [3]: print(os.getpid())
[0] {{\\d+}}
[1] {{\\d+}}
px[0-1] [4]: %pxconfig --targets 1
px[1] [5]: %autopx
%autopx disabled
In [6] @1: %%px --noblock
   ...: import time
   ...: time.sleep(0.1)
   ...: os.getpid()
   ...:
[6] running on 1
In [7] @1: %pxresult
Out[1:6]: {{\\d+}}
...
In [8] @1: %targets all
In [9]: 8
Out[9]: 8
"""

WALK = """
In [1]: %targets 1
In [2] @1: %%px --noblock
   ...: import os, time
   ...: time.sleep(0.1)
   ...: os.getpid()
   ...:
[2] running on 1
In [3] @1: %result 2
Out[1:2]: {{\\d+}}
[2] done · {{[\\d.]+}} s
In [4] @1: %targets all
In [5]: def f(x):
   ...:     import time
   ...:     time.sleep(0.1)
   ...:     return x * x
   ...:
In [6]: import time
In [7]: r = %map f range(10) &
[7] running
In [8]: r.ready(), 0 <= r.elapsed < 60
Out[8]: (False, True)
+ [7] done · 10 items · {{[\\d.]+}} s · speed-up {{[\\d.]+}}x
In [9]: r.get()
Out[9]: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
In [10]: common = {'the'}
In [11]: def words(line): return [w for w in line.split() if w not in common]
    ...:
In [12]: %push words common
In [13]: parts = %map words ['the cat', 'a dog']
2 items · {{[\\d.]+}} s · serial {{[\\d.]+}} s{{(: serial would have been faster| · speed-up [\\d.]+x)}}
In [14]: parts
Out[14]: [['cat'], ['a', 'dog']]
In [15]: parts.elapsed >= 0, parts.serial_time >= 0, parts.wall_time >= 0
Out[15]: (True, True, True)
"""

DIRECT = """
In [1]: def f(x):
   ...:     import time
   ...:     time.sleep(0.1)
   ...:     return x * x
   ...:
In [2]: %px --local import time
In [3]: %map --direct f range(10)
Out[3]: [0, 1, 4, 9, 16, 25, 36, 49, 64, 81]
10 items · {{[\\d.]+}} s · serial {{[\\d.]+}} s · speed-up {{[\\d.]+}}x
In [4]: %time counts = len('word')
CPU times: {{.*}}
Wall time: {{.*}}
In [5]: counts
Out[5]: 4
"""


def test_session_2_the_walk_through(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        play(prompt, WALK)
        leave(prompt, None)


@pytest.mark.parametrize("part", [AUTOPX, DIRECT], ids=["autopx", "direct"])
def test_session_2_what_ipyparallel_has(cluster, part):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        play(prompt, part)
        leave(prompt, None)


# ---- 3: five hundred sleeps

def test_session_3_five_hundred_sleeps(cluster):
    """Fewer engines and shorter sleeps than there: the progress line is the same."""
    cluster.start(24)
    with Prompt(cluster) as prompt:
        prompt.block("def slow(n):", "import time", "time.sleep(0.15)", "return n")
        assert prompt.run("fs = %map slow range(500) &") == ["[2] running"]
        start, number = len(prompt.raw), prompt.number
        prompt.send("%wait 2" + ENTER)
        prompt.wait(lambda: re.search(r"\d+/500 \S+ +\d+ % · [\d.]+/s · [\d.]+ s left",
                                      prompt.raw[start:].decode(errors="ignore")), 20)
        prompt.wait_prompt(number + 1, deadline=30)
        last = prompt.text()[-2]
        assert re.fullmatch(r"\[2\] done · 500 items · [\d.]+ s · speed-up [\d.]+x", last), last
        assert prompt.value("fs.get() == list(range(500))") == "True"
        assert not any("500 " in line and "left" in line for line in prompt.text())
        leave(prompt, None)


# ---- 8: an error storm

STORM = """
In [1]: def clean(row):
   ...:     if row % 12 == 3:
   ...:         raise ValueError('bad row %d' % row)
   ...:     return row
   ...:
In [2]: res = %map clean range(500)
[42 of 500 items: 3,15,27,…] ValueError at clean:3, 42 messages, first 3: {{.*}}
458 done, 42 failed · %retry 2
...
In [3]: len(res), res.errors[3]
Out[3]: (500, <RemoteError[{{\\d}}]:ValueError(bad row 3)>)
"""


def test_session_8_an_error_storm(cluster):
    cluster.start(4)
    with Prompt(cluster, columns=160) as prompt:
        play(prompt, STORM)
        prompt.block("def slow(n):", "import time", "time.sleep(0.05)", "return n")
        number, mark = prompt.number, prompt.mark()
        prompt.enter("got = %map slow range(500)")
        prompt.wait(lambda: int(cluster.status()["controller"]["tasks_done"]) > 520, 20)
        prompt.send(CTRL_C)
        prompt.wait_prompt(number + 1)
        lines = prompt.since(mark)
        told = [re.fullmatch(r"(\d+) done, (\d+) stopped, (\d+) not started.*", line)
                for line in lines]
        done, stopped, unstarted = [int(n) for match in told if match for n in match.groups()]
        assert done + stopped + unstarted == 500 and done >= 15 and stopped > 0
        assert prompt.value("len(got), sum(1 for one in got.errors if one) >= 0") == "(500, True)"
        mark = prompt.mark()
        prompt.run("%px -t 3 import os; os.kill(os.getpid(), 9)")
        assert re.fullmatch(r"\[3\] lost: .*killed by SIGKILL.*", prompt.since(mark)[1])
        prompt.wait_line(r"engine 3: killed by SIGKILL; back, names are gone")
        prompt.wait_prompt()
        assert prompt.run("%px -t 3 6*7") == [f"Out[3:{prompt.number - 1}]: 42"]
        leave(prompt, None)


# ---- 9: teaching

FRAME = "exec('class Frame:\\n def groupby(self): pass\\n def greet(self): pass\\ndf = Frame()')"


def test_session_9_names_of_engines(cluster):
    cluster.start(4)
    with Prompt(cluster) as prompt:
        prompt.run(f"%px {FRAME}")
        prompt.run("%px -t 0 df.group_of_one = 1")
        prompt.type("%px df.gr")
        prompt.send(TAB + TAB)
        prompt.wait_line(r"greet +group_of_one \[0\] +groupby")
        prompt.wait(lambda: (prompt.screen.before_cursor() or "").endswith("%px df.gr"))
        prompt.send("oupby")
        prompt.interrupt()
        leave(prompt, None)


def test_session_9_names_within_autopx(cluster):
    cluster.start(4)
    with Prompt(cluster) as prompt:
        prompt.run(f"%px {FRAME}")
        prompt.run("%autopx")
        prompt.type("df.gr")
        prompt.send(TAB + TAB)
        prompt.wait_line(r"greet +groupby")


def test_session_9_help_and_saving(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        prompt.run("%px import os.path")
        got = prompt.run("%px os.path.join?")
        assert got[0] == "join(a, *p)", got
        prompt.run("%save lesson.tutti")
        assert "%px import os.path\n" in cluster.file("lesson.tutti").read_text()
        assert prompt.run("%history -n 1-2") == ["   1: %px import os.path", "   2: %px os.path.join?"]
        assert prompt.run("%timing 1")[0].startswith("[1] done · ")


# ---- 10: in a script

def test_session_10_in_a_script(cluster):
    cluster.file("nightly.tutti", "%px 6*7\nx = %px 1\nprint(sum(x))\n")
    with Shell(cluster) as shell:
        shell.command(f"PATH={cluster.tutti.rpartition('/')[0]}:$PATH")
        got = shell.command("tutti run -n 4 --json nightly.tutti > out.jsonl || echo failed")
        assert len(got) == 1 and got[0].startswith("tutti: started cluster 'default' for this run")
        lines = cluster.file("out.jsonl").read_text().splitlines()
        assert sum('"repr":"42"' in line.replace(": ", ":") for line in lines) == 4
        shell.command("tutti start -n 2")
        mark = shell.mark()
        shell.send("tutti px - <<'END'" + ENTER + "import socket" + ENTER +
                   "socket.gethostname() and 1" + ENTER + "END" + ENTER)
        shell.wait(lambda: shell.at_shell() and shell.text()[-2].endswith("Out[0-1:1]: 1"))
        shell.command("tutti px '1/0' || echo code $?")
        assert shell.text()[-2] == "code 1"
        shell.command("tutti stop; tutti px 1; echo code $?")
        assert shell.text()[-2] == "code 3"


def test_session_10_a_command_of_the_shell_on_engines(cluster):
    cluster.start(2)
    with Shell(cluster) as shell:
        assert shell.command(f"{cluster.tutti} sh 'echo a; echo b | tail -1'") == [
            "[0-1] a", "[0-1] b"]
        shell.command(f"{cluster.tutti} sh 'exit 3' || echo code $?")
        assert shell.text()[-3:-1] == ["[0-1] exit 3", "code 1"]
