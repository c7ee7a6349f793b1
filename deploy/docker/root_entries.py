"""What a root file system holds, read from a directory or from the tar of `docker export`."""

import os
import stat
import tarfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path, PurePosixPath


class Kind(Enum):
    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"
    OTHER = "other"  # a device, a socket, a pipe


@dataclass(frozen=True, slots=True)
class Entry:
    path: PurePosixPath  # from the root, without the first slash
    kind: Kind
    mode: int  # permission bits with set-uid, set-gid and sticky
    uid: int
    gid: int
    size: int  # bytes of a file, 0 of all else
    link: str
    has_capabilities: bool
    read: Callable[[], bytes]

    def __str__(self) -> str:
        return f"/{self.path}"


type Entries = dict[PurePosixPath, Entry]


@contextmanager
def read_root(path: Path) -> Iterator[Entries]:
    """Everything in a root, by its path, readable inside the block; raises `OSError`."""
    with ExitStack() as stack:
        if path.is_dir():
            entries = _from_directory(path)
        else:
            entries = _from_tar(stack.enter_context(tarfile.open(path)))
        yield {entry.path: entry for entry in entries}


def _from_directory(top: Path) -> Iterator[Entry]:
    for where, directories, files in os.walk(top):
        for name in sorted([*directories, *files]):
            path = Path(where, name)
            status = path.lstat()
            kind = _kind(status.st_mode)
            yield Entry(
                path=PurePosixPath(path.relative_to(top)),
                kind=kind,
                mode=stat.S_IMODE(status.st_mode),
                uid=status.st_uid,
                gid=status.st_gid,
                size=status.st_size if kind is Kind.FILE else 0,
                link=str(path.readlink()) if kind is Kind.LINK else "",
                has_capabilities=kind is Kind.FILE and "security.capability" in os.listxattr(path),
                read=path.read_bytes,
            )


def _from_tar(archive: tarfile.TarFile) -> Iterator[Entry]:
    for member in archive:
        if member.name in (".", "/"):
            continue
        kind = _kind_in_tar(member)
        yield Entry(
            path=PurePosixPath(member.name.removeprefix("./").strip("/")),
            kind=kind,
            mode=member.mode,
            uid=member.uid,
            gid=member.gid,
            size=member.size if kind is Kind.FILE else 0,
            link=member.linkname if kind is Kind.LINK else "",
            has_capabilities="SCHILY.xattr.security.capability" in member.pax_headers,
            read=lambda member=member: _content(archive, member),  # type: ignore[misc]
        )


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    return file.read() if file else b""


def _kind(mode: int) -> Kind:
    if stat.S_ISLNK(mode):
        return Kind.LINK
    if stat.S_ISDIR(mode):
        return Kind.DIRECTORY
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER


def _kind_in_tar(member: tarfile.TarInfo) -> Kind:
    if member.issym():
        return Kind.LINK
    if member.isdir():
        return Kind.DIRECTORY
    return Kind.FILE if member.isfile() or member.islnk() else Kind.OTHER
