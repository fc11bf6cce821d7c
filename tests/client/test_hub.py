"""What the controller remembers of work, and gives to other clients than the one that had it done."""

import datetime
import signal
import subprocess
import sys
import time

import pytest
import tutti as ipp

from e2e.harness import wait_until

UTC = datetime.timezone.utc


@pytest.fixture
def other(rc):
    with ipp.Client() as client:
        client.wait_for_engines(4, timeout=20)
        yield client


def test_results_of_a_client_that_lives(rc, other):
    done = rc.load_balanced_view().apply_async(lambda: 6 * 7)
    assert done.get(20) == 42
    found = other.get_result(done.msg_ids[0])
    assert isinstance(found, ipp.AsyncHubResult) and found.get(20) == 42
    assert found.msg_ids == done.msg_ids
    assert found.metadata.engine_id == done.metadata.engine_id
    assert found.metadata.engine_uuid == done.metadata.engine_uuid
    assert abs((found.metadata.completed - done.metadata.completed).total_seconds()) < 5
    assert other.get_result(found).msg_ids == done.msg_ids
    assert other.get_result([found, done.msg_ids[0]]).get(20) == [42, 42]


def test_several_engines_and_some_of_them(rc, other):
    done = rc[:].apply_async(lambda: __import__("os").getpid())
    pids = done.get(20)
    assert other.get_result(done.msg_ids).get(20) == pids
    assert other.get_result(done.msg_ids[2:0:-1]).get(20) == pids[2:0:-1]
    assert other.get_result(done.msg_ids[3]).get(20) == pids[3]


def test_failures_and_output(rc, other):
    done = rc[:2].execute("print('said'); 1/0")
    done.wait(20)
    found = other.get_result(done.msg_ids)
    with pytest.raises(ipp.CompositeError) as failure:
        found.get(20)
    assert [one[0] for one in failure.value.elist] == ["ZeroDivisionError"] * 2
    assert found.stdout == ["said\n", "said\n"] and found.metadata[0].status == "error"


def test_what_is_pending_comes_to_both(rc, other, tmp_path):
    def wait(path):
        import os
        import time
        print("begun", flush=True)
        while not os.path.exists(path):
            time.sleep(0.01)
        print("done")
        return path

    path = str(tmp_path / "go")
    mine = rc[1].apply_async(wait, path)
    wait_until(lambda: mine.stdout)
    theirs = other.get_result(mine.msg_ids[0])
    assert not theirs.ready() and other.result_status(mine.msg_ids) == {
        "pending": mine.msg_ids, "completed": []}
    wait_until(lambda: theirs.stdout == "begun\n")
    open(path, "w").close()
    assert mine.get(20) == theirs.get(20) == path
    assert mine.stdout == theirs.stdout == "begun\ndone\n"
    assert other.result_status(mine.msg_ids[0], status_only=False) == {
        "pending": [], "completed": mine.msg_ids, mine.msg_ids[0]: path}


def test_a_large_result_is_not_kept(rc, other):
    done = rc[0].apply_async(lambda: b"x" * 100000)
    assert len(done.get(20)) == 100000
    with pytest.raises(KeyError, match="is not kept"):
        other.get_result(done.msg_ids[0])
    row, = other.db_query({"msg_id": done.msg_ids[0]})
    assert row["status"] == "ok"


@pytest.mark.parametrize("unknown", ["nonsense", "0" * 32 + "_1", "g" * 32 + "_1", ""])
def test_what_nobody_knows(rc, unknown):
    with pytest.raises(KeyError, match="No such msg_id"):
        rc.get_result(unknown)
    with pytest.raises(KeyError):
        rc.result_status([unknown])


def test_work_goes_on_when_its_client_leaves(rc, other):
    with ipp.Client() as leaving:
        view = leaving.load_balanced_view()
        results = [view.apply_async(lambda i=i: (__import__("time").sleep(0.05), i)[1])
                   for i in range(20)]
        direct = leaving[:].apply_async(lambda: __import__("os").getpid())
        ids = [one.msg_ids[0] for one in results]
    found = other.get_result(ids)
    assert found.get(20) == list(range(20))
    assert sorted(set(found.engine_id)) == [0, 1, 2, 3]
    assert sorted(other.get_result(direct.msg_ids).get(20)) == sorted(rc[:].apply_sync(
        lambda: __import__("os").getpid()))


SCRIPT = """
import sys, time
import tutti as ipp
rc = ipp.Client()
def work():
    import time
    print("at work", flush=True)
    time.sleep(1)
    return "x" * 3000000, "small"
results = rc[:2].apply_async(work)
print(*results.msg_ids, flush=True)
while not all(results.stdout): time.sleep(0.01)
print("running", flush=True)
time.sleep(100)
"""


def test_a_client_that_was_killed_leaves_big_results_and_output(rc, other, four):
    script = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True,
                              env=dict(four.env, PYTHONPATH=ipp.__path__[0].rpartition("/")[0]))
    try:
        ids = script.stdout.readline().split()
        assert script.stdout.readline() == "running\n" and len(ids) == 2
    finally:
        script.send_signal(signal.SIGKILL)
        script.wait(10)
    wait_until(lambda: four.status()["controller"]["clients"] <= 3)
    wait_until(lambda: not any(one["running"] for one in four.engines().values()))
    assert other[:2].apply_sync(int) == [0, 0]  # what waits for nobody is in nobody's way
    found = other.get_result(ids)
    assert [(len(text), word) for text, word in found.get(20)] == [(3000000, "small")] * 2
    assert found.stdout == ["at work\n"] * 2


def test_what_was_left_can_be_ended(rc, other, tmp_path):
    with ipp.Client() as leaving:
        view = leaving.load_balanced_view()
        marks = [tmp_path / str(i) for i in range(40)]
        results = [view.apply_async(lambda path: (__import__("time").sleep(0.1),
                                                  open(path, "w").close())[1], str(mark))
                   for mark in marks]
        ids = [one.msg_ids[0] for one in results]
        wait_until(lambda: any(mark.exists() for mark in marks))
    other.abort(ids)
    found = other.get_result(ids)
    assert found.wait(20)
    ends = {row["status"] for row in other.db_query({"msg_id": {"$in": ids}})}
    assert ends == {"ok", "aborted"} and not all(mark.exists() for mark in marks)


def test_the_prompt_tells_of_what_was_left_and_ends_it(rc, four):
    with ipp.Client() as leaving:
        view = leaving.load_balanced_view()
        for _ in range(20):
            view.apply_async(time.sleep, 30)
    mine = rc.load_balanced_view().apply_async(int)
    told = ("20 tasks go on whose client has gone; rc.get_result(ids) has them, %cancel --left ends them")
    wait_until(lambda: told in four.ok("status"))
    ended = four.lines("%cancel --left")
    assert ended.stderr == "ended 20 tasks that clients had left\n" and ended.stdout == ""
    assert mine.get(20) == 0 and "has gone" not in four.ok("status")
    assert four.lines("%cancel --left").stderr == "nothing was left\n"


def test_history(rc, other):
    before = other.hub_history()
    done = rc[:].apply_async(int)
    done.wait(20)
    last = other.load_balanced_view().apply_async(int)
    last.wait(20)
    assert other.hub_history() == before + done.msg_ids + last.msg_ids
    assert rc.hub_history() == other.hub_history()


def test_queries(rc, other):
    first = rc[:].apply_async(int)
    first.wait(20)
    bad = rc[0].apply_async(lambda: 1 / 0)
    bad.wait(20)
    all_ids = rc.hub_history()
    rows = rc.db_query({"msg_id": {"$ne": ""}})
    assert [row["msg_id"] for row in rows] == all_ids
    assert not {"buffers", "result_buffers"} & set(rows[0])
    row, = other.db_query({"msg_id": bad.msg_ids[0]})
    assert row["status"] == "error" and row["engine_id"] == 0 and row["queue"] == "mux"
    assert row["submitted"] <= row["started"] <= row["completed"] and row["label"]
    assert row["submitted"].tzinfo is not None and row["client_uuid"] == rc.session
    tic = row["submitted"]
    before = rc.db_query({"submitted": {"$lt": tic}})
    after = rc.db_query({"submitted": {"$gte": tic}})
    assert len(before) + len(after) == len(rows) and len(after) >= 1
    assert rc.db_query({"submitted": tic.astimezone().replace(tzinfo=None)})[0] == row
    found = rc.db_query({"msg_id": {"$in": first.msg_ids}, "engine_id": {"$gt": 1}}, keys="started")
    assert [one["msg_id"] for one in found] == first.msg_ids[2:]
    assert set(found[0]) == {"msg_id", "started"}
    assert len(rc.db_query({"engine_id": {"$mod": [2, 0]}, "msg_id": {"$in": first.msg_ids}})) == 2
    assert rc.db_query({"resubmitted": {"$exists": True}}) == []
    assert len(rc.db_query({"completed": {"$exists": 1}})) == len(rows)
    with pytest.raises(KeyError, match="no operator"):
        rc.db_query({"msg_id": {"$like": "x"}})
    with pytest.raises(KeyError, match="a record has no colour"):
        rc.db_query({}, keys=["colour"])


def test_queries_for_what_only_results_tell(rc, other):
    done = rc[0].execute("print('said'); 6*7", silent=False)
    done.wait(20)
    row, = other.db_query({"msg_id": done.msg_ids[0]}, keys=["stdout", "execute_result"])
    assert row["stdout"] == "said\n" and row["execute_result"]["data"]["text/plain"] == "42"


def test_what_this_client_let_go_of(rc):
    done = rc[0].apply_async(lambda: 5)
    done.wait(20)
    name = done.msg_ids[0]
    del done
    rc.purge_local_results("all")
    assert rc.get_result(name).get(20) == 5


def test_purging(rc, other):
    done = rc[:].apply_async(int)
    done.wait(20)
    with pytest.raises(ValueError):
        rc.purge_hub_results()
    rc.purge_hub_results(done)
    with pytest.raises(KeyError):
        other.get_result(done.msg_ids)
    assert done.get(20) == [0] * 4
    slow = rc[0].apply_async(__import__("time").sleep, 0.3)
    with pytest.raises(RuntimeError, match="outstanding"):
        rc.purge_hub_results(slow)
    slow.wait(20)
    rc[1].apply_sync(int)
    rc.purge_hub_results(targets=[0])
    assert {row["engine_id"] for row in rc.db_query({})} and not rc.db_query({"engine_id": 0})
    rc.purge_hub_results("all")
    assert rc.hub_history() == []


def test_what_is_remembered_is_bounded(rc):
    view = rc.load_balanced_view()
    for _ in range(3):
        rc.wait([view.apply_async(int) for _ in range(3000)], 60)
    kept = len(rc.hub_history())
    assert 1000 < kept < 9000
