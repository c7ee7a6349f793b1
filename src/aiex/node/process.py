"""The process around a node: data directory held, log written, loop run, all let go again."""

import gc
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import uvloop

from aiex.clock import SystemClock
from aiex.node.data_directory import DataDirectory
from aiex.node.lifecycle import StopSignals, live
from aiex.node.node import Node, build_node, node_name
from aiex.node.open_files import raise_open_files, shortage
from aiex.node.orphans import Orphans, ended_children, take_status
from aiex.service import Service
from aiex.settings import Settings
from aiex.telemetry import LogWriter, Telemetry, log_encoder, log_to, standard_output

_log = logging.getLogger("aiex.node")


def run_node(
    settings: Settings,
    *,
    data_dir: Path,
    runtime_dir: Path,
    meeting_dir: Path,
    version: str,
    guests: Sequence[Service] = (),
) -> None:
    """Run one node until a signal stops it and it has drained; `guests` run in it as services.

    Raises `StartError` when it cannot start, another `AiexError` when it cannot go on; each says
    what to do in one sentence.
    """
    directory = DataDirectory(data_dir)
    directory.open()
    name = node_name(settings)
    output = standard_output()
    writer = LogWriter(output, log_encoder(settings.log.format, is_terminal=output.isatty()))
    try:
        telemetry = Telemetry(
            writer, node=name, version=version, has_access_log=settings.log.access
        )
        log_to(writer, level=settings.log.level, node=name)  # before all that may have to say
        node = build_node(
            settings,
            directory,
            telemetry,
            runtime_dir=runtime_dir,
            meeting_dir=meeting_dir,
            process=_duties(),
            guests=guests,
        )
        writer.start()
        too_few = shortage(
            raise_open_files(),
            connections_max=settings.api.connections_max,
            in_flight_max=settings.api.in_flight_max,
        )
        if too_few:
            _log.warning("%s", too_few)
        uvloop.run(_main(node))
    finally:
        writer.close()
        directory.close()


def _duties() -> list[Service]:
    """Services that the system expects of this process, whatever it does."""
    if os.getpid() != 1:
        return []
    return [Orphans(clock=SystemClock(), ended=ended_children, take=take_status)]


async def _main(node: Node) -> None:
    # What importing made lives as long as the process; nothing of it is worth looking at again.
    gc.freeze()
    signals = StopSignals()
    with signals.listening():
        await live(node, signals)
