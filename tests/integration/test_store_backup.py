"""A running cluster saved and restored into another one of another size, with real nodes."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.node_process import AdminRefused, NodeProcess, wait_until
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


def test_tables_are_looked_into_on_a_running_node(tmp_path: Path) -> None:
    with running(tmp_path / "node", 1) as [node]:
        node.admin("/admin/v1/keys", "POST", {"name": "laptop"})
        wait_until(lambda: asked(node, "SELECT name FROM keys") == [["laptop"]], 10.0, "the view")
        # Whoever adds a table says here what of it an operator is not shown unasked.
        tables: Any = node.admin("/admin/v1/store/tables")["tables"]
        assert {one["name"]: one["sensitive"] for one in tables if one["sensitive"]} == {
            "keys": ["digest"],
            "threads": ["kept"],
        }
        assert {one["name"] for one in tables if not one["sensitive"]} == {
            "limits", "budgets", "usage_minutes", "usage_hours", "usage_months",
        }  # fmt: skip
        [keys] = [one for one in tables if one["name"] == "keys"]
        assert [(one["node"], one["state"]) for one in keys["copies"]] == [
            (keys["copies"][0]["node"], "complete")
        ]
        assert asked(node, "SELECT digest, _row FROM keys") == [[None, None]]
        masked = aiex(node, "store", "show", "keys")
        revealed = aiex(node, "store", "show", "keys", "--reveal", "digest")
        assert ("laptop" in masked.stdout, "***" in masked.stdout) == (True, True)
        assert ("laptop" in revealed.stdout, "***" in revealed.stdout) == (True, False)
        wait_until(lambda: "sensitive fields of the table keys" in node.output, 5.0, "the log")
        refused = aiex(node, "store", "query", "DELETE FROM keys")
        assert (refused.returncode, "A query begins with SELECT" in refused.stderr) == (1, True)
        verified = aiex(node, "store", "verify")
        assert (verified.returncode, "equal" in verified.stdout) == (0, True), verified.stderr


def asked(node: NodeProcess, sql: str) -> Any:
    """The rows of a query; none while the view is not complete."""
    try:
        return node.admin("/admin/v1/store/query", "POST", {"sql": sql})["rows"]
    except AdminRefused:
        return None
