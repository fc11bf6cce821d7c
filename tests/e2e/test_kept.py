"""Work that outlives its client: clients that are killed, leave, adopt and are killed again, on a
live cluster."""

import os
import signal
import time

import pytest

from .harness import Process, compiled, wait_until
from .peer import BALANCED, Peer, status, unpack, value

OURS = 1 << 63  # in numbers that the controller has chosen
MEBIBYTE = 1 << 20

WAIT = """
import os, time
open({name!r} + '.started', 'w').close()
while not os.path.exists({name!r}): time.sleep(0.005)
"""


def wait_for(name, then):
    """Code that runs until there is a file of that name."""
    return WAIT.format(name=name) + then


def left(cluster):
    return cluster.status()["kept"]


def wait_left(cluster, **wanted):
    """Waits until this much was left behind."""
    wait_until(lambda: {name: left(cluster)[name] for name in wanted} == wanted, 20,
               f"{wanted}, not {left(cluster)}")


def adopt(peer):
    """(jobs, stored, output): what ADOPT gives, all of it. Jobs as ADOPTED has them."""
    peer.send("ADOPT", 90001)
    jobs = [unpack(frame) for frame in peer.expect("ADOPTED", id=90001).frames]
    stored, output = [], []
    while True:
        message = peer.receive()
        assert message, "the row of what was left has no end"
        if message.type == "DONE" and message.id == 90001:
            return jobs, stored, output
        if message.type == "STORE":
            stored.append(message)
        elif message.type == "OUTPUT" and message.id:
            output.append(message)


def parts(stored):
    return [(message.fields["index"], message.fields["engine"], status(message))
            for message in stored]


def killed(script):
    """Runs `script()` in a process of its own, which is then killed where it stands."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            script()
            os.write(tell, b"1")
            while True:
                signal.pause()
        finally:
            os._exit(1)
    os.close(tell)
    try:
        assert os.read(told, 1) == b"1", "the script has failed"
    finally:
        os.close(told)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@pytest.mark.sanitize
def test_a_client_that_is_killed_leaves_its_kept_work_to_the_next(cluster):
    cluster.start(2)
    item = "with open('ran', 'a') as file: file.write('{}\\n')\n{}"
    count = 140  # more than is sent ahead: what is not kept waits behind it

    def script():
        peer = Peer(cluster)
        peer.send("KEEP", keep=5, meta=b"what was typed")
        peer.submit([0, 1], wait_for("go", "6*7"), keep=5, index=0)
        for index in range(1, count + 1):
            peer.submit(None, item.format(index, index), keep=5, index=index, flags=BALANCED)
        peer.submit(None, item.format("unkept", 0), flags=BALANCED, keep=6)
        peer.sync()
        cluster.wait_file("go.started")

    killed(script)
    wait_left(cluster, jobs=1, tasks=count + 1, results=0)
    assert ("1 job of an earlier session waits (0.0 MiB); the next prompt takes it over"
            in cluster.ok("status"))
    with Peer(cluster) as peer:
        jobs, stored, _ = adopt(peer)
        (keep, meta, tasks), = jobs
        assert (keep & OURS, meta, stored) == (OURS, b"what was typed", [])
        assert [index for index, _, _ in tasks] == list(range(count + 1)), "in the order of submission"
        assert tasks[0][2] == [0, 1] and all(engines is None for _, _, engines in tasks[1:])
        assert left(cluster)["jobs"] == 0
        cluster.file("go", "")
        ids = {id: index for index, id, _ in tasks}
        first = tasks[0][1]
        got = [peer.expect("RESULT", id=first) for _ in range(2)]
        assert sorted((result.fields["engine"], value(result)) for result in got) == \
            [(0, 42), (1, 42)]
        results = peer.results(set(ids) - {first})
        assert {ids[id]: value(result) for id, result in results.items()} == \
            {index: index for index in range(1, count + 1)}
        peer.send("KEEP", keep=keep)
        assert peer.sync()["controller"]["tasks"] == 0
    ran = cluster.file("ran").read_text().splitlines()
    assert sorted(map(int, ran)) == list(range(1, count + 1)), "each once, and nothing that was not kept"


@pytest.mark.sanitize
def test_results_and_output_wait_for_the_next(cluster):
    cluster.start(2)
    with Peer(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"first")
        peer.send("KEEP", keep=2, meta=b"second")
        peer.submit([0], wait_for("one", "print('one', flush=True)\n1"), keep=1)
        peer.submit([0], wait_for("two", "print('two', flush=True)") + wait_for("three", "2"),
                    keep=2, index=7)
        peer.submit([1], wait_for("ill", "1/0"), keep=1, index=3)
        cluster.wait_file("one.started")
        peer.sync()
        peer.die()
        wait_left(cluster, jobs=2, tasks=3)
        cluster.file("ill", "")
        wait_left(cluster, results=1)
        cluster.file("one", "")
        wait_left(cluster, results=2)
        before = left(cluster)["bytes"]
        cluster.file("two", "")
        wait_until(lambda: left(cluster)["bytes"] > before, 10, "output that is stored")
    with Peer(cluster) as peer:
        jobs, stored, output = adopt(peer)
        assert [(meta, [(index, engines) for index, _, engines in tasks])
                for _, meta, tasks in jobs] == [(b"first", []), (b"second", [(7, [0])])]
        assert parts(stored) == [(3, 1, "ERROR"), (0, 0, "OK")]
        assert value(stored[1]) == 1 and stored[1].frames[1] == b"one\n"
        assert {message.fields["keep"] for message in stored} == {jobs[0][0]}
        id = jobs[1][2][0][1]
        assert [(message.id, message.fields["stream"], message.frames[0])
                for message in output] == [(id, 1, b"two\n")]
        cluster.file("three", "")
        result, = peer.results({id}).values()
        assert value(result) == 2 and result.frames[1] == b""


def test_engines_that_die_and_work_that_is_tried_again_meanwhile(cluster):
    cluster.start(2)
    end = "import os\nos.kill(os.getpid(), 9)"
    again = "import os\nif not os.path.exists('tried'): open('tried', 'w').close(); 1/0\n6*7"
    with Peer(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        peer.submit([0, 1], wait_for("go", "None"), keep=1)
        peer.submit([0], end, keep=1, index=1)
        peer.submit(None, again, keep=1, index=2, flags=BALANCED, retries=1)
        peer.sync()
        peer.die()
        wait_left(cluster, tasks=3)
        cluster.file("go", "")
        wait_left(cluster, tasks=0, results=4)
    with Peer(cluster) as peer:
        _, stored, _ = adopt(peer)
        got = {(index, engine): (word, message) for (index, engine, word), message
               in zip(parts(stored), stored)}
        assert got[0, 0][0] == got[0, 1][0] == "OK"
        assert got[1, 0][0] == "LOST" and "SIGKILL" in got[1, 0][1].fields["cause"]
        (word, message), = (row for (index, _), row in got.items() if index == 2)
        assert (word, message.fields["attempt"], value(message)) == ("OK", 2, 42)
    wait_until(lambda: cluster.engines()[0]["state"] == "ready")


@pytest.mark.sanitize
def test_an_adopter_that_dies_leaves_it_to_the_next_and_so_on(cluster):
    cluster.start(1)
    count = 60
    with Peer(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        peer.submit([0], wait_for("go", "None"), keep=1, index=count)
        for index in range(count):
            peer.submit(None, str(index), keep=1, index=index, flags=BALANCED)
        peer.sync()
        peer.die()
        wait_left(cluster, tasks=count + 1)
    cluster.file("go", "")
    seen, lives = {}, 0
    until = time.monotonic() + 60
    while len(seen) < count + 1:  # each takes over, hears of a few, gives the rest back, and dies
        assert time.monotonic() < until
        lives += 1
        with Peer(cluster, mortal=True) as peer:
            (keep, meta, tasks), = (jobs := adopt(peer))[0]
            assert meta == b"meta"
            ids = {id: index for index, id, _ in tasks}
            told = [(message.fields["index"], message) for message in jobs[1]]
            while tasks and len(told) < 10:
                message = peer.expect("RESULT")
                told.append((ids[message.id], message))
            peer.send("LEAVE", 90002)
            while (message := peer.receive()).type != "DONE":
                if message.type == "RESULT":
                    told.append((ids[message.id], message))
            for number, (index, message) in enumerate(told):
                if number < 10:
                    assert index not in seen, "a result came twice"
                    seen[index] = value(message)
                else:
                    fields = {name: field for name, field in message.fields.items()
                              if name not in ("keep", "index", "layout")}
                    peer.send("STORE", 0, *message.frames, keep=keep, index=index, **fields)
            peer.taken()
            peer.sync()
            peer.die()
            wait_left(cluster, jobs=1)
    assert seen == {**{index: index for index in range(count)}, count: None}
    assert lives >= 6
    assert left(cluster)["results"] == left(cluster)["tasks"] == 0


@pytest.mark.sanitize
def test_what_a_client_has_not_said_it_took_is_there_for_the_next(cluster):
    cluster.start(1)
    with Peer(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        for index in range(3):
            peer.submit([0], f"print({index}, flush=True)\n{index}", keep=1, index=index)
        peer.results({1})
        peer.taken()
        peer.results({2, 3})
        peer.send("TAKEN", 90003, count=10**6)
        assert "it was not sent so many" in peer.expect("ERROR", id=90003).fields["text"]
        peer.sync()
        peer.die()
        wait_left(cluster, jobs=1)
    with Peer(cluster) as peer:
        (_, _, tasks), = (got := adopt(peer))[0]
        assert tasks == []
        stored = {message.fields["index"]: (value(message), message.frames[1]) for message in got[1]}
        assert stored == {1: (1, b"1\n"), 2: (2, b"2\n")}


def test_goodbye_leaves_nothing_and_leave_leaves_what_is_kept(cluster):
    cluster.start(1)
    for goodbye in "BYE", "LEAVE":
        cluster.file("go").unlink(missing_ok=True)
        cluster.file("go.started").unlink(missing_ok=True)
        with Peer(cluster) as peer:
            peer.send("KEEP", keep=1, meta=b"meta")
            peer.submit([0], wait_for("go", "1"), keep=1)
            waits = peer.submit([0], "2", keep=1, index=1)
            cluster.wait_file("go.started")
            peer.send(goodbye, 5)
            peer.expect("DONE", id=5)
            if goodbye == "LEAVE":
                peer.send("SUBMIT", waits + 1, b"\x90", op=1, engines=[0])
                assert "after LEAVE" in peer.expect("ERROR", id=waits + 1).fields["text"]
                assert left(cluster)["jobs"] == 0, "it may still give back"
                peer.send("BYE")
            wait_until(lambda: cluster.status()["controller"]["clients"] == 1, 10, "it has gone")
        cluster.file("go", "")
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
        assert left(cluster)["results"] == (2 if goodbye == "LEAVE" else 0)
    cluster.ok("px", "1")


@pytest.fixture(scope="module")
def heir(tmp_path_factory):
    return compiled("heir", tmp_path_factory.mktemp("heir"))


def test_our_client_library_leaves_and_adopts_every_item_once(cluster, heir):
    cluster.start(2)
    count = 3000

    def run(*args):
        process = Process([str(heir), *args], cluster.env, cluster.work_dir)
        cluster.started.append(process)
        outcome = process.wait(60)
        assert outcome.code == 0, outcome
        return [tuple(map(int, line.split())) for line in outcome.stdout.splitlines()], outcome

    seen, _ = run("leave", str(count))
    wait_left(cluster, jobs=1)
    more, outcome = run("adopt")
    assert outcome.stderr == "adopts squares\n"
    assert len(seen) == 5, "it has left in the middle"
    assert sorted(seen + more) == sorted([(i, i * i) for i in range(count)] + [(100000, -5)])
    assert left(cluster)["jobs"] == 0
    assert set(cluster.status()["counts"].values()) == {0}


# ---- too much, and nonsense

@pytest.mark.deadline(100)
def test_what_is_left_behind_has_a_bound(cluster):
    cluster.start(1)
    with Peer(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        peer.submit([0], wait_for("go", f"print('x' * {MEBIBYTE})\n1"), keep=1, index=9)
        cluster.wait_file("go.started")
        for index in range(6):
            peer.send("STORE", 0, bytes(60 * MEBIBYTE), b"out", b"", keep=1, index=index, attempt=1)
        peer.sync()
        peer.die()
    cluster.file("go", "")
    wait_left(cluster, jobs=1, results=7)
    assert left(cluster)["bytes"] < 256 * MEBIBYTE
    with Peer(cluster) as peer:
        _, stored, _ = adopt(peer)
        assert [len(message.frames[0]) if message.frames else 0 for message in stored[:6]] == \
            [60 * MEBIBYTE] * 3 + [0] * 3
        for message in stored[3:6]:
            assert "256 MiB" in message.fields["cause"] and message.fields["dropped_bytes"] == 3
        assert value(stored[6]) == 1 and len(stored[6].frames[1]) == MEBIBYTE + 1
    cluster.ok("px", "1")


@pytest.mark.sanitize
def test_wrong_uses_are_answered_and_cost_nothing_else(cluster):
    cluster.start(1)
    wrong = [("KEEP", {"keep": 0, "meta": b"m"}, "above 0"),
             ("KEEP", {"keep": OURS, "meta": b"m"}, "the controller's own"),
             ("KEEP", {"keep": 2**64 - 1, "meta": b"m"}, "the controller's own"),
             ("KEEP", {"keep": 2, "meta": bytes((64 << 10) + 1)}, "64 KiB"),
             ("STORE", {"keep": 0}, "no job of this number"),
             ("STORE", {"keep": 77}, "no job of this number"),
             ("STORE", {"keep": 1, "index": 2**32}, "2^32"),
             ("STORE", {"keep": 1, "engine": 2**31}, "no such engine"),
             ("STORE", {"keep": 1, "engine": -2**63}, "no such engine"),
             ("STORE", {"keep": 1, "index": 5, "attempt": 1}, "stored already"),
             ("ADOPT", {}, "said already")]
    with Peer(cluster) as peer:
        peer.send("KEEP", 1, keep=1, meta=b"meta")
        peer.send("STORE", 2, b"body", keep=1, index=5, attempt=2**64 - 1, status=2**64 - 1,
                  cause="x" * 100000, host="\xff" * 100000)
        assert adopt(peer) == ([], [], [])
        for number, (name, fields, text) in enumerate(wrong, 100):
            peer.send(name, number, b"frame", **fields)
            assert text in peer.expect("ERROR", id=number).fields["text"], (name, fields)
        for number in range(2, 1001):
            peer.send("KEEP", number, keep=number, meta=b"x")
        peer.send("KEEP", 1001, keep=1001, meta=b"x")
        assert "1000 jobs" in peer.expect("ERROR").fields["text"]
        for number in OURS, OURS + 1, 2**64 - 1:
            peer.send("SUBMIT", number, b"\x90", op=1, engines=[0])
            assert "controller's own" in peer.expect("ERROR", id=number).fields["text"]
        id = peer.submit([0], "6*7", keep=2**64 - 1, index=2**32 - 1)
        assert value(peer.expect("RESULT", id=id)) == 42, "a job that is not kept is done, too"
        peer.send("LEAVE")
        for number, name in enumerate(("KEEP", "ADOPT", "SUBMIT"), 200):
            peer.send(name, number, b"frame")
            assert "LEAVE" in peer.expect("ERROR", id=number).fields["text"]
        peer.sync()
        assert not [message for message in peer.kept if message.type == "ERROR"]
        peer.send("BYE")
    wait_left(cluster, jobs=1000, results=1)
    with Peer(cluster) as peer:
        jobs, stored, _ = adopt(peer)
        assert len(jobs) == 1000 and len(stored) == 1
        assert len(stored[0].fields["cause"]) <= 512
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"
