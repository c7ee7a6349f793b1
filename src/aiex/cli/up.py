"""`aiex up`: Aiex on this machine, for people: started, shown to answer, stopped by Ctrl-C."""

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import click

from aiex.cli.admin_client import AdminClient
from aiex.cli.api_key import api_key
from aiex.cli.certificate_authority import ca_file_of
from aiex.cli.node_lookup import AdminAccess, read_node
from aiex.cli.settings_options import GivenSettings, settings_options
from aiex.cli.stop_signals import stop_signals, until
from aiex.cli.up_node import UpNode
from aiex.cli.up_nodes import UpNodes
from aiex.cli.up_plan import COUNT_MAX, NodePlan, cluster_plan, node_count, single_plan
from aiex.cli.up_ports import kept_port, moved_ports
from aiex.cli.up_progress import live_line, say, show
from aiex.clock import SystemClock
from aiex.errors import AiexError
from aiex.settings import Loaded, Settings

STOP_MARGIN_S = 20.0
# A node that does not answer holds the live line up for as long.
ADMIN_TIMEOUT_S = 5.0


class AlreadyUp(AiexError):
    """Aiex runs here already."""


class NodeCount(click.ParamType[str]):
    """A number, or `auto`."""

    name = "N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if value != "auto" and not (
            value.isascii() and value.isdecimal() and 1 <= int(value) <= COUNT_MAX
        ):
            self.fail(
                f"{value!r} is neither 'auto' nor a number from 1 to {COUNT_MAX}.", param, ctx
            )
        return value


@click.command()
@click.option(
    "--nodes",
    "asked",
    type=NodeCount(),
    show_default="3",
    help="How many nodes, as one cluster; `auto` is one per core, at most 9.",
)
@settings_options
def up(asked: str | None, given: GivenSettings) -> None:
    """Start Aiex on this machine and show that it answers.

    Three nodes form a cluster and share the API's port. Opens nothing to the network. If a port is
    taken, the next free one is used. A node that dies is started again; one that was told to leave
    (`aiex cluster leave`) is not. Ctrl-C stops all once what is in flight has finished; a second
    Ctrl-C at once.

    \b
    Examples:
      aiex up
      aiex up --nodes 1
      aiex up --port 9000
      aiex up --config aiex.toml
    """
    asyncio.run(_up(asked or "", given))


async def _up(asked: str, given: GivenSettings) -> None:
    loaded = given.load()
    settings, clock = loaded.settings, SystemClock()
    with ExitStack() as ports:
        plans = _plans(asked, given, loaded, ports)
        nodes = UpNodes(
            [UpNode(plan, say, clock=clock) for plan in plans], lambda node: _admin(node, settings)
        )
        began_s = time.monotonic()
        with stop_signals(nodes.kill) as stop:
            try:
                await nodes.start()
                await until(stop, _work(nodes, settings, began_s))
            finally:
                await _stop(nodes, settings)


async def _work(nodes: UpNodes, settings: Settings, began_s: float) -> None:
    """Progress, then where to go, then one live line until the end."""
    await _all_ready(nodes.nodes, began_s)
    admin = _admin(nodes.first, settings)
    key = settings.api.key.reveal() if settings.api.key else api_key(os.environ)
    async with nodes.kept() as ends:
        await show(nodes, admin, key, began_s)
        await live_line(nodes, admin, ends)


async def _all_ready(nodes: Sequence[UpNode], began_s: float) -> None:
    """Wait for each, saying when it is; raises `NodeEnded` when one cannot start."""
    labels = {node: "node" if len(nodes) == 1 else node.name for node in nodes}
    width = max(6, *map(len, labels.values()))

    async def ready(node: UpNode) -> None:
        await node.ready()
        say(f"{labels[node]:<{width}} ready after {time.monotonic() - began_s:.1f} s")

    waiting = [asyncio.create_task(ready(node)) for node in nodes]
    try:
        await asyncio.gather(*waiting)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def _stop(nodes: UpNodes, settings: Settings) -> None:
    ended = len(nodes.nodes) == 1 and nodes.first.has_ended
    if not ended:
        click.echo("\nStopping …", nl=False)
    grace_s = settings.node.propagation_delay_s + settings.node.drain_deadline_s + STOP_MARGIN_S
    await nodes.stop(grace_s)
    click.echo("" if ended else " stopped.")


def _plans(asked: str, given: GivenSettings, loaded: Loaded, ports: ExitStack) -> list[NodePlan]:
    """What to start, with ports that are free; raises `AlreadyUp` when some of it runs."""
    # Imported here: the node's part brings the HTTP server, which this process does not need else.
    from aiex.node import data_path, node_name

    settings = loaded.settings
    count = node_count(asked, os.cpu_count() or 1, settings)
    name = node_name(settings)
    data_dir = data_path(settings.node.data_dir, name, os.environ.get("XDG_DATA_HOME", ""))
    _check_not_up(data_dir)
    what = "Aiex" if count == 1 else f"{count} nodes"
    click.echo(f"Starting {what}, data in {data_dir if count == 1 else data_dir.parent}")
    moved = {one.setting: one for one in moved_ports(settings, given.flags)}
    for one in moved.values():
        say(f"port {one.taken} is taken, {one.setting} is {one.port}")
    arguments = given.arguments()
    if count == 1:
        arguments += [f"--set={one.setting}={one.port}" for one in moved.values()]
        return single_plan(name, data_dir, arguments)
    wanted = {"api.port": settings.api.port, "admin.port": settings.admin.port}
    port = {path: moved[path].port if path in moved else wanted[path] for path in wanted}
    shared_port = settings.api.shared_port or port["api.port"]
    return cluster_plan(
        settings,
        count,
        name,
        data_dir,
        arguments,
        shared_port=ports.enter_context(kept_port(settings.api.host, shared_port)),
        admin_port=port["admin.port"],
        set_paths=loaded.sources,
    )


def _check_not_up(data_dir: Path) -> None:
    running = read_node(data_dir)
    if running is not None:
        raise AlreadyUp(
            f"Aiex runs here already: {running.shared_api_url or running.api_url} (pid "
            f"{running.pid}, data in {data_dir}). `aiex status` shows it; start another one with "
            "--name NAME."
        )


def _admin(node: UpNode, settings: Settings) -> AdminClient:
    running = node.running
    assert running is not None, "only a node that runs is asked"
    if settings.admin.token is not None:
        token = settings.admin.token.reveal()
    else:
        token = (node.plan.data_dir / "admin.token").read_text().strip()
    access = AdminAccess(running.admin_url, token, "the settings", running.api_url)
    return AdminClient(access, timeout_s=ADMIN_TIMEOUT_S, ca_file=ca_file_of(""))
