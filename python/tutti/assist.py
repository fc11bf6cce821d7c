"""Help while typing: is the input whole, what could the word become, what is this object."""

from __future__ import annotations

import ast
import codeop
import inspect
import itertools
import keyword
import re
import sys
import warnings

from . import cells

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

_AWAIT = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
_ENDS_BLOCK = re.compile(r"\s*(return|raise|pass|break|continue)\b")
_IMPORT = re.compile(r"^\s*(?:import\s+(?:.*,\s*)?|from\s+)([\w.]*)$")
_FROM = re.compile(r"^\s*from\s+([\w.]+)\s+import\s+(?:\(?\s*)(?:.*,\s*)?(\w*)$")
_DOTTED = re.compile(r"((?:[^\W\d]\w*\.)*)([^\W\d]\w*|)$")
_HOLDER_OF_CALL = re.compile(r"(?<![\w.)\]])([^\W\d]\w*(?:\.[^\W\d]\w*)*)$")
_HOLDER = re.compile(_HOLDER_OF_CALL.pattern[:-1] + r"\[\s*$")
KEYS_LIMIT = 10000
_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*$")


# ---- check

def check(code: str, may_hold_magics: bool = False) -> Tuple[str, int]:
    """check(code) -> (state, indent): "whole", "more" or "invalid"; for "more", how many blanks the
    next line begins with. Blocks end with an empty line, as at the Python prompt; so do cells that
    start with %%time or %%timeit."""
    if may_hold_magics:
        cell = cells.CELL.match(code)
        if cell:
            return _check_cell(code[cell.end():], ended=code.endswith("\n"))
        code = cells.transform(code)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = _state(code)
    return state, next_indent(code) if state == "more" else 0


def _check_cell(body: str, ended: bool) -> Tuple[str, int]:
    state, indent = check(body, may_hold_magics=True)
    if state == "whole" and not ended:
        return "more", next_indent(body)
    return state, indent


def _state(code: str) -> str:
    try:
        tree = compile(code + "\n", "<check>", "exec", ast.PyCF_ONLY_AST | _AWAIT,
                       dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return _incomplete(code)
    if code.rstrip(" \t").endswith("\\"):
        return "more"
    block = tree.body and (hasattr(tree.body[-1], "body") or hasattr(tree.body[-1], "cases"))
    last_line = code.rsplit("\n", 1)[-1]
    return "more" if block and last_line.strip() else "whole"


def _incomplete(code: str) -> str:
    compiler = codeop.CommandCompiler()
    compiler.compiler.flags |= _AWAIT
    try:
        return "whole" if compiler(code, "<check>", "exec") else "more"
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return "invalid"


def next_indent(code: str) -> int:
    lines = [line for line in code.split("\n") if line.strip()]
    if not lines:
        return 0
    last = lines[-1].expandtabs(8)
    indent = len(last) - len(last.lstrip())
    if re.sub(r"#.*$", "", last).rstrip().endswith(":"):
        return indent + 4
    return max(0, indent - 4) if _ENDS_BLOCK.match(last) else indent


# ---- complete

def complete(code: str, position: int, namespace: Dict[str, Any]) -> Tuple[int, List[str]]:
    """complete(code, position, namespace) -> (start, [name, ...]): what may replace the characters
    from start to position. Never raises, but for an interrupt."""
    try:
        return _complete(code[:position], code[position:], namespace)
    except Exception:
        return min(position, len(code)), []


def _complete(before: str, behind: str, namespace: Dict[str, Any]) -> Tuple[int, List[str]]:
    line = before.rsplit("\n", 1)[-1]
    found = _FROM.match(line)
    if found:
        return len(before) - len(found.group(2)), _pick(_members(found.group(1)), found.group(2))
    found = _IMPORT.match(line)
    if found:
        package, _, prefix = found.group(1).rpartition(".")
        names = _submodules(package) if package else _modules()
        return len(before) - len(prefix), _pick(names, prefix)
    scanner = _scan(before)
    if scanner.quote:
        return _complete_key(before, behind, scanner, namespace)
    base, prefix = _DOTTED.search(before).groups()  # type: ignore[union-attr]  # always found
    start = len(before) - len(prefix)
    if before[:start - len(base)].endswith("."):  # an attribute of a call or an index
        return start, []
    if base:
        return start, _pick(_attributes(base[:-1], namespace), prefix)
    arguments = _arguments(before[:start], scanner, namespace)
    return start, _pick([*_names(namespace), *arguments], prefix)


def _scan(before: str) -> cells.Scanner:
    """What is open at the end of the text."""
    scanner = cells.Scanner()
    *lines, last = before.split("\n")
    for line in lines:
        scanner.feed(line)
        scanner.end_line(line)
    scanner.feed(last)
    return scanner


def _complete_key(before: str, behind: str, scanner: cells.Scanner,
                  namespace: Dict[str, Any]) -> Tuple[int, List[str]]:
    """Keys for the string in `d["ab`, with what closes it; nothing within other strings."""
    start = scanner.quote_at + len(scanner.quote)
    holder = _HOLDER.search(before[:scanner.quote_at])
    if not holder:
        return len(before), []
    prefix, end = before[start:], "" if behind.startswith(scanner.quote) else scanner.quote + "]"
    keys = _keys(lookup(holder.group(1), namespace))
    return start, sorted(key + end for key in keys
                         if key.startswith(prefix) and key.isprintable()
                         and not set(key) & {"\\", scanner.quote[0]})


def _keys(value: Any) -> Set[str]:
    """The keys of a dict, the columns of a table, the fields of an array: those that are str, and
    KEYS_LIMIT at most. No method of the user's is called for them."""
    kind = type(value)
    keys: Iterable[Any]
    if isinstance(value, dict):
        keys = dict.keys(value)
    elif kind.__module__.split(".")[0] in ("pandas", "polars") and hasattr(value, "columns"):
        keys = value.columns
    elif kind.__module__.split(".")[0] == "numpy":
        keys = value.dtype.names or ()
    else:
        keys = ()
    return {key for key in itertools.islice(keys, KEYS_LIMIT) if type(key) is str}


def _arguments(before: str, scanner: cells.Scanner, namespace: Dict[str, Any]) -> List[str]:
    """`name=` for the arguments of the call that is open at the end of the text, but for those that
    it has already."""
    if not scanner.open or before[scanner.open[-1]] != "(":
        return []
    inside = before[scanner.open[-1] + 1:]
    called = _HOLDER_OF_CALL.search(before[:scanner.open[-1]])
    if not called or inside.strip() and not inside.rstrip().endswith(","):
        return []
    try:
        parameters = inspect.signature(lookup(called.group(1), namespace)).parameters.values()
    except Exception:  # nothing by that name, or no signature
        return []
    given = set(re.findall(r"([^\W\d]\w*)\s*=(?!=)", inside))
    return [p.name + "=" for p in parameters if p.name not in given
            and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _pick(names: Iterable[Any], prefix: str) -> List[str]:
    """Names with the prefix, sorted; those with underscores only when they are asked for."""
    hidden = "" if prefix.startswith("_") else "_"
    return sorted({name for name in names if isinstance(name, str) and name.startswith(prefix)
                   and not (hidden and name.startswith(hidden))})


def _names(namespace: Dict[str, Any]) -> List[str]:
    import builtins

    return [*namespace, *vars(builtins), *keyword.kwlist]


def _attributes(expr: str, namespace: Dict[str, Any]) -> List[str]:
    value = lookup(expr, namespace)
    return [*dir(value), *(dir(type(value)) if not isinstance(value, type) else ())]


def _modules() -> List[str]:
    import pkgutil

    return [*sys.builtin_module_names, *(m.name for m in pkgutil.iter_modules())]


def _submodules(package: str) -> List[str]:
    """Modules of a package, which is not imported for that."""
    import pkgutil
    from importlib.util import find_spec

    module = sys.modules.get(package)
    path = getattr(module, "__path__", None)
    if module is None:
        spec = find_spec(package)
        path = spec and spec.submodule_search_locations
    return [m.name for m in pkgutil.iter_modules(path)] if path else []


def _members(module: str) -> List[str]:
    loaded = sys.modules.get(module)
    return [*(dir(loaded) if loaded else ()), *_submodules(module)]


# ---- inspect

def lookup(expr: str, namespace: Dict[str, Any]) -> Any:
    """The object of a dotted name; raises NameError or what an attribute raises."""
    import builtins

    first, *rest = expr.split(".")
    value = namespace[first] if first in namespace else vars(builtins).get(first, namespace)
    if value is namespace:
        raise NameError("name %r is not defined" % first)
    for name in rest:
        value = getattr(value, name)
    return value


def describe(expr: str, detail: int, namespace: Dict[str, Any]) -> Optional[str]:
    """Signature, kind, docstring (and with `detail` 1 the source) of an object as a text; None when
    there is nothing by that name."""
    expr = expr.strip()
    try:
        value = lookup(expr, namespace) if _NAME.match(expr) else eval(expr, namespace)
    except Exception:
        return None
    parts = [_signature(expr, value)]
    source = _source(value) if detail else None
    doc = source or _doc(value)
    return "\n\n".join(part for part in (*parts, doc) if part)


def _signature(expr: str, value: Any) -> str:
    name = expr.rsplit(".", 1)[-1]
    if callable(value):
        try:
            return name + str(inspect.signature(value))
        except (TypeError, ValueError):
            return "%s(...)" % name
    kind = type(value)
    if inspect.ismodule(value):
        return "module %s (%s)" % (value.__name__, getattr(value, "__file__", "built in"))
    text = repr(value)
    shape = getattr(value, "shape", None)
    head = "%s: %s%s" % (expr, kind.__name__, " %s" % (shape,) if type(shape) is tuple else "")
    return "%s\n%s" % (head, text if len(text) < 2000 else text[:2000] + " ...")


def _doc(value: Any) -> Optional[str]:
    try:
        return inspect.getdoc(value)
    except Exception:
        return None


def _source(value: Any) -> Optional[str]:
    try:
        return inspect.getsource(value)
    except (OSError, TypeError):
        return None
