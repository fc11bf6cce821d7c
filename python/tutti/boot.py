"""The start of a runtime process: PYTHON -c TEXT MODE PKGDIR [preload ...], TEXT
from share/interpreter.c; MODE is that of `serve`, "zygote", or one of them behind "ipython-"."""

from __future__ import annotations

import faulthandler
import importlib.util
import os
import signal
import sys

from . import codec, figures, values

TYPE_CHECKING = False
if TYPE_CHECKING:
    import types
    from typing import Any, NoReturn, Optional

    from .session import Session
    from .terminal import Terminal

SOCKET_FD, PAGE_FD = 3, 4


def compiled() -> Optional[types.ModuleType]:
    """The compiled runtime, or None where this interpreter cannot load it: then pure.py serves."""
    if sys.version_info < (3, 11) or sys.implementation.name != "cpython":
        return None
    if os.environ.get("TUTTI_PURE") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    path = os.environ.get("TUTTI_EXTENSION") or os.path.join(
        os.path.dirname(os.path.abspath(__file__)), "_runtime.abi3.so")
    if not os.path.exists(path):
        return None
    try:
        spec = importlib.util.spec_from_file_location("tutti._runtime", path)
        if spec is None or spec.loader is None:
            return None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        sys.stderr.write("tutti: using the slower runtime: %s\n" % error)
        return None
    sys.modules["tutti._runtime"] = module
    return module


def prepare(runtime: Any, mode: str = "engine", kind: str = "python") -> Session:
    """All that can be done before there is anybody to serve.

    `mode`: "engine"; "local", the prompt's own engine on the descriptors 0-2 that it has; or
    "terminal", the same at a prompt that lends it the terminal (terminal.py). `kind`: "python", or
    "ipython" for cells that IPython executes."""
    local = mode != "engine"
    # A script's `tutti ... &` has it ignored, and so would all that it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    values.use(runtime if runtime is not None else codec)
    if runtime is None:
        from . import pure

        runtime = pure.Runtime()
    settle_streams(local)
    return session_class(kind)(runtime, local, terminal() if mode == "terminal" else None)


def serve(session: Any) -> int:
    """Runs a session on descriptors 3 and 4; its exit status."""
    status: int = session.runtime.serve(session, SOCKET_FD, page_fd(), session.version, program())
    return status


def program() -> str:
    """The interpreter, as HELLO tells it."""
    return sys.executable or "python"


def end(status: int) -> NoReturn:
    """Ends the process when nobody is served any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # nothing is left to interrupt
    sys.exit(status)


def session_class(kind: str) -> type[Session]:
    if kind == "ipython":
        from .interactive import InteractiveSession

        return InteractiveSession
    from .session import Session

    return Session


def require_ipython() -> None:
    """Ends the process, with the reason as its last words, where IPython cannot be imported."""
    try:
        session_class("ipython")
    except ImportError as error:
        name = (error.name or "").partition(".")[0]
        sys.exit("IPython is not installed for %s" % sys.executable if name == "IPython" else
                 "IPython cannot be imported by %s: %s" % (sys.executable, error))


def page_fd() -> int:
    try:
        os.fstat(PAGE_FD)
    except OSError:
        return -1
    return PAGE_FD


def terminal() -> Optional[Terminal]:
    """The controlling terminal, None when there is none: then nothing is lent."""
    from .terminal import Terminal

    try:
        return Terminal()
    except OSError as error:
        sys.stderr.write("tutti: the local engine has no terminal: %s\n" % error)
        return None


def settle_streams(local: bool) -> None:
    """Output appears line by line; a crash tells where."""
    faulthandler.enable()
    if local:
        sys.ps1, sys.ps2 = ">>> ", "... "  # interactive, for those who ask
        return
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[attr-defined]


def has_windows(mode: str) -> bool:
    """Whether figures are to open windows: those of a person at a display, without engines."""
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(display) and mode in ("local", "terminal")


def main() -> None:
    """Runs the mode that the command line tells."""
    mode, directory, *preload = sys.argv[1:]
    kind, _, mode = mode.rpartition("-")
    if kind == "ipython":  # ahead of the user's directory: what lies there is not imported instead
        require_ipython()
    else:
        session_class(kind)
    sys.argv[:] = [""]
    sys.path[:1] = [""]
    sys.path.append(directory)
    runtime = compiled()
    if not has_windows(mode):
        figures.install(own_display=kind != "ipython")
    if mode == "zygote":
        from . import zygote

        end(zygote.run(runtime, preload, kind))
    end(serve(prepare(runtime, mode, kind)))
