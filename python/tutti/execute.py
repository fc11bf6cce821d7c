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
    from typing import Any, Callable, Coroutine, Deque, Dict, Optional, Tuple, Union

SOURCES_LIMIT = 1000  # cells whose lines are kept for tracebacks
NO_FILES = ("<", "In [")  # what the names of cells begin with

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_FUTURES = sum(getattr(__future__, name).compiler_flag for name in __future__.all_feature_names)


class Runner:
    """Compiles and runs cells in one namespace; `from __future__` lasts, as at a prompt."""

    def __init__(self, namespace: Dict[str, Any]) -> None:
        self.namespace = namespace
        self.flags = 0
        self.files: Deque[str] = collections.deque()
        self.loop: Optional[asyncio.AbstractEventLoop] = None

    def reset(self) -> None:
        self.flags = 0
        while self.files:
            linecache.cache.pop(self.files.popleft(), None)

    def remember(self, code: str, file: str) -> None:
        """Lets tracebacks show the lines of `code`; a real file speaks for itself."""
        if not file.startswith(NO_FILES) and os.path.isfile(file):
            return
        if file not in linecache.cache:
            self.files.append(file)
        linecache.cache[file] = (len(code), None, code.splitlines(True), file)
        while len(self.files) > SOURCES_LIMIT:
            linecache.cache.pop(self.files.popleft(), None)

    def compile(self, tree: Union[ast.Module, ast.Expression], file: str,
                mode: str) -> types.CodeType:
        code: types.CodeType = compile(tree, file, mode, _AWAIT | self.flags, dont_inherit=True)
        self.flags |= code.co_flags & _FUTURES
        return code

    def run(self, code: str, file: str, transform: Optional[Callable[[str], str]] = None,
            scope: Optional[Dict[str, Any]] = None) -> Tuple[bool, Any]:
        """run(code, file) -> (whether the code ends with an expression to show, its value).
        Tracebacks show the code as it was before `transform(code)`, which keeps its lines.
        `scope`: local names in front of the namespace's, a dict. Raises what the code raises, and
        SyntaxError."""
        self.remember(code, file)
        code = transform(code) if transform else code
        tree = compile(code, file, "exec", ast.PyCF_ONLY_AST | _AWAIT | self.flags,
                       dont_inherit=True)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        body = tree.body and self.compile(tree, file, "exec")
        tail = last and self.compile(ast.Expression(last.value), file, "eval")
        shown = tail is not None and not _ends_with_semicolon(code)
        if body:
            self.evaluate(body, scope)
        return shown, self.evaluate(tail, scope) if tail else None

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
