"""What became of a call, and what follows from it: elsewhere, again, or counted as a failure."""

from aiex.assistant.attempted import Outcome
from aiex.assistant.provider import (
    Answer,
    ProviderRefusedUs,
    ProviderTimeout,
    ProviderUnreachable,
)
from aiex.errors import ProviderError

# Answers that another target may better: overload, and failures of the provider itself. What is
# wrong with the request (the other 4xx) is wrong everywhere. 529 is "overloaded" at Anthropic.
RETRYABLE_STATUS = frozenset({408, 429, 500, 502, 503, 504, 529})

# What speaks against the target. A 4xx shows that it works, a client that left shows nothing.
FAILURES = frozenset({Outcome.FAILED, Outcome.UNREACHABLE, Outcome.TIMEOUT, Outcome.BROKEN})

# What may pass by itself within the moment that a client can wait. A timeout already took that, and
# credentials do not mend themselves. A target that limits us is asked again only when it said when.
PASSING = frozenset({Outcome.FAILED, Outcome.UNREACHABLE, Outcome.BROKEN})
RESTED = frozenset({Outcome.RATE_LIMITED, Outcome.RESTING})


def outcome_of(answer: Answer | ProviderError) -> Outcome:
    """What an answer, or the lack of one, means."""
    if isinstance(answer, Answer):
        return _outcome_of_status(answer.status)
    if isinstance(answer, ProviderTimeout):
        return Outcome.TIMEOUT
    if isinstance(answer, ProviderRefusedUs):
        return Outcome.CREDENTIALS
    return Outcome.UNREACHABLE if isinstance(answer, ProviderUnreachable) else Outcome.BROKEN


def _outcome_of_status(status: int) -> Outcome:
    if status < 400:
        return Outcome.OK
    if status >= 500:
        return Outcome.FAILED
    return Outcome.RATE_LIMITED if status == 429 else Outcome.REFUSED


def is_worth_another(answer: Answer | ProviderError) -> bool:
    """Whether another target, or another try, may do better."""
    return not isinstance(answer, Answer) or answer.status in RETRYABLE_STATUS
