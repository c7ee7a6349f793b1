"""Limits, budgets and usage through a real node: right to the unit, over restarts and kills."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openai
import pytest

from aiex.testing.node_process import AdminRefused, NodeProcess, wait_until

pytestmark = pytest.mark.integration

PROVIDERS = {"mock": {"kind": "mock"}, "slow": {"kind": "mock", "tokens_per_s": 50}}
MODELS = {name: {"targets": [{"provider": name}]} for name in PROVIDERS}
PRICES = {"mock/mock": {"input_usd_per_million": 2.5, "output_usd_per_million": 10}}
SETTINGS = [
    f"--set=providers={json.dumps(PROVIDERS)}",
    f"--set=models={json.dumps(MODELS)}",
    f"--set=prices={json.dumps(PRICES)}",
]
QUESTION: Any = [{"role": "user", "content": "echo one two three"}]
COST_NANO_USD = 4 * 2_500 + 3 * 10_000
RATE_HEADERS = ("limit-requests", "remaining-requests")


def node_in(directory: Path, *more: str) -> NodeProcess:
    return NodeProcess(directory, [*SETTINGS, *more])


def new_key(node: NodeProcess, **limits: object) -> tuple[str, str]:
    made = node.admin("/admin/v1/keys", "POST", {"name": "test", **limits})
    return made["key"], made["id"]


def client(node: NodeProcess, key: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(base_url=f"{node.api_url}/v1", api_key=key, max_retries=0, timeout=20)


async def ask(one: openai.AsyncOpenAI, model: str = "mock", **fields: Any) -> Any:
    """The raw answer, refused or not."""
    create = one.chat.completions.with_raw_response.create
    try:
        return await create(model=model, messages=QUESTION, **fields)
    except openai.APIStatusError as error:
        return error.response


def usage_of(node: NodeProcess, query: str = "") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = node.admin(f"/admin/v1/usage{query}")["rows"]
    return rows


async def test_limits_hold_to_the_unit_under_concurrent_load(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        # A unit every 20 s: what comes back while the test runs can be told from its time.
        key, _ = new_key(node, requests_per_minute=3)
        many, _ = new_key(node, requests_per_minute=50, tokens_per_minute=10**6)
        async with client(node, key) as few_one, client(node, many) as many_one:
            began_s = time.monotonic()
            answers = await asyncio.gather(*(ask(few_one) for _ in range(40)))
            accepted = sum(answer.status_code == 200 for answer in answers)
            back = int((time.monotonic() - began_s) / 20)
            assert 3 <= accepted <= 3 + back
            began_s = time.monotonic()
            answers = await asyncio.gather(*(ask(many_one) for _ in range(200)))
            back = int((time.monotonic() - began_s) * 50 / 60)
            accepted = sum(answer.status_code == 200 for answer in answers)
            assert 50 <= accepted <= 50 + back
            refused = next(answer for answer in answers if answer.status_code == 429)
            assert refused.json()["error"]["code"] == "rate_limit_exceeded"
            assert 1 <= int(refused.headers["retry-after"]) <= 2


async def test_headers_are_right_on_answers_streams_and_refusals(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        # A token comes back every second, a request every 30: time enough to be right to the unit.
        key, _ = new_key(node, requests_per_minute=2, tokens_per_minute=60)
        async with client(node, key) as one:
            whole = await ask(one, max_tokens=10)
            stream = await ask(one, stream=True)
            assert [event async for event in stream.parse()]
            refused = await ask(one)
    shown = [
        [answer.headers[f"x-ratelimit-{name}"] for name in RATE_HEADERS]
        for answer in (whole, stream, refused)
    ]
    assert shown == [["2", "1"], ["2", "0"], ["2", "0"]]
    assert whole.headers["x-ratelimit-reset-requests"].startswith(("29.", "30s"))
    assert stream.headers["x-ratelimit-reset-requests"].startswith(("59.", "1m0s"))
    assert whole.headers["x-ratelimit-limit-tokens"] == "60"
    assert whole.headers["x-ratelimit-remaining-tokens"] == "53"
    assert whole.headers["x-ratelimit-reset-tokens"].startswith(("6.", "7s"))
    assert whole.headers["x-aiex-cost"] == "0.000040000"
    assert refused.status_code == 429
    assert 28 <= int(refused.headers["retry-after"]) <= 30


async def test_only_so_many_streams_run_at_once(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        key, _ = new_key(node, concurrency=2)
        async with client(node, key) as one:
            streams = [await ask(one, "slow", stream=True) for _ in range(3)]
            assert [stream.status_code for stream in streams] == [200, 200, 429]
            for stream in streams[:2]:
                assert [event async for event in stream.parse()]
            assert (await ask(one)).status_code == 200


async def test_a_changed_limit_and_a_revoked_key_are_in_force_within_a_second(
    tmp_path: Path,
) -> None:
    with node_in(tmp_path, "--set=limits.requests_per_minute=500") as node:
        node.ready()
        key, key_id = new_key(node)
        path = f"/admin/v1/keys/{key_id}"
        async with client(node, key) as one:
            assert (await ask(one)).headers["x-ratelimit-remaining-requests"] == "499"
            node.admin(path, "PATCH", {"requests_per_minute": 5, "models": ["slow"]})
            refused = await ask(one)
            assert refused.status_code == 403
            assert refused.json()["error"]["code"] == "model_not_allowed"
            view = node.admin(path, "PATCH", {"models": None})
            assert view["limits"]["requests_per_minute"] == 5
            assert view["own_limits"] == {"requests_per_minute": 5}
            assert (await ask(one)).headers["x-ratelimit-remaining-requests"] == "3"
            node.admin(path, "DELETE")
            assert (await ask(one)).status_code == 401
        wrongs: list[dict[str, object]] = [
            {"requests_per_minute": -1},
            {"models": []},
            {"rpm": 5},
        ]
        for wrong in wrongs:
            with pytest.raises(AdminRefused, match="400"):
                node.admin(path, "PATCH", wrong)
        with pytest.raises(AdminRefused, match="409"):
            node.admin(path, "PATCH", {"concurrency": 1})
        with pytest.raises(AdminRefused, match="404"):
            node.admin("/admin/v1/keys/none", "PATCH", {"concurrency": 1})


async def test_a_budget_survives_a_restart(tmp_path: Path) -> None:
    budget_micro_usd = 3 * COST_NANO_USD // 1_000
    with node_in(tmp_path) as node:
        node.ready()
        key, key_id = new_key(node, budget_micro_usd=budget_micro_usd)
        async with client(node, key) as one:
            assert [(await ask(one)).status_code for _ in range(2)] == [200, 200]
        assert node.stop() == 0
    with node_in(tmp_path) as node:
        node.ready()
        (view,) = node.admin("/admin/v1/keys")["keys"]
        assert view["spent_nano_usd"] == 2 * COST_NANO_USD
        async with client(node, key) as one:
            assert (await ask(one)).status_code == 200
            refused = await ask(one)
            assert refused.status_code == 429
            assert refused.json()["error"]["code"] == "insufficient_quota"
            node.admin(f"/admin/v1/keys/{key_id}", "PATCH", {"budget_micro_usd": 10**6})
            assert (await ask(one)).status_code == 200


async def test_usage_is_what_clients_counted_after_a_thousand_requests(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        keys = [new_key(node, tokens_per_minute=10**7) for _ in range(2)]
        counted: dict[str, list[int]] = {}
        for key, key_id in keys:
            async with client(node, key) as one:
                counted[key_id] = await load(one, 500)
        assert node.stop() == 0
    with node_in(tmp_path) as node:
        node.ready()
        for _, key_id in keys:
            (row,) = usage_of(node, f"?since=1h&key={key_id}&model=mock")
            shown = [row[name] for name in ("requests", "prompt_tokens", "completion_tokens")]
            assert shown == counted[key_id]
            assert row["cost_nano_usd"] == 500 * COST_NANO_USD
            assert row["failures"] == 0
        assert usage_of(node, "?since=30d") == usage_of(node, "?since=1h")
        with pytest.raises(AdminRefused, match="30m, 24h or 30d"):
            usage_of(node, "?since=yesterday")


async def load(one: openai.AsyncOpenAI, count: int) -> list[int]:
    """Requests, prompt and completion tokens, as a client counts them; half are streams."""
    places = asyncio.Semaphore(32)

    async def request(number: int) -> tuple[int, int]:
        async with places:
            if number % 2:
                answer = await one.chat.completions.create(model="mock", messages=QUESTION)
                usage = answer.usage
            else:
                stream = await one.chat.completions.create(
                    model="mock", messages=QUESTION, stream=True,
                    stream_options={"include_usage": True},
                )  # fmt: skip
                usage = [chunk async for chunk in stream][-1].usage
        assert usage is not None
        return usage.prompt_tokens, usage.completion_tokens

    used = await asyncio.gather(*(request(number) for number in range(count)))
    return [len(used), sum(prompt for prompt, _ in used), sum(tokens for _, tokens in used)]


async def test_a_kill_loses_seconds_at_most(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        key, _ = new_key(node)
        async with client(node, key) as one:
            assert (await ask(one)).status_code == 200
            usage_of(node)  # writes what there is
            assert (await ask(one)).status_code == 200
    with node_in(tmp_path) as node:
        node.ready()
        (row,) = usage_of(node)
        assert row["requests"] in (1, 2)


async def test_while_the_engine_is_down_counting_goes_on(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()
        key, _ = new_key(node, requests_per_minute=600)
        async with client(node, key) as one:
            assert (await ask(one)).status_code == 200
            pid = node.service_pid("engine.server")
            assert pid is not None
            os.kill(pid, 9)
            for _ in range(10):
                assert (await ask(one)).status_code == 200
        wait_until(lambda: _requests(node) == 11, 15, "all eleven requests")


def _requests(node: NodeProcess) -> int:
    try:
        return sum(row["requests"] for row in usage_of(node))
    except AdminRefused:
        return 0


def test_the_command_line_sets_limits_and_shows_usage(tmp_path: Path) -> None:
    with node_in(tmp_path) as node:
        node.ready()

        def aiex(*arguments: str, status: int = 0) -> str:
            return run_aiex(node, arguments, status)

        limits = ["--requests-per-minute", "60", "--models", "mo*,slow", "--budget", "12.5"]
        key = aiex("keys", "create", "ci", *limits).splitlines()[0]
        key_id = key.split("-")[2]
        assert "60 requests/min; models mo*, slow; 0.00 of 12.50 USD" in aiex("keys", "list")
        text = aiex("keys", "update", key_id[:6], "--budget", "none", "--concurrency", "4")
        assert "60 requests/min; 4 at once; models mo*, slow." in text
        assert "at least one limit" in aiex("keys", "update", key_id, status=2)
        assert "not an amount" in aiex("keys", "update", key_id, "--budget", "x", status=2)
        assert "Nothing was used" in aiex("usage")
        with openai.OpenAI(base_url=f"{node.api_url}/v1", api_key=key, max_retries=0) as one:
            one.chat.completions.create(model="mock", messages=QUESTION)
        text = aiex("usage", "--key", key_id[:6], "--since", "1h")
        assert text.splitlines()[1].split() == [
            "ci", f"({key_id})", "mock", "1", "0", "4", "3", "0.00004",
        ]  # fmt: skip
        shown = json.loads(aiex("usage", "--model", "mock", "-o", "json"))
        assert [row["cost_nano_usd"] for row in shown["rows"]] == [COST_NANO_USD]
        assert "30m, 24h or 30d" in aiex("usage", "--since", "soon", status=1)


def run_aiex(node: NodeProcess, arguments: Sequence[str], status: int) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "aiex", *arguments, "--data-dir", str(node.data_dir)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr
