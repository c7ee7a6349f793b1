"""A breaker opens on an outage, lets single calls probe, and closes again."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aiex.assistant.breaker import (
    JITTER_RATIO,
    OPEN_MAX_S,
    WINDOW_S,
    Breaker,
    BreakerLimits,
    BreakerState,
)

LIMITS = BreakerLimits(failures_max=5, failure_ratio=0.5, open_s=5.0)
LATE_S = 5.0 * (1 + JITTER_RATIO) + 0.01


class Told:
    def __init__(self, limits: BreakerLimits = LIMITS) -> None:
        self.turns: list[tuple[BreakerState, str]] = []
        self.breaker = Breaker(
            limits, random=Random(7), turned=lambda state, why: self.turns.append((state, why))
        )

    def fail(self, count: int, now_s: float = 0.0) -> "Told":
        for _ in range(count):
            self.breaker.failed(now_s, is_probe=False)
        return self

    def succeed(self, count: int, now_s: float = 0.0) -> "Told":
        for _ in range(count):
            self.breaker.succeeded(now_s, is_probe=False)
        return self

    @property
    def states(self) -> list[BreakerState]:
        return [state for state, _ in self.turns]


def test_it_opens_at_the_fifth_failure_and_says_why() -> None:
    told = Told().fail(4)
    assert told.breaker.admit(0.0)
    told.fail(1)
    assert not told.breaker.admit(0.0)
    ((state, why),) = told.turns
    assert state is BreakerState.OPEN
    assert why.startswith("5 of 5 calls failed; left alone for 5.")


def test_a_busy_target_with_a_few_failures_stays_closed() -> None:
    told = Told().succeed(6).fail(5)
    assert told.breaker.state is BreakerState.CLOSED
    assert told.fail(1).breaker.state is BreakerState.OPEN


def test_failures_of_long_ago_do_not_count() -> None:
    told = Told().fail(4).fail(1, WINDOW_S)
    assert told.breaker.state is BreakerState.CLOSED
    assert Told().fail(4, 16.0).fail(1, 31.1).breaker.state is BreakerState.OPEN


def test_one_call_at_a_time_probes_once_the_time_is_over() -> None:
    told = Told().fail(5)
    assert 5.0 <= told.breaker.wait_s(0.0) <= 5.5
    assert told.breaker.admit(LATE_S)
    assert told.breaker.state is BreakerState.HALF_OPEN
    assert not told.breaker.admit(LATE_S)


def test_a_good_probe_closes_it_and_the_past_is_forgotten() -> None:
    told = Told().fail(5)
    assert told.breaker.admit(LATE_S)
    told.breaker.succeeded(LATE_S, is_probe=True)
    assert told.states == [BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED]
    assert told.fail(4, LATE_S).breaker.state is BreakerState.CLOSED


def test_each_bad_probe_doubles_the_wait_up_to_a_minute() -> None:
    told, now_s, waits = Told().fail(5), 0.0, []
    for _ in range(7):
        waits.append(told.breaker.wait_s(now_s))
        now_s += waits[-1]
        assert told.breaker.admit(now_s)
        told.breaker.failed(now_s, is_probe=True)
    assert [5 * round(wait / 5.25) for wait in waits[:4]] == [5, 10, 20, 40]
    assert all(OPEN_MAX_S <= wait <= OPEN_MAX_S * (1 + JITTER_RATIO) for wait in waits[4:])


def test_a_probe_whose_client_left_makes_room_for_another() -> None:
    told = Told().fail(5)
    assert told.breaker.admit(LATE_S)
    told.breaker.abandoned(is_probe=True)
    assert told.breaker.state is BreakerState.HALF_OPEN
    assert told.breaker.admit(LATE_S)


def test_calls_from_before_it_opened_decide_nothing() -> None:
    told = Told().fail(5).succeed(9).fail(9)
    assert told.states == [BreakerState.OPEN]
    assert told.breaker.admit(LATE_S)
    told.succeed(1, LATE_S).fail(1, LATE_S)
    told.breaker.abandoned(is_probe=False)
    assert told.breaker.state is BreakerState.HALF_OPEN
    assert not told.breaker.admit(LATE_S)


def test_without_a_limit_it_never_opens() -> None:
    assert Told(BreakerLimits(failures_max=0)).fail(1000).breaker.admit(0.0)


@given(
    results=st.lists(st.booleans(), max_size=200),
    failures_max=st.integers(1, 20),
    ratio=st.floats(0, 1),
)
def test_it_opens_exactly_when_both_limits_are_reached(
    results: list[bool], failures_max: int, ratio: float
) -> None:
    told = Told(BreakerLimits(failures_max, ratio))
    failed = 0
    for total, is_good in enumerate(results, 1):
        failed += not is_good
        told.succeed(1) if is_good else told.fail(1)
        should_open = not is_good and failed >= failures_max and failed >= ratio * total
        assert (told.breaker.state is BreakerState.OPEN) == should_open
        if should_open:
            return


class BreakerMachine(RuleBasedStateMachine):
    """Calls come and go in any order: there is never more than one probe, and no dead end."""

    def __init__(self) -> None:
        super().__init__()
        self.breaker = Told().breaker
        self.now_s = 0.0
        self.calls: list[bool] = []

    @rule(gap_s=st.floats(0, 20))
    def wait(self, gap_s: float) -> None:
        self.now_s += gap_s

    @rule()
    def call(self) -> None:
        said = self.breaker.would_admit(self.now_s)
        assert self.breaker.admit(self.now_s) == said
        if said:
            self.calls.append(self.breaker.state is not BreakerState.CLOSED)

    @rule(data=st.data(), how=st.sampled_from(["good", "bad", "left"]))
    def end(self, data: st.DataObject, how: str) -> None:
        if not self.calls:
            return
        is_probe = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        if how == "good":
            self.breaker.succeeded(self.now_s, is_probe=is_probe)
        elif how == "bad":
            self.breaker.failed(self.now_s, is_probe=is_probe)
        else:
            self.breaker.abandoned(is_probe=is_probe)

    @invariant()
    def one_probe_at_most(self) -> None:
        assert sum(self.calls) <= 1

    @invariant()
    def it_can_always_be_asked_some_day(self) -> None:
        if not any(self.calls):
            assert self.breaker.would_admit(self.now_s + OPEN_MAX_S * (1 + JITTER_RATIO))


test_calls_in_any_order = BreakerMachine.TestCase
