"""The composition root: every part of a node, built once, top to bottom.

Three rows have a module each: `state`, `serving`, `operating`. The services all this makes run in
the tree that `aiex.node.services` draws.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from random import Random

from aiex.assistant import Api, Catalogue, Housekeeper
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
from aiex.events import EventBus
from aiex.fastglobal import FastGlobal, HotFile
from aiex.node.answers import Answers
from aiex.node.cluster_change import ClusterChange
from aiex.node.data_directory import DataDirectory
from aiex.node.drain import Drains, stop_this_process
from aiex.node.gauges import read_gauges
from aiex.node.ground import Ground
from aiex.node.hot_canary import CanaryDesk
from aiex.node.hot_values import HotValues, apply_hot_values, hot_schema
from aiex.node.joining import Joining
from aiex.node.life import Life
from aiex.node.listener import Listener
from aiex.node.listeners import build_admin_listener, build_api_listener
from aiex.node.lives import broken_off
from aiex.node.node_report import NodeReport
from aiex.node.node_traffic import NodeTraffic
from aiex.node.operating import build_admin
from aiex.node.own_copies import OwnCopies
from aiex.node.parts import Parts
from aiex.node.requests import ALL_REQUESTS
from aiex.node.services import Branches, supervised
from aiex.node.serving import build_serving
from aiex.node.state import build_state
from aiex.node.supervisor import Supervisor
from aiex.node.surroundings import NodeSurroundings
from aiex.performance import Host, Performance
from aiex.service import Service
from aiex.settings import Settings
from aiex.telemetry import Telemetry


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
    ground = Ground(settings, directory, life, clock, random, bus.emit)

    joining = Joining(settings, life.name, directory.path, meeting_dir)
    found = joining.finding()
    state = build_state(ground, found, company=lambda: cluster.company_count())
    engine, store, keys, metering = state.engine, state.store, state.keys, state.metering

    performance = Performance(
        settings.performance,
        Host(
            life.name,
            life.version,
            directory.path,
            is_idle=lambda: serving.api.in_flight_count == 0,
            work_of=lambda task: serving.api.work_of(task),
            loop_was_late=lambda lag_s: serving.intake.loop_was_late(lag_s),
            traffic=NodeTraffic(bus, lambda: parts),
            surroundings=NodeSurroundings(lambda: parts),
        ),
        random=random,
        clock=clock,
        emit=bus.emit,
    )
    copies = OwnCopies(store.views)
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
            serving.api.in_flight_count,
            settings.api.in_flight_max,
            hot_revision=hot.revision,
        ),
        handlers={
            **Answers(lambda: parts, lambda: report, lambda: drains).handlers(),
            DescribeCopies: copies.described,
            VerifyCopies: copies.verified,
            BreakOff: lambda asked, _: broken_off(asked, serving.talk),
            **performance.handlers(),
        },
        page=Page(ALL_REQUESTS),
        forming=Forming(engine, found.discovery, left=joining.left),
        clock=clock,
        random=random,
        emit=bus.emit,
    )
    housekeeper = Housekeeper(
        metering.pages,
        cluster.lease("housekeeping"),
        FencedEntry(engine.bucket("housekeeping"), "usage"),
        clock=clock,
        emit=bus.emit,
    )

    catalogue = Catalogue(settings)
    hot = FastGlobal(
        hot_schema(settings, catalogue),
        state.hot_bucket,
        node=life.name,
        clock=clock,
        emit=bus.emit,
        file=HotFile(directory.path / "hot.json"),
        nodes=cluster,
        holds_start=found.discovery is None,
    )
    hot.load()
    canaries = CanaryDesk(hot, cluster, clock=clock, emit=bus.emit)
    serving = build_serving(
        ground,
        state,
        cluster,
        catalogue,
        runtime_dir=runtime_dir,
        key_check=lambda: report.key_check(),
        is_ready=lambda: report.is_ready(),
    )
    apply_hot_values(hot, telemetry, keys, catalogue)
    read_gauges(telemetry, state, cluster, hot, serving, performance)

    parts = Parts(
        settings=settings,
        life=life,
        data_dir=directory.path,
        engine=engine,
        cluster=cluster,
        keys=keys,
        hot=hot,
        catalogue=catalogue,
        targets=serving.targets,
        local_model=serving.local_model,
        api=serving.api,
        intake=serving.intake,
        telemetry=telemetry,
        cluster_settings=lambda: joining.cluster,
        supervision=lambda: root.state(),
        milestones=milestones,
        views=store.views.states,
    )
    report, drains = NodeReport(parts), Drains(parts, stop_this_process)
    change = ClusterChange(cluster, engine, joining)
    admin = build_admin(ground, state, parts, report, change, canaries)
    admin_listener = build_admin_listener(settings.admin, admin)
    api_listener = build_api_listener(settings.api, parts)

    local_model = [serving.local_model] if serving.local_model else []
    root = supervised(
        settings,
        Branches(
            process=process,
            performance=performance.services(),
            formation=cluster.first_services(),
            engine=[*engine.services(), *store.services(), keys, hot, metering.bookkeeper],
            cluster=cluster.services(),
            assistant=[*local_model, housekeeper, metering.borrower, canaries],
            guests=guests,
            http=[serving.client_thread, admin_listener, api_listener],
        ),
        drain_s=lambda: hot.ns.drain_deadline_s,
        clock=clock,
        random=random,
        emit=bus.emit,
    )
    return Node(life, settings, directory, hot, root, serving.api, api_listener, admin_listener)
