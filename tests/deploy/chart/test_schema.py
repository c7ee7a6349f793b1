"""values.schema.json refuses what nobody meant, and knows every value there is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.deploy.chart.rendering import CHART, Chart

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
# The chart sets some of what Kubernetes has here.
OF_KUBERNETES = ("resources", "podSecurityContext", "securityContext")
VALUES = yaml.safe_load((CHART / "values.yaml").read_text())


def schemas(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each schema below, with where it is."""
    if isinstance(schema, dict) and "properties" in schema:
        yield path, schema
        for name, below in schema["properties"].items():
            yield from schemas(below, f"{path}.{name}".lstrip("."))
    elif isinstance(schema, dict) and "items" in schema:
        yield from schemas(schema["items"], f"{path}[]")


@pytest.mark.parametrize(
    "values",
    [
        {"replica": 3},
        {"drain": {"deadlineSecond": 5}},
        {"api": {"ingress": {"host": "a"}}},
        {"autoscaling": {"provider": "both"}},
        {"autoscaling": {"cpu": {"targetUtilisation": 70}}},
        {"image": {"digest": "abc"}},
        {"image": {"pullPolicy": "always"}},
        {"replicas": "three"},
        {"drain": {"deadlineSeconds": 1.5}},
        {"drain": {"deadlineSeconds": -1}},
        {"secretSettings": [{"setting": "providers.x.api_key", "secret": "s"}]},
        {"secretSettings": [{"setting": "api_key", "secret": "s", "key": "k"}]},
        {"podDisruptionBudget": {"unhealthyPodEvictionPolicy": "Always"}},
        {"fullnameOverride": "n" * 46},
        {"fullnameOverride": "Upper"},
        {"networkPolicy": {"apis": {}}},
        {"monitoring": {"serviceMonitor": {"interval": "often"}}},
        {"podAnnotations": {"a": 1}},
        {"settings": {"provider": {}}},
        {"settings": {"log": {"levle": "debug"}}},
        {"settings": {"log": {"level": "loud"}}},
        {"settings": {"api": {"in_flight_max": 0}}},
        {"settings": {"models": {"m": {"targets": [{"providr": "x"}]}}}},
    ],
)
def test_typos_and_nonsense_are_refused(chart: Chart, values: dict[str, Any]) -> None:
    path = next(iter(values))
    for said in chart.refusal(**values).values():
        assert "values don't meet the specifications of the schema" in said
        assert path in said


def test_no_object_of_the_schema_takes_what_it_does_not_know() -> None:
    open_objects = [
        path for path, schema in schemas(SCHEMA) if schema.get("additionalProperties") is not False
    ]
    assert open_objects == []


def test_the_schema_and_the_values_have_the_same_names() -> None:
    def names(values: Any, schema: Any, path: str = "") -> Iterator[str]:
        assert isinstance(values, dict), path
        for name, below in schema["properties"].items():
            here = f"{path}.{name}".lstrip(".")
            if name not in values:
                yield here
            elif name not in OF_KUBERNETES and "properties" in below:
                yield from names(values[name], below, here)

    missing = set(names(VALUES, SCHEMA))
    tolerances = {f"autoscaling.behavior.{way}.tolerance" for way in ("scaleUp", "scaleDown")}
    # A parent chart's, and what is newer than the oldest Kubernetes the chart takes.
    assert missing == tolerances | {"global"}
