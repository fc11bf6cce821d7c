"""Client: finding the cluster, its engines, views of them, what was sent. (rows 1 to 27)"""

import os
import threading
import time

import pytest

import tutti as ipp
from e2e.harness import wait_until


def test_there_is_no_cluster(cluster):
    began = time.monotonic()
    with pytest.raises(OSError, match="no cluster 'default' is running"):
        ipp.Client(timeout=0.5)
    assert time.monotonic() - began < 5


def test_a_cluster_that_is_being_started_is_waited_for(cluster):
    thread = threading.Timer(0.3, lambda: cluster.start(1))
    thread.start()
    with ipp.Client(timeout=20) as client:
        client.wait_for_engines(1, timeout=20)
        assert client.ids == [0]
    thread.join()


def test_the_cluster_of_a_name(cluster):
    cluster.start(1, "--name", "other")
    for client in (ipp.Client(cluster_id="other"), ipp.Client("other"), ipp.Client(profile="other")):
        with client:
            assert len(client) == 1 and client.cluster_id == "other"


def test_ids_and_length(rc):
    assert rc.ids == [0, 1, 2, 3] and len(rc) == 4


@pytest.mark.parametrize("key, text", [
    (0, "<DirectView 0>"), (-1, "<DirectView 3>"), (slice(None), "<DirectView [0, 1, 2, 3]>"),
    ([0, 2], "<DirectView [0, 2]>"), ((1, 3), "<DirectView [1, 3]>"), (range(2), "<DirectView [0, 1]>"),
    (slice(None, None, 2), "<DirectView [0, 2]>"), ([-1], "<DirectView [3]>")])
def test_views_by_index(rc, key, text):
    assert repr(rc[key]) == text


def test_views_of_other_kinds(rc):
    assert repr(rc.direct_view()) == "<DirectView all>"
    assert repr(rc.load_balanced_view()) == "<LoadBalancedView None>"
    assert repr(rc.load_balanced_view(1)) == "<LoadBalancedView [1]>"
    assert repr(rc.broadcast_view([0, 1])) == "<BroadcastView [0, 1]>"
    assert [view.targets for view in rc] == [0, 1, 2, 3]


def test_what_is_no_target(rc):
    with pytest.raises(IndexError, match="No such engine: 7"):
        rc[7]
    with pytest.raises(TypeError):
        rc["all"]
    with pytest.raises(TypeError):
        rc.direct_view("some")


def test_a_view_of_all_looks_its_targets_up_and_a_list_does_not(own, cluster):
    every, some = own.direct_view("all"), own[:]
    cluster.lines("%scale 5")
    own.wait_for_engines(5, timeout=20)
    assert len(every.apply_sync(os.getpid)) == 5 and len(some.apply_sync(os.getpid)) == 4


def test_waiting_for_engines(own, cluster):
    with pytest.raises(TimeoutError, match="6 engines not ready in 0.2 seconds. Currently ready: 4"):
        own.wait_for_engines(6, timeout=0.2)
    future = own.wait_for_engines(5, block=False)
    assert not future.done()
    cluster.lines("%scale 5")
    assert future.result(20) is None and own.ids == [0, 1, 2, 3, 4]


def test_without_engines(cluster):
    cluster.start(1)
    with ipp.Client() as client:
        client.wait_for_engines(1, timeout=20)
        client.shutdown()
        wait_until(lambda: not client.ids)
        with pytest.raises(ipp.error.NoEnginesRegistered, match="This operation requires engines. Try "):
            client[:].apply_async(int)


def test_wait(rc):
    view = rc.load_balanced_view()
    results = [view.apply_async(time.sleep, 0.05) for _ in range(4)]
    assert rc.wait(results, timeout=20) and all(one.ready() for one in results)
    late = view.apply_async(time.sleep, 0.3)
    assert rc.wait(late, 0.01) is False and rc.wait(late.msg_ids) and rc.wait()


def test_history_and_outstanding(rc):
    result = rc[0].apply_async(time.sleep, 0.2)
    assert rc.history[-1] == result.msg_ids[0] and result.msg_ids[0] in rc.outstanding
    result.get()
    assert rc.outstanding == set()


def test_results_by_id(rc):
    result = rc[1].apply_async(lambda: 42)
    result.get()
    again = rc.get_result(result.msg_ids[0])
    assert again.get() == 42 and rc.get_result(-1).get() == 42 and rc.get_result().get() == 42
    assert rc.get_result([result]).get() == [42]
    both = rc[:2].apply_async(lambda: 7)
    assert rc.get_result(both.msg_ids).get() == [7, 7]
    with pytest.raises(KeyError):
        rc.get_result("nothing")


def test_result_status(rc):
    done, late = rc[0].apply_async(int), rc[1].apply_async(time.sleep, 0.5)
    done.get()
    found = rc.result_status([*done.msg_ids, *late.msg_ids], status_only=False)
    assert found["completed"] == done.msg_ids and found["pending"] == late.msg_ids
    assert found[done.msg_ids[0]] == 0
    late.get()


def test_queue_status(rc):
    found = rc.queue_status()
    assert set(found) == {"unassigned", 0, 1, 2, 3}
    assert set(rc.queue_status(2)) == {"queue", "completed", "tasks"}


def test_purging(rc):
    result = rc[0].apply_async(int)
    result.get()
    late = rc[0].apply_async(time.sleep, 0.2)
    with pytest.raises(RuntimeError):
        rc.purge_local_results(late)
    with pytest.raises(ValueError):
        rc.purge_results()
    late.get()
    rc.purge_results(result)
    with pytest.raises(KeyError):
        rc.get_result(result.msg_ids[0])
    rc.purge_everything()
    assert rc.history == []


def test_clear(rc):
    rc[:].push({"doomed": 1}, block=True)
    rc.clear(block=True)
    assert rc[:].apply_sync(lambda: "doomed" in globals()) == [False] * 4


def test_harmless_names(rc):
    for name in ("spin", "spin_thread", "stop_spin_thread"):
        with pytest.warns(DeprecationWarning):
            getattr(rc, name)()
    with pytest.raises(NotImplementedError):
        rc.shutdown(restart=True)


def test_shutdown_of_the_cluster(cluster):
    cluster.start(2)
    client = ipp.Client()
    client.shutdown(hub=True)
    cluster.wait_gone()
    client.close()
    with pytest.raises(RuntimeError):
        client._connection.ask("status")


def test_signals(rc, tmp_path):
    rc[:].execute("import signal, os\nheard = []\nsignal.signal(signal.SIGUSR1, lambda *_: heard.append(os.getpid()))",
                  block=True)
    rc.send_signal("SIGUSR1", targets=[1, 2])
    rc.send_signal("usr1", targets=2)
    wait_until(lambda: rc[2].pull("len(heard)", block=True) >= 1)
    found = rc[:].pull("len(heard)", block=True)
    assert found[0] == found[3] == 0 and found[1] == 1 and found[2] >= 1
    late = rc[0].apply_async(lambda path: (open(path, "w").close(), time.sleep(600)), str(tmp_path / "begun"))
    wait_until((tmp_path / "begun").exists)
    rc.send_signal("SIGINT", targets=0)
    with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
        late.get(20)
    for wrong in ("SIGNOTHING", 0, 1000):
        with pytest.raises(ValueError):
            rc.send_signal(wrong)


def test_work_is_done_again(rc):
    rc[:].execute("count = 0\ndef more():\n    global count\n    count += 1\n    return count", block=True)
    result = rc[1].apply_async(lambda f: f(), ipp.Reference("more"))
    assert result.get() == 1
    again = rc.resubmit(result.msg_ids[0])
    assert again.get() == 2 and again.msg_ids != result.msg_ids and rc.hub_history()[-1] == again.msg_ids[0]
    balanced = rc.load_balanced_view().apply_async(pow, 2, 5)
    assert balanced.get() == 32 == rc.resubmit(balanced).get()[0]
    with pytest.raises(KeyError):
        rc.resubmit("nothing")
