"""scripts/check-instructions judges what it counts: that of a map, which is quick."""

import re
import subprocess

import pytest

from conftest import ROOT

pytestmark = pytest.mark.deadline(120)  # it may have to build


@pytest.fixture
def bounds(tmp_path):
    return tmp_path / "instructions"


def check(bounds, *args):
    """(exit status, what was printed)"""
    done = subprocess.run([ROOT / "scripts/check-instructions", "--bounds", bounds, *args, "map"],
                          capture_output=True, text=True, timeout=100, check=False)
    if "valgrind is not installed" in done.stdout:
        pytest.skip("valgrind is not installed")
    assert done.stderr == ""
    return done.returncode, done.stdout


def record(bounds, factor=1.0):
    """Records what is counted, times a factor."""
    status, _ = check(bounds, "--write")
    assert status == 0
    text = bounds.read_text()
    assert re.search(r"^map +[1-9]\d{3} ", text, re.M), "a map costs some thousand instructions"
    bounds.write_text(re.sub(r"^map +(\d+)", lambda row: f"map {int(int(row[1]) * factor)}", text,
                             flags=re.M))


def test_what_was_recorded_passes_since_counts_repeat(bounds):
    record(bounds)
    status, said = check(bounds)
    assert status == 0
    assert re.search(r"^map .* 1\.00$", said, re.M)
    assert "recorded:" not in said and "judged" not in said


def test_a_bound_that_is_too_low_fails(bounds):
    record(bounds, 0.9)
    status, said = check(bounds)
    assert status == 1
    assert "over 10 % more than recorded, or not recorded: map" in said


def test_much_less_than_recorded_asks_to_be_recorded_and_passes(bounds):
    record(bounds, 1.2)
    status, said = check(bounds)
    assert status == 0
    assert "much less than recorded: map: scripts/check-instructions --write" in said


def test_what_is_not_recorded_fails(bounds):
    status, said = check(bounds)
    assert status == 1
    assert "or not recorded: map" in said


def test_counts_of_other_libraries_are_not_judged(bounds):
    record(bounds, 0.1)
    bounds.write_text(bounds.read_text().replace("libzmq ", "libzmq 9."))
    status, said = check(bounds)
    assert status == 0
    assert "not judged" in said
