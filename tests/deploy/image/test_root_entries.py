"""A root is read alike from a directory and from the tar of `docker export`."""

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from deploy.docker.root_entries import Entries, Kind, read_root

DATA = PurePosixPath("var/lib/aiex")


@pytest.fixture
def top(tmp_path: Path) -> Path:
    top = tmp_path / "root"
    (top / "var" / "lib" / "aiex").mkdir(parents=True)
    (top / "var" / "lib" / "aiex").chmod(0o700)
    (top / "bin").mkdir()
    (top / "bin" / "su").write_bytes(b"program")
    (top / "bin" / "su").chmod(0o4755)
    (top / "bin" / "sh").symlink_to("su")
    os.mkfifo(top / "pipe")
    return top


@pytest.fixture(params=["directory", "tar"])
def entries(request: pytest.FixtureRequest, top: Path, tmp_path: Path) -> Iterator[Entries]:
    archive = tmp_path / "root.tar"
    with tarfile.open(archive, "w") as writer:
        writer.add(top, ".")
    with read_root(top if request.param == "directory" else archive) as entries:
        yield entries


def test_files_have_size_mode_and_content(entries: Entries) -> None:
    su = entries[PurePosixPath("bin/su")]
    assert (su.kind, su.size, su.mode) == (Kind.FILE, 7, 0o4755)
    assert su.read() == b"program"
    assert (su.uid, su.gid) == (os.getuid(), os.getgid())
    assert not su.has_capabilities
    assert str(su) == "/bin/su"


def test_links_directories_and_the_rest_are_told_apart(entries: Entries) -> None:
    link, data = entries[PurePosixPath("bin/sh")], entries[DATA]
    assert (link.kind, link.link, link.size) == (Kind.LINK, "su", 0)
    assert (data.kind, data.mode) == (Kind.DIRECTORY, 0o700)
    assert entries[PurePosixPath("pipe")].kind is Kind.OTHER


def test_the_root_itself_is_not_among_them(entries: Entries) -> None:
    assert PurePosixPath() not in entries
    assert PurePosixPath("var/lib") in entries


@pytest.mark.needs_root
def test_capabilities_of_a_file_are_seen(top: Path) -> None:
    # CAP_NET_RAW, as `setcap cap_net_raw+ep` writes it.
    value = bytes.fromhex("0100000200200000000000000000000000000000")
    os.setxattr(top / "bin" / "su", "security.capability", value)
    with read_root(top) as entries:
        assert entries[PurePosixPath("bin/su")].has_capabilities


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="none"), read_root(tmp_path / "none"):
        pass
