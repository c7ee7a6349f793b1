"""helm 3 and helm 4, and the chart rendered by both."""

from pathlib import Path

import pytest

from tests.deploy.chart.rendering import Chart


@pytest.fixture(scope="session")
def helms(kubernetes_tools: Path) -> dict[str, str]:
    """Path by name."""
    return {name: str(kubernetes_tools / "bin" / name) for name in ("helm", "helm3")}


@pytest.fixture(scope="session")
def chart(helms: dict[str, str]) -> Chart:
    return Chart(helms)
