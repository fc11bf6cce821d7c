"""What stands behind %px, and how it is done: IPython's magics here and there, %autopx, %pxconfig,
%pxresult, %targets --failed, %map --direct."""

import re

import pytest

WRONG_USE = 2


def test_what_can_be_typed_here_is_done_there_behind_px(cluster):
    cluster.start(2)
    cluster.file("fit.py", "import sys\nprint('fitted', sys.argv[1:])\nmodel = 7\n")
    (cluster.work_dir / "deep").mkdir()
    outcome = cluster.lines(
        "%px !echo $((6*7))", "%px %run fit.py 10", "%px model", "%px %cd deep",
        "%px !pwd | sed 's,.*/,,'", "%px files = !ls ..", "%px files", "%px %who",
        "%px %time 5", "%px len?", "!pwd | sed 's,.*/,,'")
    lines = outcome.stdout.splitlines()
    assert lines[:3] == ["[0-1] 42", "[0-1] fitted ['10']", "Out[0-1:3]: 7"]
    assert "[0-1] deep" in lines and "Out[0-1:7]: ['deep', 'fit.py']" in lines
    assert "Out[0-1:9]: 5" in lines and outcome.stdout.count("Wall time") >= 1
    assert outcome.stdout.count("Return the number of items") == 1
    assert lines[-1] == "w"


def test_cells_may_hold_such_lines_too(cluster):
    cluster.start(2)
    got = cluster.script("%%px\nx = 5\nif x:\n    y = !echo $((x+1))0\n%time x\n%%\n%px x, y\n")
    assert got.stdout.splitlines()[-1] == "Out[0-1:2]: (5, ['10'])"


@pytest.mark.parametrize("line, message", [
    ("%px %push x", "%px: %push is for the prompt: type it without %px"),
    ("%px %nosuch", "%px: engines have no %nosuch; they have %time, %timeit, %run, %cd"),
    ("%px @0: x", "%px: has its targets already: '@0:' stands alone, without %px"),
    ("%px %%time", "%px: takes one line; for '%%time' open a cell with %%px"),
    ("%px %map?", "%px: help on magics is at the prompt: %map? without %px"),
    ("x = %px y?", "%px: y? is shown, it has no value"),
    ("x = %px -o y 5", "%px: takes NAME = or --out NAME, not both"),
    ("%sh", "%sh: takes a command, as in %sh uptime"),
    ("%autopx on", "%autopx: takes nothing: it is on or off"),
    ("%pxconfig --streams", "%pxconfig has no option '--streams'; it has -t --targets VALUE,"),
    ("%pxconfig --timeout soon", "%pxconfig: --timeout takes seconds, not 'soon'"),
    ("%pxconfig 1", "%pxconfig: takes options only, not '1'"),
    ("%pxresult", "%pxresult: there is no %px yet"),
    ("%targets --failed", "%targets: there is no job yet"),
    ("%map --direct --lb len 'a'", "%map: takes --direct or --lb, not both"),
    ("%map --direct --retries 1 len 'a'", "%map: --retries is for items that any engine may do"),
    ("%history x", "%history: takes numbers, as in %history 1-4,7, not 'x'"),
    ("%history 3-1", "%history: takes numbers"),
    ("%time 1 &", "%time runs here, not in the background"),
])
def test_what_makes_no_sense_is_wrong_use(cluster, line, message):
    cluster.start(1, "--lang", "mock")
    outcome = cluster.lines(line, code=WRONG_USE)
    assert message in outcome.stderr and outcome.stdout == ""


def test_magics_of_ipython_are_done_here(cluster):
    cluster.start(1)
    cluster.file("six.py", "import sys\nsix = 6\nprint(sys.argv[1])\n")
    outcome = cluster.script("%run six.py go\nsix\nx = %time six + 1\nx\n%cd /\n%pwd\n%who\n"
                             "%%time\nsix\nsix + 2\n%%\n%reset -f\n'six' in globals()\n")
    lines = outcome.stdout.splitlines()
    for line in ("go", "Out[2]: 6", "Out[4]: 7", "Out[6]: '/'", "Out[8]: 8", "Out[10]: False"):
        assert line in lines, outcome
    assert outcome.stdout.count("Wall time") == 2


def test_a_magic_that_fails_within_code_says_why(cluster):
    cluster.start(1)
    outcome = cluster.lines("try:\n    %px -t 9 1\nexcept Exception as error:\n    print(error)")
    assert "no engine 9" in outcome.stdout
    outcome = cluster.lines("for i in range(3):\n    %push nothing_there", code=1)
    assert "nothing_there" in outcome.stderr


def test_autopx_takes_plain_lines_there_until_it_is_said_again(cluster):
    cluster.start(2)
    outcome = cluster.lines(
        "%autopx", "import os", "x = 5\ny = 6", "x + y", "!echo shell", "%pwd",
        "%pxconfig --targets 1", "x", "%autopx", "'x' in globals()", "%px x")
    lines = outcome.stdout.splitlines()
    assert lines[:2] == ["Out[0-1:4]: 11", "[0-1] shell"]
    assert lines[3:] == ["Out[1:8]: 5", "Out[10]: False", "Out[1:11]: 5"]
    assert outcome.stderr == "%autopx enabled\n%autopx disabled\n"


def test_pxconfig_holds_for_every_px(cluster):
    cluster.start(2)
    outcome = cluster.lines("%pxconfig", "%pxconfig -t 1 --noblock --verbose", "%px 5",
                            "%pxresult", "%pxconfig --block --no-verbose --timeout 0.2",
                            "%pxconfig", "%px import time; time.sleep(600)", code=1)
    assert outcome.stdout.splitlines() == [
        "%pxconfig --targets all --block --no-verbose --fold --timeout 0 --progress-after 1 --draw auto",
        "Out[1:3]: 5",
        "%pxconfig --targets 1 --block --no-verbose --fold --timeout 0.2 --progress-after 1 --draw auto"]
    assert "Parallel execution on engine(s): 1\n[3] running" in outcome.stderr
    assert "timeout" in outcome.stderr


def test_px_runs_here_as_well_and_names_its_values_when_told(cluster):
    cluster.start(2)
    outcome = cluster.lines("%px --local k = 4", "k", "%px k", "%px -o z k + 1", "z",
                            "%px --local 1/0", code=1)
    assert outcome.stdout.splitlines() == ["Out[2]: 4", "Out[0-1:3]: 4", "Out[5]: [5, 5]"]
    assert outcome.stderr.count("ZeroDivisionError") == 2


def test_items_are_dealt_out_in_contiguous_parts_when_told(cluster):
    cluster.start(3)
    outcome = cluster.lines(
        "import os", "%px import os", "pids = %px os.getpid()",
        "r = %map --direct (lambda n: (n, os.getpid())) range(8)",
        "[n for n, _ in r], [pids.index(pid) for _, pid in r]",
        "%map --direct (lambda n: n) range(2)", "%map --direct (lambda n: n) []",
        "%map --lb (lambda n: n) range(2)")
    assert outcome.stdout.splitlines() == [
        "Out[5]: ([0, 1, 2, 3, 4, 5, 6, 7], [0, 0, 0, 1, 1, 1, 2, 2])", "Out[6]: [0, 1]",
        "Out[7]: []", "Out[8]: [0, 1]"]


def test_results_of_several_jobs_and_of_the_last_px(cluster):
    cluster.start(2)
    got = cluster.lines("%px -t 0 'a'", "x = %px -t 1 'b'", "y = 1", "%push y", "%result 1 2",
                        "%pxresult", "%pxresult 1").stdout
    assert got.splitlines() == ["Out[0:1]: 'a'", "Out[0:1]: 'a'", "Out[2]: 'b'", "Out[2]: 'b'",
                                "Out[0:1]: 'a'"]
    assert cluster.lines("%px 1", "%result 1 9", code=2).stderr.startswith("%result: no job '9'")


def test_what_was_typed_is_shown(cluster):
    cluster.start(1, "--lang", "mock")
    got = cluster.script("x = 3\n\ndef f():\n    return x\n\n%px value 5\n%history 1\n"
                         "%history -n 1-2\n").stdout
    assert got == ("Out[0:2]: 5\nx = 3\n\ndef f():\n    return x\n"
                   "   1: x = 3\n      \n      def f():\n          return x\n   2: %px value 5\n")
    assert cluster.lines("%history").stdout == "%history\n"


def test_where_the_time_of_a_job_went(cluster):
    cluster.start(2)
    lines = cluster.lines("%px import time; time.sleep(0.3)", "y = %map (lambda n: n) range(20)",
                          "big = bytes(3 << 20)", "%push big", "%timing 1 2 4", "%timing").stdout
    jobs = re.split(r"^(?=\[\d\] done)", lines, flags=re.M)[1:]
    assert [job[:3] for job in jobs] == ["[1]", "[2]", "[4]", "[4]"]
    assert re.match(r"\[2\] done · 20 items · \d", jobs[1])
    for job in jobs:
        rows = [line.split()[0] for line in job.splitlines()[1:]]
        assert rows == ["least", "queued", "waited", "ran", "moved"], job
    least, = re.findall(r"^ran +(\d+\.\d) ms", jobs[0], re.M)
    assert 300 <= float(least)


def test_the_time_of_a_job_that_runs_or_that_nobody_did(cluster):
    cluster.start(1, "--lang", "mock")
    got = cluster.lines("%px sleep 600 &", "%px value 5 &", "%cancel 2", "%timing 1 2", "%cancel 1",
                        code=None).stdout
    first, second = got.splitlines()[:2]
    assert re.fullmatch(r"\[1\] running 0/1 · \d\.\d+ s · serial 0\.00 s", first)
    assert re.match(r"\[2\] (running|stopped) .*serial 0\.00 s", second)


def test_the_engines_that_failed_are_the_targets_when_told(cluster):
    cluster.start(4)
    text = ("%px import os; here = 0\n@1,3: here = 1\n"
            "try:\n    %px 1/(1-here)\nexcept Exception:\n    pass\n"
            "%targets --failed\n%px here\n%targets all\n%px 5\n")
    outcome = cluster.script(text)
    assert outcome.stdout == "Out[0,2:3]: 1.0\nOut[1,3:5]: 1\nOut[0-3:7]: 5\n"
    outcome = cluster.lines("%px 5", "%targets --failed", code=WRONG_USE)
    assert "%targets: nothing failed in job 1" in outcome.stderr


def test_a_failure_in_the_background_is_the_status_of_the_whole(cluster):
    cluster.start(1)
    outcome = cluster.lines("h = %px 1/0 &", "%px 'after'", "5", code=1)
    assert outcome.stderr.count("ZeroDivisionError: ") == 1
    assert outcome.stdout.splitlines() == ["Out[0:2]: 'after'", "Out[3]: 5"]
    cluster.script("h = %px 1/0 &\n%px 'after'\n5\n", code=1)


def test_what_was_cancelled_on_purpose_is_no_failure(cluster):
    cluster.start(1)
    cluster.lines("h = %px import time; time.sleep(600) &", "%cancel 1", "%px 'after'", "5")


def test_help_is_grouped_and_fits_80_columns(cluster):
    cluster.start(1, "--lang", "mock")
    got = cluster.lines("%help", "%help map", "%pxconfig?").stdout
    assert max(map(len, got.splitlines())) <= 80
    assert got.startswith("Most used\n  %px ")
    for word in ("On the engines", "Jobs", "Engines", "As in IPython", "--retries VALUE",
                 "Example: y = %map (lambda x: x**2) range(32)", "--progress-after VALUE"):
        assert word in got
    got = cluster.ok("--help") + cluster.ok("start", "--help") + cluster.ok("sh", "--help")
    assert max(map(len, got.splitlines())) <= 80


def test_an_interpreter_that_ends_without_a_word_is_named(cluster):
    outcome = cluster.start(1, "--python", "/bin/false", code=4)
    assert "missing: 0 (its interpreter '/bin/false' exited with status 1)" in outcome.stderr
