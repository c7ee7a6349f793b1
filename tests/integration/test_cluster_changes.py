"""Nodes join, leave and are lost for good: their state stays, and the API goes on answering."""

import json
import os
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import (
    MOCK_ONLY,
    AdminRefused,
    NodeProcess,
    http_status,
    wait_until,
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(150)]

FORM_S = 60.0  # seconds on a quiet machine; elections take longer on a busy one
GONE_S = 30.0
LOCAL = "--set=cluster.discovery=local"
# Its answer takes eight seconds: longer than the others need to go on without a node.
SLOW = '--set=providers={"mock": {"kind": "mock", "tokens_per_s": 2}}'


class Room:
    """Nodes of one user on one machine."""

    def __init__(self, directory: Path, cleanup: ExitStack) -> None:
        self._directory = directory
        self._cleanup = cleanup
        self.nodes: dict[str, NodeProcess] = {}

    def start(self, name: str, *arguments: str) -> NodeProcess:
        directory = self._directory / name
        directory.mkdir(exist_ok=True)
        node = NodeProcess(
            directory,
            [*MOCK_ONLY, f"--set=node.name={name}", *arguments],
            {"XDG_DATA_HOME": str(self._directory / "home")},
        )
        self.nodes[name] = self._cleanup.enter_context(node)
        return node.ready()

    def seen_by(self, name: str) -> dict[str, Any]:
        seen: dict[str, Any] = self.nodes[name].admin("/admin/v1/cluster")
        return seen

    def until_carried_by(self, *carriers: str, observers: str) -> None:
        """Wait until all observers know the cluster to be whole, with these carriers."""

        def is_so() -> bool:
            views = [self.seen_by(name) for name in observers.split()]
            return all(
                (view["condition"], sorted(view["carriers"])) == ("whole", sorted(carriers))
                for view in views
            )

        wait_until(is_so, FORM_S, lambda: json.dumps([self.seen_by(n) for n in observers.split()]))

    def key(self, name: str, called: str) -> str:
        made: dict[str, str] = self.nodes[name].admin(
            "/admin/v1/keys", method="POST", content={"name": called}
        )
        return made["key"]

    def key_names(self, name: str) -> set[str]:
        return {one["name"] for one in self.nodes[name].admin("/admin/v1/keys")["keys"]}

    def let_leave(self, name: str) -> int:
        """The exit status of a node that was told to leave."""
        node = self.nodes.pop(name)
        node.admin("/admin/v1/cluster/leave", method="POST", content={})
        return node.process.wait(GONE_S)

    def three(self, *arguments: str) -> None:
        for name in ("n1", "n2", "n3"):
            self.start(name, LOCAL, *arguments)
        self.until_carried_by("n1", "n2", "n3", observers="n1 n2 n3")


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with ExitStack() as cleanup:
        yield Room(tmp_path, cleanup)


def chat(node: NodeProcess, key: str, *, is_stream: bool = False) -> urllib.request.Request:
    messages = [{"role": "user", "content": "hello"}]
    body = {"model": "mock", "messages": messages, "stream": is_stream}
    return urllib.request.Request(
        f"{node.api_url}/v1/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {key}"},
    )


def ask(node: NodeProcess, key: str) -> int:
    with urllib.request.urlopen(chat(node, key), timeout=10) as answer:
        return int(answer.status)


def test_one_node_grows_to_three_and_back_with_all_its_state_and_answers_throughout(
    room: Room,
) -> None:
    first = room.start("n1")
    key = room.key("n1", "made alone")
    room.start("n2", LOCAL)
    room.start("n3", LOCAL)
    assert http_status(f"{room.nodes['n2'].admin_url}/readyz") == 503, "it knows no keys yet"
    first.admin("/admin/v1/cluster/join", method="POST", content={"discovery": "local"})

    def is_whole() -> bool:
        assert ask(first, key) == 200, "its API goes on answering while its state moves"
        return bool(room.seen_by("n1")["condition"] == "whole" and room.seen_by("n1")["carriers"])

    wait_until(is_whole, FORM_S, lambda: json.dumps(room.seen_by("n1")))
    room.until_carried_by("n1", "n2", "n3", observers="n1 n2 n3")
    for name in ("n1", "n2", "n3"):
        wait_until(lambda name=name: room.key_names(name) == {"made alone"}, 10, name)  # type: ignore[misc]
        assert http_status(f"{room.nodes[name].api_url}/v1/models", key) == 200
        assert http_status(f"{room.nodes[name].api_url}/v1/models") == 401
    room.key("n3", "made by three")

    assert room.let_leave("n3") == 0
    room.until_carried_by("n1", observers="n1 n2")
    assert ask(room.nodes["n2"], key) == 200
    room.key("n2", "made by two")
    assert room.let_leave("n2") == 0
    room.until_carried_by("n1", observers="n1")
    assert room.key_names("n1") == {"made alone", "made by three", "made by two"}
    members = {one["name"]: one["state"] for one in room.seen_by("n1")["members"]}
    assert members == {"n1": "up", "n2": "left", "n3": "left"}


def test_what_an_operator_joined_is_joined_after_a_restart_too(room: Room) -> None:
    room.start("n1")
    room.nodes["n1"].admin("/admin/v1/cluster/join", method="POST", content={"discovery": "local"})
    for name in ("n2", "n3"):
        room.start(name, LOCAL)
    room.until_carried_by("n1", "n2", "n3", observers="n1 n2 n3")
    room.key("n2", "kept")
    assert room.nodes["n1"].stop() == 0
    room.start("n1")
    room.until_carried_by("n1", "n2", "n3", observers="n1 n2 n3")
    assert room.key_names("n1") == {"kept"}


def test_a_carrier_that_is_lost_for_good_is_removed_and_another_takes_its_place(
    room: Room,
) -> None:
    room.three()
    room.start("n4", LOCAL)
    room.until_carried_by("n1", "n2", "n3", observers="n4")
    room.key("n4", "kept")
    with pytest.raises(AdminRefused, match="n2 is up; let it leave"):
        room.nodes["n1"].admin("/admin/v1/cluster/nodes/n2", method="DELETE")
    with pytest.raises(AdminRefused, match="No node n9 is known here"):
        room.nodes["n1"].admin("/admin/v1/cluster/nodes/n9", method="DELETE")

    lost = room.nodes.pop("n2")
    lost.process.kill()
    lost.process.wait()
    wait_until(lambda: "n2" in room.seen_by("n1")["reason"], 10, lambda: str(room.seen_by("n1")))
    room.nodes["n1"].admin("/admin/v1/cluster/nodes/n2", method="DELETE")
    room.until_carried_by("n1", "n3", "n4", observers="n1 n3 n4")
    assert room.key_names("n4") == {"kept"}
    # Once the new carrier keeps what the lost one kept, another of the old ones may go.
    wait_until(lambda: keeps(room.nodes["n4"]) >= keeps(room.nodes["n3"]), FORM_S, "n4 keeps all")
    room.nodes.pop("n1").process.kill()
    wait_until(lambda: writes(room, "n4"), FORM_S, "n3 and n4 go on")


def keeps(node: NodeProcess) -> set[str]:
    """The streams of its cluster that a carrier has on its disc."""
    return {one.name for one in node.data_dir.glob("engine/cluster-*/jetstream/NODES/streams/*")}


def writes(room: Room, name: str) -> bool:
    try:
        room.key(name, f"made after all {os.urandom(4).hex()}")
    except AdminRefused:
        return False
    return True


def test_a_carrier_that_leaves_hands_its_place_to_another(room: Room) -> None:
    room.three()
    room.start("n4", LOCAL)
    room.until_carried_by("n1", "n2", "n3", observers="n4")
    room.key("n4", "kept")
    assert room.let_leave("n2") == 0
    room.until_carried_by("n1", "n3", "n4", observers="n1 n3 n4")
    assert room.key_names("n4") == {"kept"}
    assert writes(room, "n1")


def test_a_node_that_leaves_finishes_what_it_answers(room: Room) -> None:
    room.three(SLOW)
    leaves, key = room.nodes["n3"], room.key("n3", "kept")
    with urllib.request.urlopen(chat(leaves, key, is_stream=True), timeout=GONE_S) as answer:
        assert answer.readline().startswith(b"data: ")
        leaves.admin("/admin/v1/cluster/leave", method="POST", content={})
        assert answer.read().endswith(b"data: [DONE]\n\n")
    assert leaves.process.wait(GONE_S) == 0
    said = [line.get("message") for line in leaves.log()]
    assert "stopping: 1 requests in flight" in said, "else it had nothing left to finish"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"discovery": "static", "seeds": ["a", "b"]}, "1, 3 or 5"),
        ({"discovery": "static", "seeds": ["10.0.0.1"]}, "secret"),
        ({"discovery": "nearby"}, "discovery"),
        ({"discovery": "dns"}, "dns_name"),
    ],
)
def test_what_cannot_be_joined_is_told_and_changes_nothing(
    asked: Mapping[str, Any], told: str, room: Room
) -> None:
    node = room.start("n1")
    with pytest.raises(AdminRefused, match=told):
        node.admin("/admin/v1/cluster/join", method="POST", content=asked)
    assert room.seen_by("n1")["carriers"] == []
    with pytest.raises(AdminRefused, match="no cluster to leave"):
        node.admin("/admin/v1/cluster/leave", method="POST", content={})


def test_the_commands_say_what_happens(room: Room, tmp_path: Path) -> None:
    for name in ("n2", "n3"):
        room.start(name, LOCAL)
    room.start("n1")

    def said(*words: str) -> Any:
        node = room.nodes["n1"]
        return run_aiex(
            tmp_path,
            *words,
            AIEX_ADMIN_URL=node.admin_url,
            AIEX_ADMIN__TOKEN=node.admin_token,
        )

    assert said("cluster", "join").exit_code == 2
    joined = said("cluster", "join", "--local")
    assert joined.exit_code == 0, joined.output
    assert "The cluster is formed" in joined.output
    again = said("cluster", "join", "--local")
    assert again.exit_code == 1
    assert "in the cluster aiex already" in again.output
    refused = said("cluster", "remove", "n2")
    assert refused.exit_code == 1
    assert "let it leave: aiex cluster leave --node n2" in refused.output
    left = said("cluster", "leave")
    assert left.exit_code == 0, left.output
    assert "It has left, and stopped." in left.output
    assert room.nodes.pop("n1").process.wait(GONE_S) == 0
