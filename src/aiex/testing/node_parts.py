"""A node's parts in memory, for what reports on a node: no process, no socket, no loop of its own.

What runs elsewhere (engine, local model, API, supervisor) is a plain state that a test sets.
"""

import io
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from aiex.assistant import (
    Catalogue,
    KeyRing,
    LagGate,
    LocalModelState,
    Targets,
    build_metering,
)
from aiex.cluster import Answer, Failure, LeaseStatus, Milestones, Page, View
from aiex.engine import Alone, EngineStatus, Seat
from aiex.errors import QueryRefused
from aiex.fastglobal import HISTORY, FastGlobal
from aiex.node.admin import (
    Admin,
    ClusterOperations,
    HotOperations,
    KeyOperations,
    ModelOperations,
    NodeOperations,
    PerformanceOperations,
    Probes,
    StoreOperations,
    UsageOperations,
)
from aiex.node.cluster_change import ChangeRefused
from aiex.node.drain import Drains
from aiex.node.hot_canary import CanaryDesk
from aiex.node.hot_values import hot_schema
from aiex.node.life import Life
from aiex.node.node_report import NodeReport
from aiex.node.parts import Parts
from aiex.node.requests import ALL_REQUESTS
from aiex.node.store_report import StoreReport
from aiex.node.supervision import ServiceState
from aiex.settings import Settings
from aiex.store import (
    Backup,
    QueryAnswer,
    Restore,
    Table,
    TableCounts,
    ViewCounts,
    ViewState,
)
from aiex.telemetry import LogWriter, Telemetry
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.fragment_logs import MemoryLogs
from aiex.testing.running import running
from aiex.testing.store_memory import MemoryStore


class MemoryNode:
    """Set `engine`, `cluster`, `came`, `leases`, `local_model`, `gate`, `services`, ….

    Ask `report`, `admin`.
    """

    def __init__(
        self,
        directory: Path,
        settings: Settings,
        store: MemoryStore | None = None,
        tables: Sequence[Table[Any]] = (),
    ) -> None:
        self.clock = FakeClock()
        self.store = store or MemoryStore(self.clock)
        self.views = SetViews()
        self.table_counts: dict[str, TableCounts] = {}
        self.view_counts = ViewCounts()
        self.tables = {table.name: table for table in tables}
        self.settings = settings
        self.events: list[Any] = []
        self.keys = KeyRing(
            self.store,
            cache_file=directory / "keys.json",
            key_of_setting=settings.api.key.reveal() if settings.api.key else None,
            clock=self.clock,
            emit=self.events.append,
        )
        self.life = Life(name="n1", version="1.0", clock=self.clock)
        catalogue = Catalogue(settings)
        self.hot_bucket = MemoryBucket(HISTORY)
        self.hot = FastGlobal(
            hot_schema(settings, catalogue),
            self.hot_bucket,
            node="n1",
            clock=self.clock,
            emit=self.events.append,
        )
        self.hot.is_settled = self.hot.is_caught_up = True
        self.telemetry = Telemetry(
            LogWriter(io.BytesIO()), node="n1", version="1.0", has_access_log=False
        )
        self.engine = EngineStatus("up", "", self.clock.wall_s(), "2.14.0", is_embedded=True)
        self.local_model = LocalModelState("up", "", 7)
        self.cluster = View(())
        self.seat: Seat = Alone()
        self.milestones = Milestones(self.clock)
        self.came: list[Answer[Any] | Failure] = []
        self.members: list[str] = []  # those of `came` where it is empty
        self.leases: list[LeaseStatus] = []
        self.change: Any = _Unchanging()  # set a `ClusterChange` to change the cluster
        self.in_flight_count = 0
        self.stream_count = 0
        self.gate = LagGate()
        self.cluster_settings = settings.cluster
        self.services = ServiceState(
            "node", "supervisor", "running", 0, "", self.clock.wall_s(), strategy="rest for one"
        )
        self.targets = Targets(
            catalogue,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - jitter, not secrets
            emit=self.events.append,
        )
        parts: dict[str, Any] = {
            "engine": _Engine(lambda: self.engine, lambda: self.seat),
            "local_model": _Told(lambda: self.local_model) if catalogue.has_local else None,
            "api": self,
            "intake": self,
            "cluster": _Seen(
                lambda: self.cluster, lambda: self.came, lambda: self.leases, lambda: self.members
            ),
        }
        self.parts = Parts(
            settings=settings,
            life=self.life,
            data_dir=directory,
            keys=self.keys,
            hot=self.hot,
            catalogue=catalogue,
            targets=self.targets,
            telemetry=self.telemetry,
            cluster_settings=lambda: self.cluster_settings,
            supervision=lambda: self.services,
            milestones=self.milestones,
            views=self.views.states,
            **parts,
        )
        self.canaries = CanaryDesk(
            self.hot, self.parts.cluster, clock=self.clock, emit=self.events.append
        )
        self.report = NodeReport(self.parts)
        self.stops: list[str] = []
        self.drains = Drains(self.parts, lambda: self.stops.append("told to stop"))

    def in_flight_by_key(self) -> Counter[str]:
        return Counter({"k1": self.in_flight_count} if self.in_flight_count else {})

    async def know_keys(self) -> None:
        """Have the engine tell the keys there are: none."""
        async with running([self.keys]):
            pass

    def admin(self, token: str, *, is_metrics_open: bool = True) -> Admin:
        """The admin API over these parts."""
        metering = build_metering(
            self.settings,
            self.keys.limits,
            self.store,
            writer="n1",
            company=lambda: 1,
            clock=self.clock,
            random=Random(7),  # noqa: S311 - jitter, not secrets
            emit=self.events.append,
        )
        return Admin(
            [
                Probes(self.report, self.telemetry.metrics),
                NodeOperations(self.report),
                ClusterOperations(self.report.of_cluster, self.change, self.parts.cluster),
                ModelOperations(self.report),
                KeyOperations(self.keys, metering.ledger),
                UsageOperations(metering.bookkeeper, self.keys),
                HotOperations(self.parts, self.canaries),
                self._store_operations(),
                PerformanceOperations(self.parts.cluster),
            ],
            version="1.0",
            token=token,
            is_metrics_open=is_metrics_open,
        )

    def _store_operations(self) -> StoreOperations:
        logs, buckets = MemoryLogs(self.store), {"hot": self.hot_bucket}
        return StoreOperations(
            self.store,
            self.tables,
            StoreReport(
                self.tables,
                logs,
                self.parts.cluster,
                counts=lambda: self.table_counts,
                view_counts=self.view_counts,
            ),
            self.views,
            Backup(logs, buckets, cluster="lab", release="1.0", clock=self.clock),
            Restore(self.store, buckets, self.clock),
            emit=self.events.append,
        )


class SetViews:
    """Views that say what was set; `asked` are the queries."""

    def __init__(self) -> None:
        self.answer: QueryAnswer | QueryRefused = QueryAnswer((), [], is_cut=False, took_us=1)
        self.found: dict[str, ViewState] = {}
        self.asked: list[tuple[str, bool, int]] = []

    def states(self) -> list[ViewState]:
        return list(self.found.values())

    async def query(
        self, statement: str, *, reveals: bool = False, rows_max: int = 1_000
    ) -> QueryAnswer:
        self.asked.append((statement, reveals, rows_max))
        if isinstance(self.answer, QueryRefused):
            raise self.answer
        return self.answer


class _Unchanging:
    """What may be changed of a cluster that is none."""

    def join(self, _: Any) -> None:
        raise ChangeRefused("This node joins nobody.")

    def leave(self) -> None:
        raise ChangeRefused("This node is on its own.")

    async def remove(self, name: str) -> None:
        raise ChangeRefused(f"No node {name} is known here.")


class _Seen:
    """A cluster as a node sees it, and what comes of asking it."""

    name = "aiex"
    own_name = "n1"
    formation = None
    is_formed_here = False

    def __init__(self, view: Any, came: Any, leases: Any, members: Any) -> None:
        self.view = view
        self.leases = leases
        self._came = came
        self._members = members

    def incarnation(self) -> int:
        return 7

    def has_twin(self) -> bool:
        return False

    async def call(self, node: str, _: Any, *, deadline_s: float) -> Any:
        assert deadline_s > 0
        return next(one for one in self._came() if one.node == node)

    def expected_names(self) -> list[str]:
        return self._members() or [one.node for one in self._came()]

    async def call_all(self, request: Any, *, deadline_s: float) -> AsyncIterator[Any]:
        assert deadline_s > 0
        answer = Page(ALL_REQUESTS).of(type(request)).answer
        for one in self._came():
            if isinstance(one, Failure) or isinstance(one.value, answer):
                yield one


class _Engine:
    """An engine that has nothing to tell but how it is."""

    state_trouble = ""

    def __init__(self, status: Any, seat: Any) -> None:
        self.status = status
        self._seat = seat

    @property
    def seat(self) -> Seat:
        seat: Seat = self._seat()
        return seat

    def refusals(self) -> tuple[()]:
        return ()

    def lacking(self) -> tuple[str, ...]:
        return ()


class _Told:
    """What an engine or a local model says of itself."""

    def __init__(self, told: Any) -> None:
        self.status = self.state = told
