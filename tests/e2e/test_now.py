"""Questions that wait for nothing: completions and inspections on engines that idle, work, hang, die
or start. Asked by a raw client, since nothing here may depend on a terminal."""

import os
import signal
import time

import pytest

from .harness import wait_until
from .peer import Peer, pack, status, unpack

COMPLETE, INSPECT, NOW = 6, 7, 2


def ask(peer, engines, code, limit=5000, op=COMPLETE):
    peer.next_id += 1
    args = pack([code, len(code) if op == COMPLETE else 0])
    peer.send("SUBMIT", peer.next_id, args, op=op, engines=engines, timeout_ms=limit, flags=NOW)
    return peer.next_id


def answer(peer, id):
    """(status, cause, value) of the next RESULT of `id`."""
    got = peer.expect("RESULT", id=id)
    body = unpack(got.frames[0]) if got.frames and got.frames[0] else None
    return status(got), got.fields["cause"], body and body[2]


def told(peer, engines, code, **more):
    """The names that one engine tells by itself."""
    said, cause, value = answer(peer, ask(peer, engines, code, **more))
    assert (said, cause) == ("OK", "")
    return value


def busy_names(peer, engines, code):
    """What is answered for an engine that is busy."""
    said, cause, value = answer(peer, ask(peer, engines, code))
    assert (said, cause) == ("OK", "busy")
    return value


def hold(cluster, peer, engine, name="go"):
    """A task that runs until the file exists; waits until it has started."""
    id = peer.submit([engine], f"""
import os, time
open("at{name}", "w").close()
while not os.path.exists("{name}"):
    time.sleep(0.005)
""")
    cluster.wait_file(f"at{name}")
    return id


@pytest.mark.sanitize
def test_an_idle_engine_answers_with_what_it_has(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        peer.results([peer.submit([0], "prime = 7; _hidden = 1")])
        assert told(peer, [0], "x = pri") == [4, ["prime", "print"]]
        assert told(peer, [0], "prime.bit_c") == [6, ["bit_count"]]
        assert told(peer, [0], "_hid") == [0, ["_hidden"]]
        said, cause, value = answer(peer, ask(peer, [0], "prime", op=INSPECT))
        assert (said, cause) == ("OK", "") and value.startswith("prime: int\n7")
        assert peer.sync()["controller"]["tasks_done"] == 1  # questions are not counted


def test_for_a_fresh_engine_the_names_of_its_zygote_are_told(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        held = hold(cluster, peer, 0)
        assert busy_names(peer, [0], "y = pri") == [4, ["print"]]
        (cluster.work_dir / "go").touch()
        peer.results([held])


@pytest.mark.sanitize
def test_a_busy_engine_is_answered_for_at_once_however_much_waits(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        peer.results([peer.submit([0], "prime = 7; text = 'x'")])
        assert told(peer, [0], "text.strip") == [5, ["strip"]]
        # its host asks for the names by itself, when the engine idles
        held = None
        for turn in range(200):
            held = hold(cluster, peer, 0, f"go{turn}")
            if "prime" in busy_names(peer, [0], "y = pri")[1]:
                break
            (cluster.work_dir / f"go{turn}").touch()
            peer.results([held])
            until = time.monotonic() + 0.05 * (turn + 1)
            wait_until(lambda: time.monotonic() > until)
        queued = [peer.submit([0], str(n)) for n in range(100)]
        assert busy_names(peer, [0], "y = pri") == [4, ["prime", "print"]]
        assert busy_names(peer, [0], "nothing.li") == [8, []]
        said, cause, _ = answer(peer, ask(peer, [0], "prime", op=INSPECT))
        assert (said, cause) == ("REFUSED", "busy")
        assert peer.sync()["engines"][0]["queue"] == 100
        (cluster.work_dir / f"go{turn}").touch()
        got = peer.results([held, *queued])
        assert {status(one) for one in got.values()} == {"OK"}
        assert told(peer, [0], "prim") == [0, ["prime"]]


def test_what_was_completed_before_is_known_while_the_engine_works(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        assert told(peer, [0], "''.join(str.is")[1]
        names = told(peer, [0], "str.is")[1]
        held = hold(cluster, peer, 0)
        assert busy_names(peer, [0], "len(str.isal") == [
            8, [name for name in names if name.startswith("isal")]]
        (cluster.work_dir / "go").touch()
        peer.results([held])


def test_each_of_many_engines_answers_for_itself(cluster):
    cluster.start(8)
    with Peer(cluster) as peer:
        ids = [peer.submit([n], f"mine_{n} = 1") for n in range(8)]
        peer.results(ids)
        held = [hold(cluster, peer, n, f"go{n}") for n in range(0, 8, 2)]
        id = ask(peer, list(range(8)), "mine")
        got = {}
        while len(got) < 8:
            message = peer.expect("RESULT", id=id)
            got[message.fields["engine"]] = (message.fields["cause"],
                                             unpack(message.frames[0])[2])
        for n in range(1, 8, 2):
            assert got[n] == ("", [0, [f"mine_{n}"]])
        assert {got[n][0] for n in range(0, 8, 2)} == {"busy"}
        for n in range(0, 8, 2):
            (cluster.work_dir / f"go{n}").touch()
        peer.results(held)


@pytest.mark.sanitize
def test_a_completion_that_hangs_ends_at_its_limit_and_the_engine_goes_on(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        peer.results([peer.submit([0], """
class Trap:
    @property
    def deep(self):
        open("trapped", "w").close()
        while True: pass
trap = Trap()
""")])
        question = ask(peer, [0], "trap.deep.x", limit=300)
        cluster.wait_file("trapped")
        work = peer.submit([0], "40 + 2")
        assert answer(peer, question)[0] == "TIMEOUT"
        assert unpack(peer.results([work])[work].frames[0])[2] == 42
        assert told(peer, [0], "tra") == [0, ["trap"]]


def test_an_engine_that_dies_over_a_question_is_told(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        peer.results([peer.submit([0], """
import os
class Trap:
    @property
    def deep(self):
        os._exit(7)
trap = Trap()
""")])
        said, cause, _ = answer(peer, ask(peer, [0], "trap.deep.x"))
        assert said == "LOST" and "exited with status 7" in cause
        wait_until(lambda: answer(peer, ask(peer, [0], "prin")) == ("OK", "", [0, ["print"]]))


def test_an_engine_that_hangs_holds_up_its_own_question_only(cluster):
    """Its host may not know yet that it is stopped. Then the client gives up at its own limit, and
    the cancel is met when the engine goes on."""
    cluster.start(2)
    with Peer(cluster) as peer:
        pid = cluster.engine_pids()[0]
        os.kill(pid, signal.SIGSTOP)
        id = ask(peer, [0, 1], "prin", limit=300)
        message = peer.expect("RESULT", id=id)
        assert message.fields["engine"] == 1 or message.fields["cause"] == "busy"
        peer.send("CANCEL", id)
        peer.sync()
        os.kill(pid, signal.SIGCONT)
        peer.expect("RESULT", id=id)
        work = peer.submit([0], "1")
        assert status(peer.results([work])[work]) == "OK"


def test_engines_that_do_not_run_refuse(cluster):
    cluster.start(1)
    with Peer(cluster) as peer:
        said, cause, _ = answer(peer, ask(peer, [5], "prin"))
        assert (said, cause) == ("REFUSED", "no engine 5")
        peer.send("SUBMIT", 99, pack(["1", "x", 0]), op=1, engines=[0], flags=NOW)
        assert "only COMPLETE and INSPECT" in peer.expect("ERROR", id=99).fields["text"]
