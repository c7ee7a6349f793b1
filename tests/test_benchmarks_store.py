"""The pure parts of the store benchmark: peers beside ours, refusals, where the disc is."""

from pathlib import Path

import pytest
from rig.core_wait import CoreWait
from rig.databases import newest, version_in
from rig.errors import RigError
from rig.samples import WAITED_RATIO_MAX, Samples
from rig.single_writes import ROW_BYTES, key_of, measure_writes, row_of
from store import (
    PeerWrites,
    check_disc,
    file_system,
    peer_facts,
    told_rows,
)

MOUNTS = """overlay / overlay rw 0 0
/dev/vda /var ext4 rw 0 0
tmpfs /var/tmp/small tmpfs rw 0 0
"""


def test_a_row_has_the_length_that_is_told() -> None:
    assert {len(key_of(at)) + len(row_of(at)) for at in (0, 1, 10**11)} == {ROW_BYTES}
    assert len({row_of(at) for at in range(100)}) == 100


async def test_every_write_is_of_another_row_and_counted() -> None:
    written: list[int] = []

    async def write(number: int) -> None:
        written.append(number)

    found = await measure_writes(write, alone=20, in_flight=4, seconds=0.05)
    assert len(found["alone_ms"]) == 20
    assert found["per_s"] > 0
    assert len(set(written)) == len(written)


def test_a_peer_stands_beside_what_was_measured_of_ours() -> None:
    runs = [PeerWrites(1.0, 1_000, "fsync on", 0.0), PeerWrites(3.0, 3_000, "fsync on", 0.1)]
    facts = peer_facts(runs, {"write_p50_ms": 4.0, "writes_per_s": 500})
    assert (facts["write_p50_ms / ours"], facts["writes_per_s / ours"]) == (0.5, 4.0)
    assert facts["durable"] == "fsync on"
    assert facts["waited for a core"] == 0.1
    assert "writes_per_s / ours" not in peer_facts(runs, {"write_p50_ms": 4.0})


def test_who_writes_and_has_no_core_has_no_figure() -> None:
    samples = Samples()
    samples.add("write_p50_ms", 2.0)
    samples.judge(["write_p50_ms"], "the measuring process", WAITED_RATIO_MAX)
    assert [figure.value for figure in samples.figures()] == [2.0]
    samples.judge(["write_p50_ms"], "the measuring process", WAITED_RATIO_MAX + 0.01)
    [figure] = samples.figures()
    assert figure.value is None
    assert "waited 26%" in figure.refusal


def test_a_wait_for_a_core_is_a_share_of_the_time() -> None:
    with CoreWait() as wait:
        sum(range(100_000))
    assert 0.0 <= wait.ratio <= 1.0


def test_a_disc_that_is_memory_is_refused() -> None:
    assert file_system(Path("/var/tmp"), MOUNTS) == "ext4"
    assert file_system(Path("/home/x"), MOUNTS) == "overlay"
    assert check_disc(Path("/var/tmp"), MOUNTS) == "ext4"
    with pytest.raises(RigError, match="memory"):
        check_disc(Path("/var/tmp/small/x"), MOUNTS)


def test_of_many_releases_the_newest_is_used() -> None:
    assert newest([Path("/x/9.6"), Path("/x/9"), Path("/x/15")]) == Path("/x/15")
    assert newest([]) is None


def test_a_version_is_read_from_what_a_program_says() -> None:
    assert version_in("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)") == "15.14"
    assert version_in("Redis server v=7.0.15 sha=00000000:0") == "7.0.15"
    assert version_in("unknown") == "unknown"


def test_fewer_rows_than_the_goals_are_told() -> None:
    assert told_rows(1_000_000) == "1,000,000"
    assert told_rows(50_000) == "50,000, not the 1,000,000 of the goals"
