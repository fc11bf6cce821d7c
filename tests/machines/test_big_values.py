"""Big values over a slow link: they pass whole, hold nobody up, and nobody on the way holds them."""

import re
import signal

import pytest

from e2e.harness import wait_until
from e2e.terminal import ENTER, Prompt
from e2e.test_big_values import grown

from .test_add import add
from .test_ends import child_of

RATE = 12_000_000
SIZE = 64 << 20


@pytest.fixture
def slow(cluster, machines):
    """A machine behind a link of 12 MB/s with two engines, and the link."""
    machine = machines.add("inner")
    link = machines.relay(machine, rate=RATE)
    machines.alias("web1", to=link)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 2, "web1")
    return machine, link


def on_the_way(cluster, machine):
    """{what: pid} of the processes that a value passes."""
    controller = cluster.controller_pid()
    found = {"controller": controller, "near": child_of(controller, "tutti-ssh")}
    for pid, line in machine.processes(sshd=False).items():
        if "tutti-engine" in line:
            found[f"far {pid}"] = pid
    assert len(found) >= 4, found  # the far parent and its host
    return found


@pytest.mark.deadline(90)
def test_a_push_holds_nobody_up_and_is_held_by_nobody(cluster, slow):
    machine, _ = slow
    watched = {what: grown(pid) for what, pid in on_the_way(cluster, machine).items()}
    push = cluster.popen("-c", f"big = bytes(range(256)) * ({SIZE} >> 8)", "-c", "%push -t 0 big",
                         "-c", "%px -t 0 big == bytes(range(256)) * (len(big) >> 8)")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 1)
    answers = 0
    while cluster.status()["controller"]["tasks"] > 0 and answers < 8:
        answers += cluster.ok("px", "-t", "1", "6*7") == "Out[1:1]: 42\n"
    assert answers == 8  # each takes a tenth of a second at most, and the push five
    other = cluster.popen("px", "-t", "1", "open('/tmp/on', 'w').close(); "
                          "import time; time.sleep(1000)")
    wait_until((machine.tmp / "on").exists)
    other.popen.send_signal(signal.SIGINT)
    assert "[1] interrupted" in other.wait().stderr
    assert push.running()  # all that was while it went on
    assert push.wait(60).stdout == "Out[0:3]: True\n"
    peaks = {what: each() >> 20 for what, each in watched.items()}
    assert {what: peak for what, peak in peaks.items() if peak >= 32} == {}


@pytest.mark.deadline(90)
def test_a_pull_passes_whole(cluster, slow):
    machine, _ = slow
    cluster.ok("px", "-t", "0", f"big = bytes(range(256)) * ({SIZE // 2} >> 8)")
    watched = {what: grown(pid) for what, pid in on_the_way(cluster, machine).items()}
    pull = cluster.popen("-c", "big = %px -t 0 big", "-c",
                         f"big == bytes(range(256)) * ({SIZE // 2} >> 8)")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 1)
    assert cluster.ok("px", "-t", "1", "6*7") == "Out[1:1]: 42\n"
    assert pull.running()
    assert pull.wait(60).stdout == "Out[2]: True\n"
    assert {what: each() >> 20 for what, each in watched.items() if each() >= 32 << 20} == {}


@pytest.mark.deadline(90)
def test_a_link_that_drops_in_the_middle(cluster, slow):
    """What had not come is told, and the next push comes whole."""
    machine, link = slow
    push = cluster.popen("-c", f"big = bytes({SIZE})", "-c", "%push -t 0 big")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 1)
    wait_until(lambda: link.count()[0] > 5_000_000)
    link.cut()
    outcome = push.wait(30)
    assert outcome.code == 1 and "[0] " in outcome.stderr + outcome.stdout, outcome
    cluster.wait_state("ready", deadline=30)
    got = cluster.lines("big = bytes(8 << 20)", "%push big", "%px len(big)", timeout=60).stdout
    assert got == f"Out[0-1:3]: {8 << 20}\n"


@pytest.mark.deadline(90)
def test_a_pull_that_is_interrupted_ends_at_once(cluster, slow):
    _, link = slow
    cluster.ok("px", "-t", "0", f"big = bytes({SIZE})")
    before = link.count()[1]
    pull = cluster.popen("-c", "b = %px -t 0 big")
    wait_until(lambda: link.count()[1] > before + 3_000_000)
    pull.popen.send_signal(signal.SIGINT)
    outcome = pull.wait(20)
    assert "[0] interrupted" in outcome.stderr and "its value was not taken" in outcome.stderr, outcome
    assert cluster.ok("px", "-t", "0", "len(big)") == f"Out[0:1]: {SIZE}\n"


@pytest.mark.deadline(90)
def test_a_push_shows_its_way_and_ends_at_a_ctrl_c(cluster, slow):
    def shows(pattern):
        return lambda: any(re.search(pattern, line) for line in prompt.text())

    with Prompt(cluster, columns=100) as prompt:
        prompt.run(f"big = bytes({SIZE})")
        prompt.send("%push -t 0 big" + ENTER)
        prompt.wait(shows(r"^0/1 engines · \d+ s · \d+/67 MB · \d+\.\d MB/s · \d+ s left · "
                          "waiting for 0$"))
        prompt.send("\x03")
        prompt.wait_prompt(3)
        assert shows("cancelled before it started")(), prompt.text()
        assert prompt.run("%px 'big' in globals()")[-1] == "Out[0-1:3]: False"
        prompt.leave()
