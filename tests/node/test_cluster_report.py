"""What the node says of itself to others, and what an operator gets of all of them."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.cluster import (
    Answer,
    Description,
    Failure,
    Holder,
    LeaseStatus,
    Member,
    MemberState,
    Outsider,
    Pong,
    Reason,
    View,
)
from aiex.node.health import Phase
from aiex.settings import (
    ApiSettings,
    ClusterSettings,
    Secret,
    Settings,
    settings_digest,
    shared_digest,
)
from aiex.testing.asgi import ask
from aiex.testing.node_parts import MemoryNode

TOKEN = [(b"authorization", b"Bearer t")]


def member(name: str, state: MemberState, **more: Any) -> Member:
    return Member(name, 7, state, 1.0, "z", "1.0", 1, "", "", 0, 9, **more)


@pytest.fixture
def node(tmp_path: Path) -> MemoryNode:
    one = MemoryNode(tmp_path, Settings(api=ApiSettings(key=Secret("zqSECRET"))))
    one.life.become(Phase.READY)
    one.cluster = View(
        (
            member("n1", MemberState.UP, is_self=True, groups=("keys",)),
            member("n2", MemberState.DOWN, reason="x" * 9000),
        ),
        split="n2 is missing without a goodbye",
    )
    return one


def test_a_node_describes_itself(node: MemoryNode) -> None:
    told = node.report.of_cluster.own.now()
    assert (told.name, told.incarnation, told.version, told.phase) == ("n1", 7, "1.0", "ready")
    assert told.settings == settings_digest(node.settings)
    assert told.engine.state == "up"
    assert [(one.name, one.state) for one in told.members] == [("n1", "up"), ("n2", "down")]
    assert told.groups == ("keys",)
    assert told.split == "n2 is missing without a goodbye"
    assert told.wall_s == node.clock.wall_s()


def test_its_words_travel_and_hold_no_secret(node: MemoryNode) -> None:
    node.engine = msgspec.structs.replace(node.engine, state="down", reason="y" * 9000)
    told = node.report.of_cluster.own.now()
    body = msgspec.msgpack.encode(told)
    assert msgspec.msgpack.decode(body, type=Description) == told
    assert b"zqSECRET" not in body


async def test_all_pings_come_with_the_clocks_difference_and_failures(node: MemoryNode) -> None:
    wall_s = node.clock.wall_s()
    node.came = [
        Answer("n2", Pong("n2", 9, 1.0, wall_s + 4.9), round_trip_s=0.2),
        Failure("n3", Reason.DOWN, "nobody listens for calls to n3"),
        Answer("n1", Pong("n1", 7, 1.0, wall_s), round_trip_s=0.0),
    ]
    answer = await ask(node.admin("t").app(), "GET", "/admin/v1/cluster/ping", headers=TOKEN)
    assert answer.status == 200
    assert answer.json() == {
        "asked_by": "n1",
        "pings": [
            {"node": "n1", "incarnation": 7, "round_trip_ms": 0.0, "clock_ahead_ms": 0.0},
            {"node": "n2", "incarnation": 9, "round_trip_ms": 200.0, "clock_ahead_ms": 5000.0},
        ],
        "failures": [{"node": "n3", "reason": "down", "text": "nobody listens for calls to n3"}],
    }


async def test_all_descriptions_come_with_failures_as_data(node: MemoryNode) -> None:
    told = node.report.of_cluster.own.now()
    node.came = [
        Failure("n3", Reason.NO_SUCH_REQUEST, "n3 does not know it"),
        Answer("n1", told, round_trip_s=0.001),
    ]
    answer = await ask(
        node.admin("t").app(), "GET", "/admin/v1/cluster/descriptions", headers=TOKEN
    )
    seen = answer.json()
    assert [one["node"] for one in seen["descriptions"]] == ["n1"]
    assert msgspec.convert(seen["descriptions"][0]["description"], Description) == told
    assert seen["failures"][0]["reason"] == "no such request"


async def test_an_explanation_has_all_that_answered_and_what_is_wrong(node: MemoryNode) -> None:
    node.cluster = View((member("n1", MemberState.UP, is_self=True), member("n2", MemberState.UP)))
    told = node.report.of_cluster.own.now()
    assert told.formation is not None
    assert (told.formation.seat, told.formation.cluster) == ("alone", "aiex")
    assert told.formation.disk_bytes > told.formation.disk_free_bytes > 0
    wrong = msgspec.structs.replace(told, name="n2", wall_s=told.wall_s + 9.0)
    node.came = [Answer("n2", wrong), Failure("n3", Reason.DEADLINE, "n3 gave no answer")]
    answer = await ask(node.admin("t").app(), "GET", "/admin/v1/cluster/explain", headers=TOKEN)
    seen = answer.json()
    assert seen["asked"] == "n1"
    assert [one["node"] for one in seen["witnesses"]] == ["n1", "n2"]  # itself without a call
    assert [one["rule"] for one in seen["findings"]] == ["clock_skewed", "member_silent"]
    assert seen["silences"] == [{"node": "n3", "reason": "deadline", "text": "n3 gave no answer"}]


async def test_the_cluster_is_told_as_this_node_sees_it(node: MemoryNode) -> None:
    own = Member(
        "n1", 7, MemberState.UP, 2.5, "z", "1.0", 1, "http://a", "http://b", 3, 9, "", True
    )
    node.cluster = View((own,), (Outsider("n9", 1, "too new"),))
    told = node.report.of_cluster.now()
    assert (told.name, told.condition, told.reason) == ("aiex", "whole", "")
    assert (told.members[0].state, told.members[0].state_age_s) == ("up", 2.5)
    assert told.members[0].since == "2023-11-14T22:13:17.500+00:00"
    assert [one.name for one in told.outsiders] == ["n9"]


async def test_leases_are_told_with_and_without_a_holder(node: MemoryNode) -> None:
    node.leases = [
        LeaseStatus("a", Holder("n2", 5), 9, 1_700_000_000_000, is_held_here=False),
        LeaseStatus("b", Holder("", 0), 0, 0, is_held_here=False),
    ]
    held, free = node.report.of_cluster.leases().leases
    assert (held.name, held.holder, held.fence) == ("a", "n2", 9)
    assert held.since == "2023-11-14T22:13:20.000+00:00"
    assert (free.name, free.holder, free.since) == ("b", None, None)


def test_what_an_operator_has_a_node_join_is_among_its_settings(node: MemoryNode) -> None:
    before = node.report.of_cluster.own.now()
    node.cluster_settings = ClusterSettings(discovery="static", seeds=("10.0.0.1",), carriers=5)
    told = node.report.of_cluster.own.now()
    alike = msgspec.structs.replace(node.settings, cluster=node.cluster_settings)
    assert told.settings == settings_digest(alike) != before.settings
    assert told.formation is not None
    assert told.formation.shared_settings == shared_digest(alike)
    assert (told.formation.discovery, told.formation.seeds) == ("static", ("10.0.0.1",))
