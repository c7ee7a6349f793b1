"""API keys through a real node: made, checked, revoked, kept as hashes only."""

import time
import urllib.request
from pathlib import Path

import openai
import pytest

from aiex.testing.node_process import NodeProcess, http_status

pytestmark = pytest.mark.integration


def models_of(node: NodeProcess, key: str) -> list[str]:
    with openai.OpenAI(base_url=f"{node.api_url}/v1", api_key=key, max_retries=0) as client:
        return [model.id for model in client.models.list()]


def test_the_first_key_closes_the_door_and_revoking_it_opens_nothing(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        assert models_of(node, "whoever") == ["mock"]
        made = node.admin("/admin/v1/keys", "POST", {"name": "laptop"})
        assert models_of(node, made["key"]) == ["mock"]
        for wrong in ("whoever", made["key"][:-1], made["key"] + "x"):
            with pytest.raises(openai.AuthenticationError):
                models_of(node, wrong)
        revoked_s = time.monotonic()
        node.admin(f"/admin/v1/keys/{made['id']}", "DELETE")
        while time.monotonic() - revoked_s < 1:
            try:
                models_of(node, made["key"])
            except openai.AuthenticationError:
                break
        else:
            pytest.fail("a revoked key was still taken after a second")
        with pytest.raises(openai.AuthenticationError):
            models_of(node, "whoever")


def test_a_key_is_nowhere_in_clear(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        key = node.admin("/admin/v1/keys", "POST", {"name": "laptop"})["key"]
        models_of(node, key)
        with pytest.raises(openai.AuthenticationError):
            models_of(node, key + "x")
        assert node.stop() == 0
        files = [file for file in node.data_dir.rglob("*") if file.is_file()]
        assert files
        secret = key.rpartition("-")[2].encode()
        assert [file for file in files if secret in file.read_bytes()] == []
        assert secret.decode() not in node.output
        assert (node.data_dir / "keys.json").stat().st_mode & 0o777 == 0o600


def test_keys_outlive_a_restart_and_what_was_asked_stays_out_of_the_log(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        key = node.admin("/admin/v1/keys", "POST", {"name": "laptop"})["key"]
        assert node.stop() == 0
    with NodeProcess(tmp_path) as node:
        node.ready()
        with openai.OpenAI(base_url=f"{node.api_url}/v1", api_key=key, max_retries=0) as client:
            answer = client.chat.completions.create(
                model="mock", messages=[{"role": "user", "content": "echo strictly-private"}]
            )
        assert answer.choices[0].message.content == "strictly-private"
        assert node.stop() == 0
        lines = [line for line in node.log() if line.get("event") == "request"]
        assert lines[-1]["key_id"] == key.split("-")[2]
        assert "strictly-private" not in node.output


def test_the_admin_api_wants_its_token_and_metrics_do_not_on_loopback(tmp_path: Path) -> None:
    with NodeProcess(tmp_path) as node:
        node.ready()
        for path in ("/admin/v1/status", "/health", "/readyz?verbose"):
            assert http_status(node.admin_url + path) == 401
            assert http_status(node.admin_url + path, node.admin_token) == 200
        models_of(node, "whoever")
        with urllib.request.urlopen(node.admin_url + "/metrics", timeout=5) as answer:
            text = answer.read().decode()
        assert 'aiex_requests_total{route="/v1/models",status="200"' in text
        assert (node.data_dir / "admin.token").stat().st_mode & 0o777 == 0o600
        assert node.admin_token not in node.output
