"""An aiex node as an operator runs it: `aiex serve`, a key required, everything recorded."""

import contextlib
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.chat import MODEL
from rig.gateways import Gateway, await_ready, engine_is_ok, fetch, free_port
from rig.node_settings import TOKEN, node_settings
from rig.processes import running, tree, wait_until_gone

AIEX = Path(sys.executable).parent / "aiex"
READY_S = 30.0

SETTINGS = f"""
[providers.upstream]
kind = "openai"
base_url = "http://127.0.0.1:%d/v1"
api_key = "sk-upstream"
[models.{MODEL}]
targets = [{{ provider = "upstream" }}]
"""


@dataclass(frozen=True, slots=True)
class Node:
    gateway: Gateway
    ready_s: float
    pids: tuple[int, ...]  # the node itself first, then its children


@contextlib.contextmanager
def node(
    upstream_port: int,
    core: int,
    directory: Path,
    *,
    name: str = "aiex",
    program: Sequence[str] = (str(AIEX),),
    environment: Mapping[str, str] | None = None,
    settings: str = "",
) -> Iterator[Node]:
    """A node on an empty data directory, answering until the block ends.

    `program` is what `serve` is asked of; `name` tells several of them apart;
    `settings` are more of them, as TOML.

    It is ready when the API takes requests and the engine works. Raises `AssertionError` when one
    of its processes outlives it.
    """
    data, log, config = (directory / f"{name}{suffix}" for suffix in (".data", ".log", ".toml"))
    shutil.rmtree(data, ignore_errors=True)
    port, admin_port = free_port(), free_port()
    more = SETTINGS % upstream_port + settings
    config.write_text(node_settings("bench", data, port=port, admin_port=admin_port, more=more))

    def is_ready() -> bool:
        return fetch(port, "/readyz")[0] == 200 and engine_is_ok(
            fetch(admin_port, "/health", {"Authorization": f"Bearer {TOKEN}"})[1]
        )

    started_at = time.monotonic()
    argv = (*program, "serve", "--config", str(config))
    with running(argv, core=core, log=log, environment=environment) as process:
        await_ready(process, is_ready, name="The node", log=log, deadline_s=READY_S)
        ready_s = time.monotonic() - started_at
        pids = tuple(tree(process.pid))
        yield Node(Gateway(name, port, process.pid), ready_s, pids)
    left = wait_until_gone(pids, deadline_s=5.0)
    assert not left, f"processes {left} outlive their node"
