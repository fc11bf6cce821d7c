"""Magics that Python does by itself, with IPython's meaning: `%time f()`, `%cd /tmp`, `!ls`.

They work at the prompt, within Python code, and on engines (EXECUTE with flag 8). cells.py turns
each into a call of Session.magic, which looks here first; what is not here is the prompt's. Code
is taken as it stands: neither `$name` nor `{name}` is expanded, but for what the shell does.
"""

from __future__ import annotations

import ast
import gc
import math
import os
import re
import resource
import shlex
import sys
import time
import types

from . import cells, errors, shell
from .errors import ExitStatus, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Union

    from .session import Session

    Magic = Callable[["Call"], Any]

_WORD = re.compile(r"(!!?|%{1,2}[^\W\d]\w*)\s*")
_TIMEIT_OPTION = re.compile(r"\s*-(?:(?P<name>[nr])\s*(?P<number>\d+)|[qto])(?=\s|$)")
_RUN_OPTION = re.compile(r"\s*-(?P<flags>[inte]+)(?=\s)")
_COMMENT = re.compile(r"(^|\s)#.*$")

RUNS = 7              # of %timeit, each of as many loops as take RUN_S
RUN_S = 0.2
COLUMN = 60           # characters of a value that %whos shows


class Call:
    """One magic as it was typed: `text` behind its name, whether its value is `wanted` by a name,
    and the local names of the function that it stands in (`scope`, None at the outermost level)."""

    def __init__(self, session: Session, name: str, text: str, wanted: bool = False,
                 scope: Optional[Dict[str, Any]] = None) -> None:
        self.session = session
        self.name = name
        self.text = text
        self.wanted = wanted
        self.scope = scope

    def plain(self) -> str:
        """The text without a comment, for magics that take no code."""
        return _COMMENT.sub("", self.text).strip()

    def wrong(self, message: str) -> UsageError:
        return UsageError("%s: %s" % (self.name, message))


def find(text: str, session: Session, wanted: bool,
         scope: Optional[Dict[str, Any]]) -> Optional[Tuple[Magic, Call]]:
    """(function, Call) of a magic in this table; None when it is not in it."""
    found = _WORD.match(text)
    row = found and TABLE.get(found.group(1).lstrip("%"))
    if not found or not row:
        return None
    return row[0], Call(session, found.group(1), text[found.end():], wanted, scope)


def only_the_prompts(text: str) -> UsageError:
    """The error for a magic that no engine knows."""
    name = text.split(None, 1)[0]
    return UsageError("%s is for the prompt: code on an engine can hold %s"
                      % (name, ", ".join(n if n[0] == "!" else "%" + n for n in TABLE)))


def describe(text: str) -> Optional[str]:
    """Usage and help of `%time`, `!` and the like; None for other texts."""
    row = TABLE.get(text.strip().lstrip("%"))
    return row and "%s\n\n%s" % (row[1], row[2])


def cell(code: str, session: Session, file: str) -> Optional[Callable[[], Any]]:
    """What runs a cell that starts with %%time or %%timeit, else None. Its lines keep their
    numbers."""
    found = cells.CELL.match(code)
    if not found:
        return None
    body = "\n" * code.count("\n", 0, found.end()) + code[found.end():]
    call = Call(session, "%%" + found.group("name"), found.group("line"))
    run = _CELLS[found.group("name")]
    return lambda: run(call, body, file)


# ---- times

def _span(seconds: float) -> str:
    """A time as IPython writes it, with three digits: "1.2 s", "12.5 µs"."""
    if seconds >= 60:
        return _long_span(seconds)
    order = min(-int(math.floor(math.log10(seconds)) // 3), 3) if seconds > 0 else 3
    return "%.3g %s" % (seconds * 1000.0 ** order, ("s", "ms", "µs", "ns")[order])


def _long_span(seconds: float) -> str:
    parts, left = [], seconds
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append("%d%s" % (count, unit))
    return " ".join(parts)


def _time(call: Call, code: str, file: str) -> Any:
    used, began = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    shown, value = call.session.runner.run(code, file, cells.transform, call.scope)
    wall, now = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF)
    user, system = now.ru_utime - used.ru_utime, now.ru_stime - used.ru_stime
    print("CPU times: user %s, sys: %s, total: %s"
          % (_span(user), _span(system), _span(user + system)))
    print("Wall time: %s" % _span(wall))
    return value if shown or call.wanted else None


def time_line(call: Call) -> Any:
    if not call.text.strip():
        raise call.wrong("which code? %time CODE, or a cell that starts with %%time")
    return _time(call, call.text, "<%time>")


def time_cell(call: Call, body: str, file: str) -> Any:
    if call.plain():
        raise call.wrong("the code begins on the next line")
    return _time(call, body, file)


def _timeit_options(call: Call) -> Tuple[Dict[str, int], str]:
    """({"n": loops, "r": runs}, the rest of the line)"""
    text = call.text
    given: Dict[str, int] = {}
    while True:
        found = _TIMEIT_OPTION.match(text)
        if not found:
            return given, text.lstrip()
        if found.group("name"):
            given[found.group("name")] = int(found.group("number"))
        text = text[found.end():]


def _inner(call: Call, setup: str, code: str, file: str) -> Callable[..., float]:
    """The function that runs the code in a loop: inner(iterator, timer) -> seconds."""
    tree = ast.parse("def inner(_it, _timer):\n    _t0 = _timer()\n    for _i in _it:\n"
                     "        pass\n    return _timer() - _t0")
    outer: Any = tree.body[0]
    body = outer.body
    body[1].body = ast.parse(cells.transform(code), file).body or body[1].body
    body[:0] = ast.parse(cells.transform(setup), file).body
    call.session.runner.remember(code, file)
    names = call.session.namespace
    found: Dict[str, Callable[..., float]] = {}
    if call.scope is not None:
        names = {**names, **call.scope}
    exec(compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True), names, found)
    return found["inner"]


def _timeit(call: Call, setup: str, code: str, file: str, given: Dict[str, int]) -> None:
    import timeit

    timer: Any = timeit.Timer()
    timer.inner = _inner(call, setup, code, file)
    loops, runs = given.get("n", 0), max(1, given.get("r", RUNS))
    if not loops:
        loops = next((10 ** i for i in range(9) if timer.timeit(10 ** i) >= RUN_S), 10 ** 9)
    times = [seconds / loops for seconds in timer.repeat(runs, loops)]
    mean = math.fsum(times) / runs
    deviation = (math.fsum((t - mean) ** 2 for t in times) / runs) ** 0.5
    print("%s ± %s per loop (mean ± std. dev. of %d run%s, %s loop%s each)"
          % (_span(mean), _span(deviation), runs, "s" * (runs != 1), format(loops, ","),
             "s" * (loops != 1)))


def timeit_line(call: Call) -> None:
    given, code = _timeit_options(call)
    if not code:
        raise call.wrong("which code? %timeit [-n LOOPS] [-r RUNS] CODE")
    _timeit(call, "", code, "<%timeit>", given)


def timeit_cell(call: Call, body: str, file: str) -> None:
    given, setup = _timeit_options(call)
    _timeit(call, setup, body, file, given)


# ---- files and directories

def run_file(call: Call) -> None:
    flags, text = "", call.text
    found = _RUN_OPTION.match(text)
    while found:
        flags, text = flags + found.group("flags"), text[found.end():]
        found = _RUN_OPTION.match(text)
    try:
        words = shlex.split(_COMMENT.sub("", text))
    except ValueError as error:
        raise call.wrong(str(error)) from None
    if not words or words[0].startswith("-"):
        raise call.wrong("which file? %run [-i] [-n] [-t] [-e] FILE [ARGUMENT ...]")
    path = _script(os.path.expanduser(words[0]))
    used, began = time.process_time(), time.perf_counter()
    _run(call.session, path, words[1:], flags)
    if "t" in flags:
        print("CPU time:  %s" % _span(time.process_time() - used))
        print("Wall time: %s" % _span(time.perf_counter() - began))


def _script(path: str) -> str:
    return path + ".py" if not os.path.isfile(path) and os.path.isfile(path + ".py") else path


def _run(session: Session, path: str, arguments: List[str], flags: str) -> None:
    """Runs a file in a `__main__` of its own (with `i`: in the session's), whose names are the
    session's afterwards, also when it fails. Raises ExitStatus for a status that is not 0."""
    with open(path, "rb") as file:
        data = file.read()
    source: Union[str, bytes] = data
    if path.endswith(".ipy"):
        source = cells.transform(data.decode("utf-8"))
    code = compile(source, path, "exec", dont_inherit=True)
    stem = os.path.splitext(os.path.basename(path))[0]
    module = session.module if "i" in flags else types.ModuleType("__main__")
    names = vars(module)
    kept = {name: names.get(name) for name in ("__name__", "__file__")}
    names.update(__name__=stem if "n" in flags else "__main__", __file__=path,
                 __builtins__=session.namespace["__builtins__"])
    saved = sys.argv[:], sys.path[:]
    try:
        sys.argv[:], sys.path[:0] = [path, *arguments], [os.path.dirname(os.path.abspath(path))]
        sys.modules["__main__"] = module
        exec(code, names)
    except SystemExit as error:
        if errors.exit_status(error) and "e" not in flags:
            raise _left(path, error) from None
    finally:
        sys.modules["__main__"] = session.module
        sys.argv[:] = saved[0]
        if sys.path[:1] == [os.path.dirname(os.path.abspath(path))]:
            del sys.path[0]
        if module is session.module:
            names.update(kept)
            if kept["__file__"] is None:
                del names["__file__"]
        else:
            session.namespace.update((name, value) for name, value in names.items()
                                     if not (name.startswith("__") and name.endswith("__")))


def _left(path: str, error: SystemExit) -> ExitStatus:
    status = errors.exit_status(error)
    if not isinstance(error.code, int):
        sys.stderr.write("%s\n" % (error.code,))
    return ExitStatus("%s: exit %d" % (os.path.basename(path), status), status)


def cd(call: Call) -> None:
    words = call.plain()
    if words[:1] in "'\"" and words[-1:] == words[:1]:
        words = words[1:-1]
    wanted = call.session.left_directory if words == "-" else os.path.expanduser(words or "~")
    if not wanted:
        raise call.wrong("there is no directory to go back to")
    here = _directory()
    os.chdir(wanted)
    call.session.left_directory = here
    print(os.getcwd())


def _directory() -> Optional[str]:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return None


def pwd(call: Call) -> str:
    return os.getcwd()


def env(call: Call) -> Union[str, Dict[str, str], None]:
    words = call.plain()
    name, sign, value = words.partition("=")
    if not sign:
        name, _, value = words.partition(" ")
    if not words:
        return dict(os.environ)
    if not sign and not value:
        if name not in os.environ:
            raise call.wrong("there is no variable %s" % name)
        return os.environ[name]
    os.environ[name.strip()] = value.strip()
    print("env: %s=%s" % (name.strip(), value.strip()))
    return None


# ---- names

def names(session: Session, kinds: Sequence[str] = ()) -> List[str]:
    """The user's names, those of the kinds alone if some are given."""
    return sorted(name for name, value in list(session.namespace.items())
                  if isinstance(name, str) and not name.startswith("_")
                  and (not kinds or type(value).__name__ in kinds))


def who(call: Call) -> None:
    kinds = call.plain().split()
    print("\t ".join(names(call.session, kinds)) or _no_names(kinds))


def _no_names(kinds: Sequence[str]) -> str:
    return "No variables match your requested type." if kinds else "Interactive namespace is empty."


def whos(call: Call) -> None:
    kinds = call.plain().split()
    rows = [(name, type(value).__name__, _summary(value)) for name, value in
            ((name, call.session.namespace[name]) for name in names(call.session, kinds))]
    if not rows:
        print(_no_names(kinds))
        return
    head = ("Variable", "Type", "Data/Info")
    first, second = (max(len(row[i]) for row in [head, *rows]) + 3 for i in range(2))
    lines = ["%-*s%-*s%s" % (first, a, second, b, c) for a, b, c in [head, *rows]]
    lines.insert(1, "-" * len(lines[0]))
    print("\n".join(line.rstrip() for line in lines))


def _summary(value: Any) -> str:
    """What a value is, on one short line."""
    try:
        if isinstance(value, (list, dict, tuple, set, frozenset)):
            return "n=%d" % len(value)
        numpy = sys.modules.get("numpy")
        if numpy is not None and isinstance(value, numpy.ndarray):
            return "%s: %d elems, type `%s`, %d bytes" % (
                "x".join(map(str, value.shape)), value.size, value.dtype, value.nbytes)
        text = str(value).replace("\n", "\\n")
    except Exception as error:
        return "<str failed: %s>" % type(error).__name__
    if len(text) <= COLUMN:
        return text
    return "%s<...>%s" % (text[:COLUMN // 2], text[-COLUMN // 2:])


def reset(call: Call) -> None:
    words = call.plain()
    if words == "--hard":
        raise call.wrong("--hard is for a line of its own at the prompt; engines have %restart")
    if words not in ("", "-f"):
        raise call.wrong("takes -f, --hard or nothing, not %r" % words)
    if not words and not _agreed(call):
        print("Nothing done.")
        return
    call.session.forget()
    gc.collect()


def _agreed(call: Call) -> bool:
    if not (sys.stdin and sys.stdin.isatty()):
        raise call.wrong("nobody can be asked here: %reset -f")
    return input("Once deleted, variables cannot be recovered. Proceed (y/[n])? ").strip()[:1] in (
        "y", "Y")


# ---- the shell

def command(call: Call) -> Optional[shell.Lines]:
    """`!CMD`: what it writes is shown, and a status that is not 0 raises; behind `NAME =` its lines
    are the value, whatever the status (`_exit_code`)."""
    if not call.text.strip():
        raise call.wrong("which command? !COMMAND")
    status, lines = call.session.run_shell(call.text, call.wanted)
    if status and not call.wanted:
        raise ExitStatus(shell.describe(status), status)
    return lines


def lines(call: Call) -> Optional[shell.Lines]:
    """`!!CMD`: the lines are the value."""
    call.wanted = True
    return command(call)


TABLE: Dict[str, Tuple[Magic, str, str]] = {
    "!": (command, "!COMMAND, NAME = !COMMAND", "runs a command of the shell"),
    "!!": (lines, "!!COMMAND", "runs a command of the shell; its lines are the value"),
    "cd": (cd, "%cd [DIRECTORY | -]", "goes to a directory: home, or back with -"),
    "env": (env, "%env [NAME [= VALUE]]", "shows or sets variables of the environment"),
    "pwd": (pwd, "%pwd", "tells the directory"),
    "reset": (reset, "%reset [-f]", "deletes all names; without -f it asks first"),
    "run": (run_file, "%run [-i] [-n] [-t] [-e] FILE [ARGUMENT ...]",
            "runs a Python file as a program; its names stay"),
    "time": (time_line, "%time CODE", "runs code once and tells how long it took; also %%time"),
    "timeit": (timeit_line, "%timeit [-n LOOPS] [-r RUNS] CODE",
               "runs code many times and tells how long once takes; also %%timeit [SETUP]"),
    "who": (who, "%who [TYPE ...]", "lists the names"),
    "whos": (whos, "%whos [TYPE ...]", "lists the names, their types and values"),
}

_CELLS = {"time": time_cell, "timeit": timeit_cell}
