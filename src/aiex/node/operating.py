"""The row that answers operators: each chapter of the admin API with what it reads and changes."""

from aiex.cluster import Cluster
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
from aiex.node.cluster_change import ClusterChange
from aiex.node.ground import Ground
from aiex.node.hot_canary import CanaryDesk
from aiex.node.node_report import NodeReport
from aiex.node.parts import Parts
from aiex.node.state import TABLES, State
from aiex.node.store_report import StoreReport
from aiex.settings import is_loopback
from aiex.store import Backup, Restore


def build_admin(
    ground: Ground,
    state: State,
    parts: Parts,
    report: NodeReport,
    change: ClusterChange,
    canaries: CanaryDesk,
) -> Admin:
    """The admin API; makes the admin token where the settings give none and none was made yet."""
    settings, life, cluster = ground.settings.admin, ground.life, parts.cluster
    return Admin(
        [
            Probes(report, parts.telemetry.metrics),
            NodeOperations(report),
            ClusterOperations(report.of_cluster, change, cluster),
            ModelOperations(report),
            KeyOperations(state.keys, state.metering.ledger),
            UsageOperations(state.metering.bookkeeper, state.keys),
            HotOperations(parts, canaries),
            _store_operations(ground, state, cluster),
            PerformanceOperations(cluster),
        ],
        version=life.version,
        token=settings.token.reveal() if settings.token else ground.directory.admin_token(),
        is_metrics_open=settings.metrics_open or is_loopback(settings.host),
    )


def _store_operations(ground: Ground, state: State, cluster: Cluster) -> StoreOperations:
    store, saved = state.store, {"hot": state.hot_bucket}
    named = {table.name: table for table in TABLES}
    report = StoreReport(
        named, store.logs, cluster, counts=store.counts, view_counts=store.views.counts
    )
    release, clock = ground.life.version, ground.clock
    backup = Backup(store.logs, saved, cluster=cluster.name, release=release, clock=clock)
    restore = Restore(store, saved, clock)
    return StoreOperations(store, named, report, store.views, backup, restore, emit=ground.emit)
