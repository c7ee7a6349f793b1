"""Hot values over the admin API: shown, set, refused in words, undone, tried."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.cluster import Answer as CallAnswer
from aiex.cluster import HotApplied, Member, MemberState, Traffic, View
from aiex.fastglobal import Trials
from aiex.node.health import Phase
from aiex.node.views.hot import CanaryView, HotListView, SpreadView
from aiex.settings import (
    LimitsSettings,
    ModelSettings,
    ProviderSettings,
    Settings,
    TargetSettings,
)
from aiex.testing.node_parts import MemoryNode
from aiex.testing.operator import Operator, refusal

HOT = "/admin/v1/hot"
SETTINGS = Settings(
    providers={"a": ProviderSettings(kind="mock"), "b": ProviderSettings(kind="mock")},
    models={"smart": ModelSettings(targets=(TargetSettings("a"), TargetSettings("b")))},
    limits=LimitsSettings(requests_per_minute=60),
)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[MemoryNode]:
    """A node whose hot values and canaries run."""
    node = MemoryNode(tmp_path, SETTINGS)
    node.life.become(Phase.READY)
    tasks = [
        asyncio.create_task(node.hot.run(lambda: None)),
        asyncio.create_task(node.canaries.run(lambda: None)),
    ]
    await node.clock.settle()
    yield node
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


async def test_all_values_are_listed_with_where_they_come_from(operator: Operator) -> None:
    answer = await operator.ask("GET", HOT)
    found = msgspec.json.decode(answer.body, type=HotListView)
    assert (found.node, found.revision, found.is_caught_up) == ("n1", 0, True)
    assert {one.source for one in found.values} == {"settings"}
    assert [one.value for one in found.values if one.key == "log_level"] == ["info"]
    assert found.overridden == []


async def test_a_value_is_set_shown_and_reset(operator: Operator) -> None:
    answer = await operator.ask("PUT", f"{HOT}/log_level", {"value": "debug"})
    assert msgspec.json.decode(answer.body, type=SpreadView) == SpreadView(
        "log_level", 1, ["n1"], [], []
    )
    shown = (await operator.ask("GET", f"{HOT}/log_level")).json()
    assert (shown["value"], shown["source"], shown["default"]) == ("debug", "hot", "info")
    assert (shown["changed_by"], shown["what"], shown["revision"]) == ("admin", "set", 1)
    listed = (await operator.ask("GET", HOT)).json()
    assert listed["overridden"] == [{"setting": "log.level", "value": "debug", "key": "log_level"}]
    assert (await operator.ask("DELETE", f"{HOT}/log_level")).json()["applied"] == ["n1"]
    shown = (await operator.ask("GET", f"{HOT}/log_level")).json()
    assert (shown["value"], shown["source"], shown["what"]) == ("info", "settings", "reset")


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        ({"value": "debgu"}, 400, "did you mean 'debug'"),
        ({"text": "debgu"}, 400, "did you mean 'debug'"),
        ({}, 400, "`value`, or in `text`"),
        ({"value": "debug", "text": "debug"}, 400, "`value`, or in `text`"),
        ({"value": "debug", "part": "x"}, 400, "it has no parts"),
        ({"value": "debug", "expects": 7}, 409, "Somebody else changed"),
        ({"value": "debug", "wait": "most"}, 400, "wait"),
        ({"valeu": "debug"}, 400, "valeu"),
    ],
)
async def test_what_cannot_be_set_is_told_in_words(
    node: MemoryNode, operator: Operator, content: dict[str, Any], status: int, words: str
) -> None:
    answer = await operator.ask("PUT", f"{HOT}/log_level", content)
    assert answer.status == status
    assert words in refusal(answer)
    assert node.hot.ns.log_level == "info"


async def test_a_key_there_is_not_is_told_with_the_nearest_for_every_operation(
    operator: Operator,
) -> None:
    for method, path in (
        ("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/history"), ("POST", "/rollback"),
        ("POST", "/canary"), ("GET", "/canary"), ("POST", "/canary/settle"),
    ):  # fmt: skip
        answer = await operator.ask(method, f"{HOT}/log_levle{path}", {"value": 1})
        assert answer.status == 404
        assert "Did you mean 'log_level'?" in refusal(answer)


async def test_one_part_of_a_value_is_set_and_the_others_stay(
    node: MemoryNode, operator: Operator
) -> None:
    await operator.ask("PUT", f"{HOT}/default_limits", {"text": "5", "part": "concurrency"})
    limits = node.hot.ns.default_limits
    assert (limits.requests_per_minute, limits.concurrency) == (60, 5)
    weights = {"text": '{"a/smart": 9}', "part": "smart"}
    assert (await operator.ask("PUT", f"{HOT}/target_weights", weights)).status == 200
    assert node.hot.ns.target_weights == {"smart": {"a/smart": 9.0}}
    answer = await operator.ask("PUT", f"{HOT}/default_limits", {"value": 5, "part": "concurency"})
    assert "it has no 'concurency'; did you mean 'concurrency'" in refusal(answer)


async def test_a_part_is_of_what_all_nodes_have_and_not_of_what_this_one_tries(
    node: MemoryNode, operator: Operator
) -> None:
    tried = LimitsSettings(concurrency=99)
    await Trials(node.hot, node.clock).begin("default_limits", tried, nodes=("n1",), for_s=60)
    assert node.hot.ns.default_limits == tried
    await operator.ask("PUT", f"{HOT}/default_limits", {"text": "7", "part": "tokens_per_minute"})
    limits = node.hot.ns.default_limits
    assert (limits.requests_per_minute, limits.tokens_per_minute, limits.concurrency) == (60, 7, 0)


async def test_without_the_engine_a_change_is_refused_and_the_value_is_shown(
    node: MemoryNode, operator: Operator
) -> None:
    node.hot_bucket.go_down("a drill")
    answer = await operator.ask("PUT", f"{HOT}/log_level", {"value": "debug"})
    assert (answer.status, refusal(answer)) == (503, "The engine is down: a drill.")
    assert (await operator.ask("GET", f"{HOT}/log_level")).json()["value"] == "info"


async def test_history_is_newest_first_and_rolled_back_to(operator: Operator) -> None:
    for level in ("debug", "error"):
        await operator.ask("PUT", f"{HOT}/log_level", {"value": level})
    assert (await operator.ask("POST", f"{HOT}/log_level/rollback", {"revision": 1})).status == 200
    versions = (await operator.ask("GET", f"{HOT}/log_level/history")).json()["versions"]
    assert [(one["revision"], one["what"], one["value"]) for one in versions] == [
        (3, "rolled back", "debug"),
        (2, "set", "error"),
        (1, "set", "debug"),
    ]
    assert versions[0]["from_revision"] == 1
    answer = await operator.ask("POST", f"{HOT}/log_level/rollback", {"revision": 9})
    assert (answer.status, "no entry at revision 9" in refusal(answer)) == (404, True)


async def test_whoever_waits_for_a_change_hears_of_it_at_once(operator: Operator) -> None:
    waiting = asyncio.create_task(operator.ask("GET", f"{HOT}?after=0&wait_s=30"))
    await asyncio.sleep(0)
    await operator.ask("PUT", f"{HOT}/log_level", {"value": "debug"})
    assert (await waiting).json()["revision"] == 1
    assert (await operator.ask("GET", f"{HOT}?after=1&wait_s=0")).json()["revision"] == 1
    for wrong in ("x", "nan", "inf", "-1"):
        answer = await operator.ask("GET", f"{HOT}?after={wrong}")
        assert (answer.status, refusal(answer)) == (
            400,
            f"after: '{wrong}' is no number from 0 on.",
        )


async def test_on_its_own_a_node_has_nobody_to_compare_a_canary_with(
    node: MemoryNode, operator: Operator
) -> None:
    node.cluster = View((member("n1"),))
    answer = await operator.ask("POST", f"{HOT}/log_level/canary", {"value": "debug"})
    assert answer.status == 409
    assert "1 is up. Set the value without --nodes instead" in refusal(answer)


async def test_a_canary_is_begun_looked_at_and_settled(
    node: MemoryNode, operator: Operator
) -> None:
    node.cluster = View((member("n1"), member("n2")))
    node.came = [CallAnswer("n1", HotApplied(1)), CallAnswer("n1", Traffic(7, 0, 0, {}))]
    begun = await operator.ask("POST", f"{HOT}/log_level/canary", {"value": "debug", "for_s": 5})
    assert begun.status == 202
    assert (await operator.ask("GET", f"{HOT}/access_log/canary")).status == 404
    looked = await operator.ask("GET", f"{HOT}/log_level/canary")
    found = msgspec.json.decode(looked.body, type=CanaryView, strict=True)
    assert (found.nodes, found.outcome, found.left_s) == (("n2",), "", 5.0)
    shown = (await operator.ask("GET", f"{HOT}/log_level")).json()
    assert (shown["value"], shown["trial"]["value"], shown["trial"]["nodes"]) == (
        "info",
        "debug",
        ["n2"],
    )
    settled = await operator.ask("POST", f"{HOT}/log_level/canary/settle", {"promote": True})
    assert settled.status == 200
    assert node.hot.ns.log_level == "debug"
    again = await operator.ask("POST", f"{HOT}/log_level/canary/settle", {"promote": True})
    assert (again.status, "No value of log_level is tried now" in refusal(again)) == (409, True)


def member(name: str) -> Member:
    return Member(name, 7, MemberState.UP, 1.0, "", "", 1, "", "", 0, 1)
