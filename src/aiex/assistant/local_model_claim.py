"""Which node of this machine runs the model's child: the one that holds the lock.

    <runtime directory>/local-model-<what>.lock     held by the node that runs the child
    <runtime directory>/local-model-<what>.json     where that child answers; the others read it

The kernel lets go of the lock when its holder dies, so a crashed node leaves nothing to clean up.
"""

import fcntl
import os
from hashlib import sha256
from pathlib import Path

import msgspec

from aiex.errors import AiexError
from aiex.private_file import write_private


class LocalAddress(msgspec.Struct, frozen=True):
    """Where a model's child answers. `pid` tells one child from the next."""

    base_url: str
    api_key: str
    pid: int


class RuntimeDirectoryRefused(AiexError):
    """The runtime directory cannot be used."""


class LocalModelClaim:
    """The right to run the child for one set of weights and limits; one holder per user."""

    def __init__(self, directory: Path, what: str) -> None:
        name = f"local-model-{sha256(what.encode()).hexdigest()[:12]}"
        self._directory = directory
        self._lock_file = directory / f"{name}.lock"
        self._address_file = directory / f"{name}.json"
        self._lock: int | None = None

    def take(self) -> bool:
        """Try to become the holder; raises `RuntimeDirectoryRefused`, also for a stranger's one."""
        assert self._lock is None, "a claim is let go before it is taken again"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            # In a shared /tmp somebody else could have made it first, to read the key.
            if self._directory.stat().st_uid != os.getuid():
                raise RuntimeDirectoryRefused(f"{self._directory} belongs to another user")
            lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise RuntimeDirectoryRefused(
                f"{self._directory} cannot be used: {error.strerror}"
            ) from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        return True

    def let_go(self) -> None:
        """Let another node have it. Nothing is left of a child that is gone."""
        if self._lock is not None:
            self._address_file.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    def publish(self, address: LocalAddress) -> None:
        """Tell the other nodes; only the holder may."""
        assert self._lock is not None, "only the holder publishes"
        write_private(self._address_file, msgspec.json.encode(address))

    def published(self) -> LocalAddress | None:
        """What the holder published; None while its child starts."""
        try:
            return msgspec.json.decode(self._address_file.read_bytes(), type=LocalAddress)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
