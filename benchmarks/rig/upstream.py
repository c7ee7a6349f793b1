"""The provider behind all gateways: the C program of `upstream.c`."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rig.errors import RigError
from rig.gateways import Gateway, await_ready, fetch, free_port
from rig.processes import running

CHUNKS = 20
# Real models take several milliseconds a token; at less than one they would come in one packet.
GAP_MS = 1


@contextlib.contextmanager
def upstream(program: Path, core: int, directory: Path) -> Iterator[Gateway]:
    """The upstream, answering until the block ends."""
    port, log = free_port(), directory / "upstream.log"
    argv = (str(program), str(port), str(CHUNKS), str(GAP_MS))
    with running(argv, core=core, log=log) as process:
        await_ready(
            process, lambda: fetch(port, "/")[0] == 200, name="upstream", log=log, deadline_s=5.0
        )
        yield Gateway("upstream", port, process.pid)


def answered_count(port: int) -> int:
    """How many chat requests the upstream has answered since it started."""
    status, count = fetch(port, "/")
    if status != 200:
        raise RigError("The upstream is gone; see its source, benchmarks/rig/upstream.c.")
    return int(count)
