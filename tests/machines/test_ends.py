"""Whatever dies, on either side, is told in a line, and nothing of it is left."""

import os
import pathlib
import re
import signal

import pytest

from e2e.harness import alive, wait_until

from .test_add import add, web  # noqa: F401


def child_of(pid, words):
    """The pid of a child whose command line has these words."""
    for entry in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if words in pathlib.Path(f"/proc/{entry}/cmdline").read_bytes().decode():
            return int(entry)
    raise AssertionError(f"{pid} has no child '{words}'")


def pids(cluster, machine):
    """{role: pid} of everything between the controller and user code."""
    near = child_of(cluster.controller_pid(), "tutti-ssh")
    host = cluster.status()["hosts"][0]["pid"]
    parent = int(re.search(r"PPid:\s+(\d+)", pathlib.Path(f"/proc/{host}/status").read_text())[1])
    return {"near pump": near, "ssh": child_of(near, "BatchMode"), "far parent": parent,
            "far host": host, "engine": cluster.engines()[0]["pid"]}


TOLD = {
    "near pump": r"tutti-ssh ended without a word; see tutti logs",
    "ssh": r"ssh was killed by SIGKILL",
    "far parent": r"what ran there was killed",
    "far host": r"its engine host was killed by SIGKILL",
}


@pytest.mark.parametrize("victim", list(TOLD))
def test_a_link_that_ends_is_told_and_comes_back(cluster, web, machines, victim):  # noqa: F811
    add(cluster, "-n", 2, "web1")
    cluster.ok("px", "x = 1; import subprocess, time; p = subprocess.Popen(['sleep', '1000'])")
    before = pids(cluster, web)
    there = web.processes(sshd=False)
    waiting = cluster.popen("px", "-t", "0", "open('/tmp/here', 'w').close(); time.sleep(1000)")
    wait_until((web.tmp / "here").exists, what="the task runs")
    os.kill(before[victim], signal.SIGKILL)
    outcome = waiting.wait()
    line = outcome.stderr.strip() + outcome.stdout.strip()
    assert re.fullmatch(r"\[0\] may have run: link to 'web1': (" + TOLD[victim] + ")", line), outcome
    wait_until(lambda: not any(map(alive, list(there) + [before["ssh"], before["near pump"]])), 2,
               "nothing is left")
    cluster.wait_state("ready", deadline=15)
    assert cluster.ok("px", "'x' in globals()") == "Out[0-1:1]: False\n"
    assert re.search(r"web1: (" + TOLD[victim] + ")", cluster.ok("why", "web1"))


def test_an_engine_there_that_is_killed_is_back_at_once(cluster, web):  # noqa: F811
    add(cluster, "-n", 2, "web1")
    outcome = cluster.run("px", "-t", "1", "import os; os.kill(os.getpid(), 9)")
    assert outcome.code == 1 and "[1] lost: " in outcome.stdout + outcome.stderr
    assert "killed by SIGKILL" in outcome.stdout + outcome.stderr
    cluster.wait_state("ready")
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_a_killed_child_of_user_code_is_user_codes_business(cluster, web):  # noqa: F811
    add(cluster, "-n", 1, "web1")
    got = cluster.ok("px", "import subprocess; p = subprocess.Popen(['sleep', '1000']); p.kill(); "
                           "p.wait()")
    assert got == "Out[0:1]: -9\n"


def test_a_killed_controller_takes_its_links_along(cluster, web, machines):  # noqa: F811
    add(cluster, "-n", 2, "web1")
    os.kill(cluster.controller_pid(), signal.SIGKILL)
    machines.wait_nobody(deadline=3, sshd=False)


def test_a_link_that_drops_is_tried_again_until_it_is_back(cluster, machines):
    machine = machines.add("inner")
    link = machines.relay(machine)
    machines.alias("web1", to=link)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 2, "web1")
    link.refuse()
    link.cut()
    cluster.wait_state("lost")
    assert "web1 is not reached, and tried again: " in cluster.ok("status")
    wait_until(lambda: "Connection re" in cluster.ok("why", "web1"), 15, "it was tried again")
    link.accept()
    cluster.wait_state("ready", deadline=30)
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_a_dead_link_is_noticed_here(cluster, machines):
    """Nothing passes and nobody says so: ssh notices after 15 s."""
    machine = machines.add("inner")
    link = machines.relay(machine)
    machines.alias("web1", to=link)
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 1, "web1")
    link.drop()
    cluster.wait_state("lost", deadline=40)
    assert "not responding" in cluster.ok("why", "web1")
