"""Work that waits for other work: `after` and `follow` of SUBMIT, %submit --after and --follow."""

import random

import pytest

from .harness import wait_until
from .peer import BALANCED, Peer
from .test_kept import adopt, killed, wait_for, wait_left

OK, ERROR, CANCELLED, REFUSED = 0, 1, 4, 6
WRONG_USE = 2


def submit(peer, code, engines=None, **fields):
    return peer.submit(engines, code, flags=0 if engines else BALANCED, **fields)


@pytest.fixture
def peer(cluster):
    cluster.start(2)
    with Peer(cluster) as one:
        yield one


def test_what_waits_starts_when_the_others_have_ended(peer, cluster):
    first = submit(peer, wait_for("first", "1"))
    second = submit(peer, wait_for("second", "2"))
    last = submit(peer, "3", after=[first, second])
    both = submit(peer, "4", engines=[0, 1], after=[last])
    cluster.file("second", "")
    assert peer.expect("RESULT").id == second
    cluster.file("first", "")
    order = [peer.expect("RESULT").id for _ in range(4)]
    assert order == [first, last, both, both]


def test_what_has_ended_may_be_named(peer):
    first = submit(peer, "1")
    peer.expect("RESULT", id=first)
    assert peer.expect("RESULT", id=submit(peer, "2", after=[first])).fields["status"] == OK
    failed = submit(peer, "1/0")
    peer.expect("RESULT", id=failed)
    got = peer.expect("RESULT", id=submit(peer, "2", after=[first, failed]))
    assert got.fields["status"] == REFUSED and "has failed" in got.fields["cause"]
    got = peer.expect("RESULT", id=submit(peer, "2", after=[987654]))
    assert got.fields["status"] == REFUSED and "nobody knows" in got.fields["cause"]
    got = peer.expect("RESULT", id=submit(peer, "2", follow=["x"]))
    assert got.fields["status"] == REFUSED


def test_it_follows_to_the_engine(peer, cluster):
    for turn in range(10):
        first = submit(peer, wait_for(f"go{turn}", "1"))
        second = submit(peer, wait_for(f"go{turn}", "2"))
        cluster.file(f"go{turn}", "")
        third = submit(peer, "3", follow=[first], after=[second])
        got = peer.results([first, second, third])
        assert got[third].fields["engine"] == got[first].fields["engine"]
        late = submit(peer, "4", follow=[second])
        assert peer.expect("RESULT", id=late).fields["engine"] == got[second].fields["engine"]


def test_a_failure_is_passed_on_down_a_long_chain(peer, cluster):
    first = submit(peer, wait_for("go", "1/0"))
    chain = [first]
    for _ in range(3000):
        chain.append(submit(peer, "1", after=[chain[-1]]))
    cluster.file("go", "")
    got = peer.results(chain)
    assert got[first].fields["status"] == ERROR
    assert all(got[id].fields["status"] == REFUSED for id in chain[1:])
    assert all(got[id].fields["cause"] for id in chain[1:])


def test_a_diamond_of_a_thousand_with_failures_in_the_middle(peer, cluster):
    """Every task ends once, none before what it waits for, and those alone are refused that wait for
    a failure, however far away."""
    chance = random.Random(5)
    top = submit(peer, wait_for("go", "0"))
    waits, fails, layer = {top: []}, set(), [top]
    for width in [10, 100, 390, 390, 100, 8]:
        below = []
        for _ in range(width):
            after = chance.sample(layer, min(len(layer), chance.randint(1, 3)))
            bad = len(waits) > 100 and chance.random() < 0.03
            id = submit(peer, "1/0" if bad else "1", after=after)
            waits[id] = after
            fails |= {id} if bad else set()
            below.append(id)
        layer = below
    bottom = submit(peer, "1", after=layer)
    waits[bottom] = layer
    cluster.file("go", "")
    ended = {}  # id: status, in order
    while len(ended) < len(waits):
        message = peer.expect("RESULT", deadline=60)
        assert message.id not in ended
        status = message.fields["status"]
        assert all(id in ended for id in waits[message.id]) or status == REFUSED
        hopeless = any(ended.get(id, OK) != OK for id in waits[message.id])
        ended[message.id] = status
        wanted = REFUSED if hopeless else ERROR if message.id in fails else OK
        assert status == wanted, (message, waits[message.id])
    assert len(waits) == 1000 and {OK, ERROR, REFUSED} == set(ended.values())
    assert peer.receive(0.3) is None


def test_what_waits_can_be_cancelled(peer):
    first = submit(peer, "import time; time.sleep(600)")
    second = submit(peer, "2", after=[first])
    third = submit(peer, "3", after=[second])
    peer.send("CANCEL", second, engines=None)
    got = peer.results([second, third])
    assert got[second].fields["status"] == CANCELLED and got[third].fields["status"] == REFUSED
    fourth = submit(peer, "4", after=[first])
    peer.send("CANCEL", first, engines=None)
    assert peer.results([first, fourth])[fourth].fields["status"] == REFUSED


@pytest.mark.parametrize("leave", [lambda one: one.send("BYE", text=""), lambda one: one.die()],
                         ids=["bye", "death"])
def test_what_waits_goes_with_its_client(cluster, leave):
    def tasks():
        return cluster.status()["controller"]["tasks"]

    cluster.start(2)
    with Peer(cluster, mortal=True) as one:
        first = submit(one, wait_for("go", "1"))
        for _ in range(50):
            submit(one, "2", after=[first])
        wait_until(lambda: tasks() == 51)
        leave(one)
        wait_until(lambda: tasks() == 1)  # it has started, so it runs on
        cluster.file("go", "")
        wait_until(lambda: tasks() == 0)
    assert cluster.px("1").stdout == "Out[0-1:1]: 1\n"


def test_an_engine_that_dies_refuses_what_waits_for_its_work(peer, cluster):
    first = submit(peer, "import os; os._exit(1)", engines=[0])
    second = submit(peer, "2", engines=[1], after=[first])
    got = peer.results([first, second])
    assert got[first].fields["status"] not in (OK, REFUSED) and got[second].fields["status"] == REFUSED


# ---- at the prompt

# What a line of the prompt does until there is a file of that name, on the engine.
AWAIT = ("def until(name, value=None):\n    import os, time\n"
         "    while not os.path.exists(name): time.sleep(0.005)\n"
         "    return os.getpid(), time.time(), value")


def test_jobs_come_after_jobs(shared_four):
    got = shared_four.lines(
        "import os, time", AWAIT,
        "a = %submit --name first until('go') &", "b = %submit --after first until('go') &",
        "c = %submit --follow first --after 4 until('go') &", "m = %map --noblock until ['go', 'go']",
        "d = %submit --after 3,4,5,6 until('go') &",
        "print(a.ready(), b.ready(), d.ready())", "open('go', 'w').close()",
        "print(a.get()[1] <= b.get()[1] <= c.get()[1] <= d.get()[1], a.get()[0] == c.get()[0])")
    assert got.stdout == "False False False\nTrue True\n"


def test_a_failure_is_told_at_once(shared_four):
    got = shared_four.lines(AWAIT, "%submit until('fail')[0] + 'no' &",
                            "%submit --after 2 --name next 1 &", "%submit --after next 2 &",
                            "open('fail', 'w').close()", "%wait", code=None)
    assert got.stderr.count("refused: ") == 2 and "has failed" in got.stderr
    assert "[no engine] refused: " in got.stderr
    got = shared_four.lines("h = %submit 1/0 &", "while not h.ready(): pass",
                            "%submit --after 1 2", code=1)
    assert "%submit: job 1 has failed: what comes after it does not start" in got.stderr


@pytest.mark.parametrize("lines, message", [
    (["%submit --after 7 1"], "%submit: no job '7'; %jobs lists them"),
    (["%px -t 0 1", "%submit -t 1 --follow 1 1"], "%submit: none of the targets has done job 1"),
])
def test_wrong_use(shared_four, lines, message):
    assert message in shared_four.lines(*lines, code=WRONG_USE).stderr


@pytest.mark.parametrize("code, last", [("1", OK), ("1/0", REFUSED)])
def test_what_waits_and_is_kept_outlives_its_client(cluster, code, last):
    """The next client gets what came of it, in the state in which it ended."""
    cluster.start(2)

    def script():
        one = Peer(cluster)
        one.send("KEEP", keep=5, meta=b"typed")
        first = submit(one, wait_for("go", code), keep=5, index=0)
        second = submit(one, "2", keep=5, index=1, after=[first])
        submit(one, "3", keep=5, index=2, follow=[second])
        submit(one, "4", after=[first])  # is not kept
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 4)

    killed(script)
    wait_left(cluster, jobs=1)
    cluster.file("go", "")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
    with Peer(cluster) as other:
        jobs, stored, _ = adopt(other)
        assert len(jobs) == 1
        assert sorted((one.fields["index"], one.fields["status"]) for one in stored) == [
            (0, OK if code == "1" else ERROR), (1, last), (2, last)]


def test_the_next_client_waits_for_what_it_adopted(cluster):
    cluster.start(2)

    def script():
        one = Peer(cluster)
        one.send("KEEP", keep=5, meta=b"typed")
        submit(one, wait_for("go", "1"), keep=5, index=0)
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 1)

    killed(script)
    wait_left(cluster, jobs=1)
    with Peer(cluster) as other:
        jobs, _, _ = adopt(other)
        [[_, _, [[_, adopted, _]]]] = jobs
        next_one = submit(other, "5", after=[adopted])
        assert other.receive(0.3) is None
        cluster.file("go", "")
        got = other.results([adopted, next_one])
        assert got[next_one].fields["status"] == OK
