"""A prompt whose plain lines are commands of a bash that has the terminal."""

import os

import pytest

from .terminal import CTRL_C, CTRL_Z, ENTER, Prompt, Shell


@pytest.fixture
def prompt(cluster):
    with Prompt(cluster, "--lang", "sh", "-n", 2) as prompt:
        yield prompt


def test_plain_lines_are_the_shells_and_last(prompt):
    assert prompt.run("x=5; cd /; pwd") == ["/"]
    assert prompt.run("echo $x $PWD") == ["5 /"]
    assert prompt.run("(exit 3)") == ["exit 3"]
    assert prompt.run("test -t 0 && test -t 1 && test -t 2 && echo terminal") == ["terminal"]
    assert prompt.run("%px echo $((6*7))") == ["[0-1] 42"]
    assert prompt.run("%push x") == []
    assert prompt.run("%px echo got $x") == ["[0-1] got 5"]


def test_blocks_go_on_until_they_are_whole(prompt):
    prompt.more("for i in 1 2; do")
    prompt.more("echo n$i")
    number, mark = prompt.number, prompt.mark()
    prompt.send("done" + ENTER)
    prompt.wait_prompt(number + 1)
    assert prompt.since(mark)[1:-1] == ["n1", "n2"]


def test_a_function_is_mapped_over_words(prompt):
    prompt.run("f() { echo $(($1 * 2)); }")
    assert prompt.run("%map f {1..4}")[:4] == ["2", "4", "6", "8"]


def test_ctrl_c_and_job_control_are_the_shells(prompt):
    number = prompt.number
    prompt.enter("sleep 600")
    prompt.wait(lambda: foreground_is(prompt, "sleep"))
    prompt.send(CTRL_C)
    prompt.wait_prompt(number + 1)
    prompt.enter("sleep 601")
    prompt.wait(lambda: foreground_is(prompt, "sleep"))
    prompt.send(CTRL_Z)
    prompt.wait_prompt(number + 2)
    assert any("Stopped" in line for line in prompt.run("jobs"))
    prompt.enter("fg")
    prompt.wait(lambda: foreground_is(prompt, "sleep"))
    prompt.send(CTRL_C)
    prompt.wait_prompt(number + 4)
    assert prompt.run("jobs") == []
    assert prompt.run("echo well") == ["well"]


def foreground_is(prompt, name):
    """Whether the terminal belongs to a process of this name."""
    try:
        with open(f"/proc/{os.tcgetpgrp(prompt.master)}/comm") as file:
            return file.read().strip() == name
    except OSError:
        return False


def test_a_command_reads_the_terminal(prompt):
    number = prompt.number
    prompt.enter("read -p 'who? ' w; echo hi $w")
    prompt.wait(lambda: (prompt.screen.before_cursor() or "").endswith("who? "))
    prompt.send("me\n")
    prompt.wait_prompt(number + 1)
    assert "hi me" in prompt.text()


def test_exit_leaves_and_the_terminal_is_as_before(cluster):
    cluster.start(1, "--lang", "sh")
    with Shell(cluster) as shell:
        before = shell.stty()
        shell.tutti("--lang", "sh")
        shell.run("stty raw; true")
        assert shell.run("echo well") == ["well"]
        shell.send("exit" + ENTER)
        shell.wait_shell()
        assert shell.stty() == before
        shell.tutti("--lang", "sh")
        shell.send("exit 3" + ENTER)
        shell.wait_shell()
        assert shell.status() == 3
