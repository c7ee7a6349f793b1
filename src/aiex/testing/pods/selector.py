"""Does a label selector take these labels? Pure."""

from collections.abc import Mapping
from typing import Any


def selects(selector: dict[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """None selects nothing, an empty selector everything."""
    if selector is None:
        return False
    alike = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in alike.items()) and all(
        _holds(one, labels) for one in selector.get("matchExpressions") or ()
    )


def _holds(expression: dict[str, Any], labels: Mapping[str, str]) -> bool:
    value, operator = labels.get(expression["key"]), expression["operator"]
    match operator:
        case "In":
            return value in expression["values"]
        case "NotIn":
            return value not in expression["values"]
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
    raise ValueError(f"no such operator: {operator}")
