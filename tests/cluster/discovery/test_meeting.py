"""The directory in which nodes of one machine meet: private, whole after a crash, suspicious."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from aiex.cluster import Meeting, meeting_secret
from aiex.cluster.discovery.meeting import (
    FILE_BYTES_MAX,
    Carriers,
    MeetingBusy,
    MeetingRefused,
    NameTaken,
)
from aiex.engine import CarrierAddress
from aiex.errors import StartError

A, B, C, D = (CarrierAddress(name, "127.0.0.1", 1, 2) for name in "abcd")


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    one = Meeting(tmp_path / "clusters" / "aiex")
    one.open()
    return one


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_is_private_whatever_it_was(meeting: Meeting, tmp_path: Path) -> None:
    meeting_secret(meeting.directory)
    with meeting.alone():
        meeting.write_carriers(Carriers(3))
    meeting.be_there("a")
    for path in meeting.directory.rglob("*"):
        assert mode(path) == (0o700 if path.is_dir() else 0o600), path
        path.chmod(0o777)
    meeting.directory.chmod(0o755)
    again = Meeting(meeting.directory)
    again.open()
    again.carriers()
    meeting_secret(meeting.directory)
    private = [meeting.directory, meeting.directory / "nodes"]
    private += [meeting.directory / name for name in ("carriers.json", "secret")]
    assert not [path for path in private if mode(path) & 0o077]
    meeting.leave()


def test_what_one_writes_the_others_read(meeting: Meeting) -> None:
    assert meeting.carriers() is None
    with meeting.alone():
        meeting.write_carriers(Carriers(3, (A, B)))
    assert Meeting(meeting.directory).carriers() == Carriers(3, (A, B))


def test_one_changes_it_at_a_time_and_nobody_waits(meeting: Meeting) -> None:
    other = Meeting(meeting.directory)
    with meeting.alone(), pytest.raises(MeetingBusy), other.alone():
        pass
    with other.alone():
        pass


def test_who_is_there_is_seen_until_it_leaves(meeting: Meeting) -> None:
    other = Meeting(meeting.directory)
    assert not other.is_there("a")
    meeting.be_there("a")
    meeting.be_there("a")
    assert other.is_there("a")
    with pytest.raises(NameTaken, match="choose another name"):
        other.be_there("a")
    meeting.leave()
    meeting.leave()
    assert not other.is_there("a")


@pytest.mark.parametrize("name", ["../../a", "a/b", ".", "", "ä", "x" * 300, "a\0b"])
def test_no_name_leads_out_of_the_directory(meeting: Meeting, name: str, tmp_path: Path) -> None:
    meeting.be_there(name)
    assert Meeting(meeting.directory).is_there(name)
    assert [path for path in tmp_path.rglob("*.lock") if path.parent.name != "nodes"] == []
    meeting.leave()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"wanted_count": 2}',
        b'{"wanted_count": 3, "epoch": -1}',
        b'{"wanted_count": 3, "carriers": [{"name": "a"}]}',
    ],
)
def test_a_broken_list_is_told_and_not_taken_for_none(meeting: Meeting, content: bytes) -> None:
    (meeting.directory / "carriers.json").write_bytes(content)
    with pytest.raises(MeetingRefused, match="delete the file"):
        meeting.carriers()


@pytest.mark.parametrize(
    "carriers",
    [
        Carriers(1, (A, B)),
        Carriers(3, (A, A)),
        Carriers(3, (CarrierAddress("", "127.0.0.1", 1, 2),)),
        Carriers(3, (CarrierAddress("a", "10.0.0.1", 1, 2),)),
        Carriers(3, (CarrierAddress("a", "127.0.0.1", 0, 2),)),
        Carriers(3, (CarrierAddress("a", "127.0.0.1", 1, 65536),)),
    ],
)
def test_a_list_that_no_node_would_write_is_told(meeting: Meeting, carriers: Carriers) -> None:
    meeting.write_carriers(carriers)
    with pytest.raises(MeetingRefused, match="is not understood"):
        meeting.carriers()


def test_a_list_from_a_charter_may_have_more_or_fewer_than_was_wanted(meeting: Meeting) -> None:
    for carriers in (Carriers(1, (A, B, C), epoch=2), Carriers(3, (D,), epoch=3)):
        meeting.write_carriers(carriers)
        assert meeting.carriers() == carriers
        assert carriers.is_full


def test_a_file_grown_large_is_not_read(meeting: Meeting) -> None:
    (meeting.directory / "carriers.json").write_bytes(b" " * (FILE_BYTES_MAX + 1))
    with pytest.raises(MeetingRefused, match="larger"):
        meeting.carriers()


@pytest.mark.parametrize("name", ["carriers.json", "secret", "lock", "nodes/a.lock"])
def test_a_link_to_another_place_is_not_followed(
    meeting: Meeting, name: str, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("mine")
    (meeting.directory / name).symlink_to(elsewhere)
    reads: dict[str, Callable[[], object]] = {
        "carriers.json": meeting.carriers,
        "secret": lambda: meeting_secret(meeting.directory),
        "lock": lambda: meeting.alone().__enter__(),
        "nodes/a.lock": lambda: meeting.be_there("a"),
    }
    with pytest.raises((MeetingRefused, StartError)):
        reads[name]()
    assert elsewhere.read_text() == "mine"


def test_a_pipe_in_place_of_a_file_does_not_hang_it(meeting: Meeting) -> None:
    os.mkfifo(meeting.directory / "carriers.json")
    with pytest.raises(MeetingRefused, match="not a file"):
        meeting.carriers()


def test_a_directory_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").write_text("")
    for name in ("link", "file", "file/below"):
        with pytest.raises(MeetingRefused, match=name):
            Meeting(tmp_path / name).open()


@pytest.mark.platform_specific
@pytest.mark.needs_root
def test_a_directory_or_file_of_another_user_is_refused(meeting: Meeting) -> None:
    with meeting.alone():
        meeting.write_carriers(Carriers(3))
    os.chown(meeting.directory / "carriers.json", 12345, -1)
    with pytest.raises(MeetingRefused, match="not a file of this user's"):
        meeting.carriers()
    os.chown(meeting.directory, 12345, -1)
    with pytest.raises(MeetingRefused, match="not a directory of this user's"):
        Meeting(meeting.directory).open()


def test_the_secret_is_made_once_and_the_same_for_all(tmp_path: Path) -> None:
    secrets = {meeting_secret(tmp_path / "a") for _ in range(3)}
    assert len(secrets) == 1
    assert len(secrets.pop()) > 30
    assert meeting_secret(tmp_path / "b") != meeting_secret(tmp_path / "a")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["nodes", "secret"]


@pytest.mark.integration
def test_processes_that_make_the_secret_at_once_get_the_same(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from aiex.cluster import meeting_secret;"
        "sys.stdin.read(); print(meeting_secret(Path(sys.argv[1])))"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "meeting")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
    said = set()
    for process in running:
        assert process.stdout is not None
        said.add(process.stdout.read())
        process.stdout.close()
        process.wait(20)
    assert len(said) == 1
    assert len(said.pop()) > 30


@pytest.mark.integration
def test_a_node_killed_while_it_writes_leaves_the_old_list_or_the_new_one(meeting: Meeting) -> None:
    script = (
        "import sys; from pathlib import Path; from aiex.cluster.discovery.meeting import *;"
        "meeting = Meeting(Path(sys.argv[1])); lock = meeting.alone(); lock.__enter__();"
        "own = CarrierAddress('a', '127.0.0.1', 1, 2); print(flush=True);"
        "[meeting.write_carriers(Carriers(3, (own,), epoch)) for epoch in range(10**6)]"
    )
    for turn in range(5):
        argv = [sys.executable, "-c", script, str(meeting.directory)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            with pytest.raises(MeetingBusy), meeting.alone():
                pass
            read = [meeting.carriers() for _ in range(20 * turn)]
            writer.kill()
        with meeting.alone():
            found = meeting.carriers()
        assert all(one is None or one.carriers == (A,) for one in [*read, found])


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 40])
def test_what_is_no_secret_is_told(meeting: Meeting, content: bytes) -> None:
    (meeting.directory / "secret").write_bytes(content)
    with pytest.raises(StartError, match="holds no secret; delete it"):
        meeting_secret(meeting.directory)


@pytest.mark.platform_specific
def test_a_full_disc_is_told_and_nothing_is_half_written(
    small_disc: Callable[[int], Path],
) -> None:
    disc = small_disc(64 * 1024)
    meeting = Meeting(disc / "aiex")
    meeting.open()
    with meeting.alone():
        meeting.write_carriers(Carriers(3, (A,)))
    with (disc / "fill").open("wb", buffering=0) as fill, suppress(OSError):
        while fill.write(b"x" * 4096):
            pass
    with meeting.alone(), pytest.raises(MeetingRefused, match="No space left"):
        meeting.write_carriers(Carriers(3, (A, B)))
    assert meeting.carriers() == Carriers(3, (A,))
    with pytest.raises(StartError, match="No space left"):
        meeting_secret(meeting.directory)
    (disc / "fill").unlink()
    assert len(meeting_secret(meeting.directory)) > 30
