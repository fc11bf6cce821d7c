"""Engines of several languages in one cluster: how they are started, told and meant."""

import json
import os
import signal

import pytest

NOTICE = "engines of other languages are left out: 2 sh; %targets @sh\n"


@pytest.fixture
def mixed(cluster):
    """Engines 0-1 of Python, 2-3 of the shell."""
    outcome = cluster.start(2, "--lang", "python", "-n", 2, "--lang", "sh")
    assert " 2 Python engines (3." in outcome.stdout
    assert ", 2 shell engines (bash " in outcome.stdout and "-release" not in outcome.stdout
    return cluster


def languages(cluster):
    return [engine["language"] for _, engine in sorted(cluster.engines().items())]


def test_options_belong_to_the_n_in_front_of_them(cluster):
    cluster.ok("start", "--preload", "json", "-n", 1, "-n", 2, "--lang", "mock", "--wait", 3)
    assert languages(cluster) == ["python", "mock", "mock"]
    assert cluster.ok("px", "-t", "0", "import sys; 'json' in sys.modules") == "Out[0:1]: True\n"


def test_a_cluster_that_runs_is_told_whole(mixed):
    got = mixed.ok("start", "-n", 9, "-n", 9, "--lang", "sh")
    assert "is running already: 2 Python engines" in got and "2 shell engines (bash" in got
    assert len(languages(mixed)) == 4
    assert "2 Python engines" in mixed.ok("list") and "2 shell engines" in mixed.ok("list")


@pytest.mark.parametrize("words, message", [
    (["-n", "2", "-n", "0"], "-n takes a number above 0, not 0"),
    (["-n", "2", "-n", "two"], "start: --engines: 'two' is not a whole number"),
])
def test_a_group_without_engines_is_wrong_use(cluster, words, message):
    outcome = cluster.run("start", *words)
    assert outcome.code == 2 and message in outcome.stderr
    assert "no cluster" in cluster.run("status").stderr


def test_engines_that_outlived_their_controller_count_for_their_language(mixed):
    pids = mixed.engine_pids()
    os.kill(mixed.controller_pid(), signal.SIGKILL)
    mixed.ok("start", "-n", 2, "-n", 3, "--lang", "sh")
    assert languages(mixed) == ["python", "python", "sh", "sh", "sh"]
    assert {number: mixed.engine_pids()[number] for number in pids} == pids


def test_a_bare_px_reaches_those_of_the_local_language_and_says_so_once(mixed):
    outcome = mixed.lines("%px 6*7", "%px 1", "x = 3", "%push x", "y = %pull x", "y",
                          "%map (lambda n: n + 1) range(3)")
    assert outcome.stdout.splitlines() == ["Out[0-1:1]: 42", "Out[0-1:2]: 1", "Out[6]: [3, 3]",
                                           "Out[7]: [1, 2, 3]"]
    assert outcome.stderr.startswith(NOTICE) and outcome.stderr.count("left out") == 1
    outcome = mixed.px("6*7")
    assert outcome == ("Out[0-1:1]: 42\n", NOTICE, 0)


def test_a_set_that_was_named_is_meant_whatever_it_speaks(mixed):
    outcome = mixed.lines("%px -t all echo=5", "@sh: echo $echo", "@@sh: echo $echo",
                          "%targets @sh", "%px echo here", "%targets all", "%px -t @python 1")
    assert outcome == ("[2-3] 5\n[2-3] 5\n[2-3] here\nOut[0-1:7]: 1\n", "", 0)


def test_a_map_over_engines_of_another_language_says_so(mixed):
    outcome = mixed.lines("%map -t @sh len ['a']", code=2)
    assert outcome.stderr == "%map: none of the targets is a python engine\n"


def test_a_command_of_the_shell_reaches_all(mixed):
    assert mixed.ok("sh", "echo", "'a  b'") == "[0-3] a  b\n"
    assert mixed.ok("sh", "-t", "1-2", "echo", "-n", "x") == "[1-2] x\n"
    assert mixed.ok("sh", "-", input="for i in 1 2; do\necho $i\ndone\n") == "[0-3] 1\n[0-3] 2\n"
    path = mixed.file("commands", "echo from a file\n")
    assert mixed.ok("sh", "-x", "0", "-f", path) == "[1-3] from a file\n"
    assert mixed.lines("%sh echo 5", "%px !echo 6", "%%sh\necho 7\necho 8").stdout == (
        "[0-3] 5\n[0-3] 6\n[0-3] 7\n[0-3] 8\n")


def test_a_command_that_fails_anywhere_is_status_1(mixed):
    outcome = mixed.run("sh", "-t", "all", "test ! $TUTTI_NOBODY && exit 3")
    assert outcome.code == 1 and "exit 3" in outcome.stderr
    mixed.wait_state("ready")
    assert mixed.run("sh", "-t", "0", "false").stderr == "[0] exit 1\n"
    results = mixed.json("sh", "--json", "-t", "0-1", "exit 4", code=1)
    assert [result["exit_status"] for result in results] == [4, 4]


@pytest.mark.parametrize("words, message", [
    ([], "sh takes code, - for standard input, or -f FILE"),
    (["-f", "x", "ls"], "sh takes code or -f FILE, not both"),
    (["-f", "nothing-there", ], "cannot read 'nothing-there'"),
    (["--nonsense", "ls"], "unknown option '--nonsense'"),
])
def test_sh_that_makes_no_sense_is_wrong_use(cluster, words, message):
    outcome = cluster.run("sh", *words)
    assert outcome.code == 2 and message in outcome.stderr


def test_sh_without_a_cluster_says_so(cluster):
    outcome = cluster.run("sh", "ls")
    assert outcome.code == 3 and "no cluster 'default' is running" in outcome.stderr


def test_a_command_is_ended_at_its_limit(mixed):
    outcome = mixed.run("sh", "-t", "0", "--timeout", "0.2", "sleep 600")
    assert outcome.code == 1 and "timeout" in outcome.stderr


def test_the_output_of_a_command_is_a_value_when_it_is_assigned(mixed):
    got = mixed.lines("x = %sh -t @python printf 'a\\nb\\n'", "x", "y = %px -t 0 !echo c", "y")
    assert got.stdout == "Out[2]: [['a', 'b'], ['a', 'b']]\nOut[4]: ['c']\n"


def test_targets_are_told_with_languages_and_hosts(mixed):
    host = json.loads(mixed.ok("status", "--json"))["hosts"][0]["host"]
    assert mixed.lines("%targets", "%targets 0,2", "%targets").stdout == (
        f"all: 0-1 (python on {host}), 2-3 (sh on {host})\n"
        f"0,2: 0 (python on {host}), 2 (sh on {host})\n")


def test_a_question_to_all_names_who_answers_what(mixed):
    outcome = mixed.lines("%px -t all a = 5", code=1)
    assert "exit 127" in outcome.stderr
    outcome = mixed.lines("%px -t 0 a = 5", "%px -t 1 a = 'x'", "%px a?", "%px nothing_here?",
                          code=1)
    assert outcome.stdout.startswith("[0]\na: int") and "\n[1]\na: str" in outcome.stdout
    assert outcome.stderr.endswith("nothing is known of 'nothing_here'\n")
