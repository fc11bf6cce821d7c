"""How a client's last messages ended.

Dicts that are filled once and then dropped as a whole: one that is filled at one end and emptied at
the other is made anew again and again, and larger each time."""

from __future__ import annotations

from typing import Dict, Iterable, List

EACH = 2048      # messages of a dict
DICTS = 5
KEPT = (DICTS - 1) * EACH  # of the last ones at least


class Endings:
    """Whether messages ended well, by msg_id; of the last KEPT at least."""

    def __init__(self) -> None:
        self._kept: List[Dict[str, bool]]  # the newest first; a change is another list
        self.clear()

    def add(self, msg_id: str, well: bool) -> None:
        """By one thread at a time; others may look meanwhile."""
        self._kept[0][msg_id] = well
        if len(self._kept[0]) >= EACH:
            self._kept = [{}, *self._kept[:-1]]

    def of(self, ids: Iterable[str]) -> Dict[str, bool]:
        """Of these, those that are known to have ended."""
        kept = self._kept
        return {one: some[one] for one in ids for some in kept if one in some}

    def __contains__(self, msg_id: str) -> bool:
        return any(msg_id in some for some in self._kept)

    def clear(self) -> None:
        self._kept = [{} for _ in range(DICTS)]
