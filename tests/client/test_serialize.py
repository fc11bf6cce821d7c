"""Objects as bytes: PrePickled, can and uncan, and how processes pickle."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
import tutti as ipp


def test_an_object_that_is_pickled_once(rc):
    class Slow:
        pickled = 0

        def __reduce__(self):
            Slow.pickled += 1
            return str, ("slow",)

    view, once = rc[:], ipp.PrePickled({"a": np.arange(5000), "s": Slow()})
    assert repr(ipp.PrePickled(5)) == "<PrePickled 5>" and once.obj["a"].sum() == 12497500
    for _ in range(3):
        assert view.apply_sync(lambda p: (type(p), p["a"].sum(), p["s"]), once) == [
            (dict, 12497500, "slow")] * 4
    assert Slow.pickled == 1
    view.push({"kept": once}, block=True)
    assert view.pull("kept['s']", block=True) == ["slow"] * 4
    assert pickle.loads(pickle.dumps(once, 4))["s"] == "slow"


def test_canned_functions_go_through_plain_pickle():
    factor = 7
    canned = ipp.can(lambda x: x * factor)
    code = ("import pickle, sys, tutti as ipp\n"
            "print(ipp.uncan(pickle.load(sys.stdin.buffer))(6))")
    out = subprocess.run([sys.executable, "-c", code], input=pickle.dumps(canned),
                         capture_output=True, check=True,
                         env={"PYTHONPATH": ipp.__path__[0].rpartition("/")[0]})
    assert out.stdout == b"42\n"
    assert ipp.uncan(5) == 5 and ipp.uncan(canned)(1) == 7
    both = ipp.can_map({"f": abs, "n": [1]})
    assert {key: type(value).__name__ for key, value in both.items()} == {"f": "Canned", "n": "Canned"}
    assert ipp.uncan_map(both) == {"f": abs, "n": [1]}


@pytest.mark.parametrize("value", [5, "text", [1, {"a": (2,)}], None, np.arange(2000), b"x" * 5000])
def test_objects_there_and_back(value):
    frames = ipp.serialize_object(value)
    back, rest = ipp.deserialize_object([*frames, b"next"])
    assert np.array_equal(back, value) and type(back) is type(value) and rest == [b"next"]


def test_calls_there_and_back():
    frames = ipp.pack_apply_message(lambda a, b=1: a + b, (1,), {"b": 5})
    f, args, kwargs = ipp.unpack_apply_message(frames)
    assert f(*args, **kwargs) == 6 and ipp.unpack_apply_message(frames, {}, copy=False)[1] == [1]


@pytest.mark.parametrize("frames", [[], [b""], [b"x"], [b"1 \xc0"], [b"9 \xc0", b""], [b"0 \xc1"]])
def test_what_is_no_object(frames):
    with pytest.raises(ValueError):
        ipp.deserialize_object(frames)
    with pytest.raises(ValueError):
        ipp.unpack_apply_message([*frames, b"0 \xc0"])


def test_more_than_a_call():
    with pytest.raises(ValueError, match="too many"):
        ipp.unpack_apply_message(ipp.pack_apply_message(abs, (1,), {}) + [b"0 \xc0"])


def test_how_this_process_pickles(rc):
    pytest.importorskip("dill")
    typed = eval("lambda x: x + k", {"k": 1, "__name__": "__main__"})
    try:
        ipp.use_dill()
        assert rc[:].apply_sync(typed, 1) == [2] * 4
    finally:
        ipp.use_cloudpickle()
    ipp.use_pickle()
    assert rc[:].apply_sync(typed, 1) == [2] * 4


def test_versions():
    assert ipp.__version__ == ".".join(map(str, ipp.version_info)) and len(ipp.version_info) == 3


def test_engines_are_no_kernels(rc):
    with pytest.raises(NotImplementedError, match="lang ipython"):
        ipp.bind_kernel()
    with pytest.raises(ipp.RemoteError, match="lang ipython"):
        rc[0].apply_sync(ipp.bind_kernel)
