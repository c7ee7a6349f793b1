"""A container's environment."""

from typing import Any

import pytest

from aiex.testing.pods.environment import (
    NotYet,
    content,
    environment,
    expanded,
    quantity,
    service_links,
)

SECRET = {"kind": "Secret", "metadata": {"name": "s"}, "data": {"key": "dmFsdWU="}}


def find(kind: str, name: str) -> dict[str, Any] | None:
    return SECRET if (kind, name) == ("Secret", "s") else None


def field(path: str) -> str:
    return f"<{path}>"


def made(*env: dict[str, Any]) -> dict[str, str]:
    return environment({"env": list(env)}, find, field, {})


def reference(name: str, key: str, **more: Any) -> dict[str, Any]:
    return {"name": "A", "valueFrom": {"secretKeyRef": {"name": name, "key": key, **more}}}


def test_values_come_from_the_pod_its_fields_and_secrets() -> None:
    of_field = {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}
    assert made({"name": "PLAIN", "value": "1"}, of_field, reference("s", "key")) == {
        "PLAIN": "1",
        "IP": "<status.podIP>",
        "A": "value",
    }


def test_a_name_in_brackets_becomes_what_came_before_it() -> None:
    assert made({"name": "A", "value": "1"}, {"name": "B", "value": "$(A)-$(C)-$$(A)"})["B"] == (
        "1-$(C)-$(A)"
    )
    assert expanded("$(A)", {}) == "$(A)"


def test_what_is_not_there_is_waited_for_unless_it_is_optional() -> None:
    with pytest.raises(NotYet, match="Secret s, key other"):
        made(reference("s", "other"))
    with pytest.raises(NotYet, match="Secret t"):
        made(reference("t", "key"))
    assert made(reference("t", "key", optional=True)) == {}


def test_services_add_names_of_their_own() -> None:
    service = {
        "metadata": {"name": "my-aiex"},
        "spec": {"clusterIP": "10.96.0.9", "ports": [{"name": "http", "port": 80}]},
    }
    links = service_links([service, {"metadata": {"name": "h"}, "spec": {"clusterIP": "None"}}])
    assert links["MY_AIEX_PORT"] == "tcp://10.96.0.9:80"
    assert links["MY_AIEX_SERVICE_PORT_HTTP"] == "80"
    assert not any(name.startswith("H_") for name in links)


def test_resources_are_rounded_up_to_the_divisor() -> None:
    limited = {
        "resources": {"limits": {"memory": "1500Mi"}},
        "env": [
            {
                "name": "GIB",
                "valueFrom": {"resourceFieldRef": {"resource": "limits.memory", "divisor": "1Gi"}},
            }
        ],
    }
    assert environment(limited, find, field, {}) == {"GIB": "2"}


def test_quantities_and_contents_are_read() -> None:
    assert [quantity(one) for one in ("500m", "2Gi", "1.5", 3)] == [0.5, 2 * 1024**3, 1.5, 3]
    assert content(SECRET) == {"key": b"value"}
