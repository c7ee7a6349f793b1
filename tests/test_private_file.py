"""Private files: for their owner alone, whole or not at all."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.private_file import write_private


def mode(file: Path) -> int:
    return stat.S_IMODE(file.lstat().st_mode)


@given(st.binary())
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "private"
    write_private(file, content)
    assert file.read_bytes() == content


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_only_the_owner_may_read_it_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    file = tmp_path / "private"
    before = os.umask(umask)
    try:
        write_private(file, b"secret")
    finally:
        os.umask(before)
    assert mode(file) == 0o600


def test_an_old_file_that_others_could_read_becomes_private(tmp_path: Path) -> None:
    file = tmp_path / "private"
    file.write_bytes(b"old")
    file.chmod(0o644)
    write_private(file, b"new")
    assert (file.read_bytes(), mode(file)) == (b"new", 0o600)


def test_whoever_has_the_old_file_open_reads_the_old_one_whole(tmp_path: Path) -> None:
    file = tmp_path / "private"
    write_private(file, b"old")
    with file.open("rb") as reader:
        write_private(file, b"new, and longer")
        assert reader.read() == b"old"


def test_a_link_is_replaced_and_what_it_led_to_is_untouched(tmp_path: Path) -> None:
    target, file = tmp_path / "target", tmp_path / "private"
    target.write_bytes(b"another's")
    file.symlink_to(target)
    write_private(file, b"secret")
    assert target.read_bytes() == b"another's"
    assert not file.is_symlink()
    assert file.read_bytes() == b"secret"


def test_a_link_laid_where_the_draft_goes_gets_nothing(tmp_path: Path) -> None:
    target, file = tmp_path / "target", tmp_path / "private"
    (tmp_path / f".private.{os.getpid()}").symlink_to(target)
    write_private(file, b"secret")
    assert not target.exists()
    assert (file.read_bytes(), mode(file)) == (b"secret", 0o600)


def test_a_draft_that_others_can_read_and_a_crash_left_behind_is_not_written_into(
    tmp_path: Path,
) -> None:
    draft, file = tmp_path / f".private.{os.getpid()}", tmp_path / "private"
    draft.write_bytes(b"half")
    draft.chmod(0o644)
    write_private(file, b"secret")
    assert (file.read_bytes(), mode(file)) == (b"secret", 0o600)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "private"
    file.mkdir()
    (file / "inside").touch()
    with pytest.raises(OSError, match="directory"):
        write_private(file, b"secret")
    assert list(tmp_path.iterdir()) == [file]
    assert (file / "inside").exists()


def test_a_missing_directory_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_private(tmp_path / "no" / "private", b"secret")
    assert list(tmp_path.iterdir()) == []
