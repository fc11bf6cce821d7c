"""The magics %px, %%px, %pxresult, %pxconfig and %autopx in IPython and Jupyter.

`%load_ext tutti` connects to the default cluster; the first Client of a session and
`view.activate()` register them for a view, with a suffix as %px_SUFFIX."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any, Dict, Optional, Tuple

from . import error, show

if TYPE_CHECKING:
    from .asyncresult import AsyncResult
    from .view import DirectView

# Options of both %%px and %pxconfig, of %%px alone, of %pxresult: name -> (letter, takes a value).
_COMMON = {"block": ("b", False), "noblock": ("a", False), "targets": ("t", True),
           "stream": (None, False), "no-stream": (None, False), "verbose": (None, False),
           "no-verbose": (None, False), "progress-after": (None, True),
           "signal-on-interrupt": (None, True)}
_OUTPUT = {"r": ("r", False), "e": ("e", False), "group-outputs": (None, True), "out": ("o", True)}
_LOCAL = {"local": (None, False)}
_ALSO = {"progress_after_seconds": "progress-after"}

Options = Dict[str, Any]


def _usage(text: str) -> Exception:
    from IPython.core.error import UsageError

    found: Exception = UsageError(text)
    return found


def parse(line: str, magic: str, known: Dict[str, Tuple[Optional[str], bool]]) -> Options:
    """{option: value or True} of a line of options. Raises UsageError for what is none."""
    letters = {letter: name for name, (letter, _) in known.items() if letter}
    found: Options = {}
    words = shlex.split(line)
    while words:
        word = words.pop(0)
        name, _, value = word.partition("=")
        if name.startswith("--"):
            name = name[2:]
        elif word.startswith("-") and word[1:2] in letters:
            name, value = letters[word[1]], word[2:]
        else:
            raise _usage("%s: unrecognized argument: %s" % (magic, word))
        if name not in known:
            raise _usage("%s: no option --%s; it has %s" % (magic, name, ", ".join(
                "--" + one for one in known if len(one) > 1)))
        if not known[name][1]:
            found[name] = True
        elif value or words:
            found[name] = value or words.pop(0)
        else:
            raise _usage("%s: --%s needs a value" % (magic, name))
    return found


def _signal(text: str) -> int:
    """The number of a signal by its number or name. Raises UsageError."""
    if text.lstrip("-").isdigit():
        return int(text)
    name = text.upper() if text.upper().startswith("SIG") else "SIG" + text.upper()
    try:
        return int(getattr(signal, name))
    except AttributeError:
        raise _usage("no signal %r" % text) from None


class ParallelMagics:
    """The magics of a view in an IPython shell."""

    def __init__(self, shell: Any, view: "DirectView", suffix: str = "") -> None:
        self.shell = shell
        self.view = view
        self.suffix = suffix
        self.stream = not os.environ.get("IPP_NONINTERACTIVE")
        self.verbose = False
        self.progress_after = 2.0
        self.interrupt: int = signal.SIGINT
        self.last: "Optional[AsyncResult]" = None
        self.used = True  # its result has been shown
        self.original_run_cell: Any = None
        self.block = True

    def register(self) -> None:
        names = {"px": self.px, "pxresult": self.pxresult, "result": self.pxresult,
                 "pxconfig": self.pxconfig, "autopx": self.autopx}
        manager = self.shell.magics_manager
        for name, function in names.items():
            if name == "result" and self.suffix:
                continue
            manager.register_function(function, magic_kind="line", magic_name=name + self.suffix)
        manager.register_function(self.cell_px, magic_kind="cell", magic_name="px" + self.suffix)

    # ---- options

    def _targets(self, text: str) -> Any:
        """A slice of the ids, 'all', or a Python expression."""
        if ":" in text:
            parts = [int(one) if one.strip() else None for one in text.split(":")]
            return self.view.client.ids[slice(*parts)]
        if "all" in text:
            return "all"
        try:
            return eval(text, dict(self.shell.user_ns))
        except Exception as problem:
            raise _usage("--targets %s: %s: %s" % (text, type(problem).__name__, problem)) from None

    def _apply(self, options: Options) -> None:
        if "targets" in options:
            self.view.targets = self.view.client._targets_of(self._targets(options["targets"]))
        if "block" in options or "noblock" in options:
            self.block = "noblock" not in options
        if "stream" in options or "no-stream" in options:
            self.stream = "no-stream" not in options
        if "verbose" in options or "no-verbose" in options:
            self.verbose = "no-verbose" not in options
        if "progress-after" in options:
            try:
                self.progress_after = float(options["progress-after"])
            except ValueError:
                raise _usage("--progress-after takes seconds, not %r"
                             % options["progress-after"]) from None
        if "signal-on-interrupt" in options:
            self.interrupt = _signal(options["signal-on-interrupt"])

    def _kept(self) -> Dict[str, Any]:
        return {name: getattr(self, name)
                for name in ("block", "stream", "verbose", "progress_after", "interrupt")}

    def _grouping(self, options: Options) -> str:
        found = options.get("group-outputs", "order" if "r" in options
                            else "engine" if "e" in options else "type")
        if found not in show.GROUPS:
            raise _usage("--group-outputs must be one of %s, not %r"
                         % (", ".join(show.GROUPS), found))
        return str(found)

    # ---- the magics

    def px(self, line: str = "") -> Any:
        """%px CODE: executes code on the engines."""
        return self._execute(line, "type", {})

    def cell_px(self, line: str, cell: str) -> Any:
        """%%px [options]: executes the cell on the engines."""
        options = parse(line, "%%px", {**_COMMON, **_OUTPUT, **_LOCAL})
        grouping = self._grouping(options)
        before, targets = self._kept(), self.view.targets
        try:
            self._apply({name: value for name, value in options.items() if name != "verbose"})
            return self._execute(cell, grouping, options)
        finally:
            self.view.targets = targets
            for name, value in before.items():
                setattr(self, name, value)

    def pxconfig(self, line: str = "") -> None:
        """%pxconfig [options]: what holds for %px and %autopx."""
        self._apply(parse(line, "%pxconfig", _COMMON))

    def pxresult(self, line: str = "") -> Any:
        """%pxresult [options]: shows the result of the last %px."""
        options = parse(line, "%pxresult", _OUTPUT)
        grouping = self._grouping(options)
        if self.last is None:
            raise _usage("%pxresult recalls last %px result, which has not yet been used.")
        if "out" in options:
            self.shell.user_ns[options["out"]] = self.last
        self._wait(self.last)
        show.display_outputs(self.last, grouping)
        self._raise(self.last, False)
        return None

    def autopx(self, line: str = "") -> None:
        """%autopx: from now on each cell is executed on the engines; again: no more."""
        if self.original_run_cell is None:
            self.original_run_cell = self.shell.run_cell
            self.shell.run_cell = self._run_cell
            print("%autopx enabled")
        else:
            self.shell.run_cell = self.original_run_cell
            self.original_run_cell = None
            print("%autopx disabled")

    def _run_cell(self, raw_cell: str, store_history: bool = False, *args: Any,
                  **kwargs: Any) -> Any:
        """In the place of the shell's own: magics go on working here."""
        run = self.original_run_cell
        own = re.match(r"\s*(%%?|get_ipython\(\))", raw_cell)
        if own is not None or not raw_cell.strip():
            return run(raw_cell, store_history, *args, **kwargs)
        code = "get_ipython().run_cell_magic('px%s', '', %r)" % (self.suffix, raw_cell)
        return run(code, store_history, *args, **kwargs)

    # ---- doing it

    def _execute(self, code: str, grouping: str, options: Options) -> Any:
        if self.verbose:
            self._tell()
        with self.view.temp_flags(block=False):
            result = self.view.execute(code, silent=False)
        result._fname = "%px"
        self.last = result
        if "out" in options:
            self.shell.user_ns[options["out"]] = result
        if "local" in options:
            self.shell.run_cell(code)
        if not self.block:
            return result
        if self.stream:
            with show.streaming(result):
                self._wait(result)
            show.display_outputs(result, grouping, streams=False)
        else:
            self._wait(result)
            show.display_outputs(result, grouping)
        self._raise(result, self.stream)
        return None

    def _tell(self) -> None:
        targets = self.view.targets
        if isinstance(targets, list) and len(targets) > 10:
            shown = "[%s, ..., %s]" % (", ".join(map(str, targets[:4])),
                                       ", ".join(map(str, targets[-4:])))
        else:
            shown = str(targets)
        how = "Parallel" if self.block else "Async parallel"
        print("%s execution on engine(s): %s" % (how, shown))

    def _wait(self, result: "AsyncResult") -> None:
        """Waits, with progress after a while; an interrupt goes to the engines."""
        while not result.ready():
            try:
                if self.progress_after < 0:
                    result.wait()
                elif not result.wait(self.progress_after):
                    result.wait_interactive()
            except KeyboardInterrupt:
                self._interrupt(result)

    def _interrupt(self, result: "AsyncResult") -> None:
        if self.interrupt == 0:
            return
        name = signal.Signals(self.interrupt).name
        print("Received Keyboard Interrupt. Sending signal %s to engines..." % name,
              file=sys.stderr)
        if self.interrupt == signal.SIGINT:
            result._stop()
        else:
            self.view.client.send_signal(self.interrupt,
                                         [part.engine for part in result._parts if not part.done])

    def _raise(self, result: "AsyncResult", streamed: bool) -> None:
        """Errors; while output was streamed, each engine's own first."""
        failed = [part for part in result._parts if part.exception is not None]
        if not failed:
            return
        problem = result.exception()
        assert problem is not None
        interrupted = all(getattr(part.exception, "ename", "") == "KeyboardInterrupt"
                          for part in failed)
        if interrupted:
            return
        if not streamed or not isinstance(problem, error.RemoteError):
            raise problem
        for n, part in enumerate(failed):
            one = part.exception
            if isinstance(one, error.RemoteError) and n < error.CompositeError.tb_limit:
                one.print_traceback()
            else:
                print("[%s:execute] %s" % (part.engine, one), file=sys.stderr)
        raise error.AlreadyDisplayedError(problem)


def activate(view: "DirectView", suffix: str = "", quiet: bool = False) -> None:
    """Registers the magics for a view; warns outside of IPython."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None:
        if not quiet:
            import warnings

            warnings.warn("The IPython parallel magics (%px, etc.) only work within IPython.",
                          stacklevel=3)
        return
    if suffix and not suffix.startswith("_"):
        suffix = "_" + suffix
    ParallelMagics(shell, view, suffix).register()


def load(shell: Any) -> None:
    """%load_ext tutti: the magics for all engines of the default cluster, and `rc` for it unless
    that name is taken."""
    from .client import Client

    if shell.user_ns.get("_tutti_active"):
        return
    client = Client()
    shell.user_ns.setdefault("rc", client)
    shell.user_ns["_tutti_client"] = client
