"""The allocators' settings: ours where the environment says nothing, and in time."""

import subprocess
import sys

from aiex.cli.allocators import SETTINGS, set_allocators

LOADED = "import sys, aiex.cli.serve; print(*sys.modules)"


def test_what_the_environment_says_wins() -> None:
    environment = {"MIMALLOC_PURGE_DELAY": "500"}
    set_allocators(environment)
    assert environment == {**SETTINGS, "MIMALLOC_PURGE_DELAY": "500"}


def test_the_libraries_they_are_for_are_not_loaded_before() -> None:
    loaded = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, check=True)
    assert not {b"granian", b"pyreqwest"} & set(loaded.stdout.split())
