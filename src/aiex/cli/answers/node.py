"""What a node says of itself."""

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
