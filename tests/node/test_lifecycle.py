"""What a node tells of the cluster it forms; its life itself is in tests/integration."""

import pytest

from aiex.node.lifecycle import cluster_of
from aiex.settings import ClusterSettings, EngineSettings, Settings


def test_a_node_on_its_own_forms_no_cluster() -> None:
    assert cluster_of(Settings()) == ""


@pytest.mark.parametrize("discovery", ["local", "static", "dns"])
def test_nodes_that_find_each_other_form_the_one_of_its_name(discovery: str) -> None:
    cluster = ClusterSettings(name="team", discovery=discovery)  # type: ignore[arg-type]
    assert cluster_of(Settings(cluster=cluster)) == "team"


def test_at_an_external_engine_it_is_that_engines_and_no_password_is_told() -> None:
    engine = EngineSettings(url="nats://me:secret@engine:4222")
    assert cluster_of(Settings(engine=engine)) == "aiex at engine:4222"
    same = EngineSettings(url="nats://engine:4222")
    assert cluster_of(Settings(engine=same)) == "aiex at engine:4222"
