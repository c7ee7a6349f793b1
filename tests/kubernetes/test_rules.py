"""Rules at their edges, on facts alone; `tests/deploy/doctor` has each with a planted fault."""

from typing import Any

import msgspec
import pytest

from aiex.kubernetes.diagnosis import diagnosed
from aiex.kubernetes.facts import (
    NATS,
    NODE,
    AllowanceSeen,
    AnswerSeen,
    CertificateSeen,
    ClaimSeen,
    ContainerSeen,
    DoorSeen,
    EngineSeen,
    Facts,
    MachineSeen,
    PeerSeen,
    PodSeen,
    PolicySeen,
    ServiceSeen,
    WorkloadSeen,
)
from aiex.kubernetes.quantity import number_of

NOW_S = 1_800_000_000.0
DAY_S = 86400.0


def facts(**known: Any) -> Facts:
    whole = Facts(namespace="aiex", release="aiex", full_name="aiex", now_s=NOW_S)
    return msgspec.structs.replace(whole, **known)


def rules(known: Facts) -> list[str]:
    return [one.rule for one in diagnosed(known)]


def pod(name: str, component: str = NODE, **known: Any) -> PodSeen:
    ports = {"client": 4222} if component == NATS else {"api": 8080, "admin": 8081}
    seen = PodSeen(
        name=name,
        component=component,
        release="aiex",
        labels={"component": component},
        phase="Running",
        is_ready=True,
        age_s=3600.0,
        ip="10.0.0.1",
        containers=(ContainerSeen("aiex" if component == NODE else "nats", ports=ports),),
    )
    return msgspec.structs.replace(seen, **known)


def nats(replicas: int = 3) -> WorkloadSeen:
    return WorkloadSeen("statefulset", "aiex-nats", NATS, replicas, replicas)


def servers(ready_count: int, count: int = 3) -> tuple[PodSeen, ...]:
    return tuple(pod(f"aiex-nats-{n}", NATS, is_ready=n < ready_count) for n in range(count))


def test_nothing_known_is_nothing_wrong() -> None:
    assert diagnosed(facts()) == ()


@pytest.mark.parametrize(
    ("ready_count", "named"), [(3, None), (2, "server_away"), (1, "no_quorum"), (0, "no_quorum")]
)
def test_a_majority_of_servers_is_a_quorum(ready_count: int, named: str | None) -> None:
    known = facts(
        read=frozenset({"pods"}),
        workloads=(nats(),),
        pods=tuple(
            msgspec.structs.replace(one, phase="Running" if one.is_ready else "Pending")
            for one in servers(ready_count)
        ),
    )
    assert rules(known) == ([named] if named else [])


@pytest.mark.parametrize(
    ("leaders", "named"),
    [
        ((True, True, True), None),
        ((True, True, False), "server_away"),
        ((False, False, False), "no_quorum"),
        ((None, False, None), "no_quorum"),
        ((None, None, None), None),
    ],
)
def test_a_server_without_a_leader_is_cut_off_and_all_of_them_have_no_quorum(
    leaders: tuple[bool | None, ...], named: str | None
) -> None:
    engines = tuple(EngineSeen(f"s{n}", has_leader=one) for n, one in enumerate(leaders))
    known = facts(read=frozenset({"pods"}), workloads=(nats(),), pods=servers(3), engines=engines)
    assert rules(known) == ([named] if named else [])


def test_versions_are_compared_by_what_nodes_say_when_all_of_them_do() -> None:
    def of(image: str) -> tuple[ContainerSeen, ...]:
        return (ContainerSeen("aiex", image=image),)

    nodes = (pod("a", containers=of("aiex@sha256:1")), pod("b", containers=of("aiex@sha256:2")))
    deployment = WorkloadSeen("deployment", "aiex", NODE, 2, 2, 2)
    known = facts(workloads=(deployment,), pods=nodes)
    assert rules(known) == ["versions_differ"]
    one, other = AnswerSeen("a", version="0.1.0"), AnswerSeen("b", version="0.1.0")
    assert rules(msgspec.structs.replace(known, answers=(one,))) == ["versions_differ"]
    assert rules(msgspec.structs.replace(known, answers=(one, other))) == []
    newer = msgspec.structs.replace(other, version="0.2.0")
    told = diagnosed(msgspec.structs.replace(known, answers=(one, newer)))
    assert "0.2.0" in told[0].text


def policies(*peers: PeerSeen, ports: tuple[str, ...] = ("client",)) -> Facts:
    closed = PolicySeen("closed", ingress=(AllowanceSeen(ports, tuple(peers)),))
    return facts(
        read=frozenset({"pods", "networkpolicies.networking.k8s.io"}),
        pods=(pod("node"), pod("server", NATS)),
        policies=(msgspec.structs.replace(closed, selector={"component": NATS}),),
    )


def blocked_ports(known: Facts) -> set[str]:
    """Of what is told of them."""
    told = (one for one in diagnosed(known) if one.rule == "policy_blocks")
    return {one.text.split()[1] for one in told}


def test_a_policy_is_read_as_kubernetes_does() -> None:
    nodes = PeerSeen(is_pods=True, labels={"component": NODE})
    every = PeerSeen(is_pods=True)
    strangers = PeerSeen(is_pods=True, labels={"component": "stranger"})
    assert blocked_ports(policies(nodes, ports=("client",))) == {"6222"}
    assert blocked_ports(policies(nodes, strangers, ports=())) == {"6222"}
    assert blocked_ports(policies(every, ports=("4222", "6222"))) == set()
    assert blocked_ports(policies(ports=("4222", "6222"))) == set()
    assert blocked_ports(policies(strangers, ports=())) == {"4222", "6222"}
    assert blocked_ports(policies(every, ports=("8222",))) == {"4222", "6222"}


def test_what_a_policy_leaves_to_others_to_decide_is_no_finding() -> None:
    assert blocked_ports(policies(PeerSeen(is_other=True), ports=())) == set()
    strict = policies(PeerSeen(is_pods=True, labels={"x": "y"}))
    assert blocked_ports(strict) == {"4222", "6222"}
    undecided = tuple(msgspec.structs.replace(one, is_decided=False) for one in strict.policies)
    assert blocked_ports(msgspec.structs.replace(strict, policies=undecided)) == set()


@pytest.mark.parametrize(
    ("version", "named"),
    [
        ("v1.33.9", ["kubernetes_untested"]),
        ("v1.34.0", []),
        ("v1.37.2+k3s1", []),
        ("v1.38.0-eks-1", ["kubernetes_untested"]),
        ("v1.36+", []),
        ("unreadable", []),
    ],
)
def test_versions_of_kubernetes_are_compared_by_number(version: str, named: list[str]) -> None:
    assert rules(facts(server_version=version)) == named


@pytest.mark.parametrize(
    ("age_s", "is_ready", "named"),
    [
        (4.0, True, []),
        (-1.0, True, []),
        (-3.0, True, ["clocks_differ"]),
        (45.0, True, []),
        (60.0, True, ["clocks_differ"]),
        (60.0, False, []),
    ],
)
def test_a_lease_tells_a_clock_only_when_there_is_no_other_reason(
    age_s: float, is_ready: bool, named: list[str]
) -> None:
    machine = MachineSeen("m", is_ready=is_ready, lease_age_s=age_s)
    assert rules(facts(machines=(machine,))) == named


def test_a_clock_within_its_doubt_is_right() -> None:
    seen = AnswerSeen("p", clock_ahead_s=3.5, clock_doubt_s=2.0)
    assert rules(facts(answers=(seen,))) == []
    assert rules(facts(answers=(msgspec.structs.replace(seen, clock_doubt_s=1.0),))) == [
        "clocks_differ"
    ]


@pytest.mark.parametrize(
    ("left_s", "named"),
    [
        (30 * DAY_S, []),
        (13 * DAY_S, ["certificate_ends"]),
        (0.0, ["certificate_over"]),
        (-DAY_S, ["certificate_over"]),
    ],
)
def test_a_certificate_is_told_two_weeks_before_its_end(left_s: float, named: list[str]) -> None:
    seen = CertificateSeen("secret/tls", ends_at_s=NOW_S + left_s)
    assert rules(facts(certificates=(seen,))) == named


def test_a_name_of_a_certificate_may_be_a_pattern() -> None:
    seen = CertificateSeen("s", names=frozenset({"*.nats.example"}), wanted=("a.nats.example",))
    assert rules(facts(certificates=(seen,))) == []
    other = msgspec.structs.replace(seen, wanted=("a.b.nats.example",))
    assert rules(facts(certificates=(other,))) == ["certificate_refused"]


def test_a_consequence_stands_with_a_cause_of_its_own_component_alone() -> None:
    stuck = ContainerSeen("nats", waiting="ImagePullBackOff", waiting_text="gone")
    waiting = pod("aiex-nats-0", NATS, phase="Pending", is_ready=False, containers=(stuck,))
    closed = DoorSeen("10.0.0.1", 4222, NATS, "NATS for nodes", "refused")
    other = DoorSeen("10.0.0.2", 8080, NODE, "the API of a node", "refused")
    findings = diagnosed(facts(pods=(waiting,), doors=(closed, other)))
    assert [(one.rule, len(one.follows)) for one in findings] == [
        ("image_not_pulled", 1),
        ("port_refused", 0),
    ]


def test_absence_is_concluded_only_from_what_was_read() -> None:
    service = ServiceSeen("aiex", NODE, {"component": "other"})
    claim = ClaimSeen("data", NATS, "Pending", None, 3600.0)
    known = facts(services=(service,), pods=(pod("node"),), claims=(claim,))
    assert rules(known) == []
    read = frozenset({"pods", "persistentvolumeclaims"})
    told = rules(msgspec.structs.replace(known, read=read))
    assert told == ["claim_pending", "selector_matches_nothing"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", 0.5),
        ("2", 2.0),
        ("2Gi", 2 * 1024**3),
        ("1e3", 1000.0),
        ("1.5k", 1500.0),
        ("", None),
        ("much", None),
        ("1.2.3", None),
    ],
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, number: float | None) -> None:
    assert number_of(text) == number
