"""Values that are too big for one message: they travel in chunks and lie in files in memory."""

import os
import pathlib
import re
import signal

import pytest

from .harness import wait_until
from .peer import EXECUTE, QUIET, VALUE, Peer, pack, status, unpack
from .terminal import ENTER, Prompt


def grown(pid):
    """Starts watching the memory of a process; call the answer for how much it grew at most."""
    entry = pathlib.Path(f"/proc/{pid}")

    def kib(name):
        return int(re.search(rf"^{name}:\s+(\d+) kB", (entry / "status").read_text(), re.M).group(1))

    (entry / "clear_refs").write_text("5")  # its peak is what it has now
    before = kib("VmRSS")
    return lambda: (kib("VmHWM") - before) << 10


@pytest.mark.sanitize
def test_values_over_64_mib_pass_both_ways(cluster):
    cluster.start(2)
    got = cluster.lines(
        "big = bytes(range(256)) * (70 << 12)", "%push big",
        "%px big == bytes(range(256)) * (70 << 12)",
        "text = 'gr\\u00fc\\u00df' * (9 << 20)", "%push text", "%px text == 'gr\\u00fc\\u00df' * (9 << 20)",
        "mixed = [b'x' * (3 << 20), {'k': 'y' * 5000}, list(range(300000)), None]", "%push mixed",
        "%px mixed == [b'x' * (3 << 20), {'k': 'y' * 5000}, list(range(300000)), None]",
        "back = %px big, text, mixed", "[one == (big, text, mixed) for one in back]",
        timeout=120).stdout
    assert got == "Out[0-1:3]: True\nOut[0-1:6]: True\nOut[0-1:9]: True\nOut[11]: [True, True]\n"


def test_an_array_is_each_engines_own(cluster):
    pytest.importorskip("numpy")
    cluster.start(2)
    got = cluster.lines(
        "import numpy as np", "a = np.arange(20_000_000.)", "%push a",
        "%px -t 0 a[:] = 1", "%px a.flags.writeable, a.sum()", "a.sum()", timeout=60).stdout
    assert got == ("Out[0:5]: (True, 20000000.0)\nOut[1:5]: (True, 199999990000000.0)\n"
                   "Out[6]: 199999990000000.0\n")


@pytest.mark.parametrize("language", ["pure", "sh"])
def test_runtimes_of_other_kinds_take_them_too(cluster, language):
    if language == "pure":
        cluster.env["TUTTI_PURE"] = "1"
        cluster.start(1)
        got = cluster.lines("big = bytes(70 << 20)", "%push big", "%px len(big)", "b = %px -t 0 big * 2",
                            "len(b)", timeout=60).stdout
        assert got == f"Out[0:3]: {70 << 20}\nOut[5]: {140 << 20}\n"
    else:
        cluster.start(1, "--lang", "sh")
        got = cluster.lines("big = 'x' * (5 << 20)", "%push big", "%px echo ${#big}", "b = %pull -t 0 big",
                            "len(b)", timeout=60).stdout
        assert got == f"[0] {5 << 20}\nOut[5]: {5 << 20}\n"


def test_big_items_of_a_map(cluster):
    cluster.start(2)
    got = cluster.lines("def double(b): return b * 2",
                        "r = %map double [bytes([i]) * (3 << 20) for i in range(10)]",
                        "[one == bytes([i]) * (6 << 20) for i, one in enumerate(r)].count(True)",
                        timeout=60).stdout
    assert got == "Out[3]: 10\n"


def test_nobody_on_the_way_holds_them(cluster):
    """A push and a pull of 300 MB: neither controller nor host grow by a tenth of that. (Not with
    sanitizers, which keep what was freed.)"""
    cluster.start(1)
    report = cluster.status()
    watched = [grown(report["controller"]["pid"]), grown(cluster.host_pid())]
    got = cluster.lines("big = bytes(300 << 20)", "%push big", "b = %px -t 0 big", "len(b)",
                        timeout=120).stdout
    assert got == f"Out[4]: {300 << 20}\n"
    assert [each() >> 20 for each in watched if each() >= 32 << 20] == []


def test_engines_of_a_machine_share_an_array(cluster):
    """An array of 300 MB for four engines: none of them has a copy, until it writes."""
    pytest.importorskip("numpy")
    cluster.start(4)
    pids = [engine["pid"] for engine in cluster.status()["engines"]]
    cluster.ok("px", "import numpy")
    watched = [grown(pid) for pid in pids]
    got = cluster.lines("import numpy as np", "a = np.zeros(300 << 20, np.uint8)", "%push a",
                        "%px len(a), a.flags.writeable", timeout=120).stdout
    assert got == f"Out[0-3:4]: ({300 << 20}, True)\n"
    assert [each() >> 20 for each in watched if each() >= 32 << 20] == []


def test_no_descriptor_is_kept_for_a_value(cluster):
    pytest.importorskip("numpy")
    cluster.start(2)
    count = "len(__import__('os').listdir('/proc/self/fd'))"
    before = cluster.ok("px", count)
    cluster.lines("import numpy as np", "parts = [np.zeros(2 << 20, np.uint8) + i for i in range(20)]",
                  *[f"p{i} = parts[{i}]" for i in range(20)],
                  *[f"%push p{i}" for i in range(20)], timeout=120)
    assert cluster.ok("px", "p19[-1], p0[0]").startswith("Out[0-1:1]: (")
    assert cluster.ok("px", count) == before


def test_a_push_that_waits_for_a_busy_engine_is_given_up(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.run("big = bytes(100 << 20)")
        prompt.run("%px import time; time.sleep(1000) &")
        prompt.send("%push big" + ENTER)
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 2)
        prompt.send("\x03")
        prompt.wait_prompt(4)
        os.kill(cluster.engines()[0]["pid"], signal.SIGINT)
        wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
        assert prompt.run("%px 'big' in globals()")[-1] == "Out[0:4]: False"
        prompt.run("%push big")
        assert prompt.run("%px len(big)")[-1] == f"Out[0:6]: {100 << 20}"
        prompt.leave()


def test_an_engine_that_ends_before_it_had_the_value(cluster):
    """Its next process gets it."""
    cluster.start(2)
    cluster.popen("px", "-t", "0", "import os, time\nopen('busy', 'w').close()\n"
                  "while not os.path.exists('go'): time.sleep(0.01)\nos._exit(5)")
    cluster.wait_file("busy")
    push = cluster.popen("-c", "big = bytes(70 << 20)", "-c", "%push big", "-c", "%px len(big)")
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 2)
    cluster.file("go", "")
    assert push.wait(60).stdout == f"Out[0-1:3]: {70 << 20}\n"


def test_values_of_very_many_buffers(cluster):
    """60,000 travel; what would be more frames than a message may have is refused by both ends."""
    cluster.start(1)
    got = cluster.lines("many = [b'x' * 4096] * 60000", "%push many", "%px many == [b'x' * 4096] * 60000",
                        "back = %px -t 0 many", "back == many", timeout=60).stdout
    assert got == "Out[0:3]: True\nOut[5]: True\n"
    outcome = cluster.lines("%px many = [b'x' * 4096] * 70000", "back = %px -t 0 many", code=1)
    assert "[0] refused: its value has more than 65533 buffers" in outcome.stderr
    outcome = cluster.lines("many = [b'x' * 4096] * 70000", "%push many", code=1)
    assert "more than 65536 buffers in one task" in outcome.stderr
    assert cluster.ok("px", "len(many)") == "Out[0:1]: 70000\n"


# ---- on the wire

CODE = "bytes(range(256)) * (5 << 12)"  # 5 MiB


class Taker(Peer):
    """A client that takes big values in its own time."""

    def data(self, id):
        return self.expect("DATA", id=id)

    def take(self, id, engine=0):
        """The bytes of a value that was announced."""
        self.send("WANT", id, engine=engine)
        got = b""
        while True:
            message = self.data(id)
            assert message.fields["offset"] == len(got)
            got += message.frames[0]
            self.send("WANT", id, engine=engine, taken=len(got))
            if len(got) == message.fields["total"]:
                return got

    def execute(self, code, **fields):
        self.next_id += 1
        args = pack([code, "In [1]", VALUE | QUIET])
        self.send("SUBMIT", self.next_id, args, op=EXECUTE, engines=[0], **fields)
        return self.next_id


def check(result, data):
    layout = result.fields["layout"]
    assert status(result) == "OK" and len(result.frames) == 3
    assert [type(place) for place in layout] == [int, int, int, list]
    offset, size = layout[3]
    assert data[offset:offset + size] == bytes(range(256)) * (5 << 12)
    assert unpack(result.frames[0])[1] is True


def test_a_result_waits_until_its_value_was_taken(cluster):
    cluster.start(1)
    with Taker(cluster) as peer:
        id = peer.execute(CODE)
        announced = peer.data(id)
        assert announced.frames == [b""] and announced.fields["total"] == 5 << 20
        assert status(*peer.results({peer.execute("1")}).values()) == "OK"  # others pass
        check((data := peer.take(id)) and peer.expect("RESULT", id=id), data)
        assert peer.sync()["controller"]["tasks"] == 0


@pytest.mark.sanitize
def test_a_kept_value_waits_for_the_next_client(cluster):
    cluster.start(1)
    with Taker(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        id = peer.execute(CODE, keep=1)
        peer.data(id)
        peer.send("WANT", id, engine=0)
        peer.data(id)  # it begins, and dies
        peer.die()
        wait_until(lambda: cluster.status()["kept"]["jobs"] == 1)
    with Taker(cluster) as peer:
        peer.send("ADOPT", 90001)
        (_, _, tasks), = [unpack(frame) for frame in peer.expect("ADOPTED").frames]
        (_, id, engines), = tasks
        assert engines == [0]
        offered = peer.data(id).fields  # it comes unasked, and as a file
        assert offered["pid"] == cluster.host_pid() and offered["offset"] == 0
        with open("/proc/{pid}/fd/{fd}".format(**offered), "rb") as file:
            assert os.fstat(file.fileno()).st_ino == offered["inode"]
            got = file.read()
        check(peer.take(id) and peer.expect("RESULT", id=id), got)  # or in chunks, who wants that


def test_a_value_that_nobody_waits_for_is_dropped(cluster):
    cluster.start(1)
    with Taker(cluster, mortal=True) as peer:
        peer.data(peer.execute(CODE))
        peer.die()
    wait_until(lambda: cluster.status()["controller"]["tasks"] == 0)
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"


def test_a_value_whose_client_dies_refuses_its_task(cluster):
    cluster.start(1)
    layout = [len(args := pack(["1", "In [1]", VALUE])), [0, 5 << 20]]
    with Taker(cluster, mortal=True) as peer:
        peer.send("KEEP", keep=1, meta=b"meta")
        peer.send("SUBMIT", 1, args, op=EXECUTE, engines=[0], keep=1, layout=layout)
        assert peer.expect("WANT", id=1).fields == {"engine": 0, "taken": 0, "near": 1}
        peer.die()
        wait_until(lambda: cluster.status()["kept"]["results"] == 1)
    with Taker(cluster) as peer:
        peer.send("ADOPT", 90001)
        stored = peer.expect("STORE")
        assert status(stored) == "REFUSED"
        assert stored.fields["cause"] == "its value went with the session that is gone"


@pytest.mark.parametrize("layout", [[[0, 1 << 60]], [[5, 1], [0, 1]], "x", [-1], [[0, 3]] * 2,
                                    [[1 << 63, 1]]])
def test_layouts_that_make_no_sense_refuse_their_task(cluster, layout):
    cluster.start(1)
    with Taker(cluster) as peer:
        peer.send("SUBMIT", 1, pack(["1", "In [1]", VALUE]), op=EXECUTE, engines=[0], layout=layout)
        message = peer.expect("RESULT", "WANT", id=1)
        if message.type == "WANT":
            peer.send("DATA", 1, b"", engine=0, total=1 << 60)
            message = peer.expect("RESULT", id=1)
        assert status(message) == "REFUSED", message
        for fields in {"offset": 1 << 62}, {"total": 2**64 - 1}, {"engine": -5}, {"engine": 2**40}:
            peer.send("DATA", 1, b"x", **{"engine": 0, **fields})
            peer.send("WANT", 1, **{"engine": 0, "taken": 7, **{k: v for k, v in fields.items()
                                                               if k == "engine"}})
        peer.sync()
    assert cluster.ok("px", "6*7") == "Out[0:1]: 42\n"
