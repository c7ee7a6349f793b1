"""The allocators' settings: ours where the environment says nothing, and in time."""

import os
import subprocess
import sys
from collections.abc import Mapping

from aiex.cli.allocators import SETTINGS, set_allocators

LOADED = "import sys, aiex.cli.serve; print(*sys.modules)"


def test_what_the_environment_says_wins() -> None:
    environment = {"MIMALLOC_PURGE_DELAY": "500"}
    set_allocators(environment)
    assert environment == {**SETTINGS, "MIMALLOC_PURGE_DELAY": "500"}


def test_the_libraries_they_are_for_are_not_loaded_before() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    assert not {b"granian", b"pyreqwest"} & set(loaded.stdout.split())


def _said(program: str, environment: Mapping[str, str]) -> str:
    """What a library says on standard error when it is loaded with these settings."""
    command = [sys.executable, "-c", program]
    with_them = {**os.environ, **environment}
    return subprocess.run(command, capture_output=True, check=True, env=with_them).stderr.decode()


def test_granians_allocator_knows_each_of_its_settings() -> None:
    program = "import granian.server.embed"
    name = "_RJEM_MALLOC_CONF"
    assert not _said(program, {name: SETTINGS[name]})
    assert "Invalid conf" in _said(program, {name: "dirty_decay:10"})  # it does say so


def test_pyreqwests_allocator_knows_each_of_its_settings() -> None:
    said = _said("import pyreqwest.client", {**SETTINGS, "MIMALLOC_VERBOSE": "1"})
    own = said.rpartition("mem tracking")[0].rpartition("process init")[2]  # Python has one too
    for name, text in SETTINGS.items():
        if name.startswith("MIMALLOC_"):
            option = name.removeprefix("MIMALLOC_").lower()
            assert f"option '{option}': {text} " in own
