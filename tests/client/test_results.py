"""AsyncResult: waiting, shapes, metadata, times, as a Future and as a sequence. (rows 53 to 74)"""

import asyncio
import concurrent.futures
import datetime
import time

import pytest

import tutti as ipp
from e2e.harness import wait_until


def test_pending_and_finished(rc):
    result = rc[:2].apply_async(time.sleep, 0.3)
    assert not result.ready() and repr(result) == "<AsyncResult(sleep): pending>"
    with pytest.raises(RuntimeError, match="not ready"):
        result.successful()
    with pytest.raises(TimeoutError):
        result.get(0.01)
    with pytest.raises(TimeoutError):
        result.wall_time
    assert result.elapsed > 0 and result.progress <= 2 and len(result) == 2
    assert result.wait(20) is True and result.ready() and result.successful()
    assert repr(result) == "<AsyncResult(sleep): finished>" and result.progress == 2
    assert result.r == [None, None] == result.result(1) and result.exception() is None


def test_a_failure(rc):
    result = rc[1].apply_async(lambda: 1 / 0)
    with pytest.raises(ipp.RemoteError) as caught:
        result.get()
    error = caught.value
    assert str(error) == "[1:apply] ZeroDivisionError: division by zero"
    assert repr(error) == "<RemoteError[1]:ZeroDivisionError(division by zero)>"
    assert error.ename == "ZeroDivisionError" and "Traceback" in error.traceback
    assert error.engine_info["engine_id"] == 1 and error.engine_info["method"] == "apply"
    assert repr(result).endswith(": failed>") and not result.successful()
    assert isinstance(result.exception(), ipp.RemoteError)
    assert isinstance(result.get(return_exceptions=True), ipp.RemoteError)


def test_several_failures(rc):
    result = rc[:].execute("1/0")
    with pytest.raises(ipp.error.CompositeError) as caught:
        result.get()
    error = caught.value
    assert repr(error) == "CompositeError(4)" and len(error.elist) == 4
    assert str(error).split("\n")[:2] == ["one or more exceptions raised in: execute",
                                          "[0:execute]ZeroDivisionError: division by zero"]
    with pytest.raises(ipp.RemoteError, match=r"\[2:execute\] ZeroDivisionError"):
        error.raise_exception(2)
    with pytest.raises(IndexError):
        error.raise_exception(9)
    assert any("ZeroDivisionError" in line for line in error.render_traceback())


def test_some_fail(rc):
    result = rc[:].apply_async(lambda: 1 / globals().get("missing_here", 0) if False else 5)
    assert result.get() == [5] * 4
    rc[0].push({"bad": True}, block=True)
    rc[1:].push({"bad": False}, block=True)
    result = rc[:].apply_async(lambda bad: 1 / 0 if bad else 7, ipp.Reference("bad"))
    found = result.get(return_exceptions=True)
    assert isinstance(found[0], ipp.RemoteError) and found[1:] == [7, 7, 7]
    with pytest.raises(ipp.error.CompositeError):
        result.get()


def test_a_dict_by_engine(rc):
    result = rc[[1, 3]].apply_async(lambda: "x")
    assert result.get_dict() == {1: "x", 3: "x"} == result.result_dict
    assert rc[2].apply_async(int).get_dict() == {2: 0}
    twice = ipp.AsyncResult.join(rc[0].apply_async(int), rc[0].apply_async(int))
    with pytest.raises(ValueError):
        twice.get_dict()


def test_metadata(rc):
    result = rc[0].apply_async(lambda: print("out", flush=True))
    result.label
    assert result["received"] is None or isinstance(result["received"], datetime.datetime)
    result.get()
    found = result.metadata
    assert found.engine_id == 0 == found["engine_id"] == result.engine_id
    assert found.submitted <= found.started <= found.completed <= found.received
    assert found.submitted.tzinfo is not None and found.status == "ok" and found.error is None
    assert result.stdout == "out\n" == found["stdout"] and found.stderr == ""
    several = rc[:2].apply_async(int)
    several.get()
    assert [one.engine_id for one in several.metadata] == [0, 1] and several.engine_id == [0, 1]
    with pytest.raises(AttributeError):
        several.nothing
    with pytest.raises(KeyError):
        several["nothing"]
    labelled = rc[0]
    labelled.label = "mine"
    assert labelled.apply_async(int).label == "mine"


def test_times(rc):
    result = rc[:].apply_async(time.sleep, 0.1)
    result.get()
    assert result.serial_time >= 0.4 and 0.1 <= result.wall_time < result.serial_time + 5
    assert result.elapsed == result.wall_time
    assert result.timedelta(result.submitted, result.received) == pytest.approx(result.wall_time, abs=0.05)


def test_it_is_a_future(rc):
    result = rc[:].apply_async(lambda: 3)
    heard = []
    result.add_done_callback(heard.append)
    assert isinstance(result, concurrent.futures.Future)
    assert concurrent.futures.wait([result], 20).done == {result}
    assert heard == [result] and result.done() and not result.cancelled()
    assert result.result() == [3] * 4


def test_it_can_be_awaited(rc):
    async def main():
        one = await rc[0].apply_async(lambda: 8)
        several = await asyncio.gather(*(rc.load_balanced_view().apply_async(lambda x: x, x) for x in range(5)))
        with pytest.raises(ipp.RemoteError):
            await rc[0].apply_async(lambda: 1 / 0)
        return one, several

    assert asyncio.run(main()) == (8, [0, 1, 2, 3, 4])


def test_return_when(rc):
    rc[0].push({"nap": 0.0}, block=True)
    rc[1].push({"nap": 0.5}, block=True)
    result = rc[:2].apply_async(time.sleep, ipp.Reference("nap"))
    done, pending = result.wait(20, return_when=ipp.FIRST_COMPLETED)
    assert len(done) == 1 and len(pending) == 1
    done, pending = result.wait(20, return_when=ipp.ALL_COMPLETED)
    assert len(done) == 2 and not pending
    with pytest.raises(ValueError):
        result.wait(return_when="never")


def test_as_a_sequence(rc):
    result = rc[:].apply_async(lambda: 5)
    assert list(result) == [5] * 4 and result[0] == 5 and result[1:3] == [5, 5]
    with pytest.raises(IndexError):
        result[9]
    with pytest.raises(TypeError):
        list(rc[0].apply_async(int))
    late = rc[:].apply_async(time.sleep, 0.3)
    with pytest.raises(TimeoutError):
        late[0]
    late.get()
    assert [one.get() for one in result.split()] == [5] * 4
    assert ipp.AsyncResult.join(*result.split()).get() == [5] * 4


def test_a_map_gives_what_is_there(rc):
    view = rc.load_balanced_view()
    result = view.map_async(lambda x: (time.sleep(0.05), x)[1], range(8))
    assert next(iter(result)) == 0
    assert list(result) == list(range(8)) and result[3] == 3 and result[-2:] == [6, 7]
    assert repr(result) == "<AsyncMapResult(<lambda>): finished>"


def test_abort(own, cluster):
    """What runs goes on; what waits does not start."""
    def work(path):
        import os
        import time
        while not os.path.exists(path):
            time.sleep(0.01)
        return 5

    running = own[:].apply_async(work, str(cluster.file("go")))
    waiting = own[:2].apply_async(int)
    wait_until(lambda: all(row["running"] for row in cluster.engines().values()))
    waiting.abort()
    own.abort(targets=[3])
    with pytest.raises(ipp.error.CompositeError, match="TaskAborted"):
        waiting.get(20)
    assert not running.ready()
    cluster.file("go", "")
    assert running.get(20) == [5] * 4
    with pytest.raises(RuntimeError):
        running.abort()


def test_abort_of_what_waits_here(rc):
    view = rc.load_balanced_view()
    first = view.apply_async(time.sleep, 600)
    with view.temp_flags(after=ipp.Dependency(first, success=False, failure=True)):
        never = view.apply_async(int)
    with view.temp_flags(after=ipp.Dependency(first, all=False), timeout=0.05):
        late = view.apply_async(int)
    with pytest.raises(ipp.error.DependencyTimeout):
        late.get(20)
    never.abort()
    with pytest.raises(ipp.error.TaskAborted):
        never.get(20)
    first.cancel()
    with pytest.raises(ipp.RemoteError, match="KeyboardInterrupt"):
        first.get(20)


def test_what_cannot_be_read_here(rc):
    result = rc[0].apply_async(lambda: __import__("types").SimpleNamespace(a=1))
    assert result.get().a == 1
    rc[0].execute("import sys, types\nm = types.ModuleType('only_there')\nexec('class T: pass', m.__dict__)\n"
                  "sys.modules['only_there'] = m\nm.T.__module__ = 'only_there'", block=True)
    with pytest.raises(ModuleNotFoundError):
        rc[0].apply_sync(lambda: __import__("sys").modules["only_there"].T())


def test_published_data(rc):
    def work():
        import tutti
        tutti.publish_data({"a": [1]})
        tutti.publish_data({"b": 2})
        return "value"

    result = rc[0].apply_async(work)
    assert result.get() == "value" and result.data == {"a": [1], "b": 2}
    with pytest.raises(ipp.RemoteError, match="publish_data takes a dict"):
        rc[0].apply_sync(ipp.publish_data, [1])


def test_displays_come_with_the_result(rc):
    def work():
        import tutti
        class Picture:
            def _repr_png_(self):
                return b"PNG bytes"
        tutti.display(Picture())

    result = rc[0].apply_async(work)
    result.get()
    assert result.outputs[0]["data"]["image/png"] == b"PNG bytes"
