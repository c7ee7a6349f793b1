"""The node's own directory: one node at a time, private, with what others need to find the node."""

import contextlib
import fcntl
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from aiex.errors import DataDirectoryError
from aiex.private_file import write_private

# A node that starts with less than this would fail at its first write to the engine.
FREE_BYTES_MIN = 16 * 1024 * 1024
OTHERS = stat.S_IRWXG | stat.S_IRWXO
# Says that the node left its cluster and is not to be started again; gone with its next start.
LEFT_FILE = "left"


class NodeFile(msgspec.Struct, frozen=True):
    """What `node.json` tells the command line of a running node."""

    name: str
    pid: int
    api_url: str
    admin_url: str
    version: str
    started_at: str
    cluster: str = ""  # equal for the nodes of one cluster; empty for a node that forms none
    shared_api_url: str = ""  # answered by any node that shares the port


class DataDirectory:
    """A directory held by one node for as long as it lives (`flock`, so a crash lets go)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def open(self) -> None:
        """Create, check and lock it; raises `DataDirectoryError` in one sentence."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._check_room()
            self._lock = self._taken_lock()
        except OSError as error:
            raise DataDirectoryError(
                f"The data directory {self.path} cannot be used: {error.strerror}. "
                "Choose another with --data-dir."
            ) from error
        self.forget_node()  # one that crashed told of itself here
        with contextlib.suppress(OSError):
            (self.path / LEFT_FILE).unlink(missing_ok=True)

    def close(self) -> None:
        """Let another node have it."""
        if self._lock is not None:
            self.forget_node()
            os.close(self._lock)
            self._lock = None

    def admin_token(self) -> str:
        """The token made at the first start and kept since; only the owner may read it."""
        file = self.path / "admin.token"
        try:
            token = file.read_text("ascii").strip()
            self._hide(file)
        except FileNotFoundError:
            token = ""
        except OSError as error:
            raise DataDirectoryError(
                f"The admin token in {file} cannot be read: {error.strerror}. Give it to this "
                "user, or delete it; a new one is made."
            ) from error
        except UnicodeDecodeError as error:
            raise DataDirectoryError(
                f"The admin token in {file} is no plain text. Delete the file; a new one is made."
            ) from error
        if not token:
            token = secrets.token_urlsafe(32)
            self._write("admin.token", token.encode() + b"\n")
        return token

    def announce_node(
        self,
        *,
        name: str,
        version: str,
        api_url: str,
        admin_url: str,
        cluster: str = "",
        shared_api_url: str = "",
    ) -> None:
        """Write `node.json`, by which the command line finds this node."""
        started_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        node = NodeFile(
            name, os.getpid(), api_url, admin_url, version, started_at, cluster, shared_api_url
        )
        self._write("node.json", msgspec.json.encode(node))

    def forget_node(self) -> None:
        """Remove `node.json`: nobody answers here any more."""
        # On a disc that became read-only the stop goes on; whoever reads the file checks the pid.
        with contextlib.suppress(OSError):
            (self.path / "node.json").unlink(missing_ok=True)

    def _hide(self, file: Path) -> None:
        if stat.S_IMODE(file.stat().st_mode) & OTHERS:
            # It is another's where a volume's owner changed; then its mode is theirs to choose.
            with contextlib.suppress(PermissionError):
                file.chmod(0o600)

    def _write(self, name: str, content: bytes) -> None:
        try:
            write_private(self.path / name, content)
        except OSError as error:
            raise DataDirectoryError(
                f"{self.path / name} cannot be written: {error.strerror}. Mend that, or choose "
                "another data directory with --data-dir."
            ) from error

    def _taken_lock(self) -> int:
        """The descriptor that holds the lock, with our pid in the file for those who come late."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        lock = os.open(self.path / "lock", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        except BlockingIOError as error:
            holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise DataDirectoryError(
                f"The data directory {self.path} is in use by the node with pid {holder}. "
                "Stop that one, or choose another directory with --data-dir."
            ) from error
        except OSError:
            os.close(lock)
            raise
        return lock

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
    return _data_home(environment_data_home) / node_name


def meeting_path(cluster: str, environment_data_home: str) -> Path:
    """Where this user's nodes of one cluster on this machine meet; it survives a reboot."""
    return _data_home(environment_data_home) / "clusters" / cluster


def runtime_path(environment_runtime_dir: str) -> Path:
    """Where this user's nodes on this machine meet; gone after a reboot."""
    if environment_runtime_dir:
        return Path(environment_runtime_dir) / "aiex"
    return Path("/tmp") / f"aiex-{os.getuid()}"  # noqa: S108 - its owner is checked before use


def _data_home(environment_data_home: str) -> Path:
    home = Path(environment_data_home) if environment_data_home else _home() / ".local" / "share"
    return home / "aiex"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # No HOME and no entry for this user, as in a container with a bare numeric id.
        return Path("/tmp")  # noqa: S108 - private by mode 0700 on what is made below it
