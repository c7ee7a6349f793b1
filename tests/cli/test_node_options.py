"""The options and variables by which every command that asks a node finds it."""

from contextlib import closing
from pathlib import Path

import pytest

from aiex.node.data_directory import DataDirectory
from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

MODELS = http_answer(b'{"models": []}')


def announced(directory: Path, url: str) -> DataDirectory:
    """The data directory of a node that says its admin API is there."""
    data = DataDirectory(directory)
    data.open()
    data.announce_node(name=directory.name, version="", api_url="", admin_url=url)
    return data


@pytest.mark.parametrize("arguments", [[], ["--node", "n"], ["--data-dir", "~/data/aiex/n"]])
def test_a_node_here_is_asked_with_its_own_token(arguments: list[str], tmp_path: Path) -> None:
    home = tmp_path / "data"
    with (
        ScriptedServer(MODELS) as server,
        closing(announced(home / "aiex" / "n", server.url)) as data,
    ):
        token = data.admin_token()
        said = run_aiex(tmp_path, "models", *arguments, HOME=str(tmp_path), XDG_DATA_HOME=str(home))
    assert said.exit_code == 0, said.stderr
    assert server.asked[0].headers["authorization"] == f"Bearer {token}"


def test_a_node_elsewhere_is_found_by_variables(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    with ScriptedServer(MODELS) as server:
        said = run_aiex(
            tmp_path,
            "models",
            AIEX_ADMIN_URL=server.url,
            AIEX_ADMIN__TOKEN_FILE=str(tmp_path / "token"),
        )
    assert said.exit_code == 0
    assert server.asked[0].headers["authorization"] == "Bearer secret"


def test_without_a_node_it_says_how_to_start_one(tmp_path: Path) -> None:
    said = run_aiex(tmp_path, "models")
    assert said.exit_code == 1
    assert said.stderr.startswith("Error: No node runs here. Start one with `aiex up`")
