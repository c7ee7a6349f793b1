"""Which nats-server is run; and whoever stops looking for one leaves nothing running."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from aiex.engine.server_program import find_server_program
from aiex.errors import EngineRefused
from aiex.testing.node_process import is_running

pytestmark = pytest.mark.integration

DEADLINE_S = 20.0


def program(directory: Path, *lines: str) -> Path:
    directory.mkdir()
    path = directory / "nats-server"
    path.write_text("\n".join((f"#!{sys.executable} -ISu", *lines, "")))
    path.chmod(0o755)
    return path


async def test_one_on_the_path_that_is_new_enough_comes_before_the_one_beside(
    tmp_path: Path,
) -> None:
    old = program(tmp_path / "old", "print('nats-server: v2.9.10')")
    new = program(tmp_path / "new", "print('nats-server: v2.99.1')")
    found = await find_server_program(search_path=str(new.parent), beside=old.parent)
    assert (found.path, found.version) == (new, "2.99.1")
    found = await find_server_program(search_path=str(old.parent), beside=new.parent)
    assert (found.path, found.version) == (new, "2.99.1")


async def test_one_that_is_too_old_is_named(tmp_path: Path) -> None:
    old = program(tmp_path / "old", "print('nats-server: v2.9.10')")
    with pytest.raises(EngineRefused, match=r"nats-server is 2\.9\.10, which is too old"):
        await find_server_program(search_path=str(old.parent), beside=tmp_path)


async def test_who_stops_looking_leaves_no_program_and_no_reader_of_its_output(
    tmp_path: Path,
) -> None:
    """As when a node stops just while its server is started again."""
    told = tmp_path / "pid"
    hangs = program(
        tmp_path / "hangs",
        "import os, time, pathlib",
        f"pathlib.Path({str(told) + '.new'!r}).write_text(str(os.getpid()))",
        f"os.rename({str(told) + '.new'!r}, {str(told)!r})",
        "time.sleep(99)",
    )
    looking = asyncio.create_task(find_server_program(str(hangs)))
    async with asyncio.timeout(DEADLINE_S):
        while not told.exists():
            await asyncio.sleep(0.01)
    pid = int(told.read_text())
    try:
        looking.cancel()
        await asyncio.wait({looking}, timeout=DEADLINE_S)
        assert looking.cancelled()
        assert not is_running(pid)
        assert asyncio.all_tasks() == {asyncio.current_task()}
    finally:
        if is_running(pid):
            os.kill(pid, signal.SIGKILL)
