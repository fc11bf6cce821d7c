"""Maps whose items travel in batches."""

import os
import signal
import threading
import time

import pytest
import tutti as ipp

from e2e.harness import wait_until


@pytest.fixture
def view(rc):
    return rc.load_balanced_view()


@pytest.mark.parametrize("count", [2, 3, 7, 100, 5000, 200000])
@pytest.mark.parametrize("ordered", [True, False])
def test_all_values_are_there_once(view, count, ordered):
    result = view.map_async(lambda x: x * 2, range(count), ordered=ordered)
    assert len(result) == count
    seen = list(result)
    assert (seen if ordered else sorted(seen)) == [2 * x for x in range(count)]
    assert result.get(20) == [2 * x for x in range(count)], "in order, however it was iterated"
    assert result.progress == count and result.successful() and result.wall_time > 0
    assert sum(map(len, view.map_sync(lambda x: [x], range(count)))) == count


def test_short_items_go_together_and_long_ones_alone(view):
    view.map_sync(int, range(100))
    assert len(view.map_async(int, range(100000)).get(20)) == 100000
    many = view.map_async(int, range(100000))
    many.wait(20)
    assert len(many.msg_ids) < 20000 and many.metadata[0]["status"] == "ok"
    few = view.map_async(lambda x: time.sleep(0.03), range(12))
    few.wait(20)
    assert len(few.msg_ids) == 12 and sorted(set(few.engine_id)) == [0, 1, 2, 3]
    mixed = view.map_async(lambda x: time.sleep(x), [0.2] + [0] * 2000 + [0.2])
    assert mixed.get(20) == [None] * 2002


def test_several_sequences(view):
    assert view.map_sync(lambda a, b: (a, b), range(1000), "ab" * 600) == [
        (n, "ab"[n % 2]) for n in range(1000)]
    assert view.map_sync(lambda a, b: a + b, [1, 2, 3], iter([10, 20])) == [11, 22]
    assert view.map_sync(lambda t: t, [(1, 2), (3,)]) == [(1, 2), (3,)]


def test_a_failing_item_costs_no_other_one(view):
    result = view.map_async(lambda x: 6 // (x % 500), range(2000))
    with pytest.raises(ipp.CompositeError) as failure:
        result.get(20)
    assert [one[:2] for one in failure.value.elist] == [
        ("ZeroDivisionError", "integer division or modulo by zero")] * 4
    assert failure.value.elist[0][3]["engine_id"] in range(4)
    assert "6 // (x % 500)" in failure.value.elist[0][2], "with the line"
    assert not result.successful()
    got = result.get(20, return_exceptions=True)
    assert got[1:500] == [6 // x for x in range(1, 500)]
    assert [n for n, one in enumerate(got) if isinstance(one, ipp.RemoteError)] == [0, 500, 1000, 1500]
    kept = view.map_sync(lambda x: 6 // (x % 500), range(2000), return_exceptions=True)
    assert [n for n, one in enumerate(kept) if isinstance(one, ZeroDivisionError)] == [0, 500, 1000, 1500]
    assert kept[1:500] == got[1:500]
    seen = []
    with pytest.raises(ipp.RemoteError, match="ZeroDivisionError"):
        for value in view.map_async(lambda x: 6 // (x - 3), range(10)):
            seen.append(value)
    assert seen == [-2, -3, -6]


def test_exceptions_that_are_values(view):
    got = view.map_sync(lambda x: ValueError(x), range(3))
    assert [type(one) for one in got] == [ValueError] * 3


def test_one_by_index(view):
    result = view.map_async(lambda x: x + 1, range(3000))
    result.wait(20)
    assert result[5] == 6 and result[-1] == 3000 and result[10:2000:500] == [11, 511, 1011, 1511]
    assert result[5:2] == []
    with pytest.raises(IndexError):
        result[3000]
    slow = view.map_async(time.sleep, [0.2] * 12)
    with pytest.raises(TimeoutError):
        slow[11]
    assert slow[:0] == []
    slow.wait(20)


def test_what_the_call_meant_is_done(view):
    """Whatever becomes of the list and of the view's flags."""
    numbers = [0.05] + [0] * 5000
    with view.temp_flags(targets=[2], label="mine"):
        result = view.map_async(lambda x: (__import__("time").sleep(x), x)[1], numbers)
    numbers[:] = []
    assert result.get(20) == [0.05] + [0] * 5000
    assert set(result.engine_id) == {2} and set(result.label) == {"mine"}


def test_what_may_change_goes_at_once_and_by_itself(view):
    rows = [[n] for n in range(40)]
    result = view.map_async(lambda row: row[0], rows)
    for row in rows:
        row[0] = -1
    assert result.get(20) == list(range(40)) and len(result.msg_ids) == 40
    assert view.map_sync(lambda row: row[0], [[n] for n in range(40)]) == list(range(40))
    assert len(view.map_async(int, range(40), chunksize=1).msg_ids) == 40
    assert len(view.map_async(int, range(40), chunksize=7).msg_ids) == 6


def test_what_is_of_each_item_keeps_them_apart(rc, view):
    @ipp.depend(lambda: __import__("os").getpid() % 2 == parity)
    def work(x):
        return __import__("os").getpid()

    pids = rc[:].apply_sync(os.getpid)
    parity = pids[0] % 2
    assert {pid % 2 for pid in view.map_sync(work, range(10))} == {parity}
    with view.temp_flags(retries=1):
        assert len(view.map_async(int, range(10)).msg_ids) == 10
    first = view.apply_async(int)
    with view.temp_flags(after=first):
        assert len(view.map_async(int, range(10)).msg_ids) == 10


def test_what_cannot_be_sent(view):
    with pytest.raises(TypeError):
        view.map_async(int, [threading.Lock()] * 3, block=True)
    mixed = [1] * 5000 + [threading.Lock()]
    with pytest.raises(TypeError):
        view.map_sync(bool, mixed)
    assert view.map_sync(int, range(10)) == list(range(10))


def test_abort_hands_nothing_over_any_more(rc, view, tmp_path):
    def work(x):
        open(os.path.join(folder, str(x)), "w").close()
        time.sleep(0.02)

    folder = str(tmp_path)
    result = view.map_async(work, range(400))
    wait_until(lambda: len(os.listdir(folder)) > 8)
    result.abort()
    assert result.wait(20)
    done = len(os.listdir(folder))
    assert done < 200 and len(result) == 400 and result.progress == 400
    with pytest.raises(ipp.CompositeError, match="TaskAborted"):
        result.get()
    left = result.get(return_exceptions=True)
    assert sum(isinstance(one, ipp.TaskAborted) for one in left) == 400 - done
    assert not rc.outstanding & set(result.msg_ids)
    with pytest.raises(RuntimeError, match="already done"):
        result.abort()


def test_cancel_and_ctrl_c(rc, view, four):
    result = view.map_async(time.sleep, [30] * 100)
    wait_until(lambda: all(one["running"] for one in four.engines().values()))
    assert result.cancel() and result.wait(20) and not result.cancel()
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        view.map_sync(time.sleep, [30] * 100)
    assert time.monotonic() - began < 15
    rc.abort()  # of all that is outstanding: nothing more of it is handed over
    rc.wait(timeout=20)
    assert rc[:].apply_sync(int) == [0] * 4


def test_an_engine_that_dies_costs_what_it_had(own):
    view = own.load_balanced_view()
    result = view.map_async(lambda x: os._exit(3) if x == 50000 else x, range(100000))
    assert result.wait(30)
    got = result.get(return_exceptions=True)
    lost = [n for n, one in enumerate(got) if isinstance(one, ipp.EngineError)]
    assert 50000 in lost and len(lost) < 51000 and lost == list(range(lost[0], lost[-1] + 1))
    assert [one for one in got if not isinstance(one, ipp.EngineError)] == [
        n for n in range(100000) if n not in set(lost)]
    with pytest.raises(ipp.CompositeError, match="EngineError: engine .* exited with status 3"):
        result.get()


def test_a_client_that_closes(cluster):
    cluster.start(2)
    with ipp.Client() as rc:
        rc.wait_for_engines(2, timeout=20)
        result = rc.load_balanced_view().map_async(time.sleep, [0.2] * 100)
        wait_until(lambda: result.progress > 0)
    assert result.wait(5)
    with pytest.raises(ipp.KernelError, match="closed"):
        result.get()


def test_memory_goes_with_the_result(rc, view):
    for _ in range(3):
        assert sum(view.map_sync(lambda x: 1, range(100000))) == 100000
    assert not rc.outstanding
