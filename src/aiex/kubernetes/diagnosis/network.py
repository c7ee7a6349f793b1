"""Do those that have to talk to each other get through: policies, ports, names?"""

from collections.abc import Sequence
from typing import NamedTuple

from aiex.kubernetes.diagnosis.finding import Found, Seen, Trouble
from aiex.kubernetes.facts import (
    NATS,
    NODE,
    AllowanceSeen,
    Facts,
    PeerSeen,
    PodSeen,
    PolicySeen,
)


class Way(NamedTuple):
    """A connection that a release cannot do without; `name` is the port's in the container."""

    source: str
    target: str
    port: int
    name: str
    purpose: str


WAYS = (
    Way(NODE, NATS, 4222, "client", "nodes reach their engine"),
    Way(NATS, NATS, 6222, "cluster", "servers of NATS reach each other"),
)
DNS_PORTS = ("53", "53/UDP")


def policy_blocks(facts: Facts) -> Found:
    if not facts.knows("pods", "networkpolicies.networking.k8s.io"):
        return
    for way in WAYS:
        sources, targets = facts.pods_of(way.source), facts.pods_of(way.target)
        if not sources or not targets:
            continue
        source, target = sources[0], targets[0]
        out = [one for one in _policies(facts, source) if one.egress is not None]
        into = [one for one in _policies(facts, target) if one.ingress is not None]
        ports = _names_of(target, way.port)
        if out and not _is_open([one.egress or () for one in out], ports, target):
            yield _blocked(facts, way, "egress", way.source, out)
        if into and not _is_open([one.ingress or () for one in into], ports, source):
            yield _blocked(facts, way, "ingress", way.target, into)


def dns_blocked(facts: Facts) -> Found:
    if not facts.knows("pods", "networkpolicies.networking.k8s.io"):
        return
    for component in (NODE, NATS):
        for pod in facts.pods_of(component)[:1]:
            policies = [one for one in _policies(facts, pod) if one.egress is not None]
            rules = [rule for one in policies for rule in one.egress or ()]
            if policies and not any(_has_port(rule, DNS_PORTS) for rule in rules):
                yield Trouble(
                    f"No NetworkPolicy lets pods of {component} ask DNS: names have no addresses "
                    "for them.",
                    "Allow port 53, UDP and TCP, as the chart's own policy does.",
                    component,
                    (Seen(_listed(policies), "spec.egress", "no rule with port 53"),),
                    (facts.kubectl("get networkpolicy -o yaml"),),
                )


def port_refused(facts: Facts) -> Found:
    for door in facts.doors:
        if door.state == "refused":
            yield Trouble(
                f"Nobody listens at port {door.port} of {door.host} ({door.purpose}): the machine "
                "answers, and refuses the connection.",
                "See whether what should listen there runs: its pod, its log.",
                door.component,
                (Seen(door.host, f"port {door.port}", "connection refused"),),
                (facts.kubectl("get pods"),),
            )


def port_silent(facts: Facts) -> Found:
    for door in facts.doors:
        if door.state == "silent" and door.needed:
            yield Trouble(
                f"Nothing comes back from port {door.port} of {door.host} ({door.purpose}): a "
                "NetworkPolicy or a firewall drops it, or nobody has that address.",
                "Let the policies of both sides allow that port; with access to the Kubernetes API "
                "`aiex k8s doctor` says which policy it is.",
                door.component,
                (Seen(door.host, f"port {door.port}", "no answer in time"),),
                (facts.kubectl("get networkpolicy"),),
            )


def name_unknown(facts: Facts) -> Found:
    for name in facts.names:
        if not name.addresses and not name.trouble:
            yield Trouble(
                f"DNS knows no address of {name.name}.",
                "See whether the Service is there and selects pods; is the release's name right "
                "(--release), and the namespace (-n)?",
                name.component,
                (Seen(name.name, "DNS", "no such name, or no address"),),
                (facts.kubectl("get services,endpointslices"),),
            )


def dns_silent(facts: Facts) -> Found:
    silent = [one for one in facts.names if one.trouble]
    if silent:
        yield Trouble(
            f"DNS gives no answer for {len(silent)} of {len(facts.names)} names: "
            f"{silent[0].trouble}.",
            "See whether CoreDNS runs, and whether a NetworkPolicy allows port 53 to it.",
            "",
            tuple(Seen(one.name, "DNS", one.trouble) for one in silent),
            ("kubectl -n kube-system get pods -l k8s-app=kube-dns",),
        )


def _policies(facts: Facts, pod: PodSeen) -> list[PolicySeen]:
    """Those that select the pod; an undecided selector counts as one that does not."""
    return [
        one
        for one in facts.policies
        if one.is_decided and one.selector.items() <= pod.labels.items()
    ]


def _names_of(pod: PodSeen, port: int) -> tuple[str, ...]:
    """How a policy may call the port: by number, or by a container's name for it."""
    names = (name for one in pod.containers for name, number in one.ports.items() if number == port)
    return (str(port), *names)


def _is_open(
    of_policies: Sequence[Sequence[AllowanceSeen]], ports: Sequence[str], other: PodSeen
) -> bool:
    """Whether any rule of any policy lets it pass, as Kubernetes adds policies up."""
    return any(
        _has_port(rule, ports) and _has_peer(rule, other) for rules in of_policies for rule in rules
    )


def _has_port(rule: AllowanceSeen, ports: Sequence[str]) -> bool:
    return not rule.ports or any(one in ports for one in rule.ports)


def _has_peer(rule: AllowanceSeen, pod: PodSeen) -> bool:
    return not rule.peers or any(_is_peer(one, pod) for one in rule.peers)


def _is_peer(peer: PeerSeen, pod: PodSeen) -> bool:
    """What cannot be decided here is taken for a way in: silence rather than a false alarm."""
    return peer.is_other or (peer.is_pods and peer.labels.items() <= pod.labels.items())


def _blocked(
    facts: Facts, way: Way, side: str, component: str, policies: Sequence[PolicySeen]
) -> Trouble:
    names = [one.name for one in policies]
    how = "in" if side == "ingress" else "out"
    # Nothing but the chart's own policy of these pods allows anything; it has the most rules.
    own = max(policies, key=lambda one: len(_allowances(one, side)))
    return Trouble(
        f"Port {way.port} of pods of {way.target} is closed to pods of {way.source}, and by it "
        f"{way.purpose}: {_none_of(names)} lets them {how}.",
        f"Allow {side} at TCP {way.port}, as the chart's own policy does.",
        component,
        tuple(
            Seen(f"networkpolicy/{one.name}", f"spec.{side}", _rules(one, side)) for one in policies
        ),
        (facts.kubectl(f"edit networkpolicy {own.name}"),),
    )


def _none_of(names: Sequence[str]) -> str:
    if len(names) == 1:
        return f"the NetworkPolicy {names[0]} is there, and nothing"
    return f"none of the NetworkPolicies {', '.join(names)}"


def _allowances(policy: PolicySeen, side: str) -> Sequence[AllowanceSeen]:
    return (policy.egress if side == "egress" else policy.ingress) or ()


def _rules(policy: PolicySeen, side: str) -> str:
    ports = [", ".join(one.ports) or "every port" for one in _allowances(policy, side)]
    return f"allows {'; '.join(ports)}" if ports else "allows nothing"


def _listed(policies: Sequence[PolicySeen]) -> str:
    return "networkpolicy/" + ", ".join(one.name for one in policies)
