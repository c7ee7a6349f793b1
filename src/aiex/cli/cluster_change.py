"""`aiex cluster join|leave|remove`: what changes who is in the cluster."""

import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import msgspec

from aiex.cli.admin_client import AdminClient, AdminUnreachable, decoded
from aiex.cli.answers.cluster import SeenCluster
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json, print_json_text
from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError

CLUSTER_PATH = "/admin/v1/cluster"
POLL_S = 0.3
# Founding takes seconds; waiting for nodes that are still to be started takes as long as it takes.
JOIN_PATIENCE_S = 60.0
LEAVE_PATIENCE_S = 120.0


class NotYet(AiexError):
    """It is not done yet; the node goes on."""


@click.command()
@click.option("--local", is_flag=True, help="The nodes of this user on this machine.")
@click.option("--seed", "seeds", multiple=True, metavar="HOST[:PORT]", help="A carrier; 1, 3 or 5.")
@click.option("--dns", "dns_name", metavar="NAME", help="A DNS name with the nodes' addresses.")
@click.option("--host", metavar="ADDRESS", help="Where this node's engine listens for the others.")
@click.option("--carriers", type=click.Choice(["1", "3", "5"]), help="How many carry the engine.")
@click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The cluster's secret; not needed with --local.",
)
@output_option
@node_options
def join(output: Output, admin: AdminClient, **given: Any) -> None:
    """Let a running node form a cluster with others, bringing its state.

    Its API goes on answering. What is given is kept: the next start does not need it again, and
    `aiex cluster leave` forgets it.

    \b
    Examples:
      aiex cluster join --local
      aiex cluster join --seed 10.0.0.1 --seed 10.0.0.2 --seed 10.0.0.3 \\
        --host 10.0.0.1 --secret-file cluster.secret
    """
    document = admin.post(f"{CLUSTER_PATH}/join", _asked(**given))
    document = _until_formed(admin, document, is_quiet=output == "json")
    if output == "json":
        print_json_text(document)
    else:
        click.echo("The cluster is formed; `aiex cluster status` shows it.")


class Left(msgspec.Struct, frozen=True):
    """What `leave -o json` prints."""

    node: str
    took_s: float


@click.command()
@output_option
@node_options
def leave(output: Output, admin: AdminClient) -> None:
    """Take a node out of its cluster for good: what it carries is handed over, then it stops.

    The node is the one asked: choose another one with --node. `aiex up` does not start it again;
    whoever does has it begin on its own. A node that only stops, to come back, needs no leave.

    \b
    Examples:
      aiex cluster leave --node n3
      aiex cluster leave --node n3 -o json
    """
    began_s = time.monotonic()
    seen = decoded(admin.post(f"{CLUSTER_PATH}/leave", {}), SeenCluster)
    name = next((one.name for one in seen.members if one.is_self), "")
    _until_left(admin, give_up_at_s=began_s + LEAVE_PATIENCE_S, is_quiet=output == "json")
    if output == "json":
        print_json(Left(name, round(time.monotonic() - began_s, 3)))
    else:
        click.echo("It has left, and stopped.")


@click.command()
@click.argument("name")
@output_option
@node_options
def remove(name: str, output: Output, admin: AdminClient) -> None:
    """Forget a node that will never come back; its place as a carrier goes to another.

    Until then a lost carrier counts against the quorum, and the cluster as split.
    """
    document = admin.delete(f"{CLUSTER_PATH}/nodes/{quote(name, safe='')}")
    if output == "json":
        print_json_text(document)
    else:
        click.echo(f"{harmless(name)} is forgotten; `aiex cluster status` shows the others.")


def _asked(
    *,
    local: bool,
    seeds: tuple[str, ...],
    dns_name: str | None,
    host: str | None,
    carriers: str | None,
    secret_file: Path | None,
) -> dict[str, Any]:
    ways = [local, bool(seeds), bool(dns_name)]
    if sum(ways) != 1:
        raise click.UsageError("Say how the others are found: --local, --seed or --dns.")
    asked: dict[str, Any] = {
        "discovery": "local" if local else "static" if seeds else "dns",
        "seeds": seeds or None,
        "dns_name": dns_name,
        "host": host,
        "carriers": int(carriers) if carriers else None,
        "secret": secret_file.read_text().strip() if secret_file else None,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _until_left(admin: AdminClient, *, give_up_at_s: float, is_quiet: bool) -> None:
    """Come back once the node does not answer any more; raises `NotYet`."""
    told = ""
    while time.monotonic() < give_up_at_s:
        try:
            seen = decoded(admin.get(CLUSTER_PATH), SeenCluster)
        except AdminUnreachable:
            return
        if seen.reason and seen.reason != told:
            told = seen.reason
            if not is_quiet:
                click.echo(harmless(told))
        time.sleep(POLL_S)
    raise NotYet(
        f"After {LEAVE_PATIENCE_S:.0f} s it is not gone: {told or 'it still drains'}. It goes on "
        "trying; `aiex cluster status` shows how far it is."
    )


def _until_formed(admin: AdminClient, document: bytes, *, is_quiet: bool) -> bytes:
    """The cluster once it is formed, what it waits for told on the way."""
    told = ""
    give_up_at_s = time.monotonic() + JOIN_PATIENCE_S
    while time.monotonic() < give_up_at_s:
        seen = decoded(document, SeenCluster)
        if seen.condition == "whole" and seen.carriers:
            return document
        if seen.reason and seen.reason != told:
            told = seen.reason
            if not is_quiet:
                click.echo(harmless(told))
        time.sleep(POLL_S)
        document = admin.get(CLUSTER_PATH)
    raise NotYet(
        f"After {JOIN_PATIENCE_S:.0f} s the cluster is not formed: {told}. The node goes on trying "
        "and serves meanwhile; start the other nodes, or see `aiex cluster explain`."
    )
