"""One request's calls: which target is asked next, after how long, and when to give up.

A model's targets come first, in the order of its choice, each once; those that have a free place
before those where one has to queue. Then its fallbacks likewise. When all of that failed in a way
that may pass, the same targets are asked again after a jittered delay. Passed over are targets
whose breaker is open, that asked to be left alone, or whose retry budget is used up.

What is decided is in the modules of each decision; this is the shell that asks them in turn.
"""

from collections.abc import Iterator, Sequence

from aiex.assistant.attempt import Attempt
from aiex.assistant.attempted import Outcome
from aiex.assistant.breaker import BreakerState
from aiex.assistant.call_outcome import PASSING, RESTED
from aiex.assistant.catalogue import Catalogue, Model, Target
from aiex.assistant.concurrency_cap import Wait
from aiex.assistant.events import AttemptHedged, AttemptRetried, QueueLeft, TargetPassedOver
from aiex.assistant.refusal import Refusal
from aiex.assistant.retry_delay import retry_delay_s
from aiex.assistant.routing import fallbacks
from aiex.assistant.target_state import TargetState
from aiex.assistant.targets import Targets
from aiex.assistant.trail import Trail
from aiex.assistant.unasked import PassedOver, unasked

# A request may have several models to fall back to, each with several targets. More calls than this
# keep a client waiting for what a first answer with an error would tell it sooner.
ATTEMPTS_MAX = 6


class Attempts:
    """Gives one `Attempt` after another while it makes sense to go on."""

    # Most requests are answered by the first target asked and never need these: they are set on the
    # instance once they are, and cost nothing before.
    _order: Iterator[Target] = iter(())
    _stages: Iterator[Model] | None = None
    _seen: Sequence[Target] = ()  # each target looked at
    _called: Sequence[Target] = ()  # each call made
    _busy: Sequence[Target] = ()
    _again: Sequence[Target] = ()
    _passed_over: Sequence[PassedOver] = ()
    _retry_count = 0
    _deadline_s = 0.0

    def __init__(self, targets: Targets, catalogue: Catalogue, model: Model, trail: Trail) -> None:
        self._targets = targets
        self._catalogue = catalogue
        self._model = model
        self._trail = trail

    async def next(self) -> Attempt | None:
        """The next call to make; None when there is nothing left worth trying."""
        if self._called and self._is_over():
            return None
        if self._stages is None:
            self._stages = fallbacks(self._model, self._catalogue)
        while True:
            for target in self._order:
                if attempt := self._taken(target):
                    return attempt
            while self._busy:
                target, *self._busy = self._busy
                if attempt := await self._queued(target):
                    return attempt
            model = next(self._stages, None)
            if model is None:
                return await self._once_more()
            self._order = self._targets.ordered(model, is_stream=self._trail.is_stream)

    def first(self) -> Attempt | None:
        """A call to the first choice of the model asked for, if it can be made at once.

        The common case, kept lean; `next` goes on from here, whatever came of it.
        """
        targets = self._targets
        choices = self._model.targets
        if len(choices) == 1:
            target = choices[0]
        else:
            self._order = targets.ordered(self._model, is_stream=self._trail.is_stream)
            target = next(self._order)
        state = targets.state(target)
        now_s = targets.clock.monotonic_s()
        self._deadline_s = now_s + state.total_timeout_s
        is_free = state.breaker.state is BreakerState.CLOSED and state.resting_until_s <= now_s
        if not is_free or not state.cap.try_take():
            return self._taken(target)
        self._seen = self._called = (target,)
        self._trail.attempt_count = 1
        return Attempt(target, state, targets.clock, now_s, None)

    def hedge(self) -> Attempt | None:
        """A second call beside one in progress: another target of the same model, if one is free.

        Its target's retry budget pays for it.
        """
        if self._is_over():
            return None
        for target in self._order:
            if attempt := self._taken(target):
                return attempt
        return None

    def hedged(self, winner: Attempt, hedge: Attempt) -> None:
        """Two calls raced; `winner` gave the answer."""
        self._targets.emit(AttemptHedged(hedge.state.name, winner is hedge))

    def failed(self, attempt: Attempt) -> None:
        """Keep the attempt's target in mind for a second round, if what failed there may pass."""
        self._may_ask_again(attempt.target, attempt.state, attempt.outcome)

    def refusal(self) -> Refusal:
        """Why nobody was asked, and when to come back."""
        return unasked(self._passed_over, self._targets.clock.monotonic_s())

    async def _once_more(self) -> Attempt | None:
        """A target that was tried before, taken after a delay."""
        clock = self._targets.clock
        while self._again and self._retry_count < ATTEMPTS_MAX:
            target, *self._again = self._again
            state = self._targets.state(target)
            now_s = clock.monotonic_s()
            delay_s = retry_delay_s(
                self._retry_count + 1,
                self._targets.random,
                left_s=self._left_s(now_s),
                resting_s=state.resting_s(now_s),
            )
            if delay_s is None:
                continue
            self._retry_count += 1
            await clock.sleep(delay_s)
            attempt = self._taken(target, is_again=True)
            if attempt is None and self._busy:
                target, *self._busy = self._busy
                attempt = await self._queued(target)
            if attempt is not None:
                return attempt
        return None

    def _taken(self, target: Target, *, is_again: bool = False) -> Attempt | None:
        """A place at the target, if it may be asked and has one free; else it is noted."""
        state = self._targets.state(target)
        now_s = self._targets.clock.monotonic_s()
        if not is_again and _count(target, self._seen):
            return None
        self._seen = (*self._seen, target)
        reason = self._objection(state, now_s)
        if reason is not None:
            self._pass_over(target, state, reason, now_s)
            return None
        if not state.cap.try_take():
            self._busy = (*self._busy, target)
            return None
        return self._admitted(target, state, now_s)

    async def _queued(self, target: Target) -> Attempt | None:
        """A place at the target, after waiting in its queue."""
        state, clock = self._targets.state(target), self._targets.clock
        began_s = clock.monotonic_s()
        wait = await state.cap.take(min(state.queue_wait_s, self._left_s(began_s)))
        now_s = clock.monotonic_s()
        self._targets.emit(QueueLeft(state.name, wait.value, int((now_s - began_s) * 1e6)))
        if wait is not Wait.TAKEN:
            reason = Outcome.QUEUE_FULL if wait is Wait.FULL else Outcome.QUEUE_TIMEOUT
            self._pass_over(target, state, reason, began_s)
            return None
        reason_now = self._objection(state, now_s)
        if reason_now is not None:
            state.cap.give_back()
            self._pass_over(target, state, reason_now, began_s)
            return None
        return self._admitted(target, state, now_s)

    def _objection(self, state: TargetState, now_s: float) -> Outcome | None:
        """Why the target should not be asked now, if there is a reason."""
        if state.resting_until_s > now_s:
            return Outcome.RESTING
        breaker = state.breaker
        if breaker.state is not BreakerState.CLOSED and not breaker.would_admit(now_s):
            return Outcome.BREAKER_OPEN
        if self._called and not state.budget.may_retry(now_s):
            return Outcome.NO_RETRY_BUDGET
        return None

    def _admitted(self, target: Target, state: TargetState, now_s: float) -> Attempt:
        is_admitted = state.breaker.admit(now_s)
        assert is_admitted, "the breaker was asked a moment ago"
        limit_s = None
        if self._called:
            limit_s = self._left_s(now_s)
            self._targets.emit(AttemptRetried(state.name))
        self._called = (*self._called, target)
        self._trail.attempt_count += 1
        return Attempt(target, state, self._targets.clock, now_s, limit_s)

    def _pass_over(
        self, target: Target, state: TargetState, reason: Outcome, began_s: float
    ) -> None:
        now_s = self._targets.clock.monotonic_s()
        self._passed_over = (*self._passed_over, (state, reason))
        self._targets.emit(TargetPassedOver(state.name, reason.value))
        self._trail.note(target.name, reason, now_s - began_s)
        self._may_ask_again(target, state, reason)

    def _may_ask_again(self, target: Target, state: TargetState, outcome: Outcome) -> None:
        now_s = self._targets.clock.monotonic_s()
        is_resting = outcome in RESTED and state.resting_s(now_s) > 0
        may_pass = is_resting or outcome in PASSING
        if may_pass and _count(target, self._called) <= state.retries_max:
            self._again = (*self._again, target)

    def _is_over(self) -> bool:
        """Whether the request had all the calls or all the time it gets."""
        if len(self._called) >= ATTEMPTS_MAX:
            return True
        return self._left_s(self._targets.clock.monotonic_s()) <= 0

    def _left_s(self, now_s: float) -> float:
        """What remains of the request's time."""
        return max(0.0, self._deadline_s - now_s)


def _count(target: Target, targets: Sequence[Target]) -> int:
    """How often a target is among others, whatever its weight there."""
    provider, model = target.provider, target.model
    return sum(one.model == model and one.provider == provider for one in targets)
