"""The embedded server's files: what is in its configuration, and that nobody else may read it."""

import re
import stat
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.engine.address import EngineAddress
from aiex.engine.server_config import EngineFiles, load_credentials, server_config
from aiex.testing.nats_process import PROGRAM

_STRING = re.compile(r'"(?:[^"\\\n]|\\x[0-9a-f]{2})*"')
_KEYS = re.compile(r"^\s*(\w+)(?=[: ])", re.MULTILINE)
TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=40) | st.sampled_from(
    ['"\ncluster {\n  name: x\n}\n"', "} cluster { name: x }", "$HOME", "\\", "include 'x'"]
)


def config_of(store: str = "/data/engine/standalone", password: str = "secret") -> str:
    return server_config(EngineAddress("127.0.0.1", 4223, "aiex", password), Path(store), "aiex")


def test_an_acknowledged_write_is_on_the_disk() -> None:
    assert "sync_interval: always" in config_of()


def test_the_server_listens_on_loopback_only_and_to_whoever_knows_the_password() -> None:
    config = config_of(password="of the node")
    assert re.findall(r"listen.*", config) == ['listen: "127.0.0.1:4223"']
    assert 'password: "of the node"' in config
    assert "http" not in config


@given(store=TEXTS, password=TEXTS, name=TEXTS)
def test_no_name_and_no_path_brings_a_cluster_block_over_a_standalone_store(
    store: str, password: str, name: str
) -> None:
    address = EngineAddress("127.0.0.1", 4223, "aiex", password)
    without_strings = _STRING.sub("", server_config(address, Path("/x", store), name))
    assert without_strings.isascii()
    assert '"' not in without_strings
    assert _KEYS.findall(without_strings) == _KEYS.findall(_STRING.sub("", config_of()))
    assert "cluster" not in without_strings


@pytest.mark.integration
@pytest.mark.parametrize("name", ["josé", "日本", 'a "b" \\c', "{x} $HOME # no", "two\nlines"])
def test_the_server_accepts_whatever_the_data_directory_is_called(
    tmp_path: Path, name: str
) -> None:
    config = tmp_path / "server.conf"
    config.write_text(config_of(store=str(tmp_path / name)))
    checked = subprocess.run([PROGRAM, "-t", "-c", config], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_credentials_are_made_once_and_only_their_owner_may_read_them(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    made = load_credentials(file)
    assert load_credentials(file) == made
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(made.password) >= 32


def test_two_nodes_have_different_passwords(tmp_path: Path) -> None:
    assert load_credentials(tmp_path / "one") != load_credentials(tmp_path / "two")


@pytest.mark.parametrize("content", ["", "{", '{"user": "aiex"}', "\x00\x00"])
def test_a_broken_credentials_file_is_replaced(tmp_path: Path, content: str) -> None:
    file = tmp_path / "credentials.json"
    file.write_text(content)
    made = load_credentials(file)
    assert load_credentials(file) == made


def test_credentials_never_show_their_password(tmp_path: Path) -> None:
    credentials = load_credentials(tmp_path / "credentials.json")
    assert credentials.password not in f"{credentials} {credentials!r}"


def test_all_files_of_the_engine_are_below_one_directory_of_the_data_directory() -> None:
    files = EngineFiles.below(Path("/data"))
    for file in (files.config, files.credentials, files.lock, files.store):
        assert file.parent == files.root == Path("/data/engine")
