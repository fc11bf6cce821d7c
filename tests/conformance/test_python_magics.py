"""Shell commands, and the magics that Python does by itself, in both runtimes."""

import os
import re
import signal

import pytest

from harness import ERROR, EXECUTE, INSPECT, INTERRUPTED, OK

VALUE, SHELL, MAGIC = 1, 4, 8  # flags of EXECUTE


@pytest.fixture
def engine(python):
    with python.start() as runtime:
        yield runtime


# ---- the shell

def test_a_shell_command_writes_in_order_with_python(engine):
    engine.execute("import sys, os\nos.environ['WORD'] = 'from python'\nos.chdir('/')\n"
                   "sys.stdout.write('before ')")
    result = engine.execute("echo $WORD in $PWD; echo wrong >&2; read x || echo no input", SHELL)
    assert (result.status, result.body()) == (OK, [None, False, None, [], None])
    assert engine.drain() == (b"before from python in /\nno input\n", b"wrong\n")


@pytest.mark.parametrize("command, message, status", [
    ("exit 3", "exit 3", 3), ("false", "exit 1", 1), ("nowhere-to-be-found", "exit 127", 127),
    ("kill -TERM $$", "killed by SIGTERM", 143), ("sh -c 'kill -KILL $$'; exit $?", "killed by SIGKILL",
                                                  137), ("exit 255", "exit 255", 255)])
def test_a_shell_command_that_fails_tells_its_status(engine, command, message, status):
    result = engine.execute(command, SHELL)
    assert result.status == ERROR
    assert result.error == {"type": "ExitStatus", "message": message, "traceback": None,
                            "status": status}
    assert engine.execute("_exit_code").text == str(status)
    assert engine.execute("true", SHELL).status == OK


def test_the_value_of_a_shell_command_is_the_list_of_its_lines(engine):
    result = engine.execute("printf 'a b\\n\\nno newline'; echo shown >&2", SHELL | VALUE)
    assert (result.status, result.value) == (OK, ["a b", "", "no newline"])
    assert engine.drain() == (b"", b"shown\n")
    result = engine.execute("echo some; exit 2", SHELL | VALUE)
    assert (result.status, result.error["status"], result.value) == (ERROR, 2, ["some"])
    assert len(engine.execute("seq 100000", SHELL | VALUE).value) == 100000


def test_a_shell_command_has_bash_where_there_is_one(engine):
    assert engine.execute("a=(1 2 3); echo ${a[2]}", SHELL | VALUE).value == ["3"]


@pytest.mark.parametrize("flags", [SHELL, SHELL | VALUE])
def test_an_interrupt_ends_a_shell_command(compiled, flags):
    with compiled.start() as engine:
        seq = engine.task(EXECUTE, ["echo $$ >&2; sleep 60; echo not reached", "<c>", flags])
        engine.wait_output(b"\n", 1)
        result = engine.interrupt_until_result(seq)
        assert (result.status, result.error["type"]) == (INTERRUPTED, "KeyboardInterrupt")
        pid = int(engine.output[1])
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert b"not reached" not in engine.drain()[0]
        assert engine.execute("6 * 7").text == "42"


def test_an_interrupt_lets_a_shell_command_clean_up(compiled):
    with compiled.start() as engine:
        code = "trap 'echo cleaned; exit 0' INT; echo on; while :; do read -t 1; sleep 0.01; done"
        seq = engine.task(EXECUTE, [code, "<c>", SHELL])
        engine.wait_output(b"on\n")
        assert engine.interrupt_until_result(seq).status == INTERRUPTED
        assert engine.drain()[0] == b"on\ncleaned\n"


def test_a_shell_command_that_ignores_interrupts_is_left_behind(compiled):
    with compiled.start() as engine:
        engine.execute("import tutti.shell; tutti.shell.GRACE_S = 0.1")
        code = "trap '' INT; echo $$; sleep 60"
        seq = engine.task(EXECUTE, [code, "<c>", SHELL])
        engine.wait_output(b"\n")
        assert engine.interrupt_until_result(seq).status == INTERRUPTED
        os.kill(int(engine.output[0]), signal.SIGKILL)
        assert engine.execute("6 * 7").text == "42"


# ---- magics

@pytest.fixture(params=["engine", "local"])
def either(request, python):
    """An engine that is told of magics (flag 8), or the prompt's."""
    with python.start(mode=request.param) as runtime:
        runtime.flags = MAGIC if request.param == "engine" else 0
        yield runtime


def do(runtime, code):
    """(repr, stdout) of code that works."""
    runtime.drain()
    runtime.output[:] = [b"", b""]
    result = runtime.execute(code, runtime.flags)
    assert result.status == OK, result.error
    return result.text, runtime.drain()[0].decode()


def fails(runtime, code):
    """The error of code that does not."""
    result = runtime.execute(code, runtime.flags)
    assert result.status == ERROR, result.body()
    return result.error


SPAN = r"\d+(\.\d+)?(e[+-]\d+)? (s|ms|µs|ns)"


def test_time_tells_cpu_and_wall_time_and_gives_the_value(either):
    text, out = do(either, "%time 6 * 7")
    assert text == "42"
    assert re.fullmatch("CPU times: user %s, sys: %s, total: %s\nWall time: %s\n"
                        % (SPAN, SPAN, SPAN, SPAN), out)
    assert do(either, "%time x = 5\nx")[0] == "5"
    assert do(either, "y = %time x + 1\ny")[0] == "6"
    assert do(either, "def f(local):\n    z = %time local + 1\n    return z\nf(1)")[0] == "2"
    text, out = do(either, "for i in range(3):\n    %time i")
    assert (text, out.count("Wall time")) == (None, 3)
    error = fails(either, "%time 1/0")
    assert error["type"] == "ZeroDivisionError" and "session.py" not in error["traceback"]


def test_a_cell_can_be_timed_and_keeps_its_lines(either):
    text, out = do(either, "%%time\na = 1\nfor i in range(3):\n    a += i\na")
    assert text == "4" and "Wall time" in out
    error = fails(either, "\n\n%%time\na = 1\n1/0")
    assert (error["type"], error["line"]) == ("ZeroDivisionError", 5)
    assert do(either, "a")[0] == "1"


def test_timeit_tells_mean_and_deviation(either):
    text, out = do(either, "n = 3\n%timeit -n 10 -r 2 sum(range(n))")
    assert re.fullmatch("%s ± %s per loop \\(mean ± std. dev. of 2 runs, 10 loops each\\)\n"
                        % (SPAN, SPAN), out)
    _, out = do(either, "%%timeit -n1 -r1 text = 'a'\nq = '''x\ny'''\nassert text + q == 'ax\\ny'")
    assert "of 1 run, 1 loop each" in out
    assert fails(either, "q")["type"] == "NameError"
    out = do(either, "def f(k):\n    %timeit -n 1000 -r 1 k + 1\nf(1)")[1]
    assert out.endswith("1 run, 1,000 loops each)\n")
    assert fails(either, "%timeit -n 3")["type"] == "UsageError"


def test_directories(either, tmp_path):
    (tmp_path / "a b").mkdir()
    begin = do(either, "import os\nos.getcwd()")[0]
    assert do(either, "%pwd")[0] == begin
    assert fails(either, "%cd -")["type"] == "UsageError"
    assert do(either, "%%cd %s/a b  # there" % tmp_path) == (None, "%s/a b\n" % tmp_path)
    assert do(either, "x = %pwd\nx")[0] == repr(str(tmp_path / "a b"))
    do(either, "%cd ..")
    assert do(either, "%cd 'a b'")[1] == "%s/a b\n" % tmp_path
    do(either, "%%cd %s" % begin)
    assert do(either, "%cd -")[1] == "%s/a b\n" % tmp_path
    assert do(either, "!pwd")[1] == "%s/a b\n" % tmp_path
    assert fails(either, "%cd /nowhere")["type"] == "FileNotFoundError"


def test_a_file_runs_as_a_program_and_its_names_stay(either, tmp_path):
    fit = tmp_path / "fit.py"
    fit.write_text("import sys\nif __name__ == '__main__':\n    got = sys.argv[1:], __file__\n"
                   "def f(): return got\n_hidden = 1\nmine = 'kept' in globals()\n")
    text, _ = do(either, "kept = 1\n%%run %s 10 'a b' *.txt\ngot, mine, f() is got, _hidden, "
                         "__name__" % fit)
    assert text == repr(((["10", "a b", "*.txt"], str(fit)), False, True, 1, "__main__"))
    assert do(either, "%%run -i %s\nmine" % str(fit)[:-3])[0] == "True"
    assert do(either, "got = 5\n%%run -n %s\ngot, f.__module__, '__file__' in globals()"
              % fit)[0] == "(5, 'fit', False)"
    assert do(either, "import sys, __main__\nsys.argv, __main__.kept, sys.path[0]")[0] == \
        "([''], 1, '')"
    assert "CPU time:" in do(either, "%%run -t %s" % fit)[1]


def test_a_file_that_fails_or_leaves_is_told(either, tmp_path):
    bad = tmp_path / "bad.py"
    bad.write_text("import sys\nbefore = 1\nsys.exit(int(sys.argv[1]))\n")
    error = fails(either, "%%run %s 3" % bad)
    assert (error["type"], error["message"], error["status"]) == ("ExitStatus", "bad.py: exit 3", 3)
    assert do(either, "%%run %s 0\n%%run -e %s 4\nbefore" % (bad, bad))[0] == "1"
    bad.write_text("x = 1\n1/0\n")
    error = fails(either, "%%run %s" % bad)
    assert error["type"] == "ZeroDivisionError" and 'bad.py", line 2' in error["traceback"]
    assert "magics.py" not in error["traceback"]
    assert do(either, "x")[0] == "1"
    assert fails(either, "%run /nowhere.py")["type"] == "FileNotFoundError"
    assert fails(either, "%run")["type"] == "UsageError"


def test_names_are_listed_and_deleted(either):
    assert do(either, "%who")[1] == "Interactive namespace is empty.\n"
    do(either, "b = 'text'\na = [1, 2]\n_hidden = 1\nclass Bad:\n    def __str__(self): 1/0\n"
               "c = Bad()")
    assert do(either, "%who")[1] == "Bad\t a\t b\t c\n"
    assert do(either, "%who list str")[1] == "a\t b\n"
    assert do(either, "%whos list str")[1] == (
        "Variable   Type   Data/Info\n---------------------------\n"
        "a          list   n=2\nb          str    text\n")
    assert "<str failed: ZeroDivisionError>" in do(either, "%whos")[1]
    assert fails(either, "%reset")["type"] == "UsageError"
    do(either, "%reset -f")
    assert do(either, "%who")[1] == "Interactive namespace is empty.\n"


def test_variables_of_the_environment(either):
    assert do(either, "%env TUTTI_TEST = some words")[1] == "env: TUTTI_TEST=some words\n"
    assert do(either, "%env TUTTI_TEST")[0] == "'some words'"
    assert do(either, "!echo $TUTTI_TEST")[1] == "some words\n"
    assert do(either, "e = %env\ne['TUTTI_TEST']")[0] == "'some words'"
    assert fails(either, "%env TUTTI_NOT_THERE")["type"] == "UsageError"


def test_shell_commands_within_code(either):
    assert do(either, "for i in range(2):\n    !echo {i} $((1 + 1))\n")[1] == "{i} 2\n{i} 2\n"
    assert do(either, "x = !printf 'a b\\nc\\n'\nx, x.n, x.s, x.l is x, _exit_code")[0] == \
        "(['a b', 'c'], 'a b\\nc', 'a b c', True, 0)"
    assert do(either, "!!echo one; echo two")[0] == "['one', 'two']"
    assert do(either, "x = !echo some; exit 3\nx, _exit_code")[0] == "(['some'], 3)"
    error = fails(either, "if 1:\n    !exit 3")
    assert (error["type"], error["message"], error["status"], error["line"]) == (
        "ExitStatus", "exit 3", 3, 2)
    assert do(either, "import pickle\ntype(pickle.loads(pickle.dumps(x))).__name__")[0] == "'list'"


def test_magics_of_the_prompt_are_told_apart_on_engines(engine):
    for code in ("%px f()", "x = %map f [1]", "@0-3: f()", "%%px\nf()", "%nonsense"):
        error = engine.execute(code, MAGIC).error
        assert error["type"] == "UsageError" and "is for the prompt" in error["message"]
        assert "%time" in error["message"]
    assert engine.execute("%time 1").error["type"] == "SyntaxError", "without the flag it is code"


def test_help_on_magics(engine):
    for name, begins in (("%time", "%time CODE\n\nruns code once"), ("!", "!COMMAND")):
        result = engine.result(engine.task(INSPECT, [name, 0]))
        assert result.value.startswith(begins)
