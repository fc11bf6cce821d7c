"""DirectView, BroadcastView, LoadBalancedView: calls, maps, names, code. (rows 28 to 52)"""

import os
import time

import pytest

import tutti as ipp

@pytest.fixture(params=["direct_view", "broadcast_view"])
def view(rc, request):
    return getattr(rc, request.param)([0, 1, 2, 3])


def test_flags(rc):
    view = rc[:]
    assert view.set_flags(block=True, label="x") is view and view.block and view.label == "x"
    with view.temp_flags(block=False):
        assert view.block is False
    assert view.block is True
    with pytest.raises(KeyError):
        view.set_flags(nothing=1)
    balanced = rc.load_balanced_view()
    balanced.set_flags(retries=2, timeout=3.0, after=None, follow=None)
    assert balanced.retries == 2


def test_shapes_of_results(rc):
    assert rc[0].apply_sync(lambda: 1) == 1 and rc[[0]].apply_sync(lambda: 1) == [1]
    assert rc[:1].apply_sync(lambda: 1) == [1] and rc.direct_view().apply_sync(lambda: 1) == [1] * 4
    assert isinstance(rc[:].apply(lambda: 1), ipp.AsyncResult)
    blocking = rc[:]
    blocking.block = True
    assert blocking.apply(lambda: 1) == [1] * 4
    assert rc.load_balanced_view().apply_sync(lambda: 1) == 1


def test_calls(view):
    assert view.apply_sync(lambda a, b=0, *c, **d: (a, b, c, d), 1, 2, 3, e=4) == [(1, 2, (3,), {"e": 4})] * 4
    k = 5
    assert view.apply_sync(lambda x: x + k, 1) == [6] * 4
    assert len(set(view.apply_sync(os.getpid))) == 4


def test_references(rc):
    rc[:].push({"a": 5, "b": [1]}, block=True)
    assert rc[:].apply_sync(lambda x, y: (x, y), ipp.Reference("a"), y=ipp.Reference("b[0]")) == [(5, 1)] * 4


def test_references_in_containers_and_pushed(rc):
    rc[:].push({"a": 5, "b": [1]}, block=True)
    a, b = ipp.Reference("a"), ipp.Reference("b[0]")
    assert rc[:].apply_sync(lambda *x, **y: (x, y), [a, (b, {"k": {a}})], z={b: a}) == [
        (([5, (1, {"k": {5}})],), {"z": {1: 5}})] * 4
    rc[:].push({"c": ipp.Reference("a + 1"), "d": [a]}, block=True)
    assert rc[:].pull(["c", "d"], block=True) == [[6, [5]]] * 4
    assert rc[:].map_sync(lambda x: x, [a] * 8) == [5] * 8
    assert rc.load_balanced_view().map_sync(lambda x: x, [a] * 8, chunksize=3) == [5] * 8
    with pytest.raises(ipp.CompositeError, match="NameError"):
        rc[:].apply_sync(lambda x: x, [ipp.Reference("nothing")])


def test_maps_of_a_direct_view(view):
    assert view.map_sync(lambda x: x * x, range(10)) == [x * x for x in range(10)]
    assert view.map_sync(lambda x, y: x + y, [1, 2, 3], (10, 20)) == [11, 22]
    assert view.map_sync(abs, iter([-1, -2])) == [1, 2] and view.map_sync(abs, []) == []
    result = view.map_async(time.sleep, [0] * 10)
    assert isinstance(result, ipp.AsyncMapResult) and len(result) == 10 and result.get() == [None] * 10
    assert [len(one) for one in view.map_async(lambda x: x, range(10))._parts and [[0]]] == [1]
    found = view.map_sync(lambda x: 1 / x, [1, 0, 2], return_exceptions=True)
    assert found[0] == 1 and isinstance(found[1], ZeroDivisionError) and found[2] == 0.5


def test_balanced_maps(rc):
    view = rc.load_balanced_view()
    assert view.map_sync(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    assert view.map_sync(lambda x: x, range(10), chunksize=3) == list(range(10))
    assert view.map_sync(abs, []) == []
    result = view.map(lambda x: (time.sleep(0.3 - 0.1 * x), x)[1], [0, 1, 2], ordered=False)
    assert sorted(result) == [0, 1, 2]
    found = view.map_sync(lambda x: 1 / x, [1, 0], return_exceptions=True)
    assert found[0] == 1 and isinstance(found[1], ZeroDivisionError)
    with pytest.raises(ipp.error.CompositeError, match="ZeroDivisionError"):
        view.map_sync(lambda x: 1 / x, [1, 0])
    with pytest.raises(ValueError):
        view.map(abs, [1], chunksize=0)
    with pytest.raises(TypeError):
        view.map(abs, [1], nonsense=0)


def test_execute(view):
    result = view.execute("a = 6\nprint('said')\na * 7", silent=False)
    replies = result.get()
    assert [str(one) for one in replies] == ["42"] * 4 and result.stdout == ["said\n"] * 4
    assert repr(replies[0]).startswith("<ExecuteReply[") and repr(replies[0]).endswith("]: 42>")
    assert replies[1].engine_id == 1 and replies[1]["stdout"] == "said\n"
    with pytest.raises(ipp.error.CompositeError):
        view.execute("1/0", block=True)


def test_run(view, tmp_path):
    path = tmp_path / "code.py"
    path.write_text("ran = 'it did'")
    view.run(path, block=True)
    assert view["ran"] == ["it did"] * 4
    with pytest.raises(OSError):
        view.run(tmp_path / "nothing.py")


def test_names(view):
    view.push({"a": 1, "b": [2]}, block=True)
    assert view.pull("a", block=True) == [1] * 4 and view.pull(["a", "b"], block=True) == [[1, [2]]] * 4
    assert view.pull("a + 1", block=True) == [2] * 4 and view.get("a") == [1] * 4
    view["c"] = "text"
    assert view["c"] == ["text"] * 4
    view.update({"d": None})
    with pytest.raises(TypeError):
        view.push([("a", 1)])
    with pytest.raises(TypeError):
        view.pull([1])
    with pytest.raises(ipp.error.CompositeError, match="NameError: name 'never' is not defined"):
        view["never"]


def test_dotted_names(rc):
    rc[0].execute("class Bag: pass\nbag = Bag()", block=True)
    rc[0].push({"bag.kept": 5}, block=True)
    assert rc[0]["bag.kept"] == 5


def test_a_name_of_one_engine(rc):
    rc[2].push({"mine": 2}, block=True)
    assert rc[2]["mine"] == 2 and rc[[2]].pull(["mine"], block=True) == [[2]]


def test_scatter_and_gather(view):
    assert view.scatter("part", range(10), block=True) is None
    assert [list(part) for part in view["part"]] == [[0, 1, 2], [3, 4, 5], [6, 7], [8, 9]]
    assert view.gather("part", block=True) == list(range(10))
    result = view.gather("part")
    assert isinstance(result, ipp.AsyncMapResult) and result.get() == list(range(10))
    view.scatter("one", [5, 6, 7, 8], flatten=True, block=True)
    assert view["one"] == [5, 6, 7, 8]
    view.scatter("few", [1], block=True)
    assert view["few"] == [[1], [], [], []]


def test_arrays(rc):
    np = pytest.importorskip("numpy")
    x = np.arange(100000.0).reshape(100, 1000)
    found = rc[0].apply_sync(lambda a: a * 2, x)
    assert found.flags.writeable and (found == 2 * x).all()
    rc[:].scatter("rows", x, block=True)
    assert (rc[:].gather("rows", block=True) == x).all()
    rc[:].push({"x": x}, block=True)
    assert all((one == x).all() for one in rc[:]["x"])


@pytest.mark.parametrize("value", [b"x" * 10000, "text" * 5000, bytearray(8192), {"a": b"y" * 5000},
                                   (1, [2, (3,)]), 1 << 100, None, 1.5, complex(1, 2), {1, 2}])
def test_values_there_and_back(rc, value):
    found = rc[0].apply_sync(lambda v: v, value)
    assert found == value and type(found) is type(value)


def test_a_memoryview_is_what_it_shows(rc):
    assert rc[0].apply_sync(bytes, memoryview(b"z" * 9000)) == b"z" * 9000


def test_views_have_the_methods_of_the_client(rc):
    view = rc.load_balanced_view()
    results = [view.apply_async(int) for _ in range(3)]
    assert view.wait() and view.get_result(-1).get() == 0 and len(view.history) == 3
    assert view.outstanding == set() and set(view.queue_status()) >= {0, "unassigned"}
    assert results[0].msg_ids[0] in view.results


def test_retries(rc, tmp_path):
    view = rc.load_balanced_view()

    def fails_once(path):
        with open(path, "a") as file:
            file.write("x")
        with open(path) as file:
            if len(file.read()) < 2:
                raise ValueError("once")
        return "well"

    with pytest.raises(ipp.error.RemoteError, match="once"):
        view.apply_sync(fails_once, str(tmp_path / "a"))
    view.retries = 1
    assert view.apply_sync(fails_once, str(tmp_path / "b")) == "well"


def test_after_and_follow(rc):
    view = rc.load_balanced_view()
    first = view.apply_async(lambda: (time.sleep(0.1), os.getpid())[1])
    with view.temp_flags(after=first):
        second = view.apply_async(time.time)
    with view.temp_flags(follow=[first]):
        third = view.apply_async(os.getpid)
    assert second.get() >= first.metadata.completed.timestamp() - 0.05 and third.get() == first.get()
    bad = view.apply_async(lambda: 1 / 0)
    with view.temp_flags(after=bad):
        never = view.apply_async(int)
    with pytest.raises(ipp.error.ImpossibleDependency):
        never.get(20)
    with view.temp_flags(after=ipp.Dependency(bad, success=False, failure=True)):
        assert view.apply_async(lambda: "after a failure").get(20) == "after a failure"
    with view.temp_flags(after=ipp.Dependency([bad, first], all=False)):
        assert view.apply_async(lambda: "any").get(20) == "any"
    with view.temp_flags(after="nobody_1"), pytest.raises(ipp.error.InvalidDependency):
        view.apply_async(int)
    slow = view.apply_async(time.sleep, 1)
    with view.temp_flags(after=slow, timeout=0.05), pytest.raises(ipp.error.DependencyTimeout):
        view.apply_async(int).get(20)


def test_what_pickles(rc):
    view = rc[:]
    view.use_pickle().get()
    view.use_cloudpickle().get()
    assert view.apply_sync(lambda x: x + 1, 1) == [2] * 4
    pytest.importorskip("dill")
    try:
        view.use_dill().get()
        add = eval("lambda x: x + k", {"k": 5, "__name__": "__main__"})  # as one that is typed
        assert view.apply_sync(add, 1) == [6] * 4
    finally:
        view.use_cloudpickle().get()
