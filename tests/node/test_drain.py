"""The drain of a node: for how long it waits, when it is refused, and how it is asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from aiex.cluster import Answer, DrainBegun, Failure, LeaseStatus, Member, MemberState, Reason, View
from aiex.cluster.leases.lease_record import Holder
from aiex.node.drain import END_S, Load, consequence, estimate, refusal
from aiex.node.health import Phase
from aiex.settings import NodeSettings, Settings
from aiex.testing.asgi import ask
from aiex.testing.node_parts import MemoryNode

TOKEN = [(b"authorization", b"Bearer t")]
CARRIERS = ("c1", "c2", "c3")


def member(name: str, state: MemberState = MemberState.UP, carrier: str = "") -> Member:
    is_self = name == "n1"
    return Member(name, 7, state, 1.0, "", "1.0", 1, "", "", 0, 9, is_self=is_self, carrier=carrier)


@pytest.fixture
def node(tmp_path: Path) -> MemoryNode:
    one = MemoryNode(tmp_path, Settings(node=NodeSettings(drain_deadline_s=20.0)))
    one.life.become(Phase.READY)
    one.cluster = View((member("n1"), member("n2")))
    return one


@pytest.mark.parametrize(
    ("load", "expected_s", "why"),
    [
        (Load(0, 9.0, 0.0, 30.0), 0.0, "no request is open"),
        (Load(0, 0.0, 5.0, 30.0), 5.0, "no request is open"),
        (Load(3, 2.5, 5.0, 30.0), 7.5, "answers take 2.5 s lately"),
        (Load(3, 0.0, 0.0, 30.0), 30.0, "nothing was answered lately"),
        (Load(3, 99.0, 0.0, 30.0), 30.0, "what is open then is cut off"),
    ],
)
def test_it_waits_as_long_as_answers_take_and_no_longer_than_its_deadline(
    load: Load, expected_s: float, why: str
) -> None:
    told_s, text = estimate(load)
    assert told_s == expected_s + END_S
    assert why in text


def test_the_last_node_that_is_ready_is_not_drained_like_that() -> None:
    assert refusal("n1", (member("n1"), member("n2"))) == ""
    others = [member(f"n{state}", state) for state in MemberState if state is not MemberState.UP]
    assert "n1 is the last node that is ready" in refusal("n1", (member("n1"), *others))


def test_a_carrier_that_the_quorum_needs_is_told_as_that() -> None:
    members = [member(f"n{number}", carrier=f"c{number}") for number in (1, 2, 3)]
    assert consequence("c1", CARRIERS, members) == ""
    assert consequence("", CARRIERS, members[:1]) == ""
    assert "without it 1 of 3 carriers are left" in consequence("c1", CARRIERS, members[:2])
    gone = [*members[:2], member("n3", MemberState.LEFT, "c3")]
    assert "the engine has no quorum" in consequence("c1", CARRIERS, gone)


def test_a_plan_has_what_is_in_hand_and_what_is_carried(node: MemoryNode) -> None:
    node.in_flight_count, node.stream_count = 3, 2
    node.leases = [
        LeaseStatus("housekeeping", Holder("n1", 7), 4, 0, is_held_here=True),
        LeaseStatus("spare", Holder("n2", 7), 4, 0, is_held_here=False),
    ]
    plan = node.drains.plan()
    assert (plan.name, plan.phase, plan.in_flight, plan.streams) == ("n1", "ready", 3, 2)
    assert (plan.leases, plan.deadline_s, plan.refusal) == (("housekeeping",), 20.0, "")
    assert plan.expected_s == 21.0


def test_it_begins_once_and_not_at_the_last_node_unless_forced(node: MemoryNode) -> None:
    node.cluster = View((member("n1"), member("n2", MemberState.DOWN)))
    assert "last node" in node.drains.begin(is_forced=False).refusal
    assert node.stops == []
    assert node.drains.begin(is_forced=True) == DrainBegun()
    assert node.stops == ["told to stop"]
    node.life.become(Phase.DRAINING)
    assert node.drains.begin(is_forced=False) == DrainBegun()
    assert node.stops == ["told to stop"]


async def called(node: MemoryNode, came: Any, name: str = "n2", body: Any = None) -> Any:
    """What the admin API makes of what a member answered to a drain."""
    node.came = [came]
    return await ask(
        node.admin("t").app(),
        "POST",
        f"/admin/v1/cluster/nodes/{name}/drain",
        headers=TOKEN,
        body=json.dumps(body or {}).encode(),
    )


async def test_any_node_can_be_asked_to_drain_another(node: MemoryNode) -> None:
    answer = await called(node, Answer("n2", DrainBegun()))
    assert (answer.status, answer.json()) == (202, {"node": "n2"})


async def test_why_a_node_is_not_drained_is_said_in_words(node: MemoryNode) -> None:
    refused = await called(node, Answer("n2", DrainBegun("n2 is the last node that is ready")))
    assert refused.status == 409
    assert "with force." in refused.json()["error"]["message"]
    silent = await called(node, Failure("n2", Reason.DOWN, "nobody listens for calls to n2"))
    assert (silent.status, silent.json()["error"]["message"]) == (
        503,
        "nobody listens for calls to n2.",
    )
    unknown = await called(node, Answer("n2", DrainBegun()), name="n9")
    assert unknown.status == 404
    assert "There is no member n9; there are n1, n2." in unknown.json()["error"]["message"]
    misspelt = await called(node, Answer("n2", DrainBegun()), body={"forced": True})
    assert misspelt.status == 400
