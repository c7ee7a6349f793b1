"""The engine a node brings along: private, alone with its store, and on its own."""

import asyncio
import json
import logging
import re
import stat
from pathlib import Path

import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.engine.server import EngineServer
from aiex.engine.server_config import EngineFiles, load_credentials
from aiex.errors import DataDirectoryError, EngineRefused, EngineUnavailable
from aiex.node.supervisor import StartFailed
from aiex.settings import EngineSettings
from aiex.testing.running import running

pytestmark = pytest.mark.integration


def embedded(data_dir: Path, *, server_path: str = "") -> Engine:
    settings = EngineSettings(server_path=server_path)
    return Engine(settings, data_dir, clock=SystemClock(), emit=lambda _: None)


def server_of(engine: Engine) -> EngineServer:
    server, *_ = engine.services()
    assert isinstance(server, EngineServer)
    return server


async def info(engine: Engine) -> dict[str, object]:
    """What the server says to whoever connects."""
    address = server_of(engine).address
    reader, writer = await asyncio.open_connection(address.host, address.port)
    line = await reader.readline()
    writer.close()
    await writer.wait_closed()
    told: dict[str, object] = json.loads(line.removeprefix(b"INFO "))
    return told


async def test_it_runs_alone_on_loopback_and_lets_nobody_in_without_its_password(
    tmp_path: Path,
) -> None:
    engine = embedded(tmp_path)
    async with running(engine.services()):
        told = await info(engine)
        assert told["auth_required"]
        assert told["host"] == "127.0.0.1"
        # Opening a standalone store with a cluster block deletes it.
        assert "cluster" not in told


async def test_only_its_owner_may_read_its_files(tmp_path: Path) -> None:
    engine = embedded(tmp_path)
    async with running(engine.services()):
        await engine.bucket("any").put("key", b"value")
        files = EngineFiles.below(tmp_path)
        for file in (files.config, files.credentials, files.lock):
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(files.root.stat().st_mode) == 0o700


async def test_the_password_is_in_no_log_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    engine = embedded(tmp_path)
    async with running(engine.services()):
        await engine.bucket("any").put("key", b"value")
    password = load_credentials(EngineFiles.below(tmp_path).credentials).password
    assert re.search("Starting nats-server", caplog.text)
    assert password not in caplog.text


async def test_a_data_directory_may_have_any_name(tmp_path: Path) -> None:
    data_dir = tmp_path / 'josé "日本" {$HOME}'
    engine = embedded(data_dir)
    async with running(engine.services()):
        assert await engine.bucket("any").put("key", b"value") == 1
    assert (EngineFiles.below(data_dir).store / "jetstream").is_dir()


async def test_two_engines_never_share_a_store(tmp_path: Path) -> None:
    first, second = embedded(tmp_path), embedded(tmp_path)
    async with running(first.services()):
        with pytest.raises(StartFailed, match="Another nats-server still uses") as caught:
            async with running(second.services()):
                pytest.fail("it started")
        assert isinstance(caught.value.__cause__, DataDirectoryError)
        assert await first.bucket("any").put("key", b"value") == 1


@pytest.mark.parametrize(
    ("path", "words"),
    [("/no/such/nats-server", "does not run"), ("/bin/true", "does not run as a nats-server")],
)
async def test_a_server_program_that_is_none_is_refused_in_words(
    tmp_path: Path, path: str, words: str
) -> None:
    with pytest.raises(StartFailed, match=words) as caught:
        async with running(embedded(tmp_path, server_path=path).services()):
            pytest.fail("it started")
    assert isinstance(caught.value.__cause__, EngineRefused)


async def test_a_server_program_that_is_too_old_is_refused_with_both_versions(
    tmp_path: Path,
) -> None:
    program = tmp_path / "nats-server"
    program.write_text("#!/bin/sh\necho nats-server: v2.9.10\n")
    program.chmod(0o755)
    with pytest.raises(StartFailed, match=r"version 2\.9\.10; Aiex needs 2\.14 or newer"):
        async with running(embedded(tmp_path, server_path=str(program)).services()):
            pytest.fail("it started")


async def test_before_its_first_start_and_after_its_end_it_is_unavailable(tmp_path: Path) -> None:
    engine = embedded(tmp_path)
    with pytest.raises(EngineUnavailable):
        await engine.bucket("any").get("key")
    async with running(engine.services()):
        assert await engine.bucket("any").get("key") is None
        assert engine.status().state == "up"
    assert engine.status().state == "down"
    with pytest.raises(EngineUnavailable):
        await engine.bucket("any").get("key")
