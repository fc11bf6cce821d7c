"""Sequences in parts: for %scatter, and back together for %gather."""

from __future__ import annotations

import functools
import itertools
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable, List, Sequence, Tuple


def bounds(length: int, count: int) -> List[Tuple[int, int]]:
    """[(start, end), ...] of `count` parts of a sequence, in order; the first ones are longer by
    one where they cannot be equal."""
    least, longer = divmod(length, count)
    ends = list(itertools.accumulate(least + (i < longer) for i in range(count)))
    return list(zip([0, *ends], ends))


def partition(sequence: Any, count: int, flatten: bool = False) -> List[Any]:
    """The sequence as a list of `count` parts: slices of it, of arrays along their first axis. What
    cannot be sliced (an iterator, a set, a dict) becomes lists. `flatten`: a part of one value is
    that value."""
    if isinstance(sequence, range):
        sequence = list(sequence)
    try:
        length = len(sequence)
        parts = [sequence[start:end] for start, end in bounds(length, count)]
    except (TypeError, KeyError):
        sequence = list(sequence)
        parts = [sequence[start:end] for start, end in bounds(len(sequence), count)]
    return [part[0] if flatten and len(part) == 1 else part for part in parts]


def arguments(*args: Any, **kwargs: Any) -> List[Any]:
    """Those of one call, as %submit sends them."""
    return [[list(args), kwargs]]


def plain(value: Any) -> Any:
    """A value of a sweep: numpy's numbers as Python's, in a dict as well, whose keys become texts."""
    if isinstance(value, dict):
        return {str(key): plain(each) for key, each in value.items()}
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    return value


def call_plainly(function: Callable[..., Any], *args: Any) -> Any:
    return plain(function(*args))


def plainly(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, whose values are made plain."""
    return functools.partial(call_plainly, function)


def join(parts: Sequence[Any]) -> Any:
    """The parts one behind the other: arrays as one array, text as one text, anything else that
    has items as a list; values that have none are items themselves."""
    numpy = sys.modules.get("numpy")
    if numpy and parts and all(isinstance(p, numpy.ndarray) and p.ndim for p in parts):
        return numpy.concatenate(parts)
    if parts and all(type(p) in (str, bytes, bytearray, tuple) for p in parts) and len(
            {type(p) for p in parts}) == 1:
        return sum(parts[1:], parts[0]) if type(parts[0]) is tuple else parts[0][:0].join(parts)
    joined = []
    for part in parts:
        if hasattr(part, "__iter__") and not isinstance(part, (str, bytes, dict)):
            joined.extend(part)
        else:
            joined.append(part)
    return joined


class Failures:
    """The values of a batch of which some failed: `values`, with None in their places, and
    `errors`, {place: error map}."""

    def __init__(self, values: List[Any], errors: Any) -> None:
        self.values = values
        self.errors = errors


class Batch:
    """A function over items: called with sequences, it gives the list of its values, or Failures."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *sequences: Iterable[Any]) -> Any:
        function = self.function
        found: List[Any] = []
        failures = {}
        items = zip(*sequences) if len(sequences) > 1 else sequences[0]
        single = len(sequences) == 1
        for item in items:
            try:
                found.append(function(item) if single else function(*item))
            except Exception as problem:
                from . import errors

                failures[len(found)] = errors.error_map(problem, vars(sys.modules["__main__"]))
                found.append(None)
        return Failures(found, failures) if failures else found


class Each:
    """A function over items: called with sequences, it gives the list of its values. With
    `keep_failures` exceptions stand in the places of values."""

    def __init__(self, function: Callable[..., Any], keep_failures: bool = False) -> None:
        self.function = function
        self.keep_failures = keep_failures

    def __call__(self, *sequences: Iterable[Any]) -> List[Any]:
        if self.keep_failures:
            return [self.attempt(*items) for items in zip(*sequences)]
        return [self.function(*items) for items in zip(*sequences)]

    def attempt(self, *items: Any) -> Any:
        try:
            return self.function(*items)
        except Exception as problem:
            return problem
