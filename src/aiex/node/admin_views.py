"""What the admin API answers: the shapes of its JSON, all on one page."""

import msgspec

from aiex.assistant import KeyLimits
from aiex.assistant.limits import Budget, Patterns, Rate
from aiex.cluster import DescribedContact, Description, Finding


class NodeView(msgspec.Struct, frozen=True):
    name: str
    version: str
    pid: int
    state: str
    started_at: str
    uptime_s: float
    python: str
    data_dir: str


class ApiView(msgspec.Struct, frozen=True):
    url: str
    auth: str  # open, required
    in_flight: int
    requests_total: int
    errors_total: int


class EngineView(msgspec.Struct, frozen=True):
    mode: str  # embedded, external
    state: str
    reason: str
    server_version: str


class LocalModelView(msgspec.Struct, frozen=True):
    state: str
    detail: str
    pid: int | None


class KeysView(msgspec.Struct, frozen=True):
    active: int


class MemoryView(msgspec.Struct, frozen=True):
    rss_bytes: int


class CheckView(msgspec.Struct, frozen=True):
    name: str
    status: str
    reason: str


class UrlsView(msgspec.Struct, frozen=True):
    api: str
    admin: str


class StatusView(msgspec.Struct, frozen=True):
    node: NodeView
    api: ApiView
    engine: EngineView
    local_model: LocalModelView | None
    keys: KeysView
    memory: MemoryView
    checks: list[CheckView]
    urls: UrlsView


class MemberView(msgspec.Struct, frozen=True):
    """`state`: joining, up, suspect, draining, down, left; `since` is when this node saw it so."""

    name: str
    incarnation: int
    state: str
    reason: str
    since: str
    state_age_s: float
    zone: str
    version: str
    protocol: int
    api_url: str
    admin_url: str
    in_flight: int
    in_flight_max: int
    is_self: bool
    groups: tuple[str, ...]
    carrier: str  # its name among the carriers; empty when it is none


class OutsiderView(msgspec.Struct, frozen=True):
    """A node that speaks in this cluster and cannot be its member."""

    name: str
    incarnation: int
    reason: str


class ClusterView(msgspec.Struct, frozen=True):
    """`condition`: whole, forming (no engine yet), split (members or the engine are missing),
    behind (a carrier has not all of the state yet), out (this node is no member).

    `carriers` have the engine's servers, since the charter of that `epoch`; none where nodes form
    no cluster of their own.
    """

    name: str
    condition: str
    reason: str
    epoch: int
    carriers: list[str]
    members: list[MemberView]
    outsiders: list[OutsiderView]


class FailureView(msgspec.Struct, frozen=True):
    """`reason`: down, no such request, too old, deadline, refused, error; `text` in words."""

    node: str
    reason: str
    text: str


class PingView(msgspec.Struct, frozen=True):
    """`clock_ahead_ms` is known to half of the round trip."""

    node: str
    incarnation: int
    round_trip_ms: float
    clock_ahead_ms: float


class PingsView(msgspec.Struct, frozen=True):
    asked_by: str
    pings: list[PingView]
    failures: list[FailureView]


class DescriptionView(msgspec.Struct, frozen=True):
    node: str
    round_trip_ms: float
    clock_ahead_ms: float
    description: Description


class DescriptionsView(msgspec.Struct, frozen=True):
    descriptions: list[DescriptionView]
    failures: list[FailureView]


class WitnessView(msgspec.Struct, frozen=True):
    """A node that answered: itself in its own words, and what it found at the carriers' ports."""

    node: str
    round_trip_ms: float
    clock_ahead_ms: float
    description: Description
    contacts: tuple[DescribedContact, ...]


class ExplanationView(msgspec.Struct, frozen=True):
    """`findings` are what is wrong, causes first; none when nothing is."""

    asked: str
    findings: list[Finding]
    witnesses: list[WitnessView]
    silences: list[FailureView]


class DrainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`force`: also when it is the last node that is ready."""

    force: bool = False


class DrainView(msgspec.Struct, frozen=True):
    """The node drains from now on; that it is gone is seen among the members."""

    node: str


class LeaseView(msgspec.Struct, frozen=True):
    """What one node of the cluster has at a time; `holder` and `since` are null when none has it.

    `fence` grows with every change of the holder.
    """

    name: str
    holder: str | None
    incarnation: int
    fence: int
    since: str | None
    is_held_here: bool


class LeaseListView(msgspec.Struct, frozen=True):
    leases: list[LeaseView]


class HealthView(msgspec.Struct, frozen=True):
    status: str
    checks: list[CheckView]


class LimitsView(msgspec.Struct, frozen=True):
    """What is in force; 0 and an empty list mean no limit. The budget is for a month."""

    requests_per_minute: int
    tokens_per_minute: int
    concurrency: int
    models: tuple[str, ...]
    budget_micro_usd: int


class KeyView(msgspec.Struct, frozen=True):
    """An API key as an operator sees it; the key itself is nowhere kept.

    `own_limits` has what was set for this key, `limits` what is in force with the defaults.
    """

    id: str
    name: str
    created_at: str
    created_by: str
    revoked_at: str | None
    limits: LimitsView
    own_limits: KeyLimits
    spent_nano_usd: int  # this month, as this node knows


class KeyListView(msgspec.Struct, frozen=True):
    keys: list[KeyView]


class NewKeyView(msgspec.Struct, frozen=True):
    """A key just made. `key` is shown this once."""

    id: str
    name: str
    key: str
    created_at: str


class KeyRequest(KeyLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. A limit that is left out or null is the default of the settings."""

    name: str


class KeyUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New limits: those left out stay, null takes the default, 0 (and the model `*`) lifts."""

    requests_per_minute: Rate | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_minute: Rate | msgspec.UnsetType | None = msgspec.UNSET
    concurrency: Rate | msgspec.UnsetType | None = msgspec.UNSET
    models: Patterns | msgspec.UnsetType | None = msgspec.UNSET
    budget_micro_usd: Budget | msgspec.UnsetType | None = msgspec.UNSET


class UsageRowView(msgspec.Struct, frozen=True):
    """What one key used of one model; cached tokens are part of the prompt's."""

    key_id: str  # empty: no key was needed; `setting`: the one in the settings
    key_name: str
    model: str
    requests: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int


class UsageView(msgspec.Struct, frozen=True):
    since_s: int
    rows: list[UsageRowView]


class TargetView(msgspec.Struct, frozen=True):
    provider: str
    kind: str
    model: str
    weight: float
    breaker: str = "closed"  # closed, half open, open
    in_flight: int = 0
    queue_length: int = 0
    latency_ms: float | None = None  # of whole answers, lately; null: none yet
    first_event_ms: float | None = None  # of streams
    resting_s: float = 0.0  # it asked to be left alone for so long


class ModelView(msgspec.Struct, frozen=True):
    id: str
    targets: list[TargetView]
    fallbacks: list[str]
    is_default: bool


class ModelListView(msgspec.Struct, frozen=True):
    models: list[ModelView]


class ServiceView(msgspec.Struct, frozen=True):
    """`state`: starting, running, backing off, stopping, stopped, failed.

    `since` is when it came into this state (RFC 3339), `state_age_s` how many seconds ago.
    """

    name: str
    kind: str
    state: str
    restart_count: int
    last_error: str
    since: str
    state_age_s: float
    pid: int | None
    strategy: str | None
    children: list["ServiceView"]


class ErrorView(msgspec.Struct, frozen=True):
    message: str
    type: str
    code: str


class ErrorBody(msgspec.Struct, frozen=True):
    error: ErrorView
