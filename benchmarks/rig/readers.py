"""Ways to read a value that somebody else may change, each in a loop of its own, timed in turns.

A loop reads ten times a turn, so that what is measured is the reads and not the turning; the same
loop without reads is taken off.
"""

import contextlib
import functools
import socket
import sqlite3
import struct
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import msgspec

from aiex.clock import SystemClock
from aiex.fastglobal import FastGlobal, Schema
from aiex.testing.bucket_memory import MemoryBucket
from rig.errors import RigError
from rig.processes import program_path, running

READS = 10
VALUE = (1, 2, 3)
REDIS_S = 10.0
POLL_S = 0.01
# The two that ask another process, or a library written in C, get fewer turns.
SLOW = frozenset({"sqlite", "redis"})

type Loop = Callable[[int], float]


class Values(msgspec.Struct, frozen=True):
    limit: tuple[int, ...] = VALUE


def loop_of(expression: str, **names: Any) -> Loop:
    """Seconds that so many turns of ten reads take; an empty expression is the loop alone."""
    body = f"        x = {expression}\n" * READS if expression else "        pass\n"
    source = (
        f"def loop(turns, {', '.join(names)}):\n"
        "    began = clock()\n"
        f"    for _ in range(turns):\n{body}"
        "    return clock() - began\n"
    )
    scope: dict[str, Any] = {"clock": time.perf_counter}
    exec(source, scope)
    return functools.partial(scope["loop"], **names)


@contextlib.contextmanager
def readers(directory: Path) -> Iterator[Mapping[str, Loop]]:
    """The loops by name, `empty` and `literal` among them."""
    hot = FastGlobal(
        Schema(Values), MemoryBucket(), node="n1", clock=SystemClock(), emit=lambda _: None
    )
    with ExitStack() as stack:
        in_context: ContextVar[tuple[int, ...]] = ContextVar("limit", default=VALUE)
        memory = stack.enter_context(_shared_memory())
        database = stack.enter_context(contextlib.closing(_database(directory)))
        redis = stack.enter_context(_redis(directory))
        cached = functools.cache(lambda: VALUE)
        query = "select value from hot where key = 'limit'"
        yield {
            "empty": loop_of("", x=None),
            "literal": loop_of("(1, 2, 3)", x=None),
            "fastglobal": loop_of("ns.limit", ns=hot.ns),
            "fastglobal from its owner": loop_of("hot.ns.limit", hot=hot),
            "dict": loop_of("values['limit']", values={"limit": VALUE}),
            "contextvar": loop_of("limit()", limit=in_context.get),
            "functools.cache": loop_of("limit()", limit=cached),
            "shared memory": loop_of(
                "unpack(buffer)", unpack=struct.Struct("3q").unpack_from, buffer=memory.buf
            ),
            "sqlite": loop_of("execute(query).fetchone()", execute=database.execute, query=query),
            "redis": loop_of("get()", get=redis),
        }


def read_ns(loops: Mapping[str, Loop], turns: int) -> dict[str, float]:
    """What one read costs by each way, in one round, the loop's own cost taken off."""
    took_ns = {}
    for name, loop in loops.items():
        of_loop = max(1, turns // 500) if name in SLOW else turns
        took_ns[name] = loop(of_loop) / of_loop * 1e9
    return {
        name: (turn_ns - took_ns["empty"]) / READS
        for name, turn_ns in took_ns.items()
        if name != "empty"
    }


@contextlib.contextmanager
def _shared_memory() -> Iterator[SharedMemory]:
    memory = SharedMemory(create=True, size=64)
    try:
        assert memory.buf is not None, "it was made just now"
        struct.pack_into("3q", memory.buf, 0, *VALUE)
        yield memory
    finally:
        memory.close()
        memory.unlink()


def _database(directory: Path) -> sqlite3.Connection:
    """In a file, as several processes would have it; the pages are in memory all the same."""
    database = sqlite3.connect(directory / "hot.db")
    database.execute("pragma journal_mode = wal")
    database.execute("create table hot (key text primary key, value) without rowid")
    database.execute("insert into hot values ('limit', '[1,2,3]')")
    database.commit()
    return database


@contextlib.contextmanager
def _redis(directory: Path) -> Iterator[Callable[[], bytes]]:
    """Redis from Debian over a Unix socket, asked without a client library: its best case."""
    program, path = program_path("redis-server", "redis-server"), directory / "redis.sock"
    argv = (program, "--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no")
    with running(argv, log=directory / "redis.log"), socket.socket(socket.AF_UNIX) as connection:
        give_up_at_s = time.monotonic() + REDIS_S
        while True:
            try:
                connection.connect(str(path))
                break
            except OSError as error:
                if time.monotonic() > give_up_at_s:
                    raise RigError("redis-server did not come up; see redis.log") from error
                time.sleep(POLL_S)
        connection.sendall(b"SET limit 1,2,3\r\n")
        connection.recv(64)

        def get() -> bytes:
            connection.sendall(b"GET limit\r\n")
            return connection.recv(64)

        assert get() == b"$5\r\n1,2,3\r\n"
        yield get
