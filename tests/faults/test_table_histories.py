"""Clients of the tables of three real nodes, while engines and nodes are killed, frozen and parted:
what they were told is linearizable, nothing is lost or written twice, batches are whole.

    .venv/bin/python -m pytest tests/faults/test_table_histories.py -k "[7]" -s    # seed 7 alone
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.testing.fault_round import Fault, FaultKind, Round, plan_round
from aiex.testing.linearizability import violations
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.store_clients import Audit
from aiex.testing.store_stage import NAMES, TABLE_KINDS, StoreStage, Story

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.slow]

OPERATIONS = 10_000
TROUBLED_RATIO = 0.3
ROUNDS_MAX = 30
BEFORE = 500
PATIENCE_S = 60.0
# Longer than those who are left need to choose another leader and to write.
CUT_S = 10.0

type MakeStage = Callable[..., StoreStage]


@pytest.fixture
def make_stage(tmp_path: Path, lab_programs: None) -> Iterator[MakeStage]:
    with ExitStack() as stack:

        def make(**options: object) -> StoreStage:
            try:
                return stack.enter_context(StoreStage(tmp_path, **options))  # type: ignore[arg-type]
            except NamespacesUnavailable as error:
                pytest.skip(str(error))

        yield make


def is_enough(story: Story) -> bool:
    troubled_count, told_count = story.troubled_count, story.told_count
    return told_count >= OPERATIONS and troubled_count >= TROUBLED_RATIO * told_count


def show(stage: StoreStage, story: Story, found: Audit) -> None:
    print(*stage.faults.log, sep="\n")
    print(
        f"{story.told_count} operations, {story.broken_count} while something was broken, "
        f"{story.troubled_count} until all was well again"
    )
    print(f"{story.looks} looks at a book, {story.torn} torn; {found}")


@pytest.mark.parametrize("seed", [7])
def test_what_clients_are_told_under_faults_is_true(make_stage: MakeStage, seed: int) -> None:
    stage = make_stage(seed=seed)
    stage.until_told(BEFORE, PATIENCE_S)
    for number in range(ROUNDS_MAX):
        stage.play(plan_round(seed * len(TABLE_KINDS) + number, NAMES, TABLE_KINDS))
        if number + 1 >= len(TABLE_KINDS) and is_enough(stage.story()):
            break
    stage.until_told(OPERATIONS, PATIENCE_S)
    story = stage.end()
    found = stage.audit(story.journals)
    show(stage, story, found)
    assert is_enough(story)
    began_s = time.monotonic()
    convicted = violations(story.operations)
    print(f"judged in {time.monotonic() - began_s:.1f} s")
    assert not convicted, "\n".join(map(str, convicted))
    assert found.is_clean
    assert found.acknowledged > 0
    assert story.looks > 0
    assert story.torn == 0


# Nothing but the mutant makes the difference between a history that is explained and one that is
# not.
@pytest.mark.parametrize("spoiled", ["", "eager"])
def test_who_acknowledges_before_the_quorum_has_it_is_convicted(
    make_stage: MakeStage, spoiled: str
) -> None:
    stage = make_stage(spoiled=spoiled)
    stage.until_told(BEFORE, PATIENCE_S)
    stage.play(Round(0, (Fault(FaultKind.KILL_ENGINES, NAMES, 0.0, 1.0),)))
    assert bool(violations(stage.end().operations)) == bool(spoiled)


@pytest.mark.parametrize("spoiled", ["", "stale"])
def test_who_serves_a_stale_read_as_linearizable_is_convicted(
    make_stage: MakeStage, spoiled: str
) -> None:
    """What a machine that is cut off has at hand is old as soon as the others write."""
    stage = make_stage(spoiled=spoiled)
    stage.until_told(BEFORE, PATIENCE_S)
    stage.play(Round(0, (Fault(FaultKind.CUT_OFF, NAMES[:1], 0.0, CUT_S),)))
    assert bool(violations(stage.end().operations)) == bool(spoiled)
