"""Labels of engines: given at the start, named by @, asked for by --needs, kept over everything."""

import os
import signal

import pytest


def test_labels_name_engines_and_say_what_they_have(cluster):
    cluster.start(2, "--label", "gpu=2", "--label", "mem=64G,fast")
    assert cluster.lines("%px -t @gpu 1", "%px -t @fast 2", "%px -x @mem 3", code=2).stdout == (
        "Out[0-1:1]: 1\nOut[0-1:2]: 2\n")
    assert cluster.engines()[0]["labels"] == "gpu=2,mem=64G,fast"
    assert "@gpu=2,mem=64G,fast" in cluster.ok("status")
    wrong = cluster.run("px", "-t", "@cpu", "1")
    assert wrong.code == 2
    assert "no engine has the label or language 'cpu': there are @fast, @gpu, @mem, @python" in wrong.stderr


def test_a_label_that_is_none_is_refused(cluster):
    outcome = cluster.run("start", "-n", "1", "--label", "2x")
    assert outcome.code == 2
    assert outcome.stderr == "tutti: a label is NAME or NAME=AMOUNT, as in gpu=2, not '2x'\n"


def test_work_goes_where_what_it_needs_is(cluster):
    cluster.start(1, "--label", "gpu=1,mem=16G", "-n", "2", "--label", "gpu=4")
    assert [row["labels"] for row in cluster.engines().values()] == ["gpu=1,mem=16G", "gpu=4", "gpu=4"]
    text = """import os
%push os
def me(_): return int(os.environ.get("TUTTI_ENGINE", "-1"))
a = %map --needs gpu=2 (lambda x: os.getpid()) range(40)
b = %submit --needs mem=8G,gpu os.getpid()
ids = %px os.getpid()
print(set(a) <= set(ids[1:]), b == ids[0])
%map --needs gpu=8 abs range(3)
"""
    outcome = cluster.run("run", str(cluster.file("x.tutti", text)))
    assert "True True" in outcome.stdout
    assert outcome.code == 1
    assert "no engine has gpu=8; %status shows their labels" in outcome.stderr


@pytest.mark.parametrize("needs", ["", "gpu=", "=1"])
def test_needs_that_make_no_sense_are_refused(cluster, needs):
    cluster.start(1)
    outcome = cluster.run("-c", f"%map --needs '{needs}' abs range(3)")
    assert outcome.code == 2 and "--needs" in outcome.stderr


def test_labels_outlive_their_controller(cluster):
    cluster.start(1, "--label", "gpu")
    os.kill(cluster.controller_pid(), signal.SIGKILL)
    cluster.start(1, "--label", "gpu")
    assert list(cluster.engines()) == [0]
    assert cluster.engines()[0]["labels"] == "gpu"
    assert cluster.ok("px", "-t", "@gpu", "5") == "Out[0:1]: 5\n"


def test_labels_outlive_a_restart(cluster):
    cluster.start(2, "--label", "gpu")
    cluster.lines("%restart 0")
    cluster.wait_state("ready")
    assert cluster.ok("px", "-t", "@gpu", "5") == "Out[0-1:1]: 5\n"
