"""The Python language as tutti speaks it: what each task of the runtime protocol does.

Both runtimes (the compiled one, and pure.py) read the messages and call `Session.handle`. Its
answer is (status, body, [buffer, ...], exit status or None): frame 0 and the further frames of the
RESULT, and whether the engine ends.
"""

from __future__ import annotations

import ast
import builtins
import collections
import contextlib
import keyword
import os
import re
import sys
import time
import types
import weakref

from . import assist, cells, displays, errors, figures, magics, parts, shell, ship, values
from .execute import Runner
from .result import TIMEOUT, Handle, Result, at_prompt, remote_error
from .terminal import end_stepping, set_breakpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (Any, Callable, Dict, List, NoReturn, Optional, OrderedDict, Protocol,
                        Sequence, Tuple, Union)

    from .displays import Bundle
    from .shell import Lines
    from .terminal import Terminal

    Frames = Sequence[Any]
    Reply = Tuple[int, bytes, List[Any], Optional[int]]
    Functions = OrderedDict[bytes, Tuple[Any, Dict[str, Any]]]

    class Runtime(Protocol):
        """What a session needs of the runtime that serves it."""

        def ask(self, what: str, text: str, /) -> Tuple[int, List[Any]]: ...
        def forget(self) -> None: ...

OK, ERROR, INTERRUPTED, REFUSED = 0, 1, 2, 6
EXECUTE, CALL, GET, SET, CHECK, COMPLETE, INSPECT, RESET, SYNC = range(1, 10)
WANT_VALUE, QUIET, SHELL, MAGIC, TERMINAL = 1, 2, 4, 8, 16  # flags of EXECUTE

FUNCTIONS_LIMIT = 128  # unpickled functions that are kept
OUT_LIMIT = 1000       # values of Out that are kept
FRAMES_LIMIT = 1 << 20
FUNCTION_LIMIT = 64 << 20
NAMES_TOLD = 12        # that exist, where one does not

_MISSING = object()
_CLIENT_NAME = re.compile(r"(?<![.\w])(rc|view|lview)\b(?!\s*=[^=])")


class Refused(Exception):
    """The task makes no sense: its arguments are not what the protocol says."""


class Session:
    """One engine, or the prompt's local engine: a `__main__` of its own and what works on it.

    `runtime` gives `ask(what, text) -> (status, frames)`, and `forget()` for a forked child;
    `local` is true for the engine of the prompt, which knows its magics; `terminal` (terminal.py)
    is lent to it for lines that own the terminal, None without one."""

    version = sys.version.split()[0]  # that HELLO tells

    def __init__(self, runtime: Runtime, local: bool = False,
                 terminal: Optional[Terminal] = None) -> None:
        self.runtime = runtime
        self.local = local
        self.terminal = terminal  # the runtime has it given back when a task ends
        self.engine: Optional[int] = None
        self.cluster = ""
        self.blobs: Dict[bytes, bytes] = {}  # hash -> bytes; filled by the runtime
        self.functions: Functions = collections.OrderedDict()  # hash -> (function, travelled)
        self.overlay: Dict[str, Any] = {}  # travelled globals, bound for one function's calls
        self.overlay_of: Optional[bytes] = None
        self.arrived: Dict[str, Any] = {}  # globals that came with the values read last
        self.bound: Dict[str, Any] = {}    # globals that came with pushed values, by name
        self.handles: weakref.WeakValueDictionary[Any, Handle] = weakref.WeakValueDictionary()
        self.out: OrderedDict[int, Any] = collections.OrderedDict()
        self.forked = False  # until `forget`: a child of user code never answers as the engine
        self.depth = 0  # tasks under way: one, and those that came while it asks
        self.module = types.ModuleType("__main__")
        self.namespace = vars(self.module)
        self.runner = Runner(self.namespace)
        self.left_directory: Optional[str] = None  # of the last %cd
        self.install()
        if local:
            at_prompt(lambda what, text: self.ask(what, text)[1][2])

    def install(self) -> None:
        """Makes this session the process's `__main__`."""
        self.replaced = sys.modules.get("__main__")  # its frame still runs: keep it whole
        sys.modules["__main__"] = self.module
        self.clear()
        ship.on_arrival(self.arrived.update)
        os.register_at_fork(after_in_child=self.runtime.forget)
        shared: Any = builtins
        shared.__tutti_magic__ = self.magic
        shared.display = displays.display
        if self.local:
            shared.Out = self.out
            if self.terminal:
                sys.breakpointhook = set_breakpoint
        else:
            shared.input = _no_input
            sys.breakpointhook = _no_breakpoint

    def clear(self) -> None:
        self.namespace.clear()
        self.namespace.update(__name__="__main__", __doc__=None, __package__=None,
                              __loader__=None, __spec__=None, __builtins__=builtins)

    # ---- tasks

    def handle(self, op: int, seq: int, args: Any, frames: Frames) -> Reply:
        """Does one task. `args` is frame 0, `frames` the further ones, bytearrays or views that
        become the values'. Raises only what arises behind the user's code: an interrupt."""
        depth = self.depth
        outer = displays.take()  # of a task that asks, within which this one is done
        try:
            self.depth = depth + 1
            try:
                reply = self.perform(op, args, frames, depth > 0)
            except BaseException as error:
                if self.forked:
                    _end_child(error)
                return self.failure(error)
            if self.forked:
                _end_child(None)
            return reply
        finally:
            self.depth = depth
            if depth:
                displays.pending[:] = outer

    def perform(self, op: int, args: Any, frames: Frames, nested: bool) -> Reply:
        handler = self.handlers.get(op)
        if handler is None:
            raise Refused("Python has no task %d" % op)
        if op != CALL and not nested and (self.overlay_of or self.overlay):
            self.lift_overlay()
        if op == SET:
            return handler(self, self.read(args, ()), frames)
        return handler(self, self.read(args, frames))

    def read(self, body: Any, frames: Frames) -> Any:
        """A value of a message; globals that came with it stand in `arrived` then."""
        self.arrived.clear()
        try:
            return values.decode(body, frames)
        except ValueError as error:
            if str(error).startswith("malformed"):
                raise Refused(str(error)) from None
            raise

    def reply(self, text: Optional[str] = None, value: Any = _MISSING,
              pictures: Sequence[Bundle] = (), error: Optional[Dict[str, Any]] = None,
              status: int = OK, frames: Sequence[Any] = (),
              leave: Optional[int] = None, too_deep: Callable[[Any], Any] = values.Opaque) -> Reply:
        """`too_deep(value)` stands for a value that nests too deeply, or holds itself: the body
        stays the array that the prompt reads."""
        has_value = value is not _MISSING
        answer = [text, has_value, value if has_value else None, [], error]
        try:
            body, buffers = values.encode_flat(answer)
        except RecursionError:
            answer[2] = too_deep(value)
            body, buffers = values.encode_flat(answer)
        if pictures:
            body = self.with_pictures(body, pictures, error)
        return status, body, [*buffers, *frames], leave

    def with_pictures(self, body: bytes, pictures: Sequence[Bundle],
                      error: Optional[Dict[str, Any]]) -> bytes:
        """The body of an answer with displays, whose bytes all stand in it."""
        behind = values.encode_flat(error)[0]
        shown = values.encode_flat(displays.within_limit(pictures), sys.maxsize)[0]
        return body[:-len(behind) - 1] + shown + behind  # in the place of the empty array

    def failure(self, error: BaseException) -> Reply:
        if isinstance(error, Refused):
            found = {"type": "ProtocolError", "message": str(error), "traceback": None}
            return self.reply(error=found, status=REFUSED)
        found = errors.error_map(error, self.namespace)
        leave = None
        if isinstance(error, SystemExit):
            leave = errors.exit_status(error)
        elif self.local:
            sys.last_type, sys.last_value = type(error), error
            sys.last_traceback = error.__traceback__
        status = INTERRUPTED if isinstance(error, KeyboardInterrupt) else ERROR
        return self.reply(error=found, status=status, pictures=self.take_pictures(), leave=leave)

    def take_pictures(self, value: Any = None) -> List[Bundle]:
        """What the task has displayed, `value` with it, and the figures it leaves open."""
        pictures = displays.take()
        found = {} if value is None else displays.bundle(value)
        found.pop("text/plain", None)  # the repr is its text
        if found:
            pictures.append(found)
        return pictures + (figures.finish() if self.depth == 1 else [])

    def execute(self, args: Any) -> Reply:
        code, file, flags = _check(args, str, str, int)
        file = file or "<tutti>"
        if flags & TERMINAL and self.terminal:
            self.terminal.take()
        if flags & SHELL:
            return self.shell(code, flags)
        if flags & QUIET:
            self.require(code)
        try:
            shown, value = self.run(code, file, self.local or flags & MAGIC)
        finally:
            if sys.gettrace() is not None:
                end_stepping()
        shown = shown and value is not None and not flags & QUIET
        if self.local and shown:
            self.remember_out(file, value)
        pictures = self.take_pictures(value if shown else None)
        if pictures and figures.is_drawn(value):
            shown = False  # it is seen
        return self.reply(text=displays.safe_repr(value) if shown else None,
                          value=value if flags & WANT_VALUE else _MISSING, pictures=pictures)

    def run(self, code: str, file: str, may_hold_magics: Any) -> Tuple[bool, Any]:
        """(whether the code ends with an expression to show, its value)"""
        if self.local:
            self.provide(code)
        cell = magics.cell(code, self, file) if may_hold_magics else None
        if cell:
            value = cell()
            return value is not None, value
        return self.runner.run(code, file, cells.transform if may_hold_magics else None)

    def provide(self, code: str) -> None:
        """Binds `rc`, a client of the prompt's cluster, `view` of all its engines and `lview`, the
        balanced one, when code first names one of them that is not bound."""
        wanted = {name for name in _CLIENT_NAME.findall(code)
                  if name not in self.namespace and not hasattr(builtins, name)}
        if not wanted:
            return
        try:
            from . import client
            rc = client.Client(cluster_id=self.cluster, timeout=5)
        except (ImportError, OSError):  # then the name is unknown, as without us
            return
        made = {"rc": rc, "view": rc.direct_view(), "lview": rc.load_balanced_view()}
        for name, value in made.items():
            self.namespace.setdefault(name, value)

    def shell(self, command: str, flags: int) -> Reply:
        """A command of the shell; what it wrote is the value when one is wanted."""
        status, lines = self.run_shell(command, bool(flags & WANT_VALUE))
        error = None
        if status:
            error = {"type": "ExitStatus", "message": shell.describe(status), "traceback": None,
                     "status": status}
        return self.reply(value=_MISSING if lines is None else list(lines), error=error,
                          status=ERROR if status else OK)

    def run_shell(self, command: str, capture: bool) -> Tuple[int, Optional[Lines]]:
        """(exit status, its lines or None); the status is `_exit_code` at the prompt as well."""
        owns = bool(self.terminal and self.terminal.held)
        status, lines = shell.run(command, capture=capture, patient=owns)
        self.namespace["_exit_code"] = status
        return status, lines

    def remember_out(self, file: str, value: Any) -> None:
        """`_` and Out[N] at the prompt; N is the number in the name of the cell."""
        builtins._ = value  # type: ignore[attr-defined]
        number = re.search(r"\d+", file)
        if number:
            self.out[int(number.group())] = value
        while len(self.out) > OUT_LIMIT:
            self.out.popitem(last=False)

    def call(self, args: Any) -> Reply:
        hash_, arguments, kwargs = _check(args, bytes, list, (dict, bool, type(None)))
        if kwargs is True:
            return self.call_each(hash_, arguments)
        function = self.ready_function(hash_)
        kwargs = {str(k): v for k, v in (kwargs or {}).items()}
        if values.names_arrived():
            arguments, kwargs = self.resolved(arguments), self.resolved(kwargs)
        value = function(*arguments, **kwargs)
        return self.reply(value=value, pictures=self.take_pictures())

    def call_each(self, hash_: bytes, items: List[List[Any]]) -> Reply:
        """Items of a map, one after the other, each with a reply of its own: [status, ns that it
        ran, body, number of its buffers]. What is not in the answer was not begun: items behind
        one that was interrupted, or that ended the engine. An interrupt between two items is the
        next one's."""
        named = values.names_arrived()
        done: List[Tuple[int, Reply]] = []  # each at once, whatever interrupts
        began = time.perf_counter_ns()
        try:
            function = self.ready_function(hash_)
            for item in items:
                began = time.perf_counter_ns()
                try:
                    value = function(*(self.resolved(item) if named else item))
                    reply = self.reply(value=value, pictures=self.take_pictures())
                except BaseException as error:
                    if self.forked:
                        raise
                    reply = self.failure(error)
                done.append((time.perf_counter_ns() - began, reply))
                if self.forked or _is_last(reply):
                    break
        except KeyboardInterrupt as error:
            if self.forked:
                raise
            if len(done) < len(items) and not (done and _is_last(done[-1][1])):
                done.append((time.perf_counter_ns() - began, self.failure(error)))
        rows = [[reply[0], ns, reply[1], len(reply[2])] for ns, reply in done]
        frames = [frame for _, reply in done for frame in reply[2]]
        answer: List[Any] = [None, False, None, [], None, None, rows]
        leave = done[-1][1][3] if done else None
        return OK, values.encode_flat(answer, sys.maxsize)[0], frames, leave

    def resolved(self, value: Any) -> Any:
        """The value with its References looked up, in containers too."""
        kind = type(value)
        if kind is values.Reference:
            return self.evaluate(value.expr)
        if kind in (list, tuple, set, frozenset):
            return kind(self.resolved(one) for one in value)
        if kind is dict:
            return {self.resolved(key): self.resolved(one) for key, one in value.items()}
        return value

    def evaluate(self, expr: str) -> Any:
        self.runner.remember(expr, "<expression>")
        return eval(compile(expr.strip(), "<expression>", "eval"), self.namespace)

    def get(self, args: Any) -> Reply:
        exprs, how = _check(args, list, str)
        if how not in self.getters or not all(type(e) is str for e in exprs):
            raise Refused("GET takes [[expr, ...], 'value', 'function', 'items' or 'names'], not "
                          "%.80r" % (args,))
        if how == "names":
            from . import census  # hashlib takes its time, and is seldom wanted
            return self.reply(value=census.rows(self.namespace, magics.names(self, exprs)))
        for expr in exprs:
            self.require(expr)
        found: Reply = self.getters[how](self, [self.evaluate(e) for e in exprs], exprs)
        return found

    def require(self, expr: str) -> None:
        """A NameError that says what exists, for an expression that is one unknown name."""
        name = expr.strip()
        if (not name.isidentifier() or keyword.iskeyword(name) or name in self.namespace
                or hasattr(builtins, name)):
            return
        names = [n for n in self.namespace if not n.startswith("_")]
        if len(names) > NAMES_TOLD:
            from difflib import get_close_matches

            names = get_close_matches(name, names, 3) or [*names[:NAMES_TOLD], "..."]
        raise NameError("name %r is not defined; there %s"
                        % (name, "are: " + ", ".join(names) if names else "are no names yet"))

    def get_value(self, found: List[Any], exprs: List[str]) -> Reply:
        return self.reply(value=found, too_deep=lambda all: [values.Opaque(one) for one in all])

    def get_function(self, found: List[Any], exprs: List[str]) -> Reply:
        if len(found) != 1:
            raise Refused("GET 'function' takes one expression, not %d" % len(found))
        if not callable(found[0]):
            raise TypeError("%s is not callable: it is of type %s"
                            % (exprs[0], type(found[0]).__name__))
        hash_, note, blob = ship.pack(found[0], values.encode)
        if len(blob) > FUNCTION_LIMIT:
            raise ValueError("function of %d MiB, with what it refers to: the limit is %d MiB. "
                             "%%push large values and use them by name"
                             % (len(blob) >> 20, FUNCTION_LIMIT >> 20))
        return self.reply(value=[hash_, note], frames=[blob])

    def get_items(self, found: List[Any], exprs: List[str]) -> Reply:
        counts, frames, total, spare = [], [], 0, values.spare_memory()
        for item in zip(*found):
            body, buffers = values.encode(list(item))
            counts.append(1 + len(buffers))
            frames.append(body)
            frames += buffers
            total += len(body) + sum(memoryview(b).nbytes for b in buffers)
            if len(frames) > FRAMES_LIMIT - 1 or total > spare:
                raise ValueError("too many items at once: over %d, %d MiB"
                                 % (len(counts), total >> 20))
        return self.reply(value=counts, frames=frames)

    getters: Dict[str, Any] = {
        "value": get_value, "function": get_function, "items": get_items, "names": None}

    def set(self, args: Any, frames: Frames) -> Reply:
        name, kind, counts, meta = _check(args, str, str, list, (dict, type(None)))
        if kind not in self.setters:
            raise Refused("SET has no kind %.80r" % kind)
        found = self.groups(counts, frames)
        self.setters[kind](self, name, found, meta or {})
        return self.reply()

    def groups(self, counts: List[int], frames: Frames) -> List[Any]:
        """The values of groups of frames: one body each, then its buffers."""
        whole = all(type(n) is int and n > 0 for n in counts) and sum(counts) == len(frames)
        if not whole:
            raise Refused("groups of %.80r frames, but there are %d" % (counts, len(frames)))
        found, at = [], 0
        for count in counts:
            found.append(self.read(frames[at], frames[at + 1:at + count]))
            self.bind_arrived()
            at += count
        return found

    def set_value(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        if len(found) != 1:
            raise Refused("SET 'value' takes one group, not %d" % len(found))
        self.bind(name, self.resolved(found[0]) if values.names_arrived() else found[0])

    def set_list(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        self.bind(name, found)

    def set_result(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        self.bind(name, Result(found, meta))

    def set_joined(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        self.bind(name, parts.join(found))

    def set_handle(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        handle = Handle(meta, self.wait_for)
        self.handles[handle.job] = handle
        self.bind(name, handle)

    def set_resolve(self, name: str, found: List[Any], meta: Dict[str, Any]) -> None:
        handle = self.handles.get(meta.get("job"))
        if handle is not None:
            handle.resolve(found, meta)

    setters: Dict[str, Callable[..., None]] = {
        "value": set_value, "list": set_list, "result": set_result,
               "joined": set_joined, "handle": set_handle, "resolve": set_resolve}

    def bind(self, name: str, value: Any) -> None:
        """Assigns as `name = value` does: a name, an attribute, an item, or several by commas."""
        try:
            tree = ast.parse("%s = None" % name.strip(), "<assignment>")
        except (SyntaxError, ValueError):
            tree = None
        if tree is None or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Assign):
            raise SyntaxError("cannot assign to %r" % name)
        self.bind_target(tree.body[0].targets[0], value)

    def bind_target(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.namespace[target.id] = value
        elif isinstance(target, ast.Attribute):
            setattr(self.evaluate_tree(target.value), target.attr, value)
        elif isinstance(target, ast.Subscript):
            self.evaluate_tree(target.value)[_index(self, target)] = value
        elif isinstance(target, (ast.Tuple, ast.List)) and not _starred(target):
            members = list(value)
            if len(members) != len(target.elts):
                raise ValueError("%d values for %d names" % (len(members), len(target.elts)))
            for inner, member in zip(target.elts, members):
                self.bind_target(inner, member)
        else:
            raise SyntaxError("cannot assign to this target")

    def evaluate_tree(self, tree: ast.expr) -> Any:
        return eval(compile(ast.Expression(tree), "<assignment>", "eval"), self.namespace)

    def check(self, args: Any) -> Reply:
        (code,) = _check(args, str)
        return self.reply(value=list(assist.check(code, may_hold_magics=self.local)))

    def complete(self, args: Any) -> Reply:
        code, position = _check(args, str, int)
        return self.reply(value=list(assist.complete(code, position, self.namespace)))

    def inspect(self, args: Any) -> Reply:
        expr, detail = _check(args, str, int)
        text = magics.describe(expr) or assist.describe(expr, detail, self.namespace)
        return self.reply(value=text)

    def reset(self, args: Any) -> Reply:
        self.forget()
        return self.reply()

    def forget(self) -> None:
        """An empty namespace."""
        self.clear()
        self.runner.reset()
        self.bound.clear()
        self.out.clear()

    def sync(self, args: Any) -> Reply:
        return self.reply()

    handlers: Dict[int, Callable[..., Reply]] = {
        EXECUTE: execute, CALL: call, GET: get, SET: set, CHECK: check,
                COMPLETE: complete, INSPECT: inspect, RESET: reset, SYNC: sync}

    # ---- functions and the globals that travelled with them

    def ready_function(self, hash_: bytes) -> Any:
        """The function of a CALL whose arguments were read, with its globals in their place."""
        function, travelled = self.function(hash_)
        self.lay_over(hash_, travelled, dict(self.arrived))
        return function

    def function(self, hash_: bytes) -> Tuple[Any, Dict[str, Any]]:
        """(function, travelled) of a blob, unpickled once."""
        blob = self.blobs.get(hash_)
        if blob is None:
            raise Refused("no function with the hash %s was sent" % hash_.hex())
        if hash_ not in self.functions:
            before = dict(self.arrived)
            self.functions[hash_] = ship.unpack(blob, values.decode)
            self.arrived.clear()
            self.arrived.update(before)
            self.forget_functions()
        self.functions.move_to_end(hash_)
        return self.functions[hash_]

    def forget_functions(self) -> None:
        for hash_ in [h for h in self.functions if h not in self.blobs]:
            del self.functions[hash_]
        while len(self.functions) > FUNCTIONS_LIMIT:
            self.functions.popitem(last=False)

    def lay_over(self, hash_: bytes, travelled: Dict[str, Any], arrived: Dict[str, Any]) -> None:
        """Binds globals that travelled where the namespace lacks them, for calls of this function.
        They stay until another task: then the engine's own names are alone again."""
        owner = None if arrived else hash_
        if owner is None or owner != self.overlay_of:
            self.lift_overlay()
            for name, value in [*travelled.items(), *arrived.items()]:
                if name not in self.namespace:
                    self.overlay[name] = value
                    self.namespace[name] = value
            self.overlay_of = owner

    def lift_overlay(self) -> None:
        """Safe to be interrupted: what it did not get to is done the next time."""
        self.overlay_of = None
        for name, value in self.overlay.items():
            if self.namespace.get(name, _MISSING) is value:
                del self.namespace[name]
        self.overlay.clear()

    def bind_arrived(self) -> None:
        """Globals that came with a pushed value stay, unless the engine has its own; a later push
        renews them."""
        for name, value in self.arrived.items():
            present = self.namespace.get(name, _MISSING)
            if present is _MISSING or present is self.bound.get(name, value):
                self.bound[name] = value
                self.namespace[name] = value
        self.arrived.clear()

    # ---- asking the prompt

    def put(self, what: str, text: str) -> Tuple[int, List[Any]]:
        """(status, frames) of the answer. What was printed so far stands before what it prints."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.flush()
        return self.runtime.ask(what, text)

    def ask(self, what: str, text: str) -> Tuple[int, List[Any], List[Any]]:
        """(status, body of the answer, its further frames); globals it brought are bound."""
        status, frames = self.put(what, text)
        body = self.read(frames[0], frames[1:]) if frames else [None, False, None, [], None]
        self.bind_arrived()
        error = body[4]
        if status == INTERRUPTED:
            raise KeyboardInterrupt
        if status not in (OK, TIMEOUT) or error:
            error = error or {"type": "Error", "message": "%s failed" % text}
            if error.get("type") == "MagicError":  # which says no more than that it failed
                error = {**error, "message": "%s: %s" % (text, error.get("message"))}
            raise remote_error(error, error.get("engine"))
        return status, body, frames[1:]

    def magic(self, line: str) -> Any:
        """A magic within Python code: its value, or None. What Python cannot do by itself is asked
        of the prompt. Raises what it raises here, or RemoteError."""
        named, text = cells.split(line)
        caller = sys._getframe(1)
        scope = None if caller.f_locals is caller.f_globals else dict(caller.f_locals)
        found = magics.find(text, self, named, scope)
        if found:
            function, call = found
            return function(call)
        if not self.local:
            raise magics.only_the_prompts(text)
        value = self.resolved(self.ask("magic", line)[1][2])
        self.namespace.pop("__tutti_answer__", None)  # the name that the prompt bound it to
        return value

    def wait_for(self, job: Any,
                 timeout: Optional[float]) -> Optional[Tuple[List[Any], Dict[str, Any]]]:
        """(values, meta) of a job when it has ended, None after `timeout` seconds."""
        text = str(job) if timeout is None else "%d %.3f" % (job, timeout)
        status, frames = self.put("wait", text)
        body = self.read(frames[0], ()) if frames else [None, False, None, [], None]
        if status == TIMEOUT or not body[1] and not body[4]:
            return None
        if body[4]:
            raise remote_error(body[4])
        counts, meta = _check(body[2], list, dict)
        return self.groups(counts, frames[1:]), meta


def _is_last(reply: Reply) -> bool:
    """Whether nothing is begun behind an item with this reply."""
    return reply[0] == INTERRUPTED or reply[3] is not None


def _check(args: Any, *kinds: Any) -> List[Any]:
    """The arguments of a task, as many and of such types as it takes; further ones are ignored."""
    if type(args) is not list or len(args) < len(kinds):
        raise Refused("arguments %.80r, %d expected" % (args, len(kinds)))
    if not all(map(isinstance, args, kinds)):
        value = next(value for value, kind in zip(args, kinds) if not isinstance(value, kind))
        raise Refused("argument %.80r of type %s" % (value, type(value).__name__))
    return args[:len(kinds)]


def _index(session: Session, target: ast.Subscript) -> Any:
    index = target.slice
    if isinstance(index, ast.Slice) or type(index).__name__ == "ExtSlice":
        raise SyntaxError("cannot assign to a slice")
    return session.evaluate_tree(getattr(index, "value", index)
                                 if type(index).__name__ == "Index" else index)


def _starred(target: Union[ast.Tuple, ast.List]) -> bool:
    return any(isinstance(e, ast.Starred) for e in target.elts)


def _end_child(error: Optional[BaseException]) -> NoReturn:
    """Ends a process that user code forked and that came to the end of its task."""
    status = 0
    try:
        if isinstance(error, SystemExit):
            status = errors.exit_status(error)
        elif error is not None:
            sys.stderr.write(errors.traceback_text(error))
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(status)


def _no_input(prompt: object = "") -> NoReturn:
    """input() where there is no terminal."""
    raise EOFError("input() on an engine has no terminal")


def _no_breakpoint(*args: Any, **kwargs: Any) -> NoReturn:
    raise EOFError("breakpoint() on an engine has no terminal")
