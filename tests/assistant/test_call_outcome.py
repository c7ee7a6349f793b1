"""What an answer means for its target and for the request."""

import pytest

from aiex.assistant.attempted import Outcome
from aiex.assistant.call_outcome import FAILURES, PASSING, is_worth_another, outcome_of
from aiex.assistant.provider import (
    Answer,
    ProviderRefusedUs,
    ProviderTimeout,
    ProviderUnreachable,
)
from aiex.errors import ProviderError

#       answer, outcome, speaks against the target, may be better elsewhere, may pass by itself
CASES = [
    (200, Outcome.OK, False, False, False),
    (400, Outcome.REFUSED, False, False, False),
    (404, Outcome.REFUSED, False, False, False),
    (408, Outcome.REFUSED, False, True, False),
    (429, Outcome.RATE_LIMITED, False, True, False),
    (500, Outcome.FAILED, True, True, True),
    (501, Outcome.FAILED, True, False, True),
    (503, Outcome.FAILED, True, True, True),
    (529, Outcome.FAILED, True, True, True),
    (ProviderUnreachable(), Outcome.UNREACHABLE, True, True, True),
    (ProviderTimeout(), Outcome.TIMEOUT, True, True, False),
    (ProviderRefusedUs(), Outcome.CREDENTIALS, False, True, False),
    (ProviderError("reset"), Outcome.BROKEN, True, True, True),
]


@pytest.mark.parametrize(
    ("answer", "outcome", "is_failure", "is_better_elsewhere", "may_pass"), CASES
)
def test_an_answer_means(
    answer: int | ProviderError,
    outcome: Outcome,
    is_failure: bool,
    is_better_elsewhere: bool,
    may_pass: bool,
) -> None:
    given = Answer(answer, "application/json", b"") if isinstance(answer, int) else answer
    assert outcome_of(given) is outcome
    assert (outcome in FAILURES) == is_failure
    assert is_worth_another(given) == is_better_elsewhere
    assert (outcome in PASSING) == may_pass


def test_a_client_that_leaves_says_nothing_about_the_target() -> None:
    assert Outcome.CANCELLED not in FAILURES
