"""A container's environment: what the pod says, what it refers to, and what services add.

Pure. A reference to a Secret or ConfigMap that is not there raises `NotYet`, unless it is optional:
the kubelet waits for it.
"""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

type Object = dict[str, Any]
type Find = Callable[[str, str], Object | None]

_REFERENCE = re.compile(r"\$\$|\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")


class NotYet(Exception):
    """What a pod refers to is not there; the message names it."""


def environment(
    container: Object, find: Find, field: Callable[[str], str], links: Mapping[str, str]
) -> dict[str, str]:
    """`find(kind, name)` gives an object; `field(path)` is the downward API; `links` come first."""
    found = dict(links)
    for source in container.get("envFrom", ()):
        found.update(_all_of(source, find))
    for one in container.get("env", ()):
        if "valueFrom" not in one:
            found[one["name"]] = expanded(str(one.get("value", "")), found)
        elif (value := _referred(one["valueFrom"], container, find, field)) is not None:
            found[one["name"]] = value
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` becomes its value when there is one and stays otherwise; `$$` is a dollar."""

    def value(match: re.Match[str]) -> str:
        return "$" if match[1] is None else known.get(match[1], match[0])

    return _REFERENCE.sub(value, text)


def service_links(services: Sequence[Object]) -> dict[str, str]:
    """What `enableServiceLinks` puts into every container: the default, and easily forgotten."""
    links: dict[str, str] = {}
    for service in services:
        address = service["spec"].get("clusterIP")
        if not address or address == "None":
            continue
        name = service["metadata"]["name"].upper().replace("-", "_")
        ports = service["spec"]["ports"]
        links[f"{name}_SERVICE_HOST"] = address
        links[f"{name}_SERVICE_PORT"] = str(ports[0]["port"])
        first = f"tcp://{address}:{ports[0]['port']}"
        links[f"{name}_PORT"] = first
        for port in ports:
            number = port["port"]
            if "name" in port:
                spelled = port["name"].upper().replace("-", "_")
                links[f"{name}_SERVICE_PORT_{spelled}"] = str(number)
            links[f"{name}_PORT_{number}_TCP"] = f"tcp://{address}:{number}"
            links[f"{name}_PORT_{number}_TCP_PROTO"] = "tcp"
            links[f"{name}_PORT_{number}_TCP_PORT"] = str(number)
            links[f"{name}_PORT_{number}_TCP_ADDR"] = address
    return links


def content(thing: Object) -> dict[str, bytes]:
    """The keys of a ConfigMap or Secret."""
    plain = {key: str(text).encode() for key, text in (thing.get("stringData") or {}).items()}
    data = thing.get("data") or {}
    if thing["kind"] == "Secret":
        return {key: base64.b64decode(text) for key, text in data.items()} | plain
    binary = thing.get("binaryData") or {}
    return {key: text.encode() for key, text in data.items()} | {
        key: base64.b64decode(text) for key, text in binary.items()
    }


def _all_of(source: Object, find: Find) -> dict[str, str]:
    kind = "Secret" if "secretRef" in source else "ConfigMap"
    reference = source.get("secretRef") or source["configMapRef"]
    thing = find(kind, reference["name"])
    if thing is None:
        if reference.get("optional"):
            return {}
        raise NotYet(f"{kind} {reference['name']}")
    prefix = source.get("prefix", "")
    return {prefix + key: value.decode() for key, value in content(thing).items()}


def _referred(
    source: Object, container: Object, find: Find, field: Callable[[str], str]
) -> str | None:
    if "fieldRef" in source:
        return field(source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return _resource(source["resourceFieldRef"], container)
    kind = "Secret" if "secretKeyRef" in source else "ConfigMap"
    reference = source.get("secretKeyRef") or source["configMapKeyRef"]
    thing = find(kind, reference["name"])
    if thing is not None and reference["key"] in (keys := content(thing)):
        return keys[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise NotYet(f"{kind} {reference['name']}, key {reference['key']}")


_SUFFIXES = {"": 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12} | {
    f"{letter}i": 1024.0**power for power, letter in enumerate("KMGT", 1)
}


def quantity(text: str | float) -> float:
    """`500m`, `2Gi`, `1.5` as a number."""
    match = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text))
    assert match is not None, f"not a quantity: {text}"
    return float(match[1]) * _SUFFIXES[match[2]]


def _resource(reference: Object, container: Object) -> str:
    kind, _, name = reference["resource"].partition(".")
    resources = container.get("resources", {})
    amount = resources.get(kind, {}).get(name) or resources.get("limits", {}).get(name)
    assert amount is not None, f"{reference['resource']} is the node's, and there is no node here"
    whole, part = divmod(quantity(amount), quantity(reference.get("divisor", "1") or "1"))
    return str(int(whole) + (part > 0))
