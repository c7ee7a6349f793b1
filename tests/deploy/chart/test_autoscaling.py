"""How many nodes there are, and who decides it."""

from typing import Any

import pytest

from tests.deploy.chart.rendering import Chart

IN_FLIGHT = {"inFlight": {"enabled": True}}
KEDA = {
    "enabled": True,
    "provider": "keda",
    **IN_FLIGHT,
    "keda": {"prometheusUrl": "http://prometheus:9090"},
}


def test_the_number_is_the_operators_until_it_follows_the_load(chart: Chart) -> None:
    assert chart()["Deployment"]["spec"]["replicas"] == 3
    for scaled in ({"enabled": True}, KEDA):
        assert "replicas" not in chart(autoscaling=scaled)["Deployment"]["spec"]


def test_an_hpa_follows_cpu_memory_and_requests_in_flight(chart: Chart) -> None:
    spec = chart(autoscaling={"enabled": True, **IN_FLIGHT})["HorizontalPodAutoscaler"]["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "r-aiex",
    }
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 12)
    cpu, memory, in_flight = spec["metrics"]
    for metric, name, percent in ((cpu, "cpu", 70), (memory, "memory", 80)):
        assert metric["containerResource"] == {
            "name": name,
            "container": "aiex",
            "target": {"type": "Utilization", "averageUtilization": percent},
        }
    assert in_flight["pods"] == {
        "metric": {"name": "aiex_requests_in_flight"},
        "target": {"type": "AverageValue", "averageValue": "200"},
    }


def test_keda_follows_the_same_three(chart: Chart) -> None:
    rendering = chart(autoscaling=KEDA)
    spec = rendering["ScaledObject"]["spec"]
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (3, 12)
    assert [one["type"] for one in spec["triggers"]] == ["cpu", "memory", "prometheus"]
    asked = spec["triggers"][2]["metadata"]
    assert asked["serverAddress"] == "http://prometheus:9090"
    assert asked["query"] == (
        'sum(aiex_requests_in_flight{namespace="models",pod=~"r-aiex-[a-z0-9]+-[a-z0-9]{5}"})'
    )


def test_there_is_one_scaler_never_two(chart: Chart) -> None:
    hpa, keda = chart(autoscaling={"enabled": True}), chart(autoscaling=KEDA)
    assert (len(hpa.of("HorizontalPodAutoscaler")), len(hpa.of("ScaledObject"))) == (1, 0)
    assert (len(keda.of("HorizontalPodAutoscaler")), len(keda.of("ScaledObject"))) == (0, 1)


@pytest.mark.parametrize("scaled", [{"enabled": True}, KEDA])
def test_it_goes_out_fast_and_in_slowly(chart: Chart, scaled: dict[str, Any]) -> None:
    rendering = chart(autoscaling=scaled)
    (scaler,) = rendering.of("HorizontalPodAutoscaler") or rendering.of("ScaledObject")
    spec = scaler["spec"]
    behavior = spec.get("behavior") or spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    out, back = behavior["scaleUp"], behavior["scaleDown"]
    assert (out["stabilizationWindowSeconds"], out["selectPolicy"]) == (0, "Max")
    assert {"type": "Percent", "value": 100, "periodSeconds": 15} in out["policies"]
    assert back["stabilizationWindowSeconds"] == 300
    assert back["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 60}]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"autoscaling": {"enabled": True, "keda": {"prometheusUrl": "http://p"}}},
            "an HPA and KEDA at one Deployment would fight over it. Choose one.",
        ),
        (
            {"autoscaling": KEDA, "monitoring": {"prometheusAdapter": {"enabled": True}}},
            "KEDA asks Prometheus itself; monitoring.prometheusAdapter is for an HPA.",
        ),
        (
            {"autoscaling": {"enabled": True, "provider": "keda", **IN_FLIGHT}},
            "Name it in autoscaling.keda.prometheusUrl.",
        ),
        (
            {"autoscaling": {"enabled": True, "minReplicas": 20}},
            "autoscaling.minReplicas (20) is more than autoscaling.maxReplicas (12). Swap them.",
        ),
        (
            {
                "autoscaling": {
                    "enabled": True,
                    "cpu": {"enabled": False},
                    "memory": {"enabled": False},
                }
            },
            "autoscaling is on and follows nothing. Turn on autoscaling.cpu, .memory or .inFlight.",
        ),
    ],
)
def test_scaling_that_cannot_work_is_refused_in_words(
    chart: Chart, values: dict[str, Any], words: str
) -> None:
    for said in chart.refusal(**values).values():
        assert words in said
