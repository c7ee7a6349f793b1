"""The node at a glance, its checks and its tree of services."""

import msgspec


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


class HealthView(msgspec.Struct, frozen=True):
    status: str
    checks: list[CheckView]


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
