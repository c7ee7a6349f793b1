"""A planned node that runs, with its traffic, until the block around it ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from examples.trouble.plan import Plan, TrafficPlan
from examples.trouble.shape import Shape
from examples.trouble.traffic import Sender, Traffic

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 20.0
ANSWER_TIMEOUT_S = 10.0
POLL_S = 0.1


class NodeEnded(Exception):
    """The node did not start, or ended by itself."""


class Stage(msgspec.Struct, frozen=True):
    directory: Path
    node: "subprocess.Popen[bytes]"
    traffic: Traffic
    key_ids: dict[str, str]  # by name

    @property
    def data_dir(self) -> Path:
        return self.directory / "data"


def end_as_by_ctrl_c() -> None:
    """SIGTERM, too, lets blocks end: else the node would outlive the program that started it.

    It becomes the signal of Ctrl-C, by which asyncio cancels the main task. An exception raised in
    whichever task runs just then would come up again while the loop closes, and end it half way.
    What a script leaves in the background ignores Ctrl-C from birth; it is asked to heed it again.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


@asynccontextmanager
async def staged(plan: Plan, shape: Shape = Shape()) -> AsyncIterator[Stage]:  # noqa: B008 - frozen
    """The node with its guests and its load; both are gone afterwards, with all they wrote.

    Raises `NodeEnded` when the node does not start.
    """
    with tempfile.TemporaryDirectory(prefix="aiex-trouble-", ignore_cleanup_errors=True) as name:
        directory = Path(name)
        node = _start(plan, directory)
        try:
            node_file = await _announced(node, directory)
            try:
                tokens, key_ids = await asyncio.to_thread(
                    _keys, node_file["admin_url"], directory, plan.traffic
                )
            except OSError as error:
                raise NodeEnded(f"The node made no keys: {error}.") from None
            senders = _senders(plan.traffic, tokens)
            traffic = Traffic(plan.traffic, node_file["api_url"], senders, shape, plan.seed)
            sending = asyncio.create_task(traffic.run())
            try:
                yield Stage(directory, node, traffic, key_ids)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
        finally:
            await asyncio.to_thread(_stop, node)


def _start(plan: Plan, directory: Path) -> "subprocess.Popen[bytes]":
    plan_file = directory / "plan.json"
    plan_file.write_bytes(msgspec.json.encode(plan))
    environment = {name: text for name, text in os.environ.items() if not name.startswith("AIEX_")}
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "examples.trouble.node", str(plan_file), str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=Path(__file__).parents[2],
        )


def _stop(node: "subprocess.Popen[bytes]") -> None:
    node.terminate()
    try:
        node.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        node.kill()
        node.wait(STOP_TIMEOUT_S)


async def _announced(node: "subprocess.Popen[bytes]", directory: Path) -> dict[str, Any]:
    """What the node says of itself once it takes requests."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    file = directory / "data" / "node.json"
    while True:
        if file.exists():
            said: dict[str, Any] = json.loads(file.read_text())
            if await asyncio.to_thread(_is_ready, said["admin_url"]):
                return said
        if node.poll() is not None or time.monotonic() > deadline_s:
            log = (directory / "log").read_text(errors="replace")
            raise NodeEnded(f"The node did not start. Its log ends with:\n{log[-2000:]}")
        await asyncio.sleep(POLL_S)


def _is_ready(admin_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{admin_url}/readyz", timeout=ANSWER_TIMEOUT_S):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _keys(
    admin_url: str, directory: Path, plan: TrafficPlan
) -> tuple[dict[str, str], dict[str, str]]:
    """A key for each name; their secrets, and the ids by which the node speaks of them."""
    admin_token = (directory / "data" / "admin.token").read_text().strip()
    tokens: dict[str, str] = {}
    ids: dict[str, str] = {}
    for name in plan.keys:
        request = urllib.request.Request(
            f"{admin_url}/admin/v1/keys",
            data=json.dumps({"name": name}).encode(),
            headers={"authorization": f"Bearer {admin_token}"},
        )
        with urllib.request.urlopen(request, timeout=ANSWER_TIMEOUT_S) as answer:
            made = json.load(answer)
        tokens[name], ids[name] = made["key"], made["id"]
    return tokens, ids


def _senders(plan: TrafficPlan, tokens: dict[str, str]) -> list[Sender]:
    share = plan.rate_per_s / len(plan.keys)
    return [
        Sender(tokens[name], share + (plan.flood_per_s if name == plan.flooding_key else 0.0))
        for name in plan.keys
    ]
