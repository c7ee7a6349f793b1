"""The small model of this machine: one llama.cpp child for all nodes of a user, watched and shared.

The node that holds the claim runs the child; the others use it and stand ready to run their own.

    starting ──▶ up ──▶ down ──▶ starting …        unavailable: not installed, for good
"""

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NoReturn

import msgspec

from aiex.assistant import local_model_child
from aiex.assistant.events import LocalModelTurned
from aiex.assistant.local_model_claim import (
    LocalAddress,
    LocalModelClaim,
    RuntimeDirectoryRefused,
)
from aiex.assistant.local_model_weights import LocalModelMissing, find_weights
from aiex.child_process import ChildProcess
from aiex.clock import Clock
from aiex.errors import AiexError, ProviderError
from aiex.events import Emit
from aiex.service import Ready
from aiex.settings import LocalModelSettings

ALIAS = "smollm2"
THREADS_MAX = 4
START_TIMEOUT_S = 60.0  # a cold disc reads 100 MB first
STOP_GRACE_S = 3.0
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0
# A model busy with both cores answers late; a frozen one answers never.
PROBES_UNTIL_FROZEN = 4

_log = logging.getLogger("aiex.assistant.local_model")


class LocalModelDown(AiexError):
    """The local model's child ended or froze."""


class LocalModelState(msgspec.Struct, frozen=True):
    """How the model is. `pid` is None when the child belongs to another node, or there is none."""

    state: Literal["starting", "up", "down", "unavailable"]
    detail: str = ""
    pid: int | None = None


def child_command(settings: LocalModelSettings) -> list[str]:
    """What runs the child; raises `LocalModelMissing` with what to install or to mend."""
    weights = find_weights(settings.weights)
    threads = settings.threads or min(os.cpu_count() or 1, THREADS_MAX)
    numbers = (threads, settings.context_tokens, settings.parallel)
    program = [sys.executable, "-P", local_model_child.__file__]
    return [*program, str(weights), ALIAS, *map(str, numbers)]


class LocalModel:
    """Knows where the machine's child answers, and runs it when nobody else does."""

    name = "assistant.local_model"

    def __init__(
        self,
        settings: LocalModelSettings,
        runtime_dir: Path,
        *,
        answers: Callable[[LocalAddress], Awaitable[bool]],
        clock: Clock,
        emit: Emit,
        command: Callable[[LocalModelSettings], Sequence[str]] = child_command,
    ) -> None:
        """`answers` says whether a child at an address is alive; it may take its time."""
        self._settings = settings
        self._claim = LocalModelClaim(runtime_dir, repr(settings))
        self._answers = answers
        self._clock = clock
        self._emit = emit
        self._command = command
        self._child: ChildProcess | None = None
        self._address: LocalAddress | None = None
        self._state = LocalModelState("starting")
        self._turned = asyncio.Condition()

    @property
    def pid(self) -> int | None:
        """Of the child this node runs."""
        return self._child.pid if self._child is not None else None

    def state(self) -> LocalModelState:
        """How the model is now; costs nothing."""
        return msgspec.structs.replace(self._state, pid=self.pid)

    async def address(
        self, timeout_s: float, *, other_than: LocalAddress | None = None
    ) -> LocalAddress:
        """Where the model answers, once it does, after one that failed: `other_than` it.

        Raises `ProviderError` when it does not in time, at once when it is not installed.
        """

        def is_decided() -> bool:
            is_up = self._address is not None and self._address != other_than
            return is_up or self._state.state == "unavailable"

        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s), self._turned:
                await self._turned.wait_for(is_decided)
        if self._address is None or self._address == other_than:
            raise ProviderError(
                f"The local model is {self._state.state}: "
                f"{self._state.detail or 'it has not answered yet'}."
            )
        return self._address

    async def is_alive(self, address: LocalAddress) -> bool:
        """Whether the child at `address` is still the one to ask and answers."""
        return self._address == address and await self._does_answer(address)

    async def run(self, ready: Ready) -> None:
        """Have the model running somewhere on this machine until cancelled.

        Raises `LocalModelDown` when the child ends, so that the supervisor starts it again. Ready
        at once: a node answers for its other models while this one loads.
        """
        ready()
        try:
            command = self._command(self._settings)
        except LocalModelMissing as error:
            await self._be_unavailable(str(error))
        while True:
            try:
                is_holder = self._claim.take()
            except RuntimeDirectoryRefused as error:
                await self._be_unavailable(str(error))
            if is_holder:
                try:
                    await self._run_child(command)
                finally:
                    self._claim.let_go()
            else:
                await self._follow()

    async def _be_unavailable(self, reason: str) -> NoReturn:
        """Stay as it is: trying again would not install anything."""
        await self._become("unavailable", reason)
        await asyncio.get_running_loop().create_future()
        raise AssertionError("only a cancellation ends this")

    async def _run_child(self, command: Sequence[str]) -> NoReturn:
        await self._become("starting", "it loads its weights")
        key = secrets.token_urlsafe(24)
        base_url: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def read(line: str) -> None:
            _log.debug("llama.cpp: %s", line)
            if line.startswith(local_model_child.READY_PREFIX) and not base_url.done():
                base_url.set_result(line.removeprefix(local_model_child.READY_PREFIX))

        child = await ChildProcess.spawn(
            command, on_line=read, env={**os.environ, "AIEX_LOCAL_MODEL_KEY": key}
        )
        self._child = child
        ended = asyncio.create_task(child.wait(), name="assistant.local_model.child")
        try:
            await self._wait_for(START_TIMEOUT_S, ended, base_url)
            if not base_url.done():
                raise LocalModelDown(_end_of(child, ended, "did not start"))
            address = LocalAddress(base_url.result(), key, child.pid)
            self._claim.publish(address)
            await self._become("up", address=address)
            await self._watch(address, ended)
            raise LocalModelDown(_end_of(child, ended, "froze"))
        except LocalModelDown as error:
            await self._become("down", str(error))
            raise
        finally:
            self._address = None
            ended.cancel()
            await child.stop(STOP_GRACE_S)
            self._child = None

    async def _watch(self, address: LocalAddress, ended: "asyncio.Task[int]") -> None:
        """Return when the child ended, or was silent for too many probes."""
        missed = 0
        while missed < PROBES_UNTIL_FROZEN:
            await self._wait_for(PROBE_EVERY_S, ended)
            if ended.done():
                return
            missed = 0 if await self._does_answer(address) else missed + 1

    async def _wait_for(self, timeout_s: float, *futures: "asyncio.Future[Any]") -> None:
        """Until one of them is done, or the time is up."""
        pause = asyncio.create_task(self._clock.sleep(timeout_s))
        try:
            await asyncio.wait({pause, *futures}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()

    async def _follow(self) -> None:
        """Use another node's child until it is gone."""
        address = self._claim.published()
        if address is None or not await self._does_answer(address):
            await self._clock.sleep(PROBE_EVERY_S / 4)
            return
        await self._become("up", "run by another node of this machine", address)
        try:
            while self._claim.published() == address and await self._does_answer(address):
                await self._clock.sleep(PROBE_EVERY_S)
        finally:
            self._address = None
        await self._become("down", "the node that ran it is gone")

    async def _does_answer(self, address: LocalAddress) -> bool:
        try:
            async with asyncio.timeout(PROBE_TIMEOUT_S):
                return await self._answers(address)
        except TimeoutError:
            return False

    async def _become(
        self,
        state: Literal["starting", "up", "down", "unavailable"],
        detail: str = "",
        address: LocalAddress | None = None,
    ) -> None:
        self._address = address
        self._state = LocalModelState(state, detail)
        self._emit(LocalModelTurned(state, detail))
        async with self._turned:
            self._turned.notify_all()


def _end_of(child: ChildProcess, ended: "asyncio.Task[int]", otherwise: str) -> str:
    if not ended.done():
        return f"its process (pid {child.pid}) {otherwise} and was killed"
    return f"its process (pid {child.pid}) ended with status {ended.result()}"
