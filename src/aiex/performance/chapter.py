"""What a chapter of this part gives to the node; one that overrides none of these gives nothing."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiex.cluster import Handler
from aiex.performance.questions import Measure
from aiex.service import Service

type Gauges = Mapping[str, Callable[[], float]]
type GaugesByLabel = Mapping[str, Callable[[], Mapping[str, float]]]


class Chapter:
    def services(self) -> Sequence[Service]:
        """In start order. Each may die at any time, and no request fails by it."""
        return ()

    def handlers(self) -> Mapping[type[Any], Handler]:
        """What answers each of the chapter's requests."""
        return {}

    def measures(self) -> Sequence[Measure]:
        """What `rank` can be asked for."""
        return ()

    def gauges(self) -> Gauges:
        """By the metric's name; read when metrics are."""
        return {}

    def gauges_by_label(self) -> GaugesByLabel:
        """By the metric's name, each by its one label's values."""
        return {}
