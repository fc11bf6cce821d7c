"""`rc`, `view` and `lview` at the prompt."""

from e2e.terminal import Prompt


def test_they_are_there_when_they_are_named(cluster):
    cluster.start(3)
    with Prompt(cluster) as prompt:
        assert prompt.value("len(rc), view, lview") == "(3, <DirectView all>, <LoadBalancedView None>)"
        assert prompt.value("view.apply_sync(lambda x: x * 2, 21)") == "[42, 42, 42]"
        prompt.run("%px a = 5")
        assert prompt.value("view['a']") == "[5, 5, 5]"
        assert prompt.value("lview.map_sync(abs, [-1, 2])") == "[1, 2]"
        prompt.leave()


def test_names_of_ones_own_come_first(cluster):
    cluster.start(1)
    with Prompt(cluster) as prompt:
        prompt.run("rc = 7")
        assert prompt.value("rc, 'x.view'.upper()") == "(7, 'X.VIEW')"
        assert prompt.value("sorted({'lv' + 'iew', 'vi' + 'ew'} & set(globals()))") == "[]"
        prompt.leave()


def test_ctrl_c_in_a_blocking_call_ends_the_work_and_the_line(cluster):
    cluster.start(2)
    with Prompt(cluster) as prompt:
        prompt.run("import time")
        number = prompt.number
        prompt.enter("view.apply_sync(time.sleep, 600)")
        prompt.wait(lambda: all(row["running"] for row in cluster.engines().values()), 20)
        prompt.send("\x03")
        prompt.wait_prompt(number + 1, deadline=30)
        assert prompt.run("%px 6*7") == ["Out[0-1:%d]: 42" % (number + 1)]
        prompt.leave()
