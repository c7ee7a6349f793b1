"""A running cluster saved and restored into another one of another size, with real nodes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.node_process import NodeProcess, wait_until
from aiex.testing.saved_rows import put_threads, threads_changing, threads_of
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

QUIET = [f"conv_quiet_{number}" for number in range(150)]
BUSY = [f"conv_busy_{number}" for number in range(5)]
CLI_S = 90


def aiex(node: NodeProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the command line says to this node, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "aiex", *arguments, "--admin-url", node.admin_url],
        env={"AIEX_ADMIN__TOKEN": node.admin_token, "HOME": str(node.data_dir)},
        capture_output=True,
        text=True,
        timeout=CLI_S,
        check=False,
    )


def saved_while_written(nodes: list[NodeProcess], file: Path) -> int:
    """Save a cluster in which rows change; the round that was acknowledged before that began."""
    put_threads(nodes[0], QUIET)
    nodes[0].admin("/admin/v1/keys", "POST", {"name": "laptop"})
    with threads_changing(lambda number: nodes[number % len(nodes)], BUSY) as rounds:
        wait_until(lambda: len(rounds) >= 3, 20.0, "rows are written")
        before = rounds[-1]
        told = aiex(nodes[-1], "store", "export", str(file))
    assert told.returncode == 0, told.stderr
    return before


def check_restored(node: NodeProcess, before: int) -> None:
    """All that was acknowledged is there, and what was written at once is of one round."""
    found = threads_of(node)
    assert set(QUIET) | set(BUSY) == set(found)
    for name in BUSY:
        assert found[name]["left"] == found[name]["right"], "a batch was cut in half"
        assert int(found[name]["left"]) >= before
    names: Any = [one["name"] for one in node.admin("/admin/v1/keys")["keys"]]
    assert names == ["laptop"]


@contextmanager
def running(directory: Path, count: int) -> Iterator[list[NodeProcess]]:
    """One node on its own, or a cluster of three."""
    directory.mkdir()
    if count == 1:
        with NodeProcess(directory) as node:
            yield [node.until_ready()]
        return
    with StaticNodes(directory) as cluster:
        yield cluster.formed(*range(1, count + 1))


@pytest.mark.parametrize(("saved_by", "restored_by"), [(3, 1), (1, 3)])
def test_a_cluster_is_restored_into_one_of_another_size(
    tmp_path: Path, saved_by: int, restored_by: int
) -> None:
    file = tmp_path / "backup.gz"
    with running(tmp_path / "saved", saved_by) as nodes:
        before = saved_while_written(nodes, file)
    with running(tmp_path / "restored", restored_by) as nodes:
        dry = aiex(nodes[0], "store", "import", str(file), "--dry-run")
        assert (dry.returncode, threads_of(nodes[0])) == (0, {}), dry.stderr
        told = aiex(nodes[0], "store", "import", str(file))
        assert told.returncode == 0, told.stderr
        check_restored(nodes[-1], before)
        again = aiex(nodes[0], "store", "import", str(file))
        assert again.returncode == 1
        assert "has rows. Add --merge" in again.stderr
