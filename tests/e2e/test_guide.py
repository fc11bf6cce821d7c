"""The chapters of docs/guide.md that need one machine, typed anew. (`scripts/check-guide`)"""

import socket

import pytest

from .guide import chapters, play
from .pictures import HAS_MATPLOTLIB

MACHINES = {4, 6}  # those of tests/machines/test_guide.py
HERE = {n: one.title for n, one in chapters().items() if n not in MACHINES}


@pytest.mark.deadline(120)
@pytest.mark.parametrize("number", HERE, ids=HERE.values())
def test_chapter(cluster, number):
    if not HAS_MATPLOTLIB and any("matplotlib" in text for entry in chapters()[number].entries
                                  for _, text in entry.typed):
        pytest.skip("needs matplotlib")
    play(number, cluster, [(socket.gethostname(), "laptop")])
