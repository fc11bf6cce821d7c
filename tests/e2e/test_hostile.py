"""Nonsense, lies and too much of everything on both sockets of a live controller: it answers,
counts, and loses nothing of anybody's work."""

import itertools
import random
import socket
import subprocess

import pytest

from .harness import SLOW, wait_until
from .peer import (BALANCED, EXECUTE, MESSAGES, QUIET, STATES, STATUS, VALUE, Peer, header, pack,
                   status, unpack, value)

FROM_CLIENT = {"SUBMIT", "CANCEL", "INTERRUPT", "BLOB", "DROP", "LAUNCH", "ACTION", "STATUS",
               "STOP", "KEEP", "STORE", "LEAVE", "ADOPT", "TAKEN", "RECORDS", "FETCH", "REMOVE", "PUT", "GET", "LIST",
               "ABORT"}
FROM_HOST = {"RESULT", "OUTPUT", "BEAT", "ENGINE", "RETURNED", "LISTED", "FILED"}
FROM_BOTH = {"HELLO", "BYE", "ERROR", "CHUNK", "CREDIT", "DATA", "WANT"}
MAY = {"client": FROM_CLIENT | FROM_BOTH, "engine": FROM_HOST | FROM_BOTH}
ROLE_TEXT = {"client": "a client", "engine": "an engine host"}

roles = pytest.mark.parametrize("role", ["client", "engine"])


def counts(cluster):
    return cluster.status()["counts"]


def still_works(cluster, engines=2, tasks=0):
    assert cluster.ok("px", "6*7") == f"Out[0-{engines - 1}:1]: 42\n"
    assert cluster.status()["controller"]["tasks"] == tasks


# ---- what is refused, one by one

@pytest.mark.sanitize
@roles
def test_messages_of_the_other_role_are_refused_by_name(cluster, role):
    cluster.start(2)
    wrong = sorted(set(MESSAGES) - MAY[role])
    with Peer(cluster, role) as peer:
        for number, name in enumerate(wrong, 1):
            peer.send(name, number)
            told = peer.expect("ERROR", id=number)
            assert told.fields["text"] == f"{name} is not for {ROLE_TEXT[role]} to send"
        assert counts(cluster)["refused"] == len(wrong)
        still_works(cluster)


@roles
@pytest.mark.parametrize("major, minor", [(0, 0), (2, 7), (2**64 - 1, 2**64 - 1)])
def test_another_major_version_is_refused_naming_both(cluster, role, major, minor):
    cluster.start(1)
    with Peer(cluster, role, hello=False) as peer:
        peer.hello(major=major, minor=minor)
        told = peer.expect("REFUSE").fields
        assert f"protocol {major}.{minor} (peer.py)" in told["text"]
        assert f"this controller's {told['major']}.{told['minor']} (tutti " in told["text"]
        peer.send("STATUS", 5)
        assert peer.receive().type == "WHO", "it is not registered"
    assert counts(cluster)["refused"] == 1
    cluster.ok("px", "1")


@roles
def test_a_stranger_is_asked_who_it_is(cluster, role):
    cluster.start(1)
    names = sorted(set(MESSAGES) - {"HELLO"})
    with Peer(cluster, role, hello=False) as peer:
        for number, name in enumerate(names, 1):
            peer.send(name, number)
            told = peer.receive()
            assert (told.type, told.id) == ("WHO", number), name
        peer.hello()
        peer.expect("WELCOME")
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


MALFORMED = {
    "nothing": b"", "not an array": b"\x01", "empty array": b"\x90", "no id": b"\x91\x05",
    "text for a type": pack(["STATUS", 1]), "negative type": pack([-5, 1]),
    "type above 32 bits": pack([2**40, 1]), "text for an id": pack([5, "x"]),
    "cut short": header("SUBMIT", 7)[:-3], "something behind": header("STATUS", 7) + b"\xc0",
    "a reserved byte": b"\x92\x05\xc1", "a count beyond the end": b"\xdd\xff\xff\xff\xff\x05\x01",
    "wrong kind": pack([MESSAGES["SUBMIT"][0], 7, "one", None, b"", "", 0, 0, 0]),
    "deep": b"\x91" * 100000, "wide": pack([5, 1] + [0] * 270000), "long": b"\xff" * 1000000,
    "invalid UTF-8": pack([MESSAGES["HELLO"][0], 7, 1, 0, b"", 0]) [:-9] + b"\xa2\xff\xfe",
    "a parcel cut short": b"\xc1\x01\x00\x00\x00\x05\x92", "a parcel of nothing": b"\xc1\x00",
    "a parcel within a parcel": b"\xc1\x01\x00\x00\x00\x02\xc1\x00",
}


@pytest.mark.sanitize
@roles
@pytest.mark.parametrize("hello", [False, True])
def test_malformed_headers_are_answered_and_counted(cluster, role, hello):
    cluster.start(1)
    with Peer(cluster, role, hello=hello) as peer:
        for what, data in MALFORMED.items():
            peer.raw([data])
            told = peer.receive()
            assert told and told.type == "ERROR", (what, told)
            assert told.fields["text"] and "\n" not in told.fields["text"], what
        assert counts(cluster)["malformed"] == len(MALFORMED)
        for number in 99, 1000, 65535:
            peer.raw([pack([number, 7, 1, "future", None])])
            told = peer.expect("ERROR")
            assert told.id == 7 and str(number) in told.fields["text"]
        assert counts(cluster)["unknown"] == 3
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


@roles
def test_an_error_is_not_answered_by_an_error(cluster, role):
    cluster.start(1)
    with Peer(cluster, role) as peer:
        peer.send("ERROR", 3, text="you are wrong")
        peer.send("ERROR", 4, text="\x1b]0;no\a\n" * 1000)
        peer.raw([pack([MESSAGES["ERROR"][0], 5, "malformed", 5])])
        peer.sync()
        assert not peer.kept
    assert counts(cluster)["malformed"] == 1


@roles
def test_a_message_of_70000_frames_is_refused_as_one(cluster, role):
    cluster.start(1)
    with Peer(cluster, role) as peer:
        for first in header("STATUS" if role == "client" else "BEAT", 7), b"x":
            peer.raw([first] + [b"y"] * 70000)
            assert peer.expect("ERROR").fields["text"]
        assert counts(cluster)["malformed"] == 2
        peer.sync()
    cluster.ok("px", "1")


@roles
def test_a_frame_over_the_limit_costs_the_connection_only(cluster, role):
    cluster.start(1)
    with Peer(cluster, role) as peer:
        peer.raw([header("STATUS", 7), bytes(80 << 20)])
        with Peer(cluster, role) as other:
            other.sync()
    with Peer(cluster, role) as peer:
        peer.raw([bytes(60 << 20)])
        assert peer.expect("ERROR").fields["text"]
    assert cluster.status()["controller"]["rss_bytes"] < (200 << 20) * SLOW
    cluster.ok("px", "1")


def test_a_client_whose_process_does_not_exist_is_refused(cluster):
    """Nobody would notice its end; so what it left would never be tidied up."""
    cluster.start(1)
    gone = subprocess.Popen(["true"])
    gone.wait(10)
    for role, pid in itertools.product(["client", "engine"], [gone.pid, 1, 2**40]):
        with Peer(cluster, role, hello=False) as peer:
            engines = [[1000, 1, STATES["READY"], "python", "", ""]]
            peer.hello(pid=pid, watch_pid=pid, engines=engines if role == "engine" else None)
            assert str(pid) in peer.expect("REFUSE").fields["text"]
    report = cluster.status()
    assert (report["controller"]["clients"], len(report["hosts"])) == (1, 1)
    assert set(cluster.engines()) == {0}


# ---- an engine host that lies

EXTREMES = (0, 1, -1, -4, -5, -1000001, 2**31, -2**31, 2**62, 2**63 - 1, -2**63)


def engine_row(number, state="READY"):
    return [number, 1, STATES[state], "python", "3.11", "/fake"]


def ask_liar(cluster, liar, client, engine=1000, **fields):
    """Has the liar given a task, and answer it with a RESULT of these fields: the client's id and
    the task's."""
    id = client.submit([engine], "6*7")
    task = liar.expect("TASK")
    liar.send("RESULT", task.id, b"\xc0", b"", b"", **{"engine": engine, "attempt": 1, **fields})
    return id, task.id


@pytest.mark.sanitize
def test_results_with_impossible_numbers_harm_nobody(cluster):
    cluster.start(2)
    with Peer(cluster, "engine", engines=[engine_row(1000)]) as liar, Peer(cluster) as client:
        for run_ns in EXTREMES:
            id, _ = ask_liar(cluster, liar, client, run_ns=run_ns)
            assert client.expect("RESULT", id=id).fields["engine"] == 1000
            # Work for anybody is given out by how long tasks have taken.
            id = client.submit([0, 1], "1", flags=BALANCED)
            assert status(client.expect("RESULT", id=id)) == "OK"
        for number in 0, 7, 8, 99, 2**32, 2**64 - 1:
            id, _ = ask_liar(cluster, liar, client, status=number, wait_ns=number,
                             dropped_bytes=number, queue_ns=number)
            assert client.expect("RESULT", id=id).fields["host"] == "peer"
        assert cluster.status()["controller"]["tasks"] == 0


@pytest.mark.sanitize
def test_a_host_cannot_answer_for_anothers_engines(cluster):
    cluster.start(2)
    with Peer(cluster, "engine", engines=[engine_row(0), engine_row(1)]) as liar, \
            Peer(cluster) as client:
        first = next_task(cluster, client)
        ids = [client.submit([engine], "import os, time\n"
                             "while not os.path.exists('go'): time.sleep(0.01)\n'true'")
               for engine in (0, 1)]
        ids += [client.submit(None, "'true'", flags=BALANCED) for _ in range(20)]
        client.sync()
        for number in range(first, first + 30):
            for engine in -1, 0, 1, 2**31 - 1, 2**40, -2**63:
                liar.send("RESULT", number, pack([None, True, "a lie", [], None]), b"", b"",
                          engine=engine)
                liar.send("OUTPUT", number, b"a lie\n", engine=engine, stream=1)
                liar.send("OUTPUT", 0, b"a lie\n", engine=engine, stream=1)
                liar.send("ENGINE", engine=engine, state=STATES["GONE"], text="a lie")
                liar.send("RETURNED", number, engines=[0, 1])
                liar.send("BEAT", running=[[engine, number, 5, 5]])
        liar.sync()
        cluster.file("go", "")
        for result in client.results(ids).values():
            assert (status(result), value(result)) == ("OK", "true"), result
            assert b"".join(result.frames[1:]) == b""
    assert counts(cluster)["stray_results"] == 30 * 6
    still_works(cluster)


def next_task(cluster, client):
    """The controller's number of its next task: an engine host of ours is told that before it."""
    with Peer(cluster, "engine", engines=[engine_row(5000)]) as host:
        id = client.submit([5000], "1")
        task = host.expect("TASK").id
        host.send("RESULT", task, b"\xc0", b"", b"", engine=5000)
        client.expect("RESULT", id=id)
    wait_until(lambda: client.sync()["engines"][-1]["state"] == "lost")
    return task + 1


@pytest.mark.sanitize
def test_a_host_may_return_only_what_it_was_asked_for(cluster):
    cluster.start(2)
    with Peer(cluster, "engine", engines=[engine_row(1000)]) as liar, Peer(cluster) as client:
        id = client.submit([1000], "1")
        task = liar.expect("TASK").id
        for engines in [1000], [0], [1000, 1000], [], None, [2**31 - 1], ["x"], 7:
            liar.send("RETURNED", task, engines=engines)
        liar.sync()
        client.send("CANCEL", id)
        assert liar.expect("CANCEL").id == task, "it is still the liar's"
        liar.send("RETURNED", task, engines=[1000])
        liar.send("RESULT", task, b"\xc0", b"", b"", engine=1000, status=STATUS["CANCELLED"])
        assert status(client.expect("RESULT", id=id)) == "CANCELLED"
    still_works(cluster)


@pytest.mark.sanitize
def test_engines_of_impossible_numbers_and_kinds(cluster):
    cluster.start(2)
    claims = [None, 5, "x", [], [[]], [[1]], [engine_row(-1)], [engine_row(2**31 - 1)],
              [engine_row(2**31 - 2)], [engine_row(2**63)], [[1000, 1, 99, "", "", ""]],
              [[1000, "x", 1, "", "", ""]], [[1000, 1, 1, 5, 5, 5]], [engine_row(1000)] * 50,
              [[1000, 2**40, 1, "y" * 10000, "y" * 10000, "\xff" * 1000, "more"]]]
    for engines in claims:
        with Peer(cluster, "engine", engines=engines) as liar:
            for state in *range(8), 2**64 - 1:
                liar.send("ENGINE", engine=1000, state=state, pid=-1, language="x" * 1000)
            liar.sync()
    wait_until(lambda: len(cluster.status()["hosts"]) == 1)
    cluster.ok("px", "-t", "0,1", "1")
    # Numbers go on from where they were.
    with Peer(cluster) as peer:
        peer.send("LAUNCH", 1, launcher="local", count=1, language="mock")
        told = peer.expect("DONE", id=1)
        assert max(told.fields["engines"]) < 1 << 24, told
    wait_until(lambda: cluster.engines()[max(cluster.engines())]["state"] == "ready")


def test_a_liar_that_dies_takes_only_its_own_with_it(cluster):
    cluster.start(2)
    with Peer(cluster) as client:
        with Peer(cluster, "engine", engines=[engine_row(1000)]) as liar:
            id = client.submit([0, 1, 1000], "6*7")
            liar.expect("TASK")
        got = {result.fields["engine"]: status(result)
               for result in (client.expect("RESULT", id=id) for _ in range(3))}
    assert got == {0: "OK", 1: "OK", 1000: "UNKNOWN"}
    assert cluster.engines()[1000]["state"] == "lost"
    cluster.ok("px", "-t", "0-1", "1")


# ---- a client that sends nonsense to engines

def odd_submissions(rng):
    """(fields, frames) of SUBMITs that a controller forwards and an engine cannot make sense of."""
    good = pack(["1", "In [1]", 0])
    frames = [[b""], [b"\xc1"], [good[:-1]], [good, b"x"], [b"\xc0"], [pack([])], [pack([5])],
              [pack(["1", 5, "x"])], [pack({"a": 1})], [good] + [b""] * 65000,
              [pack(["x" * 10**6])], [b"\x91" * 600], [pack([[["x"]]]), b"\0" * 5000],
              [pack(["name", "value", [1], None]), b"\xc7\x02\x07\xff\xff"],
              [pack(["name", "list", [2**63], None]), b"\xc0"],
              [pack([b"h" * 16, [], {"a": [1, 2]}]), b"\xc0"]]
    ops = [*range(0, 12), 31, 32, 35, 64, 65, 66, 255, 2**32, 2**64 - 1]
    for op, frame in itertools.product(ops, frames):
        yield {"op": op, "blob": rng.choice([b"", b"h" * 16, b"short"]),
               "label": rng.choice(["", "x" * 100000, "\x1b[31m\n"])}, frame
    for timeout in 1, 2**63, 2**64 - 1:
        yield {"op": EXECUTE, "timeout_ms": timeout, "retries": 2**64 - 1}, [good]


@pytest.mark.deadline(100)
@pytest.mark.parametrize("language", ["python", "mock"])
def test_nonsense_for_engines_is_refused_by_them(cluster, language):
    cluster.start(1, "--lang", language)
    pid = cluster.engine_pids()[0]
    with Peer(cluster) as peer:
        ids = set()
        for number, (fields, frames) in enumerate(odd_submissions(random.Random(1)), 1):
            peer.send("SUBMIT", number, *frames, **{"engines": [0], **fields})
            ids.add(number)
        words = {status(result) for result in peer.results(ids, deadline=60).values()}
        assert words <= {"OK", "ERROR", "REFUSED", "TIMEOUT", "INTERRUPTED"}, words
        peer.send("SUBMIT", 9999, engines=[0], op=EXECUTE)
        assert "without arguments" in peer.expect("ERROR", id=9999).fields["text"]
        for engines in [], "x", [-1], [2**31], [[0]], 5, None:
            peer.send("SUBMIT", 9999, pack(["1", "", 0]), engines=engines, op=EXECUTE)
            peer.expect("ERROR", id=9999)
        peer.send("SUBMIT", 9999, pack(["1", "", 0]), engines=[7, 8, 8, 2**31 - 1], op=EXECUTE)
        for _ in range(3):
            assert status(peer.expect("RESULT", id=9999)) == "REFUSED"
        for number in range(100):
            peer.send("BLOB", 0, bytes(number), hash=bytes(number))
            peer.send("DROP", hash=bytes(number))
            peer.send("CANCEL", number, engines=[number, -number, "x"] if number % 2 else None)
        report = peer.sync()
    assert report["controller"]["tasks"] == 0
    assert cluster.engine_pids()[0] == pid, "it has died of it"
    assert cluster.ok("px", "6*7" if language == "python" else "value 42") == "Out[0:1]: 42\n"


# ---- a client that takes nothing

@pytest.mark.deadline(100)
def test_a_client_that_takes_nothing_holds_up_nobody_and_costs_bounded_memory(cluster):
    cluster.start(2)
    large = pack([f"bytes({1000 << 10})", "", VALUE | QUIET])
    with Peer(cluster, hwm=1) as peer, Peer(cluster) as other:
        for number in range(1, 1001):
            peer.send("SUBMIT", number, large, op=EXECUTE, label="big", engines=[number % 2],
                      flags=BALANCED * (number % 3 == 0))
        def stuck():
            report = other.sync()
            return not any(engine["running"] for engine in report["engines"]) and report
        report = wait_until(stuck, 40)
        assert 100 < report["controller"]["tasks"] < 800
        assert report["controller"]["rss_bytes"] < (550 << 20) * SLOW
        ids = [other.submit([0, 1], "1"), other.submit(None, "1", flags=BALANCED)]
        assert len([other.expect("RESULT") for _ in range(3)]) == 3 and ids
        still_works(cluster, tasks=report["controller"]["tasks"])
        # When it takes them again it gets them all.
        results = peer.results(set(range(1, 1001)), deadline=60)
        assert {status(result) for result in results.values()} == {"OK"}
        assert {len(result.frames[0]) + sum(map(len, result.frames[3:])) >> 10
                for result in results.values()} == {1000}
    still_works(cluster)


@pytest.mark.deadline(100)
def test_a_client_that_takes_no_big_values_costs_their_host_a_bounded_number(cluster):
    """They wait where they were made; the controller has nothing of them."""
    cluster.start(1)
    with Peer(cluster) as peer, Peer(cluster) as other:
        for number in range(1, 201):
            peer.send("SUBMIT", number, pack([f"bytes({4 << 20})", "", VALUE | QUIET]), op=EXECUTE,
                      label="big", engines=[0])
        def all_made():
            report = other.sync()
            return report["controller"]["tasks"] == 200 and not report["engines"][0]["running"] and report
        report = wait_until(all_made, 40)
        assert report["controller"]["rss_bytes"] < (60 << 20) * SLOW
        assert report["hosts"][0]["rss_bytes"] < (60 << 20) * SLOW
        assert len([peer.expect("DATA") for _ in range(64)]) == 64
        peer.sync()
        assert not [message for message in peer.kept if message.type == "DATA"]


# ---- all of it at once, while the cluster works

MAP = """\
import hashlib
def work(x):
    data = str(x).encode()
    for _ in range(1000): data = hashlib.sha256(data).digest()
    return data.hex()[:8], x

got = %map work range(3000)
assert list(got) == [work(x) for x in range(3000)], "something was lost"
print("right", len(got))
"""

# What would rightly change the cluster when it is well-formed: not sent by the storm. Nor is a
# HELLO that would be welcomed: its peer might be on another machine, whose end is not seen here.
POWERFUL = {MESSAGES[name][0] for name in ("STOP", "ACTION", "INTERRUPT", "LAUNCH", "SUBMIT")}
NUMBERS = (0, 1, 2, 3, 7, 255, 1000, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**64 - 1)


def any_value(rng, depth=0):
    kind = rng.randrange(8 if depth < 3 else 6)
    if kind < 2:
        return rng.choice(NUMBERS)
    if kind < 6:
        return rng.choice([None, True, -1, -2**63, 0.5, "", "text", b"", b"h" * 16,
                           rng.randbytes(9)])
    return [any_value(rng, depth + 1) for _ in range(rng.randrange(4))]


def field_value(rng, kind):
    if rng.random() < 0.1:
        return any_value(rng)
    if kind == "UINT":
        return rng.choice(NUMBERS)
    if kind == "INT":
        return rng.choice([-1, -2**63, *NUMBERS[:-1]])
    if kind == "TEXT":
        return rng.choice(["", "x", "\n\x1b[2J\0", "ä" * rng.randrange(300), "%s%n"])
    if kind == "BYTES":
        return rng.randbytes(rng.choice([0, 1, 15, 16, 17, 5000]))
    return rng.choice([None, [0, 1, 2, 3], [0] * 5, [[0, 1, 3, "python", "", ""]], [[3, 9, 9, 9]]])


def mutated(rng, data):
    data = bytearray(data)
    for _ in range(rng.choice([0, 0, 1, 3, 20])):
        if data:
            data[rng.randrange(len(data))] = rng.randrange(256)
    cut = rng.randrange(len(data) + 1) if rng.random() < 0.3 else len(data)
    return bytes(data[:cut]) + (rng.randbytes(rng.randrange(9)) if rng.random() < 0.1 else b"")


def storm_message(rng):
    """Frames: a message with likely and unlikely fields, or with bytes that are wrong."""
    name = rng.choice(sorted(MESSAGES))
    number, fields = MESSAGES[name]
    row = [number, rng.choice(NUMBERS)] + [field_value(rng, kind) for kind, _ in fields]
    row = row[:rng.randrange(len(row) + 1)] if rng.random() < 0.2 else row
    data = mutated(rng, pack(row)) if rng.random() < 0.5 else pack(row)
    if rng.random() < 0.1:
        data = rng.randbytes(rng.choice([0, 1, 2, 3, 10, 100, 3000]))
    payload = [rng.randbytes(rng.choice([0, 1, 9, 5000]))
               for _ in range(rng.choice([0, 0, 1, 2, 5]))]
    return [data, *payload]


def harmless(frames):
    try:
        row = unpack(frames[0])
    except (ValueError, KeyError, IndexError, RecursionError, TypeError):
        return True  # the controller's reader is at least as strict
    if not isinstance(row, list) or not row or not isinstance(row[0], int):
        return True
    return row[0] not in POWERFUL and row[0:3:2] != [MESSAGES["HELLO"][0], 1]


def raw_connection(rng, path):
    """Bytes that are no ZMTP, or begin as if they were; the connection is left to close."""
    greeting = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00NULL" + bytes(48)
    ready = b"\x04\x19\x05READY\x0bSocket-Type\0\0\0\x06DEALER"
    starts = [b"", greeting[:10], greeting, greeting + b"\x06" + b"\x7f" * 8, greeting + ready,
              greeting + ready + b"\x00\x00", greeting + ready + b"\x02" + b"\xff" * 8]
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(5 * SLOW)
    connection.connect(path)
    try:
        connection.sendall(rng.choice(starts) + rng.randbytes(rng.choice([0, 1, 64, 4000])))
    except OSError:
        pass  # it has hung up already
    return connection


def storm(cluster, rng, until):
    """Sends to both sockets, registered and not, until `until()`: how many messages."""
    sent, connections = 0, []
    peers = {(role, hello): Peer(cluster, role, hello=hello)
             for role in ("client", "engine") for hello in (True, False)}
    while not until():
        for (role, hello), peer in peers.items():
            for _ in range(50):
                frames = storm_message(rng)
                if harmless(frames):
                    peer.raw(frames)
                    sent += 1
            connections.append(raw_connection(rng, peer.path))
            while peer.socket.poll(0):
                peer.socket.recv_multipart()
        if sent % 1000 < 200:
            peers["client", True].raw([header("STATUS", 3)] + [b"z"] * 70000)
        for connection in connections[:-50]:
            connection.close()
        del connections[:-50]
    for closing in [*connections, *peers.values()]:
        closing.close()
    return sent


@pytest.mark.deadline(100)
@pytest.mark.sanitize
@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_on_both_sockets_costs_a_map_nothing(cluster, seed):
    cluster.start(4)
    pids = {**cluster.engine_pids(), "host": cluster.host_pid(), "k": cluster.controller_pid()}
    rng = random.Random(seed)
    work = cluster.popen("run", cluster.file("map.tutti", MAP))
    sent = storm(cluster, rng, lambda: not work.running())
    outcome = work.wait(60)
    assert (outcome.code, outcome.stdout) == (0, "right 3000\n"), outcome
    wait_until(lambda: len(cluster.status()["hosts"]) == 1)
    report = cluster.status()
    assert sent > 100 and report["counts"]["malformed"] > 10 < report["counts"]["refused"], report
    now = {**cluster.engine_pids(), "host": cluster.host_pid(), "k": cluster.controller_pid()}
    assert now == pids
    wait_until(lambda: cluster.status()["controller"]["clients"] == 1)
    still_works(cluster, 4)
    assert cluster.status()["controller"]["rss_bytes"] < (300 << 20) * SLOW
