"""The charter a node goes by, over its lives."""

from pathlib import Path

from aiex.cluster.formation.charter import Charter
from aiex.cluster.formation.known_charter import KnownCharter
from aiex.engine import CarrierAddress

A = CarrierAddress("a", "127.0.0.1", 1, 2)
CHARTER = Charter("lab", 3, (A,), generation=3)


def known(directory: Path, cluster: str = "lab") -> KnownCharter:
    one = KnownCharter(cluster, directory / "charter.json")
    one.load()
    return one


def test_a_stranger_knows_none(tmp_path: Path) -> None:
    one = known(tmp_path)
    assert (one.charter, one.in_force, one.names) == (None, None, ())


def test_what_discovery_names_is_gone_by_and_neither_told_nor_kept(tmp_path: Path) -> None:
    one = known(tmp_path)
    one.assume(CHARTER)
    assert (one.charter, one.in_force, one.names) == (CHARTER, None, ("a",))
    assert known(tmp_path).charter is None


def test_what_is_in_force_is_kept_for_the_next_life(tmp_path: Path) -> None:
    known(tmp_path).keep(CHARTER)
    assert known(tmp_path).in_force == CHARTER


def test_that_of_another_cluster_is_none(tmp_path: Path) -> None:
    known(tmp_path).keep(CHARTER)
    assert known(tmp_path, "another").charter is None


def test_who_leaves_begins_as_a_stranger(tmp_path: Path) -> None:
    one = known(tmp_path)
    one.keep(CHARTER)
    one.forget()
    assert known(tmp_path).charter is None
