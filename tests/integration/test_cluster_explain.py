"""Mistakes that people make, made for real: `aiex cluster explain` names each, and nothing else."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiex.testing.certificates import Authority
from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import NodeProcess
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

NOTICED_S = 40.0
# A finding has to be still there a moment later: what passes by itself is no diagnosis.
SETTLES_S = 1.5

type Need = Callable[[str, str], str]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[StaticNodes]:
    with StaticNodes(tmp_path) as nodes:
        yield nodes


def explained(node: NodeProcess) -> Any:
    """What the command says for programs, and its exit status."""
    told = run_aiex(
        node.output_file.parent,
        *("cluster", "explain", "-o", "json", "--data-dir", str(node.data_dir)),
    )
    assert told.exit_code in (0, 1), told.output
    return json.loads(told.stdout), told.exit_code


def rules(node: NodeProcess) -> set[str]:
    document, exit_code = explained(node)
    found = {one["rule"] for one in document["findings"]}
    assert exit_code == bool(found)
    return found


def until_named(node: NodeProcess, rule: str) -> str:
    """Wait until the command names just that, and goes on to; its text for people."""
    deadline_s = time.monotonic() + NOTICED_S
    since_s = float("inf")
    while time.monotonic() - since_s < SETTLES_S:
        found = rules(node)
        since_s = min(since_s, time.monotonic()) if found == {rule} else float("inf")
        assert time.monotonic() < deadline_s, f"not {rule}: {explained(node)}"
        time.sleep(0.2)
    told = run_aiex(node.output_file.parent, "cluster", "explain", "--data-dir", str(node.data_dir))
    assert told.exit_code == 1
    return told.stdout


def test_a_healthy_cluster_and_what_happens_when_carriers_go(lab: StaticNodes) -> None:
    first, second, third = lab.formed(1, 2, 3)
    deadline_s = time.monotonic() + NOTICED_S
    while found := rules(first):  # the last start has settled within a moment
        assert time.monotonic() < deadline_s, found
    told = run_aiex(
        first.output_file.parent, "cluster", "explain", "--data-dir", str(first.data_dir)
    )
    assert told.exit_code == 0
    assert told.stdout.startswith("Nothing wrong: 3 nodes looked at.\n")
    assert "WHO SEES WHOM" in told.stdout
    assert "CHARTER READ" in told.stdout
    assert "not yet" not in told.stdout

    third.process.kill()
    text = until_named(first, "carrier_away")
    assert f"n3 ({lab.host(3)}) is away, of the 3 that carry the engine." in text

    second.process.kill()
    text = until_named(first, "no_quorum")
    assert f"n2 ({lab.host(2)}) and n3 ({lab.host(3)}) are away" in text


def test_a_wrong_secret_is_named_on_both_sides(lab: StaticNodes) -> None:
    first, _, third = (
        lab.start(1),
        lab.start(2),
        lab.start(3, cluster__secret="another secret altogether"),
    )
    for one in (first, third):
        one.ready()
        text = until_named(one, "wrong_secret")
        assert "have different secrets." in text
    assert f"{lab.host(3)} and n1" in until_named(first, "wrong_secret")


def test_a_wrong_cluster_name_is_no_wrong_secret(lab: StaticNodes) -> None:
    first, _, third = lab.start(1), lab.start(2), lab.start(3, cluster__name="other")
    first.ready()
    third.ready()
    text = until_named(first, "other_cluster")
    assert f"The node at {lab.host(3)} is of the cluster 'other', n1 of 'lab'." in text


def test_a_seed_that_nobody_is(lab: StaticNodes) -> None:
    first = lab.start(1).ready()
    lab.start(2).ready()
    text = until_named(first, "seed_is_nobody")
    assert f"The seed {lab.host(3)} is nobody" in text
    assert f"The seed {lab.host(2)}" not in text


def test_seeds_settings_and_names_that_differ(lab: StaticNodes) -> None:
    first, *_ = lab.formed(1, 2, 3)
    other = lab.start(4, cluster__seeds=lab.seeds(1, 2, 9)).ready()
    assert f"The seeds of n4 ({lab.host(1)}, " in until_named(first, "seeds_differ")
    assert other.stop() == 0

    models = '{"mock": {"targets": [{"provider": "mock", "weight": 2}]}}'
    other = lab.start(5, models=models).ready()
    assert "models of n5 is not that of the others." in until_named(first, "settings_differ")
    assert other.stop() == 0

    lab.start(6, node__name="n2").ready()
    assert "Two processes call themselves n2" in until_named(first, "name_twice")


def test_tls_on_one_node_only(lab: StaticNodes, tmp_path: Path, need: Need) -> None:
    authority = Authority(tmp_path, need("openssl", "openssl"))
    issued = authority.issue("n2", names=f"IP:{lab.host(2)}")
    first = lab.start(1)
    lab.start(
        2,
        cluster__tls_certificate_file=issued.certificate,
        cluster__tls_key_file=issued.key,
        cluster__tls_ca_file=authority.ca_file,
    )
    lab.start(3)
    first.ready()
    text = until_named(first, "tls_on_one_side")
    assert f"The engine of {lab.host(2)} speaks TLS and that of n1 does not." in text


def test_a_certificate_that_ends_soon(lab: StaticNodes, tmp_path: Path, need: Need) -> None:
    authority = Authority(tmp_path, need("openssl", "openssl"))
    issued = authority.issue("api")
    first = lab.start(
        1,
        cluster__discovery="none",
        cluster__seeds="[]",
        api__tls_certificate_file=issued.certificate,
        api__tls_key_file=issued.key,
    ).ready()
    text = until_named(first, "certificate_ends")
    assert "The certificate in api.tls_certificate_file of n1 ends in 2 days." in text


def test_two_nodes_with_state_of_their_own(lab: StaticNodes) -> None:
    for number in (1, 2):
        node = lab.start(number, cluster__discovery="none", cluster__seeds="[]").ready()
        node.admin("/admin/v1/keys", "POST", {"name": "of its own"})
        assert node.stop() == 0
    first, second, _ = lab.start(1), lab.start(2), lab.start(3)
    first.ready()
    second.ready()
    assert "Two nodes have state of their own" in until_named(first, "two_states")
