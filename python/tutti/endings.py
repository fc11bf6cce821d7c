"""How a client's last messages ended.

Two dicts, each filled once and then dropped as a whole: one that is filled at one end and emptied
at the other is made anew again and again, and larger each time."""

from __future__ import annotations

from typing import Dict, Iterable, Tuple

KEPT = 5000  # of the last messages at least, twice as many at most


class Endings:
    """Whether messages ended well, by msg_id; of the last KEPT at least."""

    def __init__(self) -> None:
        self._kept: Tuple[Dict[str, bool], Dict[str, bool]] = ({}, {})  # the newer ones first

    def add(self, msg_id: str, well: bool) -> None:
        """By one thread at a time; others may look meanwhile."""
        newer = self._kept[0]
        newer[msg_id] = well
        if len(newer) >= KEPT:
            self._kept = {}, newer

    def of(self, ids: Iterable[str]) -> Dict[str, bool]:
        """Of these, those that are known to have ended."""
        newer, older = self._kept
        return {one: newer[one] if one in newer else older[one]
                for one in ids if one in newer or one in older}

    def __contains__(self, msg_id: str) -> bool:
        return any(msg_id in some for some in self._kept)

    def clear(self) -> None:
        self._kept = {}, {}
