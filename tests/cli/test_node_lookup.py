"""Which node a command talks to, and with which token."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from aiex.cli.node_lookup import (
    AdminAccess,
    NodeChoice,
    NodeNotFound,
    admin_access,
    data_home,
    home,
    read_node,
    running_nodes,
)
from aiex.node.data_directory import DataDirectory

type Run = Callable[..., Path]
NOBODY_SAID = NodeChoice()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "aiex"


@pytest.fixture
def run(root: Path) -> Iterator[Run]:
    """`run("name")` is the data directory of a node that says it runs there, for this test."""
    with ExitStack() as running:

        def announced(name: str, cluster: str = "") -> Path:
            directory = DataDirectory(root / name)
            directory.open()
            running.callback(directory.close)
            announce(directory, name, cluster)
            return root / name

        yield announced


def announce(directory: DataDirectory, name: str, cluster: str = "") -> None:
    api, admin = f"http://127.0.0.1/{name}", f"http://127.0.0.1/{name}-admin"
    directory.announce_node(name=name, version="1", api_url=api, admin_url=admin, cluster=cluster)
    directory.admin_token()


def access(root: Path, choice: NodeChoice = NOBODY_SAID, **environment: str) -> AdminAccess:
    return admin_access(
        choice, {"XDG_DATA_HOME": str(root.parent), **environment}, host_name="the-host"
    )


def token_of(directory: Path) -> str:
    return (directory / "admin.token").read_text().strip()


def test_the_only_node_is_meant(root: Path, run: Run) -> None:
    directory = run("n1")
    found = access(root)
    assert (found.url, found.api_url) == ("http://127.0.0.1/n1-admin", "http://127.0.0.1/n1")
    assert found.token == token_of(directory)
    assert found.token_source == str(directory / "admin.token")


def test_no_node_says_how_to_start_one(root: Path) -> None:
    with pytest.raises(NodeNotFound, match=r"No node runs here\. Start one with `aiex up`"):
        access(root)


def test_of_several_the_one_named_after_the_host_is_meant(root: Path, run: Run) -> None:
    run("a")
    run("the-host")
    assert access(root).url == "http://127.0.0.1/the-host-admin"


def test_of_several_others_one_must_be_chosen(root: Path, run: Run) -> None:
    run("b")
    run("a")
    with pytest.raises(NodeNotFound, match=r"Several nodes run here: a, b\. Choose .* --node NAME"):
        access(root)


def test_of_several_that_form_one_cluster_any_will_do_and_it_is_said_which(
    root: Path, run: Run
) -> None:
    for name in ("c", "b", "a"):
        run(name, cluster="aiex")
    found = access(root)
    assert (found.url, found.chosen) == ("http://127.0.0.1/a-admin", "a")
    assert found.token == token_of(root / "a")
    assert access(root, NodeChoice(name="b")).chosen == ""


@pytest.mark.parametrize("clusters", [("x", "y"), ("x", "")])
def test_nodes_of_two_clusters_are_not_taken_for_one(
    root: Path, run: Run, clusters: tuple[str, str]
) -> None:
    for name, cluster in zip("ab", clusters, strict=True):
        run(name, cluster=cluster)
    with pytest.raises(NodeNotFound, match="Several nodes run here: a, b"):
        access(root)


def test_a_node_is_chosen_by_name_or_by_data_directory(root: Path, run: Run) -> None:
    run("a")
    directory = run("b")
    assert access(root, NodeChoice(name="b")).url == "http://127.0.0.1/b-admin"
    assert access(root, NodeChoice(data_dir=str(directory))).url == "http://127.0.0.1/b-admin"


def test_a_name_that_does_not_run_is_not_replaced_by_one_that_does(root: Path, run: Run) -> None:
    run("a")
    with pytest.raises(NodeNotFound, match=r"No node runs in .*/other"):
        access(root, NodeChoice(name="other"))


def test_the_variable_of_a_container_tells_its_node(root: Path, run: Run) -> None:
    run("a")
    directory = run("b")
    found = access(root, AIEX_NODE__DATA_DIR=str(directory))
    assert found.url == "http://127.0.0.1/b-admin"


@pytest.mark.parametrize("url", ["http://elsewhere:8081", "http://elsewhere:8081/"])
def test_an_address_needs_no_node_here(root: Path, url: str) -> None:
    assert access(root, NodeChoice(admin_url=url)) == AdminAccess("http://elsewhere:8081")
    assert access(root, AIEX_ADMIN_URL=url) == AdminAccess("http://elsewhere:8081")


def test_what_is_said_on_the_command_line_wins_over_the_environment(root: Path, run: Run) -> None:
    run("a")
    for choice in (NodeChoice(name="a"), NodeChoice(data_dir=str(root / "a"))):
        found = access(root, choice, AIEX_ADMIN_URL="http://elsewhere:1")
        assert found.url == "http://127.0.0.1/a-admin"
    elsewhere = access(root, NodeChoice(admin_url="http://b:2"), AIEX_ADMIN_URL="http://c:3")
    assert elsewhere.url == "http://b:2"


def test_the_address_of_a_node_here_finds_its_token(root: Path, run: Run) -> None:
    run("a")
    directory = run("b")
    found = access(root, NodeChoice(admin_url="http://127.0.0.1/b-admin/"))
    assert (found.token, found.api_url) == (token_of(directory), "http://127.0.0.1/b")


def test_the_token_of_a_node_here_does_not_go_elsewhere(root: Path, run: Run) -> None:
    run("a")
    assert access(root, NodeChoice(admin_url="http://elsewhere:1")).token == ""


def test_a_token_comes_from_the_variable_then_its_file_then_the_node(
    root: Path, run: Run, tmp_path: Path
) -> None:
    directory = run("a")
    file = tmp_path / "token"
    file.write_text("from-file\n")
    both = access(root, AIEX_ADMIN__TOKEN="direct", AIEX_ADMIN__TOKEN_FILE=str(file))
    assert (both.token, both.token_source) == ("direct", "AIEX_ADMIN__TOKEN")
    named = access(root, AIEX_ADMIN__TOKEN_FILE=str(file))
    assert named.token == "from-file"
    assert named.token_source == f"{file} (AIEX_ADMIN__TOKEN_FILE)"
    assert access(root).token == token_of(directory)


def test_a_token_file_that_is_missing_is_not_replaced_by_another_token(
    root: Path, run: Run
) -> None:
    run("a")
    assert access(root, AIEX_ADMIN__TOKEN_FILE="/no/such").token == ""


def test_a_node_that_stopped_is_not_found(root: Path) -> None:
    directory = DataDirectory(root / "a")
    directory.open()
    announce(directory, "a")
    assert read_node(root / "a") is not None
    directory.close()
    assert read_node(root / "a") is None


def test_a_node_that_died_is_not_found_even_if_its_pid_is_anothers_now(root: Path) -> None:
    directory = DataDirectory(root / "a")
    directory.open()
    announce(directory, "a")
    left_behind = (root / "a" / "node.json").read_bytes()
    directory.close()
    (root / "a" / "node.json").write_bytes(left_behind)
    assert read_node(root / "a") is None


def test_while_the_next_node_starts_the_words_of_a_dead_one_are_not_its(root: Path) -> None:
    directory = DataDirectory(root / "a")
    directory.open()
    announce(directory, "a")
    file = root / "a" / "node.json"
    file.write_bytes(file.read_bytes().replace(b"%d" % os.getpid(), b"99999999"))
    assert read_node(root / "a") is None
    directory.close()


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b'{"pid": "x"}', b'{"name": "\xff"}'])
def test_a_file_that_says_nothing_is_no_node(root: Path, run: Run, content: bytes) -> None:
    directory = run("a")
    (directory / "node.json").write_bytes(content)
    assert read_node(directory) is None


def test_looking_for_a_node_does_not_keep_one_from_starting(root: Path, run: Run) -> None:
    directory = run("a")
    assert read_node(directory) is not None
    stopped = DataDirectory(root / "b")
    stopped.open()
    stopped.close()
    assert read_node(root / "b") is None
    stopped.open()
    stopped.close()


def test_strange_things_beside_the_nodes_are_passed_over(root: Path, run: Run) -> None:
    directory = run("a")
    (root / "file").write_text("")
    (root / "empty").mkdir()
    assert list(running_nodes(root)) == [directory]
    assert running_nodes(root / "file") == {}


def test_a_newer_nodes_file_may_say_more(root: Path, run: Run) -> None:
    directory = run("a")
    file = directory / "node.json"
    file.write_bytes(msgspec.json.encode({**msgspec.json.decode(file.read_bytes()), "new": 1}))
    assert read_node(directory) is not None


def test_nodes_are_kept_where_data_is() -> None:
    assert data_home({"XDG_DATA_HOME": "/d", "HOME": "/h"}) == Path("/d/aiex")
    assert data_home({"HOME": "/h"}) == Path("/h/.local/share/aiex")
    assert home({}).is_absolute()


def test_a_token_of_this_machine_goes_nowhere_else_unless_both_are_named(
    root: Path, run: Run
) -> None:
    directory = run("a")
    elsewhere = NodeChoice(admin_url="http://10.0.0.9:8081")
    assert access(root, elsewhere, AIEX_NODE__DATA_DIR=str(directory)).token == ""
    both = NodeChoice(admin_url="http://10.0.0.9:8081", data_dir=str(directory))
    assert access(root, both).token == token_of(directory)
    here = NodeChoice(admin_url="http://127.0.0.1/a-admin/")
    assert access(root, here, AIEX_NODE__DATA_DIR=str(directory)).token == token_of(directory)
