"""The node's own directory: one node at a time, private, with what others need to find the node."""

import fcntl
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from aiex.errors import DataDirectoryError
from aiex.private_file import write_private

# A node that starts with less than this would fail at its first write to the engine.
FREE_BYTES_MIN = 16 * 1024 * 1024


class NodeFile(msgspec.Struct, frozen=True):
    """What `node.json` tells the command line of a running node."""

    name: str
    pid: int
    api_url: str
    admin_url: str
    version: str
    started_at: str


class DataDirectory:
    """A directory held by one node for as long as it lives (`flock`, so a crash lets go)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Create, check and lock it; raises `DataDirectoryError` in one sentence."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirectoryError(
                f"The data directory {self.path} cannot be used: {error.strerror}. "
                "Choose another with --data-dir."
            ) from error
        self._take_lock()
        self._check_room()

    def close(self) -> None:
        """Let another node have it."""
        self.forget_node()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def admin_token(self) -> str:
        """The token made at the first start and kept since."""
        file = self.path / "admin.token"
        try:
            token = file.read_text().strip()
        except FileNotFoundError:
            token = ""
        except OSError as error:
            raise DataDirectoryError(
                f"The admin token in {file} cannot be read: {error.strerror}."
            ) from error
        if not token:
            token = secrets.token_urlsafe(32)
            write_private(file, token.encode() + b"\n")
        return token

    def announce_node(self, *, name: str, version: str, api_url: str, admin_url: str) -> None:
        """Write `node.json`, by which the command line finds this node."""
        started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        node = NodeFile(name, os.getpid(), api_url, admin_url, version, started_at)
        write_private(self.path / "node.json", msgspec.json.encode(node))

    def forget_node(self) -> None:
        """Remove `node.json`: nobody answers here any more."""
        (self.path / "node.json").unlink(missing_ok=True)

    def _take_lock(self) -> None:
        assert self._lock is not None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DataDirectoryError(
                f"The data directory {self.path} is in use by the node with pid {holder}. "
                "Stop that one, or choose another directory with --data-dir."
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)

    def _check_room(self) -> None:
        disc = os.statvfs(self.path)
        free_bytes = disc.f_bavail * disc.f_frsize
        if free_bytes < FREE_BYTES_MIN:
            raise DataDirectoryError(
                f"The disc of {self.path} is full: {free_bytes // 1024:,} KiB free, "
                f"{FREE_BYTES_MIN // 1024:,} KiB needed. Free some, or choose another with "
                "--data-dir."
            )


def data_path(setting: str, node_name: str, environment_data_home: str) -> Path:
    """Where a node's directory is: as set, else under the XDG data home, else under the home."""
    if setting:
        return Path(setting).expanduser().absolute()
    home = Path(environment_data_home) if environment_data_home else _home() / ".local" / "share"
    return home / "aiex" / node_name


def runtime_path(environment_runtime_dir: str) -> Path:
    """Where this user's nodes on this machine meet; gone after a reboot."""
    if environment_runtime_dir:
        return Path(environment_runtime_dir) / "aiex"
    return Path("/tmp") / f"aiex-{os.getuid()}"  # noqa: S108 - its owner is checked before use


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # No HOME and no entry for this user, as in a container with a bare numeric id.
        return Path("/tmp")  # noqa: S108 - private by mode 0700 on what is made below it
