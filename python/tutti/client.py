"""Client: a Python program's connection to a cluster, and its engines as views."""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import signal
import sys
import threading
import time
import warnings
import weakref
from typing import (Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple,
                    Union)

from . import error, hub
from .asyncresult import AsyncHubResult, AsyncResult, Metadata, Part
from .connection import CANCELLED, FAILED, READY, STARTING, Connection, Ended, Engine
from .dependency import msg_ids
from .endings import Endings
from .view import BroadcastView, DirectView, LoadBalancedView, Targets

_HISTORY_KEPT = 8192  # msg_ids
_RECENT_BYTES = 64 << 10  # of one of those results at most
_RECENT_KEPT = 100      # results that nobody holds
_FINISHED = object()


class Client:
    """A client of a cluster that runs on this machine.

    connection_info, profile, cluster_id
             which cluster: its name; 'default' without one (what `tutti start --name` was told)
    cluster  a tutti.Cluster whose cluster is meant
    timeout  seconds to wait for it

    Raises OSError when there is none, TimeoutError when it does not answer. What other arguments
    of ipyparallel's Client tell (keys, tunnels) has no meaning here."""

    def __init__(self, connection_info: Any = None, *, profile: Optional[str] = None,
                 profile_dir: Optional[str] = None, ipython_dir: Optional[str] = None,
                 cluster_id: Optional[str] = None, cluster: Any = None, timeout: float = 10,
                 debug: bool = False, **ignored: Any) -> None:
        name = (connection_info or getattr(cluster, "name", None) or cluster_id or profile
                or "default")
        self.cluster = cluster
        self.profile = profile or "default"
        self.cluster_id = str(name)
        self.debug = debug
        self.block = False
        self.history: List[str] = []
        self._numbers = itertools.count(1)
        self._parts: "weakref.WeakValueDictionary[str, Part]" = weakref.WeakValueDictionary()
        self._recent: "collections.deque[Part]" = collections.deque(maxlen=_RECENT_KEPT)
        self._outstanding: Set[str] = set()
        self._endings = Endings()
        self._watchers: List[Callable[..., Any]] = []
        self._connection = self._connect(self.cluster_id, timeout)
        self.session = self._connection.session
        self._activate_in_ipython()

    @staticmethod
    def _connect(name: str, timeout: float) -> Connection:
        program = "python (%s)" % os.path.basename(sys.argv[0] or "interactive")
        until = time.monotonic() + timeout
        while True:
            try:
                return Connection(name, program, max(0.1, until - time.monotonic()))
            except OSError as problem:
                if time.monotonic() + 0.2 > until or problem.errno != 2:
                    raise
            time.sleep(0.1)  # ipyparallel's client waits for a cluster that is being started, too

    def _activate_in_ipython(self) -> None:
        """In IPython the first client gives the magics."""
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        if shell is not None and not shell.user_ns.get("_tutti_active"):
            from .ipython import activate

            shell.user_ns["_tutti_active"] = True
            activate(self.direct_view(block=True), quiet=True)

    def close(self, linger: Optional[float] = None) -> None:
        """Leaves the cluster. What was submitted goes on: another client gets it by its msg_ids
        (`get_result`). Harmless when called twice."""
        self._connection.close()

    def __repr__(self) -> str:
        return "<Client of cluster %r: %d engines>" % (self.cluster_id, len(self.ids))

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    # ---- engines

    @property
    def _engines(self) -> Dict[int, str]:
        return {engine.id: str(engine.born) for engine in self._connection.engines.values()
                if engine.state == READY}

    @property
    def ids(self) -> List[int]:
        """The numbers of the engines that work, sorted."""
        return list(self._connection.ready)

    def _uuid_of(self, engine: Optional[int]) -> Optional[str]:
        found = self._connection.engines.get(engine if engine is not None else -1)
        return None if found is None else "%s-%d" % (self.cluster_id, found.born)

    def _require_engines(self) -> List[int]:
        ids = self.ids
        if not ids:
            if self._connection.gone is not None:
                raise error.EngineError(self._connection.gone)
            raise error.NoEnginesRegistered()
        return ids

    def _build_targets(self, targets: Any) -> Tuple[List[int], bool]:
        """The engines that are meant, and whether it is a single one by its number."""
        ids = self._require_engines()
        if targets is None or targets == "all":
            return ids, False
        if isinstance(targets, bool) or isinstance(targets, str):
            raise TypeError("%r not valid str target, must be 'all'" % (targets,))
        if isinstance(targets, int):
            wanted = ids[targets] if targets < 0 else targets
            if wanted not in self._connection.engines:
                raise IndexError("No such engine: %i" % targets)
            return [wanted], True
        if isinstance(targets, slice):
            return ids[targets], False
        if not isinstance(targets, (tuple, list, range, set)):
            raise TypeError("targets by int/slice/collection of ints only, not %s" % type(targets))
        chosen = [ids[one] if one < 0 else one for one in targets]
        for one in chosen:
            if one not in self._connection.engines:
                raise IndexError("No such engine: %i" % one)
        return chosen, False

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[DirectView]:
        for engine in self.ids:
            yield self.direct_view(engine)

    def __getitem__(self, key: Any) -> DirectView:
        """A DirectView: of one engine for an int, of several for a slice, list, tuple or range."""
        if not isinstance(key, (int, slice, tuple, list, range)) or isinstance(key, bool):
            raise TypeError("key by int/slice/iterable of ints only, not %s" % type(key))
        return self.direct_view(key)

    def direct_view(self, targets: Any = "all", **flags: Any) -> DirectView:
        """A DirectView. 'all' is looked up at each call."""
        return DirectView(self, self._targets_of(targets), **flags)

    def _targets_of(self, targets: Any) -> Any:
        if targets is None or targets == "all":
            return "all"
        found, single = self._build_targets(targets)
        return found[0] if single else found

    def load_balanced_view(self, targets: Any = None, **flags: Any) -> LoadBalancedView:
        """A LoadBalancedView: of any engine, or of certain ones."""
        if targets in (None, "all"):
            return LoadBalancedView(self, None, **flags)
        return LoadBalancedView(self, self._build_targets(targets)[0], **flags)

    def broadcast_view(self, targets: Any = "all", is_coalescing: bool = False,
                       **flags: Any) -> BroadcastView:
        """A BroadcastView of the engines as of now."""
        return BroadcastView(self, self._build_targets(targets)[0], is_coalescing=is_coalescing,
                             **flags)

    def executor(self, targets: Any = None) -> Any:
        """A concurrent.futures.Executor over a balanced view."""
        return self.load_balanced_view(targets).executor

    def activate(self, targets: Any = "all", suffix: str = "") -> DirectView:
        """A blocking view that IPython's magics use."""
        view = self.direct_view(targets, block=True)
        view.activate(suffix)
        return view

    def wait_for_engines(self, n: Optional[int] = None, *, timeout: float = -1, block: bool = True,
                         interactive: Optional[bool] = None, widget: Any = None) -> Any:
        """Waits until n engines (without n: one, or all that are starting) work.

        Raises TimeoutError after `timeout` seconds, EngineError when one has failed meanwhile.
        With block=False a Future."""
        def enough() -> bool:
            if n is not None:
                return len(self.ids) >= n
            states = [engine.state for engine in self._connection.engines.values()]
            return READY in states and STARTING not in states

        def wait() -> None:
            def failed() -> Optional[Engine]:
                return next((one for one in self._connection.engines.values() if one.state == FAILED),
                            None)

            limit = None if timeout is None or timeout < 0 else timeout
            met = self._connection.wait(
                lambda: enough() or failed() is not None or self._connection.gone is not None,
                limit)
            bad = failed()
            if enough():
                return
            if self._connection.gone is not None:
                raise error.EngineError(self._connection.gone)
            if met and bad is not None:
                raise error.EngineError("engine %d has failed: %s" % (bad.id, bad.text))
            raise TimeoutError("%s engines not ready in %s seconds. Currently ready: %s"
                               % (n, timeout, len(self.ids)))

        if block:
            wait()
            return None
        import concurrent.futures

        future: "concurrent.futures.Future[None]" = concurrent.futures.Future()

        def run() -> None:
            try:
                wait()
            except BaseException as problem:
                future.set_exception(problem)
            else:
                future.set_result(None)

        threading.Thread(target=run, daemon=True).start()
        return future

    # ---- what was sent

    def _note(self, parts: Sequence[Part]) -> None:
        self.history += [part.msg_id for part in parts]  # in one step: other threads do so, too
        if len(self.history) > _HISTORY_KEPT + 1024:
            del self.history[:-_HISTORY_KEPT]
        for part in parts:
            self._outstanding.add(part.msg_id)
            self._parts[part.msg_id] = part

    def _forget(self, parts: Sequence[Part]) -> None:
        """They could not be sent."""
        for part in parts:
            self._outstanding.discard(part.msg_id)
            self._parts.pop(part.msg_id, None)

    def _on_part(self, part: Part) -> None:
        """A part has ended."""
        self._outstanding.discard(part.msg_id)
        if part.nbytes <= _RECENT_BYTES:
            self._recent.append(part)
        self._endings.add(part.msg_id, part.exception is None)
        for look in list(self._watchers):
            look(part)

    def _watch(self, look: Callable[..., Any]) -> None:
        self._watchers.append(look)

    def _unwatch(self, look: Callable[..., Any]) -> None:
        if look in self._watchers:
            self._watchers.remove(look)

    def _ended_of(self, ids: Iterable[str]) -> Dict[str, bool]:
        """Of these, those that have ended: whether well."""
        return self._endings.of(ids)

    def _tickets_of(self, ids: Iterable[str]) -> Dict[str, int]:
        """The connection's numbers of tasks of this client."""
        found = {}
        for one in ids:
            session, _, number = one.partition("_")
            if session == self.session:
                found[one] = int(number.partition(".")[0])
        return found

    def _remembers(self, msg_id: str) -> bool:
        """Whether it is known how a message ended, or will be."""
        return msg_id in self._outstanding or msg_id in self._endings

    @property
    def outstanding(self) -> Set[str]:
        """msg_ids that have no result yet."""
        return set(self._outstanding)

    @property
    def results(self) -> Dict[str, Any]:
        """{msg_id: result, or exception} of what has ended and is still held."""
        return {one: part.exception if part.exception is not None else part.result
                for one, part in list(self._parts.items()) if part.done}

    @property
    def metadata(self) -> Dict[str, Metadata]:
        """{msg_id: metadata} of what is still held."""
        return {one: part.metadata() for one, part in list(self._parts.items())}

    def _parts_of(self, jobs: Any) -> List[Part]:
        """The parts that AsyncResults, msg_ids, indices into the history, or lists of them mean.
        Raises KeyError for one that is not held any more."""
        if jobs is None:
            return []
        if isinstance(jobs, int):
            jobs = self.history[jobs]
        if isinstance(jobs, slice):
            jobs = self.history[jobs]
        if isinstance(jobs, AsyncResult):
            return list(jobs._parts)
        if isinstance(jobs, str):
            part = self._parts.get(jobs)
            if part is None:
                raise KeyError("No such msg_id: %s" % jobs)
            return [part]
        return [part for one in jobs for part in self._parts_of(one)]

    def _part_of_other(self, msg_id: str, method: str, label: str, engine: Optional[int],
                       submitted: float) -> Part:
        """A part for what is fetched from the controller."""
        part = Part(self, 0, engine, method, label or None)
        part.msg_id, part.balanced, part.submitted = msg_id, engine is None, submitted
        self._parts[msg_id] = part
        return part

    def _found(self, jobs: Any) -> Tuple[List[Part], bool]:
        """The parts that are meant, and whether some of them are fetched from the controller. Raises
        KeyError for what is not known there either."""
        try:
            return self._parts_of(jobs), False
        except KeyError:
            pass
        if isinstance(jobs, (int, slice)):
            jobs = self.history[jobs]
        if isinstance(jobs, str):
            jobs = [jobs]
        held: Dict[int, List[Part]] = {}
        missing: List[Tuple[int, str]] = []
        jobs = list(jobs)
        for place, one in enumerate(jobs):
            name = self.history[one] if isinstance(one, int) else one
            if isinstance(name, str) and name not in self._parts:
                missing.append((place, name))
            else:
                held[place] = self._parts_of(name)
        for (place, _), part in zip(missing, hub.fetch(self, [name for _, name in missing])):
            held[place] = [part]
        return [part for place in range(len(jobs)) for part in held[place]], True

    # ---- waiting

    def wait(self, jobs: Any = None, timeout: Optional[float] = -1) -> bool:
        """Waits for jobs (AsyncResults, msg_ids, indices; None: all that is outstanding) at most
        `timeout` seconds, -1 for ever: whether all are done."""
        limit = None if timeout is None or timeout < 0 else timeout
        if jobs is None:
            return self._connection.wait(lambda: not self._outstanding, limit)
        if not isinstance(jobs, (str, int, slice, AsyncResult)):
            jobs = [one for one in jobs
                    if not isinstance(one, str) or one in self._outstanding]
        parts = self._parts_of(jobs)
        return self._connection.wait(lambda: all(part.done for part in parts), limit)

    def wait_interactive(self, jobs: Any = None, interval: float = 1.0,
                         timeout: float = -1.0) -> Any:
        """The same, with a line of progress."""
        parts = self._parts_of(sorted(self._outstanding) if jobs is None else jobs)
        AsyncResult(self, parts, "client").wait_interactive(interval, timeout)

    def spin(self) -> None:
        """Harmless: results come by themselves."""
        warnings.warn("Client.spin has no effect", DeprecationWarning, stacklevel=2)

    def spin_thread(self, interval: float = 1) -> None:
        """Harmless: results come by themselves."""
        warnings.warn("Client.spin_thread has no effect", DeprecationWarning, stacklevel=2)

    def stop_spin_thread(self) -> None:
        """Harmless: results come by themselves."""
        warnings.warn("Client.stop_spin_thread has no effect", DeprecationWarning, stacklevel=2)

    # ---- results

    def get_result(self, indices_or_msg_ids: Any = None, block: Optional[bool] = None,
                   owner: bool = True) -> Any:
        """The AsyncResult of earlier work: by msg_id, by index into the history (-1 without
        one), by AsyncResults, or by a list of them. Of another client's work, or of what this one
        has let go of, it is an AsyncHubResult: the controller has results that came when their
        client had gone (the latest 64 MiB), and others up to 4 KiB (some 4,000 of them). Raises
        KeyError for what is not known there either, or has no result there."""
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        parts, fetched = self._found(jobs)
        single = isinstance(jobs, (int, str)) and len(parts) == 1
        kind = AsyncHubResult if fetched else AsyncResult
        result = kind(self, parts, parts[0].label or parts[0].method if parts else "",
                             single=single, owner=owner)
        if self.block if block is None else block:
            result.wait()
        return result

    def result_status(self, msg_ids: Any, status_only: bool = True) -> Dict[str, Any]:
        """{'pending': [msg_id], 'completed': [msg_id]}; without status_only {msg_id: result},
        too. Raises KeyError for one that is not known."""
        parts, fetched = self._found(msg_ids)
        if fetched:  # what is kept is on its way
            ended = {name for name, (_, part) in
                     hub.records_of(self, [p.msg_id for p in parts if not p.done]).items()
                     if part.ended}
            self._connection.wait(lambda: all(p.done for p in parts if p.msg_id in ended), 10)
        found: Dict[str, Any] = {"pending": [p.msg_id for p in parts if not p.done],
                                 "completed": [p.msg_id for p in parts if p.done]}
        if not status_only:
            for part in parts:
                if part.done:
                    found[part.msg_id] = (part.exception if part.exception is not None
                                          else part.result)
        return found

    def queue_status(self, targets: Any = "all", verbose: bool = False) -> Any:
        """{engine: {'queue': tasks there that have not ended, 'completed': n, 'tasks': balanced
        ones among them}, 'unassigned': n}; for one engine its own dict."""
        engines, single = self._build_targets(targets)
        report = self._connection.status()
        rows = {int(row["id"]): row for row in report.get("engines", [])}
        found: Dict[Any, Any] = {"unassigned": int(report.get("counts", {}).get("waiting", 0))}
        for engine in engines:
            row = rows.get(engine, {})
            found[engine] = {"queue": int(row.get("queue", 0)) + bool(row.get("running")),
                             "completed": int(row.get("done", 0)), "tasks": 0}
        return found[engines[0]] if single else found

    # ---- ending

    def abort(self, jobs: Any = None, targets: Any = None, block: Optional[bool] = None) -> None:
        """Aborts tasks that have not started (None: all; of certain engines, with targets): they
        raise TaskAborted. What runs goes on."""
        parts, _ = self._found(sorted(self._outstanding) if jobs is None else jobs)
        if targets is not None:
            engines = set(self._build_targets(targets)[0])
            parts = [part for part in parts if part.engine in engines]
        self._cancel(parts, waiting=True)

    def _cancel(self, parts: Sequence[Part], waiting: bool = False) -> None:
        """Ends what has not ended of these; with `waiting` what runs goes on. What waits here, and
        was not sent yet, ends at once."""
        connection = self._connection
        with connection.dispatching:
            left = [part for part in parts if not part.done]
            for ticket in {part.ticket for part in left if connection.has(part.ticket)}:
                connection.cancel(ticket, waiting)
            for part in left:
                if not connection.has(part.ticket):
                    part.on_result(Ended.nowhere(CANCELLED, "aborted before it started"), True)
        connection.settle()

    def clear(self, targets: Any = None, block: Optional[bool] = None) -> Any:
        """Empties the namespaces of engines."""
        return self.direct_view("all" if targets is None else targets).clear(
            block=self.block if block is None else block)

    def send_signal(self, sig: "Union[int, str]", targets: Any = None,
                    block: Optional[bool] = None) -> None:
        """Sends the processes of engines a signal: its number, or a name as 'SIGUSR1' or 'USR1'.
        SIGINT interrupts what runs, exactly. Raises ValueError for what is no signal."""
        if isinstance(sig, str):
            name = sig.upper() if sig.upper().startswith("SIG") else "SIG" + sig.upper()
            if not hasattr(signal, name):
                raise ValueError("no signal %r" % sig)
            sig = int(getattr(signal, name))
        if not 0 < int(sig) <= signal.SIGRTMAX:
            raise ValueError("no signal %r" % sig)
        engines = self._build_targets(targets)[0]
        if sig == signal.SIGINT:
            self._connection.ask("interrupt", engines)
        else:
            self._connection.ask("signal", engines, int(sig))

    def resubmit(self, indices_or_msg_ids: Any = None, metadata: Any = None,
                 block: Optional[bool] = None) -> AsyncResult:
        """Does earlier work again, with its arguments: an AsyncResult of new messages. Raises
        KeyError for what is not held any more, RuntimeError for what was no call."""
        jobs = -1 if indices_or_msg_ids is None else indices_or_msg_ids
        parts = [self._again(part) for part in self._parts_of(jobs)]
        single = isinstance(jobs, (int, str)) and len(parts) == 1
        result = AsyncResult(self, parts, "resubmit", single=single)
        if self.block if block is None else block:
            result.wait()
        return result

    def _again(self, old: Part) -> Part:
        if old.request is None:
            raise RuntimeError("the message %s cannot be sent again" % old.msg_id)
        op, engines, blob, frames, label = old.request
        ticket = self._connection.ticket()
        part = Part(self, ticket, None if old.balanced else old.engine, old.method, old.label,
                    old.items)
        part.balanced, part.request, part.input = old.balanced, old.request, old.input
        self._note([part])
        if old.engine is not None and not old.balanced:
            engines = [old.engine]
        self._connection.submit(part, ticket, op, engines, frames,
                                balanced=old.balanced, blob=blob, label=label)
        return part

    def hub_history(self) -> List[str]:
        """The msg_ids of all that the controller remembers, whosever it was, the oldest first."""
        return [row["msg_id"] for row in hub.rows(self)]

    def db_query(self, query: Dict[str, Any],
                 keys: Optional[Iterable[str]] = None) -> List[Dict[str, Any]]:
        """What the controller remembers of messages: {key: value} each, of those for which the
        query holds, the oldest first.

        query  {key: value, or {operator: value}}; operators are $eq $ne $lt $lte $gt $gte $in $nin
               $all $mod $exists. Keys: msg_id, client_uuid, engine_uuid, engine_id, submitted,
               started, completed, received (datetimes; None before), status ('ok', 'error',
               'aborted'; None before), label, queue ('task' for balanced work, else 'mux'), ...
        keys   which keys are wanted, besides msg_id; None: all. stdout, stderr, execute_result,
               error and outputs are filled in only when they are named here, where a result is kept

        Raises KeyError for an operator or a key that there is not."""
        return hub.query(self, query, keys)

    def shutdown(self, targets: Any = "all", restart: bool = False, hub: bool = False,
                 block: Optional[bool] = None) -> None:
        """Ends engines; with hub the whole cluster, and closes the client."""
        if restart:
            raise NotImplementedError("Engine restart is not yet implemented")
        if hub:
            with contextlib.suppress(RuntimeError):  # it may be gone ahead of its answer
                self._connection.ask("stop")
            self.close()
            return
        self._connection.ask("end", self._build_targets(targets)[0])

    # ---- forgetting

    def purge_local_results(self, jobs: Any = [], targets: Any = []) -> None:
        """Lets go of results here. Raises RuntimeError for what is outstanding."""
        if jobs == "all":
            if self._outstanding:
                raise RuntimeError("Can't purge outstanding tasks: %s" % sorted(self._outstanding))
            self._recent.clear()
            self._parts.clear()
            return
        if targets != "all" and not jobs and not targets and targets != 0:
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        parts = self._parts_of(jobs)
        if targets or targets == 0:
            engines = set(self._build_targets(targets)[0])
            parts += [one for one in list(self._parts.values()) if one.engine in engines]
        late = [one.msg_id for one in parts if not one.done]
        if late:
            raise RuntimeError("Can't purge outstanding tasks: %s" % late)
        for part in parts:
            self._parts.pop(part.msg_id, None)
            if part in self._recent:
                self._recent.remove(part)

    def purge_results(self, jobs: Any = [], targets: Any = []) -> None:
        """purge_local_results and purge_hub_results"""
        self.purge_hub_results(jobs, targets)
        self.purge_local_results(jobs, targets)

    def purge_hub_results(self, jobs: Any = [], targets: Any = []) -> None:
        """Has the controller forget what has ended: 'all', AsyncResults, msg_ids, or what certain
        engines did. Raises ValueError when nothing is named, RuntimeError for what is pending."""
        if jobs == "all" or targets == "all":
            self._connection.records(forget=True)
            return
        if not jobs and not targets and targets != 0:
            raise ValueError("Must specify at least one of `targets` and `jobs`")
        names = self._names_of(jobs) if jobs else []
        if targets or targets == 0:
            engines = self._build_targets(targets)[0]
            names += [row["msg_id"] for row in hub.query(self, {"engine_id": {"$in": engines}})
                      if row["completed"]]
        sessions: Dict[str, List[int]] = {}
        for name in names:
            session, number = hub.split(name)
            sessions.setdefault(session, []).append(number)
        pending = 0
        for session, numbers in sessions.items():
            pending += sum(not part.ended for one in self._connection.records(session, numbers)
                           for part in one.parts)
        if pending:
            raise RuntimeError("Can't purge outstanding tasks: %d" % pending)
        for session, numbers in sessions.items():
            self._connection.records(session, numbers, forget=True)

    def _names_of(self, jobs: Any) -> List[str]:
        """The msg_ids that AsyncResults, msg_ids, indices, or lists of them mean."""
        if isinstance(jobs, str):
            return [jobs]
        if isinstance(jobs, (int, slice)):
            return self._names_of(self.history[jobs])
        if isinstance(jobs, AsyncResult):
            return jobs.msg_ids
        return [name for one in jobs for name in self._names_of(one)]

    def purge_everything(self) -> None:
        """Lets go of results and of the history."""
        self.purge_local_results("all")
        self.history.clear()
        self._endings.clear()
