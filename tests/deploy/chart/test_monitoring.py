"""How nodes are watched: scraped with their token, and places for rules and dashboards."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart.rendering import CHART, Chart
from tests.deploy.chart.test_node import SELECTOR

TOKEN = {
    "type": "Bearer",
    "credentials": {"name": "r-aiex-secrets", "key": "admin-token"},
}


def monitored(chart: Chart, kind: str, **values: Any) -> dict[str, Any]:
    name = kind[0].lower() + kind[1:]
    spec = chart(monitoring={name: {"enabled": True}}, **values)[kind]["spec"]
    (endpoint,) = spec.get("endpoints") or spec["podMetricsEndpoints"]
    assert spec["selector"]["matchLabels"].items() >= SELECTOR.items()
    return dict(endpoint)


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_metrics_are_scraped_with_the_token_of_the_secret(chart: Chart, kind: str) -> None:
    endpoint = monitored(chart, kind)
    assert (endpoint["port"], endpoint["path"]) == ("admin", "/metrics")
    assert endpoint["authorization"] == TOKEN


@pytest.mark.parametrize("kind", ["ServiceMonitor", "PodMonitor"])
def test_open_metrics_are_scraped_without(chart: Chart, kind: str) -> None:
    endpoint = monitored(chart, kind, settings={"admin": {"metrics_open": True}})
    assert "authorization" not in endpoint


def test_with_tls_the_certificate_is_checked(chart: Chart) -> None:
    endpoint = monitored(chart, "ServiceMonitor", admin={"tls": {"existingSecret": "t"}})
    assert endpoint["scheme"] == "https"
    assert endpoint["tlsConfig"] == {
        "serverName": "r-aiex-admin",
        "ca": {"secret": {"name": "t", "key": "ca.crt"}},
    }


def test_a_service_monitor_takes_each_node_once(chart: Chart) -> None:
    spec = chart(monitoring={"serviceMonitor": {"enabled": True}})["ServiceMonitor"]["spec"]
    wanted = spec["selector"]["matchLabels"].items()
    chosen = [
        one["metadata"]["name"]
        for one in chart().of("Service")
        if wanted <= one["metadata"]["labels"].items()
    ]
    assert chosen == ["r-aiex-admin"]


def test_one_monitor_is_enough(chart: Chart) -> None:
    both = {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}
    for said in chart.refusal(monitoring=both).values():
        assert "would scrape every node twice. Choose one." in said


def test_rules_keep_their_own_templates(chart: Chart) -> None:
    summary = "{{ $labels.pod }} is down"
    rule = {"alert": "Down", "expr": "up == 0", "annotations": {"summary": summary}}
    group = {"name": "aiex", "rules": [rule]}
    given = {"enabled": True, "groups": [group], "labels": {"release": "prometheus"}}
    made = chart(monitoring={"prometheusRule": given})["PrometheusRule"]
    assert made["spec"]["groups"] == [group]
    assert made["metadata"]["labels"]["release"] == "prometheus"


def test_dashboards_are_config_maps_that_grafana_finds(chart: Chart) -> None:
    files = {"Cluster_View.json": '{"title": "{{pod}}"}'}
    made = chart(monitoring={"dashboards": {"enabled": True, "files": files}})
    dashboard = made.named("ConfigMap", "dashboard-cluster-view")
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = dashboard["data"].values()
    assert text.strip() == files["Cluster_View.json"]


def test_rules_and_dashboards_may_come_with_the_chart(
    helms: dict[str, str], tmp_path: Path
) -> None:
    with_files = shutil.copytree(CHART, tmp_path / "aiex")
    (with_files / "rules").mkdir()
    (with_files / "rules" / "nodes.yaml").write_text("groups: [{name: of-the-chart, rules: []}]")
    (with_files / "dashboards").mkdir()
    (with_files / "dashboards" / "nodes.json").write_text('{"title": "nodes"}')
    given = {"enabled": True, "groups": [{"name": "of-the-values", "rules": []}]}
    monitoring = {"prometheusRule": given, "dashboards": {"enabled": True}}
    made = Chart(helms, with_files)(monitoring=monitoring)
    groups = made["PrometheusRule"]["spec"]["groups"]
    assert [one["name"] for one in groups] == ["of-the-chart", "of-the-values"]
    dashboard = made.named("ConfigMap", "dashboard-nodes")["data"]
    assert {name: text.strip() for name, text in dashboard.items()} == {
        "nodes.json": '{"title": "nodes"}'
    }


@pytest.mark.parametrize("place", ["prometheusRule", "dashboards"])
def test_an_empty_place_is_refused(chart: Chart, place: str) -> None:
    for said in chart.refusal(monitoring={place: {"enabled": True}}).values():
        assert f"monitoring.{place} is on and there are no" in said


def test_the_adapter_serves_requests_in_flight_for_each_pod(chart: Chart) -> None:
    made = chart(monitoring={"prometheusAdapter": {"enabled": True}})
    config = made.named("ConfigMap", "metrics-adapter")["data"]["config.yaml"]
    (rule,) = yaml.safe_load(config)["rules"]
    assert rule["seriesQuery"] == 'aiex_requests_in_flight{namespace!="",pod!=""}'
    assert rule["name"] == {"as": "aiex_requests_in_flight"}
    assert rule["resources"]["overrides"]["pod"] == {"resource": "pod"}
    assert rule["metricsQuery"] == "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"


def test_nothing_is_asked_of_operators_that_are_not_there(chart: Chart) -> None:
    rendering = chart()
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule", "ScaledObject", "HTTPRoute"):
        assert not rendering.of(kind)
