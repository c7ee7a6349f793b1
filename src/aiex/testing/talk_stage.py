"""APIs of several nodes over one store in memory, with providers that answer from a script."""

import asyncio
import json
from collections.abc import Mapping
from itertools import count
from random import Random
from typing import Any

from aiex.assistant import Catalogue, Chat, Intake, LoadLimits, Pace, Targets, TokenCount
from aiex.assistant.api import Api
from aiex.assistant.conversations.talk import Talk
from aiex.assistant.conversations.thread_form import THREADS
from aiex.assistant.events import RequestFinished
from aiex.assistant.keys import KeyCheck
from aiex.assistant.provider import Provider
from aiex.settings import ModelSettings, ProviderSettings, Settings, TargetSettings
from aiex.testing.clock import FakeClock
from aiex.testing.exchange import MemoryExchange, MemoryScope
from aiex.testing.store_memory import MemoryStore

KIND = ProviderSettings(kind="openai", base_url="http://127.0.0.1:1/v1", retries_max=0)


class Cluster:
    """What the nodes of a test have in common: time, the store, and who is known to be gone.

    Those are reached by nobody, too.
    """

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.gone: set[str] = set()
        self.nodes: dict[str, TalkNode] = {}
        self._ids = count(1)

    def new_id(self, size_bytes: int) -> str:
        """Ids that a test can foresee."""
        return f"{next(self._ids):0{2 * size_bytes}x}"

    def node(
        self,
        provider: Provider,
        name: str = "one",
        *,
        keys: KeyCheck | None = None,
        body_bytes: int = 10**8,
    ) -> "TalkNode":
        """A node that holds so many bytes of bodies, and of what is kept, at once."""
        node = self.nodes[name] = TalkNode(self, provider, name, keys, body_bytes)
        return node


class MemoryLives:
    """The `Lives` that one node of a test knows of."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster = cluster
        self._name = name

    def own(self) -> str:
        return self._name

    def is_over(self, life: str) -> bool:
        return life in self._cluster.gone

    async def break_off(self, life: str, thread: str, part: str) -> None:
        if life not in self._cluster.gone:
            self._cluster.nodes[life].talk.break_off(thread, part)


class TalkNode:
    """The API of one node; `events` has what it emitted."""

    def __init__(
        self,
        cluster: Cluster,
        provider: Provider,
        name: str,
        keys: KeyCheck | None,
        body_bytes: int,
    ) -> None:
        model = ModelSettings(targets=(TargetSettings("p"),))
        catalogue = Catalogue(Settings(providers={"p": KIND}, models={"m": model}))
        clock, random = cluster.clock, Random(1)  # noqa: S311 - jitter, not secrets
        self.events: list[Any] = []
        self.provider = provider
        targets = Targets(catalogue, clock=clock, random=random, emit=lambda _: None)
        chat = Chat(catalogue, {"p": provider}, targets)
        self.talk = Talk(
            chat,
            cluster.store.rows(THREADS),
            MemoryLives(cluster, name),
            clock=clock,
            emit=self.events.append,
            new_id=cluster.new_id,
        )
        self.api = Api(
            chat,
            catalogue,
            token_count=TokenCount(catalogue, {"p": provider}, targets),
            key_check=lambda: keys,
            is_ready=lambda: True,
            intake=Intake(
                LoadLimits(100, body_bytes, 0.1, 0.5), random=random, emit=lambda _: None
            ),
            pace=Pace(lambda *_: None, clock, 10.0),
            body_bytes_max=10**7,
            body_timeout_s=5.0,
            random=random,
            emit=self.events.append,
            talk=self.talk,
        )

    async def ask(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> MemoryExchange:
        """One request to its end."""
        exchange = self.exchange(body)
        await self.api.respond(MemoryScope(method, path, headers), exchange)
        return exchange

    def exchange(self, body: object = None) -> MemoryExchange:
        if isinstance(body, bytes):
            return MemoryExchange(body)
        return MemoryExchange(b"" if body is None else json.dumps(body).encode())

    def begin(
        self, exchange: MemoryExchange, path: str, headers: Mapping[str, str] | None = None
    ) -> "asyncio.Task[None]":
        """A POST that goes on beside the test."""
        return asyncio.ensure_future(self.api.respond(MemoryScope("POST", path, headers), exchange))

    @property
    def finished(self) -> list[RequestFinished]:
        return [event for event in self.events if isinstance(event, RequestFinished)]


def content(exchange: MemoryExchange) -> Any:
    """What was answered, as JSON."""
    return json.loads(exchange.body)


def events_in(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream; raises `AssertionError` where name and type differ."""
    events: list[dict[str, Any]] = []
    for block in stream.split(b"\n\n"):
        name, _, data = block.partition(b"\n")
        if data:
            event: dict[str, Any] = json.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + event["type"].encode()
            events.append(event)
    return events
