"""Rounds of faults for nodes whose engine is not their own: what the lab does is real, and is seen.

A few kinds only: how nodes keep their own engine together is what `test_cluster_rounds` is about.
"""

import pytest

from aiex.testing.fault_round import Fault, FaultKind, Round
from aiex.testing.lab_inspection import until_well
from aiex.testing.lab_stage import NAMES, LabStage

pytestmark = [pytest.mark.integration, pytest.mark.fault]

NOTICED_S = 10.0


@pytest.mark.parametrize(
    "kind",
    [
        FaultKind.KILL_NODE,
        FaultKind.KILL_ENGINE,
        FaultKind.FREEZE_NODE,
        FaultKind.CUT_OFF,
        FaultKind.FULL_DISC,
    ],
)
def test_after_a_fault_all_is_well_and_nobody_was_turned_away(
    stage_beside_engines: LabStage, kind: FaultKind
) -> None:
    stage_beside_engines.play(Round(0, (Fault(kind, ("n2",), at_s=0.0, for_s=2.0),)))


def test_nodes_that_move_to_new_addresses_find_each_other(stage_beside_engines: LabStage) -> None:
    before = [stage_beside_engines.cluster.machine(name).address for name in NAMES]
    stage_beside_engines.play(Round(0, (Fault(FaultKind.MOVE_ALL, NAMES, at_s=0.0, for_s=0.0),)))
    after = [stage_beside_engines.cluster.machine(name).address for name in NAMES]
    assert not set(before) & set(after)


def test_while_a_node_is_cut_off_the_looks_find_it_missing(stage_beside_engines: LabStage) -> None:
    stage, lab = stage_beside_engines, stage_beside_engines.cluster.lab
    assert stage.inspection.members() == []
    lab.cut_off("n3")
    _, took_s = until_well(
        lambda: [] if "n1 sees n3 down" in stage.inspection.members() else ["not yet"], NOTICED_S
    )
    assert took_s < NOTICED_S
    lab.heal()
    troubles, _ = until_well(stage.inspection.members, NOTICED_S)
    assert troubles == []


def test_a_node_that_is_killed_without_an_excuse_is_a_complaint(
    stage_beside_engines: LabStage,
) -> None:
    stage = stage_beside_engines
    stage.is_spoiled = True
    stage.cluster.nodes["n1"].process.kill()
    with pytest.raises(AssertionError) as caught:
        stage.play(Round(0, (Fault(FaultKind.BLIP, ("n2",), at_s=0.0, for_s=1.0),)))
    assert "n1 cannot tell: " in str(caught.value)
    assert "n1 refused " in str(caught.value)
