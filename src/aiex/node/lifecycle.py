"""A node's life from start to exit: ready, told to stop, drained, gone.

The first SIGTERM (or SIGINT) starts the drain: not ready, propagation delay, stop accepting, finish
what is in flight. The second one cuts the rest off.
"""

import asyncio
import contextlib
import gc
import logging
import signal
from collections.abc import Iterator

from aiex.errors import AiexError, StartError
from aiex.node.health import Phase
from aiex.node.node import Node
from aiex.node.supervisor import StartFailed
from aiex.settings import Settings

_log = logging.getLogger("aiex.node")


class StopSignals:
    """Counts what the operating system asks: once to stop, twice to stop now."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.stop_now = asyncio.Event()

    def received(self) -> None:
        """One more signal came."""
        (self.stop_now if self.stop.is_set() else self.stop).set()

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Receive SIGTERM and SIGINT inside this block."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.received)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def live(node: Node, signals: StopSignals) -> None:
    """Run the node until it is told to stop and has stopped.

    Raises `StartError` with one sentence when it cannot start, another `AiexError` when it cannot
    go on.
    """
    ready = asyncio.Event()
    tree = asyncio.create_task(node.root.run(ready.set), name="node")
    try:
        if await _first(tree, ready, signals.stop) is ready:
            _announce(node)
            await _first(tree, signals.stop)
        if not tree.done():
            await _drain(node, tree, signals)
    finally:
        tree.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait([tree])
        node.life.become(Phase.STOPPED)
    if not tree.cancelled() and (error := tree.exception()) is not None:
        raise _cause(error)


def cluster_of(settings: Settings) -> str:
    """What the nodes of one cluster have in common; empty for a node that forms none."""
    if settings.engine.url:
        place = settings.engine.url.partition("://")[2] or settings.engine.url
        return f"{settings.cluster.name} at {place.rpartition('@')[2]}"  # without the credentials
    return "" if settings.cluster.discovery == "none" else settings.cluster.name


def _announce(node: Node) -> None:
    life = node.life
    life.api_url, life.admin_url = node.api_listener.url, node.admin_listener.url
    life.become(Phase.READY)
    node.directory.announce_node(
        name=life.name,
        version=life.version,
        api_url=life.api_url,
        admin_url=life.admin_url,
        cluster=cluster_of(node.settings),
        shared_api_url=node.api_listener.shared_url,
    )
    # What start-up made lives as long as the process: the collector need not look at it again.
    gc.collect()
    gc.freeze()
    _log.info("ready after %.2f s: API %s, admin %s", life.uptime_s, life.api_url, life.admin_url)


async def _drain(node: Node, tree: "asyncio.Task[None]", signals: StopSignals) -> None:
    # It is announced still: `aiex status` shows what the drain waits for.
    node.life.become(Phase.DRAINING)
    # There the load balancer is the kernel: it needs no time to notice.
    await node.api_listener.leave_shared_port()
    _log.info("stopping: %d requests in flight", node.api.in_flight_count)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(node.hot.ns.propagation_delay_s):
            await signals.stop_now.wait()
    tree.cancel()
    if await _first(tree, signals.stop_now) is signals.stop_now:
        _log.warning("told twice to stop: cut off %d requests", node.api.cut_off())
        await asyncio.wait([tree])


async def _first(
    tree: "asyncio.Task[None]", *events: asyncio.Event
) -> "asyncio.Event | asyncio.Task[None]":
    """Whichever comes first: the end of the tree, or one of the events."""
    waits = {asyncio.create_task(event.wait()): event for event in events}
    try:
        await asyncio.wait([tree, *waits], return_when=asyncio.FIRST_COMPLETED)
        happened = [event for wait, event in waits.items() if wait.done()]
        return happened[0] if happened else tree
    finally:
        for wait in waits:
            wait.cancel()


def _cause(error: BaseException) -> BaseException:
    """The sentence to show: supervisors wrap what made a child fail, people want the child's."""
    while isinstance(error, StartFailed) and error.__cause__ is not None:
        error = error.__cause__
    return error if isinstance(error, AiexError) else StartError(f"The node failed: {error!r}.")
