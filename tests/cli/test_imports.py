"""What a command loads before it does anything: no more than it is about."""

import subprocess
import sys

import pytest

from aiex.cli.main import SUBCOMMANDS

# What serves, keeps and calls providers: a command asks a node that has them.
OF_A_NODE = {
    *("granian", "uvloop", "starlette", "nats", "sqlite3"),
    *("aiex.node", "aiex.telemetry", "aiex.assistant", "aiex.fastglobal", "aiex.store"),
}
# What some load besides: `chat` speaks HTTP itself, and `up` tries what it started.
ALSO = {
    "store": {"sqlite3", "aiex.store"},
    "chat": {"pyreqwest"},
    "up": {"pyreqwest"},
    "k8s": {"lightkube", "cryptography", "yaml"},
    "import": {"yaml"},
}


def loaded_by(program: str) -> set[str]:
    """The names of all modules that are there after `program`."""
    command = [sys.executable, "-c", f"{program}; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split())


def test_a_command_loads_nothing_that_only_a_node_needs() -> None:
    modules = ", ".join(one.module for name, one in SUBCOMMANDS.items() if name not in ALSO)
    loaded = loaded_by(f"import sys, aiex.cli.main, {modules}")
    assert not loaded & OF_A_NODE.union(*ALSO.values())


@pytest.mark.parametrize("name", ALSO)
def test_a_command_loads_besides_what_it_is_about(name: str) -> None:
    loaded = loaded_by(f"import sys, aiex.cli.main, {SUBCOMMANDS[name].module}")
    assert loaded & OF_A_NODE.union(*ALSO.values()) == ALSO[name]


def test_what_all_commands_share_is_small() -> None:
    shared = loaded_by("import sys, aiex.cli.main")
    assert {one for one in shared if one.startswith("aiex.")} == {
        *("aiex.cli", "aiex.cli.main", "aiex.cli.late_failure", "aiex.errors"),
    }
    assert not {"asyncio", "msgspec", "ssl", "importlib.metadata"} & shared


def test_a_node_loads_no_library_of_the_commands() -> None:
    loaded = loaded_by("import sys, aiex.cli.main, aiex.cli.serve, aiex.node, nats.aio.client")
    of_commands = {"textual", "rich", "lightkube", "httpx2", "cryptography", "dns", "yaml"}
    others = {"pydantic", "httpx", "requests", "aiohttp", "xllamacpp", "numpy", "setuptools"}
    unused = {"aiex.litellm", "aiex.testing", "aiex.performance.formats", "xml.etree", "unittest"}
    assert not loaded & (of_commands | others | unused)
