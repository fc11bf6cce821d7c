"""What people and programs do to a terminal: interrupts, stops, sizes, crashes, prints into a line
that is being typed. Afterwards the prompt works, and the shell has its terminal as it was."""

import contextlib
import os
import re
import signal

import pytest

from .harness import alive, wait_until
from .terminal import (CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_U, CTRL_Z, ENTER, LEFT, PASTE, UP,
                       Pipe, Prompt, Shell, reads_zero, state_of)


pytestmark = pytest.mark.sanitize


@contextlib.contextmanager
def prompt_in_shell(cluster, engines=2, stays=True, **more):
    """tutti, typed in a shell. At the end it still counts, and leaves the modes as it found them.
    With `stays` false the test sees to its end."""
    with Shell(cluster, **more) as shell:
        before = shell.stty()
        shell.tutti("-n", engines)
        yield shell
        if stays:
            assert shell.value("6*7") == "42"
            shell.leave("s")
        shell.wait_shell()
        assert shell.stty() == before


def runs(shell, code, word="here"):
    """Types code that prints the word, and waits for that."""
    mark = shell.mark()
    shell.send(code + ENTER)
    shell.wait(lambda: word in shell.since(mark)[1:], 10, f"{code!r} runs")
    return mark


SHOW = "print('he''re', flush=True)"

LOCAL_WORK = {
    "busy loop": f'exec("{SHOW}\\nwhile True: pass")',
    "sleep": f"{SHOW}; time.sleep(600)",
    "subprocess": "subprocess.run('echo he''re; exec sleep 600', shell=True)",
    "a line of stdin": f"{SHOW}; sys.stdin.readline()",
    "a read of stdin": f"{SHOW}; os.read(0, 10)",
    "a pipe": f"{SHOW}; os.read(pipe[0], 10)",
    "C code": f"{SHOW}; sum(range(2 * 10**7))",
    "a lock": f"{SHOW}; lock.acquire()",
}


def ctrl_c(shell, number):
    """Ctrl-C, until that prompt comes. One may fall between Python's look for signals and the call
    that then waits (time.sleep): only the next is seen, whoever runs that Python."""
    shell.send(CTRL_C)
    try:
        shell.wait_prompt(number, deadline=4)
    except AssertionError:
        shell.send(CTRL_C)
        shell.wait_prompt(number)


def test_ctrl_c_ends_the_line_that_runs_here_and_nothing_else(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("import os, subprocess, sys, threading, time; x = 41; pipe = os.pipe()")
        shell.run("lock = threading.Lock(); lock.acquire();")
        for name, code in LOCAL_WORK.items():
            number, mark = shell.number, runs(shell, code)
            ctrl_c(shell, number + 1)
            lines = shell.since(mark)
            assert lines[-2] == "KeyboardInterrupt", (name, lines)
            assert shell.value("x + 1") == "42", name


def test_ctrl_c_ends_a_program_that_system_waits_for_and_the_line_goes_on(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("import os")
        mark = runs(shell, "os.system('echo he''re; exec sleep 600')")
        shell.send(CTRL_C)
        shell.wait_prompt(3)
        assert shell.since(mark)[-2].endswith("Out[2]: 2")


def test_ctrl_c_ends_a_command_of_the_local_shell(cluster):
    with prompt_in_shell(cluster) as shell:
        number, mark = shell.number, runs(shell, "!echo he''re; sleep 600")
        shell.send(CTRL_C)
        shell.wait_prompt(number + 1)
        number, mark = shell.number, runs(shell, "!trap 'echo caught; exit 3' INT; echo he''re; "
                                                 "while :; do sleep 0.01; done")
        shell.send(CTRL_C)
        shell.wait_prompt(number + 1)
        assert any("caught" in line for line in shell.since(mark)[2:])


def test_ctrl_c_in_input_and_in_a_program_that_ignores_it(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.send("name = input('na' 'me? ')" + ENTER)
        shell.wait(lambda: shell.screen.before_cursor() == "name? ")
        shell.type("half")
        shell.wait(lambda: reads_zero(shell.foreground()))
        shell.send(CTRL_C)
        shell.wait_prompt(2)
        assert shell.since(0)[-2] == "KeyboardInterrupt"
        shell.send("name = input('na' 'me? ')" + ENTER)
        shell.wait(lambda: shell.screen.before_cursor() == "name? ")
        shell.send("whole" + ENTER)
        shell.wait_prompt(3)
        assert shell.value("name") == "'whole'"
        mark = runs(shell, "!trap '' INT; echo he''re; until [ -e go ]; do sleep 0.01; done; "
                           "echo do''ne")
        shell.send(CTRL_C)
        shell.wait(lambda: any("^C" in line for line in shell.since(mark)))
        cluster.file("go", "")
        shell.wait_prompt(5)
        assert "done" in shell.since(mark)[-2]


def test_ctrl_c_while_typing_drops_the_line_and_only_that(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.type("raise SystemExit('typed'")
        shell.interrupt()
        assert shell.text()[-2:] == ["In [1]: raise SystemExit('typed'^C", "In [1]:"]
        shell.send("x = 'a long line" + " word" * 40)
        shell.wait(lambda: shell.text()[-1].endswith("word word"))
        shell.interrupt()
        shell.more("def f():")
        shell.type("return 1")
        shell.interrupt()
        assert shell.text()[-2:] == ["   ...:     return 1^C", "In [1]:"]
        for _ in range(20):
            shell.interrupt()
        assert shell.value("'f' in globals()") == "False"


def test_ctrl_c_drops_a_line_that_is_still_looked_at(cluster):
    """A thread keeps the engine from answering whether the line is whole."""
    with prompt_in_shell(cluster) as shell:
        shell.run("import ctypes, os, threading")
        mark = shell.mark()
        shell.run("threading.Timer(0.2, lambda: (os.write(2, b'held\\n'), "
                  "ctypes.PyDLL(None).sleep(3))).start()")
        shell.wait(lambda: "held" in shell.since(mark))
        shell.enter("late = 1")
        shell.send(CTRL_C)
        shell.wait_prompt(shell.number)
        assert shell.value("'late' in globals()") == "False"


def test_ctrl_c_in_px_interrupts_all_targets_and_their_names_stay(cluster):
    with prompt_in_shell(cluster) as shell, Pipe(cluster) as pipe:
        shell.run("%px import os, subprocess, time; at = os.open('at', os.O_WRONLY); k = 3")
        for code in ("exec('while True: pass')", "time.sleep(600)",
                     "subprocess.run(['sleep', '600'])"):
            number, mark = shell.number, shell.mark()
            shell.send(f"%px os.write(at, b'x\\n'); {code}" + ENTER)
            pipe.wait(shell, ["x", "x"])
            shell.send(CTRL_C)
            shell.wait_prompt(number + 1)
            assert shell.shown(mark)[:2] == ["^C", (
                "[0-1] interrupted at <string>:1" if "exec" in code else
                f"[0-1] interrupted at In [{number}]:1")]
            assert shell.run("%px k") == [f"Out[0-1:{number + 1}]: 3"]


# ---- Ctrl-Z

def stop(shell):
    shell.send(CTRL_Z)
    shell.wait_shell()
    assert any("Stopped" in line for line in shell.text()[-3:])
    return shell.stty()


def go_on(shell, until):
    shell.send("fg" + ENTER)
    shell.wait(until, 10, "the foreground again")


def test_ctrl_z_while_typing_gives_the_shell_its_terminal_and_keeps_the_line(cluster):
    with Shell(cluster) as shell:
        before = shell.stty()
        shell.tutti("-n", 1)
        for turn in range(3):
            shell.type(f"'kept{turn}' + ")
            assert stop(shell) == before
            line = f"In [{turn + 1}]: 'kept{turn}' + "
            go_on(shell, lambda: shell.screen.before_cursor() == line)
            shell.number = turn + 1
            shell.send("'on'" + ENTER)
            shell.wait_prompt(turn + 2)
            assert shell.text()[-2] == f"Out[{turn + 1}]: 'kept{turn}on'"
        shell.leave("s")
        shell.wait_shell()
        assert shell.stty() == before


def test_ctrl_z_while_code_runs_here_stops_it_too(cluster):
    with prompt_in_shell(cluster) as shell:
        for turn in range(3):
            number = shell.number
            mark = runs(shell, "import os; exec(\"print('he''re', flush=True)\\n"
                        f"while not os.path.exists('go{turn}'): pass\\nprint('done', {turn})\")")
            pids = shell.foreground(), shell.tutti_pid()
            stop(shell)
            assert [state_of(pid) for pid in pids] == ["T", "T"]
            cluster.file(f"go{turn}", "")
            go_on(shell, lambda: shell.at_prompt(number + 1))
            shell.wait_prompt(number + 1)
            assert f"done {turn}" in shell.since(mark)


def test_ctrl_z_keeps_the_modes_that_the_program_had_set(cluster):
    """An editor is stopped in its own modes, and finds them again."""
    cluster.file("editor.py", """
import os, termios, tty
modes = termios.tcgetattr(0)
tty.setraw(0)
mine = termios.tcgetattr(0)
mine[3] |= termios.ISIG
termios.tcsetattr(0, termios.TCSANOW, mine)
os.write(1, b"raw\\r\\n")
while True:
    key = os.read(0, 1)
    if key == b"q":
        break
    now = termios.tcgetattr(0)
    os.write(1, b"same\\r\\n" if now == mine else b"other\\r\\n")
termios.tcsetattr(0, termios.TCSANOW, modes)
""")
    with Shell(cluster) as shell:
        before = shell.stty()
        shell.tutti("-n", 1)
        mark = runs(shell, "!python3 editor.py", "raw")
        shell.send("k")
        shell.wait(lambda: "same" in shell.since(mark))
        assert stop(shell) == before
        mark = shell.mark()
        shell.send("fg" + ENTER)
        shell.wait(lambda: shell.foreground() not in (shell.pid, shell.tutti_pid()))
        shell.send("k")
        shell.wait(lambda: "same" in shell.since(mark) or "other" in shell.since(mark))
        assert "other" not in shell.since(mark)
        shell.send("q")
        shell.wait_prompt(2)
        shell.leave("s")
        shell.wait_shell()
        assert shell.stty() == before


def test_ctrl_z_while_engines_work_lets_them_work(cluster):
    with prompt_in_shell(cluster) as shell, Pipe(cluster) as pipe:
        shell.run("%px import os, time; at = os.open('at', os.O_WRONLY)")
        shell.enter("%px os.write(at, b'a\\n'); exec('while not os.path.exists(\"go\"):"
                    " time.sleep(0.01)'); os.write(at, b'b\\n')")
        pipe.wait(shell, ["a", "a"])
        stop(shell)
        cluster.file("go", "")
        pipe.wait(shell, ["b", "b"])
        mark = shell.mark()
        go_on(shell, lambda: shell.at_prompt(3))
        assert "Out[0-1:2]: 2" in shell.since(mark)
        shell.wait_prompt(3)


# ---- sizes

def test_a_long_line_follows_the_terminals_size(cluster):
    with prompt_in_shell(cluster) as shell:
        text = "text = '" + "".join(f"{n:03}." for n in range(60)) + "'"
        shell.send(text)
        shell.wait(lambda: shell.text()[-1].endswith("059.'"))
        for rows, columns in ((24, 60), (30, 132), (24, 100), (10, 31), (24, 100)):
            start = len(shell.raw)
            shell.resize(rows, columns)
            shell.wait(lambda: len(shell.raw) > start, 10, "drawn again")
        shell.send(ENTER)
        shell.wait_prompt(2)
        assert shell.value("text == '' + ''.join('%03d.' % n for n in range(60))") == "True"


def test_programs_of_the_prompt_see_the_terminals_size(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("import os")
        for columns in (100, 77, 100):
            shell.resize(24, columns)
            assert shell.value("os.get_terminal_size().columns") == str(columns)
        shell.run("import signal, time; signal.signal(signal.SIGWINCH, lambda *_: os.write(1, "
                  "b'size %d\\n' % os.get_terminal_size().columns));")
        mark = runs(shell, f"{SHOW}; time.sleep(600)")
        shell.resize(24, 90)
        shell.wait(lambda: "size 90" in shell.since(mark))
        number = shell.number
        shell.send(CTRL_C)
        shell.wait_prompt(number + 1)


# ---- ends of the local engine

ENDS = [
    ("import os, tty; tty.setraw(0); os._exit(4)", "exited with status 4"),
    ("import os; os._exit(0)", "exited with status 0"),
    ("import ctypes; ctypes.string_at(0)", "was killed by SIGSEGV"),
    ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
    ("import os; os.abort()", "was killed by SIGABRT"),
    ("import tty, os, signal; tty.setraw(0); os.kill(os.getpid(), signal.SIGTERM)",
     "was killed by SIGTERM"),
]


def test_an_end_of_the_local_engine_is_told_and_leaves_the_terminal_whole(cluster):
    with prompt_in_shell(cluster) as shell:
        for code, ending in ENDS:
            number, mark = shell.number, shell.mark()
            shell.run("gone = 1")
            shell.run(code)
            assert shell.since(mark)[-2] == f"the local engine {ending}; its names are gone"
            assert shell.value("'gone' in globals()") == "False"
            shell.type("typed")
            shell.interrupt()


def test_a_local_engine_that_dies_while_a_line_is_typed_leaves_the_line(cluster):
    with prompt_in_shell(cluster) as shell:
        pid = shell.local_pid()
        shell.type("'half' ")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid))
        shell.send("'whole'" + ENTER)
        shell.wait_prompt(shell.number + 1)
        assert shell.text()[-2].endswith("'halfwhole'")


def test_modes_that_code_leaves_behind_are_undone(cluster):
    with prompt_in_shell(cluster) as shell:
        for code in ("import tty; tty.setraw(0);", "import os; os.system('stty -echo -icanon')",
                     "os.setpgid(0, 0);", "!stty raw -echo", "os.close(0); os.close(1)"):
            shell.run(code)
            assert shell.value("6*7") == "42", code


def test_ctrl_backslash_ends_code_but_never_the_prompt(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.send(CTRL_BACKSLASH)
        assert shell.value("6*7") == "42"
        number, mark = shell.number, runs(shell, LOCAL_WORK["busy loop"])
        shell.send(CTRL_BACKSLASH)
        shell.wait_prompt(number + 1)
        assert shell.since(mark)[-2].endswith("the local engine was killed by SIGQUIT; "
                                              "its names are gone")


def test_children_of_user_code_are_not_the_engine(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("import multiprocessing, os")
        shell.run("pid = os.fork()")
        assert shell.value("pid > 0") == "True"
        assert shell.value("multiprocessing.Pool(2).map(abs, [-1, 2])") == "[1, 2]"
        shell.run("!sleep 600 &")


def test_a_debugger_has_the_terminal(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("x = 41")
        shell.send("breakpoint()" + ENTER)
        shell.wait(lambda: shell.screen.before_cursor() == "(Pdb) ")
        mark = shell.mark()
        shell.send("p x + 1" + ENTER)
        shell.wait(lambda: "42" in shell.since(mark) and shell.screen.before_cursor() == "(Pdb) ")
        shell.send("c" + ENTER)
        shell.wait_prompt(3)


def test_a_pager_has_the_terminal(cluster):
    cluster.file("pager", "cat >/dev/null; echo paged; read x </dev/tty; echo got $x\n")
    with prompt_in_shell(cluster, env={"PAGER": "sh pager"}) as shell:
        mark = shell.mark()
        shell.send("help(len)" + ENTER)
        shell.wait(lambda: "paged" in shell.since(mark))
        shell.send("a key" + ENTER)
        shell.wait(lambda: "got a key" in shell.since(mark))
        shell.wait_prompt(2)


# ---- the end of the prompt itself

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("doing", ["typing", "local", "px"])
def test_a_signal_ends_the_prompt_and_jobs_go_on(cluster, number, doing):
    cluster.start(1)
    with Shell(cluster) as shell, Pipe(cluster) as pipe:
        before = shell.stty()
        shell.tutti()
        pid = shell.tutti_pid()
        if doing == "typing":
            shell.type("half a line")
        elif doing == "local":
            runs(shell, 'import tty; tty.setraw(0); exec("print(\'he\'\'re\', end=\'\\\\r\\\\n\', '
                        'flush=True)\\nwhile True: pass")')
        else:
            shell.enter("%px import os, time; os.write(os.open('at', os.O_WRONLY), b'a\\n'); "
                        "exec('while not os.path.exists(\"go\"): time.sleep(0.01)'); kept = 8")
            pipe.wait(shell, ["a"])
        os.kill(pid, number)
        shell.wait_shell()
        assert shell.status() == 128 + number
        assert shell.stty() == before
        cluster.file("go", "")
        if doing == "px":
            assert cluster.ok("px", "kept") == "Out[0:1]: 8\n"


@pytest.mark.parametrize("doing", ["typing", "local", "px"])
def test_a_closed_window_ends_the_prompt_and_its_local_engine(cluster, doing):
    cluster.start(1)
    with Prompt(cluster) as prompt, Pipe(cluster) as pipe:
        local = prompt.local_pid()
        prompt.run("at = os.open('at', os.O_WRONLY)")
        prompt.run("%px import os, time; at = os.open('at', os.O_WRONLY)")
        if doing == "typing":
            prompt.type("half a line")
        else:
            where = "%px " if doing == "px" else ""
            prompt.enter(where + "os.write(at, b'a\\n'); exec('while True: pass')")
            pipe.wait(prompt, ["a"])
        prompt.close()
        prompt.popen.wait(10)
        wait_until(lambda: not alive(local))
        assert cluster.status()["engines"][0]["state"] in ("ready", "busy")


def test_a_prompt_that_is_killed_takes_its_local_engine_along_and_nothing_else(cluster):
    cluster.start(1)
    with Shell(cluster) as shell, Pipe(cluster) as pipe:
        shell.tutti()
        local = shell.local_pid()
        shell.run("at = os.open('at', os.O_WRONLY)")
        shell.enter("os.write(at, b'a\\n'); exec('while True: pass')")
        pipe.wait(shell, ["a"])
        os.kill(shell.tutti_pid(), signal.SIGKILL)
        shell.wait_shell()
        wait_until(lambda: not alive(local))
        shell.tutti()
        assert shell.run("%px 6*7") == ["Out[0:1]: 42"]
        shell.send(CTRL_D)
        shell.wait_shell()


def test_lines_typed_ahead_while_engines_work_run_in_their_order(cluster):
    with prompt_in_shell(cluster) as shell, Pipe(cluster) as pipe:
        shell.run("%px import os; at = os.open('at', os.O_WRONLY)")
        number = shell.number
        shell.enter("x = %px os.write(at, b'a\\n'); exec('while not os.path.exists(\"go\"): pass')")
        pipe.wait(shell, ["a", "a"])
        shell.send("".join(line + ENTER for line in (
            "kept = [0]", "kept += [1]", "y = %px 6*7", "kept += y", "kept")))
        cluster.file("go", "")
        shell.wait_prompt(number + 6)
        assert shell.text()[-2] == f"Out[{number + 5}]: [0, 1, 42, 42]"


# ---- prints into a line that is being typed

def type_half(shell):
    shell.type("'half a line, and '")


def finish_half(shell, number):
    """The line was redrawn below everything that was printed."""
    for char in " 'the rest'":
        shell.send(char)
        shell.read(0.01)
    shell.wait(lambda: shell.screen.before_cursor() ==
               f"In [{number}]: 'half a line, and ' 'the rest'")
    shell.send(ENTER)
    shell.wait_prompt(number + 1)
    assert shell.text()[-2] == f"Out[{number}]: 'half a line, and the rest'"


def test_a_thousand_prints_of_local_threads_leave_the_line_and_none_is_lost(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("import sys, threading, time")
        shell.block("def printer(count, pause):", "for n in range(count):",
                    "print('local print %04d ends here' % n, flush=True)",
                    "time.sleep(pause)")
        shell.run("threading.Timer(0.2, printer, (1000, 0.0005)).start()")
        number = shell.number
        type_half(shell)
        expected = [f"local print {n:04} ends here" for n in range(1000)]
        shell.wait(lambda: expected[-1] in shell.text()[-20:], 20, "the last print")
        finish_half(shell, number)
        assert [line for line in shell.text() if "print " in line and "ends" in line
                and "In [" not in line and "...:" not in line] == expected


def test_a_flood_of_a_local_thread_is_shown_line_by_line(cluster):
    """Pieces of a line belong together, however the pipe cuts them."""
    with prompt_in_shell(cluster) as shell:
        shell.run("import os, threading")
        shell.run("flood = ''.join('flood %05d %s\\n' % (n, 'x' * (n % 80)) for n in range(5000))"
                  ".encode()")
        shell.run("threading.Timer(0.2, os.write, (1, flood)).start()")
        number = shell.number
        type_half(shell)
        expected = [f"flood {n:05} {'x' * (n % 80)}".rstrip() for n in range(5000)]
        shell.wait(lambda: expected[-1] in shell.text()[-20:], 20, "the last line")
        finish_half(shell, number)
        assert [line for line in shell.text() if line.startswith("flood 0")] == expected


def shown_and_hidden(lines, pattern):
    """Which numbers were shown, in order, and how many lines are said not to be."""
    shown = [int(match[1]) for match in (re.fullmatch(pattern, line) for line in lines) if match]
    hidden = [re.fullmatch(r"\.\.\. ([\d,]+) lines? of .* not shown.*", line) for line in lines]
    return shown, sum(int(match[1].replace(",", "")) for match in hidden if match)


def test_a_thousand_prints_of_engines_leave_the_line_and_none_is_lost(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.run("%px import threading, time")
        shell.more("%%px")
        shell.block("def printer(count):", "    for n in range(count):",
                    "        print('engine print', n, 'ends here', flush=True)",
                    "        time.sleep(0.002)")
        shell.run("%px threading.Timer(0.2, printer, (1000,)).start()")
        number = shell.number
        type_half(shell)
        for engine in (0, 1):
            last = re.compile(rf"\[(0-1|{engine})\] engine print 999 ends here")
            shell.wait(lambda: any(map(last.fullmatch, shell.text())), 30)
        finish_half(shell, number)
        for engine in (0, 1):
            shown = [int(m[1]) for m in (re.fullmatch(
                rf"\[(?:0-1|{engine})\] engine print (\d+) ends here", line)
                for line in shell.text()) if m]
            assert shown == list(range(1000))


def test_a_print_above_lines_that_take_several_rows(cluster):
    """A long line with the cursor within, and a block that the history brought back."""
    with prompt_in_shell(cluster) as shell:
        shell.run("import threading")
        shell.block("def f(x):", "y = x", "return y")
        number = shell.number
        for text, shown in ((UP + UP + " ", [f"In [{number + 1}]: def f(x):", "    y = x",
                                             "    return y"]),
                            ("x = '" + "ab " * 60 + "'" + LEFT * 70, None)):
            shell.run("timer = threading.Timer(0.2, print, ('a print',)); timer.start()")
            mark = shell.mark()
            shell.send(text)
            shell.wait(lambda: "a print" in shell.since(mark))
            shell.wait(lambda: shell.since(mark)[-1].endswith("return y" if shown else "'"))
            lines = shell.since(mark)
            assert lines[0] == "a print"
            assert lines[1:] == shown if shown else "".join(lines[1:]).count("ab") == 60
            shell.interrupt()


# ---- pastes

def pasted_block():
    """200 lines in blocks of blocks, with an empty one in each function."""
    lines = []
    for n in range(40):
        lines += [f"def f{n}(x):", f"    if x > {n}:", f"        y = '''{n}",
                  f"  text'''", f"        return x + {n}, y"]
    return lines


@pytest.mark.parametrize("bracketed", [True, False])
def test_a_paste_of_200_indented_lines_arrives_as_it_is(cluster, bracketed):
    lines = pasted_block()
    text = "\n".join(lines) + "\n"
    with prompt_in_shell(cluster, rows=50) as shell:
        shell.send(PASTE % text + ENTER if bracketed else text.replace("\n", ENTER) + ENTER)
        shell.wait(lambda: shell.at_prompt(above=1) and not shell.read(0.05) and
                   shell.at_prompt(above=1), 20)
        shell.send(CTRL_U)
        shell.wait_prompt()
        assert shell.value("[f(100)[0] for f in (f0, f1, f38, f39)]") == "[100, 101, 138, 139]"
        assert shell.value("f39(100)[1]") == repr("39\n  text")


def test_a_paste_with_cells_and_magics_runs_each_of_them(cluster):
    text = "x = 1\n%%px\nif True:\n    y = 2\n\n    z = 3\n%%\n%px y + z\nx + 1"
    with prompt_in_shell(cluster) as shell:
        mark = shell.mark()
        shell.send(PASTE % text + ENTER)
        shell.wait(lambda: "Out[4]: 2" in shell.since(mark))
        shell.wait_prompt(5)
        assert [line for line in shell.since(mark) if line.startswith("Out")] == [
            "Out[0-1:3]: 5", "Out[4]: 2"]


def test_a_paste_with_tabs_and_escapes_is_text(cluster):
    with prompt_in_shell(cluster) as shell:
        shell.send(PASTE % "if True:\n\tt = 'a\tb'\n" + ENTER)
        shell.wait_prompt(2)
        assert shell.value("t") == r"'a\tb'"


# ---- lines, lines, lines

@pytest.mark.deadline(120)
def test_ten_thousand_lines_are_typed_while_work_prints(cluster):
    """Typed ahead in bursts, as a paste without brackets is."""
    total, burst = 10000, 50
    with prompt_in_shell(cluster, engines=1) as shell:
        shell.run("got = []")
        shell.run("%px import threading, time; run = True")
        shell.run("%px exec('def work():\\n n = 0\\n while run:\\n  print(\"work\", n, flush=True);"
                  " n += 1; time.sleep(0.01)\\n print(\"worked\", n, flush=True)')")
        shell.run("%px threading.Thread(target=work).start()")
        number = shell.number
        for start in range(0, total, burst):
            shell.send("".join(f"got += [{n}]{ENTER}" for n in range(start, start + burst)), 60)
            shell.wait_prompt(number + start + burst, deadline=30)
        shell.run("%px run = False", deadline=20)
        last = shell.wait(lambda: [line for line in shell.text()[-400:] if "] worked " in line])
        assert shell.value(f"got == list(range({total}))") == "True"
        count = int(last[0].rpartition(" ")[2])
        shown, hidden = shown_and_hidden(shell.text(), r"\[0\] work (\d+)")
        assert len(shown) + hidden == count
        assert shown == sorted(set(shown))
