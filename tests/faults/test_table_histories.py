"""Clients of the tables of three real nodes, while engines and nodes are killed, frozen and parted:
what they were told is linearizable, nothing is lost or written twice, batches are whole.

    .venv/bin/python -m pytest tests/faults/test_table_histories.py -k "[7]" -s    # seed 7 alone
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.testing.fault_round import Fault, FaultKind, Round, plan_round
from aiex.testing.linearizability import violations
from aiex.testing.network_lab import LabUnavailable
from aiex.testing.store_stage import NAMES, TABLE_KINDS, StoreStage, Story

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.slow]

OPERATIONS = 10_000
FAULTY_RATIO = 0.3
ROUNDS_MAX = 30
BEFORE = 200
PATIENCE_S = 60.0
# Longer than those who are left need to choose another leader and to write. The one that was cut
# off gives old answers meanwhile.
CUT_S = 14.0

type MakeStage = Callable[..., StoreStage]


@pytest.fixture
def make_stage(tmp_path: Path, lab_programs: None) -> Iterator[MakeStage]:
    with ExitStack() as stack:

        def make(**options: object) -> StoreStage:
            try:
                return stack.enter_context(StoreStage(tmp_path, **options))  # type: ignore[arg-type]
            except LabUnavailable as error:
                pytest.skip(str(error))

        yield make


@pytest.mark.parametrize("seed", [7])
def test_what_clients_are_told_under_faults_is_true(make_stage: MakeStage, seed: int) -> None:
    stage = make_stage(seed=seed)
    stage.until_told(BEFORE, PATIENCE_S)
    for number in range(ROUNDS_MAX):
        stage.play(plan_round(seed * len(TABLE_KINDS) + number, NAMES, TABLE_KINDS))
        if number + 1 >= len(TABLE_KINDS) and stage.told_count() > OPERATIONS:
            break
    stage.until_told(OPERATIONS, PATIENCE_S)
    story = stage.end()
    found = stage.audit(story.journals)
    _show(stage, story)
    sys.stdout.write(f"{found}\n")
    assert story.told_count >= OPERATIONS
    assert story.faulty_count >= FAULTY_RATIO * story.told_count
    began_s = time.monotonic()
    convicted = violations(story.operations)
    sys.stdout.write(f"judged in {time.monotonic() - began_s:.1f} s\n")
    assert not convicted, "\n".join(map(str, convicted))
    assert found.is_clean
    assert found.acknowledged > 0
    assert story.looks > 0
    assert story.torn == 0


def test_who_acknowledges_before_the_quorum_has_it_is_convicted(make_stage: MakeStage) -> None:
    stage = make_stage(spoiled="eager")
    stage.until_told(BEFORE, PATIENCE_S)
    stage.play(Round(0, (Fault(FaultKind.KILL_ENGINES, NAMES, 0.0, 1.0),)))
    assert violations(stage.end().operations)


def test_who_serves_a_stale_read_as_linearizable_is_convicted(make_stage: MakeStage) -> None:
    """Each machine is cut off once, so the leader's is. Its clients have no other engine."""
    stage = make_stage(spoiled="stale", own_engine_only=True)
    stage.until_told(BEFORE, PATIENCE_S)
    for name in NAMES:
        stage.play(Round(0, (Fault(FaultKind.CUT_OFF, (name,), 0.0, CUT_S),)))
    assert violations(stage.end().operations)


def _show(stage: StoreStage, story: Story) -> None:
    sys.stdout.writelines(f"{line}\n" for line in stage.faults.log)
    sys.stdout.write(
        f"{len(story.operations)} operations, {story.told_count} told, "
        f"{story.faulty_count} while something was broken; "
        f"{story.looks} looks at a book, {story.torn} torn\n"
    )
