"""The local model's turns: run here, run by another node, gone, frozen, or not to be had."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiex.assistant.local_model import (
    PROBE_EVERY_S,
    PROBES_UNTIL_FROZEN,
    START_TIMEOUT_S,
    LocalModel,
    LocalModelDown,
    child_command,
)
from aiex.assistant.local_model_claim import LocalAddress, LocalModelClaim
from aiex.assistant.local_model_weights import LocalModelMissing
from aiex.errors import ProviderError
from aiex.settings import LocalModelSettings
from aiex.testing.clock import FakeClock

SETTINGS = LocalModelSettings()
ELSEWHERE = LocalAddress("http://127.0.0.1:2/v1", "secret", 7)
NEXT = LocalAddress("http://127.0.0.1:3/v1", "secret", 8)
DEADLINE_S = 15.0


def missing(_: LocalModelSettings) -> Sequence[str]:
    raise LocalModelMissing("run `pip install aiex[local]`")


def child(script: str) -> Callable[[LocalModelSettings], Sequence[str]]:
    return lambda _: ["sh", "-c", script]


PATIENT = child("echo loading; echo; echo listening http://127.0.0.1:1/v1; exec sleep 1000")


class Stage:
    """One node's local model, the machine's claim as another node has it, and a clock."""

    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.is_answering = True
        self.other = LocalModelClaim(directory, repr(SETTINGS))
        self._directory = directory
        self._events: asyncio.Queue[Any] = asyncio.Queue()

    def model(self, command: Callable[[LocalModelSettings], Sequence[str]] = missing) -> LocalModel:
        return LocalModel(
            SETTINGS,
            self._directory,
            answers=self._answers,
            clock=self.clock,
            emit=self._events.put_nowait,
            command=command,
        )

    async def _answers(self, _: LocalAddress) -> bool:
        return self.is_answering

    @asynccontextmanager
    async def running(self, model: LocalModel) -> AsyncIterator["asyncio.Task[None]"]:
        task = asyncio.create_task(model.run(lambda: None))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def turn(self) -> tuple[str, str]:
        """The next state that was told, and what was said with it."""
        async with asyncio.timeout(DEADLINE_S):
            event = await self._events.get()
        return event.state, event.detail


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "run")


@pytest.fixture
def elsewhere(stage: Stage) -> LocalModelClaim:
    """The claim of another node, whose child is up."""
    assert stage.other.take()
    stage.other.publish(ELSEWHERE)
    return stage.other


async def test_a_node_is_ready_while_the_model_loads(stage: Stage) -> None:
    readies: list[str] = []
    task = asyncio.create_task(stage.model().run(lambda: readies.append("!")))
    await asyncio.sleep(0)
    assert readies == ["!"]
    task.cancel()
    await asyncio.wait([task])


async def test_not_installed_it_is_unavailable_and_says_what_to_do_at_once(stage: Stage) -> None:
    model = stage.model(missing)
    async with stage.running(model) as task:
        assert await stage.turn() == ("unavailable", "run `pip install aiex[local]`")
        with pytest.raises(ProviderError, match=r"is unavailable: run `pip install"):
            await model.address(DEADLINE_S)
        assert not task.done()


def test_the_weights_of_the_settings_are_looked_for_before_anything_runs(tmp_path: Path) -> None:
    settings = LocalModelSettings(weights=str(tmp_path / "absent.gguf"))
    with pytest.raises(LocalModelMissing, match=r"absent\.gguf|not installed"):
        child_command(settings)


async def test_a_directory_that_cannot_be_used_makes_it_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    stage = Stage(tmp_path / "file")
    async with stage.running(stage.model(PATIENT)):
        state, reason = await stage.turn()
        assert state == "unavailable"
        assert "cannot be used" in reason


async def test_another_nodes_child_is_used(stage: Stage, elsewhere: LocalModelClaim) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model):
        assert await stage.turn() == ("up", "run by another node of this machine")
        assert await model.address(DEADLINE_S) == ELSEWHERE
        assert model.state().pid is None
        assert await model.is_alive(ELSEWHERE)
        assert not await model.is_alive(NEXT)


async def test_while_another_nodes_child_loads_there_is_none(stage: Stage) -> None:
    assert stage.other.take()
    model = stage.model(PATIENT)
    async with stage.running(model):
        with pytest.raises(ProviderError, match="is starting: it has not answered yet"):
            await model.address(0.01)
        stage.other.publish(ELSEWHERE)
        await stage.clock.advance(PROBE_EVERY_S)
        assert await model.address(DEADLINE_S) == ELSEWHERE


async def test_who_waits_for_the_model_gets_it_as_soon_as_it_is_up(stage: Stage) -> None:
    assert stage.other.take()
    model = stage.model(PATIENT)
    async with stage.running(model):
        waiting = asyncio.create_task(model.address(DEADLINE_S))
        await stage.clock.advance(PROBE_EVERY_S)
        assert not waiting.done()
        stage.other.publish(ELSEWHERE)
        await stage.clock.advance(PROBE_EVERY_S)
        assert await waiting == ELSEWHERE


async def test_another_child_than_the_one_that_failed_is_waited_for(
    stage: Stage, elsewhere: LocalModelClaim
) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model):
        await stage.turn()
        with pytest.raises(ProviderError):
            await model.address(0.01, other_than=ELSEWHERE)
        elsewhere.publish(NEXT)
        await stage.clock.advance(2 * PROBE_EVERY_S)
        assert await model.address(DEADLINE_S, other_than=ELSEWHERE) == NEXT


async def test_another_nodes_child_that_falls_silent_is_down_until_it_answers(
    stage: Stage, elsewhere: LocalModelClaim
) -> None:
    async with stage.running(stage.model(PATIENT)):
        await stage.turn()
        stage.is_answering = False
        await stage.clock.advance(PROBE_EVERY_S)
        assert await stage.turn() == ("down", "the node that ran it is gone")
        stage.is_answering = True
        await stage.clock.advance(PROBE_EVERY_S)
        assert (await stage.turn())[0] == "up"


@pytest.mark.integration
async def test_a_node_that_holds_the_claim_runs_the_child_and_tells_the_others(
    stage: Stage,
) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model):
        assert await stage.turn() == ("starting", "it loads its weights")
        assert await stage.turn() == ("up", "")
        address = await model.address(DEADLINE_S)
        assert address.base_url == "http://127.0.0.1:1/v1"
        assert (model.pid, model.state().pid) == (address.pid, address.pid)
        assert stage.other.published() == address
        assert not stage.other.take()
    assert model.pid is None
    assert stage.other.published() is None
    assert stage.other.take()
    stage.other.let_go()


@pytest.mark.integration
async def test_the_child_gets_its_key_in_the_environment(stage: Stage) -> None:
    model = stage.model(child("echo listening $AIEX_LOCAL_MODEL_KEY; exec sleep 1000"))
    async with stage.running(model):
        address = await model.address(DEADLINE_S)
        assert address.base_url == address.api_key
        assert len(address.api_key) >= 32


@pytest.mark.integration
async def test_the_node_after_a_holder_that_left_runs_the_child_itself(
    stage: Stage, elsewhere: LocalModelClaim
) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model):
        assert (await stage.turn())[0] == "up"
        elsewhere.let_go()
        await stage.clock.advance(PROBE_EVERY_S)
        assert (await stage.turn())[0] == "down"
        assert (await stage.turn())[0] == "starting"
        assert (await stage.turn())[0] == "up"
        assert model.pid is not None


async def ended(task: "asyncio.Task[None]", match: str) -> None:
    async with asyncio.timeout(DEADLINE_S):
        with pytest.raises(LocalModelDown, match=match):
            await task


@pytest.mark.integration
async def test_a_child_that_cannot_load_is_down_and_run_anew_by_the_supervisor(
    stage: Stage,
) -> None:
    model = stage.model(child("exit 3"))
    async with stage.running(model) as task:
        await ended(task, "ended with status 3")
    assert [(await stage.turn())[0] for _ in range(2)] == ["starting", "down"]
    async with stage.running(model) as task:
        await ended(task, "ended with status 3")


@pytest.mark.integration
async def test_a_child_that_is_killed_is_down_and_its_address_void(stage: Stage) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model) as task:
        address = await model.address(DEADLINE_S)
        os.kill(address.pid, signal.SIGKILL)
        await ended(task, "ended with status -9")
        assert model.state().state == "down"
        assert not await model.is_alive(address)
        assert stage.other.published() is None


@pytest.mark.integration
async def test_a_child_that_answers_no_probe_is_frozen_and_killed(stage: Stage) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model) as task:
        address = await model.address(DEADLINE_S)
        stage.is_answering = False
        await stage.clock.advance((PROBES_UNTIL_FROZEN - 1) * PROBE_EVERY_S)
        assert not task.done()
        await stage.clock.advance(PROBE_EVERY_S)
        await ended(task, "froze and was killed")
    with pytest.raises(ProcessLookupError):
        os.kill(address.pid, 0)


@pytest.mark.integration
async def test_a_busy_child_that_answers_now_and_then_lives(stage: Stage) -> None:
    model = stage.model(PATIENT)
    async with stage.running(model) as task:
        await model.address(DEADLINE_S)
        for _ in range(3):
            stage.is_answering = False
            await stage.clock.advance((PROBES_UNTIL_FROZEN - 1) * PROBE_EVERY_S)
            stage.is_answering = True
            await stage.clock.advance(PROBE_EVERY_S)
        assert not task.done()


@pytest.mark.integration
async def test_a_child_that_never_says_where_it_listens_is_killed(stage: Stage) -> None:
    model = stage.model(child("exec sleep 1000"))
    async with stage.running(model) as task:
        await stage.turn()
        async with asyncio.timeout(DEADLINE_S):
            while not stage.clock.sleeper_count:
                await asyncio.sleep(0.001)
        await stage.clock.advance(START_TIMEOUT_S)
        await ended(task, "did not start and was killed")
