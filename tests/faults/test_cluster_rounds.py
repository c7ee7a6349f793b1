"""Rounds of faults for three nodes that carry their engine: afterwards all is as it was, within the
bound, and every request that a living node got meanwhile was answered.

    .venv/bin/python -m pytest tests/faults/test_cluster_rounds.py -k "[7]" -s    # seed 7 alone
"""

import pytest

from aiex.testing.fault_round import KINDS, plan_round
from aiex.testing.lab_stage import NAMES, LabStage

pytestmark = [pytest.mark.integration, pytest.mark.fault]

# Every kind at least once, most of them twice with other victims, times and second faults.
SEEDS = range(24)
assert len(SEEDS) >= len(KINDS)


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_round_all_is_well_and_nobody_was_turned_away(stage: LabStage, seed: int) -> None:
    stage.play(plan_round(seed, NAMES))
