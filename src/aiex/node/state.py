"""The row that keeps what must survive: the engine, the tables in it, and what stands on those."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from aiex.assistant import (
    KEYS,
    METERING_TABLES,
    PATIENCE_S,
    THREADS,
    KeyRing,
    Metering,
    build_metering,
    default_limits,
)
from aiex.engine import Bucket, Engine
from aiex.fastglobal import HISTORY
from aiex.node.data_directory import DataDirectory
from aiex.node.finding import Finding, first_seat
from aiex.node.ground import Ground
from aiex.store import EngineStore, Table

TABLES: tuple[Table[Any], ...] = (KEYS, *METERING_TABLES, THREADS)


@dataclass(frozen=True, slots=True)
class State:
    engine: Engine
    store: EngineStore
    keys: KeyRing
    metering: Metering
    hot_bucket: Bucket


def build_state(ground: Ground, found: Finding, *, company: Callable[[], int]) -> State:
    """The row, with the keys this node knew last.

    `company` counts the nodes that share the limits, those that are missing included.
    """
    settings, directory = ground.settings, ground.directory
    clock, emit = ground.clock, ground.emit
    engine = Engine(settings.engine, directory.path, access=found.access, clock=clock, emit=emit)
    if found.discovery is not None:
        engine.take_seat(first_seat(engine, directory.path))
    store = EngineStore(engine, TABLES, directory.path, clock=clock, emit=emit)
    keys = KeyRing(
        store,
        cache_file=directory.path / "keys.json",
        key_of_setting=settings.api.key.reveal() if settings.api.key else None,
        clock=clock,
        emit=emit,
        default_limits=default_limits(settings.limits),
        # A cluster forms once its nodes have started.
        patience_s=0.0 if found.discovery else PATIENCE_S,
    )
    keys.load()
    metering = build_metering(
        settings,
        keys.limits,
        store,
        writer=_writer(ground.life.name, directory),
        company=company,
        clock=clock,
        random=ground.random,
        emit=emit,
    )
    return State(engine, store, keys, metering, engine.bucket("hot", HISTORY))


def _writer(name: str, directory: DataDirectory) -> str:
    """This node's name in tables, its own for good."""
    return sha256(f"{name} {directory.path}".encode()).hexdigest()[:16]
