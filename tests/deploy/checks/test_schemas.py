import json
from pathlib import Path
from typing import Any

import pytest

from scripts.chart.objects import Object
from scripts.chart.schemas import VERSIONS, Definitions, closed
from tests.deploy.checks.test_rules import sound

SCALED: Object = {
    "apiVersion": "keda.sh/v1alpha1",
    "kind": "ScaledObject",
    "metadata": {"name": "shop"},
    "spec": {
        "scaleTargetRef": {"name": "shop"},
        "triggers": [{"type": "cpu", "metricType": "Utilization", "metadata": {"value": "70"}}],
    },
}
CERTIFICATE: Object = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Certificate",
    "metadata": {"name": "shop"},
    "spec": {"secretName": "shop", "issuerRef": {"name": "own"}, "dnsNames": ["shop"]},
}
ROUTE: Object = {
    "apiVersion": "gateway.networking.k8s.io/v1",
    "kind": "HTTPRoute",
    "metadata": {"name": "shop"},
    "spec": {"rules": [{"backendRefs": [{"name": "shop", "port": 80}]}]},
}
MONITOR: Object = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "ServiceMonitor",
    "metadata": {"name": "shop"},
    "spec": {"selector": {}, "endpoints": [{"port": "admin", "interval": "15s"}]},
}
RULES: Object = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "shop"},
    "spec": {"groups": [{"name": "a", "rules": [{"alert": "Down", "expr": "up == 0"}]}]},
}


@pytest.fixture(scope="module", params=VERSIONS)
def definitions(request: pytest.FixtureRequest, kubernetes_tools: Path) -> Definitions:
    return Definitions.load(request.param, kubernetes_tools / "schemas")


def changed(item: Object, path: str, value: object) -> Object:
    copy: Any = json.loads(json.dumps(item))
    inner = copy
    *steps, last = path.split(".")
    for step in steps:
        inner = inner[int(step)] if isinstance(inner, list) else inner[step]
    inner[last] = value
    return dict(copy)


def test_sound_objects_are_taken(definitions: Definitions) -> None:
    items = [*sound(), SCALED, CERTIFICATE, ROUTE, MONITOR, RULES]
    assert [fault for one in items for fault in definitions.faults(one)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("spec.replica", 3),
        ("spec.replicas", "3"),
        ("spec.template.spec.containers.0.livenessprobe", {}),
        ("spec.template.spec.containers.0.ports.0.containerPort", "api"),
        ("metadata.label", {}),
    ],
)
def test_an_unknown_field_or_a_wrong_kind_is_refused(
    definitions: Definitions, path: str, value: object
) -> None:
    faults = list(definitions.faults(changed(sound()[0], path, value)))
    assert faults
    assert faults[0].startswith("Deployment shop: ")


@pytest.mark.parametrize(
    ("item", "path", "value"),
    [
        (SCALED, "spec.minReplicas", 3),
        (SCALED, "spec.triggers.0.metadata.value", 70),
        (SCALED, "spec.triggers.0.type", "prometheus"),
        (CERTIFICATE, "spec.duration", "90d"),
        (CERTIFICATE, "spec.dnsName", "shop"),
        (ROUTE, "spec.rules.0.backendRefs.0.port", "http"),
        (ROUTE, "spec.rules.0.timeouts", {"request": "1 hour"}),
        (MONITOR, "spec.endpoints.0.bearerToken", "x"),
        (MONITOR, "spec.endpoints.0.interval", "often"),
        (RULES, "spec.groups.0.rules.0.record", "both"),
        (RULES, "status", {}),
        (ROUTE, "metadata.label", {}),
    ],
)
def test_a_kind_of_others_is_held_to_its_definition(
    definitions: Definitions, item: Object, path: str, value: object
) -> None:
    assert list(definitions.faults(changed(item, path, value)))


def test_a_kind_that_nobody_has_is_refused(definitions: Definitions) -> None:
    (fault,) = definitions.faults({"apiVersion": "apps/v9", "kind": "Deployment"})
    assert "has no Deployment of apps/v9" in fault


def test_an_object_with_properties_is_closed_and_a_condition_is_not() -> None:
    schema = {"type": "object", "properties": {"a": {}}, "if": {"properties": {"a": {}}}}
    assert closed(schema)["additionalProperties"] is False
    assert "additionalProperties" not in closed(schema)["if"]
