"""%map: short items travel in batches, and nobody sees it but by the time."""

import re

import pytest

from .harness import wait_until
from .terminal import CTRL_C, ENTER, Prompt


def tasks_done(cluster):
    return cluster.status()["controller"]["tasks_done"]


@pytest.mark.sanitize
def test_short_items_go_together_and_their_values_come_in_order(cluster):
    cluster.start(2)
    before = tasks_done(cluster)
    got = cluster.lines("def f(x, y): return x * y", "r = %map f range(20000) range(1, 20001)",
                        "r == [x * (x + 1) for x in range(20000)]",
                        "len(set(r.metadata[i]['engine_id'] for i in (0, 10000, 19999))) <= 2",
                        timeout=60).stdout
    assert got == "Out[3]: True\nOut[4]: True\n"
    assert tasks_done(cluster) - before < 5000


def test_so_many_together_as_is_wished(cluster):
    cluster.start(2)
    before = tasks_done(cluster)
    cluster.lines("r = %map --chunk 300 str range(1000)", "assert r == list(map(str, range(1000)))")
    assert tasks_done(cluster) - before == 4
    refused = cluster.lines("%map --chunk 0 str range(3)", code=2).stderr
    assert "--chunk takes 1 to 1000000, not '0'" in refused


def test_an_item_fails_alone_and_is_tried_again_alone(cluster):
    cluster.start(2)
    got = cluster.lines(
        "def f(x):\n    import builtins\n    if x % 500 == 7 and not hasattr(builtins, 'fixed'): raise ValueError(x)\n    return x",
        "r = %map --return-exceptions f range(3000)",
        "[i for i, v in enumerate(r) if v != i]",
        "{type(v).__name__ for i, v in enumerate(r) if v != i}",
        "%px import builtins; builtins.fixed = 1", "%retry 2", "r == list(range(3000))",
        timeout=60)
    assert got.stdout == ("Out[3]: [7, 507, 1007, 1507, 2007, 2507]\nOut[4]: {'RemoteError'}\n"
                          "Out[7]: True\n")


@pytest.mark.parametrize("option", ["", "--chunk 50 "])
def test_which_item_an_engine_dies_of_is_found_by_trying_again(cluster, option):
    cluster.start(2)
    got = cluster.lines(
        "def f(x):\n    import os\n    if x == 777: os.kill(os.getpid(), 9)\n    return x",
        f"r = %map --any --return-exceptions {option}f range(2000)",
        "777 in [i for i, v in enumerate(r) if v != i]",
        "%retry 2", "[i for i, v in enumerate(r) if v != i]", timeout=60)
    assert got.stdout == "Out[3]: True\nOut[5]: [777]\n"


def test_big_values_and_items_travel_as_they_are(cluster):
    pytest.importorskip("numpy")
    cluster.start(2)
    got = cluster.lines(
        "import numpy as np", "items = [np.full(n % 7 * 1000, n) for n in range(300)]",
        "def f(a): return a * 2, len(a)", "r = %map f items",
        "all(n == len(a) and (b == 2 * a).all() for (b, n), a in zip(r, items))",
        "def g(n): return np.full(n * 5000, n)", "s = %map g range(60)",
        "[int(a.sum()) for a in s] == [n * n * 5000 for n in range(60)]",
        "t = %map --chunk 60 g range(60)", "all((a == b).all() for a, b in zip(s, t))",
        timeout=60).stdout
    assert got == "Out[5]: True\nOut[8]: True\nOut[10]: True\n"


def test_what_items_write_is_told_for_each(cluster):
    cluster.start(2)
    got = cluster.lines("def f(x):\n    print('item', x)\n    return x",
                        "r = %map f range(40)", "r == list(range(40))").stdout
    lines = got.splitlines()
    assert lines.pop() == "Out[3]: True"
    found = dict(re.fullmatch(r"\[item (\d+)\] item (\d+)", line).groups() for line in lines)
    assert len(found) == 40 and all(a == b for a, b in found.items())


def test_long_items_are_balanced_one_by_one(cluster):
    cluster.start(2)
    before = tasks_done(cluster)
    got = cluster.lines("import time", "def f(x): time.sleep(0.01); return x",
                        "r = %map f range(60)", "r == list(range(60))").stdout
    assert got == "Out[4]: True\n"
    assert tasks_done(cluster) - before >= 60


def test_an_item_that_ends_its_engine_costs_its_batch_and_no_more(cluster):
    cluster.start(2)
    got = cluster.lines(
        "import os", "def f(x):\n    if x == 4000: os._exit(3)\n    return x",
        "r = %map --return-exceptions f range(10000)",
        "bad = [i for i, v in enumerate(r) if v != i]", "4000 in bad, bad == list(range(bad[0], bad[-1] + 1))",
        timeout=60).stdout
    assert got == "Out[5]: (True, True)\n"


def test_an_item_that_leaves_with_a_status_stops_only_itself(cluster):
    cluster.start(2)
    got = cluster.lines(
        "import sys", "def f(x):\n    if x == 30: sys.exit(3)\n    return x",
        "r = %map --chunk 20 --return-exceptions f range(100)",
        "[i for i, v in enumerate(r) if v != i]", timeout=60).stdout
    assert got == "Out[4]: [30]\n"


SLOW = ("f = lambda x: x if x not in (50, 150) else (open(f'here{x}', 'w').close(), "
        "__import__('time').sleep(60))")


def test_an_interrupt_ends_the_item_that_runs_and_the_others_go_on(cluster):
    cluster.start(1)
    before = tasks_done(cluster)
    running = cluster.popen("-c", SLOW, "-c", "r = %map --chunk 100 --return-exceptions f range(300)",
                            "-c", "[i for i, v in enumerate(r) if v != i]", "-c", "str(r[50])")
    for item in 50, 150:
        wait_until(lambda: (cluster.work_dir / f"here{item}").exists())
        cluster.lines("%interrupt")
    outcome = running.wait(60)
    assert outcome.stdout.splitlines()[0] == "Out[3]: [50, 150]"
    assert "KeyboardInterrupt" in outcome.stdout.splitlines()[1]
    assert tasks_done(cluster) > before


def test_a_map_that_is_cancelled_begins_no_further_item(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.run(SLOW)
        prompt.send("r = %map --chunk 100 f range(300)" + ENTER)
        wait_until(lambda: (cluster.work_dir / "here50").exists())
        prompt.send(CTRL_C)
        prompt.wait_prompt(3)
        text = "\n".join(prompt.text())
        assert re.search(r"50 done, 250 cancelled|50 done", text), text
        assert not (cluster.work_dir / "here150").exists()
        assert prompt.value("1 + 1") == "2"


def test_what_comes_after_a_map_waits_for_all_of_its_items(cluster):
    cluster.start(2)
    got = cluster.lines(
        "def f(x):\n    import time\n    time.sleep(0.0001)\n    return x",
        "r = %map f range(2000) &", "s = %submit --after 2 f(5)", "%wait 3", "r.done(), s",
        timeout=60)
    assert got.stdout == "Out[5]: (True, 5)\n"
