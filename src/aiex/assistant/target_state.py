"""All that is known of one target: its breaker, places, retry budget, latency and rest."""

from collections.abc import Callable
from random import Random

from aiex.assistant.breaker import Breaker, BreakerLimits, BreakerState
from aiex.assistant.concurrency_cap import ConcurrencyCap
from aiex.assistant.peak_ewma import PeakEwma
from aiex.assistant.retry_budget import RetryBudget
from aiex.clock import Clock
from aiex.settings import ProviderSettings

# A model that is started by this node is watched by it too: its supervisor knows better than any
# count of failures when it is worth asking, and requests wait for its restart.
NEVER = BreakerLimits(failures_max=0)


class TargetState:
    """Kept as long as the node runs. Everything is changed from the loop's thread."""

    __slots__ = (
        "breaker",
        "budget",
        "cap",
        "first_event",
        "name",
        "queue_wait_s",
        "rest_max_s",
        "resting_until_s",
        "retries_max",
        "total_timeout_s",
        "whole",
    )

    def __init__(
        self,
        name: str,
        settings: ProviderSettings,
        *,
        clock: Clock,
        random: Random,
        turned: Callable[[BreakerState, str], None],
    ) -> None:
        self.name = name
        limits = BreakerLimits(
            settings.breaker_failures_max, settings.breaker_failure_ratio, settings.breaker_open_s
        )
        self.breaker = Breaker(
            NEVER if settings.kind == "local" else limits, random=random, turned=turned
        )
        self.cap = ConcurrencyCap(settings.concurrency_max, settings.queue_len_max, clock=clock)
        self.budget = RetryBudget()
        # A whole answer takes as long as it is, the first event of a stream does not: two averages.
        self.whole, self.first_event = PeakEwma(), PeakEwma()
        self.resting_until_s = 0.0
        self.rest_max_s = settings.retry_after_max_s
        # The local model's provider asks again by itself, as it knows when its process died.
        self.retries_max = 0 if settings.kind == "local" else settings.retries_max
        self.queue_wait_s = settings.queue_wait_ms / 1000
        self.total_timeout_s = settings.total_timeout_s

    def rest(self, for_s: float, now_s: float) -> None:
        """Leave it alone for so long, within the limit; a later word only prolongs that."""
        until_s = now_s + min(for_s, self.rest_max_s)
        self.resting_until_s = max(self.resting_until_s, until_s)

    def resting_s(self, now_s: float) -> float:
        """How long it is still to be left alone."""
        return max(0.0, self.resting_until_s - now_s)

    def wait_s(self, now_s: float) -> float:
        """How long until asking it may make sense, as far as that is known."""
        return max(self.resting_s(now_s), self.breaker.wait_s(now_s))
