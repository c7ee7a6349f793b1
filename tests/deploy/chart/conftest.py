"""helm 3 and helm 4, and the chart rendered by both."""

import shutil
from pathlib import Path

import pytest

from tests.deploy.chart.rendering import Chart

TOOLS = Path(__file__).parents[3] / ".make" / "kubernetes" / "bin"


@pytest.fixture(scope="session")
def helms() -> dict[str, str]:
    """Path by name; without them the test is skipped, in CI it fails."""
    found = {name: shutil.which(name, path=str(TOOLS)) for name in ("helm", "helm3")}
    if not all(found.values()):
        pytest.skip("helm is not there; scripts/kubernetes-tools fetches it")
    return {name: path for name, path in found.items() if path is not None}


@pytest.fixture(scope="session")
def chart(helms: dict[str, str]) -> Chart:
    return Chart(helms)
