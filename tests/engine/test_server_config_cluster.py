"""The configuration of a server among others: what is in it, and that nats-server takes it."""

import re
import subprocess
from pathlib import Path

import msgspec
import pytest

from aiex.engine import Carrier, CarrierAddress, EngineTls
from aiex.engine.server_config_cluster import clustered_server_config
from aiex.engine.server_plan import carrier_address
from aiex.testing.certificates import Authority
from aiex.testing.engine_cluster import access
from aiex.testing.nats_process import PROGRAM

ACCESS = access()
OWN = CarrierAddress("a", "10.0.0.1", 6222, 4222)
OTHERS = (CarrierAddress("b", "10.0.0.2", 6222, 4222), CarrierAddress("c", "fd00::3", 6222, 4222))


def config_of(
    own: CarrierAddress = OWN, *, tls: EngineTls | None = None, store: str = "/data/engine/cluster"
) -> str:
    with_tls = msgspec.structs.replace(ACCESS, tls=tls)
    address = carrier_address(own, with_tls)
    return clustered_server_config(Carrier(own, OTHERS), address, with_tls, Path(store))


def test_it_listens_where_others_reach_it_and_nowhere_else() -> None:
    listens = re.findall(r'listen: "(.*)"', config_of())
    assert listens == ["10.0.0.1:4222", "10.0.0.1:6222"]
    assert "http" not in config_of()


def test_it_knows_the_others_and_proves_itself_by_the_derived_password() -> None:
    config = config_of()
    password = ACCESS.route.password
    assert f'"nats-route://route:{password}@10.0.0.2:6222"' in config
    assert f'"nats-route://route:{password}@[fd00::3]:6222"' in config
    assert ACCESS.secret not in config


def test_its_name_is_the_carriers_and_stays() -> None:
    assert 'server_name: "a"' in config_of()


def test_an_acknowledged_write_is_on_the_disk() -> None:
    assert "sync_interval: always" in config_of()


def test_a_dead_server_is_noticed_within_seconds_and_a_late_one_found_for_ever() -> None:
    block = config_of().split("cluster {", 1)[1].split("system_account", 1)[0]
    assert "ping_interval: 1s" in block
    assert "ping_max: 2" in block
    assert "connect_retries: 1000000" in block


def test_with_certificates_servers_and_clients_must_show_one() -> None:
    config = config_of(tls=EngineTls("/tls/node.pem", "/tls/node.key", "/tls/ca.pem"))
    assert config.count("verify: true") == 2
    assert "tls" not in config_of()


@pytest.mark.integration
@pytest.mark.parametrize("name", ["a", "josé 日本", 'quoted " and \\', "{x} $HOME # no"])
def test_the_server_accepts_whatever_its_node_is_called(tmp_path: Path, name: str) -> None:
    config = tmp_path / "server.conf"
    own = CarrierAddress(name, "127.0.0.1", 6222, 4222)
    config.write_text(config_of(own, store=str(tmp_path / "store")))
    checked = subprocess.run([PROGRAM, "-t", "-c", config], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


@pytest.mark.integration
def test_the_server_accepts_certificates(tmp_path: Path, authority: Authority) -> None:
    issued = authority.issue("config")
    tls = EngineTls(str(issued.certificate), str(issued.key), str(authority.ca_file))
    config = tmp_path / "server.conf"
    config.write_text(config_of(tls=tls, store=str(tmp_path / "store")))
    checked = subprocess.run([PROGRAM, "-t", "-c", config], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
