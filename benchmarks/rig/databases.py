"""PostgreSQL and Redis from Debian, on free ports of loopback, every write durable on disc."""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.errors import RigError
from rig.gateways import LOG_TAIL, free_port
from rig.processes import program_path, running

READY_S = 30.0
POLL_S = 0.01
# PostgreSQL refuses to run as root.
UNPRIVILEGED = "nobody"
POSTGRES = Path("/usr/lib/postgresql")
CONNECTIONS_MAX = 200


@dataclass(frozen=True, slots=True)
class Database:
    """`package` on PyPI has its client; `program` is the file of the rig that writes to it."""

    name: str
    package: str
    extra: str
    program: str
    server: Callable[[Path], contextlib.AbstractContextManager[int]]
    version: Callable[[], str]


@contextlib.contextmanager
def postgres(directory: Path) -> Iterator[int]:
    """A server of a new database, its port; `directory` is on the disc that counts."""
    programs = _postgres_programs()
    data, port = directory / "data", free_port()
    data.mkdir(parents=True)
    as_other = _unprivileged(directory)
    initdb = [*as_other, str(programs / "initdb"), "-D", str(data), "-U", "postgres"]
    _run([*initdb, "-A", "trust", "--no-locale", "-E", "UTF8"], directory)
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": "",
        "max_connections": CONNECTIONS_MAX,
        "fsync": "on",
        "synchronous_commit": "on",
    }
    flags = [f"--{name}={value}" for name, value in settings.items()]
    command = [*as_other, str(programs / "postgres"), "-D", str(data), *flags]
    with running(command, log=directory / "server.log") as process:
        _await_port(process, port, directory / "server.log")
        yield port


@contextlib.contextmanager
def redis(directory: Path) -> Iterator[int]:
    """A server of an empty database, its port."""
    directory.mkdir(parents=True)
    port = free_port()
    settings = {
        "bind": "127.0.0.1",
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "save": "",
    }
    flags = [word for name, value in settings.items() for word in (f"--{name}", value)]
    log = directory / "server.log"
    with running([program_path("redis-server", "redis-server"), *flags], log=log) as process:
        _await_port(process, port, log)
        yield port


def postgres_version() -> str:
    return _version([str(_postgres_programs() / "postgres"), "--version"])


def redis_version() -> str:
    return _version([program_path("redis-server", "redis-server"), "--version"])


DATABASES = (
    Database("postgresql", "asyncpg", "", "peer_postgres.py", postgres, postgres_version),
    Database("redis", "redis", "[hiredis]", "peer_redis.py", redis, redis_version),
)


def newest(directories: Sequence[Path]) -> Path | None:
    """The one whose name is the largest number."""
    numbered = [one for one in directories if one.name.isdigit()]
    return max(numbered, key=lambda one: int(one.name), default=None)


def version_in(text: str) -> str:
    """The first thing in a program's words that looks like a version."""
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else text.strip()


def _postgres_programs() -> Path:
    found = newest(list(POSTGRES.iterdir()) if POSTGRES.exists() else [])
    if found is None or not (found / "bin" / "postgres").exists():
        raise RigError("PostgreSQL is not on this machine: apt-get install postgresql")
    return found / "bin"


def _unprivileged(directory: Path) -> list[str]:
    """What to put before a command so that it does not run as root; it gets the directory."""
    if os.geteuid() != 0:
        return []
    other = pwd.getpwnam(UNPRIVILEGED)
    for path in (directory, *directory.rglob("*")):
        os.chown(path, other.pw_uid, other.pw_gid)
    setpriv = shutil.which("setpriv") or "setpriv"
    return [setpriv, f"--reuid={other.pw_uid}", f"--regid={other.pw_gid}", "--clear-groups"]


def _run(command: Sequence[str], directory: Path) -> None:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, timeout=READY_S
    )
    if done.returncode:
        raise RigError(f"`{' '.join(command)}` failed: {done.stderr[-LOG_TAIL:]}")


def _await_port(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up_at_s = time.monotonic() + READY_S
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        if process.poll() is not None or time.monotonic() > give_up_at_s:
            raise RigError(f"the server is not ready:\n{log.read_text(errors='replace')}")
        time.sleep(POLL_S)


def _version(command: Sequence[str]) -> str:
    return version_in(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
