"""What the controller remembers: work of other clients, and of this one's that was let go of.

The controller has a record of each task, and of results those that are small or that nobody was
there to take. ipyparallel's users know it as the Hub."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from .connection import CANCELLED, EXECUTE, OK, Ended, Listener

if TYPE_CHECKING:
    from .asyncresult import Part
    from .client import Client

UTC = datetime.timezone.utc


class RecordPart:
    """What is known of one engine's part; `ended` is Unix time, 0 before; times in seconds.

    kept  whether its result can be fetched, when it has ended"""

    __slots__ = ("engine", "born", "ended", "status", "attempt", "queued", "waited", "ran", "kept",
                 "cause", "host")

    def __init__(self, told: Sequence[Any]) -> None:
        self.engine: int = told[0]
        self.born: int = told[1]
        self.ended: float = told[2]
        self.status: int = told[3]
        self.attempt: int = told[4]
        self.queued, self.waited, self.ran = (ns / 1e9 for ns in told[5:8])
        self.kept: bool = told[8]
        self.cause: str = told[9]
        self.host: str = told[10]


class Record:
    """What is known of a task. session: 32 hex digits; submitted: Unix time."""

    __slots__ = ("session", "number", "op", "balanced", "label", "submitted", "parts")

    def __init__(self, told: Sequence[Any]) -> None:
        self.session: str = bytes(told[0]).hex()
        self.number: int = told[1]
        self.op: int = told[2]
        self.balanced: bool = told[3]
        self.label: str = told[4]
        self.submitted: float = told[5]
        self.parts = [RecordPart(one) for one in told[6]]

    @property
    def method(self) -> str:
        return "execute" if self.op == EXECUTE else "apply"

    def msg_id(self, part: RecordPart) -> str:
        name = "%s_%d" % (self.session, self.number)
        return name if self.balanced else "%s.%d" % (name, part.engine)

    @property
    def engines(self) -> Optional[List[int]]:
        return None if self.balanced else [part.engine for part in self.parts]


def split(msg_id: str) -> Tuple[str, int]:
    """(session, number) of a message's task. Raises KeyError for what is no msg_id."""
    session, _, rest = msg_id.partition("_")
    number = rest.partition(".")[0]
    if len(session) != 32 or not number.isdigit() or set(session) - set("0123456789abcdef"):
        raise KeyError("No such msg_id: %s" % msg_id)
    return session, int(number)


def records_of(client: "Client", msg_ids: Iterable[str]) -> Dict[str, Tuple[Record, RecordPart]]:
    """{msg_id: its record and part}. Raises KeyError for one that is not known (any more)."""
    wanted = list(msg_ids)
    numbers: Dict[str, List[int]] = {}
    for one in wanted:
        session, number = split(one)
        numbers.setdefault(session, []).append(number)
    found = {}
    for session, some in numbers.items():
        for record in client._connection.records(session, sorted(set(some))):
            for part in record.parts:
                found[record.msg_id(part)] = record, part
    for one in wanted:
        if one not in found:
            raise KeyError("No such msg_id: %s" % one)
    return found


class _Fetched(Listener):
    """Hears of a task of another client's; of its parts, those that are asked for."""

    __slots__ = ("record", "parts")

    def __init__(self, record: Record) -> None:
        self.record = record
        self.parts: Dict[int, "Part"] = {}  # by engine; -1: a balanced one

    def _part(self, engine: int) -> Optional["Part"]:
        return self.parts.get(-1 if self.record.balanced else engine)

    def on_result(self, ended: Ended, last: bool) -> None:
        part = self._part(ended.engine)
        if part is not None:
            for known in self.record.parts:
                if known.ended and (self.record.balanced or known.engine == ended.engine):
                    ended.received = known.ended
            part.on_result(ended, last)

    def on_output(self, engine: int, stream: int, text: bytes) -> None:
        part = self._part(engine)
        if part is not None:
            part.on_output(engine, stream, text)


def fetch(client: "Client", msg_ids: Sequence[str]) -> List["Part"]:
    """Parts that get the results of these messages: those that are kept at once, others when they
    come. Raises KeyError for one that is not known, or whose result is not kept."""
    found = records_of(client, msg_ids)
    tasks: Dict[Tuple[str, int], _Fetched] = {}
    parts = []
    for one in msg_ids:
        record, known = found[one]
        if known.ended and not known.kept:
            raise KeyError("The result of %s is not kept: it went to its own client" % one)
        listener = tasks.setdefault((record.session, record.number), _Fetched(record))
        part = client._part_of_other(one, record.method, record.label,
                                     None if record.balanced else known.engine, record.submitted)
        listener.parts[-1 if record.balanced else known.engine] = part
        parts.append(part)
    for listener in tasks.values():
        ticket = client._connection.ticket()
        for part in listener.parts.values():
            part.ticket = ticket
        client._connection.fetch(listener, ticket, listener.record)
    return parts


# ---- rows, as ipyparallel's database has them

_RESULT_KEYS = {"execute_result", "error", "stdout", "stderr", "outputs"}
_NEVER = {"buffers", "result_buffers"}


def _moment(seconds: float) -> Optional[datetime.datetime]:
    return datetime.datetime.fromtimestamp(seconds, UTC) if seconds else None


def _row(client: "Client", record: Record, part: RecordPart) -> Dict[str, Any]:
    ran = part.ended and part.ran > 0
    status = None
    if part.ended:
        status = ("ok" if part.status == OK else "aborted" if part.status == CANCELLED
                  else "error")
    uuid = "%s-%d" % (client.cluster_id, part.born) if part.born else None
    submitted, completed = _moment(record.submitted), _moment(part.ended)
    started = _moment(part.ended - part.ran) if ran else None
    name = record.msg_id(part)
    about = {"engine": uuid, "engine_id": part.engine if part.engine >= 0 else None,
             "status": status, "started": started, "date": completed}
    return {
        "msg_id": name,
        "header": {"msg_id": name, "msg_type": record.method + "_request",
                   "session": record.session, "date": submitted, "version": "5.3"},
        "metadata": {"label": record.label},
        "content": {},
        "client_uuid": record.session,
        "engine_uuid": uuid,
        "engine_id": about["engine_id"],
        "label": record.label,
        "status": status,
        "queue": "task" if record.balanced else "mux",
        "submitted": submitted,
        "started": started,
        "completed": completed,
        "received": completed,
        "resubmitted": None,
        "result_header": dict(about) if part.ended else None,
        "result_metadata": dict(about) if part.ended else None,
        "result_content": {"status": status} if part.ended else None,
        "execute_input": None,
        "execute_result": None,
        "error": part.cause or None,
        "stdout": "",
        "stderr": "",
        "outputs": [],
    }


_TESTS: Dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda a, b: bool(a == b),
    "$ne": lambda a, b: bool(a != b),
    "$lt": lambda a, b: bool(a < b),
    "$lte": lambda a, b: bool(a <= b),
    "$gt": lambda a, b: bool(a > b),
    "$gte": lambda a, b: bool(a >= b),
    "$in": lambda a, b: a in b,
    "$nin": lambda a, b: a not in b,
    "$all": lambda a, b: all(one in a for one in b),
    "$mod": lambda a, b: bool(a % b[0] == b[1]),
    "$exists": lambda a, b: (a is not None) == bool(b),
}


def _aware(value: Any) -> Any:
    """Datetimes without a zone are local time."""
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.astimezone(UTC)
    if isinstance(value, (list, tuple)):
        return [_aware(one) for one in value]
    return value


def _tests(query: Dict[str, Any]) -> List[Tuple[str, str, Any]]:
    """[(key, operator, value)]. Raises KeyError for an operator that there is not."""
    found = []
    for key, wanted in query.items():
        tests = wanted if isinstance(wanted, dict) else {"$eq": wanted}
        for name, value in tests.items():
            if name not in _TESTS:
                raise KeyError("no operator %r: there are %s" % (name, " ".join(_TESTS)))
            found.append((key, name, _aware(value)))
    return found


def _holds(row: Dict[str, Any], key: str, name: str, value: Any) -> bool:
    try:
        return _TESTS[name](row.get(key), value)
    except TypeError:  # of what is not there yet: neither less nor more
        return False


def _age(row: Dict[str, Any]) -> datetime.datetime:
    found: datetime.datetime = row["submitted"]
    return found


def rows(client: "Client") -> List[Dict[str, Any]]:
    """All that is known, a row for each message, the oldest first."""
    found = [_row(client, record, part) for record in client._connection.records()
             for part in record.parts]
    found.sort(key=_age)
    return found


def _fill(client: "Client", row: Dict[str, Any], kept: bool) -> None:
    """What only the result tells."""
    if not kept:
        return
    (part,) = fetch(client, [row["msg_id"]])
    client._connection.wait(lambda: part.done, 10)
    metadata = part.metadata()
    row.update((key, metadata[key]) for key in _RESULT_KEYS)


def query(client: "Client", wanted: Dict[str, Any],
          keys: Optional[Iterable[str]] = None) -> List[Dict[str, Any]]:
    """The rows of which all tests hold, with these keys and msg_id (None: all)."""
    tests = _tests(wanted)
    found = []
    for record in client._connection.records():
        for part in record.parts:
            row = _row(client, record, part)
            if all(_holds(row, *test) for test in tests):
                found.append((row, bool(part.ended) and part.kept))
    found.sort(key=lambda one: _age(one[0]))
    if keys is None:
        return [row for row, _ in found]
    chosen = {keys} if isinstance(keys, str) else set(keys)
    if chosen & _RESULT_KEYS:
        for row, kept in found:
            _fill(client, row, kept)
    shown = []
    for row, _ in found:
        missing = chosen - set(row) - _NEVER
        if missing:
            raise KeyError("a record has no %s: it has %s"
                           % (", ".join(sorted(missing)), " ".join(row)))
        shown.append({"msg_id": row["msg_id"], **{key: row.get(key) for key in chosen}})
    return shown
