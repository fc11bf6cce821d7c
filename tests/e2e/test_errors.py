"""Wrong use: one clear line that says what exists, and the exit code. (test_run.py: scripts.)"""

import pytest

WRONG_USE, USER_CODE, NO_CLUSTER = 2, 1, 3


@pytest.mark.parametrize("lines, code, message", [
    (["%pull nope"], USER_CODE,
     "[0-3:1] NameError: name 'nope' is not defined; there are no names yet"),
    (["a = %pull -t 1 nope"], USER_CODE,
     "[1:1] NameError: name 'nope' is not defined; there are no names yet"),
    (["alpha = beta = 1", "%push gamma"], USER_CODE,
     "NameError: name 'gamma' is not defined; there are: alpha, beta"),
    (["x = %px nope"], USER_CODE,
     "[0-3:1] NameError: name 'nope' is not defined; there are no names yet"),
    (["%px -t 9 1"], WRONG_USE, "no engine 9: there are 0-3"),
    (["%px -t 2-7 1"], WRONG_USE, "no engine 4: there are 0-3"),
    (["@7: 1"], WRONG_USE, "no engine 7: there are 0-3"),
    (["%targets @gpu"], WRONG_USE, "no engine has the label or language 'gpu': there are @python"),
    (["%targets 0 -x 0"], WRONG_USE, None),
    (["%px -t 0-3 -x all 1"], WRONG_USE, None),
    (["%px -t '' 1"], WRONG_USE, None),
    (["%px -t 3-1 1"], WRONG_USE, None),
    (["%pux 1"], WRONG_USE, "no magic '%pux': did you mean '%px'; %help lists them"),
    (["%frobnicate 1"], WRONG_USE, "no magic '%frobnicate'; %help lists them"),
    (["x = %frobnicate 1"], WRONG_USE, "no magic '%frobnicate'; %help lists them"),
    (["%help frobnicate"], WRONG_USE, "%help: no magic 'frobnicate'; %help lists them"),
    (["%px --frob 1"], WRONG_USE, "%px has no option '--frob'; it has -t --targets VALUE, "
     "-x --exclude VALUE, --timeout VALUE, -a --noblock, -b --block, -o --out VALUE, "
     "--name VALUE, --stream, --no-stream, -r --fold, -e --no-fold, --group-outputs VALUE, "
     "--progress-after VALUE, --local, --verbose, --signal-on-interrupt VALUE; before code put --"),
    (["%px"], WRONG_USE, "%px: takes code, as in %px import os; os.getpid()"),
    (["%px -t"], WRONG_USE, None),
    (["%px --timeout soon 1"], WRONG_USE, "--timeout takes seconds above 0, not 'soon'"),
    (["%px --timeout -1 1"], WRONG_USE, "--timeout takes seconds above 0, not '-1'"),
    (["%push"], WRONG_USE, "%push: takes names, as in %push x y, or x=EXPR"),
    (["x = %jobs"], WRONG_USE, "%jobs: gives no value: write it without 'x ='"),
    (["x = %result 1"], WRONG_USE, "%result: gives no value: write it without 'x ='"),
    (["x = %push x"], WRONG_USE, "%push: takes names, as in %push x y, or x=EXPR"),
    (["%pull"], WRONG_USE, "%pull: takes names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x"),
    (["a, b = %pull x"], WRONG_USE, "%pull: takes names, as in %pull x y or a, b = %pull x, y or %pull EXPR as x"),
    (["%result"], WRONG_USE, "%result: there is no job yet"),
    (["%result 7"], WRONG_USE, "%result: no job '7'; %jobs lists them"),
    (["x = %px 1", "%result x"], WRONG_USE, "%result: no job 'x'; %jobs lists them"),
    (["%cancel"], WRONG_USE, "%cancel: takes numbers of jobs; %jobs lists them"),
    (["%cancel 5"], WRONG_USE, "%cancel: no job '5'; %jobs lists them"),
    (["%wait 5"], WRONG_USE, "%wait: no job '5'; %jobs lists them"),
    (["%wait x"], WRONG_USE, "%wait: no job 'x'; %jobs lists them"),
    (["%wait --timeout x"], WRONG_USE, "%wait: --timeout takes seconds, not 'x'"),
    (["%interrupt 9"], WRONG_USE, "no engine 9: there are 0-3"),
    (["%restart 9"], WRONG_USE, "no engine 9: there are 0-3"),
    (["%%push x"], WRONG_USE, None),
    (["%%px 5\n6"], WRONG_USE, "%%px: takes its code on the lines below"),
    (["nothing_of_this_name?"], USER_CODE, "nothing is known of 'nothing_of_this_name'"),
])
def test_wrong_lines(shared_four, lines, code, message):
    outcome = shared_four.lines(*lines, code=code)
    assert outcome.stdout == ""
    assert len(outcome.stderr.splitlines()) == 1, outcome.stderr
    if message:
        assert outcome.stderr.rstrip("\n") == message


@pytest.mark.parametrize("args, words", [
    (["frobnicate"], "no command 'frobnicate'; tutti --help lists them"),
    (["strat"], "no command 'strat': did you mean 'start'?; tutti --help lists them"),
    (["start", "--frob"], "start: unknown option '--frob'; there are --name, --engines, "),
    (["start", "-n", "x"], None), (["start", "-n", "-1"], "-n takes a number above 0, not -1"),
    (["start", "-n", "0", "--lang", "sh", "-n", "2"], "-n takes a number above 0, not 0"),
    (["start", "-n"], None), (["start", "extra"], "start takes options only"),
    (["start", "--wait", "some"], "--wait takes a number or 'all', not 'some'"),
    (["start", "--timeout", "x"], None), (["run", "-n", "0", "/dev/null"], "-n takes a number"),
    (["stop", "extra"], None), (["status", "extra"], "status takes options only"),
    (["why", "one", "two"], "why takes one host at most"), (["remove"], None), (["add"], None),
    (["upload"], None), (["download"], None), (["pipe", "extra"], None),
    (["list", "extra"], None), (["logs", "extra"], None), (["px"], None),
    (["px", "-f", "a", "1"], "px takes code or -f FILE, not both"),
    (["px", "-f", "nope.py"], "cannot read 'nope.py': No such file or directory"),
    (["run"], "run takes one file, or - for standard input"), (["run", "a", "b"], None),
    (["run", "/"], "cannot read '/': Is a directory"),
    (["-c"], None), (["-c", "1", "extra"], "-c stands alone"), (["--frob"], None),
    (["-x"], None)])
def test_wrong_commands(cluster, args, words):
    outcome = cluster.run(*args)
    assert outcome.code == WRONG_USE, outcome
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("tutti: ") and len(outcome.stderr.splitlines()) == 1
    if words:
        assert outcome.stderr.startswith("tutti: " + words)
    assert cluster.processes() == {}, "nothing was started"


@pytest.mark.parametrize("args", [["px", "1"], ["status"], ["why"], ["px", "--name", "other", "1"]])
def test_without_a_cluster(cluster, args):
    outcome = cluster.run(*args)
    name = "other" if "other" in args else "default"
    assert outcome == ("", f"tutti: no cluster '{name}' is running; tutti start makes one\n",
                       NO_CLUSTER)


@pytest.mark.sanitize
def test_help(cluster):
    outcome = cluster.run("--help")
    assert outcome.code == 0 and outcome.stderr == ""
    for command in "start stop status list px sh run logs why".split():
        assert f"\n  {command} " in outcome.stdout
        told = cluster.run(command, "--help")
        assert told.code == 0 and told.stdout.startswith(f"usage: tutti {command}")
        assert "--help" in told.stdout
    assert cluster.run("--version").stdout.startswith("tutti 0.")
    assert "--python-path" in outcome.stdout
    outcome = cluster.run()
    assert outcome.code == WRONG_USE and outcome.stderr.startswith("usage: tutti [options]")


def test_wrong_use_stops_a_run_with_a_cluster_of_its_own(cluster):
    outcome = cluster.lines("%frob", code=WRONG_USE)
    assert outcome.stderr.endswith("no magic '%frob'; %help lists them\n")
    cluster.wait_gone()


def test_a_name_that_is_defined_here_only_is_told(shared_four):
    outcome = shared_four.lines("def f(): return 1", "%px f()", code=1)
    assert outcome.stderr.splitlines()[0] == (
        "[0-3:2] NameError: name 'f' is not defined · defined here, not there: %push f")
    outcome = shared_four.lines("x = 1", "%pull x", code=1)
    assert outcome.stderr == ("[0-3:2] NameError: name 'x' is not defined; there are no names yet "
                              "· defined here, not there: %push x\n")
    outcome = shared_four.lines("x = 1", "%px y", code=1)
    assert "defined here" not in outcome.stderr
    outcome = shared_four.lines("x = 1", "for i in range(1):\n    %px x", code=1)
    assert "defined here, not there: %push x\n" in outcome.stderr
    for text in ("' + exit(3) + '", "\n'", "a\nb' 'c", "\\"):
        outcome = shared_four.lines("x = 1", f"%px raise NameError({text!r} + \"'x\")", code=1)
        assert "defined here" not in outcome.stderr and "SyntaxError" not in outcome.stderr
