"""A container of a built image, as Pod Security `restricted` would have it; needs root."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiex.testing.pods import Mount, built_image
from aiex.testing.pods.container import Container, container_spec

STOP_S = 60.0
RESTRICTED = {
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


@asynccontextmanager
async def running(
    root: Path, config: dict[str, Any], directory: Path, arguments: Sequence[str]
) -> AsyncIterator[Container]:
    """The image's program with arguments of ours, on this machine's network, with an empty data
    directory; killed at the end of the block if it still runs."""
    image = built_image(root, config)
    data = directory / "data"
    data.mkdir(parents=True)
    data.chmod(0o700)
    os.chown(data, image.uid, image.gid)
    spec = container_spec(
        {
            "args": list(arguments),
            "workingDir": config["WorkingDir"],
            "securityContext": RESTRICTED,
        },
        {},
        image,
        {},
        [Mount(str(data), "/var/lib/aiex", is_read_only=False)],
        network="/proc/self/ns/net",
        hostname="aiex-0",
        root=str(directory / "root"),
    )
    container = await Container.start(spec, directory, directory / "output")
    try:
        yield container
    finally:
        await container.end(0.0 if container.status is None else STOP_S)
