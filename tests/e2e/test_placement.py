"""Where and how engines start: directory, environment, threads, niceness, memory."""

import pytest


def test_directory_environment_threads_and_niceness(cluster):
    cluster.start(2, "--workdir", "/", "--env", "FLAVOUR=a b=c", "--env", "EMPTY=", "--threads", 3,
                  "--nice", 5)
    got = cluster.ok("px", "import os; print(os.getcwd(), os.environ['FLAVOUR'], "
                           "os.environ['OMP_NUM_THREADS'], os.nice(0))")
    assert got == "[0-1] / a b=c 3 5\n"


def test_a_directory_may_be_told_from_here(cluster):
    cluster.file("x").parent.joinpath("sub").mkdir()
    cluster.start(1, "--workdir", "sub")
    assert cluster.ok("px", "import os; print(os.getcwd())") == f"[0] {cluster.work_dir}/sub\n"


def test_engines_have_one_thread_each_unless_it_is_told(cluster):
    cluster.start(1, env={"MKL_NUM_THREADS": "7"})
    got = cluster.ok("px", "import os; print(os.environ['OMP_NUM_THREADS'], "
                           "os.environ['MKL_NUM_THREADS'])")
    assert got == "[0] 1 7\n"


def test_shell_engines_have_them_too(cluster):
    cluster.start(1, "--lang", "sh", "--env", "FLAVOUR=sour", "--nice", 3, "--workdir", "/tmp")
    assert cluster.ok("px", "echo $FLAVOUR $(nice) $PWD") == "[0] sour 3 /tmp\n"


def test_memory_over_the_limit_is_an_error_of_the_code(cluster):
    cluster.start(2, "--memory", "512M")
    outcome = cluster.px("x = bytearray(1 << 30)")
    assert outcome.code == 1 and "[0-1:1] MemoryError" in outcome.stderr
    assert cluster.ok("px", "len(bytearray(100 << 20))") == "Out[0-1:1]: 104857600\n"


@pytest.mark.parametrize("words, text", [
    (["--threads", "-1"], "--threads takes a number from 1 to 4096, not -1"),
    (["--nice", "20"], "--nice takes a number from 0 to 19, not 20"),
    (["--memory", "much"], "--memory takes at least 64M, as in 4G, not 'much'"),
    (["--memory", "1M"], "--memory takes at least 64M, as in 4G, not '1M'"),
    (["--env", "FLAVOUR"], "--env takes NAME=VALUE, not 'FLAVOUR'"),
])
def test_what_makes_no_sense_is_told_before_anything_starts(cluster, words, text):
    outcome = cluster.run("start", "-n", 1, *words)
    assert (outcome.code, outcome.stderr) == (2, f"tutti: {text}\n")
    assert not cluster.processes()


def test_a_directory_that_is_not_there_is_told(cluster):
    outcome = cluster.start(1, "--workdir", "/no/such", code=4)
    assert "cannot enter '/no/such': No such file or directory" in outcome.stderr
