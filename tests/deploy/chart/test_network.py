"""Who may talk to whom: nothing, but for what each kind of pod needs."""

from ipaddress import ip_address, ip_network
from typing import Any

from tests.deploy.chart.rendering import Chart, Object, Rendering
from tests.deploy.chart.test_node import SELECTOR

TEST = {**SELECTOR, "app.kubernetes.io/component": "test"}
NATS = {**SELECTOR, "app.kubernetes.io/component": "nats"}


def ports(rule: Object) -> set[tuple[str, Any]]:
    return {(one["protocol"], one["port"]) for one in rule["ports"]}


def of_node(rendering: Rendering) -> Object:
    spec: Object = rendering["NetworkPolicy"]["spec"]
    assert spec["podSelector"] == {"matchLabels": SELECTOR}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    return spec


def test_every_pod_of_the_release_is_cut_off_to_begin_with(chart: Chart) -> None:
    spec = chart().named("NetworkPolicy", "deny")["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec.keys() == {"podSelector", "policyTypes"}
    labels = spec["podSelector"]["matchLabels"]
    assert labels.items() <= chart().pod["metadata"]["labels"].items()
    for pod in chart().of("Pod"):
        assert labels.items() <= pod["metadata"]["labels"].items()


def test_anybody_may_use_the_api_and_monitoring_the_admin_port(chart: Chart) -> None:
    api, admin = of_node(chart())["ingress"]
    assert ports(api) == {("TCP", "api")}
    assert "from" not in api
    assert ports(admin) == {("TCP", "admin")}
    assert admin["from"] == [
        {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}},
        {"podSelector": {"matchLabels": TEST}},
    ]


def test_who_uses_the_api_can_be_narrowed_down_and_tests_still_pass(chart: Chart) -> None:
    clients = {"namespaceSelector": {"matchLabels": {"team": "web"}}}
    api, _ = of_node(chart(networkPolicy={"api": {"from": [clients]}}))["ingress"]
    assert api["from"] == [clients, {"podSelector": {"matchLabels": TEST}}]


def test_a_node_reaches_dns_its_engine_and_providers_and_nothing_else(chart: Chart) -> None:
    dns, engine, providers = of_node(chart())["egress"]
    assert ports(dns) == {("UDP", 53), ("TCP", 53)}
    assert ports(engine) == {("TCP", 4222)}
    assert engine["to"] == [{"podSelector": {"matchLabels": NATS}}]
    assert ports(providers) == {("TCP", 443)}


def test_providers_are_at_public_addresses_unless_told_otherwise(chart: Chart) -> None:
    *_, providers = of_node(chart())["egress"]

    def is_reached(address: str) -> bool:
        return any(
            ip_address(address) in ip_network(block["cidr"])
            and not any(ip_address(address) in ip_network(one) for one in block["except"])
            for block in (peer["ipBlock"] for peer in providers["to"])
        )

    assert is_reached("104.18.6.192")
    assert is_reached("2606:4700::1")
    for inside in ("10.1.2.3", "192.168.1.1", "172.20.0.1", "169.254.169.254", "100.64.0.1"):
        assert not is_reached(inside)
    assert not is_reached("fd00::1")
    assert not is_reached("fe80::1")


def test_providers_elsewhere_get_a_rule_of_their_own(chart: Chart) -> None:
    rule = {"to": [{"ipBlock": {"cidr": "10.9.0.0/16"}}], "ports": [{"port": 11434}]}
    values = {"providers": {"egress": [rule]}, "extraEgress": [{"ports": [{"port": 4318}]}]}
    *_, providers, further = of_node(chart(networkPolicy=values))["egress"]
    assert (providers, further) == (rule, {"ports": [{"port": 4318}]})


def test_the_tests_reach_nodes_and_nothing_else(chart: Chart) -> None:
    spec = chart().named("NetworkPolicy", "test")["spec"]
    assert spec["podSelector"] == {"matchLabels": TEST}
    assert "ingress" not in spec
    dns, nodes = spec["egress"]
    assert ports(dns) == {("UDP", 53), ("TCP", 53)}
    assert ports(nodes) == {("TCP", "api"), ("TCP", "admin")}
    assert nodes["to"] == [{"podSelector": {"matchLabels": SELECTOR}}]


def test_without_network_policies_there_is_none(chart: Chart) -> None:
    assert not chart(networkPolicy={"enabled": False}).of("NetworkPolicy")
