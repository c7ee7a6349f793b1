"""LiteLLM's proxy: the newest from PyPI, in an environment of its own, set up as its documentation
asks for production (https://docs.litellm.ai/docs/proxy/prod), with one worker and no database.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from rig.chat import KEY, MODEL
from rig.errors import RigError
from rig.gateways import Gateway, await_ready, fetch, free_port
from rig.processes import running

UV = Path(__file__).parents[2] / "scripts" / "uv"
FRESH_S = 24 * 3600.0
INSTALL_S = 600.0
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
    """The environment LiteLLM lives in, brought up to date once a day.

    Without network an older one does; raises `RigError` when there is none at all.
    """
    environment = cache / "litellm"
    stamp = environment / ".installed"
    if stamp.exists() and time.time() - stamp.stat().st_mtime < FRESH_S:
        return environment
    print("Installing the newest LiteLLM into .make/bench ...", file=sys.stderr)
    try:
        _install(environment)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        if not stamp.exists():
            raise RigError(
                "LiteLLM could not be installed; is a package index reachable?"
            ) from error
        print("No newer LiteLLM to be had; measuring the one installed before.", file=sys.stderr)
        return environment
    stamp.touch()
    return environment


def _install(environment: Path) -> None:
    python = environment / "bin" / "python"
    if not python.exists():
        _uv("venv", "--quiet", "--python", sys.executable, str(environment))
    _uv(
        *("pip", "install", "--quiet", "--upgrade", "--compile-bytecode"),
        *("--python", str(python), "litellm[proxy]"),
    )


def _uv(*arguments: str) -> None:
    subprocess.run((str(UV), *arguments), check=True, timeout=INSTALL_S, stdout=sys.stderr)


def litellm_version(environment: Path) -> str:
    """Such as `1.106.2`."""
    program = "import importlib.metadata as m; print(m.version('litellm'))"
    command = (str(environment / "bin" / "python"), "-c", program)
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    return answer.stdout.strip()


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
