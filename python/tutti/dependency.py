"""What a balanced task waits for."""

from __future__ import annotations

import threading
from typing import (TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Set)

from . import error
from .connection import CALL, ERROR, REFUSED, Ended

if TYPE_CHECKING:
    from .asyncresult import Part
    from .client import Client
    from .view import LoadBalancedView


class Dependency(Set[str]):
    """msg_ids of which all, or any, must have ended before a task starts: well (success), badly
    (failure), or both."""

    def __init__(self, dependencies: Any = (), all: bool = True, success: bool = True,
                 failure: bool = False) -> None:
        if not (success or failure):
            raise ValueError("Must depend on at least one of successes or failures!")
        super().__init__(msg_ids(dependencies))
        self.all = all
        self.success = success
        self.failure = failure

    def _wanted(self, completed: Iterable[str], failed: Iterable[str]) -> Set[str]:
        against: Set[str] = set()
        if self.success:
            against |= set(completed)
        if self.failure:
            against |= set(failed)
        return against

    def check(self, completed: Iterable[str], failed: Optional[Iterable[str]] = None) -> bool:
        """Whether it is met when these have ended well, and those badly."""
        if not self:
            return True
        against = self._wanted(completed, failed or ())
        return self.issubset(against) if self.all else not self.isdisjoint(against)

    def unreachable(self, completed: Iterable[str], failed: Optional[Iterable[str]] = None) -> bool:
        """Whether it can never be met."""
        if not self:
            return False
        against: Set[str] = set()
        if not self.success:
            against |= set(completed)
        if not self.failure:
            against |= set(failed or ())
        return not self.isdisjoint(against) if self.all else self.issubset(against)

    def as_dict(self) -> Dict[str, Any]:
        return {"dependencies": list(self), "all": self.all, "success": self.success,
                "failure": self.failure}

    @classmethod
    def from_dict(cls, found: Dict[str, Any]) -> "Dependency":
        return cls(**found)


def msg_ids(jobs: Any) -> List[str]:
    """The msg_ids that results, ids, or a list of both mean."""
    if jobs is None:
        return []
    if isinstance(jobs, str):
        return [jobs]
    if hasattr(jobs, "msg_ids"):
        return list(jobs.msg_ids)
    if not isinstance(jobs, Iterable):
        raise TypeError("Dependencies may only be set, list, tuple or AsyncResult, not %r"
                        % type(jobs).__name__)
    return [one for job in jobs for one in msg_ids(job)]


def as_dependency(jobs: Any) -> Dependency:
    return jobs if isinstance(jobs, Dependency) else Dependency(jobs)


class _Waiting:
    """A task that waits here, since only we know of what it waits for: until one or all of its
    dependencies have ended as it wants."""

    def __init__(self, view: "LoadBalancedView", part: "Part", needed: Sequence[Dependency],
                 send: Any) -> None:
        self.client = view.client
        self.part = part
        self.needed = needed
        self.send = send
        self.completed: Set[str] = set()
        self.failed: Set[str] = set()

    def look(self, *_: Any) -> bool:
        """What has become of its dependencies: whether that decides it. Under the lock of events."""
        for one, well in self.client._ended_of(set().union(*self.needed)).items():
            (self.completed if well else self.failed).add(one)
        if self.part.done:
            pass
        elif any(one.unreachable(self.completed, self.failed) for one in self.needed):
            self.part.on_result(Ended.nowhere(
                REFUSED, "what it depends on has not ended as it must"), True)
        elif self.met():
            self.send()
        else:
            return False
        self.client._unwatch(self.look)
        return True

    def met(self) -> bool:
        return all(one.check(self.completed, self.failed) for one in self.needed)

    def begin(self) -> None:
        with self.client._connection.dispatching:
            if not self.look():
                self.client._watch(self.look)


def reroute(part: "Part", ended: Ended) -> bool:
    """Where an engine has raised UnmetDependency another one is asked, if there is one: whether
    that is so."""
    if part.request is None or not ended.frames:
        return False
    failure = ended.body()[4]
    if not failure or failure.get("type") not in error.UNMET:
        return False
    op, engines, blob, frames, label = part.request
    left = set(part.client.ids if engines is None else engines)
    left.discard(ended.engine)
    if not left:
        return False
    part.request = op, sorted(left), blob, frames, label
    part.client._connection.submit(part, part.ticket, op, sorted(left), frames, balanced=True,
                                   blob=blob, label=label, retries=part.retries)
    return True


def submit(view: "LoadBalancedView", part: "Part", engines: Optional[Sequence[int]],
           blob: bytes, frames: Sequence[Any], label: str) -> None:
    """Sends a task of the view. What the controller can wait for it does."""
    client = view.client
    part.retries = view.retries or 0
    if view.after is None and view.follow is None:
        client._connection.submit(part, part.ticket, CALL, engines, frames, balanced=True, blob=blob,
                                  label=label, retries=part.retries)
        return
    after, follow = as_dependency(view.after), as_dependency(view.follow)
    part.after, part.follow = sorted(after), sorted(follow)
    here = [one for one in (after, follow) if one and not (one.all and one.success
                                                           and not one.failure)]
    known = client._tickets_of(after | follow)

    waits = [known[one] for one in sorted(after) if one in known] if not here else None
    follows = [known[one] for one in sorted(follow) if one in known] if not here else None

    def send() -> None:
        client._connection.submit(
            part, part.ticket, CALL, engines, frames, balanced=True, blob=blob, label=label,
            retries=part.retries, after=waits, follow=follows)

    needed = [one for one in (after, follow) if one]
    for one in sorted(after | follow):
        if one not in known:
            raise error.InvalidDependency("no task of this client has the id %r" % one)
        if here and not client._remembers(one):
            raise error.InvalidDependency("nobody remembers how the task %r ended" % one)
    if here:
        _Waiting(view, part, needed, send).begin()
    else:
        send()
    if view.timeout and needed:
        _limit(view, part, needed)


def _limit(view: "LoadBalancedView", part: "Part", needed: Sequence[Dependency]) -> None:
    """After the view's timeout a task whose dependencies are not met ends."""
    client, seconds = view.client, view.timeout or 0

    def late() -> None:
        ended = client._ended_of(set().union(*needed))
        completed = {one for one, well in ended.items() if well}
        with client._connection.dispatching:
            if part.done or all(one.check(completed, set(ended) - completed) for one in needed):
                return
            part.exception = error.DependencyTimeout("the dependencies were not met within %g s"
                                                     % seconds)
        client._cancel([part])

    timer = threading.Timer(seconds, late)
    timer.daemon = True
    timer.start()
