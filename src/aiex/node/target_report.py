"""What the admin API says of a target: where it goes, and how it does there."""

from aiex.assistant import Target, Targets
from aiex.node.views.models import TargetView


def target_view(target: Target, kind: str, targets: Targets) -> TargetView:
    """The target as it is now."""
    state, now_s = targets.state(target), targets.clock.monotonic_s()
    return TargetView(
        target.provider,
        kind,
        target.model,
        target.weight,
        state.breaker.state.value,
        state.cap.in_flight,
        state.cap.queue_len,
        _ms(state.whole.recent_s),
        _ms(state.first_event.recent_s),
        round(state.resting_s(now_s), 3),
    )


def _ms(latency_s: float) -> float | None:
    return round(latency_s * 1000, 1) if latency_s else None
