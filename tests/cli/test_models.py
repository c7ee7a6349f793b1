"""`aiex models`: where requests go, for people and for programs."""

import json
from pathlib import Path

import pytest

from aiex.testing.command_line import run_aiex
from aiex.testing.http_server import ScriptedServer, http_answer

DOCUMENT = {
    "models": [
        {
            "id": "smollm2",
            "targets": [{"provider": "local", "kind": "local", "model": "smollm2", "weight": 1}],
            "fallbacks": [],
            "is_default": True,
        },
        {
            "id": "big",
            "targets": [
                {"provider": "a", "kind": "openai", "model": "gpt", "weight": 3.0},
                {"provider": "b", "kind": "openai", "model": "gpt", "weight": 0.5},
            ],
            "fallbacks": ["smollm2", "mock"],
            "price": "a field of a newer node",
        },
    ]
}


@pytest.fixture
def answer() -> bytes:
    return http_answer(json.dumps(DOCUMENT).encode())


def test_models_are_listed_with_targets_weights_and_fallbacks(
    answer: bytes, tmp_path: Path
) -> None:
    with ScriptedServer(answer) as server:
        said = run_aiex(tmp_path, "models", "--admin-url", server.url)
    assert said.exit_code == 0
    heading, small, big = said.stdout.splitlines()
    assert heading.split() == ["MODEL", "TARGETS", "FALLBACKS"]
    assert small.split("   ")[0] == "smollm2"
    assert "local/smollm2 (local)   " in small
    assert small.endswith("default")
    assert "a/gpt (openai, weight 3), b/gpt (openai, weight 0.5)   smollm2, mock" in big


def test_a_target_is_told_with_how_it_does(tmp_path: Path) -> None:
    target = {"provider": "a", "kind": "openai", "model": "gpt"}
    busy = {"in_flight": 3, "queue_length": 2, "latency_ms": 420.4, "first_event_ms": 99.6}
    down = {"breaker": "open", "resting_s": 12.2}
    models = [{"id": "m", "targets": [{**target, **busy}, {**target, **down, "weight": 2}]}]
    with ScriptedServer(http_answer(json.dumps({"models": models}).encode())) as server:
        said = run_aiex(tmp_path, "models", "--admin-url", server.url).stdout
    assert "a/gpt (openai, weight 1, 3 in flight, 2 waiting, 420 ms, first event 100 ms), " in said
    assert "a/gpt (openai, weight 2, breaker open, resting 12 s)" in said


def test_for_programs_nothing_is_left_out(answer: bytes, tmp_path: Path) -> None:
    with ScriptedServer(answer) as server:
        said = run_aiex(tmp_path, "models", "-o", "json", "--admin-url", server.url)
    assert json.loads(said.stdout) == DOCUMENT
    assert server.asked[0].path == "/admin/v1/models"


def test_an_answer_of_another_kind_is_a_failure(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(b"<html>")) as server:
        said = run_aiex(tmp_path, "models", "--admin-url", server.url)
    assert (said.exit_code, said.stdout) == (1, "")
    assert "compare `aiex version` on both" in said.stderr
