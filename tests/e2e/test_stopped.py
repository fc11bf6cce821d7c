"""Engines that hang: stopped by a signal, or with a task that ignores interrupts. Both are named, the
work goes elsewhere where it may, and goes on when they do."""

import os
import signal
import time

import pytest

from .harness import wait_until
from .peer import BALANCED, Peer, status


@pytest.mark.sanitize
def test_a_stopped_engine_is_named_and_goes_on(cluster):
    cluster.start(2)
    pid = cluster.engine_pids()[0]
    with Peer(cluster, events=1) as peer:
        os.kill(pid, signal.SIGSTOP)
        while peer.expect("EVENT").fields["text"] != f"stopped by SIGSTOP; kill -CONT {pid} goes on":
            pass
        assert cluster.engines()[0]["state"] == "stopped"
        row = next(line for line in cluster.ok("status").splitlines() if f" {pid} " in line)
        assert " stopped " in row and row.endswith(f"stopped by SIGSTOP; kill -CONT {pid} goes on")
        assert f"engine 0 on {cluster.engines()[0]['host']}: stopped by SIGSTOP" in cluster.ok("why")
        work = peer.submit([0], "6 * 7")
        assert peer.sync()["engines"][0]["queue"] == 1
        others = [peer.submit(None, "1", flags=BALANCED) for _ in range(20)]
        assert {one.fields["engine"] for one in peer.results(others).values()} == {1}
        os.kill(pid, signal.SIGCONT)
        assert status(peer.results([work])[work]) == "OK"
    cluster.wait_state("ready")
    assert cluster.ok("why").rstrip().endswith(": goes on")


def test_what_a_stopped_engine_has_not_started_is_done_by_others(cluster):
    """Both are busy while ten tasks are sent ahead, into their sockets; then one is stopped."""
    wait_for = """
import os, time
open("runs{name}", "w").close()
while not os.path.exists("go{name}"): time.sleep(0.005)
"""
    cluster.start(2)
    with Peer(cluster) as peer:
        peer.results([peer.submit(None, "0", flags=BALANCED) for _ in range(400)])
        held = [peer.submit([n], wait_for.format(name=n)) for n in (0, 1)]
        behind = [peer.submit(None, "0", flags=BALANCED) for _ in range(10)]
        for n in 0, 1:
            cluster.wait_file(f"runs{n}")
        pid = cluster.engine_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        cluster.wait_state("stopped", [0])
        (cluster.work_dir / "go1").touch()
        got = peer.results([held[1], *behind])
        assert {(status(one), one.fields["engine"]) for one in got.values()} == {("OK", 1)}
        (cluster.work_dir / "go0").touch()
        os.kill(pid, signal.SIGCONT)
        assert status(peer.results([held[0]])[held[0]]) == "OK"


@pytest.mark.deadline(60)
def test_a_task_that_ignores_interrupts_is_named(cluster):
    cluster.start(1)
    process = cluster.popen("px", """
import time
while True:
    try:
        open("runs", "w").close()
        time.sleep(1)
    except KeyboardInterrupt:
        pass
""")
    cluster.wait_file("runs")
    process.press()
    text = wait_until(lambda: cluster.ok("why") if "ignores" in cluster.ok("why") else None, 20)
    assert "its task ignores interrupts for " in text and text.rstrip().endswith(": %restart 0")
    cluster.lines("%restart 0")
    assert "restarted" in process.wait(10).stderr
    assert "ignores" not in cluster.ok("why")


def test_a_stopped_engine_can_be_restarted(cluster):
    cluster.start(1)
    pid = cluster.engine_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    cluster.wait_state("stopped")
    cluster.lines("%restart 0")
    cluster.wait_state("ready")
    assert cluster.engine_pids()[0] != pid
