"""What is had once for all: helm, kubectl and Kubernetes' schemas, and both images."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Need
from tests.deploy.image.stage import Stage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def kubernetes_tools() -> Path:
    """Where they are, fetched if need be; without them a test is skipped, which fails in CI."""
    command = [ROOT / "scripts" / "kubernetes-tools"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        pytest.skip(f"scripts/kubernetes-tools failed: {ended.stderr}")
    return ROOT / ".make" / "kubernetes"


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory, need: Need) -> Iterator[Stage]:
    """Both images, built from a base of this machine's Python and a folder of wheels."""
    for program, package in (("buildah", "buildah"), ("unshare", "util-linux")):
        need(program, package)
    stage = Stage.at(tmp_path_factory.mktemp("image"))
    try:
        stage.make_base()
        stage.make_context()
        stage.build("aiex-local")
        stage.build("aiex")
        yield stage
    finally:
        stage.remove()
