"""The right to run the model: one holder, an address for the others, nothing left by the dead."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiex.assistant.local_model_claim import (
    LocalAddress,
    LocalModelClaim,
    RuntimeDirectoryRefused,
)

HERE = LocalAddress("http://127.0.0.1:1/v1", "secret", 7)
# A node that holds the claim until it is killed, and is as silent about it as the kernel is.
HOLDER = """
import sys
from pathlib import Path
from aiex.assistant.local_model_claim import LocalAddress, LocalModelClaim
claim = LocalModelClaim(Path(sys.argv[1]), "what")
assert claim.take()
claim.publish(LocalAddress("http://127.0.0.1:1/v1", "secret", 7))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "run" / "aiex"


@pytest.fixture
def holder(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Another process with the claim."""
    command = [sys.executable, "-c", HOLDER, str(directory)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_one_of_two_holds_it(directory: Path) -> None:
    first, second = LocalModelClaim(directory, "what"), LocalModelClaim(directory, "what")
    assert first.take()
    assert not second.take()
    first.let_go()
    assert second.take()
    second.let_go()


def test_claims_on_different_models_do_not_meet(directory: Path) -> None:
    first, second = LocalModelClaim(directory, "one"), LocalModelClaim(directory, "another")
    assert first.take()
    assert second.take()
    first.publish(HERE)
    assert second.published() is None
    first.let_go()
    second.let_go()


def test_what_the_holder_publishes_the_others_read_until_it_lets_go(directory: Path) -> None:
    holder, other = LocalModelClaim(directory, "what"), LocalModelClaim(directory, "what")
    assert other.published() is None
    assert holder.take()
    holder.publish(HERE)
    assert other.published() == HERE
    holder.let_go()
    assert other.published() is None


def test_the_key_is_for_nobody_else(directory: Path) -> None:
    claim = LocalModelClaim(directory, "what")
    assert claim.take()
    claim.publish(HERE)
    assert directory.stat().st_mode & 0o777 == 0o700
    modes = {file.stat().st_mode & 0o777 for file in directory.iterdir()}
    claim.let_go()
    assert modes == {0o600}


def test_letting_go_of_nothing_is_nothing(directory: Path) -> None:
    LocalModelClaim(directory, "what").let_go()
    assert not directory.exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"base_url":1}', b'{"base_url":"\xff"}'])
def test_a_broken_address_is_none(directory: Path, content: bytes) -> None:
    claim = LocalModelClaim(directory, "what")
    assert claim.take()
    claim.publish(HERE)
    (published,) = directory.glob("*.json")
    published.write_bytes(content)
    assert claim.published() is None
    claim.let_go()


@pytest.mark.integration
def test_a_process_that_holds_it_keeps_others_out(
    directory: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    claim = LocalModelClaim(directory, "what")
    assert not claim.take()
    assert claim.published() == HERE


@pytest.mark.integration
def test_kill_9_of_the_holder_leaves_the_claim_to_the_next(
    directory: Path, holder: "subprocess.Popen[bytes]"
) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    claim = LocalModelClaim(directory, "what")
    assert claim.take()
    fresh = LocalAddress("http://127.0.0.1:2/v1", "another", 8)
    claim.publish(fresh)
    assert LocalModelClaim(directory, "what").published() == fresh
    claim.let_go()


def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    directory = Path("/")
    if os.getuid() == 0:
        directory = tmp_path
        os.chown(directory, 1, 1)
    with pytest.raises(RuntimeDirectoryRefused, match="belongs to another user"):
        LocalModelClaim(directory, "what").take()


def test_a_directory_that_is_none_is_refused_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RuntimeDirectoryRefused, match="cannot be used: Not a directory"):
        LocalModelClaim(tmp_path / "file" / "aiex", "what").take()


def test_a_lock_that_points_elsewhere_is_not_followed(directory: Path, tmp_path: Path) -> None:
    claim = LocalModelClaim(directory, "what")
    assert claim.take()
    claim.let_go()
    (lock,) = directory.glob("*.lock")
    lock.unlink()
    lock.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RuntimeDirectoryRefused):
        claim.take()
    assert not (tmp_path / "elsewhere").exists()
