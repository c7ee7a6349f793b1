"""helm, kubectl and Kubernetes' schemas, which are not in the environment."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def kubernetes_tools() -> Path:
    """Where they are, fetched if need be; without them a test is skipped, which fails in CI."""
    command = [ROOT / "scripts" / "kubernetes-tools"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.skip(f"scripts/kubernetes-tools failed: {ended.stderr}")
    return ROOT / ".make" / "kubernetes"
