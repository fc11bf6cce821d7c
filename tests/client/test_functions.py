"""remote, parallel, depend, require, imap, executors, joblib, sync_imports. (rows 7, 33, 37 to 40, 49)"""

import concurrent.futures
import os
import time

import pytest

import tutti as ipp


def test_a_remote_function(rc):
    @rc[:].remote(block=True)
    def pid(extra=0):
        """Tells."""
        import os
        return os.getpid() + extra

    assert len(set(pid())) == 4 and pid.__name__ == "pid"
    assert pid.__doc__.startswith("RemoteFunction wrapping:\nTells.")
    late = ipp.remote(rc[0])(lambda: 5)
    assert isinstance(late(), ipp.AsyncResult) and late().get() == 5


def test_a_parallel_function(rc):
    @rc[:].parallel(block=True)
    def doubled(part):
        return [2 * x for x in part]

    assert doubled(range(10)) == [2 * x for x in range(10)] and doubled([]) == []

    @ipp.parallel(rc.load_balanced_view(), block=True)
    def added(a, b):
        return [x + y for x, y in zip(a, b)]

    assert added(range(6), range(6)) == [0, 2, 4, 6, 8, 10]
    assert rc[:].parallel(block=True)(lambda x: x + 1).map(range(5)) == [1, 2, 3, 4, 5]


def test_depend(rc):
    view = rc.load_balanced_view()
    rc[2].push({"chosen": True}, block=True)
    wanted = rc[2].apply_sync(os.getpid)

    @ipp.depend(lambda: "chosen" in __import__("__main__").__dict__)
    def where():
        import os
        return os.getpid()

    assert [view.apply_sync(where) for _ in range(5)] == [wanted] * 5

    @ipp.depend(lambda: False)
    def nowhere():
        return 1

    with pytest.raises(ipp.error.ImpossibleDependency):
        view.apply_sync(nowhere)


def test_require(rc):
    @ipp.require("json", "os.path")
    def use():
        import __main__ as here
        return here.json.dumps([here.os.path.basename("/a/b")])

    assert rc.load_balanced_view().apply_sync(use) == '["b"]'

    @ipp.require("no_module_of_this_name")
    def never():
        return 1

    with pytest.raises(ipp.error.ImpossibleDependency):
        rc.load_balanced_view().apply_sync(never)
    with pytest.raises(TypeError):
        ipp.require(5)


def test_imap(rc):
    view, taken = rc.load_balanced_view(), []

    def items():
        for n in range(20):
            taken.append(n)
            yield n

    found = view.imap(lambda x: x * x, items(), max_outstanding=3)
    assert len(taken) == 3 and next(found) == 0 and len(taken) <= 4
    assert list(found) == [x * x for x in range(1, 20)]
    assert sorted(view.imap(abs, range(10), ordered=False, max_outstanding=0)) == list(range(10))
    found = view.imap(lambda x: 1 / x, [1, 0, 2], return_exceptions=True)
    assert next(found) == 1 and isinstance(next(found), ipp.RemoteError) and next(found) == 0.5
    with pytest.raises(ipp.RemoteError):
        list(view.imap(lambda x: 1 / x, [0]))
    endless = view.imap(lambda x: x, iter(int, 1))
    next(endless)
    endless.cancel()
    list(endless)
    with pytest.raises(ValueError):
        view.imap(abs, [1], max_outstanding="many")
    assert list(rc[:].imap(abs, [-1, -2])) == [1, 2]


def test_an_executor(rc):
    with rc.executor() as executor:
        assert isinstance(executor, concurrent.futures.Executor)
        futures = [executor.submit(pow, 2, n) for n in range(8)]
        assert [one.result(20) for one in concurrent.futures.as_completed(futures)] and futures[3].result() == 8
        assert list(executor.map(abs, [-1, -2])) == [1, 2]
        with pytest.raises(TimeoutError):
            executor.map(time.sleep, [0.5], timeout=0.01)
    with pytest.raises(RuntimeError):
        executor.submit(int)
    assert rc[0].executor.submit(abs, -3).result(20) == 3


def test_imports_on_both_sides(rc, capsys):
    view = rc[:]
    with view.sync_imports():
        import colorsys  # noqa: F401
        from textwrap import dedent
    assert dedent("  a") == "a"
    assert capsys.readouterr().out == ("importing colorsys on engine(s)\n"
                                       "importing dedent from textwrap on engine(s)\n")
    assert view.pull("colorsys.__name__, dedent.__name__", block=True) == [("colorsys", "dedent")] * 4
    with view.sync_imports(quiet=True):
        import colorsys  # noqa: F401, F811
    assert capsys.readouterr().out == ""


def test_joblib(rc):
    joblib = pytest.importorskip("joblib")
    rc.load_balanced_view().register_joblib_backend()
    with joblib.parallel_backend("ipyparallel"):
        assert joblib.Parallel(n_jobs=-1)(joblib.delayed(pow)(2, n) for n in range(20)) == [2 ** n for n in range(20)]
