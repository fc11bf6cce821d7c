"""What the keys do: history, search, vi mode, completion, and what is in the way of it."""

import os
import re
import signal

import pytest

from .conftest import FAILED
from .terminal import (CTRL_C, CTRL_D, CTRL_R, CTRL_U, ENTER, ESC, TAB, UP, Pipe, Prompt,
                       stop_and_wait)


pytestmark = pytest.mark.sanitize


@pytest.fixture
def prompt(cluster, request):
    """A prompt with two engines of the session's own."""
    with Prompt(cluster, "-n", 2) as one:
        yield one
        if request.node.stash.get(FAILED, False):
            one.tell("failure")


def history(cluster):
    """The entries of the history's file, without their times."""
    text = (cluster.state_dir / ".history").read_text()
    return re.split(r"(?m)^#\d+\n", text)[1:]


def shows(prompt, text):
    """Waits until this stands in front of the cursor."""
    prompt.wait(lambda: prompt.screen.before_cursor() == text, 10,
                f"{text!r}, not {prompt.screen.before_cursor()!r}")


# ---- history

def test_ctrl_r_finds_a_line_and_runs_it(prompt):
    prompt.run("needle = 40")
    for n in range(20):
        prompt.run(f"hay{n} = {n}")
    prompt.send(CTRL_R + "needle")
    shows_needle = "(reverse-i-search)`needle': "
    prompt.wait(lambda: any(line.startswith(shows_needle) for line in prompt.text()[-2:]))
    prompt.send(ENTER)
    prompt.wait_prompt(prompt.number + 1)
    prompt.send(CTRL_R + "nothing of the kind")
    prompt.wait(lambda: any("failed reverse-i-search" in line for line in prompt.text()[-2:]))
    prompt.interrupt()
    assert prompt.value("needle + 2") == "42"


def test_prints_wait_while_the_history_is_searched(prompt):
    prompt.run("import threading; needle = 1")
    prompt.run("timer = threading.Timer(0.2, lambda: (print('a print'), open('printed', 'w')))")
    prompt.run("timer.start()")
    prompt.send(CTRL_R + "needl")
    prompt.wait(lambda: any("i-search)`needl'" in line for line in prompt.text()[-2:]))
    prompt.wait(lambda: prompt.cluster.file("printed").exists())
    prompt.send("e")
    prompt.wait(lambda: any("i-search)`needle'" in line for line in prompt.text()[-2:]))
    assert "a print" not in prompt.text()
    prompt.send(CTRL_C)
    prompt.wait(lambda: "a print" in prompt.text())
    prompt.wait_prompt()


def test_a_block_comes_back_from_history_as_one_entry(prompt, cluster):
    prompt.block("def f(x):", "y = x", "return y + 1")
    prompt.send(UP)
    prompt.wait(lambda: prompt.text()[-1].endswith("return y + 1"))
    prompt.send(ENTER)
    prompt.wait_prompt(3)
    assert prompt.value("f(41)") == "42"
    assert history(cluster) == ["def f(x):\n    y = x\n    return y + 1\n", "f(41)\n"]
    prompt.leave("s")
    assert prompt.wait_end() == 0
    with Prompt(cluster, "-n", 1) as again:
        again.send(UP + UP)
        again.wait(lambda: again.text()[-1].endswith("return y + 1"))
        again.send(ENTER)
        again.wait_prompt(2)
        assert again.value("f(1)") == "2"


def test_a_cell_comes_back_from_history_and_is_whole(prompt):
    prompt.more("%%px")
    prompt.more("a = 1")
    prompt.more(CTRL_U + "a + 41")
    prompt.send(CTRL_U + ENTER)
    prompt.wait_prompt(2)
    prompt.send(UP)
    prompt.wait(lambda: prompt.text()[-1].endswith("a + 41"))
    prompt.send(ENTER)
    prompt.wait_prompt(3)
    assert prompt.text()[-2] == "Out[0-1:2]: 42"


def test_two_prompts_at_once_lose_nothing_of_their_history(cluster):
    cluster.start(1)
    with Prompt(cluster) as one, Prompt(cluster) as two:
        for n in range(150):
            for name, prompt in (("one", one), ("two", two)):
                prompt.send(f"{name} = {n}" + ENTER)
        for prompt in (one, two):
            prompt.wait_prompt(151, deadline=30)
        one.block("if True:", "    both = 1")
        entries = history(cluster)
        assert len(entries) == 301
        for name in ("one", "two"):
            assert [e for e in entries if e.startswith(name)] == [
                f"{name} = {n}\n" for n in range(150)]


def test_a_line_with_a_blank_in_front_is_not_kept(prompt, cluster):
    prompt.run(" secret = 'abc'")
    prompt.run("plain = 1")
    assert history(cluster) == ["plain = 1\n"]


# ---- inputrc

def test_vi_mode_by_the_persons_inputrc(cluster):
    cluster.file("inputrc", "set editing-mode vi\n$if tutti\n\"Q\": \"6*7\"\n$endif\n")
    with Prompt(cluster, "-n", 1, env={"INPUTRC": str(cluster.file("inputrc"))}) as prompt:
        prompt.type("'word thirdd'")
        prompt.send(ESC)
        prompt.wait(lambda: prompt.screen.column == len("In [1]: 'word thirdd"))
        prompt.send("hx0cwx = 'a" + ESC)
        prompt.wait(lambda: "x = 'a" in prompt.text()[-1])
        prompt.send(ENTER)
        prompt.wait_prompt(2)
        assert "thirdd" not in prompt.text()[-2] and "third" in prompt.text()[-2]
        prompt.send("Q")
        shows(prompt, "In [2]: 6*7")
        prompt.send(ENTER)
        prompt.wait_prompt(3)
        assert prompt.text()[-2] == "Out[2]: 42"


# ---- wide and other characters

def test_wide_and_combined_characters_in_a_line_and_in_output(prompt):
    text = "日本語 ñandú é 🙂"
    prompt.type(f"名前 = '{text}'")
    prompt.send("\x1b[D" * 3 + "!")
    prompt.wait(lambda: "!" in prompt.text()[-1])
    prompt.send(ENTER)
    prompt.wait_prompt(2)
    assert prompt.value("名前").count("!") == 1
    assert prompt.run("名前.replace('!', '') == " + repr(text)) == ["Out[3]: True"]
    assert prompt.run("%px '日本語'") == ["Out[0-1:4]: '日本語'"]
    assert prompt.run("%px print('日本語', 'ñ')") == ["[0-1] 日本語 ñ"]
    assert prompt.run("%px print('日' * 60)") == ["[0-1] " + "日" * 47, "日" * 13]


def test_control_characters_of_values_and_names_are_escaped(prompt):
    start = len(prompt.raw)
    prompt.run(r"%px raise type('Bad\x1b[31mName', (Exception,), {})(1)")
    prompt.run("%targets such" + "\x16\x1b" + "[31mhost")
    prompt.run("%nonsense" + "\x16\x1b" + "[31m")
    prompt.run("%px --such" + "\x16\x1b" + "[31m 1")
    shown = bytes(prompt.raw[start:])
    assert b"\x1b[31mName" not in shown and rb"Bad\x1B[31mName" in shown
    assert b"\x1b[31mhost" not in shown and rb"such\x1B[31mhost" in shown
    assert b"nonsense\x1b" not in shown and b"such\x1b" not in shown
    assert prompt.run("%px 6*7") == [f"Out[0-1:{prompt.number - 1}]: 42"]


# ---- completion

def completed(prompt, text, shown):
    """Types a text and TAB: then this stands there. The line is dropped."""
    words = prompt.screen.before_cursor()
    prompt.type(text)
    prompt.send(TAB)
    shows(prompt, words + shown)
    prompt.interrupt()


def listed(prompt, text, deadline=10):
    """Types a text and TAB twice: the lines that are listed. The line is dropped."""
    line = prompt.screen.before_cursor() + text
    prompt.type(text)
    mark = prompt.mark()
    prompt.send(TAB + TAB)
    prompt.wait(lambda: prompt.mark() > mark and prompt.screen.before_cursor() == line, deadline,
                f"a list for {text!r}")
    lines = prompt.since(mark)[1:-1]
    prompt.interrupt()
    return lines


def words_of(lines):
    return " ".join(lines).split()


def test_tab_completes_magics_options_targets_and_jobs(prompt):
    completed(prompt, "%targ", "%targets ")
    completed(prompt, "%%p", "%%px ")
    completed(prompt, "x = %pul", "x = %pull ")
    completed(prompt, "%px --nob", "%px --noblock ")
    completed(prompt, "%px -t al", "%px -t all ")
    completed(prompt, "%px --targets @pyt", "%px --targets @python ")
    completed(prompt, "%targets @pyt", "%targets @python ")
    completed(prompt, "%help interr", "%help interrupt ")
    assert set(words_of(listed(prompt, "%p"))) >= {"%px", "%push", "%pull"}
    assert set(words_of(listed(prompt, "%px -t "))) >= {"all", "0", "1", "@python"}
    assert set(words_of(listed(prompt, "%map --"))) >= {"--targets", "--retries"}
    prompt.run("%px 1")
    prompt.run("%px 2")
    assert words_of(listed(prompt, "%result ")) == ["1", "2"]


def test_tab_completes_files(prompt, cluster):
    cluster.file("a_long_name.txt", "")
    cluster.file("a directory").mkdir()
    cluster.file("folder").mkdir()
    cluster.file("folder/inside.py", "")
    cluster.file("fold.txt", "")
    completed(prompt, "open('a_lo", "open('a_long_name.txt")
    completed(prompt, "!cat a_lo", "!cat a_long_name.txt ")
    completed(prompt, "!cat folder/ins", "!cat folder/inside.py ")
    completed(prompt, f"!cat {cluster.work_dir}/folder/ins",
              f"!cat {cluster.work_dir}/folder/inside.py ")
    assert set(words_of(listed(prompt, "!ls fold"))) == {"folder/", "fold.txt"}


def test_tab_completes_local_names(prompt):
    prompt.run("alpha_one, alpha_two, größe = 1, 2, 'x'")
    completed(prompt, "alpha_o", "alpha_one")
    completed(prompt, "größe.upp", "größe.upper")
    assert words_of(listed(prompt, "print(alpha_")) == ["alpha_one", "alpha_two"]
    assert "isalpha" in words_of(listed(prompt, "größe.is"))
    completed(prompt, "%push alpha_o", "%push alpha_one")
    completed(prompt, "%map alpha_o", "%map alpha_one")
    prompt.type("nothing_like_this")
    prompt.send(TAB + TAB)
    prompt.interrupt()


def test_tab_completes_names_of_engines_and_tells_who_has_them(prompt):
    prompt.run("%px shared_name = 1")
    prompt.run("%px -t 0 shared_zero = 1")
    prompt.run("only_here = 1")
    assert listed(prompt, "%px shared_") == ["shared_name      shared_zero [0]"]
    completed(prompt, "%px -t 0 shared_z", "%px -t 0 shared_zero")
    completed(prompt, "%px -t 1 shared_", "%px -t 1 shared_name")
    completed(prompt, "@0: shared_z", "@0: shared_zero")
    completed(prompt, "%px shared_name.bit_c", "%px shared_name.bit_count")
    prompt.type("%px only_h")
    prompt.send(TAB)
    prompt.interrupt()
    assert prompt.text()[-2] == f"In [{prompt.number}]: %px only_h^C"


def test_tab_completes_names_of_engines_on_the_lines_of_a_cell(prompt):
    prompt.run("%px only_there = 1")
    prompt.run("%px -t 1 both_or_one = 1")
    prompt.more("%%px -t 0")
    completed(prompt, "x = only_th", "x = only_there")
    prompt.more("%%px -t 1")
    prompt.more("y = 2")
    completed(prompt, "x = both_", "x = both_or_one")


def test_a_busy_engine_does_not_hold_up_help_on_a_name(prompt):
    with Pipe(prompt.cluster) as pipe:
        prompt.run("%px import os; at = os.open('at', os.O_WRONLY)")
        prompt.run("%px -t 1 os.write(at, b'a\\n'); exec('while True: pass') &")
        pipe.wait(prompt, ["a"])
        got = prompt.run("%px os.getpid?")
        assert "getpid()" in got[0] and any("[1] refused: busy" in line for line in got), got
        prompt.run("%interrupt 1")
        prompt.wait_line(r"\[1\] interrupted.*")
        prompt.wait_prompt()


def test_ctrl_c_while_tab_waits_for_an_answer_drops_the_line(prompt):
    """The local engine does not answer: TAB has its limit, and Ctrl-C does not wait for that."""
    local = prompt.local_pid()
    os.kill(local, signal.SIGSTOP)
    for _ in range(5):
        prompt.type("nothing_like_this")
        prompt.send(TAB)
        prompt.interrupt()
    prompt.send(ENTER)
    os.kill(local, signal.SIGCONT)
    assert prompt.value("6*7") == "42"


def test_tab_tells_of_a_busy_engine(prompt):
    with Pipe(prompt.cluster) as pipe:
        prompt.run("%px import os; at = os.open('at', os.O_WRONLY); both_a = both_b = 1")
        prompt.run("%px -t 1 os.write(at, b'a\\n'); exec('while True: pass') &")
        pipe.wait(prompt, ["a"])
        lines = listed(prompt, "%px both_")
        assert lines[-1] == "1 of 2 engines is busy"
        assert words_of(lines[:-1])[:1] == ["both_a"]
        prompt.run("%interrupt 1")
        prompt.wait_line(r"\[1\] interrupted.*")
        prompt.wait_prompt()


# ---- an engine that hangs

def test_a_hung_engine_holds_up_nothing(cluster):
    """Each answer has its own limit; what is measured is only that none of them is the 60 s of a
    test. The engine goes on at the end."""
    cluster.start(2)
    with Prompt(cluster) as prompt, Pipe(cluster) as pipe:
        prompt.run("%px import os; same = 1; at = os.open('at', os.O_WRONLY)")
        pid = cluster.engine_pids()[1]
        number, mark = prompt.number, prompt.mark()
        prompt.enter("%px os.write(at, b'a\\n'); exec('while True: pass')")
        pipe.wait(prompt, ["a", "a"])
        stop_and_wait(prompt, pid)
        try:
            prompt.send(CTRL_C)
            prompt.wait(lambda: prompt.mark() >= mark + 2)
            prompt.send(CTRL_C)
            prompt.wait_prompt(number + 1, deadline=2)
            assert prompt.text()[-2].endswith(f"[{number}] goes on in the background")
            prompt.type("%px sam")
            prompt.send(TAB)
            prompt.wait(lambda: (prompt.screen.before_cursor() or "").endswith("%px same") or
                        any(line.endswith(("is busy", "are busy")) for line in prompt.text()), 2)
            prompt.interrupt(deadline=2)
            prompt.send(ENTER)
            prompt.run("6*7", deadline=2)
            prompt.run("%status", deadline=5)
            prompt.run("%why", deadline=5)
            assert prompt.run("%px -t 0 same", deadline=2) == [f"Out[0:{prompt.number - 1}]: 1"]
            prompt.send(CTRL_D)
            prompt.wait(lambda: "".join(prompt.text()[-2:]).endswith("stay:"), 2)
            prompt.send("k" + ENTER)
            assert prompt.wait_end(3) == 0
        finally:
            os.kill(pid, signal.SIGCONT)


def test_why_names_an_engine_that_hangs(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        pid = cluster.engine_pids()[1]
        stop_and_wait(prompt, pid)
        try:
            prompt.run("%px 1 &")
            assert any("engine 1" in line for line in prompt.run("%why"))
        finally:
            os.kill(pid, signal.SIGCONT)


def test_tab_behind_a_whole_name_shows_nothing_and_changes_nothing(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.run("%px a = 1")
        prompt.send("%px a.rea" + TAB + TAB + TAB)
        prompt.wait(lambda: (prompt.screen.before_cursor() or "").endswith("%px a.real"))
        prompt.send(" + 1" + ENTER)
        prompt.wait_line(r"Out\[0:2\]: 2")
        assert [line for line in prompt.text() if "a.real" in line] == ["In [2]: %px a.real + 1"]
