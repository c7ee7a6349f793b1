"""Looking inside over HTTP: this node, some, or all, and who did not answer."""

from pathlib import Path

import pytest

from aiex.cluster import Answer, Failure, Reason
from aiex.node.admin import OPERATIONS
from aiex.performance import PERFORMANCE_REQUESTS, Ranked, Ranking
from aiex.settings import Settings
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator, refusal

RANK = "/admin/v1/performance/rank"
ASKED = {"metric": "cpu", "by": "thread"}
RANKING = Ranking((Ranked("MainThread", 1.5, 1.0),), 1.5, 1)


@pytest.fixture
def node(tmp_path: Path) -> MemoryNode:
    return MemoryNode(tmp_path, Settings())


async def test_the_node_itself_is_asked_where_none_is_named(
    node: MemoryNode, operator: Operator
) -> None:
    node.came = [Answer("n1", RANKING)]
    answer = await operator.ask("POST", RANK, ASKED)
    ranked = [{"key": "MainThread", "value": 1.5, "share": 1.0}]
    ranking = {"ranked": ranked, "total": 1.5, "key_count": 1, "notes": []}
    assert answer.json() == {"answers": [{"node": "n1", "answer": ranking}], "failures": []}


async def test_of_several_those_that_fail_are_told_beside_the_others(
    node: MemoryNode, operator: Operator
) -> None:
    node.came = [Answer("n2", RANKING), Failure("n3", Reason.DOWN, "n3 is down")]
    document = (await operator.ask("POST", f"{RANK}?nodes=n2,n3", ASKED)).json()
    assert [one["node"] for one in document["answers"]] == ["n2"]
    assert document["failures"] == [{"node": "n3", "reason": "down", "text": "n3 is down"}]
    everyone = (await operator.ask("POST", f"{RANK}?nodes=all", ASKED)).json()
    assert [one["node"] for one in everyone["answers"]] == ["n2"]


async def test_a_node_that_is_named_twice_is_asked_once(
    node: MemoryNode, operator: Operator
) -> None:
    node.came = [Answer("n2", RANKING), Answer("n3", RANKING), Answer("n2", RANKING)]
    document = (await operator.ask("POST", f"{RANK}?nodes=n2,%20n3,n2", ASKED)).json()
    assert [one["node"] for one in document["answers"]] == ["n2", "n3"]


@pytest.mark.parametrize(
    ("reason", "status"), [(Reason.REFUSED, 400), (Reason.DEADLINE, 504), (Reason.DOWN, 502)]
)
async def test_when_the_only_one_fails_that_is_the_answer(
    node: MemoryNode, operator: Operator, reason: Reason, status: int
) -> None:
    node.came = [Failure("n2", reason, "Not so.")]
    answer = await operator.ask("POST", f"{RANK}?nodes=n2", ASKED)
    assert (answer.status, refusal(answer)) == (status, "Not so.")


async def test_for_a_name_that_no_member_has_the_members_are_said(
    node: MemoryNode, operator: Operator
) -> None:
    node.members = ["n1", "n2"]
    node.came = [Failure("n9", Reason.DOWN, "nobody listens for calls to n9")]
    answer = await operator.ask("POST", f"{RANK}?nodes=n9", ASKED)
    assert refusal(answer) == "nobody listens for calls to n9; the members are n1, n2"


@pytest.mark.parametrize("text", ["0", "nan", "601", "soon"])
async def test_a_deadline_is_a_number_of_seconds(operator: Operator, text: str) -> None:
    answer = await operator.ask("POST", f"{RANK}?deadline_s={text}", ASKED)
    assert answer.status == 400
    assert text in refusal(answer)


async def test_a_request_of_another_shape_is_refused(operator: Operator) -> None:
    answer = await operator.ask("POST", RANK, {"metric": "cpu", "by": "thread", "n": 0})
    assert answer.status == 400
    assert "metric, by, n, seconds" in refusal(answer)


def test_every_request_is_an_operation() -> None:
    paths = {one.path for one in OPERATIONS}
    assert {f"/admin/v1/performance/{kind.name}" for kind in PERFORMANCE_REQUESTS} <= paths
