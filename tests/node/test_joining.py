"""What a node was told to join is kept; one whose state is elsewhere does not begin anew."""

import stat
from pathlib import Path

import pytest

from aiex.cluster import CHARTER_FILE, Charter, LocalDiscovery, StaticDiscovery
from aiex.cluster.formation.charter import keep_charter
from aiex.engine import CarrierAddress
from aiex.errors import SettingsError, StartError
from aiex.node.joining import JOINED_FILE, Joining, JoinRequest
from aiex.settings import ClusterSettings, EngineSettings, Secret, Settings

SECRET = "a secret of the tests"
SEEDS = JoinRequest(
    "static", seeds=("10.0.0.1", "10.0.0.2", "10.0.0.3"), host="10.0.0.1", secret=SECRET
)


def joining(directory: Path, settings: Settings | None = None) -> Joining:
    return Joining(settings or Settings(), "n1", directory, directory / "meeting")


def charter(*names: str) -> Charter:
    carriers = tuple(CarrierAddress(name, "127.0.0.1", 6222, 4222) for name in names)
    return Charter("aiex", 2, carriers, generation=1)


def test_a_node_that_nobody_told_to_join_is_on_its_own(tmp_path: Path) -> None:
    assert joining(tmp_path).finding() == (None, None)


def test_what_is_joined_is_found_at_once_and_at_every_later_start(tmp_path: Path) -> None:
    found = joining(tmp_path).join(SEEDS)
    again = joining(tmp_path).finding()
    for one in (found, again):
        assert isinstance(one.discovery, StaticDiscovery)
        assert one.access is not None
        assert (one.access.cluster, one.access.secret) == ("aiex", SECRET)
    told = joining(tmp_path)
    told.join(SEEDS)
    assert told.cluster.seeds == SEEDS.seeds
    kept = tmp_path / JOINED_FILE
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert SECRET not in repr(SEEDS)


def test_settings_have_the_last_word(tmp_path: Path) -> None:
    joining(tmp_path).join(SEEDS)
    local = Settings(cluster=ClusterSettings(discovery="local", carriers=5))
    after = joining(tmp_path, local)
    assert isinstance(after.finding().discovery, LocalDiscovery)
    assert after.cluster.carriers == 5
    external = Settings(engine=EngineSettings(url="nats://there"))
    assert joining(tmp_path, external).finding() == (None, None)


def test_what_does_not_fit_together_is_told_and_not_kept(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cluster\.secret"):
        joining(tmp_path).join(JoinRequest("static", seeds=("10.0.0.1",), host="10.0.0.1"))
    assert not (tmp_path / JOINED_FILE).exists()


def test_a_broken_file_is_no_cluster(tmp_path: Path) -> None:
    (tmp_path / JOINED_FILE).write_bytes(b"{")
    assert joining(tmp_path).finding() == (None, None)


def test_a_node_whose_state_is_in_a_cluster_does_not_begin_with_an_empty_store(
    tmp_path: Path,
) -> None:
    keep_charter(tmp_path / CHARTER_FILE, charter("n1", "n2", "n3"))
    with pytest.raises(StartError, match=r"which n1, n2, n3 carry\. Start it as one of them"):
        joining(tmp_path).finding()
    secret = Settings(cluster=ClusterSettings(discovery="local", secret=Secret(SECRET)))
    assert joining(tmp_path, secret).finding().discovery is not None


def test_the_last_one_of_a_cluster_has_its_state_itself(tmp_path: Path) -> None:
    keep_charter(tmp_path / CHARTER_FILE, charter("n1"))
    assert joining(tmp_path).finding() == (None, None)
