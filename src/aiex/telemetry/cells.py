"""Metric cells: bound to their labels once, then plain additions; rendered when somebody asks.

Measured: a cell costs nothing that shows in a request, `prometheus_client` 6 to 25 microseconds.
All writes come from the loop's thread, so there are no locks. Durations are summed as whole
microseconds: sums of many nodes stay exact.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from aiex.telemetry.metrics import METRICS, Metric

# A label whose values come from outside could otherwise grow without end.
LABEL_SETS_MAX = 500
DURATION_BOUNDS_US = (
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
)  # fmt: skip


class Count:
    """A number that only grows."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0

    def lines(self, name: str, labels: str) -> list[str]:
        return [f"{name}{_braced(labels)} {self.value}"]


class Dollars:
    """Money that only grows, kept in nano-dollars and told in dollars, to the last of them."""

    __slots__ = ("nano_usd",)

    def __init__(self) -> None:
        self.nano_usd = 0

    def lines(self, name: str, labels: str) -> list[str]:
        whole, part = divmod(self.nano_usd, 1_000_000_000)
        return [f"{name}{_braced(labels)} {whole}.{part:09d}"]


class Durations:
    """How often something took how long."""

    __slots__ = ("_counts", "sum_us")

    def __init__(self) -> None:
        self._counts = [0] * (len(DURATION_BOUNDS_US) + 1)
        self.sum_us = 0

    def observe_us(self, duration_us: int) -> None:
        self._counts[bisect_left(DURATION_BOUNDS_US, duration_us)] += 1
        self.sum_us += duration_us

    def lines(self, name: str, labels: str) -> list[str]:
        total = 0
        lines: list[str] = []
        bounds = [*(f"{bound / 1e6:g}" for bound in DURATION_BOUNDS_US), "+Inf"]
        for bound, count in zip(bounds, self._counts, strict=True):
            total += count
            lines.append(f"{name}_bucket{_braced(labels, f'le="{bound}"')} {total}")
        lines.append(f"{name}_sum{_braced(labels)} {self.sum_us / 1e6!r}")
        lines.append(f"{name}_count{_braced(labels)} {total}")
        return lines


class Family[C: (Count, Durations, Dollars)]:
    """All cells of one metric, one for each set of label values."""

    def __init__(self, metric: Metric, cell: Callable[[], C]) -> None:
        self._metric = metric
        self._new: Callable[[], C] = cell
        self._cells: dict[tuple[str, ...], C] = {}

    def cell(self, *values: str) -> C:
        """The cell of these label values; beyond the limit all share one, labelled `other`."""
        cell = self._cells.get(values)
        if cell is None:
            if len(self._cells) >= LABEL_SETS_MAX:
                values = ("other",) * len(self._metric.labels)
            cell = self._cells.setdefault(values, self._new())
        return cell

    def cells(self) -> Iterable[tuple[tuple[str, ...], C]]:
        """Each with its label values, in the order of the metric's labels."""
        return self._cells.items()

    def lines(self) -> list[str]:
        lines = heading(self._metric)
        for values, cell in self._cells.items():
            lines += cell.lines(self._metric.name, labels_text(self._metric.labels, values))
        return lines


class Cells:
    """All metrics that are counted as things happen, in the order in which they were made."""

    def __init__(self) -> None:
        self._families: list[Family[Count] | Family[Dollars] | Family[Durations]] = []

    def counter(self, name: str) -> Family[Count]:
        """The cells of a counter of `METRICS`."""
        return self._kept(Family(METRICS[name], Count))

    def dollars(self, name: str) -> Family[Dollars]:
        """The cells of a counter of money of `METRICS`."""
        return self._kept(Family(METRICS[name], Dollars))

    def durations(self, name: str) -> Family[Durations]:
        """The cells of a histogram of `METRICS`."""
        return self._kept(Family(METRICS[name], Durations))

    def lines(self) -> list[str]:
        """All of them in Prometheus' text format."""
        return [line for family in self._families for line in family.lines()]

    def _kept[F: (Family[Count], Family[Dollars], Family[Durations])](self, family: F) -> F:
        self._families.append(family)
        return family


def heading(metric: Metric) -> list[str]:
    """What Prometheus' text format says of a metric before its values."""
    return [f"# HELP {metric.name} {metric.text}", f"# TYPE {metric.name} {metric.kind}"]


def labels_text(names: Sequence[str], values: Sequence[str]) -> str:
    """`name="value"` pairs, values escaped."""
    pairs = zip(names, values, strict=True)
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs)


def _braced(*labels: str) -> str:
    joined = ",".join(label for label in labels if label)
    return f"{{{joined}}}" if joined else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
