"""What grows is looked for in a process of its own: one that has run thousands of tests has grown.

The tests are those of `growth_cases.py`, which pytest runs by hand too.
"""

import subprocess
import sys
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("growth_cases.py")


@pytest.mark.slow
def test_every_case_of_growth_is_found_in_a_young_process() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, check=False, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout[-10_000:]
    assert " passed" in done.stdout
