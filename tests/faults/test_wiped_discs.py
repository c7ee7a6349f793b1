"""Every carrier loses its disc, one after another: what was acknowledged is there all the same."""

import pytest

from aiex.testing.lab_inspection import until_well
from aiex.testing.lab_stage import NAMES, LabStage

pytestmark = [pytest.mark.integration, pytest.mark.fault, pytest.mark.timeout(180)]

KEY_COUNT = 100
WHOLE_S = 30.0


def test_discs_wiped_one_after_the_other_lose_nothing_once_the_cluster_is_whole(
    stage: LabStage,
) -> None:
    cluster = stage.cluster
    made = set()
    for number in range(KEY_COUNT):
        body = {"name": f"wiped {number}"}
        made.add(cluster.nodes["n1"].admin("/admin/v1/keys", "POST", body)["id"])
    for wiped in NAMES:
        cluster.kill(wiped)
        cluster.machine(wiped).kill_all()
        cluster.machine(wiped).clear_disc()
        cluster.start(wiped)
        cluster.until_ready(wiped)
        found, _ = until_well(stage.inspection.conditions, WHOLE_S)
        assert not found
        for name in NAMES:
            known = {one["id"] for one in cluster.nodes[name].admin("/admin/v1/keys")["keys"]}
            assert made <= known, f"after {wiped} was wiped {name} lost {len(made - known)}"
