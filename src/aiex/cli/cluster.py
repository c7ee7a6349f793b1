"""`aiex cluster`: the members and the leases as one node sees them."""

from collections.abc import Iterator

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.cluster import Pings, SeenCluster, SeenLeases
from aiex.cli.cluster_change import join, leave, remove
from aiex.cli.cluster_drain import drain
from aiex.cli.cluster_explain import explain
from aiex.cli.cluster_text import CLUSTER_PATH, NEXT_STEP, carriers_away, member_lines, status_lines
from aiex.cli.cluster_watch import watch
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, print_table
from aiex.cli.terminal_text import harmless

PING_PATH = "/admin/v1/cluster/ping"
LEASES_PATH = "/admin/v1/cluster/leases"


@click.group()
def cluster() -> None:
    """Show the members of the cluster and its leases, ask the members, say what is wrong.

    Any node can be asked; each tells what it sees itself.

    \b
    Examples:
      aiex cluster status
      aiex cluster nodes --node n2
      aiex cluster ping
      aiex cluster leases
      aiex cluster explain
      aiex cluster watch
      aiex cluster drain n2 --plan
      aiex cluster nodes -o json | jq -r '.members[] | select(.state == "up") | .name'
    """


for command in (join, leave, remove):
    cluster.add_command(command)


@cluster.command()
@output_option
@node_options
def status(output: Output, admin: AdminClient) -> None:
    """Say whether the cluster is whole, and who is in which state.

    Ends with status 1 when the cluster is split, this node is not a member, or none answers.
    """
    document = admin.get(CLUSTER_PATH)
    seen = decoded(document, SeenCluster)
    if output == "json":
        print_json_text(document)
    else:
        click.echo("\n".join(harmless(line) for line in status_lines(seen)))
    if seen.condition != "whole":
        click.get_current_context().exit(1)


@cluster.command()
@output_option
@node_options
def nodes(output: Output, admin: AdminClient) -> None:
    """List the members, those that are gone too until they are forgotten."""
    document = admin.get(CLUSTER_PATH)
    if output == "json":
        print_json_text(document)
        return
    seen = decoded(document, SeenCluster)
    click.echo("\n".join(member_lines(seen)))
    if seen.condition != "whole":
        click.echo(harmless(f"{seen.condition}: {seen.reason}; {NEXT_STEP}"), err=True)
    elif away := carriers_away(seen):
        click.echo(harmless(f"away: the carriers {', '.join(away)}; {NEXT_STEP}"), err=True)


@cluster.command()
@output_option
@node_options
def ping(output: Output, admin: AdminClient) -> None:
    """Ask every member, through the node asked: how long it took, and what its clock says.

    A clock's difference is known to half of the time that the answer took. Ends with status 1 when
    a member does not answer.
    """
    document = admin.get(PING_PATH)
    came = decoded(document, Pings)
    if output == "json":
        print_json_text(document)
    else:
        print_table(("NODE", "ANSWERED IN", "CLOCK", ""), list(_ping_rows(came)))
    if came.failures:
        click.get_current_context().exit(1)


def _ping_rows(came: Pings) -> Iterator[tuple[str, ...]]:
    for one in came.pings:
        name = one.node + (" (asked)" if one.node == came.asked_by else "")
        yield name, f"{one.round_trip_ms:.2f} ms", f"{one.clock_ahead_ms:+.0f} ms", ""
    for failure in came.failures:
        yield failure.node, "no answer", "", f"{failure.reason}: {failure.text}"


@cluster.command()
@output_option
@node_options
def leases(output: Output, admin: AdminClient) -> None:
    """List the leases: what one node at a time does for all, and which.

    The fence grows with every change of the holder.
    """
    document = admin.get(LEASES_PATH)
    if output == "json":
        print_json_text(document)
        return
    rows = [
        (one.name, one.holder or "nobody", str(one.fence or "none"), one.since or "never")
        for one in decoded(document, SeenLeases).leases
    ]
    print_table(("LEASE", "HOLDER", "FENCE", "SINCE"), rows)


cluster.add_command(explain)
cluster.add_command(watch)
cluster.add_command(drain)
