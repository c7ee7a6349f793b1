"""Nodes with other HTTP in them (`stack_node.py`), and the libraries that takes."""

import platform
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import distributions, version
from pathlib import Path

from aiex.cli.allocators import SETTINGS
from rig.environments import UV
from rig.errors import RigError
from rig.node import Node, node

PROGRAM = Path(__file__).with_name("stack_node.py")
LIBRARIES = ("uvicorn", "httptools", "aiohttp")
INSTALL_S = 300.0


@dataclass(frozen=True, slots=True)
class Stack:
    """An HTTP server and an HTTP client, as `stack_node.py` calls them."""

    server: str
    client: str

    @property
    def name(self) -> str:
        return f"{self.server}_{self.client}"


def stack_libraries(cache: Path) -> Path:
    """Where the other libraries are; installed the first time. Raises `RigError` if they cannot."""
    place = cache / "stacks"
    if (place / LIBRARIES[-1]).exists():
        return place
    print("Installing uvicorn and aiohttp into .make/bench ...", file=sys.stderr)
    command = (str(UV), "pip", "install", "--quiet", "--python", sys.executable)
    try:
        subprocess.run(
            (*command, "--target", str(place), *LIBRARIES), check=True, timeout=INSTALL_S
        )
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        raise RigError("uvicorn and aiohttp could not be installed.") from error
    return place


def stack_versions(place: Path | None = None) -> dict[str, str]:
    """What was measured; with `place`, the other libraries too."""
    found = {one.name: one.version for one in distributions(path=[str(place)])} if place else {}
    return {
        **{name: version(name) for name in ("aiex", "granian", "pyreqwest", "uvloop")},
        **{name: found[name] for name in LIBRARIES if name in found},
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def stack_node(
    stack: Stack, upstream_port: int, core: int, directory: Path, libraries: Path
) -> AbstractContextManager[Node]:
    """A node with this stack, answering until the block ends."""
    return node(
        upstream_port,
        core,
        directory,
        name=stack.name,
        program=(sys.executable, str(PROGRAM), stack.server, stack.client),
        # Set from outside: the libraries are loaded there before `aiex serve` could.
        environment={"PYTHONPATH": str(libraries), **SETTINGS},
    )
