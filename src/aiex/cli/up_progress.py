"""What `aiex up` says from the start until it is told to stop: progress, places, one live line."""

import asyncio
import shutil
import sys
import time
from typing import Any

import click

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.models import ModelList
from aiex.cli.answers.node import Status
from aiex.cli.certificate_authority import ca_file_of
from aiex.cli.chat_answer import Answer, receive
from aiex.cli.chat_session import ChatSession
from aiex.cli.chat_stream import ChatApi
from aiex.cli.node_lookup import RunningNode
from aiex.cli.terminal_text import harmless
from aiex.cli.up_nodes import UpNodes
from aiex.cli.up_text import (
    QUESTION,
    cluster_line,
    curl_snippet,
    missing_text,
    node_lines,
    places,
    python_snippet,
    status_line,
)
from aiex.errors import AiexError

CLUSTER_TIMEOUT_S = 30.0
MODEL_TIMEOUT_S = 90.0
POLL_S = 0.1
STATUS_EVERY_S = 1.0
ANSWER_TOKENS_MAX = 40
# An answer takes two seconds; minutes where the machine is busy with other things.
ANSWER_TOLD_AFTER_S = 10.0
# Without models in the settings, those of the providers are asked for by both names.
UNNAMED_MODEL = "PROVIDER/MODEL"


def say(text: str) -> None:
    """A line of its own, also where the live line is."""
    click.echo(("\r\x1b[K" if sys.stdout.isatty() else "") + "  " + harmless(text))


async def show(nodes: UpNodes, admin: AdminClient, key: str, began_s: float) -> None:
    """All there is to say of nodes that are ready: who they are, an answer, where to go."""
    running = nodes.first.running
    assert running is not None, "it was awaited"
    if len(nodes.nodes) > 1:
        await _cluster_formed(nodes, began_s)
    models = decoded(await asyncio.to_thread(admin.get, "/admin/v1/models"), ModelList)
    status = await _status(admin)
    needs_key = status.api.auth != "open"
    api_url = running.shared_api_url or running.api_url
    default = models.models[0] if models.models else None
    if default is None:
        click.echo(f"  models none are configured; ask for {UNNAMED_MODEL}, or add [models.NAME]")
    elif any(target.kind == "local" for target in default.targets):
        await _local_model_up(admin, began_s)
        if key or not needs_key:
            await ask(api_url, key, default.id)
    click.echo()
    model = UNNAMED_MODEL if default is None else default.id
    _show_places(nodes, running, api_url, model, needs_key=needs_key)


async def live_line(nodes: UpNodes, admin: AdminClient, ends: "set[asyncio.Task[Any]]") -> None:
    """One line repainted every second on a terminal, until all nodes have left.

    Raises `AiexError` when the only one ended without having been told to.
    """
    is_terminal = sys.stdout.isatty()
    waited = set(ends)
    while waited:
        if is_terminal:
            line = await _line(nodes, admin)
            width = shutil.get_terminal_size().columns - 1
            click.echo(f"\r\x1b[K{line[:width]}", nl=False)
        ended, waited = await asyncio.wait(
            waited, timeout=STATUS_EVERY_S, return_when=asyncio.FIRST_COMPLETED
        )
        for one in ended:
            one.result()  # a node's end is its status; anything else is a bug, which raises
    if not nodes.first.has_left:
        raise AiexError(nodes.first.child.end_text())
    click.echo("All nodes have left; nothing runs here any more.")


async def _line(nodes: UpNodes, admin: AdminClient) -> str:
    if len(nodes.nodes) > 1:
        names = [node.name for node in nodes.staying]
        statuses, views = await asyncio.gather(nodes.statuses(), nodes.views())
        return cluster_line(names, statuses, views)
    try:
        return status_line(await _status(admin))
    except AiexError as error:
        return harmless(str(error))


async def _cluster_formed(nodes: UpNodes, began_s: float) -> None:
    """Wait until all see all; say so, or who does not."""
    names = [node.name for node in nodes.nodes]
    deadline_s = time.monotonic() + CLUSTER_TIMEOUT_S
    missing = missing_text(names, await nodes.views())
    while missing and time.monotonic() < deadline_s:
        await asyncio.sleep(POLL_S)
        missing = missing_text(names, await nodes.views())
    if missing:
        say(f"cluster is not formed after {CLUSTER_TIMEOUT_S:g} s: {missing}")
    else:
        say(f"cluster formed after {time.monotonic() - began_s:.1f} s: {len(names)} members up")


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


async def ask(
    api_url: str, key: str, model: str, *, told_after_s: float = ANSWER_TOLD_AFTER_S
) -> None:
    """One question, so that a newcomer sees it answer; a failure is shown and is no end.

    After `told_after_s` it is said that the answer is still waited for.
    """
    lead = f"  {model:<7} "
    click.echo(f"\n  You     {QUESTION}\n{lead}", nl=False)
    session = ChatSession(model, temperature=0.0, max_tokens=ANSWER_TOKENS_MAX)
    answer = Answer(model)
    waiting = f"(still thinking; it takes longer where the machine is busy)\n{lead}"
    late = asyncio.get_running_loop().call_later(
        told_after_s, lambda: click.echo(waiting, nl=False)
    )
    try:
        async with ChatApi(api_url, key, ca_file=ca_file_of("")) as api:
            await receive(api, session.request(QUESTION), answer, lambda _: None)
    except AiexError as error:
        click.echo(f"(no answer: {error})")
        return
    finally:
        late.cancel()
    sentence = answer.text.strip().split("\n")[0].partition(". ")[0].rstrip(".") + "."
    click.echo(f"{harmless(sentence)}  ({answer.duration_s:.1f} s)")


def _show_places(
    nodes: UpNodes, running: RunningNode, api_url: str, model: str, *, needs_key: bool
) -> None:
    blocks = [places(api_url, running.admin_url, str(nodes.first.child.log_file))]
    if len(nodes.nodes) > 1:
        found = ((node.name, node.running) for node in nodes.nodes)
        blocks.append(
            node_lines({name: (one.api_url, one.admin_url) for name, one in found if one})
        )
    blocks += [
        ["Try it:", *curl_snippet(api_url, model, needs_key=needs_key)],
        ["or in Python:", *python_snippet(api_url, model, needs_key=needs_key)],
        ["or here in another terminal: aiex chat, aiex status, aiex keys create NAME"],
        ["Ctrl-C stops it."],
    ]
    click.echo("\n\n".join("\n".join(block) for block in blocks))


async def _status(admin: AdminClient) -> Status:
    return decoded(await asyncio.to_thread(admin.get, "/admin/v1/status"), Status)
