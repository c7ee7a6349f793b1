"""How many nodes `aiex up` takes; what it does with them is in tests/integration."""

from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex


@pytest.mark.parametrize("count", ["0", "33", "-1", "many", "1.5", "٣"])
def test_a_number_of_nodes_that_is_none_is_wrong_usage(count: str, tmp_path: Path) -> None:
    done = run_aiex(tmp_path, "up", f"--nodes={count}")
    assert done.exit_code == 2
    assert "is neither 'auto' nor a number from 1 to 32" in done.output


def test_nodes_of_several_machines_are_not_started_here(tmp_path: Path) -> None:
    done = run_aiex(
        tmp_path,
        "up",
        "--nodes=3",
        "--set=cluster.discovery=dns",
        "--set=cluster.dns_name=aiex",
        AIEX_CLUSTER__SECRET="sixteen letters!",
    )
    assert done.exit_code == 1
    assert "cluster.discovery is 'dns'" in done.output
