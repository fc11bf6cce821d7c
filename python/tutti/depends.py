"""Functions that only some engines take, and functions that are at home there.

Engines import this, so it needs nothing of the client's."""

from __future__ import annotations

import functools
import importlib
import sys
import types

from . import error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List


class dependent:  # noqa: N801 (ipyparallel's name)
    """A function that is called where `check(*args, **kwargs)` is true. Elsewhere it raises
    UnmetDependency, and a balanced view tries another engine."""

    def __init__(self, function: Callable[..., Any], check: Callable[..., Any], *args: Any,
                 **kwargs: Any) -> None:
        functools.update_wrapper(self, function, updated=())
        self.func = function
        self.df = check
        self.dargs, self.dkwargs = args, kwargs

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.df(*self.dargs, **self.dkwargs) is False:
            raise error.UnmetDependency("%s does not hold here"
                                        % getattr(self.df, "__name__", "what it depends on"))
        return self.func(*args, **kwargs)


class depend:  # noqa: N801
    """A decorator: depend(check, *args, **kwargs)."""

    def __init__(self, check: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.args = (check, *args)
        self.kwargs = kwargs

    def __call__(self, function: Callable[..., Any]) -> dependent:
        return dependent(function, *self.args, **self.kwargs)


def require(*objects: Any, **mapping: Any) -> depend:
    """A decorator: the function is called where these modules (or their names) can be imported;
    other objects, and those of `mapping`, are bound by their names there."""
    names: List[str] = []
    for one in objects:
        if isinstance(one, types.ModuleType):
            one = one.__name__
        if isinstance(one, str):
            names.append(one)
        elif hasattr(one, "__name__"):
            mapping[one.__name__] = one
        else:
            raise TypeError("Objects must be modules or functions, not %r" % (one,))
    return depend(_require, *names, **mapping)


def _require(*modules: str, **mapping: Any) -> bool:
    space = vars(sys.modules["__main__"])
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            return False
        space[name.partition(".")[0]] = sys.modules[name.partition(".")[0]]
    space.update(mapping)
    return True


def interactive(function: Any) -> Any:
    """A function as if it had been typed: its globals are those of the place where it is called."""
    if isinstance(function, types.FunctionType):
        made = types.FunctionType(function.__code__, vars(sys.modules["__main__"]),
                                  function.__name__, function.__defaults__, function.__closure__)
        made.__kwdefaults__ = function.__kwdefaults__
        made.__dict__.update(function.__dict__)
        made.__module__ = "__main__"
        return made
    function.__module__ = "__main__"
    return function
