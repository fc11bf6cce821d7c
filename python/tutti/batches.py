"""Maps whose items travel in batches: as many at a time as an engine does within some milliseconds.

What is handed over first is single items; how long they took tells how many go together next. So
long items are balanced one by one, and short ones cost no round trip each. A failing item costs no
other one. When an engine dies, the batch that it had is lost."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Optional, Sequence, Set

from . import error, parts as _parts
from .asyncresult import AsyncMapResult, Part
from .connection import CANCELLED, OK, Ended

if TYPE_CHECKING:
    from .view import LoadBalancedView

SECONDS = 0.005      # that a batch is to take
GROWTH = 8           # times the batch before, at most
ITEMS_MOST = 50000   # of a batch
BYTES_MOST = 1 << 19
EACH_ENGINE = 2      # batches under way for each engine
_SCALARS = {int, float, complex, bool, str, bytes, type(None)}


def may_wait(sequences: Sequence[Sequence[Any]]) -> bool:
    """Whether items may be sent later than the call: nobody can change them meanwhile."""
    return all(isinstance(one, (range, str, bytes)) or set(map(type, one)) <= _SCALARS
               for one in sequences)


class BatchedMapResult(AsyncMapResult):
    """An AsyncMapResult that hands its items over while results come. Metadata, and what is
    written, are those of batches."""

    _shown = "AsyncMapResult"
    _more = 1  # what is still to be handed over counts as a part

    def __init__(self, view: "LoadBalancedView", f: Callable[..., Any],
                 sequences: Sequence[Sequence[Any]], count: int, fname: str, label: Optional[str],
                 ordered: bool, return_exceptions: bool) -> None:
        self._view = copy.copy(view)  # as its flags are now; the history is the same
        batch: Callable[..., Any] = _parts.Batch(f)
        if return_exceptions:
            batch = _parts.Each(f, True)
        self._blob = view.client._connection.ship(batch)
        self._sequences = [one if isinstance(one, (range, str, bytes, tuple)) else one[:]
                           for one in sequences]
        self._count = count
        self._label = label
        self._next = 0        # the first item that was not handed over
        self._under_way = 0   # batches
        self._size = 1        # of the last one
        self._each_s: Optional[float] = None  # that an item takes
        self._each_bytes = 1.0
        self._failures: Dict[str, Dict[int, error.RemoteError]] = {}  # by msg_id and place
        self._problem: Optional[BaseException] = None  # why the rest was not handed over
        super().__init__(view.client, [], fname, ordered=ordered,
                         return_exceptions=return_exceptions)
        with view.client._connection.dispatching:
            self._send()  # raises what pickling raises
            self._feed()

    # ---- handing over

    def _wanted(self) -> int:
        """How many items the next batch is to have."""
        left = self._count - self._next
        if self._each_s is None:
            return 1
        by_time = SECONDS / max(self._each_s, 1e-9)
        share = left / (2 * max(1, len(self._view))) + 1
        return max(1, int(min(by_time, share, ITEMS_MOST, self._size * GROWTH,
                              BYTES_MOST / self._each_bytes)))

    def _send(self) -> None:
        size = min(self._wanted(), self._count - self._next)
        end = self._next + size
        part = self._view._task(self._blob, [one[self._next:end] for one in self._sequences], {},
                                self._fname, size, self._label)
        part.owners += (self,)
        frames = part.request[3] if part.request else []
        self._each_bytes = max(1.0, sum(map(len, frames)) / size)
        self._size, self._next = size, end
        self._under_way += 1
        self._left += 1
        self._parts.append(part)

    def _feed(self) -> None:
        """Under the lock of events: hands over as much as is to be under way."""
        if not self._more:
            return
        try:
            most = EACH_ENGINE * max(1, len(self._view))
            while self._next < self._count and self._under_way < most:
                self._send()
        except BaseException as problem:
            self._problem = problem
        if self._next >= self._count or self._problem is not None:
            self._all_sent()

    def _all_sent(self) -> None:
        self._more = 0
        self._sequences = []
        self._left -= 1
        if self._left == 0:
            self._client._connection.defer(self._finish)

    def _abandon(self) -> None:
        """What was not handed over never is."""
        connection = self._client._connection
        with connection.dispatching:
            if not self._more:
                return
            rest = Part(self._client, connection.ticket(), None, "apply", self._label,
                        self._count - self._next)
            self._next = self._count
            self._parts.append(rest)
            rest.on_result(Ended.nowhere(CANCELLED, "aborted before it started"), True)
            self._all_sent()

    def _on_part(self, part: Part) -> None:
        self._under_way -= 1
        ended = part.ended
        if ended is not None and ended.status == OK and part.exception is None:
            self._read_batch(part)
            each = ended.ran / part.items
            self._each_s = each if self._each_s is None else (self._each_s + each) / 2
        if ended is not None and ended.status == CANCELLED:
            self._abandon()
        self._feed()
        super()._on_part(part)

    def _read_batch(self, part: Part) -> None:
        if isinstance(part.value, _parts.Failures):
            failures = part.value.errors
            part.value = part.value.values
            self._failures[part.msg_id] = {
                place: error.RemoteError(told.get("type") or "Error", told.get("message") or "",
                                         told.get("traceback"), part._info())
                for place, told in failures.items()}

    def _stop(self) -> None:
        self._abandon()
        super()._stop()

    def abort(self) -> None:
        if not self.ready():
            self._abandon()
        super().abort()

    # ---- the values

    def _of(self, part: Part) -> List[Any]:
        found = super()._of(part)
        for place, failure in self._failures.get(part.msg_id, {}).items():
            found[place] = failure
        return found

    def _failed(self) -> List[BaseException]:
        failed: List[BaseException] = []
        for part in self._parts:
            if part.exception is not None:
                failed.append(part.exception)
            failed += self._failures.get(part.msg_id, {}).values()
        return failed

    def _gather(self, return_exceptions: bool) -> Any:
        if self._problem is not None:
            raise self._problem
        failed = self._failed()
        if failed and not return_exceptions:
            if self._count == 1:
                raise failed[0]
            raise error.composite(failed, self._fname)
        return self._combine([])

    def successful(self) -> bool:
        return super().successful() and not self._failures and self._problem is None

    def __len__(self) -> int:
        return self._count

    def _in_turn(self) -> Iterator[Part]:
        connection = self._client._connection
        given: Set[int] = set()
        while True:
            if self.ordered:
                connection.wait(lambda: len(given) < len(self._parts) or not self._more)
                places = range(len(given), len(self._parts))
            else:
                connection.wait(lambda: (not self._more and len(given) == len(self._parts)) or any(
                    part.done for i, part in enumerate(self._parts) if i not in given))
                places = [i for i, part in enumerate(self._parts)  # type: ignore[assignment]
                          if part.done and i not in given]
            if not places:
                return
            for i in places:
                given.add(i)
                yield self._parts[i]

    def __iter__(self) -> Iterator[Any]:
        for part in self._in_turn():
            self._wait_part(part)
            failures = self._failures.get(part.msg_id, {})
            for place, value in enumerate(self._of(part)):
                if place in failures and not self._return_exceptions:
                    raise value
                yield value
        if self._problem is not None:
            raise self._problem

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            there = sum(part.items for part in self._parts)
            last = max(range(self._count)[key], default=-1) if isinstance(key, slice) else (
                range(self._count)[key])
            if last >= there:
                raise TimeoutError("Result not ready.")
            if isinstance(key, int):
                key = last
            else:
                key = slice(*key.indices(self._count))
        return super().__getitem__(key)
