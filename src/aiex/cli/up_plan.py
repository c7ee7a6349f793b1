"""What `aiex up` starts: how many nodes, their names and directories, what each is told; pure.

The first node is called as a single one would be and has its directory, so a node becomes a cluster
and keeps its state. The others are called after it: `laptop`, `laptop-2`, `laptop-3`.
"""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from aiex.errors import AiexError
from aiex.settings import Settings

COUNT_USUAL = 3
COUNT_AUTO_MAX = 9
COUNT_MAX = 32
NAME_LEN_MAX = 63


class UnfitForUp(AiexError):
    """These settings are for nodes of several machines; start each with `aiex serve`."""


class NodePlan(NamedTuple):
    """`arguments` are those of `aiex serve`."""

    name: str
    data_dir: Path
    arguments: tuple[str, ...]


def node_count(asked: str, core_count: int, settings: Settings) -> int:
    """How many nodes to start; raises `UnfitForUp` when several cannot be."""
    is_elsewhere = settings.cluster.discovery in ("static", "dns")
    if not asked:
        return 1 if is_elsewhere else COUNT_USUAL
    count = min(core_count, COUNT_AUTO_MAX) if asked == "auto" else int(asked)
    if count > 1 and is_elsewhere:
        raise UnfitForUp(
            f"cluster.discovery is '{settings.cluster.discovery}': the nodes of that cluster are "
            "on several machines. Start this one with `aiex serve` or `aiex up --nodes 1`, or "
            "leave cluster.discovery out."
        )
    return count


def single_plan(name: str, data_dir: Path, given: Sequence[str]) -> list[NodePlan]:
    """One node, on its own unless the settings say otherwise."""
    return [NodePlan(name, data_dir, (*given, f"--set=node.data_dir={data_dir}"))]


def cluster_plan(
    settings: Settings,
    count: int,
    name: str,
    data_dir: Path,
    given: Sequence[str],
    *,
    shared_port: int,
    admin_port: int,
    set_paths: Collection[str],
) -> list[NodePlan]:
    """Nodes that form a cluster and share a port; `set_paths` are the settings somebody set."""
    together = [
        f"--set=api.shared_port={shared_port}",
        "--set=api.port=0",
        *_cluster_settings(settings, count, name, set_paths),
    ]
    plans = []
    for number in range(1, count + 1):
        node = name if number == 1 else f"{name[: NAME_LEN_MAX - 3]}-{number}"
        directory = data_dir if number == 1 else data_dir.with_name(f"{data_dir.name}-{number}")
        own = [
            *([f"--set=node.name={node}"] if number > 1 else []),
            f"--set=node.data_dir={directory}",
            f"--set=admin.port={admin_port if number == 1 else 0}",
        ]
        if not settings.engine.url:
            may_carry = number <= _carrier_count(settings, count)
            own.append(f"--set=cluster.carries={'yes' if may_carry else 'no'}")
        plans.append(NodePlan(node, directory, (*given, *together, *own)))
    return plans


def _cluster_settings(
    settings: Settings, count: int, name: str, set_paths: Collection[str]
) -> list[str]:
    arguments = []
    if "node.name" in set_paths and "cluster.name" not in set_paths:
        # Somebody named this one to tell it from another one here, which it must not join.
        cluster = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:32] or "aiex"
        arguments.append(f"--set=cluster.name={cluster}")
    if not settings.engine.url:  # else they meet at that engine
        arguments.append("--set=cluster.discovery=local")
        arguments.append(f"--set=cluster.carriers={_carrier_count(settings, count)}")
    return arguments


def _carrier_count(settings: Settings, count: int) -> int:
    """As many as wanted, or as there are: an even number of carriers gains nothing."""
    return max(one for one in (1, 3, 5) if one <= max(1, min(settings.cluster.carriers, count)))
