"""Tracing real nodes: a real request's message and key are nowhere; one trace over all nodes."""

import http.client
import importlib
import json
import pkgutil
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import batched
from pathlib import Path
from typing import Any

import pytest

import aiex.assistant
from aiex.testing.node_process import AdminRefused, NodeProcess, wait_until
from aiex.testing.static_nodes import StaticNodes

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SOON_S = 30.0
# One word, like a label: what the tracer finds hardest to tell from one.
MESSAGE = "echo Canary7f3a91"
CANARY = "Canary7f3a91"
CHAT_FUNCTION = "aiex.assistant.chat:Chat.respond"
BOUNDS = {"calls_max": 2000, "each_max": 20, "rate_per_s": 1000, "ttl_s": 60}


def sent(node: NodeProcess, path: str, key: str, content: dict[str, Any]) -> str:
    """The answer to a request of a client."""
    request = urllib.request.Request(
        node.api_url + path,
        data=json.dumps(content).encode(),
        headers={"content-type": "application/json", "authorization": f"Bearer {key}"},
    )
    with urllib.request.urlopen(request, timeout=SOON_S) as answer:
        text: str = answer.read().decode()
    return text


def conversations(node: NodeProcess, key: str) -> Iterator[str]:
    """The message, sent in every way that the API has."""
    said = [{"role": "user", "content": MESSAGE}]
    for is_stream in (False, True):
        asking = {"model": "mock", "messages": said, "stream": is_stream}
        yield sent(node, "/v1/chat/completions", key, {**asking, "user": CANARY})
        yield sent(node, "/v1/messages", key, {**asking, "max_tokens": 50})
        yield sent(
            node,
            "/v1/responses",
            key,
            {"model": "mock", "input": MESSAGE, "stream": is_stream, "metadata": {CANARY: CANARY}},
        )


def targets() -> list[str]:
    """Every module and every class of the assistant."""
    found = []
    for module in pkgutil.walk_packages(aiex.assistant.__path__, "aiex.assistant."):
        if "local_model_child" in module.name:
            continue
        loaded = importlib.import_module(module.name)
        found.append(f"{module.name}:*")
        found += [
            f"{module.name}:{name}.*"
            for name, value in vars(loaded).items()
            if isinstance(value, type) and value.__module__ == module.name
        ]
    return found


def asked(node: NodeProcess, request: str, content: dict[str, Any], nodes: str = "") -> Any:
    path = f"/admin/v1/performance/{request}?nodes={nodes}"
    return node.admin(path, "POST", content)["answers"]


def started(node: NodeProcess, wanted: Sequence[str]) -> list[str]:
    """Traces of as many of these as there are; what has no function is left out."""
    asking = {**BOUNDS, "shows": "values", "has_returns": True, "has_stack": True}
    try:
        begun = asked(node, "start_trace", {**asking, "targets": wanted})
    except AdminRefused as error:
        if "No function of" not in str(error) and "are the limit" not in str(error):
            raise
        if len(wanted) == 1:
            return []
        middle = len(wanted) // 2
        return [*started(node, wanted[:middle]), *started(node, wanted[middle:])]
    return [begun[0]["answer"]["id"]]


def test_what_people_write_and_their_keys_are_in_no_trace_log_or_audit(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.until_ready()
        key = node.admin("/admin/v1/keys", "POST", {"name": "laptop"})["key"]
        functions: set[str] = set()
        shown: list[str] = []
        for wanted in batched(targets(), 3):
            ids = started(node, wanted)
            for answer in conversations(node, key):
                assert CANARY in answer
            for id_ in ids:
                (stopped,) = asked(node, "stop_trace", {"id": id_})
                functions |= {one["function"] for one in stopped["answer"]["lines"]}
                shown.append(json.dumps(stopped))
        assert len(functions) > 200
        assert CHAT_FUNCTION in functions
        everything = "\n".join([*shown, node.output])
        assert "model='mock'" in everything
        assert CANARY not in everything
        assert key not in everything
        assert key[-12:] not in everything
        audited = [one["message"] for one in node.log() if "trace " in one.get("message", "")]
        assert any("began: " in one for one in audited)
        assert any("ended after" in one for one in audited)


def test_a_trace_over_http_ends_when_its_reader_is_gone(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.until_ready()
        command = [sys.executable, "-m", "aiex", "trace", CHAT_FUNCTION, "--returns"]
        with subprocess.Popen(
            [*command, "-o", "json", "--data-dir", str(node.data_dir)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        ) as reader:
            assert reader.stdout is not None
            assert json.loads(reader.stdout.readline())["what"] == "started"
            sent(node, "/v1/chat/completions", "none", chat())
            call, returned = (json.loads(reader.stdout.readline()) for _ in range(2))
            assert (call["kind"], returned["kind"]) == ("call", "return")
            assert returned["service"] == "http.api"
            reader.send_signal(signal.SIGKILL)
            reader.wait(SOON_S)
        wait_until(
            lambda: "nobody has read it for 5 s" in node.output,
            SOON_S,
            lambda: f"the trace goes on: {node.output}",
        )


def has_more(statuses: Sequence[int], count: int) -> bool:
    return len(statuses) > count


def chat() -> dict[str, Any]:
    return {"model": "mock", "messages": [{"role": "user", "content": MESSAGE}]}


def test_one_trace_of_all_nodes_and_ctrl_c(tmp_path: Path) -> None:
    with StaticNodes(tmp_path) as cluster:
        nodes = cluster.formed(1, 2, 3)
        command = [sys.executable, "-m", "aiex", "trace", CHAT_FUNCTION, "--on", "all"]
        with subprocess.Popen(
            [*command, "-o", "json", "--data-dir", str(nodes[0].data_dir)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        ) as reader:
            assert reader.stdout is not None
            names = {json.loads(reader.stdout.readline())["node"] for _ in range(3)}
            assert names == {"n1", "n2", "n3"}
            for node in nodes:
                sent(node, "/v1/chat/completions", "none", chat())
            lines = [json.loads(reader.stdout.readline()) for _ in range(3)]
            assert {one["node"] for one in lines} == names
            reader.send_signal(signal.SIGINT)
            rest, errors = reader.communicate(timeout=SOON_S)
        ended = [json.loads(one) for one in rest.splitlines()]
        assert reader.returncode == 0, errors
        assert {one["node"] for one in ended if one["what"] == "ended"} == names
        assert {one["reason"] for one in ended if one["what"] == "ended"} == {"it was stopped"}


def test_a_storm_under_load_fails_no_request(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.until_ready()
        statuses: list[int] = []
        is_over = threading.Event()

        def ask() -> None:
            host = node.api_url.removeprefix("http://")
            connection = http.client.HTTPConnection(host, timeout=SOON_S)
            while not is_over.is_set():
                connection.request("POST", "/v1/chat/completions", json.dumps(chat()))
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            connection.close()

        clients = [threading.Thread(target=ask) for _ in range(4)]
        for one in clients:
            one.start()
        try:
            for round_ in range(8):
                bounds = {**BOUNDS, "calls_max": 10_000, "each_max": 0, "shows": "values"}
                functions = ["aiex.assistant.trail:Trail.*", "aiex.assistant.api:Api.*"]
                (begun,) = asked(
                    node,
                    "start_trace",
                    {**bounds, "targets": functions, "has_returns": True, "each_max": 300},
                )
                id_, count = begun["answer"]["id"], len(statuses)
                wait_until(partial(has_more, statuses, count + 50), SOON_S, lambda: "no answers")
                (stopped,) = asked(node, "stop_trace", {"id": id_})
                assert stopped["answer"]["counts"]["seen"] > 0, f"round {round_}"
        finally:
            is_over.set()
            for one in clients:
                one.join(SOON_S)
        assert set(statuses) == {200}
        assert "fault of the tracer" not in node.output
