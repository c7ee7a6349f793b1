"""What commands say of a node's insides fits a terminal of 80 columns; a pipe gets all of it."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from aiex.performance import (
    Census,
    CensusRow,
    Frame,
    HotFound,
    LoopSpan,
    LoopState,
    QueueRow,
    Ranked,
    Ranking,
    Stall,
    StallList,
    TaskList,
    TaskRow,
)
from aiex.performance.loop import ThreadShare
from aiex.performance.sampling import Hot
from aiex.testing.http_server import ScriptedServer, http_answer
from aiex.testing.snapshots import SNAPSHOT

COLUMNS = 80
LONG = "application.orders.fulfilment.warehouse:PickingDesk.assign_to_the_next_picker"
PATH = "/usr/lib/python3/dist-packages/application/orders/fulfilment/warehouse.py"
SPAN = LoopSpan(1000.0, 60.0, 0.25, 0.01, 0.432, 0.0004)
ROW = TaskRow(17, LONG, LONG, "assistant.housekeeper", 75.0, "lock", "a lock", f"{LONG}, {PATH}:12")
KIND = CensusRow(LONG, 1190, 75.0, {"lock": 1189, "sleep": 1}, {}, {}, (90, 500, 1190), 11.0)
QUEUE = QueueRow(LONG, 2, 30, 25, 7, True, 1, 3, (10, 20, 30), 2.0)
TIMES, COUNTS = (990.0, 995.0, 1000.0), (100, 510, 1200)
ANSWERS: dict[str, object] = {
    "tasks": Census(1000.0, 1200, 1200, 0, (KIND,), 1, (QUEUE,), 1, TIMES, COUNTS, 11.0),
    "tasks --sort age": TaskList((ROW,), 1, 1),
    "tasks --sort cpu": Ranking((Ranked(f"17 {LONG}", 0.25, 0.5),), 0.5, 1),
    "hot": HotFound(1.0, 60.0, 12.0, (Hot(LONG, 6.0, 9.0, 0.5, PATH, 12),)),
    "hot --by service": HotFound(1.0, 60.0, 12.0, (Hot(LONG, 6.0, 6.0, 0.5),)),
    "loop": LoopState(
        SPAN,
        SPAN,
        0.432,
        (SPAN,),
        0,
        0.0,
        (ThreadShare(LONG, 0.25), ThreadShare(LONG, 0.2)),
        "Well.",
    ),
    "loop --stalls": StallList(
        (Stall(1.0, 0.75, "holds", "watch", (Frame("app:check", PATH, 9),), 3, 3, 0.7),), 1, 0.75
    ),
    "top --once": SNAPSHOT,
}


def aiex(*arguments: str, home: Path, output: int) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AIEX_")}
    kept.pop("COLUMNS", None)
    environment = {**kept, "HOME": str(home)}
    done = subprocess.run(
        [sys.executable, "-m", "aiex", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0


def on_terminal(*arguments: str, home: Path) -> list[str]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    try:
        aiex(*arguments, home=home, output=theirs)
        os.set_blocking(ours, False)
        return b"".join(_pieces(ours)).decode().splitlines()
    finally:
        os.close(ours)
        os.close(theirs)


def _pieces(descriptor: int) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while piece := os.read(descriptor, 1 << 16):
            yield piece


@pytest.mark.parametrize("command", ANSWERS)
def test_no_row_of_a_table_is_wider_than_the_terminal(command: str, tmp_path: Path) -> None:
    document = {"answers": [{"node": "n1", "answer": ANSWERS[command]}], "failures": []}
    with ScriptedServer(http_answer(msgspec.json.encode(document))) as server:
        asked = (*command.split(), "--admin-url", server.url)
        lines = on_terminal(*asked, home=tmp_path)
        assert lines
        prose = [line for line in lines if line.startswith("n1: ")]
        assert [line for line in lines if len(line) > COLUMNS and line not in prose] == []
        with (tmp_path / "piped").open("wb") as pipe:
            aiex(*asked, home=tmp_path, output=pipe.fileno())
    if command != "top --once":
        whole = (tmp_path / "piped").read_text()
        assert "…" not in whole
        assert LONG in whole or PATH in whole
