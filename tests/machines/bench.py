"""What machines over ssh cost, on real sshds of this machine. Not run by the check; as root:

    /usr/bin/python3 -m pytest -s tests/machines/bench.py

TUTTI_PREFIX says which tutti (local/). Nothing else should run on the machine."""

import importlib.util
import pathlib
import socket
import statistics
import subprocess
import time

import pytest

from e2e.harness import wait_until
from e2e.peer import Peer
from e2e.test_big_values import grown

from .test_add import add
from .test_big_values import on_the_way

BENCH = pathlib.Path(__file__).resolve().parents[1] / "bench"
GIB, RATE = 1 << 30, 12_000_000


@pytest.fixture
def programs(cluster):
    """Where the programs of tests/bench are, compiled."""
    spec = importlib.util.spec_from_file_location("bench_programs", BENCH / "programs.py")
    compiled = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(compiled)
    compiled.compile_programs(cluster.work_dir)
    return cluster.work_dir


def timed(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def spread(took):
    took = sorted(took)
    return (f"n {len(took)}, p50 {took[len(took) // 2] * 1e3:.1f}, "
            f"p99 {took[int(len(took) * 0.99)] * 1e3:.1f}, most {took[-1] * 1e3:.1f} ms")


def test_adding(cluster, machines):
    """Four engines on a bare user, until a px has answered: with the bundle sent, and without."""
    machine = machines.add("web1")
    cluster.env["TUTTI_SSH"] = machines.ssh
    for what in "first", "second":
        print(f"\nadd -n 4 and a px, {what}: "
              f"{timed(lambda: (add(cluster, '-n', 4, 'web1'), cluster.ok('px', '1'))):.2f} s", end="")
        cluster.ok("stop")
    print(f"; plain ssh: {timed(lambda: machine.run('true')):.2f} s")


def relays(machines, programs):
    """p50 of a round trip through ssh and two relays, in us."""
    here = programs / "ping.sock"
    here.unlink(missing_ok=True)
    ping = subprocess.Popen([programs / "bench_link", "ping", here, "4000"], stdout=subprocess.PIPE,
                            text=True)
    wait_until(here.exists)
    ours, theirs = socket.socketpair()
    ssh = subprocess.Popen([*machines.ssh.split(), "-T", "-oBatchMode=yes", "web1",
                            "exec ./bench_link there echo.sock"], stdin=ours, stdout=ours)
    near = subprocess.Popen([programs / "bench_link", "relay", here], stdin=theirs, stdout=theirs)
    ours.close()
    theirs.close()
    try:
        return float(ping.communicate(timeout=60)[0])
    finally:
        for process in near, ssh, ping:
            process.kill()
            process.wait()


@pytest.mark.deadline(300)
def test_the_round_trip_of_an_empty_px(cluster, machines, programs):
    machine = machines.add("web1")
    cluster.env["TUTTI_SSH"] = machines.ssh
    machine.put("bench_link", (programs / "bench_link").read_bytes(), 0o755)
    add(cluster, "-n", 1, "web1")
    ours, bare = [], []
    for _ in range(5):
        ours.append(float(subprocess.run([programs / "bench_px", "default", "one", "4000"],
                                         env=cluster.env, capture_output=True, check=True).stdout))
        bare.append(relays(machines, programs))
    print(f"\nempty px over ssh, p50: {ours} us; ssh and two relays: {bare} us; ratio of medians "
          f"{statistics.median(ours) / statistics.median(bare):.2f}")


def measure(peer, go_on):
    """Round trips of an empty px on engine 1, and of interrupts there, in turns."""
    px, interrupts = [], []
    while go_on():
        px.append(timed(lambda: peer.expect("RESULT", id=peer.submit([1], "1"))))
        id = peer.submit([1], "import time; time.sleep(1000)")
        time.sleep(0.15)  # it runs
        interrupts.append(timed(lambda: (peer.send("CANCEL", id, engines=[1]),
                                         peer.expect("RESULT", id=id))))
    return f"px {spread(px)}; interrupts {spread(interrupts)}"


@pytest.mark.deadline(400)
def test_a_gibibyte_over_a_slow_link(cluster, machines):
    """Pushed to engine 0 at 12 MB/s, while engine 1 of the same host is used."""
    machine = machines.add("inner")
    machines.alias("web1", to=machines.relay(machine, rate=RATE))
    cluster.env["TUTTI_SSH"] = machines.ssh
    add(cluster, "-n", 2, "web1")
    with Peer(cluster) as peer:
        until = time.monotonic() + 5
        print(f"\nidle link: {measure(peer, lambda: time.monotonic() < until)}")
        watched = {what: grown(pid) for what, pid in on_the_way(cluster, machine).items()}
        push = cluster.popen("-c", f"import numpy as np; big = np.ones({GIB >> 3})",
                             "-c", "%push -t 0 big", "-c", "%px -t 0 big.sum()")
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 1, 30)
        began = time.monotonic()
        print(f"during the push: {measure(peer, push.running)}")
        assert push.wait(300).stdout == f"Out[0:3]: {GIB >> 3}.0\n"
        print(f"it took {time.monotonic() - began:.0f} s; grown by "
              + ", ".join(f"{what} {each() / 2**20:.1f} MiB" for what, each in watched.items()))
