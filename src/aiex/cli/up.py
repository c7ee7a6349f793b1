"""`aiex up`: Aiex on this machine, for people: started, shown to answer, stopped by Ctrl-C."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Collection, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from aiex.cli.admin_answers import ModelList, Status
from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.certificate_authority import ca_file_of
from aiex.cli.chat_answer import Answer, receive
from aiex.cli.chat_session import ChatSession
from aiex.cli.chat_stream import ChatApi
from aiex.cli.node_child import NodeChild
from aiex.cli.node_lookup import AdminAccess, RunningNode, read_node
from aiex.cli.settings_options import GivenSettings, settings_options
from aiex.cli.terminal_text import harmless
from aiex.cli.up_text import QUESTION, curl_snippet, places, python_snippet, status_line
from aiex.errors import AiexError, PortBusy
from aiex.settings import AdminSettings, ApiSettings, Settings

PORTS_TRIED_MAX = 50
MODEL_TIMEOUT_S = 90.0
POLL_S = 0.1
STATUS_EVERY_S = 1.0
STOP_MARGIN_S = 20.0
ANSWER_TOKENS_MAX = 40
# Without models in the settings, those of the providers are asked for by both names.
UNNAMED_MODEL = "PROVIDER/MODEL"


class AlreadyUp(AiexError):
    """Aiex runs here already."""


class MovedPort(NamedTuple):
    """A listener's setting, the port it has and cannot use, and the one it gets instead."""

    setting: str
    taken: int
    port: int


@click.command()
@settings_options
def up(given: GivenSettings) -> None:
    """Start Aiex on this machine and show that it answers.

    Opens nothing to the network. If a port is taken, the next free one is used. Ctrl-C stops it
    once what is in flight has finished; a second Ctrl-C at once.

    \b
    Examples:
      aiex up
      aiex up --port 9000
      aiex up --config aiex.toml
    """
    asyncio.run(_up(given))


async def _up(given: GivenSettings) -> None:
    settings = given.load().settings
    data_dir = _data_dir(settings)
    if (running := read_node(data_dir)) is not None:
        raise AlreadyUp(
            f"Aiex runs here already: {running.api_url} (pid {running.pid}, data in {data_dir}). "
            "`aiex status` shows it; start another one with --name NAME."
        )
    began_s = time.monotonic()
    click.echo(f"Starting Aiex, data in {data_dir}")
    arguments = [*given.arguments(), f"--set=node.data_dir={data_dir}"]
    for moved in moved_ports(settings, given.flags):
        click.echo(f"  port {moved.taken} is taken, {moved.setting} is {moved.port}")
        arguments.append(f"--set={moved.setting}={moved.port}")
    node = await NodeChild.start(arguments, data_dir)
    with _stop_signals(node) as stop:
        try:
            await _until(stop, _show(node, settings, data_dir, began_s))
        finally:
            is_stopping = not node.ended.done()
            if is_stopping:
                click.echo("\nStopping …", nl=False)
            await node.stop(
                settings.node.propagation_delay_s + settings.node.drain_deadline_s + STOP_MARGIN_S
            )
            click.echo(" stopped." if is_stopping else "")


async def _show(node: NodeChild, settings: Settings, data_dir: Path, began_s: float) -> None:
    """Progress, then where to go, then one live line until the node ends."""
    running = await node.ready()
    click.echo(f"  node   ready after {time.monotonic() - began_s:.1f} s")
    admin = _admin(running, settings, data_dir)
    models = decoded(await asyncio.to_thread(admin.get, "/admin/v1/models"), ModelList)
    status = await _status(admin)
    needs_key = status.api.auth != "open"
    key = settings.api.key.reveal() if settings.api.key else os.environ.get("AIEX_API_KEY", "")
    default = models.models[0] if models.models else None
    if default is None:
        click.echo(f"  models none are configured; ask for {UNNAMED_MODEL}, or add [models.NAME]")
    elif any(target.kind == "local" for target in default.targets):
        await _local_model_up(admin, began_s)
        if key or not needs_key:
            await _ask(running.api_url, key, default.id)
    click.echo()
    model = UNNAMED_MODEL if default is None else default.id
    _show_places(running, node, model, needs_key=needs_key)
    await _live_line(admin, node)


async def _local_model_up(admin: AdminClient, began_s: float) -> None:
    """Wait for the model; say so, or why there is none."""
    deadline_s = time.monotonic() + MODEL_TIMEOUT_S
    model = (await _status(admin)).local_model
    while model and model.state in ("starting", "down") and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
        model = (await _status(admin)).local_model
    if model and model.state == "up":
        click.echo(f"  model  ready after {time.monotonic() - began_s:.1f} s")
    elif model:
        click.echo(f"  model  {model.state}: {model.detail}")


async def _ask(api_url: str, key: str, model: str) -> None:
    """One question, so that a newcomer sees it answer; a failure is shown and is no end."""
    click.echo(f"\n  You     {QUESTION}\n  {model:<7} ", nl=False)
    session = ChatSession(model, temperature=0.0, max_tokens=ANSWER_TOKENS_MAX)
    answer = Answer(model)
    try:
        async with ChatApi(api_url, key, ca_file=ca_file_of("")) as api:
            await receive(api, session.request(QUESTION), answer, lambda _: None)
    except AiexError as error:
        click.echo(f"(no answer: {error})")
        return
    sentence = answer.text.strip().split("\n")[0].partition(". ")[0].rstrip(".") + "."
    click.echo(f"{harmless(sentence)}  ({answer.duration_s:.1f} s)")


def _show_places(running: RunningNode, node: NodeChild, model: str, *, needs_key: bool) -> None:
    blocks = [
        places(running.api_url, running.admin_url, str(node.log_file)),
        ["Try it:", *curl_snippet(running.api_url, model, needs_key=needs_key)],
        ["or in Python:", *python_snippet(running.api_url, model, needs_key=needs_key)],
        ["or here in another terminal: aiex chat, aiex status, aiex keys create NAME"],
        ["Ctrl-C stops it."],
    ]
    click.echo("\n\n".join("\n".join(block) for block in blocks))


async def _live_line(admin: AdminClient, node: NodeChild) -> None:
    """One line repainted every second on a terminal; raises `AiexError` when the node ends."""
    is_terminal = sys.stdout.isatty()
    while not node.ended.done():
        if is_terminal:
            try:
                line = status_line(await _status(admin))
            except AiexError as error:
                line = harmless(str(error))
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{line[:width]}", nl=False)
        await asyncio.wait({node.ended}, timeout=STATUS_EVERY_S)
    raise AiexError(node.end_text())


async def _status(admin: AdminClient) -> Status:
    return decoded(await asyncio.to_thread(admin.get, "/admin/v1/status"), Status)


def _admin(running: RunningNode, settings: Settings, data_dir: Path) -> AdminClient:
    if settings.admin.token is not None:
        token = settings.admin.token.reveal()
    else:
        token = (data_dir / "admin.token").read_text().strip()
    access = AdminAccess(running.admin_url, token, "the settings", running.api_url)
    return AdminClient(access, ca_file=ca_file_of(""))


def _data_dir(settings: Settings) -> Path:
    # Imported here: the node's part brings the HTTP server, which this process does not need else.
    from aiex.node import data_path, node_name

    home = os.environ.get("XDG_DATA_HOME", "")
    return data_path(settings.node.data_dir, node_name(settings), home)


def moved_ports(settings: Settings, fixed: Collection[str]) -> list[MovedPort]:
    """Free ports for the listeners whose own one is taken; raises `PortBusy` if there are none.

    Those named in `fixed` stay where they are, taken or not: somebody chose them.
    """
    listeners: dict[str, ApiSettings | AdminSettings] = {
        "api.port": settings.api,
        "admin.port": settings.admin,
    }
    used = {listener.port for path, listener in listeners.items() if path in fixed}
    moved: list[MovedPort] = []
    for path, listener in listeners.items():
        if path in fixed or listener.port == 0:
            continue
        port = _free_port(listener.host, listener.port, used)
        used.add(port)
        if port != listener.port:
            moved.append(MovedPort(path, listener.port, port))
    return moved


def _free_port(host: str, first: int, used: Collection[int]) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + PORTS_TRIED_MAX, 65536)):
        with socket.socket(family) as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            if port not in used:
                return port
    raise PortBusy(f"No port from {first} on is free on {host}; choose one with --port.")


@contextlib.contextmanager
def _stop_signals(node: NodeChild) -> Iterator[asyncio.Event]:
    """Set by the first Ctrl-C or SIGTERM inside this block; the second one kills the node."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def received() -> None:
        if stop.is_set():
            node.kill()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, received)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


async def _until(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do `work` until it ends or `stop` is set; raises what it raises."""
    working = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        stopped.cancel()
        await asyncio.wait({working, stopped})
