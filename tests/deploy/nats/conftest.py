"""The chart, as its own tests render it."""

from tests.deploy.chart.conftest import chart, helms

__all__ = ["chart", "helms"]
