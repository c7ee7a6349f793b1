"""Does discovery name those that are there: seeds, DNS, a node's own place?"""

from aiex.cluster.calls import DescribedContact
from aiex.cluster.diagnosis.evidence import Evidence, odd_ones
from aiex.cluster.diagnosis.finding import Found
from aiex.cluster.wording import listed
from aiex.engine import Door


def seeds_differ(evidence: Evidence) -> Found:
    lists = {w.name: frozenset(f.seeds) for w, f in evidence.formations() if f.seeds}
    for names, odd in odd_ones(lists):
        yield (
            f"The seeds of {listed(names)} ({listed(sorted(odd))}) are not those of the others.",
            "Write the same cluster.seeds on all nodes; a node reads them when it starts.",
        )


def seed_is_nobody(evidence: Evidence) -> Found:
    if any(formation.is_in_force for _, formation in evidence.formations()):
        return  # once a cluster is formed its charter counts, and who is away from that is told
    named = {seed for _, f in evidence.formations() if f.seeds for seed in f.found}
    for carrier in sorted(named - evidence.carriers_there()):
        contacts = [one for _, one in evidence.contacts() if one.carrier == carrier]
        if contacts and not any(_is_anybody(one) for one in contacts):
            yield (
                f"The seed {carrier} is nobody: {_closed(contacts[0])}.",
                f"Start the node there, or correct {carrier} in cluster.seeds on all nodes.",
            )


def dns_gives_too_few(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        if formation.discovery == "dns" and formation.found_waits_for:
            yield (
                f"DNS names {len(formation.found)} of the carriers to {witness.name}, which waits "
                f"for {formation.found_waits_for}.",
                "Start the missing nodes; let the headless service have "
                "publishNotReadyAddresses: true, and look at cluster.carriers.",
            )


def discovery_troubled(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        if formation.found_trouble:
            yield (
                f"{witness.name} does not find its place: {formation.found_trouble}.",
                "Mend that in its settings or in DNS; the node looks again by itself.",
            )


def _is_anybody(contact: DescribedContact) -> bool:
    return Door.OPEN in (contact.route, contact.client)


def _closed(contact: DescribedContact) -> str:
    ports = f"{contact.route_port} and {contact.client_port}"
    match contact.route:
        case Door.CLOSED:
            return f"its machine is there, and nobody listens at its ports {ports}"
        case Door.UNKNOWN:
            return "its name has no address, or no way leads there"
    return f"nothing answers at its ports {ports}; no such machine, or it is off or cut off"
