"""Nodes where IPv6 is all there is, or is there beside IPv4."""

import json
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.namespaces import held, in_thread, inside, ip, new_network, program, run
from aiex.testing.node_process import MOCK_ONLY, NodeProcess, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]

FORM_S = 90.0
KEY = "sk-aiex-" + "0" * 32
SECRET = "a secret that these nodes share"
SEEDS = ("fd00:77::1", "fd00:77::2", "fd00:77::3")


def answer_of(address: str, port: int, path: str) -> str:
    """The first line that is answered to a GET there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as asking:
        asking.settimeout(10.0)
        asking.connect((address, port))
        asking.sendall(f"GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n".encode())
        return asking.makefile().readline().strip()


@pytest.fixture
def network() -> Iterator[int]:
    """A namespace without any address of IPv4 but that of its loopback, as a pod's."""
    made = in_thread(new_network)
    try:
        ip(made, "link set lo up", *(f"address add {one}/128 dev lo nodad" for one in SEEDS))
        yield made
    finally:
        os.close(made)


@pytest.fixture
def network_without_ipv6() -> Iterator[int]:
    """As a pod's in a cluster that has IPv4 only."""
    made = in_thread(new_network)
    try:
        off = "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"
        run([program("nsenter"), f"--net={held(made)}", "--", "sh", "-c", off])
        ip(made, "link set lo up")
        yield made
    finally:
        os.close(made)


class InNetwork:
    """Where processes run in that network, asked at the address."""

    def __init__(self, network: int, address: str) -> None:
        self._network = network
        self._address = address

    def command(self, argv: Sequence[str]) -> list[str]:
        killed_with_us = [program("setpriv"), "--pdeathsig", "KILL", program("nsenter")]
        return [*killed_with_us, f"--net={held(self._network)}", "--", *argv]

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        with inside(self._network):
            opened = socket.socket(family)
        opened.settimeout(timeout_s)
        opened.connect((self._address, port))
        return opened

    def path(self, path: Path) -> Path:
        return path


def test_a_node_at_the_loopback_of_ipv6_is_found_by_commands(tmp_path: Path) -> None:
    hosts = ("--set=api.host=::1", "--set=admin.host=::1")
    with NodeProcess(tmp_path, [*MOCK_ONLY, *hosts]) as node:
        wait_until((node.data_dir / "node.json").exists, 60.0, lambda: node.output)
        told = json.loads((node.data_dir / "node.json").read_text())
        for url in (told["api_url"], told["admin_url"]):
            assert url.startswith("http://[::1]:")
            assert answer_of("::1", int(url.rpartition(":")[2]), "/readyz") == "HTTP/1.1 200 OK"
        status = run_aiex(tmp_path, "status", "--data-dir", str(node.data_dir))
        assert status.exit_code == 0, status.output
        assert f"API       {told['api_url']}, open" in status.stdout
        chat = run_aiex(tmp_path, "chat", "--url", told["api_url"], "hello")
        assert chat.exit_code == 0, chat.output


def test_a_node_that_listens_everywhere_answers_both_kinds_of_addresses(tmp_path: Path) -> None:
    hosts = ("--set=api.host=::", "--set=admin.host=::", f"--set=api.key={KEY}")
    with NodeProcess(tmp_path, [*MOCK_ONLY, *hosts]).ready() as node:
        for url in (node.api_url, node.admin_url):
            port = int(url.rpartition(":")[2])
            for address in ("::1", "127.0.0.1"):
                assert answer_of(address, port, "/readyz") == "HTTP/1.1 200 OK"


@pytest.mark.needs_root
def test_a_node_that_listens_everywhere_is_reached_where_there_is_no_ipv6(
    tmp_path: Path, network_without_ipv6: int
) -> None:
    machine = InNetwork(network_without_ipv6, "127.0.0.1")
    hosts = ("--set=api.host=::", "--set=admin.host=::", f"--set=api.key={KEY}")
    with NodeProcess(tmp_path, [*MOCK_ONLY, *hosts], machine=machine) as node:
        node.until_ready()
        assert node.admin_url.startswith("http://0.0.0.0:"), "commands could not connect to [::]"
        assert "keys" in node.admin("/admin/v1/keys")


@pytest.mark.needs_root
def test_three_nodes_form_a_cluster_where_there_is_no_ipv4(tmp_path: Path, network: int) -> None:
    machine = InNetwork(network, "::1")
    with ExitStack() as stack:
        nodes = []
        for number, host in enumerate(SEEDS, 1):
            directory = tmp_path / f"n{number}"
            directory.mkdir()
            settings = {
                "node.name": f"n{number}",
                "api.host": "::",
                "api.key": KEY,
                "admin.host": "::",
                "cluster.name": "six",
                "cluster.discovery": "static",
                "cluster.seeds": json.dumps(SEEDS),
                "cluster.host": host,
                "cluster.secret": SECRET,
            }
            told = [f"--set={path}={value}" for path, value in settings.items()]
            node = NodeProcess(directory, [*MOCK_ONLY, *told], machine=machine)
            nodes.append(stack.enter_context(node))
        for node in nodes:
            node.ready()
        wait_until(
            lambda: all(up_count(node) == 3 for node in nodes),
            FORM_S,
            lambda: f"no cluster: {[node.admin('/admin/v1/cluster') for node in nodes]}",
        )
        assert nodes[0].admin("/admin/v1/keys", method="POST", content={"name": "six"})["id"]
        wait_until(
            lambda: [one["name"] for one in nodes[2].admin("/admin/v1/keys")["keys"]] == ["six"],
            FORM_S,
            "the key to be known at another node",
        )


def up_count(node: NodeProcess) -> int:
    """How many members are up in a cluster that is whole, as this node sees it."""
    seen = node.admin("/admin/v1/cluster")
    states = [member["state"] for member in seen["members"]]
    return states.count("up") if seen["condition"] == "whole" else 0
