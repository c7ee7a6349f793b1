"""What policies come to as rules; whether the rules do it is asked of real pods elsewhere."""

from typing import Any

from aiex.testing.pods.network_policy import policy_rules
from aiex.testing.pods.service import Endpoint

WEB = Endpoint("web", "10.0.0.1", {"app": "web"}, "ai", ports={"http": 8080})
PEER = Endpoint("peer", "10.0.0.2", {"app": "peer"}, "ai")
FAR = Endpoint("far", "10.0.0.3", {"app": "peer"}, "other")
NAMESPACES = {"ai": {"team": "ai"}, "other": {"team": "other"}}


def rules(**spec: Any) -> list[str]:
    """The lines for WEB."""
    policy = {
        "metadata": {"name": "p", "namespace": "ai"},
        "spec": {"podSelector": {"matchLabels": {"app": "web"}}, **spec},
    }
    text = policy_rules([policy], [WEB, PEER, FAR], NAMESPACES)
    return [line for line in text.splitlines() if line and not line.startswith(("chain", "type"))]


def test_without_a_rule_nothing_comes_in_and_all_goes_out() -> None:
    lines = rules()
    assert "drop" in lines
    assert "ip daddr 10.0.0.1 jump ingress0" in lines
    assert not any("egress" in line for line in lines)


def test_peers_of_the_namespace_are_let_in_to_a_port_by_its_name() -> None:
    peer = {"podSelector": {"matchLabels": {"app": "peer"}}}
    lines = rules(ingress=[{"from": [peer], "ports": [{"port": "http"}]}])
    assert "ip saddr 10.0.0.2 tcp dport 8080 return" in lines
    assert not any("10.0.0.3" in line for line in lines)


def test_a_selector_of_namespaces_reaches_into_others() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"team": "other"}}, "podSelector": {}}
    lines = rules(ingress=[{"from": [peer]}])
    assert "ip saddr 10.0.0.3  return" in lines
    assert not any("10.0.0.2" in line for line in lines)


def test_blocks_have_exceptions_and_ports_ranges() -> None:
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}
    lines = rules(
        policyTypes=["Egress"],
        egress=[{"to": [block], "ports": [{"port": 1, "endPort": 5, "protocol": "UDP"}]}],
    )
    assert "ip daddr 0.0.0.0/0 ip daddr != 10.0.0.0/8 udp dport 1-5 return" in lines
    assert "ip saddr 10.0.0.1 jump egress0" in lines


def test_an_empty_rule_lets_all_in() -> None:
    assert "return" in rules(ingress=[{}])
