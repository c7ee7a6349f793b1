"""`aiex cluster explain`: what is wrong with the cluster, and what that is read from."""

from collections.abc import Iterator

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.explanation import Explanation, ToldContact, ToldFormation, ToldNode
from aiex.cli.node_options import node_options
from aiex.cli.output import Output, output_option, print_json_text, table_lines
from aiex.cli.terminal_text import harmless

EXPLAIN_PATH = "/admin/v1/cluster/explain"
_NO_FORMATION = ToldFormation()


@click.command()
@output_option
@node_options
def explain(output: Output, admin: AdminClient) -> None:
    """Say what is wrong with the cluster, and what to do; look at every node that answers.

    It works before the cluster is formed too: the node asked then tells what it knows and reaches
    itself. Ends with status 1 when something is wrong.

    \b
    Examples:
      aiex cluster explain
      aiex cluster explain --node n2
      aiex cluster explain -o json | jq -r '.findings[].text'
    """
    document = admin.get(EXPLAIN_PATH)
    explanation = decoded(document, Explanation)
    if output == "json":
        print_json_text(document)
    else:
        click.echo("\n".join(harmless(line) for line in explanation_lines(explanation)))
    if explanation.findings:
        click.get_current_context().exit(1)


def explanation_lines(told: Explanation) -> list[str]:
    """The findings, then what they were read from."""
    blocks = (
        list(_findings(told)),
        list(_matrix(told)),
        list(_nodes(told)),
        list(_waits(told)),
        list(_doors(told)),
        list(_times(told)),
        list(_settings(told)),
    )
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return lines


def _findings(told: Explanation) -> Iterator[str]:
    if not told.findings:
        count = len(told.witnesses)
        yield f"Nothing wrong: {count} {'node' if count == 1 else 'nodes'} looked at."
    for number, finding in enumerate(told.findings, 1):
        yield f"{number}. {finding.text}"
        yield f"   {finding.next_step}"


def _matrix(told: Explanation) -> Iterator[str]:
    """Each row is a node that answered, each column whom it sees."""
    seen = {
        one.node: {member.name: member.state for member in one.description.members}
        for one in told.witnesses
    }
    names = sorted({name for row in seen.values() for name in row} | seen.keys())
    if len(names) < 2:
        return
    rows = [
        (node, *("itself" if name == node else row.get(name, "unknown") for name in names))
        for node, row in seen.items()
    ]
    yield from table_lines(("WHO SEES WHOM", *names), rows)
    for silence in told.silences:
        yield f"{silence.node} was not asked: {silence.text}"


def _nodes(told: Explanation) -> Iterator[str]:
    rows = []
    for one in told.witnesses:
        description, formation = one.description, one.description.formation or _NO_FORMATION
        rows.append(
            (
                one.node + (" (asked)" if one.node == told.asked else ""),
                description.engine.state,
                formation.seat or "unknown",
                str(formation.epoch or "none"),
                _servers(formation),
                f"{len(formation.found)} ({formation.discovery})",
                description.version,
                str(description.protocol),
                f"{one.clock_ahead_ms:+.0f} ms",
            )
        )
    headings = ("NODE", "ENGINE", "SEAT", "CHARTER", "SERVERS", "FOUND", "VERSION", "PROTOCOL")
    yield from table_lines((*headings, "CLOCK"), rows)


def _servers(formation: ToldFormation) -> str:
    if formation.servers is None:
        return f"? of {len(formation.carriers)}" if formation.carriers else "none"
    up_count = sum(formation.servers.values())
    return f"{up_count} of {len(formation.servers)}"


def _waits(told: Explanation) -> Iterator[str]:
    """What nodes say themselves of why they wait."""
    for one in told.witnesses:
        formation = one.description.formation or _NO_FORMATION
        said = {
            one.description.stays_out,
            formation.found_trouble,
            formation.trouble,
            formation.found_waits_for,
            formation.waiting_for,
            one.description.engine.reason,
        }
        yield from (f"{one.node} says: {text}" for text in sorted(said - {""}))


def _doors(told: Explanation) -> Iterator[str]:
    """Carriers that were not reached as they should be."""
    rows = [
        (
            one.node,
            contact.host,
            f"{contact.route_port} {contact.route}",
            f"{contact.client_port} {contact.client}",
            contact.refusal or contact.server,
        )
        for one in told.witnesses
        for contact in one.contacts
        if not _is_well(contact, one)
    ]
    if rows:
        yield from table_lines(("NODE", "LOOKED AT", "ROUTES", "CLIENTS", "WHO IS THERE"), rows)


def _is_well(contact: ToldContact, node: ToldNode) -> bool:
    formation = node.description.formation or _NO_FORMATION
    needs_route = formation.seat == "carrier" and len(formation.carriers) > 1
    is_open = contact.client == "open" and (contact.route == "open" or not needs_route)
    return is_open and bool(contact.server) and not contact.refusal


def _times(told: Explanation) -> Iterator[str]:
    """How long after its start each node was how far."""
    reached = {
        one.node: (one.description.formation or _NO_FORMATION).milestones for one in told.witnesses
    }
    milestones = list(dict.fromkeys(name for row in reached.values() for name in row))
    if milestones:
        rows = [
            (node, *(f"{row[one]:.2f} s" if one in row else "not yet" for one in milestones))
            for node, row in reached.items()
        ]
        yield from table_lines(("AFTER START", *(one.upper() for one in milestones)), rows)


def _settings(told: Explanation) -> Iterator[str]:
    """Which sections differ between nodes, of those that need not be the same."""
    if len(told.witnesses) < 2:
        return
    sections = {name for one in told.witnesses for name in one.description.settings}
    differing = [
        name
        for name in sorted(sections)
        if len({one.description.settings.get(name) for one in told.witnesses}) > 1
    ]
    formations = [one.description.formation or _NO_FORMATION for one in told.witnesses]
    shared = sorted({name for one in formations for name in one.shared_settings})
    unlike = [
        name
        for name in shared
        if len({one.shared_settings[name] for one in formations if name in one.shared_settings}) > 1
    ]
    yield f"settings that must be alike and differ: {', '.join(unlike) or 'none'}"
    yield f"sections in which others differ, as they may: {', '.join(differing) or 'none'}"
