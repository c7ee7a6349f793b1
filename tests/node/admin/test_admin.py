"""The admin API as a whole: what is answered when something is not there or cannot be done."""

import re

import pytest

from aiex.errors import Conflict, EngineUnavailable, SettingsError
from aiex.node.admin import Admin, NodeOperations
from aiex.node.cluster_change import ChangeRefused
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator, refusal


async def test_an_operation_there_is_not_is_told_as_an_error(operator: Operator) -> None:
    answer = await operator.ask("GET", "/admin/v2/status")
    assert (answer.status, refusal(answer)) == (404, "Not Found")
    answer = await operator.ask("PUT", "/admin/v1/status")
    assert (answer.status, refusal(answer)) == (405, "Method Not Allowed")
    assert set(re.findall(r"\w+", answer.headers["allow"])) == {"GET", "HEAD"}


class Refusing:
    """A change of the cluster that cannot be."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def leave(self) -> None:
        raise self._error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ChangeRefused("no"), 409),
        (Conflict("no"), 409),
        (EngineUnavailable("no"), 503),
        (SettingsError("no"), 400),
    ],
)
async def test_what_an_operation_raises_is_told_with_its_status(
    node: MemoryNode, error: Exception, status: int
) -> None:
    node.change = Refusing(error)
    answer = await Operator(node).ask("POST", "/admin/v1/cluster/leave")
    assert (answer.status, refusal(answer)) == (status, "no")


def test_no_chapter_of_operations_can_be_forgotten(node: MemoryNode) -> None:
    with pytest.raises(AssertionError, match="each of the table"):
        Admin([NodeOperations(node.report)], version="1", token="t", is_metrics_open=True)
