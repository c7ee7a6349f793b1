"""The way of `docs/guides/from-litellm.md`: import, give the secrets, serve, be asked as before."""

from pathlib import Path

import openai
import pytest
from click.testing import CliRunner

from aiex.cli.main import root
from aiex.testing.http_server import ScriptedServer, http_answer
from aiex.testing.node_process import NodeProcess

pytestmark = pytest.mark.integration

CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-2024-08-06
      api_base: {url}/v1
      api_key: os.environ/OPENAI_API_KEY
  - model_name: "hosted/*"
    litellm_params:
      model: "hosted_vllm/*"
      api_base: {url}/vllm/v1
router_settings:
  model_group_alias: {{"gpt-4": "gpt-4o"}}
general_settings:
  master_key: os.environ/LITELLM_MASTER_KEY
"""
ANSWER = (
    b'{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}'
)


def test_clients_are_answered_as_before(tmp_path: Path) -> None:
    with ScriptedServer(http_answer(ANSWER)) as server:
        config, settings = tmp_path / "config.yaml", tmp_path / "aiex.toml"
        config.write_text(CONFIG.format(url=server.url))
        made = CliRunner().invoke(root, ["import", "litellm", str(config), "-o", str(settings)])
        assert made.exit_code == 0, made.stderr
        (tmp_path / "master").write_text("sk-master\n")
        secrets = {
            "AIEX_API__KEY_FILE": str(tmp_path / "master"),
            "AIEX_PROVIDERS__OPENAI__API_KEY": "sk-openai",
        }
        # Only the address differs: a test must not take ports that others may use.
        arguments = [f"--config={settings}", "--host=127.0.0.1"]
        with (
            NodeProcess(tmp_path, arguments, secrets).ready() as node,
            openai.OpenAI(
                base_url=f"{node.api_url}/v1", api_key="sk-master", max_retries=0
            ) as client,
        ):
            assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4"]
            for model in ("gpt-4o", "gpt-4", "hosted/llama"):
                answer = client.chat.completions.create(
                    model=model, messages=[{"role": "user", "content": "hi"}]
                )
                assert answer.choices[0].message.content == "hello"
            with pytest.raises(openai.AuthenticationError):
                client.with_options(api_key="sk-wrong").models.list()
    first, second, third = server.asked
    assert first.headers["authorization"] == "Bearer sk-openai"
    assert b'"model":"gpt-4o-2024-08-06"' in first.body
    assert b'"model":"gpt-4o-2024-08-06"' in second.body
    assert third.path == "/vllm/v1/chat/completions"
    assert b'"model":"llama"' in third.body
