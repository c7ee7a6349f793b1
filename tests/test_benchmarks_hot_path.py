"""The pure parts of the two benchmarks that look inside the request path."""

from pathlib import Path
from typing import Any

import hot_path
import http_stack
import pytest
from rig import stack_node, stacks
from rig.bench import Headroom, Rounds, Sample, judge
from rig.errors import Refused
from rig.load import Load, Report
from rig.processes import CpuTime
from rig.stack_node import CLIENTS, FixedUpstream, UvicornListener

from aiex.assistant import build_providers
from aiex.assistant import providers as providers_module
from aiex.cli.allocators import SETTINGS
from aiex.node import listeners as listeners_module
from aiex.node.listener import Listener
from aiex.settings import ProviderSettings, Settings
from aiex.testing.clock import FakeClock
from aiex.testing.node_parts import MemoryNode

REPORT = Report(
    completed=1000,
    failed=0,
    seconds=2.0,
    p50_us=100,
    p99_us=900,
    max_us=5000,
    connections=64,
    lag_p99_us=0,
    awake_us=800_000,
)
ROOMY = Headroom(generator_ratio=0.5, upstream_ratio=0.5)
STAGES = {"all": [30.0], "key check": [10.0], "log line written": [10.0], "rest": [20.0]}


def sample(user_us: float, system_us: float) -> Sample:
    """1,000 answers of so much CPU each."""
    cpu = CpuTime(user_us / 1000, system_us / 1000)
    return Sample(REPORT, cpu, cpu, ROOMY, busy_ratio=0.9, memory_mb={})


ROUNDS = Rounds(
    {
        hot_path.WHOLE.name: [sample(80, 20)],
        hot_path.WITHOUT_CLIENT.name: [sample(50, 10)],
        hot_path.SERVER_ALONE.name: [sample(10, 10)],
    }
)


def test_what_is_left_out_is_what_it_costs() -> None:
    assert hot_path.shares(100, 60, 20) == pytest.approx((0.2, 0.4, 0.4))


def test_a_stack_that_does_less_and_costs_more_is_refused() -> None:
    hot_path.judge_order(ROUNDS)
    starved = {**ROUNDS.samples, hot_path.SERVER_ALONE.name: [sample(90, 10)]}
    with pytest.raises(Refused, match="100 us, 60 us, 100 us"):
        hot_path.judge_order(Rounds(starved))


def test_the_ledger_accounts_for_the_whole_request() -> None:
    rows = hot_path.ledger(ROUNDS, STAGES)
    assert sum(rows.values()) == pytest.approx(1)
    assert rows["server: kernel"] == pytest.approx(0.1)
    assert rows["client: pyreqwest and its hand-over"] == pytest.approx(0.3)
    # 40 us on the wire, shared out as in memory: a quarter of it each, and half.
    assert rows["handler: key check"] == pytest.approx(0.1)
    assert rows["handler: rest"] == pytest.approx(0.2)


def test_memory_and_wire_are_held_against_each_other() -> None:
    figures = {figure.name: figure.value for figure in hot_path.figures_of(ROUNDS, STAGES)}
    assert figures == pytest.approx(
        {
            "server_share": 0.2,
            "handler_share": 0.4,
            "client_share": 0.4,
            "handler_in_memory": 1.0,
        }
    )


def test_a_node_that_asks_nobody_must_not_have_asked() -> None:
    load = Load(64, 2.0, Path("request"), "right", asks_upstream=False)
    judge(REPORT, ROOMY, load, upstream_answered=0)
    with pytest.raises(Refused, match="cost 3 calls"):
        judge(REPORT, ROOMY, load, upstream_answered=3)


def test_another_server_has_what_the_node_asks_of_its_listener() -> None:
    asked = {name for name in vars(Listener) if not name.startswith("_")}
    assert asked <= set(vars(UvicornListener))


def test_every_other_stack_is_measured_both_ways() -> None:
    names = [goal.figure for goal in http_stack.GOALS]
    assert len(set(names)) == 2 * len(http_stack.OTHERS)
    assert not any(name.endswith(http_stack.CHOSEN.name) for name in names)


@pytest.mark.parametrize("client", CLIENTS)
def test_another_client_is_given_what_a_node_gives_its_own(client: str) -> None:
    settings = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1")
    assert CLIENTS[client](settings, thread_gone=pytest.fail)


def test_another_stack_is_what_a_node_is_built_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((listeners_module, "Listener"), (providers_module, "PyreqwestUpstream")):
        monkeypatch.setattr(module, name, getattr(module, name))  # and so put back in the end
    built: list[str] = []

    def listener(server: str, name: str, *_: Any, **__: Any) -> None:
        built.append(f"{name} by {server}")

    def upstream(settings: ProviderSettings, **_: Any) -> FixedUpstream:
        built.append("the client")
        return FixedUpstream(settings)

    monkeypatch.setattr(stack_node, "listener", listener)
    monkeypatch.setattr(stack_node, "CLIENTS", {"fixed": upstream})
    stack_node.put_in("uvicorn", "fixed")
    settings = Settings()
    admin = MemoryNode(tmp_path, settings).admin("a token")
    listeners_module.build_admin_listener(settings.admin, admin)
    asked = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1")
    build_providers({"p": asked}, local_model=None, clock=FakeClock(), thread_gone=pytest.fail)
    assert built == ["http.admin by uvicorn", "the client"]


def test_another_stack_has_the_allocator_settings_of_a_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(stacks, "node", lambda *_, **named: given.update(named))
    stacks.stack_node(http_stack.CHOSEN, 1, 0, tmp_path, tmp_path)
    assert given["environment"].items() >= SETTINGS.items()
