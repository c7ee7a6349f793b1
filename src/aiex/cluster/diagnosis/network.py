"""Do those that are there reach each other, both ways and at both ports?"""

from aiex.cluster.calls import DescribedContact
from aiex.cluster.diagnosis.evidence import Evidence
from aiex.cluster.diagnosis.finding import Found
from aiex.cluster.wording import listed
from aiex.engine import Door


def port_blocked(evidence: Evidence) -> Found:
    for witness, contact in evidence.contacts():
        # Only carriers of several use the port of routes.
        if witness.formation is None or witness.formation.seat != "carrier":
            continue
        doors = {contact.route_port: contact.route, contact.client_port: contact.client}
        shut = [port for port, door in doors.items() if door != Door.OPEN]
        # Only the other one is open, so somebody is there.
        if len(shut) == 1 and (contact.server or contact.client != Door.OPEN):
            port = shut[0]
            yield (
                f"{witness.name} does not get through to port {port} of {contact.host}, and does "
                "to its other port.",
                f"Open port {port} between all carriers, in both directions; a firewall drops it.",
            )


def one_way(evidence: Evidence) -> Found:
    for one in evidence.witnesses:
        for other in evidence.witnesses:
            if one.hears(other.name) and other.misses(one.name):
                yield (
                    f"{one.name} hears {other.name}, and {other.name} does not hear {one.name}.",
                    f"Look at the network from {one.name} to {other.name}: its firewall, routes.",
                )


def partial_cut(evidence: Evidence) -> Found:
    for (one, other), both in (_unreached(evidence) | _unheard(evidence)).items():
        yield (
            f"{one} and {other} do not reach each other; {listed(both)} "
            f"{'reaches' if len(both) == 1 else 'reach'} both.",
            f"Mend the network between {one} and {other}: all nodes have to reach all carriers.",
        )


type Apart = dict[tuple[str, str], list[str]]


def _unheard(evidence: Evidence) -> Apart:
    """Pairs of which one misses the other, by name, with those who hear both."""
    apart: Apart = {}
    for one in evidence.witnesses:
        for name in [member.name for member in one.description.members if one.misses(member.name)]:
            both = [
                witness.name
                for witness in evidence.witnesses
                if witness is not one and witness.hears(name) and witness.hears(one.name)
            ]
            if both:
                apart.setdefault(_pair(one.name, name), both)
    return apart


def _unreached(evidence: Evidence) -> Apart:
    """Pairs of carriers that find nothing at each other's ports, with those who reach both.

    They hear each other where one of the nodes is connected at the server of a third.
    """
    found = {
        (witness.name, evidence.node_of_carrier(contact.carrier)): contact
        for witness, contact in evidence.contacts()
    }
    apart: Apart = {}
    for (one, other), contact in found.items():
        back = found.get((other, one))
        if one < other and back is not None and not _answers(contact) and not _answers(back):
            both = [
                witness.name
                for witness in evidence.witnesses
                if all(
                    (there := found.get((witness.name, name))) is not None and _answers(there)
                    for name in (one, other)
                )
            ]
            if both:
                apart[one, other] = both
    return apart


def _answers(contact: DescribedContact) -> bool:
    """Whether anything comes back from there, be it that nobody listens."""
    return not {contact.route, contact.client} <= {Door.SILENT, Door.UNKNOWN}


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if one < other else (other, one)
