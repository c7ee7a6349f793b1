"""The composition root: every part of a node, built once, top to bottom.

The services it makes run in the tree that `aiex.node.services` draws.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

from aiex.assistant import (
    KEYS,
    METERING_TABLES,
    PATIENCE_S,
    THREADS,
    Api,
    Catalogue,
    Chat,
    ClientThread,
    Housekeeper,
    Intake,
    KeyRing,
    LoadLimits,
    LocalModel,
    OwnSockets,
    Pace,
    Talk,
    Targets,
    TokenCount,
    build_metering,
    build_providers,
    default_limits,
    local_model_answers,
)
from aiex.clock import SystemClock
from aiex.cluster import (
    BreakOff,
    Cluster,
    Condition,
    DescribeCopies,
    FencedEntry,
    Forming,
    Milestones,
    Own,
    Page,
    VerifyCopies,
)
from aiex.engine import Engine
from aiex.events import EventBus
from aiex.fastglobal import HISTORY, FastGlobal, HotFile
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
from aiex.node.answers import Answers
from aiex.node.cluster_change import ClusterChange
from aiex.node.credentials import check_credentials
from aiex.node.data_directory import DataDirectory
from aiex.node.drain import Drains, stop_this_process
from aiex.node.finding import first_seat
from aiex.node.health import Phase
from aiex.node.hot_canary import CanaryDesk
from aiex.node.hot_values import HotValues, apply_hot_values, hot_schema
from aiex.node.joining import Joining
from aiex.node.life import Life
from aiex.node.listener import Listener
from aiex.node.lives import MemberLives, broken_off
from aiex.node.node_report import NodeReport
from aiex.node.node_traffic import NodeTraffic
from aiex.node.own_copies import OwnCopies
from aiex.node.parts import Parts
from aiex.node.requests import ALL_REQUESTS
from aiex.node.services import supervised
from aiex.node.store_report import StoreReport
from aiex.node.supervisor import Supervisor
from aiex.node.surroundings import NodeSurroundings
from aiex.node.tls import check_ca_files, tls_files
from aiex.performance import Host, Performance
from aiex.service import Service
from aiex.settings import Settings, is_loopback
from aiex.store import Backup, EngineStore, Restore, Table
from aiex.telemetry import Telemetry

# What an operator asks is answered in milliseconds; nothing there is worth waiting longer for.
ADMIN_DRAIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node, built and not yet running: `aiex.node.lifecycle` runs it."""

    life: Life
    settings: Settings
    directory: DataDirectory
    hot: FastGlobal[HotValues]
    root: Supervisor
    api: Api
    api_listener: Listener
    admin_listener: Listener


def node_name(settings: Settings) -> str:
    """The node's name: as set, else the host's."""
    return settings.node.name or socket.gethostname()


def build_node(
    settings: Settings,
    directory: DataDirectory,
    telemetry: Telemetry,
    *,
    runtime_dir: Path,
    meeting_dir: Path,
    process: Sequence[Service] = (),
    guests: Sequence[Service] = (),
) -> Node:
    """All parts of a node, wired. Does no I/O beyond reading the data directory.

    `process` are what the process owes the system, `guests` services of whoever runs the node; all
    are looked after like its own.
    """
    clock, random, bus = SystemClock(), Random(), EventBus()  # noqa: S311 - jitter, not secrets
    telemetry.watch(bus)
    milestones = Milestones(clock)
    milestones.watch(bus)
    life = Life(name=node_name(settings), version=version("aiex"), clock=clock)

    joining = Joining(settings, life.name, directory.path, meeting_dir)
    found = joining.finding()
    engine = Engine(
        settings.engine, directory.path, access=found.access, clock=clock, emit=bus.emit
    )
    if found.discovery is not None:
        engine.take_seat(first_seat(engine, directory.path))
    tables: list[Table[Any]] = [KEYS, *METERING_TABLES, THREADS]
    store = EngineStore(engine, tables, directory.path, clock=clock, emit=bus.emit)
    keys = KeyRing(
        store,
        cache_file=directory.path / "keys.json",
        key_of_setting=settings.api.key.reveal() if settings.api.key else None,
        clock=clock,
        emit=bus.emit,
        default_limits=default_limits(settings.limits),
        # A cluster forms once its nodes have started.
        patience_s=0.0 if found.discovery else PATIENCE_S,
    )
    keys.load()
    metering = build_metering(
        settings,
        keys.limits,
        store,
        writer=_writer(life.name, directory),
        company=lambda: cluster.company_count(),
        clock=clock,
        random=random,
        emit=bus.emit,
    )

    copies = OwnCopies(store.views)
    performance = Performance(
        settings.performance,
        Host(
            life.name,
            life.version,
            directory.path,
            is_idle=lambda: api.in_flight_count == 0,
            work_of=lambda task: api.work_of(task),
            loop_was_late=lambda lag_s: intake.loop_was_late(lag_s),
            traffic=NodeTraffic(bus, lambda: parts),
            surroundings=NodeSurroundings(lambda: parts),
        ),
        random=random,
        clock=clock,
        emit=bus.emit,
    )

    cluster = Cluster(
        settings.cluster,
        Own(life.name, settings.node.zone, life.version),
        engine.connection,
        directory.path,
        leases=engine.bucket("leases"),
        condition=lambda: Condition(
            life.standing,
            life.api_url,
            life.admin_url,
            api.in_flight_count,
            settings.api.in_flight_max,
            hot_revision=hot.revision,
        ),
        handlers={
            **Answers(lambda: parts, lambda: report, lambda: drains).handlers(),
            DescribeCopies: copies.described,
            VerifyCopies: copies.verified,
            BreakOff: lambda asked, _: broken_off(asked, talk),
            **performance.handlers(),
        },
        page=Page(ALL_REQUESTS),
        forming=Forming(engine, found.discovery, left=joining.left),
        clock=clock,
        random=random,
        emit=bus.emit,
    )
    for name, value in performance.gauges().items():
        telemetry.read(name, value)
    telemetry.read("aiex_members", lambda: cluster.live_count())
    telemetry.read("aiex_limits_away", lambda: metering.borrower.is_away)
    telemetry.read_by_label("aiex_limit_overshoot_max", metering.borrower.overshoot)
    telemetry.read_by_label(
        "aiex_lease_held", lambda: {one.lease: one.is_held_here for one in cluster.leases()}
    )
    housekeeper = Housekeeper(
        metering.pages,
        cluster.lease("housekeeping"),
        FencedEntry(engine.bucket("housekeeping"), "usage"),
        clock=clock,
        emit=bus.emit,
    )
    telemetry.read("aiex_calls_in_flight", cluster.calls_in_flight)
    telemetry.read("aiex_cluster_requests_in_hand", cluster.requests_in_hand)
    telemetry.read("aiex_cluster_answer_bytes_held", cluster.held_bytes)

    catalogue = Catalogue(settings)
    hot_bucket = engine.bucket("hot", HISTORY)
    hot = FastGlobal(
        hot_schema(settings, catalogue),
        hot_bucket,
        node=life.name,
        clock=clock,
        emit=bus.emit,
        file=HotFile(directory.path / "hot.json"),
        nodes=cluster,
        holds_start=found.discovery is None,
    )
    hot.load()
    telemetry.read("aiex_hot_revision", lambda: hot.revision)
    telemetry.read("aiex_hot_values_refused", lambda: len(hot.refusals()))
    canaries = CanaryDesk(hot, cluster, clock=clock, emit=bus.emit)
    local_model = None
    if catalogue.has_local:
        local_model = LocalModel(
            settings.local, runtime_dir, answers=local_model_answers, clock=clock, emit=bus.emit
        )
    client_thread = ClientThread()
    providers = build_providers(
        catalogue.providers,
        local_model=local_model,
        clock=clock,
        thread_gone=client_thread.gone,
    )
    limits = LoadLimits(
        settings.api.in_flight_max,
        settings.api.body_bytes_in_flight_max,
        settings.api.shed_from_lag_s,
        settings.api.shed_all_lag_s,
    )
    intake = Intake(limits, random=random, emit=bus.emit)
    targets = Targets(catalogue, clock=clock, random=random, emit=bus.emit)
    apply_hot_values(hot, telemetry, keys, catalogue)
    chat = Chat(catalogue, providers, targets, admission=metering.admission)
    talk = Talk(
        chat,
        store.rows(THREADS),
        MemberLives(life.name, cluster),
        clock=clock,
        emit=bus.emit,
    )
    api = Api(
        chat,
        catalogue,
        token_count=TokenCount(catalogue, providers, targets, admission=metering.admission),
        key_check=lambda: report.key_check(),
        is_ready=lambda: report.is_ready(),
        intake=intake,
        pace=Pace(OwnSockets(clock).unread_bytes, clock, settings.api.stall_timeout_s),
        body_bytes_max=settings.api.body_bytes_max,
        body_timeout_s=settings.api.body_timeout_s,
        random=random,
        emit=bus.emit,
        admission=metering.admission,
        talk=talk,
        is_leaving=lambda: life.phase is Phase.DRAINING,
    )
    telemetry.read("aiex_requests_in_flight", lambda: api.in_flight_count)
    telemetry.read("aiex_streams_open", lambda: intake.stream_count)
    telemetry.read("aiex_request_body_bytes_held", lambda: intake.body_bytes)
    telemetry.read("aiex_shed_ratio", lambda: intake.gate.shed_ratio)
    gauges = (targets.gauges(), store.gauges(), performance.gauges_by_label())
    for name, values in (one for part in gauges for one in part.items()):
        telemetry.read_by_label(name, values)

    parts = Parts(
        settings,
        life,
        directory.path,
        engine,
        cluster,
        keys,
        hot,
        catalogue,
        targets,
        local_model,
        api,
        intake,
        telemetry,
        lambda: joining.cluster,
        lambda: root.state(),
        milestones,
        store.views.states,
    )
    report, drains = NodeReport(parts), Drains(parts, stop_this_process)
    token = settings.admin.token.reveal() if settings.admin.token else directory.admin_token()
    change = ClusterChange(cluster, engine, joining)
    named = {table.name: table for table in tables}
    saved = {"hot": hot_bucket}
    admin = Admin(
        [
            Probes(report, telemetry.metrics),
            NodeOperations(report),
            ClusterOperations(report.of_cluster, change, cluster),
            ModelOperations(report),
            KeyOperations(keys, metering.ledger),
            UsageOperations(metering.bookkeeper, keys),
            HotOperations(parts, canaries),
            StoreOperations(
                store,
                named,
                StoreReport(
                    named,
                    store.logs,
                    cluster,
                    counts=store.counts,
                    view_counts=store.views.counts,
                ),
                store.views,
                Backup(store.logs, saved, cluster=cluster.name, release=life.version, clock=clock),
                Restore(store, saved, clock),
                emit=bus.emit,
            ),
            PerformanceOperations(cluster),
        ],
        version=life.version,
        token=token,
        is_metrics_open=settings.admin.metrics_open or is_loopback(settings.admin.host),
    )
    admin_listener = Listener(
        "http.admin",
        admin.app(),
        interface="asgi",
        host=settings.admin.host,
        port=settings.admin.port,
        drain_s=lambda: ADMIN_DRAIN_S,
        tls=tls_files("admin", settings.admin),
    )

    def may_serve() -> None:
        # Else the cluster, or an external engine that was not heard yet, has the keys.
        if not cluster.is_formed_here and (keys.is_known or not settings.engine.url):
            check_credentials(settings.api, active_key_count=keys.active_count)
        check_ca_files(catalogue.providers)

    api_listener = Listener(
        "http.api",
        api.respond,
        interface="rsgi",
        host=settings.api.host,
        port=settings.api.port,
        shared_port=settings.api.shared_port,
        drain_s=lambda: hot.ns.drain_deadline_s,
        connections_max=settings.api.connections_max,
        keep_alive_s=settings.api.keep_alive_s,
        cut_off=api.cut_off,
        check=may_serve,
        tls=tls_files("api", settings.api),
    )
    root = supervised(
        settings,
        process=process,
        performance=performance.services(),
        formation=cluster.first_services(),
        engine=[*engine.services(), *store.services(), keys, hot, metering.bookkeeper],
        cluster=cluster.services(),
        assistant=[
            *([local_model] if local_model else []),
            housekeeper,
            metering.borrower,
            canaries,
        ],
        guests=guests,
        http=[client_thread, admin_listener, api_listener],
        drain_s=lambda: hot.ns.drain_deadline_s,
        clock=clock,
        random=random,
        emit=bus.emit,
    )
    return Node(life, settings, directory, hot, root, api, api_listener, admin_listener)


def _writer(name: str, directory: DataDirectory) -> str:
    """This node's name in tables, its own for good."""
    return sha256(f"{name} {directory.path}".encode()).hexdigest()[:16]
