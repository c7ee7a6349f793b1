"""What commands read of the admin API's answers is what a node of the same version says."""

from typing import Any

import msgspec
import pytest

from aiex.assistant import KeyLimits
from aiex.cli.answers.cluster import Pings
from aiex.cli.answers.keys import KeyList, NewKey
from aiex.cli.answers.models import ModelList
from aiex.cli.answers.node import Check, Status, SupervisedService
from aiex.node.views.cluster import FailureView, PingsView, PingView
from aiex.node.views.keys import KeyListView, KeyView, LimitsView, NewKeyView
from aiex.node.views.models import ModelListView, ModelView, TargetView
from aiex.node.views.node import (
    ApiView,
    CheckView,
    EngineView,
    KeysView,
    LocalModelView,
    MemoryView,
    NodeView,
    ServiceView,
    StatusView,
    UrlsView,
)

STATUS = StatusView(
    NodeView("n", "1", 2, "ready", "2026-01-01T00:00:00Z", 1.5, "3.13", "/data"),
    ApiView("http://a", "required", 1, 2, 3),
    EngineView("embedded", "up", "why", "2.14"),
    LocalModelView("up", "m", 7),
    KeysView(3),
    MemoryView(4),
    [CheckView("loop", "ok", "why")],
    UrlsView("http://a", "http://b"),
)
LEAF = ServiceView("leaf", "service", "running", 1, "error", "since", 2.5, None, None, [])
TREE = ServiceView("top", "supervisor", "running", 0, "", "since", 1, 7, "one for one", [LEAF])
MODELS = ModelListView([ModelView("m", [TargetView("p", "mock", "m", 0.5)], ["f"], True)])
LIMITS = LimitsView(60, 1000, 2, ("a", "b*"), 5_000_000)
KEY = KeyView("1", "laptop", "then", "admin", None, LIMITS, KeyLimits(), 7)
KEYS = KeyListView([KEY])
PINGS = PingsView("n1", [PingView("n1", 7, 0.5, -1.0)], [FailureView("n2", "down", "gone")])


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (STATUS, Status),
        (msgspec.structs.replace(STATUS, local_model=None), Status),
        (PINGS, Pings),
        (TREE, SupervisedService),
        (MODELS, ModelList),
        (KEYS, KeyList),
        (NewKeyView("1", "laptop", "sk", "then"), NewKey),
    ],
)
def test_all_that_is_read_is_what_the_node_said(
    said: msgspec.Struct, answer: type[msgspec.Struct]
) -> None:
    understood = msgspec.json.decode(msgspec.json.encode(said), type=answer)
    assert_within(msgspec.to_builtins(understood), msgspec.to_builtins(said))


def assert_within(part: Any, whole: Any) -> None:
    """Everything in `part` is in `whole`, at every depth."""
    if isinstance(part, dict):
        for name, value in part.items():
            assert_within(value, whole[name])
    elif isinstance(part, (list, tuple)):
        assert len(part) == len(whole)
        for one, other in zip(part, whole, strict=True):
            assert_within(one, other)
    else:
        assert part == whole


@pytest.mark.parametrize(
    ("statuses", "has_failed"),
    [((), False), (("ok", "degraded"), False), (("ok", "failed"), True)],
)
def test_a_node_has_failed_when_any_check_has(
    statuses: tuple[str, ...], *, has_failed: bool
) -> None:
    checks = tuple(Check("x", status) for status in statuses)
    assert Status(checks=checks).has_failed is has_failed
