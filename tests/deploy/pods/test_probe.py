"""What a row of findings means."""

from aiex.testing.pods.probe import Tally, Timing

TALLY = Tally(Timing.of({"failureThreshold": 3, "successThreshold": 2}))


def verdicts(*findings: bool) -> list[bool | None]:
    found, tally = [], TALLY
    for one in findings:
        tally = tally.found(one)
        found.append(tally.holds)
    return found


def test_a_verdict_takes_as_many_in_a_row_as_the_threshold_says() -> None:
    assert verdicts(True, True) == [None, True]
    assert verdicts(False, False, False) == [None, None, False]


def test_one_failure_does_not_change_a_verdict() -> None:
    assert verdicts(True, True, False, False, True, False) == [None, *[True] * 5]


def test_the_defaults_are_those_of_kubernetes() -> None:
    assert Timing.of({}) == Timing(delay_s=0, period_s=10, timeout_s=1, successes=1, failures=3)
