"""Python as IPython runs it, for engines of `--lang ipython`: cells go through an InteractiveShell,
with its magics, `!`, `Out` and displays. All other tasks are those of session.py.

boot.py imports this module where the kind is "ipython", and nothing else may: it needs IPython.
"""

import atexit
import builtins
import gc
import os
import re
import sys
import warnings
from typing import Any, Callable, Optional, cast

import IPython
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.error import UsageError
from IPython.core.history import HistoryManager
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets import Type

from . import displays, errors, figures
from .session import _MISSING, EXECUTE, QUIET, SHELL, WANT_VALUE, Session, _check

NUMBER = re.compile(r"In \[(\d+)\]$")  # the names of a prompt's cells
GAP_LIMIT = 100000                     # numbers of cells that others have run in between
BESIDE = ("In", "Out", "get_ipython")  # IPython's names, kept off the user's
ENDS = ("exit", "quit")                # Python's own serve


class Compiler(CachingCompiler):  # type: ignore[misc]
    """Names the running cell as the prompt does, and lets tracebacks show it as it was typed."""

    code: Optional[str] = None
    file = ""
    remember: Callable[[str, str], None]

    def cache(self, transformed_code: str, number: int = 0, raw_code: Optional[str] = None) -> str:
        if raw_code is None or raw_code is not self.code:  # a cell within the cell
            return cast(str, super().cache(transformed_code, number, raw_code))
        self.remember(raw_code, self.file)
        return self.file


class Publisher(DisplayPublisher):  # type: ignore[misc]
    """What is displayed goes with the task's result."""

    def publish(self, data: Any, metadata: Any = None, source: Any = None, *,
                transient: Any = None, update: bool = False, **kwargs: Any) -> None:
        name = (transient or {}).get("display_id")
        displays.publish([displays.readable(data)], name, update)

    def clear_output(self, wait: bool = False) -> None:
        displays.pending.clear()


class Hook(DisplayHook):  # type: ignore[misc]
    """Keeps the last value of a cell, and its text; of several values the others are displays."""

    value: Any = None
    text: Optional[str] = None
    rich: "displays.Bundle" = {}
    quiet_task = False

    def begin(self, quiet: bool) -> None:
        self.value, self.text, self.rich, self.quiet_task = None, None, {}, quiet

    def __call__(self, result: Any = None) -> None:
        self.value = result
        if not self.quiet_task:
            super().__call__(result)

    def compute_format_data(self, result: Any) -> Any:
        """A text in any case; a method that fails is no failure of the cell."""
        shown = self.shell.shown
        found, metadata = super().compute_format_data(result)
        self.shell.shown = shown
        found.setdefault("text/plain", displays.safe_repr(result))
        return found, metadata

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        if self.text is not None:
            displays.publish([{"text/plain": self.text, **self.rich}])
        self.rich = displays.readable(format_dict)
        self.text = str(self.rich.pop("text/plain", ""))

    def finish_displayhook(self) -> None:
        pass


class History(HistoryManager):  # type: ignore[misc]
    """Inputs in memory. IPython's own takes locks for its database, which an interrupt at a bad
    moment would leave locked for ever."""

    def store_inputs(self, line_num: int, source: str, source_raw: Optional[str] = None) -> None:
        self.input_hist_parsed.append(source.rstrip("\n"))
        self.input_hist_raw.append((source if source_raw is None else source_raw).rstrip("\n"))
        last = ["", "", "", *self.input_hist_raw[-4:]]
        self.shell.push({"_i": last[-2], "_ii": last[-3], "_iii": last[-4],
                         "_i%d" % line_num: last[-1]}, interactive=False)

    def store_output(self, line_num: int) -> None:
        """Nothing is kept of it."""


class Shell(InteractiveShell):  # type: ignore[misc]
    """IPython without a terminal: nothing is printed for a failure, nothing is kept on a disk."""

    compiler_class = Type(Compiler)
    displayhook_class = Type(Hook)
    display_pub_class = Type(Publisher)

    session: "InteractiveSession"
    shown: Optional[BaseException] = None  # the exception that IPython would have printed last

    def init_history(self) -> None:
        self.history_manager = History(shell=self, parent=self, enabled=False)
        self.configurables.append(self.history_manager)

    def init_virtualenv(self) -> None:
        """The engine's Python was chosen when it was started."""

    def enable_gui(self, gui: Any = None) -> None:
        """No event loop of windows runs here."""

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        self.shown = (exc_tuple or sys.exc_info())[1]

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        self.shown = sys.exc_info()[1]

    def showindentationerror(self) -> None:
        self.shown = sys.exc_info()[1]

    def system(self, cmd: str) -> None:
        """`!cmd`: ends by an interrupt as commands of the shell do on other engines."""
        self.session.run_shell(self.var_expand(cmd, depth=1), False)

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        _, lines = self.session.run_shell(self.var_expand(cmd, depth=depth + 1), True)
        return SList(lines) if split else "\n".join(lines or ())

    def _atexit_once(self) -> None:
        """Nothing is to be saved, and the user's objects are left alone."""


def _hide_ipython() -> None:
    directory = os.path.dirname(os.path.abspath(IPython.__file__)) + os.sep
    errors.hidden += (directory, "<decorator-gen-")
    errors.plain_types.add(UsageError)


def _interrupt(frame: Any, event: str, arg: Any) -> None:
    sys.settrace(None)
    if frame.f_code is not InteractiveSession.handle.__code__:  # the next task's: it was too late
        raise KeyboardInterrupt


def _keep_interrupts(told: Any) -> None:
    """An interrupt that meets a destructor, where nothing can be raised, as that of a cell's
    coroutine ahead of its start, is raised by the next call."""
    if issubclass(told.exc_type, KeyboardInterrupt):
        sys.settrace(_interrupt)
    else:
        sys.__unraisablehook__(told)


def _png(figure: Any) -> Any:
    return (figures.as_value(figure) or {}).get("image/png")


class InteractiveSession(Session):
    """A session whose EXECUTE is IPython's run_cell."""

    version = "%s (Python %s)" % (IPython.__version__, sys.version.split()[0])

    ip: Shell

    def install(self) -> None:
        super().install()
        _hide_ipython()
        for message in ("To exit: use", "Output cache limit",
                        "coroutine 'InteractiveShell.run_cell_async'"):
            warnings.filterwarnings("ignore", message=message)
        sys.unraisablehook = _keep_interrupts
        self.ip = Shell.instance(user_module=self.module, autoindent=False, colors="NoColor")
        self.ip.session = self
        self.ip.loop_runner = self.runner.wait
        self.ip.compile.remember = self.runner.remember
        formatter = self.ip.display_formatter.formatters["image/png"]
        formatter.for_type_by_name("matplotlib.figure", "Figure", _png)
        self.put_beside()
        atexit.register(self.leave)

    def handle(self, op: int, seq: int, args: Any, frames: Any) -> Any:
        """The first call of a task: an interrupt that was kept for the one before is over."""
        return super().handle(op, seq, args, frames)

    def leave(self) -> None:
        """What cells have left ends ahead of the interpreter, which would keep it (IPython's classes
        come from the zygote, where all is frozen): a figure that outlives its fonts crashes."""
        hook = self.ip.displayhook
        hook._ = hook.__ = hook.___ = ""
        self.ip.history_manager.output_hist.clear()
        self.namespace.clear()
        gc.collect()

    def put_beside(self) -> None:
        """IPython's own names are found behind the user's, who may list and clear theirs."""
        for name in BESIDE:
            setattr(builtins, name, self.namespace.pop(name))
        for name in ENDS:
            self.namespace.pop(name, None)
            self.ip.builtin_trap.auto_builtins.pop(name, None)

    def forget(self) -> None:
        super().forget()
        self.ip.reset(new_session=False)
        self.clear()
        self.ip.init_user_ns()
        self.put_beside()

    def execute(self, args: Any) -> Any:
        code, file, flags = _check(args, str, str, int)
        if flags & SHELL:
            return self.shell(code, flags)
        if flags & QUIET:
            self.require(code)
        hook = self.ip.displayhook
        self.run_cell(code, file or "<tutti>", bool(flags & QUIET))
        text, value = hook.text, hook.value
        pictures = self.take_pictures()
        if hook.rich:
            pictures.append(hook.rich)
        hook.begin(False)  # lets the value go
        if pictures and figures.is_drawn(value):
            text = None  # it is seen
        return self.reply(text=text, value=value if flags & WANT_VALUE else _MISSING,
                          pictures=pictures)

    def run_cell(self, code: str, file: str, quiet: bool) -> None:
        """Raises what the cell raises, and what it only shows: `%run` does so."""
        ip = self.ip
        self.settle_number(file)
        ip.displayhook.begin(quiet)
        ip.compile.code, ip.compile.file, ip.shown = code, file, None
        done = ip.run_cell(code, store_history=not quiet)
        error, shown = done.error_before_exec or done.error_in_exec, ip.shown
        ip.shown = ip.last_execution_result = None
        if error is not None:
            raise error
        if isinstance(shown, SystemExit):
            if errors.exit_status(shown):
                status = errors.exit_status(shown)
                raise errors.ExitStatus("exit %d" % status, status)
        elif shown is not None:
            raise shown

    def settle_number(self, file: str) -> None:
        """Out[N] is what the prompt showed as such."""
        found = NUMBER.search(file)
        gap = int(found.group(1)) - self.ip.execution_count if found else 0
        if 0 < gap < GAP_LIMIT:
            for inputs in (self.ip.history_manager.input_hist_parsed,
                           self.ip.history_manager.input_hist_raw):
                inputs.extend([""] * gap)
            self.ip.execution_count += gap

    handlers = {**Session.handlers, EXECUTE: execute}
