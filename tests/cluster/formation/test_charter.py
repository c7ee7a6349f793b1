"""Who carries the engine: the list, its seats, its next epoch, and the file it is kept in."""

from pathlib import Path

import pytest

from aiex.cluster.formation.charter import (
    Charter,
    decoded,
    encoded,
    forget_charter,
    keep_charter,
    load_charter,
)
from aiex.engine import Carrier, CarrierAddress, Client

A, B, C, D = (CarrierAddress(name, "10.0.0.1", 6222, 4222) for name in "abcd")
THREE = Charter("aiex", 7, (A, B, C), generation=5)


def test_a_carrier_sits_among_the_others_and_everybody_else_is_their_client() -> None:
    assert THREE.seat("b") == Carrier(B, (A, C), generation=5)
    assert THREE.seat("d") == Client((A, B, C))


def test_the_next_epoch_is_of_the_same_servers_unless_it_founds_new_ones() -> None:
    following = THREE.following((A, B, C, D), leaves="a")
    assert (following.epoch, following.generation, following.leaves) == (8, 5, "a")
    assert not following.is_settled
    founded = THREE.founding((A,))
    assert (founded.epoch, founded.generation, founded.is_settled) == (8, 8, True)
    assert THREE.without("b").names == ("a", "c")


def test_addresses_change_and_names_do_not() -> None:
    moved = CarrierAddress("b", "10.0.0.9", 1, 2)
    assert THREE.located({"b": moved, "d": D}).carriers == (A, moved, C)


def test_what_is_kept_is_there_at_the_next_start_and_forgotten_when_it_is_left(
    tmp_path: Path,
) -> None:
    file = tmp_path / "charter.json"
    assert load_charter(file, "aiex") is None
    keep_charter(file, THREE)
    assert load_charter(file, "aiex") == THREE
    assert load_charter(file, "other") is None, "of another cluster"
    forget_charter(file)
    forget_charter(file)
    assert load_charter(file, "aiex") is None


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, encoded(THREE)[:-2], b'{"epoch": -1}'],
    ids=["empty", "nothing in it", "a list", "no text", "deep", "cut short", "negative"],
)
def test_what_is_no_charter_is_none(data: bytes, tmp_path: Path) -> None:
    assert decoded(data) is None
    (tmp_path / "charter.json").write_bytes(data)
    assert load_charter(tmp_path / "charter.json", "aiex") is None


def test_more_carriers_than_can_be_are_no_charter() -> None:
    many = tuple(CarrierAddress(f"n{number}", "h", 1, 2) for number in range(6))
    assert decoded(encoded(Charter("aiex", 1, many, generation=1))) is None


def test_a_full_disc_keeps_nothing_and_harms_nothing(tmp_path: Path) -> None:
    keep_charter(tmp_path / "no such directory" / "charter.json", THREE)
