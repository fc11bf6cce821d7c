"""What dies, what is interrupted, what forks; memory that stays as it is."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

import tutti as ipp
from e2e.harness import wait_until


def rss_mib():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def test_an_engine_that_dies_fails_its_part_alone(own):
    doomed = own[2].apply_sync(os.getpid)
    result = own[:].apply_async(lambda pid: os._exit(1) if os.getpid() == pid else "well", doomed)
    found = result.get(10, return_exceptions=True)
    assert found[0] == found[1] == found[3] == "well"
    assert isinstance(found[2], ipp.error.EngineError) and "exited with status 1" in str(found[2])
    with pytest.raises(ipp.error.CompositeError, match=r"\[2:apply\]EngineError"):
        result.get()
    own.wait_for_engines(4, timeout=20)
    assert own[2].apply_sync(os.getpid) != doomed


def test_ctrl_c_interrupts_the_engines(own):
    result = own[:].apply_async(time.sleep, 600)
    threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        result.get()
    assert time.monotonic() - began < 30
    with pytest.raises(ipp.error.CompositeError, match="KeyboardInterrupt"):
        result.get(20)
    assert own[:].apply_sync(lambda: 5) == [5] * 4


def test_a_controller_that_is_killed_raises(own, cluster):
    result = own[:].apply_async(time.sleep, 600)
    os.kill(cluster.controller_pid(), signal.SIGKILL)
    with pytest.raises(ipp.error.CompositeError, match="EngineError"):
        result.get(20)
    with pytest.raises(ipp.error.EngineError, match="the controller"):
        own.load_balanced_view().apply_sync(int)


def test_a_forked_child_has_no_client_and_the_parent_keeps_its_own(rc):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            rc[0].apply_sync(int)
        except BaseException as error:
            os.write(writer, type(error).__name__.encode())
        os._exit(0)
    os.close(writer)
    assert os.waitpid(child, 0)[1] == 0
    assert os.read(reader, 100) == b"EngineError"
    os.close(reader)
    assert rc[0].apply_sync(lambda: "still here") == "still here"


def test_many_threads(rc):
    found, view = [], rc.load_balanced_view()

    def work(n):
        found.extend(view.apply_sync(lambda x: x, (n, i)) for i in range(50))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)
    assert sorted(found) == [(n, i) for n in range(8) for i in range(50)]


def test_calls_of_others_pass_a_thread_that_waits(rc):
    """Whoever waits runs the network meanwhile: for all others, too."""
    long = rc[0].apply_async(time.sleep, 600)
    waiter = threading.Thread(target=lambda: long.exception(60))
    waiter.start()
    for n in range(200):
        assert rc[1 + n % 3].apply_sync(lambda x: x, n) == n
        if n % 20 == 0:
            time.sleep(0.002)
    assert waiter.is_alive()
    long.cancel()
    waiter.join(20)
    assert not waiter.is_alive()


def test_what_comes_while_nobody_waits_is_heard_of(own):
    done = []
    for n in range(50):
        result = own[0].apply_async(time.sleep, 0.002)
        result.add_done_callback(done.append)
        own[1].apply_sync(int)  # the thread of the network has it again then
        wait_until(lambda: len(done) == n + 1)
    pid = own[2].apply_sync(os.getpid)
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: 2 not in own.ids)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: 2 in own.ids)


def test_a_client_that_is_closed_ends_the_waiting_of_its_threads(four):
    for _ in range(10):
        client = ipp.Client()
        found = []

        def wait(result):
            try:
                result.get(60)
            except Exception as problem:
                found.append(problem)

        results = [client[n].apply_async(time.sleep, 600) for n in range(3)]
        threads = [threading.Thread(target=wait, args=(one,)) for one in results]
        for thread in threads:
            thread.start()
        client[3].apply_sync(int)
        for one in results:
            one.cancel()
        client.close()
        for thread in threads:
            thread.join(20)
        assert len(found) == 3


def test_results_that_are_dropped_free_their_memory(rc):
    view = rc.load_balanced_view()

    def flood():
        for _ in range(10):
            rc.wait([view.apply_async(bytes, 100000) for _ in range(50)])
        gc.collect()

    flood()
    before = rss_mib()
    flood()
    flood()
    assert rss_mib() - before < 60  # a hundred megabytes came


def test_a_script_that_just_ends_does_not_wait(four):
    code = ("import sys; sys.path.insert(0, %r)\nimport tutti as ipp\nrc = ipp.Client()\n"
            "r = rc[:].apply_async(__import__('time').sleep, 1)\nprint('end')"
            % os.path.dirname(os.path.dirname(ipp.__file__)))
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert got.returncode == 0 and got.stdout == "end\n" and got.stderr == "", got


def test_a_callback_may_wait_for_other_results(rc):
    view, found = rc.load_balanced_view(), []
    results = [view.apply_async(lambda x: x, n) for n in range(20)]
    for one in results:
        one.add_done_callback(lambda done: found.append(view.apply_sync(lambda x: -x, done.result())))
    wait_until(lambda: len(found) == 20, 30)
    assert sorted(found) == [-n for n in reversed(range(20))]


def test_a_forked_child_that_waits_is_told(rc):
    result = rc[0].apply_async(time.sleep, 0.5)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            result.get()
        except BaseException as error:
            os.write(writer, type(error).__name__.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"RuntimeError"
    os.close(reader)
    assert result.get(20) is None


def test_results_keep_their_order_whichever_thread_dispatches_them(rc):
    """Those of a broadcast end with its last one."""
    view = rc[:]
    view.execute("a = 5").get(20)
    for _ in range(1500):
        result = view.execute("a", silent=False)
        result.get(20)
        assert [part.text for part in result._parts] == ["5"] * len(view)


def test_interrupts_while_results_come_lose_none(rc, tmp_path):
    """As many as may be, while thousands of results are dispatched."""
    go = tmp_path / "go"
    rc[:].execute(f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.001)",
                  block=False)
    view = rc.load_balanced_view()
    over, caught, armed = threading.Event(), 0, False

    def on_interrupt(number, frame):
        nonlocal armed
        if armed:
            armed = False
            raise KeyboardInterrupt

    def press():
        while not over.wait(0.0005):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, on_interrupt)
    thread = threading.Thread(target=press)
    try:
        results = [view.apply_async(int) for _ in range(5000)]
        thread.start()
        go.touch()
        deadline = time.monotonic() + 30
        while rc.outstanding and time.monotonic() < deadline:
            try:
                armed = True
                rc.wait(timeout=20)
                armed = False
            except KeyboardInterrupt:
                caught += 1
    finally:
        over.set()
        thread.join()
        signal.signal(signal.SIGINT, before)
    assert all(one.ready() for one in results) and caught > 0
    assert [one.get(20) for one in results] == [0] * 5000


def test_a_listener_that_fails_costs_no_result(rc, monkeypatch):
    class Closed:
        def write(self, text):
            raise BrokenPipeError("closed")

        def flush(self):
            pass

    result = rc[:].apply_async(lambda: print("text", flush=True))
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Closed())
        patch.setattr(sys, "excepthook", lambda *_: None)
        with pytest.raises(BrokenPipeError):
            with result.stream_output():
                while not result.ready():
                    result.wait(20)
    assert result.get(20) == [None] * 4 and rc[:].apply_sync(lambda: 1) == [1] * 4


def test_what_cannot_be_sent_is_not_waited_for(rc):
    lock = threading.Lock()
    for view in (rc[:], rc.load_balanced_view()):
        with pytest.raises(TypeError):
            view.apply_async(id, lock)
        with pytest.raises(TypeError):
            view.apply_async(lambda: lock)
    with pytest.raises(TypeError):
        rc[:].push({"lock": lock})
    assert rc.outstanding == set() and rc.wait(timeout=5)
