"""What the metrics read from a node at each scrape, on one page."""

from collections.abc import Callable, Mapping

from aiex.cluster import Cluster
from aiex.fastglobal import FastGlobal
from aiex.node.hot_values import HotValues
from aiex.node.serving import Serving
from aiex.node.state import State
from aiex.performance import Performance
from aiex.telemetry import Telemetry


def read_gauges(
    telemetry: Telemetry,
    state: State,
    cluster: Cluster,
    hot: FastGlobal[HotValues],
    serving: Serving,
    performance: Performance,
) -> None:
    """From now on `telemetry` reads them."""
    borrower = state.metering.borrower
    single: dict[str, Callable[[], float]] = {
        "aiex_members": cluster.live_count,
        "aiex_calls_in_flight": cluster.calls_in_flight,
        "aiex_cluster_requests_in_hand": cluster.requests_in_hand,
        "aiex_cluster_answer_bytes_held": cluster.held_bytes,
        "aiex_hot_revision": lambda: hot.revision,
        "aiex_hot_values_refused": lambda: len(hot.refusals()),
        "aiex_limits_away": lambda: borrower.is_away,
        "aiex_requests_in_flight": lambda: serving.api.in_flight_count,
        "aiex_streams_open": lambda: serving.intake.stream_count,
        "aiex_request_body_bytes_held": lambda: serving.intake.body_bytes,
        "aiex_shed_ratio": lambda: serving.intake.gate.shed_ratio,
        **performance.gauges(),
    }
    by_label: dict[str, Callable[[], Mapping[str, float]]] = {
        "aiex_limit_overshoot_max": borrower.overshoot,
        "aiex_lease_held": lambda: {one.lease: one.is_held_here for one in cluster.leases()},
        **serving.targets.gauges(),
        **state.store.gauges(),
        **performance.gauges_by_label(),
    }
    for name, value in single.items():
        telemetry.read(name, value)
    for name, values in by_label.items():
        telemetry.read_by_label(name, values)
