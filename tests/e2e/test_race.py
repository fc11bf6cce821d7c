"""What must be exact however the moments fall: interrupts meet the task they are meant for and no
other; what is cancelled before it started does not run; output belongs to the task that wrote it,
with many tasks sent ahead."""

import collections
import json
import os
import signal
import time

import pytest

from .harness import Process, compiled, wait_until
from .peer import Peer, status, value


@pytest.fixture(scope="module")
def race(tmp_path_factory):
    return compiled("race", tmp_path_factory.mktemp("race"))


@pytest.mark.deadline(200)
@pytest.mark.parametrize("seed", [1])
def test_10000_cancels_meet_none_of_90000_other_tasks(cluster, race, seed):
    """What is told to have run has run once, what is told to be cancelled not at all."""
    cluster.start(2)
    with Peer(cluster) as peer:
        for engine in 0, 1:
            peer.results([peer.submit([engine], "ran = []")])
    process = Process([str(race), "100000", "10000", str(seed)], cluster.env, cluster.work_dir)
    cluster.started.append(process)
    outcome = process.wait(150)
    assert outcome.code == 0, outcome
    counts = json.loads(outcome.stdout)
    assert counts["cancels"] == 10000
    assert sum(counts[name] for name in ("ok", "interrupted", "cancelled")) == 100000
    assert counts["interrupted"] > 0 and counts["cancelled"] > 0, "no cancel was in time for a race"
    with Peer(cluster) as peer:
        ran = collections.Counter()
        for engine in 0, 1:
            id = peer.submit([engine], "ran")
            ran.update(value(peer.results([id])[id]))
    allowed = {"0": (1,), "2": (0, 1), "4": (0,)}  # ok, interrupted, cancelled
    wrong = [(number, one, ran[number]) for number, one in enumerate(counts["statuses"])
             if ran[number] not in allowed[one]]
    assert not wrong, f"{len(wrong)} wrong, such as {wrong[:5]}"
    report = cluster.status()
    assert report["controller"]["tasks"] == 0
    assert set(report["counts"].values()) == {0}


@pytest.mark.sanitize
def test_a_limit_that_passes_before_a_slow_engine_starts_still_holds(cluster):
    cluster.start(1)
    pid = cluster.engine_pids()[0]
    os.kill(pid, signal.SIGSTOP)
    limited = cluster.popen("px", "--timeout", "0.2s", "while True: pass")
    with Peer(cluster) as peer:
        wait_until(lambda: peer.sync()["controller"]["tasks"] == 1)
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 0.4)  # the limit itself, twice
    os.kill(pid, signal.SIGCONT)
    outcome = limited.wait(10)
    assert (outcome.code, outcome.stderr.count("timeout")) == (1, 1), outcome


WRITES = """
import ctypes, os
me, libc = {number}, ctypes.CDLL(None)
def say(*words):
    print(*words)
def write(stream, how):
    text = f"{{how}} {{me}}\\n".encode()
    if how == "os": os.write(stream, text)
    else: libc.write(stream, text, len(text))
say("print", me)
import sys; sys.stdout.flush(); sys.stderr.write(f"print {{me}}\\n"); sys.stderr.flush()
for how in "os", "C":
    for stream in 1, 2: write(stream, how)
if me % 7 == 0: print("x" * (me * 10))
"""


def expected(number):
    text = f"print {number}\nos {number}\nC {number}\n"
    return text + ("x" * (number * 10) + "\n" if number % 7 == 0 else ""), text


def outputs(peer, wanted, deadline=50):
    """{id: [stdout, stderr]}: what came ahead of each result and with it."""
    texts = collections.defaultdict(lambda: [b"", b""])
    left = set(wanted)
    while left:
        message = peer.receive(deadline)
        assert message is not None, f"{len(left)} of {len(wanted)} results are missing"
        if message.type == "OUTPUT":
            texts[message.id][message.fields["stream"] - 1] += message.frames[0]
        elif message.type == "RESULT":
            assert status(message) == "OK", message
            left.remove(message.id)
            for stream in 0, 1:
                texts[message.id][stream] += message.frames[1 + stream]
    return {id: [stream.decode() for stream in both] for id, both in texts.items()}


@pytest.mark.deadline(120)
def test_output_of_2000_tasks_sent_ahead_is_each_its_own(cluster):
    cluster.start(2)
    with Peer(cluster, events=1) as peer:
        numbers = {peer.submit([number % 2], WRITES.format(number=number)): number
                   for number in range(2000)}
        got = outputs(peer, numbers)
    assert not got.pop(0, None), "some output was nobody's"
    wrong = {number: got[id] for id, number in numbers.items() if got[id] != list(expected(number))}
    assert not wrong, f"{len(wrong)} wrong, such as {list(wrong.items())[:3]}"


def test_output_between_tasks_is_nobodys(cluster):
    """A thread writes all the time: its words are its engine's, or the running task's as at any
    prompt; words that tasks write are never another task's, and none is lost."""
    cluster.start(1)
    with Peer(cluster, events=1) as peer:
        begin = peer.submit([0], """
import os, threading
stop, written = False, 0
def tick():
    global written
    while not stop:
        os.write(1, b".")
        written += 1
thread = threading.Thread(target=tick, daemon=True)
thread.start()
""")
        numbers = {peer.submit([0], f"os.write(1, b'<{n}>')"): n for n in range(300)}
        end = peer.submit([0], "stop = True; thread.join(); written")
        texts, left = collections.defaultdict(bytes), {begin, *numbers, end}
        while left:
            message = peer.receive()
            assert message is not None, left
            if message.type == "OUTPUT":
                texts[message.id] += message.frames[0]
            elif message.type == "RESULT":
                assert status(message) == "OK", message
                left.remove(message.id)
                texts[message.id] += message.frames[1]
                written = value(message)
    for id, number in numbers.items():
        assert texts[id].replace(b".", b"").decode() == f"<{number}>"
    assert set(texts[0]) <= set(b".")
    assert sum(text.count(b".") for text in texts.values()) == written
