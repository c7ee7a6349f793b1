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

from aiex.cluster.membership import Name, Number, Url, Word

SEEN_LEN_MAX = 2048
SECTIONS_LEN_MAX = 64

LISTED_MAX = 64
# A quarter of an octave each, from a microsecond to hours.
CELLS_LEN_MAX = 256

type Text = Annotated[str, Meta(max_length=512)]
type Texts = Annotated[tuple[Text, ...], Meta(max_length=LISTED_MAX)]


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
    carrier: Text = ""


class DescribedEngine(msgspec.Struct, frozen=True):
    mode: Word  # embedded, external
    state: Word
    reason: Text = ""
    server_version: Word = ""


class DescribedOutsider(msgspec.Struct, frozen=True):
    name: Name
    incarnation: Number
    reason: Text
    is_twin: bool = False


class DescribedRefusal(msgspec.Struct, frozen=True):
    """Of the last minute, at an engine's server; `is_own`: it is this node's that was refused."""

    reason: Text
    address: Text
    is_own: bool


class DescribedFormation(msgspec.Struct, frozen=True):
    """How far a node is with the engine that all have together, and what it was told of it."""

    cluster: Word
    discovery: Word
    seat: Word  # alone, carrier, client
    carrier: Text = ""  # its name as a carrier; empty when it is none
    epoch: Number = 0  # of the charter; 0 without one
    is_in_force: bool = False  # the charter was read in an engine, or told by others
    carriers: Texts = ()
    seeds: Texts = ()
    found: Texts = ()
    found_waits_for: Text = ""  # of discovery
    found_trouble: Text = ""
    waiting_for: Text = ""  # of the formation
    trouble: Text = ""
    state_trouble: Text = ""  # of those who move the engine's state
    servers: Annotated[dict[Text, bool], Meta(max_length=LISTED_MAX)] | None = None
    refusals: Annotated[tuple[DescribedRefusal, ...], Meta(max_length=LISTED_MAX)] = ()
    outsiders: Annotated[tuple[DescribedOutsider, ...], Meta(max_length=LISTED_MAX)] = ()
    has_twin: bool = False
    has_tls: bool = False
    shared_settings: Annotated[dict[Word, Word], Meta(max_length=SECTIONS_LEN_MAX)] = {}
    milestones: Annotated[dict[Word, float], Meta(max_length=LISTED_MAX)] = {}
    certificates: Annotated[dict[Word, float], Meta(max_length=LISTED_MAX)] = {}  # setting: end
    disk_free_bytes: Number = 0
    disk_bytes: Number = 0


class DescribedHot(msgspec.Struct, frozen=True):
    """How far the node is with the hot values; `refusals` says why newest ones are not taken."""

    revision: Number
    is_caught_up: bool
    refusals: Annotated[dict[Text, Text], Meta(max_length=LISTED_MAX)] = {}


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
    formation: DescribedFormation | None = None  # None: it is on its own, or an older release
    hot: DescribedHot | None = None  # None: an older release


class Examine(Request["Examination"], frozen=True):
    pass


class DescribedContact(msgspec.Struct, frozen=True):
    """A carrier's ports as found by the node that answers: open, closed, silent, unknown.

    `server`, `cluster` and `has_tls` are what the server there says of itself, `refusal` what it
    says to our login.
    """

    carrier: Text
    host: Text
    route_port: int
    client_port: int
    route: Word
    client: Word
    server: Text = ""
    cluster: Text = ""
    has_tls: bool = False
    refusal: Text = ""


class Examination(msgspec.Struct, frozen=True):
    """What the node finds when it looks around now: at each carrier but itself."""

    contacts: Annotated[tuple[DescribedContact, ...], Meta(max_length=LISTED_MAX)]


class PlanDrain(Request["DrainPlan"], frozen=True):
    pass


class DrainPlan(msgspec.Struct, frozen=True):
    """What a drain of the node would have to wait for, and what others take over from it."""

    name: Name
    phase: Word
    in_flight: Number
    streams: Number
    carrier: Text
    leases: Annotated[tuple[Word, ...], Meta(max_length=LISTED_MAX)]
    has_local_model: bool
    deadline_s: float
    expected_s: float
    estimate: Text  # how `expected_s` came about
    refusal: Text = ""  # why it is not drained unless forced
    consequence: Text = ""  # what the others cannot do without it


class Drain(Request["DrainBegun"], frozen=True):
    is_forced: bool = False


class DrainBegun(msgspec.Struct, frozen=True):
    """`refusal` says why not; empty when the node drains from now on, or did before."""

    refusal: Text = ""


class AwaitHot(Request["HotApplied"], frozen=True):
    """Answered once the node has heard of the hot value `key` at `revision`, or a later one."""

    key: Text
    revision: Number


class HotApplied(msgspec.Struct, frozen=True):
    """`revision` is the newest it has heard; `refusal` says why the value is not in force there."""

    revision: Number
    refusal: Text = ""


class CountTraffic(Request["Traffic"], frozen=True):
    pass


class Traffic(msgspec.Struct, frozen=True):
    """What the API of the node answered since it began, in that life.

    `durations` are counts by `aiex.telemetry.latency`'s cells, which add up over nodes.
    """

    incarnation: Number
    requests: Number
    errors: Number
    durations: Annotated[dict[int, Number], Meta(max_length=CELLS_LEN_MAX)]


class DescribeCopies(Request["DescribedCopies"], frozen=True):
    pass


class DescribedCopy(msgspec.Struct, frozen=True):
    """The node's view of a table: complete, stale or catching up; how far it is by fragment."""

    table: Word
    state: Word
    sequences: Annotated[tuple[Number, ...], Meta(max_length=LISTED_MAX)] = ()
    trouble: Text = ""


class DescribedCopies(msgspec.Struct, frozen=True):
    copies: Annotated[tuple[DescribedCopy, ...], Meta(max_length=LISTED_MAX)]


class VerifyCopies(Request["VerifiedCopies"], frozen=True):
    """Compare the views of these tables with the engine."""

    tables: Annotated[tuple[Word, ...], Meta(max_length=LISTED_MAX)]


class VerifiedCopy(msgspec.Struct, frozen=True):
    """How many rows were compared, and what differs; `trouble` is why it could not be found out."""

    table: Word
    rows: Number = 0
    missing: Number = 0
    extra: Number = 0
    different: Number = 0
    damages: Texts = ()
    examples: Texts = ()
    trouble: Text = ""


class VerifiedCopies(msgspec.Struct, frozen=True):
    copies: Annotated[tuple[VerifiedCopy, ...], Meta(max_length=LISTED_MAX)]


class BreakOff(Request["BrokenOff"], frozen=True):
    """A turn was cancelled: the one in this part of a thread."""

    thread: Word
    part: Word


class BrokenOff(msgspec.Struct, frozen=True):
    was_here: bool = False


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
    RequestKind("examine", Examine, Examination, "What the node finds at each carrier's ports."),
    RequestKind("drain_plan", PlanDrain, DrainPlan, "What a drain of the node would wait for."),
    RequestKind("drain", Drain, DrainBegun, "Finish what is in hand and stop."),
    RequestKind("hot_applied", AwaitHot, HotApplied, "Whether a hot value is in force there."),
    RequestKind("traffic", CountTraffic, Traffic, "What its API answered: counts and durations."),
    RequestKind(
        "describe_copies", DescribeCopies, DescribedCopies, "How far the node's views are."
    ),
    RequestKind(
        "verify_copies",
        VerifyCopies,
        VerifiedCopies,
        "What the node's views differ in from what the engine has.",
    ),
    RequestKind(
        "break_off", BreakOff, BrokenOff, "Break off a turn that was cancelled at another node."
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
