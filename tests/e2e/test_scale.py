"""%scale: more engines like those there are, fewer without losing work."""

import os
import signal

import pytest

from .harness import wait_until
from .terminal import Prompt


def test_more_are_like_the_last_one_and_fewer_end_the_last_ones(cluster):
    cluster.start(2, "--label", "gpu=1", "--env", "FLAVOUR=sour", "--workdir", "/tmp")
    outcome = cluster.script("""
%scale +2
%px import os; os.environ["FLAVOUR"], os.getcwd()
%px -t @gpu 1
%scale 5
%scale -3
%px 2
%scale 2
""")
    assert outcome.stdout.splitlines() == [
        "Out[0-3:2]: ('sour', '/tmp')", "Out[0-3:3]: 1", "Out[0-1:6]: 2"]
    assert outcome.stderr.splitlines() == [
        "2-3 are new", "4 is new", "2-4 end; what runs there is done first"]
    wait_until(lambda: list(cluster.engines()) == [0, 1], 10, "engines ended")


@pytest.mark.parametrize("words, text", [
    ("", "takes how many engines there are to be, or +N, or -N, not ''"),
    ("two", "not 'two'"), ("+-1", "not '+-1'"), ("1.5", "not '1.5'"),
    ("+999999", "not '+999999'"), ("-2", "one engine has to stay, of 2"),
    ("0", "one engine has to stay, of 2"),
])
def test_what_makes_no_sense_is_refused(cluster, words, text):
    cluster.start(2)
    outcome = cluster.run("-c", f"%scale {words}")
    assert outcome.code == 2 and text in outcome.stderr
    assert list(cluster.engines()) == [0, 1]


def test_scaling_down_loses_no_work(cluster):
    """Items run on the engine that is to end, and wait behind: each is done exactly once."""
    cluster.start(2)
    outcome = cluster.script("""
def work(n):
    import os, time
    open(f"done{n}", "x").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return n
%push work
x = %map work range(60) &
import glob, time
while len(glob.glob("done*")) < 2: time.sleep(0.01)
%scale 1
open("go", "w").close()
%wait
print(x.get() == list(range(60)))
""")
    assert "True" in outcome.stdout, outcome
    assert len(list(cluster.work_dir.glob("done*"))) == 60
    wait_until(lambda: list(cluster.engines()) == [0], 10, "engine ended")


def test_the_prompt_tells_of_new_engines_and_what_they_lack(cluster):
    with Prompt(cluster, "-n", 1) as prompt:
        prompt.run("%px a = 1")
        assert prompt.run("%scale +1") == ["engine 1: new; lacks 1 %px line: %replay 1"]
        prompt.run("%replay")
        assert prompt.run("%px a") == ["Out[0-1:4]: 1"]
        prompt.leave("s")


def test_engines_that_came_with_an_earlier_controller_can_be_multiplied(cluster):
    cluster.start(1, "--label", "big")
    os.kill(cluster.controller_pid(), signal.SIGKILL)
    cluster.start(1, "--label", "big")
    cluster.lines("%scale 2")
    assert [row["labels"] for row in cluster.engines().values()] == ["big", "big"]
