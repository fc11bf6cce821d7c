"""Work that must not go to an engine whose process is younger than what it needs."""

import os
import signal

import pytest

from .peer import BALANCED, Peer, status, value

pytestmark = pytest.mark.sanitize

DIE_ONCE = """
import os, signal
open(f"run{os.getpid()}", "w").close()
if len([name for name in os.listdir() if name.startswith("run")]) == 1:
    os.kill(os.getpid(), signal.SIGKILL)
os.getpid()
"""
LEFT = "no engine is left that has what was sent before"


def born(peer, count):
    """{engine: born} as the EVENTs have told."""
    found = {}
    while len(found) < count:
        fields = peer.expect("EVENT").fields
        if fields["kind"] == 1:
            found[fields["engine"]] = fields["born"]
    return found


def runs(cluster):
    return [path.name for path in cluster.work_dir.glob("run*")]


def test_what_was_lost_is_tried_again_on_an_older_engine_only(cluster):
    cluster.start(2)
    pids = list(cluster.engine_pids().values())
    with Peer(cluster, events=1) as peer:
        newest = max(born(peer, 2).values())
        work = peer.submit(None, DIE_ONCE, flags=BALANCED, retries=5, born=newest)
        result = peer.results([work])[work]
        assert status(result) == "OK" and result.fields["attempt"] == 2
        assert len(runs(cluster)) == 2
        assert value(result) in pids


def test_without_an_older_engine_it_ends_and_never_runs_again(cluster):
    cluster.start(1)
    with Peer(cluster, events=1) as peer:
        newest = max(born(peer, 1).values())
        work = peer.submit(None, DIE_ONCE, flags=BALANCED, retries=5, born=newest)
        result = peer.results([work])[work]
        assert (status(result), result.fields["cause"]) == ("CANCELLED", LEFT)
        cluster.wait_state("ready")
        late = peer.submit(None, "1", flags=BALANCED, born=newest)
        assert status(peer.results([late])[late]) == "REFUSED"
        assert len(runs(cluster)) == 1
        again = peer.submit(None, "1", flags=BALANCED)
        assert status(peer.results([again])[again]) == "OK"


def test_what_was_sent_ahead_does_not_go_to_the_next_process(cluster):
    cluster.start(1)
    with Peer(cluster, events=1) as peer:
        newest = max(born(peer, 1).values())
        peer.results([peer.submit(None, "0", flags=BALANCED) for _ in range(400)])  # tiny: many ahead
        held = peer.submit(None, "open('held', 'w').close(); import signal; signal.pause()",
                           flags=BALANCED, born=newest)
        mark = "open(f'run{id(object())}', 'w').close()"
        ahead = [peer.submit(None, mark, flags=BALANCED, born=newest) for _ in range(20)]
        free = [peer.submit(None, "1", flags=BALANCED) for _ in range(20)]
        cluster.wait_file("held")
        os.kill(cluster.engine_pids()[0], signal.SIGKILL)
        got = peer.results([held, *ahead, *free])
        assert status(got[held]) == "LOST"
        assert {(status(got[one]), got[one].fields["cause"]) for one in ahead} == {("CANCELLED", LEFT)}
        assert {status(got[one]) for one in free} == {"OK"}
        assert runs(cluster) == []


def test_ended_engines_give_back_what_they_have_not_started(cluster):
    cluster.start(2)
    with Peer(cluster) as peer:
        peer.results([peer.submit(None, "0", flags=BALANCED) for _ in range(400)])
        wait_for = "import os, time\nopen('on{0}', 'w').close()\nwhile not os.path.exists('go{0}'): time.sleep(0.01)"
        held = [peer.submit([n], wait_for.format(n)) for n in (0, 1)]
        ahead = [peer.submit(None, "1", flags=BALANCED) for _ in range(20)]
        for n in 0, 1:
            cluster.wait_file(f"on{n}")
        peer.send("ACTION", 77, action=2, engines=[1])
        (cluster.work_dir / "go0").touch()
        got = peer.results([*held, *ahead])
        assert status(got[held[0]]) == "OK" and status(got[held[1]]) == "LOST"
        assert {(status(got[one]), got[one].fields["engine"]) for one in ahead} == {("OK", 0)}
    assert list(cluster.engines()) == [0]
