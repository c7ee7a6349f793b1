"""Do those that are there reach each other, both ways and at both ports?"""

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
    told = set()
    for one in evidence.witnesses:
        for name in [member.name for member in one.description.members if one.misses(member.name)]:
            both = [
                witness.name
                for witness in evidence.witnesses
                if witness is not one and witness.hears(name) and witness.hears(one.name)
            ]
            pair = tuple(sorted((one.name, name)))
            if both and pair not in told:
                told.add(pair)
                yield (
                    f"{pair[0]} and {pair[1]} do not hear each other; {listed(both)} "
                    f"{'hears' if len(both) == 1 else 'hear'} both.",
                    f"Mend the network between {pair[0]} and {pair[1]}: all nodes have to reach "
                    "all carriers.",
                )
