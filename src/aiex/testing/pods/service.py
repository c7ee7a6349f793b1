"""Services: who is behind them, the rules that spread connections, and their names. Pure.

As kube-proxy does it: a connection goes to any ready pod at random and stays with it, whatever
becomes of the service; a service without a ready pod refuses. Pods that are ending are out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from aiex.testing.pods.environment import Object
from aiex.testing.pods.selector import selects


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A pod, or another place with an address and labels, as services and policies see it."""

    name: str
    address: str
    labels: Mapping[str, str]
    namespace: str
    is_ready: bool = False
    is_ending: bool = False
    hostname: str = ""
    subdomain: str = ""
    ports: Mapping[str, int] = field(default_factory=dict)


def behind(service: Object, endpoints: Iterable[Endpoint]) -> list[Endpoint]:
    """Those whom the service sends to now, or whom a headless one names."""
    spec = service["spec"]
    publishes_all = bool(spec.get("publishNotReadyAddresses"))
    return [
        one
        for one in endpoints
        if spec.get("selector")
        and selects({"matchLabels": spec["selector"]}, one.labels)
        and one.namespace == service["metadata"]["namespace"]
        and (publishes_all or (one.is_ready and not one.is_ending))
    ]


def is_headless(service: Object) -> bool:
    return bool(service["spec"].get("clusterIP") == "None")


def names(services: Sequence[Object], endpoints: Sequence[Endpoint]) -> dict[str, list[str]]:
    """Each name with its addresses, without the last dot."""
    found: dict[str, list[str]] = {}
    for service in services:
        metadata = service["metadata"]
        name = f"{metadata['name']}.{metadata['namespace']}.svc.cluster.local"
        if not is_headless(service):
            found[name] = [service["spec"]["clusterIP"]]
            continue
        chosen = behind(service, endpoints)
        if chosen:
            found[name] = [one.address for one in chosen]
        for one in chosen:
            if one.hostname and one.subdomain == metadata["name"]:
                found[f"{one.hostname}.{name}"] = [one.address]
    return found


def rules(services: Sequence[Object], endpoints: Sequence[Endpoint]) -> str:
    """The chains that translate addresses, and the refusal where nobody is behind."""
    translations, refusals, hairpins = [], [], set[str]()
    for service in services:
        if is_headless(service):
            continue
        address = service["spec"]["clusterIP"]
        for port in service["spec"]["ports"]:
            protocol = port.get("protocol", "TCP").lower()
            match = f"ip daddr {address} {protocol} dport {port['port']}"
            targets = _targets(port, behind(service, endpoints))
            hairpins.update(host for host, _ in targets)
            if targets:
                places = ", ".join(
                    f"{number} : {host} . {target}" for number, (host, target) in enumerate(targets)
                )
                spread = f"numgen random mod {len(targets)} map {{ {places} }}"
                translations.append(f"{match} dnat to {spread}")
            else:
                refusals.append(f"{match} reject")
    lines = "\n".join
    return f"""
chain translate {{
type nat hook prerouting priority dstnat; policy accept;
{lines(translations)}
}}
chain hairpin {{
type nat hook postrouting priority srcnat; policy accept;
{lines(f"ip saddr {one} ip daddr {one} masquerade" for one in sorted(hairpins))}
}}
chain refuse {{
type filter hook forward priority -10; policy accept;
{lines(refusals)}
}}
"""


def _targets(port: Object, chosen: Sequence[Endpoint]) -> list[tuple[str, int]]:
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return [(one.address, target) for one in chosen]
    # A pod without a port of that name is not behind this port.
    name = str(target)
    return [(one.address, one.ports[name]) for one in chosen if name in one.ports]
