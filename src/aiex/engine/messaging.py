"""Messages that are not kept: what `EngineConnection` offers those who speak over the engine.

`aiex.testing.engine_memory` offers the same without a server; `tests/engine/test_messaging.py`
holds both to it. A message arrives once or not at all.
"""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from aiex.engine.session import Message
from aiex.engine.status import EngineStatus


class Received(Protocol):
    """What was sent to the subjects one listens to, in the order in which it came."""

    async def next(self, timeout_s: float) -> Message:
        """The next message; raises `TimeoutError` on silence, `EngineUnavailable` at the end."""


class Messaging(Protocol):
    """Raises `EngineUnavailable`, at once when there is no connection to the engine."""

    def status(self) -> EngineStatus: ...

    async def until_up(self) -> None:
        """Come back once there is a connection; without a deadline."""

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Message:
        """The first answer; raises `NobodyAnswers`, at once, when nobody listens there."""

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> None:
        """Send; nothing says whether it arrived. Raises `EngineRefused` when it is too large."""

    async def probe(self, timeout_s: float) -> float | None:
        """Seconds the engine took to answer; None when it did not within `timeout_s`."""

    def subscribed(self, *subjects: str, timeout_s: float) -> AbstractAsyncContextManager[Received]:
        """What is sent to any of the subjects, which may hold `*`, until the block ends."""
