"""What the admin API answers, as far as commands show it.

Everything has a default and what is unknown is ignored: a node may be older or newer than the
command line that asks it.
"""

import msgspec


class NodeFacts(msgspec.Struct, frozen=True):
    name: str = ""
    version: str = ""
    pid: int = 0
    state: str = ""
    uptime_s: float = 0.0
    data_dir: str = ""


class ApiFacts(msgspec.Struct, frozen=True):
    url: str = ""
    auth: str = "open"
    in_flight: int = 0
    requests_total: int = 0
    errors_total: int = 0


class EngineFacts(msgspec.Struct, frozen=True):
    mode: str = ""
    state: str = ""
    reason: str = ""
    server_version: str = ""


class LocalModelFacts(msgspec.Struct, frozen=True):
    state: str = ""
    detail: str = ""
    pid: int | None = None


class KeysFacts(msgspec.Struct, frozen=True):
    active: int = 0


class MemoryFacts(msgspec.Struct, frozen=True):
    rss_bytes: int = 0


class Check(msgspec.Struct, frozen=True):
    name: str = ""
    status: str = "ok"
    reason: str = ""


class Urls(msgspec.Struct, frozen=True):
    api: str = ""
    admin: str = ""


class Status(msgspec.Struct, frozen=True):
    """`GET /admin/v1/status`."""

    node: NodeFacts = NodeFacts()
    api: ApiFacts = ApiFacts()
    engine: EngineFacts = EngineFacts()
    local_model: LocalModelFacts | None = None
    keys: KeysFacts = KeysFacts()
    memory: MemoryFacts = MemoryFacts()
    checks: tuple[Check, ...] = ()
    urls: Urls = Urls()

    @property
    def has_failed(self) -> bool:
        """Whether any check failed; degraded is not failed."""
        return any(check.status == "failed" for check in self.checks)


class SupervisedService(msgspec.Struct, frozen=True):
    """`GET /admin/v1/supervision`: a service or supervisor with what it supervises."""

    name: str = ""
    kind: str = ""
    state: str = ""
    restart_count: int = 0
    last_error: str | None = None
    since: str = ""
    state_age_s: float = 0.0
    pid: int | None = None
    strategy: str | None = None
    children: tuple["SupervisedService", ...] = ()


class Limits(msgspec.Struct, frozen=True):
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrency: int = 0
    models: tuple[str, ...] = ()
    budget_micro_usd: int = 0


class Key(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    created_at: str = ""
    created_by: str = ""
    revoked_at: str | None = None
    limits: Limits = Limits()
    spent_nano_usd: int = 0


class KeyList(msgspec.Struct, frozen=True):
    """`GET /admin/v1/keys`."""

    keys: tuple[Key, ...]


class NewKey(msgspec.Struct, frozen=True):
    """`POST /admin/v1/keys`."""

    id: str
    name: str
    key: str
    created_at: str = ""


class Target(msgspec.Struct, frozen=True):
    provider: str = ""
    kind: str = ""
    model: str = ""
    weight: float = 1.0
    breaker: str = "closed"
    in_flight: int = 0
    queue_length: int = 0
    latency_ms: float | None = None
    first_event_ms: float | None = None
    resting_s: float = 0.0


class Model(msgspec.Struct, frozen=True):
    id: str
    targets: tuple[Target, ...] = ()
    fallbacks: tuple[str, ...] = ()
    is_default: bool = False


class ModelList(msgspec.Struct, frozen=True):
    """`GET /admin/v1/models`."""

    models: tuple[Model, ...]


class UsageRow(msgspec.Struct, frozen=True):
    key_id: str = ""
    key_name: str = ""
    model: str = ""
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano_usd: int = 0


class Usage(msgspec.Struct, frozen=True):
    """`GET /admin/v1/usage`."""

    rows: tuple[UsageRow, ...]


class SeenMember(msgspec.Struct, frozen=True):
    name: str
    state: str = ""
    reason: str = ""
    state_age_s: float = 0.0
    zone: str = ""
    version: str = ""
    api_url: str = ""
    in_flight: int = 0
    in_flight_max: int = 0
    is_self: bool = False
    carrier: str = ""
    incarnation: int = 0


class SeenOutsider(msgspec.Struct, frozen=True):
    name: str
    reason: str = ""


class SeenLease(msgspec.Struct, frozen=True):
    name: str
    holder: str | None = None
    fence: int = 0
    since: str | None = None
    is_held_here: bool = False


class SeenLeases(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/leases`."""

    leases: tuple[SeenLease, ...] = ()


class SeenCluster(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster`."""

    name: str = ""
    condition: str = "whole"
    reason: str = ""
    epoch: int = 0
    carriers: tuple[str, ...] = ()
    members: tuple[SeenMember, ...] = ()
    outsiders: tuple[SeenOutsider, ...] = ()


class CallFailure(msgspec.Struct, frozen=True):
    node: str
    reason: str = ""
    text: str = ""


class PingedNode(msgspec.Struct, frozen=True):
    node: str
    round_trip_ms: float = 0.0
    clock_ahead_ms: float = 0.0


class Pings(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/ping`."""

    asked_by: str = ""
    pings: tuple[PingedNode, ...] = ()
    failures: tuple[CallFailure, ...] = ()


class Finding(msgspec.Struct, frozen=True):
    rule: str = ""
    text: str = ""
    next_step: str = ""


class ToldMember(msgspec.Struct, frozen=True):
    name: str
    state: str = ""


class ToldFormation(msgspec.Struct, frozen=True):
    discovery: str = ""
    seat: str = ""
    epoch: int = 0
    carriers: tuple[str, ...] = ()
    found: tuple[str, ...] = ()
    found_waits_for: str = ""
    found_trouble: str = ""
    waiting_for: str = ""
    trouble: str = ""
    servers: dict[str, bool] | None = None
    shared_settings: dict[str, str] = {}
    milestones: dict[str, float] = {}


class ToldDescription(msgspec.Struct, frozen=True):
    version: str = ""
    protocol: int = 0
    settings: dict[str, str] = {}
    engine: EngineFacts = EngineFacts()
    members: tuple[ToldMember, ...] = ()
    stays_out: str = ""
    formation: ToldFormation | None = None


class ToldContact(msgspec.Struct, frozen=True):
    carrier: str = ""
    host: str = ""
    route_port: int = 0
    client_port: int = 0
    route: str = ""
    client: str = ""
    server: str = ""
    refusal: str = ""


class ToldNode(msgspec.Struct, frozen=True):
    node: str
    clock_ahead_ms: float = 0.0
    description: ToldDescription = ToldDescription()
    contacts: tuple[ToldContact, ...] = ()


class Explanation(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/explain`."""

    asked: str = ""
    findings: tuple[Finding, ...] = ()
    witnesses: tuple[ToldNode, ...] = ()
    silences: tuple[CallFailure, ...] = ()


class ToldDrainPlan(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/nodes/{name}/drain-plan`."""

    name: str = ""
    phase: str = ""
    in_flight: int = 0
    streams: int = 0
    carrier: str = ""
    leases: tuple[str, ...] = ()
    has_local_model: bool = False
    deadline_s: float = 0.0
    expected_s: float = 0.0
    estimate: str = ""
    refusal: str = ""
    consequence: str = ""
