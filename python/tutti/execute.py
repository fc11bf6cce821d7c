"""Running code as a Python prompt does: the value of a last expression, top-level await, sources
for tracebacks."""

from __future__ import annotations

import __future__
import ast
import collections
import inspect
import io
import linecache
import os
import tokenize

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    import types
    from typing import Any, Callable, Coroutine, Deque, Dict, NamedTuple, Optional, Tuple, Union

    Transform = Callable[[str], str]
    Source = Tuple[int, None, list[str], str]  # of linecache

    class Cell(NamedTuple):
        body: Optional[types.CodeType]
        tail: Optional[types.CodeType]  # the last expression
        shown: bool
        flags: int                      # of __future__, as they are behind it
        source: Source
else:
    from collections import namedtuple

    Cell = namedtuple("Cell", "body tail shown flags source")

SOURCES_LIMIT = 1000  # cells whose lines are kept for tracebacks
CELLS_LIMIT = 256    # compiled cells that are kept, since the same line is often run again
CELL_LIMIT = 4096    # characters of one that is
NO_FILES = ("<", "In [")  # what the names of cells begin with

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class Runner:
    """Compiles and runs cells in one namespace; `from __future__` lasts, as at a prompt."""

    def __init__(self, namespace: Dict[str, Any]) -> None:
        self.namespace = namespace
        self.flags = 0
        self.files: Deque[str] = collections.deque()
        self.cells: Dict[Any, Cell] = {}
        self.loop: Optional[asyncio.AbstractEventLoop] = None

    def reset(self) -> None:
        self.flags = 0
        self.cells.clear()
        while self.files:
            linecache.cache.pop(self.files.popleft(), None)

    def remember(self, code: str, file: str) -> None:
        """Lets tracebacks show the lines of `code`; a real file speaks for itself."""
        if file.startswith(NO_FILES) or not os.path.isfile(file):
            self.show((len(code), None, code.splitlines(True), file))

    def show(self, source: Source) -> None:
        file = source[3]
        if file not in linecache.cache:
            self.files.append(file)
        linecache.cache[file] = source
        while len(self.files) > SOURCES_LIMIT:
            linecache.cache.pop(self.files.popleft(), None)

    def compile(self, tree: Union[ast.Module, ast.Expression], file: str,
                mode: str) -> types.CodeType:
        code: types.CodeType = compile(tree, file, mode, _AWAIT | self.flags, dont_inherit=True)
        self.flags |= code.co_flags & _FUTURES
        return code

    def cell(self, code: str, file: str, transform: Optional[Transform]) -> Cell:
        """Compiled; as it was the last time, where that can be kept."""
        key = code, file, transform, self.flags
        found = self.cells.get(key)
        if found is not None:
            self.show(found.source)
            self.flags = found.flags
            return found
        self.remember(code, file)
        source: Source = (len(code), None, code.splitlines(True), file)
        changed = transform(code) if transform else code
        tree = compile(changed, file, "exec", ast.PyCF_ONLY_AST | _AWAIT | self.flags,
                       dont_inherit=True)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        body = self.compile(tree, file, "exec") if tree.body else None
        tail = self.compile(ast.Expression(last.value), file, "eval") if last else None
        shown = tail is not None and not _ends_with_semicolon(changed)
        found = Cell(body, tail, shown, self.flags, source)
        if len(code) <= CELL_LIMIT and file.startswith(NO_FILES):
            if len(self.cells) >= CELLS_LIMIT:
                self.cells.clear()
            self.cells[key] = found
        return found

    def run(self, code: str, file: str, transform: Optional[Transform] = None,
            scope: Optional[Dict[str, Any]] = None) -> Tuple[bool, Any]:
        """run(code, file) -> (whether the code ends with an expression to show, its value).
        Tracebacks show the code as it was before `transform(code)`, which keeps its lines.
        `scope`: local names in front of the namespace's, a dict. Raises what the code raises, and
        SyntaxError."""
        cell = self.cell(code, file, transform)
        if cell.body:
            self.evaluate(cell.body, scope)
        return cell.shown, self.evaluate(cell.tail, scope) if cell.tail else None

    def evaluate(self, code: types.CodeType, scope: Optional[Dict[str, Any]] = None) -> Any:
        value = eval(code, self.namespace, scope)
        if code.co_flags & inspect.CO_COROUTINE:
            return self.wait(value)
        return value

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Runs a cell that awaits, on a loop that lasts; an interrupt cancels it first."""
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        task = self.loop.create_task(coroutine)
        try:
            return self.loop.run_until_complete(task)
        except KeyboardInterrupt:
            task.cancel()
            try:
                self.loop.run_until_complete(task)
            except BaseException:  # it ends as it likes: the interrupt is what is told
                pass
            raise


def _ends_with_semicolon(code: str) -> bool:
    """Whether the last token of the code, comments apart, is `;`."""
    if ";" not in code:
        return False
    last = ""
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE,
                                  tokenize.DEDENT, tokenize.INDENT, tokenize.ENDMARKER):
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return last == ";"
