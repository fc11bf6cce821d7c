"""What the tasks of the protocol do in the shell: PROTOCOL.md, "The shell"."""

import hashlib
import os
import random
import signal
import time

import pytest

from harness import (BLOB, CALL, CHECK, COMPLETE, DEADLINE, ERROR, EXECUTE, GET, INSPECT,
                     INTERRUPTED, OK, REFUSED, RESET, SET)
from tutti import values

GONE = "the shell has ended: its variables are gone"


@pytest.fixture
def engine(shell):
    with shell.start() as runtime:
        yield runtime


def run(runtime, code, flags=0):
    """(exit status, stdout, stderr) of a command."""
    runtime.drain()
    runtime.output[:] = [b"", b""]
    result = runtime.execute(code, flags)
    assert result.status in (OK, ERROR), result.body()
    return (result.error["status"] if result.status == ERROR else 0, *runtime.drain())


def out(runtime, code):
    status, stdout, stderr = run(runtime, code)
    assert (status, stderr) == (0, b""), (status, stderr)
    return stdout.decode()


def value(runtime, kind, *args):
    result = runtime.result(runtime.task(kind, list(args)))
    assert result.status == OK, result.error
    return result.value


def failure(runtime, kind, *args):
    result = runtime.result(runtime.task(kind, list(args)))
    assert result.status == ERROR
    return result.error


def push(runtime, name, value_, kind="value"):
    frames, counts = [], []
    for one in [value_] if kind == "value" else value_:
        body, buffers = values.encode(one)
        frames += [body, *buffers]
        counts.append(1 + len(buffers))
    return runtime.result(runtime.task(SET, [name, kind, counts, None], frames))


def pull(runtime, *exprs):
    return value(runtime, GET, list(exprs), "value")


# ---- execute

def test_everything_lasts_from_command_to_command(engine):
    run(engine, "x=5; a=(1 2); f() { echo \"f $1\"; }; cd /; shopt -s nullglob; alias ll='echo al'")
    assert out(engine, "echo $x ${a[1]} $(f y) $PWD /no*such") == "5 2 f y /\n"
    assert out(engine, "ll") == "al\n"


def test_the_status_of_the_last_command_lasts(engine):
    assert run(engine, "(exit 7)")[0] == 7
    assert out(engine, "echo $?") == "7\n"
    assert out(engine, "echo $?") == "0\n"


def test_a_failure_has_its_status_and_its_words(engine):
    result = engine.execute("echo why >&2; exit_code() { return 3; }; exit_code")
    assert (result.status, result.text) == (ERROR, None)
    assert result.error == {"type": "ExitStatus", "message": "exit 3", "traceback": None, "status": 3}
    assert engine.drain()[1] == b"why\n"


def test_the_value_is_stdout_without_the_newlines_at_its_end(engine):
    assert engine.execute("echo a; echo b; echo", 1).body()[:3] == [None, True, "a\nb"]
    assert engine.execute("printf 'x\\xff'", 1).value == b"x\xff"
    assert engine.execute("true", 1).value == ""
    assert engine.drain() == (b"", b"")
    assert len(engine.execute("yes 123456789 | head -n 300000", 1).value) == 3000000 - 1


def test_what_a_failed_command_wrote_is_not_lost_with_its_value(engine):
    result = engine.execute("echo partly; echo err >&2; false", 1)
    assert (result.status, result.body()[1]) == (ERROR, False)
    assert engine.drain() == (b"partly\n", b"err\n")


def test_a_value_over_the_limit_is_refused_and_the_command_runs_to_its_end(engine):
    result = engine.execute("yes | head -c 70000000; seen=end", 1)
    assert (result.status, result.error["type"]) == (ERROR, "ValueTooLarge")
    assert out(engine, "echo $seen") == "end\n"


def test_code_with_a_zero_byte_is_an_error_and_not_cut(engine):
    assert engine.execute("echo a\0b").error["type"] == "SyntaxError"


def test_stdin_is_empty_and_no_descriptor_of_ours_is_inherited(engine):
    assert out(engine, "cat; read x; echo $?") == "1\n"
    assert out(engine, "sh -c 'echo /proc/self/fd/*'; true").split() == \
        ["/proc/self/fd/%d" % i for i in range(4)]
    assert out(engine, "sh -c 'readlink /proc/$$/fd/0'") == "/dev/null\n"


def test_the_environment_is_that_of_the_engine_without_what_changes_a_bash(shell):
    shell.env = {"BASH_ENV": "/nonexistent", "PROMPT_COMMAND": "echo prompt", "PS4": "x ",
                 "BASH_FUNC_leak%%": "() { echo leaked; }", "SHELLOPTS": "noglob", "KEPT": "yes"}
    with shell.start() as runtime:
        assert out(runtime, "echo $KEPT $(type -t leak) /etc/passw?") == "yes /etc/passwd\n"
        assert runtime.drain()[1] == b""
    shell.env = {}


def test_a_background_job_does_not_hold_the_command(engine):
    began = time.monotonic()
    assert out(engine, "sleep 1000 & echo started") == "started\n"
    assert time.monotonic() - began < DEADLINE / 2
    assert out(engine, "kill $!; wait $!; echo $?") == "143\n"


@pytest.mark.parametrize("code, status", [
    ("echo $(", 2), ("echo 'open", 2), ("cat <<E\nopen", 0), ("fi", 2), ("break", 0), ("return 5", 5),
    ("continue", 0), ("read x", 1), ("set -u; echo $nope", 1), ("${x?}", 1), ("set -n; echo x", 0),
    ("readonly r=1; r=2", 1), (". /nonexistent", 1), ("wait", 0), ("suspend", 1), ("logout", 1),
    ("kill -STOP $$; echo resumed", 0), ("ulimit -n 16; echo", 0), ("trap 'echo' DEBUG ERR", 0),
    ("IFS=/; set -f; shopt -s nocasematch failglob", 0), ("set -o posix", 0), ("exec 5</etc/passwd", 0),
    ("exec <&- 2>&-", 0), ("cd $(mktemp -d); rmdir $PWD", 0), ("unalias -a; shopt -u expand_aliases", 0),
    ("printf() { :; }; eval() { :; }; .() { :; }; unalias() { :; }; :() { false; }; exit() { :; }", 0),
    ("set -k -v -x; shopt -u interactive_comments; set -T -E", 0), ("PS1='$(exit 1)' PROMPT_COMMAND=false", 0),
    ("command_not_found_handle() { echo $1; }; nosuch", 0), ("trap '' INT TERM HUP QUIT PIPE", 0),
    ("BASH_XTRACEFD=1; set -x; true", 0), ("exec 3>&1 4>&2 10>/dev/null; true", 0), ("PATH=; true", 0)])
def test_an_ugly_command_neither_kills_nor_hangs(engine, code, status):
    assert run(engine, code)[0] == status
    assert b"still here\n" in run(engine, "echo still here")[1]
    assert engine.execute("echo 5", 1).value.endswith("5")


def test_a_huge_script_runs(engine):
    lines = "".join("x=%d\n" % i for i in range(200000))
    assert run(engine, lines)[0] == 0
    assert out(engine, "echo $x") == "199999\n"


def test_a_redirection_by_exec_of_stdout_lasts(engine, tmp_path):
    run(engine, "exec >%s/log; echo one" % tmp_path)
    assert run(engine, "echo two; echo err >&2") == (0, b"", b"err\n")
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


def test_traces_show_the_lines_of_the_user_only(engine):
    run(engine, "set -x")
    assert run(engine, "echo a") == (0, b"a\n", b"+++ echo a\n")
    value(engine, GET, ["HOME"], "value")
    assert run(engine, "set +x") == (0, b"", b"+++ set +x\n")


def test_the_same_error_is_the_same_text_on_every_engine(engine):
    assert run(engine, "echo a\necho )") == (
        2, b"a\n", b"bash: eval: line 2: syntax error near unexpected token `)'\n"
                   b"bash: eval: line 2: `echo )'\n")
    assert run(engine, "nosuch")[2] == b"bash: nosuch: command not found\n"


# ---- the end of the shell

@pytest.mark.parametrize("code, status, message", [
    ("exit 3", 3, "exit 3 · " + GONE), ("exec sh -c 'exit 4'", 4, "exit 4 · " + GONE),
    ("set -e; false", 1, "exit 1 · " + GONE), ("kill -9 $$", 137, "killed by SIGKILL · " + GONE),
    ("sleep 1000 & exit 5", 5, "exit 5 · " + GONE), ("trap 'exit 6' USR1; kill -USR1 $$", 6,
                                                      "exit 6 · " + GONE)])
def test_a_shell_that_ends_is_told_and_replaced(engine, code, status, message):
    run(engine, "x=5; cd /")
    result = engine.execute(code)
    assert (result.error["message"], result.error["status"]) == (message, status)
    assert out(engine, "echo [$x]; pwd") == "[]\n%s\n" % os.getcwd()
    run(engine, "pkill -P %d sleep; true" % engine.process.pid)


@pytest.mark.parametrize("code", ["exit", "exec true", "trap 'echo bye' EXIT; exit 0"])
def test_a_shell_that_ends_well_is_told_in_a_note(engine, code):
    result = engine.execute(code)
    assert result.body() == [None, False, None, [], None, GONE]
    assert out(engine, "echo again") == "again\n"


def test_a_trap_on_exit_is_seen(engine):
    run(engine, "trap 'echo bye' EXIT")
    assert run(engine, "exit 2") == (2, b"bye\n", b"")


def state(pid):
    with open("/proc/%d/stat" % pid) as file:
        return file.read().rpartition(") ")[2][0]


def test_a_shell_that_ended_between_commands_is_told_by_the_next(engine):
    pid = int(out(engine, "echo $$"))
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + DEADLINE
    while state(pid) != "Z":
        assert time.monotonic() < until
    result = engine.execute("echo new")
    assert result.body()[5] == "the shell had ended (killed by SIGKILL): its variables are gone"
    assert engine.execute("true").body()[5:] == []


def test_a_shell_that_cannot_tell_its_status_is_replaced(engine):
    result = engine.execute("ulimit -n 3; echo z")
    assert "it could not tell how the command ended" in result.error["message"]
    assert out(engine, "echo again") == "z\nagain\n"[2:]


def test_reset_is_a_new_shell(engine):
    run(engine, "x=5; cd /")
    assert value(engine, RESET) is None
    assert out(engine, "echo [$x]; pwd") == "[]\n%s\n" % os.getcwd()


def test_a_program_that_is_no_bash_is_refused_with_a_reason(shell):
    for program, reason in (("/bin/dash", "exited with status 2"), ("/bin/true", "exited with status 0"),
                            ("/nonexistent", "exited with status 127")):
        kind = [shell.command[0], "engine", program]
        with type(shell)("shell", kind, {}).start(start=False) as runtime:
            assert runtime.process.wait(DEADLINE) == 2
            assert reason in runtime.drain()[1].decode()


# ---- interrupts

@pytest.mark.parametrize("code", [
    "sleep 1000", "while :; do :; done", "(while :; do :; done)", "sleep 1000 | cat",
    "f() { sleep 1000; }; f; echo no", "cat <(sleep 1000)", "x=$(sleep 1000); echo no", "wait $!",
    "for i in 1 2; do sleep 1000; done; echo no", "read x < <(sleep 1000)", "yes > /dev/null",
    "sleep 1000 & wait; echo no", "set -e; sleep 1000", "set -x; sleep 1000"])
def test_an_interrupt_ends_the_command_and_not_the_shell(engine, code):
    run(engine, "kept=1; sleep 1000 & ")
    seq = engine.task(EXECUTE, [code, "c", 0])
    engine.wait_running(seq)
    result = engine.interrupt_until_result(seq)
    assert result.status == INTERRUPTED
    assert b"no" not in engine.drain()[0] and b"\n\n" not in engine.drain()[1]
    assert b"1\n" in run(engine, "echo $kept")[1]
    run(engine, "kill $(jobs -p)")


def test_nothing_is_seen_of_an_interrupt_but_its_effect(engine):
    seq = engine.task(EXECUTE, ["sleep 1000", "c", 0])
    engine.wait_running(seq)
    engine.interrupt_until_result(seq)
    assert engine.drain() == (b"", b"")


def test_a_trap_on_int_takes_the_interrupt(engine):
    run(engine, "trap 'caught=1; echo caught' INT")
    code = "echo begun; until [[ $caught ]]; do :; done; echo went on"
    seq = engine.task(EXECUTE, [code, "c", 0])
    engine.wait_output(b"begun\n")
    engine.interrupt_until_result(seq)
    assert engine.drain()[0] == b"begun\ncaught\nwent on\n"


def test_interrupts_at_any_moment_meet_their_command_or_none(engine):
    """Commands that take from 100 us to some ms, and an interrupt at a random moment of most."""
    chance = random.Random(7)
    commands = ["x=%d; echo $x", "echo %d", "sleep 0.001; echo %d", "(echo %d)", "echo %d | cat",
                "for i in 1 2 3 4 5 6 7 8 9; do :; done; echo %d", "y=$(echo %d); echo $y"]
    hits = 0
    for i in range(1500):
        engine.output[:] = [b"", b""]
        seq = engine.task(EXECUTE, [chance.choice(commands) % i, "c", 0])
        behind = engine.task(EXECUTE, ["echo behind", "c", 0])
        hit = chance.random() < 0.8 and interrupt_after(engine, seq, chance.random() ** 3 * 4e-3)
        result = engine.result(seq)
        assert result.status == (INTERRUPTED if hit else OK), (i, result.body())
        assert engine.result(behind).status == OK
        stdout, stderr = engine.drain()
        assert stdout.endswith(b"behind\n") and stderr == b""
        wrote = stdout[:-7]
        assert (b"%d\n" % i).startswith(wrote) if hit else wrote == b"%d\n" % i, stdout
        hits += hit
    assert hits > 100


def interrupt_after(engine, seq, seconds):
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        pass
    return engine.interrupt(seq)


def test_interrupts_of_values_leave_nothing_behind(engine):
    run(engine, "a=({1..3000})")
    chance, expected = random.Random(3), [str(i) for i in range(1, 3001)]
    for _ in range(150):
        seq = engine.task(GET, [["a"], "value"])
        interrupt_after(engine, seq, chance.random() * 6e-3)
        result = engine.result(seq)
        assert result.status == INTERRUPTED or result.value == [expected]
        assert run(engine, "true") == (0, b"", b"")


# ---- values

ALL_BYTES = bytes(range(1, 256))


@pytest.mark.parametrize("given, back", [
    ("text", "text"), ("", ""), ("it's \"q\" $x `a` \\ \n\t", None), ("ü€\U0001f600", None), (5, "5"),
    (-3, "-3"), (2 ** 63, str(2 ** 63)), (2 ** 200, str(2 ** 200)), (-2 ** 70, str(-2 ** 70)),
    (True, "true"), (False, "false"), (0.1, "0.1"), (1.0, "1.0"), (1e16, "1e+16"), (1e15, "1000000000000000.0"),
    (1e-5, "1e-05"), (0.0001, "0.0001"), (1 / 3, repr(1 / 3)), (5e-324, "5e-324"), (float("-inf"), "-inf"),
    (float("nan"), "nan"), (-0.0, "-0.0"), (ALL_BYTES, ALL_BYTES), (b"plain", "plain"),
    (b"\xff" * 10000, b"\xff" * 10000), ("x" * 500000, None), ([], []), ([1, "two", 3.5], ["1", "two", "3.5"]),
    ((1, 2), ["1", "2"]), ([1, None, 3], ["1", None, "3"]), (["", " ", "*", "$x"], ["", " ", "*", "$x"]),
    ([ALL_BYTES, b"\x01", b"\x7f"], [ALL_BYTES, "\x01", "\x7f"]), ({}, {}),
    ({"a": 1, "b c": "d'", 7: True, "@": "*", "*": "@", "]": "[", "$x": "`", "\\": "\"", "é": b"\xe9"},
     {"a": "1", "b c": "d'", "7": "true", "@": "*", "*": "@", "]": "[", "$x": "`", "\\": "\"", "é": b"\xe9"}),
    ([str(i) for i in range(50000)], None)], ids=lambda v: ascii(v)[:30])
def test_values_come_back_as_the_table_says(engine, given, back):
    result = push(engine, "v", given)
    assert result.status == OK, result.error
    assert pull(engine, "v") == [given if back is None else back]


def test_numbers_of_one_dimension_become_an_array(engine):
    numpy = pytest.importorskip("numpy")
    for array in (numpy.arange(-3, 3), numpy.array([1.5, 2.25]), numpy.array([1, 255], "u1"),
                  numpy.array([0.1], "f4"), numpy.array([True, False]), numpy.array([7], ">i4")):
        assert push(engine, "v", array).status == OK
        want = [str(x).lower() if array.dtype == bool else repr(x) for x in array.astype(float).tolist()
                ] if array.dtype.kind == "f" else [str(x).lower() for x in array.tolist()]
        assert pull(engine, "v") == [want]
    error = push(engine, "v", numpy.zeros((2, 2))).error
    assert "one dimension" in error["message"]


@pytest.mark.parametrize("given, reason", [
    ([[1]], "v[0] is a list: an array of the shell holds only texts"),
    ({"k": [1]}, "v[k] is a list"), ([1, {"a": 1}], "v[1] is a dict"), ("a\0b", "v holds a zero byte"),
    (["a", b"\0"], "v[1] holds a zero byte"), ({"": 1}, "a key of v is empty"), ({None: 1}, "a key of v is None"),
    (1j, "v is a complex number"), (len, "v is an object")])
def test_what_the_shell_cannot_hold_is_refused_by_name(engine, given, reason):
    run(engine, "v=before")
    error = push(engine, "v", given).error
    assert error["type"] == "TypeError" and reason in error["message"]
    assert pull(engine, "v") == ["before"]


@pytest.mark.parametrize("name, why", [
    ("1x", "NameError"), ("a b", "NameError"), ("a;b", "NameError"), ("", "NameError"), ("a[1]", "NameError"),
    ("BASH_VERSION", "NameError"), ("UID", "NameError"), ("_", "NameError"), ("ro", "ReadonlyError")])
def test_names_that_cannot_be_set_are_refused(engine, name, why):
    run(engine, "readonly ro=1")
    assert push(engine, name, "x").error["type"] == why


def test_setting_forgets_attributes_but_exporting(engine):
    run(engine, "declare -i n=5; declare -u up=X; export E=1; a=(1 2); declare -A m=([k]=v)")
    for name in ("n", "up", "E", "a", "m"):
        assert push(engine, name, "1+1 x").status == OK
        assert pull(engine, name) == ["1+1 x"]
    assert out(engine, "sh -c 'echo $E'") == "1+1 x\n"
    assert push(engine, "E", None).status == OK
    assert out(engine, "echo ${E-unset}") == "unset\n"


def test_strange_options_do_not_disturb_values(engine):
    run(engine, "IFS=,:1; set -efuC; shopt -s nocasematch failglob; trap 'echo trap' ERR DEBUG; set -o posix")
    assert push(engine, "v", ["a*", "1,2", ""]).status == OK
    assert pull(engine, "v") == [["a*", "1,2", ""]]
    assert failure(engine, GET, ["nope"], "value")["type"] == "NameError"
    assert push(engine, "m", {"K": "v"}).status == OK and pull(engine, "m") == [{"K": "v"}]


def test_results_of_several_engines_become_an_array(engine):
    assert push(engine, "r", ["a", None, 5], "result").status == OK
    assert pull(engine, "r") == [["a", None, "5"]] or pull(engine, "r") == [["a", None, "5"]]
    assert push(engine, "r", ["a", [1]], "list").error["message"].startswith("r[1] is a list")


def test_expressions_are_names_elements_or_words(engine):
    run(engine, "s='a  b'; a=(x y z); declare -A m=([l]='a b'); e=; declare -a empty; cd /etc")
    assert pull(engine, "s", "a", "m", "e", "empty") == ["a  b", ["x", "y", "z"], {"l": "a b"}, "", []]
    assert pull(engine, "a[1]", "m[l]", "a[@]") == ["y", "a b", ["x", "y", "z"]]
    assert pull(engine, "$s", '"$s"', "{1..3}", "passw?", "$nope", "$(echo x; exit 3)") == \
        [["a", "b"], "a  b", ["1", "2", "3"], "passwd", None, "x"]
    for expr, kind in (("nope", "NameError"), ("m[zz]", "NameError"), ("a[9]", "NameError"),
                       ("a)b", "SyntaxError")):
        error = failure(engine, GET, [expr], "value")
        assert error["type"] == kind and expr in error["message"]
    assert failure(engine, GET, ["${nope?}"], "value")["type"] == "ShellError"


def test_an_array_with_holes_has_none_there_unless_it_is_sparse(engine):
    run(engine, "a=([1]=x [3]=y); b=([99999999]=z)")
    assert pull(engine, "a") == [[None, "x", None, "y"]]
    assert "too sparse" in failure(engine, GET, ["b"], "value")["message"]


def test_malformed_tasks_are_refused(engine):
    for kind, args in ((GET, [[5], "value"]), (GET, [["a"], "nothing"]), (GET, [["a"]]), (SET, ["a", "value", []]),
                       (SET, ["a", "handle", [], None]), (SET, [5]), (COMPLETE, ["a"]), (CHECK, []), (INSPECT, [1])):
        assert engine.result(engine.task(kind, args)).status in (REFUSED, ERROR), (kind, args)


# ---- functions

def items(runtime, *exprs):
    result = runtime.result(runtime.task(GET, [list(exprs), "items"]))
    assert result.status == OK, result.error
    assert result.value == [1] * (len(result.frames) - 1)
    return [values.decode(frame, ()) for frame in result.frames[1:]]


def test_items_are_words_and_elements_zipped(engine):
    run(engine, "a=('x y' z); one=1; cd /etc")
    assert items(engine, "a") == [["x y"], ["z"]]
    assert items(engine, "{1..3}", "a") == [["1", "x y"], ["2", "z"]]
    assert items(engine, "one") == [["1"]] and items(engine, "pass??") == [["passwd"]]
    assert failure(engine, GET, ["nope"], "items")["type"] == "NameError"


def ship(runtime, expr, to):
    result = runtime.result(runtime.task(GET, [[expr], "function"]))
    assert result.status == OK, result.error
    hash_, note = result.value
    assert hash_ == hashlib.sha256(result.frames[1]).digest()[:16] and note is None
    to.send(BLOB, 0, [hash_], [result.frames[1]])
    return hash_


def test_a_function_travels_with_those_it_uses(shell):
    with shell.start() as here, shell.start() as there:
        run(here, "sq() { helper $(( $1 * $1 )); }; helper() { echo \"r=$1\"; }; other() { :; }")
        hash_ = ship(here, "sq", there)
        assert value(there, CALL, hash_, [7], None) == "r=49"
        assert value(there, CALL, hash_, ["8"], {}) == "r=64"
        assert out(there, "type -t sq helper other; true") == ""


def test_a_template_puts_the_arguments_for_its_braces(engine):
    shout = ship(engine, "echo {} | tr a-z A-Z", engine)
    assert value(engine, CALL, shout, ["it's $HOME", "b  c"], None) == "IT'S $HOME B  C"
    count = ship(engine, "printf %s\\|", engine)
    assert value(engine, CALL, count, ["a b", "*", ""], None) == "a b|*||"


def test_a_call_cannot_end_or_change_the_shell(engine):
    run(engine, "x=1")
    for code, status in (("x=2; exit 3", 3), ("false", 1), ("set -e; false; true", 1), ("echo $(", 2)):
        error = failure(engine, CALL, ship(engine, code + " #", engine), [], None)
        assert (error["type"], error["status"]) == ("ExitStatus", status)
    assert pull(engine, "x") == ["1"]


def test_a_call_that_makes_no_sense_is_told(engine):
    hash_ = ship(engine, "echo", engine)
    assert "argument 1 is a list" in failure(engine, CALL, hash_, [[1]], None)["message"]
    assert "argument 2 is None" in failure(engine, CALL, hash_, [1, None], None)["message"]
    assert "no named arguments" in failure(engine, CALL, hash_, [], {"a": 1})["message"]
    assert "has not come" in failure(engine, CALL, b"x" * 16, [], None)["message"]
    engine.send(BLOB, 0, [b"y" * 16], [b"\x80pickle"])
    assert "no function of the shell" in failure(engine, CALL, b"y" * 16, [], None)["message"]


# ---- for whoever types

@pytest.mark.parametrize("code, state", [
    ("echo hi", "whole"), ("", "whole"), ("# c", "whole"), ("if true; then echo a; fi", "whole"),
    ("!(a|b)", "whole"), ("cat <<E\na\nE", "whole"), ("echo 'a", "more"), ('echo "a', "more"), ("if true", "more"),
    ("f() {", "more"), ("a=(1", "more"), ("echo $(", "more"), ("case x in", "more"), ("cat <<E", "more"),
    ("while read x\ndo", "more"), ("echo a \\", "more"), ("echo a &&", "more"), ("echo a |", "more"),
    ("fi", "invalid"), ("echo )", "invalid"), ("done", "invalid")])
def test_input_is_whole_or_goes_on_or_is_wrong(engine, code, state):
    assert value(engine, CHECK, code) == [state, ""]


def test_checking_runs_nothing(engine, tmp_path):
    value(engine, CHECK, "touch %s/made; $(touch %s/made)" % (tmp_path, tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_completion_knows_commands_variables_and_files(engine, tmp_path):
    run(engine, "cd %s; my_function() { :; }; MY_VARIABLE=1; mkdir dir; touch 'a file' plain" % tmp_path)

    def complete(code):
        return value(engine, COMPLETE, code, len(code))

    assert complete("my_fu") == [0, ["my_function"]]
    assert complete("true; my_fu") == [6, ["my_function"]]
    assert complete("echo $MY_V") == [6, ["MY_VARIABLE"]]
    assert complete("echo ü ${MY_V") == [9, ["MY_VARIABLE"]]
    assert complete("cat pl") == [4, ["plain"]] and complete("cat di") == [4, ["dir/"]]
    assert complete("cat a") == [4, ["a\\ file"]] and complete("cat a\\ f") == [4, ["a\\ file"]]
    assert "unalias" in complete("unali")[1] and complete("echo nosuchfile") == [5, []]
    assert len(value(engine, COMPLETE, "", 0)[1]) <= 2000


def test_inspection_tells_what_a_name_is(engine):
    run(engine, "f() { echo body; }; v=5; alias al='echo x'")
    assert "echo body" in value(engine, INSPECT, "f", 0)
    assert value(engine, INSPECT, "v", 0) == 'declare -- v="5"' == value(engine, INSPECT, "$v", 0)
    assert "Change the shell working directory" in value(engine, INSPECT, "cd", 0)
    assert "/cat" in value(engine, INSPECT, "cat", 0) and "echo x" in value(engine, INSPECT, "al", 0)
    for nothing in ("nosuch", "a b", "", "$(touch x)", "a;b"):
        assert value(engine, INSPECT, nothing, 0) is None
