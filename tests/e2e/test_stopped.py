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


@pytest.mark.deadline(60)
def test_a_task_that_ignores_interrupts_is_named(cluster):
    cluster.start(1)
    process = cluster.popen("px", "--timeout", "0.2s", """
import time
while True:
    try:
        time.sleep(1)
    except KeyboardInterrupt:
        pass
""")
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
