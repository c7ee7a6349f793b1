"""Quantities as Kubernetes writes them: `500m`, `2Gi`, `1.5`, `1e3`. Pure."""

import re

_QUANTITY = re.compile(r"^([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)(m|[kMGTPE]|[KMGTPE]i)?$")
_DECIMAL = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
_BINARY = {
    name: 1024.0**power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}


def number_of(quantity: str) -> float | None:
    """The quantity in its plain unit (cores, bytes); None when it is none."""
    found = _QUANTITY.match(quantity)
    if found is None:
        return None
    try:
        return float(found[1]) * {**_DECIMAL, **_BINARY, "": 1.0}[found[2] or ""]
    except ValueError:
        return None
