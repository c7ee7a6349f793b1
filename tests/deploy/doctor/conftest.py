"""The chart as helm renders it."""

from pathlib import Path

import pytest

from tests.deploy.chart.rendering import Chart


@pytest.fixture(scope="session")
def chart(kubernetes_tools: Path) -> Chart:
    return Chart({"helm": str(kubernetes_tools / "bin" / "helm")})
