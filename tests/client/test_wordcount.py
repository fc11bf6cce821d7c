"""examples/wordcount.py, as a user runs it."""

import os
import subprocess
import sys

import tutti as ipp
from e2e.harness import ROOT


def test_the_script(four):
    env = {**os.environ, "PYTHONPATH": os.path.dirname(os.path.dirname(ipp.__file__))}
    got = subprocess.run([sys.executable, ROOT / "examples/wordcount.py"], env=env, capture_output=True, text=True,
                         timeout=300)
    assert got.returncode == 0 and len(got.stdout.splitlines()) == 10, got
    assert " on 4 engines: elapsed " in got.stderr
