"""NetworkPolicies as rules of the node. Pure.

A pod that a policy selects for a direction gets only what one of its policies allows; what belongs
to an allowed connection passes, and so does the node itself, since kubelets probe. Addresses are
compared after services were translated, as in most clusters.
"""

from collections.abc import Iterable, Mapping, Sequence

from aiex.testing.pods.environment import Object
from aiex.testing.pods.selector import selects
from aiex.testing.pods.service import Endpoint

type Namespaces = Mapping[str, Mapping[str, str]]

ENDS = {"Ingress": ("daddr", "saddr"), "Egress": ("saddr", "daddr")}


def policy_rules(
    policies: Sequence[Object], endpoints: Sequence[Endpoint], namespaces: Namespaces
) -> str:
    """The chains; `namespaces` are labels by name."""
    chains, jumps = [], []
    for number, one in enumerate(endpoints):
        for direction, (own, _) in ENDS.items():
            chosen = [policy for policy in policies if _is_for(policy, one, direction)]
            if not chosen:
                continue
            name = f"{direction.lower()}{number}"
            allowed = [
                line
                for policy in chosen
                for rule in policy["spec"].get(direction.lower()) or ()
                for line in _lines(rule, policy, one, direction, endpoints, namespaces)
            ]
            chains.append(f"chain {name} {{\n" + "\n".join([*allowed, "drop"]) + "\n}")
            jumps.append(f"ip {own} {one.address} jump {name}")
    # Egress and ingress are asked one after the other: an allowed packet returns to the list.
    across = "\n".join(jumps)
    return (
        "\n".join(chains)
        + f"""
chain policies {{
type filter hook forward priority filter; policy accept;
ct state established,related accept
{across}
}}
"""
    )


def _is_for(policy: Object, one: Endpoint, direction: str) -> bool:
    spec = policy["spec"]
    implied = ["Ingress", *(["Egress"] if "egress" in spec else [])]
    return (
        policy["metadata"]["namespace"] == one.namespace
        and direction in spec.get("policyTypes", implied)
        and selects(spec.get("podSelector", {}), one.labels)
    )


def _lines(
    rule: Object,
    policy: Object,
    one: Endpoint,
    direction: str,
    endpoints: Sequence[Endpoint],
    namespaces: Namespaces,
) -> Iterable[str]:
    _, other = ENDS[direction]
    peers = rule.get("from" if direction == "Ingress" else "to")
    ports = rule.get("ports")
    if not peers:
        for words in _ports(ports, [one] if direction == "Ingress" else endpoints):
            yield f"{words} return".strip()
        return
    for peer in peers:
        if block := peer.get("ipBlock"):
            if ":" in block["cidr"]:
                continue  # nobody has an address of IPv6 here
            exceptions = "".join(f" ip {other} != {cut}" for cut in block.get("except", ()))
            for words in _ports(ports, [one] if direction == "Ingress" else ()):
                yield f"ip {other} {block['cidr']}{exceptions} {words} return"
            continue
        for there in endpoints:
            if _is_peer(peer, there, policy["metadata"]["namespace"], namespaces):
                for words in _ports(ports, [one if direction == "Ingress" else there]):
                    yield f"ip {other} {there.address} {words} return"


def _is_peer(peer: Object, there: Endpoint, own_namespace: str, namespaces: Namespaces) -> bool:
    if "namespaceSelector" in peer:
        if not selects(peer["namespaceSelector"] or {}, namespaces.get(there.namespace, {})):
            return False
    elif there.namespace != own_namespace:
        return False
    return selects(peer.get("podSelector") or {}, there.labels)


def _ports(ports: Sequence[Object] | None, receivers: Iterable[Endpoint]) -> Iterable[str]:
    """The ways to say these ports; a name is looked up at those who would receive."""
    if not ports:
        yield ""
        return
    receivers = list(receivers)
    for port in ports:
        protocol = port.get("protocol", "TCP").lower()
        number = port.get("port")
        if number is None:
            yield f"ip protocol {protocol}"
        elif isinstance(number, int):
            last = port.get("endPort", number)
            yield f"{protocol} dport {number if last == number else f'{number}-{last}'}"
        else:
            for found in sorted({one.ports[number] for one in receivers if number in one.ports}):
                yield f"{protocol} dport {found}"
