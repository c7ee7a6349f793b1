"""What a node says of itself when it is asked."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster.calls.requests.request import LISTED_MAX, Request, Text, Texts
from aiex.cluster.membership import Name, Number, Url, Word

SEEN_LEN_MAX = 2048
SECTIONS_LEN_MAX = 64


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
