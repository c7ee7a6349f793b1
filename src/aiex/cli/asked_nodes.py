"""The nodes that a command asks about their insides, and what came of it.

Every such command has `--on`: nothing for the node that is found as ever, `all`, or names. One node
is answered for; of several each says its own. Those that do not are told on standard error, one
line each, and make the exit status 1 once the others have been shown.
"""

from typing import Any, NamedTuple
from urllib.parse import urlencode

import click
import msgspec

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.late_failure import fail_in_the_end
from aiex.cli.on_option import on_option as on_option
from aiex.cli.terminal_text import harmless
from aiex.cluster import Request
from aiex.performance import PERFORMANCE_REQUESTS

PATH = "/admin/v1/performance"
# What a busy node may need beyond what it was asked to look.
SPARE_S = 20.0
# As the cluster calls it when a node heard the request and would not.
REFUSED = "refused"
_NAMES = {kind.request: kind.name for kind in PERFORMANCE_REQUESTS}
_ANSWERS = {kind.request: kind.answer for kind in PERFORMANCE_REQUESTS}


class NodeAnswer[A](msgspec.Struct, frozen=True):
    node: str
    answer: A


class NodeFailure(msgspec.Struct, frozen=True):
    node: str
    reason: str = ""
    text: str = ""


class Asked[A](msgspec.Struct, frozen=True):
    answers: tuple[NodeAnswer[A], ...]
    failures: tuple[NodeFailure, ...] = ()


class Came[A](NamedTuple):
    """`document` is the JSON that came, with fields that this release may not know."""

    asked: Asked[A]
    document: bytes


def ask_nodes[A](
    admin: AdminClient, request: Request[A], nodes: str = "", *, takes_s: float = 0.0
) -> Came[A]:
    """What each node answers, which may take so long; failures are told, and fail the command.

    Raises `AdminUnreachable`, and `AdminRefused` when the only node that was asked refuses.
    """
    came = answers_of(admin, request, nodes, deadline_s=takes_s + SPARE_S)
    for one in came.asked.failures:
        how = "refused" if one.reason == REFUSED else "did not answer"
        click.echo(harmless(f"{one.node} {how}: {one.text or one.reason}"), err=True)
        fail_in_the_end()
    return came


def answers_of[A](
    admin: AdminClient,
    request: Request[A],
    nodes: str = "",
    *,
    deadline_s: float,
    spare_s: float = SPARE_S,
) -> Came[A]:
    """The same, with nothing told to anybody; nodes that do not answer by the deadline failed.

    For `spare_s` more the node asked may be silent.
    """
    query = urlencode({"nodes": nodes, "deadline_s": f"{deadline_s:g}"})
    patient = admin.with_patience(deadline_s + spare_s)
    kind = type(request)
    document = patient.post(f"{PATH}/{_NAMES[kind]}?{query}", msgspec.to_builtins(request))
    # The answer's type is known by the request's, at run time only.
    generic: Any = Asked
    asked: Asked[A] = decoded(document, generic[_ANSWERS[kind]])
    return Came(asked, document)
