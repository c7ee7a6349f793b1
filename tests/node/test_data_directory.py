"""The data directory: one node at a time, private, its mistakes told in a sentence."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiex.errors import DataDirectoryError
from aiex.node import data_path, meeting_path, runtime_path
from aiex.node.data_directory import DataDirectory

NODE: dict[str, Any] = {
    "name": "n1",
    "version": "1.0",
    "api_url": "http://127.0.0.1:8080",
    "admin_url": "http://127.0.0.1:8081",
    "cluster": "aiex",
    "shared_api_url": "http://127.0.0.1:8082",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "one" / "data"


@pytest.fixture
def directory(path: Path) -> Iterator[DataDirectory]:
    directory = DataDirectory(path)
    directory.open()
    yield directory
    directory.close()


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def refusal(path: Path) -> str:
    with pytest.raises(DataDirectoryError) as refused:
        DataDirectory(path).open()
    return str(refused.value)


def test_it_is_made_for_its_owner_alone(path: Path) -> None:
    DataDirectory(path).open()
    assert mode(path) == 0o700
    assert mode(path / "lock") == 0o600


def test_a_second_node_is_told_who_has_it(directory: DataDirectory) -> None:
    assert refusal(directory.path) == (
        f"The data directory {directory.path} is in use by the node with pid {os.getpid()}. "
        "Stop that one, or choose another directory with --data-dir."
    )


def test_a_second_node_leaves_the_first_one_announced(directory: DataDirectory) -> None:
    directory.announce_node(**NODE)
    second = DataDirectory(directory.path)
    with pytest.raises(DataDirectoryError):
        second.open()
    second.close()
    assert (directory.path / "node.json").exists()
    assert "in use" in refusal(directory.path)


def test_once_closed_another_node_may_have_it(directory: DataDirectory) -> None:
    directory.close()
    second = DataDirectory(directory.path)
    second.open()
    second.close()
    second.close()


@pytest.mark.integration
def test_a_node_that_was_killed_lets_go_and_is_forgotten(path: Path) -> None:
    script = (
        "import sys, pathlib, time\n"
        "from aiex.node.data_directory import DataDirectory\n"
        "directory = DataDirectory(pathlib.Path(sys.argv[1]))\n"
        "directory.open()\n"
        f"directory.announce_node(**{NODE!r})\n"
        "print('here', flush=True)\n"
        "time.sleep(99)"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"here\n"
        assert f"pid {other.pid}." in refusal(path)
        other.send_signal(signal.SIGKILL)
        other.wait()
    second = DataDirectory(path)
    second.open()
    assert not (path / "node.json").exists()
    second.close()


@pytest.mark.integration
def test_a_child_of_the_node_does_not_hold_the_lock(directory: DataDirectory) -> None:
    with subprocess.Popen(["sleep", "99"], close_fds=False) as child:
        directory.close()
        second = DataDirectory(directory.path)
        second.open()
        second.close()
        child.kill()


@pytest.mark.parametrize(
    ("below", "reason"), [("file", "File exists"), ("file/data", "Not a directory")]
)
def test_what_cannot_be_a_directory_is_named(tmp_path: Path, below: str, reason: str) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / below
    expected = (
        f"The data directory {path} cannot be used: {reason}. Choose another with --data-dir."
    )
    assert refusal(path) == expected


def test_a_link_laid_as_the_lock_is_not_followed(path: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("content")
    path.mkdir(parents=True)
    (path / "lock").symlink_to(precious)
    assert "cannot be used: Too many levels of symbolic links" in refusal(path)
    assert precious.read_text() == "content"


@pytest.mark.integration
@pytest.mark.parametrize("free_bytes", [0, 4096, 1 << 20])
def test_a_full_disc_is_told_in_numbers(small_disc: Callable[[int], Path], free_bytes: int) -> None:
    disc = small_disc(2 << 20)
    (disc / "other").write_bytes(bytes((2 << 20) - free_bytes))
    told = refusal(disc)
    assert f"The disc of {disc} is full: {free_bytes // 1024:,} KiB free" in told
    assert "16,384 KiB needed" in told


@pytest.mark.integration
def test_a_disc_that_fills_up_later_is_told_too(small_disc: Callable[[int], Path]) -> None:
    directory = DataDirectory(small_disc(32 << 20))
    directory.open()
    with pytest.raises(OSError, match="No space"):
        (directory.path / "other").write_bytes(bytes(33 << 20))
    with pytest.raises(DataDirectoryError, match=r"admin\.token cannot be written: No space"):
        directory.admin_token()
    directory.close()


@pytest.mark.integration
def test_a_read_only_disc_is_named(
    small_disc: Callable[[int], Path], need: Callable[[str, str], str]
) -> None:
    disc = small_disc(32 << 20)
    subprocess.run([need("mount", "mount"), "-o", "remount,ro", str(disc)], check=True)
    for path in (disc, disc / "data"):
        assert "cannot be used: Read-only file system." in refusal(path)


def test_what_cannot_be_forgotten_does_not_hold_up_a_stop(directory: DataDirectory) -> None:
    (directory.path / "node.json" / "in the way").mkdir(parents=True)
    directory.forget_node()
    directory.close()
    second = DataDirectory(directory.path)
    second.open()
    second.close()


def test_the_admin_token_is_made_once_kept_and_private(directory: DataDirectory) -> None:
    token = directory.admin_token()
    assert len(token) >= 40
    assert directory.admin_token() == token
    assert (directory.path / "admin.token").read_text() == token + "\n"
    assert mode(directory.path / "admin.token") == 0o600


def test_each_directory_has_a_token_of_its_own(tmp_path: Path) -> None:
    tokens = set()
    for name in ("a", "b"):
        directory = DataDirectory(tmp_path / name)
        directory.open()
        tokens.add(directory.admin_token())
        directory.close()
    assert len(tokens) == 2


def test_a_token_that_others_could_read_is_hidden_from_them(directory: DataDirectory) -> None:
    file = directory.path / "admin.token"
    file.write_text("chosen\n")
    file.chmod(0o644)
    assert directory.admin_token() == "chosen"
    assert mode(file) == 0o600


def test_a_token_may_be_a_link_to_a_mounted_secret(
    directory: DataDirectory, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mounted")
    (directory.path / "admin.token").symlink_to(tmp_path / "secret")
    assert directory.admin_token() == "mounted"


@pytest.mark.parametrize("content", ["", "\n", "  \n"])
def test_an_empty_token_is_none_and_made_anew(directory: DataDirectory, content: str) -> None:
    (directory.path / "admin.token").write_text(content)
    assert len(directory.admin_token()) >= 40


def test_a_broken_token_is_told_and_not_replaced(directory: DataDirectory) -> None:
    file = directory.path / "admin.token"
    file.write_bytes(b"\xff\x00")
    with pytest.raises(DataDirectoryError, match="is no plain text"):
        directory.admin_token()
    file.unlink()
    file.mkdir()
    with pytest.raises(DataDirectoryError, match="cannot be read: Is a directory"):
        directory.admin_token()


def test_a_node_is_announced_privately_and_forgotten_when_it_closes(
    directory: DataDirectory,
) -> None:
    directory.announce_node(**NODE)
    file = directory.path / "node.json"
    announced = json.loads(file.read_text())
    assert announced.pop("started_at").endswith("+00:00")
    assert announced == {**NODE, "pid": os.getpid()}
    assert mode(file) == 0o600
    directory.close()
    assert not file.exists()


def test_forgetting_twice_is_no_mistake(directory: DataDirectory) -> None:
    directory.forget_node()
    directory.forget_node()
    directory.announce_node(**NODE)
    assert (directory.path / "node.json").exists()


def test_the_directory_is_as_set_else_under_the_data_home_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert data_path("/var/lib/aiex", "n1", "/ignored") == Path("/var/lib/aiex")
    assert data_path("~/data", "n1", "") == tmp_path / "data"
    assert data_path("data", "n1", "") == tmp_path / "data"
    assert data_path("", "n1", "/xdg") == Path("/xdg/aiex/n1")
    assert data_path("", "n1", "") == tmp_path / ".local/share/aiex/n1"


def test_nodes_of_one_machine_meet_below_the_data_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert meeting_path("team", "/xdg") == Path("/xdg/aiex/clusters/team")
    assert meeting_path("aiex", "") == tmp_path / ".local/share/aiex/clusters/aiex"


def test_nodes_of_a_user_meet_in_the_runtime_directory() -> None:
    assert runtime_path("/run/user/7") == Path("/run/user/7/aiex")
    assert runtime_path("") == Path(f"/tmp/aiex-{os.getuid()}")
