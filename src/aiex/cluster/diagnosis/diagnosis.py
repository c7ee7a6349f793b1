"""What is wrong with a cluster, by its evidence: small rules, each with its sentence. Pure.

A rule looks at one thing. Where one finding makes another one plain (three nodes with two secrets
have no quorum either), the other rule names it in `unless` and says nothing then.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import msgspec

from aiex.cluster.diagnosis.evidence import Evidence, Witness
from aiex.cluster.calls import DescribedContact
from aiex.engine import BOTH_HAVE_STATE, STATE_NOT_USED, Door

# Leases, limits by the minute and logs of several nodes are compared by their clocks.
CLOCK_SKEW_S = 1.0
# A full store stops the engine; a twentieth of a large disk is still much.
DISK_FREE_RATIO_MIN = 0.05
DISK_FREE_BYTES_ENOUGH = 2 * 1024**3
# Time to renew a certificate in working hours, holidays included.
CERTIFICATE_ENDS_IN_S = 14 * 24 * 3600.0
FINDINGS_MAX = 64


class Finding(msgspec.Struct, frozen=True):
    """`text` is what is wrong, `next_step` what to do; `rule` stays the same over releases."""

    rule: str
    text: str
    next_step: str


type Found = Iterator[tuple[str, str]]


class Rule(msgspec.Struct, frozen=True):
    """`find` gives sentences with their next steps, or nothing."""

    name: str
    find: Callable[[Evidence], Found]
    unless: tuple[str, ...] = ()


def diagnosed(evidence: Evidence) -> tuple[Finding, ...]:
    """All that is wrong, causes before what follows from them; nothing for a healthy cluster."""
    findings: dict[Finding, None] = {}
    for rule in RULES:
        names = {one.rule for one in findings}
        if names.isdisjoint(rule.unless):
            findings |= {Finding(rule.name, *found): None for found in rule.find(evidence)}
    return tuple(findings)[:FINDINGS_MAX]


# Who is let in.


def _other_cluster(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for contact in witness.contacts:
            if contact.cluster and contact.cluster != formation.cluster:
                yield (
                    f"The node at {contact.host} is of the cluster {contact.cluster!r}, "
                    f"{witness.name} of {formation.cluster!r}.",
                    "Give all nodes of one cluster the same cluster.name, or take the other one "
                    "out of the seeds.",
                )


def _tls_on_one_side(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for contact in witness.contacts:
            if contact.server and contact.has_tls != formation.has_tls:
                one, other = (
                    (contact.host, witness.name)
                    if contact.has_tls
                    else (witness.name, contact.host)
                )
                yield (
                    f"The engine of {one} speaks TLS and that of {other} does not.",
                    "Set cluster.tls_certificate_file, tls_key_file and tls_ca_file on all nodes, "
                    "or on none.",
                )


def _wrong_secret(evidence: Evidence) -> Found:
    step = (
        "Give all nodes the same cluster.secret (AIEX_CLUSTER__SECRET_FILE) and restart the one "
        "that had another."
    )
    told = set()
    for witness, contact in evidence.contacts():
        if "cluster.secret" in contact.refusal:
            told.add(witness.name)
            yield f"{contact.host} and {witness.name} have different secrets.", step
    for witness, formation in evidence.formations():
        if witness.name not in told:
            for address in sorted(
                {
                    one.address.rpartition(":")[0] if one.is_own else one.address
                    for one in formation.refusals
                    if "cluster.secret" in one.reason
                }
            ):
                yield f"{address} and {witness.name} have different secrets.", step


def _certificate_refused(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for refusal in formation.refusals:
            if "cluster.tls_ca_file" in refusal.reason or "extendedKeyUsage" in refusal.reason:
                yield (
                    f"{witness.name} and {refusal.address} do not take each other's certificates: "
                    f"{refusal.reason}.",
                    "Issue the certificates of all nodes from the authority in "
                    "cluster.tls_ca_file, for serverAuth and clientAuth.",
                )


def _name_twice(evidence: Evidence) -> Found:
    for name in sorted(
        {w.name for w, formation in evidence.formations() if formation.has_twin}
        | {one.name for _, f in evidence.formations() for one in f.outsiders if one.is_twin}
    ):
        yield (
            f"Two processes call themselves {name}; only the one that began later is a member.",
            "Stop one of them, or give each its own node.name.",
        )


def _protocol_apart(evidence: Evidence) -> Found:
    step = "Upgrade in steps: nodes of one cluster may be one release apart, not more."
    for _, formation in evidence.formations():
        for outsider in formation.outsiders:
            if not outsider.is_twin:
                yield (
                    f"{outsider.name} does not understand the members: {outsider.reason}.",
                    step,
                )
    for silence in evidence.silences:
        if silence.reason == "too old":
            yield f"{silence.node} does not understand {evidence.asked}: {silence.text}.", step


# Who is found.


def _seeds_differ(evidence: Evidence) -> Found:
    lists = {w.name: frozenset(f.seeds) for w, f in evidence.formations() if f.seeds}
    for names, odd in _odd_ones(lists):
        yield (
            f"The seeds of {_listed(names)} ({_listed(sorted(odd))}) are not those of the others.",
            "Write the same cluster.seeds on all nodes; a node reads them when it starts.",
        )


def _seed_is_nobody(evidence: Evidence) -> Found:
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


def _dns_gives_too_few(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        if formation.discovery == "dns" and formation.found_waits_for:
            yield (
                f"DNS names {len(formation.found)} of the carriers to {witness.name}, which waits "
                f"for {formation.found_waits_for}.",
                "Start the missing nodes; let the headless service have "
                "publishNotReadyAddresses: true, and look at cluster.carriers.",
            )


def _discovery_troubled(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        if formation.found_trouble:
            yield (
                f"{witness.name} does not find its place: {formation.found_trouble}.",
                "Mend that in its settings or in DNS; the node looks again by itself.",
            )


# Who reaches whom.


def _port_blocked(evidence: Evidence) -> Found:
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


def _one_way(evidence: Evidence) -> Found:
    for one in evidence.witnesses:
        for other in evidence.witnesses:
            if one.hears(other.name) and other.misses(one.name):
                yield (
                    f"{one.name} hears {other.name}, and {other.name} does not hear {one.name}.",
                    f"Look at the network from {one.name} to {other.name}: its firewall, routes.",
                )


def _partial_cut(evidence: Evidence) -> Found:
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
                    f"{pair[0]} and {pair[1]} do not hear each other; {_listed(both)} "
                    f"{'hears' if len(both) == 1 else 'hear'} both.",
                    f"Mend the network between {pair[0]} and {pair[1]}: all nodes have to reach "
                    "all carriers.",
                )


# How the engine is.


def _two_states(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for trouble in (formation.state_trouble, witness.description.engine.reason):
            if BOTH_HAVE_STATE in trouble or STATE_NOT_USED in trouble:
                yield (
                    f"Two nodes have state of their own: {trouble}.",
                    "Decide whose keys and usage count; on the other nodes move engine/standalone "
                    "out of the data directory while they are stopped.",
                )
                break


def _disk_full(evidence: Evidence) -> Found:
    for witness in evidence.witnesses:
        reason, formation = witness.description.engine.reason, witness.formation
        if "the disk that holds" in reason:
            yield f"The disk under the engine of {witness.name} is full.", _DISK_STEP
        elif formation is not None and formation.disk_bytes and formation.carrier:
            free = formation.disk_free_bytes
            is_little = free < DISK_FREE_RATIO_MIN * formation.disk_bytes
            if is_little and free < DISK_FREE_BYTES_ENOUGH:
                yield (
                    f"The disk under the engine of {witness.name} has "
                    f"{free / 1024**2:.0f} MiB left.",
                    _DISK_STEP,
                )


_DISK_STEP = "Free some space there; an engine whose disk is full keeps nothing, and then restarts."


def _no_quorum(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        away = _carriers_away(evidence, witness)
        if formation.is_in_force and len(away) * 2 > len(formation.carriers):
            yield (
                f"The engine has no quorum: of its {len(formation.carriers)} carriers "
                f"{_listed(away)} {_are(away)} away. Nothing can be written.",
                f"Start {_listed(away)} again; more than half of the carriers have to be there.",
            )
            return


def _carrier_away(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        away = _carriers_away(evidence, witness)
        if formation.is_in_force and away:
            count = len(formation.carriers)
            yield (
                f"{_listed(away)} {_are(away)} away, of the {count} that carry the engine.",
                f"Start {_listed(away)} again, or, if it will never come back, take it out of the "
                "carriers: aiex cluster remove.",
            )
            return


def _member_missing(evidence: Evidence) -> Found:
    carriers = {one.name for one in evidence.members() if one.carrier}
    heard = {name for w in evidence.witnesses for name in _names(w) if w.hears(name)}
    missing = {name for w in evidence.witnesses for name in _names(w) if w.misses(name)}
    for name in sorted(missing - heard - carriers):
        yield (
            f"{name} is missing without a goodbye: it was killed, froze or is cut off.",
            f"Look at the machine of {name}; if it is gone for good, it is forgotten after "
            "cluster.forget_down_after_s.",
        )


def _engine_ill(evidence: Evidence) -> Found:
    for witness in evidence.witnesses:
        engine = witness.description.engine
        if engine.state in ("down", "no quorum"):
            yield (
                f"The engine at {witness.name} is {_condition(engine.state)}: "
                f"{engine.reason or 'it says no more'}.",
                f"Wait a moment; if it stays so look at the log of {witness.name}, under "
                "aiex.engine.",
            )


def _not_formed(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        reason = formation.trouble or formation.waiting_for
        if not reason and witness.description.engine.state == "forming":
            reason = witness.description.engine.reason
        if reason:
            yield (
                f"{witness.name} does not take part yet: {reason}.",
                "Start the nodes that it waits for, and look again in a moment.",
            )


# What is otherwise not as it should be.


def _clock_skewed(evidence: Evidence) -> Found:
    ahead = {witness.name: witness.clock_ahead_s for witness in evidence.witnesses}
    # The asked node's own clock may be the wrong one.
    middle_s = sorted(ahead.values())[len(ahead) // 2] if len(ahead) > 2 else 0.0
    for witness in evidence.witnesses:
        skew_s = witness.clock_ahead_s - middle_s
        if abs(skew_s) - witness.clock_doubt_s > CLOCK_SKEW_S:
            way = "ahead of" if skew_s > 0 else "behind"
            yield (
                f"The clock of {witness.name} is {abs(skew_s):.1f} s {way} that of the others.",
                f"Let {witness.name} take its time from a server (chrony, systemd-timesyncd).",
            )


def _settings_differ(evidence: Evidence) -> Found:
    names = {name for _, f in evidence.formations() for name in f.shared_settings}
    for setting in sorted(names):
        values = {
            w.name: f.shared_settings[setting]
            for w, f in evidence.formations()
            if setting in f.shared_settings
        }
        for nodes, _ in _odd_ones(values):
            yield (
                f"{setting} of {_listed(nodes)} is not that of the others.",
                "Give all nodes the same; compare `aiex config show` on both.",
            )


def _certificate_ends(evidence: Evidence) -> Found:
    for witness, formation in evidence.formations():
        for setting, ends_at_s in sorted(formation.certificates.items()):
            left_s = ends_at_s - evidence.now_s
            if left_s < CERTIFICATE_ENDS_IN_S:
                when = f"ends in {left_s / 86400:.0f} days" if left_s > 0 else "has ended"
                yield (
                    f"The certificate in {setting} of {witness.name} {when}.",
                    "Renew it and restart the node: files are read when it starts.",
                )


def _member_silent(evidence: Evidence) -> Found:
    gone = {name for w in evidence.witnesses for name in _names(w) if w.misses(name)}
    for silence in evidence.silences:
        if silence.node not in gone:
            yield (
                f"{silence.node} does not answer: {silence.text}.",
                f"Look at {silence.node} itself: aiex cluster explain there.",
            )


# What keeps nodes apart: most of what follows from it is not worth a sentence beside it.
_APART = (
    Rule("other_cluster", _other_cluster),
    Rule("tls_on_one_side", _tls_on_one_side),
    Rule("wrong_secret", _wrong_secret, unless=("other_cluster", "tls_on_one_side")),
    Rule("certificate_refused", _certificate_refused, unless=("tls_on_one_side",)),
    Rule("name_twice", _name_twice),
    Rule("protocol_apart", _protocol_apart),
    Rule("seeds_differ", _seeds_differ),
    Rule(
        "seed_is_nobody",
        _seed_is_nobody,
        unless=("other_cluster", "tls_on_one_side", "wrong_secret", "seeds_differ"),
    ),
    Rule("dns_gives_too_few", _dns_gives_too_few),
    Rule("discovery_troubled", _discovery_troubled),
    Rule("port_blocked", _port_blocked),
    Rule("one_way", _one_way, unless=("port_blocked", "name_twice")),
    Rule("partial_cut", _partial_cut, unless=("port_blocked", "name_twice", "one_way")),
    Rule("two_states", _two_states),
    Rule("disk_full", _disk_full),
)
_APART_NAMES = tuple(rule.name for rule in _APART)
RULES = (
    *_APART,
    Rule("no_quorum", _no_quorum, unless=_APART_NAMES),
    Rule("carrier_away", _carrier_away, unless=(*_APART_NAMES, "no_quorum")),
    Rule("member_missing", _member_missing, unless=_APART_NAMES),
    Rule("engine_ill", _engine_ill, unless=(*_APART_NAMES, "no_quorum", "carrier_away")),
    Rule(
        "not_formed", _not_formed, unless=(*_APART_NAMES, "no_quorum", "carrier_away", "engine_ill")
    ),
    Rule("clock_skewed", _clock_skewed),
    Rule("settings_differ", _settings_differ),
    Rule("certificate_ends", _certificate_ends),
    Rule("member_silent", _member_silent, unless=(*_APART_NAMES, "no_quorum", "carrier_away")),
)


def _carriers_away(evidence: Evidence, witness: Witness) -> list[str]:
    assert witness.formation is not None, "only of those that form a cluster"
    there = evidence.carriers_there()
    away = [one for one in witness.formation.carriers if one not in there]
    nodes = [evidence.node_of_carrier(one) for one in away]
    return [
        node if node == carrier else f"{node} ({carrier})"
        for node, carrier in zip(nodes, away, strict=True)
    ]


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


def _odd_ones[V](values: Mapping[str, V]) -> Iterator[tuple[list[str], V]]:
    """Those that have another value than most, by value."""
    if len(set(values.values())) < 2:
        return
    most = Counter(values.values()).most_common(1)[0][0]
    for value in dict.fromkeys(values.values()):
        if value != most:
            yield sorted(name for name, one in values.items() if one == value), value


def _names(witness: Witness) -> list[str]:
    return [one.name for one in witness.description.members]


def _condition(state: str) -> str:
    return "without a quorum" if state == "no quorum" else state


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _listed(names: list[str] | tuple[str, ...]) -> str:
    if len(names) < 2:
        return "".join(names) or "none"
    return ", ".join(names[:-1]) + f" and {names[-1]}"
