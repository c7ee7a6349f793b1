"""Every request that nodes put to each other, on one page: its name, what it takes and gives.

A node that does not know a request says so, and the caller gets `Reason.NO_SUCH_REQUEST`. So a
request is never changed in meaning: fields may be added with a default (older nodes ignore them,
newer ones fill them in), and what has to be different gets another name.

What answers is an async function, handed to `Cluster` where the node is composed.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aiex.cluster.messages import Name, Number, Url, Word

SEEN_LEN_MAX = 2048
SECTIONS_LEN_MAX = 64

type Text = Annotated[str, Meta(max_length=512)]


class Request[A](msgspec.Struct, frozen=True):
    """A request whose answer is an `A`."""


class Ping(Request["Pong"], frozen=True):
    pass


class Pong(msgspec.Struct, frozen=True):
    name: Name
    incarnation: Number
    monotonic_s: float
    wall_s: float


class Describe(Request["Description"], frozen=True):
    pass


class DescribedMember(msgspec.Struct, frozen=True):
    """A member as the node that answers sees it."""

    name: Name
    incarnation: Number
    state: Word
    reason: Text = ""
    version: Word = ""
    zone: Word = ""


class DescribedEngine(msgspec.Struct, frozen=True):
    mode: Word  # embedded, external
    state: Word
    reason: Text = ""
    server_version: Word = ""


class Description(msgspec.Struct, frozen=True):
    """A node in its own words. `settings` has a digest for each section, without its secrets."""

    name: Name
    incarnation: Number
    version: Word
    protocol: int
    python: Word
    phase: Word
    started_at_s: float  # wall clock
    wall_s: float
    settings: Annotated[dict[Word, Word], Meta(max_length=SECTIONS_LEN_MAX)]
    engine: DescribedEngine
    members: Annotated[tuple[DescribedMember, ...], Meta(max_length=SEEN_LEN_MAX)]
    groups: tuple[Word, ...] = ()
    stays_out: Text = ""
    split: Text = ""
    admin_url: Url = ""


class RequestKind(msgspec.Struct, frozen=True):
    """A line of the page."""

    name: str
    request: type[Any]
    answer: type[Any]
    text: str


REQUESTS = (
    RequestKind("ping", Ping, Pong, "The node's name, incarnation and clocks, at once."),
    RequestKind(
        "describe",
        Describe,
        Description,
        "The node in its own words: release, settings by digest, clock, engine, whom it sees.",
    ),
)


class Page:
    """The requests by name and by type."""

    def __init__(self, kinds: Sequence[RequestKind] = REQUESTS) -> None:
        self._by_name = {kind.name: kind for kind in kinds}
        self._by_request = {kind.request: kind for kind in kinds}
        assert len(self._by_name) == len(self._by_request) == len(kinds), "one name for one type"

    def named(self, name: str) -> RequestKind | None:
        return self._by_name.get(name)

    def of(self, request: type[Any]) -> RequestKind:
        assert request in self._by_request, f"{request.__name__} is on no page of requests"
        return self._by_request[request]
