"""The chapters of docs/guide.md that need one machine, typed anew. (`scripts/check-guide`)"""

import socket

import pytest

from .guide import chapters, play

MACHINES = {4, 6}  # those of tests/machines/test_guide.py
HERE = {n: one.title for n, one in chapters().items() if n not in MACHINES}


@pytest.mark.deadline(120)
@pytest.mark.parametrize("number", HERE, ids=HERE.values())
def test_chapter(cluster, number):
    play(number, cluster, [(socket.gethostname(), "laptop")])
