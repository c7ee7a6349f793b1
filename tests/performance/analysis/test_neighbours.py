"""Who else had the CPUs, and whether the node began them."""

import os
from pathlib import Path

import pytest

from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.neighbours import (
    Neighbour,
    ProcessNow,
    neighbours,
    processes_now,
)
from aiex.testing.evidence import healthy, loop_state

BEFORE = {
    1: ProcessNow("init", 0, 5.0),
    10: ProcessNow("aiex", 1, 3.0),
    11: ProcessNow("sh", 10, 0.0),
    20: ProcessNow("builder", 1, 7.0),
}
AFTER = BEFORE | {
    10: ProcessNow("aiex", 1, 9.0),
    12: ProcessNow("sort", 11, 6.0),
    20: ProcessNow("builder", 1, 9.0),
}


def test_those_with_the_most_cpu_are_told_and_whose_they_are() -> None:
    assert neighbours(BEFORE, AFTER, 10) == (
        Neighbour("sort", 12, 6.0, is_own=True),
        Neighbour("builder", 20, 2.0, is_own=False),
    )


def test_this_process_is_seen_with_its_parent() -> None:
    own = processes_now()[os.getpid()]
    assert own.parent == os.getppid()


def test_a_name_may_have_brackets_and_what_ended_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    fields = " ".join(["S", "1", *["0"] * 9, "200", "100", "0"])
    (tmp_path / "7" / "stat").write_text(f"7 (a) b) {fields}\n")
    (tmp_path / "8").mkdir()
    (tmp_path / "self").mkdir()
    assert processes_now(tmp_path) == {7: ProcessNow("a) b", 1, 300 / os.sysconf("SC_CLK_TCK"))}
    assert processes_now(tmp_path / "nowhere") == {}


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ((Neighbour("sort", 12, 16.0, is_own=True),), "Processes that the node itself began"),
        ((Neighbour("builder", 20, 16.0, is_own=False),), "Other processes of the machine"),
        ((), "Other processes of the machine"),
    ],
)
def test_who_has_the_cpus_is_said(others: tuple[Neighbour, ...], words: str) -> None:
    evidence = healthy(loop=loop_state(starved=0.8, lag_s=0.1, mean_s=0.09), neighbours=others)
    (found,) = [one for one in diagnosed(evidence) if one.cause == "starved"]
    assert words in found.text
    assert all(one.name in " ".join(found.evidence) for one in others)
