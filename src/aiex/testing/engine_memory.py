"""An engine without a server, for messages: several nodes in one process speak over it.

Its connections keep the promises of `aiex.engine.Messaging` (`tests/engine/test_messaging.py`).
Beyond them a test can cut one off, as when its connection is lost, or freeze it: what comes from or
goes to a frozen one waits until it thaws, as with a process that was stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count

from aiex.engine import EngineStatus, Message, NobodyAnswers
from aiex.errors import EngineRefused, EngineUnavailable

MESSAGE_BYTES_MAX = 8 * 1024 * 1024
# A real one holds messages that nobody takes, and drops what is too much.
WAITING_LEN_MAX = 100_000


class MemoryEngine:
    """Made empty; `connection()` is one for a node."""

    def __init__(self) -> None:
        self.message_count = 0
        self._listeners: list[_Listener] = []
        self._numbers = count(1)

    def connection(self) -> "MemoryConnection":
        return MemoryConnection(self)

    def new_address(self) -> str:
        return f"_INBOX.memory.{next(self._numbers)}"

    def add(self, listener: "_Listener") -> None:
        self._listeners.append(listener)

    def discard(self, listener: "_Listener") -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def end(self, connection: "MemoryConnection") -> None:
        """Whoever listens over that connection is told that it ended."""
        ended = [one for one in self._listeners if one.connection is connection]
        self._listeners = [one for one in self._listeners if one.connection is not connection]
        for one in ended:
            one.end()

    def deliver(self, message: Message) -> int:
        """Hand a message to all who listen to its subject; how many there are."""
        self.message_count += 1
        listeners = [one for one in self._listeners if one.hears(message.subject)]
        for one in listeners:
            one.connection.when_awake(lambda one=one: one.take(message))  # type: ignore[misc]
        return len(listeners)


class MemoryConnection:
    """A `Messaging`; `state` and `reason` are what `status` says."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.state: str = "up"
        self.reason = ""
        self._engine = engine
        self._is_up = asyncio.Event()
        self._is_up.set()
        self._is_frozen = False
        self._waiting: list[Callable[[], object]] = []

    def status(self) -> EngineStatus:
        return EngineStatus(self.state, self.reason, 0.0, "2.14.0", is_embedded=True)  # type: ignore[arg-type]

    async def until_up(self) -> None:
        await self._is_up.wait()

    async def probe(self, timeout_s: float) -> float | None:
        return 0.0 if self._is_up.is_set() else None

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> Message:
        self._check(payload)
        address = self._engine.new_address()
        question = Message(subject, address, dict(headers or {}), payload)
        async with self.subscribed(address, timeout_s=timeout_s) as inbox:

            def ask() -> None:
                if not self._engine.deliver(question):
                    nobody = Message(address, "", {"Status": "503"}, b"")
                    self._engine.deliver(nobody)

            self.when_awake(ask)
            try:
                answer = await inbox.next(timeout_s)
            except TimeoutError:
                raise EngineUnavailable(
                    f"The engine does not answer: it gave no answer within {timeout_s:g} s."
                ) from None
        if answer.status == "503":
            raise NobodyAnswers
        return answer

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
    ) -> None:
        self._check(payload)
        message = Message(subject, reply, dict(headers or {}), payload)
        self.when_awake(lambda: self._engine.deliver(message))

    @asynccontextmanager
    async def subscribed(self, *subjects: str, timeout_s: float) -> AsyncIterator["_Listener"]:
        self._check(b"")
        listener = _Listener(self, subjects)
        self._engine.add(listener)
        try:
            yield listener
        finally:
            self._engine.discard(listener)

    # What a test does to it.

    def go_down(self, reason: str) -> None:
        """End: whoever waits over it is told so, and nothing works until `come_back`."""
        self.state, self.reason = "down", reason
        self._is_up.clear()
        self._waiting.clear()
        self._engine.end(self)

    def come_back(self) -> None:
        self.state, self.reason = "up", ""
        self._is_up.set()

    def freeze(self) -> None:
        self._is_frozen = True

    def thaw(self) -> None:
        self._is_frozen = False
        waiting, self._waiting = self._waiting, []
        for act in waiting:
            act()

    def when_awake(self, act: Callable[[], object]) -> None:
        """Do it now, or when the node thaws."""
        if self._is_frozen:
            self._waiting.append(act)
        else:
            act()

    def _check(self, payload: bytes) -> None:
        if not self._is_up.is_set():
            raise EngineUnavailable(f"The engine is {self.state}: {self.reason}.")
        if len(payload) > MESSAGE_BYTES_MAX:
            raise EngineRefused("The value is larger than a message of the engine may be.")


class _Listener:
    """A `Received`."""

    def __init__(self, connection: MemoryConnection, subjects: tuple[str, ...]) -> None:
        self.connection = connection
        self._patterns = [subject.split(".") for subject in subjects]
        self._messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self._has_ended = False

    def hears(self, subject: str) -> bool:
        tokens = subject.split(".")
        return any(
            len(pattern) == len(tokens)
            and all(one in ("*", other) for one, other in zip(pattern, tokens, strict=True))
            for pattern in self._patterns
        )

    def take(self, message: Message) -> None:
        if self._messages.qsize() < WAITING_LEN_MAX:
            self._messages.put_nowait(message)

    def end(self) -> None:
        self._has_ended = True
        self._messages.put_nowait(None)

    async def next(self, timeout_s: float) -> Message:
        if self._has_ended and self._messages.empty():
            raise EngineUnavailable("The engine does not answer: the connection was lost.")
        async with asyncio.timeout(timeout_s):
            message = await self._messages.get()
        if message is None:
            raise EngineUnavailable("The engine does not answer: the connection was lost.")
        return message
