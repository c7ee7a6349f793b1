"""`aiex cluster drain`: have a node finish what it has in hand and stop, and see it go."""

import sys
import time
from collections.abc import Callable
from urllib.parse import quote

import click
import msgspec

from aiex.cli.admin_client import AdminClient, AdminUnreachable, decoded
from aiex.cli.answers.cluster import SeenCluster, SeenMember, ToldDrainPlan
from aiex.cli.cluster_text import CLUSTER_PATH
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json, print_json_text
from aiex.cli.status_text import duration_text
from aiex.cli.terminal_text import harmless
from aiex.errors import AiexError

LOOK_EVERY_S = 0.3
# Beyond its own deadline a node ends its engine and says goodbye.
SPARE_S = 60.0
LABEL_WIDTH = 9


class DrainUnsure(AiexError):
    """The drain was not begun, or its end was not seen."""


class Drained(msgspec.Struct, frozen=True):
    """What `drain -o json` prints in the end."""

    node: str
    end: str


@click.command()
@click.argument("name", metavar="NODE")
@click.option("--plan", is_flag=True, help="Only say what the drain would wait for.")
@click.option("--yes", is_flag=True, help="Do not ask whether that is meant.")
@click.option("--force", is_flag=True, help="Also when nobody else is ready.")
@output_option
@node_options
def drain(
    name: str, plan: bool, yes: bool, force: bool, output: Output, admin: AdminClient
) -> None:
    """Have NODE finish what it has in hand and stop; any node can be asked.

    It takes no new requests from then on, finishes those in hand within its `drain_deadline_s`,
    gives its leases away and stops with status 0. What runs it (systemd, Kubernetes, `aiex up`)
    may start it again.

    \b
    Examples:
      aiex cluster drain n2 --plan
      aiex cluster drain n2
      aiex cluster drain n2 --yes --admin-url https://n1.example:8081
    """
    path = f"{CLUSTER_PATH}/nodes/{quote(name, safe='')}"
    document = admin.get(f"{path}/drain-plan")
    planned = decoded(document, ToldDrainPlan)
    if output == "text":
        click.echo("\n".join(harmless(line) for line in plan_lines(planned)))
    elif plan:
        print_json_text(document)
    if plan:
        return
    if planned.refusal and not force:
        raise DrainUnsure(f"{planned.refusal}. Start another one first, or add --force.")
    _confirm(name, is_sure=yes)
    member = _member(admin, name)
    admin.post(f"{path}/drain", {"force": force})
    give_up_after_s = planned.deadline_s + planned.expected_s + SPARE_S
    tell = click.echo if output == "text" else _tell_nobody
    end = see_it_go(admin, member, give_up_after_s, clock=time.monotonic, tell=tell)
    if output == "json":
        print_json(Drained(name, end))
    else:
        click.echo(harmless(end))


def plan_lines(plan: ToldDrainPlan) -> list[str]:
    """What the drain waits for, what others take over, and how long it takes by that."""
    carried = [
        f"a server of the engine, as {plan.carrier}" if plan.carrier else "",
        f"the leases {', '.join(plan.leases)}" if plan.leases else "",
        "the local model of its machine" if plan.has_local_model else "",
    ]
    lines = [
        _line("node", f"{plan.name}, {plan.phase}"),
        _line("in hand", f"{plan.in_flight} requests, {plan.streams} of them streams"),
        _line("carries", "; ".join(one for one in carried if one) or "nothing"),
        _line("gone in", f"{duration_text(max(1.0, plan.expected_s))}: {plan.estimate}"),
    ]
    if plan.consequence:
        lines.append(_line("beware", plan.consequence))
    return lines + ([_line("refused", plan.refusal)] if plan.refusal else [])


def see_it_go(
    admin: AdminClient,
    member: SeenMember,
    give_up_after_s: float,
    *,
    clock: Callable[[], float],
    pause: Callable[[float], None] = time.sleep,
    tell: Callable[[str], None] = click.echo,
) -> str:
    """Tell of the drain until the node is gone, how that was; raises `DrainUnsure` if unseen."""
    give_up_at_s = clock() + give_up_after_s
    told = ""
    while clock() < give_up_at_s:
        try:
            now = _found(admin, member)
        except AdminUnreachable:
            if member.is_self:
                return f"{member.name} is gone; it was the node asked."
            raise
        if now is None or now.state in ("left", "down"):
            return _end(member.name, now)
        text = f"{now.name} is {now.state}, {now.in_flight} requests in hand"
        if text != told:
            tell(harmless(text))
            told = text
        pause(LOOK_EVERY_S)
    raise DrainUnsure(
        f"{member.name} is not gone after {duration_text(give_up_after_s)}. Look at its log; a "
        "second SIGTERM cuts off what it still has."
    )


def _end(name: str, member: SeenMember | None) -> str:
    if member is not None and member.state == "down":
        raise DrainUnsure(f"{name} went without a goodbye ({member.reason}). Look at its log.")
    return f"{name} is gone."


def _found(admin: AdminClient, member: SeenMember) -> SeenMember | None:
    """The member in the same life; None once it is forgotten or started anew."""
    seen = decoded(admin.get(CLUSTER_PATH), SeenCluster)
    for one in seen.members:
        if one.name == member.name and one.incarnation == member.incarnation:
            return one
    return None


def _member(admin: AdminClient, name: str) -> SeenMember:
    seen = decoded(admin.get(CLUSTER_PATH), SeenCluster)
    for one in seen.members:
        if one.name == name:
            return one
    raise DrainUnsure(f"There is no member {name}.")


def _confirm(name: str, *, is_sure: bool) -> None:
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise DrainUnsure("Nobody is there to say whether that is meant. Add --yes.")
    click.confirm(harmless(f"Drain and stop {name}?"), abort=True, err=True)


def _tell_nobody(_: str) -> None:
    """For programs, which read the end."""


def _line(label: str, text: str) -> str:
    return f"{label:<{LABEL_WIDTH}} {text}"
