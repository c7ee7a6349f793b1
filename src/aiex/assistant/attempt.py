"""One call to one target: what its target learns of it."""

from aiex.assistant.attempted import Outcome
from aiex.assistant.breaker import BreakerState
from aiex.assistant.call_outcome import FAILURES, outcome_of
from aiex.assistant.catalogue import Target
from aiex.assistant.provider import Answer
from aiex.assistant.retry_after import retry_after_s
from aiex.assistant.target_state import TargetState
from aiex.clock import Clock
from aiex.errors import ProviderError


class Attempt:
    """Holds a place at the target until `close`."""

    __slots__ = (
        "_clock",
        "_is_closed",
        "_is_probe",
        "began_s",
        "limit_s",
        "name",
        "outcome",
        "state",
        "target",
        "took_s",
    )

    def __init__(
        self,
        target: Target,
        state: TargetState,
        clock: Clock,
        began_s: float,
        limit_s: float | None,
    ) -> None:
        self._clock = clock
        self._is_closed = False
        self._is_probe = state.breaker.state is not BreakerState.CLOSED
        self.outcome = Outcome.CANCELLED  # unless it ends otherwise
        self.target = target
        self.name = target.name
        self.state = state
        self.began_s = began_s
        self.took_s = 0.0  # once it ended
        self.limit_s = limit_s  # None: the provider's own time limits are enough

    def begun(self) -> None:
        """The first event of a stream is here: the target works."""
        now_s = self._clock.monotonic_s()
        self.state.first_event.observe(now_s - self.began_s, now_s)
        self._succeeded(now_s)

    def ended(self, answer: Answer | ProviderError | None) -> None:
        """There is an answer, or the reason why there is none.

        None: it was a stream, and was passed on to its end.
        """
        now_s = self._clock.monotonic_s()
        took_s = self.took_s = now_s - self.began_s
        if answer is None:
            self.outcome = Outcome.OK
        elif isinstance(answer, Answer) and answer.status < 400:
            self.outcome = Outcome.OK
            self.state.whole.observe(took_s, now_s)
            self._succeeded(now_s)
        else:
            self.outcome = outcome_of(answer)
            self._failed(answer, now_s)

    def close(self) -> None:
        """Give the place back; the second time does nothing."""
        if self._is_closed:
            return
        self._is_closed = True
        if self.outcome is Outcome.CANCELLED:
            self.took_s = self._clock.monotonic_s() - self.began_s
            self.state.breaker.abandoned(is_probe=self._is_probe)
        self.state.cap.give_back()

    def _succeeded(self, now_s: float) -> None:
        self.state.breaker.succeeded(now_s, is_probe=self._is_probe)
        self.state.budget.succeeded()
        self._is_probe = False  # it has told what it was to find out

    def _failed(self, answer: Answer | ProviderError, now_s: float) -> None:
        state = self.state
        if self.outcome in FAILURES:
            state.whole.observe_failure(self.took_s, now_s)
            state.first_event.observe_failure(self.took_s, now_s)
            state.breaker.failed(now_s, is_probe=self._is_probe)
            state.budget.failed(now_s)
        else:
            state.breaker.succeeded(now_s, is_probe=self._is_probe)
            if self.outcome is Outcome.RATE_LIMITED:
                state.budget.failed(now_s)
        if isinstance(answer, Answer) and answer.retry_after and answer.status >= 429:
            rest_s = retry_after_s(answer.retry_after, wall_s=self._clock.wall_s())
            if rest_s is not None:
                state.rest(rest_s, now_s)
