"""The composition root: every part of a node, built once, top to bottom.

    node (rest for one)
    ├── telemetry              log writer, loop lag
    ├── engine (rest for one)  never gives up: what needs no state is answered meanwhile
    │   ├── engine.server      nats-server, a child process (embedded only)
    │   ├── engine.connection
    │   └── assistant.keys     follows the keys in the engine
    ├── assistant              never gives up either
    │   └── assistant.local_model
    └── http
        ├── http.admin
        └── http.api           stops first: its stop is the drain
"""

import socket
from dataclasses import dataclass
from importlib.metadata import version
from random import Random

from aiex.assistant import Api, Catalogue, Chat, KeyRing, LocalModel, build_providers
from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.events import EventBus
from aiex.node.admin import Admin
from aiex.node.credentials import check_credentials
from aiex.node.data_directory import DataDirectory
from aiex.node.life import Life
from aiex.node.listener import Listener
from aiex.node.node_report import NodeReport
from aiex.node.parts import Parts
from aiex.node.supervision import Child, Intensity, Strategy
from aiex.node.supervisor import Supervisor
from aiex.settings import Settings, is_loopback
from aiex.telemetry import Telemetry

# A node restarts a part of itself only so often: three failures of a listener in a minute are a
# bug, and the process above (systemd, Kubernetes) is the better one to start afresh.
HTTP_INTENSITY = Intensity(restarts_max=3, within_s=60.0)
TIRELESS = Intensity(restarts_max=None, within_s=60.0)
# What a listener needs beyond its drain to cut off the rest and unwind.
CUT_OFF_S = 5.0
# Child processes have a grace of their own to end in; the supervisor waits a little longer.
STOP_S = 15.0


@dataclass(frozen=True, slots=True)
class Node:
    """A node, built and not yet running: `aiex.node.lifecycle` runs it."""

    life: Life
    settings: Settings
    directory: DataDirectory
    root: Supervisor
    api: Api
    api_listener: Listener
    admin_listener: Listener


def build_node(settings: Settings, directory: DataDirectory, telemetry: Telemetry) -> Node:
    """All parts of a node, wired. Does no I/O beyond reading the data directory."""
    clock, random, bus = SystemClock(), Random(), EventBus()  # noqa: S311 - jitter, not secrets
    telemetry.watch(bus)
    name = settings.node.name or socket.gethostname()
    life = Life(name=name, version=version("aiex"), clock=clock)

    engine = Engine(settings.engine, directory.path, clock=clock, emit=bus.emit)
    keys = KeyRing(
        engine.bucket("keys"),
        cache_file=directory.path / "keys.json",
        key_of_setting=settings.api.key.reveal() if settings.api.key else None,
        clock=clock,
        emit=bus.emit,
    )
    keys.load()

    catalogue = Catalogue(settings)
    local_model = (
        LocalModel(settings.local, clock=clock, emit=bus.emit) if catalogue.has_local else None
    )
    providers = build_providers(catalogue.providers, local_model=local_model, clock=clock)
    api = Api(
        Chat(catalogue, providers, random=random),
        catalogue,
        key_check=lambda: keys.check if report.are_keys_needed() else None,
        is_ready=lambda: report.is_ready(),
        in_flight_max=settings.api.in_flight_max,
        body_bytes_max=settings.api.body_bytes_max,
        random=random,
        emit=bus.emit,
    )

    parts = Parts(
        settings,
        life,
        directory.path,
        engine,
        keys,
        catalogue,
        local_model,
        api,
        telemetry,
        lambda: root.state(),
    )
    report = NodeReport(parts)
    telemetry.gauge_in_flight(lambda: api.in_flight_count)
    admin = Admin(
        report,
        keys,
        metrics=telemetry.metrics,
        version=life.version,
        token=settings.admin.token.reveal()
        if settings.admin.token
        else directory.admin_token(),
        is_metrics_open=settings.admin.metrics_open or is_loopback(settings.admin.host),
    )
    admin_listener = Listener(
        "http.admin",
        admin.app(),
        interface="asgi",
        host=settings.admin.host,
        port=settings.admin.port,
        drain_s=1.0,
    )
    api_listener = Listener(
        "http.api",
        api.respond,
        interface="rsgi",
        host=settings.api.host,
        port=settings.api.port,
        drain_s=settings.node.drain_deadline_s,
        cut_off=api.cut_off,
        check=lambda: check_credentials(settings.api, active_key_count=keys.active_count),
    )

    def supervisor(
        name: str,
        services: list[Child],
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity = TIRELESS,
    ) -> Child:
        service = Supervisor(
            name,
            services,
            strategy=strategy,
            intensity=intensity,
            clock=clock,
            random=random,
            emit=bus.emit,
        )
        return Child(service, stop_timeout_s=sum(one.stop_timeout_s for one in services))

    engine_services = [
        Child(service, start_timeout_s=settings.engine.start_timeout_s, stop_timeout_s=STOP_S)
        for service in engine.services()
    ]
    model_services = [] if local_model is None else [Child(local_model, stop_timeout_s=STOP_S)]
    drain_s = settings.node.drain_deadline_s + CUT_OFF_S
    root = Supervisor(
        "node",
        [
            supervisor("telemetry", [Child(service) for service in telemetry.services()]),
            supervisor("engine", [*engine_services, Child(keys)], Strategy.REST_FOR_ONE),
            supervisor("assistant", model_services),
            supervisor(
                "http",
                [Child(admin_listener), Child(api_listener, stop_timeout_s=drain_s)],
                intensity=HTTP_INTENSITY,
            ),
        ],
        strategy=Strategy.REST_FOR_ONE,
        clock=clock,
        random=random,
        emit=bus.emit,
    )
    return Node(life, settings, directory, root, api, api_listener, admin_listener)
