"""The directory in which the nodes of one user on one machine meet.

    <data home>/clusters/<cluster>/       0700
    ├── lock                              held while something here is changed
    ├── secret                            the cluster's, made once, 0600
    ├── carriers.json                     who carries the engine; replaced whole
    └── nodes/<name>.lock                 held by that node for as long as it lives

Every change is one file replaced under the lock, so a crash leaves the old state or the new one,
and the kernel lets go of the locks of those who died. Nobody else's directory is used, and no file
of it is followed to another place. The directory has to be on a disc of this machine: nodes of
several machines that share a home would take each other for neighbours.
"""

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from aiex.engine import CarrierAddress
from aiex.errors import AiexError, StartError
from aiex.private_file import write_private
from aiex.settings import is_loopback

FILE_BYTES_MAX = 64 * 1024
SECRET_LEN_MIN = 16
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class MeetingRefused(AiexError):
    """The directory where the nodes of this machine meet cannot be used."""


class NameTaken(MeetingRefused):
    """Another node of this name is there."""


class MeetingBusy(AiexError):
    """Another node changes something there."""


class Carriers(msgspec.Struct, frozen=True):
    """What `carriers.json` says. The cluster begins once `wanted_count` are there.

    `epoch` is that of the charter it was copied from, 0 for the list that nodes entered themselves.
    `spares` may carry and do not: where they would, so that no two of them choose the same ports.
    """

    wanted_count: Literal[1, 3, 5]
    carriers: Annotated[tuple[CarrierAddress, ...], msgspec.Meta(max_length=5)] = ()
    epoch: Annotated[int, msgspec.Meta(ge=0)] = 0
    spares: tuple[CarrierAddress, ...] = ()

    @property
    def is_full(self) -> bool:
        return self.epoch > 0 or len(self.carriers) >= self.wanted_count


class Meeting:
    """One node's access to the directory. Every method raises `MeetingRefused` with why."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._own_lock: int | None = None

    def open(self) -> None:
        """Make the directory, or check that it is private and ours."""
        try:
            for one in (self.directory, self.directory / "nodes"):
                one.mkdir(mode=0o700, parents=True, exist_ok=True)
                found = one.lstat()
                if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
                    raise MeetingRefused(f"{one} is not a directory of this user's")
                if stat.S_IMODE(found.st_mode) & OTHERS:
                    one.chmod(0o700)
        except OSError as error:
            raise _refused(self.directory, error) from error

    def be_there(self, name: str) -> None:
        """Hold the node's own lock until `leave`, so that others see it is alive.

        Not inside `alone`, which this takes itself: who looks whether a node is alive holds that
        node's lock for a moment, and would be taken for another one of its name.
        """
        if self._own_lock is None:
            with self.alone():
                self._own_lock = self._taken(name)

    def _taken(self, name: str) -> int:
        file = self._lock_file(name)
        lock = _opened(file)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise NameTaken(
                f"a node called {name} is in this cluster already; choose another name (--name)"
            ) from None
        except OSError as error:
            os.close(lock)
            raise _refused(file, error) from error
        return lock

    def leave(self) -> None:
        """Let go of the node's own lock."""
        if self._own_lock is not None:
            os.close(self._own_lock)
            self._own_lock = None

    def is_there(self, name: str) -> bool:
        """Whether that node is alive: it holds its lock. Only inside `alone`."""
        lock = _opened(self._lock_file(name))
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            raise _refused(self._lock_file(name), error) from error
        finally:
            os.close(lock)
        return False

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes anything inside this block; raises `MeetingBusy` at once if not."""
        lock = _opened(self.directory / "lock")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise MeetingBusy from None
        except OSError as error:
            os.close(lock)
            raise _refused(self.directory / "lock", error) from error
        try:
            yield
        finally:
            os.close(lock)

    def carriers(self) -> Carriers | None:
        """Who carries the engine; None before anybody came."""
        file = self.directory / "carriers.json"
        content = _content(file)
        if content is None:
            return None
        try:
            carriers = msgspec.json.decode(content, type=Carriers)
            _check(carriers)
        except (ValueError, msgspec.DecodeError) as error:  # msgspec's is no ValueError for bytes
            raise MeetingRefused(
                f"{file} is not understood ({error}). A running node of the cluster mends it; if "
                "none runs that was in it before, delete the file"
            ) from error
        return carriers

    def write_carriers(self, carriers: Carriers) -> None:
        """Replace what `carriers` says; only inside `alone`."""
        file = self.directory / "carriers.json"
        try:
            write_private(file, msgspec.json.encode(carriers))
        except OSError as error:
            raise _refused(file, error) from error

    def _lock_file(self, name: str) -> Path:
        # A name may be anything; a file's may not.
        is_plain = name.replace("-", "").isalnum() and name.isascii() and len(name) < 100
        stem = name if is_plain else sha256(name.encode()).hexdigest()[:32]
        return self.directory / "nodes" / f"{stem}.lock"


def meeting_secret(directory: Path) -> str:
    """The cluster's secret, made by whoever comes first; raises `StartError` in one sentence."""
    try:
        Meeting(directory).open()
        return _secret(directory / "secret")
    except MeetingRefused as error:
        raise StartError(f"The cluster's secret cannot be had: {error}.") from error


def _secret(file: Path) -> str:
    content = _content(file)
    if content is None:
        _put_if_absent(file, secrets.token_urlsafe(32).encode() + b"\n")
        content = _content(file) or b""
    text = content.decode("ascii", errors="replace").strip()
    if len(text) < SECRET_LEN_MIN or not text.isprintable() or not text.isascii():
        raise MeetingRefused(
            f"{file} holds no secret; delete it while no node of the cluster runs, and a new one "
            "is made"
        )
    return text


def _put_if_absent(file: Path, content: bytes) -> None:
    """Whoever links first wins, and nobody ever sees a part of it."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    try:
        write_private(draft, content)
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
    except OSError as error:
        raise _refused(file, error) from error
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def _content(file: Path) -> bytes | None:
    """What a file of ours holds; None when there is none."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _refused(file, error) from error
    with os.fdopen(descriptor, "rb") as content:
        try:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
                raise MeetingRefused(f"{file} is not a file of this user's")
            if stat.S_IMODE(found.st_mode) & OTHERS:
                os.fchmod(descriptor, 0o600)
            if found.st_size > FILE_BYTES_MAX:
                raise MeetingRefused(f"{file} is larger than Aiex writes it; delete it")
            return content.read(FILE_BYTES_MAX)
        except OSError as error:
            raise _refused(file, error) from error


def _opened(file: Path) -> int:
    """A file to lock."""
    # Nothing is written to it, so that it can be had on a disc that is full or read-only.
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(file, flags, 0o600)
    except OSError as error:
        raise _refused(file, error) from error


def _check(carriers: Carriers) -> None:
    """Raises `ValueError` with what nobody here would have written."""
    if carriers.epoch == 0 and len(carriers.carriers) > carriers.wanted_count:
        raise ValueError("more carriers than wanted")
    for field in ("name", "host"):
        if any(not getattr(one, field) for one in carriers.carriers):
            raise ValueError(f"a carrier without a {field}")
    if len({one.name for one in carriers.carriers}) < len(carriers.carriers):
        raise ValueError("a carrier is there twice")
    for one in carriers.carriers:
        if not is_loopback(one.host):
            raise ValueError(f"{one.name} is on another machine")
        if not all(0 < port < 65536 for port in (one.route_port, one.client_port)):
            raise ValueError(f"{one.name} has a port that is none")


def _refused(file: Path, error: OSError) -> MeetingRefused:
    return MeetingRefused(f"{file} cannot be used: {error.strerror}")
