"""Hot values on three real nodes: in force at once, over kills, restarts and a lost quorum."""

import http.client
import json
import signal
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from aiex.fastglobal import PATIENCE_S
from aiex.testing.command_line import run_aiex
from aiex.testing.node_process import AdminRefused, NodeProcess, wait_until
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SOON_S = 20.0


def hot(node: NodeProcess, *arguments: str, status: int = 0) -> str:
    told = run_aiex(node.output_file.parent, "hot", *arguments, "--data-dir", str(node.data_dir))
    assert told.exit_code == status, told.output
    return told.stdout


def value(node: NodeProcess, key: str) -> Any:
    return node.admin(f"/admin/v1/hot/{key}")["value"]


def set_once_possible(node: NodeProcess, key: str, wanted: object) -> dict[str, Any]:
    """Where the value got; for some seconds after a kill the engine may have no leader."""
    spreads: list[dict[str, Any]] = []
    refusals: set[int] = set()

    def is_set() -> bool:
        try:
            spreads.append(node.admin(f"/admin/v1/hot/{key}", "PUT", {"value": wanted}))
        except AdminRefused as error:
            refusals.add(error.status)
        return bool(spreads)

    wait_until(is_set, SOON_S, f"{key} is set")
    assert refusals <= {503}
    return spreads[-1]


def asked(node: NodeProcess) -> None:
    """One request for a chat, answered."""
    question = {"model": "mock", "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(
        f"{node.api_url}/v1/chat/completions",
        data=json.dumps(question).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 200


def access_lines(node: NodeProcess) -> int:
    return sum(line.get("event") == "request" for line in node.log())


def test_a_value_is_on_all_nodes_at_once_and_stays_whatever_happens_to_them(
    tmp_path: Path,
) -> None:
    with StaticNodes(tmp_path) as lab:
        first, second, third = lab.formed(1, 2, 3)

        # In force everywhere when the command ends, and heeded by what reads it.
        told = hot(first, "set", "access_log=false")
        assert told == "access_log is set (revision 1); 3 nodes have it (n1, n2, n3).\n"
        assert [value(node, "access_log") for node in (first, second, third)] == [False] * 3
        assert [node.metric("aiex_hot_revision") for node in (first, second)] == [1.0, 1.0]
        asked(second)
        hot(second, "set", "access_log=true")
        asked(second)
        wait_until(lambda: access_lines(second) == 1, SOON_S, "only the second is in the log")

        # A node that is killed is named, and has the value when it is back.
        third.process.kill()
        third.process.wait(SOON_S)
        spread = set_once_possible(first, "propagation_delay_s", 0.5)
        # Whose word of changes came from the killed one's engine hears of it some seconds later.
        behind = {one["node"] for one in spread["behind"]}
        assert "n3" in behind
        assert {*spread["applied"], *behind} == {"n1", "n2", "n3"}
        wait_until(
            lambda: [value(one, "propagation_delay_s") for one in (first, second)] == [0.5, 0.5],
            SOON_S,
            "those that live have it",
        )
        third = lab.start(3).until_ready()
        assert value(third, "propagation_delay_s") == 0.5
        assert third.check("hot_values")["status"] == "ok"

        # A canary ends by itself; here nobody asks anything, so nobody can tell.
        told = hot(
            *(first, "set", "drain_deadline_s=7", "--nodes", "n2", "--for", "2s"),
            "--auto-revert",
        )
        assert "Verdict: too few requests" in told
        assert value(second, "drain_deadline_s") == 30.0

        # A drain goes by the values of the moment.
        began_s = time.monotonic()
        assert third.stop(signal.SIGTERM) == 0
        assert time.monotonic() - began_s >= 0.5

        # Without a quorum everything stays in force and nothing can be changed.
        second.process.kill()
        second.process.wait(SOON_S)
        wait_until(
            lambda: first.check("engine")["status"] == "degraded", SOON_S, "the quorum is lost"
        )
        with pytest.raises(AdminRefused) as refused:
            first.admin("/admin/v1/hot/log_level", "PUT", {"value": "debug"})
        assert refused.value.status == 503
        assert value(first, "propagation_delay_s") == 0.5
        first.process.kill()
        first.process.wait(SOON_S)
        first = lab.start(1).ready()
        assert value(first, "propagation_delay_s") == 0.5
        wait_until(
            lambda: "the engine is away" in first.check("hot_values")["reason"],
            PATIENCE_S + SOON_S,
            "it says that it has waited long enough",
        )


# One target answers, the other one never does anything but fail; nobody is sent there at first.
TWO_TARGETS = {
    "providers": json.dumps(
        {
            "good": {"kind": "mock"},
            "bad": {
                "kind": "mock",
                "faults": {"error_ratio": 1.0},
                "breaker_failures_max": 0,
                "retries_max": 0,
            },
        }
    ),
    "models": json.dumps(
        {
            "mock": {"targets": [{"provider": "good"}]},
            "smart": {
                "targets": [
                    {"provider": "good", "model": "m", "weight": 1e9},
                    {"provider": "bad", "model": "m", "weight": 1e-9},
                ]
            },
        }
    ),
}


def test_a_value_that_does_harm_is_undone_while_the_other_nodes_never_had_it(
    tmp_path: Path,
) -> None:
    with StaticNodes(tmp_path) as lab:
        nodes = lab.formed(1, 2, 3, **TWO_TARGETS)
        is_over = threading.Event()
        statuses: dict[str, list[int]] = {node.api_url: [] for node in nodes}
        clients = [
            threading.Thread(target=ask_on, args=(node, is_over, statuses[node.api_url]))
            for node in nodes
        ]
        for client in clients:
            client.start()
        try:
            told = hot(
                *(nodes[0], "set", 'target_weights.smart={"good/m": 0}', "--nodes", "n2"),
                *("--for", "60s", "--watch", "error_rate", "--auto-revert"),
                status=1,
            )
        finally:
            is_over.set()
            for client in clients:
                client.join(SOON_S)
        assert "Verdict: worse (error_rate: " in told
        assert "It is undone: the value of the others is in force on n2 again." in told
        failed = [sum(status >= 500 for status in found) for found in statuses.values()]
        assert (failed[0], failed[2]) == (0, 0)
        assert failed[1] > 0
        assert value(nodes[1], "target_weights") == {}
        reverted = "the canary of target_weights is reverted"
        wait_until(lambda: any(reverted in one for one in said(nodes[0])), SOON_S, reverted)


def said(node: NodeProcess) -> list[str]:
    return [line.get("message", "") for line in node.log()]


def ask_on(node: NodeProcess, is_over: threading.Event, statuses: list[int]) -> None:
    """One request after another over one connection, whatever is answered."""
    host = node.api_url.partition("://")[2]
    question = {"model": "smart", "messages": [{"role": "user", "content": "hello"}]}
    connection = http.client.HTTPConnection(host, timeout=30)
    while not is_over.is_set():
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps(question),
            {"content-type": "application/json"},
        )
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
