"""tutti add: engines on machines that have nothing but sshd and python3."""

import json
import os
import re
import signal

import pytest

from e2e.harness import alive, wait_until


@pytest.fixture
def web(cluster, machines):
    """One bare machine that the cluster's commands reach as web1."""
    machine = machines.add("web1")
    cluster.env["TUTTI_SSH"] = machines.ssh
    return machine


def add(cluster, *words, code=0, timeout=60, **more):
    outcome = cluster.run("add", *words, timeout=timeout, **more)
    assert code is None or outcome.code == code, f"{words}: {outcome}\n{cluster.logs()}"
    return outcome


def test_a_bare_machine_gets_tutti_and_answers(cluster, web):
    outcome = add(cluster, "-n", 2, "web1")
    first, second = outcome.stdout.splitlines()
    assert first == "cluster 'default' is up"
    assert re.fullmatch(r"web1: sent tutti \(\d+\.\d MB\) · 2 Python engines \(3\.\S+, \S+\) · "
                        r"ids 0-1", second), outcome
    got = cluster.ok("px", "import os; print(os.getuid(), os.environ['HOME'], os.getcwd())")
    assert got == f"[0-1] {web.uid} /home/far /home/far\n"
    assert list(web.home.glob(".cache/tutti/*/bin/tutti"))
    cluster.ok("stop")
    outcome = add(cluster, "-n", 2, "web1")
    assert "sent" not in outcome.stdout and "2 Python engines" in outcome.stdout
    assert cluster.ok("px", "6*7") == "Out[0-1:1]: 42\n"


def test_what_ends_leaves_nothing_there(cluster, web, machines):
    add(cluster, "-n", 2, "web1")
    cluster.ok("px", "import subprocess; p = subprocess.Popen(['sleep', '1000'])")
    cluster.ok("stop")
    machines.wait_nobody(deadline=2, sshd=False)
    assert not list(web.tmp.iterdir())
