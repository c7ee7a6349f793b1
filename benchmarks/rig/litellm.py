"""LiteLLM's proxy: the newest from PyPI, in an environment of its own, set up as its documentation
asks for production (https://docs.litellm.ai/docs/proxy/prod), with one worker and no database.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rig.chat import KEY, MODEL
from rig.environments import package_environment, package_version
from rig.gateways import Gateway, await_ready, fetch, free_port
from rig.processes import running

READY_S = 120.0

CONFIG = f"""
model_list:
  - model_name: {MODEL}
    litellm_params:
      model: openai/{MODEL}
      api_base: http://127.0.0.1:%d/v1
      api_key: sk-upstream
general_settings:
  master_key: {KEY}
  proxy_batch_write_at: 60
litellm_settings:
  request_timeout: 600
  set_verbose: false
  json_logs: true
"""
# The first two are its production settings. The third keeps it from fetching a price list at start.
ENVIRONMENT = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_DONT_SHOW_FEEDBACK_BOX": "True",
}


def litellm_environment(cache: Path) -> Path:
    """The environment LiteLLM lives in; raises `RigError` when there is none to be had."""
    return package_environment(cache, "litellm", "[proxy]")


def litellm_version(environment: Path) -> str:
    """Such as `1.106.2`."""
    return package_version(environment, "litellm")


@contextlib.contextmanager
def litellm(environment: Path, upstream_port: int, core: int, directory: Path) -> Iterator[Gateway]:
    """LiteLLM with one worker, answering until the block ends."""
    port, log, config = free_port(), directory / "litellm.log", directory / "litellm.yaml"
    config.write_text(CONFIG % upstream_port)
    argv = (
        *(str(environment / "bin" / "litellm"), "--config", str(config)),
        *("--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
        *("--telemetry", "False"),
    )
    with running(argv, core=core, log=log, environment=ENVIRONMENT) as process:
        await_ready(
            process,
            lambda: fetch(port, "/health/liveliness")[0] == 200,
            name="LiteLLM",
            log=log,
            deadline_s=READY_S,
        )
        yield Gateway("LiteLLM", port, process.pid)
