"""Settings: what options are when the line does not say it, profiles, and `tutti config`."""

import json
import os
import subprocess

import pytest

from .terminal import ENTER, Prompt

ENV = "import os; [os.environ.get(n) for n in ('OMP_NUM_THREADS', 'A', 'B')]"


@pytest.fixture
def settings(cluster):
    """Writes the file; its path."""
    path = cluster.directory / "c" / "tutti" / "tutti.zpl"
    path.parent.mkdir(parents=True)

    def write(text, mode=0o600):
        path.write_text(text)
        path.chmod(mode)
        return path
    return write


START = """# what holds here
start
    engines = 2
    threads = 3
    env = A=1
    env = "B=b # c"
"""

PROFILES = START + """profile
    wide
        start
            engines = 3
            env = A=2
    quiet
        px
            json = yes
"""


def kinds(cluster):
    """How many engines of each language there are."""
    languages = [engine["language"] for engine in cluster.engines().values()]
    return {name: languages.count(name) for name in languages}


# ---- what holds

def test_a_cluster_is_started_as_the_settings_say(cluster, settings):
    settings(START)
    assert cluster.ok("start", timeout=60).startswith("cluster 'default' is up: 2 Python engines")
    assert cluster.ok("px", ENV) == "Out[0-1:1]: ['3', '1', 'b # c']\n"


def test_the_line_wins_and_what_may_be_repeated_adds_up(cluster, settings):
    settings(START)
    cluster.start(1, "--threads", 4, "--env", "A=9")
    assert cluster.ok("px", ENV) == "Out[0:1]: ['4', '9', 'b # c']\n"


def test_a_cluster_that_a_session_starts_is_as_start_says(cluster, settings):
    settings(START)
    outcome = cluster.lines("%px " + ENV)
    assert "started cluster 'default' for this run: 2 Python engines" in outcome.stderr
    assert outcome.stdout.startswith("Out[0-1:1]: ['3', '1', ")
    assert "for this run: 1 Python engine (" in cluster.run("-n", 1, "-c", "%px 1").stderr
    outcome = cluster.script("%px " + ENV, "-n", 1)
    assert outcome.stdout.startswith("Out[0:1]: ['3', '1', ")


def test_settings_of_run_come_after_those_of_start(cluster, settings):
    settings(START + "run\n    engines = 1\n    preload = json\n")
    outcome = cluster.script("%px import sys; 'json' in sys.modules")
    assert "for this run: 1 Python engine (" in outcome.stderr
    assert outcome.stdout == "Out[0:1]: True\n"


def test_groups_of_the_line_have_the_settings_each(cluster, settings):
    """A Python that is set is for Python engines; the number of the settings is not a group."""
    settings("start\n    engines = 5\n    python = /usr/bin/python3\n    preload = json\n")
    cluster.start(1, "--lang", "sh", "-n", 2)
    assert kinds(cluster) == {"sh": 1, "python": 2}
    assert cluster.ok("px", "-t", "@python", "import sys; 'json' in sys.modules") == \
        "Out[1-2:1]: True\n"
    assert cluster.ok("sh", "-t", "@sh", "basename $BASH") == "[0] bash\n"


def test_options_of_px_can_be_set(cluster, settings):
    settings("px\n    targets = 1\n    json = yes\n")
    cluster.start(2)
    (result,) = cluster.json("px", "6*7")
    assert (result["engine"], result["repr"]) == (1, "42")
    (result,) = cluster.json("px", "-t", "0", "6*7")
    assert result["engine"] == 0
    assert cluster.ok("--no-settings", "px", "6*7") == "Out[0-1:1]: 42\n"


def test_a_policy_of_the_settings_is_one_of_the_controller(cluster, settings):
    for name in ("leastload", "roundrobin", "random"):
        settings(f"start\n    engines = 1\n    policy = {name}\n")
        cluster.ok("start", timeout=60)
        cluster.stop()


# ---- profiles

def test_a_profile_is_laid_over_the_rest(cluster, settings):
    settings(PROFILES)
    assert "3 Python engines" in cluster.ok("start", "--profile", "wide", timeout=60)
    assert cluster.ok("px", ENV).startswith("Out[0-2:1]: ['3', '2', ")


def test_a_profile_can_be_named_in_front_or_by_the_environment(cluster, settings):
    settings(PROFILES)
    quiet = {"TUTTI_PROFILE": "quiet"}
    cluster.start(1)
    for outcome in (cluster.run("--profile", "quiet", "px", "6*7"),
                    cluster.run("px", "6*7", env=quiet),
                    cluster.run("px", "--profile=quiet", "6*7", env={"TUTTI_PROFILE": "wide"})):
        assert json.loads(outcome.stdout)["repr"] == "42"
    assert cluster.ok("px", "--profile", "", "6*7", env=quiet) == "Out[0:1]: 42\n"


def test_a_profile_that_there_is_not(cluster, settings):
    path = settings(PROFILES)
    for outcome in (cluster.run("start", "--profile", "wid"),
                    cluster.run("list", env={"TUTTI_PROFILE": "wid"}),
                    cluster.run("--profile", "wid", "-c", "%px 1")):
        assert outcome == ("", f"tutti: {path}: no profile 'wid'; did you mean wide? There are "
                               "wide, quiet\n", 2)
    path.unlink()
    outcome = cluster.run("list", "--profile", "wide")
    assert outcome == ("", f"tutti: no profile 'wide': there is no file {path}\n", 2)
    assert not cluster.processes()


# ---- what is wrong

@pytest.mark.parametrize("text, line, why", [
    ("strat\n", 1, "no command 'strat'; did you mean start? There are start, add, "),
    ("start\n    thread = 2\n", 2, "start has no option 'thread'; did you mean threads? There "),
    ("# one\n\nstart\n    threads = two\n", 4, "start: --threads: 'two' is not a whole number"),
    ("start\n    threads = 0\n    memory = 1M\n", 3, "start: --memory takes at least 64M, as in 4G"),
    ("start\n  threads = 2\n", 2, "indented by 2 spaces: it goes by 4 for each level"),
    ("profile\n    a\n        px\n            tmeout = 2\n", 4,
     "px has no option 'tmeout'; did you mean timeout?"),
    ("prompt\n    progress-after = soon\n", 2, "prompt: --progress-after takes seconds, or -1"),
    ("start\n    env = A=\x1b[31m\n", 2, "there is a control character (\\x1b)"),
])
def test_everything_wrong_is_told_with_its_line(cluster, settings, text, line, why):
    path = settings(text)
    for words in (["start", "-n", 1], ["list"], ["-c", "1"]):
        outcome = cluster.run(*words)
        assert outcome.code == 2 and outcome.stdout == ""
        assert outcome.stderr.startswith(f"tutti: {path}:{line}: {why}")
    assert not cluster.processes()


def test_a_file_that_others_can_write_is_refused(cluster, settings):
    path = settings(START, 0o620)
    outcome = cluster.run("list")
    assert outcome == ("", f"tutti: '{path}' is not read, as others can write it: chmod go-w "
                           f"{path}\n", 2)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(cluster, settings):
    path = settings(START)
    os.chown(path, 12345, 12345)
    outcome = cluster.run("list")
    assert outcome == ("", f"tutti: '{path}' is not read: it belongs to another user\n", 2)


def test_what_has_nothing_to_do_with_them_works(cluster, settings):
    cluster.start(1)
    path = settings("strat\n")
    assert cluster.run("status").code == 2
    for words in (["--version"], ["--help"], ["start", "--help"], ["why"], ["logs"],
                  ["completion"], ["config", "--path"], ["stop"]):
        assert cluster.run(*words).code == 0, words
    assert cluster.ok("--no-settings", "list") == "no cluster is running\n"
    assert cluster.ok("config", "--path") == f"{path}\n"


# ---- config

def test_config_tells_where_everything_stands(cluster, settings):
    path = settings(PROFILES + "prompt\n    verbose = no\n")
    width = len('    env = "B=b # c"') + 2
    rows = [("engines = 2", 3), ("env = A=1", 5), ('env = "B=b # c"', 6), ("threads = 3", 4)]
    assert cluster.ok("config").splitlines() == [
        f"# {path}", "# profiles: wide, quiet", "start",
        *(f"    {text}".ljust(width) + f"# {path}:{line}" for text, line in rows),
        "prompt", "    verbose = no".ljust(width) + f"# {path}:16"]
    lines = cluster.ok("config", "start", env={"TUTTI_PROFILE": "wide"}).splitlines()
    assert lines[:3] == [f"# {path}, profile wide (environment TUTTI_PROFILE)",
                         "# profiles: wide, quiet", "start"]
    assert [line.split() for line in lines[3:] if "env" not in line] == [
        ["engines", "=", "3", "#", "profile", "wide,", f"{path}:10"],
        ["threads", "=", "3", "#", f"{path}:4"]]
    assert [line.split()[2] for line in lines[3:] if "env" in line][::2] == ["A=1", "A=2"]


def test_what_config_writes_can_be_settings(cluster, settings):
    settings(PROFILES)
    first = cluster.json("config", "--json", "--profile", "wide")[0]["settings"]
    settings(cluster.ok("config", "--all", "--profile", "wide"))
    second = cluster.json("config", "--json")[0]["settings"]
    assert first and [(row["option"], row["value"]) for row in first] == \
        [(row["option"], row["value"]) for row in second]


def test_config_as_json(cluster, settings):
    path = settings(PROFILES)
    (whole,) = cluster.json("config", "start", "--json", "--profile", "wide")
    rows = whole.pop("settings")
    assert whole == {"schema": 1, "path": str(path), "exists": True, "profile": "wide",
                     "profile_from": "--profile", "profiles": ["wide", "quiet"], "error": None}
    assert rows[0] == {"command": "start", "option": "engines", "value": "3",
                       "default": "one per core", "from": f"{path}:10", "profile": "wide"}
    (whole,) = cluster.json("config", "start", "--json", "--all")
    rows = {row["option"]: row for row in whole["settings"]}
    assert rows["timeout"] == {"command": "start", "option": "timeout", "value": None,
                               "default": "60", "from": "default", "profile": None}


def test_config_when_there_is_nothing(cluster):
    path = f"{cluster.directory}/c/tutti/tutti.zpl"
    assert cluster.ok("config") == (f"# {path} is not there\n"
                                    "# nothing is set; tutti config --all tells what can be\n")
    assert "    # how many engines on each, or auto: one per core there (auto)\n" in \
        cluster.ok("config", "--all", "add")
    assert cluster.json("config", "--json")[0]["exists"] is False
    assert cluster.run("config", "strat").stderr == \
        "tutti: config: 'strat' has no settings; did you mean start?\n"


def test_config_names_what_is_wrong(cluster, settings):
    path = settings("start\n    nice = x\n")
    error = f"{path}:2: start: --nice: 'x' is not a whole number"
    assert cluster.run("config") == (f"# {path}\n", f"tutti: {error}\n", 2)
    outcome = cluster.run("config", "--json")
    assert (outcome.code, json.loads(outcome.stdout)["error"]) == (2, error)


def test_profiles_are_completed(cluster, settings):
    settings(PROFILES)
    assert cluster.ok("config", "--profiles") == "wide\nquiet\n"
    script = f"""source <({cluster.tutti} completion)
COMP_WORDS=({cluster.tutti} px --profile w) COMP_CWORD=3
_tutti
echo "${{COMPREPLY[*]}}" """
    done = subprocess.run(["bash", "-c", script], env=cluster.env, capture_output=True, text=True,
                          timeout=20)
    assert done.stdout == "wide\n", done


# ---- the prompt

def test_a_prompt_is_set_up_by_its_section(cluster, settings):
    settings("start\n    engines = 2\nprompt\n    targets = 1\n    timeout = 7\n    verbose = no\n"
             "    noblock = yes\nprofile\n    mine\n        prompt\n            block = yes\n")
    with Prompt(cluster, "--profile", "mine") as prompt:
        assert any("2 Python engines" in line for line in prompt.text())
        assert prompt.screen.before_cursor().startswith("In [1] @1: ")
        prompt.run("%px 6*7")
        prompt.wait_line(r"Out\[1:1\]: 42")
        prompt.run("%pxconfig")
        prompt.wait_line(r"%pxconfig --targets 1 --block --no-verbose --fold --timeout 7 .*")
    assert cluster.lines("%px 6*7").stdout == "Out[0-1:1]: 42\n", "a script does not depend on it"


def test_targets_that_are_not_there_stay_meant(cluster, settings):
    path = settings("start\n    engines = 1\nprompt\n    exclude = 0\n    targets = 7\n")
    with Prompt(cluster) as prompt:
        assert prompt.text()[0] == f"{path}:5: no engine 7: there is 0"
        assert prompt.screen.before_cursor().startswith("In [1] @7: ")
        prompt.run("%px 6*7")
        prompt.wait_line("no engine 7: there is 0")
        prompt.run("%targets all")
        prompt.run("%px 6*7")
        prompt.wait_line(r"Out\[0:3\]: 42")
        prompt.send("exit" + ENTER)
