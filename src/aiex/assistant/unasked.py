"""Why a request was sent to nobody, in words a client can act on."""

from collections.abc import Sequence
from math import ceil

from aiex.assistant.attempted import Outcome
from aiex.assistant.refusal import Refusal
from aiex.assistant.target_state import TargetState

type PassedOver = tuple[TargetState, Outcome]

# A place may come free any moment, a probe may succeed any moment.
RETRY_AFTER_MIN_S = 1


def unasked(passed_over: Sequence[PassedOver], now_s: float) -> Refusal:
    """The refusal of a request whose targets were all passed over, with when to come back."""
    soonest_s = min((state.wait_s(now_s) for state, _ in passed_over), default=0.0)
    retry_after_s = max(RETRY_AFTER_MIN_S, ceil(soonest_s))
    reasons = {reason for _, reason in passed_over}
    if reasons == {Outcome.RESTING}:
        return Refusal(
            429,
            "rate_limited",
            "Every provider of this model asked to be left alone for a while; try again in "
            f"{retry_after_s} s.",
            kind="rate_limit_error",
            retry_after_s=retry_after_s,
        )
    if reasons <= {Outcome.QUEUE_FULL, Outcome.QUEUE_TIMEOUT}:
        code = "model_busy"
        why = "This model has as many requests in progress as its providers take"
    else:
        code = "model_unavailable"
        why = "No provider of this model can be asked now, since the last calls to them failed"
    return Refusal(
        503,
        code,
        f"{why}; try again in {retry_after_s} s.",
        kind="server_error",
        retry_after_s=retry_after_s,
    )
