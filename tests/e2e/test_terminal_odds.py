"""Terminals that are not as expected: none, dumb, narrow, in the background, without colours; and
leaving while something runs."""

import os
import re
import signal

import pytest

from .harness import SLOW
from .terminal import (CTRL_C, CTRL_D, CTRL_U, ENTER, Pipe, Prompt, Shell, Terminal, state_of)


pytestmark = pytest.mark.sanitize


def test_tutti_in_the_background_stops_until_it_is_called(cluster):
    with Shell(cluster) as shell:
        before = shell.stty()
        shell.command(f"{cluster.tutti} -n 1 &")
        shell.wait(lambda: state_of(shell.tutti_pid()) == "T", 10, "stopped")
        assert shell.stty() == before
        shell.command("jobs > jobs")
        assert "Stopped" in cluster.file("jobs").read_text()
        shell.send("fg" + ENTER)
        shell.wait_prompt(1, deadline=30)
        assert shell.value("6*7") == "42"
        shell.leave("s")
        shell.wait_shell()
        assert shell.stty() == before


def test_without_a_terminal_there_is_no_prompt(cluster):
    outcome = cluster.run(input="6*7\n")
    assert outcome.code == 2 and outcome.stdout == ""
    assert outcome.stderr.startswith("usage: tutti")
    with Shell(cluster) as shell:
        for redirected in ("< /dev/null", "| cat", "> out"):
            shell.command(f"{cluster.tutti} {redirected}; echo ${{PIPESTATUS[0]}}")
            assert shell.text()[-2] == "2", shell.text()


def test_a_dumb_terminal_is_told_apart(cluster):
    with Terminal(cluster, [cluster.tutti, "-n", "1"], env={"TERM": "dumb"}) as terminal:
        assert terminal.wait_end() == 2
        assert b"\x1b" not in terminal.raw


def test_no_colours_where_none_are_wanted(cluster):
    for setting in ("1", ""):
        with Prompt(cluster, "-n", 2, env={"NO_COLOR": setting}) as prompt:
            prompt.run("%px 6*7")
            prompt.run("%px 1/0")
            prompt.run("%px import sys; print('err', file=sys.stderr)")
            coloured = re.search(rb"\x1b\[[0-9;]*m", bytes(prompt.raw))
            assert bool(coloured) == (setting == "")
            prompt.leave("s")
            assert prompt.wait_end() == 0


def test_a_terminal_of_20_columns(cluster):
    with Prompt(cluster, "-n", 2, columns=20, rows=12) as prompt:
        line = "x = [" + ", ".join(map(str, range(30))) + "]"
        prompt.send(line)
        prompt.wait(lambda: "".join(prompt.text()[-12:]).endswith(line[-15:]))
        prompt.send(ENTER)
        prompt.wait_prompt(2)
        assert prompt.value("x == list(range(30))") == "True"
        prompt.run("%px import os, time")
        assert "42" in "".join(prompt.run("%px 6*7"))
        prompt.run("%help")
        prompt.run("%status")
        with Pipe(cluster) as pipe:
            prompt.run("go = open('go', 'w')")
            number, start = prompt.number, len(prompt.raw)
            prompt.send("%px time.sleep(1.5)" + ENTER)
            prompt.wait(lambda: b"/2" in prompt.raw[start:], 10, "progress")
            prompt.wait_prompt(number + 1)
            left = [line for line in prompt.since(0)[-6:] if "0/2" in line]
            assert not left and pipe
        prompt.type("%p")
        prompt.send("\t\t")
        prompt.wait(lambda: "%push" in prompt.text())
        prompt.interrupt()
        assert prompt.value("6*7") == "42"


def test_a_terminal_without_a_size(cluster):
    with Prompt(cluster, "-n", 1, ready=False) as prompt:
        prompt.set_size(0, 0)
        prompt.wait_prompt(1, deadline=30)
        assert prompt.value("6*7") == "42"
        assert prompt.run("%px 6*7") == ["Out[0:2]: 42"]


def test_a_local_engine_that_does_not_start_is_told_once_a_line(cluster):
    cluster.start(1)
    with Prompt(cluster, "--python", "/no/such") as prompt:
        told = [line for line in prompt.text() if "the local engine (/no/such)" in line]
        assert len(told) == 1
        got = prompt.run("1 + 1")
        assert len([line for line in got if "the local engine (/no/such)" in line]) == 1
        assert prompt.run("%px 6*7") == ["Out[0:2]: 42"]
        prompt.send(CTRL_D)
        assert prompt.wait_end() == 0


# ---- leaving

def test_leaving_asks_once_and_ctrl_c_stays(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        for word in (CTRL_D, "exit" + ENTER, "quit()" + ENTER, "raise SystemExit(3)" + ENTER):
            prompt.send(word)
            prompt.wait(lambda: "".join(prompt.text()[-2:]).endswith("stay:"), 10, repr(word))
            prompt.send(CTRL_C)
            prompt.wait(lambda: prompt.at_prompt())
            prompt.wait_prompt()
            assert prompt.text()[-2].endswith("stay: ^C")
        assert prompt.value("6*7") == "42"
        assert "" not in prompt.text()
        prompt.leave("k")
        assert prompt.wait_end() == 0
    assert cluster.status()["engines"][0]["state"] == "ready"


def test_an_exit_status_is_the_prompts(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.send("import sys; sys.exit(7)" + ENTER)
        assert prompt.wait_end() == 7
    with Prompt(cluster) as prompt:
        prompt.run("1/0")
        prompt.send(CTRL_D)
        assert prompt.wait_end() == 0


@pytest.mark.parametrize("answer", ["s", "k"])
def test_leaving_while_a_job_runs_stops_it_or_keeps_it(cluster, answer):
    cluster.start(1)
    with Prompt(cluster) as prompt, Pipe(cluster) as pipe:
        prompt.run("%px import os; at = os.open('at', os.O_WRONLY); state = 'begun'")
        prompt.run("%px os.write(at, b'a\\n'); exec('while not os.path.exists(\"go\"): pass');"
                   " state = 'ended' &")
        pipe.wait(prompt, ["a"])
        prompt.send(CTRL_D)
        prompt.wait(lambda: "".join(prompt.text()[-2:]).endswith("stay:"))
        assert prompt.text()[-1].startswith("1 job is running: ")
        prompt.send(answer + ENTER)
        assert prompt.wait_end() == 0
    cluster.file("go", "")
    assert cluster.ok("px", "state") in {
        "s": ["Out[0:1]: 'begun'\n"], "k": ["Out[0:1]: 'ended'\n"]}[answer]


def test_a_cluster_that_ends_is_told_above_the_line(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.type("'half a line'")
        assert cluster.stop().code == 0
        prompt.wait(lambda: any(line.startswith("the cluster is gone") for line in prompt.text()))
        prompt.wait(lambda: prompt.screen.before_cursor() == "In [1]: 'half a line'")
        prompt.send(ENTER)
        prompt.wait_prompt(2)
        assert prompt.text()[-2] == "Out[1]: 'half a line'"
        prompt.run("%px 1")
        assert prompt.value("6*7") == "42"
        prompt.send(CTRL_D)
        prompt.wait_end()


def test_an_engine_that_ends_is_told_above_the_line(cluster):
    with Prompt(cluster, "-n", 3) as prompt:
        pids = cluster.engine_pids()
        prompt.type("'half' + ")
        os.kill(pids[1], signal.SIGKILL)
        os.kill(pids[2], signal.SIGKILL)
        prompt.wait_line(r"engines 1-2: killed by SIGKILL; back, names are gone|"
                         r"engines? [12].*back, names are gone")
        prompt.wait(lambda: prompt.screen.before_cursor() == "In [1]: 'half' + ")
        prompt.send(CTRL_U)
        assert prompt.run("%px 6*7") == ["Out[0-2:1]: 42"]


def test_floods_of_a_job_are_cut_and_the_line_of_progress_goes(cluster):
    with Prompt(cluster, "-n", 2, rows=50) as prompt:
        got = prompt.run("%px exec('import time\\nfor n in range(100000): print(\"line\", n)\\n"
                         "time.sleep(1.5)')", deadline=30)
        assert len(got) < 5000 * SLOW
        assert any("not shown; %result 1 shows all" in line for line in got)
        got = prompt.run("%px exec('import time\\nfor n in range(15):\\n"
                         " print(n, end=\"\\\\r\", flush=True); time.sleep(0.1)\\nprint(\"end\")')")
        ends = {line for line in got if line.endswith("end")}  # in one window, or in two
        assert ends in ({"[0-1] end"}, {"[0] end", "[1] end"}) and got[-1] in ends
        assert prompt.run("%px 6*7") == ["Out[0-1:3]: 42"]
